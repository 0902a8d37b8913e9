//! A state that several machines share: control data in the schema `raccord_state` of a database.
//!
//! It implements the ports `State`, `Lease`, `Inbox`, `Vault`, `Queue` and `Upkeep` with plain SQL: explicit locks of rows and comparisons in read
//! committed transactions, no session outlives its transaction, nothing is prepared, nothing depends on a notification.
//! It holds no rows of entities; those are in the destinations of projects.

/// A function of a session, with something that every attempt shares.
macro_rules! attempt {
    (|$session:ident| $work:expr) => {
        $crate::work::work(move |$session| Box::pin($work))
    };
    ($shared:ident, |$session:ident| $work:expr) => {{
        let $shared = std::sync::Arc::new($shared);
        $crate::work::work(move |$session| {
            let $shared = std::sync::Arc::clone(&$shared);
            Box::pin(async move { $work.await })
        })
    }};
}

mod commit;
mod copying;
mod inbox;
mod kind;
mod layout;
mod lease;
mod member;
mod paging;
mod port;
mod putting;
mod queue;
mod read;
mod upkeep;
mod vault;
mod work;

use std::sync::Arc;

use raccord_model::port::Cause;
use raccord_model::port::environment::Environment;
use uuid::Uuid;

pub use self::copying::{NewState, StateReading, StateWriting};
use self::layout::Found;
pub use self::member::{Member, MemberError, MemberKind};
pub use self::vault::PostgresVault;
use self::work::StateDatabase;
use crate::error::Failure;
use crate::settings::SettingsSource;

/// A state on PostgreSQL. Cloning shares its connections.
#[derive(Debug, Clone)]
pub struct PostgresState {
    database: Arc<StateDatabase>,
    /// Which state it is, from the moment of opening.
    lineage: Uuid,
}

/// Why a shared state could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenStateError {
    /// There is none, and none was to be begun.
    #[error("there is no state in the database")]
    Missing,
    /// The database does not let us in or is not there, or the layout is not ours to use.
    #[error("open the state in the database")]
    Database(#[source] Cause),
}

impl PostgresState {
    /// Opens the state in a database, and begins one when there is none.
    ///
    /// # Errors
    /// When the database cannot be used, or a newer version of Raccord has the state.
    pub async fn open(
        settings: SettingsSource,
        environment: Arc<dyn Environment>,
    ) -> Result<Self, OpenStateError> {
        Self::opened(settings, environment, true).await
    }

    /// Opens a state that must be there already.
    ///
    /// # Errors
    /// [`OpenStateError::Missing`] when there is none; else as [`Self::open`].
    pub async fn open_existing(
        settings: SettingsSource,
        environment: Arc<dyn Environment>,
    ) -> Result<Self, OpenStateError> {
        Self::opened(settings, environment, false).await
    }

    async fn opened(
        settings: SettingsSource,
        environment: Arc<dyn Environment>,
        begins: bool,
    ) -> Result<Self, OpenStateError> {
        let database = StateDatabase::new(settings, environment);
        let lineage = database.environment.new_id();
        // A server that is not there is told at once: a person waits, or what started the process tries again.
        let opening = async {
            let session = database.connections.session().await?;
            let found = layout::look(&session).await?;
            let migrates = found == Found::Older || (found == Found::Nothing && begins);
            if migrates {
                layout::migrate(&session, lineage).await?;
            }
            let is_there = found != Found::Nothing || begins;
            let head = if is_there { Some(read::head(&session, "").await?) } else { None };
            session.keep();
            Ok::<_, Failure>(head.map(|head| head.lineage))
        };
        let lineage = opening.await.map_err(|failure| OpenStateError::Database(failure.cause()))?;
        let lineage = lineage.ok_or(OpenStateError::Missing)?;
        Ok(Self { database: Arc::new(database), lineage })
    }
}
