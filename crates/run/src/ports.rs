//! The ports that runs and verbs work with, together, and why a run could not be made. What stands behind each port
//! is chosen by the program that makes the bundle, never here.

use std::path::Path;
use std::sync::Arc;

use raccord_model::fact::StorePlace;
use raccord_model::port::alert::AlertChannels;
use raccord_model::port::authorization::Authorizations;
use raccord_model::port::destination::{Destination, DestinationError, Destinations, Ledger, Rows};
use raccord_model::port::environment::Environment;
use raccord_model::port::inbox::{Inbox, InboxError};
use raccord_model::port::lease::{Lease, LeaseError};
use raccord_model::port::queue::QueueError;
use raccord_model::port::source::{SourceError, Sources};
use raccord_model::port::state::{State, StateError};
use raccord_model::port::upkeep::Upkeep;
use raccord_model::port::webhook::Webhooks;
use raccord_model::{Desired, EntityRef, Name};

use crate::applied::{Applied, AppliedError, ReadLast};
use crate::facts::Facts;
use crate::job::JobError;
use crate::unknown::Unknown;

/// The ports to services elsewhere. Cloning shares them.
#[derive(Clone)]
pub struct Outside {
    /// Opens sources.
    pub sources: Arc<dyn Sources>,
    /// Proves deliveries and registers webhooks.
    pub webhooks: Arc<dyn Webhooks>,
    /// Hands alerts over.
    pub alerts: Arc<dyn AlertChannels>,
    /// Leads people through agreements.
    pub authorizations: Arc<dyn Authorizations>,
}

/// The ports together. Cloning shares them.
#[derive(Clone)]
pub struct Ports {
    /// Control data.
    pub state: Arc<dyn State>,
    /// Where rows go, and what is kept there.
    pub destinations: Arc<dyn Destinations>,
    /// Where deliveries wait.
    pub inbox: Arc<dyn Inbox>,
    /// Who works on what.
    pub lease: Arc<dyn Lease>,
    /// Looks after the state as a whole.
    pub upkeep: Arc<dyn Upkeep>,
    /// What is asked of services elsewhere.
    pub outside: Outside,
    /// The clock and the randomness.
    pub environment: Arc<dyn Environment>,
    /// The generation in force, as it was read last.
    pub read_last: ReadLast,
}

impl Ports {
    /// The ports of one store, which stands behind three of them.
    pub fn on<S: State + Destination + Ledger + Inbox + 'static>(
        store: &Arc<S>,
        lease: Arc<dyn Lease>,
        upkeep: Arc<dyn Upkeep>,
        outside: Outside,
        environment: Arc<dyn Environment>,
    ) -> Self {
        Self {
            state: Arc::<S>::clone(store),
            destinations: Arc::new(EmbeddedAlone(Rows::of(store))),
            inbox: Arc::<S>::clone(store),
            lease,
            upkeep,
            outside,
            environment,
            read_last: ReadLast::default(),
        }
    }

    /// The same with a choice of destinations, of which the store is one.
    #[must_use]
    pub fn choosing(self, destinations: Arc<dyn Destinations>) -> Self {
        Self { destinations, ..self }
    }

    /// The rows of a project of a configuration.
    pub fn rows(&self, desired: &Desired, project: &Name) -> Result<Rows, RunnerError> {
        let place = desired.project(project).and_then(|spec| desired.store_place(spec));
        let place = place.ok_or_else(|| RunnerError::NoStore(project.clone()))?;
        Ok(self.rows_at(&place, &desired.root)?)
    }

    /// The rows at a place, with the directory that files of secrets are relative to.
    pub fn rows_at(&self, place: &StorePlace, root: &str) -> Result<Rows, DestinationError> {
        self.destinations.at(place, Path::new(if root.is_empty() { "." } else { root }))
    }

    /// Whether the state keeps rows itself. One that several machines share does not.
    pub fn has_embedded_rows(&self) -> bool {
        self.rows_at(&StorePlace::Embedded, "").is_ok()
    }

    /// The generation in force. It is read once and kept: reading thousands of resources again for each question would take
    /// most of the answer's time.
    pub async fn applied(&self) -> Result<Arc<Applied>, AppliedError> {
        self.read_last.of(&self.state).await
    }

    /// The facts of the state.
    pub fn facts(&self) -> Facts {
        Facts::new(Arc::clone(&self.state))
    }
}

/// The destination of a program that knows no other than the state.
struct EmbeddedAlone(Rows);

impl Destinations for EmbeddedAlone {
    fn at(&self, place: &StorePlace, _root: &Path) -> Result<Rows, DestinationError> {
        match place {
            StorePlace::Embedded => Ok(self.0.clone()),
            StorePlace::Postgres { .. } => Err(DestinationError::Unsupported("postgres")),
            StorePlace::Sqlite { .. } => Err(DestinationError::Unsupported("sqlite")),
            StorePlace::Files { .. } => Err(DestinationError::Unsupported("files")),
        }
    }
}

/// Why a run could not be made, or its end not be written.
#[derive(Debug, thiserror::Error)]
pub enum RunnerError {
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
    /// The inbox cannot be read.
    #[error(transparent)]
    Inbox(#[from] InboxError),
    /// The leases cannot be reached.
    #[error(transparent)]
    Lease(#[from] LeaseError),
    /// A transfer cannot be made ready.
    #[error(transparent)]
    Job(#[from] JobError),
    /// Nothing of that name.
    #[error(transparent)]
    Unknown(#[from] Unknown),
    /// The generation has an entity of which the state has no fact.
    #[error("the state knows nothing of the entity `{0}`; apply again")]
    UnknownEntity(EntityRef),
    /// The generation has a project without a store, which validation refuses.
    #[error("the store of the project `{0}` is not known; apply again")]
    NoStore(Name),
    /// A task ended before its time.
    #[error("a task of a run ended before its time")]
    Task(#[source] tokio::task::JoinError),
    /// The queue cannot be reached.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// What another daemon says of a run that it could not make.
    #[error("{0}")]
    Elsewhere(String),
}

impl RunnerError {
    /// Whether it is one of the state or of the store, with which nothing can go on.
    pub const fn is_fatal(&self) -> bool {
        matches!(
            self,
            Self::State(_) | Self::Destination(_) | Self::Inbox(_) | Self::Lease(_) | Self::Queue(_)
        )
    }
}
