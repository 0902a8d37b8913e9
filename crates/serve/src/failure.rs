//! Why a request was not answered, in a form that travels: what the CLI shows and the HTTP API answers.
//!
//! An error of the engine becomes one of these once, at the edge. No message holds a secret.

use std::error::Error;

use raccord_daemon::DaemonError;
use raccord_model::port::destination::DestinationError;
use raccord_plan::{CommitError, RollbackError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::reply::RequestError;

/// Why a request was not answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[error("{message}")]
pub struct Failure {
    /// What kind of failure it is: decides about advice, exit codes and HTTP statuses.
    pub code: FailureCode,
    /// What went wrong, in one line.
    pub message: String,
    /// What caused it, the nearest cause first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
}

/// What kind of failure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum FailureCode {
    /// The state moved since the plan was made.
    Stale,
    /// The plan holds what has not been allowed.
    Refused,
    /// Nothing of that name.
    Unknown,
    /// The request contradicts itself or what it is about.
    Invalid,
    /// The caller speaks another version of the protocol.
    Version,
    /// The caller has not proved who they are.
    Unauthenticated,
    /// Who they are does not suffice.
    Forbidden,
    /// The owner of the state is ending or has too much to do; asking later may help.
    Unavailable,
    /// What is stored cannot be read.
    Damaged,
    /// Anything else.
    Internal,
}

impl Failure {
    /// A failure without a cause.
    pub fn new(code: FailureCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), causes: Vec::new() }
    }
}

impl From<DaemonError> for Failure {
    fn from(error: DaemonError) -> Self {
        RequestError::from(error).into()
    }
}

impl From<RequestError> for Failure {
    fn from(error: RequestError) -> Self {
        let code = match &error {
            RequestError::Stale { .. } | RequestError::Commit(CommitError::Stale { .. }) => {
                FailureCode::Stale
            }
            RequestError::Commit(CommitError::Refused(_)) | RequestError::Refused(_) => FailureCode::Refused,
            RequestError::Unknown(_)
            | RequestError::NothingWaits(_)
            | RequestError::Rollback(RollbackError::Unknown { .. }) => FailureCode::Unknown,
            RequestError::Commit(CommitError::Inconsistent(_) | CommitError::OtherConfiguration)
            | RequestError::Invalid(_)
            | RequestError::Plan(_)
            | RequestError::RejectId(_) => FailureCode::Invalid,
            RequestError::Ending => FailureCode::Unavailable,
            RequestError::Destination(DestinationError::Damaged) => FailureCode::Damaged,
            RequestError::State(_)
            | RequestError::Applied(_)
            | RequestError::Destination(_)
            | RequestError::Source(_)
            | RequestError::Lease(_)
            | RequestError::Job(_)
            | RequestError::Commit(
                CommitError::Fact(_)
                | CommitError::MissingFact(_)
                | CommitError::Exhausted
                | CommitError::Seal { .. },
            )
            | RequestError::Rollback(_)
            | RequestError::Task(_)
            | RequestError::Inbox(_)
            | RequestError::Upkeep(_)
            | RequestError::Random(_) => FailureCode::Internal,
        };
        let mut causes = Vec::new();
        let mut cause = error.source();
        while let Some(error) = cause {
            causes.push(error.to_string());
            cause = error.source();
        }
        Self { code, message: error.to_string(), causes }
    }
}
