//! The settings of the connectors in the catalogue: what stands under `config` of a Source.

pub mod answer;
pub mod file;
pub mod http;
pub mod incremental;
pub mod pages;
pub mod parent;

use serde::Serialize;

pub use file::{Compression, FileDataType, FileFormat, FileSettings, MissingCells};
pub use http::{HttpDataType, HttpSettings};
pub use parent::Parent;

use crate::name::DataTypeName;

/// One entry of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectorInfo {
    /// What `connector` says.
    pub name: &'static str,
    /// What it is for.
    pub title: &'static str,
    /// Whether a Source must say how it authorizes.
    pub needs_authorization: bool,
    /// What it can do.
    pub features: &'static [&'static str],
}

/// The catalogue.
pub const CATALOGUE: [ConnectorInfo; 2] = [
    ConnectorInfo {
        name: "file",
        title: "CSV, JSON Lines and JSON files, plain or gzip, by glob",
        needs_authorization: false,
        features: &["snapshot deletes", "resume inside a file"],
    },
    ConnectorInfo {
        name: "http",
        title: "Any REST service that answers JSON",
        needs_authorization: true,
        features: &[
            "incremental",
            "sync tokens",
            "nine paginations",
            "parents",
            "rate limit",
            "snapshot deletes",
        ],
    },
];

/// The settings of one connector; `connector` tells which.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "connector", content = "config", rename_all = "camelCase")]
pub enum ConnectorSettings {
    /// Local files.
    File(FileSettings),
    /// A REST service.
    Http(HttpSettings),
}

impl ConnectorSettings {
    /// The entry of the catalogue that these settings belong to.
    pub const fn info(&self) -> &'static ConnectorInfo {
        match self {
            Self::File(_) => &CATALOGUE[0],
            Self::Http(_) => &CATALOGUE[1],
        }
    }

    /// The data types that the settings describe.
    pub fn data_types(&self) -> Vec<&DataTypeName> {
        match self {
            Self::File(settings) => settings.data_types.keys().collect(),
            Self::Http(settings) => settings.data_types.keys().collect(),
        }
    }
}
