//! What the suite needs of a destination besides its ports: an empty one, what an apply tells it, what it recorded.
//! It says nothing about how any of that is done.

use raccord_model::fact::{Decided, Run, Uid};
use raccord_model::port::destination::{Destination, Ledger};

/// A destination under test.
pub trait Subject: Sized {
    /// What implements the ports.
    type Ports: Destination + Ledger;

    /// How many sequences of generated steps are taken, unless `PROPTEST_CASES` says otherwise.
    const CASES: u32 = 240;

    /// One that holds no rows, to which the transfers `A` to `F` were applied.
    fn empty() -> impl Future<Output = Self>;

    /// Its ports.
    fn destination(&self) -> &Self::Ports;

    /// An apply decides something about a transfer, or, with nothing, ends it.
    fn apply(&self, transfer: Uid, decided: Option<Decided>) -> impl Future<Output = ()>;

    /// The runs of a transfer that were recorded with its rows, in the order of their identities.
    fn recorded(&self, transfer: Uid) -> impl Future<Output = Vec<Run>>;

    /// The same rows after the program was started again.
    fn reopen(self) -> impl Future<Output = Self>;

    /// Fails when what is kept contradicts itself: indexes, counters, marks.
    fn assert_sound(&self);
}
