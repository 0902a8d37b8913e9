//! Why the reading of a manifest's stream stops, in the words of the port: nothing that is masked is in them.

use raccord_manifest::component::Problem;
use raccord_manifest::error::{FailureKind, ReadError};
use raccord_manifest::service::Masks;
use raccord_manifest::template::TemplateError;
use raccord_manifest::transport::TransportError;
use raccord_model::port::source::SourceError;

/// What to write where a service leaves an empty list out.
const MISSING: &str = "if the service leaves an empty list out, write `records: {missing: empty}` beside `connector` in the Source";

/// A failure without the secrets that the reading has used.
pub(super) fn hidden(error: ReadError, masks: &Masks) -> ReadError {
    let masked = |text: String| super::masked(masks, &text);
    match error {
        ReadError::Component(Problem { path, kind, message }) => {
            ReadError::Component(Problem { path, kind, message: masked(message) })
        }
        ReadError::Template(TemplateError { template, message }) => {
            ReadError::Template(TemplateError { template, message: masked(message) })
        }
        ReadError::Settings(message) => ReadError::Settings(masked(message)),
        ReadError::Transport { url, source } => {
            let source = match source {
                TransportError::Unreachable(message) => TransportError::Unreachable(masked(message)),
                TransportError::Refused(message) => TransportError::Refused(masked(message)),
            };
            ReadError::Transport { url: masked(url), source }
        }
        ReadError::Status { status, url, message, failure } => {
            ReadError::Status { status, url: masked(url), message: masked(message), failure }
        }
        ReadError::Answer { url, message } => {
            ReadError::Answer { url: masked(url), message: masked(message) }
        }
        ReadError::Missing { url, message } => {
            ReadError::Missing { url: masked(url), message: masked(message) }
        }
    }
}

/// What a failure means for a run.
pub(super) fn told(error: ReadError, masks: &Masks) -> SourceError {
    let manifest = |message| SourceError::Settings { place: "the manifest".to_owned(), message };
    match hidden(error, masks) {
        ReadError::Component(Problem { path, message, .. }) => {
            SourceError::Settings { place: format!("the manifest, at {path}"), message }
        }
        ReadError::Template(error) => manifest(error.to_string()),
        ReadError::Settings(message) => manifest(message),
        ReadError::Transport { url, source: TransportError::Unreachable(message) } => {
            SourceError::Unreachable { url, message }
        }
        ReadError::Transport { url, source: TransportError::Refused(message) } => {
            SourceError::Limit { place: url, message }
        }
        ReadError::Status { status: status @ (401 | 403), url, failure: FailureKind::Config, .. } => {
            SourceError::Unauthorized { status, url, credentials: String::new() }
        }
        ReadError::Status { status: 401, url, .. } => {
            SourceError::Unauthorized { status: 401, url, credentials: String::new() }
        }
        ReadError::Status { status, url, message, .. } => SourceError::Status { status, url, message },
        ReadError::Answer { url, message } => SourceError::Answer { place: url, message },
        ReadError::Missing { url, message } => SourceError::Answer {
            place: url,
            message: format!("{message}, where the records should be; {MISSING}"),
        },
    }
}
