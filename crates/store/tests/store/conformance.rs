//! The store as a destination: it does what the suite asks of all of them.

use raccord_conformance::Subject;
use raccord_model::fact::{Decided, Run, TransferFact, Uid, write};
use raccord_model::port::state::{Commit, State, Table, Write};
use raccord_store::Store;

use crate::fixture::{Place, apply_transfers, assert_sound, runs_of};

/// A store in a directory of its own.
struct Embedded {
    place: Place,
    store: Store,
}

impl Subject for Embedded {
    type Ports = Store;

    async fn empty() -> Self {
        let place = Place::new();
        let store = place.open_as_it_is();
        apply_transfers(&store).await;
        Self { place, store }
    }

    fn destination(&self) -> &Store {
        &self.store
    }

    async fn apply(&self, transfer: Uid, decided: Option<Decided>) {
        let decided = decided.map(|decided| TransferFact { decided, ..TransferFact::default() });
        let write = match decided {
            Some(fact) => Write::Put(Table::Transfers, transfer.to_string(), write(&fact).unwrap()),
            None => Write::Remove(Table::Transfers, transfer.to_string()),
        };
        let expected = Some(self.store.head().await.unwrap().serial);
        let apply = Commit { expected, writes: vec![write], ..Commit::default() };
        State::commit(&self.store, apply).await.unwrap();
    }

    async fn recorded(&self, transfer: Uid) -> Vec<Run> {
        let mut runs = runs_of(&self.store, transfer).await;
        runs.reverse();
        runs
    }

    async fn reopen(self) -> Self {
        let Self { place, store } = self;
        drop(store);
        let store = place.open_as_it_is();
        Self { place, store }
    }

    fn assert_sound(&self) {
        assert_sound(&self.store);
    }
}

raccord_conformance::conformance!(crate::conformance::Embedded);
