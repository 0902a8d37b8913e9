//! Batches and the ends of windows, as changes that are under way.

use std::sync::Arc;

use raccord_model::checkpoint::{Checkpoint, Shift};
use raccord_model::fact::{DeletedBy, Reject, RejectId, Tally, Uid};
use raccord_model::language::store::FileMode;
use raccord_model::port::destination::{Batch, DestinationError, Fence, Staying, Sweep, Swept};

use super::{STAGED_FOR, Session, Staged};
use crate::destination::error::CannotError;
use crate::destination::layout::Layout;
use crate::destination::marking::{Marking, key_of};
use crate::destination::rejects::Rejects;
use crate::destination::taking::{Marks, Taking, deletion};
use crate::destination::world::{Change, DataFile, Waiting, WaitsFor, rows_of};
use crate::destination::writer::{Outlet, Writer};

impl Session {
    fn is_snapshot(&self) -> bool {
        self.settings.mode == FileMode::Snapshot
    }

    /// Whether it is remembered which keys a reading has shown.
    fn keeps_shown(&self, batch: &Batch) -> bool {
        batch.defer_deletes && self.is_snapshot()
    }

    /// Takes a batch in, and names it in the log when that must be, or the last time was long ago.
    pub(crate) async fn commit(&mut self, batch: Batch) -> Result<Tally, DestinationError> {
        let (transfer, at, is_durable) = (batch.transfer, batch.at, batch.durable);
        self.check(&batch)?;
        let mut staged = self.staged_for(&batch)?;
        let settles = !batch.consumed.is_empty() || batch.record.is_some();
        let taken = self.take(&mut staged, batch).await?;
        let Taking { batch, rows, waiting, rejects, marks, marking, tally, shift } = taken;
        (staged.rows, staged.waiting) = (Some(rows), Some(waiting));
        if batch.spot.is_some() || self.keeps_shown(&batch) {
            self.marks.insert(transfer, marks);
        }
        let mut changes = rejects.changes(transfer, at);
        changes.extend(marking.change((batch.target.incarnation, transfer), at));
        changes.extend(checkpoint_of(&batch, shift, &tally));
        if !batch.consumed.is_empty() {
            changes.push(Change::Settled { transfer, sequences: batch.consumed });
        }
        changes.extend(batch.record.map(|run| Change::Recorded { run }));
        let is_due = at.duration_since(staged.since) >= STAGED_FOR;
        self.stage(transfer, staged, changes);
        if is_durable || settles || is_due {
            self.flush(transfer, Vec::new()).await?;
        }
        Ok(tally)
    }

    /// Refuses a batch that files cannot take.
    fn check(&self, batch: &Batch) -> Result<(), DestinationError> {
        self.view.check_fence(batch.transfer, batch.fence)?;
        let entity = self.view.entities.get(&batch.target.incarnation);
        let entity = entity.filter(|entity| !entity.is_collected).ok_or(DestinationError::Unprepared)?;
        if self.is_snapshot() {
            if batch.reading.is_none() && !batch.changes.is_empty() {
                return Err(CannotError::Alone.into());
            }
            let staged = self.staged.get(&batch.transfer).is_some_and(|staged| staged.rows() > 0);
            let waits = entity.waiting.get(&batch.transfer).is_some_and(|waiting| waiting.rows() > 0);
            if batch.completes.is_some() && (staged || waits) {
                return Err(CannotError::Unproven.into());
            }
        }
        Ok(())
    }

    /// What the transfer of a batch has under way. What waits for the end of another reading waits in vain.
    fn staged_for(&mut self, batch: &Batch) -> Result<Staged, DestinationError> {
        let (transfer, incarnation) = (batch.transfer, batch.target.incarnation);
        let mut staged = match self.staged.remove(&transfer) {
            Some(staged) if staged.incarnation == incarnation => staged,
            // Nothing was written yet to what it was begun for.
            Some(staged) if staged.rows.is_none() && staged.waiting.is_none() => {
                Staged { incarnation, ..staged }
            }
            Some(_) => return Err(DestinationError::Outdated),
            None => Staged::new(incarnation, batch.fence, batch.at),
        };
        staged.fence = batch.fence;
        let Some(reading) = batch.reading.map(WaitsFor::from) else { return Ok(staged) };
        let entity = self.view.entities.get(&incarnation);
        let waits =
            entity.and_then(|entity| entity.waiting.get(&transfer)).and_then(|waiting| waiting.reading);
        if waits.is_some_and(|other| other != reading) {
            let discard = Change::Discard { incarnation, transfer };
            self.view.apply(&discard);
            staged.before.push(discard);
        }
        if staged.reading.replace(reading).is_some_and(|other| other != reading) {
            staged.waiting = None;
            if self.is_snapshot() {
                staged.rows = None;
            }
        }
        Ok(staged)
    }

    /// Makes lines of a batch, where that keeps no other work waiting.
    async fn take(&mut self, staged: &mut Staged, batch: Batch) -> Result<Taking, DestinationError> {
        let transfer = batch.transfer;
        let known = self.view.transfers.get(&transfer);
        let rejects =
            known.map_or_else(Rejects::default, |known| Rejects::of(&known.rejects, &known.remembered));
        let layout = if let Some(writer) = &staged.rows {
            Arc::clone(&writer.layout)
        } else {
            let entity = self.view.entities.get(&staged.incarnation).ok_or(DestinationError::Unprepared)?;
            let partition = self.settings.partition.as_ref();
            Arc::new(Layout::of(entity, self.settings.mode, partition))
        };
        let format = self.settings.format;
        let writer =
            |open: Option<Writer>| open.unwrap_or_else(|| Writer::new(transfer, format, Arc::clone(&layout)));
        let waiting = self.view.entities.get(&staged.incarnation);
        let waiting = waiting.and_then(|entity| entity.waiting.get(&transfer));
        let has_marks = batch.spot.is_some() || self.keeps_shown(&batch);
        let known = if has_marks { self.marks.remove(&transfer) } else { None };
        let mut marks = known.unwrap_or_default();
        marks.begin(staged.reading);
        let taking = Taking {
            marking: Marking::of(staged.reading, waiting),
            rows: writer(staged.rows.take()),
            waiting: writer(staged.waiting.take()),
            rejects,
            marks,
            tally: Tally::default(),
            shift: None,
            batch,
        };
        let interrupted = |_| DestinationError::from(CannotError::Interrupted);
        let mut taken = tokio::task::spawn_blocking(move || taking.take()).await.map_err(interrupted)??;
        let outlet = Outlet { storage: self.storage.as_ref(), environment: self.environment.as_ref() };
        taken.rows.drain(outlet).await?;
        taken.waiting.drain(outlet).await?;
        Ok(taken)
    }

    /// Notes what is under way. Of checkpoints the last one counts.
    fn stage(&mut self, transfer: Uid, mut staged: Staged, changes: Vec<Change>) {
        if changes.iter().any(|change| matches!(change, Change::Checkpoint { .. })) {
            staged.with.retain(|change| !matches!(change, Change::Checkpoint { .. }));
        }
        for change in &changes {
            self.view.apply(change);
        }
        staged.with.extend(changes);
        self.staged.insert(transfer, staged);
    }

    /// Gives up what an earlier window has left.
    pub(crate) fn begin_window(&mut self, transfer: Uid, fence: Fence) -> Result<(), DestinationError> {
        self.view.check_fence(transfer, fence)?;
        self.marks.insert(transfer, Marks::default());
        let waiting = self.view.entities.iter().filter(|(_, entity)| entity.waiting.contains_key(&transfer));
        let discards: Vec<Change> =
            waiting.map(|(incarnation, _)| Change::Discard { incarnation: *incarnation, transfer }).collect();
        let checkpoint = self.view.transfers.get(&transfer).and_then(|known| known.checkpoint.clone());
        let checkpoint = checkpoint.map(|checkpoint| Box::new(Checkpoint { window: None, ..checkpoint }));
        let now = self.environment.now();
        let mut staged = self.staged.remove(&transfer).unwrap_or_else(|| Staged::new(0, fence, now));
        staged.waiting = None;
        for discard in &discards {
            self.view.apply(discard);
        }
        staged.before.extend(discards);
        let changes = checkpoint.map(|checkpoint| Change::Checkpoint { transfer, checkpoint });
        self.stage(transfer, staged, changes.into_iter().collect());
        Ok(())
    }

    /// Writes the lines of the deletions that wait for the end of a window. What is written counts once an entry names it.
    async fn deletions(
        &mut self,
        (transfer, incarnation): (Uid, u64),
    ) -> Result<Vec<DataFile>, DestinationError> {
        let entity = self.log.world.entities.get(&incarnation).ok_or(DestinationError::Unprepared)?;
        let deleted = entity.waiting.get(&transfer).map(|waiting| Arc::clone(&waiting.deleted));
        let Some(deleted) = deleted.filter(|deleted| !deleted.is_empty()) else { return Ok(Vec::new()) };
        let layout = Arc::new(Layout::of(entity, self.settings.mode, self.settings.partition.as_ref()));
        let outlet = Outlet { storage: self.storage.as_ref(), environment: self.environment.as_ref() };
        let (mut writer, mut folder) = (Writer::new(transfer, self.settings.format, layout), String::new());
        for (number, (key, at)) in deleted.iter().enumerate() {
            let key = key_of(key).ok_or(DestinationError::Damaged)?;
            deletion(&mut writer, (&key, *at), &mut folder)?;
            if number % 1000 == 999 {
                writer.drain(outlet).await?;
            }
        }
        writer.finish(outlet).await
    }

    /// Drops the rejects of keys that a reading says are deleted, so that no replay brings them back.
    fn superseded(&self, transfer: Uid, waiting: Option<&Waiting>) -> Option<Change> {
        let deleted = &waiting.filter(|waiting| !waiting.deleted.is_empty())?.deleted;
        let rejects = self.log.world.transfers.get(&transfer)?.rejects.iter();
        let goes = |reject: &Reject| reject.key.as_ref().is_some_and(|key| deleted.contains_key(key));
        let ids: Vec<RejectId> = rejects.filter(|(_, reject)| goes(reject)).map(|(id, _)| *id).collect();
        (!ids.is_empty()).then_some(Change::Drop { transfer, ids, remembered: None })
    }

    /// Ends a window: what waited for that counts from now on. Of a snapshot it takes the place of what was there, unless it is
    /// much less.
    pub(crate) async fn sweep(&mut self, mut sweep: Sweep) -> Result<Swept, DestinationError> {
        let (transfer, incarnation) = (sweep.transfer, sweep.target.incarnation);
        self.view.check_fence(transfer, sweep.fence)?;
        self.flush(transfer, Vec::new()).await?;
        let deletions = self.deletions((transfer, incarnation)).await?;
        let entity = self.log.world.entities.get(&incarnation).ok_or(DestinationError::Unprepared)?;
        let there = entity.files.iter().map(|file| file.rows).sum::<u64>();
        let came = entity.waiting.get(&transfer).map_or(0, Waiting::rows) + rows_of(&deletions);
        let replaces = self.is_snapshot();
        if replaces && !sweep.snapshot {
            return Err(CannotError::Unproven.into());
        }
        let gone = if replaces { there.saturating_sub(came) } else { 0 };
        if let Some(within) = sweep.within.filter(|_| replaces) {
            let is_empty = came == 0 && there > 0;
            // A record that is rejected proves nothing of its row, however few they are.
            let rejected = entity.waiting.get(&transfer).map_or(0, |waiting| entity.lost(waiting));
            let loses = there > 0 && rejected > 0;
            if is_empty || loses || gone > within.unseen.most_of(there) {
                // Files are replaced whole, and no key of their rows is known.
                let (by, rows) = (DeletedBy::Snapshot, None);
                return Ok(Swept::Held { by, deletes: gone.max(rejected.min(there)), of: there, rows });
            }
        }
        sweep.checkpoint.count_swept(gone, Staying::default());
        let marked = if replaces { 0 } else { came };
        let waits_for = entity.waiting.get(&transfer).and_then(|waiting| waiting.reading);
        let mut changes = vec![
            Change::Add { incarnation, waits_for, files: deletions },
            Change::Publish { incarnation, transfer, replaces },
            Change::Checkpoint { transfer, checkpoint: Box::new(sweep.checkpoint) },
        ];
        changes.extend(self.superseded(transfer, entity.waiting.get(&transfer)));
        changes.extend(sweep.record.map(|mut run| {
            let counted = marked.min(run.tally.skipped);
            run.tally.skipped -= counted;
            run.tally.deleted += counted;
            run.tally.swept += gone + marked - counted;
            Change::Recorded { run }
        }));
        self.add(Some((transfer, sweep.fence)), changes).await?;
        self.marks.remove(&transfer);
        Ok(Swept::Done { unseen: gone, marked, staying: Staying::default() })
    }
}

/// The checkpoint of a batch, with the shift that its records have shown, and what became of them.
fn checkpoint_of(batch: &Batch, shown: Option<Shift>, tally: &Tally) -> Option<Change> {
    let mut checkpoint = batch.checkpoint.clone()?;
    if let Some(window) = &mut checkpoint.window {
        window.shift = window.shift.or(shown);
    }
    checkpoint.count(tally);
    Some(Change::Checkpoint { transfer: batch.transfer, checkpoint: Box::new(checkpoint) })
}
