//! The golden configuration that the scenarios patch, and the check of a patch: its plan, and that it plans to
//! nothing once it is applied.

use serde_json::{Value, json};

use super::simulator::{Simulator, allow_all, desired, lines, merged};
use crate::Options;

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
pub(crate) fn check_with(patch: &Value, options: &Options, expected: &[&str]) {
    let mut state = state();
    let wanted = desired(&merged(&golden(), patch));
    assert_eq!(lines(&state.plan(&wanted, options)), expected, "{patch}");
    state.apply(&wanted, &allow_all());
    let again = state.plan(&wanted, &Options::default());
    assert_eq!(lines(&again), Vec::<String>::new(), "after applying {patch}");
}

/// The same with everything allowed.
#[track_caller]
pub(crate) fn check(patch: &Value, expected: &[&str]) {
    check_with(patch, &allow_all(), expected);
}
