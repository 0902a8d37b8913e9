//! Whether a service can be reached with a configuration: what the manifest's `check` names is read up to its first
//! record. Nothing of it is kept.

#[cfg(test)]
mod tests;

use serde_json::Value;

use crate::component::{Component, Problem};
use crate::connector::Connector;
use crate::dynamic::{self, Group};
use crate::error::ReadError;
use crate::load::{Declared, Manifest};

/// What became of the check of one stream.
#[derive(Debug)]
pub struct Checked {
    /// The stream's name.
    pub stream: String,
    /// Why it cannot be read.
    pub failure: Option<ReadError>,
}

/// The configuration that a check is made with: that of the connector, with what the manifest's `check` overrides.
pub fn overridden(manifest: &Manifest, mut config: Value) -> Value {
    let check = manifest.root().child("check");
    let overrides = check.as_ref().and_then(|check| check.get("config_overrides")).and_then(Value::as_object);
    if let (Some(overrides), Some(members)) = (overrides, config.as_object_mut()) {
        // The platform's own names are none that a manifest may set.
        let own = overrides.iter().filter(|(name, _)| !name.starts_with("__airbyte"));
        members.extend(own.map(|(name, value)| (name.clone(), value.clone())));
    }
    config
}

/// Reads what a manifest names for that, each stream up to its first record. A stream without records is no failure.
///
/// # Errors
/// When the manifest has no check, names a stream that there is not, or the streams of a service cannot be told.
pub async fn check(connector: &Connector) -> Result<Vec<Checked>, ReadError> {
    let root = connector.manifest().root();
    let check = root.required("check", root.child("check"))?;
    let streams = match check.kind() {
        "CheckStream" => named(connector, &check).await?,
        "CheckDynamicStream" => first(connector, &check).await?,
        _ => return Err(check.unsupported().into()),
    };
    let mut checked = Vec::new();
    for stream in streams {
        let failure = one(connector, &stream.component).await.err();
        checked.push(Checked { stream: stream.name, failure });
    }
    Ok(checked)
}

/// The streams that a `CheckStream` names, and those of groups of which it names how many.
async fn named(connector: &Connector, check: &Component) -> Result<Vec<Declared>, ReadError> {
    let configured = connector.config().get("__airbyte_check_stream_names").and_then(Value::as_array);
    let own = check.get("stream_names").and_then(Value::as_array);
    let names = configured.filter(|names| !names.is_empty()).or(own).into_iter().flatten();
    let names: Vec<&str> = names.filter_map(Value::as_str).collect();
    let known: Vec<Declared> = connector.streams()?.into_iter().cloned().collect();
    let counts = check.children("dynamic_streams_check_configs");
    let is_later =
        !counts.is_empty() || names.iter().any(|name| known.iter().all(|stream| stream.name != *name));
    let groups = if is_later { dynamic::groups(connector).await? } else { Vec::new() };
    let mut streams = Vec::new();
    for name in names {
        let later = groups.iter().flat_map(|group| &group.streams);
        let found = known.iter().chain(later).find(|stream| stream.name == name);
        let missing = || check.invalid("stream_names", format!("there is no stream `{name}`"));
        streams.push(found.cloned().ok_or_else(missing)?);
    }
    for count in counts {
        streams.extend(counted(&groups, &count)?);
    }
    Ok(streams)
}

/// The first streams of a group.
fn counted(groups: &[Group], count: &Component) -> Result<Vec<Declared>, Problem> {
    let name = count.required("dynamic_stream_name", count.str("dynamic_stream_name"))?;
    let missing = || count.invalid("dynamic_stream_name", format!("there is no dynamic stream `{name}`"));
    let group = groups.iter().find(|group| group.name == name).ok_or_else(missing)?;
    let most = number(count, "stream_count").unwrap_or(usize::MAX);
    Ok(group.streams.iter().take(most).cloned().collect())
}

fn number(component: &Component, name: &str) -> Option<usize> {
    component.get(name).and_then(Value::as_u64).and_then(|number| usize::try_from(number).ok())
}

/// The first streams of all, those that are known only later at the end.
async fn first(connector: &Connector, check: &Component) -> Result<Vec<Declared>, ReadError> {
    let mut streams: Vec<Declared> = connector.streams()?.into_iter().cloned().collect();
    streams.extend(dynamic::streams(connector).await?);
    if streams.is_empty() {
        return Err(check.invalid("", "there is no stream to check").into());
    }
    let reads = check.bool("use_check_availability").unwrap_or(true);
    streams.truncate(if reads { number(check, "stream_count").unwrap_or(1) } else { 0 });
    Ok(streams)
}

/// Reads a stream up to its first record, or to the end of its first slice.
async fn one(connector: &Connector, component: &Component) -> Result<(), ReadError> {
    let mut reading = connector.build(component)?.read(None)?;
    while let Some(page) = reading.next().await? {
        if !page.records.is_empty() || page.ends_slice {
            break;
        }
    }
    Ok(())
}
