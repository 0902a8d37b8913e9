//! The sources that other crates read than the one of the outside: databases. Puts them behind the port as far as this binary
//! has them, and says which cargo feature it lacks for the others.

#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

use raccord_connect::{Opening, Stream, provide as open_with};
use raccord_model::port::source::{Source, SourceError};

/// Makes them known to this process. A second time changes nothing.
pub(crate) fn provide() {
    #[cfg(feature = "postgres")]
    open_with("postgres", postgres::open);
    #[cfg(feature = "mysql")]
    open_with("mysql", mysql::open);
    #[cfg(feature = "sqlite")]
    open_with("sqlite", sqlite::open);
    // What was said first counts.
    for connector in ["postgres", "mysql", "sqlite"] {
        open_with(connector, not_built);
    }
}

/// The cargo features of this crate are called as their connectors are.
fn not_built(stream: &Stream, _: Opening<'_>) -> Result<Box<dyn Source>, SourceError> {
    let name = stream.connector();
    let message = format!(
        "this raccord was built without the feature `{name}`: use a released binary, or build it with `--features {name}`"
    );
    Err(SourceError::Settings { place: format!("the connector `{name}`"), message })
}

#[cfg(any(feature = "postgres", feature = "mysql"))]
fn without_access(place: String) -> SourceError {
    let message =
        "an authorization of type database is missing: {type: database, url: \"${env:NAME}\"}".to_owned();
    SourceError::Settings { place, message }
}
