//! What becomes of a field that has no value, and why a record is rejected: pure, from the assignment and the value to a
//! sentence. No reason holds a value in its bare form.

use jiff::tz::TimeZone;
use raccord_model::Ident;
use raccord_model::language::{OnEmpty, OnMissing};
use raccord_model::port::destination::REQUIRED;
use raccord_model::value::Value;

use super::super::convert::{convert, shown};
use super::super::mark;
use super::{Assignment, Rejection};
use crate::scalar::Scalar;

/// What an empty value means for a field.
pub(super) fn empty(assignment: &Assignment) -> Result<Outcome<'_>, Rejection> {
    emptied(assignment, assignment.on_empty)
}

fn emptied(assignment: &Assignment, policy: OnEmpty) -> Result<Outcome<'_>, Rejection> {
    let blame = |reason: &str| rejection(Some(&assignment.name), reason.to_owned());
    match policy {
        OnEmpty::Ignore => Ok(Outcome::Keep),
        OnEmpty::Reject => Err(blame("the value is empty, and `onEmpty` says reject")),
        OnEmpty::Clear if assignment.required && assignment.default.is_none() => Err(blame(REQUIRED)),
        OnEmpty::Clear if !assignment.required => Ok(Outcome::Clear),
        OnEmpty::Clear | OnEmpty::Default => {
            let default = assignment.default.clone().unwrap_or(Scalar::Empty);
            match convert(default, &assignment.field, Some(&TimeZone::UTC)) {
                Ok(Some(value)) => Ok(Outcome::Value(value)),
                _ => Ok(Outcome::Clear),
            }
        }
    }
}

/// What it means for a field that the record does not have it.
pub(super) fn missing(assignment: &Assignment, policy: OnMissing) -> Result<Outcome<'_>, Rejection> {
    match policy {
        OnMissing::Keep => Ok(Outcome::Keep),
        OnMissing::Clear => emptied(assignment, OnEmpty::Clear),
        OnMissing::Default => emptied(assignment, OnEmpty::Default),
        OnMissing::Reject => {
            let reason = "the record does not have the field, and `onMissing` says reject".to_owned();
            Err(rejection(Some(&assignment.name), reason))
        }
    }
}

/// What becomes of one field of a row.
pub(super) enum Outcome<'a> {
    Value(Value<'a>),
    Clear,
    Keep,
}

pub(super) fn rejection(field: Option<&Ident>, reason: String) -> Rejection {
    Rejection { field: field.cloned(), bare: reason.clone(), reason, has_key: false }
}

/// The same rejection, once the key could be read.
pub(super) fn has_key(mut rejection: Rejection) -> Rejection {
    rejection.has_key = true;
    rejection
}

/// The rejection of a value that does not fit its field; `why` completes "the value …".
pub(super) fn misfit(assignment: &Assignment, value: &Scalar<'_>, why: &str) -> Rejection {
    Rejection {
        field: Some(assignment.name.clone()),
        reason: format!("the value {} {why}", shown(value)),
        bare: format!("the value {why}"),
        has_key: false,
    }
}

/// The rejection of a record whose deletion mark says neither.
pub(super) fn unclear_mark(value: &Scalar<'_>) -> Rejection {
    let why = format!("does not say whether the record is deleted: {}", mark::LIST);
    Rejection {
        field: None,
        reason: format!("the value {} of the field in `deletes` {why}", shown(value)),
        bare: format!("the value of the field in `deletes` {why}"),
        has_key: false,
    }
}
