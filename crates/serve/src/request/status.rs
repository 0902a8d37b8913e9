//! How everything stands, as answers tell it: what YAML wants beside what happened.

use jiff::Timestamp;
use raccord_model::fact::{Pause, Run, Tally, Trip, Updates};
use raccord_model::port::authorization::Standing;
use raccord_model::schema::Instant;
use raccord_model::{EntityRef, Name};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How everything stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The stack.
    pub stack: Option<Name>,
    /// The generation in force.
    pub generation: u64,
    /// The serial of the state.
    pub serial: u64,
    /// The integrations.
    pub integrations: Vec<IntegrationStatus>,
    /// The transfers.
    pub transfers: Vec<TransferStatus>,
    /// The Authorizations that have tokens.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub authorizations: Vec<Standing>,
    /// Steps that are outstanding.
    pub steps: usize,
    /// How many alerts wait to be taken.
    #[serde(default)]
    pub outbox: usize,
    /// Why the one that was tried last was not taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outbox_error: Option<String>,
    /// What a person should know of how this was configured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// How many transfers there are beyond those that are told of, when only some were asked for.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_out: usize,
    /// What the daemon adds, when one owns the state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daemon: Option<DaemonStatus>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
const fn is_zero(count: &usize) -> bool {
    *count == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
const fn is_none(count: &u64) -> bool {
    *count == 0
}

/// Of what it is asked how it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct StatusQuery {
    /// Only of this integration and of the transfers that it wants.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub integration: Option<Name>,
    /// Only of this transfer and of the integrations that want it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transfer: Option<Name>,
    /// Only of transfers of which a run waits for a person, and of the integrations that want them.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub held: bool,
    /// Of so many transfers at most, by their names; 100 unless something else is said.
    pub limit: usize,
}

impl StatusQuery {
    /// Of how many transfers it is told unless something else is said.
    pub const LIMIT: usize = 100;
}

impl Default for StatusQuery {
    fn default() -> Self {
        Self { integration: None, transfer: None, held: false, limit: Self::LIMIT }
    }
}

/// What only the daemon knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DaemonStatus {
    /// Where the configuration comes from, in words.
    pub origin: String,
    /// Which changes it applies by itself: none, safe or all; absent when it applies what it is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// What is wrong with the configuration that was read last; the one before it is in force.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
    /// What will go wrong though nothing has yet: webhooks whose secrets are missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// What was not kept of webhooks' deliveries, by source.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dropped_deliveries: Vec<DroppedDeliveries>,
    /// Why changes wait for a person, when some do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<Vec<String>>,
    /// Why the configuration could not be read or applied, though that says nothing about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

/// Deliveries to a source that were not kept, since the daemon began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DroppedDeliveries {
    /// Which source.
    pub source: Name,
    /// Why.
    pub because: DroppedBecause,
    /// How many; refused ones since the last genuine one.
    pub deliveries: u64,
    /// When the first of them came.
    #[schemars(with = "Instant")]
    pub since: Timestamp,
    /// Of the last one: what its proof lacks, why it cannot be read, or the transfers that are not active.
    pub why: String,
}

impl DroppedDeliveries {
    /// In words.
    pub fn in_words(&self) -> String {
        let Self { source, because, deliveries, since, why } = self;
        let (those, were) = if *deliveries == 1 { ("delivery", "was") } else { ("deliveries", "were") };
        match because {
            DroppedBecause::Refused => format!(
                "{deliveries} {those} to `{source}` {were} refused since {since:.0}, and none was genuine: {why}"
            ),
            DroppedBecause::Unreadable => format!(
                "{deliveries} genuine {those} to `{source}` {were} lost since {since:.0}, for they cannot be taken: {why}"
            ),
            DroppedBecause::Inactive => format!(
                "{deliveries} {those} to `{source}` {were} not kept since {since:.0}: not active: {why}"
            ),
        }
    }
}

/// Why deliveries are not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum DroppedBecause {
    /// They are not proved to be the service's: its secret may have changed.
    Refused,
    /// They are genuine, and cannot be read or are too large: the webhook of the source says something else than the service
    /// sends.
    Unreadable,
    /// YAML activates no transfer that they are for, or no integration that subscribes to it. They were
    /// acknowledged.
    Inactive,
}

/// How an integration stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IntegrationStatus {
    /// Its name.
    pub name: Name,
    /// One word: active, inactive, tripped, paused.
    pub state: IntegrationState,
    /// Why and when the breaker disabled it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trip: Option<Trip>,
    /// A person's wish that it stand still.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause: Option<Pause>,
    /// The update types it wants, by transfer.
    pub subscriptions: Vec<(Name, Updates)>,
    /// Who is told when it is disabled.
    pub alerts: Vec<String>,
}

/// What an integration is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum IntegrationState {
    /// Its transfers run.
    Active,
    /// Its YAML does not activate it.
    Inactive,
    /// The breaker disabled it.
    Tripped,
    /// A person lets it stand still.
    Paused,
}

impl IntegrationState {
    /// One word for tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Tripped => "tripped",
            Self::Paused => "paused",
        }
    }
}

/// How far a run has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnderWay {
    /// What its pages have brought.
    pub tally: Tally,
    /// How many pages are stored.
    pub pages: u64,
}

/// How a transfer stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TransferStatus {
    /// Its name.
    pub name: Name,
    /// Its source.
    pub source: Name,
    /// The entity it feeds.
    pub to: EntityRef,
    /// Whether its YAML activates it.
    pub active: bool,
    /// How it stands, in one word.
    #[serde(default)]
    pub standing: super::overview::Standing,
    /// Where its next window begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Its last run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_run: Option<Run>,
    /// Its run of deliveries that waits for an approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deliveries_held: Option<Run>,
    /// The paths of its mapping that no record of the last complete reading had.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unseen: Vec<String>,
    /// When a run last succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Instant>")]
    pub last_success: Option<Timestamp>,
    /// When it runs next by itself, when a daemon lives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Instant>")]
    pub next_run: Option<Timestamp>,
    /// The run that is under way, as far as it has come, when a daemon lives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<UnderWay>,
    /// How many runs have failed since.
    pub consecutive_failures: u32,
    /// How many deliveries wait for it.
    #[serde(default, skip_serializing_if = "is_none")]
    pub deliveries: u64,
    /// How many rows it owns; nothing when its database cannot be seen, which the notes say.
    pub rows: Option<u64>,
    /// How many rejects are kept; nothing when its database cannot be seen.
    pub rejects: Option<u64>,
}
