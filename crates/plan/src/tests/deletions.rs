//! What goes, what goes with it, and what must not go.

use serde_json::json;

use super::golden::{check, check_with, golden, state};
use super::simulator::{Simulator, allow_all, desired, lines, merged};
use crate::plan::Note;
use crate::{Options, Waiting};

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
fn what_waits_for_a_transfer_that_goes_is_told() {
    let mut state = state();
    let waits = Waiting { deliveries: 2, rejects: 1 };
    state.waiting = ["items", "idle"].map(|name| (state.uid(&format!("Transfer/{name}")), waits)).into();
    state.waiting.insert(state.uid("Transfer/vips"), Waiting::default());
    let gone = json!({
        "Transfer/items": null, "Transfer/vips": null,
        "Integration/boutique": { "subscriptions": { "items": null } }
    });
    let plan = state.plan(&desired(&merged(&golden(), &gone)), &Options::default());
    let dropped = |name: &str| Note::DropsWaiting {
        transfer: name.parse().unwrap(),
        deliveries: waits.deliveries,
        rejects: waits.rejects,
    };
    assert_eq!(plan.notes, [dropped("items")], "of those that go, and where something waits");
    assert!(!plan.is_allowed(), "it needs --allow-delete");
    // A rename takes along what waits.
    let renamed = json!({
        "Transfer/items": null,
        "Transfer/lines": { "source": "boutique", "dataType": "items", "to": "crm.line", "active": true,
            "mapping": { "primaryKey": { "id": "id" }, "fields": { "total": "total" } } },
        "Integration/boutique": { "subscriptions": { "items": null, "lines": ["created"] } }
    });
    let plan = state.plan(&desired(&merged(&golden(), &renamed)), &Options::default());
    assert_eq!(plan.notes, [dropped("items")], "without the annotation it is another one");
}

#[test]
fn deliveries_end_with_a_transfer_that_is_switched_off() {
    let webhook = json!({ "webhook": { "verify": { "bearer": "${env:HOOK}" } } });
    let with_webhook = merged(&golden(), &json!({ "Source/boutique": webhook }));
    let off = |patch: serde_json::Value| {
        let state = Simulator::with(&with_webhook);
        state.plan(&desired(&merged(&with_webhook, &patch)), &Options::default()).notes
    };
    let end = |name: &str| Note::DeliveriesEnd { transfer: name.parse().unwrap() };
    assert_eq!(off(json!({ "Transfer/customers": { "active": null } })), [end("customers")]);
    let integration = json!({ "Integration/boutique": { "active": false } });
    assert_eq!(off(integration.clone()), [end("customers"), end("items")]);
    let other = json!({ "Integration/other": { "active": true, "subscriptions": { "items": ["created"] } } });
    assert_eq!(off(merged(&integration, &other)), [end("customers")], "another one goes on with the items");
    let state = Simulator::with(&golden());
    let plan = state.plan(&desired(&merged(&golden(), &integration)), &Options::default());
    assert!(plan.notes.is_empty(), "without a webhook nothing is sent: {:?}", plan.notes);
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
