//! A stream as each choice of its authenticators makes it. Which one it is, the configuration says; here each has to
//! work.

use serde_json::Value;

use crate::component::Component;

/// How many choices are looked at.
const MOST: usize = 16;

/// The component with the first choice everywhere, with the second, and so on.
pub(super) fn variants(component: &Component) -> Vec<Component> {
    let members = component.members();
    let choices = members.values().map(choices).max().unwrap_or_default().clamp(1, MOST);
    let variant = |at: usize| {
        let mut members = members.clone();
        members.values_mut().for_each(|value| choose(value, at));
        Component::new(members, component.path())
    };
    (0..choices).map(variant).collect()
}

/// The choices that a value is, if it is one.
fn options(value: &Value) -> Option<&serde_json::Map<String, Value>> {
    let is_choice = value.get("type").is_some_and(|kind| kind == "SelectiveAuthenticator");
    value.get("authenticators").filter(|_| is_choice)?.as_object()
}

/// How many choices there are at most in a value.
fn choices(value: &Value) -> usize {
    let inside = match value {
        Value::Object(members) => members.values().map(choices).max(),
        Value::Array(items) => items.iter().map(choices).max(),
        _ => None,
    };
    options(value).map_or(0, serde_json::Map::len).max(inside.unwrap_or_default())
}

fn choose(value: &mut Value, at: usize) {
    let chosen =
        options(value).and_then(|options| options.values().nth(at).or_else(|| options.values().next()));
    if let Some(chosen) = chosen.cloned() {
        *value = chosen;
    }
    match value {
        Value::Object(members) => members.values_mut().for_each(|value| choose(value, at)),
        Value::Array(items) => items.iter_mut().for_each(|value| choose(value, at)),
        _ => {}
    }
}
