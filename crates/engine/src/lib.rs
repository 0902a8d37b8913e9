//! One run, what runs when, the breaker, and every verb: the room that decides.
//!
//! The other rooms do the work: the store keeps, the connectors fetch, the compiler compiles. The engine is
//! one function from a [`Request`] to replies; it renders nothing and exits nowhere.

pub mod access;
pub mod alert;
pub mod applied;
pub mod audit;
pub mod daemon;
pub mod engine;
pub mod environment;
pub mod facts;
pub mod failure;
pub mod http;
pub mod metrics;
pub mod proposal;
pub mod registration;
pub mod reload;
pub mod request;
pub mod run;
pub mod shell;
pub mod sources;
pub mod steps;
pub mod token;
pub mod transport;
pub mod verb;
pub mod watch;

pub use engine::{Engine, EngineError, look_at};
pub use environment::{Environment, System};
pub use failure::{Failure, FailureCode};
pub use raccord_plan as plan;
pub use raccord_store as store;
pub use request::{Look, LookAt, Reply, Request};
