//! Text, fields, variables, secrets: what can be wrong in one document.

use std::collections::BTreeMap;

use raccord_config::load_texts;

use super::{check, document, load, short};

#[test]
fn texts() {
    check("", "no-documents");
    check("# only a comment\n---\n", "no-documents");
    check("a: [1\n", "yaml-syntax@1:4");
    check("a: 1\ncity: [a\nb: 2\n", "yaml-syntax@2:7");
    check("a: it's\nb: {c: d\n# }\ne: f\n", "yaml-syntax@2:4");
    check("a: {{ x }}\n", "yaml-syntax@1:5");
    check("a: {path: addresses[0]}\n", "yaml-syntax@1:20");
    check("a: %x\n", "yaml-syntax@1:4");
    check("a: `x`\n", "yaml-syntax@1:4");
    check("a:\n\tb: 1\n", "yaml-syntax@2:1");
    check("a: \"b\n", "yaml-syntax@1:4");
    check("a: *nowhere\n", "yaml-syntax@1:4");
    check("a: &b [*b]\n", "yaml-syntax@1:8");
    check("a: 1\nb\nc: 2\n", "yaml-syntax@2:1");
    check(&format!("a: {}1{}\n", "[".repeat(70), "]".repeat(70)), "too-large@1:68");
    let broken = format!("a: [1\n---\n{}", document("Alert", "  {email: x}"));
    check(&broken, "yaml-syntax@1:4\n invalid-value@7:11 spec.email");
}

#[test]
fn limits() {
    let level = |level: usize| {
        let item = if level == 0 { "1".to_owned() } else { format!("*a{}", level - 1) };
        format!("a{level}: &a{level} [{}]\n", vec![item; 9].join(", "))
    };
    let bomb: String = (0..12).map(level).collect();
    let loaded = load(&bomb);
    assert_eq!(loaded.diagnostics[0].code.as_str(), "too-large");
    let many = "a: 1\n---\n".repeat(1_500);
    let loaded = load(&format!("{many}{}", document("Subscription", "  [created]")));
    assert_eq!(loaded.diagnostics.len(), 1_001);
    assert_eq!(loaded.diagnostics[1_000].message, "500 more diagnostics are not shown");
    assert!(loaded.desired.is_some());
    let long = vec![b' '; raccord_config::MAX_FILE + 1];
    let loaded = load_texts(vec![("a.yaml".to_owned(), long)], "/srv", &BTreeMap::new());
    assert_eq!(short(&loaded.diagnostics[0]), "too-large");
}

#[test]
fn bytes() {
    let cases: [(&[u8], &str); 4] = [
        (b"a: 1\nb: \xe9t\xe9\n", "not-utf8@2:4"),
        (b"\xff\xfea\0", "not-utf8@1:1"),
        (b"\xef\xbb\xbfapiVersion: raccord/v2\nkind: Alert\n", "api-version@1:13 apiVersion"),
        (b"\xc3\xa9: \xff\n", "not-utf8@1:4"),
    ];
    for (bytes, expected) in cases {
        let loaded = load_texts(vec![("a.yaml".to_owned(), bytes.to_vec())], "/srv", &BTreeMap::new());
        assert_eq!(short(&loaded.diagnostics[0]), expected);
    }
}

#[test]
fn heads() {
    let foreign = "apiVersion: apps/v1\nkind: Deployment\nspec: {password: hunter2}\n---\n";
    check(foreign, "no-documents\n foreign-document?@1:13 apiVersion");
    check(
        "apiVersion: racord/v1\nkind: Alert\n",
        "missing-field@1:1 metadata\nmissing-field@1:1 spec\napi-version@1:13 apiVersion",
    );
    check("kind: Alert\nspec: {}\n", "missing-field@1:1 metadata\napi-version@1:7 kind");
    check(
        "apiVersion: raccord/v1\nkind: Transfr\n",
        "missing-field@1:1 metadata\nmissing-field@1:1 spec\nunknown-kind@2:7 kind",
    );
    check("apiVersion: raccord/v1\n", "unknown-kind@1:1 kind");
    check("a: 1\na: 2\n", "no-documents\n foreign-document?@1:1 apiVersion");
}

#[test]
fn fields() {
    check(&document("Alert", "  email: a@b.ca\n  emial: c@d.ca"), "unknown-field@6:3 spec.emial");
    check(&document("Alert", "  language: en"), "missing-field@4:1 spec");
    check(&document("Alert", "  email: []"), "invalid-value@5:3 spec.email");
    check(&document("Alert", "  webhook: \"${env:HOOK}\""), "");
    check(&document("Alert", "  webhook: http://127.0.0.1:8065/hooks/x"), "");
    check(&document("Alert", "  webhook: ${var:HOOK}"), "unset-variable@5:12 spec.webhook");
    check(&document("Alert", "  email: a@b.ca\n  email: a@b.ca"), "duplicate-key@6:3");
    check(&document("Alert", "  email: a@b.ca\n  language: english"), "invalid-value@6:13 spec.language");
    check(&document("Alert", "  email: {a: b}"), "wrong-type@5:3 spec.email");
    check(&document("Alert", "  email: [a@b.ca, 5]"), "invalid-value@5:19 spec.email[1]");
    check(&document("Stack", "  limits: {perSource: two}"), "wrong-type@5:23 spec.limits.perSource");
    check(
        &document("Stack", "  limits: {perSource: 99999999999}"),
        "invalid-value@5:23 spec.limits.perSource",
    );
    check(&document("Stack", "  limits: {perSource: 0}"), "invalid-value@5:23 spec.limits.perSource");
    let name = "apiVersion: raccord/v1\nkind: Alert\nmetadata: {name: Å}\nspec: {email: a@b.ca}\n";
    check(name, "invalid-value@3:18 metadata.name");
}

#[test]
fn variables_and_references() {
    check(&document("Alert", "  email: \"ops@${var:HOST}\""), "unset-variable@5:15 spec.email");
    check(&document("Alert", "  email: ${env:MAIL}"), "misplaced-reference@5:10 spec.email");
    check(&document("Alert", "  email: ${MAIL}"), "invalid-value@5:10 spec.email");
    check(&document("Stack", "  variables: {A: \"${var:B}\"}"), "unset-variable@5:19 spec.variables.A");
    check(&document("Stack", "  variables: {A-B: x}"), "invalid-value@5:20 spec.variables.A-B");
    let uses = format!(
        "{}---\n{}",
        document("Stack", "  variables: {HOST: b.ca}"),
        document("Alert", "  email: ops@${var:HOST}")
    );
    check(&uses, "");
}

#[test]
fn secrets_are_never_shown() {
    let cases = [
        ("Authorization", "  type: bearer\n  token: hunter2", "plain-secret@6:10 spec.token"),
        ("Authorization", "  {type: bearer, token: hunter2}", "plain-secret@5:25 spec.token"),
        (
            "Authorization",
            "  {type: bearer, tokn: hunter2}",
            "unknown-field@5:18 spec.tokn\nplain-secret@5:24 spec.token",
        ),
        (
            "Authorization",
            "  {type: basic, username: u, password: \"${env:P}hunter2\"}",
            "plain-secret@5:40 spec.password",
        ),
        ("Authorization", "  {type: bearer, token: [hunter2]}", "plain-secret@5:18 spec.token"),
        ("Authorization", "  {type: beer, token: hunter2}", "invalid-value@5:10 spec.type"),
        ("Alert", "  webhook: hooks.example/hunter2", "invalid-value@5:12 spec.webhook"),
        ("Alert", "  webhook: ftp://hooks.example/hunter2", "invalid-value@5:12 spec.webhook"),
        ("Alert", "  webhook: \"${env:A}hunter2\"", "plain-secret@5:12 spec.webhook"),
        ("Alert", "  webhook: [hunter2", "yaml-syntax@5:12"),
        ("Authorization", "  {type: bearer, token: [hunter2}", "yaml-syntax@5:25"),
        ("Authorization", "  hunter2", "wrong-type@5:3 spec"),
        (
            "Source",
            "  connector: http\n  authorization: hunter2_\n  config: {baseUrl: \"https://x.example\", dataTypes: {}}",
            "invalid-value@6:18 spec.authorization",
        ),
        (
            "Source",
            "  connector: http\n  autorization: {type: bearer, token: hunter2}\n  config: {baseUrl: \"https://x.example\", dataTypes: {}}",
            "unknown-field@6:3 spec.autorization\nplain-secret@6:39 spec.authorization.token",
        ),
        (
            "Stack",
            "  mail: {host: h, from: a@b.ca, username: u, password: hunter2}",
            "plain-secret@5:56 spec.mail.password",
        ),
    ];
    for (kind, spec, expected) in cases {
        let text = document(kind, spec);
        check(&text, expected);
        let shown = format!("{:?}", load(&text).diagnostics);
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

#[test]
fn merge_keys_and_anchors_are_expanded() {
    let text = "\
apiVersion: raccord/v1
kind: Project
metadata: {name: a}
spec:
  entities:
    one: &one
      key: id
      fields: &fields {id: text, n: integer}
    two:
      <<: *one
      fields: {<<: *fields, n: text}
";
    check(text, "");
    let desired = load(text).desired.unwrap();
    let project = desired.project(&"a".parse().unwrap()).unwrap();
    let two = &project.entities["two"];
    assert_eq!(two.fields["n"].field_type.as_str(), "text");
    assert_eq!(two.fields["id"].field_type.as_str(), "text");
    check(&text.replace("<<: *one", "<<: 5"), "yaml-syntax@10:7");
}
