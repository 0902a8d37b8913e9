//! What is applied, as answers show it: resources, entities, what flows where, and what a generation changed. Nothing here
//! is stored.

use std::collections::BTreeMap;

use raccord_model::fact::{Generation, Uid};
use raccord_model::language::project::EntityKey;
use raccord_model::{EntityRef, Key, Name, Resource};
use raccord_plan::Change;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::record::ColumnView;
use super::text::Text;

/// A resource of the generation in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceView {
    /// Its kind and name.
    pub key: Key,
    /// Its identity.
    pub uid: Uid,
    /// What it says, in its canonical form. References to secrets stand there as they were written.
    #[schemars(with = "BTreeMap<String, Value>")]
    pub resource: Resource,
}

/// Which entities are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct EntityQuery {
    /// This one alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entity: Option<EntityRef>,
    /// Only those whose name or store has this text in it, or a transfer that feeds them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<Text<200>>,
    /// How many are passed over.
    pub skip: usize,
    /// At most so many; 50 unless something else is said.
    pub limit: usize,
}

impl Default for EntityQuery {
    fn default() -> Self {
        Self { entity: None, text: None, skip: 0, limit: 50 }
    }
}

/// An entity of the generation in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EntityView {
    /// Which.
    pub entity: EntityRef,
    /// Its key fields.
    pub key: EntityKey,
    /// Its fields, the key first.
    pub columns: Vec<ColumnView>,
    /// How many records there are; absent when its store cannot be seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<u64>,
    /// Where they are, in words.
    pub store: String,
    /// The transfers that feed it.
    pub transfers: Vec<Name>,
}

/// What one transfer has flow where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Flow {
    /// The source that it reads.
    pub source: Name,
    /// The transfer.
    pub transfer: Name,
    /// The integrations that subscribe to it.
    pub integrations: Vec<Name>,
    /// The entity that it feeds.
    pub entity: EntityRef,
    /// Where the entity's records are, in words.
    pub store: String,
    /// How it stands.
    pub state: FlowState,
}

/// How a transfer stands, with its integrations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FlowState {
    /// It is not active, or no active integration wants it.
    Inactive,
    /// It runs when it is due.
    Active,
    /// A person lets its integrations stand still.
    Paused,
    /// Its last run failed.
    Failing,
    /// Its last run waits for an approval.
    Held,
    /// The breaker disabled its integrations.
    Tripped,
}

/// What a generation changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// The generation.
    pub generation: Generation,
    /// What each resource said before and said after, field by field. What that meant for the data is told by the plan
    /// alone, before it is applied.
    pub changes: Vec<Change>,
}
