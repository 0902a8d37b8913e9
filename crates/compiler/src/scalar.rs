//! A third-party value on its way to a field: what JSON or a cell of a row holds, text kept as text.
//!
//! Reading one never loses anything: a number stays the characters that were sent.

use std::borrow::Cow;

/// A third-party value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scalar<'a> {
    /// Absent, null, or an empty text.
    Empty,
    /// A text.
    Text(Cow<'a, str>),
    /// A number, as it was written.
    Number(Cow<'a, str>),
    /// True or false.
    Boolean(bool),
    /// A list that a transform made.
    List(Vec<Cow<'a, str>>),
    /// A JSON array, raw.
    Array(Cow<'a, str>),
    /// A JSON object, raw.
    Object(Cow<'a, str>),
    /// A JSON text that is no Unicode, raw: half of a surrogate pair, as services leave it when they cut a text.
    Broken(Cow<'a, str>),
}

impl<'a> Scalar<'a> {
    /// Reads raw JSON, which must be valid.
    pub fn from_json(raw: &'a str) -> Self {
        let raw = raw.trim_ascii();
        match raw.as_bytes().first() {
            Some(b'"') => unquote(raw).map_or(Self::Broken(Cow::Borrowed(raw)), Self::text),
            Some(b't') => Self::Boolean(true),
            Some(b'f') => Self::Boolean(false),
            Some(b'[') => Self::Array(Cow::Borrowed(raw)),
            Some(b'{') => Self::Object(Cow::Borrowed(raw)),
            Some(b'n') | None => Self::Empty,
            Some(_) => Self::Number(Cow::Borrowed(raw)),
        }
    }

    /// A text; an empty one is empty.
    pub fn text(text: impl Into<Cow<'a, str>>) -> Self {
        let text = text.into();
        if text.is_empty() { Self::Empty } else { Self::Text(text) }
    }

    /// A value of the configuration.
    pub fn from_value(value: &serde_json::Value) -> Scalar<'static> {
        use serde_json::Value as Json;
        match value {
            Json::Null => Scalar::Empty,
            Json::Bool(value) => Scalar::Boolean(*value),
            Json::Number(number) => Scalar::Number(Cow::Owned(number.to_string())),
            Json::String(text) => Scalar::text(text.clone()),
            Json::Array(_) => Scalar::Array(Cow::Owned(value.to_string())),
            Json::Object(_) => Scalar::Object(Cow::Owned(value.to_string())),
        }
    }

    /// The same, holding its texts itself.
    pub fn into_owned(self) -> Scalar<'static> {
        let owned = |text: Cow<'a, str>| Cow::Owned(text.into_owned());
        match self {
            Self::Empty => Scalar::Empty,
            Self::Text(text) => Scalar::Text(owned(text)),
            Self::Number(text) => Scalar::Number(owned(text)),
            Self::Boolean(value) => Scalar::Boolean(value),
            Self::List(list) => Scalar::List(list.into_iter().map(owned).collect()),
            Self::Array(raw) => Scalar::Array(owned(raw)),
            Self::Object(raw) => Scalar::Object(owned(raw)),
            Self::Broken(raw) => Scalar::Broken(owned(raw)),
        }
    }

    /// What it is, for messages.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Text(_) => "a text",
            Self::Number(_) => "a number",
            Self::Boolean(_) => "a boolean",
            Self::List(_) | Self::Array(_) => "a list",
            Self::Object(_) => "an object",
            Self::Broken(_) => "a text with half a character (an unpaired surrogate)",
        }
    }

    /// Its text, when it is a text, number or boolean.
    pub fn as_text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Text(text) | Self::Number(text) => Some(Cow::Borrowed(text)),
            Self::Boolean(value) => Some(Cow::Borrowed(if *value { "true" } else { "false" })),
            Self::Empty | Self::List(_) | Self::Array(_) | Self::Object(_) | Self::Broken(_) => None,
        }
    }

    /// The elements of a list; those of a raw array as texts.
    pub fn elements(&self) -> Option<Vec<Cow<'_, str>>> {
        match self {
            Self::List(list) => Some(list.iter().map(|item| Cow::Borrowed(item.as_ref())).collect()),
            Self::Array(raw) => {
                let items: Vec<&serde_json::value::RawValue> = serde_json::from_str(raw).ok()?;
                items
                    .into_iter()
                    .map(|item| match Scalar::from_json(item.get()) {
                        Scalar::Text(text) | Scalar::Number(text) => Some(text),
                        Scalar::Boolean(value) => Some(Cow::Borrowed(if value { "true" } else { "false" })),
                        Scalar::Empty => Some(Cow::Borrowed("")),
                        Scalar::List(_) | Scalar::Array(_) | Scalar::Object(_) | Scalar::Broken(_) => None,
                    })
                    .collect()
            }
            Self::Empty
            | Self::Text(_)
            | Self::Number(_)
            | Self::Boolean(_)
            | Self::Object(_)
            | Self::Broken(_) => None,
        }
    }

    /// Compact JSON that loses nothing: white space alone is taken out.
    pub fn to_json(&self) -> String {
        match self {
            Self::Empty => "null".to_owned(),
            Self::Text(text) => serde_json::Value::from(text.as_ref()).to_string(),
            Self::Number(text) => text.to_string(),
            Self::Boolean(value) => value.to_string(),
            Self::List(list) => list.iter().map(AsRef::as_ref).collect::<serde_json::Value>().to_string(),
            Self::Array(raw) | Self::Object(raw) => compact(raw),
            Self::Broken(raw) => raw.to_string(),
        }
    }
}

/// The text inside a JSON string, borrowed unless something is escaped in it; none when it is no Unicode.
fn unquote(raw: &str) -> Option<Cow<'_, str>> {
    let inside = raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default();
    if inside.contains('\\') {
        serde_json::from_str(raw).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inside))
    }
}

/// Takes the white space between the tokens of valid JSON away.
fn compact(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let (mut in_text, mut escaped) = (false, false);
    for c in raw.chars() {
        if in_text {
            in_text = escaped || c != '"';
            escaped = !escaped && c == '\\';
        } else if c.is_ascii_whitespace() {
            continue;
        } else {
            in_text = c == '"';
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost() {
        let cases = [
            ("\"a\"", Scalar::Text("a".into())),
            (r#""a\"\u00e9""#, Scalar::Text("a\"é".into())),
            ("\"\"", Scalar::Empty),
            ("null", Scalar::Empty),
            (r#""\ud83d\ude00""#, Scalar::Text("\u{1f600}".into())),
            (r#""Ann \ud83d""#, Scalar::Broken(r#""Ann \ud83d""#.into())),
            (" 007.10 ", Scalar::Number("007.10".into())),
            ("12345678901234567890", Scalar::Number("12345678901234567890".into())),
            ("false", Scalar::Boolean(false)),
        ];
        for (raw, expected) in cases {
            assert_eq!(Scalar::from_json(raw), expected, "{raw}");
        }
        let object = Scalar::from_json(r#"{ "b" : 1.10, "a": "x \" y" }"#);
        assert_eq!(object.to_json(), r#"{"b":1.10,"a":"x \" y"}"#);
        assert_eq!(Scalar::from_json(r#"["a", 1, true]"#).elements().unwrap(), ["a", "1", "true"]);
        assert_eq!(Scalar::from_json(r#"[{"a":1}]"#).elements(), None);
    }
}
