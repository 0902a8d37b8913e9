//! The data types that a manifest's streams give: name, key, schema, and whether a reading can go on where the last one
//! ended.

use serde_json::Value;

use crate::Json;
use crate::component::Component;
use crate::load::Manifest;
use crate::template::Context;

/// A data type.
#[derive(Debug, Clone)]
pub struct DataType {
    /// Its name.
    pub name: String,
    /// Where its stream stands in the manifest.
    pub path: String,
    /// The members of a record that are its primary key; none where the manifest names none.
    pub primary_key: Vec<String>,
    /// What its records look like.
    pub schema: Schema,
    /// The member by which its records are read incrementally; none where they are always read anew.
    pub cursor_field: Option<String>,
    /// Whether the configuration decides if it is there.
    pub conditional: bool,
}

/// What is known of the schema of records.
#[derive(Debug, Clone)]
pub enum Schema {
    /// A JSON schema.
    Known(Json),
    /// The service is asked for it.
    Dynamic,
    /// Nothing.
    Unknown,
}

/// The data types of a manifest's own streams, without those that are known only later.
pub fn data_types(manifest: &Manifest) -> Vec<DataType> {
    let streams = manifest.streams().iter();
    streams.map(|stream| DataType::of(&stream.component, stream.condition.is_some())).collect()
}

impl DataType {
    /// The data type of a stream.
    pub fn of(stream: &Component, conditional: bool) -> Self {
        let own = stream.child("incremental_stream").unwrap_or_else(|| stream.clone());
        Self {
            name: stream.str("name").unwrap_or_default().to_owned(),
            path: stream.path().to_owned(),
            primary_key: primary_key(own.get("primary_key")),
            schema: schema(&own),
            cursor_field: own.child("incremental_sync").and_then(|cursor| cursor_field(&cursor)),
            conditional,
        }
    }
}

fn primary_key(key: Option<&Value>) -> Vec<String> {
    match key {
        Some(Value::String(name)) if !name.is_empty() => vec![name.clone()],
        Some(Value::Array(names)) => names.iter().flat_map(|name| primary_key(Some(name))).collect(),
        _ => Vec::new(),
    }
}

/// The name of the member that a cursor goes by. A template gives it from parameters alone, or it is told as it stands.
fn cursor_field(cursor: &Component) -> Option<String> {
    let template = cursor.template("cursor_field").ok().flatten()?;
    let context = Context::new(&Json::new(Value::Object(serde_json::Map::new())));
    Some(template.text(&context).unwrap_or_else(|_| template.source().to_owned()))
}

fn schema(stream: &Component) -> Schema {
    let loaders = stream.children("schema_loader");
    let schemas: Vec<_> = loaders.iter().map(of_loader).collect();
    match schemas.as_slice() {
        [one] => one.clone(),
        [] => Schema::Unknown,
        several => together(several),
    }
}

fn of_loader(loader: &Component) -> Schema {
    match loader.kind() {
        "InlineSchemaLoader" => {
            loader.get("schema").map_or(Schema::Unknown, |schema| Schema::Known(Json::new(schema.clone())))
        }
        "DynamicSchemaLoader" => Schema::Dynamic,
        _ => Schema::Unknown,
    }
}

/// Several schemas, whose members are put together.
fn together(schemas: &[Schema]) -> Schema {
    let mut properties = serde_json::Map::new();
    for schema in schemas {
        match schema {
            Schema::Known(schema) => {
                let own = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
                properties.extend(own.map(|(name, schema)| (name.clone(), schema.clone())));
            }
            other => return other.clone(),
        }
    }
    let members = [("type", Value::from("object")), ("properties", Value::Object(properties))];
    let members = crate::object(members.map(|(name, value)| (name.to_owned(), value)));
    Schema::Known(Json::new(Value::Object(members)))
}
