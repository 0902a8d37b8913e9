//! The store as a state: it does what the suite asks of all of them.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use raccord_conformance::StateSubject;
use raccord_model::port::environment::Environment as _;
use raccord_model::port::lease::Lease;
use raccord_store::{EmbeddedLeases, Store};

use crate::fixture::{Place, World, assert_sound};

/// A store in a directory of its own.
pub(crate) struct Embedded {
    place: Place,
    clock: Arc<World>,
    leases: EmbeddedLeases,
    store: Arc<Store>,
}

impl Embedded {
    fn open(place: Place, clock: Arc<World>) -> Self {
        let store = Arc::new(place.open_as_it_is());
        let leases = EmbeddedLeases::new(Arc::clone(&store), Arc::<World>::clone(&clock));
        Self { place, clock, leases, store }
    }
}

impl StateSubject for Embedded {
    type Ports = Store;

    async fn new() -> Self {
        Self::open(Place::new(), World::of(&[]))
    }

    fn ports(&self) -> &Store {
        &self.store
    }

    fn leases(&self) -> &dyn Lease {
        &self.leases
    }

    async fn pass(&self, time: Duration) {
        self.clock.set(self.clock.now() + SignedDuration::try_from(time).unwrap());
    }

    async fn reopen(self) -> Self {
        let Self { place, clock, leases, store } = self;
        drop((leases, store));
        Self::open(place, clock)
    }

    async fn assert_sound(&self) {
        assert_sound(&self.store);
    }
}

mod suite {
    raccord_conformance::state_conformance!(crate::ports::Embedded);
}
