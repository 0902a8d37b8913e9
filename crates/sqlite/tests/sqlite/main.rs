//! Rows in a file of SQLite.
#![cfg(test)]

mod beside_others;
mod conformance;
mod fixture;
mod preflight;
mod refused;
mod together;
mod types;
