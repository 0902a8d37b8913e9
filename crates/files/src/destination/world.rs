//! What a folder of files holds besides their rows, and how it changes. Each change is a line of the log and a step in memory, by
//! one function, so that what was written is what is read back. Nothing here reads or writes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use raccord_model::checkpoint::Checkpoint;
use raccord_model::fact::{Reject, RejectId, Run, RunId, Uid};
use raccord_model::language::project::FieldType;
use raccord_model::port::destination::{DestinationError, Fence, RaisedFence, Reading};
use raccord_model::port::lease::LeaseToken;
use raccord_model::row::FieldId;
use serde::{Deserialize, Serialize};

/// A file with rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DataFile {
    /// Where it is, relative to the root of the storage.
    pub(crate) path: String,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    /// The transfer that wrote it.
    pub(crate) transfer: Uid,
}

/// A field of an entity as it was prepared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ShapeField {
    pub(crate) id: FieldId,
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) field_type: FieldType,
}

/// Something that changes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "change")]
pub(crate) enum Change {
    /// What is older than this is refused from now on.
    Fence { transfer: Uid, epoch: u64, lease: LeaseToken },
    /// The transfer is no more.
    End { transfer: Uid },
    /// The folder and the columns of an entity.
    Shape { incarnation: u64, folder: String, key: Vec<FieldId>, fields: Vec<ShapeField> },
    /// The files of others, which were in the same folder before, count for the entity from now on.
    Takes { incarnation: u64, from: Vec<u64> },
    /// The rows of the entity are kept by other keys from now on: its files stay where they are and count no more.
    Rekeyed { incarnation: u64 },
    /// Where a transfer continues.
    Checkpoint { transfer: Uid, checkpoint: Box<Checkpoint> },
    /// Files with rows; those that wait for the end of a reading say of which.
    Add { incarnation: u64, waits_for: Option<WaitsFor>, files: Vec<DataFile> },
    /// What records of a reading said of keys: that they are deleted, were rejected, or are shown again after either.
    Mark {
        incarnation: u64,
        transfer: Uid,
        waits_for: Option<WaitsFor>,
        at: Timestamp,
        deleted: Vec<String>,
        shown: Vec<String>,
        rejected: Vec<String>,
    },
    /// The keys that were rejected in the snapshot that counts.
    Lacks { incarnation: u64, keys: BTreeSet<String> },
    /// Files that wait count from now on, and, where they replace the others of the entity, instead of those.
    Publish { incarnation: u64, transfer: Uid, replaces: bool },
    /// Files that wait never will count.
    Discard { incarnation: u64, transfer: Uid },
    /// Rejects that are kept.
    Keep { transfer: Uid, rejects: Vec<KeptReject> },
    /// Rejects that are gone, and since when those among them are remembered that were too many.
    Drop { transfer: Uid, ids: Vec<RejectId>, remembered: Option<Timestamp> },
    /// Deliveries that are stored.
    Settled { transfer: Uid, sequences: Vec<u64> },
    /// A run that is recorded with its rows.
    Recorded { run: Box<Run> },
    /// Nothing refers to the entity any more. Its files stay where they are.
    Collected { incarnation: u64 },
}

/// The reading at whose end files count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WaitsFor {
    run: RunId,
    attempt: u32,
}

impl From<Reading> for WaitsFor {
    fn from(Reading { run, attempt }: Reading) -> Self {
        Self { run, attempt }
    }
}

/// A reject with its identity.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct KeptReject {
    pub(crate) id: RejectId,
    pub(crate) reject: Reject,
}

/// Everything.
#[derive(Debug, Clone, Default)]
pub(crate) struct World {
    pub(crate) transfers: BTreeMap<Uid, Transfer>,
    pub(crate) entities: BTreeMap<u64, Entity>,
    pub(crate) runs: BTreeMap<Uid, Run>,
}

/// What is kept of a transfer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Transfer {
    pub(crate) epoch: u64,
    pub(crate) lease: LeaseToken,
    pub(crate) is_ended: bool,
    pub(crate) checkpoint: Option<Checkpoint>,
    pub(crate) settled: Vec<u64>,
    pub(crate) rejects: BTreeMap<RejectId, Reject>,
    /// Those that went because they were too many.
    pub(crate) remembered: BTreeMap<RejectId, Timestamp>,
}

/// What is kept of an entity.
#[derive(Debug, Clone, Default)]
pub(crate) struct Entity {
    pub(crate) folder: String,
    pub(crate) key: Vec<FieldId>,
    pub(crate) fields: Vec<ShapeField>,
    /// Those that count.
    pub(crate) files: Vec<DataFile>,
    /// Those that wait for the end of a reading.
    pub(crate) waiting: BTreeMap<Uid, Waiting>,
    /// Those that counted before they were replaced: readers may be in the middle of them.
    pub(crate) replaced: Vec<DataFile>,
    /// The keys that were rejected in the snapshot that counts: no row of theirs is in it.
    pub(crate) lacks: BTreeSet<String>,
    pub(crate) is_collected: bool,
}

/// What waits for the end of a reading.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) reading: Option<WaitsFor>,
    pub(crate) files: Vec<DataFile>,
    /// The keys that its records say are deleted, and when they did.
    pub(crate) deleted: Arc<BTreeMap<String, Timestamp>>,
    /// The keys that were rejected, as far as that loses a row.
    pub(crate) rejected: BTreeSet<String>,
}

impl Entity {
    /// How many records of a snapshot under way were rejected whose rows may be in the one that counts.
    pub(crate) fn lost(&self, waiting: &Waiting) -> u64 {
        let lost = waiting.rejected.difference(&self.lacks).count();
        u64::try_from(lost).unwrap_or(u64::MAX)
    }
}

impl Waiting {
    pub(crate) fn rows(&self) -> u64 {
        rows_of(&self.files)
    }

    /// The changes that mark its keys: one for each time at which some were said to be deleted.
    fn marks(&self, incarnation: u64, transfer: Uid) -> Vec<Change> {
        let mut by_time: BTreeMap<Timestamp, Vec<String>> = BTreeMap::new();
        for (key, at) in self.deleted.iter() {
            by_time.entry(*at).or_default().push(key.clone());
        }
        let mark = |at, deleted, rejected| {
            let waits_for = self.reading;
            Change::Mark { incarnation, transfer, waits_for, at, deleted, shown: Vec::new(), rejected }
        };
        let rejected = self.rejected.iter().cloned().collect();
        let mut changes = vec![mark(Timestamp::UNIX_EPOCH, Vec::new(), rejected)];
        changes.extend(by_time.into_iter().map(|(at, keys)| mark(at, keys, Vec::new())));
        changes
    }
}

pub(crate) fn rows_of(files: &[DataFile]) -> u64 {
    files.iter().map(|file| file.rows).sum()
}

impl World {
    /// Takes a change in.
    pub(crate) fn apply(&mut self, change: &Change) {
        match change {
            Change::Fence { transfer, epoch, lease } => {
                let known = self.transfer(*transfer);
                (known.epoch, known.lease) = (*epoch, *lease);
            }
            Change::End { transfer } => {
                let known = self.transfer(*transfer);
                known.is_ended = true;
                known.remembered.clear();
                for entity in self.entities.values_mut() {
                    entity.waiting.remove(transfer);
                }
            }
            Change::Shape { incarnation, folder, key, fields } => {
                let entity = self.entities.entry(*incarnation).or_default();
                (entity.folder, entity.key, entity.fields) = (folder.clone(), key.clone(), fields.clone());
                entity.is_collected = false;
            }
            Change::Takes { incarnation, from } => self.take_files(*incarnation, from),
            Change::Checkpoint { transfer, checkpoint } => {
                self.transfer(*transfer).checkpoint = Some(checkpoint.as_ref().clone());
            }
            Change::Keep { transfer, rejects } => {
                let known = self.transfer(*transfer);
                for kept in rejects {
                    known.remembered.remove(&kept.id);
                    known.rejects.insert(kept.id, kept.reject.clone());
                }
            }
            Change::Drop { transfer, ids, remembered } => {
                let known = self.transfer(*transfer);
                for id in ids {
                    known.rejects.remove(id);
                    known.remembered.remove(id);
                    known.remembered.extend(remembered.map(|at| (*id, at)));
                }
            }
            Change::Settled { transfer, sequences } => {
                self.transfer(*transfer).settled.clone_from(sequences);
            }
            Change::Recorded { run } => {
                self.runs.insert(run.transfer_uid, run.as_ref().clone());
            }
            Change::Add { incarnation, .. }
            | Change::Publish { incarnation, .. }
            | Change::Discard { incarnation, .. }
            | Change::Mark { incarnation, .. }
            | Change::Lacks { incarnation, .. }
            | Change::Rekeyed { incarnation }
            | Change::Collected { incarnation } => {
                self.entities.entry(*incarnation).or_default().apply(change);
            }
        }
    }

    fn take_files(&mut self, incarnation: u64, from: &[u64]) {
        let mut files = Vec::new();
        for of in from {
            if let Some(before) = self.entities.get_mut(of) {
                files.append(&mut before.files);
                before.waiting.clear();
            }
        }
        let entity = self.entities.entry(incarnation).or_default();
        files.append(&mut entity.files);
        entity.files = files;
    }

    /// Those whose files are in a folder, but for one.
    pub(crate) fn others_in<'w>(&'w self, folder: &'w str, but: u64) -> impl Iterator<Item = u64> + 'w {
        let others = self.entities.iter().filter(move |(of, entity)| **of != but && entity.folder == folder);
        others.filter(|(_, entity)| !entity.files.is_empty()).map(|(of, _)| *of)
    }

    fn transfer(&mut self, transfer: Uid) -> &mut Transfer {
        self.transfers.entry(transfer).or_default()
    }

    /// Refuses what is older than what is in force.
    pub(crate) fn check_fence(&self, transfer: Uid, fence: Fence) -> Result<(), DestinationError> {
        let known = self.transfers.get(&transfer).filter(|known| !known.is_ended);
        fence.check(known.map(|known| RaisedFence { epoch: known.epoch, lease: known.lease }))
    }

    /// Every path that is named: what is not among them was never committed.
    pub(crate) fn named(&self) -> BTreeSet<&str> {
        let mut named = BTreeSet::new();
        for entity in self.entities.values() {
            let waiting = entity.waiting.values().flat_map(|waiting| &waiting.files);
            let files = entity.files.iter().chain(waiting).chain(&entity.replaced);
            named.extend(files.map(|file| file.path.as_str()));
        }
        named
    }

    /// The changes that lead here from nothing.
    pub(crate) fn changes(&self) -> Vec<Change> {
        let mut changes = Vec::new();
        for (&incarnation, entity) in &self.entities {
            let Entity { folder, key, fields, .. } = entity;
            let (folder, key, fields) = (folder.clone(), key.clone(), fields.clone());
            changes.push(Change::Shape { incarnation, folder, key, fields });
            entity.changes(incarnation, &mut changes);
        }
        for (&transfer, known) in &self.transfers {
            known.changes(transfer, &mut changes);
        }
        changes.extend(self.runs.values().map(|run| Change::Recorded { run: Box::new(run.clone()) }));
        changes
    }
}

impl Transfer {
    fn changes(&self, transfer: Uid, changes: &mut Vec<Change>) {
        changes.push(Change::Fence { transfer, epoch: self.epoch, lease: self.lease });
        let kept = |(id, reject): (&RejectId, &Reject)| KeptReject { id: *id, reject: reject.clone() };
        changes.push(Change::Keep { transfer, rejects: self.rejects.iter().map(kept).collect() });
        for (id, at) in &self.remembered {
            changes.push(Change::Drop { transfer, ids: vec![*id], remembered: Some(*at) });
        }
        changes.push(Change::Settled { transfer, sequences: self.settled.clone() });
        let checkpoint = self.checkpoint.clone().map(Box::new);
        changes.extend(checkpoint.map(|checkpoint| Change::Checkpoint { transfer, checkpoint }));
        if self.is_ended {
            changes.push(Change::End { transfer });
        }
    }
}

impl Entity {
    fn waiting_of(&mut self, transfer: Uid, reading: Option<WaitsFor>) -> &mut Waiting {
        self.waiting.entry(transfer).or_insert_with(|| Waiting { reading, ..Waiting::default() })
    }

    fn apply(&mut self, change: &Change) {
        match change {
            Change::Add { waits_for: None, files, .. } => self.files.extend_from_slice(files),
            Change::Add { waits_for: reading, files, .. } => {
                let Some(transfer) = files.first().map(|file| file.transfer) else { return };
                self.waiting_of(transfer, *reading).files.extend_from_slice(files);
            }
            Change::Mark { transfer, waits_for, at, deleted, shown, rejected, .. } => {
                let waiting = self.waiting_of(*transfer, *waits_for);
                let marked = Arc::make_mut(&mut waiting.deleted);
                for key in shown.iter().chain(deleted).chain(rejected) {
                    marked.remove(key);
                    waiting.rejected.remove(key);
                }
                marked.extend(deleted.iter().map(|key| (key.clone(), *at)));
                waiting.rejected.extend(rejected.iter().cloned());
            }
            Change::Lacks { keys, .. } => self.lacks.clone_from(keys),
            Change::Publish { transfer, replaces, .. } => {
                let waiting = self.waiting.remove(transfer).unwrap_or_default();
                if *replaces {
                    self.replaced = std::mem::take(&mut self.files);
                    self.lacks = waiting.rejected;
                }
                self.files.extend(waiting.files);
            }
            Change::Discard { transfer, .. } => {
                self.waiting.remove(transfer);
            }
            Change::Rekeyed { .. } => {
                self.replaced.append(&mut self.files);
                self.waiting.clear();
                self.is_collected = true;
            }
            Change::Collected { .. } => self.is_collected = true,
            _ => {}
        }
    }

    fn changes(&self, incarnation: u64, changes: &mut Vec<Change>) {
        let add =
            |files: &[DataFile], waits_for| Change::Add { incarnation, waits_for, files: files.to_vec() };
        if let Some(first) = self.replaced.first() {
            changes.push(add(&self.replaced, None));
            changes.push(Change::Publish { incarnation, transfer: first.transfer, replaces: true });
        }
        changes.push(add(&self.files, None));
        if !self.lacks.is_empty() {
            changes.push(Change::Lacks { incarnation, keys: self.lacks.clone() });
        }
        for (&transfer, waiting) in &self.waiting {
            changes.push(add(&waiting.files, waiting.reading));
            changes.extend(waiting.marks(incarnation, transfer));
        }
        if self.is_collected {
            changes.push(Change::Collected { incarnation });
        }
    }
}
