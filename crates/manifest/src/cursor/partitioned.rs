//! A cursor over dates for each partition of a stream, and one over all of them. A partition that is new begins at the start,
//! for its older records were never read. When there are too many partitions, the one over all is what remains: then no
//! new one is known from an old one, and all begin where the whole stream stood.

use std::collections::VecDeque;

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use super::datetime::{DatetimeCursor, NewRecords};
use super::progress::Progress;
use super::slices::Slices;
use super::wrong_state;
use crate::error::ReadError;
use crate::slice::Slice;
use crate::time::{DateTime, Period};

/// With more partitions than this, their states are not kept one by one.
const MOST_IN_STATE: usize = 10_000;
/// So many partitions are remembered while a stream is read.
const MOST_REMEMBERED: usize = 25_000;
const SECOND: i64 = 1_000_000;

/// What a stream says of its partitions' cursors.
#[derive(Debug, Clone)]
pub struct PartitionedSetup {
    /// The cursor of a partition.
    pub cursor: DatetimeCursor,
    /// Whether only the state over all partitions is kept.
    pub global: bool,
}

/// How far a stream and its partitions were read.
#[derive(Debug, Clone)]
pub struct Partitioned {
    cursor: DatetimeCursor,
    global_only: bool,
    /// Whether the state that the reading began with says of each partition how far it was read.
    knows_partitions: bool,
    partitions: IndexMap<String, Entry>,
    /// The names of those that are done, in their order.
    done: VecDeque<String>,
    count: usize,
    /// Up to where all partitions were read when the reading began.
    global: Option<DateTime>,
    /// The newest date since.
    newest: Option<DateTime>,
    has_records: bool,
    /// In seconds.
    lookback: i64,
    parents: Option<Value>,
}

#[derive(Debug, Clone)]
struct Entry {
    partition: Map<String, Value>,
    progress: Progress,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Saved,
    Open,
    Done,
}

impl Partitioned {
    /// How far the stream was read, from its state.
    ///
    /// # Errors
    /// When the state cannot be used.
    pub fn resume(setup: &PartitionedSetup, state: &Map<String, Value>) -> Result<Self, ReadError> {
        let mut partitioned = Self {
            cursor: setup.cursor.clone(),
            global_only: setup.global,
            knows_partitions: state
                .get("states")
                .and_then(Value::as_array)
                .is_some_and(|states| !states.is_empty()),
            partitions: IndexMap::new(),
            done: VecDeque::new(),
            count: 0,
            global: None,
            newest: None,
            has_records: false,
            lookback: 0,
            parents: state.get("parent_state").filter(|parents| **parents != json!({})).cloned(),
        };
        if !state.contains_key("states") && !state.contains_key("state") {
            partitioned.set_global(state)?;
            return Ok(partitioned);
        }
        partitioned.global_only = state.get("use_global_cursor").and_then(Value::as_bool).unwrap_or(false);
        partitioned.lookback = state.get("lookback_window").and_then(Value::as_i64).unwrap_or(0);
        for saved in state.get("states").and_then(Value::as_array).into_iter().flatten() {
            partitioned.add_saved(saved)?;
        }
        if let Some(Value::Object(global)) = state.get("state") {
            partitioned.set_global(global)?;
        }
        Ok(partitioned)
    }

    fn add_saved(&mut self, saved: &Value) -> Result<(), ReadError> {
        let (Some(Value::Object(partition)), Some(Value::Object(state))) =
            (saved.get("partition"), saved.get("cursor"))
        else {
            return Err(wrong_state("a partition in it has no `partition` or no `cursor`"));
        };
        let progress = self.cursor.resume(state, None)?;
        let entry = Entry { partition: partition.clone(), progress, stage: Stage::Saved };
        let slice = Slice { partition: partition.clone(), ..Slice::default() };
        self.partitions.insert(slice.partition_key(), entry);
        self.count += 1;
        Ok(())
    }

    fn set_global(&mut self, state: &Map<String, Value>) -> Result<(), ReadError> {
        if let Some(value) = state.get(self.cursor.field()) {
            let date = self.cursor.parse(value);
            let date = date.ok_or_else(|| wrong_state("its date is in none of the cursor's formats"))?;
            self.global = Some(date);
            self.newest = Some(date);
        }
        Ok(())
    }

    /// The slices of a partition that remain. None, where the partition has already come up in this reading.
    ///
    /// # Errors
    /// When the state of the whole stream cannot be used.
    pub fn open(&mut self, partition: &Slice, now: DateTime) -> Result<Option<Slices>, ReadError> {
        let key = partition.partition_key();
        if self.count > MOST_IN_STATE {
            self.global_only = true;
        }
        if !self.partitions.contains_key(&key) {
            self.forget_oldest();
            let entry = Entry {
                partition: partition.partition.clone(),
                progress: self.fresh()?,
                stage: Stage::Saved,
            };
            self.partitions.insert(key.clone(), entry);
            self.count += 1;
        }
        let Some(entry) = self.partitions.get_mut(&key) else { return Ok(None) };
        if entry.stage != Stage::Saved {
            return Ok(None);
        }
        entry.stage = Stage::Open;
        Ok(Some(self.cursor.slices(&entry.progress, now)))
    }

    /// How far a partition was read that no state knows: not at all where a state would know it, else as far as the whole
    /// stream.
    fn fresh(&self) -> Result<Progress, ReadError> {
        let would_be_known = self.knows_partitions && !self.global_only;
        let Some(global) = self.global.filter(|_| !would_be_known) else {
            return self.cursor.resume(&Map::new(), None);
        };
        let state =
            crate::object([(self.cursor.field().to_owned(), Value::String(self.cursor.format(global)))]);
        let lookback = (self.lookback > 0).then(|| Period::from_micros(self.lookback.saturating_mul(SECOND)));
        self.cursor.resume(&state, lookback)
    }

    /// Makes room for another partition. By then there are too many for their states to be kept, in whatever order.
    fn forget_oldest(&mut self) {
        if self.partitions.len() < MOST_REMEMBERED {
            return;
        }
        match self.done.pop_front() {
            Some(key) => self.partitions.swap_remove(&key),
            None => self.partitions.swap_remove_index(0).map(|(_, entry)| entry),
        };
    }

    /// How many partitions have a state of their own.
    pub fn weight(&self) -> usize {
        if self.global_only { 0 } else { self.partitions.len() }
    }

    /// The cursor of each partition.
    pub fn cursor(&self) -> &DatetimeCursor {
        &self.cursor
    }

    /// The dates of a partition's records that are new.
    pub fn new_records(&self, partition: &Slice, now: DateTime) -> Option<NewRecords> {
        let entry = self.partitions.get(&partition.partition_key())?;
        Some(self.cursor.new_records(&entry.progress, now))
    }

    /// A slice of a partition is done; `newest` is the date of the newest record in it.
    ///
    /// # Errors
    /// When the slice has no bounds of this cursor.
    pub fn close(&mut self, slice: &Slice, newest: Option<DateTime>) -> Result<(), ReadError> {
        let newest = match self.partitions.get_mut(&slice.partition_key()) {
            Some(entry) if !self.global_only => self.cursor.close(&mut entry.progress, slice, newest)?,
            _ => self.cursor.read_of(slice, newest)?.newest,
        };
        self.has_records |= newest.is_some();
        self.newest = self.newest.max(newest);
        Ok(())
    }

    /// A partition is done; `parents` is the state of the parents by then.
    pub fn close_partition(&mut self, partition: &Slice, parents: Option<&Value>) {
        let key = partition.partition_key();
        if let Some(entry) = self.partitions.get_mut(&key) {
            entry.stage = Stage::Done;
            self.done.push_back(key);
            if !self.global_only {
                let first = entry.progress.spans().first();
                self.newest = self.newest.max(first.map(|first| first.newest.unwrap_or(first.start)));
            }
        }
        if parents.is_some() {
            self.parents = parents.cloned();
        }
    }

    /// All partitions are done, after so many seconds.
    pub fn finish(&mut self, seconds: i64, parents: Option<Value>) {
        if self.has_records {
            self.global = self.newest;
            self.lookback = seconds;
        }
        self.parents = parents;
    }

    /// The state.
    pub fn state(&self) -> Map<String, Value> {
        let mut state = crate::object([("use_global_cursor".to_owned(), Value::Bool(self.global_only))]);
        if !self.global_only {
            let entry = |entry: &Entry| json!({"partition": entry.partition, "cursor": self.cursor.state(&entry.progress)});
            state.insert("states".to_owned(), self.partitions.values().map(entry).collect());
        }
        if let Some(global) = self.global {
            state.insert("state".to_owned(), json!({ self.cursor.field(): self.cursor.format(global) }));
        }
        state.insert("lookback_window".to_owned(), self.lookback.into());
        if let Some(parents) = &self.parents {
            state.insert("parent_state".to_owned(), parents.clone());
        }
        state
    }
}
