//! The port `Destinations`: which destination a project has. It is asked for each piece of work, so that a store that was
//! changed is followed.

use std::path::Path;
use std::sync::Arc;

use super::{Destination, DestinationError, Ledger};
use crate::fact::StorePlace;

/// A destination, and what it has kept.
#[derive(Clone)]
pub struct Rows {
    /// Where rows go.
    pub destination: Arc<dyn Destination>,
    /// What is kept there.
    pub ledger: Arc<dyn Ledger>,
}

impl Rows {
    /// One that is both.
    pub fn of<S: Destination + Ledger + 'static>(store: &Arc<S>) -> Self {
        Self { destination: Arc::<S>::clone(store), ledger: Arc::<S>::clone(store) }
    }
}

/// Knows the destination of each place.
pub trait Destinations: Send + Sync {
    /// The destination at a place. Nothing is asked of it yet: secrets are read, files of them relative to `root`, when it
    /// connects. A place of which this program knows nothing is [`DestinationError::Unsupported`].
    fn at(&self, place: &StorePlace, root: &Path) -> Result<Rows, DestinationError>;
}
