//! Pagination that begins again: after so many records, or when an error handler says so, the pages are read again from
//! the first, with a slice that begins where the records ended. It only knows the rule; the cursor knows the slice.

use serde_json::Value;

use crate::component::{Component, Problem};

/// When pages begin again, and how: a manifest's `PaginationReset`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PaginationReset {
    /// How.
    pub action: ResetAction,
    /// After how many records.
    pub limit: Option<u64>,
}

/// How pages begin again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResetAction {
    /// As they were, once: `RESET`.
    Again,
    /// With a slice that begins at the newest record: `SPLIT_USING_CURSOR`.
    Split,
}

impl PaginationReset {
    /// The rule that a component is.
    ///
    /// # Errors
    /// When its action is not known.
    pub fn build(component: &Component) -> Result<Self, Problem> {
        let action = match component.required("action", component.str("action"))? {
            "RESET" => ResetAction::Again,
            "SPLIT_USING_CURSOR" => ResetAction::Split,
            _ => return Err(component.invalid("action", "it is not known")),
        };
        let limits = component.child("limits");
        let limit = limits.and_then(|limits| limits.get("number_of_records").and_then(Value::as_u64));
        Ok(Self { action, limit })
    }
}
