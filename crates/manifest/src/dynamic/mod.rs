//! Streams and schemas that are known only once a service or the configuration is asked: a template of a stream is
//! filled with the values that a resolver finds, once for each of them.

mod mapping;
mod schema;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value};

pub use schema::SchemaLoader;

use crate::Json;
use crate::component::{Component, Problem};
use crate::connector::Connector;
use crate::error::ReadError;
use crate::load::{Declared, Precedence, propagate};
use crate::select::path::{Segment, get};
use crate::template::{Context, Template};
use mapping::{Mapping, Reading, filled};

/// How many streams one template may give.
const STREAMS: usize = 10_000;
/// How many components and parameters one stream may have.
const PARTS: usize = 200_000;

/// What gives streams out of a template: `DynamicDeclarativeStream`.
#[derive(Debug)]
pub struct Dynamic {
    path: String,
    name: Option<String>,
    template: Json,
    precedence: Precedence,
    mappings: Vec<Mapping>,
    source: Source,
}

/// Where the values come from.
#[derive(Debug)]
enum Source {
    /// The records of a service.
    Records(Component),
    /// The configuration: every combination of the items of several lists in it.
    Config(Vec<List>),
    /// The manifest itself.
    Parameters(Vec<Value>),
}

/// A list in the configuration.
#[derive(Debug)]
struct List {
    pointer: Vec<Template>,
    defaults: Vec<Value>,
}

/// The streams that one `DynamicDeclarativeStream` gives.
#[derive(Debug)]
pub struct Group {
    /// Its name; `dynamic_stream_0` and so on where it has none.
    pub name: String,
    /// Its streams.
    pub streams: Vec<Declared>,
}

/// All streams of a manifest that are known only now.
///
/// # Errors
/// When a resolver cannot be used, the service refuses, or two streams have the same name.
pub async fn streams(connector: &Connector) -> Result<Vec<Declared>, ReadError> {
    Ok(groups(connector).await?.into_iter().flat_map(|group| group.streams).collect())
}

/// The same, by what gives them.
///
/// # Errors
/// When a resolver cannot be used, the service refuses, or two streams have the same name.
pub async fn groups(connector: &Connector) -> Result<Vec<Group>, ReadError> {
    let mut groups: Vec<Group> = Vec::new();
    let mut names = BTreeSet::new();
    for (at, definition) in connector.manifest().dynamic_streams().iter().enumerate() {
        let streams = Dynamic::of(definition)?.streams(connector).await?;
        if let Some(twice) = streams.iter().find(|stream| !names.insert(stream.name.clone())) {
            return Err(ReadError::Settings(format!("two dynamic streams have the name `{}`", twice.name)));
        }
        let name = definition.str("name").map_or_else(|| format!("dynamic_stream_{at}"), str::to_owned);
        groups.push(Group { name, streams });
    }
    Ok(groups)
}

impl Dynamic {
    /// What a component describes.
    ///
    /// # Errors
    /// When it is wrong, or its resolver is not known.
    pub fn of(definition: &Component) -> Result<Self, Problem> {
        let resolver = definition.required("components_resolver", definition.child("components_resolver"))?;
        let template = definition.required("stream_template", definition.get("stream_template"))?;
        let own = definition.bool("use_parent_parameters") == Some(false);
        Ok(Self {
            path: definition.path().to_owned(),
            name: definition.str("name").map(str::to_owned),
            template: Json::new(template.clone()),
            precedence: if own { Precedence::Own } else { Precedence::Parent },
            mappings: Mapping::all(&resolver, resolver.kind() == "ConfigComponentsResolver")?,
            source: Source::of(&resolver)?,
        })
    }

    /// Its streams now.
    ///
    /// # Errors
    /// When the service refuses, or a template has no value.
    pub async fn streams(&self, connector: &Connector) -> Result<Vec<Declared>, ReadError> {
        let context = connector.context();
        let mut streams = Vec::new();
        match &self.source {
            Source::Records(retriever) => self.add_of_records(retriever, connector, &mut streams).await?,
            Source::Config(lists) => {
                for values in combinations(lists, &context)? {
                    let context = context.with("components_values", &Json::new(values));
                    self.add(&context, Reading::YamlUnlessText, &mut streams)?;
                }
            }
            Source::Parameters(values) => {
                for values in values {
                    let context = context.with("components_values", &Json::new(values.clone()));
                    self.add(&context, Reading::Yaml, &mut streams)?;
                }
            }
        }
        Ok(streams)
    }

    async fn add_of_records(
        &self,
        retriever: &Component,
        connector: &Connector,
        streams: &mut Vec<Declared>,
    ) -> Result<(), ReadError> {
        let name = self.name.as_deref().unwrap_or("__http_components_resolver");
        let mut reading = connector.build(&stream_of(name, retriever))?.read(None)?;
        let nothing: Json = Arc::new(Value::Object(Map::new()));
        while let Some(page) = reading.next().await? {
            let partition: Json = Arc::new(Value::Object(page.partition));
            let context = connector.context().with_slice(&partition, &nothing, &nothing);
            for record in page.records {
                let context = context.with("components_values", &Json::new(record.value()));
                self.add(&context, Reading::Plain, streams)?;
            }
        }
        Ok(())
    }

    /// Adds the stream that the values of a context give.
    fn add(&self, context: &Context, reading: Reading, streams: &mut Vec<Declared>) -> Result<(), ReadError> {
        if streams.len() >= STREAMS {
            return Err(ReadError::Settings(format!("`{}` gives more than {STREAMS} streams", self.path)));
        }
        let Value::Object(stream) = filled(&self.template, &self.mappings, context, reading)? else {
            return Err(ReadError::Settings(format!("`{}.stream_template` is no stream", self.path)));
        };
        let mut stream = propagate("", stream, &Map::new(), self.precedence, &mut PARTS.clone())?;
        stream.entry("type").or_insert_with(|| Value::from("DeclarativeStream"));
        let component = Component::new(stream, format!("{}.stream_template", self.path));
        let name = component.required("name", component.str("name"))?.to_owned();
        streams.push(Declared { name, component, condition: None });
        Ok(())
    }
}

/// A stream that has nothing but a retriever.
fn stream_of(name: &str, retriever: &Component) -> Component {
    let members = [
        ("type", Value::from("DeclarativeStream")),
        ("name", Value::from(name)),
        ("retriever", Value::Object(retriever.members().clone())),
    ];
    let members = crate::object(members.map(|(name, value)| (name.to_owned(), value)));
    let path = retriever.path().strip_suffix(".retriever").unwrap_or(retriever.path());
    Component::new(members, path)
}

impl Source {
    fn of(resolver: &Component) -> Result<Self, Problem> {
        match resolver.kind() {
            "HttpComponentsResolver" => {
                resolver.required("retriever", resolver.child("retriever")).map(Self::Records)
            }
            "ConfigComponentsResolver" => resolver
                .children("stream_config")
                .iter()
                .map(List::of)
                .collect::<Result<_, _>>()
                .map(Self::Config),
            "ParametrizedComponentsResolver" => {
                let parameters =
                    resolver.required("stream_parameters", resolver.child("stream_parameters"))?;
                let list = parameters.get("list_of_parameters_for_stream").and_then(Value::as_array);
                Ok(Self::Parameters(parameters.required("list_of_parameters_for_stream", list)?.clone()))
            }
            _ => Err(resolver.unsupported()),
        }
    }
}

impl List {
    fn of(component: &Component) -> Result<Self, Problem> {
        let pointer = component.get("configs_pointer").and_then(Value::as_array).into_iter().flatten();
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let pointer = pointer.map(|part| component.template_of("configs_pointer", &text(part)));
        let defaults = component.get("default_values").and_then(Value::as_array).cloned();
        Ok(Self { pointer: pointer.collect::<Result<_, _>>()?, defaults: defaults.unwrap_or_default() })
    }

    fn items(&self, context: &Context) -> Result<Vec<Value>, ReadError> {
        let names = self.pointer.iter().map(|name| name.value(context)).collect::<Result<Vec<_>, _>>()?;
        let path: Vec<_> = names.iter().map(Segment::of).collect();
        let config = context.json("config").unwrap_or_default();
        let found = get(&config, &path).map_err(|error| ReadError::Settings(error.to_string()))?;
        let mut items = match found {
            None => Vec::new(),
            Some(Value::Array(items)) => items.clone(),
            Some(other) => vec![other.clone()],
        };
        items.extend(self.defaults.iter().cloned());
        Ok(items)
    }
}

/// Every combination of the items of several lists, each as one object.
fn combinations(lists: &[List], context: &Context) -> Result<Vec<Value>, ReadError> {
    let mut found = vec![Map::new()];
    for (which, list) in lists.iter().enumerate() {
        let items = list.items(context)?;
        if found.len().saturating_mul(items.len()) > STREAMS {
            return Err(ReadError::Settings(format!(
                "the configuration describes more than {STREAMS} streams"
            )));
        }
        let joined = |known: &Map<String, Value>, at: usize, item: &Value| {
            let mut values = known.clone();
            match item {
                Value::Object(members) => values.extend(members.clone()),
                other => {
                    let numbered = Value::Array(vec![Value::from(at), other.clone()]);
                    values.entry(format!("source_config_{which}")).or_insert(numbered);
                }
            }
            values
        };
        let each = |known: &Map<String, Value>| -> Vec<_> {
            items.iter().enumerate().map(|(at, item)| joined(known, at, item)).collect()
        };
        found = found.iter().flat_map(each).collect();
    }
    Ok(found.into_iter().map(Value::Object).collect())
}
