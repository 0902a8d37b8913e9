//! Finds credentials that stand in the settings themselves, where the state, plans and exports would show them.
//!
//! Only what is written is judged, when a configuration is validated: a run never fails because of it.

use raccord_model::diagnostic::{Code, Finding};
use raccord_model::language::connector::http::HttpSettings;
use raccord_model::secret::names_credential;

/// Names that may carry a credential, or something else.
const AMBIGUOUS: [&str; 8] = ["auth", "key", "secret", "session", "sid", "sig", "signature", "token"];

/// From how many characters on a value may be a credential although its name does not say so.
const RANDOM: usize = 16;

/// Credentials in headers, queries and paths.
pub(super) fn findings(settings: &HttpSettings) -> Vec<Finding> {
    let mut all = Vec::new();
    for (name, value) in &settings.headers {
        all.extend(header(&["headers", name], name, value));
    }
    for (data_type, settings) in &settings.data_types {
        let base = ["dataTypes", data_type.as_str()];
        for (name, value) in &settings.headers {
            all.extend(header(&[&base[..], &["headers", name]].concat(), name, value));
        }
        for (name, value) in &settings.query {
            all.extend(parameter(&[&base[..], &["query", name]].concat(), name, &value.0));
        }
        let query = settings.path.as_deref().and_then(|path| path.split_once('?'));
        for (name, value) in query.iter().flat_map(|(_, query)| url::form_urlencoded::parse(query.as_bytes()))
        {
            all.extend(parameter(&[&base[..], &["path"]].concat(), &name, &value));
        }
    }
    all
}

fn header(path: &[&str], name: &str, value: &str) -> Option<Finding> {
    // What HTTP itself calls a credential is found wherever headers are.
    let is_known =
        ["authorization", "proxy-authorization"].iter().any(|known| name.eq_ignore_ascii_case(known));
    let has_scheme = value.split_once(' ').is_some_and(|(scheme, rest)| {
        ["basic", "bearer", "token"].iter().any(|known| scheme.eq_ignore_ascii_case(known))
            && looks_random(rest)
    });
    (!is_known && (has_scheme || is_credential(name, value))).then(|| {
        let message = format!("the header `{name}` carries a credential");
        finding(path, message, &format!("header: {name}"))
    })
}

fn parameter(path: &[&str], name: &str, value: &str) -> Option<Finding> {
    is_credential(name, value).then(|| {
        let message = format!("the parameter `{name}` carries a credential");
        finding(path, message, &format!("query: {name}"))
    })
}

fn finding(path: &[&str], message: String, place: &str) -> Finding {
    let help = format!("write `authorization: {{type: apiKey, {place}, value: \"${{env:TOKEN}}\"}}` instead");
    Finding::error(path, Code::PlainSecret, message).help(&help)
}

fn is_credential(name: &str, value: &str) -> bool {
    let is_ambiguous = || AMBIGUOUS.iter().any(|known| name.eq_ignore_ascii_case(known));
    !value.is_empty() && (names_credential(name) || (is_ambiguous() && looks_random(value)))
}

/// Whether a value can hardly be a word or a number: long, of letters and digits mixed.
fn looks_random(value: &str) -> bool {
    let value = value.trim();
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-_.=+/:~".contains(c);
    value.len() >= RANDOM
        && value.chars().all(is_part)
        && value.chars().any(|c| c.is_ascii_digit())
        && value.chars().any(|c| c.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(settings: serde_json::Value, expected: &[&str]) {
        let settings: HttpSettings = serde_json::from_value(settings).unwrap();
        let found: Vec<String> = findings(&settings).iter().map(|finding| finding.path.join(".")).collect();
        assert_eq!(found, expected);
    }

    fn settings(headers: serde_json::Value, data_type: serde_json::Value) -> serde_json::Value {
        let data_types = serde_json::Map::from_iter([("items".to_owned(), data_type)]);
        let url = serde_json::Value::from("https://shop.example");
        let members = [("baseUrl", url), ("headers", headers), ("dataTypes", data_types.into())];
        members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    #[test]
    fn credentials_are_found_by_their_names_and_doubtful_ones_by_their_values() {
        let random = "0123456789abcdef0123";
        let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        for name in ["X-Api-Key", "x-auth-token", "PRIVATE-TOKEN"] {
            check(
                settings(serde_json::json!({ name: "short" }), json(r#"{"records": "data"}"#)),
                &[&format!("headers.{name}")],
            );
        }
        for name in ["api_key", "apikey", "access_token", "client_secret"] {
            check(
                settings(json("{}"), serde_json::json!({"records": "data", "query": {name: "short"}})),
                &[&format!("dataTypes.items.query.{name}")],
            );
        }
        for name in ["key", "token", "sig"] {
            let query = |value: &str| serde_json::json!({"records": "data", "query": {name: value}});
            check(settings(json("{}"), query(random)), &[&format!("dataTypes.items.query.{name}")]);
            check(settings(json("{}"), query("external_id")), &[]);
        }
        let bearer = serde_json::json!({ "X-Forward": format!("Bearer {random}") });
        check(settings(bearer, json(r#"{"records": "data"}"#)), &["headers.X-Forward"]);
        let path = json(r#"{"records": "data", "path": "/items?a=1&api%5Fkey=x"}"#);
        check(settings(json("{}"), path), &["dataTypes.items.path"]);
    }

    #[test]
    fn other_settings_are_left_alone() {
        check(
            settings(
                serde_json::json!({
                    "Accept": "application/json", "X-Request-Id": "0123456789abcdef0123", "X-Api-Version": "2",
                    "Accept-Language": "token fr"
                }),
                serde_json::json!({
                    "records": "data",
                    "path": "/items?page_token=0123456789abcdef0123",
                    "query": {
                        "page_token": "0123456789abcdef0123", "sort_key": "name", "access_token": "",
                        "fields": "password,apikey", "key": "20250131235959000000"
                    }
                }),
            ),
            &[],
        );
    }
}
