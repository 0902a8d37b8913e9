//! Why a file was not read, as the port says it: what another program holds, and what the settings have wrong.

use raccord_model::port::source::SourceError;
use rusqlite::{Error, ErrorCode};

use crate::open::OpenError;

/// What is read, as messages call it.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) relation: String,
    pub(super) file: String,
}

/// A text of the file is none.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error(transparent)]
    Library(#[from] Error),
    /// A text that is not UTF-8.
    #[error("a text in the column `{0}` is not UTF-8: store it as a BLOB, or convert it")]
    NotUtf8(String),
}

impl Place {
    pub(super) fn settings(&self, message: String) -> SourceError {
        SourceError::Settings { place: self.relation.clone(), message }
    }

    pub(super) fn interrupted(&self) -> SourceError {
        SourceError::Answer { place: self.relation.clone(), message: "reading was interrupted".to_owned() }
    }

    pub(super) fn opened(&self, error: OpenError) -> SourceError {
        match error {
            OpenError::Locked(..) => self.away(error.to_string()),
            error => SourceError::File { path: self.file.clone(), source: Box::new(error) },
        }
    }

    fn away(&self, message: String) -> SourceError {
        SourceError::Unreachable { url: self.file.clone(), message }
    }

    pub(super) fn told(&self, error: &ReadError) -> SourceError {
        match error {
            ReadError::Library(library) => match library.sqlite_error_code() {
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                    self.away("another program holds its lock".to_owned())
                }
                _ => self.settings(library.to_string()),
            },
            ReadError::NotUtf8(_) => {
                SourceError::Answer { place: self.relation.clone(), message: error.to_string() }
            }
        }
    }
}
