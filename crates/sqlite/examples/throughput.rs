//! What 200,000 rows cost in CPU, through the port in batches of 1,000, beside a plain upsert of the same rows by the same client
//! library: all new, all changed, nothing changed, and known to be as they were.
//!
//! `cargo run --release -p raccord-sqlite --example throughput [ROWS]`
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement, run by hand"
)]

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use raccord_conformance::block_on;
use raccord_conformance::fixture::{INC, batch, checkpoint, effects, transfer};
use raccord_model::language::Manage;
use raccord_model::language::project::FieldType;
use raccord_model::port::destination::{
    Batch, Candidates, Change, Destination as _, EntityShape, FieldShape, Intent, RecordDigest,
};
use raccord_model::row;
use raccord_model::value::{Instant as Moment, Value};
use raccord_sqlite::{Access, SqliteDestination, open};
use rusqlite::params_from_iter;
use rusqlite::types::Value as Plain;

/// How many rows a batch has.
const BATCH: u64 = 1_000;

/// The columns and their types: 12, of about 390 bytes together.
const COLUMNS: [(&str, FieldType, &str); 12] = [
    ("id", FieldType::Text, "TEXT"),
    ("first_name", FieldType::Text, "TEXT"),
    ("last_name", FieldType::Text, "TEXT"),
    ("email", FieldType::Email, "TEXT"),
    ("phone", FieldType::Phone, "TEXT"),
    ("street", FieldType::Text, "TEXT"),
    ("city", FieldType::Text, "TEXT"),
    ("note", FieldType::Text, "TEXT"),
    ("amount", FieldType::Decimal, "TEXT"),
    ("visits", FieldType::Integer, "INTEGER"),
    ("active", FieldType::Boolean, "INTEGER"),
    ("updated", FieldType::Datetime, "TEXT"),
];

/// The values of a row; `round` changes one of them.
fn values(number: u64, round: u64) -> [Value<'static>; 12] {
    let text = |text: String| Value::Text(text.into());
    let seconds = 1_700_000_000 + i64::try_from(number).unwrap();
    [
        text(format!("{:036x}", number.wrapping_mul(0x9E37_79B9_7F4A_7C15))),
        text(format!("Élodie {number}")),
        text(format!("Tremblay-{number:08}")),
        text(format!("elodie.tremblay.{number}@customers.example.com")),
        text(format!("+1514555{:04}", number % 10_000)),
        text(format!("{number} rue Sainte-Catherine Ouest, appartement {}", number % 900)),
        text("Montréal".to_owned()),
        text(format!(
            "{} called about the order of last week and asked to be called back, {number}",
            "n".repeat(60)
        )),
        Value::Decimal(format!("{}.{:02}", number % 100_000, 1 + number % 9).parse().unwrap()),
        Value::Integer(i64::try_from(number + round).unwrap()),
        Value::Boolean(number.is_multiple_of(3)),
        Value::Datetime(Moment { seconds, nanoseconds: 123_456_000 }),
    ]
}

fn shape() -> EntityShape {
    let field = |((column, field_type, _), id): (&(&str, FieldType, &str), u32)| FieldShape {
        id,
        column: (*column).to_owned(),
        field_type: *field_type,
        required: false,
        unique: false,
        max_length: None,
    };
    EntityShape {
        project: transfer('P'),
        entity: "crm.contact".parse().unwrap(),
        incarnation: INC,
        table: "contacts".to_owned(),
        manage: Manage::Additive,
        key: vec![1],
        fields: COLUMNS.iter().zip(1..).map(field).collect(),
        fed_by: Vec::new(),
        replaces: Vec::new(),
    }
}

/// CPU seconds of this process.
fn cpu() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    let ticks = |at: usize| fields[at].parse::<u32>().unwrap();
    f64::from(ticks(11) + ticks(12)) / 100.0
}

/// Says what a piece of work took.
fn measure(what: &str, work: impl FnOnce()) {
    let (before, begun) = (cpu(), Instant::now());
    work();
    let (used, wall) = (cpu() - before, begun.elapsed().as_secs_f64());
    println!("{what:<44} {used:5.2} CPU s  wall {wall:5.2} s");
}

/// How rows are committed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    Upsert,
    /// Looked up first, and kept.
    Keep,
}

fn digest(number: u64) -> RecordDigest {
    let mut record = [0; 12];
    record[..8].copy_from_slice(&number.to_be_bytes());
    RecordDigest { mapping: *b"test", record }
}

async fn commit_all(destination: &SqliteDestination, rows: u64, round: u64, how: How) -> String {
    let mut last = String::new();
    for page in 0..rows / BATCH {
        let mut next = Batch { checkpoint: Some(checkpoint(0)), ..batch('A') };
        let mut candidates = Candidates::default();
        for number in page * BATCH..(page + 1) * BATCH {
            let values = values(number, round);
            let (mut key, mut patch) = (Vec::new(), Vec::new());
            row::push_key(&mut key, &values[0]).unwrap();
            let known = digest(number);
            let digest = Some(known);
            if how == How::Keep {
                candidates.push(&key, known);
                next.changes.push(Change {
                    intent: Intent::Keep,
                    key: &key,
                    patch: b"",
                    version: b"",
                    digest,
                });
                continue;
            }
            row::begin(&mut patch);
            for (value, id) in values.iter().zip(1..) {
                row::push(&mut patch, id, Some(value));
            }
            next.changes.push(Change {
                intent: Intent::Upsert,
                key: &key,
                patch: &patch,
                version: b"",
                digest,
            });
        }
        if how == How::Keep {
            let found = destination.prefetch(next.transfer, INC, Arc::new(candidates)).await.unwrap();
            assert!(found.same.iter().all(|same| *same));
            next.kept_at = Some(found.at);
        }
        last = effects(&destination.commit(next).await.unwrap());
    }
    last
}

/// A value as one would bind it by hand.
fn plain(value: &Value<'_>) -> Plain {
    match value {
        Value::Integer(number) => Plain::Integer(*number),
        Value::Boolean(value) => Plain::Integer(i64::from(*value)),
        other => Plain::Text(other.to_text()),
    }
}

/// Upserts the rows, 1,000 in a transaction; a row that is the same is not written.
fn upsert(path: &Path, rows: u64, round: u64) {
    let connection = open(path, Access::Create, std::time::Duration::from_secs(5)).unwrap();
    let columns: Vec<String> = COLUMNS.iter().map(|(name, _, sql)| format!("{name} {sql}")).collect();
    let made = format!("CREATE TABLE IF NOT EXISTS limits ({}, PRIMARY KEY (id)) STRICT", columns.join(", "));
    connection.execute_batch(&made).unwrap();
    let names: Vec<&str> = COLUMNS.iter().map(|(name, _, _)| *name).collect();
    let of =
        |prefix: &str| names[1..].iter().map(|name| format!("{prefix}{name}")).collect::<Vec<_>>().join(", ");
    let sets: Vec<String> = names[1..].iter().map(|name| format!("{name} = excluded.{name}")).collect();
    let places = vec!["?"; names.len()].join(", ");
    let text = format!(
        "INSERT INTO limits AS l VALUES ({places}) ON CONFLICT (id) DO UPDATE SET {} WHERE ({}) IS NOT ({})",
        sets.join(", "),
        of("l."),
        of("excluded.")
    );
    let mut statement = connection.prepare(&text).unwrap();
    for page in 0..rows / BATCH {
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        for number in page * BATCH..(page + 1) * BATCH {
            let values = values(number, round);
            statement.execute(params_from_iter(values.iter().map(plain))).unwrap();
        }
        connection.execute_batch("COMMIT").unwrap();
    }
}

fn main() {
    let rows: u64 = std::env::args().nth(1).map_or(200_000, |text| text.parse().unwrap());
    let directory = tempfile::TempDir::new().unwrap();
    let path = directory.path().join("crm.db");
    block_on(async {
        let destination = SqliteDestination::new(path.clone());
        destination.prepare(shape()).await.unwrap();
        destination.raise_fence(transfer('A'), batch('A').fence).await.unwrap();
    });
    for (what, round, how) in [
        ("raccord, all new", 0, How::Upsert),
        ("raccord, all changed", 1, How::Upsert),
        ("raccord, nothing changed", 1, How::Upsert),
        ("raccord, known to be as they were", 1, How::Keep),
    ] {
        measure(what, || {
            let destination = SqliteDestination::new(path.clone());
            println!("  {}", block_on(commit_all(&destination, rows, round, how)));
        });
    }
    let limits = directory.path().join("limits.db");
    for (what, round) in [
        ("a plain upsert, all new", 0),
        ("a plain upsert, all changed", 1),
        ("a plain upsert, nothing changed", 1),
    ] {
        measure(what, || upsert(&limits, rows, round));
    }
}
