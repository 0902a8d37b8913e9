//! A value that a user gives to a connector whose settings its manifest describes: any JSON, in which a text may be a
//! reference to a secret. Which of them have to be one, the manifest says; nothing is judged here.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::{Number, Value, json};

use crate::secret::{SECRET_MARKER, SecretRef};

/// A value of a setting.
#[derive(Clone, PartialEq, Eq)]
pub enum Setting {
    /// Where a secret is read.
    Secret(SecretRef),
    /// A text.
    Text(String),
    /// A number.
    Number(Number),
    /// True or false.
    Boolean(bool),
    /// Nothing.
    Null,
    /// Several values.
    List(Vec<Self>),
    /// Values by name.
    Map(BTreeMap<String, Self>),
}

impl Setting {
    /// The setting as JSON, a reference to a secret as `secret` says it.
    pub fn to_json(&self, secret: &mut impl FnMut(&SecretRef) -> Value) -> Value {
        match self {
            Self::Secret(reference) => secret(reference),
            Self::Text(text) => Value::String(text.clone()),
            Self::Number(number) => Value::Number(number.clone()),
            Self::Boolean(value) => Value::Bool(*value),
            Self::Null => Value::Null,
            Self::List(items) => Value::Array(items.iter().map(|item| item.to_json(secret)).collect()),
            Self::Map(members) => {
                let members = members.iter().map(|(name, value)| (name.clone(), value.to_json(secret)));
                Value::Object(members.collect())
            }
        }
    }
}

impl fmt::Debug for Setting {
    /// Without texts: one of them may be a secret that was written by mistake.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secret(reference) => reference.fmt(f),
            Self::Text(_) => f.write_str("Text(***)"),
            Self::Number(_) => f.write_str("Number(***)"),
            Self::Boolean(value) => value.fmt(f),
            Self::Null => f.write_str("Null"),
            Self::List(items) => items.fmt(f),
            Self::Map(members) => members.fmt(f),
        }
    }
}

impl Serialize for Setting {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Secret(reference) => reference.serialize(serializer),
            Self::Text(text) => text.serialize(serializer),
            Self::Number(number) => number.serialize(serializer),
            Self::Boolean(value) => value.serialize(serializer),
            Self::Null => serializer.serialize_unit(),
            Self::List(items) => items.serialize(serializer),
            Self::Map(members) => members.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Setting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(SECRET_MARKER, Any)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Setting;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value or a reference to a secret")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<Setting, D::Error> {
        inner.deserialize_any(self)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Setting, E> {
        Ok(text.parse().map_or_else(|_| Setting::Text(text.to_owned()), Setting::Secret))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Setting, E> {
        Ok(Setting::Boolean(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Setting, E> {
        Ok(Setting::Number(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Setting, E> {
        Ok(Setting::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Setting, E> {
        let number = Number::from_f64(value);
        number.map(Setting::Number).ok_or_else(|| E::custom("this number is not finite"))
    }

    fn visit_unit<E: Error>(self) -> Result<Setting, E> {
        Ok(Setting::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Setting, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Setting::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Setting, A::Error> {
        let mut members = BTreeMap::new();
        while let Some((name, value)) = map.next_entry()? {
            members.insert(name, value);
        }
        Ok(Setting::Map(members))
    }
}

impl schemars::JsonSchema for Setting {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Setting".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::Schema::from(
            json!({ "description": "Any value; a text may be a reference to a secret." })
                .as_object()
                .cloned()
                .unwrap_or_default(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_any_value_and_keeps_references() {
        let written = r#"{"a":[1,-2,1.5,true,null,"x"],"b":{"token":"${env:TOKEN}"}}"#;
        let setting: Setting = serde_json::from_str(written).unwrap();
        assert_eq!(serde_json::to_string(&setting).unwrap(), written);
        let shown = setting.to_json(&mut |reference| Value::String(format!("<{reference}>")));
        assert_eq!(shown["b"]["token"], "<${env:TOKEN}>");
        let debug = format!("{:?}", serde_json::from_str::<Setting>(r#""hunter2""#).unwrap());
        assert!(!debug.contains("hunter2"), "{debug}");
    }
}
