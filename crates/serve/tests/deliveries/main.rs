//! Deliveries of webhooks on a real state file and against a real loopback service: what is pushed ends as what
//! is read would, once, and in the order in which it came.
#![cfg(test)]

mod approving;
#[path = "../configuration/mod.rs"]
mod configuration;
mod draining;
#[path = "../../../daemon/src/embedded.rs"]
mod embedded;
mod fetching;
mod guarding;
mod interrupted;
mod leases;
mod reading;
mod shop;
mod waiting;
