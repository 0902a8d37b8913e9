//! Cursors: how far a stream was read, and which slices remain. All of it is a function of rule, configuration, state
//! and time; nothing here asks a service, and nothing is remembered outside of the values that go in and out.

mod clamp;
mod count;
mod datetime;
mod migrate;
mod partitioned;
mod progress;
mod rule;
mod slices;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value, json};

pub(crate) use count::is_less;
pub use count::{CountCursor, CountProgress, CountRule};
pub use datetime::{Bounds, DatetimeCursor, NewRecords};
pub use migrate::Migration;
pub use partitioned::{Partitioned, PartitionedSetup};
pub use progress::{Progress, Span};
pub use rule::DatetimeRule;
pub use slices::Slices;

use crate::error::ReadError;

/// The member that says, alone in a state, that a stream without a cursor was read to its end.
pub const NO_CURSOR: &str = "__ab_no_cursor_state_message";

/// The state of a stream without a cursor once it was read.
pub fn no_cursor_state() -> Value {
    json!({ NO_CURSOR: true })
}

/// The members of a state; none where there is no state.
///
/// # Errors
/// When it is no object.
pub fn state_members(state: Option<&Value>) -> Result<Map<String, Value>, ReadError> {
    match state {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(members)) => Ok(members.clone()),
        Some(_) => Err(wrong_state("it is no object")),
    }
}

pub(super) fn wrong_state(message: &str) -> ReadError {
    ReadError::Settings(format!("the saved state of the stream cannot be used: {message}"))
}
