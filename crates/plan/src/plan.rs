//! The plan as a value: what changes, what it means for the data, why it may not be applied.
//!
//! It is made by `diff`, rendered elsewhere, saved and read back, and followed by `commit`.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use raccord_model::fact::Uid;
use raccord_model::name::EntityRef;
use raccord_model::plan::{Action, Consequence};
use raccord_model::{Digest, Ident, Key, Name};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::lost::LostRows;
use crate::refusal::Refusal;

/// The version of the form below.
pub const PLAN_VERSION: u8 = 1;

/// The version of Raccord that makes plans here.
pub const TOOL: &str = env!("CARGO_PKG_VERSION");

/// What applying a configuration to a state would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// [`PLAN_VERSION`].
    pub version: u8,
    /// The version of Raccord that made it.
    pub tool: String,
    /// The state it was made for.
    pub lineage: Uuid,
    /// Where that state stood.
    pub serial: u64,
    /// The generation that was in force.
    pub generation: u64,
    /// The stack that wants this.
    pub stack: Name,
    /// The digest of the whole configuration.
    pub configuration: Digest,
    /// Whether some changes were left out because only targets were asked for.
    #[serde(default)]
    pub targeted: bool,
    /// What changes, the destructive changes first.
    pub changes: Vec<Change>,
    /// What all changes together mean for the data.
    pub effects: Vec<DataEffect>,
    /// Why it may not be applied; empty when it may.
    pub refusals: Vec<Refusal>,
    /// What else a reader wants to know.
    pub notes: Vec<Note>,
    /// The tables that will be made or changed, differ from what was last made, or could not be looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<TablePlan>,
}

/// What becomes of the table of an entity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TablePlan {
    /// The project's identity; a project that is created has none yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<Uid>,
    /// The entity.
    pub entity: EntityRef,
    /// Its table, with the schema.
    pub table: String,
    /// The statements that an apply has the database carry out, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statements: Vec<String>,
    /// What others changed since the last apply, and what follows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drift: Vec<String>,
    /// Why nothing is known of the table, when the database did not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unseen: Option<String>,
}

/// What becomes of one resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// Which resource, under its newer key.
    pub key: Key,
    /// What is done.
    pub action: Action,
    /// Its identity; a resource that is created gets one when the plan is applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<Uid>,
    /// What it was called before, when it is renamed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renamed_from: Option<Name>,
    /// Every field that changes; for a new resource, every field that it says.
    pub fields: Vec<FieldChange>,
    /// What this change means for the data.
    pub effects: Vec<DataEffect>,
    /// The digest of what it says now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Digest>,
    /// The digest of what it is to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Digest>,
}

impl Change {
    /// The gravest consequence of the change.
    pub fn consequence(&self) -> Consequence {
        let fields = self.fields.iter().map(|field| field.consequence);
        let effects = self.effects.iter().map(|effect| effect.consequence);
        fields.chain(effects).max().unwrap_or(Consequence::None)
    }
}

/// One field that changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FieldChange {
    /// Where it is: `["spec", "schedule", "every"]`. Names may hold dots, so this is no text.
    pub path: Vec<String>,
    /// What it says now; `None` when it is not there.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "some")]
    #[schemars(with = "Option<Value>")]
    pub before: Option<Value>,
    /// What it is to say; `None` when it goes.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "some")]
    #[schemars(with = "Option<Value>")]
    pub after: Option<Value>,
    /// What that means for the data.
    pub consequence: Consequence,
}

impl FieldChange {
    /// The path as one text, for people.
    pub fn path_text(&self) -> String {
        self.path.join(".")
    }
}

/// Keeps a field that says `null` apart from one that is not there.
mod some {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use serde_json::Value;

    #[expect(clippy::ref_option, reason = "serde passes the field by reference")]
    pub(super) fn serialize<S: Serializer>(value: &Option<Value>, serializer: S) -> Result<S::Ok, S::Error> {
        value.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
        Value::deserialize(deserializer).map(Some)
    }
}

/// What the data of one transfer, entity or field goes through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DataEffect {
    /// What happens.
    pub consequence: Consequence,
    /// To what.
    pub subject: Subject,
    /// How many records that is: those the last complete reading fetched, or the rows that are dropped. `None`
    /// when it is not known or says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<u64>,
    /// Whether it happens to a transfer that is not active, once it is.
    #[serde(default, skip_serializing_if = "is_false")]
    pub inactive: bool,
    /// Those of the rows that are dropped which no transfer reads again, where the others are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<LostRows>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes the field by reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}

impl DataEffect {
    /// How many of its records are not lost.
    pub fn kept(&self) -> Option<u64> {
        let lost = self.lost.iter().map(|lost| lost.records).sum::<Option<u64>>()?;
        Some(self.records?.saturating_sub(lost))
    }
}

/// What a data effect happens to. Names are those after the plan, where there is one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Subject {
    /// A field's values.
    Field {
        /// The project's identity.
        project: Uid,
        /// The entity.
        entity: EntityRef,
        /// The field.
        field: Ident,
    },
    /// An entity's rows.
    Entity {
        /// The project's identity.
        project: Uid,
        /// The entity.
        entity: EntityRef,
    },
    /// A transfer's checkpoint or schedule.
    Transfer {
        /// Its identity.
        uid: Uid,
        /// What it is called.
        name: Name,
    },
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field { entity, field, .. } => write!(f, "{entity}.{field}"),
            Self::Entity { entity, .. } => entity.fmt(f),
            Self::Transfer { name, .. } => name.fmt(f),
        }
    }
}

/// Something a reader of the plan wants to know that is no change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Note {
    /// A tripped integration starts again, because the failing part changes.
    Resumes {
        /// Its identity.
        uid: Uid,
        /// The integration.
        integration: Name,
        /// The transfer that failed.
        transfer: Name,
        /// What changes.
        because: Key,
    },
    /// An integration is tripped and stays so, whatever its YAML says.
    StaysTripped {
        /// Its identity.
        uid: Uid,
        /// The integration.
        integration: Name,
        /// The transfer that failed.
        transfer: Name,
        /// Why, in words.
        cause: String,
    },
    /// An integration is paused and stays so: what is to be read again is read once it goes on.
    StaysPaused {
        /// The integration.
        integration: Name,
        /// Those of its transfers of which everything is to be read again.
        transfers: Vec<Name>,
        /// Until when; without one, until it is resumed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(with = "Option<String>")]
        until: Option<Timestamp>,
    },
    /// `raccord/renamed-from` names a resource that is there, but it cannot be renamed: its own name is still
    /// wanted, or the new one is taken.
    RenameIgnored {
        /// Who carries the annotation.
        key: Key,
        /// What the annotation says.
        from: Name,
    },
    /// The stack that the state belongs to gets this name: it had none, or another one.
    StackNamed {
        /// The stack.
        stack: Name,
    },
    /// What waits for a transfer that goes is dropped with it.
    DropsWaiting {
        /// The transfer.
        transfer: Name,
        /// How many webhook deliveries wait.
        deliveries: u64,
        /// How many rejects are kept.
        rejects: u64,
    },
    /// Webhook deliveries for a transfer that is switched off are not kept until it is active again.
    DeliveriesEnd {
        /// The transfer.
        transfer: Name,
    },
    /// The webhook of a source gets another address, or none, and the service is not told by Raccord.
    WebhookMoves {
        /// The source.
        source: Name,
        /// The path of its address so far.
        from: String,
        /// The path of its address from now on; nothing when the source goes.
        to: Option<String>,
    },
    /// A table of a database that is not written any more, and stays as it is.
    TableStays {
        /// Whose it was.
        entity: EntityRef,
        /// The table.
        table: String,
    },
    /// A folder of files that is not written any more, and stays as it is with its manifest.
    FolderStays {
        /// Whose it was.
        entity: EntityRef,
        /// The folder, with the one of the store.
        folder: String,
    },
    /// A folder of files that another entity goes on with: those that are there count on.
    FolderTaken {
        /// Whose it was.
        entity: EntityRef,
        /// The folder, with the one of the store.
        folder: String,
        /// Whose it is from now on.
        by: EntityRef,
    },
    /// A column of a table that is not written any more, and stays as it is.
    ColumnStays {
        /// Whose it was.
        entity: EntityRef,
        /// The column.
        column: String,
    },
    /// Data paths will be relative to another directory.
    RootMoves {
        /// The directory until now.
        from: String,
        /// The directory from now on.
        to: String,
    },
}

/// How many changes a plan has, by action, and how grave they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// How many resources each action concerns; actions without any are not listed.
    pub actions: BTreeMap<Action, u64>,
    /// The gravest consequence.
    pub consequence: Consequence,
    /// How many records will be read again, as far as it is known.
    pub reread: u64,
    /// How many rows will be dropped, as far as it is known.
    pub dropped: u64,
}

impl Plan {
    /// Whether no resource changes.
    pub const fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Whether it may be applied.
    pub const fn is_allowed(&self) -> bool {
        self.refusals.is_empty()
    }

    /// Whether applying it would write anything at all: a change, or another directory for data paths.
    pub fn has_work(&self) -> bool {
        let moves = |note: &Note| matches!(note, Note::RootMoves { .. } | Note::StackNamed { .. });
        !self.is_empty() || self.notes.iter().any(moves) || self.changes_tables()
    }

    /// Whether a table is to be made or changed.
    pub fn changes_tables(&self) -> bool {
        self.tables.iter().any(|table| !table.statements.is_empty())
    }

    /// The gravest consequence of all changes.
    pub fn consequence(&self) -> Consequence {
        self.changes.iter().map(Change::consequence).max().unwrap_or(Consequence::None)
    }

    /// The counts.
    pub fn summary(&self) -> Summary {
        let mut actions = BTreeMap::new();
        for change in &self.changes {
            *actions.entry(change.action).or_insert(0) += 1;
        }
        let records = |wanted: fn(&DataEffect) -> bool| {
            self.effects.iter().filter(|effect| wanted(effect)).filter_map(|effect| effect.records).sum()
        };
        Summary {
            actions,
            consequence: self.consequence(),
            reread: records(|effect| matches!(effect.subject, Subject::Transfer { .. })),
            dropped: records(|effect| {
                matches!(effect.subject, Subject::Entity { .. }) && effect.consequence != Consequence::Reread
            }),
        }
    }
}
