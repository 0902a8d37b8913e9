//! Laws of the whole engine on a real state file: what holds for every configuration and every record.
//!
//! The number of cases is moderate; `PROPTEST_CASES` sets another.
#![cfg(test)]

mod applying;
#[path = "../configuration/mod.rs"]
mod configuration;
#[path = "../../../daemon/src/embedded.rs"]
mod embedded;
mod running;
mod shape;
mod shifting;
mod state;
