//! Fixed values of texts that stand without quotes: YAML reads some of them as a number or a boolean, whose spelling is
//! another one than what is written. Every other text of the language is read as it is written.

use raccord_model::canonical;
use raccord_model::diagnostic::{Code, Finding};
use raccord_model::language::{Entity, Field, FieldType, MappingSpec, ProjectSpec};
use serde_json::Value as Json;

use super::CheckContext;
use crate::interpolate::interpolate;
use crate::node::{Node, Value};

/// The defaults of a project that would be stored in another spelling; the paths are relative to its specification.
pub(super) fn defaults(scene: CheckContext<'_, '_>, at: usize, spec: &ProjectSpec) -> Vec<Finding> {
    let Some(root) = scene.documents.get(at).map(|document| &document.root) else { return Vec::new() };
    let fields = spec.entities.iter().flat_map(|(entity, spec)| {
        spec.fields.iter().map(move |(name, field)| (entity.as_str(), name.as_str(), field))
    });
    fields
        .filter(|(.., field)| is_text(field))
        .filter_map(|(entity, name, field)| {
            let path = ["entities", entity, "fields", name, "default"];
            finding(scene, root, (&["spec"], &path), field.default.as_ref()?, field)
        })
        .collect()
}

/// The constants of a mapping that would be stored in another spelling, or changed in another one. The mapping stands
/// below `base` in the document `at`; the paths are relative to it.
pub(super) fn constants(
    scene: CheckContext<'_, '_>,
    (at, base): (usize, &[&str]),
    mapping: &MappingSpec,
    entity: &Entity,
) -> Vec<Finding> {
    let Some(root) = scene.documents.get(at).map(|document| &document.root) else { return Vec::new() };
    let key = mapping.primary_key.iter().map(|(name, mapped)| ("primaryKey", name, mapped));
    let fields = mapping.fields.iter().map(|(name, mapped)| ("fields", name, mapped));
    key.chain(fields)
        .filter_map(|(group, name, mapped)| {
            let (value, field) = (mapped.constant.as_ref()?, entity.fields.get(name)?);
            let is_text = is_text(field) || !mapped.transform.is_empty();
            let path = [group, name.as_str(), "const"];
            if is_text { finding(scene, root, (base, &path), value, field) } else { None }
        })
        .collect()
}

/// The other findings without those about the same values: what is said of a value that was not meant says nothing.
pub(super) fn without(spelt: &[Finding], mut others: Vec<Finding>) -> Vec<Finding> {
    let is_about = |other: &Finding| spelt.iter().any(|finding| finding.path.starts_with(&other.path));
    others.retain(|other| other.code != Code::IncompatibleType || !is_about(other));
    others
}

/// Whether the values of a field are texts, or lists of them.
const fn is_text(field: &Field) -> bool {
    match field.field_type {
        FieldType::Text
        | FieldType::Email
        | FieldType::Phone
        | FieldType::Url
        | FieldType::Choice
        | FieldType::Choices => true,
        FieldType::Integer
        | FieldType::Decimal
        | FieldType::Boolean
        | FieldType::Date
        | FieldType::Datetime
        | FieldType::Json => false,
    }
}

fn finding(
    scene: CheckContext<'_, '_>,
    root: &Node<'_>,
    (base, path): (&[&str], &[&str]),
    value: &Json,
    field: &Field,
) -> Option<Finding> {
    let whole: Vec<String> = base.iter().chain(path).map(|step| (*step).to_owned()).collect();
    let Respelt { index, raw, written, read } = respelt(scene, root.find(&whole)?, value)?;
    let sort = if matches!(read.as_str(), "true" | "false") { "boolean" } else { "number" };
    let field_type = field.field_type.as_str();
    let message = format!(
        "`{written}` is read as the {sort} {read} where it stands without quotes, and the field is of type {field_type}"
    );
    let index = index.map(|index| index.to_string());
    let place: Vec<&str> = path.iter().copied().chain(index.as_deref()).collect();
    let help = format!("write \"{raw}\" to keep it as it is written, or {read}");
    Some(Finding::error(&place, Code::Unquoted, message).help(help))
}

/// A scalar that is read in another spelling than it is written in.
struct Respelt<'n> {
    /// Which element it is, of a list.
    index: Option<usize>,
    /// What stands in the file.
    raw: &'n str,
    /// The same, its variables replaced.
    written: String,
    /// What it is read as.
    read: String,
}

/// The first scalar of a value, or of a list of them, that is read in another spelling than it is written in.
fn respelt<'n>(scene: CheckContext<'_, '_>, node: &'n Node<'_>, value: &Json) -> Option<Respelt<'n>> {
    match (&node.value, value) {
        (Value::Scalar { text, plain: true }, Json::Number(_) | Json::Bool(_)) => {
            let written = interpolate(text, scene.variables).ok()?.into_owned();
            // A run gets it in its canonical form.
            let read = String::from_utf8(canonical::to_bytes(value).ok()?).ok()?;
            (written != read).then_some(Respelt { index: None, raw: text, written, read })
        }
        (Value::Seq(items), Json::Array(values)) => {
            let found =
                |(index, (node, value))| Some(Respelt { index: Some(index), ..respelt(scene, node, value)? });
            items.iter().zip(values).enumerate().find_map(found)
        }
        _ => None,
    }
}
