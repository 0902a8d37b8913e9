//! Programs as tables: a mapping, a record, what comes out.

use std::collections::BTreeMap;

use raccord_model::language::{Entity, MappingSpec, Mode};
use raccord_model::port::records::{Record, Records, Rows, TableRows};
use raccord_model::value::Value;
use serde_json::value::RawValue;

use super::super::mark;
use super::*;
use crate::mapping::{Layout, Task, compile};
use crate::select::span_of;

const ENTITY: &str = r#"{
    "key": "id",
    "fields": {
        "id": "text", "email": {"type": "email", "required": true}, "name": "text", "age": "integer",
        "vip": {"type": "boolean", "default": false}, "source": {"type": "text", "default": "shop"}, "at": "datetime"
    }
}"#;

fn program(mapping: &str) -> Program {
    program_of(ENTITY, mapping)
}

fn program_of(entity: &str, mapping: &str) -> Program {
    let entity: Entity = serde_json::from_str(entity).unwrap();
    let mapping: MappingSpec = serde_json::from_str(mapping).unwrap();
    let layout = Layout::provisional(&entity);
    let (deleted, version, cursor) =
        ("gone".parse().unwrap(), "updated".parse().unwrap(), "updated".parse().unwrap());
    let task = Task {
        mapping: &mapping,
        entity: &entity,
        mode: Mode::Own,
        layout: &layout,
        deleted: Some(&deleted),
        version: Some(&version),
        cursor: std::slice::from_ref(&cursor),
        all_texts: false,
    };
    let (program, findings) = compile(&task);
    program.unwrap_or_else(|| panic!("{findings:?}"))
}

/// Renders a patch as `field=value`, an explicit empty as `field=`.
fn shown_patch(patch: &[u8]) -> String {
    shown_fields(ENTITY, patch)
}

fn shown_fields(entity: &str, patch: &[u8]) -> String {
    let entity: Entity = serde_json::from_str(entity).unwrap();
    let names: Vec<_> = entity.fields.keys().map(ToString::to_string).collect();
    let fields = row::fields(patch).unwrap().map(|field| {
        let field = field.unwrap();
        let value = field.value().unwrap().map_or(String::new(), |value| value.to_text());
        format!("{}={value}", names[usize::try_from(field.id).unwrap()])
    });
    fields.collect::<Vec<_>>().join(" ")
}

/// Maps a record as JSON, and as a row of a table, which has to become the same.
fn check(mapping: &str, record: &str, expected: &str) {
    let program = program(mapping);
    let shown = |page: &Records| {
        let mut out = Mapped::default();
        let mut mapper = program.page(page.header(), Some(br#"{"pid":"P1"}"#));
        match mapper.map(page.get(0).unwrap(), &mut out) {
            Ok(Wanted::Upsert) => shown_patch(&out.patch),
            Ok(Wanted::Delete) => "deleted".to_owned(),
            Err(rejection) => format!("rejected: {}", rejection.reason),
        }
    };
    let json = Records::Json { body: record.to_owned().into(), spans: Vec::from([whole(record)]) };
    assert_eq!(shown(&json), expected, "{record}");
    if let Some(row) = table_row(record) {
        assert_eq!(shown(&row), expected, "{record} as a row of a table");
    }
}

fn whole(record: &str) -> std::ops::Range<usize> {
    0..record.len()
}

/// A record as a row of a table; none of what is no object.
fn table_row(record: &str) -> Option<Records> {
    let members: BTreeMap<String, &RawValue> = serde_json::from_str(record).ok()?;
    let values = members.values().map(|value| span_of(record.as_bytes(), value.get())).collect();
    let columns = members.into_keys().collect();
    Some(Records::Table(TableRows {
        columns,
        text: record.to_owned(),
        spans: Vec::from([whole(record)]),
        values,
    }))
}

const MAPPING: &str = r#"{
    "primaryKey": {"id": "id"},
    "fields": {
        "email": {"from": "email", "transform": ["trim", "lowercase"]},
        "name": {"expr": "first ~ ' ' ~ last"},
        "age": {"from": "age", "onEmpty": "ignore"},
        "vip": {"from": "is_vip", "onEmpty": "default"}
    }
}"#;

#[test]
fn records_become_patches() {
    check(
        MAPPING,
        r#"{"id":"7","email":" A@B.CA","first":"Zoé","last":"Roy","age":41,"is_vip":true,"more":[1,{"x":2}]}"#,
        "age=41 email=a@b.ca id=7 name=Zoé Roy vip=true",
    );
    check(
        MAPPING,
        r#"{"id":19223372036854775807,"email":"a@b.ca"}"#,
        "email=a@b.ca id=19223372036854775807 name=  vip=false",
    );
    check(MAPPING, r#"{"id":"7","gone":"2024-01-01"}"#, "deleted");
    check(
        MAPPING,
        r#"{"id":"7","email":"a@b.ca","gone":false,"age":null}"#,
        "email=a@b.ca id=7 name=  vip=false",
    );
}

#[test]
fn records_are_rejected_with_a_reason() {
    check(MAPPING, r#"{"email":"a@b.ca"}"#, "rejected: the key field `id` is empty");
    check(MAPPING, r#"{"id":"7"}"#, "rejected: the value is empty, and the field is required");
    check(MAPPING, r#"{"id":"7","email":"nobody"}"#, "rejected: the value `nobody` is not an e-mail address");
    check(
        MAPPING,
        r#"{"id":"7","email":"a@b.ca","age":"old"}"#,
        "rejected: the value `old` is not a whole number between -9223372036854775808 and 9223372036854775807",
    );
    check(MAPPING, r#"{"id":{},"email":"a@b.ca"}"#, "rejected: the value `{}` is an object, not a text");
    // Nothing of a record may speak to the terminal on which its reason is shown.
    check(
        MAPPING,
        r#"{"id":"7","email":"\u001b[2ja\nb"}"#,
        "rejected: the value `\u{241b}[2ja b` is not an e-mail address",
    );
}

/// (what is mapped, `onEmpty`, what becomes of the row)
#[test]
fn a_list_without_a_choice_is_empty() {
    let entity = r#"{"key": "id", "fields": {"id": "text",
        "tags": {"type": "choices", "options": ["a", "b"], "required": true},
        "more": {"type": "choices", "options": ["a", "b"], "default": ["b"]}}}"#;
    for (tags, more, on_empty, expected) in [
        (r#"["a"]"#, "[]", "clear", "id=1 more= tags=a"),
        (r#"["a"]"#, r#"[""]"#, "default", "id=1 more=b tags=a"),
        (r#""b""#, "[null]", "ignore", "id=1 tags=b"),
        (r#"["a"]"#, r#""""#, "reject", "the value is empty, and `onEmpty` says reject"),
        (r#"["a"]"#, "[]", "reject", "the value is empty, and `onEmpty` says reject"),
        ("[]", r#"["a"]"#, "clear", "the value is empty, and the field is required"),
        (r#"[""]"#, r#"["a"]"#, "clear", "the value is empty, and the field is required"),
    ] {
        let mapping = format!(
            r#"{{"primaryKey": {{"id": "id"}}, "fields": {{"tags": "tags", "more": {{"from": "more", "onEmpty": "{on_empty}"}}}}}}"#
        );
        let program = program_of(entity, &mapping);
        let record = format!(r#"{{"id": 1, "tags": {tags}, "more": {more}}}"#);
        let mut out = Mapped::default();
        let shown = match program.page(None, None).map(Record::Json(record.as_bytes()), &mut out) {
            Ok(_) => shown_fields(entity, &out.patch),
            Err(rejection) => rejection.reason,
        };
        assert_eq!(shown, expected, "{record} {on_empty}");
    }
}

#[test]
fn parents_constants_and_the_whole_record_are_inputs() {
    let mapping = r#"{"primaryKey":{"id":{"expr":"parent.pid ~ '-' ~ id"}},"fields":{
        "email":{"const":"x@y.zz"},"name":"parent.pid","source":{"expr":"record['Odd Name']"}}}"#;
    check(mapping, r#"{"id":1,"Odd Name":"o"}"#, "email=x@y.zz id=P1-1 name=P1 source=o");
}

#[test]
fn a_record_inside_of_another_has_that_as_its_parent() {
    let program = program(
        r#"{"primaryKey":{"id":{"expr":"parent.n ~ '-' ~ id"}},"fields":{"email":{"const":"x@y.zz"},"name":"parent.name"}}"#,
    );
    let body = r#"[{"n":1,"name":"A","in":[{"id":1},{"id":2}]},{"n":2,"in":[{"id":1}]}]"#;
    let span = |part: &str, from: usize| {
        let start = from + body[from..].find(part).unwrap();
        start..start + part.len()
    };
    let (first, second) =
        (span(r#"{"n":1,"name":"A","in":[{"id":1},{"id":2}]}"#, 0), span(r#"{"n":2,"in":[{"id":1}]}"#, 0));
    let spans = vec![span(r#"{"id":1}"#, 0), span(r#"{"id":2}"#, 0), span(r#"{"id":1}"#, second.start)];
    let outers = vec![first.clone(), first, second];
    let records = Records::Nested { body: body.into(), spans, outers };
    let mut out = Mapped::default();
    let mut page = program.page(None, None);
    let mut shown = Vec::new();
    for record in records.iter() {
        page.map(record, &mut out).unwrap();
        shown.push(shown_patch(&out.patch));
    }
    assert_eq!(
        shown,
        ["email=x@y.zz id=1-1 name=A", "email=x@y.zz id=1-2 name=A", "email=x@y.zz id=2-1 name="]
    );
}

#[test]
fn rows_are_mapped_by_their_header() {
    let program =
        program(r#"{"primaryKey":{"id":"Id"},"fields":{"email":"E-mail","name":"Full Name","age":"Age"}}"#);
    let header: Arc<[String]> = ["Id", "E-mail", "Full Name", "Age"].map(str::to_owned).into();
    let mut rows =
        Rows { header: Arc::clone(&header), text: String::new(), ends: Vec::new(), lines: vec![2] };
    for cell in ["007", "a@b.ca", "Zoé", ""] {
        rows.text.push_str(cell);
        rows.ends.push(rows.text.len());
    }
    let records = Records::Rows(rows);
    let mut out = Mapped::default();
    let mut page = program.page(Some(&header), None);
    page.map(records.iter().next().unwrap(), &mut out).unwrap();
    assert_eq!(shown_patch(&out.patch), "age= email=a@b.ca id=007 name=Zoé");
}

#[test]
fn versions_compare_and_defaults_are_a_row() {
    let program = program(MAPPING);
    assert_eq!(shown_patch(program.defaults()), "source=shop");
    let version = |updated: &str| {
        let mut out = Mapped::default();
        let record = format!(r#"{{"id":"1","email":"a@b.ca","updated":{updated}}}"#);
        let mut page = program.page(None, None);
        page.map(Record::Json(record.as_bytes()), &mut out).unwrap();
        out.version
    };
    assert!(version("\"2024-01-01T00:00:00Z\"") < version("\"2024-01-01T00:00:00.5Z\""));
    assert!(version("\"2024-01-01T02:00:00+02:00\"") == version("\"2024-01-01T00:00:00Z\""));
    assert!(version("9") < version("10"));
    // However a service writes it, the greater number is the newer one; a number in a text is one too.
    assert!(version("1700000000.0") < version("\"1700000001.5\""));
    assert!(version("9223372036854775807") < version("9223372036854775808"));
    assert!(version("20241231") < version("20241232"));
    assert_eq!(version("1.0"), version("\"1\""));
    assert!(version("\"v1\"") < version("1") && version("99999999999") < version("\"1970-01-01\""));
    assert!(version("null").is_empty());
}

#[test]
fn a_field_that_may_be_left_as_it_is_has_its_default_in_a_new_row() {
    // (the mapping of email, vip and source; the defaults of a new row; the required fields that it may lack)
    for (email, vip, source, defaults, required) in [
        ("clear", "clear", "clear", "", &[][..]),
        ("ignore", "clear", "clear", "", &["email"]),
        ("reject", "ignore", "default", "vip=false", &[]),
        ("ignore", "ignore", "ignore", "source=shop vip=false", &["email"]),
    ] {
        let field = |name: &str, empty: &str| format!(r#""{name}":{{"from":"{name}","onEmpty":"{empty}"}}"#);
        let fields = [field("email", email), field("vip", vip), field("source", source)].join(",");
        let program = program(&format!(r#"{{"primaryKey":{{"id":"id"}},"fields":{{{fields}}}}}"#));
        assert_eq!(shown_patch(program.defaults()), defaults, "{fields}");
        let layout = Layout::provisional(&serde_json::from_str(ENTITY).unwrap());
        let ids: Vec<_> = required.iter().map(|name| layout.id(name).unwrap()).collect();
        assert_eq!(program.required(), ids, "{fields}");
    }
}

#[test]
fn mistakes_are_found_without_a_record() {
    let entity: Entity = serde_json::from_str(ENTITY).unwrap();
    let layout = Layout::provisional(&entity);
    let codes = |mapping: &str| {
        let mapping: MappingSpec = serde_json::from_str(mapping).unwrap();
        let task = Task {
            mapping: &mapping,
            entity: &entity,
            mode: Mode::Own,
            layout: &layout,
            deleted: None,
            version: None,
            cursor: &[],
            all_texts: false,
        };
        let (program, findings) = compile(&task);
        let shown: Vec<_> = findings.iter().map(|f| format!("{}@{}", f.code, f.path.join("."))).collect();
        assert_eq!(
            program.is_none(),
            findings.iter().any(|f| f.severity == raccord_model::diagnostic::Severity::Error)
        );
        shown.join(" ")
    };
    assert_eq!(codes("{}"), "incomplete-key@primaryKey required-field@fields");
    assert_eq!(
        codes(r#"{"primaryKey":{"id":"id","name":"n"},"fields":{"email":"e"}}"#),
        "incomplete-key@primaryKey.name"
    );
    assert_eq!(
        codes(r#"{"primaryKey":{"id":"id"},"fields":{"email":"e","Name":"n","id":"x"}}"#),
        "unknown-entity-field@fields.Name conflicting-fields@fields.id"
    );
    assert_eq!(
        codes(
            r#"{"primaryKey":{"id":"id"},"fields":{"email":{"from":"e","const":"x@y.zz"},"age":{"const":"old"},"name":{"expr":"a | nope"}}}"#
        ),
        "incompatible-type@fields.age.const conflicting-fields@fields.email invalid-expression@fields.name.expr"
    );
    assert_eq!(
        codes(
            r#"{"primaryKey":{"id":"id"},"fields":{"email":{"from":"e","transform":[{"split":","}]},"at":{"from":"a","timezone":"Mars/X"},"age":{"from":"a","onEmpty":"default"}}}"#
        ),
        "conflicting-fields@fields.age.onEmpty invalid-value@fields.at.timezone incompatible-type@fields.email.transform"
    );
}

#[test]
fn of_a_deleted_record_the_key_and_the_version_are_enough() {
    let program = program(MAPPING);
    let mut out = Mapped::default();
    let mut page = program.page(None, None);
    // (the record, whether it has a version, why it is rejected)
    for (record, has_version, expected) in [
        (r#"{"id":"7"}"#, false, None),
        (r#"{"id":7,"updated":"2025-01-01T00:00:00Z","email":"nonsense","gone":false}"#, true, None),
        (r#"{"email":"a@b.ca"}"#, false, Some("the key field `id` is empty")),
        ("", false, Some("the record is not JSON")),
    ] {
        let mapped = page.map_key(Record::Json(record.as_bytes()), &mut out);
        match expected {
            None => {
                assert_eq!(mapped, Ok(Wanted::Delete), "{record}");
                let mut key = Vec::new();
                row::push_key(&mut key, &Value::Text("7".into())).unwrap();
                assert_eq!((&out.key, out.patch.is_empty()), (&key, true), "{record}");
                assert_eq!(page.key_texts(Record::Json(record.as_bytes())), Ok(vec!["7".to_owned()]));
                assert_eq!(!out.version.is_empty(), has_version, "{record}");
            }
            Some(reason) => {
                assert!(mapped.unwrap_err().reason.starts_with(reason), "{record}");
                assert!(page.key_texts(Record::Json(record.as_bytes())).is_err(), "{record}");
            }
        }
    }
}

#[test]
fn a_mark_that_says_neither_is_a_reject() {
    check(MAPPING, r#"{"id":"7","email":"a@b.ca","gone":"N"}"#, "email=a@b.ca id=7 name=  vip=false");
    check(MAPPING, r#"{"id":"7","gone":"Y"}"#, "deleted");
    let why = |value: &str| {
        let list = mark::LIST;
        format!(
            "rejected: the value `{value}` of the field in `deletes` does not say whether the record is deleted: {list}"
        )
    };
    check(MAPPING, r#"{"id":"7","email":"a@b.ca","gone":"maybe"}"#, &why("maybe"));
    check(MAPPING, r#"{"id":"7","email":"a@b.ca","gone":[]}"#, &why("[]"));
}

/// (what `onEmpty` and `onMissing` say, what becomes of an absent field, of a null one)
#[test]
fn absent_and_null_are_told_apart() {
    let entity = r#"{"key": "id", "fields": {"id": "text", "x": {"type": "text", "default": "d"}}}"#;
    let rejected = "the value is empty, and `onEmpty` says reject";
    let missing = "the record does not have the field, and `onMissing` says reject";
    for (policies, absent, null) in [
        ("", "id=1 x=", "id=1 x="),
        (r#", "onEmpty": "default""#, "id=1 x=d", "id=1 x=d"),
        (r#", "onEmpty": "ignore""#, "id=1", "id=1"),
        (r#", "onEmpty": "reject""#, rejected, rejected),
        (r#", "onMissing": "keep""#, "id=1", "id=1 x="),
        (r#", "onMissing": "clear", "onEmpty": "reject""#, "id=1 x=", rejected),
        (r#", "onMissing": "default", "onEmpty": "ignore""#, "id=1 x=d", "id=1"),
        (r#", "onMissing": "reject""#, missing, "id=1 x="),
    ] {
        for (record, expected) in [(r#"{"id": 1}"#, absent), (r#"{"id": 1, "a": {"b": null}}"#, null)] {
            let mapping = format!(
                r#"{{"primaryKey": {{"id": "id"}}, "fields": {{"x": {{"from": "a.b"{policies}}}}}}}"#
            );
            assert_eq!(mapped(entity, &mapping, record, false), expected, "{policies} {record}");
        }
    }
}

/// (where the value comes from, the record, what becomes of the field when the record is whole, and when it is a part)
#[test]
fn of_a_part_of_a_record_only_what_it_mentions_changes() {
    let entity =
        r#"{"key": "id", "fields": {"id": "text", "x": {"type": "text", "default": "d", "required": true}}}"#;
    for (origin, record, whole, part) in [
        (r#""a""#, r#"{"id": 1}"#, "id=1 x=d", "id=1"),
        (r#""a""#, r#"{"id": 1, "a": null}"#, "id=1 x=d", "id=1 x=d"),
        (r#""a""#, r#"{"id": 1, "a": "y"}"#, "id=1 x=y", "id=1 x=y"),
        (r#""a.b""#, r#"{"id": 1, "a": null}"#, "id=1 x=d", "id=1 x=d"),
        (r#""a.b""#, r#"{"id": 1, "a": {}}"#, "id=1 x=d", "id=1"),
        (r#"{"const": "c"}"#, r#"{"id": 1}"#, "id=1 x=c", "id=1 x=c"),
        (r#"{"expr": "a ~ b"}"#, r#"{"id": 1, "a": "y"}"#, "id=1 x=y", "id=1"),
        (r#"{"expr": "a ~ b"}"#, r#"{"id": 1, "a": "y", "b": "z"}"#, "id=1 x=yz", "id=1 x=yz"),
        (r#"{"expr": "a ~ b", "onMissing": "keep"}"#, r#"{"id": 1}"#, "id=1", "id=1"),
        (r#"{"expr": "a ~ b", "onMissing": "keep"}"#, r#"{"id": 1, "b": "z"}"#, "id=1 x=z", "id=1"),
    ] {
        let mapping = format!(r#"{{"primaryKey": {{"id": "id"}}, "fields": {{"x": {origin}}}}}"#);
        assert_eq!(mapped(entity, &mapping, record, false), whole, "{origin} {record}");
        assert_eq!(mapped(entity, &mapping, record, true), part, "a part: {origin} {record}");
    }
}

/// What a record becomes, whole or as a part.
fn mapped(entity: &str, mapping: &str, record: &str, is_partial: bool) -> String {
    let program = program_of(entity, mapping);
    let mut out = Mapped::default();
    let mut page = program.page(None, None);
    let record = Record::Json(record.as_bytes());
    match if is_partial { page.map_partial(record, &mut out) } else { page.map(record, &mut out) } {
        Ok(_) => shown_fields(entity, &out.patch),
        Err(rejection) => rejection.reason,
    }
}

/// (the records of a page, the paths that none had, the fields that they would empty, and those that they would where
/// records are known to have had every path)
#[test]
fn paths_that_no_record_had_make_their_fields_suspect() {
    let mapping = r#"{"primaryKey": {"id": "id"}, "fields": {
        "email": {"from": "mail", "onEmpty": "reject"}, "name": {"expr": "first ~ last"}, "age": "age.years",
        "vip": {"from": "vip", "onMissing": "keep"}, "source": {"from": "src", "onMissing": "default"}}}"#;
    let entity: Entity = serde_json::from_str(ENTITY).unwrap();
    let layout = Layout::provisional(&entity);
    let program = program(mapping);
    assert_eq!(program.joint().collect::<Vec<_>>(), ["first", "last"]);
    for (records, unseen, suspects, of_known) in [
        (
            &[r#"{"id": 1}"#][..],
            "first last age.years src vip mail gone updated",
            "age name source",
            "age name source",
        ),
        (
            &[r#"{"id": 1, "age": {}}"#, r#"{"id": 2, "last": null}"#],
            "first age.years src vip mail gone updated",
            "age source",
            "age name source",
        ),
        (
            &[r#"{"id": 1, "age": {"years": 4}, "src": "", "updated": 1}"#],
            "first last vip mail gone",
            "name",
            "name",
        ),
        (
            &[
                r#"{"age": {"years": null}}"#,
                r#"{"first": 1, "last": 1, "src": 1, "vip": 1, "mail": 1, "gone": null, "updated": 1}"#,
            ],
            "",
            "",
            "",
        ),
    ] {
        let mut page = program.page(None, None);
        let mut out = Mapped::default();
        for record in records {
            drop(page.map(Record::Json(record.as_bytes()), &mut out));
        }
        let found = program.unseen(page.seen());
        let sorted = |mut names: Vec<String>| {
            names.sort();
            names.join(" ")
        };
        let expected = sorted(unseen.split_whitespace().map(str::to_owned).chain([]).collect());
        let seen_key = !records.iter().any(|record| record.contains("\"id\""));
        let shown = sorted(found.iter().filter(|path| !(seen_key && *path == "id")).cloned().collect());
        assert_eq!(shown, expected, "{records:?}");
        let name_of = |id: &FieldId| layout.0.iter().find(|(_, known)| *known == id).unwrap().0.to_string();
        let known: Vec<String> = program.joint().collect();
        for (known, expected) in [(&[][..], suspects), (&known, of_known)] {
            let names = program.suspects(&found, known).iter().map(name_of).collect();
            assert_eq!(sorted(names), expected, "{records:?} {known:?}");
        }
    }
}
