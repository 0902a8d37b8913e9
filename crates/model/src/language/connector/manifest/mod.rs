//! The settings of a Source whose connector is a manifest in Airbyte's low-code language: the manifest's text, and the values
//! of the settings that the manifest asks for.
//!
//! A Source that says `connector: ./connectors/shop.yaml`, or `connector: stripe` for a manifest of the catalogue, has its
//! settings under `config`; the loader puts the text of the manifest beside them, so that a configuration holds all of it. What
//! the text means, others know.

pub(super) mod catalogue;
mod connector;
mod setting;
mod text;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::language::connector::records::MissingList;
use crate::language::is_default;
use crate::name::DataTypeName;

pub use catalogue::{LISTED, Listed, listed};
pub use setting::Setting;
pub use text::ManifestText;

/// The settings of a Source with a manifest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ManifestSettings {
    /// The file of the manifest, beside the YAML of the Source or below the directory that is loaded, its URL, or its name in the
    /// catalogue; none where its text stands here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The manifest itself. The loader reads it from `path`.
    #[serde(default, skip_serializing_if = "is_empty")]
    #[schemars(with = "String")]
    pub text: ManifestText,
    /// The data types that it has. The loader takes them from the text.
    #[serde(default, skip_serializing_if = "is_default")]
    pub data_types: Vec<DataTypeName>,
    /// The values of the settings that the manifest's `spec` asks for, by name.
    #[serde(default, skip_serializing_if = "is_default")]
    pub settings: BTreeMap<String, Setting>,
    /// What an answer without records means. Beside `config` where `connector` is the manifest's path or name.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub records: ManifestRecords,
}

/// What answers without records mean, in all data types of a manifest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ManifestRecords {
    /// What an answer means that has nothing, or null, where the manifest's `field_path` leads. Default: fail.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub missing: MissingList,
}

impl ManifestSettings {
    /// The settings of a Source whose `connector` is the path of a manifest, or its name in the catalogue.
    pub fn at(path: &str, settings: BTreeMap<String, Setting>, records: ManifestRecords) -> Self {
        Self { path: Some(path.to_owned()), settings, records, ..Self::default() }
    }

    /// Whether the text that `path` means was not to be had, which the loader has told: what stands in it is not known.
    pub fn is_unread(&self) -> bool {
        self.path.is_some() && self.text.is_empty()
    }
}

fn is_empty(text: &ManifestText) -> bool {
    text.is_empty()
}

/// What a stream of a manifest is called as a data type: what cannot stand in the name of one becomes `_`. None where nothing
/// is left to call it by.
pub fn data_type_name(stream: &str) -> Option<DataTypeName> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    stream.chars().map(|c| if fits(c) { c } else { '_' }).collect::<String>().parse().ok()
}

/// Whether the `connector` of a Source is the path or the URL of a manifest, and no name.
///
/// ```
/// use raccord_model::language::connector::manifest::is_path;
///
/// assert!(is_path("./connectors/shop.yaml") && is_path("shop.yml") && !is_path("http"));
/// ```
pub fn is_path(connector: &str) -> bool {
    let ends_with = |ending: &str| connector.rsplit_once('.').is_some_and(|(_, last)| last == ending);
    connector.contains('/') || ends_with("yaml") || ends_with("yml")
}

/// Whether the `connector` of a Source is the URL of a manifest.
pub fn is_url(connector: &str) -> bool {
    connector.starts_with("https://") || connector.starts_with("http://")
}

/// Whether the `connector` of a Source names a manifest: by its path, or by its name in the catalogue.
pub fn is_manifest(connector: &str) -> bool {
    is_path(connector) || listed(connector).is_some()
}
