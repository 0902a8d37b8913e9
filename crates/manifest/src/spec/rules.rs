//! What happens to a configuration before it is used: migrations, then transformations, and what is checked afterwards.

use serde_json::Value;

use super::schema::{Violation, violations};
use crate::Json;
use crate::component::{Component, Problem};
use crate::error::ReadError;
use crate::select::path::{Segment, delete, find, set};
use crate::template::{Context, Literals, Template};

/// The rules of a specification.
#[derive(Debug, Default)]
pub(super) struct Rules {
    changes: Vec<Change>,
    checks: Vec<Check>,
}

#[derive(Debug)]
enum Change {
    Add { fields: Vec<Field>, condition: Option<Template> },
    Remove { paths: Vec<Vec<Segment>>, condition: Option<Template> },
    Remap { path: Vec<Template>, map: Vec<(Template, Mapped)> },
}

#[derive(Debug)]
struct Field {
    path: Vec<Segment>,
    shown: Json,
    value: Template,
    literals: Literals,
}

/// What a value is mapped to.
#[derive(Debug)]
enum Mapped {
    Template(Template),
    Value(Value),
}

#[derive(Debug)]
struct Check {
    /// Where it looks; nowhere where it has a value of its own.
    path: Option<Vec<Template>>,
    value: Option<Mapped>,
    schema: Value,
}

impl Rules {
    pub(super) fn of(spec: &Component) -> Result<Self, Problem> {
        let Some(rules) = spec.child("config_normalization_rules") else { return Ok(Self::default()) };
        let mut changes = Vec::new();
        for migration in rules.children("config_migrations") {
            for change in migration.children("transformations") {
                changes.push(Change::of(&change)?);
            }
        }
        for change in rules.children("transformations") {
            changes.push(Change::of(&change)?);
        }
        let checks = rules.children("validations").iter().map(Check::of).collect::<Result<_, _>>()?;
        Ok(Self { changes, checks })
    }

    /// The configuration as it is used.
    pub(super) fn apply(&self, mut config: Value) -> Result<Value, ReadError> {
        for change in &self.changes {
            change.apply(&mut config)?;
        }
        Ok(config)
    }

    /// What a configuration breaks of the checks.
    pub(super) fn check(&self, config: &Value) -> Result<Vec<Violation>, ReadError> {
        let mut found = Vec::new();
        for check in &self.checks {
            check.run(config, &mut found)?;
        }
        Ok(found)
    }
}

fn condition(component: &Component) -> Result<Option<Template>, Problem> {
    Ok(component.template("condition")?.filter(|condition| !condition.source().is_empty()))
}

fn templates(component: &Component, name: &str) -> Result<Vec<Template>, Problem> {
    let path = component.required(name, component.get(name).and_then(Value::as_array))?;
    if path.is_empty() {
        return Err(component.invalid(name, "it is empty"));
    }
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    path.iter().map(|part| component.template_of(name, &text(part))).collect()
}

impl Change {
    fn of(component: &Component) -> Result<Self, Problem> {
        match component.kind() {
            "ConfigAddFields" => {
                let fields = component.children("fields").iter().map(Field::of).collect::<Result<_, _>>()?;
                Ok(Self::Add { fields, condition: condition(component)? })
            }
            "ConfigRemoveFields" => {
                let pointers = component.get("field_pointers").and_then(Value::as_array);
                let pointers = component.required("field_pointers", pointers)?.iter();
                let paths =
                    pointers.filter_map(Value::as_array).map(|path| path.iter().map(Segment::of).collect());
                Ok(Self::Remove { paths: paths.collect(), condition: condition(component)? })
            }
            "ConfigRemapField" => {
                let map = component.required("map", component.get("map").and_then(Value::as_object))?;
                let pair = |(from, to): (&String, &Value)| {
                    Ok((component.template_of("map", from)?, Mapped::of(component, "map", to)?))
                };
                let map = map.iter().map(pair).collect::<Result<_, Problem>>()?;
                Ok(Self::Remap { path: templates(component, "field_path")?, map })
            }
            _ => Err(component.unsupported()),
        }
    }

    fn apply(&self, config: &mut Value) -> Result<(), ReadError> {
        match self {
            Self::Add { fields, condition } => {
                fields.iter().try_for_each(|field| field.add(condition.as_ref(), config))
            }
            Self::Remove { paths, condition } => {
                let context = Context::new(&Json::new(config.clone()));
                if condition.as_ref().map_or(Ok(true), |condition| condition.is_true(&context))? {
                    for path in paths {
                        delete(config, path);
                    }
                }
                Ok(())
            }
            Self::Remap { path, map } => remap(path, map, config),
        }
    }
}

impl Field {
    fn of(component: &Component) -> Result<Self, Problem> {
        let path = component.required("path", component.get("path").and_then(Value::as_array))?;
        if path.is_empty() {
            return Err(component.invalid("path", "it is empty"));
        }
        let literals = match component.str("value_type") {
            None => Literals::Any,
            Some("string") => Literals::Texts,
            Some("number") => Literals::Floats,
            Some("integer") => Literals::Integers,
            Some("boolean") => Literals::Booleans,
            Some(other) => return Err(component.invalid("value_type", format!("`{other}` is no type"))),
        };
        // These templates know no parameters.
        let text = component.required("value", component.str("value"))?;
        let value = component.template_of("value", text)?;
        let shown = Json::new(Value::Array(path.clone()));
        Ok(Self { path: path.iter().map(Segment::of).collect(), shown, value, literals })
    }

    fn add(&self, condition: Option<&Template>, config: &mut Value) -> Result<(), ReadError> {
        let context = Context::new(&Json::new(config.clone()));
        let value = self.value.typed(&context, self.literals)?;
        if let Some(condition) = condition {
            let context = context.with("value", &Json::new(value.clone())).with("path", &self.shown);
            if !condition.is_true(&context)? {
                return Ok(());
            }
        }
        set(config, &self.path, value).map_err(|error| ReadError::Settings(error.to_string()))
    }
}

impl Mapped {
    fn of(component: &Component, name: &str, value: &Value) -> Result<Self, Problem> {
        match value {
            Value::String(text) => component.template_of(name, text).map(Self::Template),
            other => Ok(Self::Value(other.clone())),
        }
    }

    fn value(&self, context: &Context) -> Result<Value, ReadError> {
        match self {
            Self::Template(template) => Ok(template.entry(context, Literals::Any)?),
            Self::Value(value) => Ok(value.clone()),
        }
    }
}

/// Replaces a value that the map knows; a path that leads nowhere changes nothing.
fn remap(path: &[Template], map: &[(Template, Mapped)], config: &mut Value) -> Result<(), ReadError> {
    let context = Context::new(&Json::new(config.clone()));
    let names = path.iter().map(|name| name.text(&context)).collect::<Result<Vec<_>, _>>()?;
    let mut current = Some(&mut *config);
    for name in &names {
        current = current.and_then(|value| value.get_mut(name));
    }
    let Some(current) = current else { return Ok(()) };
    for (from, to) in map {
        if from.entry(&context, Literals::Texts)? == *current {
            *current = to.value(&context)?;
            return Ok(());
        }
    }
    Ok(())
}

impl Check {
    fn of(component: &Component) -> Result<Self, Problem> {
        let strategy = component.required("validation_strategy", component.child("validation_strategy"))?;
        if strategy.kind() != "ValidateAdheresToSchema" {
            return Err(strategy.unsupported());
        }
        let schema = strategy.required("base_schema", strategy.get("base_schema").cloned())?;
        match component.kind() {
            "DpathValidator" => {
                Ok(Self { path: Some(templates(component, "field_path")?), value: None, schema })
            }
            "PredicateValidator" => {
                let value = component.get("value").cloned().unwrap_or_default();
                Ok(Self { path: None, value: Some(Mapped::of(component, "value", &value)?), schema })
            }
            _ => Err(component.unsupported()),
        }
    }

    fn run(&self, config: &Value, found: &mut Vec<Violation>) -> Result<(), ReadError> {
        if let Some(value) = &self.value {
            let value = value.value(&Context::new(&Json::new(config.clone())))?;
            self.look(&value, "", found);
        }
        if let Some(path) = &self.path {
            let context = Context::new(&Json::new(Value::Object(serde_json::Map::new())));
            let names = path.iter().map(|name| name.value(&context)).collect::<Result<Vec<_>, _>>()?;
            let path: Vec<_> = names.iter().map(Segment::of).collect();
            for (_, value) in find(config, &path) {
                self.look(value, &crate::select::path::shown(&path), found);
            }
        }
        Ok(())
    }

    fn look(&self, value: &Value, path: &str, found: &mut Vec<Violation>) {
        let told =
            |path: &str, message: &str| Violation { path: path.to_owned(), message: message.to_owned() };
        // A text is JSON here.
        let parsed = value.as_str().map(serde_json::from_str::<Value>);
        let value = match &parsed {
            Some(Err(_)) => return found.push(told(path, "it is no JSON")),
            Some(Ok(value)) => value,
            None => value,
        };
        let within = |violation: Violation| Violation {
            path: [path, &violation.path]
                .into_iter()
                .filter(|part| !part.is_empty())
                .collect::<Vec<_>>()
                .join("."),
            ..violation
        };
        found.extend(violations(&self.schema, value).into_iter().map(within));
    }
}
