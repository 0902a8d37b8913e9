//! What goes, what goes with it, and what must not go.

use serde_json::json;

use super::golden::{check, check_with, golden, state};
use super::simulator::{Simulator, allow_all, desired, lines, merged};
use crate::Options;

#[test]
fn entities_that_go_take_their_rows() {
    let gone = json!({
        "Project/crm": { "entities": { "line": null } }, "Transfer/items": null, "Transfer/idle": null,
        "Integration/boutique": { "subscriptions": { "items": null } }
    });
    let changes = [
        "- Transfer/idle",
        "- Transfer/items",
        "~ Project/crm",
        "  spec.entities.line: drop",
        "~ Integration/boutique",
        "  spec.subscriptions.items.updates: none",
        "drop of entity crm.line 40",
    ];
    check(&gone, &changes);
    let refused = [
        "refused: Transfer/idle would be deleted",
        "refused: Transfer/items would be deleted",
        "refused: 40 rows of crm.line would be dropped",
    ];
    check_with(&gone, &Options::default(), &[changes.as_slice(), &refused].concat());
}

#[test]
fn a_project_that_goes_takes_all_rows() {
    let state = state();
    let plan = state.plan(&desired(&json!({ "Stack/shop": {} })), &Options::default());
    let lines = lines(&plan);
    assert_eq!(lines[..2], ["- Project/crm", "- Authorization/boutique"]);
    assert_eq!(plan.refusals.len(), 8, "one for each resource, none for its entities: {lines:#?}");
    assert!(lines.contains(&"drop of entity crm.contact 80".to_owned()));
    assert_eq!(plan.summary().dropped, 120);
}

#[test]
fn protection_outlives_its_yaml() {
    let protected = merged(&golden(), &json!({ "Transfer/idle": { "protect": true } }));
    let mut state = Simulator::with(&protected);
    let without = desired(&merged(&protected, &json!({ "Transfer/idle": null })));
    let refused = [
        "- Transfer/idle",
        "refused: Transfer/idle is protected: set `protect: false`, apply, and delete it after that",
    ];
    assert_eq!(lines(&state.plan(&without, &allow_all())), refused);
    state.apply(&desired(&golden()), &Options::default());
    assert!(state.plan(&without, &allow_all()).is_allowed());
}
