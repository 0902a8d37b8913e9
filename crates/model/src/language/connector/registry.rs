//! The one list of the connectors that this crate knows, and a way to add to it while a program runs. It knows of each
//! how a Source with it is read and described, and nothing else.

use std::sync::{LazyLock, PoisonError, RwLock};

use schemars::{Schema, SchemaGenerator};
use serde::Deserializer;
use serde::de::Error;

use super::manifest::{catalogue as manifests, is_manifest};
use super::unlisted::{self, ReadSettings};
use super::{
    Connector, ConnectorInfo, FileSettings, HttpSettings, ManifestSettings, MysqlTables, PostgresTables,
    SqliteTables,
};
use crate::language::source::{self, SourceSpec};
use crate::rule::Rule;

/// Things by the connector that they belong to: those that are built in, in their order, and then those that were
/// registered.
pub struct Registry<T: 'static> {
    built_in: &'static [T],
    registered: RwLock<Vec<&'static T>>,
}

impl<T> Registry<T> {
    /// The ones that are built in.
    pub const fn new(built_in: &'static [T]) -> Self {
        Self { built_in, registered: RwLock::new(Vec::new()) }
    }

    /// All of them.
    pub fn all(&self) -> Vec<&'static T> {
        let registered = self.registered.read().unwrap_or_else(PoisonError::into_inner);
        self.built_in.iter().chain(registered.iter().copied()).collect()
    }

    /// The first that fits.
    pub fn find(&self, fits: impl Fn(&T) -> bool) -> Option<&'static T> {
        let registered = self.registered.read().unwrap_or_else(PoisonError::into_inner);
        self.built_in.iter().chain(registered.iter().copied()).find(|entry| fits(entry))
    }

    /// Adds one for as long as the process lives, unless there is one already that is the same. Returns whether it was added.
    pub fn add(&self, entry: T, is_same: impl Fn(&T) -> bool) -> bool {
        let mut registered = self.registered.write().unwrap_or_else(PoisonError::into_inner);
        if self.built_in.iter().chain(registered.iter().copied()).any(is_same) {
            return false;
        }
        registered.push(Box::leak(Box::new(entry)));
        true
    }
}

/// How a Source with one connector is read and described.
struct Entry {
    info: ConnectorInfo,
    rules: &'static [Rule],
    read: ReadSettings,
    schema: fn(&mut SchemaGenerator) -> Schema,
}

impl Entry {
    const fn of<T: Connector>() -> Self {
        Self { info: T::INFO, rules: T::RULES, read: unlisted::settings::<T>, schema: source::schema_of::<T> }
    }
}

/// What is made of the list of connectors: their entries, and the function that reads a Source of each with the
/// places of its mistakes.
macro_rules! built_in {
    ($($settings:ty),* $(,)?) => {
        static ENTRIES: Registry<Entry> = Registry::new(&[$(Entry::of::<$settings>()),*]);

        /// The names of all connectors, those of the manifests of the catalogue last. They are leaked when one is
        /// registered, which happens a few times at the most.
        static NAMES: LazyLock<RwLock<&'static [&'static str]>> = LazyLock::new(|| {
            let built_in: &[&str] = &[$(<$settings as Connector>::INFO.name),*];
            RwLock::new(Vec::leak([built_in, manifests::NAMES].concat()))
        });

        /// Reads the members of a Source besides `connector`.
        pub(in crate::language) fn read<'de, D: Deserializer<'de>>(
            connector: &str,
            rest: D,
        ) -> Result<SourceSpec, D::Error> {
            $(if connector == <$settings as Connector>::INFO.name {
                return source::read::<$settings, D>(rest);
            })*
            if is_manifest(connector) {
                return source::read_at(connector, rest);
            }
            match ENTRIES.find(|entry| entry.info.name == connector) {
                Some(entry) => unlisted::read(&entry.info, entry.read, rest),
                None => Err(D::Error::unknown_variant(connector, names())),
            }
        }
    };
}

// A further connector is one more name here.
built_in![FileSettings, HttpSettings, ManifestSettings, MysqlTables, PostgresTables, SqliteTables];

/// The catalogue.
pub fn catalogue() -> Vec<&'static ConnectorInfo> {
    ENTRIES.all().into_iter().map(|entry| &entry.info).collect()
}

/// What changes of the settings of all connectors mean.
pub(crate) fn rules() -> impl Iterator<Item = &'static Rule> {
    ENTRIES.all().into_iter().flat_map(|entry| entry.rules)
}

/// Adds a connector that is not built in; one whose name is known already is left out. A mistake in the shape of its
/// settings is told at `config` as a whole; of the connectors that are built in each has its own place.
pub fn register<T: Connector>() {
    if !ENTRIES.add(Entry::of::<T>(), |entry| entry.info.name == T::INFO.name) {
        return;
    }
    let mut names = NAMES.write().unwrap_or_else(PoisonError::into_inner);
    *names = Vec::leak([*names, &[T::INFO.name]].concat());
}

/// The names of all connectors.
pub(in crate::language) fn names() -> &'static [&'static str] {
    *NAMES.read().unwrap_or_else(PoisonError::into_inner)
}

/// The closed objects that Sources are, one a connector.
pub(in crate::language) fn schemas(generator: &mut SchemaGenerator) -> Vec<Schema> {
    let named = ENTRIES.all().into_iter().map(|entry| (entry.schema)(generator));
    let named: Vec<Schema> = named.collect();
    named.into_iter().chain([source::schema_listed(generator), source::schema_at(generator)]).collect()
}
