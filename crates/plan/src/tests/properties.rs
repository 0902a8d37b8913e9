//! Whatever is configured and whatever was there before: after an apply, nothing is left to do.

use std::collections::BTreeMap;

use proptest::prelude::*;
use raccord_model::plan::Consequence;
use serde_json::{Map, Value, json};

use super::simulator::{Simulator, allow_all, desired, lines};
use crate::{Options, saved};

/// The choices from which a configuration is made; each number picks one of a few values.
#[derive(Debug, Clone)]
struct Choices {
    projects: Vec<(u8, u8)>,
    sources: Vec<(u8, u8)>,
    transfers: Vec<(u8, u8, u8)>,
    integrations: Vec<(u8, u8)>,
}

fn choices() -> impl Strategy<Value = Choices> {
    let few = || prop::collection::vec((0..4_u8, 0..8_u8), 0..4);
    let transfers = prop::collection::vec((0..6_u8, any::<u8>(), any::<u8>()), 0..6);
    (few(), few(), transfers, few()).prop_map(|(projects, sources, transfers, integrations)| Choices {
        projects,
        sources,
        transfers,
        integrations,
    })
}

fn project(look: u8) -> Value {
    let mut fields = json!({ "id": if look & 1 == 0 { "text" } else { "integer" }, "x": "text" });
    if look & 2 != 0 {
        fields["y"] = json!({ "type": "email", "unique": true });
    }
    let key = if look & 4 == 0 { json!("id") } else { json!(["id", "x"]) };
    json!({ "entities": { "e": { "key": key, "fields": fields } } })
}

fn source(look: u8) -> Value {
    let base = if look & 1 == 0 { "https://a.example" } else { "https://b.example" };
    let records = if look & 2 == 0 { "data" } else { "items" };
    let timeout = if look & 4 == 0 { "60s" } else { "5s" };
    json!({ "connector": "http", "config": { "baseUrl": base, "timeout": timeout,
        "dataTypes": { "a": { "records": records }, "b": { "parent": "a" } } } })
}

fn transfer(source: &str, project: &str, look: u8) -> Value {
    let from = if look & 1 == 0 { "id" } else { "code" };
    let data_type = if look & 2 == 0 { "a" } else { "b" };
    let mut spec = json!({ "source": source, "dataType": data_type, "to": format!("{project}.e") });
    if look & 4 != 0 {
        spec["mapping"] = json!({ "primaryKey": { "id": from }, "fields": { "x": { "from": "x" } } });
        spec["active"] = json!(look & 8 != 0);
    }
    if look & 16 != 0 {
        spec["schedule"] = json!("15m");
    }
    if look & 32 != 0 {
        spec["resync"] = json!(format!("{look}"));
    }
    if look & 64 != 0 {
        spec["mode"] = json!("enrich");
    }
    spec
}

/// A configuration in which every reference leads somewhere. The second form renames every transfer.
fn specs(choices: &Choices, renamed: bool) -> Value {
    let mut specs = Map::new();
    let (mut projects, mut sources) = (Vec::new(), Vec::new());
    for (name, look) in &choices.projects {
        projects.push(format!("p{name}"));
        specs.insert(format!("Project/p{name}"), project(*look));
    }
    for (name, look) in &choices.sources {
        sources.push(format!("s{name}"));
        specs.insert(format!("Source/s{name}"), source(*look));
    }
    let mut transfers: BTreeMap<String, Value> = BTreeMap::new();
    let pick = |names: &[String], by: u8| names.get(usize::from(by) % names.len().max(1)).cloned();
    for (name, references, look) in &choices.transfers {
        let parts = (pick(&sources, references & 15), pick(&projects, references >> 4));
        if let (Some(source), Some(project)) = parts {
            transfers.insert(format!("t{name}"), transfer(&source, &project, *look));
        }
    }
    let called = |name: &str| if renamed { format!("new-{name}") } else { name.to_owned() };
    for (name, look) in &choices.integrations {
        let updates = ["created", "updated", "deleted"];
        let updates: Vec<_> =
            updates.iter().enumerate().filter(|(at, _)| look & (1 << at) != 0).map(|(_, one)| one).collect();
        let subscriptions: Map<String, Value> =
            transfers.keys().map(|transfer| (called(transfer), json!(updates))).collect();
        specs.insert(
            format!("Integration/i{name}"),
            json!({ "active": look & 1 == 0, "subscriptions": subscriptions }),
        );
    }
    for (name, spec) in transfers {
        let key = if renamed { format!("Transfer/new-{name} <- {name}") } else { format!("Transfer/{name}") };
        specs.insert(key, spec);
    }
    Value::Object(specs)
}

/// Every transfer has run, every entity has rows.
fn run_all(state: &mut Simulator) {
    let names: Vec<_> = state.index.keys().map(ToString::to_string).collect();
    for name in names {
        if let Some(transfer) = name.strip_prefix("Transfer/") {
            state.ran(transfer, 10);
        } else if let Some(project) = name.strip_prefix("Project/") {
            state.filled(project, "e", 10);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn after_an_apply_nothing_is_left_to_do(first in choices(), second in choices()) {
        let mut state = Simulator::new();
        for choices in [&first, &second] {
            let wanted = desired(&specs(choices, false));
            let plan = state.apply(&wanted, &allow_all());
            prop_assert_eq!(plan.is_empty(), plan.changes.is_empty());
            prop_assert_eq!(lines(&state.plan(&wanted, &Options::default())), Vec::<String>::new());
            run_all(&mut state);
        }
    }

    #[test]
    fn a_rename_alone_has_no_consequence(choices in choices()) {
        let mut state = Simulator::with(&specs(&choices, false));
        run_all(&mut state);
        let wanted = desired(&specs(&choices, true));
        let plan = state.apply(&wanted, &Options::default());
        prop_assert!(plan.is_allowed());
        prop_assert_eq!(plan.consequence(), Consequence::None, "{:#?}", lines(&plan));
        prop_assert_eq!(lines(&state.plan(&wanted, &Options::default())), Vec::<String>::new());
    }

    #[test]
    fn an_epoch_rises_exactly_with_a_consequence(first in choices(), second in choices()) {
        let mut state = Simulator::with(&specs(&first, false));
        run_all(&mut state);
        let before = state.clone();
        let plan = state.apply(&desired(&specs(&second, false)), &allow_all());
        for (key, entry) in &state.index {
            let Some(name) = key.to_string().strip_prefix("Transfer/").map(str::to_owned) else { continue };
            if before.index.get(key).is_none_or(|old| old.uid != entry.uid) {
                continue;
            }
            let (old, new) = (before.transfer(&name), state.transfer(&name));
            let concerned = plan.effects.iter().any(|effect| effect.subject.to_string() == name);
            prop_assert_eq!(new.decided.epoch - old.decided.epoch, u64::from(concerned));
            prop_assert!(new.decided.reset == old.decided.reset || new.decided.reset == new.decided.epoch);
        }
    }

    #[test]
    fn a_saved_plan_round_trips(first in choices(), second in choices()) {
        let state = Simulator::with(&specs(&first, false));
        let wanted = desired(&specs(&second, false));
        let plan = state.plan(&wanted, &allow_all());
        let saved = saved::read(&saved::write(&plan, &wanted, None).unwrap()).unwrap();
        prop_assert_eq!(saved.plan, plan);
        prop_assert_eq!(saved.desired, wanted);
    }

    #[test]
    fn order_makes_no_difference(choices in choices()) {
        let written = specs(&choices, false);
        // serde_json keeps maps sorted; a list of documents read backwards is another order.
        let mut backwards = desired(&json!({}));
        for (name, spec) in written.as_object().unwrap().iter().rev() {
            backwards.resources.extend(desired(&json!({ name: spec })).resources);
        }
        prop_assert_eq!(backwards.digest(), desired(&written).digest());
        let state = Simulator::with(&written);
        prop_assert!(state.plan(&backwards, &Options::default()).is_empty());
    }
}
