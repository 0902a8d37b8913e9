//! What a source offers: its data types, and the fields that their first records have.

use jiff::Timestamp;
use raccord_model::field_path::{FieldPath, Step};
use raccord_model::port::source::Read;
use raccord_model::value::{is_email, is_url, parse_datetime};
use raccord_model::{DataTypeName, Desired, Name};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::patience::{self, PATIENCE};
use super::prove;
use crate::reply::{Replies, RequestError};
use crate::request::{DataTypeView, FieldView, Reply};
use raccord_model::port::source::Sources;

/// How many records of each data type are looked at.
const SAMPLE: usize = 200;

/// How deep into objects the fields are listed.
const DEPTH: usize = 4;

/// The longest example shown, in characters.
const EXAMPLE: usize = 40;

/// Looks at the first records of every data type. One that cannot be read is shown with its error. After one to which the
/// service did not answer at all, the others are not asked for.
pub async fn discover(
    (sources, now): (&dyn Sources, Timestamp),
    desired: &Desired,
    name: &Name,
    replies: &mut Replies<'_>,
) -> Result<(), RequestError> {
    let spec = super::source::source(desired, name)?;
    let mut is_silent = false;
    for data_type in spec.settings.data_types() {
        let sampled = if is_silent {
            Err(RequestError::Invalid("not asked for, because the service does not answer".to_owned()))
        } else {
            let look = sample((sources, now), desired, name, data_type);
            patience::within(PATIENCE, (spec, data_type), look).await
        };
        is_silent = is_silent || sampled.as_ref().is_err_and(patience::is_silent);
        let view = match sampled {
            Ok(Sampled { records, columns, key, mut findings, more_available }) => {
                let fields = fields(&records, &columns);
                findings.extend(fields.iter().filter_map(absent));
                let (name, records) = (data_type.clone(), records.len());
                DataTypeView { name, records, fields, key, findings, more_available, error: None }
            }
            Err(error) => DataTypeView {
                name: data_type.clone(),
                records: 0,
                fields: Vec::new(),
                key: Vec::new(),
                findings: Vec::new(),
                more_available: None,
                error: Some(error.to_string()),
            },
        };
        replies(Reply::DataType(view));
    }
    Ok(())
}

/// What the first records of a data type show.
struct Sampled {
    records: Vec<Value>,
    /// The columns of each file that was looked at, by its name.
    columns: BTreeMap<String, Arc<[String]>>,
    /// What tells them apart, where the source knows.
    key: Vec<String>,
    findings: Vec<String>,
    /// What says that there is more, where nothing leads there.
    more_available: Option<String>,
}

async fn sample(
    (sources, now): (&dyn Sources, Timestamp),
    desired: &Desired,
    name: &Name,
    data_type: &DataTypeName,
) -> Result<Sampled, RequestError> {
    let spec = super::source::source(desired, name)?;
    let stream = super::source::stream(spec, name, data_type)?;
    let source = super::source::open(sources, desired, name, data_type)?;
    let mut pages = source.open(Read { page_size: Some(SAMPLE), ..Read::default() }).await?;
    let (mut records, mut columns) = (Vec::new(), BTreeMap::new());
    let (mut findings, mut more_available) = (Vec::new(), None);
    while let Some(page) = pages.next().await? {
        // The first page alone; what is said of it says of how many records.
        if findings.is_empty() {
            let keys = super::source::keys(desired, name, data_type);
            findings = prove::findings(&stream, &page, &keys, now);
        }
        more_available = more_available.or_else(|| page.more_available.clone());
        columns.extend(page.columns.as_ref().map(|columns| (page.position.clone(), Arc::clone(columns))));
        let wanted = SAMPLE - records.len();
        let parsed = page.records.iter().take(wanted).map(|record| serde_json::from_str(&record.to_json()));
        records.extend(parsed.filter_map(Result::ok));
        if records.len() >= SAMPLE || page.next.is_none() {
            break;
        }
    }
    findings.extend(source.advice().await?);
    Ok(Sampled { records, columns, key: source.key().await?, findings, more_available })
}

/// The fields of records, by path; `columns`: those of the files that they come from.
fn fields(records: &[Value], columns: &BTreeMap<String, Arc<[String]>>) -> Vec<FieldView> {
    let mut seen: BTreeMap<FieldPath, FieldStatistics> = BTreeMap::new();
    for record in records {
        walk(record, &mut FieldPath::default(), &mut seen);
    }
    // What is an object in other records is no field by itself where it is null.
    let above: BTreeSet<FieldPath> = seen.keys().flat_map(ancestors).collect();
    seen.retain(|path, field| field.filled > 0 || !above.contains(path));
    seen.into_iter()
        .map(|(path, seen)| FieldView {
            absent_in: absent_in(&path, columns),
            path: path.to_string(),
            types: seen.types.into_iter().map(str::to_owned).collect(),
            filled: seen.filled,
            repeated: seen.filled - seen.distinct.len(),
            example: seen.example,
        })
        .collect()
}

/// The first file that lacks the column of a path.
fn absent_in(path: &FieldPath, columns: &BTreeMap<String, Arc<[String]>>) -> Option<String> {
    let Some(Step::Member(name)) = path.0.first() else { return None };
    columns.iter().find(|(_, columns)| !columns.contains(name)).map(|(file, _)| file.clone())
}

/// What is told of a field that a file lacks.
fn absent(field: &FieldView) -> Option<String> {
    let file = field.absent_in.as_deref()?;
    Some(format!(
        "{file} has no column for `{}`: a transfer that reads it without `onMissing` fails there",
        field.path
    ))
}

/// The paths of the objects that a path goes through.
fn ancestors(path: &FieldPath) -> impl Iterator<Item = FieldPath> {
    (1..path.0.len()).map(|length| FieldPath(path.0[..length].to_vec()))
}

#[derive(Default)]
struct FieldStatistics {
    types: BTreeSet<&'static str>,
    filled: usize,
    /// Its values, as JSON.
    distinct: BTreeSet<String>,
    example: String,
}

fn walk(value: &Value, path: &mut FieldPath, seen: &mut BTreeMap<FieldPath, FieldStatistics>) {
    if let (Value::Object(members), true) = (value, path.0.len() < DEPTH) {
        for (name, member) in members {
            path.0.push(Step::Member(name.clone()));
            walk(member, path, seen);
            path.0.pop();
        }
        return;
    }
    let field = seen.entry(path.clone()).or_default();
    if value.is_null() || value == "" {
        return;
    }
    field.filled += 1;
    field.types.insert(type_of(value));
    field.distinct.insert(value.to_string());
    if field.example.is_empty() {
        field.example = shorten(value);
    }
}

/// The type of a value, in the words of project fields where one fits.
fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "empty",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "decimal",
        Value::Number(_) => "integer",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
        Value::String(text) if is_email(text) => "email",
        Value::String(text) if is_url(text) => "url",
        Value::String(text) if parse_datetime(text, None).is_ok() => "datetime",
        Value::String(text) if text.len() == 10 && raccord_model::value::parse_date(text).is_ok() => "date",
        Value::String(_) => "text",
    }
}

fn shorten(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match text.char_indices().nth(EXAMPLE) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_listed_with_their_types() {
        let records = [
            serde_json::json!({"id": 1, "a": {"b": "x@y.zz"}, "tags": ["x"], "n": null}),
            serde_json::json!({"id": "2", "a": {"b": ""}, "at": "2024-01-01T00:00:00Z", "day": "2024-01-31"}),
        ];
        let shown: Vec<String> = fields(&records, &BTreeMap::new())
            .iter()
            .map(|f| format!("{} {} {}", f.path, f.types.join("|"), f.filled))
            .collect();
        let expected =
            ["a.b email 1", "at datetime 1", "day date 1", "id integer|text 2", "n  0", "tags list 1"];
        assert_eq!(shown, expected);
    }

    #[test]
    fn the_null_of_an_object_is_no_field() {
        let check = |records: &[Value], expected: &[&str]| {
            let shown: Vec<String> = fields(records, &BTreeMap::new())
                .iter()
                .map(|f| format!("{} {}", f.path, f.types.join("|")))
                .collect();
            assert_eq!(shown, expected, "{records:?}");
        };
        let city = serde_json::json!({"address": {"geo": {"x": 1}, "city": "Bern"}});
        let (null, empty) = (serde_json::json!({"address": null}), serde_json::json!({"address": ""}));
        check(&[city.clone(), null.clone()], &["address.city text", "address.geo.x integer"]);
        check(&[empty, city.clone()], &["address.city text", "address.geo.x integer"]);
        let no_geo = serde_json::json!({"address": {"geo": null}});
        check(&[no_geo, city.clone()], &["address.city text", "address.geo.x integer"]);
        check(&[null], &["address "]);
        // What is a text now and then is told.
        let text = serde_json::json!({"address": "Bern"});
        check(&[city, text], &["address text", "address.city text", "address.geo.x integer"]);
    }

    #[test]
    fn a_column_that_a_file_lacks_is_told() {
        let of = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Arc<[String]>>();
        let columns = BTreeMap::from([
            ("1.csv".to_owned(), of(&["id", "address", "extra"])),
            ("2.csv".to_owned(), of(&["id", "address"])),
        ]);
        let records = [
            serde_json::json!({"id": 1, "address": {"city": "Bern"}, "extra": 1}),
            serde_json::json!({"id": 2}),
        ];
        let shown: Vec<String> = fields(&records, &columns)
            .iter()
            .map(|field| format!("{} {}", field.path, field.absent_in.as_deref().unwrap_or("-")))
            .collect();
        assert_eq!(shown, ["address.city -", "extra 2.csv", "id -"]);
    }
}
