//! Mapping programs: from third-party records to keys and patches of an entity.
//!
//! [`compile`] tells every mistake at once and gives the program that a run executes. A program reads each
//! record in one pass and writes row bytes; it builds no tree for what is not mapped.

mod canonical;
mod check;
mod compile;
mod convert;
mod date;
mod mark;
mod program;
mod transform;

use std::collections::BTreeMap;

use raccord_model::Ident;
use raccord_model::field_path::FieldPath;
use raccord_model::language::{Entity, Field, MappingSpec, Mode};
use raccord_model::row::FieldId;

use crate::scalar::Scalar;

pub use check::check_default;
pub use compile::compile;
pub use program::{Mapped, PageMapper, Program, Rejection, Wanted};

/// What is compiled: a mapping, the entity it feeds, and what a run wants to know besides.
#[derive(Debug, Clone, Copy)]
pub struct Task<'a> {
    /// Which field comes from where.
    pub mapping: &'a MappingSpec,
    /// The entity that is fed.
    pub entity: &'a Entity,
    /// Whether the transfer owns rows; without that, required fields do not apply.
    pub mode: Mode,
    /// The ids of the entity's fields.
    pub layout: &'a Layout,
    /// The third-party field that marks a deleted record.
    pub deleted: Option<&'a FieldPath>,
    /// The third-party field that orders the versions of a record.
    pub version: Option<&'a FieldPath>,
    /// The third-party field that the next window begins at.
    pub cursor: &'a [FieldPath],
    /// Whether every field of the records is a text, as in a CSV.
    pub all_texts: bool,
}

/// The ids of an entity's fields in its rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layout(pub BTreeMap<Ident, FieldId>);

impl Layout {
    /// Ids by order, for diagnosing and previewing: what is compiled under them is never stored.
    pub fn provisional(entity: &Entity) -> Self {
        Self(entity.fields.keys().cloned().zip(0..).collect())
    }

    /// The id of a field.
    pub fn id(&self, field: &str) -> Option<FieldId> {
        self.0.get(field).copied()
    }
}

/// A text as the field of an entity keeps it (`12.50` of a decimal as `12.5`); empty when it stands for no value.
///
/// # Errors
/// When no value of the field's type can be read in it, in a sentence.
pub fn kept_text(name: &Ident, field: &Field, text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Ok(String::new());
    }
    let value = convert::convert(Scalar::text(text), field, None)
        .map_err(|error| format!("the value `{text}` of `{name}` {error}"))?;
    Ok(value.map(|value| value.to_text()).unwrap_or_default())
}

/// The bytes of a key whose fields are given as text; `None` when not all of them are given.
pub fn parse_key(entity: &Entity, given: &[(Ident, String)]) -> Result<Option<Vec<u8>>, String> {
    let mut key = Vec::new();
    for name in &entity.key.0 {
        let Some((_, text)) = given.iter().find(|(given, _)| given == name) else { return Ok(None) };
        let Some(field) = entity.fields.get(name) else { return Ok(None) };
        let value = convert::convert(Scalar::text(text.as_str()), field, None)
            .map_err(|error| format!("the value `{text}` of `{name}` {error}"))?;
        let Some(value) = value else { return Ok(None) };
        raccord_model::row::push_key(&mut key, &value).map_err(|error| format!("the key {error}"))?;
    }
    Ok(Some(key))
}
