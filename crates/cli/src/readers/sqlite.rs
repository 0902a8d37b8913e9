//! SQLite as a source behind the port.

use raccord_connect::{Opening, Stream};
use raccord_model::port::source::{Source, SourceError};
use raccord_sqlite::SqliteSource;

/// Opens a stream.
#[expect(clippy::needless_pass_by_value, reason = "the form in which the registry asks")]
pub(super) fn open(stream: &Stream, opening: Opening<'_>) -> Result<Box<dyn Source>, SourceError> {
    let stream = stream.get().ok_or_else(|| SourceError::Settings {
        place: "the source".to_owned(),
        message: "it is none of a file of SQLite".to_owned(),
    })?;
    Ok(Box::new(SqliteSource::below(stream, opening.root)))
}
