//! The reference pages of the command line and of the language, made from the program and its schemas.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::Command;

use raccord_model::Kind;
use serde_json::Value;

use crate::documentation::check_generated;
use crate::schemas::schema;

#[test]
fn the_page_of_the_command_line_is_fresh() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_raccord"));
    let output = command.arg("reference").env_remove("RACCORD_STATE").output().unwrap();
    assert!(output.status.success());
    check_generated("docs/reference/cli.md", &String::from_utf8(output.stdout).unwrap());
}

#[test]
fn the_page_of_the_language_is_fresh() {
    let mut page = String::from(INTRODUCTION);
    for kind in Kind::ALL {
        let schema: Value = serde_json::from_str(&schema(Some(kind))).unwrap();
        write!(page, "\n## {kind}\n\n{}\n", text(&schema["description"])).unwrap();
        let language =
            Language { definitions: &schema["$defs"], told: RefCell::default(), open: RefCell::default() };
        if kind == Kind::ALL[0] {
            let metadata = &schema["properties"]["metadata"];
            let rows = language.rows(metadata, "metadata");
            page = page.replace("METADATA", &table(&rows));
        }
        language.section(&mut page, &schema["properties"]["spec"]);
    }
    check_generated("docs/reference/language.md", &page);
}

const INTRODUCTION: &str = "\
# The language

Every field of every kind, made from the JSON Schemas in `schemas/`. A document has `apiVersion: raccord/v1`, a `kind`, `metadata` \
and a `spec`; in the paths below `*` is a name and `[]` an item of a list. `${var:NAME}` may stand in every value that is not a \
secret; `${env:NAME}` and `${file:PATH}` are what a *secret* is. What a change of a field means for the data is in \
[another table](consequences.md).

METADATA";

/// One row: the path, the type, the default, what it means.
type Row = [String; 4];

fn table(rows: &[Row]) -> String {
    let mut table = String::from("| field | type | default | |\n|---|---|---|---|\n");
    for [path, form, default, meaning] in rows {
        writeln!(table, "| `{path}` | {form} | {default} | {} |", meaning.replace('|', "\\|")).unwrap();
    }
    table
}

/// A description on one line.
fn text(description: &Value) -> String {
    description.as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}

struct Language<'a> {
    definitions: &'a Value,
    /// Where a type that has members is told; a second time it is only referred to.
    told: RefCell<BTreeMap<&'a str, String>>,
    /// The types that are being told.
    open: RefCell<Vec<&'a str>>,
}

impl<'a> Language<'a> {
    /// The specification of a kind: one table, or one for each form that a member tells apart.
    fn section(&self, page: &mut String, spec: &'a Value) {
        let spec = self.resolved(spec);
        let forms: Vec<&Value> = alternatives(spec).filter(|form| form["properties"].is_object()).collect();
        if spec.get("oneOf").is_none() {
            if spec.get("anyOf").is_some() {
                write!(page, "\n{}\n", text(&spec["description"])).unwrap();
            }
            write!(page, "\n{}", table(&self.rows(spec, "spec"))).unwrap();
            return;
        }
        for form in forms {
            let (tag, value) = tag(form).expect("a form without a tag");
            write!(page, "\n### {tag}: {value}\n\n{}\n", text(&form["description"])).unwrap();
            write!(page, "\n{}", table(&self.rows(form, "spec"))).unwrap();
        }
    }

    fn resolved(&self, schema: &'a Value) -> &'a Value {
        match name(schema) {
            Some(name) => &self.definitions[name],
            None => schema,
        }
    }

    /// The rows of everything below a schema, without one for itself.
    fn rows(&self, schema: &'a Value, path: &str) -> Vec<Row> {
        if inlined(schema).is_some() {
            return Vec::new();
        }
        let name = name(schema);
        if name.is_some_and(|name| self.told.borrow().contains_key(name)) {
            return Vec::new();
        }
        let rows = self.inside(name, |language| language.rows_of(language.resolved(schema), path));
        let rows = rows.unwrap_or_default();
        if let (Some(name), false) = (name, rows.is_empty()) {
            self.told.borrow_mut().insert(name, path.to_owned());
        }
        rows
    }

    /// What is told of a definition; nothing within itself: a list of a type may be a form of that type.
    fn inside<T>(&self, name: Option<&'a str>, tell: impl FnOnce(&Self) -> T) -> Option<T> {
        if name.is_some_and(|name| self.open.borrow().contains(&name)) {
            return None;
        }
        self.open.borrow_mut().extend(name);
        let told = tell(self);
        if name.is_some() {
            self.open.borrow_mut().pop();
        }
        Some(told)
    }

    fn rows_of(&self, schema: &'a Value, path: &str) -> Vec<Row> {
        let mut rows = self.members(schema, path);
        if let Some(value) = values_of_map(schema) {
            rows.extend(self.rows(value, &format!("{path}.*")));
        }
        if let Some(item) = schema.get("items") {
            rows.extend(self.rows(item, &format!("{path}[]")));
        }
        for form in alternatives(schema) {
            match form["const"].as_str() {
                // An enumeration is told where it is used; here one form is a word and another a map.
                Some(word) if !is_choice(schema) => {
                    rows.push([
                        format!("{path}: {word}"),
                        String::new(),
                        String::new(),
                        text(&form["description"]),
                    ]);
                }
                _ => rows.extend(self.rows(form, path)),
            }
        }
        rows
    }

    fn members(&self, schema: &'a Value, path: &str) -> Vec<Row> {
        let mut rows = Vec::new();
        for (name, member) in schema["properties"].as_object().into_iter().flatten() {
            let path = format!("{path}.{name}");
            let is_required = schema["required"]
                .as_array()
                .is_some_and(|required| required.iter().any(|other| other == name));
            let default = match member.get("default") {
                Some(Value::String(default)) => format!("`{default}`"),
                Some(default) if !default.is_object() => format!("`{default}`"),
                _ if is_required => "required".to_owned(),
                _ => String::new(),
            };
            let meaning = self.meaning(member, schema);
            rows.push([path.clone(), self.form(member), default, meaning]);
            rows.extend(self.rows(member, &path));
        }
        rows
    }

    /// The member's own words, or those of its type, or of the form that it alone makes up; then its values.
    fn meaning(&self, member: &'a Value, parent: &Value) -> String {
        let told = [member, self.resolved(member), parent];
        let mut meaning =
            told.into_iter().map(|s| text(&s["description"])).find(|t| !t.is_empty()).unwrap_or_default();
        let choice = std::iter::once(member).chain(alternatives(member)).map(|schema| self.resolved(schema));
        for case in choice.filter(|schema| is_choice(schema)).flat_map(alternatives) {
            if let (Some(word), Some(_)) = (case["const"].as_str(), case.get("description")) {
                write!(meaning, " `{word}`: {}", text(&case["description"])).unwrap();
            }
        }
        meaning
    }

    /// What may stand there, in words.
    fn form(&self, schema: &'a Value) -> String {
        if let Some(kind) = inlined(schema) {
            return format!("[{kind}](#{}), by name or inline", kind.to_lowercase());
        }
        let told = name(schema).and_then(|name| self.told.borrow().get(name).cloned());
        if let Some(path) = told {
            return format!("as `{path}`");
        }
        self.inside(name(schema), |language| language.form_of(schema))
            .unwrap_or_else(|| "the same".to_owned())
    }

    fn form_of(&self, schema: &'a Value) -> String {
        let schema_name = name(schema);
        let schema = self.resolved(schema);
        // The types that are one word say in lower case what they are.
        let said = text(&schema["description"]);
        if schema_name.is_some() && said.starts_with(char::is_lowercase) {
            return said.split(", for example").next().unwrap_or_default().to_owned();
        }
        let forms: Vec<String> = alternatives(schema)
            .filter(|form| name(form) != Some("Variable") && form["type"] != "null")
            .map(|form| self.form(form))
            .collect();
        if !forms.is_empty() {
            let mut distinct: Vec<String> = Vec::new();
            for form in forms {
                if !distinct.contains(&form) {
                    distinct.push(form);
                }
            }
            return distinct.join(if is_choice(schema) { ", " } else { " or " });
        }
        if let Some(word) = schema["const"].as_str() {
            return format!("`{word}`");
        }
        if let Some(words) = schema["enum"].as_array() {
            let words: Vec<String> =
                words.iter().filter_map(Value::as_str).map(|word| format!("`{word}`")).collect();
            return words.join(", ");
        }
        let kind = schema["type"].get(0).unwrap_or(&schema["type"]);
        match kind.as_str() {
            Some("string") if schema_name == Some("SecretRef") => "secret".to_owned(),
            Some("string") => "text".to_owned(),
            Some("array") => format!("list: {}", self.form(&schema["items"])),
            Some("object") => match values_of_map(schema) {
                Some(value) => format!("map by name: {}", self.form(value)),
                None => "map".to_owned(),
            },
            Some(other) => other.to_owned(),
            None => "any value".to_owned(),
        }
    }
}

/// The name of the definition that a schema refers to.
fn name(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.strip_prefix("#/$defs/")
}

/// The kind that a schema lets stand inline or by name.
fn inlined(schema: &Value) -> Option<&str> {
    name(schema)?.strip_prefix("ByNameOrInline_")?.strip_suffix("Spec")
}

/// The forms that a value may take.
fn alternatives(schema: &Value) -> impl Iterator<Item = &Value> {
    let forms = ["anyOf", "oneOf"].into_iter().filter_map(|keyword| schema[keyword].as_array()).flatten();
    // A case that only requires a member is no form of its own; and what is written without quotes where a text is
    // wanted is a text.
    let is_text = forms.clone().any(|form| form["type"] == "string");
    let is_form = move |form: &&Value| {
        let is_scalar = ["number", "boolean"].iter().any(|kind| form["type"] == *kind);
        form.as_object().is_some_and(|form| !form.contains_key("required") || form.contains_key("type"))
            && !(is_text && is_scalar)
    };
    forms.filter(is_form)
}

/// Whether the schema is an enumeration of words.
fn is_choice(schema: &Value) -> bool {
    let forms = schema["oneOf"].as_array();
    forms.is_some_and(|forms| {
        forms.iter().all(|form| form["const"].is_string() || name(form) == Some("Variable"))
    })
}

/// The schema of what a map by name holds.
fn values_of_map(schema: &Value) -> Option<&Value> {
    let patterns = schema.get("propertyNames").and_then(|_| schema.get("additionalProperties"));
    patterns.or_else(|| schema.get("additionalProperties").filter(|values| values.is_object()))
}

/// The member that tells a form from the others.
fn tag(form: &Value) -> Option<(&str, &str)> {
    let members = form["properties"].as_object()?;
    members.iter().find_map(|(name, member)| {
        let value = member["const"].as_str().or_else(|| member["pattern"].as_str().map(|_| "a path"));
        let value = value.or_else(|| member["enum"].as_array().map(|_| "a name of the catalogue"));
        Some((&**name, value?))
    })
}
