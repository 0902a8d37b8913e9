//! Settings of a data type to a stream of rows, or what is wrong with them. Nothing is asked of the database.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;
use raccord_model::DataTypeName;
use raccord_model::diagnostic::{Code, Finding};
use raccord_model::field_path::FieldPath;
use raccord_model::language::connector::http::CursorFormat;
use raccord_model::language::connector::table::{Changes, TableDataType, TableIncremental};

use super::dialect::Dialect;
use super::stream::{Relation, TableStream};
use crate::connector::cursor::{FieldCursor, IncrementalCursor, Mark, is_instant};
use crate::connector::findings::Findings;
use crate::connector::unknown_data_type;

/// Lowers one data type. Without an error among the findings there is a stream.
pub(super) fn lower(
    dialect: Dialect,
    (data_types, name): (&BTreeMap<DataTypeName, TableDataType>, &DataTypeName),
    schema: Option<&str>,
) -> (Option<TableStream>, Vec<Finding>) {
    let Some(settings) = data_types.get(name) else { return (None, vec![unknown_data_type(name)]) };
    let mut findings = Findings::under(&["dataTypes", name.as_str()]);
    let relation = relation(name, settings, schema, &mut findings);
    let key = settings.key.as_ref().map(|key| key.0.clone());
    if let Some(key) = &key {
        check_key(key, &mut findings);
    }
    let cursor = settings.incremental.as_ref().map(|it| incremental(dialect, it, &mut findings));
    let changes = settings.changes.as_ref();
    if let Some(changes) = changes {
        check_changes(dialect, settings, changes, &mut findings);
    }
    let stream = TableStream {
        data_type: name.clone(),
        dialect,
        path: None,
        schema: None,
        relation,
        key: key.unwrap_or_default(),
        field: settings.incremental.as_ref().map(|incremental| incremental.field.clone()),
        cursor,
        changes: changes.map(|changes| (changes.clone(), FieldPath::member(Changes::DELETED))),
    };
    (Some(stream).filter(|_| !findings.has_error()), findings.into_vec())
}

/// The file of a database has a name.
pub(super) fn check_path(path: &str) -> Option<Finding> {
    let is_name = !path.is_empty() && !path.contains('\0');
    (!is_name).then(|| Finding::error(&["path"], Code::InvalidValue, "`path` names no file"))
}

fn relation(
    name: &DataTypeName,
    settings: &TableDataType,
    schema: Option<&str>,
    findings: &mut Findings,
) -> Relation {
    if let Some(query) = &settings.query {
        if settings.table.is_some() {
            findings.conflict(&["query"], "`table` and `query` exclude each other");
        }
        let text = query.trim().trim_end_matches(';').trim_end();
        if text.is_empty() || text.contains('\0') {
            findings.invalid(&["query"], "the query says nothing");
        }
        if settings.key.is_none() {
            findings.error_with_help(
                &["key"],
                Code::MissingField,
                "a query needs a `key`".to_owned(),
                "name the column, or the list of columns, that tells its rows apart",
            );
        }
        return Relation::Query(text.to_owned());
    }
    let table = settings.table.clone().unwrap_or_else(|| name.as_str().to_owned());
    check_name(&["table"], &table, findings);
    Relation::Table { schema: schema.map(str::to_owned), name: table }
}

fn check_name(path: &[&str], name: &str, findings: &mut Findings) {
    if name.is_empty() || name.contains('\0') {
        findings.invalid(path, "a name has at least one character, and no NUL");
    }
}

fn check_key(key: &[String], findings: &mut Findings) {
    if key.is_empty() {
        findings.invalid(&["key"], "name the columns that tell rows apart, or leave `key` out");
    }
    for column in key {
        check_name(&["key"], column, findings);
    }
    if key.iter().collect::<BTreeSet<_>>().len() < key.len() {
        findings.invalid(&["key"], "a column stands twice");
    }
}

fn incremental(dialect: Dialect, settings: &TableIncremental, findings: &mut Findings) -> IncrementalCursor {
    check_name(&["incremental", "field"], &settings.field, findings);
    let format = settings.format;
    if settings.lookback.is_some() && !is_instant(format) {
        findings.conflict(&["incremental", "lookback"], "time cannot be taken from a number or a text");
    }
    let field = FieldCursor {
        fields: vec![FieldPath::member(&settings.field)],
        format,
        zone: zone(dialect, settings, findings),
        lookback: settings.lookback,
        ordered: false,
    };
    let initial = settings.initial.as_ref().and_then(|initial| {
        let read = field.parse(&initial.0);
        if read.is_none() {
            let message = format!("`{}` is no value of the column as `format` says it", initial.0);
            findings.invalid(&["incremental", "initial"], message);
        }
        read
    });
    IncrementalCursor { mark: Mark::Field(field), param: None, initial }
}

/// The zone of values that name none. SQLite keeps times in UTC unless a program does otherwise.
fn zone(dialect: Dialect, settings: &TableIncremental, findings: &mut Findings) -> Option<TimeZone> {
    let path = ["incremental", "timezone"];
    let Some(name) = settings.timezone.as_deref() else {
        let is_utc = dialect == Dialect::Sqlite && settings.format == CursorFormat::Rfc3339;
        return is_utc.then_some(TimeZone::UTC);
    };
    if settings.format != CursorFormat::Rfc3339 {
        findings.conflict(&path, "only values of `format: rfc3339` are read in a time zone");
    }
    let zone = TimeZone::get(name).ok();
    if zone.is_none() {
        let help = "use a name of the IANA database, for example America/Montreal";
        findings.error_with_help(&path, Code::InvalidValue, format!("`{name}` is not a time zone"), help);
    }
    zone
}

fn check_changes(dialect: Dialect, settings: &TableDataType, changes: &Changes, findings: &mut Findings) {
    if dialect != Dialect::Postgres {
        findings.conflict(&["changes"], "`changes` belongs to the connector postgres alone");
    }
    if settings.query.is_some() {
        findings.conflict(&["changes"], "a query has no changes of its own: name its tables instead");
    }
    if settings.incremental.is_some() {
        findings.conflict(&["changes"], "`changes` and `incremental` exclude each other");
    }
    let is_slot = |name: &str| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    if !is_slot(&changes.slot) {
        findings.invalid(&["changes", "slot"], "a slot is called by a-z, 0-9 and _ alone");
    }
    check_name(&["changes", "publication"], &changes.publication, findings);
}
