//! Every mistake at its place: a table of documents and what is said about them.

mod authorizations;
mod documents;
mod texts;
mod webhooks;

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
