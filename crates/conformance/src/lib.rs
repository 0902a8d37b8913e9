//! What every destination must do, as tests: examples, and generated steps that a reference in memory takes as well.
//! It is for the tests of the crates that implement the ports, and is part of no program; nothing here knows how any
//! destination keeps its rows.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "the crate is a test: what is not as it must be fails it"
)]

pub mod fixture;
pub mod generated;
pub mod keyed;
pub mod lasting;
pub mod reference;
pub mod state;
mod subject;
pub mod suite;
pub mod tables;
pub mod values;

pub use state::StateSubject;
pub use subject::Subject;

/// Runs something to its end on this thread, inside a runtime as destinations expect one.
pub fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}
