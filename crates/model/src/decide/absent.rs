//! A record whose row is not there: it is created, waits, or is too late. A row that is created takes in what waited for it.

use crate::classify::{self, Effect, KnownTombstone, Write, is_older};
use crate::fact::{Reject, Uid};
use crate::port::destination::{Change, REQUIRED, RecordDigest};
use crate::row::{NotARow, apply_patch};

use super::working::{OtherReject, Stored, Versions, Waiting};
use super::{Pass, Refusal, rejects};

/// How many enrichments of one transfer wait for rows of one entity. Beyond it they are skipped.
pub const WAITING: u64 = 100_000;

impl Pass<'_> {
    pub(super) fn upsert_absent(&mut self, number: usize, change: Change<'_>) -> Result<Effect, NotARow> {
        let tombstone = self.set.tombstones.get(change.key).filter(|it| it.transfer == self.terms.transfer);
        let tombstone =
            tombstone.map(|it| KnownTombstone { version: it.version.clone(), is_swept: it.is_swept });
        let verdict = classify::upsert_absent(&self.terms, change, tombstone.as_ref(), &mut self.next)?;
        match verdict.write {
            Write::Create(digest) => self.create(number, change, digest),
            Write::Refuse(field) => {
                let reason = REQUIRED.to_owned();
                Ok(self.refuse(number, change, Refusal { field: Some(field), reason }))
            }
            Write::Wait => Ok(if self.wait(change) { verdict.effect } else { Effect::Skipped }),
            _ => Ok(verdict.effect),
        }
    }

    /// Lets an enrichment wait; false when a later one does, or too many do.
    fn wait(&mut self, change: Change<'_>) -> bool {
        let place = (change.key.to_vec(), self.terms.transfer);
        match self.set.waiting.get(&place) {
            Some(before) if is_older(change.version, &before.version) => return false,
            Some(_) => {}
            None if self.set.own_waiting >= WAITING => return false,
            None => self.set.own_waiting += 1,
        }
        let waiting = Waiting { version: change.version.to_vec(), patch: change.patch.to_vec() };
        self.set.waiting.set(place, waiting);
        true
    }

    /// Creates the row in `next`.
    fn create(
        &mut self,
        number: usize,
        change: Change<'_>,
        digest: Option<RecordDigest>,
    ) -> Result<Effect, NotARow> {
        if let Some(refusal) = self.refusal(change.key)? {
            return Ok(self.refuse(number, change, refusal));
        }
        let transfer = self.terms.transfer;
        let mut row = Stored {
            owner: transfer,
            run: self.batch.run,
            digest,
            versions: Versions::default(),
            row: std::mem::take(&mut self.next),
            place: 0,
        };
        row.versions.see(transfer, change.version);
        self.enrich((number, change.key), &mut row)?;
        self.set.tombstones.remove(change.key);
        self.put(change.key, Some(row))?;
        Ok(Effect::Created)
    }

    /// Applies the enrichments that waited for a row. One that makes a row of it that cannot be kept is a reject of its own
    /// transfer, which may never show the record again by itself.
    fn enrich(&mut self, (number, key): (usize, &[u8]), row: &mut Stored) -> Result<(), NotARow> {
        let mut waiting: Vec<(Uid, Waiting)> =
            self.set.waiting.iter().filter(|((of, _), _)| of == key).map(of).collect();
        waiting.sort_unstable_by_key(|(transfer, _)| *transfer);
        for (transfer, Waiting { version, patch }) in waiting {
            self.set.waiting.remove(&(key.to_vec(), transfer));
            self.next.clear();
            apply_patch(&row.row, &patch, &mut self.next)?;
            if let Some(refusal) = self.refusal(key)? {
                let reject = self.reject(number, key, refusal).of_enrichment(transfer);
                let (id, kept) = rejects::kept(&reject, version);
                self.set.other_rejects.push(OtherReject { transfer, id, kept });
                continue;
            }
            std::mem::swap(&mut row.row, &mut self.next);
            row.digest = None;
            row.versions.see(transfer, &version);
        }
        Ok(())
    }

    /// Why the row in `next` cannot be kept under a key: another row has one of its unique values, or the database has
    /// refused it.
    pub(super) fn refusal(&self, key: &[u8]) -> Result<Option<Refusal>, NotARow> {
        if let Some(field) = self.set.holders.conflict(&self.batch.target.unique, key, &self.next)? {
            return Ok(Some(Refusal { field: Some(field), reason: String::new() }));
        }
        if self.refused.is_empty() {
            return Ok(None);
        }
        Ok(self.refused.get(&(key.to_vec(), self.next.clone())).cloned())
    }

    /// Rejects what maps but cannot be stored.
    pub(super) fn refuse(&mut self, number: usize, change: Change<'_>, refusal: Refusal) -> Effect {
        let reject = self.reject(number, change.key, refusal);
        rejects::keep(self.set, &reject, change.version);
        Effect::Rejected
    }

    /// The reject of a record that maps but cannot be stored. Without a reason it is the one that a unique field gives.
    fn reject(&self, number: usize, key: &[u8], refusal: Refusal) -> Reject {
        let mut reject = (self.batch.refuse.0)(number, refusal.field.unwrap_or_default());
        if refusal.field.is_none() {
            reject.field = None;
        }
        if !refusal.reason.is_empty() {
            reject.reason = refusal.reason;
        }
        reject.key = Some(rejects::hexadecimal(key));
        reject
    }
}

fn of(((_, transfer), waiting): (&(Vec<u8>, Uid), &Waiting)) -> (Uid, Waiting) {
    (*transfer, waiting.clone())
}
