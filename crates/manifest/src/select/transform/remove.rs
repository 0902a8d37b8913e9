//! `RemoveFields`: deletes what paths lead to, or, with a condition, whatever single values it holds for.

use serde_json::Value;

use crate::component::{Component, Problem};
use crate::error::ReadError;
use crate::select::draft::Draft;
use crate::select::path::{Segment, delete, delete_at, find};
use crate::template::{Context, Over, Scope, Template};

/// The fields that are removed.
#[derive(Debug)]
pub(crate) struct RemoveFields {
    paths: Vec<Path>,
    condition: Option<(Template, Context)>,
}

#[derive(Debug)]
struct Path {
    segments: Vec<Segment>,
    /// Its first name, without which it leads nowhere.
    name: Option<String>,
}

impl RemoveFields {
    pub(super) fn new(component: &Component, config: &Context) -> Result<Self, Problem> {
        let pointers = component
            .required("field_pointers", component.get("field_pointers").and_then(Value::as_array))?;
        let path = |pointer: &Value| match pointer.as_array() {
            Some(segments) => {
                let segments: Vec<Segment> = segments.iter().map(Segment::of).collect();
                let name = match segments.first() {
                    Some(Segment::Name(name)) => Some(name.clone()),
                    _ => None,
                };
                Ok(Path { segments, name })
            }
            None => Err(component.invalid("field_pointers", "a list of paths is expected")),
        };
        let condition = component.template("condition")?.filter(|condition| !condition.source().is_empty());
        Ok(Self {
            paths: pointers.iter().map(path).collect::<Result<_, _>>()?,
            condition: condition.map(|condition| (condition, config.clone())),
        })
    }

    /// The names at the root of a record of which something is removed.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.paths.iter().filter_map(|path| path.name.as_deref())
    }

    pub(super) fn apply(&self, draft: &mut Draft<'_>) -> Result<(), ReadError> {
        for path in &self.paths {
            match &self.condition {
                // As in the reference, the condition alone decides: the path does not.
                Some((condition, config)) => delete_where(draft, condition, config)?,
                None if path.name.as_ref().is_some_and(|name| draft.lacks(name)) => {}
                None => delete(draft.value_mut(), &path.segments),
            }
        }
        Ok(())
    }
}

fn delete_where(draft: &mut Draft<'_>, condition: &Template, config: &Context) -> Result<(), ReadError> {
    let mut chosen = Vec::new();
    for (steps, value) in find(draft.value(), &[Segment::Deep]) {
        let single = !value.is_object() && !value.is_array();
        let over = [("property", Over::Json(value))];
        if single && condition.is_true(Scope::new(config, &over))? {
            chosen.push(steps);
        }
    }
    if !chosen.is_empty() {
        let value = draft.value_mut();
        for steps in &chosen {
            delete_at(value, steps);
        }
    }
    Ok(())
}
