//! Health, readiness and metrics: what a load balancer, an orchestrator and Prometheus ask.

use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::parameter::Values;
use super::problem::Refusal;
use super::{Readiness, Serving, answer};
use crate::metrics::{CLASSIC_TYPE, MEDIA_TYPE, classic, wants_openmetrics};

/// That the process answers.
pub(super) fn health() -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (headers, "ok\n").into_response()
}

/// Whether it is ready; what is not as it should be, only for callers with a token.
pub(super) fn readiness(serving: &dyn Serving, values: &Values, is_known: bool) -> Result<Response, Refusal> {
    let Readiness { ready, problems } = serving.readiness();
    let is_strict = values.flag("strict")?;
    let ready = ready && (problems.is_empty() || !is_strict);
    let problems = if is_known { problems } else { Vec::new() };
    let mut response = answer::json(&Readiness { ready, problems })?;
    if !ready {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    Ok(response)
}

/// Metrics in the text form that is asked for: `OpenMetrics`, or the older form of Prometheus.
pub(super) async fn metrics(serving: &dyn Serving, headers: &HeaderMap) -> Response {
    let asked = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let (form, text) = if asked.into_iter().any(wants_openmetrics) {
        (MEDIA_TYPE, serving.metrics().await)
    } else {
        (CLASSIC_TYPE, classic(&serving.metrics().await))
    };
    let headers =
        [(CONTENT_TYPE, HeaderValue::from_static(form)), (VARY, HeaderValue::from_static("accept"))];
    (headers, text).into_response()
}
