//! The loader: any bytes give a configuration or diagnostics, and what loads survives `export`.

use std::collections::{BTreeMap, BTreeSet};

use raccord_config::{Loaded, load_texts, to_yaml};

use crate::harness::{Target, fuzz, outcome};
use crate::samples;

const WORDS: &[&str] = &[
    "---\n",
    "\n  ",
    "- ",
    ": ",
    "{",
    "}",
    "[",
    "]",
    "&a ",
    "*a",
    "<<: *a",
    "? ",
    "!!binary ",
    "!!int ",
    "| \n",
    ">-\n",
    "\"",
    "'",
    "# ",
    "%YAML 1.2\n",
    "\u{feff}",
    "~",
    "null",
    "${env:TOKEN}",
    "${var:HOST}",
    "${file:a}",
    "$$",
    "apiVersion: raccord/v1",
    "kind: Transfer",
    "kind: Source",
    "kind: Project",
    "kind: Integration",
    "kind: Mapping",
    "metadata: {name: a}",
    "spec:",
    "protect: true",
    "active: true",
    "primaryKey",
    "transform: [trim]",
    "expr: \"a ~ b\"",
    "{{ page }}",
    "raccord/renamed-from",
    "0x7f",
    "0o17",
    ".inf",
    "1.10",
    "15m",
    "10/s",
    "$.a[0].b",
];

fn load(bytes: Vec<u8>) -> Loaded {
    load_texts(vec![("a.yaml".to_owned(), bytes)], "/srv", &BTreeMap::new())
}

fn check(bytes: &[u8]) -> u64 {
    let Loaded { desired, diagnostics, documents, .. } = load(bytes.to_vec());
    assert!(desired.is_some() || !diagnostics.is_empty(), "neither a configuration nor a reason");
    for place in diagnostics.iter().filter_map(|diagnostic| diagnostic.place.as_ref()) {
        assert!(place.line >= 1 && place.column >= 1 && place.length >= 1, "{diagnostics:#?}");
    }
    // Mappings alone are no resources, and nothing is exported.
    if let Some(desired) = desired.as_ref().filter(|desired| !desired.resources.is_empty()) {
        let yaml = to_yaml(desired);
        let again = load(yaml.clone().into_bytes());
        let again = again.desired.unwrap_or_else(|| panic!("{:#?}\n{yaml}", again.diagnostics));
        assert_eq!(desired.digest(), again.digest(), "{yaml}");
    }
    let codes: BTreeSet<_> = diagnostics.iter().map(|diagnostic| diagnostic.code.as_str()).collect();
    outcome((codes, documents.min(4), desired.map(|desired| desired.resources.len().min(8))))
}

#[test]
fn loader() {
    let mut samples = samples::files("examples", &[".yaml"]);
    samples.extend(samples::files("tests/invalid", &[".yaml"]));
    fuzz(Target { name: "loader", samples, words: WORDS }, || check);
}
