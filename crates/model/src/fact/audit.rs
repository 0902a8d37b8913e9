//! The audit log: who changed something, and who was not allowed to. Bounded, and never rewound.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::Instant;

/// One entry: who did what, over which way, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntry {
    /// When it was asked.
    #[schemars(with = "Instant")]
    pub at: Timestamp,
    /// Who: the name of a token, or of a user of the machine.
    pub who: String,
    /// Over which way.
    pub way: AuditWay,
    /// What was asked, in words.
    pub what: String,
    /// What came of it.
    pub outcome: AuditOutcome,
}

/// Over which way the caller asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum AuditWay {
    /// On the machine itself.
    Local,
    /// With a token, over HTTP.
    Http,
}

impl AuditWay {
    /// One word for tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Http => "http",
        }
    }
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum AuditOutcome {
    /// It was done; what there is to say of it.
    Done(String),
    /// It was allowed and failed; why.
    Failed(String),
    /// It was not allowed; why.
    Refused(String),
}

impl AuditOutcome {
    /// One word for tables.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Done(_) => "done",
            Self::Failed(_) => "failed",
            Self::Refused(_) => "refused",
        }
    }

    /// What there is to say of it.
    pub fn detail(&self) -> &str {
        match self {
            Self::Done(text) | Self::Failed(text) | Self::Refused(text) => text,
        }
    }
}
