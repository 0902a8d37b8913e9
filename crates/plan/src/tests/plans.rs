//! What a change of the configuration is in a plan: one golden configuration, small patches of it.

use serde_json::{Value, json};

use super::simulator::{Simulator, allow_all, desired, lines, merged};
use crate::{DiffError, Options, diff};

/// A project with two entities, a source with three data types, four transfers, an integration.
pub(crate) fn golden() -> Value {
    json!({
        "Stack/shop": {},
        "Project/crm": { "entities": {
            "contact": { "key": "externalId", "fields": {
                "externalId": "text", "email": "email", "city": "text", "vip": "boolean"
            } },
            "line": { "key": "id", "fields": { "id": "text", "total": "decimal" } }
        } },
        "Authorization/boutique": { "type": "bearer", "token": "${env:BOUTIQUE_TOKEN}" },
        "Source/boutique": { "connector": "http", "authorization": "boutique", "config": {
            "baseUrl": "https://boutique.example",
            "dataTypes": { "customers": { "records": "data" }, "orders": {}, "items": { "parent": "orders" } }
        } },
        "Transfer/customers": { "source": "boutique", "to": "crm.contact", "active": true, "mapping": {
            "primaryKey": { "externalId": "id" }, "fields": { "email": "email", "city": "city" }
        } },
        "Transfer/vips": { "source": "boutique", "dataType": "customers", "to": "crm.contact", "active": true,
            "mode": "enrich",
            "mapping": { "primaryKey": { "externalId": "id" }, "fields": { "vip": "is_vip" } } },
        "Transfer/items": { "source": "boutique", "to": "crm.line", "active": true, "mapping": {
            "primaryKey": { "id": "id" }, "fields": { "total": "total" }
        } },
        "Transfer/idle": { "source": "boutique", "dataType": "orders", "to": "crm.line" },
        "Integration/boutique": { "active": true, "subscriptions": {
            "customers": ["created", "updated"], "items": ["created"]
        } }
    })
}

/// The golden configuration, applied and run.
pub(crate) fn state() -> Simulator {
    let mut state = Simulator::with(&golden());
    state.ran("customers", 100);
    state.ran("vips", 90);
    state.ran("items", 50);
    state.filled("crm", "contact", 80);
    state.filled("crm", "line", 40);
    state
}

/// Plans a patch of the golden configuration; with everything allowed, it is then applied and plans to nothing.
#[track_caller]
fn check_with(patch: &Value, options: &Options, expected: &[&str]) {
    let mut state = state();
    let wanted = desired(&merged(&golden(), patch));
    assert_eq!(lines(&state.plan(&wanted, options)), expected, "{patch}");
    state.apply(&wanted, &allow_all());
    let again = state.plan(&wanted, &Options::default());
    assert_eq!(lines(&again), Vec::<String>::new(), "after applying {patch}");
}

#[track_caller]
fn check(patch: &Value, expected: &[&str]) {
    check_with(patch, &allow_all(), expected);
}

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

#[test]
fn a_renamed_reference_says_the_same() {
    let mut renamed = golden();
    let map = renamed.as_object_mut().unwrap();
    for (old, new) in [
        ("Source/boutique", "Source/shop <- boutique"),
        ("Transfer/customers", "Transfer/clients <- customers"),
        ("Project/crm", "Project/base <- crm"),
        ("Authorization/boutique", "Authorization/shop <- boutique"),
    ] {
        let spec = map.remove(old).unwrap();
        map.insert(new.to_owned(), spec);
    }
    let renamed = merged(
        &renamed,
        &json!({
            "Source/shop <- boutique": { "authorization": "shop" },
            "Transfer/clients <- customers": { "source": "shop", "to": "base.contact", "dataType": "customers" },
            "Transfer/vips": { "source": "shop", "to": "base.contact" },
            "Transfer/items": { "source": "shop", "to": "base.line" },
            "Transfer/idle": { "source": "shop", "to": "base.line" },
            "Integration/boutique": { "subscriptions": { "customers": null, "clients": ["created", "updated"] } }
        }),
    );
    let wanted = desired(&renamed);
    let mut state = state();
    let uid = state.uid("Transfer/customers");
    let plan = state.apply(&wanted, &Options::default());
    assert_eq!(
        lines(&plan),
        [
            "→ Project/base from crm",
            "→ Authorization/shop from boutique",
            "→ Source/shop from boutique",
            "  spec.authorization: none",
            "→ Transfer/clients from customers",
            "  spec.source: none",
            "  spec.to: none",
            "~ Transfer/idle",
            "  spec.source: none",
            "  spec.to: none",
            "~ Transfer/items",
            "  spec.source: none",
            "  spec.to: none",
            "~ Transfer/vips",
            "  spec.source: none",
            "  spec.to: none",
            "~ Integration/boutique",
            "  spec.subscriptions: none",
        ]
    );
    assert_eq!(state.uid("Transfer/clients"), uid);
    assert_eq!(state.transfer("clients").epoch, 0);
    assert_eq!(
        lines(&state.plan(&wanted, &Options::default())),
        Vec::<String>::new(),
        "the annotation may stay"
    );
}

#[test]
fn a_rename_may_change_the_contents_too() {
    let mut renamed = golden();
    let customers = renamed.as_object_mut().unwrap().remove("Transfer/customers").unwrap();
    let patch = json!({
        "Transfer/clients <- customers": merged(&customers, &json!({ "schedule": "1h" })),
        "Integration/boutique": { "subscriptions": { "customers": null, "clients": ["created", "updated"] } }
    });
    let plan = state().plan(&desired(&merged(&renamed, &patch)), &Options::default());
    // Its data type was its name; under another name it reads another data type.
    assert_eq!(
        lines(&plan),
        [
            "→ Transfer/clients from customers",
            "  spec.dataType: re-read",
            "  spec.schedule.every: restart",
            "~ Integration/boutique",
            "  spec.subscriptions: none",
            "re-read of transfer clients 100",
            "restart of transfer clients",
        ]
    );
}

#[test]
fn an_impossible_rename_is_said_and_ignored() {
    let mut specs = golden();
    let idle = specs["Transfer/idle"].clone();
    specs.as_object_mut().unwrap().insert("Transfer/second <- idle".to_owned(), idle);
    let plan = state().plan(&desired(&specs), &Options::default());
    assert_eq!(
        lines(&plan),
        ["+ Transfer/second", r#"note: {"renameIgnored":{"from":"idle","key":"Transfer/second"}}"#]
    );
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

#[test]
fn a_state_belongs_to_one_stack() {
    let mut other = golden();
    let spec = other.as_object_mut().unwrap().remove("Stack/shop").unwrap();
    other.as_object_mut().unwrap().insert("Stack/other".to_owned(), spec.clone());
    let plan = state().plan(&desired(&other), &allow_all());
    let lines_of = lines(&plan);
    assert!(
        lines_of.contains(&"refused: the state belongs to stack `shop`, not to `other`".to_owned()),
        "{lines_of:?}"
    );

    let renamed = other.as_object_mut().unwrap().remove("Stack/other").unwrap();
    other.as_object_mut().unwrap().insert("Stack/other <- shop".to_owned(), renamed);
    assert!(state().plan(&desired(&other), &Options::default()).is_allowed());
}

#[test]
fn a_nameless_state_may_get_a_name() {
    for document in [json!({}), json!({ "Stack/default": {} })] {
        let nameless = merged(&merged(&golden(), &json!({ "Stack/shop": null })), &document);
        let mut state = Simulator::with(&nameless);
        let wanted = desired(&golden());
        let plan = state.apply(&wanted, &Options::default());
        assert!(
            lines(&plan).contains(&r#"note: {"stackNamed":{"stack":"shop"}}"#.to_owned()),
            "{:?}",
            lines(&plan)
        );
        assert!(!state.plan(&wanted, &Options::default()).has_work());
        let other = desired(&json!({ "Stack/other": {} }));
        assert!(!Simulator::with(&nameless).plan(&other, &allow_all()).is_allowed(), "not when things go");
    }
}

#[test]
fn another_root_is_work_but_no_change() {
    let mut state = state();
    let mut wanted = desired(&golden());
    wanted.root = "/elsewhere".to_owned();
    let plan = state.apply(&wanted, &Options::default());
    assert!(plan.is_empty() && plan.has_work());
    assert_eq!((state.head.root.as_deref(), state.head.generation), (Some("/elsewhere"), 1));
}

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
