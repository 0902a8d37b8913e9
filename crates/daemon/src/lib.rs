//! What runs when, and where the configuration comes from: the pure `step`, the shell around it, reloads, applies,
//! alerts.
//!
//! It knows runs and the ports, and never a server: what is served of it is decided above.

pub mod alert;
pub mod apply;
#[cfg(test)]
mod embedded;
pub mod error;
pub mod observer;
pub mod plan;
pub mod registration;
pub mod reload;
pub mod shell;
pub mod step;
pub mod steps;
pub mod tables;
pub mod worker;

pub use error::DaemonError;
