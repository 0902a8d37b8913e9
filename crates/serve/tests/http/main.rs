//! The HTTP side over real loopback connections: who may ask what, what comes back, and what is too much.
//!
//! The engine and its store are real; what only a daemon has is a stage that does as a test says.
#![cfg(test)]

mod applied;
mod asking;
mod audit;
mod console;
mod data;
#[path = "../../../daemon/src/embedded.rs"]
mod embedded;
#[path = "../../../../tests/foreign_corpus.rs"]
mod foreign_corpus;
mod guards;
mod hooks;
mod limits;
mod pages;
mod reads;
mod routes;
mod sign_in;
mod size;
mod stage;
mod tls;
