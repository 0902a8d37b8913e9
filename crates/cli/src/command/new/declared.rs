//! What a manifest declares of a data type: the primary key and the fields of its schema. Nothing is declared by other
//! connectors, whose records alone tell what they hold.

use raccord_manifest::load::load;
use raccord_manifest::spec::{Schema, data_types};
use raccord_model::field_path::{FieldPath, Step};
use raccord_model::language::connector::ManifestSettings;
use raccord_model::language::connector::manifest::data_type_name;
use raccord_model::{DataTypeName, Desired, Name};
use raccord_serve::request::FieldView;
use serde_json::Value;

/// How deep into objects the fields of a schema are listed.
const DEPTH: usize = 4;

/// What is declared of a data type.
#[derive(Debug, Default)]
pub(super) struct Declared {
    /// The paths of the fields that are the primary key.
    pub(super) keys: Vec<String>,
    /// The fields of the schema.
    pub(super) fields: Vec<FieldView>,
}

/// What the manifest of a source declares of a data type.
pub(super) fn of(desired: &Desired, source: &Name, data_type: &DataTypeName) -> Declared {
    let settings = desired.source(source).and_then(|spec| spec.settings.get::<ManifestSettings>());
    let Some(manifest) = settings.and_then(|settings| load(&settings.text).ok()) else {
        return Declared::default();
    };
    let found =
        data_types(&manifest).into_iter().find(|it| data_type_name(&it.name).as_ref() == Some(data_type));
    let Some(found) = found else { return Declared::default() };
    let mut fields = Vec::new();
    if let Schema::Known(schema) = &found.schema {
        walk(schema, &mut FieldPath::default(), &mut fields);
    }
    let path = |name: &String| FieldPath(vec![Step::Member(name.clone())]).to_string();
    Declared { keys: found.primary_key.iter().map(path).collect(), fields }
}

fn walk(schema: &Value, path: &mut FieldPath, fields: &mut Vec<FieldView>) {
    let members = schema.get("properties").and_then(Value::as_object);
    if let Some(members) = members.filter(|members| !members.is_empty() && path.0.len() < DEPTH) {
        for (name, member) in members {
            path.0.push(Step::Member(name.clone()));
            walk(member, path, fields);
            path.0.pop();
        }
    } else if !path.0.is_empty() {
        let types = type_of(schema).map(str::to_owned).into_iter().collect();
        let (path, example) = (path.to_string(), String::new());
        fields.push(FieldView { path, types, filled: 0, repeated: 0, example, absent_in: None });
    }
}

/// The type of a field, in the words in which what was seen is told; none where the schema leaves it open.
fn type_of(schema: &Value) -> Option<&'static str> {
    let kind = match schema.get("type")? {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null")?,
        kind => kind.as_str()?,
    };
    Some(match (kind, schema.get("format").and_then(Value::as_str)) {
        ("string", Some("date-time")) => "datetime",
        ("string", Some("date")) => "date",
        ("boolean", _) => "boolean",
        ("integer", _) => "integer",
        ("number", _) => "decimal",
        ("array", _) => "list",
        ("object", _) => "object",
        _ => "text",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_a_schema() {
        let schema = serde_json::json!({"properties": {
            "id": {"type": "integer"},
            "at": {"type": ["null", "string"], "format": "date-time"},
            "address": {"type": "object", "properties": {"city": {"type": "string"}}},
            "meta": {"type": "object"},
            "any": {},
        }});
        let mut fields = Vec::new();
        walk(&schema, &mut FieldPath::default(), &mut fields);
        let mut shown: Vec<_> =
            fields.iter().map(|field| format!("{}: {}", field.path, field.types.join(", "))).collect();
        shown.sort();
        let expected = ["address.city: text", "any: ", "at: datetime", "id: integer", "meta: object"];
        assert_eq!(shown, expected);
    }
}
