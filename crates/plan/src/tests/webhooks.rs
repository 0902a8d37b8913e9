//! Which applies leave a step to tell a service where to push.

use serde_json::{Value, json};

use super::simulator::{Simulator, allow_all, desired, merged};
use crate::plan::Note;
use crate::{Options, registrations};

/// A source whose webhook is registered, and all that it takes.
fn shop() -> Value {
    let webhook = json!({
        "verify": {"bearer": "${env:HOOK}"},
        "events": {"*": {"dataType": "customers"}},
        "register": {"create": {"path": "/hooks", "body": {"to": "{{ url }}"}}, "delete": {"path": "/hooks/{id}"}},
    });
    json!({
        "Stack/shop": {"webhooks": {"url": "https://raccord.example/in/"}},
        "Project/crm": {"entities": {"contact": {"key": "id", "fields": {"id": "text"}}}},
        "Authorization/boutique": {"type": "bearer", "token": "${env:TOKEN}"},
        "Source/boutique": {
            "connector": "http", "authorization": "boutique", "webhook": webhook,
            "config": {"baseUrl": "https://boutique.example", "dataTypes": {"customers": {}}},
        },
        "Transfer/customers": {
            "source": "boutique", "to": "crm.contact", "active": true, "mapping": {"primaryKey": {"id": "id"}},
        },
        "Integration/boutique": {"active": true, "subscriptions": {"customers": {"updates": ["created"]}}},
    })
}

/// The steps that a patch of what was applied leaves, beside those of the first apply.
fn after(patch: &Value) -> Vec<String> {
    let mut state = Simulator::with(&shop());
    state.apply(&desired(&merged(&shop(), patch)), &allow_all());
    generations(&state)
}

/// The generations that left a step about the source.
fn generations(state: &Simulator) -> Vec<String> {
    let number =
        |key: String| key.rsplit_once('/').map(|(_, number)| number.trim_start_matches('0').to_owned());
    state.steps().into_iter().filter(|key| key.starts_with("webhook/")).filter_map(number).collect()
}

#[test]
fn what_a_service_is_to_know_leaves_a_step_when_it_changes() {
    assert_eq!(after(&json!({})), ["1"]);
    for patch in [
        json!({"Stack/shop": {"webhooks": {"url": "https://other.example"}}}),
        json!({"Stack/shop": {"webhooks": null}}),
        json!({"Integration/boutique": {"active": false}}),
        json!({"Integration/boutique": {"subscriptions": {"customers": null}}}),
        json!({"Transfer/customers": {"active": false}}),
        json!({"Source/boutique": {"webhook": {"register": null}}}),
        json!({"Source/boutique": {"webhook": null}}),
        json!({"Source/boutique": {"webhook": {"register": {"create": {"path": "/endpoints"}}}}}),
        json!({"Source/boutique": {"webhook": {"verify": {"bearer": "${env:OTHER}"}}}}),
        json!({"Source/boutique": {"config": {"baseUrl": "https://other.example"}}}),
        json!({"Source/boutique": null, "Transfer/customers": null, "Integration/boutique": null}),
    ] {
        assert_eq!(after(&patch), ["1", "2"], "{patch}");
    }
    for patch in [
        json!({"Stack/shop": {"webhooks": {"url": "https://raccord.example/in"}}}),
        json!({"Source/boutique": {"webhook": {"events": {"a": "ignore"}, "maxBody": "2MB"}}}),
        json!({"Source/boutique": {"config": {"rateLimit": "1/s"}}}),
        json!({"Authorization/boutique": {"token": "${env:OTHER}"}}),
        json!({"Transfer/customers": {"schedule": {"every": "1h"}}}),
        json!({"Integration/boutique": {"subscriptions": {"customers": {"updates": ["created", "deleted"]}}}}),
        json!({"Integration/other": {"active": true, "subscriptions": {"customers": {"updates": ["updated"]}}}}),
    ] {
        assert_eq!(after(&patch), ["1"], "{patch}");
    }
}

#[test]
fn a_source_that_is_called_otherwise_is_told_another_url() {
    let mut renamed = shop();
    let source = renamed.as_object_mut().unwrap().remove("Source/boutique").unwrap();
    renamed["Source/store <- boutique"] = source;
    renamed["Transfer/customers"]["source"] = json!("store");
    let mut state = Simulator::with(&shop());
    state.apply(&desired(&renamed), &allow_all());
    assert_eq!(generations(&state), ["1", "2"]);
    let keys = state.steps();
    let uid = |key: &str| key.split('/').nth(1).map(str::to_owned);
    assert_eq!(uid(&keys[0]), uid(&keys[1]), "{keys:?}");
}

#[test]
fn only_what_a_target_changes_counts() {
    let mut state = Simulator::with(&shop());
    let patch = json!({
        "Integration/boutique": {"active": false},
        "Project/crm": {"entities": {"contact": {"fields": {"city": "text"}}}},
    });
    let options = Options { targets: vec!["Project/crm".parse().unwrap()], ..allow_all() };
    state.apply(&desired(&merged(&shop(), &patch)), &options);
    assert_eq!(generations(&state), ["1"]);
    state.apply(&desired(&merged(&shop(), &patch)), &allow_all());
    assert_eq!(generations(&state), ["1", "3"]);
}

#[test]
fn a_registration_names_where_to_push() {
    let desired = desired(&shop());
    let resources = desired.resources.iter().map(|(key, wanted)| (key, &wanted.resource));
    let found = registrations(&desired.stack, resources);
    let (_, registration) = found.first_key_value().unwrap();
    assert_eq!(registration.url, "https://raccord.example/in/hooks/shop/boutique");
    assert!(registration.authorization.is_some());
    assert!(registration.is_known_by(&registration.url, registration.source));
    assert!(!registration.is_known_by("https://elsewhere.example", registration.source));
}

#[test]
fn the_address_that_a_service_was_told_by_hand_is_named_when_it_moves() {
    let by_hand = merged(&shop(), &json!({"Source/boutique": {"webhook": {"register": null}}}));
    let renamed = |of: &Value, from: &str, to: &str| {
        let mut renamed = of.clone();
        let body = renamed.as_object_mut().unwrap().remove(from).unwrap();
        renamed.as_object_mut().unwrap().insert(to.to_owned(), body);
        merged(&renamed, &json!({"Transfer/customers": {"source": "store"}}))
    };
    for (before, wanted, expected) in [
        (&by_hand, by_hand.clone(), ""),
        (
            &by_hand,
            renamed(&by_hand, "Source/boutique", "Source/store <- boutique"),
            "/hooks/shop/boutique > /hooks/shop/store",
        ),
        // Without the annotation it is another source.
        (&by_hand, renamed(&by_hand, "Source/boutique", "Source/store"), "/hooks/shop/boutique > "),
        (
            &by_hand,
            merged(&by_hand, &json!({"Stack/shop": null, "Stack/trade <- shop": {}})),
            "/hooks/shop/boutique > /hooks/trade/boutique",
        ),
        (
            &by_hand,
            merged(&by_hand, &json!({"Source/boutique": {"webhook": null}})),
            "/hooks/shop/boutique > ",
        ),
        // A service that is told by an apply need not be told by a person.
        (&shop(), renamed(&shop(), "Source/boutique", "Source/store <- boutique"), ""),
    ] {
        let plan = Simulator::with(before).plan(&desired(&wanted), &Options::default());
        let moves = plan.notes.iter().filter_map(|note| match note {
            Note::WebhookMoves { from, to, .. } => {
                Some(format!("{from} > {}", to.as_deref().unwrap_or_default()))
            }
            _ => None,
        });
        assert_eq!(moves.collect::<Vec<_>>().join(", "), expected, "{wanted}");
    }
}
