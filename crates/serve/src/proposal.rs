//! Proposals for new resources, made from the fields that a source shows: an entity that could hold them, and
//! a mapping by name, the primary key first. Pure; a person reads what comes of it.

use std::collections::BTreeMap;

use raccord_model::Ident;
use raccord_model::field_path::FieldPath;
use raccord_model::language::project::EntityKey;
use raccord_model::language::{Entity, Field, FieldType, MappedField, MappingSpec, Transform};
use raccord_model::name::MAX_NAME;

use crate::request::{DataTypeView, FieldView};

/// Why nothing can be proposed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProposalError {
    /// The source shows no record.
    #[error("`{0}` shows no record to make a proposal from")]
    NoRecord(String),
    /// No field looks like a key.
    #[error("none of the fields ({0}) looks like a key")]
    NoKey(String),
    /// What looks like a key has the same value in several records.
    #[error(
        "`{field}` looks like a key, but {repeated} of the first {records} records have the value of another one"
    )]
    NotUnique {
        /// The field.
        field: String,
        /// How many records have a value that an earlier one has.
        repeated: usize,
        /// How many were looked at.
        records: usize,
    },
    /// The field named as key is not there.
    #[error("there is no field `{wanted}`; there are {known}")]
    UnknownKey {
        /// What was named.
        wanted: String,
        /// What there is.
        known: String,
    },
}

/// An entity that was made from what a source shows.
#[derive(Debug)]
pub struct Proposal {
    /// It can hold the records.
    pub entity: Entity,
    /// The mapping into it.
    pub mapping: MappingSpec,
    /// The third-party fields that no path of a mapping leads to.
    pub left_out: Vec<String>,
}

/// An entity that could hold a data type's records, and the mapping into it. The keys are the paths of the third-party fields
/// that tell records apart; without any, one is looked for.
pub fn propose_entity(view: &DataTypeView, keys: &[String]) -> Result<Proposal, ProposalError> {
    let keys = keys_of(view, keys)?;
    let is_key = |field: &FieldView| keys.iter().any(|key| key.path == field.path);
    let mut entity = Entity::keyed(EntityKey(Vec::new()));
    let (mut mapping, mut left_out) = (MappingSpec::default(), Vec::new());
    for field in &view.fields {
        let field_type = if is_key(field) { key_type(field) } else { field_type(field) };
        let proposed = free_name(&field.path, &entity).zip(mapped(field, field_type));
        let Some((name, mapped)) = proposed else {
            left_out.push(field.path.clone());
            continue;
        };
        entity.fields.insert(name.clone(), Field::of(field_type));
        if is_key(field) {
            entity.key.0.push(name.clone());
            mapping.primary_key.insert(name, mapped);
        } else {
            mapping.fields.insert(name, mapped);
        }
    }
    Ok(Proposal { entity, mapping, left_out })
}

/// A mapping into an entity that is there, by name.
#[derive(Debug)]
pub struct Match {
    /// The mapping.
    pub mapping: MappingSpec,
    /// The entity's fields for which nothing of that name was seen.
    pub unmatched: Vec<Ident>,
    /// The third-party fields that no field of the entity is called like.
    pub left_out: Vec<String>,
}

/// A mapping into an entity that is there, by name; what tells records apart goes to the entity's key, however that is called.
pub fn propose_mapping(view: &DataTypeView, entity: &Entity, keys: &[String]) -> Match {
    let of_key = |name: &Ident| {
        let at = entity.key.0.iter().position(|part| part == name)?;
        let path = keys.get(at).filter(|_| keys.len() == entity.key.0.len())?;
        view.fields.iter().find(|seen| seen.path == *path)
    };
    let mut mapping = MappingSpec::default();
    let mut unmatched = Vec::new();
    let mut left_out: Vec<String> = view.fields.iter().map(|seen| seen.path.clone()).collect();
    for (name, field) in &entity.fields {
        let seen = view.fields.iter().find(|seen| is_alike(&seen.path, name.as_str()));
        let seen = seen.or_else(|| of_key(name));
        let found = seen.and_then(|seen| Some((seen, mapped(seen, field.field_type)?)));
        let Some((seen, mapped)) = found else {
            unmatched.push(name.clone());
            continue;
        };
        left_out.retain(|path| *path != seen.path);
        let part = if entity.key.0.contains(name) { &mut mapping.primary_key } else { &mut mapping.fields };
        part.insert(name.clone(), mapped);
    }
    Match { mapping, unmatched, left_out }
}

/// Whether a mapping has all that an active transfer needs.
pub fn is_complete(mapping: &MappingSpec, entity: &Entity) -> bool {
    entity.key.0.iter().all(|name| mapping.primary_key.contains_key(name))
        && entity.fields.iter().all(|(name, field)| {
            !field.required
                || field.default.is_some()
                || entity.key.0.contains(name)
                || mapping.fields.contains_key(name)
        })
}

/// The fields that tell one record from another: those named, or the first that is called like one and is never empty.
fn keys_of<'v>(view: &'v DataTypeView, wanted: &[String]) -> Result<Vec<&'v FieldView>, ProposalError> {
    if view.fields.is_empty() {
        return Err(ProposalError::NoRecord(view.name.to_string()));
    }
    let known = || view.fields.iter().map(|field| field.path.as_str()).collect::<Vec<_>>().join(", ");
    let named = |wanted: &String| {
        let found = view.fields.iter().find(|field| field.path == *wanted);
        found.ok_or_else(|| ProposalError::UnknownKey { wanted: wanted.clone(), known: known() })
    };
    if !wanted.is_empty() {
        return wanted.iter().map(named).collect();
    }
    // A key that is missing now and then is dirt, not another key.
    let filled = |field: &&FieldView| field.filled * 10 >= view.records * 9;
    let fields = || view.fields.iter().filter(filled);
    let called = |name: &str| fields().find(|field| letters(&field.path) == name);
    let singular = letters(view.name.as_str());
    let own_id = format!("{}id", singular.strip_suffix('s').unwrap_or(&singular));
    let only_id = || {
        let mut ids = fields().filter(|field| letters(&field.path).ends_with("id"));
        ids.next().filter(|_| ids.next().is_none())
    };
    let found = ["id", "uuid", own_id.as_str()]
        .into_iter()
        .find_map(called)
        .or_else(only_id)
        .or_else(|| {
            ["externalid", "code", "sku", "number", "reference", "email"].into_iter().find_map(called)
        })
        .ok_or_else(|| ProposalError::NoKey(known()))?;
    // Of records with one key the last would be the only one that is kept.
    match found.repeated {
        0 => Ok(vec![found]),
        repeated => {
            Err(ProposalError::NotUnique { field: found.path.clone(), repeated, records: view.records })
        }
    }
}

/// A key is kept as text, so that leading zeros survive, unless the source itself says that it is a number.
fn key_type(field: &FieldView) -> FieldType {
    if field.types == ["integer"] { FieldType::Integer } else { FieldType::Text }
}

fn field_type(field: &FieldView) -> FieldType {
    let types: Vec<&str> = field.types.iter().map(String::as_str).collect();
    match types.as_slice() {
        ["boolean"] => FieldType::Boolean,
        ["integer"] => FieldType::Integer,
        ["decimal"] | ["decimal", "integer"] => FieldType::Decimal,
        ["date"] => FieldType::Date,
        ["datetime"] => FieldType::Datetime,
        ["email"] => FieldType::Email,
        ["url"] => FieldType::Url,
        types if types.contains(&"list") || types.contains(&"object") => FieldType::Json,
        _ => FieldType::Text,
    }
}

fn mapped(field: &FieldView, field_type: FieldType) -> Option<MappedField> {
    let from: FieldPath = field.path.parse().ok()?;
    let is_email = field_type == FieldType::Email;
    let transform = if is_email { vec![Transform::Trim, Transform::Lowercase] } else { Vec::new() };
    Some(MappedField { from: Some(from), transform, ..MappedField::default() })
}

/// A field name in camel case that the entity does not have yet: `First Name` and `first_name` are `firstName`, and the
/// second of them `firstName2`. Letters of any script are written in ASCII: `Numéro` is `numero`.
fn free_name(path: &str, entity: &Entity) -> Option<Ident> {
    free_ident(path, &entity.fields)
}

/// A name in camel case that is like a text, and that none of those has which are taken already.
pub fn free_ident<T>(text: &str, taken: &BTreeMap<Ident, T>) -> Option<Ident> {
    let name = camel_case(text);
    let is_free = |name: &Ident| !taken.contains_key(name);
    let numbered = (2..=taken.len() + 1).map(|number| {
        let suffix = number.to_string();
        let length = name.len().min(MAX_NAME - suffix.len());
        format!("{}{suffix}", &name[..length])
    });
    let first = name[..name.len().min(MAX_NAME)].to_owned();
    std::iter::once(first).chain(numbered).filter_map(|name| name.parse().ok()).find(is_free)
}

/// ASCII letters and digits, the beginnings of words in capitals; `field` where there are none.
fn camel_case(text: &str) -> String {
    let mut name = String::new();
    let mut is_start = false;
    for c in ascii(text).chars() {
        if !c.is_ascii_alphanumeric() {
            is_start = !name.is_empty();
        } else if is_start {
            name.push(c.to_ascii_uppercase());
            is_start = false;
        } else if name.is_empty() {
            name.push(c.to_ascii_lowercase());
        } else {
            name.push(c);
        }
    }
    match name.chars().next() {
        None => "field".to_owned(),
        Some(first) if first.is_ascii_digit() => format!("_{name}"),
        Some(_) => name,
    }
}

/// A text in ASCII letters, without what has no such form.
fn ascii(text: &str) -> String {
    deunicode::deunicode_with_tofu(text, "")
}

/// Whether a path and a field are called alike: the same letters and digits, the whole path or its last step.
fn is_alike(path: &str, name: &str) -> bool {
    let name = letters(name);
    letters(path) == name || path.rsplit_once('.').is_some_and(|(_, last)| letters(last) == name)
}

fn letters(text: &str) -> String {
    ascii(text).chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(fields: &[(&str, &[&'static str], usize)]) -> DataTypeView {
        let fields = fields.iter().map(|(path, types, filled)| FieldView {
            path: (*path).to_owned(),
            types: types.iter().map(ToString::to_string).collect(),
            filled: *filled,
            repeated: 0,
            example: String::new(),
            absent_in: None,
        });
        DataTypeView {
            name: "people".parse().unwrap(),
            records: 3,
            key: Vec::new(),
            fields: fields.collect(),
            findings: Vec::new(),
            more_available: None,
            error: None,
        }
    }

    #[test]
    fn an_entity_is_made_from_what_was_seen() {
        let seen = view(&[
            ("Customer Id", &["text"], 3),
            ("First Name", &["text"], 2),
            ("address.city", &["text"], 3),
            ("E-mail", &["email"], 3),
            ("tags", &["list"], 1),
            ("2nd", &["integer"], 1),
            ("Numéro", &["text"], 3),
            ("Prénom d’été", &["text"], 3),
            ("first_name", &["text"], 3),
            ("first name", &["text"], 3),
            ("***", &["text"], 3),
            ("", &["text"], 3),
        ]);
        let Proposal { entity, mapping, left_out } = propose_entity(&seen, &[]).unwrap();
        assert_eq!(left_out, [""]);
        let shown: Vec<_> =
            entity.fields.iter().map(|(n, f)| format!("{n}:{}", f.field_type.as_str())).collect();
        let expected = [
            "_2nd:integer",
            "addressCity:text",
            "customerId:text",
            "eMail:email",
            "field:text",
            "firstName:text",
            "firstName2:text",
            "firstName3:text",
            "numero:text",
            "prenomDEte:text",
            "tags:json",
        ];
        assert_eq!(shown, expected);
        assert_eq!(entity.key.0.iter().map(Ident::as_str).collect::<Vec<_>>(), ["customerId"]);
        assert!(is_complete(&mapping, &entity));
    }

    #[test]
    fn a_key_is_found_named_or_asked_for() {
        let key = |view: &DataTypeView, wanted: Option<&str>| {
            let wanted: Vec<String> = wanted.map(str::to_owned).into_iter().collect();
            keys_of(view, &wanted).map(|fields| fields[0].path.clone())
        };
        let seen = view(&[("shop_id", &["text"], 3), ("id", &["integer"], 3), ("name", &["text"], 3)]);
        assert_eq!(key(&seen, None).unwrap(), "id");
        assert_eq!(key(&seen, Some("name")).unwrap(), "name");
        assert!(matches!(key(&seen, Some("nope")), Err(ProposalError::UnknownKey { .. })));
        assert_eq!(
            key(&view(&[("shop_id", &["text"], 3), ("people_id", &["text"], 3)]), None).unwrap(),
            "people_id"
        );
        assert_eq!(
            key(&view(&[("shop_id", &["text"], 3), ("email", &["email"], 3)]), None).unwrap(),
            "shop_id"
        );
        let mut repeated = view(&[("id", &["integer"], 3), ("name", &["text"], 3)]);
        repeated.fields[0].repeated = 1;
        let refused = keys_of(&repeated, &[]).unwrap_err().to_string();
        assert_eq!(
            refused,
            "`id` looks like a key, but 1 of the first 3 records have the value of another one"
        );
        assert_eq!(key(&repeated, Some("id")).unwrap(), "id");
        let empty_id = view(&[("id", &["integer"], 2), ("name", &["text"], 3)]);
        assert!(matches!(key(&empty_id, None), Err(ProposalError::NoKey(_))));
        assert!(matches!(key(&view(&[]), None), Err(ProposalError::NoRecord(_))));
    }

    #[test]
    fn a_mapping_is_made_by_name() {
        let entity: Entity = serde_json::from_str(
            r#"{"key":"externalId","fields":{"externalId":"text","city":"text","email":{"type":"email","required":true}}}"#,
        )
        .unwrap();
        let seen =
            view(&[("external_id", &["text"], 3), ("address.city", &["text"], 3), ("Größe", &["text"], 3)]);
        let Match { mapping, unmatched, left_out } = propose_mapping(&seen, &entity, &[]);
        assert_eq!(left_out, ["Größe"]);
        assert_eq!(mapping.primary_key.len() + mapping.fields.len(), 2);
        assert_eq!(unmatched.iter().map(Ident::as_str).collect::<Vec<_>>(), ["email"]);
        assert!(!is_complete(&mapping, &entity));
    }

    #[test]
    fn a_declared_key_is_the_key() {
        let seen = view(&[("event", &["text"], 3), ("code", &["text"], 3), ("id", &["integer"], 3)]);
        let keys = ["event".to_owned(), "code".to_owned()];
        let Proposal { entity, .. } = propose_entity(&seen, &keys).unwrap();
        assert_eq!(entity.key.0.iter().map(Ident::as_str).collect::<Vec<_>>(), ["event", "code"]);
        let other: Entity =
            serde_json::from_str(r#"{"key":"number","fields":{"number":"text","event":"text"}}"#).unwrap();
        let Match { mapping, unmatched, .. } = propose_mapping(&seen, &other, &keys[1..]);
        assert!(unmatched.is_empty() && is_complete(&mapping, &other), "{mapping:?}");
    }
}
