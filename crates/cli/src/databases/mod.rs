//! The destinations of this program: the state, and databases, each opened once and kept for as long as the process lives.
//! Which databases this binary knows, its cargo features say.

mod existing;
mod files;
#[cfg(feature = "mysql")]
pub(crate) mod mysql;
#[cfg(feature = "postgres")]
pub(crate) mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use raccord_model::fact::StorePlace;
use raccord_model::port::destination::{DestinationError, Destinations, Rows};
use raccord_model::port::environment::Environment;

pub(crate) use existing::{Place, existing_tables};

/// Where rows are in this program.
pub(crate) struct Databases {
    environment: Arc<dyn Environment>,
    /// The state, where there is one.
    embedded: Option<Rows>,
    open: Mutex<Vec<Open>>,
}

/// A database that was opened, and what as.
struct Open {
    place: StorePlace,
    root: PathBuf,
    rows: Rows,
}

impl Databases {
    /// None is open yet.
    pub(crate) fn new(environment: Arc<dyn Environment>, embedded: Option<Rows>) -> Self {
        Self { environment, embedded, open: Mutex::default() }
    }

    /// Opens a place, or says which feature this binary lacks for it.
    fn open(&self, place: &StorePlace, root: &Path) -> Result<Rows, DestinationError> {
        match place {
            StorePlace::Embedded => self.embedded.clone().ok_or(DestinationError::Unsupported("embedded")),
            StorePlace::Files { path, authorization, format, mode, partition } => {
                let settings = files::settings((*format, *mode), partition.as_ref())?;
                let folder = files::Folder { path, authorization: authorization.as_deref(), root };
                files::rows(&self.environment, folder, settings)
            }
            #[cfg(feature = "postgres")]
            StorePlace::Postgres { authorization, schema } => {
                Ok(postgres::rows(&self.environment, authorization, schema, root))
            }
            #[cfg(not(feature = "postgres"))]
            StorePlace::Postgres { .. } => Err(DestinationError::NotBuilt("postgres")),
            #[cfg(feature = "sqlite")]
            StorePlace::Sqlite { path } => Ok(sqlite::rows(root, path)),
            #[cfg(not(feature = "sqlite"))]
            StorePlace::Sqlite { .. } => Err(DestinationError::NotBuilt("sqlite")),
        }
    }
}

impl Destinations for Databases {
    fn at(&self, place: &StorePlace, root: &Path) -> Result<Rows, DestinationError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = open.iter().find(|known| known.place == *place && known.root == root) {
            return Ok(known.rows.clone());
        }
        let rows = self.open(place, root)?;
        open.push(Open { place: place.clone(), root: root.to_owned(), rows: rows.clone() });
        Ok(rows)
    }
}
