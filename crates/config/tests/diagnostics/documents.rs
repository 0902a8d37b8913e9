//! Kinds and what they refer to: what can be wrong between documents.

use super::{check, document, load};

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
fn a_fixed_text_keeps_its_spelling_or_is_told_to_be_quoted() {
    let project = |sort: &str, value: &str| {
        document(
            "Project",
            &format!(
                "  entities:\n    e:\n      key: id\n      fields: {{id: text, f: {{type: {sort}, default: {value}}}}}"
            ),
        )
    };
    let path = "spec.entities.e.fields.f.default";
    for lost in ["1.10", "1e3", "0x1F", "0o17", "1.0e0", ".5", "5.", "-0.0", "1000.0", "TRUE", "False"] {
        check(&project("text", lost), &format!("unquoted@8:51 {path}"));
    }
    for kept in [
        "12",
        "1.5",
        "-3",
        "true",
        "007",
        "+351912345678",
        "1_000",
        "1.2.3",
        "yes",
        "no",
        "on",
        "off",
        "2024-01-31",
        "12:30",
        "\"1.10\"",
        "'0x1F'",
        "12345678901234567890123",
        "~",
        "null",
        "9007199254740993.5",
        "9007199254740993",
        "-12345678901234567",
    ] {
        check(&project("text", kept), "");
    }
    for (sort, value) in [("decimal", "1.10"), ("integer", "0x1F"), ("boolean", "TRUE"), ("json", "[1.10]")] {
        check(&project(sort, value), "");
    }
    // The canonical form has no whole number of so many digits.
    let wanted = load(&project("integer", "9007199254740993")).desired.unwrap();
    let fields = &wanted.project(&"a".parse().unwrap()).unwrap().entities["e"].fields;
    assert_eq!(fields["f"].default, Some("9007199254740993".into()));
    // Of a value that was not meant nothing else is said.
    check(&project("choice, options: [1.10]", "1.10"), &format!("unquoted@8:70 {path}"));
    check(&project("choices, options: [1.10, 2]", "[2, 1.10]"), &format!("unquoted@8:78 {path}[1]"));
}

/// Whatever is a text in the language is read as it is written, whatever YAML may take it for.
#[test]
fn other_texts_keep_their_spelling() {
    let options = "  entities: {e: {key: id, fields: {id: {type: choice, options: [1.10, 0x1F, TRUE, 007, 2024-01-31]}}}}";
    let wanted = load(&document("Project", options)).desired.unwrap();
    let field = &wanted.project(&"a".parse().unwrap()).unwrap().entities["e"].fields["id"];
    assert_eq!(Vec::from_iter(&field.options), ["007", "0x1F", "1.10", "2024-01-31", "TRUE"]);
    let config = "  connector: http\n  authorization: {type: none}\n  config:\n    baseUrl: https://x.example\n    \
                  headers: {X-Version: 1.10}\n    dataTypes:\n      a: {path: \"/{r}\", query: {v: 1e3, on: yes, b: True}, headers: {X: .5}, for: {r: [0x1F, 1.0]}}";
    let wanted = load(&document("Source", config)).desired.unwrap();
    let (_, source) =
        wanted.resources.iter().find(|(key, _)| key.kind == raccord_model::Kind::Source).unwrap();
    let written = serde_json::to_value(&source.resource.spec).unwrap().to_string();
    for kept in [
        r#""X-Version":"1.10""#,
        r#""v":"1e3""#,
        r#""on":"yes""#,
        r#""b":"True""#,
        r#""X":".5""#,
        r#""r":["0x1F","1.0"]"#,
    ] {
        assert!(written.contains(kept), "{kept}: {written}");
    }
}

#[test]
fn a_constant_keeps_its_spelling_or_is_told_to_be_quoted() {
    let transfer = |fields: &str| {
        let mapping = format!("  source: files\n  to: crm.contact\n  mapping:\n    fields: {fields}");
        around("Transfer", &mapping)
    };
    let path = "spec.mapping.fields.city.const";
    check(&transfer("{city: {const: 1.10}}"), &format!("unquoted@31:28 {path}"));
    check(&transfer("{city: {const: \"1.10\"}}"), "");
    check(&transfer("{city: {from: a, transform: [{replace: {find: 1.10, with: 007}}]}}"), "");
    let shared = around("Transfer", "  source: files\n  to: crm.contact\n  mapping: m");
    let mapping = document("Mapping", "  fields: {city: {const: TRUE}}").replace("name: a", "name: m");
    check(&format!("{shared}---\n{mapping}"), "unquoted@36:26 spec.fields.city.const");
    let number = AROUND.replace("city: text", "city: decimal")
        + &document(
            "Transfer",
            "  source: files\n  to: crm.contact\n  mapping:\n    fields: {city: {const: 1.10, transform: [{lookup: {table: {1.10: 2}}}]}}",
        );
    check(&number, &format!("unquoted@31:28 {path}"));
    let stack = document("Stack", "  variables: {V: 1.10}");
    check(&format!("{}---\n{stack}", transfer("{city: {const: \"${var:V}\"}}")), "");
    let text = format!("{}---\n{stack}", transfer("\n      city:\n        const: ${var:V}"));
    check(&text, &format!("unquoted@33:16 {path}"));
    let diagnostic = load(&text).diagnostics.remove(0);
    assert_eq!(
        diagnostic.message,
        "`1.10` is read as the number 1.1 where it stands without quotes, and the field is of type text"
    );
    assert_eq!(diagnostic.help.unwrap(), "write \"${var:V}\" to keep it as it is written, or 1.1");
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
        (
            "{type: apiKey, header: Authorization, prefix: Bearer, value: \"${env:K}\"}",
            "invalid-value?@5:49 spec.prefix",
        ),
        ("{type: apiKey, header: Authorization, prefix: \"Bearer \", value: \"${env:K}\"}", ""),
        ("{type: apiKey, header: Authorization, prefix: \"key=\", value: \"${env:K}\"}", ""),
        ("{type: apiKey, header: X-Key, prefix: key, value: \"${env:K}\"}", ""),
        ("{type: apiKey, header: \"a b\", value: \"${env:K}\"}", "invalid-value@5:26 spec.header"),
        ("{type: magic}", "invalid-value@5:10 spec.type"),
        ("{header: X}", "missing-field@4:1 spec.type"),
    ];
    for (spec, expected) in cases {
        check(&document("Authorization", &format!("  {spec}")), expected);
    }
}

#[test]
fn sources() {
    check(
        &document("Source", "  connector: htp\n  config: {baseUrl: \"https://x.example\", dataTypes: {}}"),
        "unknown-connector@5:14 spec.connector",
    );
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
            "conflicting-fields@28:36 spec.deletes\nconflicting-fields@28:65 spec.deletes.webhook",
        ),
        (
            "  {source: files, to: crm.contact, mode: enrich, deletes: {field: d}}",
            "no-effect?@28:50 spec.deletes",
        ),
        ("  {source: files, to: crm.contact, mapping: {primaryKey: {city: c}}}", ""),
        (
            "  {source: files, to: crm.contact, mapping: {fields: {citi: c}}}",
            "unknown-entity-field@28:55 spec.mapping.fields.citi",
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
    check(&format!("{one}---\n{two}"), "two-owners@41:44 spec.mapping.fields.name");
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
        ("  {alerts: [{language: fr}]}", "missing-field@34:14 spec.alerts[0]"),
        ("  {alerts: [{webhook: hunter2}]}", "invalid-value@34:23 spec.alerts[0].webhook"),
        ("  {breaker: {consecutiveFailures: 0}}", "invalid-value@34:35 spec.breaker.consecutiveFailures"),
    ];
    for (spec, expected) in cases {
        check(&with(spec), expected);
    }
}

#[test]
fn what_is_broken_does_not_dangle() {
    let source = document("Source", "  connector: file\n  settings: {}").replace("name: a", "name: files2");
    let transfer = document("Transfer", "  {source: files2, to: crm.contact}");
    let text = format!("{AROUND}{source}---\n{transfer}");
    check(&text, "missing-field@27:1 spec.config\nunknown-field@29:3 spec.settings");
    let unreadable = "apiVersion: raccord/v1\nkind: Source\nmetadata:\n  name: files2\nspec: [\n";
    check(&format!("{AROUND}{unreadable}---\n{transfer}"), "yaml-syntax@28:7");
}

#[test]
fn what_is_misspelt_hides_nothing() {
    let source = |connector: &str, rest: &str| {
        document(
            "Source",
            &format!(
                "  connector: {connector}\n  config: {{baseUrl: \"https://x.example\", dataTypes: {{a: {{{rest}}}}}}}"
            ),
        )
    };
    let cases = [
        // The connector: its settings are read, and what they mean together is checked.
        (
            source("htp", "recods: data"),
            "unknown-connector@5:14 spec.connector\nunknown-field@6:58 spec.config.dataTypes.a.recods",
        ),
        (
            source("htp", "parent: b"),
            "unknown-connector@5:14 spec.connector\nunknown-data-type@6:66 spec.config.dataTypes.a.parent",
        ),
        // Of a connector that is none, only what all sources have is read.
        (source("soap", "recods: data"), "unknown-connector@5:14 spec.connector"),
        (
            document(
                "Source",
                "  connector: soap\n  authorization: {type: beaer, tokn: \"${env:T}\"}\n  config: {wsdl: x}",
            ),
            "unknown-connector@5:14 spec.connector\n\
             invalid-value@6:25 spec.authorization.type\nunknown-field@6:32 spec.authorization.tokn",
        ),
        (
            document("Source", "  protect: maybe\n  config: {wsdl: x}"),
            "missing-field@4:1 spec.connector\nwrong-type@5:12 spec.protect",
        ),
        // How pages follow each other.
        (
            source("http", "pagination: {pge: page, size: {n: 0}}"),
            "unknown-field@6:71 spec.config.dataTypes.a.pagination.pge\n\
             invalid-value@6:82 spec.config.dataTypes.a.pagination.size",
        ),
        // The type of a field.
        (
            document("Project", "  entities: {e: {key: di, fields: {id: txt, n: {type: chioce}}}}"),
            "invalid-key@5:23 spec.entities.e.key\ninvalid-value@5:40 spec.entities.e.fields.id\n\
             conflicting-fields@5:45 spec.entities.e.fields.n.options\ninvalid-value@5:55 spec.entities.e.fields.n.type",
        ),
        // The type of an authorization.
        (
            document("Authorization", "  {type: apikey, query: k, prefix: P, value: \"${env:K}\"}"),
            "invalid-value@5:10 spec.type\nconflicting-fields@5:36 spec.prefix",
        ),
    ];
    for (text, expected) in cases {
        check(&text, expected);
    }
}

#[test]
fn a_member_that_is_misspelt_or_in_quotes_hides_nothing() {
    let transfer = |rest: &str| around("Transfer", &format!("  source: files\n  to: crm.contact\n{rest}"));
    let cases = [
        // The name of a member, and what stands below it.
        (
            transfer("  mappng: {feilds: {city: {expr: \"{{ c }}\"}}}"),
            "unknown-field@30:3 spec.mappng\nunknown-field@30:12 spec.mapping.feilds\n\
             invalid-expression@30:34 spec.mapping.fields.city.expr",
        ),
        // A secret that stands there itself, and what is in quotes.
        (
            document("Authorization", "  {type: apiKey, query: k, prefix: P, value: hunter2}"),
            "conflicting-fields@5:36 spec.prefix\nplain-secret@5:46 spec.value",
        ),
        (
            document("Project", "  entities: {e: {key: di, fields: {id: {type: text, required: \"true\"}}}}"),
            "invalid-key@5:23 spec.entities.e.key\nwrong-type@5:63 spec.entities.e.fields.id.required",
        ),
        // A member is not there twice.
        (
            transfer("  mapping: {fields: {citi: c}}\n  mappng: {fields: {cities: c}}"),
            "unknown-field@31:3 spec.mappng",
        ),
        // The name of a transform that takes a value.
        (
            transfer("  mapping: {fields: {city: {from: c, transform: [{truncat: x}]}}}"),
            "invalid-value@30:51 spec.mapping.fields.city.transform[0].truncat\n\
             wrong-type@30:60 spec.mapping.fields.city.transform[0].truncate",
        ),
    ];
    for (text, expected) in cases {
        check(&text, expected);
    }
}

#[test]
fn a_head_that_is_misspelt_hides_nothing() {
    let wrong = "metadata: {name: a}\nspec: {entities: {e: {key: di, fields: {id: text}}}}\n";
    let inside = "invalid-key@4:28 spec.entities.e.key";
    for (head, expected) in [
        ("apiVersion: raccord/v1\nkind: Projekt\n", format!("unknown-kind@2:7 kind\n{inside}")),
        ("apiVersion: racord/v1\nkind: Project\n", format!("api-version@1:13 apiVersion\n{inside}")),
        ("apiVersion: raccord/v1\nkind: Thing\n", "unknown-kind@2:7 kind".to_owned()),
        // What is right in another version is not known here.
        ("apiVersion: raccord/v2\nkind: Project\n", "api-version@1:13 apiVersion".to_owned()),
    ] {
        check(&format!("{head}{wrong}"), &expected);
    }
    check(
        &format!("kind: Project\n{wrong}"),
        &format!("api-version@1:7 kind\n{}", inside.replace("@4", "@3")),
    );
}
