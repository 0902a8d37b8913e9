//! Laws of readings, over a simulated service that caps, shifts, repeats, errs, lags and lies: no run is green that
//! missed a record, no row goes that the service still has, and after enough healthy runs the entity is the truth.
//!
//! The service knows nothing of the reader: it is written from what REST services do. `PROPTEST_CASES` sets another
//! number of cases; `cargo xtask laws` tries new ones.
#![cfg(test)]

#[path = "../configuration/mod.rs"]
mod configuration;
#[path = "../../../daemon/src/embedded.rs"]
mod embedded;
mod form;
mod law;
mod pages;
mod service;
mod tokens;
mod world;
