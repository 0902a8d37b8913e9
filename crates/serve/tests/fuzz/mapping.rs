//! Mapping programs: any record under any mapping gives a key and a patch that can be read, or a reason.

use std::sync::Arc;

use fastrand::Rng;
use raccord_compiler::mapping::{Layout, Mapped, Program, Task, Wanted, compile};
use raccord_model::language::{Entity, FieldType, MappingSpec, Mode};
use raccord_model::port::records::{Record, Records, Rows};
use raccord_model::row::{apply_patch, empty_row, fields};
use serde_json::{Map, Value, json};

use crate::harness::{Target, fuzz, outcome};

/// How many mappings are made. The first byte of an input chooses.
const PROGRAMS: usize = 192;

const PATHS: [&str; 10] =
    ["id", "name", "a.b", "a.b.c", "list", "list[0]", "list[2].x", "when", "\"odd name\"", "number"];

const EXPRESSIONS: [&str; 8] = [
    "name ~ ' ' ~ id",
    "number * 2",
    "(number | int) + 1",
    "name | upper | trim",
    "list | join(',')",
    "name if number else when",
    "list[0]",
    "a.b",
];

const WORDS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "\"id\":",
    "\"name\":",
    "\"a\":",
    "\"list\":",
    "\"when\":",
    "\"number\":",
    "\\u0000",
    "\\ud83d",
    "null",
    "true",
    "\"2024-02-30\"",
    "\"2024-01-31T09:30:00+25:00\"",
    "\"0001-01-01\"",
    "\"9999-12-31T23:59:60Z\"",
    "1e308",
    "-0",
    "0.000",
    "\"+351 912\"",
    "\"a@b.cc\"",
    "\"https://x.y\"",
    "gold",
];

fn transform(rng: &mut Rng) -> Value {
    let all = [
        json!("trim"),
        json!("lowercase"),
        json!("uppercase"),
        json!("digits"),
        json!({"truncate": rng.u32(..5)}),
        json!({"replace": {"find": "a", "with": "\u{0}é"}}),
        json!({"parseDate": "%d/%m/%Y"}),
        json!({"parseDate": "%Y-%m-%dT%H:%M:%S%z"}),
        json!({"formatDate": "%A %d %B %Y"}),
        json!({"split": ","}),
        json!({"join": "; "}),
        json!({"lookup": {"table": {"a": "b"}, "default": "gold"}}),
    ];
    all[rng.usize(..all.len())].clone()
}

fn input(rng: &mut Rng) -> Value {
    let mut value = match rng.u8(..8) {
        0 => json!({"expr": EXPRESSIONS[rng.usize(..EXPRESSIONS.len())]}),
        1 => json!({"const": "1"}),
        _ => json!({"from": PATHS[rng.usize(..PATHS.len())]}),
    };
    let steps: Vec<Value> = (0..rng.usize(..3)).map(|_| transform(rng)).collect();
    if !steps.is_empty() {
        value["transform"] = steps.into();
    }
    if rng.bool() {
        value["onEmpty"] = ["clear", "ignore", "reject"][rng.usize(..3)].into();
    }
    if rng.bool() {
        value["timezone"] = ["America/Montreal", "UTC", "Australia/Lord_Howe"][rng.usize(..3)].into();
    }
    value
}

fn field(rng: &mut Rng) -> Value {
    let kind = FieldType::ALL[rng.usize(..FieldType::ALL.len())];
    let mut field = json!({"type": kind.as_str()});
    match kind {
        FieldType::Choice | FieldType::Choices => field["options"] = json!(["gold", "silver"]),
        FieldType::Text if rng.bool() => field["maxLength"] = json!(3),
        _ => {}
    }
    field
}

/// A mapping that compiles, if these random choices make one.
fn program(rng: &mut Rng) -> Option<Program> {
    let key = if rng.bool() { "text" } else { ["integer", "date", "datetime", "boolean"][rng.usize(..4)] };
    let (mut types, mut inputs) = (Map::new(), Map::new());
    for number in 0..rng.usize(1..6) {
        let name = format!("f{number}");
        types.insert(name.clone(), field(rng));
        inputs.insert(name, input(rng));
    }
    types.insert("id".to_owned(), json!({"type": key}));
    let entity: Entity = serde_json::from_value(json!({"key": "id", "fields": types})).unwrap();
    let key_input = if rng.bool() { json!({"from": "id"}) } else { input(rng) };
    let mapping = json!({"primaryKey": {"id": key_input}, "fields": inputs});
    let mapping: MappingSpec = serde_json::from_value(mapping).unwrap();
    let layout = Layout::provisional(&entity);
    let mut path = || rng.bool().then(|| PATHS[rng.usize(..PATHS.len())].parse().unwrap());
    let (deleted, version, cursor) = (path(), path(), path());
    let task = Task {
        mapping: &mapping,
        entity: &entity,
        mode: Mode::Own,
        layout: &layout,
        deleted: deleted.as_ref(),
        version: version.as_ref(),
        cursor: cursor.as_slice(),
        all_texts: false,
    };
    compile(&task).0
}

fn programs() -> Vec<Program> {
    let mut rng = Rng::with_seed(11);
    let programs: Vec<Program> = (0..PROGRAMS * 4).filter_map(|_| program(&mut rng)).take(PROGRAMS).collect();
    assert!(programs.len() > PROGRAMS / 4, "only {} mappings compile", programs.len());
    programs
}

/// Maps one record; what comes out can be read back.
fn map(
    program: &Program,
    header: Option<&Arc<[String]>>,
    record: Record<'_>,
) -> Result<(bool, usize), String> {
    let mut out = Mapped::default();
    let mut page = program.page(header, None);
    let mapped = page.map(record, &mut out);
    drop(page.cursor());
    match mapped {
        Ok(Wanted::Delete) => Ok((true, 0)),
        Ok(Wanted::Upsert) => {
            assert!(!out.key.is_empty(), "a record without a key is mapped");
            let count =
                fields(&out.patch).unwrap().map(|field| drop(field.unwrap().value().unwrap())).count();
            let (mut row, mut again) = (Vec::new(), Vec::new());
            apply_patch(empty_row(), &out.patch, &mut row).unwrap();
            apply_patch(&row, &out.patch, &mut again).unwrap();
            assert_eq!(row, again, "the same record makes another row");
            Ok((false, count))
        }
        Err(rejection) => {
            assert!(!rejection.reason.is_empty() && !rejection.reason.contains('\n'), "{}", rejection.reason);
            // Without the value, which would make every outcome a new one.
            let said: String = rejection.reason.split('`').step_by(2).collect();
            Err(said.chars().filter(|c| !c.is_numeric()).take(48).collect())
        }
    }
}

/// The bytes as a row of cells.
fn rows(bytes: &[u8]) -> Records {
    let text = String::from_utf8_lossy(bytes);
    let header: Arc<[String]> = PATHS.iter().map(ToString::to_string).collect();
    let (mut all, mut ends) = (String::new(), Vec::new());
    let mut cells = text.split('|');
    for _ in 0..header.len() {
        all.push_str(cells.next().unwrap_or_default());
        ends.push(all.len());
    }
    Records::Rows(Rows { header, text: all, ends, lines: vec![1] })
}

fn check(programs: &[Program], input: &[u8]) -> u64 {
    let (first, record) = input.split_first().map_or((0, input), |(first, rest)| (usize::from(*first), rest));
    let program = &programs[first % programs.len()];
    let Records::Rows(cells) = rows(record) else { unreachable!() };
    let header = Arc::clone(&cells.header);
    let records = Records::Rows(cells);
    let by_row = records.iter().next().map(|record| map(program, Some(&header), record));
    let by_json = map(program, None, Record::Json(record));
    outcome((first % programs.len(), by_row, by_json))
}

#[test]
fn mapping() {
    let records = [
        r#"{"id":1,"name":" Ann ","a":{"b":"2024-01-31"},"list":[1,"x",{"x":2.50}],"when":"2024-01-31T09:30:00Z","number":"12.5","odd name":null}"#,
        r#"{"id":"é","name":"","a":{"b":{"c":true}},"list":"a,b","when":"31/01/2024","number":9223372036854775807}"#,
        "1|Ann|2024-01-31|true|a,b|x|y|2024-01-31T09:30:00|z|12",
    ];
    let samples = (0..=u8::MAX)
        .step_by(5)
        .flat_map(|first| records.iter().map(move |record| [&[first][..], record.as_bytes()].concat()));
    fuzz(Target { name: "mapping", samples: samples.collect(), words: WORDS }, || {
        let programs = programs();
        move |input: &[u8]| check(&programs, input)
    });
}
