//! What each changed field means in a plan, kind by kind; a first apply and none at all.

use serde_json::{Value, json};

use super::golden::{check, check_with, golden, state};
use super::simulator::{Simulator, allow_all, desired, lines, merged};
use crate::Options;

#[test]
fn nothing_changes_nothing() {
    check(&json!({}), &[]);
}

#[test]
fn a_first_apply_creates() {
    let state = Simulator::new();
    let plan = state.plan(&desired(&golden()), &Options::default());
    assert!(plan.is_allowed() && plan.effects.is_empty());
    assert_eq!(plan.summary().actions.values().sum::<u64>(), 9);
    let source = plan.changes.iter().find(|change| change.key.to_string() == "Source/boutique").unwrap();
    let paths: Vec<_> = source.fields.iter().map(crate::FieldChange::path_text).collect();
    assert!(paths.contains(&"spec.config.dataTypes.orders".to_owned()), "{paths:?}");
}

#[test]
fn a_way_of_deleting_that_comes_or_goes_is_more_than_its_share() {
    let snapshot = |share: &str| json!({ "snapshot": { "maxShare": share } });
    let webhook = |share: &str| json!({ "webhook": { "maxShare": share } });
    let field = |share: &str| json!({ "field": { "path": "gone", "maxShare": share } });
    let cases = [
        (json!("none"), snapshot("5%"), Some("deletions")),
        (json!("none"), snapshot("50%"), Some("deletions")),
        (json!("none"), json!("snapshot"), Some("deletions")),
        (snapshot("5%"), json!("none"), Some("deletions")),
        (snapshot("50%"), json!("none"), Some("deletions")),
        (json!("none"), webhook("5%"), Some("deletions")),
        (webhook("50%"), json!("none"), Some("deletions")),
        (json!("none"), field("10%"), Some("deletions")),
        (snapshot("10%"), snapshot("10%"), None),
        (snapshot("10%"), snapshot("50%"), Some("guard")),
        (snapshot("10%"), snapshot("5%"), Some("none")),
        (json!("webhook"), webhook("50%"), Some("guard")),
        (field("10%"), field("50%"), Some("guard")),
        (field("50%"), field("10%"), Some("none")),
        (field("10%"), json!({ "field": { "path": "away", "maxShare": "50%" } }), Some("deletions")),
        (json!([webhook("10%"), snapshot("10%")]), json!([webhook("10%"), snapshot("50%")]), Some("guard")),
        (json!([webhook("10%"), snapshot("50%")]), json!([webhook("10%"), snapshot("5%")]), Some("none")),
        (json!([webhook("10%"), snapshot("50%")]), snapshot("50%"), Some("deletions")),
        (
            json!({ "snapshot": { "every": "1h" } }),
            json!({ "snapshot": { "every": "2h" } }),
            Some("deletions"),
        ),
    ];
    for (before, after, expected) in cases {
        let mut state = state();
        // Merged as one, they would be both.
        let with = |deletes: &Value| {
            let mut golden = golden();
            golden["Transfer/customers"]["deletes"] = deletes.clone();
            desired(&golden)
        };
        state.apply(&with(&before), &allow_all());
        let plan = state.plan(&with(&after), &Options::default());
        let told: Vec<String> = plan
            .changes
            .iter()
            .flat_map(|change| &change.fields)
            .map(|field| field.consequence.as_str().to_owned())
            .collect();
        let case = format!("{before} {after} {told:?}");
        assert_eq!(told.is_empty(), expected.is_none(), "{case}");
        assert!(told.iter().all(|told| Some(told.as_str()) == expected), "{case}");
    }
}

#[test]
fn fields_of_a_transfer() {
    let customers = |patch: Value| json!({ "Transfer/customers": patch });
    check(
        &customers(json!({ "schedule": "15m" })),
        &["~ Transfer/customers", "  spec.schedule.every: restart", "restart of transfer customers"],
    );
    check(
        &customers(json!({ "deletes": { "field": "gone" } })),
        &["~ Transfer/customers", "  spec.deletes.field: deletions", "deletions of transfer customers"],
    );
    check(
        &customers(json!({ "resync": "1", "schedule": "1h" })),
        &[
            "~ Transfer/customers",
            "  spec.resync: re-read",
            "  spec.schedule.every: restart",
            "re-read of transfer customers 100",
            "restart of transfer customers",
        ],
    );
    check(
        &customers(json!({ "resync": "1", "mapping": { "fields": { "city": "town" } } })),
        &[
            "~ Transfer/customers",
            "  spec.mapping.fields.city.from: re-map",
            "  spec.resync: re-read",
            "re-map of transfer customers 100",
        ],
    );
    check(
        &customers(json!({ "rejects": { "payload": "drop" } })),
        &["~ Transfer/customers", "  spec.rejects.payload: none"],
    );
    check(&customers(json!({ "dataType": "customers" })), &["~ Transfer/customers"]);
    check(
        &json!({ "Transfer/idle": { "dataType": "customers" } }),
        &["~ Transfer/idle", "  spec.dataType: re-read", "re-read of transfer idle 0"],
    );
}

#[test]
fn switches() {
    check(
        &json!({ "Transfer/customers": { "active": null } }),
        &["■ Transfer/customers", "  spec.active: none"],
    );
    check(
        &json!({ "Integration/boutique": { "active": false, "alerts": ["ops@example.com"] } }),
        &["■ Integration/boutique", "  spec.active: none", "  spec.alerts: none"],
    );
    check(
        &json!({ "Transfer/idle": { "active": true, "mapping": { "primaryKey": { "id": "id" } } } }),
        &["▶ Transfer/idle", "  spec.active: none", "  spec.mapping.primaryKey.id.from: none"],
    );
}

#[test]
fn another_primary_key_drops_the_rows_of_who_owns_them() {
    let rekeyed = json!({ "Transfer/customers": { "mapping": { "primaryKey": { "externalId": "code" } } } });
    let fields = ["~ Transfer/customers", "  spec.mapping.primaryKey.externalId.from: re-key"];
    let effects = [
        "re-key of entity crm.contact 80",
        "re-read of transfer customers 100",
        "re-read of transfer vips 90",
    ];
    check(&rekeyed, &[fields.as_slice(), &effects].concat());
    let refused = ["refused: 80 rows of crm.contact would be dropped and read again under other keys"];
    let delete_alone = Options { allow_rekey: false, ..allow_all() };
    check_with(&rekeyed, &delete_alone, &[fields.as_slice(), &effects, &refused].concat());
    check(
        &json!({ "Transfer/vips": { "mapping": { "primaryKey": { "externalId": "code" } } } }),
        &[
            "~ Transfer/vips",
            "  spec.mapping.primaryKey.externalId.from: re-map",
            "re-map of transfer vips 90",
        ],
    );
}

#[test]
fn rows_that_a_re_key_loses_need_their_own_flag() {
    let rekeyed = json!({ "Transfer/items": { "mapping": { "primaryKey": { "id": "code" } } } });
    let and = |more: Value| merged(&rekeyed, &more);
    let unsubscribed = json!({ "Integration/boutique": { "subscriptions": { "items": ["updated"] } } });
    // (the configuration, the rows of items, idle and of what is gone, what is lost)
    let cases: [(Value, Option<[u64; 3]>, &str); 6] = [
        (rekeyed.clone(), Some([40, 0, 0]), ""),
        (rekeyed.clone(), Some([37, 3, 0]), "3 rows of idle (it is not active)"),
        (
            rekeyed.clone(),
            Some([36, 3, 1]),
            "3 rows of idle (it is not active), 1 row of transfers that are gone, or own no rows of it now",
        ),
        (
            and(json!({ "Transfer/items": { "active": false } })),
            Some([40, 0, 0]),
            "40 rows of items (it is not active)",
        ),
        (
            and(unsubscribed),
            Some([40, 0, 0]),
            "40 rows of items (no active integration subscribes to `created` of it)",
        ),
        (rekeyed.clone(), None, "the rows of idle (it is not active)"),
    ];
    for (patch, owned, lost) in cases {
        let mut state = state();
        state.ran("idle", 3);
        if let Some(owned) = owned {
            let [items, idle] = ["Transfer/items", "Transfer/idle"].map(|name| state.uid(name));
            let owners = [items, idle, state.uid("Transfer/vips")].into_iter().zip(owned);
            let line = state.entity("crm", "line").incarnation;
            state.owners.insert(line, owners.filter(|(_, count)| *count > 0).collect());
        }
        let wanted = desired(&merged(&golden(), &patch));
        let rekey_alone = Options { allow_delete: false, ..allow_all() };
        let refused = lines(&state.plan(&wanted, &rekey_alone));
        let refused: Vec<_> = refused.iter().filter(|line| line.starts_with("refused")).collect();
        let expected = format!("refused: rows of crm.line would be dropped and not read again: {lost}");
        assert_eq!(refused, Vec::from_iter((!lost.is_empty()).then_some(&expected)), "{patch}");
        assert!(state.plan(&wanted, &allow_all()).is_allowed(), "{patch}");
        let without = Options { allow_rekey: false, ..allow_all() };
        let are_all_lost = lost.starts_with("40");
        let refused = lines(&state.plan(&wanted, &without));
        let says = refused.contains(&"refused: crm.line would be kept under other keys".to_owned());
        assert_eq!(says, are_all_lost, "{patch}: {refused:?}");
    }
}

#[test]
fn another_entity_leaves_the_rows_behind() {
    check(
        &json!({ "Transfer/items": { "to": "crm.contact",
            "mapping": { "primaryKey": { "id": null, "externalId": "id" } } } }),
        &[
            "~ Transfer/items",
            "  spec.mapping.primaryKey.externalId.from: re-read",
            "  spec.mapping.primaryKey.id.from: re-read",
            "  spec.to: re-read",
            "re-read of transfer items 50",
        ],
    );
}

#[test]
fn fields_of_a_project() {
    let contact = |patch: Value| json!({ "Project/crm": { "entities": { "contact": patch } } });
    check(
        &contact(json!({ "fields": { "phone": "phone" } })),
        &["~ Project/crm", "  spec.entities.contact.fields.phone: none"],
    );
    check(
        &contact(json!({ "fields": { "city": "choice" } })),
        &[
            "~ Project/crm",
            "  spec.entities.contact.fields.city.type: re-map",
            "re-map of transfer customers 100",
        ],
    );
    check(
        &contact(json!({ "fields": { "vip": { "type": "boolean", "unique": true } } })),
        &["~ Project/crm", "  spec.entities.contact.fields.vip.unique: re-map", "re-map of transfer vips 90"],
    );
    check(
        &contact(json!({ "fields": { "externalId": "integer" } })),
        &[
            "~ Project/crm",
            "  spec.entities.contact.fields.externalId.type: re-key",
            "re-key of entity crm.contact 80",
            "re-read of transfer customers 100",
            "re-read of transfer vips 90",
        ],
    );
    check(
        &json!({
            "Project/crm": { "entities": { "line": { "fields": { "total": null } } } },
            "Transfer/items": { "mapping": { "fields": null } }
        }),
        &[
            "~ Project/crm",
            "  spec.entities.line.fields.total: drop field",
            "~ Transfer/items",
            "  spec.mapping.fields.total.from: re-map",
            "drop field of field crm.line.total 40",
            "re-map of transfer items 50",
        ],
    );
    check(
        &contact(json!({ "key": ["externalId", "email"] })),
        &[
            "~ Project/crm",
            "  spec.entities.contact.key: re-key",
            "re-key of entity crm.contact 80",
            "re-read of transfer customers 100",
            "re-read of transfer vips 90",
        ],
    );
}

#[test]
fn fields_of_a_source() {
    let config = |patch: Value| json!({ "Source/boutique": { "config": patch } });
    check(
        &config(json!({ "dataTypes": { "customers": { "records": "items" } } })),
        &[
            "~ Source/boutique",
            "  spec.config.dataTypes.customers.records: re-read",
            "re-read of transfer customers 100",
            "re-read of transfer vips 90",
        ],
    );
    check(
        &config(json!({ "dataTypes": { "orders": { "records": "data" } } })),
        &[
            "~ Source/boutique",
            "  spec.config.dataTypes.orders.records: re-read",
            "re-read of transfer idle 0",
            "re-read of transfer items 50",
        ],
    );
    check(
        &config(json!({ "baseUrl": "https://new.example" })),
        &[
            "~ Source/boutique",
            "  spec.config.baseUrl: re-read",
            "re-read of transfer customers 100",
            "re-read of transfer idle 0",
            "re-read of transfer items 50",
            "re-read of transfer vips 90",
        ],
    );
    check(&config(json!({ "rateLimit": "5/s" })), &["~ Source/boutique", "  spec.config.rateLimit: none"]);
    check(
        &config(json!({ "dataTypes": { "more": {} } })),
        &["~ Source/boutique", "  spec.config.dataTypes.more: none"],
    );
    check(
        &json!({ "Authorization/boutique": { "token": "${env:OTHER}" } }),
        &["~ Authorization/boutique", "  spec.token: none"],
    );
}

#[test]
fn update_types() {
    let updates = |patch: Value| json!({ "Integration/boutique": { "subscriptions": patch } });
    let changed = |path: &str, class: &str| format!("  spec.subscriptions.{path}.updates: {class}");
    let cases = [
        (
            json!({ "items": ["created", "updated"] }),
            "items",
            "re-read",
            vec!["re-read of transfer items 50"],
        ),
        (json!({ "customers": ["created"] }), "customers", "none", vec![]),
        (
            json!({ "items": ["created", "deleted"] }),
            "items",
            "deletions",
            vec!["deletions of transfer items"],
        ),
        (
            json!({ "items": ["updated", "deleted"] }),
            "items",
            "re-read",
            vec!["re-read of transfer items 50", "deletions of transfer items"],
        ),
        (json!({ "items": null }), "items", "none", vec![]),
        (json!({ "vips": ["updated"] }), "vips", "re-read", vec!["re-read of transfer vips 90"]),
        (json!({ "idle": ["created"] }), "idle", "none", vec![]),
    ];
    for (patch, transfer, class, effects) in cases {
        let field = changed(transfer, class);
        check(&updates(patch), &[&["~ Integration/boutique", field.as_str()], effects.as_slice()].concat());
    }
}

#[test]
fn what_another_integration_wants_already_is_not_new() {
    check(
        &json!({ "Integration/second": { "subscriptions": { "customers": ["created", "updated"] } } }),
        &["+ Integration/second"],
    );
    check(
        &json!({ "Integration/second": { "subscriptions": { "items": ["created", "updated"] } } }),
        &["+ Integration/second", "re-read of transfer items 50"],
    );
}

/// What a version before has kept in another spelling is no change, and none when something else of it changes.
#[test]
fn another_spelling_of_a_source_is_no_change() {
    let kept = json!({ "Source/boutique": { "config": {
        "baseUrl": "https://Boutique.example/", "dataTypes": { "customers": { "path": "customers" } },
    } } });
    let before = Simulator::with(&merged(&golden(), &kept));
    let check = |patch: Value, expected: &[&str]| {
        let mut state = before.clone();
        let wanted = desired(&merged(&golden(), &patch));
        assert_eq!(lines(&state.plan(&wanted, &Options::default())), expected, "{patch}");
        state.apply(&wanted, &Options::default());
        assert!(!state.plan(&wanted, &Options::default()).has_work(), "{patch}");
    };
    check(json!({}), &[]);
    let limited = json!({ "Source/boutique": { "config": { "rateLimit": "5/s" } } });
    check(limited, &["~ Source/boutique", "  spec.config.rateLimit: none"]);
    // What was kept as it is now may be wanted as it was: a way back in the history.
    let mut state = Simulator::with(&golden());
    let wanted = desired(&merged(&golden(), &kept));
    assert_eq!(lines(&state.plan(&wanted, &Options::default())), [""; 0]);
    state.apply(&wanted, &Options::default());
}

/// A field that gets the column of another one would show its values.
#[test]
fn a_column_belongs_to_one_field() {
    let fields = |city: Value, vip: Value| {
        json!({ "Project/crm": { "store": { "type": "sqlite", "path": "crm.db" },
            "entities": { "contact": { "fields": { "city": city, "vip": vip } } } } })
    };
    let column = |name: &str| json!({ "type": "text", "column": name });
    let before = fields(column("a"), column("b"));
    for (city, vip, expected) in [
        (column("b"), column("a"), 2),
        (column("b"), column("c"), 1),
        (column("c"), column("d"), 0),
        (column("b"), Value::Null, 1),
        // Another name for what is in the column.
        (Value::Null, column("b"), 0),
    ] {
        let mut state = Simulator::with(&merged(&golden(), &before));
        state.ran("customers", 100);
        let without = if vip.is_null() || city.is_null() {
            json!({ "Transfer/vips": null, "Transfer/customers": { "mapping": { "fields": { "city": null } } } })
        } else {
            json!({})
        };
        let after = merged(&merged(&golden(), &fields(city.clone(), vip.clone())), &without);
        let plan = state.plan(&desired(&after), &allow_all());
        let refused: Vec<String> = plan.refusals.iter().map(ToString::to_string).collect();
        assert_eq!(refused.len(), expected, "{city} {vip} {refused:?}");
        assert!(refused.iter().all(|it| it.contains("would take them for its own")), "{refused:?}");
    }
}
