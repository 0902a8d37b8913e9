//! Requests and verbs, the local socket, the HTTP API, webhooks and metrics: everything that is asked and answered.
//!
//! One function leads from a [`Request`] to replies, whatever the transport; nothing is rendered here, and nothing
//! decides what runs when.

pub mod access;
mod attempts;
pub mod audit;
pub mod console;
pub mod daemon;
pub mod dispatch;
#[cfg(test)]
#[path = "../../daemon/src/embedded.rs"]
mod embedded;
pub mod failure;
pub mod http;
pub mod metrics;
mod network;
mod openid;
mod places;
pub mod proposal;
pub mod reply;
pub mod request;
mod serving;
pub mod standby;
pub mod token;
pub mod transport;
pub mod verb;
pub mod watch;

pub use dispatch::{Dispatcher, look_at};
pub use failure::{Failure, FailureCode};
pub use raccord_plan as plan;
pub use reply::RequestError;
pub use request::{Look, LookAt, Reply, Request};
