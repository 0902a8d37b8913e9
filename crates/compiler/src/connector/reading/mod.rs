//! How far a data type was read: where a window over the source's changes begins, how far it may move the cursor, and
//! what of it is kept between two runs.
//!
//! Pure. What is kept is a [`SourceState`](raccord_model::checkpoint::SourceState) that only this module reads; it says
//! nothing of rows, and never decides whether a window counts: the run does.

mod progress;
mod rules;
mod state;
#[cfg(test)]
mod tests;
mod told;
mod values;

pub use progress::{PageRead, Progress};
pub use rules::Rules;
pub use state::describe;
pub use told::{Told, cut_off};
pub use values::{Ahead, Seen, Unread, Values};
