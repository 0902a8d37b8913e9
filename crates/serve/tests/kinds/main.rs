//! A connector that the product does not have, from its YAML to its rows: proof that a connector is its own module and
//! one registration, and that nothing else matches on which one it is.
#![cfg(test)]

#[path = "../configuration/mod.rs"]
mod configuration;
mod counter;
#[path = "../../../daemon/src/embedded.rs"]
mod embedded;
#[path = "../laws/state.rs"]
mod state;

use std::collections::BTreeMap;

use raccord_config::load_texts;
use raccord_model::diagnostic::Diagnostic;
use raccord_model::fact::{RunOutcome, Tally};
use raccord_model::language::SourceSpec;
use raccord_model::language::connector::catalogue;
use raccord_model::{Desired, Resource, Spec};
use raccord_serve::{Reply, Request};
use serde_json::{Value, json};

use self::configuration::Configuration;
use self::counter::CounterSettings;
use self::state::{State, load};

/// Makes the connector known. A second time changes nothing.
fn register() {
    raccord_connect::register::<CounterSettings>();
}

/// A configuration that reads a counter with these settings.
fn yaml(config: &str) -> String {
    let source = format!("{{connector: counter, config: {config}}}");
    Configuration {
        source: &source,
        mapping: Some("name: n"),
        updates: "created, updated",
        ..Configuration::default()
    }
    .yaml()
    .replace("primaryKey: {id: id}", "primaryKey: {id: n}")
}

fn counting(to: u64, root: &str) -> Desired {
    reading(&format!("{{to: {to}}}"), root)
}

/// A configuration that reads the data type with these settings.
fn reading(items: &str, root: &str) -> Desired {
    register();
    load(vec![("a.yaml".to_owned(), yaml(&format!("{{dataTypes: {{items: {items}}}}}")))], root)
}

/// What is wrong with a configuration: `line code message`.
fn mistakes(config: &str) -> Vec<String> {
    register();
    let texts = vec![("a.yaml".to_owned(), yaml(config).into_bytes())];
    let loaded = load_texts(texts, ".", &BTreeMap::new());
    let shown = loaded.diagnostics.iter();
    let line = |found: &Diagnostic| found.place.as_ref().map_or(0, |place| place.line);
    shown.map(|found| format!("{} {} {}", line(found), found.code.as_str(), found.message)).collect()
}

/// Runs everything once, and tells how each run ended.
fn run(state: &State) -> Vec<(RunOutcome, Tally)> {
    let run = |reply| if let Reply::Run(run) = reply { Some((run.outcome, run.tally)) } else { None };
    state.ask(Request::Run { integrations: Vec::new() }, run)
}

#[test]
fn a_connector_is_in_the_catalogue_once_it_is_registered() {
    register();
    let names: Vec<&str> = catalogue().into_iter().map(|info| info.name).collect();
    let expected = ["file", "http", "manifest", "mysql", "postgres", "sqlite", "counter"];
    assert_eq!(names, expected);
    let schema = schemars::schema_for!(SourceSpec).to_value();
    let described = schema["oneOf"].as_array().unwrap().iter();
    // A manifest is named by its path, or by its name in the catalogue.
    let described = described.map(|one| &one["properties"]["connector"]["const"]);
    let described: Vec<&Value> = described.filter(|name| name.is_string()).collect();
    assert_eq!(described, expected);
}

#[test]
fn its_mistakes_are_diagnostics() {
    for (config, expected) in [
        ("{dataTypes: {items: {to: 3}}}", &[][..]),
        ("{dataTypes: {items: {to: 2000}}}", &["9 invalid-value a counter counts up to 1000"]),
        (
            "{dataTypes: {}}",
            &[
                "15 unknown-data-type the source `shop` has no data type `items`, which the transfer's own name stands for",
            ],
        ),
        (
            "{dataTypes: {items: {too: 3}}}",
            &["9 invalid-value unknown field `too`, expected `to` or `follow`"],
        ),
        ("{dataTypes: {items: {to: 3}}}, webhook: {}", &["9 unknown-field there is no field `webhook` here"]),
        (
            "{dataTypes: {items: {to: 3}}}, protekt: true",
            &["9 unknown-field there is no field `protekt` here"],
        ),
    ] {
        assert_eq!(mistakes(config), expected, "{config}");
    }
}

#[test]
fn it_is_planned_applied_and_run() {
    let state = State::new();
    let root = state.home().to_string_lossy().into_owned();
    let desired = counting(5, &root);
    assert!(!state.plan(&desired).is_empty());
    state.apply(&desired, None);
    assert!(state.plan(&desired).is_empty());
    assert_eq!(state.generation(1).resources, desired.resources);
    let tally = |fetched, created, unchanged| Tally { fetched, created, unchanged, ..Tally::default() };
    assert_eq!(run(&state), [(RunOutcome::Succeeded, tally(5, 5, 0))]);
    assert_eq!(run(&state), [(RunOutcome::Succeeded, tally(5, 0, 5))]);
    state.apply(&counting(7, &root), None);
    assert_eq!(run(&state), [(RunOutcome::Succeeded, tally(7, 2, 5))]);
}

/// What the source says that it has read is committed with its pages, handed back, and shown in its own words.
#[test]
fn it_goes_on_from_a_state_of_its_own() {
    let state = State::new();
    let root = state.home().to_string_lossy().into_owned();
    let tally = |fetched, created, unchanged| Tally { fetched, created, unchanged, ..Tally::default() };
    let left_off = || {
        let cursors = |reply| match reply {
            Reply::Status(status) => Some(status.transfers.into_iter().find_map(|it| it.cursor)),
            _ => None,
        };
        state.ask(Request::Status, cursors).pop().flatten()
    };
    // With other settings it counts anew.
    for (items, runs) in [
        ("{to: 5, follow: true}", &[((5, 5, 0), "counted up to 5"), ((5, 5, 0), "counted up to 10")][..]),
        ("{to: 3, follow: true}", &[((3, 0, 3), "counted up to 3"), ((3, 0, 3), "counted up to 6")]),
    ] {
        state.apply(&reading(items, &root), None);
        assert_eq!(left_off(), None, "{items}");
        for ((fetched, created, unchanged), expected) in runs {
            assert_eq!(run(&state), [(RunOutcome::Succeeded, tally(*fetched, *created, *unchanged))]);
            assert_eq!(left_off().as_deref(), Some(*expected), "{items}");
        }
    }
}

#[test]
fn what_is_applied_survives_as_json_and_as_yaml() {
    let desired = counting(5, ".");
    let source = desired.resources.values().find_map(|wanted| match &wanted.resource.spec {
        Spec::Source(spec) => Some((spec, &wanted.resource, wanted.digest)),
        _ => None,
    });
    let (spec, resource, digest) = source.unwrap();
    assert_eq!(
        serde_json::to_value(spec).unwrap(),
        json!({"connector": "counter", "config": {"dataTypes": {"items": {"to": 5}}}})
    );
    let (body, sealed) = resource.seal().unwrap();
    assert_eq!(sealed, digest);
    assert_eq!(&serde_json::from_slice::<Resource>(&body).unwrap(), resource);
    let again = load(vec![("b.yaml".to_owned(), raccord_config::to_yaml(&desired))], ".");
    assert_eq!(again.resources, desired.resources);
}
