//! A record whose row is not there: it is created, waits, or is too late. A row that is created takes in what waited for it.

use raccord_model::classify::{self, Effect, Write};
use raccord_model::port::destination::{Change, REQUIRED, RecordDigest};
use raccord_model::row::{apply_patch, empty_row};

use super::super::rejects::Rejects;
use super::super::unique::{self, Index};
use super::super::{tombstone, waiting};
use super::{BatchWriter, stamp};
use crate::error::StoreError;
use crate::record::{self, Record, Stamp};
use crate::table::Tables;

impl BatchWriter<'_> {
    pub(super) fn upsert_absent(
        &mut self,
        tables: &mut Tables<'_>,
        change: Change<'_>,
    ) -> Result<Effect, StoreError> {
        let tombstone = if self.has_tombstones {
            tombstone::of(&tables.tombstones, &self.key, self.batch.transfer, self.batch.at)?
        } else {
            None
        };
        let verdict = classify::upsert_absent(&self.terms, change, tombstone.as_ref(), &mut self.next)?;
        match verdict.write {
            Write::Create(digest) => self.create(tables, change, digest),
            Write::Refuse(field) => self.refuse(tables, change, field, Some(REQUIRED)),
            Write::Wait => {
                let more = waiting::keep(tables, self.batch, change, self.own_waiting)?;
                self.own_waiting += more.unwrap_or(0);
                Ok(if more.is_some() { verdict.effect } else { Effect::Skipped })
            }
            _ => Ok(verdict.effect),
        }
    }

    /// Creates the row in `next`.
    fn create(
        &mut self,
        tables: &mut Tables<'_>,
        change: Change<'_>,
        digest: Option<RecordDigest>,
    ) -> Result<Effect, StoreError> {
        let fields = &self.batch.target.unique;
        if let Some(field) = unique::conflict(&tables.unique, fields, &self.key, &self.next)? {
            return self.refuse(tables, change, field, None);
        }
        self.value.clear();
        record::begin(&mut self.value, Stamp { digest, ..stamp(self.batch, change) });
        self.value.extend_from_slice(&self.next);
        if !self.waiting.is_empty() {
            self.enrich(tables, change)?;
        }
        if !fields.is_empty() {
            let row = Record::decode(&self.value)?.row;
            unique::replace(
                Index { holders: &mut tables.unique, sharers: &mut tables.sharers },
                fields,
                &self.key,
                empty_row(),
                row,
            )?;
        }
        if self.has_tombstones {
            tombstone::remove_tombstone(tables, &self.key)?;
        }
        self.put(tables)?;
        self.rows += 1;
        Ok(Effect::Created)
    }

    /// Applies the enrichments that waited for the row in `value`. One that would break a unique field is a reject of its
    /// own transfer, which may never show the record again by itself.
    fn enrich(&mut self, tables: &mut Tables<'_>, change: Change<'_>) -> Result<(), StoreError> {
        let inc = self.batch.target.incarnation;
        for &transfer in &self.waiting {
            let Some(enrichment) = waiting::take(tables, inc, transfer, change.key)? else { continue };
            let (version, patch) = enrichment.parts()?;
            self.spare.clear();
            let before = Record::decode(&self.value)?;
            before
                .begin_next(&mut self.spare, Stamp { transfer, run: self.batch.run, version, digest: None });
            let row_at = self.spare.len();
            apply_patch(before.row, patch, &mut self.spare)?;
            let row = self.spare.get(row_at..).unwrap_or_default();
            let conflict = unique::conflict(&tables.unique, &self.batch.target.unique, &self.key, row)?;
            let Some(field) = conflict else {
                std::mem::swap(&mut self.value, &mut self.spare);
                continue;
            };
            let reject = self.reject(change, field, None).of_enrichment(transfer);
            let mut others = Rejects::begin(tables, transfer, self.batch.at, self.batch.keep_rejects.1)?;
            others.keep(tables, &reject, version)?;
            others.end(tables)?;
        }
        Ok(())
    }
}
