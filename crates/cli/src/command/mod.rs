//! The verbs: one file each, or a few that belong together. A file holds the arguments, whose comments are
//! the help, and the function that asks the engine and prints the answer.

pub(crate) mod alert;
pub(crate) mod apply;
pub(crate) mod audit;
pub(crate) mod authorize;
pub(crate) mod completions;
pub(crate) mod connector;
pub(crate) mod connectors;
pub(crate) mod deliveries;
mod drift;
pub(crate) mod explain;
pub(crate) mod export;
pub(crate) mod graph;
pub(crate) mod history;
pub(crate) mod init;
pub(crate) mod man;
pub(crate) mod new;
pub(crate) mod operate;
pub(crate) mod plan;
pub(crate) mod preview;
pub(crate) mod records;
pub(crate) mod reference;
pub(crate) mod rejects;
pub(crate) mod rollback;
pub(crate) mod run;
pub(crate) mod runs;
pub(crate) mod schema;
pub(crate) mod source;
pub(crate) mod state;
pub(crate) mod status;
pub(crate) mod token;
pub(crate) mod validate;
pub(crate) mod watch;
