//! Stores of files: what another store means for the rows that are there.

use raccord_model::fact::{StepFact, StepWork};
use raccord_model::port::state::Table;
use serde_json::{Value, json};

use super::golden::golden;
use super::simulator::{Simulator, allow_all, desired, lines, merged};
use crate::Options;
use crate::plan::Note;

fn stored(store: &Value) -> Value {
    let transfers = json!({ "Transfer/vips": null, "Transfer/idle": null });
    merged(&merged(&golden(), &transfers), &json!({ "Project/crm": { "store": store } }))
}

fn out() -> Value {
    json!({ "type": "files", "path": "out", "format": "jsonl" })
}

/// What a change of the store means, and whether the entity keeps its number.
fn change(before: &Value, after: &Value) -> (Vec<String>, Vec<Note>, bool) {
    let mut state = Simulator::with(&stored(before));
    let number = state.entity("crm", "line").incarnation;
    let plan = state.apply(&desired(&stored(after)), &Options::default());
    let lines = lines(&plan).into_iter().filter(|line| line.contains(" of ")).collect();
    (lines, plan.notes, state.entity("crm", "line").incarnation == number)
}

#[test]
fn a_folder_that_stays_the_same_keeps_its_rows() {
    let with = |patch: Value| merged(&out(), &patch);
    let quiet = [
        json!({ "path": "./out" }),
        json!({ "path": "out/" }),
        json!({ "mode": "append" }),
        json!({ "format": "csv" }),
        json!({ "partitionBy": { "field": "id" } }),
    ];
    for patch in quiet {
        assert_eq!(change(&out(), &with(patch.clone())), (Vec::new(), Vec::new(), true), "{patch}");
    }
    let snapshot = with(json!({ "mode": "snapshot" }));
    for (before, patch) in [(out(), json!({ "mode": "snapshot" })), (snapshot, json!({ "format": "csv" }))] {
        let (lines, notes, is_kept) = change(&before, &merged(&before, &patch));
        assert!(is_kept && notes.is_empty(), "{patch}: {notes:?}");
        assert!(!lines.is_empty(), "{patch}");
        assert!(lines.iter().all(|line| line.starts_with("re-read of transfer")), "{patch}: {lines:?}");
    }
    // Elsewhere they begin anew.
    let (_, notes, is_kept) = change(&out(), &with(json!({ "path": "out2" })));
    assert!(!is_kept);
    assert!(
        notes
            .iter()
            .all(|note| matches!(note, Note::FolderStays { folder, .. } if folder.starts_with("out/"))),
        "{notes:?}"
    );
}

#[test]
fn a_folder_that_another_entity_goes_on_with_is_told() {
    let state = Simulator::with(&stored(&out()));
    let entity = stored(&out())["Project/crm"]["entities"]["line"].clone();
    let renamed = json!({
        "Project/crm": { "entities": { "line": null, "row": merged(&entity, &json!({ "table": "line" })) } },
        "Transfer/items": { "to": "crm.row" }
    });
    let plan = state.plan(&desired(&merged(&stored(&out()), &renamed)), &allow_all());
    let taken = Note::FolderTaken {
        entity: "crm.line".parse().unwrap(),
        folder: "out/line".to_owned(),
        by: "crm.row".parse().unwrap(),
    };
    assert_eq!(plan.notes, [taken]);
}

#[test]
fn other_keys_are_told_to_the_folder() {
    let mut state = Simulator::with(&stored(&out()));
    let number = state.entity("crm", "line").incarnation;
    let other = merged(
        &stored(&out()),
        &json!({ "Project/crm": { "entities": { "line": { "fields": { "id": "integer" } } } } }),
    );
    state.apply(&desired(&other), &allow_all());
    let after = state.entity("crm", "line");
    assert_eq!(after.replaces, [number]);
    let collects = |(table, bytes): (Table, &Vec<u8>)| {
        let step = (table == Table::Steps).then(|| raccord_model::fact::read::<StepFact>(bytes).unwrap());
        step.is_some_and(|step| matches!(step.work, StepWork::Collect { .. }))
    };
    assert!(!state.tables.iter().any(|((table, _), bytes)| collects((*table, bytes))));
}
