//! The one list of the connectors that this crate reads, and what opens a stream of each.

use std::path::Path;
use std::sync::Arc;

use raccord_compiler::connector::{self, Stream};
use raccord_model::Name;
use raccord_model::language::AuthorizationSpec;
use raccord_model::language::connector::{FileSettings, HttpSettings, ManifestSettings, Registry};
use raccord_model::port::source::{Source, SourceError};

use crate::credentials::Credentials;
use crate::http::StaticCredentials;
use crate::oauth::{Keeper, OAuthCredentials};
use crate::open::{Open, Opening};
use crate::shared::SourceShared;

/// Opens a stream of one connector.
pub type Opener = fn(&Stream, Opening<'_>) -> Result<Box<dyn Source>, SourceError>;

/// What opens the streams of one connector.
struct Entry {
    connector: &'static str,
    open: Opener,
}

impl Entry {
    const fn of<T: Open>() -> Self {
        Self { connector: T::INFO.name, open: open_as::<T> }
    }
}

fn open_as<T: Open>(stream: &Stream, opening: Opening<'_>) -> Result<Box<dyn Source>, SourceError> {
    T::open(stream.get().ok_or_else(|| not_read(stream))?, opening)
}

// A further connector is one more line here.
static ENTRIES: Registry<Entry> = Registry::new(&[
    Entry::of::<FileSettings>(),
    Entry::of::<HttpSettings>(),
    Entry::of::<ManifestSettings>(),
]);

/// One data type of a source, ready to be read. `root` is the directory that paths of files are relative to.
///
/// Nothing is asked for yet: secrets are read and requests are sent when the source is.
///
/// # Errors
/// When its connector is not read here, or what the source shares is not what the connector needs.
pub fn open_source(
    stream: &Stream,
    authorization: Option<&AuthorizationSpec>,
    root: &Path,
    shared: &SourceShared,
) -> Result<Box<dyn Source>, SourceError> {
    let credentials: Arc<dyn Credentials> = match authorization {
        Some(AuthorizationSpec::OAuth2(oauth)) => {
            let keeper = Keeper::new(None, &Name::of_default_stack(), false);
            Arc::new(OAuthCredentials::new(oauth, &shared.secrets, shared.now.clone(), keeper))
        }
        _ => Arc::new(StaticCredentials::new(authorization, &shared.secrets).timed(shared.now.clone())),
    };
    open(stream, Opening { credentials, authorization, root, shared })
}

/// The same with credentials that others use, too.
pub(crate) fn open(stream: &Stream, opening: Opening<'_>) -> Result<Box<dyn Source>, SourceError> {
    let entry =
        ENTRIES.find(|entry| entry.connector == stream.connector()).ok_or_else(|| not_read(stream))?;
    (entry.open)(stream, opening)
}

/// Says what opens the streams of a connector that the catalogue has and this crate does not read: a database, whose library
/// another crate has. What was said first counts.
pub fn provide(connector: &'static str, open: Opener) {
    ENTRIES.add(Entry { connector, open }, |entry| entry.connector == connector);
}

/// Adds a connector that is not built in, here and in all that is below: it can be written, validated and read from then
/// on, wherever Sources are.
pub fn register<T: Open>() {
    connector::register::<T>();
    ENTRIES.add(Entry::of::<T>(), |entry| entry.connector == T::INFO.name);
}

fn not_read(stream: &Stream) -> SourceError {
    SourceError::Settings {
        place: "the source".to_owned(),
        message: format!("nothing reads the connector `{}`", stream.connector()),
    }
}

#[cfg(test)]
mod tests {
    use raccord_model::language::connector::catalogue;

    use super::*;

    #[test]
    fn what_is_in_the_catalogue_is_read() {
        let read: Vec<&str> = ENTRIES.all().into_iter().map(|entry| entry.connector).collect();
        let written: Vec<&str> = catalogue().into_iter().map(|info| info.name).collect();
        // Other crates read databases.
        let elsewhere = ["mysql", "postgres", "sqlite"];
        assert_eq!([&read[..], &elsewhere].concat(), written);
    }
}
