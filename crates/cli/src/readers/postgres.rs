//! PostgreSQL as a source behind the port.

use std::sync::Arc;

use raccord_connect::{Opening, Stream};
use raccord_model::port::Cause;
use raccord_model::port::source::{Source, SourceError};
use raccord_postgres::{PostgresSource, SettingsSource};

use super::without_access;
use crate::databases::postgres::settings;

/// Opens a stream.
#[expect(clippy::needless_pass_by_value, reason = "the form in which the registry asks")]
pub(super) fn open(stream: &Stream, opening: Opening<'_>) -> Result<Box<dyn Source>, SourceError> {
    let name = opening.database_name();
    let (Some(stream), Some((authorization, secrets))) = (stream.get(), opening.database()) else {
        return Err(without_access(name));
    };
    let settings = SettingsSource(Arc::new(move || {
        let (secrets, authorization) = (secrets.clone(), authorization.clone());
        Box::pin(async move {
            // The schema is that of the stream.
            settings(&secrets, &authorization, String::new()).await.map_err(Cause::from)
        })
    }));
    Ok(Box::new(PostgresSource::new(stream, settings, name)))
}
