//! What a manifest says of itself under `metadata`: its title, by what it was proved, and which of its data types never change.
//! Nothing of it is needed to read; where it is missing, less is told.

use raccord_manifest::load::Manifest;
use raccord_manifest::spec::{DataType, Schema};
use raccord_model::language::UpdateType;
use serde_json::Value;

/// What a manifest says of itself.
#[derive(Debug, Default)]
pub(crate) struct About {
    /// What it reads.
    pub(crate) title: Option<String>,
    /// The level of its proof: `run`, `schema` or `documentation`.
    pub(crate) proof: Option<String>,
    /// What it was run against, or checked by.
    pub(crate) proven_by: Option<String>,
    /// The data types whose records are never changed after they were created, or of which a change is not seen.
    created_only: Vec<String>,
    /// The field that is true in a record that was deleted, in the data types whose schema has it.
    deleted_field: Option<String>,
}

impl About {
    /// What this manifest says.
    pub(crate) fn of(manifest: &Manifest) -> Self {
        let metadata = manifest.root().get("metadata");
        let member = |name: &str| metadata.and_then(|metadata| metadata.get(name));
        let text = |name: &str| member(name).and_then(Value::as_str).map(str::to_owned);
        let names = member("createdOnly").and_then(Value::as_array).into_iter().flatten();
        Self {
            title: text("title"),
            proof: text("proof"),
            proven_by: text("provenBy"),
            deleted_field: text("deletedField"),
            created_only: names.filter_map(Value::as_str).map(str::to_owned).collect(),
        }
    }

    /// The update types of a data type.
    pub(crate) fn updates(&self, data_type: &DataType) -> &'static [UpdateType] {
        const ALL: &[UpdateType] = &[UpdateType::Created, UpdateType::Updated, UpdateType::Deleted];
        let is_created_only = self.created_only.contains(&data_type.name);
        if is_created_only { &[UpdateType::Created] } else { ALL }
    }

    /// The update types of a data type, and how each is learnt of.
    pub(crate) fn ways(&self, data_type: &DataType) -> String {
        let is_created_only = self.created_only.contains(&data_type.name);
        let deleted_by = self.deleted_by(data_type);
        match (&data_type.cursor_field, deleted_by) {
            (Some(field), _) if is_created_only => format!("created: incremental by {field}"),
            (None, _) if is_created_only => "created: read as a whole".to_owned(),
            (Some(field), None) => {
                format!("created, updated: incremental by {field}; deleted: by snapshot")
            }
            (Some(field), Some(by)) => {
                format!("created, updated: incremental by {field}; deleted: by the field {by}")
            }
            (None, None) => "created, updated, deleted: read as a whole".to_owned(),
            (None, Some(by)) => format!("created, updated: read as a whole; deleted: by the field {by}"),
        }
    }

    /// The field that says which records of a data type were deleted.
    pub(crate) fn deleted_by(&self, data_type: &DataType) -> Option<&str> {
        let Schema::Known(schema) = &data_type.schema else { return None };
        let has = |name: &&String| {
            schema.get("properties").and_then(|members| members.get(name.as_str())).is_some()
        };
        self.deleted_field.as_ref().filter(has).map(String::as_str)
    }

    /// How far it was proved, in words.
    pub(crate) fn proof_in_words(&self) -> Option<String> {
        let proof = self.proof.as_ref()?;
        let by = self.proven_by.as_ref().map(|by| format!(" ({by})")).unwrap_or_default();
        Some(format!("{proof}{by}"))
    }
}
