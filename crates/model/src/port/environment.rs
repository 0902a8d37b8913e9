//! The environment of the process: the clock, random numbers and variables. Everything that decides is given them;
//! nothing else reads them.

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
    /// Bytes that cannot be guessed: what a token is made of.
    fn random(&self) -> Result<[u8; 32], RandomError>;
}

/// The system gives no random numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random numbers")]
pub struct RandomError;
