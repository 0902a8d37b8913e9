//! Webhooks: whether a delivery is the service's own.
//!
//! What a delivery says is read by the compiler's hook, and kept by whoever listens; here are the secrets.

mod authentic;
mod signature;
mod verify;

pub use verify::{Delivery, Refused, Verifier};
