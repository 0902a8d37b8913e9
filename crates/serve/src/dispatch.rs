//! The dispatcher: the one function that answers every request.

use raccord_daemon::DaemonError;
use raccord_model::fact::RejectIdError;
use raccord_model::port::destination::DestinationError;
use raccord_model::port::environment::RandomError;
use raccord_model::port::inbox::InboxError;
use raccord_model::port::lease::LeaseError;
use raccord_model::port::source::{SourceError, Sources};
use raccord_model::port::state::StateError;
use raccord_model::port::upkeep::UpkeepError;
use raccord_model::{Key, Kind, Name};
use raccord_run::applied::AppliedError;
use raccord_run::job::JobError;
use raccord_run::{Ports, RunnerError, Unknown};
use tokio::sync::watch;

use crate::request::{Look, LookAt, Reply, Request};
use crate::verb;

/// Where answers go, part by part.
pub type Replies<'r> = dyn FnMut(Reply) + Send + 'r;

/// Answers requests. Cloning shares the ports.
#[derive(Clone)]
pub struct Dispatcher {
    ports: Ports,
}

impl Dispatcher {
    /// The engine on these ports.
    pub const fn new(ports: Ports) -> Self {
        Self { ports }
    }

    /// What it works with.
    pub const fn ports(&self) -> &Ports {
        &self.ports
    }

    /// Answers a request, part by part. `stop` becomes true when a person asks for an early end.
    pub async fn handle(
        &self,
        request: Request,
        stop: watch::Receiver<bool>,
        replies: &mut Replies<'_>,
    ) -> Result<(), RequestError> {
        let Self { ports } = self;
        match request {
            Request::Head => verb::upkeep::head(ports, replies).await,
            Request::Plan(desired, options) => verb::plan::plan(ports, &desired, &options, replies).await,
            Request::Apply(desired, options) => verb::apply::apply(ports, &desired, options, replies).await,
            // Only a daemon has a policy.
            Request::Pending | Request::AcceptPending { .. } => Err(nothing_waits()),
            Request::History { limit } => verb::history::history(ports, limit, replies).await,
            Request::Generation { number } => verb::history::generation(ports, number, replies).await,
            Request::Run { integrations } => verb::run::run(ports, &integrations, stop, replies).await,
            Request::Status => verb::status::status(ports, replies).await,
            Request::Runs { transfer, limit } => {
                verb::status::runs(ports, transfer.as_ref(), limit, replies).await
            }
            Request::Records { entity, filter, limit, total } => {
                let filter: Vec<_> = filter.into_iter().map(|(name, text)| (name, text.into())).collect();
                let wanted = verb::records::Wanted { filter: &filter, limit, total };
                verb::records::records(ports, &entity, wanted, replies).await
            }
            Request::Explain { entity, key } => verb::explain::explain(ports, &entity, key, replies).await,
            Request::Sample { desired, transfers, limit } => {
                verb::sample::sample(ports, &desired, &transfers, limit, replies).await
            }
            Request::Rejects { transfer, id, limit, total } => {
                let wanted = verb::rejects::Wanted { id, limit, total };
                verb::rejects::list(ports, transfer.as_ref(), wanted, replies).await
            }
            Request::RejectSummary { transfer } => verb::rejects::summary(ports, transfer, replies).await,
            Request::Deliveries { transfer, sequence, limit } => {
                verb::deliveries::list(ports, transfer.as_ref(), sequence, limit, replies).await
            }
            Request::DropDeliveries { sequences } => {
                verb::deliveries::drop_some(ports, &sequences, replies).await
            }
            Request::ReplayRejects { transfer } => verb::rejects::replay(ports, &transfer, replies).await,
            Request::Pause { integration, until, reason } => {
                verb::operate::pause(ports, &integration, until, reason.map(String::from), replies).await
            }
            Request::Resume { integration, by } => {
                verb::operate::resume(ports, &integration, by.map(String::from), replies).await
            }
            Request::TestAlert { integration } => verb::alert::test(ports, &integration, replies).await,
            Request::Approve { run } => verb::approve::approve(ports, run, replies).await,
            Request::Resync { transfer, since } => {
                verb::operate::resync(ports, &transfer, since.as_deref(), replies).await
            }
            Request::CreateToken { name, roles, expires } => {
                verb::token::create(ports, name, roles, expires, replies).await
            }
            Request::Tokens => verb::token::list(ports, replies).await,
            Request::RevokeToken { name } => verb::token::revoke(ports, &name, replies).await,
            Request::BeginAuthorization(name, at) => verb::authorize::begin(ports, &name, at, replies).await,
            Request::Authorize(name, consent) => verb::authorize::end(ports, &name, consent, replies).await,
            Request::Audit { limit } => verb::audit::audit(ports, limit, replies).await,
            Request::Look(look) => look_at(self.ports.outside.sources.as_ref(), *look, replies).await,
            Request::Info => verb::upkeep::info(ports, replies).await,
            Request::Check => verb::upkeep::check(ports, replies).await,
            Request::Backup { to } => verb::upkeep::backup(ports, to, replies).await,
        }
    }
}

fn nothing_waits() -> RequestError {
    RequestError::Invalid("no daemon owns the state, so that nothing waits".to_owned())
}

/// Looks at a source of a configuration: that needs its secrets, and no state.
pub async fn look_at(
    sources: &dyn Sources,
    look: Look,
    replies: &mut Replies<'_>,
) -> Result<(), RequestError> {
    let Look { desired, at, limit } = &look;
    // Its sources share nothing with those of runs, whose rate and connections they would take.
    let sources = sources.apart();
    match at {
        LookAt::Check(source) => verb::source::check(sources.as_ref(), desired, source, replies).await,
        LookAt::Discover(source) => {
            verb::discover::discover(sources.as_ref(), desired, source, replies).await
        }
        LookAt::Read(source, data_type) => {
            verb::source::read(sources.as_ref(), desired, (source, data_type), *limit, replies).await
        }
        LookAt::Preview(transfer) => {
            verb::preview::preview(sources.as_ref(), desired, transfer, *limit, replies).await
        }
    }
}

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
            error @ (DaemonError::Elsewhere(_) | DaemonError::NoReport) => Self::Invalid(error.to_string()),
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
            error @ RunnerError::UnknownEntity(_) => Self::Invalid(error.to_string()),
            RunnerError::Task(error) => Self::Task(error),
        }
    }
}
