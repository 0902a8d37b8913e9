//! `DynamicSchemaLoader`: a JSON schema out of what a service says of its fields.

use serde_json::{Map, Value, json};

use super::stream_of;
use crate::Json;
use crate::component::{Component, Problem};
use crate::connector::Connector;
use crate::error::ReadError;
use crate::select::path::{Segment, get};
use crate::select::transformed;
use crate::template::{Context, Template};

/// How deep lists of lists may nest.
const DEPTH: usize = 10;

/// Asks a service for a schema.
#[derive(Debug)]
pub struct SchemaLoader {
    retriever: Component,
    fields: Vec<Template>,
    key: Vec<Template>,
    kind: Vec<Template>,
    types: Vec<Renamed>,
    filter: Option<Template>,
    transformations: Vec<Component>,
}

/// A type of the service, and what it is in JSON Schema.
#[derive(Debug)]
struct Renamed {
    from: Value,
    to: Value,
    condition: Option<Template>,
}

impl SchemaLoader {
    /// What a component describes.
    ///
    /// # Errors
    /// When it is wrong.
    pub fn of(component: &Component) -> Result<Self, Problem> {
        if component.kind() != "DynamicSchemaLoader" {
            return Err(component.unsupported());
        }
        let child = |name| component.required(name, component.child(name));
        let identifier = child("schema_type_identifier")?;
        let filter = match component.child("schema_filter") {
            Some(filter) if filter.kind() != "RecordFilter" => return Err(filter.unsupported()),
            Some(filter) => filter.template("condition")?,
            None => None,
        };
        Ok(Self {
            retriever: child("retriever")?,
            fields: pointer(&identifier, "schema_pointer")?,
            key: pointer(&identifier, "key_pointer")?,
            kind: pointer(&identifier, "type_pointer")?,
            types: identifier.children("types_mapping").iter().map(Renamed::of).collect::<Result<_, _>>()?,
            filter,
            transformations: component.children("schema_transformations"),
        })
    }

    /// The schema now.
    ///
    /// # Errors
    /// When the service refuses, or says something else of its fields than the manifest has it.
    pub async fn load(&self, connector: &Connector) -> Result<Value, ReadError> {
        let context = connector.context();
        let properties = match self.first(connector).await? {
            Some(record) => self.properties(&record, &context)?,
            None => Map::new(),
        };
        let properties = self.filtered(properties, &context)?;
        Ok(json!({
            "$schema": "https://json-schema.org/draft-07/schema#",
            "type": "object",
            "additionalProperties": true,
            "properties": transformed(&self.transformations, Value::Object(properties), &context)?,
        }))
    }

    async fn first(&self, connector: &Connector) -> Result<Option<Value>, ReadError> {
        let mut reading = connector.build(&stream_of("dynamic_properties", &self.retriever))?.read(None)?;
        while let Some(page) = reading.next().await? {
            if let Some(record) = page.records.first() {
                return Ok(Some(record.value()));
            }
        }
        Ok(None)
    }

    fn properties(&self, record: &Value, context: &Context) -> Result<Map<String, Value>, ReadError> {
        let fields = found(record, &self.fields, context)?.and_then(Value::as_array);
        let fields = fields.ok_or_else(|| wrong("the schema pointer leads to no list of fields"))?;
        let mut properties = Map::new();
        for field in fields {
            let name = found(field, &self.key, context)?.and_then(Value::as_str);
            let name = name.ok_or_else(|| wrong("a field has no name"))?;
            let default = Value::from("string");
            let kind = if self.kind.is_empty() {
                &default
            } else {
                found(field, &self.kind, context)?.unwrap_or(&default)
            };
            let kind = self.renamed(kind, field, context)?;
            let schema =
                schema_of(&kind, DEPTH).ok_or_else(|| wrong("a field has a type that is not known"))?;
            properties.insert(name.to_owned(), schema);
        }
        Ok(properties)
    }

    fn renamed(&self, kind: &Value, field: &Value, context: &Context) -> Result<Value, ReadError> {
        for renamed in self.types.iter().filter(|renamed| renamed.from == *kind) {
            let holds = match &renamed.condition {
                Some(condition) => {
                    condition.is_true(&context.with("raw_schema", &Json::new(field.clone())))?
                }
                None => true,
            };
            if holds {
                return Ok(renamed.to.clone());
            }
        }
        Ok(kind.clone())
    }

    fn filtered(
        &self,
        properties: Map<String, Value>,
        context: &Context,
    ) -> Result<Map<String, Value>, ReadError> {
        let Some(condition) = &self.filter else { return Ok(properties) };
        let mut kept = Map::new();
        for (name, schema) in properties {
            let record = json!({ name.clone(): schema.clone() });
            if condition.is_true(&context.with("record", &Json::new(record)))? {
                kept.insert(name, schema);
            }
        }
        Ok(kept)
    }
}

impl Renamed {
    fn of(component: &Component) -> Result<Self, Problem> {
        let member = |name| component.required(name, component.get(name).cloned());
        let condition = component.template("condition")?;
        Ok(Self { from: member("current_type")?, to: member("target_type")?, condition })
    }
}

fn wrong(message: &str) -> ReadError {
    ReadError::Answer { url: "the schema of a stream".to_owned(), message: message.to_owned() }
}

fn pointer(component: &Component, name: &str) -> Result<Vec<Template>, Problem> {
    let path = component.get(name).and_then(Value::as_array).into_iter().flatten();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    path.map(|part| component.template_of(name, &text(part))).collect()
}

fn found<'v>(value: &'v Value, path: &[Template], context: &Context) -> Result<Option<&'v Value>, ReadError> {
    let names = path.iter().map(|name| name.value(context)).collect::<Result<Vec<_>, _>>()?;
    let path: Vec<_> = names.iter().map(Segment::of).collect();
    get(value, &path).map_err(|error| wrong(&error.to_string()))
}

/// The schema of a type: a name, two of them, or a list of items.
fn schema_of(kind: &Value, depth: usize) -> Option<Value> {
    let depth = depth.checked_sub(1)?;
    match kind {
        Value::String(name) => named(name),
        Value::Array(names) => match names.as_slice() {
            [Value::String(one), Value::String(two)] => Some(json!({"oneOf": [named(one)?, named(two)?]})),
            _ => None,
        },
        Value::Object(list) => {
            let mut schema = schema_of(list.get("field_type")?, depth)?;
            if let Some(items) = list.get("items").filter(|items| !items.is_null()) {
                let items = schema_of(items, depth)?;
                schema.as_object_mut()?.insert("items".to_owned(), items);
            }
            Some(schema)
        }
        _ => None,
    }
}

fn named(name: &str) -> Option<Value> {
    let (kind, format, precise) = match name {
        "string" | "boolean" | "integer" | "number" | "array" | "object" => (name, None, false),
        "date" => ("string", Some("date"), false),
        "timestamp_with_timezone" => ("string", Some("date-time"), false),
        "timestamp_without_timezone" => ("string", Some("date-time"), true),
        "time_with_timezone" | "time_without_timezone" => ("string", Some("time"), true),
        _ => return None,
    };
    let mut schema = json!({"type": ["null", kind]});
    let members = schema.as_object_mut()?;
    if let Some(format) = format {
        members.insert("format".to_owned(), Value::from(format));
    }
    if precise {
        members.insert("airbyte_type".to_owned(), Value::from(name));
    }
    Some(schema)
}
