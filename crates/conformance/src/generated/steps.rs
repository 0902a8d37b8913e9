//! The steps that are generated, and how likely each is. They name transfers by letter: `A` and `B` own rows, `E` and `F`
//! enrich them.

use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;
use raccord_model::fact::Updates;
use raccord_model::language::UpdateType;

/// The transfers.
pub(super) const LETTERS: [char; 4] = ['A', 'B', 'E', 'F'];

/// What a record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// The values of the transfer's own field and of the unique one, which all feed.
    Upsert(Option<u8>, u8),
    Delete,
    /// It cannot be mapped, in one of several ways.
    Bad(u8),
}

/// One record of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) key: u8,
    pub(super) word: Word,
    /// 0 is none.
    pub(super) version: u8,
}

/// Under which fence something works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Under {
    Current,
    EpochBefore,
    LeaseBefore,
}

/// Whether the keys of a batch are marked as shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marking {
    No,
    Shown,
    /// On a page, of a partition or of all.
    On(u64, Option<u8>),
}

/// What a batch says of the reading under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    GoesOn,
    Accepts,
    Completes,
}

/// The end of a partition: which, on which page of the parents, up to where, and whether its cursor waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Passed {
    pub(super) partition: u8,
    pub(super) page: Option<u64>,
    pub(super) cursor: i64,
    pub(super) waits: bool,
}

/// How much a batch may delete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limit {
    pub(super) share: u8,
    pub(super) deleted: u64,
    pub(super) allowed: u64,
}

/// What a batch asks for besides its records.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "a batch can ask for each by itself")]
pub(super) struct Terms {
    pub(super) updates: Updates,
    pub(super) defers: bool,
    pub(super) limit: Option<Limit>,
    pub(super) has_suspects: bool,
    pub(super) is_required: bool,
    pub(super) is_unique: bool,
    pub(super) has_defaults: bool,
    /// How many rejects are kept.
    pub(super) most_rejects: u64,
}

/// How a batch belongs to a window.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) marking: Marking,
    /// The reading under way, by its number; none outside of a window.
    pub(super) attempt: Option<u32>,
    pub(super) passed: Vec<Passed>,
    pub(super) ending: Ending,
}

/// A batch of one of the transfers.
#[derive(Debug, Clone)]
pub(super) struct BatchStep {
    pub(super) letter: char,
    pub(super) records: Vec<Record>,
    pub(super) terms: Terms,
    pub(super) place: Place,
    pub(super) under: Under,
    /// How many days later it is than the step before.
    pub(super) days: i64,
    /// Whether it is looked up which records are as they were before the step before it is taken.
    pub(super) is_ahead: bool,
}

/// The end of a window.
#[derive(Debug, Clone)]
pub(super) struct SweepStep {
    pub(super) letter: char,
    pub(super) is_snapshot: bool,
    /// The share that may go; with none a person has approved.
    pub(super) share: Option<u8>,
    pub(super) created: u64,
    pub(super) completes: Option<u32>,
    pub(super) is_unique: bool,
    pub(super) under: Under,
}

/// One step.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Batch(BatchStep),
    Begin(char, Under),
    Sweep(SweepStep),
    /// A window from its beginning to its end.
    Window(BatchStep, SweepStep),
    /// An apply with a consequence for a transfer, perhaps one that reads everything again.
    Apply(char, bool),
    /// A transfer is deleted and created again.
    Recreate(char),
    /// A run begins: under a new lease, or the one it has.
    Raise(char, bool),
    /// The rejects of a key were replayed.
    Replay(char, u8),
    Forget(char, Under),
    Reopen,
}

fn word() -> impl Strategy<Value = Word> {
    let values = (weighted(0.8, 0..3_u8), 0..12_u8);
    prop_oneof![
        6 => values.prop_map(|(value, unique)| Word::Upsert(value, unique)),
        3 => Just(Word::Delete),
        2 => (0..2_u8).prop_map(Word::Bad),
    ]
}

fn records() -> impl Strategy<Value = Vec<Record>> {
    let record = (0..4_u8, word(), 0..5_u8).prop_map(|(key, word, version)| Record { key, word, version });
    prop::collection::vec(record, 0..8)
}

fn under() -> impl Strategy<Value = Under> {
    prop_oneof![18 => Just(Under::Current), 1 => Just(Under::EpochBefore), 1 => Just(Under::LeaseBefore)]
}

fn terms() -> impl Strategy<Value = Terms> {
    let update = select(vec![UpdateType::Created, UpdateType::Updated, UpdateType::Deleted]);
    let updates = prop_oneof![
        3 => Just(Updates::from([UpdateType::Created, UpdateType::Updated, UpdateType::Deleted])),
        2 => prop::collection::btree_set(update, 0..=3),
    ];
    let limit = (select(vec![0_u8, 20, 50]), 0..2_u64, 0..2_u64)
        .prop_map(|(share, deleted, allowed)| Limit { share, deleted, allowed });
    let most = prop_oneof![8 => Just(1_000_u64), 1 => 0..3_u64];
    let sometimes = || prop::bool::weighted(0.15);
    (
        updates,
        prop::bool::weighted(0.3),
        weighted(0.2, limit),
        sometimes(),
        sometimes(),
        prop::bool::weighted(0.9),
        sometimes(),
        most,
    )
        .prop_map(
            |(updates, defers, limit, has_suspects, is_required, is_unique, has_defaults, most_rejects)| {
                Terms {
                    updates,
                    defers,
                    limit,
                    has_suspects,
                    is_required,
                    is_unique,
                    has_defaults,
                    most_rejects,
                }
            },
        )
}

fn place() -> impl Strategy<Value = Place> {
    let marking = prop_oneof![
        3 => Just(Marking::No),
        1 => Just(Marking::Shown),
        2 => (1..4_u64, prop::option::of(0..2_u8)).prop_map(|(page, of)| Marking::On(page, of)),
    ];
    let passed = (0..3_u8, prop::option::of(1..3_u64), 0..5_i64, any::<bool>())
        .prop_map(|(partition, page, cursor, waits)| Passed { partition, page, cursor, waits });
    let ending =
        prop_oneof![6 => Just(Ending::GoesOn), 1 => Just(Ending::Accepts), 1 => Just(Ending::Completes)];
    (marking, prop::option::of(0..2_u32), prop::collection::vec(passed, 0..3), ending)
        .prop_map(|(marking, attempt, passed, ending)| Place { marking, attempt, passed, ending })
}

fn batch(letters: &'static [char]) -> impl Strategy<Value = BatchStep> {
    let days = prop_oneof![9 => Just(0_i64), 1 => select(vec![1_i64, 29, 31])];
    (select(letters), records(), terms(), place(), under(), days, any::<bool>()).prop_map(
        |(letter, records, terms, place, under, days, is_ahead)| BatchStep {
            letter,
            records,
            terms,
            place,
            under,
            days,
            is_ahead,
        },
    )
}

fn sweep(letters: &'static [char]) -> impl Strategy<Value = SweepStep> {
    let share = prop_oneof![1 => Just(None), 1 => select(vec![10_u8, 20, 50, 100]).prop_map(Some)];
    let completes = prop::option::of(0..2_u32);
    (select(letters), any::<bool>(), share, 0..3_u64, completes, prop::bool::weighted(0.9), under()).prop_map(
        |(letter, is_snapshot, share, created, completes, is_unique, under)| SweepStep {
            letter,
            is_snapshot,
            share,
            created,
            completes,
            is_unique,
            under,
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let letter = || select(&LETTERS[..]);
    prop_oneof![
        16 => batch(&LETTERS).prop_map(Step::Batch),
        1 => (letter(), under()).prop_map(|(letter, under)| Step::Begin(letter, under)),
        1 => sweep(&['A', 'B']).prop_map(Step::Sweep),
        3 => (batch(&['A', 'B']), sweep(&['A', 'B'])).prop_map(|(batch, sweep)| Step::Window(batch, sweep)),
        1 => (letter(), any::<bool>()).prop_map(|(letter, resets)| Step::Apply(letter, resets)),
        1 => letter().prop_map(Step::Recreate),
        2 => (letter(), any::<bool>()).prop_map(|(letter, is_new)| Step::Raise(letter, is_new)),
        1 => (letter(), 0..4_u8).prop_map(|(letter, key)| Step::Replay(letter, key)),
        1 => (letter(), under()).prop_map(|(letter, under)| Step::Forget(letter, under)),
        1 => Just(Step::Reopen),
    ]
}

/// Steps, of which some batches repeat what an earlier one of the same transfer brought.
pub(super) fn sequence() -> impl Strategy<Value = Vec<Step>> {
    let step = (step(), weighted(0.5, 0..3_usize));
    prop::collection::vec(step, 1..14).prop_map(|mut steps| {
        let mut brought: Vec<(char, Vec<Record>)> = Vec::new();
        for (step, back) in &mut steps {
            let (Step::Batch(batch) | Step::Window(batch, _)) = step else { continue };
            let mut own = brought.iter().rev().filter(|(letter, _)| *letter == batch.letter);
            if let Some((_, records)) = back.and_then(|back| own.nth(back)) {
                batch.records.clone_from(records);
            }
            brought.push((batch.letter, batch.records.clone()));
        }
        steps.into_iter().map(|(step, _)| step).collect()
    })
}
