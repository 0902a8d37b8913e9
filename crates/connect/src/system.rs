//! The machine's clock, random numbers and environment variables: the port [`Environment`] outside of tests.

use jiff::Timestamp;
use raccord_model::port::environment::{Environment, RandomError};
use uuid::Uuid;

/// The machine's clock, random numbers and environment variables.
#[derive(Debug, Clone, Copy, Default)]
pub struct System {
    /// When set, the time of day stands still here.
    pub frozen: Option<Timestamp>,
}

impl Environment for System {
    fn now(&self) -> Timestamp {
        self.frozen.unwrap_or_else(Timestamp::now)
    }

    fn new_id(&self) -> Uuid {
        // Identities keep ascending although the wall clock may be frozen. A time before 1970 has none.
        if Timestamp::now() < Timestamp::UNIX_EPOCH {
            return Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, 0, 0));
        }
        Uuid::now_v7()
    }

    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn random(&self) -> Result<[u8; 32], RandomError> {
        let mut bytes = [0; 32];
        let source = rustls::crypto::ring::default_provider().secure_random;
        source.fill(&mut bytes).map_err(|_| RandomError)?;
        Ok(bytes)
    }
}
