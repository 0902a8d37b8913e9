//! A resolved configuration written back as YAML that loads to the same digests.

use raccord_model::language::API_VERSION;
use raccord_model::resource::Wanted;
use raccord_model::secret::SecretRef;
use raccord_model::{Desired, Key, Kind, Resource, Spec};

use crate::emit::{Tree, block};
use crate::interpolate::escape;
use crate::secret;

/// The resources as YAML, one document each. Data paths stay relative to the root, where the file belongs.
pub fn to_yaml(desired: &Desired) -> String {
    let documents: Vec<String> =
        desired.resources.iter().map(|(key, Wanted { resource, .. })| document(key, resource)).collect();
    documents.join("---\n")
}

fn document(key: &Key, resource: &Resource) -> String {
    let mut metadata = vec![("name".to_owned(), Tree::Text(key.name.to_string()))];
    for (member, texts) in [("labels", &resource.labels), ("annotations", &resource.annotations)] {
        if !texts.is_empty() {
            metadata.push((member.to_owned(), Tree::texts(texts)));
        }
    }
    let spec = tree(&resource.spec);
    let mut entries = vec![
        ("apiVersion".to_owned(), Tree::Text(API_VERSION.to_owned())),
        ("kind".to_owned(), Tree::Text(key.kind.to_string())),
        ("metadata".to_owned(), Tree::Map(metadata)),
        ("spec".to_owned(), spec),
    ];
    for (member, value) in &mut entries {
        prepare(key.kind, value, &mut vec![member.clone()]);
    }
    let mut out = String::new();
    block(&mut out, &entries, 0);
    out
}

/// The specification, its members in the order of the language.
fn tree(spec: &Spec) -> Tree {
    let json = match spec {
        Spec::Stack(spec) => serde_json::to_string(spec),
        Spec::Project(spec) => serde_json::to_string(spec),
        Spec::Authorization(spec) => serde_json::to_string(spec),
        Spec::Source(spec) => serde_json::to_string(spec),
        Spec::Transfer(spec) => serde_json::to_string(spec),
        Spec::Integration(spec) => serde_json::to_string(spec),
    };
    // These types always become JSON: their keys are texts and their numbers finite.
    json.and_then(|json| serde_json::from_str(&json)).unwrap_or(Tree::Map(Vec::new()))
}

/// Escapes what the loader would interpolate, and uses the short forms.
fn prepare(kind: Kind, value: &mut Tree, path: &mut Vec<String>) {
    match value {
        Tree::Literal(_) => {}
        Tree::Text(text) => {
            let public: Vec<&str> = path.iter().map(String::as_str).collect();
            let is_reference = text.parse::<SecretRef>().is_ok() && !secret::is_public(Some(kind), &public);
            if !is_reference {
                *text = escape(text).into_owned();
            }
        }
        Tree::List(items) => {
            for (at, item) in items.iter_mut().enumerate() {
                path.push(at.to_string());
                prepare(kind, item, path);
                path.pop();
            }
        }
        Tree::Map(entries) => {
            for (key, item) in &mut *entries {
                path.push(key.clone());
                prepare(kind, item, path);
                path.pop();
            }
            let short = short_form(kind, path);
            if let [(key, _)] = entries.as_slice()
                && short == Some(key.as_str())
                && let Some((_, only)) = entries.pop()
            {
                *value = only;
            }
        }
    }
}

/// The member that may stand alone for the whole map at a path.
fn short_form(kind: Kind, path: &[String]) -> Option<&'static str> {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    match (kind, path.as_slice()) {
        (Kind::Project, ["spec", "entities", _, "fields", _]) => Some("type"),
        (Kind::Transfer, ["spec", "mapping", "primaryKey" | "fields", _]) => Some("from"),
        (Kind::Transfer, ["spec", "schedule"]) => Some("every"),
        (Kind::Integration, ["spec", "subscriptions", _]) => Some("updates"),
        _ => None,
    }
}
