//! `{{ since }}` in a query, a header or a path: from where on records are wanted, for services that take it among
//! other text (`filter=updated ge {{ since }}`).
//!
//! Without a value, which a reading of everything has not, a parameter or header that takes it is left out.

use std::borrow::Cow;

use raccord_model::diagnostic::Code;
use raccord_model::language::connector::http::HttpDataType;

use super::component::Requester;
use super::findings::Findings;
use super::template::BodyTemplate;

/// A text with the value in its place; `None` when it takes one and there is none.
pub fn fill<'t>(text: &'t str, since: Option<&str>) -> Option<Cow<'t, str>> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = split(rest) {
        filled.push_str(before);
        filled.push_str(since?);
        rest = after;
    }
    if rest.len() == text.len() {
        return Some(Cow::Borrowed(text));
    }
    filled.push_str(rest);
    Some(Cow::Owned(filled))
}

/// Whether a text takes the value.
pub(super) fn takes(text: &str) -> bool {
    split(text).is_some()
}

/// What stands before and after the next `{{ since }}`.
pub(super) fn split(text: &str) -> Option<(&str, &str)> {
    text.match_indices("{{").find_map(|(at, _)| {
        let (name, after) = text.get(at + 2..)?.split_once("}}")?;
        (name.trim() == "since").then_some((text.get(..at)?, after))
    })
}

/// Checks that what takes the value has one, and that something takes it.
pub(super) fn check(data_type: &HttpDataType, requester: Option<&Requester>, findings: &mut Findings) {
    let query = data_type.query.iter().map(|(name, value)| (["query", name], &*value.0));
    let headers = data_type.headers.iter().map(|(name, value)| (["headers", name], &**value));
    let mut is_taken = false;
    for (path, _) in query.chain(headers).filter(|(_, text)| takes(text)) {
        is_taken = true;
        if data_type.incremental.is_none() {
            findings.conflict(&path, "`{{ since }}` needs `incremental`, which is not there");
        }
    }
    if data_type.path.as_deref().is_some_and(takes) {
        is_taken = true;
        // A path cannot leave a part of itself out.
        if data_type.incremental.as_ref().is_none_or(|incremental| incremental.initial.is_none()) {
            findings.conflict(&["path"], "`{{ since }}` in a path needs `incremental` with `initial`");
        }
    }
    let Some(incremental) = &data_type.incremental else { return };
    let body = requester.and_then(|requester| requester.body.as_ref());
    let names = body.map(BodyTemplate::names).and_then(Result::ok).unwrap_or_default();
    if incremental.param.is_none() && !is_taken && !names.iter().any(|name| name == "since") {
        findings.error_with_help(
            &["incremental"],
            Code::MissingField,
            "`param` is missing".to_owned(),
            "name the parameter that takes the value, or write `{{ since }}` in the path, the query, a header or the body",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_stands_where_it_is_taken() {
        let filter = "updated ge {{ since }} or created ge {{since}}";
        for (text, since, expected) in [
            (filter, Some("7"), Some("updated ge 7 or created ge 7")),
            (filter, None, None),
            ("all {{ sinc }} {{", Some("7"), Some("all {{ sinc }} {{")),
            ("{{ {{ since }}", Some("7"), Some("{{ 7")),
            ("", None, Some("")),
        ] {
            assert_eq!(fill(text, since).as_deref(), expected, "{text}");
        }
    }
}
