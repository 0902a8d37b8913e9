//! How an answer is judged where the manifest says nothing: by its status alone.

use super::{Action, Seen, Verdict, message_of};
use crate::error::FailureKind;
use crate::transport::TransportError;

/// The standard verdict.
pub(super) fn verdict(seen: &Seen<'_>) -> Verdict {
    let judged =
        |action, failure, message: &str| Verdict { action, failure, message: Some(message.to_owned()) };
    match seen.answer {
        Err(TransportError::Refused(why)) => judged(Action::Fail, FailureKind::Config, why),
        Err(TransportError::Unreachable(why)) => judged(Action::Retry, FailureKind::Transient, why),
        Ok(answer) if answer.status < 400 => {
            Verdict { action: Action::Success, failure: FailureKind::System, message: None }
        }
        Ok(answer) => by_status(answer.status).unwrap_or_else(|| Verdict {
            action: Action::Retry,
            failure: FailureKind::System,
            message: message_of(answer),
        }),
    }
}

/// The verdict of the statuses that have one.
pub(super) fn by_status(status: u16) -> Option<Verdict> {
    let (action, failure, message) = match status {
        400 => (Action::Fail, FailureKind::System, "the service does not understand the request"),
        401 => (Action::Fail, FailureKind::Config, "the credentials are not accepted"),
        403 => (Action::Fail, FailureKind::Config, "the credentials do not allow to read this"),
        404 => (Action::Fail, FailureKind::System, "it is not there"),
        405 => (Action::Fail, FailureKind::System, "the method is not allowed"),
        408 => (Action::Retry, FailureKind::Transient, "the request took too long"),
        429 => (Action::RateLimited, FailureKind::Transient, "there are too many requests"),
        500 => (Action::Retry, FailureKind::Transient, "the service failed"),
        502 => (Action::Retry, FailureKind::Transient, "a gateway of the service failed"),
        503 => (Action::Retry, FailureKind::Transient, "the service is not available"),
        504 => (Action::Retry, FailureKind::Transient, "a gateway of the service got no answer"),
        _ => return None,
    };
    Some(Verdict { action, failure, message: Some(message.to_owned()) })
}
