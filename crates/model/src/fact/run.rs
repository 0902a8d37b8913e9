//! Runs: what each did, how it ended, and what came of its records.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Hold, Uid};
use crate::name::{EntityRef, Name};
use crate::schema::Instant;

/// The identity of a run; later runs have greater ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct RunId(pub Uuid);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for RunId {
    type Err = uuid::Error;
    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        Uuid::parse_str(text).map(Self)
    }
}

/// How many records came and what became of them.
///
/// `fetched = created + updated + deleted + unchanged + skipped + rejected`, always; `swept` and `newly_rejected` are outside
/// the sum.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Tally {
    /// Records that the source gave.
    pub fetched: u64,
    /// Keys that were not in the entity.
    pub created: u64,
    /// Rows that differed.
    pub updated: u64,
    /// Rows that the record said to delete.
    pub deleted: u64,
    /// Rows that were the same, not written.
    pub unchanged: u64,
    /// Not subscribed, older than what is there, or without a row to enrich.
    pub skipped: u64,
    /// Could not be mapped or stored.
    pub rejected: u64,
    /// Rows deleted because a complete snapshot no longer showed them.
    pub swept: u64,
    /// Of the rejected, those that were not kept as rejects already: what the breaker counts.
    pub newly_rejected: u64,
}

/// How many rows stay although they are to go, because others refer to them. Each is a reject, as long as there is room.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Staying {
    /// That the snapshot did not show.
    pub unseen: u64,
    /// That records said to be deleted.
    pub marked: u64,
    /// How many of both are no reject, because the transfer keeps no more.
    pub further: u64,
}

impl Staying {
    /// Both together.
    pub const fn all(self) -> u64 {
        self.unseen + self.marked
    }
}

impl Tally {
    /// Adds another tally to this one.
    pub const fn add(&mut self, other: &Self) {
        self.fetched += other.fetched;
        self.created += other.created;
        self.updated += other.updated;
        self.deleted += other.deleted;
        self.unchanged += other.unchanged;
        self.skipped += other.skipped;
        self.rejected += other.rejected;
        self.swept += other.swept;
        self.newly_rejected += other.newly_rejected;
    }

    /// Counts what a sweep has done. Of what records said to be deleted, rows that stay were counted as deleted when their records
    /// came, and are rejects.
    pub fn count_swept(&mut self, unseen: u64, staying: Staying) {
        self.swept += unseen;
        let counted = staying.marked.min(self.deleted);
        self.deleted -= counted;
        self.rejected += counted;
    }

    /// Whether every record is accounted for.
    pub const fn is_balanced(&self) -> bool {
        self.fetched
            == self.created + self.updated + self.deleted + self.unchanged + self.skipped + self.rejected
    }
}

/// One execution of a transfer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// Which.
    pub id: RunId,
    /// The transfer's identity.
    pub transfer_uid: Uid,
    /// The transfer's name when it ran.
    pub transfer: Name,
    /// The entity that was written.
    pub to: EntityRef,
    /// The generation that ran.
    pub generation: u64,
    /// Why it began.
    #[serde(default)]
    pub cause: RunCause,
    /// When it began.
    #[schemars(with = "Instant")]
    pub started: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Instant>")]
    pub ended: Option<Timestamp>,
    /// How it ended, or that it is under way.
    pub outcome: RunOutcome,
    /// What it brought.
    pub tally: Tally,
    /// How many pages were read.
    #[serde(default)]
    pub pages: u64,
    /// What became of the parent records, when the data type has a parent.
    #[serde(default, skip_serializing_if = "Parents::is_none")]
    pub parents: Parents,
    /// What a person should know although nothing failed, a sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Of a run that has read everything: the paths of the mapping that no record had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unseen: Option<Vec<String>>,
    /// When deliveries that wait for their record are looked at again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Instant>")]
    pub again: Option<Timestamp>,
    /// Its process was killed, and its store could not be asked what it had committed. It is asked again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub uncounted: bool,
}

impl Run {
    /// Whether it is still to be said how it has ended, or what it had committed. Only a run that was killed stays so.
    pub fn is_left_open(&self) -> bool {
        self.outcome == RunOutcome::Running || self.uncounted
    }
}

/// What became of the parent records whose children a window was to read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Parents {
    /// The children of so many were read.
    pub read: u64,
    /// So many were passed over, as `skip` allows.
    #[serde(skip_serializing_if = "is_zero")]
    pub skipped: u64,
    /// Of these so many whose children may still be there: they were refused with another status than 404 or 410.
    #[serde(skip_serializing_if = "is_zero")]
    pub unproven: u64,
    /// The children of so many could not be read.
    #[serde(skip_serializing_if = "is_zero")]
    pub failed: u64,
    /// Of the skipped and the failed so many that were refused with 401 or 403.
    #[serde(skip_serializing_if = "is_zero")]
    pub refused: u64,
    /// The first that failed, in words, without a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_failure: Option<String>,
}

impl Parents {
    /// Whether there is nothing to tell.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// Why a run began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum RunCause {
    /// A person asked.
    #[default]
    Requested,
    /// A due time had come.
    Scheduled {
        /// Which.
        #[schemars(with = "String")]
        due: Timestamp,
    },
    /// Webhook deliveries waited.
    Deliveries,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum RunOutcome {
    /// It has not ended, or was killed.
    Running,
    /// Its window is complete.
    Succeeded,
    /// It was stopped between two pages; the next run continues.
    Stopped,
    /// It failed.
    Failed {
        /// Why, in words, without a secret.
        error: String,
        /// Whether the service refused our credentials.
        unauthorized: bool,
        /// Whether something ran out on this machine: that says nothing of the service and never disables an
        /// integration.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        local: bool,
        /// Whether it failed for some parents alone, and the children of all others were read. The service works then,
        /// and the breaker does not count it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        partial: bool,
    },
    /// It waits for a person, who approves or lets it be.
    Held(Hold),
}

impl RunOutcome {
    /// One word for tables.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Stopped => "stopped",
            Self::Failed { .. } => "failed",
            Self::Held(_) => "held",
        }
    }

    /// Why it is held, when it is.
    pub const fn hold(&self) -> Option<&Hold> {
        if let Self::Held(hold) = self { Some(hold) } else { None }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form in which serde asks")]
pub(crate) const fn is_zero(count: &u64) -> bool {
    *count == 0
}
