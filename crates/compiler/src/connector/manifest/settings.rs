//! Checks the settings that a Source gives to a manifest by the manifest's `spec`. No message holds a value.

use std::collections::{BTreeMap, BTreeSet};

use raccord_manifest::load::Manifest;
use raccord_manifest::spec::{Specification, Violation};
use raccord_model::diagnostic::{Code, Finding};
use raccord_model::language::connector::ManifestSettings;
use raccord_model::language::connector::manifest::Setting;
use raccord_model::suggest;
use serde_json::Value;

/// What stands for a secret while its value is not known.
const UNKNOWN_SECRET: &str = "unknown";

/// The settings as JSON, each secret as something that stands for it.
pub(super) fn config(settings: &ManifestSettings) -> Value {
    let secret = &mut |_: &_| Value::from(UNKNOWN_SECRET);
    let members = settings.settings.iter().map(|(name, value)| (name.clone(), value.to_json(secret)));
    Value::Object(members.collect())
}

/// Everything that is wrong with the settings.
pub(super) fn check(settings: &ManifestSettings, manifest: &Manifest) -> Vec<Finding> {
    let specification = match Specification::of(manifest) {
        Ok(specification) => specification,
        Err(problem) => return vec![super::no_manifest(settings, &super::in_words(&problem))],
    };
    let references = references(&settings.settings);
    let mut findings: Vec<Finding> = specification
        .secrets()
        .iter()
        .flat_map(|path| plain_secrets(&Setting::Map(settings.settings.clone()), path))
        .map(|path| plain_secret(settings, &path))
        .collect();
    findings.extend(unknown(settings, &specification));
    let config = specification.with_defaults(config(settings));
    match specification.prepare(config).and_then(|config| specification.check(&config)) {
        Ok(violations) => {
            let known = violations.into_iter().filter(|found| !references.contains(&found.path));
            findings.extend(known.map(|found| broken(settings, &found)));
        }
        // What a rule makes of a secret that is not known says nothing.
        Err(_) if !references.is_empty() => {}
        Err(error) => findings.push(Finding::error(&[""; 0], Code::InvalidValue, error.to_string())),
    }
    findings
}

/// The paths of all references, as the specification writes paths.
fn references(written: &BTreeMap<String, Setting>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (name, value) in written {
        collect(value, name, &mut found);
    }
    found
}

fn collect(value: &Setting, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Setting::Secret(_) => {
            found.insert(path.to_owned());
        }
        Setting::List(items) => {
            for (at, item) in items.iter().enumerate() {
                collect(item, &format!("{path}[{at}]"), found);
            }
        }
        Setting::Map(members) => {
            for (name, value) in members {
                collect(value, &format!("{path}.{name}"), found);
            }
        }
        Setting::Text(_) | Setting::Number(_) | Setting::Boolean(_) | Setting::Null => {}
    }
}

/// The places at a path at which a value stands that is no reference. `*` in the path is each item of a list.
fn plain_secrets(value: &Setting, path: &[String]) -> Vec<Vec<String>> {
    let below = |name: &str, value: &Setting, rest: &[String]| {
        let found = plain_secrets(value, rest).into_iter();
        found.map(|path| [vec![name.to_owned()], path].concat()).collect::<Vec<_>>()
    };
    match (value, path.split_first()) {
        (Setting::Secret(_) | Setting::Null, _) => Vec::new(),
        (_, None) => vec![Vec::new()],
        (Setting::Map(members), Some((name, rest))) => {
            members.get(name).map(|value| below(name, value, rest)).unwrap_or_default()
        }
        (Setting::List(items), Some((name, rest))) if name == "*" => {
            items.iter().enumerate().flat_map(|(at, item)| below(&at.to_string(), item, rest)).collect()
        }
        _ => Vec::new(),
    }
}

/// Where a setting stands below `config`.
fn place(settings: &ManifestSettings, path: &[String]) -> Vec<String> {
    let base = if settings.path.is_some() { Vec::new() } else { vec!["settings".to_owned()] };
    [base, path.to_vec()].concat()
}

fn plain_secret(settings: &ManifestSettings, path: &[String]) -> Finding {
    let place = place(settings, path);
    let place: Vec<&str> = place.iter().map(String::as_str).collect();
    let message = format!("`{}` is a secret: only a reference to it may stand here", path.join("."));
    Finding::error(&place, Code::PlainSecret, message)
        .help("write ${env:NAME} or ${file:PATH}, and give the secret where runs happen")
}

fn broken(settings: &ManifestSettings, found: &Violation) -> Finding {
    let path: Vec<String> = found
        .path
        .split('.')
        .flat_map(|part| part.split('['))
        .map(|part| part.trim_end_matches(']').to_owned())
        .filter(|part| !part.is_empty())
        .collect();
    let place = place(settings, &path);
    let place: Vec<&str> = place.iter().map(String::as_str).collect();
    let message =
        if path.is_empty() { found.message.clone() } else { format!("`{}`: {}", found.path, found.message) };
    Finding::error(&place, Code::InvalidValue, message)
}

/// A setting that the manifest does not ask for: it is passed on, and probably misspelt.
fn unknown(settings: &ManifestSettings, specification: &Specification) -> Vec<Finding> {
    let all = specification.settings();
    let known: Vec<&str> = all.iter().map(|setting| setting.name.as_str()).collect();
    if known.is_empty() {
        return Vec::new();
    }
    let others = settings.settings.keys().filter(|name| !known.contains(&name.as_str()));
    others
        .map(|name| {
            let place = place(settings, std::slice::from_ref(name));
            let place: Vec<&str> = place.iter().map(String::as_str).collect();
            let message = format!("the manifest has no setting `{name}`");
            let finding = Finding::warning(&place, Code::UnknownField, message);
            Finding { help: suggest::advice(name, &known, "its settings are"), ..finding }
        })
        .collect()
}
