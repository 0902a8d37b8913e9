//! Saved plans, rollback and pruning.

use std::collections::BTreeMap;

use raccord_model::port::state::Table;
use serde_json::{Value, json};

use super::golden::{golden, state};
use super::simulator::{Simulator, allow_all, desired, lines, merged};
use crate::saved::{self, Moved, SavedPlanError};
use crate::{KEPT_GENERATIONS, Options, RollbackError, restore, rollback};
use raccord_model::{Desired, Digest, Resource};

fn restored(state: &Simulator, to: u64) -> Desired {
    let index = rollback(&state.index, &state.generations(), to).unwrap();
    let bodies: BTreeMap<Digest, Resource> = index
        .values()
        .map(|entry| (entry.digest, Resource::open(&state.bodies[&entry.digest]).unwrap()))
        .collect();
    let bodies = bodies.iter().map(|(digest, resource)| (*digest, resource)).collect();
    restore(&index, &state.index, &bodies, &state.head).unwrap()
}

fn digests(state: &Simulator) -> Value {
    json!(state.index.iter().map(|(key, entry)| (key.to_string(), entry.digest)).collect::<BTreeMap<_, _>>())
}

#[test]
fn a_rollback_is_a_plan_towards_an_earlier_generation() {
    let mut state = state();
    let first = digests(&state);
    let uid = state.uid("Transfer/customers");
    let mut specs =
        merged(&golden(), &json!({ "Transfer/idle": null, "Transfer/items": { "schedule": "1h" } }));
    state.apply(&desired(&specs), &allow_all());
    let second = digests(&state);
    let mut customers = specs.as_object_mut().unwrap().remove("Transfer/customers").unwrap();
    customers["dataType"] = json!("customers");
    let renamed = json!({
        "Transfer/clients <- customers": customers, "Transfer/extra": customers,
        "Integration/boutique": { "subscriptions": { "customers": null, "clients": ["created", "updated"] } }
    });
    state.apply(&desired(&merged(&specs, &renamed)), &allow_all());

    state.apply(&restored(&state, 2), &allow_all());
    assert_eq!(digests(&state), second);
    assert_eq!(state.uid("Transfer/customers"), uid, "what was renamed is renamed back");
    let plan = state.apply(&restored(&state, 1), &allow_all());
    assert_eq!(lines(&plan)[0], "~ Transfer/items");
    assert_eq!(digests(&state), first);
    assert_eq!(state.head.generation, 5);
    assert_eq!(state.transfer("items").decided.epoch, 2, "epochs never rewind");
}

#[test]
fn there_is_no_way_back_to_what_is_not_kept() {
    let state = state();
    let mut generations = state.generations();
    assert_eq!(rollback(&state.index, &generations, 1), Ok(state.index.clone()));
    assert_eq!(
        rollback(&state.index, &generations, 9).unwrap_err().to_string(),
        "generation 9 is not kept: the kept ones are 1 to 1"
    );
    let mut third = generations[0].clone();
    third.number = 3;
    generations.insert(0, third);
    assert_eq!(rollback(&state.index, &generations, 1), Err(RollbackError::Gap(2)));
    assert_eq!(rollback(&state.index, &[], 1), Err(RollbackError::Unknown { wanted: 1, kept: None }));
}

#[test]
fn only_the_last_generations_are_kept() {
    let mut state = state();
    let schedule = |minutes: u64| {
        desired(&merged(&golden(), &json!({ "Transfer/idle": { "schedule": format!("{minutes}m") } })))
    };
    for minutes in 1..=KEPT_GENERATIONS + 5 {
        state.apply(&schedule(minutes % 104), &Options::default());
    }
    let numbers: Vec<_> = state.generations().iter().map(|generation| generation.number).collect();
    assert_eq!(numbers.len(), 100);
    assert_eq!((numbers[0], numbers[99]), (106, 7));
    let referred: std::collections::BTreeSet<_> = state
        .generations()
        .iter()
        .flat_map(|generation| generation.changes.clone())
        .flat_map(|change| [change.before, change.after])
        .flatten()
        .chain(state.index.values().copied())
        .map(|entry| entry.digest)
        .collect();
    assert_eq!(state.bodies.keys().copied().collect::<std::collections::BTreeSet<_>>(), referred);
    assert!(state.tables.keys().filter(|(table, _)| *table == Table::Generations).count() == 100);
    let oldest = restored(&state, 7);
    state.apply(&oldest, &allow_all());
}

#[test]
fn a_saved_plan_comes_back_and_tells_what_has_moved() {
    let state = state();
    let wanted = desired(&merged(
        &golden(),
        &json!({
            "Transfer/idle": { "schedule": "1h" },
            "Project/crm": { "entities": { "contact": { "fields": { "city": { "type": "text", "default": null } } } } }
        }),
    ));
    let plan = state.plan(&wanted, &Options::default());
    let older = saved::read(&saved::write(&plan, &wanted, None).unwrap()).unwrap();
    assert_eq!((&older.plan, &older.desired, &older.options), (&plan, &wanted, &None));
    let options = Options { allow_delete: true, ..Options::default() };
    let bytes = saved::write(&plan, &wanted, Some(&options)).unwrap();
    let saved = saved::read(&bytes).unwrap();
    assert_eq!((&saved.plan, &saved.desired, &saved.options), (&plan, &wanted, &Some(options)));
    assert_eq!(saved::stale(&saved, &state.head), None);

    let mut head = state.head.clone();
    head.serial = 9;
    assert_eq!(
        saved::stale(&saved, &head).unwrap().to_string(),
        "the plan is stale: it was made for serial 1 of the state, 9 is in force"
    );
    head.lineage = uuid::Uuid::nil();
    let mut older = saved.clone();
    older.plan.tool = "0.0.1".to_owned();
    let moved = saved::stale(&older, &head).unwrap().moved;
    assert!(matches!(moved.as_slice(), [Moved::Lineage { .. }, Moved::Tool { .. }]), "{moved:?}");
}

#[test]
fn a_file_that_is_no_saved_plan_is_refused() {
    let wanted = desired(&golden());
    let bytes = saved::write(&state().plan(&wanted, &Options::default()), &wanted, None).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let error = |text: &str| saved::read(text.as_bytes()).unwrap_err();
    assert!(matches!(error("apiVersion: raccord/v1"), SavedPlanError::NotAPlan(_)));
    assert!(matches!(
        error(&text.replace("\"raccordPlan\":1", "\"raccordPlan\":2")),
        SavedPlanError::Version { found: 2 }
    ));
    assert!(matches!(error(&text.replace("boutique.example", "elsewhere.example")), SavedPlanError::Damaged));
    assert!(matches!(error(&text[..text.len() - 9]), SavedPlanError::NotAPlan(_)));
}
