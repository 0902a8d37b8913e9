//! What a page answers, and the headers under which a browser may do no more with it than it has to.

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, SET_COOKIE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use maud::Markup;

use super::layout::Place;

/// What a page answers.
pub(super) enum Answer {
    /// A page.
    Page(Content),
    /// Go on there: what was asked for is done.
    SeeOther(String),
    /// Something with headers of its own, a stream or an asset.
    Whole(Response),
}

/// A page, without what every page has.
pub(super) struct Content {
    /// What it is called.
    pub(super) title: String,
    /// Under which entry of the navigation it is.
    pub(super) place: Place,
    /// What it is a part of: words and links, from the outside in.
    pub(super) trail: Vec<(String, String)>,
    /// After how many seconds at the earliest it is looked at again when something has changed; none when it stays as it is.
    pub(super) live: Option<u32>,
    /// What it shows below its title.
    pub(super) body: Markup,
}

impl Content {
    /// A page that is a part of no other.
    pub(super) fn new(place: Place, title: impl Into<String>, body: Markup) -> Self {
        Self { title: title.into(), place, trail: Vec::new(), live: None, body }
    }
}

/// What a browser may do with a page: load the style, the script and pictures from here, and send forms here. Nothing of
/// others, nothing that stands in the page itself, and no page of others may frame it.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// The headers of every answer. The referrer is sent to ourselves, for without it a form would not say where it comes
/// from either.
pub(super) const HEADERS: [(&str, &str); 6] = [
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("x-frame-options", "DENY"),
];

/// Adds the headers of every answer; what says nothing of caches is kept by none.
pub(super) fn guarded(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// A page as a response.
pub(super) fn html(status: StatusCode, page: Markup) -> Response {
    let kind = [(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"))];
    (status, kind, page.into_string()).into_response()
}

/// Sends the browser on, with cookies to keep.
pub(super) fn see_other(path: &str, cookies: impl IntoIterator<Item = HeaderValue>) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    // A path of ours is ASCII without control characters.
    let to = HeaderValue::from_str(path).unwrap_or(HeaderValue::from_static("/"));
    response.headers_mut().insert(LOCATION, to);
    for cookie in cookies {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}
