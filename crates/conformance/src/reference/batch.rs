//! One batch, record by record: what becomes of each, said once and plainly.

use std::collections::BTreeMap;

use raccord_model::checkpoint::Shift;
use raccord_model::fact::{Reject, Tally, Uid};
use raccord_model::language::{Mode, UpdateType};
use raccord_model::port::destination::{Batch, Change, DestinationError, Intent, REQUIRED, RecordDigest};
use raccord_model::row::FieldId;

use super::fields::{self, Fields};
use super::rejects;
use super::removal;
use super::rows::{Row, Tombstone, Waiting};
use super::world::{Entity, World, is_older};

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Created,
    Updated,
    Deleted,
    /// It is deleted at the end of the window.
    Doomed,
    Unchanged,
    Skipped,
    /// A deletion of what is not there, or belongs to another.
    Gone,
    /// An enrichment waits for its row.
    Waits,
    Rejected,
}

/// A batch under way.
struct Taking<'b> {
    world: &'b mut World,
    batch: &'b Batch,
    tally: Tally,
    shift: Option<Shift>,
    /// How many values suspect fields have kept.
    kept: BTreeMap<FieldId, u64>,
}

/// Takes a batch in.
pub(super) fn commit(world: &mut World, batch: &Batch) -> Result<Tally, DestinationError> {
    world.check_fence(batch.transfer, batch.fence)?;
    removal::guard(world, batch)?;
    if world.is_outdated(batch) {
        return Err(DestinationError::Outdated);
    }
    world.forget_tombstones(batch.at);
    let rows = world.entity(batch.target.incarnation).rows.clone();
    let mut taking = Taking { world, batch, tally: Tally::default(), shift: None, kept: BTreeMap::new() };
    let tally = taking.take_all()?;
    let entity = world.entity(batch.target.incarnation);
    entity.revision += u64::from(entity.rows != rows);
    Ok(tally)
}

impl Taking<'_> {
    fn take_all(&mut self) -> Result<Tally, DestinationError> {
        let batch = self.batch;
        let before = self.rejects().clone();
        let placed: Vec<_> = batch.placed_rejects().collect();
        for (number, change) in batch.changes.iter().enumerate() {
            for placed in placed.iter().filter(|placed| placed.after == number) {
                self.rejects().keep(placed.reject, placed.version);
            }
            self.take(number, change)?;
        }
        for placed in placed.iter().filter(|placed| placed.after >= batch.changes.len()) {
            self.rejects().keep(placed.reject, placed.version);
        }
        for reject in &batch.rejects {
            self.tally.fetched += 1;
            self.tally.rejected += 1;
            if let Some(key) = rejects::key_of(reject).filter(|_| batch.mark_seen) {
                self.mark(&key, false);
            }
        }
        let (most, age) = batch.keep_rejects;
        let oldest = rejects::oldest(batch.at, age);
        self.tally.newly_rejected = self.rejects().count_new(&before, oldest);
        self.rejects().bound(most, batch.at, oldest);
        self.world.keep_checkpoint(batch, self.shift, &self.kept, &self.tally);
        if let Some(run) = &batch.record {
            self.world.runs.insert(run.id, run.as_ref().clone());
        }
        Ok(self.tally)
    }

    fn rejects(&mut self) -> &mut rejects::Rejects {
        self.world.rejects.entry(self.batch.transfer).or_default()
    }

    fn entity(&mut self) -> &mut Entity {
        self.world.entity(self.batch.target.incarnation)
    }

    fn wants(&self, update: UpdateType) -> bool {
        self.batch.updates.contains(&update)
    }

    fn owns(&self) -> bool {
        self.batch.mode == Mode::Own
    }

    fn is_orphan(&self, owner: Uid) -> bool {
        self.world.is_orphan(&self.batch.target, owner)
    }

    fn mark(&mut self, key: &[u8], is_deleted: bool) {
        let shift = self.world.mark(self.batch, key, is_deleted);
        self.shift = self.shift.or(shift);
    }

    fn take(&mut self, number: usize, change: Change<'_>) -> Result<(), DestinationError> {
        let is_deletion = change.intent == Intent::Delete;
        let mut version = change.version.to_vec();
        let outcome = match change.intent {
            Intent::Upsert => self.upsert(number, change)?,
            Intent::Delete => self.delete(change),
            Intent::Keep => {
                let transfer = self.batch.transfer;
                let row = self.entity().rows.get(change.key);
                version = row.map_or_else(Vec::new, |row| row.version_of(transfer).to_vec());
                Outcome::Unchanged
            }
        };
        // A deletion shows nothing that is there, but where its record stood.
        if self.batch.mark_seen && (!is_deletion || self.batch.spot.is_some()) {
            self.mark(change.key, is_deletion);
        }
        if !matches!(outcome, Outcome::Skipped | Outcome::Rejected | Outcome::Doomed) {
            self.rejects().supersede(change.key, &version);
        }
        let tally = &mut self.tally;
        tally.fetched += 1;
        *match outcome {
            Outcome::Created => &mut tally.created,
            Outcome::Updated => &mut tally.updated,
            Outcome::Deleted | Outcome::Doomed => &mut tally.deleted,
            Outcome::Unchanged => &mut tally.unchanged,
            Outcome::Skipped | Outcome::Gone | Outcome::Waits => &mut tally.skipped,
            Outcome::Rejected => &mut tally.rejected,
        } += 1;
        Ok(())
    }

    fn upsert(&mut self, number: usize, change: Change<'_>) -> Result<Outcome, DestinationError> {
        let transfer = self.batch.transfer;
        let doomed = self.world.doomed.get(&transfer).and_then(|doomed| doomed.get(change.key)).cloned();
        if let Some(version) = doomed {
            // As if the deletion had been done at once.
            let is_late = !change.version.is_empty() && change.version <= version.as_slice();
            if is_late || !self.owns() || !self.wants(UpdateType::Created) {
                return Ok(Outcome::Skipped);
            }
            self.world.doomed.entry(transfer).or_default().remove(change.key);
            self.entity().rows.remove(change.key);
        }
        match self.entity().rows.get(change.key).cloned() {
            Some(row) => self.upsert_present(number, change, row),
            None => self.upsert_absent(number, change),
        }
    }

    fn upsert_present(
        &mut self,
        number: usize,
        change: Change<'_>,
        mut row: Row,
    ) -> Result<Outcome, DestinationError> {
        let transfer = self.batch.transfer;
        if is_older(change.version, row.version_of(transfer)) {
            return Ok(Outcome::Skipped);
        }
        if self.owns() && self.is_orphan(row.owner) {
            row.adopt(transfer);
        }
        let mut fields = fields::patched(&row.fields, change.patch)?;
        self.keep_suspects(&row.fields, &mut fields);
        let digest = change.digest.filter(|_| self.batch.suspects.is_empty() && row.owner == transfer);
        let outcome = match (fields == row.fields, self.wants(UpdateType::Updated)) {
            (true, _) => Outcome::Unchanged,
            (false, true) => Outcome::Updated,
            (false, false) => Outcome::Skipped,
        };
        let is_later = change.version > row.version_of(transfer);
        match outcome {
            Outcome::Updated => {
                let batch = self.batch;
                if let Some(field) = self.entity().conflict(&batch.target.unique, change.key, &fields) {
                    return Ok(self.refuse(number, change, field, None));
                }
                (row.fields, row.run, row.digest) = (fields, batch.run, digest);
            }
            Outcome::Unchanged if is_later || self.renews(row.digest, digest) => row.digest = digest,
            // What the row was made of is not what was shown last.
            Outcome::Skipped if is_later => row.digest = None,
            _ => {}
        }
        row.see(transfer, change.version);
        self.entity().rows.insert(change.key.to_vec(), row);
        Ok(outcome)
    }

    /// Whether an unchanged row is written for the digest alone: where it has none, or one of another mapping, or where
    /// nearly all others of the batch are kept.
    fn renews(&self, before: Option<RecordDigest>, now: Option<RecordDigest>) -> bool {
        let Some(now) = now else { return false };
        let all = self.batch.changes.len();
        let kept = self.batch.changes.iter().filter(|change| change.intent == Intent::Keep).count();
        let are_most_kept = kept > 0 && kept * 8 >= all * 7;
        before.is_none_or(|before| before.mapping != now.mapping || are_most_kept)
    }

    /// Gives suspect fields the values back that they had.
    fn keep_suspects(&mut self, before: &Fields, now: &mut Fields) {
        for id in &self.batch.suspects {
            let Some(value) = before.get(id).filter(|value| now.get(id) != Some(value)) else { continue };
            now.insert(*id, value.clone());
            *self.kept.entry(*id).or_default() += 1;
        }
    }

    fn upsert_absent(&mut self, number: usize, change: Change<'_>) -> Result<Outcome, DestinationError> {
        let transfer = self.batch.transfer;
        if !self.owns() {
            return Ok(self.wait(change));
        }
        let tombstone = self.entity().tombstones.get(change.key);
        let is_late = tombstone.is_some_and(|it| it.transfer == transfer && it.is_beyond(change.version));
        if is_late || !self.wants(UpdateType::Created) {
            return Ok(Outcome::Skipped);
        }
        self.create(number, change)
    }

    fn wait(&mut self, change: Change<'_>) -> Outcome {
        let place = (self.batch.transfer, change.key.to_vec());
        let before = self.entity().waiting.get(&place);
        let is_late = before.is_some_and(|before| is_older(change.version, &before.version));
        if is_late || !self.wants(UpdateType::Updated) {
            return Outcome::Skipped;
        }
        let waiting = Waiting { version: change.version.to_vec(), patch: change.patch.to_vec() };
        self.entity().waiting.insert(place, waiting);
        Outcome::Waits
    }

    fn create(&mut self, number: usize, change: Change<'_>) -> Result<Outcome, DestinationError> {
        let batch = self.batch;
        let fields = fields::patched(&fields::of(&batch.target.defaults)?, change.patch)?;
        if let Some(field) = batch.target.required.iter().find(|id| !fields.contains_key(id)) {
            return Ok(self.refuse(number, change, *field, Some(REQUIRED)));
        }
        if let Some(field) = self.entity().conflict(&batch.target.unique, change.key, &fields) {
            return Ok(self.refuse(number, change, field, None));
        }
        let mut row = Row {
            owner: batch.transfer,
            run: batch.run,
            digest: change.digest,
            versions: BTreeMap::new(),
            fields,
        };
        row.see(batch.transfer, change.version);
        let waiting = self.entity().waiting.extract_if(.., |(_, key), _| key == change.key);
        let waiting: Vec<_> = waiting.collect();
        for ((transfer, _), waiting) in waiting {
            let fields = fields::patched(&row.fields, &waiting.patch)?;
            // One that would break a unique field is a reject of its own transfer.
            if let Some(field) = self.entity().conflict(&batch.target.unique, change.key, &fields) {
                let reject = self.reject(number, change, field, None).of_enrichment(transfer);
                self.world.rejects.entry(transfer).or_default().keep(&reject, &waiting.version);
            } else {
                (row.fields, row.digest) = (fields, None);
                row.see(transfer, &waiting.version);
            }
        }
        let entity = self.entity();
        entity.tombstones.remove(change.key);
        entity.rows.insert(change.key.to_vec(), row);
        Ok(Outcome::Created)
    }

    fn refuse(&mut self, number: usize, change: Change<'_>, field: FieldId, reason: Option<&str>) -> Outcome {
        let reject = self.reject(number, change, field, reason);
        self.rejects().keep(&reject, change.version);
        Outcome::Rejected
    }

    fn reject(&self, number: usize, change: Change<'_>, field: FieldId, reason: Option<&str>) -> Reject {
        let mut reject = (self.batch.refuse.0)(number, field);
        if let Some(reason) = reason {
            reason.clone_into(&mut reject.reason);
        }
        reject.key = Some(rejects::written(change.key));
        reject
    }

    fn delete(&mut self, change: Change<'_>) -> Outcome {
        let transfer = self.batch.transfer;
        let is_wanted = self.wants(UpdateType::Deleted);
        let Some(mut row) = self.entity().rows.get(change.key).cloned() else {
            self.bury(change, &[]);
            return if is_wanted { Outcome::Gone } else { Outcome::Skipped };
        };
        let is_ours = row.owner == transfer || (self.owns() && self.is_orphan(row.owner));
        let is_late = is_older(change.version, row.version_of(transfer));
        if is_late || !is_wanted || !is_ours {
            if !is_late && change.version > row.version_of(transfer) {
                row.see(transfer, change.version);
                row.digest = None;
                self.entity().rows.insert(change.key.to_vec(), row);
            }
            return if is_wanted && !is_late { Outcome::Gone } else { Outcome::Skipped };
        }
        if self.batch.defer_deletes {
            row.adopt(transfer);
            self.entity().rows.insert(change.key.to_vec(), row);
            let doomed = self.world.doomed.entry(transfer).or_default();
            let before = doomed.insert(change.key.to_vec(), change.version.to_vec());
            return if before.is_none() { Outcome::Doomed } else { Outcome::Skipped };
        }
        self.entity().rows.remove(change.key);
        self.bury(change, row.version_of(transfer));
        Outcome::Deleted
    }

    /// Remembers that a key is gone, at the version of the deletion or else of its row; what waited for it goes too.
    fn bury(&mut self, change: Change<'_>, shown: &[u8]) {
        let version = if change.version.is_empty() { shown } else { change.version };
        let (transfer, at) = (self.batch.transfer, self.batch.at);
        if !self.owns() {
            self.entity().waiting.remove(&(transfer, change.key.to_vec()));
        } else if self.wants(UpdateType::Deleted) && !version.is_empty() {
            let (version, is_swept) = (version.to_vec(), self.batch.defer_deletes);
            let tombstone = Tombstone { transfer, version, is_swept, at };
            removal::bury(self.entity(), change.key, tombstone);
        }
    }
}
