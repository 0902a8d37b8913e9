//! The settings of a connector as its manifest declares them: what they are called, their types and defaults, which are
//! required and which secret. It never sees a configuration.

use serde_json::{Map, Value};

/// How deep settings may nest.
const DEPTH: usize = 16;

/// A setting.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// Its name.
    pub name: String,
    /// What it is called for people.
    pub title: Option<String>,
    /// What it is.
    pub description: Option<String>,
    /// What it holds.
    pub kind: SettingKind,
    /// Whether it has to be there.
    pub required: bool,
    /// Whether it is a secret.
    pub secret: bool,
    /// What it is where it is not given.
    pub default: Option<Value>,
    /// The values that it may have; none where any of its kind may stand.
    pub choices: Vec<Value>,
    /// The pattern that a text has to fit.
    pub pattern: Option<String>,
    /// Examples.
    pub examples: Vec<Value>,
    /// Where it stands among the others, for people.
    pub order: Option<i64>,
}

/// What a setting holds.
#[derive(Debug, Clone, PartialEq)]
pub enum SettingKind {
    /// A text; with the format that it names (`date`, `date-time`).
    Text(Option<String>),
    /// An integer.
    Integer,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// A list of values of a kind.
    List(Box<SettingKind>),
    /// Settings within it.
    Object(Vec<Setting>),
    /// One of several groups of settings.
    OneOf(Vec<Group>),
    /// Anything.
    Any,
}

/// One of several groups of settings.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// What it is called for people.
    pub title: Option<String>,
    /// What stands in it.
    pub settings: Vec<Setting>,
}

/// The settings that a schema describes, in the order in which people are asked for them.
pub(super) fn settings(schema: &Value) -> Vec<Setting> {
    schema.as_object().map(|schema| members(schema, DEPTH)).unwrap_or_default()
}

fn members(schema: &Map<String, Value>, depth: usize) -> Vec<Setting> {
    let required: Vec<_> = list(schema, "required").iter().filter_map(Value::as_str).collect();
    let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    let mut settings: Vec<_> = properties
        .filter_map(|(name, schema)| {
            Some(setting(name, schema.as_object()?, required.contains(&name.as_str()), depth))
        })
        .collect();
    settings.sort_by_key(|setting| setting.order.unwrap_or(i64::MAX));
    settings
}

fn list<'s>(schema: &'s Map<String, Value>, name: &str) -> &'s [Value] {
    schema.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn setting(name: &str, schema: &Map<String, Value>, required: bool, depth: usize) -> Setting {
    let text = |name: &str| schema.get(name).and_then(Value::as_str).map(str::to_owned);
    let constant = schema.get("const").cloned();
    let choices = constant.map_or_else(|| list(schema, "enum").to_vec(), |constant| vec![constant]);
    Setting {
        name: name.to_owned(),
        title: text("title"),
        description: text("description"),
        kind: kind(schema, depth),
        required,
        secret: is_secret(schema),
        default: schema.get("default").cloned(),
        choices,
        pattern: text("pattern"),
        examples: list(schema, "examples").to_vec(),
        order: schema.get("order").and_then(Value::as_i64),
    }
}

fn is_secret(schema: &Map<String, Value>) -> bool {
    schema.get("airbyte_secret") == Some(&Value::Bool(true))
}

fn kind(schema: &Map<String, Value>, depth: usize) -> SettingKind {
    let Some(depth) = depth.checked_sub(1) else { return SettingKind::Any };
    let options = [list(schema, "oneOf"), list(schema, "anyOf")].concat();
    if !options.is_empty() {
        let group = |option: &Value| {
            let option = option.as_object()?;
            let title = option.get("title").and_then(Value::as_str).map(str::to_owned);
            Some(Group { title, settings: members(option, depth) })
        };
        return SettingKind::OneOf(options.iter().filter_map(group).collect());
    }
    let named = match schema.get("type") {
        Some(Value::String(name)) => Some(name.as_str()),
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).find(|name| *name != "null"),
        _ => None,
    };
    match named {
        Some("string") => SettingKind::Text(schema.get("format").and_then(Value::as_str).map(str::to_owned)),
        Some("integer") => SettingKind::Integer,
        Some("number") => SettingKind::Number,
        Some("boolean") => SettingKind::Boolean,
        Some("array") => {
            let items = schema.get("items").and_then(Value::as_object);
            SettingKind::List(Box::new(items.map_or(SettingKind::Any, |items| kind(items, depth))))
        }
        Some("object") => SettingKind::Object(members(schema, depth)),
        _ => SettingKind::Any,
    }
}

/// The paths of the settings that are secrets; `*` stands for every item of a list.
pub(super) fn secrets(schema: &Value) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    search(schema, &mut Vec::new(), &mut found, DEPTH);
    found.sort();
    found.dedup();
    found
}

fn search(schema: &Value, path: &mut Vec<String>, found: &mut Vec<Vec<String>>, depth: usize) {
    let (Some(schema), Some(depth)) = (schema.as_object(), depth.checked_sub(1)) else { return };
    if is_secret(schema) {
        found.push(path.clone());
    }
    for (name, schema) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        path.push(name.clone());
        search(schema, path, found, depth);
        path.pop();
    }
    if let Some(items) = schema.get("items") {
        path.push("*".to_owned());
        search(items, path, found, depth);
        path.pop();
    }
    for option in ["oneOf", "anyOf", "allOf"].iter().flat_map(|keyword| list(schema, keyword)) {
        search(option, path, found, depth);
    }
}
