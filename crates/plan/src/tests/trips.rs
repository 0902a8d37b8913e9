//! What an apply does to facts: epochs and resets, incarnations and field ids, trips.

use raccord_model::fact::{IntegrationFact, Pause, TransferFact, Trip, TripCause};
use serde_json::{Value, json};

use super::golden::{golden, state};
use super::simulator::{Simulator, allow_all, desired, merged};
use crate::{CommitError, Note, Options, commit};

fn unnamed_apply() -> crate::Apply {
    let at = "2026-01-01T00:00:00Z".parse().unwrap();
    crate::Apply { at, by: String::new(), rollback_to: None, commit: None }
}

fn applied(patch: &Value) -> Simulator {
    let mut state = state();
    state.apply(&desired(&merged(&golden(), patch)), &allow_all());
    state
}

#[test]
fn a_consequence_raises_the_epoch_and_only_a_re_read_resets() {
    let cases = [
        (json!({}), (0, 0)),
        (json!({ "rejects": { "payload": "drop" } }), (0, 0)),
        (json!({ "schedule": "1h" }), (1, 0)),
        (json!({ "deletes": { "webhook": true } }), (1, 0)),
        (json!({ "resync": "x" }), (1, 1)),
        (json!({ "resync": "x", "schedule": "1h" }), (1, 1)),
        (json!({ "mapping": { "fields": { "city": "town" } } }), (1, 1)),
        (json!({ "mapping": { "primaryKey": { "externalId": "code" } } }), (1, 1)),
    ];
    for (patch, expected) in cases {
        let fact = applied(&json!({ "Transfer/customers": patch })).transfer("customers");
        assert_eq!((fact.decided.epoch, fact.decided.reset), expected, "{patch}");
        assert_eq!(fact.observed.last_full_read, 100);
    }
}

#[test]
fn a_re_key_allots_rows_anew_and_collects_the_old_ones() {
    let before = state().entity("crm", "contact");
    let state =
        applied(&json!({ "Transfer/customers": { "mapping": { "primaryKey": { "externalId": "code" } } } }));
    let after = state.entity("crm", "contact");
    assert!(after.incarnation > before.incarnation);
    assert_eq!(after.fields, before.fields);
    assert_eq!(state.steps(), [format!("collect/{:020}", before.incarnation)]);
    assert_eq!(state.transfer("vips").decided.reset, 1, "who enriches the rows reads again too");
    assert_eq!(state.transfer("items").decided.epoch, 0);
}

#[test]
fn ids_of_fields_are_never_used_again() {
    let ids = |state: &Simulator| {
        let fact = state.entity("crm", "contact");
        let mut ids: Vec<_> = fact.fields.iter().map(|(name, id)| (*id, name.to_string())).collect();
        ids.sort();
        ids.into_iter().map(|(id, name)| format!("{id} {name}")).collect::<Vec<_>>()
    };
    let mut state = state();
    assert_eq!(ids(&state), ["1 externalId", "2 city", "3 email", "4 vip"], "the key first, then by name");
    let fields = |patch: Value| json!({ "Project/crm": { "entities": { "contact": { "fields": patch } } } });
    let without = merged(
        &golden(),
        &merged(
            &fields(json!({ "vip": null })),
            &json!({ "Transfer/vips": { "mapping": { "fields": { "vip": null, "city": "town" } } } }),
        ),
    );
    state.apply(&desired(&without), &allow_all());
    state.apply(&desired(&merged(&golden(), &fields(json!({ "age": "integer" })))), &allow_all());
    assert_eq!(ids(&state), ["1 externalId", "2 city", "3 email", "5 age", "6 vip"]);
}

#[test]
fn a_number_of_rows_is_never_used_twice() {
    let mut state = state();
    let first = state.entity("crm", "line").incarnation;
    let without = merged(
        &golden(),
        &json!({
            "Project/crm": { "entities": { "line": null } }, "Transfer/items": null, "Transfer/idle": null,
            "Integration/boutique": { "subscriptions": { "items": null } }
        }),
    );
    state.apply(&desired(&without), &allow_all());
    assert_eq!(state.steps(), [format!("collect/{first:020}")]);
    state.tables.retain(|(table, _), _| *table != raccord_model::port::state::Table::Steps);
    state.apply(&desired(&golden()), &allow_all());
    assert!(state.entity("crm", "line").incarnation > first);
}

#[test]
fn what_goes_takes_its_facts_and_comes_back_as_another() {
    let mut state = state();
    let uid = state.uid("Transfer/items");
    let without =
        json!({ "Transfer/items": null, "Integration/boutique": { "subscriptions": { "items": null } } });
    state.apply(&desired(&merged(&golden(), &without)), &allow_all());
    assert!(state.tables.keys().all(|(_, key)| *key != uid.to_string()));
    state.apply(&desired(&golden()), &allow_all());
    assert_ne!(state.uid("Transfer/items"), uid);
    assert_eq!(state.transfer("items"), TransferFact::default());
}

fn tripped() -> Simulator {
    let mut state = state();
    let trip = Trip {
        at: "2026-01-01T00:00:00Z".parse().unwrap(),
        transfer: "customers".parse().unwrap(),
        cause: TripCause::ConsecutiveFailures(5),
        errors: Vec::new(),
    };
    let fact = IntegrationFact { trip: Some(trip), rejects: [(1, 2)].into(), ..IntegrationFact::default() };
    state.put_integration("boutique", &fact);
    let mut failed = state.transfer("customers");
    failed.observed.consecutive_failures = 5;
    state.put_transfer("customers", &failed);
    state
}

#[test]
fn a_trip_is_lifted_by_a_change_to_the_failing_part() {
    let cases = [
        (json!({}), None),
        (json!({ "Transfer/items": { "mapping": { "fields": { "total": "sum" } } } }), None),
        (json!({ "Integration/boutique": { "alerts": ["ops@example.com"] } }), None),
        (json!({ "Integration/boutique": { "active": false } }), None),
        (json!({ "Transfer/customers": { "active": false } }), None),
        (json!({ "Project/crm": { "entities": { "line": { "fields": { "x": "text" } } } } }), None),
        (
            json!({ "Integration/boutique": { "breaker": { "consecutiveFailures": 9 } } }),
            Some("Integration/boutique"),
        ),
        (
            json!({ "Integration/boutique": { "subscriptions": { "items": null } } }),
            Some("Integration/boutique"),
        ),
        (
            json!({ "Transfer/customers": { "mapping": { "fields": { "city": "town" } } } }),
            Some("Transfer/customers"),
        ),
        (json!({ "Source/boutique": { "config": { "timeout": "5s" } } }), Some("Source/boutique")),
        (json!({ "Authorization/boutique": { "token": "${env:NEW}" } }), Some("Authorization/boutique")),
        (
            json!({ "Project/crm": { "entities": { "contact": { "fields": { "city": "choice" } } } } }),
            Some("Project/crm"),
        ),
    ];
    for (patch, expected) in cases {
        let mut state = tripped();
        let plan = state.apply(&desired(&merged(&golden(), &patch)), &allow_all());
        let found = plan.notes.iter().find_map(|note| match note {
            Note::Resumes { because, .. } => Some(because.to_string()),
            _ => None,
        });
        assert_eq!(found.as_deref(), expected, "{patch}");
        let fact = state.integration("boutique");
        assert_eq!(fact.trip.is_none(), expected.is_some(), "{patch}");
        assert_eq!(fact.rejects.is_empty(), expected.is_some(), "{patch}");
        assert_eq!(
            state.transfer("customers").observed.consecutive_failures == 0,
            expected.is_some(),
            "{patch}"
        );
        let stays = plan.notes.iter().any(|note| matches!(note, Note::StaysTripped { .. }));
        assert_eq!(stays, expected.is_none(), "{patch}");
    }
}

/// Rows that are dropped, and records that are mapped anew, wait for a person: the plan says so.
#[test]
fn a_paused_integration_is_told_where_it_keeps_something_from_being_read() {
    let cases = [
        (
            json!({ "Transfer/customers": { "mapping": { "primaryKey": { "externalId": "code" } } } }),
            "customers",
        ),
        (json!({ "Source/boutique": { "config": { "timeout": "5s" } } }), ""),
        (json!({ "Transfer/vips": { "mapping": { "fields": { "vip": "was_vip" } } } }), ""),
        (json!({ "Integration/boutique": { "active": false }, "Transfer/customers": { "resync": "x" } }), ""),
        (
            json!({ "Transfer/customers": { "resync": "x" }, "Transfer/items": { "resync": "x" } }),
            "customers items",
        ),
    ];
    let at = "2026-01-01T00:00:00Z".parse().unwrap();
    for (patch, expected) in cases {
        for pause in [None, Some(Pause { at, until: Some(at), reason: None })] {
            let mut state = state();
            let is_paused = pause.is_some();
            state.put_integration("boutique", &IntegrationFact { pause, ..IntegrationFact::default() });
            let plan = state.plan(&desired(&merged(&golden(), &patch)), &allow_all());
            let told = plan.notes.iter().find_map(|note| match note {
                Note::StaysPaused { transfers, until, .. } => Some((transfers, until)),
                _ => None,
            });
            let Some((transfers, until)) = told else {
                assert!(!is_paused || expected.is_empty(), "{patch}");
                continue;
            };
            let names: Vec<&str> = transfers.iter().map(raccord_model::Name::as_str).collect();
            assert!(is_paused && *until == Some(at));
            assert_eq!(names.join(" "), expected, "{patch}");
        }
    }
}

#[test]
fn a_trip_follows_the_rename_of_its_transfer() {
    let mut state = tripped();
    let mut specs = golden();
    let mut customers = specs.as_object_mut().unwrap().remove("Transfer/customers").unwrap();
    customers["dataType"] = json!("customers");
    let patch = json!({
        "Transfer/clients <- customers": customers,
        "Integration/boutique": { "subscriptions": { "customers": null, "clients": ["created", "updated"] } }
    });
    let plan = state.apply(&desired(&merged(&specs, &patch)), &Options::default());
    assert!(
        matches!(plan.notes.as_slice(), [Note::StaysTripped { transfer, .. }] if transfer.as_str() == "clients")
    );
    assert_eq!(state.integration("boutique").trip.unwrap().transfer.as_str(), "clients");
}

#[test]
fn a_plan_is_carried_out_as_it_is_or_not_at_all() {
    let state = state();
    let apply = unnamed_apply();
    let mut none = || panic!("nothing is created");
    let wanted = desired(&merged(&golden(), &json!({ "Transfer/idle": null })));
    let current = state.current(&wanted);
    let refused = state.plan(&wanted, &Options::default());
    let error = commit(&refused, &wanted, &current, &apply, &mut none).unwrap_err();
    assert!(matches!(error, CommitError::Refused(_)));
    let allowed = state.plan(&wanted, &allow_all());
    let error = commit(&allowed, &desired(&golden()), &current, &apply, &mut none).unwrap_err();
    assert!(matches!(error, CommitError::OtherConfiguration));
    let mut moved = current.clone();
    moved.head.serial += 1;
    let error = commit(&allowed, &wanted, &moved, &apply, &mut none).unwrap_err();
    assert!(matches!(error, CommitError::Stale { .. }));
    let made = commit(&allowed, &wanted, &current, &apply, &mut none).unwrap();
    assert_eq!(made.expected, Some(1));
}

#[test]
fn without_a_transfers_facts_no_epoch_is_invented() {
    let state = state();
    let wanted = desired(&merged(&golden(), &json!({ "Transfer/customers": { "resync": "x" } })));
    let mut current = state.current(&wanted);
    let plan = state.plan(&wanted, &allow_all());
    current.facts.transfers.clear();
    let apply = unnamed_apply();
    let error = commit(&plan, &wanted, &current, &apply, &mut || panic!("nothing is created")).unwrap_err();
    assert!(matches!(error, CommitError::MissingFact(_)));
}
