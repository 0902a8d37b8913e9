//! The clock and the randomness, passed in. The only place that reads either.

use jiff::Timestamp;
use uuid::Uuid;

/// What a decision may want to know of the world beside its arguments.
pub trait Environment: Send + Sync {
    /// The time of day.
    fn now(&self) -> Timestamp;
    /// A new identity; later ones compare greater.
    fn new_id(&self) -> Uuid;
    /// An environment variable of the process: where `${env:NAME}` is read when a run needs it.
    fn variable(&self, name: &str) -> Option<String>;
    /// Bytes that nobody can guess: what a token is made of.
    fn random(&self) -> Result<[u8; 32], RandomError> {
        let mut bytes = [0; 32];
        let source = rustls::crypto::ring::default_provider().secure_random;
        source.fill(&mut bytes).map_err(|_| RandomError)?;
        Ok(bytes)
    }
}

/// The system gives no random numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random numbers")]
pub struct RandomError;

/// The machine's clock and random numbers.
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
}
