//! The ports on an embedded store, for tests.

use std::sync::Arc;

use raccord_connect::{Custody, OutgoingAlerts, ServiceAuthorizations, ServiceWebhooks, SourcePool};
use raccord_model::port::environment::Environment;
use raccord_run::{Outside, Ports};
use raccord_store::{EmbeddedLeases, Store, StoreMaintenance, StoreVault};

/// The ports on an embedded store.
pub(crate) fn ports(store: Store, environment: Arc<dyn Environment>) -> Ports {
    let store = Arc::new(store);
    let vault = StoreVault::new(&store, Arc::clone(&environment));
    let lease = Arc::new(EmbeddedLeases::new(Arc::clone(&store), Arc::clone(&environment)));
    let custody = Custody { vault: Arc::new(vault.clone()), state: Arc::<Store>::clone(&store) };
    let upkeep = Arc::new(StoreMaintenance::new(&store, vault));
    let outside = Outside {
        sources: Arc::new(SourcePool::new(Arc::clone(&environment)).keeping(custody.clone())),
        webhooks: Arc::new(ServiceWebhooks::new(Arc::clone(&environment)).keeping(custody.clone())),
        authorizations: Arc::new(ServiceAuthorizations::new(Arc::clone(&environment), custody)),
        alerts: Arc::new(OutgoingAlerts::new(&environment)),
    };
    Ports::on(&store, lease, upkeep, outside, environment)
}
