//! The generated steps: what callers ask of a state, in few enough words that they meet often.

use proptest::prelude::*;
use raccord_model::port::state::Table;

/// The tables that steps write to, beside that of transfers.
pub(super) const TABLES: [Table; 3] = [Table::Told, Table::Outbox, Table::Audit];

/// The keys of facts.
pub(super) const KEYS: [&str; 3] = ["a", "a/b", "b"];

/// What a step believes of a fact.
#[derive(Debug, Clone, Copy)]
pub(super) enum Belief {
    /// That it is as it was found a moment ago.
    Current,
    /// That it is as it was found once before.
    Former,
    /// That it is not there.
    Absent,
}

/// One change of a fact: its table and key by number, and the value, or nothing to remove it.
pub(super) type Change = (usize, usize, Option<u8>);

#[derive(Debug, Clone)]
pub(super) enum Step {
    /// Facts are changed, given what is believed of others.
    Facts { beliefs: Vec<(usize, usize, Belief)>, changes: Vec<Change> },
    /// An apply on the serial in force, or on the one before it.
    Apply { is_stale: bool, resources: Vec<(u8, Option<u8>)>, changes: Vec<Change> },
    /// A transfer is removed, or put again.
    Transfer { letter: char, is_there: bool },
    /// Days pass, and something is delivered.
    Accept { id: Option<u8>, letters: Vec<char>, days: i64 },
    /// So many deliveries of a transfer are taken, from the front or up to one.
    Take { letter: char, count: usize, up_to: bool },
    /// A lease is asked for, by force or not.
    Acquire { name: u8, by_force: bool },
    /// The lease that was acquired so many acquisitions ago is renewed or released.
    Hold { ago: usize, releases: bool },
    /// Minutes pass.
    Pass { minutes: u64 },
    /// The program is started again, while no lease is held.
    Reopen,
}

pub(super) fn sequence() -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec(step(), 1..40)
}

fn change() -> impl Strategy<Value = Change> {
    (0..TABLES.len(), 0..KEYS.len(), proptest::option::weighted(0.7, 0..3_u8))
}

fn step() -> impl Strategy<Value = Step> {
    let belief =
        prop_oneof![3 => Just(Belief::Current), 1 => Just(Belief::Former), 1 => Just(Belief::Absent)];
    let beliefs = proptest::collection::vec((0..TABLES.len(), 0..KEYS.len(), belief), 0..3);
    let changes = || proptest::collection::vec(change(), 0..4);
    let letter = || prop_oneof![Just('A'), Just('B'), Just('C')];
    let resources = proptest::collection::vec((0..4_u8, proptest::option::weighted(0.7, 0..3_u8)), 0..4);
    let letters = proptest::collection::vec(letter(), 0..3);
    prop_oneof![
        6 => (beliefs, changes()).prop_map(|(beliefs, changes)| Step::Facts { beliefs, changes }),
        3 => (proptest::bool::weighted(0.3), resources, changes())
            .prop_map(|(is_stale, resources, changes)| Step::Apply { is_stale, resources, changes }),
        1 => (letter(), any::<bool>()).prop_map(|(letter, is_there)| Step::Transfer { letter, is_there }),
        5 => (proptest::option::weighted(0.8, 0..6_u8), letters, 0..4_i64)
            .prop_map(|(id, letters, days)| Step::Accept { id, letters, days }),
        3 => (letter(), 0..4_usize, any::<bool>())
            .prop_map(|(letter, count, up_to)| Step::Take { letter, count, up_to }),
        3 => (0..2_u8, proptest::bool::weighted(0.2)).prop_map(|(name, by_force)| Step::Acquire { name, by_force }),
        3 => (0..3_usize, any::<bool>()).prop_map(|(ago, releases)| Step::Hold { ago, releases }),
        2 => (1..90_u64).prop_map(|minutes| Step::Pass { minutes }),
        1 => Just(Step::Reopen),
    ]
}
