//! Webhooks: whether a delivery is the service's own, and how the service is told where to push.
//!
//! What a delivery says is read by the compiler's hook, and kept by the daemon; here are the secrets.

mod authentic;
mod register;
mod signature;
mod verify;

pub use register::{Announcement, register, unregister};
pub use verify::{Delivery, Refused, SignatureHeaders, Verifier};
