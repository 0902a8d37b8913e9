//! Why a reading stops. No variant ever holds a secret, nor a URL with its query.

use crate::component::Problem;
use crate::template::TemplateError;
use crate::transport::TransportError;

/// Why a reading stops.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A component cannot be used.
    #[error(transparent)]
    Component(#[from] Problem),
    /// A template has no value.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The service could not be reached, however often it was tried.
    #[error("{url} did not answer")]
    Transport {
        /// The URL, without its query.
        url: String,
        /// Why.
        #[source]
        source: TransportError,
    },
    /// The service answered with an error.
    #[error("{url} answered {status}: {message}")]
    Status {
        /// The HTTP status.
        status: u16,
        /// The URL, without its query.
        url: String,
        /// What the manifest or the service says of it.
        message: String,
        /// What kind of failure the manifest says it is.
        failure: FailureKind,
    },
    /// The answer is not what the manifest says it is.
    #[error("{url}: {message}")]
    Answer {
        /// The URL, without its query.
        url: String,
        /// What is wrong with it.
        message: String,
    },
    /// The answer has no records where the manifest says that they are, nor a list without any.
    #[error("{url}: {message}, where the records should be")]
    Missing {
        /// What was asked.
        url: String,
        /// What stands there.
        message: String,
    },
    /// What the manifest and the configuration say cannot be done.
    #[error("{0}")]
    Settings(String),
}

/// Whose failure an error answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// That of the connector or the service.
    System,
    /// The configuration's: wrong credentials, missing rights.
    Config,
    /// A passing one.
    Transient,
}

impl From<crate::request::Twice> for ReadError {
    fn from(twice: crate::request::Twice) -> Self {
        Self::Settings(twice.to_string())
    }
}

impl From<crate::decode::DecodeError> for ReadError {
    fn from(error: crate::decode::DecodeError) -> Self {
        Self::Answer { url: "the answer".to_owned(), message: error.to_string() }
    }
}
