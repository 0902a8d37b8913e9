//! What stands behind the ports: the embedded store, databases, the connectors, this machine's clock. The only place that
//! chooses.

use std::sync::Arc;

use raccord_connect::{Custody, OutgoingAlerts, ServiceAuthorizations, ServiceWebhooks, SourcePool, System};
use raccord_model::port::destination::Rows;
use raccord_model::port::environment::Environment;
use raccord_run::{Outside, Ports};
use raccord_store::{EmbeddedLeases, Store, StoreMaintenance, StoreVault};

use crate::databases::Databases;

/// The ports of this process.
pub(crate) fn ports(store: Store, system: System) -> Ports {
    let (store, environment): (_, Arc<dyn Environment>) = (Arc::new(store), Arc::new(system));
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
    let databases = Databases::new(Arc::clone(&environment), Some(Rows::of(&store)));
    Ports::on(&store, lease, upkeep, outside, environment).choosing(Arc::new(databases))
}
