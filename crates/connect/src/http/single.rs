//! One record by itself: what a webhook told us of, asked for with everything that goes for the pages of its data
//! type but their parameters.

use bytes::Bytes;
use raccord_compiler::connector::HttpStream;
use raccord_compiler::select::{Found, Selector, span_of, twice};
use raccord_model::field_path::FieldPath;
use raccord_model::port::source::SourceError;
use reqwest::Method;
use url::Url;

use super::client::{Exchange, Outgoing};
use super::complaint::declared;
use super::request::headers_since;
use crate::answer::{Answer, not_json, to_utf8};

/// Asks for the record at a path or a URL; `None` when the service has it no more.
pub(super) async fn fetch(
    stream: &HttpStream,
    exchange: &Exchange,
    path: &str,
    at: &FieldPath,
) -> Result<Option<Bytes>, SourceError> {
    ask(stream, exchange, path, at).await.map_err(about_it)
}

/// Tells what is wrong with one record from what is wrong with the service. The credentials are refused by 401 alone: 403
/// may be said of one record, and a login page of one that we may not see.
fn about_it(error: SourceError) -> SourceError {
    let is_about_it = match &error {
        SourceError::Unauthorized { status, .. } => *status == 403,
        SourceError::Status { status, .. } => !matches!(status, 403 | 407 | 408 | 429 | 500..),
        SourceError::Answer { .. } | SourceError::Limit { .. } => true,
        _ => false,
    };
    if is_about_it { SourceError::Record { message: error.to_string() } } else { error }
}

async fn ask(
    stream: &HttpStream,
    exchange: &Exchange,
    path: &str,
    at: &FieldPath,
) -> Result<Option<Bytes>, SourceError> {
    let base = &stream.requester.url_base;
    let wrong = |message: String| exchange.wrong_answer(base, &message);
    let url = place(base, path).map_err(wrong)?;
    let headers = headers_since(&stream.requester, None).map_err(wrong)?;
    match exchange.send(&Outgoing { method: Method::GET, url, headers, body: None }).await {
        Ok(answer) => read((stream, exchange), answer, at).map(Some),
        Err(SourceError::Status { status: 404 | 410, .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The URL of a record; the error says why there is none.
fn place(base: &Url, path: &str) -> Result<Url, String> {
    let is_whole = ["http://", "https://"].iter().any(|scheme| path.starts_with(scheme));
    let text = if is_whole {
        path.to_owned()
    } else {
        // A value of the event that climbs up would ask for something else than a record.
        let segments = path.split(['?', '#']).next().unwrap_or_default().split(['/', '\\']);
        if segments
            .map(|segment| segment.to_ascii_lowercase().replace("%2e", "."))
            .any(|it| it == "." || it == "..")
        {
            return Err("the path of the record climbs up".to_owned());
        }
        let slash = if path.starts_with(['/', '?']) { "" } else { "/" };
        format!("{}{slash}{path}", base.as_str().trim_end_matches('/'))
    };
    Url::parse(&text).map_err(|error| format!("the path of the record is wrong: {error}"))
}

/// Takes the record out of an answer.
fn read(
    (stream, exchange): (&HttpStream, &Exchange),
    answer: Answer,
    at: &FieldPath,
) -> Result<Bytes, SourceError> {
    let Answer { status, url, headers, body, .. } = answer;
    let wrong = |message: String| exchange.wrong_answer(&url, &message);
    let body = to_utf8(&headers, body).map_err(wrong)?;
    if let Some(complaint) = stream.errors.as_ref().and_then(|errors| declared(errors, &body)) {
        return Err(wrong(exchange.complained(status, &complaint)));
    }
    let mut found = Found::default();
    let selector = Selector::new([at]);
    let selected = selector.select(&body, &mut found);
    selected.map_err(|error| wrong(not_json(&headers, &body, &error, &exchange.masker())))?;
    if let Some(name) = selector.repeated(&found) {
        return Err(wrong(twice(name, "the answer")));
    }
    let raw = found.values.first().copied().flatten();
    let raw = raw.filter(|raw| raw.starts_with('{'));
    let raw = raw.ok_or_else(|| wrong(format!("`record: {at}` leads to no JSON object in the answer")))?;
    Ok(body.slice(span_of(&body, raw)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_one_record_is_told_from_what_is_wrong_with_the_service() {
        let url = || "https://api.example/7".to_owned();
        let status = |status| SourceError::Status { status, url: url(), message: "no".to_owned() };
        let unauthorized =
            |status| SourceError::Unauthorized { status, url: url(), credentials: String::new() };
        let message = || "no".to_owned();
        for (error, is_about_it) in [
            (status(400), true),
            (status(405), true),
            (status(409), true),
            (status(451), true),
            (status(304), true),
            (unauthorized(403), true),
            (SourceError::Answer { place: url(), message: message() }, true),
            (SourceError::Limit { place: url(), message: message() }, true),
            // Said with a limit's headers, and repeated in vain.
            (status(403), false),
            (status(408), false),
            (status(429), false),
            (status(500), false),
            (status(503), false),
            (unauthorized(401), false),
            (SourceError::Limited { place: url(), message: message() }, false),
            (SourceError::Unreachable { url: url(), message: message() }, false),
        ] {
            let shown = error.to_string();
            let told = about_it(error);
            assert_eq!(matches!(told, SourceError::Record { .. }), is_about_it, "{shown}");
            assert_eq!(told.to_string(), shown);
        }
    }

    #[test]
    fn a_record_is_under_the_base_or_has_a_url_of_its_own() {
        for (path, expected) in [
            ("/customers/7", Some("https://api.example/v1/customers/7")),
            ("customers/a%2Fb?expand=x..y", Some("https://api.example/v1/customers/a%2Fb?expand=x..y")),
            ("?id=7&up=/../", Some("https://api.example/v1?id=7&up=/../")),
            ("https://other.example/7", Some("https://other.example/7")),
            ("/customers/..", None),
            ("/customers/%2E./x", None),
            ("/customers/.?x", None),
            ("/a\\..\\b", None),
            ("https://", None),
        ] {
            let base = "https://api.example/v1".parse().unwrap();
            assert_eq!(place(&base, path).ok().as_ref().map(Url::as_str), expected, "{path}");
        }
    }
}
