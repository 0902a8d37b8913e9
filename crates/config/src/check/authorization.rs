//! Authorizations: the ways to send a key, of which exactly one is chosen, and what each grant of OAuth needs.

use raccord_model::diagnostic::{Code, Finding};
use raccord_model::language::AuthorizationSpec;
use raccord_model::language::authorization::{ApiKey, ClientTls};

use super::exactly_one;

mod database;
mod oauth2;
mod signing;
mod storage;

/// What is wrong with an authorization, inline or not.
pub(super) fn check(spec: &AuthorizationSpec) -> Vec<Finding> {
    let mut findings = check_kind(spec);
    findings.extend(spec.tls().and_then(check_tls).map(|finding| finding.under(&["tls"])));
    findings
}

/// A certificate and its key belong together; a map without anything is a mistake.
fn check_tls(tls: &ClientTls) -> Option<Finding> {
    const HERE: [&str; 0] = [];
    match (&tls.certificate, &tls.key, tls.ca.as_deref()) {
        (Some(_), None, _) => {
            let message = "`certificate` needs its `key`";
            Some(Finding::error(&HERE, Code::ConflictingFields, message).help("write key: \"${file:PATH}\""))
        }
        (None, Some(_), _) => {
            let message = "`key` needs its `certificate`";
            Some(
                Finding::error(&HERE, Code::ConflictingFields, message)
                    .help("write certificate: \"${file:PATH}\""),
            )
        }
        (_, _, Some("")) => Some(Finding::error(&["ca"], Code::InvalidValue, "`ca` names no file")),
        (None, None, None) => {
            let help = "give `certificate` and `key`, `ca`, or all three";
            Some(Finding::error(&HERE, Code::InvalidValue, "`tls` says nothing").help(help))
        }
        (Some(_), Some(_), _) | (None, None, Some(_)) => None,
    }
}

fn check_kind(spec: &AuthorizationSpec) -> Vec<Finding> {
    match spec {
        AuthorizationSpec::ApiKey(key) => check_key(key),
        AuthorizationSpec::OAuth2(oauth) => oauth2::check(oauth),
        AuthorizationSpec::Database(database) => database::check(database),
        AuthorizationSpec::Hmac(spec) => signing::check(spec),
        AuthorizationSpec::AwsSigV4(spec) => signing::check_aws(spec),
        AuthorizationSpec::S3(s3) => storage::check_s3(s3),
        AuthorizationSpec::Azure(azure) => storage::check_azure(azure),
        AuthorizationSpec::Sftp(sftp) => storage::check_sftp(sftp),
        AuthorizationSpec::None(_)
        | AuthorizationSpec::Bearer(_)
        | AuthorizationSpec::Basic(_)
        | AuthorizationSpec::Gcs(_)
        | AuthorizationSpec::OAuth1(_) => Vec::new(),
    }
}

fn check_key(key: &ApiKey) -> Vec<Finding> {
    const NOWHERE: [&str; 0] = [];
    let mut findings = Vec::new();
    let mut conflict = |path: &[&str], message: String, help: &str| {
        findings.push(Finding::error(path, Code::ConflictingFields, message).help(help));
    };
    let has_headers = !key.headers.is_empty();
    let ways = [("header", key.header.is_some()), ("query", key.query.is_some()), ("headers", has_headers)];
    if let Err(message) = exactly_one(&ways) {
        conflict(&NOWHERE, message, "a key is sent in one header, in several headers, or in the query");
    } else if has_headers && key.value.is_some() {
        let message = "`value` does not stand beside `headers`".to_owned();
        conflict(&["value"], message, "each of the headers has its own reference");
    } else if !has_headers && key.value.is_none() {
        let message = "`value` is missing: nothing says where the key is read".to_owned();
        conflict(&NOWHERE, message, "write value: \"${env:NAME}\"");
    }
    if key.prefix.is_some() && key.header.is_none() {
        conflict(
            &["prefix"],
            "`prefix` stands beside `header` only".to_owned(),
            "it goes before the key in that header",
        );
    }
    findings.extend(check_prefix(key));
    for (path, name) in names(key) {
        if !is_token(name) {
            let message = format!("`{name}` cannot be the name of a header");
            findings.push(Finding::error(&path, Code::InvalidValue, message));
        }
    }
    if key.query.as_deref() == Some("") {
        findings.push(Finding::error(&["query"], Code::InvalidValue, "the query parameter has no name"));
    }
    findings
}

/// A scheme of HTTP stands apart from the credential.
fn check_prefix(key: &ApiKey) -> Option<Finding> {
    let prefix = key.prefix.as_deref()?;
    let is_scheme = prefix.ends_with(|last: char| last.is_alphabetic()) && !prefix.contains(' ');
    let is_authorization =
        key.header.as_deref().is_some_and(|name| name.eq_ignore_ascii_case("authorization"));
    (is_scheme && is_authorization).then(|| {
        let message = format!("the key follows `{prefix}` without a space: `{prefix}KEY` is sent");
        Finding::warning(&["prefix"], Code::InvalidValue, message)
            .help(format!("write prefix: \"{prefix} \""))
    })
}

/// The names of headers, with their paths.
fn names(key: &ApiKey) -> Vec<(Vec<&str>, &str)> {
    let single = key.header.iter().map(|name| (vec!["header"], name.as_str()));
    single.chain(key.headers.keys().map(|name| (vec!["headers", name], name.as_str()))).collect()
}

/// Whether a text is a token of RFC 9110.
pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}
