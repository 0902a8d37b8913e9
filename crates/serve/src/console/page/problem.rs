//! Why there is no page: a failure in words, with what caused it.

use axum::http::StatusCode;
use maud::html;

use crate::console::answer::Content;
use crate::console::layout::Place;
use crate::console::show;
use crate::console::visit::Visit;
use crate::failure::{Failure, FailureCode};

/// The page that says it.
pub(in crate::console) fn content(visit: &Visit, failure: &Failure) -> Content {
    let texts = visit.texts().problem;
    let title = match failure.code {
        FailureCode::Unknown => texts.unknown,
        FailureCode::Unauthenticated | FailureCode::Forbidden => texts.forbidden,
        FailureCode::Invalid | FailureCode::Refused | FailureCode::Version => texts.invalid,
        FailureCode::Stale => texts.stale,
        FailureCode::Unavailable => texts.unavailable,
        FailureCode::Damaged | FailureCode::Internal => texts.internal,
    };
    let body = html! {
        p.problem role="alert" { (show::line(&failure.message)) }
        @if !failure.causes.is_empty() {
            h2 { (texts.causes) }
            ul { @for cause in &failure.causes { li { (show::line(cause)) } } }
        }
        p { a href="/" { (texts.back) } }
    };
    Content::new(Place::Elsewhere, title, body)
}

/// The status that a kind of failure has.
pub(in crate::console) const fn status(code: FailureCode) -> StatusCode {
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
