//! The ports on an embedded store, for tests.

use std::sync::Arc;

use raccord_connect::SourcePool;
use raccord_model::port::environment::Environment;
use raccord_run::Ports;
use raccord_store::{Store, StoreMaintenance, StoreVault};

/// The ports on an embedded store.
pub(crate) fn ports(store: Store, environment: Arc<dyn Environment>) -> Ports {
    let store = Arc::new(store);
    let vault = StoreVault::new(&store, Arc::clone(&environment));
    let upkeep = Arc::new(StoreMaintenance::new(&store, vault));
    let sources = Arc::new(SourcePool::new(Arc::clone(&environment)));
    Ports::on(&store, upkeep, sources, environment)
}
