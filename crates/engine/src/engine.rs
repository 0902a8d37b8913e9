//! The engine: the ports together, and the one function that answers every request.

use std::sync::Arc;

use raccord_model::fact::RejectIdError;
use raccord_model::port::inbox::{Inbox, InboxError};
use raccord_model::port::sink::{Ledger, Sink, SinkError};
use raccord_model::port::source::SourceError;
use raccord_model::port::state::{State, StateError};
use raccord_model::port::upkeep::{Upkeep, UpkeepError};
use raccord_model::{Key, Kind, Name, suggest};
use raccord_store::{Caretaker, Store};
use tokio::sync::{Mutex, watch};

use crate::applied::AppliedError;
use crate::environment::{Environment, RandomError};
use crate::facts::Facts;
use crate::request::{Look, LookAt, Reply, Request};
use crate::run::job::JobError;
use crate::verb;

/// Where answers go, part by part.
pub type Replies<'r> = dyn FnMut(Reply) + Send + 'r;

/// The ports together.
#[derive(Clone)]
pub struct Engine {
    /// Control data.
    pub state: Arc<dyn State>,
    /// Where rows go.
    pub sink: Arc<dyn Sink>,
    /// What is kept there.
    pub ledger: Arc<dyn Ledger>,
    /// Where deliveries wait.
    pub inbox: Arc<dyn Inbox>,
    /// Looks after the state as a whole.
    pub upkeep: Arc<dyn Upkeep>,
    /// The clock and the randomness.
    pub environment: Arc<dyn Environment>,
    /// Held while facts are read, changed and written back: they are committed without a serial.
    pub facts_lock: Arc<Mutex<()>>,
}

impl Engine {
    /// An engine on the embedded store.
    pub fn on(store: &Arc<Store>, environment: Arc<dyn Environment>) -> Self {
        Self {
            state: Arc::<Store>::clone(store),
            sink: Arc::<Store>::clone(store),
            ledger: Arc::<Store>::clone(store),
            inbox: Arc::<Store>::clone(store),
            upkeep: Arc::new(Caretaker(Arc::clone(store))),
            environment,
            facts_lock: Arc::default(),
        }
    }

    /// The facts of the state.
    pub fn facts(&self) -> Facts {
        Facts::new(Arc::clone(&self.state))
    }

    /// Answers a request, part by part. `stop` becomes true when a person asks for an early end.
    pub async fn handle(
        &self,
        request: Request,
        stop: watch::Receiver<bool>,
        replies: &mut Replies<'_>,
    ) -> Result<(), EngineError> {
        let _alone = if request.changes_facts() { Some(self.facts_lock.lock().await) } else { None };
        match request {
            Request::Head => verb::upkeep::head(self, replies).await,
            Request::Plan(desired, options) => verb::plan::plan(self, &desired, &options, replies).await,
            Request::Apply(desired, options) => verb::apply::apply(self, &desired, &options, replies).await,
            // Only a daemon has a policy.
            Request::Pending | Request::AcceptPending { .. } => {
                Err(EngineError::Invalid("no daemon owns the state, so that nothing waits".to_owned()))
            }
            Request::History { limit } => verb::history::history(self, limit, replies).await,
            Request::Generation { number } => verb::history::generation(self, number, replies).await,
            Request::Run { integrations } => crate::shell::run_once(self, &integrations, stop, replies).await,
            Request::Status => verb::status::status(self, replies).await,
            Request::Runs { transfer, limit } => {
                verb::status::runs(self, transfer.as_ref(), limit, replies).await
            }
            Request::Records { entity, filter, limit, total } => {
                let filter: Vec<_> = filter.into_iter().map(|(name, text)| (name, text.into())).collect();
                let wanted = verb::records::Wanted { filter: &filter, limit, total };
                verb::records::records(self, &entity, wanted, replies).await
            }
            Request::Explain { entity, key } => verb::explain::explain(self, &entity, key, replies).await,
            Request::Sample { desired, transfers, limit } => {
                verb::sample::sample(self, &desired, &transfers, limit, replies).await
            }
            Request::Rejects { transfer, id, limit, total } => {
                let wanted = verb::rejects::Wanted { id, limit, total };
                verb::rejects::list(self, transfer.as_ref(), wanted, replies).await
            }
            Request::RejectSummary { transfer } => verb::rejects::summary(self, transfer, replies).await,
            Request::Deliveries { transfer, sequence, limit } => {
                verb::deliveries::list(self, transfer.as_ref(), sequence, limit, replies).await
            }
            Request::DropDeliveries { sequences } => {
                verb::deliveries::drop_some(self, &sequences, replies).await
            }
            Request::ReplayRejects { transfer } => verb::rejects::replay(self, &transfer, replies).await,
            Request::Pause { integration, until, reason } => {
                verb::operate::pause(self, &integration, until, reason.map(String::from), replies).await
            }
            Request::Resume { integration, by } => {
                verb::operate::resume(self, &integration, by.map(String::from), replies).await
            }
            Request::TestAlert { integration } => verb::alert::test(self, &integration, replies).await,
            Request::Approve { run } => verb::approve::approve(self, run, replies).await,
            Request::Resync { transfer, since } => {
                verb::operate::resync(self, &transfer, since.as_deref(), replies).await
            }
            Request::CreateToken { name, roles, expires } => {
                verb::token::create(self, name, roles, expires, replies).await
            }
            Request::Tokens => verb::token::list(self, replies).await,
            Request::RevokeToken { name } => verb::token::revoke(self, &name, replies).await,
            Request::Audit { limit } => verb::audit::audit(self, limit, replies).await,
            Request::Look(look) => look_at(&self.environment, *look, replies).await,
            Request::Info => verb::upkeep::info(self, replies).await,
            Request::Check => verb::upkeep::check(self, replies).await,
            Request::Backup { to } => verb::upkeep::backup(self, to, replies).await,
        }
    }
}

/// Looks at a source of a configuration: that needs its secrets, and no state.
pub async fn look_at(
    environment: &Arc<dyn Environment>,
    look: Look,
    replies: &mut Replies<'_>,
) -> Result<(), EngineError> {
    let Look { desired, at, limit } = &look;
    match at {
        LookAt::Check(source) => verb::source::check(environment, desired, source, replies).await,
        LookAt::Discover(source) => verb::discover::discover(environment, desired, source, replies).await,
        LookAt::Read(source, data_type) => {
            verb::source::read(environment, desired, (source, data_type), *limit, replies).await
        }
        LookAt::Preview(transfer) => {
            verb::preview::preview(environment, desired, transfer, *limit, replies).await
        }
    }
}

/// Why a request was not answered.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The state did not answer.
    #[error(transparent)]
    State(#[from] StateError),
    /// The generation in force cannot be read.
    #[error(transparent)]
    Applied(#[from] AppliedError),
    /// The records cannot be reached.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// A source did not answer.
    #[error(transparent)]
    Source(#[from] SourceError),
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
    #[error("there is no {kind} `{name}`{hint}")]
    Unknown {
        /// What was looked for.
        kind: &'static str,
        /// Its name.
        name: String,
        /// What there is instead.
        hint: String,
    },
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

impl EngineError {
    /// A name that the generation in force does not have; `known` are the keys that it has.
    pub fn unknown<'k>(kind: Kind, name: &Name, known: impl IntoIterator<Item = &'k Key>) -> Self {
        Self::unknown_in("the applied generation", kind, name, known)
    }

    /// A name that is not where it was looked for, with the one that was probably meant.
    pub fn unknown_in<'k>(
        place: &str,
        kind: Kind,
        name: &Name,
        known: impl IntoIterator<Item = &'k Key>,
    ) -> Self {
        let names: Vec<&str> =
            known.into_iter().filter(|key| key.kind == kind).map(|key| key.name.as_str()).collect();
        let advice = suggest::advice(name.as_str(), &names, "there is");
        let advice = advice.map(|advice| format!("; {advice}")).unwrap_or_default();
        let kind = match kind {
            Kind::Integration => "integration",
            Kind::Transfer => "transfer",
            Kind::Source => "source",
            Kind::Project => "project",
            _ => "resource",
        };
        Self::Unknown { kind, name: name.to_string(), hint: format!(" in {place}{advice}") }
    }
}
