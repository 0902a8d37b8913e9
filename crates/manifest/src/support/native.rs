//! Python classes of connectors that have an equivalent here: the one table in which they stand. A manifest's component
//! of such a class becomes one of the named kind, which its builder then knows as it knows the language's own.

use serde_json::{Map, Value};

/// A class and what stands for it.
struct Native {
    /// The connector's name (`source-x`): names of classes repeat between connectors.
    connector: &'static str,
    /// The class as the manifest calls it, without the module in front.
    class: &'static str,
    /// The kind of component here.
    kind: &'static str,
}

/// All classes with an equivalent.
const NATIVE: [Native; 0] = [];

/// What stands for a class of a connector.
fn find(connector: &str, class_name: &str) -> Option<&'static str> {
    let class = class_name.rsplit('.').next().unwrap_or(class_name);
    NATIVE
        .iter()
        .find(|native| native.connector == connector && native.class == class)
        .map(|native| native.kind)
}

/// Gives the components of classes that have an equivalent its kind.
pub(crate) fn replace(connector: &str, value: &mut Value) {
    match value {
        Value::Object(members) => {
            name(connector, members);
            members.values_mut().for_each(|value| replace(connector, value));
        }
        Value::Array(items) => items.iter_mut().for_each(|value| replace(connector, value)),
        _ => {}
    }
}

fn name(connector: &str, members: &mut Map<String, Value>) {
    let class = members.get("class_name").and_then(Value::as_str);
    if let Some(kind) = class.and_then(|class| find(connector, class)) {
        members.remove("class_name");
        members.insert("type".to_owned(), Value::String(kind.to_owned()));
    }
}
