//! Runs: which transfers run, one run of each, and what it means for the breaker.
//!
//! [`mod@execute`] runs one from its source, [`ending`] judges what it read, [`deliveries`] one from its inbox, [`conclude`] writes what happened,
//! and [`runner`] carries all of it out in a task. What runs when is decided by [`crate::daemon`].

pub mod aside;
pub mod breaker;
pub mod columns;
pub mod conclude;
pub mod deliveries;
pub mod ending;
pub mod execute;
mod fetching;
pub mod job;
pub mod page;
pub mod runner;
pub mod select;
pub mod starts;
pub mod sweep;
pub mod told;
pub mod vanished;
pub mod window;
