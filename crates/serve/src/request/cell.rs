//! A value of a field as it is shown and exported: a text, or JSON with each digit that was stored. It never goes through a
//! floating-point number, which would round what a field of type json holds.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

/// A value of a field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Cell {
    /// There is none.
    #[default]
    Null,
    /// A text.
    Text(String),
    /// A number, a boolean, a list or an object, as JSON.
    Json(String),
}

impl Cell {
    /// The value of a JSON text. What is no JSON is a text.
    ///
    /// ```
    /// use raccord_serve::request::Cell;
    ///
    /// let digits = Cell::of_json("12345678901234567890.5");
    /// assert_eq!(serde_json::to_string(&digits).unwrap(), "12345678901234567890.5");
    /// ```
    pub fn of_json(json: &str) -> Self {
        match serde_json::from_str::<&RawValue>(json) {
            Ok(raw) => Self::of_raw(raw),
            Err(_) => Self::Text(json.to_owned()),
        }
    }

    fn of_raw(raw: &RawValue) -> Self {
        let json = raw.get();
        match json.as_bytes().first() {
            Some(b'n') => Self::Null,
            Some(b'"') => serde_json::from_str(json).map_or_else(|_| Self::Text(json.to_owned()), Self::Text),
            _ => Self::Json(json.to_owned()),
        }
    }

    /// Whether there is none.
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// For people: a text as it is, nothing for null, anything else as JSON.
    pub fn text(&self) -> &str {
        match self {
            Self::Null => "",
            Self::Text(text) | Self::Json(text) => text,
        }
    }

    /// As JSON.
    pub fn json(&self) -> Cow<'_, str> {
        match self {
            Self::Null => Cow::Borrowed("null"),
            Self::Text(text) => Cow::Owned(Value::from(text.as_str()).to_string()),
            Self::Json(json) => Cow::Borrowed(json),
        }
    }
}

/// Its JSON, a text in its quotes.
impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.json())
    }
}

impl From<Value> for Cell {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::String(text) => Self::Text(text),
            other => Self::Json(other.to_string()),
        }
    }
}

impl Serialize for Cell {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Json(json) => serde_json::from_str::<&RawValue>(json)
                .map_err(serde::ser::Error::custom)?
                .serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Cell {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(|raw| Self::of_raw(&raw))
    }
}

impl JsonSchema for Cell {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Cell".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        true.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_loses_anything_on_its_way() {
        let check = |json: &str, cell: Cell| {
            let read: Cell = serde_json::from_str(json).unwrap();
            assert_eq!(read, cell, "{json}");
            assert_eq!(serde_json::to_string(&cell).unwrap(), json);
            assert_eq!((Cell::of_json(json), cell.json().as_ref()), (cell.clone(), json));
        };
        check("null", Cell::Null);
        check("\"a \\\"b\\\"\"", Cell::Text("a \"b\"".to_owned()));
        for json in [
            "12345678901234567890.123456789",
            "0.1000000000000000055511151231257827",
            "1e400",
            "true",
            "[1,2]",
        ] {
            check(json, Cell::Json(json.to_owned()));
        }
        check(
            "{\"big\":12345678901234567890.123456789}",
            Cell::Json("{\"big\":12345678901234567890.123456789}".to_owned()),
        );
        assert_eq!(Cell::of_json("no JSON"), Cell::Text("no JSON".to_owned()));
        assert_eq!(Cell::from(serde_json::json!({ "a": 1 })), Cell::Json("{\"a\":1}".to_owned()));
    }
}
