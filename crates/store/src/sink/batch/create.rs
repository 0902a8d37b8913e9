//! A record whose row is not there: it is created, waits, or is too late. A row that is created takes in what waited for it.

use raccord_model::port::sink::{Change, REQUIRED};
use raccord_model::row::{self, FieldId, apply_patch, empty_row};

use super::super::classify::{self, Absent, Effect};
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
        match classify::absent(self.rules, change.version, tombstone.as_ref()) {
            Absent::Create => self.create(tables, change),
            Absent::Wait => {
                let more = waiting::keep(tables, self.batch, change, self.own_waiting)?;
                self.own_waiting += more.unwrap_or(0);
                Ok(if more.is_some() { Effect::Waits } else { Effect::Skipped })
            }
            Absent::Skip => Ok(Effect::Skipped),
        }
    }

    fn create(&mut self, tables: &mut Tables<'_>, change: Change<'_>) -> Result<Effect, StoreError> {
        self.value.clear();
        record::begin(&mut self.value, stamp(self.batch, change));
        let row_at = self.value.len();
        apply_patch(self.defaults, change.patch, &mut self.value)?;
        let fields = &self.batch.target.unique;
        let row = self.value.get(row_at..).unwrap_or_default();
        if let Some(field) = missing(row, &self.batch.target.required)? {
            return self.refuse(tables, change, field, Some(REQUIRED));
        }
        if let Some(field) = unique::conflict(&tables.unique, fields, &self.key, row)? {
            return self.refuse(tables, change, field, None);
        }
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
        tables.rows.insert(self.key.as_slice(), self.value.as_slice())?;
        self.has_written = true;
        self.rows += 1;
        Ok(Effect::Created)
    }

    /// Applies the enrichments that waited for the row in `value`. One that would break a unique field is lost:
    /// its transfer shows the record again when it changes.
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
            if unique::conflict(&tables.unique, &self.batch.target.unique, &self.key, row)?.is_none() {
                std::mem::swap(&mut self.value, &mut self.spare);
            }
        }
        Ok(())
    }
}

/// The first of the required fields that a row lacks.
fn missing(row: &[u8], required: &[FieldId]) -> Result<Option<FieldId>, StoreError> {
    for &id in required {
        let mut is_there = false;
        for field in row::fields(row)? {
            let field = field?;
            is_there |= field.id == id && !field.is_empty();
        }
        if !is_there {
            return Ok(Some(id));
        }
    }
    Ok(None)
}
