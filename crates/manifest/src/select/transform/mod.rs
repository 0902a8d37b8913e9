//! What is made of a record: fields added, removed, renamed, flattened. Each kind changes one draft at a time; none
//! drops a record.

mod add;
mod flatten;
mod keys;
mod remove;

use super::draft::{Draft, View};
use crate::component::{Component, Problem};
use crate::error::ReadError;
use crate::template::{Context, Scope, Template};

use add::AddFields;
use flatten::DpathFlatten;
use remove::RemoveFields;

/// A transformation, compiled.
#[derive(Debug)]
pub(super) enum Transformation {
    Add(AddFields),
    Remove(RemoveFields),
    KeysToLower,
    KeysToSnakeCase,
    KeysReplace { old: Template, new: Template },
    Flatten { lists: bool },
    DpathFlatten(DpathFlatten),
}

/// A transformation for the records of one page: what does not depend on the record is computed once.
#[derive(Debug)]
pub(super) enum Ready<'t> {
    Add(add::Ready<'t>),
    Other(&'t Transformation),
}

impl Transformation {
    /// The transformation that a component describes. `config` is what its paths are evaluated with.
    pub(super) fn new(component: &Component, config: &Context) -> Result<Self, Problem> {
        let needed = |name: &str| component.template(name).and_then(|it| component.required(name, it));
        Ok(match component.kind() {
            "AddFields" => Self::Add(AddFields::new(component)?),
            "RemoveFields" => Self::Remove(RemoveFields::new(component, config)?),
            "KeysToLower" => Self::KeysToLower,
            "KeysToSnakeCase" => Self::KeysToSnakeCase,
            "KeysReplace" => Self::KeysReplace { old: needed("old")?, new: needed("new")? },
            "FlattenFields" => Self::Flatten { lists: component.bool("flatten_lists").unwrap_or(true) },
            "DpathFlattenFields" => Self::DpathFlatten(DpathFlatten::new(component, config)?),
            _ => return Err(component.unsupported()),
        })
    }

    /// The transformations that components describe. Fields that are added one after the other are added together.
    pub(super) fn all(components: &[Component], config: &Context) -> Result<Vec<Self>, Problem> {
        let mut all: Vec<Self> = Vec::with_capacity(components.len());
        for component in components {
            match (Self::new(component, config)?, all.last_mut()) {
                (Self::Add(more), Some(Self::Add(add))) => add.then(more),
                (other, _) => all.push(other),
            }
        }
        Ok(all)
    }

    /// The templates in it that look at records.
    pub(super) fn templates(&self) -> Vec<&Template> {
        match self {
            Self::Add(add) => add.templates().collect(),
            Self::KeysReplace { old, new } => vec![old, new],
            _ => Vec::new(),
        }
    }

    /// The members at the root of a record of which it matters whether they are there.
    pub(super) fn names(&self) -> Vec<&str> {
        match self {
            Self::Add(add) => add.names().collect(),
            Self::Remove(remove) => remove.names().collect(),
            _ => Vec::new(),
        }
    }

    /// The same for the records of a page, whose context knows config and slice.
    pub(super) fn ready(&self, context: &Context) -> Ready<'_> {
        match self {
            Self::Add(add) => Ready::Add(add.ready(context)),
            other => Ready::Other(other),
        }
    }
}

impl Ready<'_> {
    /// Transforms a record.
    pub(super) fn apply<'r>(&'r self, draft: &mut Draft<'r>, context: &Context) -> Result<(), ReadError> {
        match self {
            Self::Add(add) => add.apply(draft, context),
            Self::Other(Transformation::Remove(remove)) => remove.apply(draft),
            Self::Other(Transformation::KeysToLower) => {
                keys::to_lower(draft);
                Ok(())
            }
            Self::Other(Transformation::KeysToSnakeCase) => {
                keys::rename(draft, &keys::snake_case);
                Ok(())
            }
            Self::Other(Transformation::KeysReplace { old, new }) => {
                let over = [("record", draft.seen())];
                let scope = Scope::new(context, &over);
                let (old, new) = (old.text(scope)?, new.text(scope)?);
                keys::rename(draft, &|key| key.replace(&old, &new));
                Ok(())
            }
            Self::Other(Transformation::Flatten { lists }) => {
                flatten::flatten(draft, *lists);
                Ok(())
            }
            Self::Other(Transformation::DpathFlatten(flatten)) => flatten.apply(draft),
            Self::Other(Transformation::Add(_)) => Ok(()),
        }
    }
}

/// A value as transformations make it.
pub(crate) fn transformed(
    components: &[Component],
    value: serde_json::Value,
    context: &Context,
) -> Result<serde_json::Value, ReadError> {
    let view = View::default();
    let mut value = value;
    for component in components {
        let transformation = Transformation::new(component, context)?;
        let (ready, mut draft) = (transformation.ready(context), Draft::new(value, &view));
        ready.apply(&mut draft, context)?;
        value = std::mem::take(draft.value_mut());
    }
    Ok(value)
}

/// What is wrong with a path in a record.
fn wrong(error: &super::path::PathError) -> ReadError {
    ReadError::Answer { url: "a record".to_owned(), message: error.to_string() }
}
