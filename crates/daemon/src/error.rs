//! Why the daemon could not do what was asked of it.

use raccord_model::Name;
use raccord_model::port::destination::DestinationError;
use raccord_model::port::inbox::InboxError;
use raccord_model::port::source::SourceError;
use raccord_model::port::state::StateError;
use raccord_model::port::upkeep::UpkeepError;
use raccord_run::RunnerError;
use raccord_run::applied::AppliedError;
use raccord_run::job::JobError;

/// Why the daemon could not do what was asked of it.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The state did not answer.
    #[error(transparent)]
    State(#[from] StateError),
    /// The generation in force cannot be read.
    #[error(transparent)]
    Applied(#[from] AppliedError),
    /// The records cannot be reached.
    #[error(transparent)]
    Destination(#[from] DestinationError),
    /// A service could not be told of a webhook.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The inbox cannot be read.
    #[error(transparent)]
    Inbox(#[from] InboxError),
    /// A transfer cannot be made ready.
    #[error(transparent)]
    Job(#[from] JobError),
    /// A run could not be made.
    #[error(transparent)]
    Runner(#[from] RunnerError),
    /// The state could not be looked after.
    #[error(transparent)]
    Upkeep(#[from] UpkeepError),
    /// No plan can be made.
    #[error(transparent)]
    Plan(#[from] raccord_plan::DiffError),
    /// The plan cannot become a commit.
    #[error(transparent)]
    Commit(#[from] raccord_plan::CommitError),
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
    /// The state has no rows of its own, and the project would keep its rows in them.
    #[error(
        "the project `{0}` keeps its rows in the embedded store, and a state that several machines share has none: \
         give the project a database, for example `store: {{type: postgres, authorization: NAME}}`"
    )]
    NotShared(Name),
    /// The configuration comes from another place than the one it was sent from.
    #[error(
        "the daemon takes its configuration from {0}, and this is another one: change it there, or start the daemon \
         with `--from api`"
    )]
    Elsewhere(String),
    /// No change waits for a person.
    #[error("no change waits{0}")]
    NothingWaits(String),
    /// The runs ended without a report.
    #[error("the runs ended without a report")]
    NoReport,
    /// It is ending, and takes no more requests.
    #[error("the daemon is ending")]
    Ending,
}
