//! How far a reading is: which slice comes next, and what the state is once one is done. It never sees an answer.

use serde_json::{Map, Number, Value};

use crate::cursor::{
    CountCursor, CountProgress, DatetimeCursor, Partitioned, PartitionedSetup, Progress, Slices,
};
use crate::cursor::{NewRecords, is_less, no_cursor_state, state_members};
use crate::error::ReadError;
use crate::exchange::PassedOver;
use crate::partition::Partitions;
use crate::record::Record;
use crate::slice::Slice;
use crate::stream::{CursorRule, Stream};
use crate::time::DateTime;

/// How far a reading is.
pub(super) struct Track {
    kind: Kind,
    is_lazy: bool,
}

enum Kind {
    Plain(Box<Plain>),
    Dates(Box<Dates>),
    Count(Box<Count>),
    Partitioned(Box<Parts>),
}

/// Without a cursor.
struct Plain {
    partitions: Partitions,
    is_finished: bool,
}

struct Dates {
    cursor: DatetimeCursor,
    progress: Progress,
    slices: Slices,
}

struct Count {
    cursor: CountCursor,
    progress: CountProgress,
    has_slice: bool,
}

struct Parts {
    partitions: Partitions,
    state: Partitioned,
    current: Option<Current>,
    /// Whether a partition failed: parents go on there the next time, so their states stay as they are.
    has_failed: bool,
}

/// The partition whose slices are read.
struct Current {
    partition: Slice,
    slices: Slices,
    parents: Option<Value>,
}

/// The newest record of a slice.
#[derive(Debug, Clone, Default)]
pub(super) struct Newest {
    pub(super) date: Option<DateTime>,
    number: Option<Number>,
}

impl Newest {
    /// The newer of two.
    pub(super) fn max(self, other: &Self) -> Self {
        let number = match (self.number, other.number.clone()) {
            (Some(one), Some(other)) if is_less(&one, &other) => Some(other),
            (one, other) => one.or(other),
        };
        Self { date: self.date.max(other.date), number }
    }
}

impl Track {
    pub(super) fn begin(stream: &Stream, state: Option<&Value>) -> Result<Self, ReadError> {
        let context = stream.context();
        let mut state = state_members(state)?;
        for migration in stream.migrations() {
            state = migration.apply(state, &context)?;
        }
        let is_lazy = stream.is_lazy() && state.is_empty();
        let open = |state: &Map<String, Value>| match stream.router() {
            Some(router) => router.open(&context, state),
            None => Ok(Partitions::One(Some(Slice::default()))),
        };
        let kind = match stream.cursor() {
            CursorRule::None => {
                Kind::Plain(Box::new(Plain { partitions: open(&state)?, is_finished: false }))
            }
            CursorRule::Count(rule) => {
                let cursor = rule.evaluate(&context)?;
                let progress = cursor.resume(&state)?;
                Kind::Count(Box::new(Count { cursor, progress, has_slice: true }))
            }
            CursorRule::Dates(rule) => {
                let cursor = rule.evaluate(&context)?;
                match stream.router() {
                    None => {
                        let progress = cursor.resume(&state, None)?;
                        let slices = cursor.slices(&progress, now(stream));
                        Kind::Dates(Box::new(Dates { cursor, progress, slices }))
                    }
                    Some(router) => {
                        let setup = PartitionedSetup { cursor, global: rule.global || router.is_grouping() };
                        let partitions = open(&state)?;
                        let state = Partitioned::resume(&setup, &state)?;
                        Kind::Partitioned(Box::new(Parts {
                            partitions,
                            state,
                            current: None,
                            has_failed: false,
                        }))
                    }
                }
            }
        };
        Ok(Self { kind, is_lazy })
    }

    /// That of requests which belong to no stream.
    pub(super) fn nothing() -> Self {
        let partitions = Partitions::One(None);
        Self { kind: Kind::Plain(Box::new(Plain { partitions, is_finished: false })), is_lazy: false }
    }

    /// Whether first pages stand in the records of parents.
    pub(super) fn is_lazy(&self) -> bool {
        self.is_lazy
    }

    /// The next slice; none after the last one.
    pub(super) async fn next_slice(&mut self, stream: &Stream) -> Result<Option<Slice>, ReadError> {
        match &mut self.kind {
            Kind::Plain(plain) => plain.partitions.next_slice().await,
            Kind::Dates(dates) => {
                let members = |bounds| dates.cursor.members(bounds);
                Ok(dates.slices.next().map(|bounds| Slice { cursor: members(bounds), ..Slice::default() }))
            }
            Kind::Count(count) => {
                let slice = count.has_slice.then(|| count.cursor.slice(&count.progress));
                count.has_slice = false;
                Ok(slice)
            }
            Kind::Partitioned(parts) => parts.next_slice(now(stream)).await,
        }
    }

    /// The date of a record, where the cursor reads one.
    pub(super) fn date_of(&self, record: &Record) -> Option<DateTime> {
        self.dates()?.date_of(record)
    }

    /// The cursor over dates.
    pub(super) fn dates(&self) -> Option<&DatetimeCursor> {
        match &self.kind {
            Kind::Plain(_) | Kind::Count(_) => None,
            Kind::Dates(dates) => Some(&dates.cursor),
            Kind::Partitioned(parts) => Some(parts.state.cursor()),
        }
    }

    /// The dates of a slice's records that are new; none where all are.
    pub(super) fn new_records(&self, slice: &Slice, now: DateTime) -> Option<NewRecords> {
        match &self.kind {
            Kind::Plain(_) | Kind::Count(_) => None,
            Kind::Dates(dates) => Some(dates.cursor.new_records(&dates.progress, now)),
            Kind::Partitioned(parts) => parts.state.new_records(slice, now),
        }
    }

    /// A record is emitted.
    pub(super) fn observe(&mut self, newest: &mut Newest, record: &Record, date: Option<DateTime>) {
        newest.date = newest.date.max(date);
        match &mut self.kind {
            Kind::Plain(_) | Kind::Dates(_) | Kind::Partitioned(_) => {}
            Kind::Count(count) => count.cursor.observe(&mut newest.number, record),
        }
    }

    /// A slice is done.
    pub(super) fn close(&mut self, slice: &Slice, newest: Newest) -> Result<(), ReadError> {
        match &mut self.kind {
            Kind::Plain(_) => Ok(()),
            Kind::Dates(dates) => dates.cursor.close(&mut dates.progress, slice, newest.date).map(drop),
            Kind::Count(count) => {
                count.cursor.close(&mut count.progress, newest.number);
                Ok(())
            }
            Kind::Partitioned(parts) => parts.state.close(slice, newest.date),
        }
    }

    /// What of the parents was passed over since this was last asked.
    pub(super) fn take_passed_over(&mut self) -> Option<PassedOver> {
        match &mut self.kind {
            Kind::Plain(plain) => plain.partitions.take_passed_over(),
            Kind::Partitioned(parts) => parts.partitions.take_passed_over(),
            Kind::Dates(_) | Kind::Count(_) => None,
        }
    }

    /// What is left of a slice is not read.
    pub(super) fn fail(&mut self) {
        if let Kind::Partitioned(parts) = &mut self.kind {
            parts.has_failed = true;
        }
    }

    /// All slices are done, after so many seconds.
    pub(super) fn finish(&mut self, seconds: i64) {
        match &mut self.kind {
            Kind::Plain(plain) => plain.is_finished = true,
            Kind::Dates(_) | Kind::Count(_) => {}
            Kind::Partitioned(parts) => parts.state.finish(seconds, parts.partitions.parent_state()),
        }
    }

    /// How many partitions stand in the state.
    pub(super) fn weight(&self) -> usize {
        match &self.kind {
            Kind::Plain(_) | Kind::Dates(_) | Kind::Count(_) => 0,
            Kind::Partitioned(parts) => parts.state.weight(),
        }
    }

    pub(super) fn state(&self) -> Option<Value> {
        match &self.kind {
            Kind::Plain(plain) => plain.is_finished.then(no_cursor_state),
            Kind::Dates(dates) => Some(Value::Object(dates.cursor.state(&dates.progress))),
            Kind::Count(count) => Some(Value::Object(count.cursor.state(&count.progress))),
            Kind::Partitioned(parts) => Some(Value::Object(parts.state.state())),
        }
    }
}

impl Parts {
    async fn next_slice(&mut self, now: DateTime) -> Result<Option<Slice>, ReadError> {
        loop {
            if let Some(current) = &mut self.current {
                if let Some(bounds) = current.slices.next() {
                    let cursor = self.state.cursor().members(bounds);
                    return Ok(Some(Slice { cursor, ..current.partition.clone() }));
                }
                let parents = current.parents.as_ref().filter(|_| !self.has_failed);
                self.state.close_partition(&current.partition, parents);
                self.current = None;
            }
            let Some(partition) = self.partitions.next_slice().await? else { return Ok(None) };
            if let Some(slices) = self.state.open(&partition, now)? {
                self.current = Some(Current { partition, slices, parents: self.partitions.parent_state() });
            }
        }
    }
}

/// The time as cursors have it.
pub(super) fn now(stream: &Stream) -> DateTime {
    DateTime::from_timestamp(stream.now())
}
