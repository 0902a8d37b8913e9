//! What can be asked of the engine, and what it answers: one vocabulary for every transport.
//!
//! YAML always loads in the caller; what travels is the canonical configuration.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use raccord_model::fact::{
    AuditEntry, Generation, Pause, Reject, RejectId, Role, Run, RunId, Tally, Trip, Updates,
};
use raccord_model::port::state::Head;
use raccord_model::port::upkeep::{CheckReport, Info};
use raccord_model::schema::Instant;
use raccord_model::{DataTypeName, Desired, Digest, EntityRef, Ident, Name};
use raccord_plan::{Options, Plan};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::token::TokenText;

/// What is asked.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Request {
    /// Where the state stands.
    Head,
    /// What applying a configuration would do.
    Plan(
        #[serde(with = "shared")]
        #[schemars(with = "Desired")]
        Arc<Desired>,
        Options,
    ),
    /// Apply a configuration, if the state still stands where it was planned on.
    Apply(
        #[serde(with = "shared")]
        #[schemars(with = "Desired")]
        Arc<Desired>,
        ApplyOptions,
    ),
    /// What waits for a person, because the policy of the daemon does not apply it by itself.
    Pending,
    /// Apply what waits, if the state still stands where it was planned on.
    AcceptPending {
        /// What is allowed.
        options: Options,
        /// The serial that was planned on.
        serial: u64,
        /// The digest of the configuration whose plan was looked at.
        configuration: Digest,
        /// Who applies.
        by: String,
    },
    /// Generations, newest first.
    History {
        /// At most so many.
        limit: usize,
    },
    /// The configuration of an earlier generation, as something to plan and apply.
    Generation {
        /// Which; `None` is the one in force.
        number: Option<u64>,
    },
    /// Run what is activated, once.
    Run {
        /// Only these integrations; all of them when empty.
        integrations: Vec<Name>,
    },
    /// How everything stands.
    Status,
    /// Runs, newest first.
    Runs {
        /// Only of this transfer.
        transfer: Option<Name>,
        /// At most so many.
        limit: usize,
    },
    /// Stored records.
    Records {
        /// Of which entity.
        entity: EntityRef,
        /// Only those whose fields have these values, as text.
        filter: Vec<(Ident, String)>,
        /// At most so many.
        limit: usize,
    },
    /// Where a stored record comes from.
    Explain {
        /// Of which entity.
        entity: EntityRef,
        /// The values of its key fields as text, in their order.
        key: Vec<String>,
    },
    /// Rows before and after under a configuration; nothing is stored.
    Sample {
        /// The configuration.
        #[serde(with = "shared")]
        #[schemars(with = "Desired")]
        desired: Arc<Desired>,
        /// The transfers.
        transfers: Vec<Name>,
        /// At most so many records of each.
        limit: usize,
    },
    /// Rejected records, newest first.
    Rejects {
        /// Only of this transfer.
        transfer: Option<Name>,
        /// This one alone.
        id: Option<RejectId>,
        /// At most so many.
        limit: usize,
    },
    /// Map rejected records again and store those that pass.
    ReplayRejects {
        /// Of which transfer.
        transfer: Name,
    },
    /// Look at a source; nothing is stored.
    Look(Box<Look>),
    /// What the state holds, in numbers.
    Info,
    /// Whether the state is whole.
    Check,
    /// Copy the state into a new file on the machine where it is.
    Backup {
        /// The file, as an absolute path; an existing one is never overwritten.
        to: PathBuf,
    },
    /// Let an integration stand still.
    Pause {
        /// Which.
        integration: Name,
        /// Until when.
        #[schemars(with = "Option<Instant>")]
        until: Option<Timestamp>,
        /// Why.
        reason: Option<String>,
    },
    /// Start an integration again after a pause or a trip.
    Resume {
        /// Which.
        integration: Name,
        /// Who starts it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    },
    /// Tell everybody whom an integration alerts that this is a test.
    TestAlert {
        /// Which.
        integration: Name,
    },
    /// Let a held run delete what it found.
    Approve {
        /// Which.
        run: RunId,
    },
    /// Read everything of a transfer again, or from a point on.
    Resync {
        /// Which.
        transfer: Name,
        /// From where, in the format of the source's incremental field.
        since: Option<String>,
    },
    /// Make a token for the HTTP API.
    CreateToken {
        /// What it is called.
        name: Name,
        /// What it allows.
        roles: BTreeSet<Role>,
        /// From when on it is refused.
        #[schemars(with = "Option<Instant>")]
        expires: Option<Timestamp>,
    },
    /// The tokens of the HTTP API.
    Tokens,
    /// Take a token away.
    RevokeToken {
        /// Which.
        name: Name,
    },
    /// The audit log, newest first.
    Audit {
        /// At most so many entries.
        limit: usize,
    },
}

impl Request {
    /// Whether answering reads facts, changes them and writes them back. A run's own facts are written at its end.
    pub const fn changes_facts(&self) -> bool {
        matches!(
            self,
            Self::Apply(..)
                | Self::Pause { .. }
                | Self::Resume { .. }
                | Self::Approve { .. }
                | Self::Resync { .. }
                | Self::CreateToken { .. }
                | Self::RevokeToken { .. }
        )
    }
}

/// A configuration that several hold at once travels like any other.
mod shared {
    use std::sync::Arc;

    use raccord_model::Desired;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(desired: &Arc<Desired>, to: S) -> Result<S::Ok, S::Error> {
        Desired::serialize(desired, to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Arc<Desired>, D::Error> {
        Desired::deserialize(from).map(Arc::new)
    }
}

/// A look at a source of a configuration, where its secrets are.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Look {
    /// The configuration.
    pub desired: Desired,
    /// At what.
    pub at: LookAt,
    /// At most so many records.
    pub limit: usize,
}

/// What is looked at.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum LookAt {
    /// Whether the source can be reached and accepts us.
    Check(Name),
    /// What the source offers.
    Discover(Name),
    /// Raw records of a data type of the source.
    Read(Name, DataTypeName),
    /// Records beside what the transfer would make of them.
    Preview(Name),
}

/// How a configuration is applied.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApplyOptions {
    /// What is allowed, and which resources.
    pub plan: Options,
    /// The serial that was planned on.
    pub serial: u64,
    /// Who applies.
    pub by: String,
    /// The generation it goes back to, for a rollback.
    pub rollback_to: Option<u64>,
    /// The commit of the repository that the configuration was read from, when it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

/// A row as people see it: its fields with their values, in the order in which they are shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row(pub Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Row;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of fields")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Row, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Row(fields))
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

impl JsonSchema for Row {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Row".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "description": "A row: its fields with their values.", "type": "object" })
    }
}

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// A part of an answer.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Reply {
    /// Where the state stands.
    Head(Head),
    /// A page was stored.
    Progress(Progress),
    /// A run has ended.
    Run(Run),
    /// A generation.
    Generation(Generation),
    /// A stored record: its fields, the key first.
    Record(Row),
    /// A raw record, as one line of JSON.
    Raw(String),
    /// A record beside what became of it.
    Preview(Preview),
    /// A rejected record.
    Reject(RejectView),
    /// Where a record comes from.
    Explanation(Box<Explanation>),
    /// A row before and after.
    Sample(Sample),
    /// A data type of a source.
    DataType(DataTypeView),
    /// A plan.
    Plan(Box<Plan>),
    /// A configuration.
    Desired(Box<Desired>),
    /// A configuration was applied; the number of the generation.
    Applied(u64),
    /// All runs have ended.
    Report(RunReport),
    /// How everything stands.
    Status(Box<Status>),
    /// What the state holds, in numbers.
    Info(Info),
    /// Whether the state is whole.
    Checked(CheckReport),
    /// An alert was sent, or was not.
    Alerted(Alerted),
    /// A token was made.
    NewToken(NewToken),
    /// A token, without its text.
    Token(TokenView),
    /// An entry of the audit log.
    Audit(AuditEntry),
    /// It is done; what there is to say of it.
    Done(String),
}

/// A token that was just made. Its text is never seen again.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewToken {
    /// The text, for whoever is to use it.
    pub token: TokenText,
    /// What is kept of it.
    pub view: TokenView,
}

/// A token as people see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenView {
    /// What it is called.
    pub name: Name,
    /// What it allows.
    pub roles: BTreeSet<Role>,
    /// When it was made.
    #[schemars(with = "Instant")]
    pub created: Timestamp,
    /// From when on it is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Instant>")]
    pub expires: Option<Timestamp>,
    /// When it was last used, to the hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Instant>")]
    pub used: Option<Timestamp>,
}

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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunReport {
    /// The runs, in the order of their ends.
    pub runs: Vec<Run>,
    /// What did not run, and why.
    pub skipped: Vec<(Name, String)>,
    /// Why alerts wait, when some could not be delivered at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undelivered: Option<String>,
}

/// What became of an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Alerted {
    /// To whom: addresses, or the reference to a URL.
    pub to: String,
    /// Why it was not taken; absent when it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A record beside what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Preview {
    /// The record as it came.
    pub record: Value,
    /// The row it would become; absent when it is rejected or says a deletion.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<Row>,
    /// Whether the record says a deletion.
    pub deleted: bool,
    /// Why it would be rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The field to blame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<Ident>,
}

/// Where a record comes from, and what was rejected under its key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The row, when there is one.
    pub row: Option<Row>,
    /// The transfer that owns it; absent when that is gone.
    pub transfer: Option<Name>,
    /// The source it was read from.
    pub source: Option<Name>,
    /// The run that last wrote it; absent when that is no longer kept.
    pub run: Option<Run>,
    /// Records with its key that were rejected.
    pub rejects: Vec<RejectView>,
}

/// A row as it is stored and as it would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Sample {
    /// The transfer.
    pub transfer: Name,
    /// The row that is stored under the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Row>,
    /// The row that would be stored; absent when the record is rejected or says a deletion.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Row>,
    /// Why the record would be rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A rejected record as people see it: without what only the state understands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RejectView {
    /// Which.
    pub id: String,
    /// The transfer's name.
    pub transfer: Name,
    /// The run in which it was last seen.
    pub run: RunId,
    /// When it was last seen.
    #[schemars(with = "Instant")]
    pub at: Timestamp,
    /// Where in the run: page and position, or file and line.
    pub position: String,
    /// The field that is to blame, when one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<Ident>,
    /// Why, in words.
    pub reason: String,
    /// The record as it came, unless the policy drops it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<String>,
    /// The fields of the parent record, when the data type has a parent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
}

impl RejectView {
    /// What people see of a reject.
    pub fn new(id: RejectId, transfer: Name, reject: Reject) -> Self {
        let Reject { run, at, position, field, reason, payload, parent, .. } = reject;
        Self { id: id.to_string(), transfer, run, at, position, field, reason, payload, parent }
    }
}

/// A data type of a source, with the fields that its first records have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DataTypeView {
    /// Its name.
    pub name: DataTypeName,
    /// How many records were looked at.
    pub records: usize,
    /// The fields that were seen.
    pub fields: Vec<FieldView>,
    /// Why no record could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A field that was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FieldView {
    /// Its path.
    pub path: String,
    /// The types its values had.
    pub types: Vec<String>,
    /// In how many of the records it had a value.
    pub filled: usize,
    /// One of its values, shortened.
    pub example: String,
}

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
    /// Steps that are outstanding.
    pub steps: usize,
    /// How many alerts wait to be taken.
    #[serde(default)]
    pub outbox: usize,
    /// Why the one that was tried last was not taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outbox_error: Option<String>,
    /// What the daemon adds, when one owns the state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daemon: Option<DaemonStatus>,
}

/// What only the daemon knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DaemonStatus {
    /// Where the configuration comes from, in words.
    pub origin: String,
    /// Which changes it applies by itself: none, safe or all.
    pub policy: String,
    /// What is wrong with the configuration that was read last; the one before it is in force.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
    /// Why changes wait for a person, when some do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<Vec<String>>,
    /// Why the configuration could not be read or applied, though that says nothing about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
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
    /// Where its next window begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Its last run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_run: Option<Run>,
    /// When a run last succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Instant>")]
    pub last_success: Option<Timestamp>,
    /// When it runs next by itself, when a daemon lives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Instant>")]
    pub next_run: Option<Timestamp>,
    /// How many runs have failed since.
    pub consecutive_failures: u32,
    /// How many rows it owns.
    pub rows: u64,
    /// How many rejects are kept.
    pub rejects: u64,
}
