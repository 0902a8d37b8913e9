//! `Source`: a connector from the catalogue, an authorization, settings.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

use super::connector::manifest::{LISTED, ManifestRecords, ManifestSettings, Setting, is_path};
use super::connector::{self, Connector};
use super::{AuthorizationSpec, ByNameOrInline, ConnectorSettings, WebhookSpec, is_default};
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
    /// How the service's pushes are received. Only connectors with webhooks have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<Box<WebhookSpec>>,
    /// When true, a plan that would delete the source is refused, even when its YAML is gone.
    #[serde(default, skip_serializing_if = "is_default")]
    pub protect: bool,
}

/// The members besides `connector` of a source that is only read.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ReadOnly<T> {
    /// The settings of the connector.
    config: T,
    /// How we prove who we are: the name of an Authorization, or one inline.
    #[serde(default)]
    #[schemars(skip_serializing_if = "Option::is_none")]
    authorization: Option<ByNameOrInline<AuthorizationSpec>>,
    /// When true, a plan that would delete the source is refused, even when its YAML is gone.
    #[serde(default)]
    protect: bool,
}

/// The members besides `connector` of a source whose service may push.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Pushing<T> {
    /// The settings of the connector.
    config: T,
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

/// The members besides `connector` of a source whose connector is a manifest.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OfManifest {
    /// The settings of the connector.
    config: Given,
    /// What an answer without records means.
    #[serde(default)]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    records: ManifestRecords,
    /// How we prove who we are: the name of an Authorization, or one inline.
    #[serde(default)]
    #[schemars(skip_serializing_if = "Option::is_none")]
    authorization: Option<ByNameOrInline<AuthorizationSpec>>,
    /// When true, a plan that would delete the source is refused, even when its YAML is gone.
    #[serde(default)]
    protect: bool,
}

/// Reads the members besides `connector` of a source with one connector.
pub(super) fn read<'de, T: Connector, D: Deserializer<'de>>(rest: D) -> Result<SourceSpec, D::Error> {
    if T::INFO.has_webhooks {
        let Pushing { config, authorization, webhook, protect } = Pushing::<T>::deserialize(rest)?;
        Ok(SourceSpec { settings: config.into(), authorization, webhook, protect })
    } else {
        let ReadOnly { config, authorization, protect } = ReadOnly::<T>::deserialize(rest)?;
        Ok(SourceSpec { settings: config.into(), authorization, webhook: None, protect })
    }
}

/// Reads the members besides `connector` of a source whose connector is the path of a manifest, or its name in the catalogue.
pub(super) fn read_at<'de, D: Deserializer<'de>>(path: &str, rest: D) -> Result<SourceSpec, D::Error> {
    let OfManifest { config, records, authorization, protect } = OfManifest::deserialize(rest)?;
    let settings = ManifestSettings::at(path, config.0, records).into();
    Ok(SourceSpec { settings, authorization, webhook: None, protect })
}

/// The values of the settings that a manifest asks for, by name.
#[derive(Default, Deserialize, JsonSchema)]
struct Given(BTreeMap<String, Setting>);

/// The closed object that a source is whose connector is the path of a manifest.
pub(super) fn schema_at(generator: &mut SchemaGenerator) -> Schema {
    let title = "A manifest in Airbyte's low-code language, by its path or its URL, which `raccord connector lock` pins";
    let connector = json!({ "description": title, "type": "string", "pattern": "/|\\.ya?ml$" });
    with_connector(OfManifest::json_schema(generator), title, connector)
}

/// The closed object that a source is whose connector is a manifest of the catalogue.
pub(super) fn schema_listed(generator: &mut SchemaGenerator) -> Schema {
    let title = "A manifest of the catalogue, by its name";
    let names: Vec<&str> = LISTED.iter().map(|entry| entry.name).collect();
    with_connector(OfManifest::json_schema(generator), title, json!({ "description": title, "enum": names }))
}

/// The closed object that a source with one connector is.
pub(super) fn schema_of<T: Connector>(generator: &mut SchemaGenerator) -> Schema {
    let info = T::INFO;
    let schema = if info.has_webhooks {
        Pushing::<T>::json_schema(generator)
    } else {
        ReadOnly::<T>::json_schema(generator)
    };
    with_connector(schema, info.title, json!({ "description": info.title, "const": info.name }))
}

fn with_connector(mut schema: Schema, title: &str, connector: Value) -> Schema {
    schema.insert("description".to_owned(), title.into());
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.insert("connector".to_owned(), connector);
    }
    if let Some(Value::Array(required)) = schema.get_mut("required") {
        required.insert(0, "connector".into());
    }
    schema
}

impl Tagged for SourceSpec {
    const MARKER: &'static str = "raccord::Tagged/connector";

    fn variants() -> &'static [&'static str] {
        connector::names()
    }

    fn admits(tag: &str) -> bool {
        is_path(tag)
    }

    fn from_tag<'de, D: Deserializer<'de>>(tag: &str, rest: D) -> Result<Self, D::Error> {
        connector::read(tag, rest)
    }
}

impl JsonSchema for SourceSpec {
    fn schema_name() -> Cow<'static, str> {
        "SourceSpec".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "What a Source says; `connector` tells what `config` holds.",
            "oneOf": connector::schemas(generator),
        })
    }
}

impl<'de> Deserialize<'de> for SourceSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        tagged::deserialize(deserializer)
    }
}
