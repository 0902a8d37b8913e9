//! Where a manifest comes from: the `metadata.yaml` that stands beside it in its collection.

use serde_json::Value;

use crate::component::Problem;
use crate::load::read_yaml;

/// Where a manifest comes from, and under which terms.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Metadata {
    /// What the connector is called for people.
    pub title: Option<String>,
    /// The connector's name: `source-x`.
    pub name: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// Its licence: `MIT`, `ELv2`.
    pub license: Option<String>,
    /// Where it is documented.
    pub documentation: Option<String>,
    /// Who supports it: `community`, `certified`.
    pub support: Option<String>,
}

impl Metadata {
    /// Reads the text of a `metadata.yaml`.
    ///
    /// # Errors
    /// When it is no YAML.
    pub fn read(text: &str) -> Result<Self, Problem> {
        let metadata = read_yaml(text)?;
        let text = |name: &str| metadata.get("data").and_then(|data| data.get(name)).and_then(Value::as_str);
        let owned = |name: &str| text(name).map(str::to_owned);
        let repository = text("dockerRepository").and_then(|repository| repository.rsplit('/').next());
        Ok(Self {
            title: owned("name"),
            name: repository.map(str::to_owned),
            version: owned("dockerImageTag"),
            license: owned("license"),
            documentation: owned("documentationUrl"),
            support: owned("supportLevel"),
        })
    }
}
