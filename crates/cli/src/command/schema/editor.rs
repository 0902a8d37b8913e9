//! Brings the generated schemas into a form that editors and strict validators take: what Ajv's strict mode refuses is
//! said in other words, and completion and hover find what they show. A document passes before as it does after.

use serde_json::{Map, Value, json};

/// The keywords that are about one type alone.
const OF_A_TYPE: [(&str, &[&str]); 5] = [
    ("integer", &["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]),
    ("number", &["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]),
    ("string", &["pattern", "minLength", "maxLength"]),
    ("array", &["items", "minItems", "maxItems", "uniqueItems"]),
    ("object", &["properties", "required", "additionalProperties", "propertyNames"]),
];

/// What an address looks like; `format: email` is known to a validator only when it was told of it.
const EMAIL: &str = r"^[^@\s]+@[^@\s]+$";

/// Rewrites a schema and all below it.
pub(super) fn rewrite(schema: &mut Value) {
    let Value::Object(members) = schema else { return };
    for (keyword, inner) in members.iter_mut() {
        match (keyword.as_str(), inner) {
            ("properties" | "patternProperties" | "$defs", Value::Object(inner)) => {
                inner.values_mut().for_each(rewrite);
            }
            ("anyOf" | "oneOf" | "allOf", Value::Array(inner)) => inner.iter_mut().for_each(rewrite),
            ("items" | "additionalProperties" | "not" | "if" | "then" | "else" | "propertyNames", inner) => {
                rewrite(inner);
            }
            _ => {}
        }
    }
    name_pattern(members);
    formats(members);
    required(members);
    one_type(members);
}

/// Editors complete the values of `additionalProperties`, and not those of `patternProperties`.
fn name_pattern(members: &mut Map<String, Value>) {
    let is_closed = members.get("additionalProperties") == Some(&Value::Bool(false));
    let patterns = members.get("patternProperties").and_then(Value::as_object);
    let only = patterns.filter(|patterns| is_closed && patterns.len() == 1);
    let Some((pattern, value)) = only.and_then(|patterns| patterns.iter().next()) else { return };
    let (pattern, value) = (pattern.clone(), value.clone());
    members.remove("patternProperties");
    members.insert("additionalProperties".to_owned(), value);
    members.insert("propertyNames".to_owned(), json!({ "pattern": pattern, "type": "string" }));
}

/// A format that a validator does not know is an error to a strict one.
fn formats(members: &mut Map<String, Value>) {
    if members.remove("format").is_some_and(|format| format == "email") {
        members.insert("pattern".to_owned(), EMAIL.into());
    }
}

/// What is required is also named.
fn required(members: &mut Map<String, Value>) {
    let Some(Value::Array(names)) = members.get("required").cloned() else { return };
    let properties = members.entry("properties").or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(properties) = properties {
        for name in names.iter().filter_map(Value::as_str) {
            properties.entry(name).or_insert(Value::Bool(true));
        }
    }
}

/// Several types become alternatives of one type each.
fn one_type(members: &mut Map<String, Value>) {
    let Some(Value::Array(types)) = members.get("type") else { return };
    if members.contains_key("anyOf") {
        return;
    }
    let types: Vec<String> = types.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    let mut cases = Vec::new();
    for name in &types {
        let keywords = OF_A_TYPE.iter().find(|(known, _)| known == name).map_or(&[][..], |(_, own)| own);
        let own = keywords.iter().filter_map(|keyword| Some((*keyword, members.get(*keyword)?.clone())));
        let own = own.map(|(keyword, value)| (keyword.to_owned(), value));
        cases.push(std::iter::once(("type".to_owned(), json!(name))).chain(own).collect::<Value>());
    }
    members.remove("type");
    for (_, keywords) in OF_A_TYPE.iter().filter(|(name, _)| types.iter().any(|own| own == name)) {
        for keyword in *keywords {
            members.remove(*keyword);
        }
    }
    members.insert("anyOf".to_owned(), Value::Array(cases));
}

/// Has an editor show the text of a field, and not that of the form in which its value happens to be written.
pub(super) fn hover(schema: &mut Value, definitions: &Map<String, Value>) {
    match schema {
        Value::Object(members) => {
            if let Some(Value::Object(fields)) = members.get_mut("properties") {
                fields.values_mut().for_each(|field| told(field, definitions));
            }
            members.values_mut().for_each(|inner| hover(inner, definitions));
        }
        Value::Array(inner) => inner.iter_mut().for_each(|inner| hover(inner, definitions)),
        _ => {}
    }
}

/// A field whose type has several forms refers to each of them, under its own text.
fn told(field: &mut Value, definitions: &Map<String, Value>) {
    let (Some(text), Some(to)) = (field["description"].as_str(), field["$ref"].as_str()) else { return };
    let definition = to.strip_prefix("#/$defs/").and_then(|name| definitions.get(name));
    let forms = |keyword: &str| definition.and_then(|definition| definition[keyword].as_array());
    if let Some(forms) = forms("anyOf") {
        let refer = |at: usize| json!({ "$ref": format!("{to}/anyOf/{at}"), "description": "" });
        *field = json!({ "description": text, "anyOf": (0..forms.len()).map(refer).collect::<Vec<_>>() });
    } else if let Some(words) =
        forms("oneOf").filter(|words| words.iter().any(|word| word["const"].is_string()))
    {
        let refer = |(at, word): (usize, &Value)| {
            let meaning = word["description"].as_str().unwrap_or_default();
            // A variable stands beside the words, and has no meaning of its own.
            let said = word["const"].as_str().map(|name| format!("{text}\n\n`{name}`: {meaning}"));
            let description = said.unwrap_or_default();
            json!({ "$ref": format!("{to}/oneOf/{at}"), "description": description })
        };
        let words: Vec<Value> = words.iter().enumerate().map(refer).collect();
        *field = json!({ "description": text, "oneOf": words });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(mut schema: Value, expected: &Value) {
        rewrite(&mut schema);
        assert_eq!(schema, *expected);
    }

    #[test]
    fn each_schema_has_one_type_and_no_format() {
        check(
            json!({ "type": ["integer", "null"], "format": "uint32", "minimum": 0, "description": "A size." }),
            &json!({ "description": "A size.", "anyOf": [{ "type": "integer", "minimum": 0 }, { "type": "null" }] }),
        );
        check(json!({ "type": "string", "format": "email" }), &json!({ "type": "string", "pattern": EMAIL }));
        check(
            json!({ "oneOf": [{ "required": ["a"] }] }),
            &json!({ "oneOf": [{ "required": ["a"], "properties": { "a": true } }] }),
        );
        check(
            json!({ "patternProperties": { "^a$": { "type": "string" } }, "additionalProperties": false }),
            &json!({ "additionalProperties": { "type": "string" }, "propertyNames": { "pattern": "^a$", "type": "string" } }),
        );
    }

    #[test]
    fn a_field_is_shown_with_its_own_text() {
        let definitions = json!({
            "Key": { "anyOf": [{ "$ref": "#/$defs/Name" }, { "type": "array" }] },
            "Type": { "oneOf": [{ "const": "text", "description": "Any." }] },
            "Name": { "type": "string" },
        });
        let mut schema = json!({ "properties": {
            "key": { "description": "K.", "$ref": "#/$defs/Key" },
            "type": { "description": "T.", "$ref": "#/$defs/Type" },
            "name": { "description": "N.", "$ref": "#/$defs/Name" },
        } });
        hover(&mut schema, definitions.as_object().unwrap());
        let fields = &schema["properties"];
        assert_eq!(fields["key"]["anyOf"][1], json!({ "$ref": "#/$defs/Key/anyOf/1", "description": "" }));
        assert_eq!(fields["type"]["oneOf"][0]["description"], "T.\n\n`text`: Any.");
        assert_eq!(fields["name"], json!({ "description": "N.", "$ref": "#/$defs/Name" }));
    }
}
