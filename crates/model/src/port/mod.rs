//! The ports: what the engine asks of the store and of the connectors. Traits and the values they pass.
//!
//! No transaction handle ever crosses a port, and no port assumes a local file: a shared state or another
//! destination can stand behind the same traits.

pub mod alert;
pub mod authorization;
pub mod copying;
pub mod destination;
pub mod environment;
pub mod exhausted;
pub mod identity;
pub mod inbox;
pub mod lease;
pub mod ledger;
pub mod queue;
pub mod records;
pub mod source;
pub mod state;
pub mod upkeep;
pub mod vault;
pub mod webhook;

use std::future::Future;
use std::pin::Pin;

/// What an asynchronous method of a port returns.
pub type Async<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The error of an implementation, kept as the source of the port's own error.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;
