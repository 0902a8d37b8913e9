//! Where a request takes a value, and the two small templates of a request: `{parent.FIELD}` or `{event.FIELD}` in a path, `{{ page }}` in a JSON body.
//!
//! Both are parsed when the settings are lowered, so that a wrong name is a finding and never a surprise of
//! a run. They have no logic: what needs some is an expression of a mapping.

use raccord_model::field_path::FieldPath;
use serde_json::Value;

use super::since;

/// The names that a body may use.
pub(super) const BODY_NAMES: [&str; 4] = ["page", "offset", "cursor", "since"];

/// What a name in a body begins with that stands for a field of the parent record.
pub(super) const PARENT: &str = "parent.";

/// Where a request takes a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A query parameter.
    Query(String),
    /// A member of the JSON body.
    Body(FieldPath),
}

/// A path in which fields of the parent record, or of the event, may stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathTemplate(Vec<PathPart>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum PathPart {
    Text(String),
    /// A field, and the number of what it is a field of.
    Field(FieldPath, usize),
    /// From where on records are wanted.
    Since,
}

impl PathTemplate {
    /// Reads a path that takes fields of a `root`: of the `parent` record, of the `event`. The error completes
    /// the sentence "the path …".
    pub(crate) fn parse(text: &str, root: &str) -> Result<Self, String> {
        Self::parse_any(text, &[root])
    }

    /// Reads a path that takes fields of several roots.
    pub(crate) fn parse_any(text: &str, roots: &[&str]) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            if let Some((ahead, after)) = since::split(rest).filter(|(ahead, _)| *ahead == before) {
                parts.extend([PathPart::Text(ahead.to_owned()), PathPart::Since]);
                rest = after;
                continue;
            }
            let (inside, after) = after.split_once('}').ok_or("has a `{` without a `}`")?;
            let mut fields = roots.iter().enumerate().filter_map(|(number, root)| {
                Some((number, inside.trim().strip_prefix(root)?.strip_prefix('.')?))
            });
            let (number, field) = fields.next().ok_or_else(|| {
                let whose = roots.iter().map(|root| if *root == "parent" { "parent record" } else { *root });
                let whose = whose.collect::<Vec<_>>().join(" or the ");
                let forms =
                    roots.iter().map(|root| format!("`{{{root}.FIELD}}`")).collect::<Vec<_>>().join(" or ");
                format!("has `{{{inside}}}`; only a field of the {whose}, {forms}, can be taken")
            })?;
            let field = field.parse().map_err(|error| format!("has a wrong field: {error}"))?;
            parts.push(PathPart::Text(before.to_owned()));
            parts.push(PathPart::Field(field, number));
            rest = after;
        }
        Self::ended(parts, rest, text)
    }

    /// Reads a path that takes values by their names alone.
    pub(crate) fn parse_names(text: &str, names: &[&String]) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            if let Some((ahead, after)) = since::split(rest).filter(|(ahead, _)| *ahead == before) {
                parts.extend([PathPart::Text(ahead.to_owned()), PathPart::Since]);
                rest = after;
                continue;
            }
            let (inside, after) = after.split_once('}').ok_or("has a `{` without a `}`")?;
            if !names.iter().any(|name| *name == inside) {
                return Err(format!("has `{{{inside}}}`; only a name of `for` can be taken"));
            }
            parts.push(PathPart::Text(before.to_owned()));
            parts.push(PathPart::Field(FieldPath::member(inside), 0));
            rest = after;
        }
        Self::ended(parts, rest, text)
    }

    /// The path of `text` whose last part is this one.
    fn ended(mut parts: Vec<PathPart>, rest: &str, text: &str) -> Result<Self, String> {
        if rest.contains('}') {
            return Err("has a `}` without a `{`".to_owned());
        }
        if text.contains('#') {
            return Err("has a `#`; a request has no fragment".to_owned());
        }
        parts.push(PathPart::Text(rest.to_owned()));
        Ok(Self(parts))
    }

    /// The fields of the parent record, in the order in which [`Self::render`] takes their values.
    pub fn fields(&self) -> impl Iterator<Item = &FieldPath> {
        self.fields_by_root().map(|(field, _)| field)
    }

    /// The same, each with the number of its root.
    pub(crate) fn fields_by_root(&self) -> impl Iterator<Item = (&FieldPath, usize)> {
        self.0.iter().filter_map(|part| match part {
            PathPart::Text(_) | PathPart::Since => None,
            PathPart::Field(field, root) => Some((field, *root)),
        })
    }

    /// Whether the path is nothing but one field.
    pub(crate) fn is_field_alone(&self) -> bool {
        let is_text = |part: &PathPart| matches!(part, PathPart::Text(text) if !text.is_empty());
        self.fields().count() == 1 && !self.0.iter().any(is_text)
    }

    /// The path with the values of the fields, percent-encoded.
    pub fn render(&self, values: &[String]) -> String {
        self.render_since(values, "")
    }

    /// The same, with the value from which on records are wanted.
    pub fn render_since(&self, values: &[String], since: &str) -> String {
        let mut values = values.iter();
        let mut path = String::new();
        for part in &self.0 {
            match part {
                PathPart::Text(text) => path.push_str(text),
                PathPart::Since => percent_encode(since, &mut path),
                PathPart::Field(..) => {
                    percent_encode(values.next().map_or("", String::as_str), &mut path);
                }
            }
        }
        path
    }
}

/// Whether a text takes a value by its name: `{region}`.
pub(crate) fn takes_name(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, _)| {
        text.get(..at).is_some_and(|before| before.ends_with('{'))
            && text.get(at + name.len()..).is_some_and(|after| after.starts_with('}'))
    })
}

/// A text with values in the place of their names: `eu-{region}`. Braces around anything else stay what they are.
pub fn fill_names(text: &str, names: &[String], values: &[String]) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let taken = names
            .iter()
            .zip(values)
            .find_map(|(name, value)| Some((value, after.strip_prefix(name.as_str())?.strip_prefix('}')?)));
        rest = if let Some((value, after)) = taken {
            filled.push_str(value);
            after
        } else {
            filled.push('{');
            after
        };
    }
    filled.push_str(rest);
    filled
}

/// Keeps the unreserved characters of RFC 3986 and writes every other byte as `%XX`.
pub(crate) fn percent_encode(text: &str, to: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            to.push(char::from(byte));
        } else {
            to.push('%');
            to.push(char::from(HEX[usize::from(byte >> 4)]));
            to.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

/// A JSON body in whose texts `{{ NAME }}` may stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodyTemplate(Value);

impl BodyTemplate {
    /// Takes a body as it is written. Its names are checked by [`Self::names`].
    pub(crate) fn new(body: Value) -> Self {
        Self(body)
    }

    /// The names that the body uses, or what is wrong with one of its texts.
    pub(crate) fn names(&self) -> Result<Vec<String>, String> {
        let mut names = Vec::new();
        collect_names(&self.0, &mut names)?;
        Ok(names)
    }

    /// The fields of the parent record that it takes, each once.
    pub(super) fn parent_fields(&self) -> Vec<FieldPath> {
        let mut fields: Vec<FieldPath> = Vec::new();
        for name in self.names().unwrap_or_default() {
            let field = name.strip_prefix(PARENT).and_then(|field| field.parse().ok());
            fields.extend(field.filter(|field| !fields.contains(field)));
        }
        fields
    }

    /// The body of one request. A text that is nothing but a name becomes the value itself, with its type;
    /// where that value is missing, the member is left out.
    pub fn render(&self, value_of: &dyn Fn(&str) -> Option<Value>) -> Value {
        render(&self.0, value_of, Gap::Nothing).unwrap_or(Value::Null)
    }

    /// The same, but a member whose text has a name in it is left out too, where that name has no value.
    pub(super) fn render_whole(&self, value_of: &dyn Fn(&str) -> Option<Value>) -> Value {
        render(&self.0, value_of, Gap::LeavesOut).unwrap_or(Value::Null)
    }
}

/// What a name without a value does to the text around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gap {
    /// Nothing stands in its place.
    Nothing,
    /// The whole text is left out.
    LeavesOut,
}

fn collect_names(value: &Value, names: &mut Vec<String>) -> Result<(), String> {
    match value {
        Value::String(text) => {
            let mut rest = text.as_str();
            while let Some((_, after)) = rest.split_once("{{") {
                let (name, after) = after.split_once("}}").ok_or("`{{` has no `}}` after it")?;
                names.push(name.trim().to_owned());
                rest = after;
            }
            Ok(())
        }
        Value::Array(elements) => elements.iter().try_for_each(|element| collect_names(element, names)),
        Value::Object(members) => members.values().try_for_each(|member| collect_names(member, names)),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

fn render(value: &Value, value_of: &dyn Fn(&str) -> Option<Value>, gap: Gap) -> Option<Value> {
    match value {
        Value::String(text) => render_text(text, value_of, gap),
        Value::Array(elements) => {
            Some(elements.iter().filter_map(|element| render(element, value_of, gap)).collect())
        }
        Value::Object(members) => {
            let members = members
                .iter()
                .filter_map(|(name, member)| Some((name.clone(), render(member, value_of, gap)?)));
            Some(Value::Object(members.collect()))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => Some(value.clone()),
    }
}

fn render_text(text: &str, value_of: &dyn Fn(&str) -> Option<Value>, gap: Gap) -> Option<Value> {
    let whole = text.trim().strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
    if let Some(name) = whole
        && !name.contains("}}")
    {
        return value_of(name.trim());
    }
    let mut rendered = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").unwrap_or((after, ""));
        rendered.push_str(before);
        match value_of(name.trim()) {
            Some(Value::String(value)) => rendered.push_str(&value),
            Some(value) => rendered.push_str(&value.to_string()),
            None if gap == Gap::LeavesOut => return None,
            None => {}
        }
        rest = after;
    }
    rendered.push_str(rest);
    Some(Value::String(rendered))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fields_of_the_parent_are_percent_encoded() {
        let template = PathTemplate::parse("/orders/{parent.id}/x/{parent.a.b[0]}", "parent").unwrap();
        let fields: Vec<String> = template.fields().map(ToString::to_string).collect();
        assert_eq!(fields, ["id", "a.b[0]"]);
        let path = template.render(&["a/b ?é".to_owned(), "7".to_owned()]);
        assert_eq!(path, "/orders/a%2Fb%20%3F%C3%A9/x/7");
        for bad in ["/{id}", "/{parent.id", "/x}", "/{parent.}", "/a#b", "/{event.id}", "/{parentid}"] {
            assert!(PathTemplate::parse(bad, "parent").is_err(), "{bad}");
        }
    }

    #[test]
    fn a_name_alone_keeps_its_type_and_is_left_out_without_value() {
        let value_of = |name: &str| match name {
            "page" => Some(json!(3)),
            "since" => Some(json!("2024-01-01")),
            _ => None,
        };
        let cases = [
            (json!({"p": "{{ page }}", "c": "{{cursor}}"}), json!({"p": 3})),
            (json!({"q": "page {{ page }} of {{cursor}}!"}), json!({"q": "page 3 of !"})),
            (json!({"q": "{{page}}{{page}}"}), json!({"q": "33"})),
            (json!([{"s": ["> {{ since }}", null, 1]}]), json!([{"s": ["> 2024-01-01", null, 1]}])),
        ];
        for (body, expected) in cases {
            assert_eq!(BodyTemplate::new(body).render(&value_of), expected);
        }
        assert_eq!(
            BodyTemplate::new(json!(["{{ page }} {{ x }}"])).names(),
            Ok(vec!["page".into(), "x".into()])
        );
        assert!(BodyTemplate::new(json!(["{{ page"])).names().is_err());
    }

    #[test]
    fn values_stand_in_the_place_of_their_names() {
        let names = ["a".to_owned(), "ab".to_owned()];
        let values = ["{ab}".to_owned(), "2".to_owned()];
        for (text, expected) in
            [("{a}-{ab}", "{ab}-2"), ("{{a}}", "{{ab}}"), ("{b} {a", "{b} {a"), ("{ a }", "{ a }"), ("", "")]
        {
            assert_eq!(fill_names(text, &names, &values), expected, "{text}");
        }
        assert!(takes_name("x{ab}", "ab") && !takes_name("{ab}", "a") && !takes_name("{a", "a"));
    }
}
