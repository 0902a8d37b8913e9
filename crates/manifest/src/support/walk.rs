//! Goes over a component and all that it holds, and finds what cannot be used however it is built: Python code beside the
//! manifest, and components that the language does not have.

use serde_json::Value;

use super::language::members;
use crate::component::{Component, Problem};

/// How deep components are followed.
const DEPTH: usize = 100;

/// What cannot be used of a component.
pub(super) fn problems(component: &Component) -> Vec<Problem> {
    let mut found = Vec::new();
    walk(component, &mut found, DEPTH);
    found
}

fn walk(component: &Component, found: &mut Vec<Problem>, depth: usize) {
    let Some(depth) = depth.checked_sub(1) else { return };
    let Some(members) = members(component.kind()) else {
        found.push(component.unsupported());
        return;
    };
    for member in members {
        for child in held(component, member) {
            walk(&child, found, depth);
        }
    }
}

/// The components of a member: itself, its items, or the members of a plain object.
fn held(component: &Component, member: &str) -> Vec<Component> {
    let children = component.children(member);
    // Parameters of a request may be called `type`, too.
    let is_plain = |child: &Component| member == "request_parameters" && child.kind() != "QueryProperties";
    let is_component = |child: &Component| {
        !is_plain(child) && (child.str("type").is_some() || child.str("class_name").is_some())
    };
    match component.get(member) {
        Some(Value::Object(inside)) if children.iter().all(|child| !is_component(child)) => {
            let Some(around) = component.child(member) else { return Vec::new() };
            inside.keys().flat_map(|name| around.children(name)).filter(is_component).collect()
        }
        _ => children.into_iter().filter(is_component).collect(),
    }
}
