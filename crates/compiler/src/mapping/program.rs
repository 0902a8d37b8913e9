//! A compiled mapping at work: one pass over a record, a key and a patch out, or a reason why not.

mod assignment;
mod outcome;
mod page;
mod part;
mod seen;

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::tz::TimeZone;
use raccord_model::Ident;
use raccord_model::field_path::{FieldPath, Step};
use raccord_model::language::{Field, OnEmpty, OnMissing};
use raccord_model::row::{self, FieldId};

pub(super) use self::assignment::{Assignment, Input};
pub use self::page::PageMapper;
use super::convert::convert;
use crate::scalar::Scalar;
use crate::select::{Found, Selector};

impl Assignment {
    /// Whether a record may leave the field as it is: a row that is created then lacks it, but for its default.
    pub(super) fn may_keep(&self) -> bool {
        let keeps = self.on_empty == OnEmpty::Ignore || self.on_missing == Some(OnMissing::Keep);
        keeps && !self.is_key
    }

    /// Whether the mapping says what becomes of the field when a record lacks it, and that is no reject.
    fn may_be_missing(&self) -> bool {
        let is_reject = matches!(self.on_missing, None | Some(OnMissing::Reject));
        !is_reject && !self.is_key
    }
}

/// A compiled mapping.
#[derive(Debug)]
pub struct Program {
    paths: Vec<FieldPath>,
    selector: Selector,
    /// Of the paths alone from which the key and the cursor come.
    key_selector: Selector,
    parent_selector: Selector,
    /// How many paths lead into the parent.
    parent_paths: usize,
    assignments: Vec<Assignment>,
    /// The assignments of the key fields, in the order of the key.
    key_order: Vec<usize>,
    deleted: Option<Input>,
    version: Option<Input>,
    cursor: Vec<Input>,
    defaults: Vec<u8>,
    /// The same of a record that mentions but a part of its fields.
    partial_defaults: Vec<u8>,
}

/// What a record became. The buffers are used again for the next one.
#[derive(Debug, Default)]
pub struct Mapped {
    /// The key's bytes.
    pub key: Vec<u8>,
    /// The patch; empty for a delete.
    pub patch: Vec<u8>,
    /// The version as bytes that compare; empty without one.
    pub version: Vec<u8>,
}

/// What a record wants of its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// That it is there with these values.
    Upsert,
    /// That it is gone.
    Delete,
}

/// Why a record was rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The field to blame, when one is.
    pub field: Option<Ident>,
    /// Why, one sentence.
    pub reason: String,
    /// The same without the value, for where no data may be kept.
    pub bare: String,
    /// Whether the key could be read before: then it is in [`Mapped::key`].
    pub has_key: bool,
}

impl Program {
    pub(super) fn new(
        paths: Vec<FieldPath>,
        parent_paths: &[FieldPath],
        assignments: Vec<Assignment>,
        key_order: Vec<usize>,
    ) -> Self {
        Self {
            selector: Selector::new(&paths),
            key_selector: Selector::new([]),
            parent_selector: Selector::new(parent_paths),
            parent_paths: parent_paths.len(),
            paths,
            assignments,
            key_order,
            deleted: None,
            version: None,
            cursor: Vec::new(),
            defaults: row::empty_row().to_vec(),
            partial_defaults: row::empty_row().to_vec(),
        }
    }

    pub(super) fn with_marks(
        mut self,
        deleted: Option<Input>,
        version: Option<Input>,
        cursor: Vec<Input>,
    ) -> Self {
        (self.deleted, self.version, self.cursor) = (deleted, version, cursor);
        let keys = self.key_order.iter().map(|&at| &self.assignments[at].input);
        let mut slots = BTreeSet::new();
        keys.chain(&self.cursor).for_each(|input| input.add_slots(&mut slots));
        self.key_selector = Selector::of_some(&self.paths, |slot| slots.contains(&slot));
        self
    }

    pub(super) fn with_defaults(mut self, defaults: &[(FieldId, Field, Scalar<'static>)]) -> Self {
        push_defaults(&mut self.defaults, defaults);
        self
    }

    pub(super) fn with_partial_defaults(mut self, defaults: &[(FieldId, Field, Scalar<'static>)]) -> Self {
        push_defaults(&mut self.partial_defaults, defaults);
        self
    }

    /// The row that a created record begins with of which only a part is known: the defaults of all fields.
    pub fn partial_defaults(&self) -> &[u8] {
        &self.partial_defaults
    }

    /// The required fields without a default, in ascending order: what a record must bring of which only a part is
    /// known, to be created.
    pub fn partial_required(&self) -> Vec<FieldId> {
        let may_lack = |field: &&Assignment| field.required && field.default.is_none() && !field.is_key;
        self.assignments.iter().filter(may_lack).map(|field| field.id).collect()
    }

    /// The row that a created record begins with: the defaults of the fields that are not fed, or not always.
    pub fn defaults(&self) -> &[u8] {
        &self.defaults
    }

    /// The required fields that a record may leave as they are and that have no default, in ascending order: a row
    /// cannot be created without them.
    pub fn required(&self) -> Vec<FieldId> {
        let may_lack = |field: &&Assignment| field.required && field.default.is_none() && field.may_keep();
        self.assignments.iter().filter(may_lack).map(|field| field.id).collect()
    }

    /// The columns that rows must have to be read: of each path, the first step. A column that feeds only fields which may be
    /// missing is none of them.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        let mut needed = BTreeSet::new();
        let fields = self.assignments.iter().filter(|field| !field.may_be_missing());
        let marks = [&self.deleted, &self.version].into_iter().flatten().chain(&self.cursor);
        fields.map(|field| &field.input).chain(marks).for_each(|input| input.add_slots(&mut needed));
        let paths = self.paths.iter().enumerate().filter(move |(slot, _)| needed.contains(slot));
        paths.filter_map(|(_, path)| match path.0.first() {
            Some(Step::Member(name)) => Some(name.as_str()),
            _ => None,
        })
    }

    /// Whether rows are made of the parent record too.
    pub const fn reads_parent(&self) -> bool {
        self.parent_paths > 0
    }

    /// Prepares for the records of one page, which share a header and a parent.
    pub fn page<'p>(&'p self, header: Option<&Arc<[String]>>, parent: Option<&'p [u8]>) -> PageMapper<'p> {
        let mut parent_found = Found::default();
        if let (true, Some(parent)) = (self.parent_paths > 0, parent) {
            // A parent that is not JSON gives no value; what needs one is rejected with its reason.
            drop(self.parent_selector.select(parent, &mut parent_found));
        }
        PageMapper::new(self, header, parent_found)
    }
}

/// Adds defaults to a row.
fn push_defaults(row: &mut Vec<u8>, defaults: &[(FieldId, Field, Scalar<'static>)]) {
    for (id, field, value) in defaults {
        if let Ok(value @ Some(_)) = convert(value.clone(), field, Some(&TimeZone::UTC)) {
            row::push(row, *id, value.as_ref());
        }
    }
}

#[cfg(test)]
mod tests;
