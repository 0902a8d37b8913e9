//! Upkeep: what an operator does to a state as a whole. Looks at it, copies it, and never changes what it holds.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Async, Cause};

/// What a state holds, in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Info {
    /// Where it is.
    pub path: PathBuf,
    /// How many bytes it has.
    pub file_size: u64,
    /// The version of its layout.
    pub format: u32,
    /// Which state it is, from its first moment.
    pub lineage: Uuid,
    /// How many applies it has seen.
    pub serial: u64,
    /// The generation in force.
    pub generation: u64,
    /// How many resources the generation has.
    pub resources: u64,
    /// How many rows it keeps, of all entities.
    pub rows: u64,
    /// How many rejects it keeps, of all transfers.
    pub rejects: u64,
}

/// How many problems are listed; more say nothing new.
const LISTED: usize = 100;

/// What a check has found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CheckReport {
    /// What does not agree, in words; the first hundred.
    pub problems: Vec<String>,
    /// How many problems there are.
    pub count: u64,
    /// How many rows were looked at.
    pub rows: u64,
    /// How many resources were looked at.
    pub resources: u64,
    /// How many facts were looked at.
    pub facts: u64,
    /// How many rejects were looked at.
    pub rejects: u64,
    /// How many sealed secrets were looked at.
    #[serde(default)]
    pub secrets: u64,
    /// How many of them could not be opened because their key is not here.
    #[serde(default)]
    pub unopened: u64,
}

impl CheckReport {
    /// Whether everything agrees.
    pub const fn is_sound(&self) -> bool {
        self.count == 0
    }

    /// Adds a problem.
    pub fn problem(&mut self, text: impl FnOnce() -> String) {
        self.count += 1;
        if self.problems.len() < LISTED {
            self.problems.push(text());
        }
    }
}

/// Looks after a state.
pub trait Upkeep: Send + Sync {
    /// What it holds.
    fn info(&self) -> Async<'_, Result<Info, UpkeepError>>;
    /// Looks at the whole of it. No other operation reads or writes meanwhile.
    fn check(&self) -> Async<'_, Result<CheckReport, UpkeepError>>;
    /// Whether it is still where it was opened: it may have been removed, renamed or replaced since.
    fn in_place(&self) -> Async<'_, Result<(), UpkeepError>>;
    /// Copies it into a new file, of one consistent moment; others read and write meanwhile.
    fn backup(&self, to: PathBuf) -> Async<'_, Result<(), UpkeepError>>;
}

/// Why a state could not be looked after. The cause says what was tried.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct UpkeepError(pub Cause);
