//! Builds the request of one page from the requester, the paginator and the cursor.

use bytes::Bytes;
use raccord_compiler::connector::{
    HttpStream, Paginator, PartitionRouter, Requester, Target, fill_names, fill_since,
};
use raccord_compiler::select::{Found, Selector};
use raccord_model::field_path::{FieldPath, Step};
use raccord_model::language::connector::http::Method;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Number, Value};
use url::Url;

use super::client::Outgoing;
use super::paginate::At;
use super::sync::Since;

/// What a page is asked for with.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    /// Where the page is.
    pub(crate) at: &'a At,
    /// From where on records are wanted.
    pub(crate) since: Option<&'a Since>,
    /// How many records the page should hold.
    pub(crate) size: Option<u64>,
    /// The values of the parent record's fields in the path, and behind them those of lists.
    pub(crate) parent: &'a [String],
    /// The parent record, when there is one.
    pub(crate) record: Option<&'a [u8]>,
}

/// The request of one page; the error says why there can be none.
pub(crate) fn build(stream: &HttpStream, asked: &Asked<'_>) -> Result<Outgoing, String> {
    let parameters = parameters(stream, asked);
    let (names, values) = listed(stream, asked);
    let requester = &stream.requester;
    let method = match requester.method {
        Method::Get => reqwest::Method::GET,
        Method::Post => reqwest::Method::POST,
    };
    let mut headers = headers_since(requester, asked.since.map(|since| since.text.as_str()))?;
    let body = requester.body.as_ref().map(|template| {
        let mut body = template.render(&|name| {
            let wanted = |(known, _, value): &(&str, &Target, Value)| (*known == name).then(|| value.clone());
            let listed = || value_named(name, names, values).map(Value::from);
            match name {
                "since" => asked.since.map(since_value),
                _ if let Some(field) = name.strip_prefix("parent.") => field_of(asked.record?, field),
                _ => parameters.iter().find_map(wanted).or_else(listed),
            }
        });
        for (_, target, value) in &parameters {
            if let Target::Body(path) = target {
                set(&mut body, &path.0, value.clone());
            }
        }
        headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
        Bytes::from(body.to_string())
    });
    let url = match asked.at {
        At::Url(next) => {
            Url::parse(next).map_err(|error| format!("the next page's URL is wrong: {error}"))?
        }
        At::First if let Some(first) = first_url(stream, asked) => first?,
        At::First | At::Page(_) | At::Offset(_) | At::Cursor(_) | At::Since(_) => {
            own_url(stream, asked, &parameters)?
        }
    };
    Ok(Outgoing { method, url, headers, body })
}

/// The names of the lists, and the values in hand: they stand behind those that the path takes.
fn listed<'a>(stream: &'a HttpStream, asked: &Asked<'a>) -> (&'a [String], &'a [String]) {
    let names = stream.partition_router.as_ref().map_or(&[][..], PartitionRouter::names);
    let values = asked.parent.len().checked_sub(names.len()).and_then(|from| asked.parent.get(from..));
    (names, values.unwrap_or_default())
}

/// A field of the parent record, with its type.
fn field_of(record: &[u8], field: &str) -> Option<Value> {
    let mut found = Found::default();
    Selector::new([&field.parse().ok()?]).select(record, &mut found).ok()?;
    serde_json::from_str(found.values.first().copied().flatten()?).ok()
}

/// The value of a list that has this name.
fn value_named<'a>(name: &str, names: &[String], values: &'a [String]) -> Option<&'a str> {
    let at = names.iter().position(|known| known == name)?;
    values.get(at).map(String::as_str)
}

/// The URL that a reading begins with where the service has given one.
fn first_url(stream: &HttpStream, asked: &Asked<'_>) -> Option<Result<Url, String>> {
    stream.cursor.as_ref()?.token().filter(|token| token.is_url())?;
    let url = Url::parse(&asked.since?.text);
    Some(url.map_err(|error| format!("the URL to go on from is wrong: {error}")))
}

/// The URL that the settings lead to, with all parameters that stand in the query.
fn own_url(
    stream: &HttpStream,
    asked: &Asked<'_>,
    parameters: &[(&'static str, &Target, Value)],
) -> Result<Url, String> {
    let requester = &stream.requester;
    let base = requester.url_base.as_str().trim_end_matches('/');
    // A reading of everything begins where the very first one did.
    let since = asked.since.cloned().or_else(|| Since::initial(stream)).map(|since| since.text);
    let path = requester.path.render_since(asked.parent, &since.unwrap_or_default());
    let slash = if path.is_empty() || path.starts_with(['/', '?']) { "" } else { "/" };
    let mut url =
        Url::parse(&format!("{base}{slash}{path}")).map_err(|error| format!("the path is wrong: {error}"))?;
    let (names, values) = listed(stream, asked);
    let since_text = asked.since.map(|since| since.text.as_str());
    let filled = requester.query.iter().filter_map(|(name, value)| {
        let value = fill_names(value, names, values);
        Some((name.clone(), fill_since(&value, since_text)?.into_owned()))
    });
    let mut query: Vec<(String, String)> = filled.collect();
    for (_, target, value) in parameters {
        if let Target::Query(name) = target {
            put(&mut query, name, text_of(value));
        }
    }
    if let Some(Value::Object(members)) = object_cursor(stream, asked.at) {
        for (name, value) in &members {
            put(&mut query, name, text_of(value));
        }
    }
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    Ok(url)
}

/// The values of this request, by the name that a body template gives them.
fn parameters<'a>(stream: &'a HttpStream, asked: &Asked<'_>) -> Vec<(&'static str, &'a Target, Value)> {
    let mut parameters = Vec::new();
    let param = stream.cursor.as_ref().and_then(|cursor| cursor.param.as_ref());
    if let (Some(param), Some(value)) = (param, asked.since.map(since_value)) {
        parameters.push(("since", param, value));
    }
    if let (Some(size), Some(wanted)) = (&stream.page_size, asked.size) {
        parameters.push(("size", &size.param, Value::from(wanted)));
    }
    match (&stream.paginator, asked.at) {
        (Paginator::PageIncrement { param, from, .. }, At::First) => {
            parameters.push(("page", param, Value::from(*from)));
        }
        (Paginator::PageIncrement { param, .. }, At::Page(page)) => {
            parameters.push(("page", param, Value::from(*page)));
        }
        (Paginator::OffsetIncrement { param, from }, At::First) => {
            parameters.push(("offset", param, Value::from(*from)));
        }
        (Paginator::OffsetIncrement { param, .. }, At::Offset(offset)) => {
            parameters.push(("offset", param, Value::from(*offset)));
        }
        (Paginator::CursorPagination { param: Some(param), .. }, At::Cursor(raw))
            if object_cursor(stream, asked.at).is_none() =>
        {
            parameters.push(("cursor", param, cursor_value(param, raw)));
        }
        _ => {}
    }
    parameters
}

/// The cursor, when it is an object whose members are all sent back in the query.
fn object_cursor(stream: &HttpStream, at: &At) -> Option<Value> {
    let Paginator::CursorPagination { param, .. } = &stream.paginator else {
        return None;
    };
    // In a body an object can stand as it is.
    if matches!(param, Some(Target::Body(_))) {
        return None;
    }
    let At::Cursor(raw) = at else {
        return None;
    };
    serde_json::from_str(raw).ok().filter(Value::is_object)
}

/// A cursor as its target takes it. A number in a query keeps the form in which it came.
fn cursor_value(target: &Target, raw: &str) -> Value {
    let value: Value = serde_json::from_str(raw).unwrap_or(Value::Null);
    match (target, value) {
        (Target::Query(_), Value::Number(_)) => Value::from(raw),
        (_, value) => value,
    }
}

/// The value of an incremental parameter: a number where it is one, as long as it stays what it is.
fn since_value(since: &Since) -> Value {
    let number = serde_json::from_str::<Number>(&since.text).ok();
    let number = number.filter(|number| since.is_number && number.to_string() == since.text);
    number.map_or_else(|| Value::from(since.text.as_str()), Value::Number)
}

/// A value in a query: texts without quotes, anything else as JSON.
fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn put(query: &mut Vec<(String, String)>, name: &str, value: String) {
    match query.iter_mut().find(|(known, _)| known == name) {
        Some((_, known)) => *known = value,
        None => query.push((name.to_owned(), value)),
    }
}

/// Sets a member, making the objects on the way to it.
fn set(body: &mut Value, path: &[Step], value: Value) {
    let Some((step, rest)) = path.split_first() else {
        *body = value;
        return;
    };
    match step {
        Step::Member(name) => {
            if !body.is_object() {
                *body = Value::Object(Map::new());
            }
            set(&mut body[name.as_str()], rest, value);
        }
        Step::Element(index) => {
            if let Some(element) = body.get_mut(*index) {
                set(element, rest, value);
            }
        }
    }
}

/// The headers of a request without credentials; one that takes the value from which on records are wanted is left out
/// where there is none.
pub(super) fn headers_since(requester: &Requester, since: Option<&str>) -> Result<HeaderMap, String> {
    let filled = requester
        .headers
        .iter()
        .filter_map(|(name, value)| Some((name.clone(), fill_since(value, since)?.into_owned())));
    headers(&filled.collect::<Vec<_>>())
}

/// The headers of a request without credentials, as they are written.
pub(crate) fn headers(written: &[(String, String)]) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    for (name, value) in written {
        let wrong = || format!("the header `{name}` cannot be sent");
        let value = HeaderValue::from_str(value).map_err(|_| wrong())?;
        headers.insert(HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?, value);
    }
    Ok(headers)
}

/// The text of a parent record's field in a path; the error completes the sentence "the field …".
pub(crate) fn path_value(field: &FieldPath, raw: Option<&str>) -> Result<String, String> {
    let value: Value = raw.and_then(|raw| serde_json::from_str(raw).ok()).unwrap_or(Value::Null);
    let text = match (&value, raw) {
        (Value::String(text), _) => text.clone(),
        (Value::Number(_) | Value::Bool(_), Some(raw)) => raw.to_owned(),
        _ => return Err(format!("`{field}` of a parent record is missing, or is no text or number")),
    };
    // Dots alone would climb up in the path, and nothing at all would ask for the list instead.
    if text.is_empty() || text == "." || text == ".." {
        return Err(format!("`{field}` of a parent record is `{text}`, which cannot stand in a path"));
    }
    Ok(text)
}
