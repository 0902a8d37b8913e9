//! What every verb is given to answer with, and why one could not answer. Which verb answers, the dispatcher knows.

use raccord_daemon::DaemonError;
use raccord_model::fact::RejectIdError;
use raccord_model::port::destination::DestinationError;
use raccord_model::port::environment::RandomError;
use raccord_model::port::inbox::InboxError;
use raccord_model::port::lease::LeaseError;
use raccord_model::port::source::SourceError;
use raccord_model::port::state::StateError;
use raccord_model::port::upkeep::UpkeepError;
use raccord_model::{Key, Kind, Name};
use raccord_run::applied::AppliedError;
use raccord_run::job::JobError;
use raccord_run::{RunnerError, Unknown};

use crate::request::Reply;

/// Where answers go, part by part.
pub type Replies<'r> = dyn FnMut(Reply) + Send + 'r;

/// Why a request was not answered.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The state did not answer.
    #[error(transparent)]
    State(#[from] StateError),
    /// The generation in force cannot be read.
    #[error(transparent)]
    Applied(#[from] AppliedError),
    /// The records cannot be reached.
    #[error(transparent)]
    Destination(#[from] DestinationError),
    /// A source did not answer.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The leases cannot be reached.
    #[error(transparent)]
    Lease(#[from] LeaseError),
    /// A transfer cannot be made ready.
    #[error(transparent)]
    Job(#[from] JobError),
    /// No plan can be made.
    #[error(transparent)]
    Plan(#[from] raccord_plan::DiffError),
    /// The plan cannot become a commit.
    #[error(transparent)]
    Commit(#[from] raccord_plan::CommitError),
    /// The generation asked for cannot be restored.
    #[error(transparent)]
    Rollback(#[from] raccord_plan::RollbackError),
    /// The state moved since the plan was made.
    #[error(
        "the state has moved since the plan was made: serial {found} is in force, the plan was made on {expected}"
    )]
    Stale {
        /// What the plan was made on.
        expected: u64,
        /// What is in force.
        found: u64,
    },
    /// The plan may not be applied.
    #[error("the plan may not be applied: {0}")]
    Refused(String),
    /// Nothing of that name.
    #[error(transparent)]
    Unknown(#[from] Unknown),
    /// No change waits for a person.
    #[error("{0}")]
    NothingWaits(String),
    /// The daemon takes no more requests.
    #[error("the daemon is ending")]
    Ending,
    /// The request contradicts what it is about.
    #[error("{0}")]
    Invalid(String),
    /// A task ended before its time.
    #[error("a task of the engine ended before its time")]
    Task(#[source] tokio::task::JoinError),
    /// The inbox cannot be read.
    #[error(transparent)]
    Inbox(#[from] InboxError),
    /// The state could not be looked after.
    #[error(transparent)]
    Upkeep(#[from] UpkeepError),
    /// The system gives no random numbers.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// Not the id of a reject.
    #[error(transparent)]
    RejectId(#[from] RejectIdError),
}

impl RequestError {
    /// A name that the generation in force does not have; `known` are the keys that it has.
    pub fn unknown<'k>(kind: Kind, name: &Name, known: impl IntoIterator<Item = &'k Key>) -> Self {
        Unknown::in_force(kind, name, known).into()
    }

    /// A name that is not where it was looked for, with the one that was probably meant.
    pub fn unknown_in<'k>(
        place: &str,
        kind: Kind,
        name: &Name,
        known: impl IntoIterator<Item = &'k Key>,
    ) -> Self {
        Unknown::in_place(place, kind, name, known).into()
    }
}

impl From<DaemonError> for RequestError {
    fn from(error: DaemonError) -> Self {
        match error {
            DaemonError::State(error) => Self::State(error),
            DaemonError::Applied(error) => Self::Applied(error),
            DaemonError::Destination(error) => Self::Destination(error),
            DaemonError::Source(error) => Self::Source(error),
            DaemonError::Inbox(error) => Self::Inbox(error),
            DaemonError::Job(error) => Self::Job(error),
            DaemonError::Runner(error) => error.into(),
            DaemonError::Upkeep(error) => Self::Upkeep(error),
            DaemonError::Plan(error) => Self::Plan(error),
            DaemonError::Commit(error) => Self::Commit(error),
            DaemonError::Stale { expected, found } => Self::Stale { expected, found },
            error @ (DaemonError::Elsewhere(_) | DaemonError::NoReport | DaemonError::NotShared(_)) => {
                Self::Invalid(error.to_string())
            }
            error @ DaemonError::NothingWaits(_) => Self::NothingWaits(error.to_string()),
            DaemonError::Ending => Self::Ending,
        }
    }
}

impl From<RunnerError> for RequestError {
    fn from(error: RunnerError) -> Self {
        match error {
            RunnerError::State(error) => Self::State(error),
            RunnerError::Applied(error) => Self::Applied(error),
            RunnerError::Destination(error) => Self::Destination(error),
            RunnerError::Source(error) => Self::Source(error),
            RunnerError::Inbox(error) => Self::Inbox(error),
            RunnerError::Lease(error) => Self::Lease(error),
            RunnerError::Job(error) => Self::Job(error),
            RunnerError::Unknown(error) => Self::Unknown(error),
            error @ (RunnerError::UnknownEntity(_)
            | RunnerError::NoStore(_)
            // No verb has to do with the queue: the daemon alone speaks with it.
            | RunnerError::Queue(_)
            | RunnerError::Elsewhere(_)) => Self::Invalid(error.to_string()),
            RunnerError::Task(error) => Self::Task(error),
        }
    }
}
