//! `Source`: a connector from the catalogue, an authorization, settings.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

use super::connector::{CATALOGUE, ConnectorInfo};
use super::{AuthorizationSpec, ByNameOrInline, ConnectorSettings, FileSettings, HttpSettings, is_default};
use crate::tagged::{self, Tagged};

/// What a Source says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceSpec {
    /// The connector and its settings.
    #[serde(flatten)]
    pub settings: ConnectorSettings,
    /// How we prove who we are: the name of an Authorization, or one inline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization: Option<ByNameOrInline<AuthorizationSpec>>,
    /// When true, a plan that would delete the source is refused, even when its YAML is gone.
    #[serde(default, skip_serializing_if = "is_default")]
    pub protect: bool,
}

/// A source's members besides `connector`, once that is known.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Rest<C> {
    /// The settings of the connector.
    config: C,
    /// How we prove who we are: the name of an Authorization, or one inline.
    #[serde(default)]
    #[schemars(skip_serializing_if = "Option::is_none")]
    authorization: Option<ByNameOrInline<AuthorizationSpec>>,
    /// When true, a plan that would delete the source is refused, even when its YAML is gone.
    #[serde(default)]
    protect: bool,
}

impl<C: JsonSchema> Rest<C> {
    /// The closed object that a source with this connector is.
    fn schema_of(connector: ConnectorInfo, generator: &mut SchemaGenerator) -> Schema {
        let mut schema = Self::json_schema(generator);
        schema.insert("description".to_owned(), connector.title.into());
        if let Some(Value::Object(properties)) = schema.get_mut("properties") {
            let name = json!({ "description": connector.title, "const": connector.name });
            properties.insert("connector".to_owned(), name);
        }
        if let Some(Value::Array(required)) = schema.get_mut("required") {
            required.insert(0, "connector".into());
        }
        schema
    }
}

impl<C> Rest<C> {
    fn with(self, settings: fn(C) -> ConnectorSettings) -> SourceSpec {
        let Self { config, authorization, protect } = self;
        SourceSpec { settings: settings(config), authorization, protect }
    }
}

impl Tagged for SourceSpec {
    const MARKER: &'static str = "raccord::Tagged/connector";
    const VARIANTS: &'static [&'static str] = &["file", "http"];

    fn from_tag<'de, D: Deserializer<'de>>(tag: &str, rest: D) -> Result<Self, D::Error> {
        match tag {
            "file" => Rest::<FileSettings>::deserialize(rest).map(|rest| rest.with(ConnectorSettings::File)),
            "http" => Rest::<HttpSettings>::deserialize(rest).map(|rest| rest.with(ConnectorSettings::Http)),
            other => Err(D::Error::unknown_variant(other, Self::VARIANTS)),
        }
    }
}

impl JsonSchema for SourceSpec {
    fn schema_name() -> Cow<'static, str> {
        "SourceSpec".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "What a Source says; `connector` tells what `config` holds.",
            "oneOf": CATALOGUE.map(|connector| match connector.name {
                "file" => Rest::<FileSettings>::schema_of(connector, generator),
                _ => Rest::<HttpSettings>::schema_of(connector, generator),
            }),
        })
    }
}

impl<'de> Deserialize<'de> for SourceSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        tagged::deserialize(deserializer)
    }
}
