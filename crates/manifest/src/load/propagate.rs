//! Types and parameters: each component gets its type, the parameters of those around it, and as members what these
//! parameters name. Plain objects and JSON schemas stay as they are.

use serde_json::{Map, Value};

use super::invalid;
use super::types::{custom_type, default_type};
use crate::component::Problem;

const PARAMETERS: &str = "$parameters";

/// Whose parameters count where two have the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precedence {
    /// Those of the component itself.
    Own,
    /// Those of the components around it.
    Parent,
}

/// Python's truth of a value.
fn truth(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(truth) => *truth,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
    }
}

/// A component and all components in it, with types and parameters. `place` is `Type.member` of where it stands, `parent`
/// the parameters around it; `budget` is how many more components and parameters there may be.
///
/// # Errors
/// When there are more.
pub fn propagate(
    place: &str,
    mut component: Map<String, Value>,
    parent: &Map<String, Value>,
    precedence: Precedence,
    budget: &mut usize,
) -> Result<Map<String, Value>, Problem> {
    infer(place, &mut component);
    let mut parameters = together(component.remove(PARAMETERS), parent, precedence);
    let Some(kind) = component.get("type") else {
        return nested(place, component, &parameters, precedence, budget);
    };
    if kind == "object" || kind.is_array() || kind.is_object() {
        return Ok(component);
    }
    let kind = kind.as_str().unwrap_or_default().to_owned();
    // Every component holds its parameters twice: as members and as parameters.
    let cost = 1 + 2 * parameters.len();
    *budget = budget
        .checked_sub(cost)
        .ok_or_else(|| invalid(place, "the parameters of the manifest are too many"))?;
    for (name, value) in &parameters {
        if !component.get(name).is_some_and(truth) {
            component.insert(name.clone(), value.clone());
        }
    }
    for (member, value) in &mut component {
        if !value.is_object() && !value.is_array() {
            continue;
        }
        // A parameter is not handed to the component that it names: it would hold itself.
        let excluded = parameters.remove(member);
        let place = format!("{kind}.{member}");
        match value {
            Value::Object(members) => {
                *members = propagate(&place, std::mem::take(members), &parameters, precedence, budget)?;
            }
            Value::Array(items) => {
                for item in items.iter_mut() {
                    if let Value::Object(members) = item {
                        *members =
                            propagate(&place, std::mem::take(members), &parameters, precedence, budget)?;
                    }
                }
            }
            _ => {}
        }
        if let Some(excluded) = excluded.filter(truth) {
            parameters.insert(member.clone(), excluded);
        }
    }
    if !parameters.is_empty() {
        component.insert(PARAMETERS.to_owned(), Value::Object(parameters));
    }
    Ok(component)
}

/// Gives a component its type where it names none.
fn infer(place: &str, component: &mut Map<String, Value>) {
    let Some((parent, member)) = place.split_once('.').filter(|_| !component.contains_key("type")) else {
        return;
    };
    let custom = component.contains_key("class_name");
    let found = if custom { custom_type(parent, member) } else { default_type(parent, member) };
    if let Some(found) = found {
        component.insert("type".to_owned(), Value::String(found.to_owned()));
    }
}

fn together(own: Option<Value>, parent: &Map<String, Value>, precedence: Precedence) -> Map<String, Value> {
    let mut parameters = parent.clone();
    let Some(Value::Object(own)) = own else { return parameters };
    for (name, value) in own {
        match precedence {
            Precedence::Own => {
                parameters.insert(name, value);
            }
            Precedence::Parent => {
                parameters.entry(name).or_insert(value);
            }
        }
    }
    parameters
}

/// The components in an object that is none itself.
fn nested(
    place: &str,
    mut object: Map<String, Value>,
    parameters: &Map<String, Value>,
    precedence: Precedence,
    budget: &mut usize,
) -> Result<Map<String, Value>, Problem> {
    for value in object.values_mut() {
        if let Value::Object(members) = value
            && members.get("type").is_some_and(truth)
        {
            *members = propagate(place, std::mem::take(members), parameters, precedence, budget)?;
        }
    }
    Ok(object)
}
