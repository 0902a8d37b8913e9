//! References: a text that begins with `#/` is what it leads to, and an object's `$ref` is what its own members extend.
//! A reference leads into the manifest as it is written, never through another reference.

use serde_json::{Map, Value};

use super::{DEPTH, VALUES, invalid};
use crate::component::Problem;

const REFERENCE: &str = "$ref";
/// Members that hold settings and no components: a text there is no reference.
const SETTINGS: &str = "config_overrides";

/// A manifest without references.
pub(super) fn resolve(manifest: &Value) -> Result<Value, Problem> {
    let mut resolver = Resolver { manifest, visited: Vec::new(), path: Vec::new(), values: 0 };
    resolver.node(manifest, 0)
}

struct Resolver<'m> {
    manifest: &'m Value,
    /// The references that are being followed.
    visited: Vec<&'m str>,
    /// Where the reading stands.
    path: Vec<String>,
    values: usize,
}

impl<'m> Resolver<'m> {
    fn problem(&self, message: impl Into<String>) -> Problem {
        invalid(self.path.concat().trim_start_matches('.'), message)
    }

    fn node(&mut self, node: &'m Value, depth: usize) -> Result<Value, Problem> {
        self.values += 1;
        if depth > DEPTH || self.values > VALUES {
            return Err(self.problem("the manifest is too large once its references are resolved"));
        }
        match node {
            Value::Object(members) => self.object(members, depth),
            Value::Array(items) => {
                let mut resolved = Vec::with_capacity(items.len());
                for (at, item) in items.iter().enumerate() {
                    self.path.push(format!("[{at}]"));
                    resolved.push(self.node(item, depth + 1)?);
                    self.path.pop();
                }
                Ok(Value::Array(resolved))
            }
            Value::String(text) if text.starts_with("#/") => self.follow(text, depth),
            other => Ok(other.clone()),
        }
    }

    fn object(&mut self, members: &'m Map<String, Value>, depth: usize) -> Result<Value, Problem> {
        let mut own = Map::new();
        for (name, value) in members.iter().filter(|(name, _)| *name != REFERENCE) {
            self.path.push(format!(".{name}"));
            let value = if name == SETTINGS { value.clone() } else { self.node(value, depth + 1)? };
            self.path.pop();
            own.insert(name.clone(), value);
        }
        let Some(reference) = members.get(REFERENCE) else { return Ok(Value::Object(own)) };
        match self.node(reference, depth + 1)? {
            Value::Object(mut referred) => {
                referred.append(&mut own);
                Ok(Value::Object(referred))
            }
            other => Ok(other),
        }
    }

    fn follow(&mut self, reference: &'m str, depth: usize) -> Result<Value, Problem> {
        if self.visited.contains(&reference) {
            return Err(self.problem(format!("the reference `{reference}` leads in a circle")));
        }
        let manifest = self.manifest;
        let Some(target) = find(manifest, &reference[2..]) else {
            return Err(self.problem(format!("the reference `{reference}` leads nowhere")));
        };
        self.visited.push(reference);
        let resolved = self.node(target, depth + 1);
        self.visited.pop();
        resolved
    }
}

/// What a path leads to. A name may hold slashes: the longest is tried first.
fn find<'m>(mut node: &'m Value, mut path: &str) -> Option<&'m Value> {
    while !path.is_empty() {
        if let Some(found) = node.as_object().and_then(|members| members.get(path)) {
            return Some(found);
        }
        let (head, rest) = path.split_once('/').unwrap_or((path, ""));
        node = match node {
            Value::Object(members) => members.get(head)?,
            Value::Array(items) => items.get(head.parse::<usize>().ok()?)?,
            _ => return None,
        };
        path = rest;
    }
    Some(node)
}
