//! What is known of an integration beside its configuration: failures, rejects, warnings, trips and pauses.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Uid;
use crate::name::Name;

/// What is known of an integration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IntegrationFact {
    /// Why and when the breaker disabled it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trip: Option<Trip>,
    /// A person's wish that it stand still for a while.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<Pause>,
    /// New rejects by minute (Unix minutes), as far back as the breaker looks.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rejects: BTreeMap<i64, u64>,
    /// What people were warned of already.
    #[serde(default, skip_serializing_if = "Warned::is_empty")]
    pub warned: Warned,
}

/// Which of the breaker's limits people know to be half used up; they are told once, until it is over.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Warned {
    /// That of failures, by transfer.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub failures: BTreeSet<Uid>,
    /// That of rejects.
    pub rejects: bool,
}

impl Warned {
    /// Whether there is nothing to remember.
    pub fn is_empty(&self) -> bool {
        !self.rejects && self.failures.is_empty()
    }
}

/// Why and when the breaker disabled an integration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Trip {
    /// When.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// The transfer whose failures or rejects it was.
    pub transfer: Name,
    /// Why.
    pub cause: TripCause,
    /// The last errors, newest first, in words.
    pub errors: Vec<String>,
}

/// Why the breaker disabled an integration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum TripCause {
    /// So many runs in a row failed.
    ConsecutiveFailures(u32),
    /// So many records were rejected within so many seconds.
    Rejects(u64, u64),
    /// The service refused our credentials.
    Unauthorized,
}

impl fmt::Display for TripCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ConsecutiveFailures(count) => write!(f, "{count} failed runs in a row"),
            Self::Rejects(count, within) => {
                let within = if *within == 0 {
                    String::new()
                } else {
                    format!(" within {}", crate::duration::Seconds(*within))
                };
                write!(f, "{count} records rejected{within}")
            }
            Self::Unauthorized => f.write_str("the service refused our credentials"),
        }
    }
}

/// A person's wish that an integration stand still.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Pause {
    /// Since when.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// Until when; without one, until it is resumed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub until: Option<Timestamp>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
