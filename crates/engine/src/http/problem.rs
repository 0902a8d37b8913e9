//! What went wrong, as HTTP says it: a [`Failure`] becomes a problem document (RFC 9457) and a status, and back.

use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use raccord_model::diagnostic::Diagnostic;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::failure::{Failure, FailureCode};

/// The media type of a problem.
pub const PROBLEM: &str = "application/problem+json";

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
    header: Option<(HeaderName, HeaderValue)>,
}

impl Refusal {
    /// A refusal with a status of its own.
    pub fn new(status: StatusCode, code: FailureCode, message: impl Into<String>) -> Self {
        Self { status, failure: Failure::new(code, message), diagnostics: Vec::new(), header: None }
    }

    /// The request cannot be understood.
    pub fn invalid(message: impl Into<String>) -> Self {
        Failure::new(FailureCode::Invalid, message).into()
    }

    /// Asking later may help.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Failure::new(FailureCode::Unavailable, message).into()
    }

    /// The method is not one of those that are allowed.
    pub fn method(allowed: &str) -> Self {
        let message = format!("the method is not one of: {allowed}");
        let refusal = Self::new(StatusCode::METHOD_NOT_ALLOWED, FailureCode::Invalid, message);
        Self { header: HeaderValue::from_str(allowed).ok().map(|allowed| (ALLOW, allowed)), ..refusal }
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
        Self { header: Some((RETRY_AFTER, seconds.into())), ..refusal }
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
        let header = match failure.code {
            FailureCode::Unauthenticated => {
                Some((WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"raccord\"")))
            }
            FailureCode::Unavailable => Some((RETRY_AFTER, HeaderValue::from_static("5"))),
            _ => None,
        };
        Self { status: status(failure.code), failure, diagnostics: Vec::new(), header }
    }
}

impl IntoResponse for Refusal {
    fn into_response(mut self) -> Response {
        let (status, header) = (self.status, self.header.take());
        // A problem is texts and numbers, which always have a JSON form.
        let body = serde_json::to_vec(&self.problem()).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.extend(header);
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
