//! Facts: what has happened, as opposed to what is wanted. Identities, generations, runs, trips, pauses.
//!
//! They are kept by the state as versioned JSON of small size; an apply never rewinds them.

mod audit;
mod notice;
mod token;
mod told;
mod webhook;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::canonical::Digest;
use crate::key::Key;
use crate::name::{EntityRef, Ident, Name};
use crate::plan::Action;
use crate::row::FieldId;
use crate::schema::Instant;

pub use audit::{AuditEntry, AuditOutcome, AuditWay};
pub use notice::{Channel, Notice, NoticeAbout, Share};
pub use token::{Role, Token, TokenUse, UnknownRole};
pub use told::ToldFact;
pub use webhook::WebhookFact;

/// The version of the form in which facts are kept.
const FACT_VERSION: u8 = 1;

/// A fact as the state keeps it: its JSON, and beside its members the version of the form.
pub fn write<T: Serialize>(fact: &T) -> Result<Vec<u8>, serde_json::Error> {
    #[derive(Serialize)]
    struct Versioned<'a, T> {
        v: u8,
        #[serde(flatten)]
        fact: &'a T,
    }
    serde_json::to_vec(&Versioned { v: FACT_VERSION, fact })
}

/// Reads a fact back; a form that a later version of Raccord wrote is an error.
pub fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, serde_json::Error> {
    #[derive(Deserialize)]
    struct Version {
        #[serde(default)]
        v: u8,
    }
    let Version { v } = serde_json::from_slice(bytes)?;
    if v > FACT_VERSION {
        return Err(serde_json::Error::custom(format!("its form {v} is newer than this version of Raccord")));
    }
    serde_json::from_slice(bytes)
}

/// The identity of a resource: it survives a rename, and a recreated resource gets a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Uid(pub Uuid);

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

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

/// An entry of the index: which resource stands under a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Entry {
    /// Who it is.
    pub uid: Uid,
    /// What it says.
    pub digest: Digest,
}

/// One generation: what an apply changed, so that history is a delta and not a copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Generation {
    /// Its number, from 1.
    pub number: u64,
    /// When it was applied.
    #[schemars(with = "Instant")]
    pub at: Timestamp,
    /// Who applied it.
    pub by: String,
    /// The generation it went back to, for a rollback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback_to: Option<u64>,
    /// The commit of the repository that the configuration was read from, when it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The digest of the whole configuration.
    pub configuration: Digest,
    /// What changed.
    pub changes: Vec<GenerationChange>,
}

/// One change of a generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GenerationChange {
    /// Which resource, under its newer key.
    pub key: Key,
    /// What it was called before, when it was renamed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renamed_from: Option<Name>,
    /// What was done.
    pub action: Action,
    /// What stood there before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Entry>,
    /// What stands there now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Entry>,
}

/// What is known of a transfer beside its configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TransferFact {
    /// Raised by every change with a consequence. A commit under a lower one is refused.
    pub epoch: u64,
    /// The epoch in which the checkpoint was last reset. A checkpoint of a lower one is void.
    #[serde(default)]
    pub reset: u64,
    /// How many runs have failed since one succeeded.
    #[serde(default)]
    pub consecutive_failures: u32,
    /// The last run that ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_run: Option<RunId>,
    /// When a run last succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_success: Option<Timestamp>,
    /// How many records the last complete reading fetched: what a re-read will cost.
    #[serde(default)]
    pub last_full_read: u64,
    /// Where the grid of its due times begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grid: Option<Grid>,
    /// The latest due time that a run has served. A run that was cut has served none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub served: Option<Timestamp>,
}

/// Where the due times of a schedule begin: another schedule, or another activation, begins anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Grid {
    /// The digest of the schedule that was activated.
    pub schedule: Digest,
    /// When it was.
    pub since: Timestamp,
}

/// What is known of an entity: which rows are its own, and what its fields are called in them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EntityFact {
    /// Under which number its rows are kept; a re-keyed entity gets a new one, and no number is used twice.
    pub incarnation: u64,
    /// The id of each field in the rows.
    pub fields: BTreeMap<Ident, FieldId>,
    /// The next id to allot.
    pub next_field: FieldId,
}

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
    },
    /// Its snapshot would delete more than its share, or cannot be trusted; a person approves or lets it be.
    Held {
        /// How many rows would go.
        deletes: u64,
        /// Of how many.
        of: u64,
        /// How many records it showed whose key cannot be read: the rows that would go may be theirs.
        #[serde(default, skip_serializing_if = "is_zero")]
        keyless: u64,
    },
}

impl RunOutcome {
    /// One word for tables.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Stopped => "stopped",
            Self::Failed { .. } => "failed",
            Self::Held { .. } => "held",
        }
    }

    /// Why it is held, when it is; it completes "the run is held: …".
    pub fn held_because(&self) -> Option<String> {
        let Self::Held { deletes, of, keyless } = self else { return None };
        let records = match keyless {
            0 => return Some(format!("its snapshot would delete {deletes} of {of} rows")),
            1 => "1 record".to_owned(),
            more => format!("{more} records"),
        };
        Some(format!(
            "its snapshot would delete {deletes} of {of} rows, which may be those of {records} whose key cannot be \
             read"
        ))
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form in which serde asks")]
pub(crate) const fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// A record that could not be mapped or stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reject {
    /// Which transfer.
    pub transfer: Uid,
    /// The run in which it was last seen.
    pub run: RunId,
    /// When it was last seen.
    pub at: Timestamp,
    /// Where in the run: page and position, or file and line.
    pub position: String,
    /// The field that is to blame, when one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<Ident>,
    /// Why, in words.
    pub reason: String,
    /// The key bytes of the row it would have been, when the key could be read; kept as hexadecimal text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The record as it came, unless the policy drops it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<String>,
    /// The fields of the parent record, when the data type has a parent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Whether the record came with the message that it is deleted: then no more than its key is read.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deletion: bool,
}

impl Serialize for RejectId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RejectId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// The identity of a reject: the same record rejected again is the same reject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RejectId(pub [u8; 8]);

impl fmt::Display for RejectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for RejectId {
    type Err = RejectIdError;
    fn from_str(text: &str) -> Result<Self, RejectIdError> {
        let number = u64::from_str_radix(text, 16).map_err(|_| RejectIdError)?;
        if text.len() == 16 { Ok(Self(number.to_be_bytes())) } else { Err(RejectIdError) }
    }
}

impl JsonSchema for RejectId {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "RejectId".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[0-9a-f]{16}$" })
    }
}

/// A text that names no reject.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a reject has an id of 16 hexadecimal digits; `raccord rejects list` shows them")]
pub struct RejectIdError;

/// An effect outside the generation, carried out and retried until it is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepFact {
    /// What is to be done.
    pub work: StepWork,
    /// How often it failed.
    #[serde(default)]
    pub attempts: u32,
    /// Why it failed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StepWork {
    /// Removes the rows of an incarnation that nothing refers to any more.
    Collect {
        /// Which.
        incarnation: u64,
    },
    /// Tells the service of a source where to push, or to stop: whatever the generation in force wants.
    Webhook {
        /// Which source.
        source: Uid,
    },
}

/// The update types that a transfer's integrations want together.
pub type Updates = BTreeSet<crate::language::UpdateType>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fact_comes_back_and_a_later_form_is_refused() {
        let fact = IntegrationFact { rejects: BTreeMap::from([(-7, 3)]), ..IntegrationFact::default() };
        let bytes = write(&fact).unwrap();
        assert_eq!(read::<IntegrationFact>(&bytes).unwrap(), fact);
        assert_eq!(read::<TransferFact>(br#"{"epoch":2}"#).unwrap().epoch, 2);
        let error = read::<TransferFact>(br#"{"v":9,"epoch":2}"#).unwrap_err().to_string();
        assert!(error.contains("newer"), "{error}");
    }
}
