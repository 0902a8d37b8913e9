//! Authorizations that sign requests: the texts that are signed, and where what is signed along comes from. Pure.

use raccord_compiler::signing::{RequestPart, RequestText};
use raccord_model::diagnostic::{Code, Finding};
use raccord_model::language::authorization::{AwsSigV4, HmacSigning};

use super::super::exactly_one;
use super::is_token;

/// What is wrong with a signature by HMAC.
pub(super) fn check(spec: &HmacSigning) -> Vec<Finding> {
    const HERE: [&str; 0] = [];
    let mut findings = Vec::new();
    let ways = [("header", spec.header.is_some()), ("query", spec.query.is_some())];
    if let Err(message) = exactly_one(&ways) {
        let help = "the signature is sent in a header or in the query";
        findings.push(Finding::error(&HERE, Code::ConflictingFields, message).help(help));
    }
    if spec.prefix.is_some() && spec.header.is_none() {
        let message = "`prefix` stands beside `header` only";
        findings.push(Finding::error(&["prefix"], Code::ConflictingFields, message));
    }
    findings.extend(check_text("signed", &spec.signed, spec, |_| true));
    if spec.signed.is_empty() {
        findings.push(Finding::error(&["signed"], Code::InvalidValue, "nothing is signed"));
    }
    let is_short = |part: &RequestPart| {
        matches!(part, RequestPart::Text(_) | RequestPart::Key | RequestPart::Timestamp | RequestPart::Nonce)
    };
    findings.extend(spec.prefix.as_deref().and_then(|prefix| check_text("prefix", prefix, spec, is_short)));
    findings.extend(check_places(spec));
    findings
}

/// A text, of whose parts some may stand in it and need what they stand for.
fn check_text(
    member: &str,
    text: &str,
    spec: &HmacSigning,
    may_stand: impl Fn(&RequestPart) -> bool,
) -> Option<Finding> {
    let parsed = match RequestText::parse(text) {
        Ok(parsed) => parsed,
        Err(why) => return Some(Finding::error(&[member], Code::InvalidValue, format!("the text {why}"))),
    };
    if !parsed.0.iter().all(may_stand) {
        let message = format!("in `{member}` stand `{{key}}`, `{{timestamp}}` and `{{nonce}}` alone");
        return Some(Finding::error(&[member], Code::InvalidValue, message));
    }
    let needs = [
        (RequestPart::Key, "key", spec.key.is_some()),
        (RequestPart::Timestamp, "timestamp", spec.timestamp.is_some()),
        (RequestPart::Nonce, "nonce", spec.nonce.is_some()),
    ];
    let missing = needs.into_iter().find(|(part, _, is_there)| parsed.has(part) && !is_there);
    missing.map(|(_, name, _)| {
        let message = format!("`{{{name}}}` needs `{name}`, which does not stand here");
        let help = match name {
            "key" => "write key: \"${env:NAME}\"",
            "timestamp" => "write timestamp: {header: NAME, format: seconds}",
            _ => "write nonce: {header: NAME}",
        };
        Finding::error(&[member], Code::ConflictingFields, message).help(help)
    })
}

/// Where parts are sent: in headers and parameters that have a name, and in one of both.
fn check_places(spec: &HmacSigning) -> Vec<Finding> {
    let mut findings = Vec::new();
    let time = spec.timestamp.as_ref().map(|time| ("timestamp", &time.header, &time.query));
    let nonce = spec.nonce.as_ref().map(|nonce| ("nonce", &nonce.header, &nonce.query));
    let mut headers: Vec<(Vec<&str>, &str)> = Vec::new();
    headers.extend(spec.header.iter().map(|name| (vec!["header"], name.as_str())));
    headers.extend(spec.body_hash.iter().map(|name| (vec!["bodyHash"], name.as_str())));
    headers.extend(spec.headers.keys().map(|name| (vec!["headers", name.as_str()], name.as_str())));
    for (member, header, query) in time.into_iter().chain(nonce) {
        if header.is_some() && query.is_some() {
            let message = format!("`{member}` is sent in a header or in the query");
            findings.push(Finding::error(&[member], Code::ConflictingFields, message));
        }
        headers.extend(header.iter().map(|name| (vec![member, "header"], name.as_str())));
        if query.as_deref() == Some("") {
            let message = "the query parameter has no name";
            findings.push(Finding::error(&[member, "query"], Code::InvalidValue, message));
        }
    }
    if spec.query.as_deref() == Some("") {
        findings.push(Finding::error(&["query"], Code::InvalidValue, "the query parameter has no name"));
    }
    for (path, name) in headers.into_iter().filter(|(_, name)| !is_token(name)) {
        let message = format!("`{name}` cannot be the name of a header");
        findings.push(Finding::error(&path, Code::InvalidValue, message));
    }
    findings
}

/// What is wrong with a signature for Amazon Web Services.
pub(super) fn check_aws(spec: &AwsSigV4) -> Vec<Finding> {
    let is_name = |text: &str| {
        !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    let members = [("region", &spec.region, "eu-west-1"), ("service", &spec.service, "execute-api")];
    let wrong = members.into_iter().filter(|(_, text, _)| !is_name(text));
    let finding = |(member, text, example): (&'static str, &String, &str)| {
        let message = format!("`{text}` cannot be the name of a {member}");
        Finding::error(&[member], Code::InvalidValue, message).help(format!("it is written like {example}"))
    };
    wrong.map(finding).collect()
}
