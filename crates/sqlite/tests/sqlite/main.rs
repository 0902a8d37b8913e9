//! Rows in a file of SQLite.

mod beside_others;
mod conformance;
mod fixture;
mod preflight;
mod refused;
mod types;
