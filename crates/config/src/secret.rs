//! Which parts of a document may hold a secret by mistake, so that no diagnostic shows them.
//!
//! What is not known to be public is taken for secret, unless it is a reference.

use raccord_model::Kind;
use raccord_model::language::connector::manifest::is_manifest;
use raccord_model::name::Name;
use raccord_model::secret::SecretRef;

use crate::node::{Node, Span, Value};
use crate::split::{Chunk, lines};

/// Whether the value at a path of a document of this kind can be shown. `None` is an unknown kind.
pub(crate) fn is_public(kind: Option<Kind>, path: &[&str]) -> bool {
    let head = matches!(path, ["apiVersion" | "kind", ..] | ["metadata", "name", ..]);
    head || kind.is_some_and(|kind| match (kind, path) {
        (_, ["metadata", ..]) => true,
        (Kind::Authorization, ["spec", rest @ ..]) | (Kind::Source, ["spec", "authorization", rest @ ..]) => {
            is_public_authorization(rest)
        }
        (Kind::Project, ["spec", "store", "authorization", rest @ ..]) => is_public_authorization(rest),
        // A misspelt `authorization` may hold as much.
        (Kind::Project, ["spec", "store", rest @ ..]) => {
            matches!(rest, [] | ["type" | "schema" | "path" | "format" | "mode"] | ["partitionBy", ..])
        }
        (Kind::Source, ["spec", "webhook", "verify", rest @ ..]) => is_public_verify(rest),
        (Kind::Source, ["spec", rest @ ..]) => {
            // What a manifest asks for may be a secret.
            let is_setting = matches!(rest, ["config", "settings", ..]);
            !is_setting && matches!(rest, ["connector" | "config" | "records" | "webhook" | "protect", ..])
        }
        (Kind::Stack, ["spec", "mail", rest @ ..]) => matches!(rest, ["host" | "port" | "security" | "from"]),
        (Kind::Stack, ["spec", rest @ ..]) => {
            matches!(rest, ["variables" | "language" | "limits" | "webhooks", ..])
        }
        (Kind::Alert, ["spec", "webhook", ..])
        | (Kind::Integration, ["spec", "alerts", _, "webhook", ..]) => false,
        // Of the others these three alone hold secrets.
        (kind, _) => !matches!(kind, Kind::Authorization | Kind::Source | Kind::Stack),
    })
}

/// Whether the value at a path below an authorization can be shown.
fn is_public_authorization(path: &[&str]) -> bool {
    const PUBLIC: [&str; 15] = [
        "type",
        "header",
        "prefix",
        "query",
        "grant",
        "rotation",
        "clientAuth",
        "port",
        "algorithm",
        "encoding",
        "secretEncoding",
        "region",
        "endpoint",
        "knownHosts",
        "service",
    ];
    match path {
        [member] => PUBLIC.contains(member),
        ["timestamp" | "nonce" | "hostKeys", ..] | ["tls", "mode" | "ca"] => true,
        _ => false,
    }
}

/// Whether the value at a path below `verify` of a webhook can be shown.
fn is_public_verify(path: &[&str]) -> bool {
    const PUBLIC: [&str; 9] = [
        "header",
        "prefix",
        "encoding",
        "secretEncoding",
        "algorithm",
        "timestamp",
        "tolerance",
        "signed",
        "headerPrefix",
    ];
    matches!(path, [_, member, ..] if PUBLIC.contains(member))
}

/// The places of all values of a document that must not be shown.
pub(crate) fn spans(root: &Node<'_>, kind: Option<Kind>) -> Vec<Span> {
    let mut found = Vec::new();
    let mut path = Vec::new();
    collect(root, kind, &mut path, &mut found);
    if let Some(config) = settings_of_a_manifest(root, kind) {
        // Below `settings` nothing is public.
        path = vec!["spec", "config", "settings"];
        collect(config, kind, &mut path, &mut found);
    }
    found
}

/// The settings of a Source whose connector is a manifest.
fn settings_of_a_manifest<'n, 't>(root: &'n Node<'t>, kind: Option<Kind>) -> Option<&'n Node<'t>> {
    let spec = root.member("spec").filter(|_| kind == Some(Kind::Source))?;
    spec.node.member_text("connector").filter(|connector| is_manifest(connector))?;
    spec.node.member("config").map(|entry| &entry.node)
}

fn collect<'n>(node: &'n Node<'_>, kind: Option<Kind>, path: &mut Vec<&'n str>, found: &mut Vec<Span>) {
    match &node.value {
        Value::Scalar { text, .. } => {
            if !is_public(kind, path) && !is_harmless(path, text) {
                found.push(node.span);
            }
        }
        Value::Seq(items) => {
            for item in items {
                path.push("0");
                collect(item, kind, path, found);
                path.pop();
            }
        }
        Value::Map(entries) => {
            for entry in entries {
                path.push(&entry.key);
                collect(&entry.node, kind, path, found);
                path.pop();
            }
        }
        Value::Pruned | Value::StandIn(_) => {}
    }
}

/// A reference, or the name of an Authorization where one is expected.
fn is_harmless(path: &[&str], text: &str) -> bool {
    let is_name = matches!(path, ["spec", "authorization"] | ["spec", "store", "authorization"]);
    text.parse::<SecretRef>().is_ok() || is_name && text.parse::<Name>().is_ok()
}

/// The part of a line that must not be shown when the document cannot be read as YAML at all.
pub(crate) fn line_span(chunk: &Chunk<'_>, line: u32) -> Option<Span> {
    let all: Vec<&str> = lines(chunk.text).collect();
    let at = usize::try_from(line.checked_sub(chunk.lines_before)?.checked_sub(1)?).ok()?;
    let text = all.get(at)?;
    let start = secret_start(text).or_else(|| {
        let is_inside =
            all.iter().any(|line| is_kind_authorization(line)) || has_secret_parent(&all[..at], text);
        is_inside.then(|| text.find(':').map_or(0, |colon| colon + 1))
    })?;
    let column = u32::try_from(text.get(..start)?.chars().count()).ok()? + 1;
    Some(Span { line, column, length: 0 })
}

/// Members that hold secrets, or maps of them.
const HOLDERS: [&str; 9] =
    ["authorization", "mail", "token", "password", "value", "secret", "webhook", "bearer", "verify"];

/// Where a secret may begin in a line: after the first member that holds one.
fn secret_start(line: &str) -> Option<usize> {
    let bare = HOLDERS.into_iter().filter_map(|holder| end_of_bare_key(line, holder));
    HOLDERS.into_iter().filter_map(|holder| end_of_key(line, holder)).chain(bare).min()
}

/// Where the value of a member begins whose colon was forgotten, at the beginning of a line.
fn end_of_bare_key(line: &str, key: &str) -> Option<usize> {
    let after = line.trim_start_matches([' ', '-']).strip_prefix(key)?;
    after.starts_with(' ').then(|| line.len() - after.len() + 1)
}

fn is_kind_authorization(line: &str) -> bool {
    let value = end_of_key(line, "kind").and_then(|start| line.get(start..));
    value.is_some_and(|value| value.trim_start_matches([' ', '"', '\'']).starts_with("Authorization"))
}

/// Where the value of a member begins, right after its colon; the key may be quoted.
fn end_of_key(line: &str, key: &str) -> Option<usize> {
    line.match_indices(key).find_map(|(at, _)| {
        let is_whole = !line.get(..at)?.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '-');
        let after = line.get(at + key.len()..)?;
        let colon = after.trim_start_matches(['"', '\'', ' ']);
        (is_whole && colon.starts_with(':')).then(|| line.len() - colon.len() + 1)
    })
}

/// Whether a line stands below `authorization:`, `mail:` or `verify:`, by its indentation.
fn has_secret_parent(before: &[&str], line: &str) -> bool {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut limit = indent(line);
    for above in before.iter().rev().filter(|line| !line.trim().is_empty()) {
        if indent(above) < limit {
            limit = indent(above);
            if ["authorization", "mail", "verify"].into_iter().any(|key| end_of_key(above, key).is_some()) {
                return true;
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_to_be_public_is_hidden() {
        let cases = [
            (Some(Kind::Source), "spec.authorization.token", false),
            (Some(Kind::Source), "spec.authorization.header", true),
            (Some(Kind::Source), "spec.autorization.token", false),
            (Some(Kind::Source), "spec.config.baseUrl", true),
            (Some(Kind::Source), "token", false),
            (Some(Kind::Authorization), "spec.headers.X-Key", false),
            (Some(Kind::Authorization), "spec.grant", true),
            (Some(Kind::Authorization), "spec.tls.ca", true),
            (Some(Kind::Authorization), "spec.tls.key", false),
            (Some(Kind::Source), "spec.authorization.tls.certificate", false),
            (Some(Kind::Authorization), "spec.clientId", false),
            (Some(Kind::Source), "spec.webhook.verify.hmac.secret", false),
            (Some(Kind::Source), "spec.webhook.verify.hmac.secret.0", false),
            (Some(Kind::Source), "spec.webhook.verify.hmac.timestamp.header", true),
            (Some(Kind::Source), "spec.webhook.verify.bearer", false),
            (Some(Kind::Source), "spec.webhook.verify.basic.username", false),
            (Some(Kind::Source), "spec.webhook.events.a", true),
            (Some(Kind::Source), "spec.config.settings.api_key", false),
            (Some(Kind::Source), "spec.records.missing", true),
            (Some(Kind::Source), "spec.config.baseUrl", true),
            (Some(Kind::Project), "spec.store.authorization.url", false),
            (Some(Kind::Project), "spec.store.autorization.url", false),
            (Some(Kind::Project), "spec.store.schema", true),
            (Some(Kind::Project), "spec.store.path", true),
            (Some(Kind::Project), "spec.store.partitionBy.date", true),
            (Some(Kind::Project), "spec.store", true),
            (Some(Kind::Project), "spec.entities.a.table", true),
            (Some(Kind::Stack), "spec.webhooks.url", true),
            (Some(Kind::Stack), "spec.mail.host", true),
            (Some(Kind::Stack), "spec.mail.password", false),
            (Some(Kind::Transfer), "spec.source", true),
            (Some(Kind::Alert), "spec.email", true),
            (Some(Kind::Alert), "spec.webhook", false),
            (Some(Kind::Integration), "spec.alerts.0", true),
            (Some(Kind::Integration), "spec.alerts.0.webhook", false),
            (None, "data.password", false),
            (None, "kind", true),
        ];
        for (kind, path, expected) in cases {
            let path: Vec<&str> = path.split('.').collect();
            assert_eq!(is_public(kind, &path), expected, "{path:?}");
        }
    }

    #[test]
    fn unreadable_lines_hide_what_follows_a_secret_member() {
        let text = "kind: Source\nspec:\n  authorization:\n    token: [hunter2\n  config: {a: [b}\n";
        let chunk = Chunk { text, lines_before: 10 };
        assert_eq!(line_span(&chunk, 14).map(|span| span.column), Some(11));
        assert_eq!(line_span(&chunk, 15), None);
    }

    #[test]
    fn a_key_is_a_whole_word_in_quotes_or_not() {
        let cases = [
            ("  token: x", Some(8)),
            ("{\"type\": \"bearer\", \"token\" : \"x\"", Some(28)),
            ("  email: x", None),
            ("  token-kind: x", None),
            ("  token x", Some(8)),
            ("  tokens x", None),
        ];
        for (line, expected) in cases {
            assert_eq!(secret_start(line), expected, "{line}");
        }
        assert!(is_kind_authorization("{\"kind\": \"Authorization\","));
        assert!(!is_kind_authorization("header: Authorization"));
    }
}
