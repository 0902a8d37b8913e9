//! The verbs, one file each or a few that belong together. Each answers through replies and prints nothing.

pub mod alert;
pub mod applied;
pub mod apply;
pub mod approve;
pub mod audit;
pub mod authorize;
pub mod deliveries;
pub mod discover;
pub mod explain;
pub mod facts;
pub mod history;
pub mod operate;
pub mod overview;
mod patience;
mod pending_deletions;
pub mod plan;
pub mod preview;
pub mod prove;
pub mod records;
pub mod reject_groups;
pub mod rejects;
pub mod run;
pub mod sample;
pub mod source;
pub mod standing;
pub mod status;
pub mod store;
pub mod token;
pub mod upkeep;

pub use patience::Bounds;
