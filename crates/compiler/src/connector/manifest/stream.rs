//! One data type of a manifest: what of it others ask, and what reading it takes.

use std::fmt;
use std::sync::Arc;

use raccord_manifest::component::{Component as Part, Problem};
use raccord_manifest::connector::Connector;
use raccord_manifest::load::Manifest;
use raccord_manifest::service::Service;
use raccord_manifest::spec::{DataType, Specification};
use raccord_manifest::support::Offline;
use raccord_model::checkpoint::SourceState;
use raccord_model::language::connector::ManifestSettings;
use serde_json::Value;

use super::settings::config;
use crate::connector::stream::Component;

/// Paginators that ask for pages by their position.
const POSITIONAL: [&str; 2] = ["PageIncrement", "OffsetIncrement"];

/// One data type of a manifest, ready to be executed.
pub struct ManifestStream {
    /// What the Source says.
    pub settings: ManifestSettings,
    /// The manifest.
    pub manifest: Arc<Manifest>,
    /// What the manifest calls the data type.
    pub name: String,
    is_incremental: bool,
    is_positional: bool,
}

impl fmt::Debug for ManifestStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManifestStream").field("name", &self.name).finish_non_exhaustive()
    }
}

impl ManifestStream {
    /// The data type of a name that the manifest has.
    ///
    /// # Errors
    /// When a component of it is wrong, or cannot be used here.
    pub(super) fn new(
        settings: &ManifestSettings,
        manifest: &Arc<Manifest>,
        name: &str,
    ) -> Result<Self, Problem> {
        let specification = Specification::of(manifest)?;
        let config = specification.with_defaults(config(settings));
        // Rules that need the value of a secret are carried out when there is one.
        let config = specification.prepare(config.clone()).unwrap_or(config);
        let transport = Arc::new(Offline);
        let service = Service::new(transport.clone(), &Arc::new(config));
        let connector = Connector::new(Manifest::clone(manifest), service, transport);
        connector.stream(name)?;
        let declared = manifest.stream(name).map(|declared| &declared.component);
        Ok(Self {
            settings: settings.clone(),
            manifest: Arc::clone(manifest),
            name: name.to_owned(),
            is_incremental: declared.is_some_and(|stream| DataType::of(stream, false).cursor_field.is_some()),
            is_positional: declared.is_some_and(has_positions),
        })
    }

    /// Whether a reading goes on where the one before it ended.
    pub fn is_incremental(&self) -> bool {
        self.is_incremental
    }
}

/// Whether pages of a stream, or of one that it takes its partitions from, are asked for by their position.
fn has_positions(stream: &Part) -> bool {
    fn looks(value: &Value) -> bool {
        match value {
            Value::Object(members) => {
                let kind = members.get("type").and_then(Value::as_str);
                kind.is_some_and(|kind| POSITIONAL.contains(&kind)) || members.values().any(looks)
            }
            Value::Array(items) => items.iter().any(looks),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        }
    }
    stream.get("retriever").is_some_and(looks)
}

impl Component for ManifestStream {
    fn is_positional(&self) -> bool {
        self.is_positional
    }

    fn keeps_state(&self) -> bool {
        self.is_incremental
    }

    fn describe(state: &SourceState) -> Option<String> {
        let state: Value = serde_json::from_str(state.as_str()).ok()?;
        let members = state.as_object()?;
        let named = members.iter().filter_map(|(name, value)| Some(format!("{name} {}", value.as_str()?)));
        let described: Vec<String> = named.collect();
        (!described.is_empty()).then(|| described.join(", "))
    }
}
