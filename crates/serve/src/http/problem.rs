//! What went wrong, as HTTP says it: a [`Failure`] becomes a problem document (RFC 9457) and a status, and back.

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use raccord_model::diagnostic::Diagnostic;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::failure::{Failure, FailureCode};

/// The media type of a problem.
pub const PROBLEM: &str = "application/problem+json";

/// After how many seconds a daemon that is busy or ending may be asked again.
const SOON: u64 = 5;

/// A problem document, with what our own client needs to show it as if the engine were its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// Always `about:blank`: the status and the code say what kind it is.
    #[serde(rename = "type")]
    pub kind: String,
    /// What the status means.
    pub title: String,
    /// The status.
    pub status: u16,
    /// What went wrong, in one line.
    pub detail: String,
    /// What kind of failure it is.
    pub code: FailureCode,
    /// What caused it, the nearest cause first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
    /// What is wrong with an uploaded configuration, and where.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diagnostics: Vec<Diagnostic>,
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self { code: problem.code, message: problem.detail, causes: problem.causes }
    }
}

/// Why a request over HTTP is not answered.
#[derive(Debug)]
pub struct Refusal {
    status: StatusCode,
    failure: Failure,
    diagnostics: Vec<Diagnostic>,
    also: Also,
}

/// What a refusal says in a header.
#[derive(Debug, Clone, Copy)]
enum Also {
    /// Nothing.
    Nothing,
    /// How to prove who one is.
    Challenge,
    /// After how many seconds asking again makes sense.
    Again(u64),
}

impl Refusal {
    /// A refusal with a status of its own.
    pub fn new(status: StatusCode, code: FailureCode, message: impl Into<String>) -> Self {
        Self { status, failure: Failure::new(code, message), diagnostics: Vec::new(), also: Also::Nothing }
    }

    /// The request cannot be understood.
    pub fn invalid(message: impl Into<String>) -> Self {
        Failure::new(FailureCode::Invalid, message).into()
    }

    /// Asking later may help.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Failure::new(FailureCode::Unavailable, message).into()
    }

    /// The configuration has mistakes.
    pub fn mistakes(diagnostics: Vec<Diagnostic>) -> Self {
        let message = "the configuration has errors".to_owned();
        let failure = Failure::new(FailureCode::Refused, message);
        Self { diagnostics, ..failure.into() }
    }

    /// Too many in too short a time.
    pub fn too_many(message: impl Into<String>, seconds: u64) -> Self {
        let refusal = Self::new(StatusCode::TOO_MANY_REQUESTS, FailureCode::Unavailable, message);
        Self { also: Also::Again(seconds), ..refusal }
    }

    /// The status.
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// The document that says it.
    pub fn problem(self) -> Problem {
        let Failure { code, message, causes } = self.failure;
        Problem {
            kind: "about:blank".to_owned(),
            title: self.status.canonical_reason().unwrap_or_default().to_owned(),
            status: self.status.as_u16(),
            detail: message,
            code,
            causes,
            diagnostics: self.diagnostics,
        }
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        let also = match failure.code {
            FailureCode::Unauthenticated => Also::Challenge,
            FailureCode::Unavailable => Also::Again(SOON),
            FailureCode::Stale
            | FailureCode::Refused
            | FailureCode::Unknown
            | FailureCode::Invalid
            | FailureCode::Version
            | FailureCode::Forbidden
            | FailureCode::Damaged
            | FailureCode::Internal => Also::Nothing,
        };
        Self { status: status(failure.code), failure, diagnostics: Vec::new(), also }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, also) = (self.status, self.also);
        // A problem is texts and numbers, which always have a JSON form.
        let body = serde_json::to_vec(&self.problem()).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match also {
            Also::Nothing => {}
            Also::Challenge => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"raccord\""));
            }
            Also::Again(seconds) => {
                headers.insert(RETRY_AFTER, seconds.into());
            }
        }
        response
    }
}

/// The status that a kind of failure has.
pub const fn status(code: FailureCode) -> StatusCode {
    match code {
        FailureCode::Stale => StatusCode::CONFLICT,
        FailureCode::Refused => StatusCode::UNPROCESSABLE_ENTITY,
        FailureCode::Unknown => StatusCode::NOT_FOUND,
        FailureCode::Invalid | FailureCode::Version => StatusCode::BAD_REQUEST,
        FailureCode::Unauthenticated => StatusCode::UNAUTHORIZED,
        FailureCode::Forbidden => StatusCode::FORBIDDEN,
        FailureCode::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        FailureCode::Damaged | FailureCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
