//! Records over HTTP into a table of PostgreSQL, beside `psql` that copies the same rows into a stage and merges them.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use crate::environment::{TestEnvironment, fill};
use crate::http_server::{HttpServer, json};
use crate::postgres_server::{Durability, PostgresServer};
use crate::throughput::{Cpu, psql, rows};

/// How many records a page has.
const PER_PAGE: u64 = 1_000;

/// The columns of both tables.
const COLUMNS: [(&str, &str); 16] = [
    ("id", "bigint"),
    ("ref", "text"),
    ("name", "text"),
    ("email", "text"),
    ("phone", "text"),
    ("street", "text"),
    ("city", "text"),
    ("zip", "text"),
    ("country", "text"),
    ("status", "text"),
    ("score", "bigint"),
    ("balance", "numeric"),
    ("vip", "boolean"),
    ("notes", "text"),
    ("created_at", "timestamptz"),
    ("updated_at", "timestamptz"),
];

fn project(service: &str) -> String {
    format!(
        r#"apiVersion: raccord/v1
kind: Authorization
metadata: {{name: warehouse}}
spec: {{type: database, url: "${{env:WAREHOUSE_URL}}", tls: {{mode: disable}}}}
---
apiVersion: raccord/v1
kind: Project
metadata: {{name: crm}}
spec:
  store: {{type: postgres, authorization: warehouse, schema: crm}}
  entities:
    contact:
      key: id
      fields:
        {{id: integer, ref: text, name: text, email: email, phone: phone, street: text, city: text, zip: text,
         country: text, status: text, score: integer, balance: decimal, vip: boolean, notes: text,
         createdAt: datetime, updatedAt: datetime}}
---
apiVersion: raccord/v1
kind: Source
metadata: {{name: contacts}}
spec:
  connector: http
  authorization: {{type: none}}
  config:
    baseUrl: {service}
    dataTypes: {{contacts: {{records: data, pagination: {{nextUrl: next}}}}}}
---
apiVersion: raccord/v1
kind: Transfer
metadata: {{name: contacts}}
spec:
  source: contacts
  to: crm.contact
  active: true
  mapping:
    primaryKey: {{id: id}}
    fields: {{ref: external_ref, name: customer.name, email: customer.email, phone: customer.phone,
             street: address.street, city: address.city, zip: address.zip, country: address.country,
             status: status, score: score, balance: balance, vip: vip, notes: notes,
             createdAt: created_at, updatedAt: updated_at}}
---
apiVersion: raccord/v1
kind: Integration
metadata: {{name: contacts}}
spec: {{active: true, subscriptions: {{contacts: [created, updated]}}}}
"#
    )
}

/// A record of about 390 bytes, in one of its versions.
fn record(number: u64, version: u64) -> String {
    let mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 16;
    let phone = if mixed.is_multiple_of(5) {
        "null".to_owned()
    } else {
        format!("\"+351{:09}\"", mixed % 1_000_000_000)
    };
    let notes = if mixed.is_multiple_of(3) {
        "null".to_owned()
    } else {
        format!("\"note {number} with some free text\"")
    };
    format!(
        "{{\"id\":{number},\"external_ref\":\"C-{number:08}\",\
         \"customer\":{{\"name\":\"Customer {} Ltd\",\"email\":\"user{number}@example.com\",\"phone\":{phone}}},\
         \"address\":{{\"street\":\"{} Rue de l'Église\",\"city\":\"Montréal\",\"zip\":\"{:05}\",\"country\":\"CA\"}},\
         \"status\":\"active\",\"score\":{},\"balance\":{}.{:02},\"vip\":{},\"notes\":{notes},\
         \"created_at\":\"2024-03-04T05:06:07Z\",\"updated_at\":\"2025-03-04T05:06:07Z\"}}",
        mixed % 100_000,
        mixed % 999,
        mixed % 100_000,
        number + version,
        mixed % 10_000,
        mixed % 100,
        mixed.is_multiple_of(10),
    )
}

/// Pages of so many records in a version.
fn pages(records: u64, version: u64) -> Vec<String> {
    (0..records.div_ceil(PER_PAGE))
        .map(|page| {
            let numbers = page * PER_PAGE + 1..=((page + 1) * PER_PAGE).min(records);
            let data: Vec<String> = numbers.map(|number| record(number, version)).collect();
            let next = if (page + 1) * PER_PAGE < records {
                format!("\"/contacts?page={}\"", page + 2)
            } else {
                "null".to_owned()
            };
            format!("{{\"data\":[{}],\"next\":{next}}}", data.join(","))
        })
        .collect()
}

/// What stands in a table, as a file for `\copy`.
fn rows_of(server: &PostgresServer, table: &str, into: &Path) {
    let columns = COLUMNS.map(|(name, _)| name).join(", ");
    psql(
        server,
        &[format!("\\copy (SELECT {columns} FROM {table} ORDER BY id) TO '{}' CSV", into.display())],
    );
}

/// Copies a file into a stage and merges it into the table of the limit; unchanged rows are not written.
fn merge_by_hand(server: &PostgresServer, file: &Path) {
    let names = COLUMNS.map(|(name, _)| name);
    let (columns, others) = (names.join(", "), names[1..].join(", "));
    let new = names[1..].iter().map(|name| format!("excluded.{name}")).collect::<Vec<_>>().join(", ");
    let old = names[1..].iter().map(|name| format!("t.{name}")).collect::<Vec<_>>().join(", ");
    psql(
        server,
        &[
            "TRUNCATE by_hand.stage".to_owned(),
            format!("\\copy by_hand.stage FROM '{}' CSV", file.display()),
            format!(
                "INSERT INTO by_hand.contact AS t ({columns}) SELECT {columns} FROM by_hand.stage \
                 ON CONFLICT (id) DO UPDATE SET ({others}) = ROW({new}) \
                 WHERE ({old}) IS DISTINCT FROM ({new})"
            ),
        ],
    );
}

#[test]
fn records_over_http_beside_a_merge_by_hand() {
    let rows = rows();
    let current = Arc::new(Mutex::new(Vec::new()));
    let answers = Arc::clone(&current);
    let service = HttpServer::start(move |request| {
        json(&answers.lock().unwrap()[request.number("page").unwrap_or(1) - 1])
    });
    let server = PostgresServer::start(Durability::Synced);
    let shop = TestEnvironment::with(&[("raccord.yaml", &project(&service.url()))])
        .variable("WAREHOUSE_URL", &server.url("postgres"));
    shop.ok("apply --auto-approve");
    let columns = COLUMNS.map(|(name, of_type)| format!("{name} {of_type}")).join(", ");
    psql(
        &server,
        &[
            "CREATE SCHEMA by_hand".to_owned(),
            format!("CREATE TABLE by_hand.contact ({columns}, PRIMARY KEY (id))"),
            format!("CREATE UNLOGGED TABLE by_hand.stage ({columns})"),
        ],
    );
    let scratch = tempfile::tempdir().unwrap();
    println!("| {rows} records | program | server | both | by hand: psql | server | both | ratio |");
    println!("|---|---|---|---|---|---|---|---|");
    let rounds =
        [("all new", 0, "created"), ("all changed", 1, "updated"), ("nothing changed", 1, "unchanged")];
    for (what, version, effect) in rounds {
        *current.lock().unwrap() = pages(rows, version);
        let before = Cpu::now(&server);
        shop.ok("run");
        let raccord = Cpu::now(&server).since(before);
        let run = &shop.json("runs --limit 1 --output json")[0];
        assert_eq!(run["tally"][effect], rows, "{run:#}");
        let file = scratch.path().join("rows.csv");
        rows_of(&server, "crm.contact", &file);
        let before = Cpu::now(&server);
        merge_by_hand(&server, &file);
        let by_hand = Cpu::now(&server).since(before);
        of_peers(&server, &service.url(), &scratch.path().join("contacts.jsonl"), rows, version);
        println!(
            "| {what} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} |",
            raccord.client,
            raccord.server,
            raccord.total(),
            by_hand.client,
            by_hand.server,
            by_hand.total(),
            raccord.total() / by_hand.total()
        );
        let written = fs::read_to_string(&file).unwrap();
        rows_of(&server, "by_hand.contact", &file);
        assert!(fs::read_to_string(&file).unwrap() == written, "{what}");
        assert_eq!(u64::try_from(written.lines().count()).unwrap(), rows);
    }
}

/// What dlt and Sling take, when `RACCORD_PEERS` names a virtual environment with both.
fn of_peers(server: &PostgresServer, service: &str, file: &Path, rows: u64, version: u64) {
    let Ok(peers) = std::env::var("RACCORD_PEERS") else { return };
    let lines: Vec<String> = (1..=rows).map(|number| record(number, version)).collect();
    fill(file, &lines.join("\n"));
    for peer in ["dlt", "sling"] {
        let before = Cpu::now(server);
        let status = Command::new(Path::new(&peers).join("bin/python"))
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/throughput/peers.py"))
            // dlt asks for a password, even where the server does not.
            .args([peer, service, &server.url("postgres").replace("postgres@", "postgres:none@")])
            .arg(file)
            .stdout(Stdio::null())
            .status();
        assert!(status.unwrap().success(), "{peer}");
        let took = Cpu::now(server).since(before);
        println!("{peer}: {:.2} CPU s, the server {:.2}", took.client, took.server);
        let table = format!("SELECT count(*) FROM by_{peer}.contact");
        assert_eq!(server.sql("postgres", &table), rows.to_string(), "{peer}");
    }
}
