//! Why the reading of a manifest's stream stops, in the words of the port: nothing that is masked is in them.

use raccord_manifest::component::Problem;
use raccord_manifest::error::{FailureKind, ReadError};
use raccord_manifest::service::Masks;
use raccord_manifest::transport::TransportError;
use raccord_model::port::source::SourceError;

/// What a failure means for a run.
pub(super) fn told(error: ReadError, masks: &Masks) -> SourceError {
    let masked = |text: &str| masks.mask(text);
    match error {
        ReadError::Component(Problem { path, message, .. }) => {
            SourceError::Settings { place: format!("the manifest, at {path}"), message: masked(&message) }
        }
        ReadError::Template(error) => {
            SourceError::Settings { place: "the manifest".to_owned(), message: masked(&error.to_string()) }
        }
        ReadError::Settings(message) => {
            SourceError::Settings { place: "the manifest".to_owned(), message: masked(&message) }
        }
        ReadError::Transport { url, source: TransportError::Unreachable(message) } => {
            SourceError::Unreachable { url: masked(&url), message: masked(&message) }
        }
        ReadError::Transport { url, source: TransportError::Refused(message) } => {
            SourceError::Limit { place: masked(&url), message: masked(&message) }
        }
        ReadError::Status { status: status @ (401 | 403), url, failure: FailureKind::Config, .. } => {
            SourceError::Unauthorized { status, url: masked(&url), credentials: String::new() }
        }
        ReadError::Status { status: 401, url, .. } => {
            SourceError::Unauthorized { status: 401, url: masked(&url), credentials: String::new() }
        }
        ReadError::Status { status, url, message, .. } => {
            SourceError::Status { status, url: masked(&url), message: masked(&message) }
        }
        ReadError::Answer { url, message } => {
            SourceError::Answer { place: masked(&url), message: masked(&message) }
        }
    }
}
