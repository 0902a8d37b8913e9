//! Health, readiness and metrics: what a load balancer, an orchestrator and Prometheus ask.

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::parameter::Values;
use super::problem::Refusal;
use super::{Readiness, Serving, operation};
use crate::metrics::MEDIA_TYPE;

/// That the process answers.
pub(super) fn health() -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (headers, "ok\n").into_response()
}

/// Whether it is ready; what is not as it should be, only for whoever is known.
pub(super) fn readiness(serving: &dyn Serving, values: &Values, is_known: bool) -> Result<Response, Refusal> {
    let Readiness { ready, problems } = serving.readiness();
    let is_strict = values.flag("strict")?;
    let ready = ready && (problems.is_empty() || !is_strict);
    let problems = if is_known { problems } else { Vec::new() };
    let mut response = operation::json(&Readiness { ready, problems })?;
    if !ready {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    Ok(response)
}

/// Metrics in the text form that Prometheus reads.
pub(super) async fn metrics(serving: &dyn Serving) -> Response {
    let form = HeaderValue::from_static(MEDIA_TYPE);
    ([(CONTENT_TYPE, form)], serving.metrics().await).into_response()
}
