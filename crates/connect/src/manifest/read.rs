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
use serde_json::Value;

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
    let service = Service::new(transport.clone(), &Arc::new(config)).with_masks(masks.clone());
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
    Specification::of(&manifest)?.check(&configured(&manifest, config)?)
}

/// Masks the values that the specification of a manifest calls secret.
fn hide(root: &Component, config: &Value, masks: &Masks) {
    let specification = root.child("spec").and_then(|spec| spec.get("connection_specification").cloned());
    if let Some(specification) = specification {
        hide_within(&specification, config, masks);
    }
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
        if let Some(value) = value.get(name) {
            hide_within(schema, value, masks);
        }
    }
}
