//! What every document has: the Kubernetes resource shape.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use crate::key::API_VERSION;
use crate::key::Kind;
use crate::name::Name;

/// The annotation that says what a resource was called before. An instruction, not part of the resource.
pub const RENAMED_FROM: &str = "raccord/renamed-from";

/// The value of `apiVersion`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ApiVersion {
    /// The first version.
    #[serde(rename = "raccord/v1")]
    V1,
}

/// The name of a document and what people attach to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Metadata {
    /// The name, unique among the documents of the same kind.
    pub name: Name,
    /// For selecting and grouping; Raccord attaches no meaning to them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// For tools and people. `raccord/renamed-from: OLD` keeps the identity of a renamed resource.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// One document: a kind, its metadata, its specification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Document<S> {
    /// Always `raccord/v1`.
    pub api_version: ApiVersion,
    /// Which of the nine kinds.
    pub kind: Kind,
    /// Its name, labels, annotations.
    pub metadata: Metadata,
    /// What it says.
    pub spec: S,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::TransferSpec;

    #[test]
    fn shorthands_have_a_schema_and_one_canonical_form() {
        let schema = serde_json::to_string(&schemars::schema_for!(Document<TransferSpec>)).unwrap();
        assert!(schema.contains("lookback") || schema.contains("primaryKey"));
        let short = r#"{"source":"a","to":"crm.contact","schedule":"90m","deletes":"none","mapping":{"fields":{"x":"a.b"}}}"#;
        let long = r#"{"source":"a","to":"crm.contact","active":false,"schedule":{"every":"1h30m"},"mapping":{"fields":{"x":{"from":"a.b","onEmpty":"clear"}}}}"#;
        let canonical =
            |text| crate::canonical::to_bytes(&serde_json::from_str::<TransferSpec>(text).unwrap()).unwrap();
        assert_eq!(String::from_utf8_lossy(&canonical(short)), String::from_utf8_lossy(&canonical(long)));
    }
}
