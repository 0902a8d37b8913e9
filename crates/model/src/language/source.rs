//! `Source`: a connector from the catalogue, an authorization, settings.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

use super::connector::{CATALOGUE, ConnectorInfo};
use super::{
    AuthorizationSpec, ByNameOrInline, ConnectorSettings, FileSettings, HttpSettings, WebhookSpec, is_default,
};
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
    /// How the service's pushes are received. Only `http` has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<Box<WebhookSpec>>,
    /// When true, a plan that would delete the source is refused, even when its YAML is gone.
    #[serde(default, skip_serializing_if = "is_default")]
    pub protect: bool,
}

/// The members of a source of files besides `connector`.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FileRest {
    /// The settings of the connector.
    config: FileSettings,
    /// How we prove who we are: the name of an Authorization, or one inline.
    #[serde(default)]
    #[schemars(skip_serializing_if = "Option::is_none")]
    authorization: Option<ByNameOrInline<AuthorizationSpec>>,
    /// When true, a plan that would delete the source is refused, even when its YAML is gone.
    #[serde(default)]
    protect: bool,
}

/// The members of a REST service besides `connector`.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct HttpRest {
    /// The settings of the connector.
    config: HttpSettings,
    /// How we prove who we are: the name of an Authorization, or one inline.
    #[serde(default)]
    #[schemars(skip_serializing_if = "Option::is_none")]
    authorization: Option<ByNameOrInline<AuthorizationSpec>>,
    /// How the service's pushes are received. Default: they are not.
    #[serde(default)]
    #[schemars(skip_serializing_if = "Option::is_none")]
    webhook: Option<Box<WebhookSpec>>,
    /// When true, a plan that would delete the source is refused, even when its YAML is gone.
    #[serde(default)]
    protect: bool,
}

impl From<FileRest> for SourceSpec {
    fn from(rest: FileRest) -> Self {
        let FileRest { config, authorization, protect } = rest;
        Self { settings: ConnectorSettings::File(config), authorization, webhook: None, protect }
    }
}

impl From<HttpRest> for SourceSpec {
    fn from(rest: HttpRest) -> Self {
        let HttpRest { config, authorization, webhook, protect } = rest;
        Self { settings: ConnectorSettings::Http(config), authorization, webhook, protect }
    }
}

/// The closed object that a source with this connector is.
fn schema_of<R: JsonSchema>(connector: ConnectorInfo, generator: &mut SchemaGenerator) -> Schema {
    let mut schema = R::json_schema(generator);
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

impl Tagged for SourceSpec {
    const MARKER: &'static str = "raccord::Tagged/connector";
    const VARIANTS: &'static [&'static str] = &["file", "http"];

    fn from_tag<'de, D: Deserializer<'de>>(tag: &str, rest: D) -> Result<Self, D::Error> {
        match tag {
            "file" => FileRest::deserialize(rest).map(Self::from),
            "http" => HttpRest::deserialize(rest).map(Self::from),
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
                "file" => schema_of::<FileRest>(connector, generator),
                _ => schema_of::<HttpRest>(connector, generator),
            }),
        })
    }
}

impl<'de> Deserialize<'de> for SourceSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        tagged::deserialize(deserializer)
    }
}
