//! Renames: what referred to the old name says the same, and what hangs on a resource stays with it.

use serde_json::json;

use super::golden::{golden, state};
use super::simulator::{desired, lines, merged};
use crate::Options;

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
    assert_eq!(state.transfer("clients").decided.epoch, 0);
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
