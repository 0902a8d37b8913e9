//! Rows in a file of SQLite, and a file as a source.
#![cfg(test)]

mod beside_others;
mod conformance;
mod existing;
mod fixture;
mod preflight;
mod refused;
mod source;
#[path = "../../../../tests/table_source.rs"]
mod table_source;
mod together;
mod types;
mod unaltered;
