//! The daemon as a value: what it knows, what can happen to it, and what follows. Pure.
//!
//! [`step()`] takes a [`State`] and an [`Event`] and gives the next state and [`Effect`]s; a shell carries the effects
//! out and tells how they went. It knows names, identities and times: pages, rows and plans never pass through
//! it, and it reads neither a clock nor a file. `raccord run` is the same function under [`Policy::Once`].

mod cron;
pub mod effect;
pub mod event;
mod group;
mod outbox;
mod queue;
mod reload;
mod retry;
mod runs;
pub mod schedule;
pub mod standing;
pub mod state;
mod tracked;
mod transition;

pub use effect::{Cause, Effect};
pub use event::{ApplyEnd, Event, Loaded, RunEnd, UnderWay, Verdict};
pub use standing::{Readiness, RequestId, TransferState, View};
pub use state::{Policy, State};
pub use transition::step;

#[cfg(test)]
mod tests;
