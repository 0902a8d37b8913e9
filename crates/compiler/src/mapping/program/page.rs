//! Maps the records of one page: what was found in each, its key, its version and its patch. Which paths there are and what each
//! field does with a value, the program says.

use std::borrow::Cow;
use std::sync::Arc;

use raccord_model::field_path::Step;
use raccord_model::port::records::{Record, Row, TableRow};
use raccord_model::row;
use raccord_model::value::Value;
use raccord_model::version;

use super::super::{convert::convert, mark, transform};
use super::outcome::{Outcome, empty, has_key, misfit, missing, rejection, unclear_mark};
use super::part;
use super::{Assignment, Input, Mapped, Program, Rejection, Wanted};
use crate::scalar::Scalar;
use crate::select::{Found, Selector};

/// Maps the records of one page.
#[derive(Debug)]
pub struct PageMapper<'p> {
    pub(super) program: &'p Program,
    columns: Option<Vec<Option<usize>>>,
    /// Whether each path leads to a member or to the whole record, so that what a row of a table has is found by its place.
    is_flat: bool,
    row: Option<Row<'p>>,
    found: Found<'p>,
    parent: Found<'p>,
    /// By slot: whether a record so far had the path.
    seen: Vec<bool>,
    /// The record in hand, when it mentions only what has changed.
    part: Option<&'p [u8]>,
    /// The record that the one in hand stands in, when it does.
    outer: Option<&'p [u8]>,
    /// Room for the values of the next key.
    key_values: Vec<Value<'p>>,
}

impl<'p> PageMapper<'p> {
    /// For the records of a page with this header, whose parent record has these values.
    pub(super) fn new(program: &'p Program, header: Option<&Arc<[String]>>, parent: Found<'p>) -> Self {
        Self {
            program,
            columns: header.map(|header| Selector::columns(&program.paths, header)),
            is_flat: program.paths.iter().all(|path| matches!(path.0.as_slice(), [] | [Step::Member(_)])),
            row: None,
            found: Found::default(),
            parent,
            seen: vec![false; program.paths.len()],
            part: None,
            outer: None,
            key_values: Vec::new(),
        }
    }

    /// By slot: whether a record of the page so far had the path.
    pub fn seen(&self) -> &[bool] {
        &self.seen
    }

    /// Maps a record that mentions only what has changed: a field of which something is missing keeps what it has.
    pub fn map_partial(&mut self, record: Record<'p>, out: &mut Mapped) -> Result<Wanted, Rejection> {
        self.part = Some(part::text(record));
        let mapped = self.map(record, out);
        self.part = None;
        mapped
    }

    /// Maps one record into the buffers.
    pub fn map(&mut self, record: Record<'p>, out: &mut Mapped) -> Result<Wanted, Rejection> {
        let key = self.key_and_version(record, out)?;
        if let Some(deleted) = &self.program.deleted {
            let value = self.input(deleted).map_err(|reason| has_key(rejection(None, reason)))?;
            match mark::is_deleted(&value) {
                Some(true) => return Ok(Wanted::Delete),
                Some(false) => {}
                None => return Err(has_key(unclear_mark(&value))),
            }
        }
        self.patch(&key, out).map_err(has_key)?;
        self.key_values = key;
        Ok(Wanted::Upsert)
    }

    /// Maps the key and the version alone, of a record that is known to be deleted: often nothing else of it is
    /// left.
    pub fn map_key(&mut self, record: Record<'p>, out: &mut Mapped) -> Result<Wanted, Rejection> {
        self.key_and_version(record, out)?;
        Ok(Wanted::Delete)
    }

    /// Reads the key and the cursor alone; returns whether the record has a key. It may be another key than the one that
    /// [`Self::map`] finds, where a member comes twice. The cursor is the same.
    pub fn read_key(&mut self, record: Record<'p>, out: &mut Mapped) -> bool {
        out.key.clear();
        let selector = &self.program.key_selector;
        match record {
            Record::Json(raw) if self.program.cursor.is_empty() => {
                self.row = None;
                selector.guess(raw, &mut self.found) && self.key(out).is_ok()
            }
            Record::Json(_) | Record::Nested { .. } | Record::Row(_) | Record::TableRow(_) => {
                self.read_by(selector, record).is_ok() && self.key(out).is_ok()
            }
        }
    }

    /// Looks which paths a record has; returns whether every path was seen by now.
    pub fn look(&mut self, record: Record<'p>) -> bool {
        // One that is not JSON has none of them.
        drop(self.read(record));
        self.seen.iter().all(|seen| *seen)
    }

    /// Whether every path was seen by now.
    pub fn has_seen_all(&self) -> bool {
        self.seen.iter().all(|seen| *seen)
    }

    /// The values of a record's key that come from the record, and not from the configuration; as text.
    pub fn key_texts(&mut self, record: Record<'p>) -> Result<Vec<String>, Rejection> {
        self.read(record)?;
        let mut texts = Vec::new();
        for &at in &self.program.key_order {
            let assignment = &self.program.assignments[at];
            if matches!(assignment.input, Input::Constant(_)) {
                continue;
            }
            let Outcome::Value(value) = self.value(assignment)? else {
                return Err(rejection(Some(&assignment.name), "the key field is empty".to_owned()));
            };
            texts.push(value.to_text());
        }
        Ok(texts)
    }

    /// Begins with a record: returns the values of its key. The bytes of both are in the buffers.
    fn key_and_version(&mut self, record: Record<'p>, out: &mut Mapped) -> Result<Vec<Value<'p>>, Rejection> {
        out.key.clear();
        out.patch.clear();
        out.version.clear();
        self.read(record)?;
        let key = self.key(out)?;
        if let Some(input) = &self.program.version {
            let value = self.input(input).map_err(|reason| has_key(rejection(None, reason)))?;
            if let Some(text) = value.as_text() {
                version::push(&mut out.version, &text);
            }
        }
        Ok(key)
    }

    /// The cursor's value in the record that was mapped last: of the first of its fields that is there.
    pub fn cursor(&self) -> Option<Scalar<'_>> {
        let mut values = self.program.cursor.iter().filter_map(|input| self.input(input).ok());
        values.find(|value| *value != Scalar::Empty)
    }

    fn read(&mut self, record: Record<'p>) -> Result<(), Rejection> {
        self.read_by(&self.program.selector, record)?;
        match record {
            Record::Json(_) | Record::Nested { .. } | Record::TableRow(_) => {
                for (seen, found) in self.seen.iter_mut().zip(&self.found.values) {
                    *seen |= found.is_some();
                }
            }
            // A row has what its header has.
            Record::Row(_) => {
                let columns = self.columns.iter().flatten();
                self.seen.iter_mut().zip(columns).for_each(|(seen, column)| *seen |= column.is_some());
            }
        }
        Ok(())
    }

    fn read_by(&mut self, selector: &Selector, record: Record<'p>) -> Result<(), Rejection> {
        if let Some(outer) = record.outer() {
            self.stand_in(outer);
        }
        match record {
            Record::Json(raw) | Record::Nested { raw, .. } => self.select(selector, raw)?,
            Record::TableRow(row) if self.is_flat => self.take(row),
            Record::TableRow(row) => self.select(selector, row.raw().as_bytes())?,
            Record::Row(row) => self.row = Some(row),
        }
        Ok(())
    }

    fn select(&mut self, selector: &Selector, raw: &'p [u8]) -> Result<(), Rejection> {
        self.row = None;
        let selected = selector.select(raw, &mut self.found);
        selected.map_err(|error| rejection(None, format!("the record is {error}")))
    }

    /// Takes what a row of a table has, each value from its place.
    fn take(&mut self, row: TableRow<'p>) {
        self.row = None;
        let columns = self.columns.iter().flatten().zip(&self.program.paths);
        self.found.take(columns.map(|(column, path)| match column {
            Some(column) => row.value(*column),
            None => path.0.is_empty().then(|| row.raw()),
        }));
    }

    /// Whether the record has nothing at the place of an input; of an expression, at none of its places.
    pub(super) fn is_missing(&self, input: &Input) -> bool {
        match input {
            Input::Slot(slot) => !self.has(*slot),
            Input::Parent(slot) => self.parent.values.get(*slot).copied().flatten().is_none(),
            Input::Constant(_) => false,
            Input::Expression(_, inputs) => {
                !inputs.is_empty() && inputs.iter().all(|input| self.is_missing(input))
            }
        }
    }

    /// Whether the record has a path.
    pub(super) fn has(&self, slot: usize) -> bool {
        let Some(row) = self.row else {
            return self.found.values.get(slot).copied().flatten().is_some();
        };
        let column = self.columns.as_ref().and_then(|columns| columns.get(slot).copied().flatten());
        column.is_some_and(|column| row.cell(column).is_some())
            || self.program.paths.get(slot).is_some_and(|path| path.0.is_empty())
    }

    /// Takes the record that the next one stands in as its parent; those that stand in one share what was found.
    fn stand_in(&mut self, outer: &'p [u8]) {
        if self.program.parent_paths > 0 && !self.outer.is_some_and(|known| std::ptr::eq(known, outer)) {
            // Of a parent that is not JSON no value is found; what needs one is rejected with its reason.
            drop(self.program.parent_selector.select(outer, &mut self.parent));
        }
        self.outer = Some(outer);
    }

    /// The value of an input, before any transform.
    fn input(&self, input: &'p Input) -> Result<Scalar<'p>, String> {
        Ok(match input {
            Input::Slot(slot) => self.slot(*slot),
            Input::Parent(slot) => {
                self.parent.values.get(*slot).copied().flatten().map_or(Scalar::Empty, Scalar::from_json)
            }
            Input::Constant(value) => value.clone(),
            Input::Expression(expression, inputs) => {
                let values = inputs.iter().map(|input| self.input(input)).collect::<Result<Vec<_>, _>>()?;
                expression.evaluate(&values).map_err(|error| format!("the expression failed: {error}"))?
            }
        })
    }

    fn slot(&self, slot: usize) -> Scalar<'p> {
        let Some(row) = self.row else {
            return self.found.values.get(slot).copied().flatten().map_or(Scalar::Empty, Scalar::from_json);
        };
        if self.program.paths.get(slot).is_some_and(|path| path.0.is_empty()) {
            return Scalar::Object(Cow::Owned(Record::Row(row).to_json()));
        }
        let column = self.columns.as_ref().and_then(|columns| columns.get(slot).copied().flatten());
        column.and_then(|column| row.cell(column)).map_or(Scalar::Empty, Scalar::text)
    }

    /// The values of the key fields, in the order of the key; their bytes go to the buffer.
    fn key(&mut self, out: &mut Mapped) -> Result<Vec<Value<'p>>, Rejection> {
        let mut values = std::mem::take(&mut self.key_values);
        values.clear();
        for &at in &self.program.key_order {
            let assignment = &self.program.assignments[at];
            let blame = |reason| rejection(Some(&assignment.name), reason);
            let Outcome::Value(value) = self.value(assignment)? else {
                return Err(blame(format!("the key field `{}` is empty", assignment.name)));
            };
            row::push_key(&mut out.key, &value).map_err(|error| blame(format!("the key {error}")))?;
            values.push(value);
        }
        Ok(values)
    }

    fn patch(&self, key: &[Value<'p>], out: &mut Mapped) -> Result<(), Rejection> {
        row::begin(&mut out.patch);
        for (at, assignment) in self.program.assignments.iter().enumerate() {
            if assignment.is_key {
                let part = self.program.key_order.iter().position(|&key_at| key_at == at);
                row::push(&mut out.patch, assignment.id, part.and_then(|part| key.get(part)));
                continue;
            }
            match self.value(assignment)? {
                Outcome::Value(value) => row::push(&mut out.patch, assignment.id, Some(&value)),
                Outcome::Clear => row::push(&mut out.patch, assignment.id, None),
                Outcome::Keep => {}
            }
        }
        Ok(())
    }

    /// What becomes of one field: transforms, type, and what emptiness means.
    fn value(&self, assignment: &'p Assignment) -> Result<Outcome<'p>, Rejection> {
        let blame = |reason| rejection(Some(&assignment.name), reason);
        if self.part.is_some_and(|part| !assignment.is_key && !self.mentions(part, &assignment.input)) {
            return Ok(Outcome::Keep);
        }
        if let Some(policy) = assignment.on_missing
            && self.is_missing(&assignment.input)
        {
            return missing(assignment, policy);
        }
        let input = self.input(&assignment.input).map_err(blame)?;
        let value = if assignment.transforms.is_empty() {
            input
        } else {
            let transformed = transform::run(&assignment.transforms, input.clone());
            transformed.map_err(|why| misfit(assignment, &input, &why))?
        };
        if value != Scalar::Empty {
            let converted = convert(value.clone(), &assignment.field, assignment.zone.as_ref());
            return match converted {
                Ok(Some(value)) => Ok(Outcome::Value(value)),
                Ok(None) => empty(assignment),
                Err(error) => Err(misfit(assignment, &value, &error.to_string())),
            };
        }
        empty(assignment)
    }
}
