//! Takes steps on one destination, and shows what it holds after each. What it knows of transfers follows from the steps
//! alone, never from an answer.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use raccord_model::checkpoint::{Checkpoint, Counted, Cursor, Partition, PartitionId, Spot};
use raccord_model::fact::{Decided, Reject, Run, RunId, Tally, Uid};
use raccord_model::language::deletes::Percent;
use raccord_model::port::destination::{
    Batch, Destination, DestinationError, Fence, Guard, Kept, KeptQuery, KnownPartition, Ledger,
    PartitionMark, Prefetched, Reading, RejectQuery, RowQuery, StoredRow, Sweep, Within,
};
use raccord_model::row;
use uuid::Uuid;

use super::records::{UNIQUE, batch_of, candidates, keeping};
use super::steps::{BatchStep, Ending, LETTERS, Limit, Marking, Passed, Place, Step, SweepStep, Under};
use crate::Subject;
use crate::fixture::{INC, at, checkpoint, counted, run, run_of, sweep, window};

/// What an apply has said of a transfer, and the lease that it is worked on under.
#[derive(Debug, Clone, Copy, Default)]
struct Standing {
    /// How often it was created again.
    generation: u128,
    decided: Decided,
    lease: u64,
}

/// A destination on its way through the steps.
pub(super) struct Driver<S> {
    pub(super) subject: S,
    /// Whether records that are as they were are kept.
    keeps: bool,
    standings: BTreeMap<char, Standing>,
    now: Timestamp,
    taken: u32,
    /// What a look before the step before has found.
    ahead: Option<Prefetched>,
    /// What became of the last step, in words.
    outcome: String,
}

/// All that a destination shows.
#[derive(Debug, PartialEq)]
pub(super) struct Observed {
    outcome: String,
    rows: Vec<StoredRow>,
    count: u64,
    kept: Vec<Kept>,
    rejects: Vec<Reject>,
    partitions: Vec<Option<KnownPartition>>,
    runs: Vec<Run>,
}

fn in_words<T: std::fmt::Debug>(done: &Result<T, DestinationError>) -> String {
    match done {
        Ok(done) => format!("{done:?}"),
        Err(error) => error.to_string(),
    }
}

fn partition(number: u8) -> PartitionId {
    PartitionId::of(&"items".parse().unwrap(), &[number.to_string()])
}

impl<S: Subject> Driver<S> {
    pub(super) fn begin(subject: S, keeps: bool) -> Self {
        let standings = LETTERS.map(|letter| (letter, Standing::default())).into();
        Self { subject, keeps, standings, now: at(0), taken: 0, ahead: None, outcome: String::new() }
    }

    fn standing(&self, letter: char) -> Standing {
        self.standings.get(&letter).copied().unwrap_or_default()
    }

    fn uid(&self, letter: char) -> Uid {
        Uid(Uuid::from_u128(u128::from(letter) + (self.standing(letter).generation << 32)))
    }

    fn fence(&self, letter: char, under: Under) -> Fence {
        let Standing { decided: Decided { epoch, .. }, lease, .. } = self.standing(letter);
        match under {
            Under::Current => Fence { generation: 1, epoch, reset: 0, lease },
            Under::EpochBefore => Fence { generation: 1, epoch: epoch.saturating_sub(1), reset: 0, lease },
            Under::LeaseBefore => Fence { generation: 1, epoch, reset: 0, lease: lease.saturating_sub(1) },
        }
    }

    fn run(&self) -> RunId {
        RunId(Uuid::from_u128(1_000 + u128::from(self.taken)))
    }

    /// Takes a step, looking ahead at the next.
    pub(super) async fn take(mut self, step: &Step, next: Option<&Step>) -> Self {
        self.taken += 1;
        self.now += SignedDuration::from_secs(1);
        let known = self.ahead.take();
        if let Some(Step::Batch(batch)) = next
            && batch.is_ahead
            && self.keeps
            && !matches!(step, Step::Recreate(_))
        {
            self.ahead = Some(self.look(batch).await);
        }
        self.outcome = match step {
            Step::Batch(batch) => self.commit(batch, known).await,
            Step::Begin(letter, under) => self.open(*letter, *under).await,
            Step::Sweep(sweep) => self.sweep(sweep).await,
            Step::Window(batch, sweep) => self.window(batch, sweep).await,
            Step::Forget(letter, under) => {
                let (transfer, fence) = (self.uid(*letter), self.fence(*letter, *under));
                in_words(&self.subject.destination().forget_partitions(transfer, fence).await)
            }
            Step::Raise(letter, is_new) => self.raise(*letter, *is_new).await,
            Step::Replay(letter, key) => self.replay(*letter, *key).await,
            Step::Apply(letter, resets) => self.apply(*letter, *resets).await,
            Step::Recreate(letter) => self.recreate(*letter).await,
            Step::Reopen => {
                self.subject = self.subject.reopen().await;
                String::new()
            }
        };
        self
    }

    async fn look(&self, step: &BatchStep) -> Prefetched {
        let transfer = self.uid(step.letter);
        let candidates = candidates(step, transfer);
        self.subject.destination().prefetch(transfer, INC, candidates).await.unwrap()
    }

    async fn commit(&mut self, step: &BatchStep, known: Option<Prefetched>) -> String {
        self.now += SignedDuration::from_hours(24 * step.days);
        let mut batch = batch_of(step, self.uid(step.letter), self.now);
        (batch.run, batch.fence) = (self.run(), self.fence(step.letter, step.under));
        batch.guard = step.terms.limit.map(|limit| {
            let Limit { share, deleted, allowed } = limit;
            Guard { share: Percent(share), deleted, allowed }
        });
        put_in_place(&mut batch, &step.place, i64::from(self.taken));
        let destination = self.subject.destination();
        if self.keeps {
            let known = match known {
                Some(known) => known,
                None => self.look(step).await,
            };
            match destination.commit(keeping(&batch, step, &known)).await {
                Err(DestinationError::Outdated) => {}
                done => return in_words(&done),
            }
        }
        in_words(&destination.commit(batch).await)
    }

    async fn open(&self, letter: char, under: Under) -> String {
        let (transfer, fence) = (self.uid(letter), self.fence(letter, under));
        in_words(&self.subject.destination().begin_window(transfer, fence).await)
    }

    async fn sweep(&self, step: &SweepStep) -> String {
        let of = |share| Within { unseen: Percent(share), marked: Percent(share), created: step.created };
        let mut end = sweep(step.letter, None);
        (end.transfer, end.run, end.at) = (self.uid(step.letter), self.run(), self.now);
        end.fence = self.fence(step.letter, step.under);
        if step.is_unique {
            end.target.unique = vec![UNIQUE];
        }
        let mut record = run_of(step.letter, 0);
        (record.id, record.transfer_uid, record.tally.skipped) = (self.run(), end.transfer, 1);
        let end = Sweep {
            snapshot: step.is_snapshot,
            within: step.share.map(of),
            completes: step.completes.map(|attempt| Reading { run: run(), attempt }),
            record: Some(Box::new(record)),
            ..end
        };
        // Which rows would go is told by their keys, and those of a subject may have another form.
        in_words(&self.subject.destination().sweep(end).await.map(counted))
    }

    /// A window of one page: what it does not show goes.
    async fn window(&mut self, step: &BatchStep, end: &SweepStep) -> String {
        let opened = self.open(step.letter, Under::Current).await;
        let mut step = step.clone();
        if step.place.marking == Marking::No {
            step.place.marking = Marking::Shown;
        }
        let committed = self.commit(&step, None).await;
        let end = SweepStep { letter: step.letter, ..end.clone() };
        let swept = self.sweep(&end).await;
        [opened, committed, swept].join("; ")
    }

    async fn raise(&mut self, letter: char, is_new: bool) -> String {
        self.standings.entry(letter).or_default().lease += u64::from(is_new);
        let (transfer, fence) = (self.uid(letter), self.fence(letter, Under::Current));
        in_words(&self.subject.destination().raise_fence(transfer, fence).await)
    }

    async fn replay(&self, letter: char, key: u8) -> String {
        let (transfer, key) = (self.uid(letter), Some(vec![b'a' + key]));
        let query = RejectQuery { transfer: Some(transfer), key, limit: 100, ..RejectQuery::default() };
        let destination = self.subject.destination();
        let found = destination.rejects(query).await.unwrap();
        let ids = found.into_iter().map(|(id, _)| id).collect();
        in_words(&destination.drop_rejects(transfer, ids).await)
    }

    async fn apply(&mut self, letter: char, resets: bool) -> String {
        let transfer = self.uid(letter);
        let decided = &mut self.standings.entry(letter).or_default().decided;
        decided.epoch += 1;
        if resets {
            decided.reset = decided.epoch;
        }
        let decided = *decided;
        self.subject.apply(transfer, Some(decided)).await;
        String::new()
    }

    async fn recreate(&mut self, letter: char) -> String {
        self.subject.apply(self.uid(letter), None).await;
        let generation = self.standing(letter).generation + 1;
        self.standings.insert(letter, Standing { generation, ..Standing::default() });
        self.subject.apply(self.uid(letter), Some(Decided::default())).await;
        String::new()
    }

    /// Every transfer that there is or was.
    fn transfers(&self) -> Vec<Uid> {
        let of = |(letter, standing): (&char, &Standing)| {
            let letter = u128::from(*letter);
            (0..=standing.generation).map(move |number| Uid(Uuid::from_u128(letter + (number << 32))))
        };
        self.standings.iter().flat_map(of).collect()
    }

    pub(super) async fn observe(&self) -> Observed {
        let destination = self.subject.destination();
        let query = |transfer| KeptQuery { transfer, incarnation: INC };
        let transfers = self.transfers();
        let everything = RejectQuery { limit: usize::MAX, ..RejectQuery::default() };
        let rejects = destination.rejects(everything).await.unwrap();
        let mut partitions = Vec::new();
        for id in [0, 1, 2, 100, 101, 102].map(partition) {
            partitions.push(destination.partition(self.uid('A'), id).await.unwrap());
        }
        let mut runs = self.subject.recorded(self.uid('A')).await;
        runs.extend(self.subject.recorded(self.uid('B')).await);
        Observed {
            outcome: self.outcome.clone(),
            rows: destination
                .rows(RowQuery { incarnation: INC, limit: usize::MAX, ..RowQuery::default() })
                .await
                .unwrap(),
            count: destination.count(INC).await.unwrap(),
            kept: destination.kept(transfers.into_iter().map(query).collect()).await.unwrap(),
            rejects: rejects.into_iter().map(|(_, reject)| reject).collect(),
            partitions,
            runs,
        }
    }
}

impl Observed {
    /// Whether two rows have the same value in the field that is unique most of the time.
    pub(super) fn shares_a_value(&self) -> bool {
        let fields = self.rows.iter().flat_map(|row| row::fields(&row.row).unwrap());
        let values = fields.map(Result::unwrap).filter(|field| field.id == UNIQUE).map(|field| field.bytes());
        let (mut all, mut seen) = (values, BTreeSet::new());
        all.any(|value| !seen.insert(value))
    }

    /// What differs from what was expected, in words.
    pub(super) fn differs(&self, expected: &Self) -> Option<String> {
        let shown = |it: &Self| {
            [
                format!("outcome {}", it.outcome),
                format!("rows {:?}", it.rows),
                format!("count {}", it.count),
                format!("kept {:?}", it.kept),
                format!("rejects {:?}", it.rejects),
                format!("partitions {:?}", it.partitions),
                format!("runs {:?}", it.runs),
            ]
        };
        let differing =
            shown(self).into_iter().zip(shown(expected)).filter(|(found, wanted)| found != wanted);
        let words: Vec<String> =
            differing.map(|(found, wanted)| format!("\nfound    {found}\nexpected {wanted}")).collect();
        (self != expected).then(|| words.concat())
    }
}

/// Puts a batch where it stands in a window: pages, partitions, its checkpoint.
fn put_in_place(batch: &mut Batch, place: &Place, number: i64) {
    batch.mark_seen = place.marking != Marking::No;
    if let Marking::On(page, of) = place.marking {
        batch.spot = Some(Spot { partition: of.map(partition), page });
    }
    let mark = |passed: &Passed| PartitionMark {
        id: partition(passed.partition),
        parent: passed.page.map(|page| (partition(passed.partition + 100), Spot { partition: None, page })),
        cursor: (passed.cursor > 0).then_some(Cursor::Integer(passed.cursor)),
        waits: passed.waits,
    };
    batch.partitions = place.passed.iter().map(mark).collect();
    let under_way = batch.spot.and_then(|spot| spot.partition).map(|id| Partition { id, shifted: false });
    let mut window = place.attempt.map(window);
    if let Some(window) = &mut window {
        window.partition = under_way;
    }
    let reading = Reading { run: run(), attempt: place.attempt.unwrap_or(1) };
    batch.accepts = (place.ending == Ending::Accepts).then_some(reading);
    batch.completes = (place.ending == Ending::Completes).then_some(reading);
    let counted = Some(Counted { run: run(), pages: 1, tally: Tally::default() });
    batch.checkpoint = Some(Checkpoint { window, counted, ..checkpoint(number) });
}
