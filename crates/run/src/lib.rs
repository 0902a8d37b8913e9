//! One run of one transfer, and what its end means: the job, its pages, the breaker, deliveries, the notices of news.
//!
//! It knows the ports alone, and puts no implementation behind one. What runs when is decided elsewhere, and nothing
//! here is rendered.

pub mod applied;
pub mod aside;
pub mod breaker;
pub mod columns;
pub mod conclude;
pub mod copying;
pub mod deliveries;
mod digest;
pub mod ending;
pub mod entity;
pub mod execute;
pub mod facts;
mod failure;
mod fetching;
mod interrupted;
pub mod job;
pub mod lease;
pub mod mapper;
pub mod moment;
pub mod notice;
pub mod page;
pub mod ports;
mod prepared;
pub mod records;
pub mod rejecting;
mod repeats;
pub mod report;
pub mod runner;
pub mod select;
pub mod shared;
pub mod starts;
pub mod sweep;
pub mod tables;
pub mod unknown;
pub mod vanished;
pub mod window;

pub use ports::{Outside, Ports, RunnerError};
pub use unknown::Unknown;
