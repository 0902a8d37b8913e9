//! What 200,000 rows cost in CPU, through the port in batches of 1,000, beside what `psql` takes to copy the same rows into a
//! stage and merge them: all new, all changed, nothing changed, and known to be as they were.
//!
//! `cargo run --release -p raccord-postgres --example throughput_of_postgres [ROWS]`
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement, run by hand"
)]

#[path = "../../../tests/postgres_server.rs"]
mod postgres_server;

use std::fmt::Write;
use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use raccord_conformance::block_on;
use raccord_conformance::fixture::{INC, batch, checkpoint, effects, transfer};
use raccord_model::language::Manage;
use raccord_model::language::project::FieldType;
use raccord_model::port::destination::{
    Batch, Candidates, Change, Destination, EntityShape, FieldShape, Intent, RecordDigest,
};
use raccord_model::port::environment::{Environment, RandomError};
use raccord_model::row;
use raccord_model::value::{Instant as Moment, Value};
use raccord_postgres::{PostgresDestination, PostgresSettings, Server, SettingsSource, Tls};
use secrecy::SecretString;

use postgres_server::{Durability, PostgresServer};

/// How many rows a batch has.
const BATCH: u64 = 1_000;

/// The columns and their types: 12, of about 390 bytes together.
const COLUMNS: [(&str, FieldType, &str); 12] = [
    ("id", FieldType::Text, "text"),
    ("first_name", FieldType::Text, "text"),
    ("last_name", FieldType::Text, "text"),
    ("email", FieldType::Email, "text"),
    ("phone", FieldType::Phone, "text"),
    ("street", FieldType::Text, "text"),
    ("city", FieldType::Text, "text"),
    ("note", FieldType::Text, "text"),
    ("amount", FieldType::Decimal, "numeric"),
    ("visits", FieldType::Integer, "bigint"),
    ("active", FieldType::Boolean, "boolean"),
    ("updated", FieldType::Datetime, "timestamptz"),
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

#[derive(Debug)]
struct Here;

impl Environment for Here {
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::now()
    }

    fn new_id(&self) -> uuid::Uuid {
        uuid::Uuid::now_v7()
    }

    fn variable(&self, _: &str) -> Option<String> {
        None
    }

    fn random(&self) -> Result<[u8; 32], RandomError> {
        Err(RandomError)
    }
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

/// CPU seconds of a process, of those it has waited for too.
fn cpu_of(pid: u32, with_children: bool) -> f64 {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { return 0.0 };
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    let ticks = |at: usize| fields[at].parse::<u32>().unwrap();
    let own = ticks(11) + ticks(12);
    f64::from(own + if with_children { ticks(13) + ticks(14) } else { 0 }) / 100.0
}

/// CPU seconds of the server: of its main process, of those that have ended, and of those that work for it now.
fn cpu_of_server(server: &PostgresServer) -> f64 {
    let pid: u32 = fs::read_to_string(server.home().join("postmaster.pid"))
        .unwrap()
        .lines()
        .next()
        .unwrap()
        .parse()
        .unwrap();
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    let working: f64 = children.split_whitespace().map(|child| cpu_of(child.parse().unwrap(), true)).sum();
    cpu_of(pid, true) + working
}

/// Says what a piece of work took.
fn measure(server: &PostgresServer, what: &str, work: impl FnOnce()) {
    let own = || cpu_of(std::process::id(), true);
    let (client, of_server, begun) = (own(), cpu_of_server(server), Instant::now());
    work();
    let (client, of_server) = (own() - client, cpu_of_server(server) - of_server);
    let wall = begun.elapsed().as_secs_f64();
    println!(
        "{what:<44} client {client:5.2}  server {of_server:5.2}  both {:5.2} CPU s  wall {wall:5.2} s",
        client + of_server
    );
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

async fn commit_all(destination: &PostgresDestination, rows: u64, round: u64, how: How) -> String {
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

/// The rows as CSV, for `psql`.
fn csv(rows: u64, round: u64) -> String {
    let mut text = String::new();
    for number in 0..rows {
        let values = values(number, round).map(|value| format!("\"{}\"", value.to_text()));
        writeln!(text, "{}", values.join(",")).unwrap();
    }
    text
}

/// Copies the rows into a stage and merges them, as one would by hand.
fn psql(server: &PostgresServer, file: &str) {
    let names: Vec<&str> = COLUMNS.iter().map(|(name, _, _)| *name).collect();
    let sets: Vec<String> = names[1..].iter().map(|name| format!("{name} = excluded.{name}")).collect();
    let differs = format!(
        "({0}) IS DISTINCT FROM (excluded.{1})",
        names[1..].iter().map(|name| format!("l.{name}")).collect::<Vec<_>>().join(", "),
        names[1..].join(", excluded.")
    );
    let script = format!(
        "CREATE TEMP TABLE stage (LIKE limits INCLUDING DEFAULTS);\n\\copy stage FROM '{file}' CSV\n\
         INSERT INTO limits AS l SELECT * FROM stage ON CONFLICT (id) DO UPDATE SET {} WHERE {differs};\n",
        sets.join(", ")
    );
    let path = format!("{file}.sql");
    fs::write(&path, script).unwrap();
    let status = Command::new("psql")
        .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &server.url("postgres"), "-f", &path])
        .status();
    assert!(status.unwrap().success());
}

fn main() {
    let rows: u64 = std::env::args().nth(1).map_or(200_000, |text| text.parse().unwrap());
    let server =
        PostgresServer::start_with(Durability::Synced, &["shared_buffers=256MB", "max_wal_size=4GB"]);
    let settings = PostgresSettings {
        server: Server::Url(SecretString::from(server.url("postgres"))),
        tls: Tls::Off,
        schema: "crm".to_owned(),
    };
    let destination = PostgresDestination::new(SettingsSource::fixed(settings), Arc::new(Here));
    block_on(async {
        destination.prepare(shape()).await.unwrap();
        destination.raise_fence(transfer('A'), batch('A').fence).await.unwrap();
    });
    for (what, round, how) in [
        ("raccord, all new", 0, How::Upsert),
        ("raccord, all changed", 1, How::Upsert),
        ("raccord, nothing changed", 1, How::Upsert),
        ("raccord, known to be as they were", 1, How::Keep),
    ] {
        measure(&server, what, || {
            let settings = PostgresSettings {
                server: Server::Url(SecretString::from(server.url("postgres"))),
                tls: Tls::Off,
                schema: "crm".to_owned(),
            };
            let destination = PostgresDestination::new(SettingsSource::fixed(settings), Arc::new(Here));
            println!("  {}", block_on(commit_all(&destination, rows, round, how)));
        });
    }
    let columns: Vec<String> = COLUMNS.iter().map(|(name, _, sql)| format!("{name} {sql}")).collect();
    server.sql("postgres", &format!("CREATE TABLE limits ({}, PRIMARY KEY (id))", columns.join(", ")));
    let files = ["a", "b"].map(|name| std::env::temp_dir().join(format!("raccord-throughput-{name}.csv")));
    let files = files.map(|path| path.to_str().unwrap().to_owned());
    fs::write(&files[0], csv(rows, 0)).unwrap();
    fs::write(&files[1], csv(rows, 1)).unwrap();
    for (what, file) in [("psql, all new", 0), ("psql, all changed", 1), ("psql, nothing changed", 1)] {
        measure(&server, what, || psql(&server, &files[file]));
    }
    for file in files {
        drop(fs::remove_file(&file));
        drop(fs::remove_file(format!("{file}.sql")));
    }
}
