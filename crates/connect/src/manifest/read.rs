//! Reads one stream of a manifest from end to end, and hands its records on as JSON texts.

use std::sync::Arc;

use bytes::Bytes;
use raccord_manifest::component::Component;
use raccord_manifest::connector::Connector;
use raccord_manifest::error::ReadError;
use raccord_manifest::load::{Manifest, load};
use raccord_manifest::service::{Masks, Service};
use raccord_manifest::spec::{Specification, Violation};
use raccord_manifest::transport::Transport;
use serde_json::{Map, Value};

use super::complaints::Usual;
use super::failure::hidden;
use super::trace::{Tell, Traced};

/// What is read.
pub struct Task<'a> {
    /// The text of the manifest.
    pub manifest: &'a str,
    /// The configuration.
    pub config: Value,
    /// The name of the stream.
    pub stream: &'a str,
    /// Where an earlier reading ended.
    pub state: Option<Value>,
    /// Whether an answer in which the records are missing has none.
    pub may_be_missing: bool,
    /// Hears of every request and answer.
    pub trace: Option<Tell>,
}

/// Reads a stream, and gives each record to `each`. The answer is where another reading goes on.
///
/// # Errors
/// When the manifest cannot be used, the service refuses or cannot be reached, or `each` fails.
pub async fn read<E: From<ReadError>>(
    task: Task<'_>,
    transport: Arc<dyn Transport>,
    mut each: impl FnMut(Bytes) -> Result<(), E>,
) -> Result<Option<Value>, E> {
    let manifest = load(task.manifest).map_err(ReadError::from)?;
    let masks = Masks::default();
    hide(manifest.root(), &task.config, &masks);
    let hide_in = |error| hidden(error, &masks);
    let config = configured(&manifest, task.config).map_err(hide_in)?;
    hide(manifest.root(), &config, &masks);
    let transport = match task.trace {
        Some(tell) => Arc::new(Traced::new(transport, masks.clone(), tell)),
        None => transport,
    };
    let service = Service::new(transport.clone(), &Arc::new(config))
        .with_masks(masks.clone())
        .with_complaints(Arc::new(Usual))
        .with_missing_lists(task.may_be_missing);
    let connector = Connector::new(manifest, service, transport);
    let stream = connector.open(task.stream).await.map_err(hide_in)?;
    let mut reading = stream.read(task.state.as_ref()).map_err(hide_in)?;
    while let Some(page) = reading.next().await.map_err(hide_in)? {
        for record in &page.records {
            each(record.text())?;
        }
    }
    let state = reading.state();
    if let Some(state) = &state {
        super::kept(state, &masks)?;
    }
    Ok(state)
}

/// A configuration as streams see it: defaults filled in, migrated and transformed.
///
/// # Errors
/// When a rule of the manifest has no value.
pub(super) fn configured(manifest: &Manifest, config: Value) -> Result<Value, ReadError> {
    let specification = Specification::of(manifest)?;
    specification.prepare(specification.with_defaults(config))
}

/// What a configuration lacks, or has otherwise than a manifest asks for. A reading may go well all the same.
///
/// # Errors
/// When the text is no manifest, or a rule in it has no value.
pub fn violations(manifest: &str, config: Value) -> Result<Vec<Violation>, ReadError> {
    let manifest = load(manifest)?;
    let specification = Specification::of(&manifest)?;
    let mut found = misspelt(specification.schema(), &config);
    found.extend(specification.check(&configured(&manifest, config)?)?);
    Ok(found)
}

/// The members of a configuration that are no settings, but those of the manifest in another spelling.
fn misspelt(schema: &Value, config: &Value) -> Vec<Violation> {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return Vec::new() };
    let meant = |name: &String| {
        let is_meant = |known: &&String| plain(known) == plain(name);
        let known = properties.keys().find(is_meant).filter(|_| !properties.contains_key(name))?;
        let message = format!("the manifest has no such setting; it is written `{known}`");
        Some(Violation { path: name.clone(), message })
    };
    config.as_object().into_iter().flat_map(Map::keys).filter_map(meant).collect()
}

/// Masks the values that the specification of a manifest calls secret, and those whose names say that they are.
fn hide(root: &Component, config: &Value, masks: &Masks) {
    let specification = root.child("spec").and_then(|spec| spec.get("connection_specification").cloned());
    if let Some(specification) = &specification {
        hide_within(specification, config, masks);
    }
    hide_unknown(specification.as_ref(), config, masks);
}

/// A name without what spellings differ in: capitals, `_` and `-`.
fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|char| char.to_ascii_lowercase()).collect()
}

/// What names of secrets contain, without what spellings differ in.
const SECRET_NAMES: [&str; 9] = [
    "secret",
    "token",
    "password",
    "passwd",
    "passphrase",
    "apikey",
    "accesskey",
    "privatekey",
    "credential",
];

/// Masks the texts under names that the manifest does not know and that say that they are secrets: a misspelt secret is no less
/// one. What the manifest knows it calls a secret itself.
fn hide_unknown(schema: Option<&Value>, config: &Value, masks: &Masks) {
    let known = |name: &str| schema.and_then(|schema| schema.get("properties")?.get(name));
    for (name, value) in config.as_object().into_iter().flatten() {
        hide_value(name, known(name), value, masks);
    }
}

/// Likewise of the value under a name; the items of a list have its name.
fn hide_value(name: &str, schema: Option<&Value>, value: &Value, masks: &Masks) {
    match value {
        Value::String(text) if schema.is_none() && is_secret(name, text) => masks.add(text),
        Value::Object(_) => hide_unknown(schema, value, masks),
        Value::Array(items) => {
            let of_items = schema.and_then(|schema| schema.get("items"));
            for item in items {
                hide_value(name, of_items, item, masks);
            }
        }
        _ => {}
    }
}

/// Whether a text is probably a secret, by its name. Where tokens are asked for is none.
fn is_secret(name: &str, text: &str) -> bool {
    let name = plain(name);
    SECRET_NAMES.iter().any(|word| name.contains(word)) && !text.starts_with("http")
}

fn hide_within(schema: &Value, value: &Value, masks: &Masks) {
    if schema.get("airbyte_secret").and_then(Value::as_bool) == Some(true)
        && let Some(secret) = value.as_str()
    {
        masks.add(secret);
    }
    for kind in ["oneOf", "anyOf", "allOf"] {
        for schema in schema.get(kind).and_then(Value::as_array).into_iter().flatten() {
            hide_within(schema, value, masks);
        }
    }
    for (name, schema) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let is_meant = |(written, _): &(&String, &Value)| plain(written) == plain(name);
        for (_, value) in value.as_object().into_iter().flatten().filter(is_meant) {
            hide_within(schema, value, masks);
        }
    }
}
