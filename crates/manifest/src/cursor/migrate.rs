//! Older states: what a manifest's `state_migrations` make of them before the cursor reads them.

use serde_json::{Map, Value, json};

use crate::component::{Component, Problem};
use crate::error::ReadError;
use crate::template::{Context, Template};

/// A migration: partitions by name become partitions by their members (`LegacyToPerPartitionStateMigration`).
#[derive(Debug, Clone)]
pub struct Migration {
    partition_field: Template,
    cursor_field: Template,
    has_one_parent: bool,
}

impl Migration {
    /// The migrations of a stream.
    ///
    /// # Errors
    /// When one of them is not known, or the stream lacks what it needs.
    pub fn of_stream(stream: &Component) -> Result<Vec<Self>, Problem> {
        stream.children("state_migrations").iter().map(|migration| Self::build(migration, stream)).collect()
    }

    fn build(migration: &Component, stream: &Component) -> Result<Self, Problem> {
        if migration.kind() != "LegacyToPerPartitionStateMigration" {
            return Err(migration.unsupported());
        }
        let missing =
            || migration.invalid("", "it needs a cursor over dates and a partition router with one parent");
        let cursor = stream.child("incremental_sync").ok_or_else(missing)?;
        let router = stream.child("retriever").and_then(|retriever| retriever.child("partition_router"));
        let router = router.ok_or_else(missing)?;
        let parents = router.children("parent_stream_configs");
        let named = if router.kind() == "UnionPartitionRouter" { Some(&router) } else { parents.first() };
        let named = named.ok_or_else(missing)?;
        Ok(Self {
            partition_field: named.required("partition_field", named.template("partition_field")?)?,
            cursor_field: cursor.required("cursor_field", cursor.template("cursor_field")?)?,
            has_one_parent: router.kind() == "UnionPartitionRouter" || parents.len() == 1,
        })
    }

    /// The state, migrated where it is an older one.
    ///
    /// # Errors
    /// When a template has no value.
    pub fn apply(
        &self,
        state: Map<String, Value>,
        context: &Context,
    ) -> Result<Map<String, Value>, ReadError> {
        let cursor_field = self.cursor_field.text(context)?;
        let is_old = |value: &Value| {
            value.as_object().is_some_and(|members| members.len() == 1 && members.contains_key(&cursor_field))
        };
        let applies = self.has_one_parent && !state.is_empty() && !state.contains_key("states");
        if !applies || !state.values().all(is_old) {
            return Ok(state);
        }
        let field = self.partition_field.text(context)?;
        let states = state.into_iter().map(|(name, cursor)| {
            let partition = crate::object([(field.clone(), Value::String(name))]);
            json!({"partition": partition, "cursor": cursor})
        });
        Ok(crate::object([("states".to_owned(), states.collect())]))
    }
}
