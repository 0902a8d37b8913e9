//! One field of a compiled mapping: where its value comes from, and what is done with it. Nothing is evaluated here.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;
use raccord_model::Ident;
use raccord_model::language::{Field, OnEmpty, OnMissing};
use raccord_model::row::FieldId;

use super::super::transform::Op;
use crate::expression::Expression;
use crate::scalar::Scalar;

/// Where a value comes from.
#[derive(Debug)]
pub(in crate::mapping) enum Input {
    /// A field of the record.
    Slot(usize),
    /// A field of the parent record.
    Parent(usize),
    /// The configuration.
    Constant(Scalar<'static>),
    /// An expression over other inputs.
    Expression(Box<Expression>, Vec<Self>),
}

impl Input {
    /// Adds the fields of the record from which it comes.
    pub(super) fn add_slots(&self, slots: &mut BTreeSet<usize>) {
        match self {
            Self::Slot(slot) => _ = slots.insert(*slot),
            Self::Expression(_, inputs) => inputs.iter().for_each(|input| input.add_slots(slots)),
            Self::Parent(_) | Self::Constant(_) => {}
        }
    }
}

/// One field's way from the record to the row.
#[derive(Debug)]
pub(in crate::mapping) struct Assignment {
    pub(in crate::mapping) name: Ident,
    pub(in crate::mapping) id: FieldId,
    pub(in crate::mapping) input: Input,
    pub(in crate::mapping) transforms: Vec<Op>,
    pub(in crate::mapping) field: Field,
    pub(in crate::mapping) zone: Option<TimeZone>,
    pub(in crate::mapping) on_empty: OnEmpty,
    /// What it means that the record has none of the input's fields; none when that is as being empty.
    pub(in crate::mapping) on_missing: Option<OnMissing>,
    pub(in crate::mapping) is_key: bool,
    pub(in crate::mapping) required: bool,
    pub(in crate::mapping) default: Option<Scalar<'static>>,
}
