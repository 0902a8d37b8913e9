//! The guide "from a database": what it prints is written and typed as it stands, with a real server.

use crate::documentation::{blocks, file_name, root};
use crate::environment::TestEnvironment;
use crate::postgres_server::{Durability, PostgresServer};

/// The bodies of the blocks of one sort.
fn bodies(page: &str, sort: &str) -> Vec<String> {
    let begin = format!("\n```{sort}");
    let parts = page.split(&begin).skip(1).filter_map(|rest| rest.split_once('\n'));
    parts.filter_map(|(_, rest)| Some(rest.split_once("\n```")?.0.to_owned())).collect()
}

#[test]
fn the_guide_does_what_it_says() {
    let page = std::fs::read_to_string(root().join("docs/guides/databases.md")).unwrap();
    let server = PostgresServer::start(Durability::Fast);
    let environment = TestEnvironment::new().variable("ERP_URL", &server.url("postgres"));
    for statements in bodies(&page, "sql") {
        server.sql("postgres", &statements);
    }
    for block in blocks(&page) {
        let text: Vec<&str> = block.text.lines().collect();
        if let Some(name) = file_name(&text) {
            environment.write(name, &block.text);
        }
    }
    let commands: Vec<String> =
        bodies(&page, "sh").iter().flat_map(|body| body.lines()).map(str::to_owned).collect();
    assert!(commands.len() >= 6, "{commands:?}");
    let mut said = String::new();
    for command in commands {
        said = environment.ok(command.strip_prefix("raccord ").expect("a command of ours"));
    }
    for part in ["Zoé", "zoe@example.com", "2025-01-02T10:00:00Z", "11.25", "Luc"] {
        assert!(said.contains(part), "no {part} in {said}");
    }
    // What has changed since, and nothing else, is asked for.
    server.sql(
        "postgres",
        "UPDATE customers SET name = 'Luce', changed = '2025-01-04 10:00:00+00' WHERE id = 2",
    );
    let run = environment.ok("run");
    assert!(environment.ok("records crm.customer").contains("Luce"), "{run}");
    let status = environment.ok("status");
    assert!(status.contains("2025-01-04T10:00:00Z"), "{status}");
}

/// A table whose changes go into an entity.
const CHANGES: &str = r#"apiVersion: raccord/v1
kind: Source
metadata: {name: erp}
spec:
  connector: postgres
  authorization: {type: database, url: "${env:ERP_URL}", tls: {mode: disable}}
  config:
    dataTypes:
      people: {changes: {slot: raccord_people, publication: raccord}}
---
apiVersion: raccord/v1
kind: Project
metadata: {name: crm}
spec:
  entities:
    person:
      key: id
      fields: {id: integer, name: text}
---
apiVersion: raccord/v1
kind: Transfer
metadata: {name: people}
spec:
  source: erp
  to: crm.person
  active: true
  deletes: {field: {path: _deleted, maxShare: 100%}}
  mapping:
    primaryKey: {id: id}
    fields: {name: name}
---
apiVersion: raccord/v1
kind: Integration
metadata: {name: erp}
spec: {active: true, subscriptions: {people: [created, updated, deleted]}}
"#;

/// What the entity holds, `id name` in order.
fn people(environment: &TestEnvironment) -> Vec<String> {
    let told = environment.ok("records crm.person --output jsonl");
    let row = |line: &str| {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let field = |name: &str| {
            row.get(name).or_else(|| row["fields"].get(name)).unwrap_or_else(|| panic!("{line}"))
        };
        format!("{} {}", field("id"), field("name").as_str().unwrap())
    };
    let mut rows: Vec<String> = told.lines().map(row).collect();
    rows.sort();
    rows
}

/// Both sides are killed again and again while rows come, change and go: in the end the entity is the table.
#[test]
fn changes_survive_kills_of_both_sides() {
    let mut server = PostgresServer::start_with(Durability::Fast, &["wal_level=logical"]);
    server.sql(
        "postgres",
        "CREATE TABLE people (id bigint PRIMARY KEY, name text NOT NULL); \
         INSERT INTO people SELECT n, 'first' FROM generate_series(1, 5000) n",
    );
    server.sql("postgres", "CREATE PUBLICATION raccord FOR TABLE people");
    server.sql("postgres", "SELECT pg_create_logical_replication_slot('raccord_people', 'pgoutput')");
    let environment =
        TestEnvironment::with(&[("erp.yaml", CHANGES)]).variable("ERP_URL", &server.url("postgres"));
    environment.ok("apply --auto-approve");
    let mut next = 5_000;
    for (round, failpoint) in [
        "commit.lazy.after:2",
        "commit.lazy.before:2",
        "run.end.before",
        "run.end.after",
        "commit.durable.after:1",
    ]
    .into_iter()
    .enumerate()
    {
        let change = format!(
            "INSERT INTO people SELECT n, 'new {round}' FROM generate_series({}, {}) n; \
             UPDATE people SET name = 'changed {round}' WHERE id % 7 = {round}; \
             DELETE FROM people WHERE id % 11 = {round}; UPDATE people SET id = id + 1000000 WHERE id % 97 = {round} AND id < 1000000",
            next + 1,
            next + 1_500
        );
        server.sql("postgres", &change);
        next += 1_500;
        let mut run = environment.command("run");
        run.env("RACCORD_FAILPOINT", failpoint);
        drop(run.output().unwrap());
        if round % 2 == 1 {
            server.kill();
            server.start_again();
        }
    }
    environment.ok("run");
    let told = environment.ok("run");
    let table = server.sql("postgres", "SELECT id || ' ' || name FROM people");
    let mut expected: Vec<&str> = table.lines().collect();
    expected.sort_unstable();
    let found = people(&environment);
    assert_eq!(found.len(), expected.len(), "{told}");
    assert!(found.iter().eq(expected), "the entity is not the table: {told}");
}
