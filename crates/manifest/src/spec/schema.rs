//! Values against JSON Schema: every constraint that a value breaks, with its place and never the value itself. What
//! schemas of settings use is known; unknown keywords hold always.

use serde_json::{Map, Value};

/// How deep a schema is followed.
const DEPTH: usize = 64;

/// A constraint that a value breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Where the value stands: `credentials.clientId`, `urls[2]`; empty for the whole.
    pub path: String,
    /// What is wrong with it, in words.
    pub message: String,
}

/// What a value breaks of a schema.
pub fn violations(schema: &Value, value: &Value) -> Vec<Violation> {
    let mut check = Check { root: schema, found: Vec::new() };
    check.value(schema, value, "", DEPTH);
    check.found
}

struct Check<'s> {
    root: &'s Value,
    found: Vec<Violation>,
}

impl<'s> Check<'s> {
    fn tell(&mut self, path: &str, message: impl Into<String>) {
        self.found.push(Violation { path: path.to_owned(), message: message.into() });
    }

    /// What a value breaks of another schema of the same root.
    fn apart(&self, schema: &'s Value, value: &Value, path: &str, depth: usize) -> Vec<Violation> {
        let mut check = Check { root: self.root, found: Vec::new() };
        check.value(schema, value, path, depth);
        check.found
    }

    fn value(&mut self, schema: &'s Value, value: &Value, path: &str, depth: usize) {
        let Some(depth) = depth.checked_sub(1) else { return };
        let schema = match schema {
            Value::Bool(false) => return self.tell(path, "nothing may stand here"),
            Value::Object(schema) => schema,
            _ => return,
        };
        let referred =
            schema.get("$ref").and_then(Value::as_str).and_then(|reference| reference.strip_prefix('#'));
        if let Some(referred) = referred.and_then(|pointer| self.root.pointer(pointer)) {
            self.value(referred, value, path, depth);
        }
        if !typed(schema, value) {
            return self.tell(path, format!("it is not of the type {}", types(schema).join(" or ")));
        }
        self.choice(schema, value, path);
        match value {
            Value::Object(members) => self.object(schema, members, path, depth),
            Value::Array(items) => self.list(schema, items, path, depth),
            Value::String(text) => self.text(schema, text, path),
            Value::Number(_) => self.number(schema, value, path),
            _ => {}
        }
        self.branches(schema, value, path, depth);
    }

    fn choice(&mut self, schema: &Map<String, Value>, value: &Value, path: &str) {
        if let Some(choices) = schema.get("enum").and_then(Value::as_array)
            && !choices.iter().any(|choice| same(choice, value))
        {
            let choices: Vec<_> = choices.iter().map(Value::to_string).collect();
            self.tell(path, format!("it is none of {}", choices.join(", ")));
        }
        if let Some(constant) = schema.get("const").filter(|constant| !same(constant, value)) {
            self.tell(path, format!("it has to be {constant}"));
        }
    }

    fn object(
        &mut self,
        schema: &'s Map<String, Value>,
        members: &Map<String, Value>,
        path: &str,
        depth: usize,
    ) {
        let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
        for name in required.filter_map(Value::as_str).filter(|name| !members.contains_key(*name)) {
            self.tell(&join(path, name), "it is required and missing");
        }
        let properties = schema.get("properties").and_then(Value::as_object);
        for (name, value) in members {
            let path = join(path, name);
            let own = properties.and_then(|properties| properties.get(name));
            match own.or_else(|| schema.get("additionalProperties")) {
                Some(Value::Bool(false)) if own.is_none() && by_pattern(schema, name) => {}
                Some(Value::Bool(false)) if own.is_none() => self.tell(&path, "there is no such setting"),
                Some(schema) => self.value(schema, value, &path, depth),
                None => {}
            }
        }
    }

    fn list(&mut self, schema: &'s Map<String, Value>, items: &[Value], path: &str, depth: usize) {
        let (least, most) = (count(schema, "minItems"), count(schema, "maxItems"));
        if least.is_some_and(|least| items.len() < least) || most.is_some_and(|most| items.len() > most) {
            self.tell(path, format!("it has to have {}", range(least, most, "items")));
        }
        let unique = schema.get("uniqueItems") == Some(&Value::Bool(true));
        if unique
            && items.iter().enumerate().any(|(at, item)| items[..at].iter().any(|other| same(other, item)))
        {
            self.tell(path, "an item stands in it twice");
        }
        if let Some(schema) = schema.get("items") {
            for (at, item) in items.iter().enumerate() {
                self.value(schema, item, &format!("{path}[{at}]"), depth);
            }
        }
    }

    fn text(&mut self, schema: &Map<String, Value>, text: &str, path: &str) {
        let (least, most) = (count(schema, "minLength"), count(schema, "maxLength"));
        let length = text.chars().count();
        if least.is_some_and(|least| length < least) || most.is_some_and(|most| length > most) {
            self.tell(path, format!("it has to have {}", range(least, most, "characters")));
        }
        if let Some(pattern) = schema.get("pattern").and_then(Value::as_str) {
            let fits =
                fancy_regex::Regex::new(pattern).is_ok_and(|regex| regex.is_match(text).unwrap_or(false));
            if !fits {
                self.tell(path, format!("it does not fit the pattern `{pattern}`"));
            }
        }
    }

    fn number(&mut self, schema: &Map<String, Value>, value: &Value, path: &str) {
        let Some(number) = value.as_f64() else { return };
        let mut bound = |keyword: &str, holds: fn(f64, f64) -> bool, words: &str| {
            let bound = schema.get(keyword).and_then(|bound| Some((bound, bound.as_f64()?)));
            if let Some((shown, bound)) = bound
                && !holds(number, bound)
            {
                self.tell(path, format!("it has to be {words} {shown}"));
            }
        };
        bound("minimum", |number, bound| number >= bound, "at least");
        bound("maximum", |number, bound| number <= bound, "at most");
        bound("exclusiveMinimum", |number, bound| number > bound, "more than");
        bound("exclusiveMaximum", |number, bound| number < bound, "less than");
        let step = schema.get("multipleOf").and_then(|step| Some((step, step.as_f64()?)));
        if let Some((shown, _)) = step.filter(|(_, step)| *step > 0.0 && (number / step).fract() != 0.0) {
            self.tell(path, format!("it has to be a multiple of {shown}"));
        }
    }

    fn branches(&mut self, schema: &'s Map<String, Value>, value: &Value, path: &str, depth: usize) {
        let list = |name: &str| schema.get(name).and_then(Value::as_array);
        for branch in list("allOf").into_iter().flatten() {
            self.value(branch, value, path, depth);
        }
        for keyword in ["anyOf", "oneOf"] {
            let Some(branches) = list(keyword) else { continue };
            let broken: Vec<_> =
                branches.iter().map(|branch| self.apart(branch, value, path, depth)).collect();
            let fitting = broken.iter().filter(|broken| broken.is_empty()).count();
            if fitting == 0 {
                self.none_fits(branches, broken, value, path);
            } else if fitting > 1 && keyword == "oneOf" {
                self.tell(path, "it fits more than one of the options");
            }
        }
        if let Some(not) = schema.get("not")
            && self.apart(not, value, path, depth).is_empty()
        {
            self.tell(path, "it is what it must not be");
        }
    }

    /// Tells what is wrong by the option that is meant: the one whose constants the value has.
    fn none_fits(&mut self, branches: &[Value], broken: Vec<Vec<Violation>>, value: &Value, path: &str) {
        let meant = branches.iter().position(|branch| meant(branch, value));
        match meant.and_then(|at| broken.into_iter().nth(at)) {
            Some(broken) => self.found.extend(broken),
            None => self.tell(path, format!("it fits none of the {} options", branches.len())),
        }
    }
}

/// Whether a value has the constants of an option, and there are any.
fn meant(branch: &Value, value: &Value) -> bool {
    let properties = branch.get("properties").and_then(Value::as_object);
    let mut constants = properties.into_iter().flatten().filter_map(|(name, schema)| {
        let only = schema.get("enum").and_then(Value::as_array).filter(|choices| choices.len() == 1);
        let constant = schema.get("const").or_else(|| only?.first())?;
        Some((name, constant))
    });
    let has =
        |(name, constant): (&String, &Value)| value.get(name).is_some_and(|value| same(value, constant));
    constants.next().is_some_and(has) && constants.all(has)
}

/// Equality as JSON Schema has it: `1.0` is `1`.
fn same(one: &Value, two: &Value) -> bool {
    match (one, two) {
        (Value::Number(one), Value::Number(two)) => one.as_f64() == two.as_f64(),
        _ => one == two,
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn types(schema: &Map<String, Value>) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn typed(schema: &Map<String, Value>, value: &Value) -> bool {
    let is = |name: &&str| match *name {
        "string" => value.is_string(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        _ => true,
    };
    let types = types(schema);
    types.is_empty() || types.iter().any(is)
}

fn by_pattern(schema: &Map<String, Value>, name: &str) -> bool {
    let patterns = schema.get("patternProperties").and_then(Value::as_object).into_iter().flatten();
    let fits = |pattern: &str| {
        fancy_regex::Regex::new(pattern).is_ok_and(|regex| regex.is_match(name).unwrap_or(false))
    };
    patterns.map(|(pattern, _)| pattern).any(|pattern| fits(pattern))
}

fn count(schema: &Map<String, Value>, keyword: &str) -> Option<usize> {
    schema.get(keyword).and_then(Value::as_u64).and_then(|count| usize::try_from(count).ok())
}

fn range(least: Option<usize>, most: Option<usize>, what: &str) -> String {
    match (least, most) {
        (Some(least), Some(most)) => format!("{least} to {most} {what}"),
        (Some(least), None) => format!("at least {least} {what}"),
        (None, Some(most)) => format!("at most {most} {what}"),
        (None, None) => format!("some {what}"),
    }
}
