//! What makes no difference: the order of keys, documents and files, inline or by name, spelled-out
//! defaults, and a way through `export`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops where something is wrong")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use raccord_config::{load_texts, to_yaml};
use raccord_model::resource::Wanted;
use raccord_model::{Desired, Digest, Key};

const STACK: &str = "\
apiVersion: raccord/v1
kind: Stack
metadata: {name: shop, labels: {team: data}}
spec:
  variables: {HOST: shop.example, ZIP: \"01234\"}
  language: fr
  mail: {host: mail.example, from: ops@example.com, username: \"${env:MAIL_USER}\", password: \"${file:/run/mail}\"}
";
const PROJECT: &str = "\
apiVersion: raccord/v1
kind: Project
metadata: {name: crm, annotations: {note: \"a: b # c\"}}
spec:
  entities:
    contact:
      key: externalId
      fields:
        externalId: text
        email: {type: email, required: true}
        fullName: text
        city: text
        zip: text
        vip: {type: boolean, default: false}
        level: {type: choice, options: [gold, silver, \"no\"]}
        score: {type: decimal, default: 1.5}
";
const SOURCE: &str = "\
apiVersion: raccord/v1
kind: Source
metadata: {name: boutique}
spec:
  connector: http
  authorization: {type: apiKey, header: X-Access-Token, prefix: \"Token \", value: \"${env:BOUTIQUE_TOKEN}\"}
  config:
    baseUrl: https://${var:HOST}/api
    rateLimit: 10/s
    dataTypes:
      customers:
        records: data
        query: {version: 1.10, code: 007, flag: true, price: \"$$5\"}
        pagination: {nextUrl: links.next}
        incremental: {field: updated_at, param: since, lookback: 5m}
      search: {method: POST, body: {query: all, page: \"{{ page }}\", n: 5, x: null}, records: hits, pagination: {page: {body: page}}}
  webhook:
    verify: {hmac: {secret: [\"${env:HOOK_NEW}\", \"${env:HOOK_OLD}\"], header: X-Signature, timestamp: {header: X-Time}}}
    event: type
    events:
      customer.*: {dataType: customers, record: data.object}
      customer.tax.*: ignore
      order.changed: {dataType: search, fetch: {path: \"/orders/{event.data.id}\"}}
";
const FILES: &str = "\
apiVersion: raccord/v1
kind: Source
metadata: {name: files}
spec:
  connector: file
  config:
    dataTypes:
      people: {path: data/people.csv}
";
const TRANSFER: &str = "\
apiVersion: raccord/v1
kind: Transfer
metadata: {name: customers}
spec:
  source: boutique
  to: crm.contact
  active: true
  schedule: 15m
  mapping:
    primaryKey: {externalId: id}
    fields:
      email: {from: email, transform: [trim, lowercase, {truncate: 100}]}
      fullName: {expr: \"first_name ~ ' ' ~ last_name\"}
      city: \"addresses[0].city\"
      zip: {const: \"${var:ZIP}\"}
      vip: {from: is_vip, onEmpty: default}
";
const INTEGRATION: &str = "\
apiVersion: raccord/v1
kind: Integration
metadata: {name: boutique}
spec:
  active: true
  subscriptions: {customers: [created, updated]}
  alerts: [ops@example.com, {email: [b@example.com, a@example.com], language: en}, {webhook: \"${env:HOOK}\"}]
";
const ALL: [&str; 6] = [STACK, PROJECT, SOURCE, FILES, TRANSFER, INTEGRATION];

#[track_caller]
fn load(texts: Vec<(String, String)>) -> Desired {
    let texts = texts.into_iter().map(|(name, text)| (name, text.into_bytes())).collect();
    let loaded = load_texts(texts, "/srv/conf", &BTreeMap::new());
    loaded.desired.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics))
}

#[track_caller]
fn one(text: &str) -> Desired {
    load(vec![("a.yaml".to_owned(), text.to_owned())])
}

fn digests(desired: &Desired) -> BTreeMap<Key, Digest> {
    desired.resources.iter().map(|(key, wanted)| (key.clone(), wanted.digest)).collect()
}

#[track_caller]
fn same(a: &Desired, b: &Desired) {
    for (key, wanted) in &a.resources {
        let text = |wanted: &Wanted| String::from_utf8(wanted.resource.seal().unwrap().0).unwrap();
        assert_eq!(Some(text(wanted)), b.resources.get(key).map(text), "{key}");
    }
    assert_eq!((digests(a), &a.stack), (digests(b), &b.stack));
}

#[test]
fn export_loads_to_the_same() {
    let desired = one(&ALL.join("---\n"));
    let yaml = to_yaml(&desired);
    same(&desired, &one(&yaml));
    assert_eq!(yaml, to_yaml(&one(&yaml)));
    assert!(yaml.contains("value: \"${env:BOUTIQUE_TOKEN}\""), "{yaml}");
}

#[test]
fn written_in_full_or_in_short() {
    let cases = [
        ("schedule: 15m", "schedule: {every: 900s}"),
        (
            "schedule: 15m",
            "schedule: 15m\n  dataType: customers\n  mode: own\n  deletes: none\n  protect: false",
        ),
        (
            "active: true\n  schedule",
            "rejects: {payload: keep, maxCount: 10000, maxAge: 30d}\n  active: true\n  schedule",
        ),
        ("externalId: text", "externalId: {type: text, required: false, options: []}"),
        ("key: externalId", "key: [externalId]"),
        (
            "level: {type: choice, options: [gold, silver, \"no\"]}",
            "level: {type: choice, options: [\"no\", silver, gold]}",
        ),
        ("records: data\n", "records: $.data\n        path: /customers\n        method: GET\n"),
        (
            "rateLimit: 10/s",
            "rateLimit: 10/s\n    timeout: 60s\n    maxBody: 64MB\n    retry: {attempts: 5, wait: {header: retry-after, unit: s}}",
        ),
        ("{page: {body: page}}", "{page: {body: page}, from: 1}"),
        (
            "path: data/people.csv",
            "path: ./data//people.csv, format: csv, delimiter: \",\", encoding: UTF-8, compression: none",
        ),
        ("path: data/people.csv", "path: /srv/conf/../conf/data/people.csv"),
        ("[created, updated]", "{updates: [updated, created, created]}"),
        (
            "alerts: [ops@example.com, {email: [b@example.com, a@example.com], language: en}, {webhook: \"${env:HOOK}\"}]",
            "alerts:\n  - webhook: ${env:HOOK}\n  - {language: en, email: [a@example.com, b@example.com]}\n  - email: ops@example.com\n  - ops@example.com\n  breaker: {consecutiveFailures: 5}",
        ),
        (
            "timestamp: {header: X-Time}}}",
            "timestamp: {header: X-Time, format: unix, tolerance: 5m}, signed: \"{timestamp}.{body}\", algorithm: sha256, encoding: hex}}\n    maxBody: 1MB\n    rateLimit: 100/s",
        ),
        ("event: type", "event: {body: type}"),
        ("record: data.object}", "record: $.data.object, deleted: false}"),
        ("language: fr\n", "language: fr\n  limits: {perSource: 2, parallelTransfers: 4}\n"),
        ("host: mail.example", "host: mail.example, port: 587, security: starttls"),
        ("city: \"addresses[0].city\"", "city: {from: \"addresses[0].city\", transform: [], onEmpty: clear}"),
    ];
    let text = ALL.join("---\n");
    let short = one(&text);
    for (from, to) in cases {
        assert!(text.contains(from), "{from}");
        let long = one(&text.replace(from, to));
        if to.contains("/srv/conf") {
            // An absolute path means the same place, but says something else on another machine.
            assert_ne!(digests(&short), digests(&long));
        } else {
            same(&short, &long);
        }
    }
}

#[test]
fn inline_or_by_name() {
    let text = ALL.join("---\n");
    let cases = [
        (
            "authorization: {type: apiKey, header: X-Access-Token, prefix: \"Token \", value: \"${env:BOUTIQUE_TOKEN}\"}",
            "authorization: boutique",
            "Authorization, metadata: {name: boutique}, spec: {type: apiKey, header: X-Access-Token, prefix: \"Token \", value: \"${env:BOUTIQUE_TOKEN}\"}",
        ),
        ("[created, updated]", "most", "Subscription, metadata: {name: most}, spec: [updated, created]"),
        ("[ops@example.com,", "[ops,", "Alert, metadata: {name: ops}, spec: {email: ops@example.com}"),
    ];
    let inline = one(&text);
    for (from, to, document) in cases {
        assert!(text.contains(from), "{from}");
        let named = format!("{}---\n{{apiVersion: raccord/v1, kind: {document}}}\n", text.replace(from, to));
        same(&inline, &one(&named));
    }
    let (head, mapping) = TRANSFER.split_once("  mapping:\n").unwrap();
    let named = text.replace(TRANSFER, &format!("{head}  mapping: contacts\n"));
    let document = "apiVersion: raccord/v1\nkind: Mapping\nmetadata: {name: contacts}\nspec:\n";
    same(&inline, &one(&format!("{named}---\n{document}{mapping}")));
}

#[test]
fn data_paths_follow_their_file_and_the_stack() {
    let text = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    let path_of = |desired: &Desired| {
        let yaml = to_yaml(desired);
        let line = yaml.lines().find(|line| line.contains("path:")).unwrap();
        (desired.root.clone(), line.trim().to_owned())
    };
    let cases = [
        (vec![text("a.yaml", FILES)], "/srv/conf", "path: data/people.csv"),
        (vec![text("shop/a.yaml", FILES)], "/srv/conf", "path: shop/data/people.csv"),
        (
            vec![text("shop/a.yaml", FILES), text("shop/raccord.yaml", STACK)],
            "/srv/conf/shop",
            "path: data/people.csv",
        ),
        (
            vec![text("shop/a.yaml", FILES), text("b/raccord.yaml", STACK)],
            "/srv/conf/b",
            "path: \"../shop/data/people.csv\"",
        ),
    ];
    for (texts, root, path) in cases {
        assert_eq!(path_of(&load(texts)), (root.to_owned(), path.to_owned()));
    }
}

#[test]
fn a_renamed_source_takes_its_inline_authorization_along() {
    let renamed =
        SOURCE.replace("{name: boutique}", "{name: boutique, annotations: {raccord/renamed-from: old}}");
    let desired = one(&renamed.replace("${var:HOST}", "h.example"));
    let old: Vec<_> = desired.resources.values().map(|wanted| wanted.renamed_from.clone()).collect();
    assert_eq!(old, [Some("old".parse().unwrap()), Some("old".parse().unwrap())]);
    let plain = one(&SOURCE.replace("${var:HOST}", "h.example"));
    assert_eq!(digests(&desired), digests(&plain));
}

#[test]
fn variables_given_beside_the_files_go_first() {
    let texts = vec![("a.yaml".to_owned(), ALL.join("---\n").into_bytes())];
    let given = BTreeMap::from([("HOST".to_owned(), "other.example".to_owned())]);
    let yaml = to_yaml(&load_texts(texts, "/srv", &given).desired.unwrap());
    assert!(yaml.contains("baseUrl: \"https://other.example/api\""), "{yaml}");
    assert!(yaml.contains("version: \"1.10\"") && yaml.contains("code: \"007\""), "{yaml}");
    assert!(yaml.contains("const: \"01234\""), "{yaml}");
}

/// A tree with its maps in another order, written as JSON, which is YAML.
fn shuffled(value: &serde_json::Value, seed: &mut u64, out: &mut String) {
    match value {
        serde_json::Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                out.push_str(if at > 0 { ", " } else { "" });
                shuffled(item, seed, out);
            }
            out.push(']');
        }
        serde_json::Value::Object(entries) => {
            let mut entries: Vec<_> = entries.iter().collect();
            for at in (1..entries.len()).rev() {
                *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                entries.swap(at, usize::try_from(*seed >> 33).unwrap() % (at + 1));
            }
            out.push('{');
            for (at, (key, item)) in entries.into_iter().enumerate() {
                out.push_str(if at > 0 { ", " } else { "" });
                out.extend([format!("{key:?}"), ": ".to_owned()]);
                shuffled(item, seed, out);
            }
            out.push('}');
        }
        other => out.push_str(&other.to_string()),
    }
}

/// The documents as JSON values, through `export` and a YAML reader that is not ours.
fn values() -> Vec<serde_json::Value> {
    let resource = |(key, wanted): (&Key, &Wanted)| {
        let spec = serde_json::to_value(&wanted.resource.spec).unwrap();
        let spec = spec.as_object().unwrap().values().next().unwrap().clone();
        let metadata = serde_json::json!({
            "name": key.name, "labels": wanted.resource.labels, "annotations": wanted.resource.annotations,
        });
        serde_json::json!({"apiVersion": "raccord/v1", "kind": key.kind, "metadata": metadata, "spec": spec})
    };
    one(&ALL.join("---\n")).resources.iter().map(resource).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn order_makes_no_difference(
        mut seed in any::<u64>(),
        order in Just((0..7_usize).collect::<Vec<_>>()).prop_shuffle(),
        files in proptest::collection::vec(0..4_usize, 7),
    ) {
        let values = values();
        prop_assert_eq!(values.len(), 7);
        let mut texts: BTreeMap<String, String> = BTreeMap::new();
        for (value, file) in order.iter().map(|&at| &values[at]).zip(files) {
            let text = texts.entry(format!("{file}.yaml")).or_default();
            text.push_str("---\n");
            shuffled(value, &mut seed, text);
            text.push('\n');
        }
        let mut texts: Vec<_> = texts.into_iter().collect();
        texts.reverse();
        same(&one(&ALL.join("---\n")), &load(texts));
    }

    #[test]
    fn any_text_survives_export(text in "\\PC{0,20}|[\\x00-\\x7f]{0,8}|[${}:var#&*!|>'\"%@`, -]{0,12}") {
        let quoted = serde_json::to_string(&text.replace('$', "$$")).unwrap().replace('\u{7f}', "\\u007f");
        let project = PROJECT.replace("\"a: b # c\"", &quoted);
        let desired = one(&project);
        let wanted = desired.resources.values().next().unwrap();
        prop_assert_eq!(&wanted.resource.annotations["note"], &text);
        same(&desired, &one(&to_yaml(&desired)));
    }

    #[test]
    fn no_bytes_make_the_loader_fail(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let loaded = load_texts(vec![("a.yaml".to_owned(), bytes)], "/srv", &BTreeMap::new());
        prop_assert!(loaded.desired.is_none() && !loaded.diagnostics.is_empty());
    }

    #[test]
    fn no_damage_makes_the_loader_fail(at in 0..2_000_usize, with in "[\\[\\]{}:,\"' \\n\\t#&*$x-]{0,3}", cut in 0..5_usize) {
        let text: Vec<char> = ALL.join("---\n").chars().collect();
        let at = at.min(text.len());
        let damaged: String =
            text[..at].iter().chain(&with.chars().collect::<Vec<_>>()).chain(text.iter().skip(at + cut)).collect();
        let loaded = load_texts(vec![("a.yaml".to_owned(), damaged.into_bytes())], "/srv", &BTreeMap::new());
        prop_assert!(loaded.desired.is_some() || !loaded.diagnostics.is_empty());
        for diagnostic in &loaded.diagnostics {
            if let Some(place) = &diagnostic.place {
                prop_assert!(place.line >= 1 && place.column >= 1 && place.length >= 1);
            }
        }
    }
}
