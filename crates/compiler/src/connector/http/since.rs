//! Checks `{{ since }}` in the settings of a data type: what takes the value must have one, and something must take it.

use raccord_model::diagnostic::Code;
use raccord_model::language::connector::http::HttpDataType;

use super::component::{RequestBody, Requester};
use crate::connector::findings::Findings;
use crate::connector::since::takes;

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
        has_no_use(data_type, &path, findings);
    }
    if data_type.path.as_deref().is_some_and(takes) {
        is_taken = true;
        has_no_use(data_type, &["path"], findings);
        // A path cannot leave a part of itself out.
        let has_initial =
            data_type.incremental.as_ref().is_some_and(|incremental| incremental.initial.is_some());
        if !has_initial && !begins_with_url(data_type) {
            findings.conflict(&["path"], "`{{ since }}` in a path needs `incremental` with `initial`");
        }
    }
    let Some(incremental) = &data_type.incremental else { return };
    let body = requester.and_then(|requester| requester.body.as_ref());
    let names = body.map(RequestBody::names).and_then(Result::ok).unwrap_or_default();
    let is_in_body = names.iter().any(|name| name == "since");
    if is_in_body {
        has_no_use(data_type, body.map_or(&["body"], RequestBody::place), findings);
    }
    if incremental.param.is_none() && !is_taken && !is_in_body && !begins_with_url(data_type) {
        findings.error_with_help(
            &["incremental"],
            Code::MissingField,
            "`param` is missing".to_owned(),
            if data_type.graphql.is_some() {
                "name the variable that takes the value, or write `{{ since }}` under `variables`"
            } else {
                "name the parameter that takes the value, or write `{{ since }}` in the path, the query, a header or the body"
            },
        );
    }
}

/// Whether a later run begins with a URL that the service gave.
fn begins_with_url(data_type: &HttpDataType) -> bool {
    let token = data_type.incremental.as_ref().and_then(|incremental| incremental.token.as_ref());
    token.is_some_and(|token| token.url.is_some())
}

/// A value that stands in the URL of the service already is none that could be sent in another place.
fn has_no_use(data_type: &HttpDataType, path: &[&str], findings: &mut Findings) {
    if begins_with_url(data_type) {
        findings.error_with_help(
            path,
            Code::ConflictingFields,
            "`{{ since }}` has no use where the token is a URL".to_owned(),
            "take it away: the next run begins with the URL as it is",
        );
    }
}
