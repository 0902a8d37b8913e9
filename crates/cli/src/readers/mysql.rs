//! MySQL and MariaDB as a source behind the port.

use raccord_connect::{Opening, Stream};
use raccord_model::port::source::{Source, SourceError};
use raccord_mysql::MysqlSource;

use super::without_access;
use crate::databases::mysql::settings_source;

/// Opens a stream.
#[expect(clippy::needless_pass_by_value, reason = "the form in which the registry asks")]
pub(super) fn open(stream: &Stream, opening: Opening<'_>) -> Result<Box<dyn Source>, SourceError> {
    let name = opening.database_name();
    let (Some(stream), Some((authorization, secrets))) = (stream.get(), opening.database()) else {
        return Err(without_access(name));
    };
    Ok(Box::new(MysqlSource::new(stream, settings_source(secrets, &authorization), name)))
}
