//! Every mistake at its place: a table of documents and what is said about them.

use std::collections::BTreeMap;

use raccord_config::{Loaded, load_texts};
use raccord_model::diagnostic::{Diagnostic, Severity};

fn load(text: &str) -> Loaded {
    load_texts(vec![("a.yaml".to_owned(), text.as_bytes().to_vec())], "/srv", &BTreeMap::new())
}

fn short(diagnostic: &Diagnostic) -> String {
    let mark = if diagnostic.severity == Severity::Warning { "?" } else { "" };
    match &diagnostic.place {
        Some(place) => {
            format!("{}{mark}@{}:{} {}", diagnostic.code, place.line, place.column, diagnostic.path)
        }
        None => format!("{}{mark}", diagnostic.code),
    }
    .trim_end()
    .to_owned()
}

/// Checks documents against the diagnostics they lead to, one a line.
#[track_caller]
fn check(text: &str, expected: &str) {
    let loaded = load(text);
    let found: Vec<String> = loaded.diagnostics.iter().map(short).collect();
    let expected: Vec<&str> = expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(found, expected, "\n{text}\n{:#?}", loaded.diagnostics);
    let has_error = loaded.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
    assert_eq!(loaded.desired.is_some(), !has_error);
}

/// A document of a kind named `a`.
fn document(kind: &str, spec: &str) -> String {
    format!("apiVersion: raccord/v1\nkind: {kind}\nmetadata: {{name: a}}\nspec:\n{spec}\n")
}

/// What a transfer named `a` needs around it; 23 lines, the last of them `---`.
const AROUND: &str = "\
apiVersion: raccord/v1
kind: Project
metadata: {name: crm}
spec:
  entities:
    contact:
      key: id
      fields: {id: text, city: text, name: {type: text, required: true}}
---
apiVersion: raccord/v1
kind: Source
metadata: {name: files}
spec:
  connector: file
  config: {dataTypes: {a: {path: a.csv}, b: {path: b.csv}}}
---
apiVersion: raccord/v1
kind: Source
metadata: {name: bare}
spec:
  connector: http
  config: {baseUrl: \"https://x.example\", dataTypes: {a: {}, b: {}}}
---
";

fn around(kind: &str, spec: &str) -> String {
    format!("{AROUND}{}", document(kind, spec))
}

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
    check("apiVersion: racord/v1\nkind: Alert\n", "api-version@1:13 apiVersion");
    check("kind: Alert\nspec: {}\n", "api-version@1:7 kind");
    check("apiVersion: raccord/v1\nkind: Transfr\n", "unknown-kind@2:7 kind");
    check("apiVersion: raccord/v1\n", "unknown-kind@1:1 kind");
    check("a: 1\na: 2\n", "no-documents\n foreign-document?@1:1 apiVersion");
}

#[test]
fn fields() {
    check(&document("Alert", "  email: a@b.ca\n  emial: c@d.ca"), "unknown-field@6:3 spec.emial");
    check(&document("Alert", "  language: en"), "missing-field@4:1 spec.email");
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
        ("Authorization", "  {type: bearer, tokn: hunter2}", "unknown-field@5:18 spec.tokn"),
        (
            "Authorization",
            "  {type: basic, username: u, password: \"${env:P}hunter2\"}",
            "plain-secret@5:40 spec.password",
        ),
        ("Authorization", "  {type: bearer, token: [hunter2]}", "plain-secret@5:18 spec.token"),
        ("Authorization", "  {type: beer, token: hunter2}", "invalid-value@5:10 spec.type"),
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
            "unknown-field@6:3 spec.autorization",
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
fn resources() {
    let alert = document("Alert", "  email: a@b.ca");
    check(&format!("{alert}---\n{alert}"), "duplicate-resource@9:18 metadata.name");
    let stack = document("Stack", "  {}");
    let other = stack.replace("name: a", "name: b");
    check(&format!("{stack}---\n{other}"), "duplicate-resource@9:18 metadata.name");
    let lifted = format!(
        "{}---\n{}",
        document("Authorization", "  {type: none}"),
        document(
            "Source",
            "  connector: http\n  authorization: {type: none}\n  config: {baseUrl: \"https://x.example\", dataTypes: {}}"
        ),
    );
    check(&lifted, "duplicate-resource@12:3 spec.authorization");
    let renamed = |old: &str| {
        format!(
            "apiVersion: raccord/v1\nkind: Project\nmetadata:\n  name: new\n  annotations: {{raccord/renamed-from: {old}}}\nspec: {{entities: {{}}}}\n"
        )
    };
    let path = "metadata.annotations.raccord/renamed-from";
    check(&renamed("old"), "");
    check(&renamed("new"), &format!("invalid-rename@5:39 {path}"));
    check(&renamed("Old"), &format!("invalid-rename@5:39 {path}"));
    let both = format!("{}---\n{}", renamed("a"), document("Project", "  entities: {}"));
    check(&both, &format!("invalid-rename@5:39 {path}"));
}

#[test]
fn projects() {
    let entity = |key: &str, fields: &str| {
        document("Project", &format!("  entities:\n    e:\n      key: {key}\n      fields: {{{fields}}}"))
    };
    let at = |rest: &str| format!("spec.entities.e.{rest}");
    check(&entity("id", "id: text"), "");
    check(&entity("di", "id: text"), &format!("invalid-key@7:12 {}", at("key")));
    check(&entity("[]", "id: text"), &format!("invalid-key@7:7 {}", at("key")));
    check(&entity("[id, id]", "id: text"), &format!("invalid-key@7:17 {}", at("key[1]")));
    check(&entity("id", "id: json"), &format!("invalid-key@7:12 {}", at("key")));
    check(&entity("id", "id: txt"), &format!("invalid-value@8:20 {}", at("fields.id")));
    check(
        &entity("id", "id: {type: choice}"),
        &format!("conflicting-fields@8:16 {}", at("fields.id.options")),
    );
    let options = entity("id", "id: {type: text, options: [a]}");
    check(&options, &format!("conflicting-fields@8:33 {}", at("fields.id.options")));
    let length = entity("id", "id: {type: date, maxLength: 5}");
    check(&length, &format!("conflicting-fields@8:44 {}", at("fields.id.maxLength")));
    let default = entity("id", "id: text, n: {type: integer, default: x}");
    check(&default, &format!("incompatible-type@8:54 {}", at("fields.n.default")));
}

#[test]
fn authorizations() {
    let cases = [
        ("{type: apiKey, header: X, value: \"${env:K}\"}", ""),
        ("{type: apiKey, headers: {X: \"${env:K}\", Y: \"${file:/k}\"}}", ""),
        ("{type: apiKey, value: \"${env:K}\"}", "conflicting-fields@4:1 spec"),
        ("{type: apiKey, header: X, query: k, value: \"${env:K}\"}", "conflicting-fields@4:1 spec"),
        ("{type: apiKey, header: X}", "conflicting-fields@4:1 spec"),
        (
            "{type: apiKey, headers: {X: \"${env:K}\"}, value: \"${env:K}\"}",
            "conflicting-fields@5:51 spec.value",
        ),
        ("{type: apiKey, query: k, prefix: P, value: \"${env:K}\"}", "conflicting-fields@5:36 spec.prefix"),
        ("{type: apiKey, header: \"a b\", value: \"${env:K}\"}", "invalid-value@5:26 spec.header"),
        ("{type: oauth}", "invalid-value@5:10 spec.type"),
        ("{header: X}", "missing-field@4:1 spec.type"),
    ];
    for (spec, expected) in cases {
        check(&document("Authorization", &format!("  {spec}")), expected);
    }
}

#[test]
fn sources() {
    check(&document("Source", "  connector: htp\n  config: {}"), "unknown-connector@5:14 spec.connector");
    let http = |rest: &str, types: &str| {
        document(
            "Source",
            &format!(
                "  connector: http\n{rest}  config:\n    baseUrl: https://x.example\n    dataTypes: {{{types}}}"
            ),
        )
    };
    check(&http("", "a: {}"), "");
    check(&http("  authorization: nobody\n", "a: {}"), "dangling-reference@6:18 spec.authorization");
    check(&http("", "a: {parent: b}"), "unknown-data-type@8:29 spec.config.dataTypes.a.parent");
    let circle =
        load(&http("", "a: {parent: b, path: \"/{parent.id}\"}, b: {parent: a, path: \"/{parent.id}\"}"));
    assert!(circle.diagnostics.iter().any(|diagnostic| diagnostic.code.as_str() == "parent-cycle"));
    let file = document(
        "Source",
        "  connector: file\n  authorization: {type: bearer, token: \"${env:T}\"}\n  config: {dataTypes: {a: {path: a.csv}}}",
    );
    check(&file, "no-effect?@6:3 spec.authorization");
}

#[test]
fn transfers() {
    let mapping = "mapping: {primaryKey: {id: id}, fields: {name: n}}";
    let ready = format!("  source: files\n  to: crm.contact\n  active: true\n  {mapping}\n");
    check(&around("Transfer", &ready), "");
    check(&around("Transfer", "  {source: files, to: crm.contact}"), "");
    let cases = [
        ("  {source: file, to: crm.contact}", "dangling-reference@28:12 spec.source"),
        ("  {source: files, to: crn.contact}", "dangling-reference@28:23 spec.to"),
        ("  {source: files, to: crm.contacts}", "dangling-reference@28:23 spec.to"),
        ("  {source: files, to: crm.contact, mapping: m}", "dangling-reference@28:45 spec.mapping"),
        ("  {source: files, to: crm.contact, dataType: c}", "unknown-data-type@28:46 spec.dataType"),
        ("  {source: files, to: crm.contact, active: true}", "not-ready@28:44 spec.active"),
        ("  {source: files, to: crm.contact, schedule: 0s}", "invalid-value@28:46 spec.schedule.every"),
        ("  {source: files, to: crm.contact, schedule: {}}", "conflicting-fields@28:36 spec.schedule"),
        (
            "  {source: files, to: crm.contact, schedule: {cron: \"* * *\"}}",
            "invalid-value@28:53 spec.schedule.cron",
        ),
        (
            "  {source: files, to: crm.contact, schedule: {cron: \"61 * * * *\"}}",
            "invalid-value@28:53 spec.schedule.cron",
        ),
        (
            "  {source: files, to: crm.contact, schedule: {cron: \"0 6 * * 1-5\", timezone: Mars}}",
            "invalid-value@28:78 spec.schedule.timezone",
        ),
        (
            "  {source: files, to: crm.contact, schedule: {every: 1h, timezone: UTC}}",
            "conflicting-fields@28:68 spec.schedule.timezone",
        ),
        (
            "  {source: files, to: crm.contact, deletes: {field: d, webhook: true}}",
            "conflicting-fields@28:36 spec.deletes",
        ),
        (
            "  {source: files, to: crm.contact, mode: enrich, deletes: {field: d}}",
            "no-effect?@28:50 spec.deletes",
        ),
        ("  {source: files, to: crm.contact, mapping: {primaryKey: {city: c}}}", ""),
        (
            "  {source: files, to: crm.contact, mapping: {fields: {citi: c}}}",
            "unknown-entity-field@28:61 spec.mapping.fields.citi",
        ),
    ];
    for (spec, expected) in cases {
        check(&around("Transfer", spec), expected);
    }
    let bare = ready.replace("source: files", "source: bare");
    check(&around("Transfer", &bare), "not-ready@30:11 spec.active");
    let keyless = ready.replace("{id: id}", "{}");
    check(&around("Transfer", &keyless), "incomplete-key@31:13 spec.mapping.primaryKey");
    let unfed = ready.replace(", fields: {name: n}", "");
    let found = load(&around("Transfer", &unfed)).diagnostics;
    assert_eq!(found.iter().map(|d| d.code.as_str()).collect::<Vec<_>>(), ["required-field"]);
    let one = around("Transfer", &ready);
    let two = document("Transfer", &ready).replace("name: a", "name: b");
    check(&format!("{one}---\n{two}"), "two-owners@41:50 spec.mapping.fields.name");
    let enriching = two.replace("active: true", "active: true\n  mode: enrich");
    check(&format!("{one}---\n{enriching}"), "");
}

#[test]
fn integrations() {
    let transfer = around("Transfer", "  {source: files, to: crm.contact}");
    let with = |spec: &str| format!("{transfer}---\n{}", document("Integration", spec));
    let cases = [
        ("  {}", ""),
        ("  {active: true}", "not-ready@34:12 spec.active"),
        ("  {subscriptions: {a: [created]}}", ""),
        ("  {active: true, subscriptions: {a: [created]}}", "no-effect?@34:34 spec.subscriptions.a"),
        ("  {subscriptions: {a: [created, deleted]}}", "no-effect?@34:20 spec.subscriptions.a"),
        ("  {subscriptions: {a: []}}", "no-effect?@34:20 spec.subscriptions.a"),
        ("  {subscriptions: {a: [craeted]}}", "invalid-value@34:24 spec.subscriptions.a[0]"),
        ("  {subscriptions: {b: [created]}}", "dangling-reference@34:20 spec.subscriptions.b"),
        ("  {subscriptions: {a: most}}", "dangling-reference@34:23 spec.subscriptions.a"),
        ("  {alerts: [ops@example.com, ops]}", "dangling-reference@34:30 spec.alerts[1]"),
        ("  {alerts: [ops@nowhere]}", "invalid-value@34:13 spec.alerts[0]"),
        ("  {breaker: {consecutiveFailures: 0}}", "invalid-value@34:35 spec.breaker.consecutiveFailures"),
    ];
    for (spec, expected) in cases {
        check(&with(spec), expected);
    }
}

#[test]
fn what_is_broken_does_not_dangle() {
    let source = document("Source", "  connector: file\n  confg: {}").replace("name: a", "name: files2");
    let transfer = document("Transfer", "  {source: files2, to: crm.contact}");
    let text = format!("{AROUND}{source}---\n{transfer}");
    check(&text, "unknown-field@29:3 spec.confg");
    let unreadable = "apiVersion: raccord/v1\nkind: Source\nmetadata:\n  name: files2\nspec: [\n";
    check(&format!("{AROUND}{unreadable}---\n{transfer}"), "yaml-syntax@28:7");
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
