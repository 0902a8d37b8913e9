//! What applying a configuration would do, and the one commit that does it: `(Desired, Current) -> Plan ->
//! Commit`.
//!
//! Everything here is a pure function of its arguments. Nothing reads a file, a clock or a random number:
//! timestamps and new identities are passed in, and the commit is carried out elsewhere.

mod commit;
mod compare;
mod current;
mod diff;
mod effect;
mod entity;
mod folder;
mod history;
mod lost;
mod pairing;
mod pause;
mod plan;
mod reference;
mod refusal;
pub mod saved;
mod table;
mod target;
mod trip;
mod waiting;
mod webhook;
mod world;

#[cfg(test)]
mod tests;

pub use commit::{Apply, CommitError, Prepared, commit};
pub use current::{Current, Facts, Needs, Waiting, needs};
pub use diff::{DiffError, Options, diff};
pub use entity::entity_after;
pub use history::{KEPT_GENERATIONS, RestoreError, RollbackError, prune, restore, rollback};
pub use lost::{Lost, LostRows};
pub use plan::{
    Change, DataEffect, FieldChange, Note, PLAN_VERSION, Plan, Subject, Summary, TOOL, TablePlan,
};
pub use refusal::{Refusal, loses};
pub use table::prepare;
pub use webhook::{Registration, WEBHOOK_STEPS, registrations};
