//! A plan of some resources alone: what they depend on comes too, and nothing else.

use serde_json::json;

use super::golden::{golden, state};
use super::simulator::{allow_all, desired, lines, merged};
use crate::{DiffError, Options, diff};

#[test]
fn targets_bring_what_they_depend_on() {
    let patch = json!({
        "Project/crm": { "entities": { "contact": { "fields": { "phone": "phone" } } } },
        "Authorization/boutique": { "token": "${env:OTHER}" },
        "Source/boutique": { "config": { "timeout": "5s" } },
        "Transfer/customers": { "schedule": "1h" },
        "Transfer/items": { "schedule": "1h" },
        "Integration/boutique": { "alerts": ["ops@example.com"] }
    });
    let wanted = desired(&merged(&golden(), &patch));
    let keys = |target: &str| {
        let options = Options { targets: vec![target.parse().unwrap()], ..Options::default() };
        let plan = state().plan(&wanted, &options);
        assert!(plan.targeted);
        plan.changes.iter().map(|change| change.key.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(keys("Authorization/boutique"), ["Authorization/boutique"]);
    assert_eq!(keys("Source/boutique"), ["Authorization/boutique", "Source/boutique"]);
    assert_eq!(
        keys("Transfer/customers"),
        ["Project/crm", "Authorization/boutique", "Source/boutique", "Transfer/customers"]
    );
    let all = Options { targets: vec!["Integration/boutique".parse().unwrap()], ..Options::default() };
    let plan = state().plan(&wanted, &all);
    assert_eq!((plan.targeted, plan.changes.len()), (false, 6));
}

#[test]
fn a_target_that_goes_brings_what_referred_to_it() {
    let wanted = desired(&merged(
        &golden(),
        &json!({
            "Transfer/items": null, "Transfer/idle": { "schedule": "1h" },
            "Integration/boutique": { "subscriptions": { "items": null } }
        }),
    ));
    let options = Options { targets: vec!["Transfer/items".parse().unwrap()], ..allow_all() };
    let mut state = state();
    let plan = state.apply(&wanted, &options);
    assert_eq!(
        lines(&plan),
        ["- Transfer/items", "~ Integration/boutique", "  spec.subscriptions.items.updates: none"]
    );
    assert_eq!(
        lines(&state.plan(&wanted, &options_for("Transfer/idle"))).first().unwrap(),
        "~ Transfer/idle"
    );
}

fn options_for(target: &str) -> Options {
    Options { targets: vec![target.parse().unwrap()], ..Options::default() }
}

#[test]
fn an_unknown_target_is_an_error() {
    let wanted = desired(&golden());
    let error = diff(&wanted, &state().current(&wanted), &options_for("Transfer/nobody")).unwrap_err();
    assert!(matches!(&error, DiffError::UnknownTarget(key) if key.to_string() == "Transfer/nobody"));
}
