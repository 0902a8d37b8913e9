//! Fuzzing on stable Rust: mutated samples go into everything that reads what others wrote, each target a test.
//!
//! As tests they run a few seconds at the most; `cargo xtask fuzz SECONDS TARGET` runs one as long as it is told. A
//! panic, more than twenty seconds over one input, or more than a gigabyte of memory fails the test, and leaves the input and the
//! seed under `target/fuzz`.
#![cfg(test)]

mod files;
mod harness;
mod loader;
mod mapping;
mod mutate;
mod plan;
mod rows;
mod samples;
mod webhook;
