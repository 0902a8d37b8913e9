//! The one list of the connectors that this crate lowers.

use raccord_model::DataTypeName;
use raccord_model::checkpoint::SourceState;
use raccord_model::diagnostic::{Code, Finding};
use raccord_model::language::connector::{
    self, Connector, ConnectorSettings, FileSettings, HttpSettings, ManifestSettings, MysqlTables,
    PostgresTables, Registry, SqliteTables,
};

use super::stream::{Component, Stream};
use super::unknown_data_type;

/// A connector whose settings lower to streams.
pub trait Lower: Connector {
    /// What they lower to.
    type Stream: Component;

    /// Lowers one data type. Without an error among the findings there is a stream. Their paths begin at the Source's
    /// `spec.config`.
    fn lower(&self, data_type: &DataTypeName) -> (Option<Self::Stream>, Vec<Finding>);

    /// Everything that is wrong with the settings, each mistake once.
    fn findings(&self) -> Vec<Finding> {
        self.data_types().into_iter().flat_map(|data_type| self.lower(data_type).1).collect()
    }
}

/// How one connector's settings are lowered.
struct Entry {
    connector: &'static str,
    lower: fn(&ConnectorSettings, &DataTypeName) -> Lowered,
    findings: fn(&ConnectorSettings) -> Vec<Finding>,
    describe: fn(&SourceState) -> Option<String>,
}

impl Entry {
    const fn of<T: Lower>() -> Self {
        Self {
            connector: T::INFO.name,
            lower: lower_as::<T>,
            findings: findings_as::<T>,
            describe: T::Stream::describe,
        }
    }
}

/// A stream, or what is wrong.
type Lowered = (Option<Stream>, Vec<Finding>);

fn lower_as<T: Lower>(settings: &ConnectorSettings, data_type: &DataTypeName) -> Lowered {
    let Some(settings) = settings.get::<T>() else { return (None, vec![unknown_data_type(data_type)]) };
    let (stream, findings) = settings.lower(data_type);
    (stream.map(|stream| Stream::new(T::INFO.name, stream)), findings)
}

fn findings_as<T: Lower>(settings: &ConnectorSettings) -> Vec<Finding> {
    settings.get::<T>().map(Lower::findings).unwrap_or_default()
}

// A further connector is one more line here.
static ENTRIES: Registry<Entry> = Registry::new(&[
    Entry::of::<FileSettings>(),
    Entry::of::<HttpSettings>(),
    Entry::of::<ManifestSettings>(),
    Entry::of::<MysqlTables>(),
    Entry::of::<PostgresTables>(),
    Entry::of::<SqliteTables>(),
]);

fn entry(settings: &ConnectorSettings) -> Option<&'static Entry> {
    let name = settings.info().name;
    ENTRIES.find(|entry| entry.connector == name)
}

/// Lowers one data type of a source. Without an error among the findings there is a stream.
pub fn lower(settings: &ConnectorSettings, data_type: &DataTypeName) -> Lowered {
    match entry(settings) {
        Some(entry) => (entry.lower)(settings, data_type),
        None => (None, vec![not_lowered(settings)]),
    }
}

/// Everything that is wrong with the settings of a source, each mistake once.
pub fn findings(settings: &ConnectorSettings) -> Vec<Finding> {
    entry(settings).map_or_else(|| vec![not_lowered(settings)], |entry| (entry.findings)(settings))
}

/// What a source says in its own state that it has read, for people.
pub fn describe(settings: &ConnectorSettings, state: &SourceState) -> Option<String> {
    (entry(settings)?.describe)(state)
}

/// Adds a connector that is not built in, to the catalogue too.
pub fn register<T: Lower>() {
    connector::register::<T>();
    ENTRIES.add(Entry::of::<T>(), |entry| entry.connector == T::INFO.name);
}

/// The finding for a connector that only the catalogue has.
fn not_lowered(settings: &ConnectorSettings) -> Finding {
    let message = format!("the connector `{}` cannot be compiled", settings.info().name);
    Finding::error(&[""; 0], Code::UnknownConnector, message)
}
