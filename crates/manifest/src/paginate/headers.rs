//! The headers of an answer as templates see them, and the links among them.

use serde_json::{Map, Value};

use crate::Json;

/// What templates know as `headers`: the headers by the names as they came, and under `link` the links of the header
/// `Link` by their relation. Names that came in small letters, as they do over HTTP/2, are known with capitals, too.
pub fn header_variable(headers: &[(String, String)]) -> Json {
    let mut members = Map::new();
    let mut links = Vec::new();
    for (name, value) in headers {
        if name.eq_ignore_ascii_case("link") {
            links.push(value.as_str());
        }
        join(&mut members, name.clone(), value);
        if !name.contains(|character: char| character.is_ascii_uppercase()) {
            join(&mut members, capitalized(name), value);
        }
    }
    members.insert("link".to_owned(), Value::Object(parse_links(&links.join(", "))));
    Json::new(Value::Object(members))
}

fn join(members: &mut Map<String, Value>, name: String, value: &str) {
    let joined = match members.get(&name) {
        Some(Value::String(known)) => format!("{known}, {value}"),
        _ => value.to_owned(),
    };
    members.insert(name, joined.into());
}

/// `x-next-page` as `X-Next-Page`.
fn capitalized(name: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>()
    };
    name.split('-').map(capital).collect::<Vec<_>>().join("-")
}

/// The links of a header `Link`, by relation, or by URL where they have none.
fn parse_links(header: &str) -> Map<String, Value> {
    const EDGES: &[char] = &[' ', '\'', '"'];
    const URL_EDGES: &[char] = &['<', '>', ' ', '\'', '"'];
    let mut links = Map::new();
    for text in split_links(header.trim_matches(EDGES)) {
        let (url, attributes) = text.split_once(';').unwrap_or((text, ""));
        let mut link = crate::object([("url".to_owned(), Value::from(url.trim_matches(URL_EDGES)))]);
        for attribute in attributes.split(';') {
            let mut parts = attribute.split('=');
            let (Some(name), Some(value), None) = (parts.next(), parts.next(), parts.next()) else { break };
            link.insert(name.trim_matches(EDGES).to_owned(), value.trim_matches(EDGES).into());
        }
        let name = link.get("rel").or_else(|| link.get("url")).and_then(Value::as_str).unwrap_or_default();
        links.insert(name.to_owned(), Value::Object(link));
    }
    links
}

/// The header where a comma stands before a `<`.
fn split_links(header: &str) -> Vec<&str> {
    let mut links = Vec::new();
    let mut start = 0;
    for (at, _) in header.match_indices(',') {
        let rest = header.get(at + 1..).unwrap_or_default().trim_start_matches(' ');
        if rest.starts_with('<') {
            links.push(header.get(start..at).unwrap_or_default());
            start = header.len() - rest.len() + 1;
        }
    }
    links.push(header.get(start..).unwrap_or_default());
    links.retain(|link| !link.is_empty());
    links
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn headers_are_known_by_name_and_links_by_relation() {
        let check = |headers: &[(&str, &str)], expected: Value| {
            let headers: Vec<_> =
                headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            assert_eq!(*header_variable(&headers), expected);
        };
        check(&[], json!({"link": {}}));
        check(&[("X-Next", "2"), ("X-Next", "3")], json!({"X-Next": "2, 3", "link": {}}));
        check(&[("x-next-page", "2")], json!({"x-next-page": "2", "X-Next-Page": "2", "link": {}}));
        let link = r#"<https://a/?p=2>; rel="next", <https://a/?p=9>; rel="last"; title=x"#;
        let links = json!({
            "next": {"url": "https://a/?p=2", "rel": "next"},
            "last": {"url": "https://a/?p=9", "rel": "last", "title": "x"},
        });
        check(&[("Link", link)], json!({"Link": link, "link": links}));
        check(
            &[("Link", "<https://a/>")],
            json!({"Link": "<https://a/>", "link": {"https://a/": {"url": "https://a/"}}}),
        );
    }
}
