//! `FlattenFields` and `DpathFlattenFields`: members of nested objects become members of the record.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::wrong;
use crate::component::{Component, Problem};
use crate::error::ReadError;
use crate::select::draft::Draft;
use crate::select::path::{Segment, delete, find, get};
use crate::template::Context;

/// A JSON value whose members are in the order of the text: how names are chosen depends on it.
#[derive(Debug)]
enum Ordered {
    Object(Vec<(String, Ordered)>),
    List(Vec<Ordered>),
    Single(Value),
}

/// Makes a record flat. A name that is taken gets the names above it before it; so do all names once an element of a
/// list was met.
pub(super) fn flatten(draft: &mut Draft<'_>, lists: bool) {
    let tree = match draft.text().map(|text| serde_json::from_slice(&text)) {
        Some(Ok(tree)) => tree,
        _ => Ordered::from(draft.value().as_ref()),
    };
    let mut flat = Map::new();
    let mut prefixed = false;
    let mut open = vec![(tree, "_".to_owned())];
    while let Some((value, name)) = open.pop() {
        match value {
            Ordered::Object(members) => {
                for (key, inner) in members {
                    let taken = prefixed || flat.contains_key(&key);
                    let key = if taken { format!("{name}.{key}") } else { key };
                    open.push((inner, key));
                }
            }
            Ordered::List(items) if lists => {
                for (at, item) in items.into_iter().enumerate() {
                    prefixed = true;
                    open.push((item, format!("{name}.{at}")));
                }
            }
            other => drop(flat.insert(name, other.into())),
        }
    }
    *draft.value_mut() = Value::Object(flat);
}

/// A path whose object is flattened.
#[derive(Debug)]
pub(crate) struct DpathFlatten {
    path: Vec<Segment>,
    delete_origin: bool,
    replace_record: bool,
    prefix: String,
    suffix: String,
}

impl DpathFlatten {
    pub(super) fn new(component: &Component, config: &Context) -> Result<Self, Problem> {
        let keys = component.child("key_transformation");
        let part = |name: &str| -> Result<String, Problem> {
            let Some(keys) = &keys else { return Ok(String::new()) };
            match keys.template(name)? {
                Some(template) => template.text(config).map_err(|error| keys.invalid(name, error)),
                None => Ok(String::new()),
            }
        };
        Ok(Self {
            path: crate::select::evaluated_path(component, "field_path", config)?,
            delete_origin: component.bool("delete_origin_value").unwrap_or(false),
            replace_record: component.bool("replace_record").unwrap_or(false),
            prefix: part("prefix")?,
            suffix: part("suffix")?,
        })
    }

    pub(super) fn apply(&self, draft: &mut Draft<'_>) -> Result<(), ReadError> {
        let record = draft.value();
        let origin = if self.path.contains(&Segment::Pattern("*".to_owned())) {
            find(record, &self.path).first().map(|(_, value)| *value)
        } else {
            get(record, &self.path).map_err(|error| wrong(&error))?
        };
        let Some(Value::Object(origin)) = origin else { return Ok(()) };
        let renamed =
            |(key, value): (&String, &Value)| (format!("{}{key}{}", self.prefix, self.suffix), value.clone());
        let flat = crate::object(origin.iter().map(renamed));
        if self.replace_record && !flat.is_empty() {
            *draft.value_mut() = Value::Object(flat);
            return Ok(());
        }
        let taken =
            record.as_object().is_some_and(|members| flat.keys().any(|key| members.contains_key(key)));
        if !taken {
            if self.delete_origin {
                delete(draft.value_mut(), &self.path);
            }
            if let Some(members) = draft.members_mut() {
                members.extend(flat);
            }
        }
        Ok(())
    }
}

impl From<&Value> for Ordered {
    fn from(value: &Value) -> Self {
        match value {
            Value::Object(members) => {
                Self::Object(members.iter().map(|(key, value)| (key.clone(), Self::from(value))).collect())
            }
            Value::Array(items) => Self::List(items.iter().map(Self::from).collect()),
            other => Self::Single(other.clone()),
        }
    }
}

impl From<Ordered> for Value {
    fn from(tree: Ordered) -> Self {
        match tree {
            Ordered::Object(members) => {
                Self::Object(crate::object(members.into_iter().map(|(key, value)| (key, value.into()))))
            }
            Ordered::List(items) => Self::Array(items.into_iter().map(Self::from).collect()),
            Ordered::Single(value) => value,
        }
    }
}

impl<'de> Deserialize<'de> for Ordered {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OrderedVisitor)
    }
}

struct OrderedVisitor;

impl<'de> Visitor<'de> for OrderedVisitor {
    type Value = Ordered;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ordered, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Ordered::Object(members))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Ordered, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Ordered::List(items))
    }

    fn visit_unit<E>(self) -> Result<Ordered, E> {
        Ok(Ordered::Single(Value::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Ordered, E> {
        Ok(Ordered::Single(Value::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Ordered, E> {
        Ok(Ordered::Single(Value::from(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Ordered, E> {
        Ok(Ordered::Single(Value::from(value)))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Ordered, E> {
        Ok(Ordered::Single(Number::from_f64(value).map_or(Value::Null, Value::Number)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Ordered, E> {
        Ok(Ordered::Single(Value::from(value)))
    }
}
