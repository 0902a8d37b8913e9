//! Finds placeholders in queries and headers that nothing fills, and that would be sent as they are written.
//!
//! Braces that hold no name are text: services have query languages of their own.

use raccord_model::diagnostic::Code;

use crate::connector::findings::Findings;
use crate::connector::template::PARENT;

/// What takes a value.
#[derive(Debug, Clone, Copy)]
pub(super) enum Taker<'a> {
    /// A query parameter.
    Query(&'a str),
    /// A header.
    Header,
}

/// Checks that every placeholder of a text is one that is filled there.
pub(super) fn check(text: &str, taker: Taker<'_>, path: &[&str], findings: &mut Findings) {
    if let Some(name) = names(text, ("{{", "}}")).find(|name| *name != "since") {
        let (what, rest) = match taker {
            Taker::Query(_) => ("a query parameter", ", and `{NAME}` for a name of `for`"),
            Taker::Header => ("a header", ""),
        };
        let message = format!(
            "`{{{{ {name} }}}}` would be sent as it stands: {what} takes `{{{{ since }}}}` alone{rest}"
        );
        return findings.error_with_help(path, Code::InvalidValue, message, &help(name, taker));
    }
    if let Some(name) = names(text, ("{", "}")).find(|name| name.starts_with(PARENT)) {
        let message = format!(
            "`{{{name}}}` would be sent as it stands: the path and the body take fields of a parent record"
        );
        findings.error_with_help(path, Code::InvalidValue, message, &help(name, taker));
    }
}

/// The names between two marks: words with dots between them.
fn names<'t>(text: &'t str, (begin, end): (&'t str, &'t str)) -> impl Iterator<Item = &'t str> {
    text.match_indices(begin).filter_map(move |(at, _)| {
        let (name, _) = text.get(at + begin.len()..)?.split_once(end)?;
        let name = name.trim();
        let is_name = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
        is_name.then_some(name)
    })
}

/// Where the value can stand that was meant.
fn help(name: &str, taker: Taker<'_>) -> String {
    match (name, taker) {
        ("page" | "offset", Taker::Query(parameter)) => {
            format!("`pagination: {{{name}: {parameter}}}` sends it as the parameter `{parameter}`")
        }
        ("cursor", Taker::Query(parameter)) => {
            format!(
                "`pagination: {{cursor: PATH, param: {parameter}}}` sends it as the parameter `{parameter}`"
            )
        }
        (name, Taker::Query(parameter)) if name.starts_with(PARENT) => {
            format!("write it into the path: `path: /PATH?{parameter}={{{name}}}`")
        }
        _ => "take it away, or write the value itself".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::connector::tests::{check_data_type, findings_of, http};

    #[test]
    fn placeholders_that_nothing_fills_are_refused() {
        let pages = json!({"page": "page"});
        for (text, is_refused) in [
            ("{{ page }}", true),
            ("{{page}}", true),
            ("{{ nw }}", true),
            ("{{ since }} {{ sinc }}", true),
            ("a {{ parent.id }}", true),
            ("{parent.id}", true),
            ("a-{ parent.id }", true),
            ("{{ since }}", false),
            ("{{}}", false),
            ("posts{message,id}", false),
            (r#"{"a": {"b": 1}}"#, false),
            ("{{ 7 }}", false),
            ("parent.id", false),
        ] {
            for (member, place) in [("query", ".query.x"), ("headers", ".headers.x")] {
                let data_type = json!({
                    member: {"x": text}, "pagination": pages, "incremental": {"field": "at", "param": "after"}
                });
                let expected = format!("{place} invalid-value");
                let expected: &[&str] = if is_refused { &[&expected] } else { &[] };
                check_data_type(&data_type, expected);
            }
        }
        check_data_type(&json!({"query": {"x": "eu-{region}"}, "for": {"region": ["a"]}}), &[]);
        let settings = json!({
            "baseUrl": "https://api.example", "headers": {"x": "{{ page }}"}, "dataTypes": {"a": {}}
        });
        assert_eq!(findings_of(&http(settings)), ["headers.x invalid-value"]);
    }
}
