//! The JSON Schemas in `schemas/`: fresh, and of one mind with the loader. What people are shown passes, and a
//! mistake that a schema can see fails, so that an editor shows it while one types.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use jsonschema::Validator;
use raccord_model::Kind;
use serde_json::Value;

use crate::documentation::{blocks, check_generated, pages, root};
use crate::environment::TestEnvironment;

/// What the program prints as the schema of a kind, or of any document.
pub(crate) fn schema(kind: Option<Kind>) -> String {
    printed(&kind.map(Kind::as_str).into_iter().collect::<Vec<_>>())
}

/// What `raccord schema` prints.
fn printed(arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_raccord"));
    command.arg("schema").args(arguments);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_schemas_are_fresh() {
    for kind in Kind::ALL {
        let name = format!("schemas/{}.schema.json", kind.as_str().to_lowercase());
        check_generated(&name, &schema(Some(kind)));
    }
    check_generated("schemas/raccord.schema.json", &schema(None));
    check_generated("schemas/openapi.json", &printed(&["--openapi"]));
    let files = fs::read_dir(root().join("schemas")).unwrap().count();
    assert_eq!(files, Kind::ALL.len() + 2, "a file in schemas/ belongs to no kind");
}

/// The schema of any document, and that of each kind.
struct Schemas {
    any: Validator,
    kinds: Vec<(Kind, Validator)>,
}

impl Schemas {
    fn new() -> Self {
        let validator =
            |text: String| jsonschema::draft202012::new(&serde_json::from_str(&text).unwrap()).unwrap();
        let kinds = Kind::ALL.map(|kind| (kind, validator(schema(Some(kind)))));
        Self { any: validator(schema(None)), kinds: kinds.into() }
    }

    /// What the schemas have against a document, that of any and that of its kind.
    fn mistakes(&self, document: &Value) -> Vec<String> {
        let own = self.kinds.iter().find(|(kind, _)| document["kind"] == kind.as_str());
        let of_kind = own.map(|(_, validator)| validator);
        let both = [Some(&self.any), of_kind].into_iter().flatten();
        both.flat_map(|validator| validator.iter_errors(document))
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect()
    }

    #[track_caller]
    fn accept(&self, place: &str, text: &str) {
        for document in documents(text).unwrap_or_else(|error| panic!("{place}: {error}")) {
            let mistakes = self.mistakes(&document);
            assert!(mistakes.is_empty(), "{place}: {mistakes:#?}");
        }
    }

    /// Whether there is something to show; what is not YAML, an editor sees by itself.
    fn refuse(&self, text: &str) -> bool {
        documents(text)
            .map_or(true, |documents| documents.iter().any(|document| !self.mistakes(document).is_empty()))
    }
}

fn documents(text: &str) -> Result<Vec<Value>, serde_saphyr::Error> {
    // YAML 1.2: `yes` is a text.
    serde_saphyr::from_multiple_with_options(text, serde_saphyr::options! { strict_booleans: true })
}

/// The YAML files below a directory, in order.
fn yaml(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(yaml(&path));
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Whether an editor is to check a file: not the patches of an overlay, and not what belongs to other tools.
fn is_document(path: &Path, text: &str) -> bool {
    let place = path.to_string_lossy();
    let others = ["examples/kustomize/", "examples/container/", "examples/monitoring/", "/.github/"];
    let may_be_other = others.iter().any(|part| place.contains(part));
    !may_be_other || text.starts_with("# yaml-language-server:")
}

#[test]
fn the_schemas_accept_what_people_are_shown() {
    let schemas = Schemas::new();
    let mut files = yaml(&root().join("examples"));
    let begun = TestEnvironment::new();
    begun.ok("init shop");
    files.extend(yaml(begun.path()));
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        if !is_document(&path, &text) {
            continue;
        }
        schemas.accept(&path.display().to_string(), &text);
        if let Some(named) = text.strip_prefix("# yaml-language-server: $schema=") {
            let file = path.parent().unwrap().join(named.lines().next().unwrap());
            assert!(file.exists(), "{} is checked by {}", path.display(), file.display());
        }
    }
    let mut shown = pages(&root().join("docs"));
    shown.push(root().join("README.md"));
    for page in shown {
        for block in blocks(&fs::read_to_string(&page).unwrap()) {
            let is_manifest = block.text.contains("type: DeclarativeSource");
            if block.fails.is_none() && !is_manifest {
                schemas.accept(&format!("{}:{}", page.display(), block.line), &block.text);
            }
        }
    }
}

/// Conflicts that a schema does not see: between documents, or of a member with the value of another one.
const CROSSWISE: [&str; 8] = [
    "choice-without-options",
    "deletes-without-a-webhook",
    "fetch-what-is-gone",
    "kept-values-in-files",
    "key-among-fields",
    "no-default",
    "one-slot-of-two-transfers",
    "timestamp-that-is-not-signed",
];

/// Codes of mistakes that a schema can see, and the cases among them that it cannot.
const VISIBLE: &[(&str, &[&str])] = &[
    ("api-version", &[]),
    ("conflicting-fields", &CROSSWISE),
    ("missing-field", &[]),
    ("plain-secret", &["among-the-headers"]),
    ("unknown-connector", &[]),
    ("unknown-field", &[]),
    ("unknown-kind", &[]),
    ("wrong-type", &[]),
];

#[test]
fn the_schemas_refuse_what_a_schema_can_see() {
    let schemas = Schemas::new();
    let mut missed = Vec::new();
    for (code, invisible) in VISIBLE {
        for path in yaml(&root().join("tests/invalid").join(code)) {
            let name = path.file_stem().unwrap().to_string_lossy();
            let is_refused = schemas.refuse(&fs::read_to_string(&path).unwrap());
            if is_refused == invisible.contains(&&*name) {
                missed.push(format!("{code}/{name}: {}", if is_refused { "refused" } else { "accepted" }));
            }
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

/// One document of a kind with a specification.
fn document(kind: &str, spec: &str) -> String {
    format!("apiVersion: raccord/v1\nkind: {kind}\nmetadata: {{name: a}}\nspec: {spec}\n")
}

#[test]
fn every_short_form_and_every_variable_passes() {
    let schemas = Schemas::new();
    for (kind, spec) in [
        ("Transfer", "{source: a, to: b.c, schedule: 1h30m, deletes: none, mapping: by-name}"),
        (
            "Transfer",
            "{source: a, to: b.c, schedule: {cron: '0 6 * * *'}, deletes: {snapshot: {maxShare: 5%}}}",
        ),
        (
            "Transfer",
            "{source: a, to: b.c, schedule: {cron: '0 6 * * *', every: null, timezone: UTC}, deletes: {}}",
        ),
        ("Transfer", "{source: a, to: b.c, schedule: {every: 1h, timezone: null}, deletes: {webhook: true}}"),
        ("Transfer", "{source: a, to: b.c, deletes: {field: gone_at, webhook: false}}"),
        ("Transfer", "{source: a, to: b.c, deletes: [webhook, {snapshot: {every: 24h}}]}"),
        ("Transfer", "{source: a, to: b.c, deletes: {field: {path: gone_at, maxShare: 5%}}}"),
        ("Transfer", "{source: a, to: b.c, deletes: {webhook: {maxShare: 50%}}}"),
        (
            "Transfer",
            "{source: '${var:SOURCE}', to: 'b.${var:ENTITY}', active: '${var:ON}', mode: '${var:MODE}'}",
        ),
        (
            "Mapping",
            "{primaryKey: {id: a.b}, fields: {x: {const: 1}, y: {from: y, transform: [trim, {truncate: 3}]}}}",
        ),
        (
            "Project",
            "{entities: {c: {key: id, fields: {id: text}}, d: {key: [a, b], fields: {a: integer, b: {type: date}}}}}",
        ),
        (
            "Integration",
            "{subscriptions: {a: [created], b: by-name, c: {updates: [deleted]}}, alerts: [a@b.ca, by-name, {email: [c@d.fr]}]}",
        ),
        ("Subscription", "[created, updated]"),
        ("Authorization", "{type: basic, username: '${env:USER}', password: '${file:/run/secrets/p}'}"),
        ("Authorization", "{type: apiKey, header: X-Key, prefix: 'Token ', value: '${env:K}'}"),
        ("Authorization", "{type: apiKey, query: key, value: '${env:K}'}"),
        ("Authorization", "{type: apiKey, headers: {X-Key: '${env:K}', X-Secret: '${env:S}'}}"),
        ("Source", "{connector: file, config: {dataTypes: {a: {path: a.csv, encoding: null}}}}"),
        (
            "Source",
            "{connector: http, authorization: by-name, config: {baseUrl: '${var:API}', rateLimit: 10/s, \
                    dataTypes: {a: {query: {n: 1, b: true}, pagination: {nextUrl: {header: Next-Page}}}, b: {}}}}",
        ),
        (
            "Source",
            "{connector: http, authorization: by-name, config: {baseUrl: 'http://a', dataTypes: {\
                    a: {records: {path: d, missing: empty}, errors: fault, pagination: {page: p, total: n, until: done}}, \
                    b: {errors: {path: fault, retry: true}, pagination: {page: p, pages: {header: X-Pages}, end: {status: [404]}}}, \
                    c: {incremental: {field: at, param: since}, pagination: {by: incremental, size: {n: 10}}}, \
                    d: {pagination: {cursor: continue, complete: {path: done, key: pageid}}}}}}",
        ),
        ("Stack", "{variables: {PORT: 8080, ON: true}, limits: {parallelTransfers: '${var:N}'}}"),
    ] {
        schemas.accept(spec, &document(kind, spec));
    }
}

#[test]
fn no_kind_takes_a_member_that_it_does_not_have() {
    let schemas = Schemas::new();
    for (kind, spec) in [
        ("Transfer", "{source: a, to: b.c, shedule: 1h}"),
        ("Transfer", "{source: a, to: b.c, schedule: soon}"),
        ("Transfer", "{source: a, to: b.c, schedule: {}}"),
        ("Transfer", "{source: a, to: b.c, schedule: {every: 1h, cron: '0 6 * * *', timezone: UTC}}"),
        ("Transfer", "{source: a, to: b.c, schedule: {every: 1h, timezone: UTC}}"),
        ("Transfer", "{source: a, to: b.c, deletes: all}"),
        ("Transfer", "{source: a, to: b.c, deletes: {field: gone_at, webhook: true}}"),
        ("Transfer", "{source: a, to: b.c, deletes: {field: gone_at, snapshot: {}}}"),
        ("Transfer", "{source: a, to: b.c, mapping: {fields: {x: {form: y}}}}"),
        ("Mapping", "{keys: {}}"),
        ("Mapping", "{fields: {x: {from: y, transform: [lowercse]}}}"),
        ("Project", "{entities: {c: {key: id, fields: {id: txt}}}}"),
        ("Project", "{entities: {c: {key: id, fields: {id: {type: text, requierd: true}}}}}"),
        ("Integration", "{subscriptions: {a: [create]}}"),
        ("Integration", "{alerts: [{mail: a@b.ca}]}"),
        ("Subscription", "{update: [created]}"),
        ("Alert", "{email: a@b.ca, tel: 1}"),
        ("Authorization", "{type: bearer, value: '${env:T}'}"),
        ("Authorization", "{type: bearer, token: hunter2}"),
        ("Authorization", "{type: basic, username: a, password: '${env:P}', header: X}"),
        ("Authorization", "{type: apiKey, header: X-Key}"),
        ("Authorization", "{type: apiKey, value: '${env:K}'}"),
        ("Authorization", "{type: apiKey, header: X-Key, query: key, value: '${env:K}'}"),
        ("Authorization", "{type: apiKey, query: key, prefix: 'Token ', value: '${env:K}'}"),
        ("Authorization", "{type: apiKey, headers: {X-Key: '${env:K}'}, value: '${env:K}'}"),
        ("Source", "{connector: http, config: {baseUrl: 'http://a', retry: {wait: {}}, dataTypes: {a: {}}}}"),
        (
            "Source",
            "{connector: http, config: {baseUrl: 'http://a', retry: {wait: {header: h, body: b}}, dataTypes: {a: {}}}}",
        ),
        ("Source", "{connector: file, config: {baseUrl: 'http://a'}}"),
        (
            "Source",
            "{connector: http, config: {baseUrl: 'http://a', dataTypes: {a: {path: /a, delimiter: ';'}}}}",
        ),
        ("Source", "{connector: file, config: {dataTypes: {a: {path: a.csv}}}, protected: true}"),
        ("Source", "{connector: ftp, config: {}}"),
        (
            "Source",
            "{connector: http, config: {baseUrl: 'http://a', dataTypes: {a: {pagination: {page: p, cursor: c}}}}}",
        ),
        ("Mapping", "{fields: {x: {from: a, const: 1}}}"),
        ("Stack", "{variable: {}}"),
    ] {
        assert!(schemas.refuse(&document(kind, spec)), "{kind} {spec} passes");
    }
}

/// Every member of every object, with where it stands. What `allOf` says of them are conditions.
fn members<'a>(schema: &'a Value, path: &str, found: &mut Vec<(String, &'a Value)>) {
    if let Value::Object(keywords) = schema {
        for (keyword, inner) in keywords.iter().filter(|(keyword, _)| *keyword != "allOf") {
            if keyword == "properties" && inner.is_object() {
                let inner = inner.as_object().into_iter().flatten();
                found.extend(inner.map(|(name, member)| (format!("{path}.{name}"), member)));
            }
            members(inner, &format!("{path}/{keyword}"), found);
        }
    } else if let Value::Array(items) = schema {
        for item in items {
            members(item, path, found);
        }
    }
}

#[test]
fn every_member_says_what_it_is() {
    for kind in Kind::ALL {
        let schema: Value = serde_json::from_str(&schema(Some(kind))).unwrap();
        let mut found = Vec::new();
        members(&schema, "", &mut found);
        assert!(found.len() > 4);
        for (path, member) in found {
            let reference = member["$ref"].as_str().and_then(|name| schema.pointer(&name[1..]));
            let is_described =
                [Some(member), reference].into_iter().flatten().any(|s| s["description"].is_string());
            assert!(
                is_described || is_tag(member) || *member == Value::Bool(true) || path.contains("Transform"),
                "{kind}{path} has no description"
            );
        }
    }
}

/// Whether a member only says which form the others take: the form is described instead.
fn is_tag(member: &Value) -> bool {
    member["const"].is_string()
}

/// What Ajv refuses in its strict mode, with no format declared to it: several types at once, a format, and what is
/// required but not named.
fn looseness(schema: &Value, path: &str, found: &mut Vec<String>) {
    match schema {
        Value::Object(members) => {
            if members.get("type").is_some_and(Value::is_array) {
                found.push(format!("{path} has several types"));
            }
            if members.get("format").is_some_and(Value::is_string) {
                found.push(format!("{path} has a format"));
            }
            let properties = members.get("properties").and_then(Value::as_object);
            for name in members.get("required").and_then(Value::as_array).into_iter().flatten() {
                let is_named =
                    name.as_str().is_some_and(|name| properties.is_some_and(|all| all.contains_key(name)));
                if !is_named {
                    found.push(format!("{path} requires {name}, which it does not name"));
                }
            }
            for (name, inner) in
                members.iter().filter(|(name, _)| !matches!(name.as_str(), "default" | "const"))
            {
                looseness(inner, &format!("{path}/{name}"), found);
            }
        }
        Value::Array(inner) => {
            inner.iter().enumerate().for_each(|(at, inner)| looseness(inner, &format!("{path}/{at}"), found));
        }
        _ => {}
    }
}

#[test]
fn the_schemas_are_valid_in_the_strict_mode_of_ajv() {
    for kind in Kind::ALL.map(Some).into_iter().chain([None]) {
        let mut found = Vec::new();
        looseness(&serde_json::from_str(&schema(kind)).unwrap(), "", &mut found);
        assert!(found.is_empty(), "{kind:?}: {found:#?}");
    }
}

/// What an editor shows of a field: its own text, whatever form its value has; and the words that it may be.
#[test]
fn an_editor_is_shown_the_text_of_each_field() {
    let schema: Value = serde_json::from_str(&schema(None)).unwrap();
    let field = |definition: &str, name: &str| &schema["$defs"][definition]["properties"][name];
    let key = field("Entity", "key");
    assert!(key["description"].as_str().unwrap().starts_with("The field, or the list of fields"), "{key:#}");
    assert_eq!(key["anyOf"][0]["description"], "", "the text of a name does not stand before it: {key:#}");
    let fields = field("Entity", "fields");
    assert_eq!(
        fields["additionalProperties"]["$ref"], "#/$defs/Field",
        "values of maps are completed: {fields:#}"
    );
}
