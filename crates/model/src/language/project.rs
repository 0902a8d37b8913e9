//! `Project`: where records land. Entities with typed fields and a key, kept in a store.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::is_default;
use super::store::{Manage, Store};
use crate::name::Ident;
use crate::shorthand::{or_a, shorthand};

/// What a Project says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProjectSpec {
    /// The entities, by name.
    pub entities: BTreeMap<Ident, Entity>,
    /// Where the records are kept.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub store: Store,
    /// When true, a plan that would delete the project is refused, even when its YAML is gone.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub protect: bool,
}

/// One entity: its key and its fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Entity {
    /// What may be changed of its table, where the store has tables.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub manage: Manage,
    /// Its table, where the store has tables. Default: the entity's name in snake case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// The field, or the list of fields, that tells one record from another.
    pub key: EntityKey,
    /// The fields, by name.
    pub fields: BTreeMap<Ident, Field>,
}

impl Entity {
    /// An entity with a key, without fields and with every default.
    pub const fn keyed(key: EntityKey) -> Self {
        Self { manage: Manage::Additive, table: None, key, fields: BTreeMap::new() }
    }
}

/// The key fields of an entity, in order: one name or a list of names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(transparent)]
#[schemars(transform = or_a("Ident"))]
pub struct EntityKey(pub Vec<Ident>);

impl<'de> Deserialize<'de> for EntityKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;
        impl<'de> serde::de::Visitor<'de> for OneOrMany {
            type Value = EntityKey;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("the name of a field or a list of names")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<EntityKey, E> {
                text.parse().map(|name| EntityKey(vec![name])).map_err(E::custom)
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<EntityKey, A::Error> {
                let mut names = Vec::new();
                while let Some(name) = seq.next_element()? {
                    names.push(name);
                }
                Ok(EntityKey(names))
            }
        }
        deserializer.deserialize_any(OneOrMany)
    }
}

/// One field of an entity; `text` is short for `{type: text}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "camelCase", deny_unknown_fields)]
#[schemars(!remote, transform = or_a("FieldType"))]
pub struct Field {
    /// The type of its values.
    #[serde(rename = "type")]
    pub field_type: FieldType,
    /// Whether a record without a value is rejected.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub required: bool,
    /// What a new row has here when the mapping does not feed the field or ignores its empty value; and what that becomes with
    /// `onEmpty: default`, or when the field is required. Otherwise `onEmpty: clear` makes it null all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<serde_json::Value>,
    /// Whether two records of the entity may not share a value, at any moment of a run.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(skip_serializing_if = "crate::shorthand::never")]
    pub unique: bool,
    /// The longest `text`, in characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_length: Option<u32>,
    /// What a `choice` or `choices` may hold.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub options: BTreeSet<String>,
    /// Its column, where the store has tables. Default: the field's name in snake case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
}

shorthand!(Field, "a field type or a map with `type`", Field::from_type_name, known: &FieldType::NAMES);

impl Field {
    /// A field of a type, with every default.
    pub const fn of(field_type: FieldType) -> Self {
        Self {
            field_type,
            required: false,
            default: None,
            unique: false,
            max_length: None,
            options: BTreeSet::new(),
            column: None,
        }
    }

    fn from_type_name(text: &str) -> Result<Self, UnknownFieldType> {
        text.parse().map(Self::of)
    }
}

/// The types a field may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum FieldType {
    /// Any text, kept as it is.
    Text,
    /// A whole number of 64 bits.
    Integer,
    /// A decimal number, exact.
    Decimal,
    /// True or false.
    Boolean,
    /// A day of the calendar.
    Date,
    /// An instant, kept in UTC with nanoseconds.
    Datetime,
    /// An e-mail address.
    Email,
    /// A telephone number, kept as written.
    Phone,
    /// An absolute URL.
    Url,
    /// One of the `options`.
    Choice,
    /// Several of the `options`.
    Choices,
    /// Any JSON value.
    Json,
}

/// A text that names no field type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a field type; the types are {list}", list = FieldType::ALL.map(FieldType::as_str).join(", "))]
pub struct UnknownFieldType(String);

impl FieldType {
    /// Every type.
    pub const ALL: [Self; 12] = [
        Self::Text,
        Self::Integer,
        Self::Decimal,
        Self::Boolean,
        Self::Date,
        Self::Datetime,
        Self::Email,
        Self::Phone,
        Self::Url,
        Self::Choice,
        Self::Choices,
        Self::Json,
    ];

    /// The names of all of them.
    const NAMES: [&'static str; 12] = {
        let mut names = [""; 12];
        let mut at = 0;
        while at < names.len() {
            names[at] = Self::ALL[at].as_str();
            at += 1;
        }
        names
    };

    /// The name used in YAML.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Decimal => "decimal",
            Self::Boolean => "boolean",
            Self::Date => "date",
            Self::Datetime => "datetime",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Url => "url",
            Self::Choice => "choice",
            Self::Choices => "choices",
            Self::Json => "json",
        }
    }

    /// Whether values of this type can be part of a key: they have one byte form and a useful order.
    pub const fn can_be_key(self) -> bool {
        !matches!(self, Self::Decimal | Self::Choices | Self::Json)
    }
}

impl std::str::FromStr for FieldType {
    type Err = UnknownFieldType;
    fn from_str(text: &str) -> Result<Self, UnknownFieldType> {
        Self::ALL.into_iter().find(|t| t.as_str() == text).ok_or_else(|| UnknownFieldType(text.to_owned()))
    }
}
