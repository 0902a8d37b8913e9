//! The settings of the connectors in the catalogue: what stands under `config` of a Source.
//!
//! Each connector has a folder here, and `registry` alone names them all. What others want to know of the settings, they
//! answer themselves ([`Settings`]); no caller matches on which connector it is.

pub mod decode;
pub mod file;
pub mod http;
pub mod manifest;
pub mod records;
mod registry;
mod settings;
pub mod table;
mod unlisted;

pub use decode::{Decode, LastLineEnd, MissingCells, RecordFormat, Sheet};
pub use file::{Compression, FileDataType, FileSettings};
pub use http::{HttpDataType, HttpSettings, Parent};
pub use manifest::ManifestSettings;
pub(crate) use registry::rules;
pub use registry::{Registry, catalogue, register};
pub(super) use registry::{names, read, schemas};
pub use settings::{Connector, ConnectorSettings, Settings};
pub use table::{MysqlTables, PostgresTables, SqliteTables, TableDataType, TableIncremental};

/// One entry of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectorInfo {
    /// What `connector` says.
    pub name: &'static str,
    /// What it is for.
    pub title: &'static str,
    /// Whether a Source must say how it authorizes.
    pub needs_authorization: bool,
    /// Whether its services may push: whether a Source may have a `webhook`.
    pub has_webhooks: bool,
    /// What it can do.
    pub features: &'static [&'static str],
}
