//! What is told of runs while they are under way, and at their end. Values alone.

use raccord_model::Name;
use raccord_model::fact::{Run, Tally};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How far a run is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// The transfer that runs.
    pub transfer: Name,
    /// What it has brought.
    pub tally: Tally,
    /// How many pages that took.
    pub pages: u64,
}

/// What ran and what did not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunReport {
    /// The runs, in the order of their ends.
    pub runs: Vec<Run>,
    /// What did not run, and why.
    pub skipped: Vec<(Name, String)>,
    /// The integrations asked for of which nothing runs until a person does something, and why: they are disabled or
    /// paused, be it since a moment ago.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocked: Vec<(Name, String)>,
    /// Which transfers were stopped and will not continue by themselves, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ended: Vec<(Name, String)>,
    /// What else a person should know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Why alerts wait, when some could not be delivered at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undelivered: Option<String>,
}
