//! SQLite as a source behind the port.

use std::sync::Arc;

use raccord_connect::{Opening, Stream};
use raccord_model::port::source::{Source, SourceError};
use raccord_sqlite::SqliteSource;

/// Opens a stream.
pub(super) fn open(stream: &Stream, opening: Opening<'_>) -> Result<Box<dyn Source>, SourceError> {
    let wanted = stream.get().and_then(|stream| Some((opening.root.join(stream.path.as_ref()?), stream)));
    let (file, stream) = wanted.ok_or_else(|| SourceError::Settings {
        place: "the source".to_owned(),
        message: "it names no file".to_owned(),
    })?;
    Ok(Box::new(SqliteSource::new(Arc::clone(&stream), file)))
}
