//! What stands behind the ports: the embedded store, databases, the connectors, this machine's clock. The only place that
//! chooses.

use std::sync::Arc;

use raccord_connect::{Custody, OutgoingAlerts, ServiceAuthorizations, ServiceWebhooks, SourcePool, System};
use raccord_model::port::destination::Rows;
use raccord_model::port::environment::Environment;
#[cfg(feature = "postgres")]
use raccord_postgres::{PostgresState, PostgresVault};
#[cfg(feature = "postgres")]
use raccord_run::applied::ReadLast;
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
    let outside = outside(&environment, custody);
    let databases = Databases::new(Arc::clone(&environment), Some(Rows::of(&store)));
    Ports::on(&store, lease, upkeep, outside, environment).choosing(Arc::new(databases))
}

/// The ports on a state in memory alone that stands for a shared one: it has no rows of its own either.
#[cfg(feature = "postgres")]
pub(crate) fn imagined_ports(store: Store, system: System) -> Ports {
    let ports = ports(store, system);
    let databases = Databases::new(Arc::clone(&ports.environment), None);
    ports.choosing(Arc::new(databases))
}

/// The ports of this process on a state that other machines share. It has no rows of its own.
#[cfg(feature = "postgres")]
pub(crate) fn shared_ports(state: &PostgresState, environment: Arc<dyn Environment>) -> Ports {
    let state = Arc::new(state.clone());
    let vault = Arc::new(PostgresVault::new(&state, Arc::clone(&environment)));
    let custody =
        Custody { vault: Arc::<PostgresVault>::clone(&vault), state: Arc::<PostgresState>::clone(&state) };
    Ports {
        destinations: Arc::new(Databases::new(Arc::clone(&environment), None)),
        inbox: Arc::<PostgresState>::clone(&state),
        lease: Arc::<PostgresState>::clone(&state),
        upkeep: vault,
        outside: outside(&environment, custody),
        environment,
        state,
        read_last: ReadLast::default(),
    }
}

/// The ports to services elsewhere.
fn outside(environment: &Arc<dyn Environment>, custody: Custody) -> Outside {
    Outside {
        sources: Arc::new(SourcePool::new(Arc::clone(environment)).keeping(custody.clone())),
        webhooks: Arc::new(ServiceWebhooks::new(Arc::clone(environment)).keeping(custody.clone())),
        authorizations: Arc::new(ServiceAuthorizations::new(Arc::clone(environment), custody)),
        alerts: Arc::new(OutgoingAlerts::new(environment)),
    }
}
