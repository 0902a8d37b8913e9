//! What a process knows of the files in a storage, and what it has under way there: changes that no entry of the log has yet, and
//! open files. One piece of work at a time has it.

mod batches;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use raccord_model::checkpoint::Checkpoint;
use raccord_model::fact::Uid;
use raccord_model::language::store::FileMode;
use raccord_model::port::destination::{DestinationError, EntityShape, Fence, Inspection};
use raccord_model::port::environment::Environment;

use super::error::{self, CannotError};
use super::layout::prefix_of;
use super::log::{Added, Log};
use super::taking::Marks;
use super::world::{Change, DataFile, ShapeField, WaitsFor, World, rows_of};
use super::writer::{Outlet, Writer};
use super::{FilesSettings, manifest};
use crate::storage::{FilePath, Storage};

/// How often an entry is tried that others are faster with.
const ATTEMPTS: u32 = 50;
/// After so long what a run has written is named in the log, however much it is.
const STAGED_FOR: SignedDuration = SignedDuration::from_secs(10);

/// What is known, and what is under way.
pub(crate) struct Session {
    storage: Arc<dyn Storage>,
    environment: Arc<dyn Environment>,
    settings: FilesSettings,
    /// What counts.
    log: Log,
    /// The same with what is under way.
    view: World,
    staged: BTreeMap<Uid, Staged>,
    /// Where the records of windows under way stood.
    marks: HashMap<Uid, Marks>,
}

/// What a transfer has under way.
struct Staged {
    incarnation: u64,
    fence: Fence,
    since: Timestamp,
    /// What happens before its files are added.
    before: Vec<Change>,
    /// What happens with them.
    with: Vec<Change>,
    rows: Option<Writer>,
    /// Deletions that wait for the end of their window.
    waiting: Option<Writer>,
    /// Of which window.
    reading: Option<WaitsFor>,
}

impl Staged {
    fn new(incarnation: u64, fence: Fence, since: Timestamp) -> Self {
        let (before, with) = (Vec::new(), Vec::new());
        Self { incarnation, fence, since, before, with, rows: None, waiting: None, reading: None }
    }

    fn rows(&self) -> u64 {
        self.rows.as_ref().map_or(0, Writer::rows)
    }
}

impl Session {
    /// Reads the log.
    pub(crate) async fn open(
        storage: Arc<dyn Storage>,
        environment: Arc<dyn Environment>,
        settings: FilesSettings,
    ) -> Result<Self, DestinationError> {
        let log = Log::open(storage.as_ref()).await?;
        let view = log.world.clone();
        let (staged, marks) = (BTreeMap::new(), HashMap::new());
        Ok(Self { storage, environment, settings, log, view, staged, marks })
    }

    /// Everything, with what is under way.
    pub(crate) const fn view(&self) -> &World {
        &self.view
    }

    /// How many rows count, or will with the next entry: all of an entity, or those of a transfer.
    pub(crate) fn count(&self, incarnation: u64, of: Option<Uid>) -> u64 {
        let Some(entity) = self.view.entities.get(&incarnation).filter(|entity| !entity.is_collected) else {
            return 0;
        };
        let is_its = |transfer: Uid| of.is_none_or(|of| of == transfer);
        let files = entity.files.iter().filter(|file| is_its(file.transfer)).map(|file| file.rows);
        let is_appended = self.settings.mode == FileMode::Append;
        let staged = self.staged.iter().filter(|(transfer, staged)| {
            is_appended && is_its(**transfer) && staged.incarnation == incarnation
        });
        files.sum::<u64>() + staged.map(|(_, staged)| staged.rows()).sum::<u64>()
    }

    /// The transfers of which rows of an entity count, and how many each.
    pub(crate) fn count_owners(&self, incarnation: u64) -> Vec<(Uid, u64)> {
        let files = self.view.entities.get(&incarnation).into_iter().flat_map(|entity| &entity.files);
        let transfers: BTreeSet<Uid> =
            files.map(|file| file.transfer).chain(self.staged.keys().copied()).collect();
        let counts = transfers.into_iter().map(|of| (of, self.count(incarnation, Some(of))));
        counts.filter(|(_, count)| *count > 0).collect()
    }

    /// The transfers that have something under way.
    pub(crate) fn under_way(&self) -> impl Iterator<Item = Uid> {
        self.staged.keys().copied()
    }

    /// Whether a transfer has something under way.
    pub(crate) fn has_under_way(&self, transfer: Uid) -> bool {
        self.staged.contains_key(&transfer)
    }

    /// Gives up what a transfer has under way.
    pub(crate) fn give_up(&mut self, transfer: Uid) {
        self.staged.remove(&transfer);
        self.marks.remove(&transfer);
        self.renew_view();
    }

    fn renew_view(&mut self) {
        self.view = self.log.world.clone();
        for staged in self.staged.values() {
            staged.before.iter().chain(&staged.with).for_each(|change| self.view.apply(change));
        }
    }

    pub(crate) async fn catch_up(&mut self) -> Result<(), DestinationError> {
        drop(self.log.catch_up(self.storage.as_ref()).await?);
        self.renew_view();
        Ok(())
    }

    /// Adds an entry to the log, unless the transfer was fenced meanwhile, and lets the manifests follow.
    async fn add(
        &mut self,
        under: Option<(Uid, Fence)>,
        changes: Vec<Change>,
    ) -> Result<(), DestinationError> {
        let replaced = self.replaced_before(&changes);
        let (storage, now) = (Arc::clone(&self.storage), self.environment.now());
        let id = self.environment.new_id();
        for _ in 0..ATTEMPTS {
            if let Some((transfer, fence)) = under {
                self.log.world.check_fence(transfer, fence)?;
            }
            let is_added = match self.log.add(storage.as_ref(), (id, now), &changes).await? {
                Added::Done => true,
                // An answer may have been lost of an entry that was taken; others may have followed it.
                Added::Behind => self.log.catch_up(storage.as_ref()).await?.contains(&id),
            };
            if is_added {
                self.renew_view();
                self.follow(&changes).await?;
                return self.remove(replaced).await;
            }
        }
        Err(CannotError::Crowded.into())
    }

    /// The files that were replaced before those which changes replace now: no reader is in the middle of them any more.
    fn replaced_before(&self, changes: &[Change]) -> Vec<DataFile> {
        let replaces = |change: &Change| match change {
            Change::Publish { incarnation, replaces: true, .. } => Some(*incarnation),
            _ => None,
        };
        let entities = changes.iter().filter_map(replaces).filter_map(|of| self.log.world.entities.get(&of));
        entities.flat_map(|entity| entity.replaced.clone()).collect()
    }

    async fn remove(&mut self, files: Vec<DataFile>) -> Result<(), DestinationError> {
        for file in files {
            let path = FilePath::new(&file.path).map_err(error::path)?;
            self.storage.delete(&path).await.map_err(error::write)?;
        }
        Ok(())
    }

    /// Writes the manifests of the entities that changes are about.
    async fn follow(&mut self, changes: &[Change]) -> Result<(), DestinationError> {
        let mut entities: Vec<u64> = changes
            .iter()
            .filter_map(|change| match change {
                Change::Add { incarnation, waits_for: None, .. }
                | Change::Publish { incarnation, .. }
                | Change::Shape { incarnation, .. } => Some(*incarnation),
                _ => None,
            })
            .collect();
        entities.dedup();
        for entity in entities.iter().filter_map(|of| self.log.world.entities.get(of)) {
            let said = (self.log.serial(), self.settings.format.extension());
            manifest::write(self.storage.as_ref(), entity, said).await?;
        }
        Ok(())
    }

    /// Names in the log what a transfer has under way, and what else changes with it.
    pub(crate) async fn flush(&mut self, transfer: Uid, also: Vec<Change>) -> Result<(), DestinationError> {
        let Some(staged) = self.staged.remove(&transfer) else {
            return if also.is_empty() { Ok(()) } else { self.add(None, also).await };
        };
        let Staged { incarnation, fence, before, with, rows, waiting, reading, .. } = staged;
        let mut changes = before;
        let of_rows = reading.filter(|_| self.settings.mode == FileMode::Snapshot);
        for (writer, waits_for) in [(rows, of_rows), (waiting, reading)] {
            let Some(writer) = writer else { continue };
            let outlet = Outlet { storage: self.storage.as_ref(), environment: self.environment.as_ref() };
            let files = writer.finish(outlet).await?;
            if rows_of(&files) > 0 {
                changes.push(Change::Add { incarnation, waits_for, files });
            }
        }
        changes.extend(with);
        changes.extend(also);
        if changes.is_empty() { Ok(()) } else { self.add(Some((transfer, fence)), changes).await }
    }

    /// What is to be done before rows of an entity can be written.
    pub(crate) fn inspect(&self, shape: &EntityShape) -> Inspection {
        let known = self.log.world.entities.get(&shape.incarnation).filter(|entity| !entity.is_collected);
        let Change::Shape { folder, key, fields, .. } = shape_of(shape) else { return Inspection::default() };
        let (before, statement) = match known {
            None => (None, format!("write files to {folder}/")),
            Some(entity) => (Some(entity), format!("write files to {folder}/ with other columns")),
        };
        let is_same = before
            .is_some_and(|entity| (&entity.folder, &entity.key, &entity.fields) == (&folder, &key, &fields));
        Inspection { statements: if is_same { Vec::new() } else { vec![statement] }, ..Inspection::default() }
    }

    pub(crate) async fn prepare(&mut self, shape: EntityShape) -> Result<(), DestinationError> {
        self.catch_up().await?;
        if self.inspect(&shape).statements.is_empty() {
            return Ok(());
        }
        let under_way: Vec<Uid> = self.staged.keys().copied().collect();
        for transfer in under_way {
            self.flush(transfer, Vec::new()).await?;
        }
        Log::prove_conditions(self.storage.as_ref(), self.environment.new_id()).await?;
        let changes = self.shaping(&shape);
        self.add(None, changes).await
    }

    /// What makes an entity what its shape says. The files that are in its folder already count on, unless they hold rows by other
    /// keys: whatever was said of the entity or its project meanwhile, nothing is lost by it.
    fn shaping(&self, shape: &EntityShape) -> Vec<Change> {
        let world = &self.log.world;
        let is_left = |of: &u64| shape.replaces.contains(of);
        let known = shape.replaces.iter().filter(|of| world.entities.contains_key(*of));
        let mut changes: Vec<Change> = known.map(|of| Change::Rekeyed { incarnation: *of }).collect();
        changes.push(shape_of(shape));
        let others = world.others_in(&shape.table, shape.incarnation);
        let from: Vec<u64> = others.filter(|of| !is_left(of)).collect();
        if !from.is_empty() {
            changes.push(Change::Takes { incarnation: shape.incarnation, from });
        }
        changes
    }

    /// Where a transfer continues. Where the records of its window stood is not known any more after the process was started anew;
    /// then the checkpoint says so, and the window is begun again if that matters.
    pub(crate) fn resume(&self, transfer: Uid) -> Option<Checkpoint> {
        let mut checkpoint = self.view.transfers.get(&transfer)?.checkpoint.clone()?;
        if let Some(window) = checkpoint.window.as_mut().filter(|_| !self.marks.contains_key(&transfer)) {
            window.placed = false;
        }
        Some(checkpoint)
    }

    pub(crate) async fn raise_fence(&mut self, transfer: Uid, fence: Fence) -> Result<(), DestinationError> {
        self.catch_up().await?;
        let known = self.log.world.transfers.get(&transfer);
        if known.is_some() {
            self.log.world.check_fence(transfer, fence)?;
        }
        let is_same = known.is_some_and(|known| (known.epoch, known.lease) == (fence.epoch, fence.lease));
        if !is_same {
            // What an earlier run has left under way was never reported as done.
            self.staged.remove(&transfer);
            let under = known.map(|_| (transfer, fence));
            let Fence { epoch, lease, .. } = fence;
            self.add(under, vec![Change::Fence { transfer, epoch, lease }]).await?;
            self.remove_unnamed(transfer).await?;
        }
        Ok(())
    }

    /// Removes the files that runs of a transfer have left which were killed: no entry names them.
    async fn remove_unnamed(&mut self, transfer: Uid) -> Result<(), DestinationError> {
        let storage = Arc::clone(&self.storage);
        let world = &self.log.world;
        let (named, prefix) = (world.named(), prefix_of(transfer));
        for entity in world.entities.values().filter(|entity| !entity.is_collected) {
            let folder = format!("{}/", entity.folder);
            storage.discard_unfinished(&folder, &prefix).await.map_err(error::write)?;
            let mut after = None;
            loop {
                let listing = storage.list(&folder, after.as_ref()).await.map_err(error::read)?;
                for file in listing.files {
                    let is_its = file.path.name().starts_with(&prefix);
                    if is_its && !named.contains(file.path.as_str()) {
                        storage.delete(&file.path).await.map_err(error::write)?;
                    }
                }
                match listing.next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
        }
        Ok(())
    }

    pub(crate) async fn end(&mut self, transfer: Uid) -> Result<(), DestinationError> {
        self.staged.remove(&transfer);
        self.marks.remove(&transfer);
        self.catch_up().await?;
        self.add(None, vec![Change::End { transfer }]).await
    }

    pub(crate) async fn collect(&mut self, incarnation: u64) -> Result<u64, DestinationError> {
        self.catch_up().await?;
        let rows = self.count(incarnation, None);
        let is_known = self.log.world.entities.get(&incarnation).is_some_and(|entity| !entity.is_collected);
        if is_known {
            self.staged.retain(|_, staged| staged.incarnation != incarnation);
            self.add(None, vec![Change::Collected { incarnation }]).await?;
        }
        Ok(rows)
    }
}

/// The change that makes an entity what its shape says.
fn shape_of(shape: &EntityShape) -> Change {
    let field = |field: &raccord_model::port::destination::FieldShape| ShapeField {
        id: field.id,
        name: field.column.clone(),
        field_type: field.field_type,
    };
    Change::Shape {
        incarnation: shape.incarnation,
        folder: shape.table.clone(),
        key: shape.key.clone(),
        fields: shape.fields.iter().map(field).collect(),
    }
}
