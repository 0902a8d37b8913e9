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

/// Tables with keys and without, and a column that says when a row changed.
const TABLES: &str = "CREATE TABLE customers (number text PRIMARY KEY, name text, updated_at timestamptz); \
    CREATE INDEX customers_changed ON customers (updated_at); \
    INSERT INTO customers VALUES ('007', 'Zoe', '2025-01-02 10:00:00+00'), ('008', 'Luc', '2025-01-03 10:00:00+00'); \
    CREATE TABLE plain (id bigint PRIMARY KEY, code text); INSERT INTO plain VALUES (1, 'a'); CREATE TABLE keyless (a text)";

#[test]
fn a_source_and_transfers_are_proposed_from_tables() {
    let server = PostgresServer::start(Durability::Fast);
    server.sql("postgres", TABLES);
    let environment = TestEnvironment::new().variable("ERP_URL", &server.url("postgres"));
    let authorization = "apiVersion: raccord/v1\nkind: Authorization\nmetadata: {name: erp}\n\
                         spec: {type: database, url: \"${env:ERP_URL}\", tls: {mode: disable}}\n";
    environment.write("erp.yaml", authorization);
    let told = environment.run("new source erp --from erp");
    let told = told.stdout + &told.stderr;
    for part in ["`keyless`; it has no primary key", "`customers` is read by what has changed since"] {
        assert!(told.contains(part), "no {part} in {told}");
    }
    let yaml = environment.read("source-erp.yaml");
    assert!(yaml.contains("connector: postgres") && yaml.contains("field: updated_at"), "{yaml}");
    // A transaction that is committed late is found, and where it would not be, that is told.
    assert!(yaml.contains("lookback: \"5m\""), "{yaml}");
    assert!(!environment.ok("check erp").contains("lookback"));
    environment.replace("source-erp.yaml", "lookback: \"5m\"", "");
    assert!(environment.ok("check erp").contains("write `incremental: {field: updated_at, lookback: 5m}`"));
    assert!(!yaml.contains("keyless"), "{yaml}");
    let shown = environment.ok("discover erp");
    assert!(shown.contains("key: number") && shown.contains("key: id"), "{shown}");
    // No column is called like a key; the table says which it is.
    environment.ok("new transfer customers --source erp --to crm.customer --integration crm");
    let yaml = environment.read("transfer-customers.yaml");
    assert!(yaml.contains("primaryKey") && yaml.contains("number: number"), "{yaml}");
    environment.ok("apply --auto-approve");
    environment.ok("run");
    assert!(environment.ok("records crm.customer").contains("007"));
}

#[test]
fn a_partitioned_table_is_one_and_its_partitions_are_none() {
    let server = PostgresServer::start(Durability::Fast);
    server.sql(
        "postgres",
        "CREATE TABLE sales (id bigint, day date, at timestamptz, PRIMARY KEY (id, day)) PARTITION BY RANGE (day); \
         CREATE TABLE sales_old PARTITION OF sales FOR VALUES FROM ('2024-01-01') TO ('2025-01-01'); \
         CREATE TABLE sales_new PARTITION OF sales FOR VALUES FROM ('2025-01-01') TO ('2026-01-01'); \
         CREATE INDEX ON sales (at); INSERT INTO sales VALUES (1, '2024-05-01'), (2, '2025-05-01')",
    );
    let environment = TestEnvironment::new().variable("ERP_URL", &server.url("postgres"));
    let authorization = "apiVersion: raccord/v1\nkind: Authorization\nmetadata: {name: erp}\n\
                         spec: {type: database, url: \"${env:ERP_URL}\", tls: {mode: disable}}\n";
    environment.write("erp.yaml", authorization);
    environment.ok("new source erp --from erp");
    let yaml = environment.read("source-erp.yaml");
    assert!(yaml.contains("sales:") && !yaml.contains("sales_"), "{yaml}");
    assert!(environment.ok("discover erp").contains("key: id, day"));
    assert_eq!(environment.ok("read erp sales").lines().count(), 2);
    environment.ok("new source again --from erp --table sales");
    environment.ok("new source one --from erp --table sales_old");
    assert!(environment.read("source-one.yaml").contains("sales_old"));
    environment.ok("new project crm --from erp");
    let yaml = environment.read("project-crm.yaml");
    assert!(yaml.contains("sales:") && !yaml.contains("sales_"), "{yaml}");
}

#[test]
fn a_project_is_proposed_from_a_file_of_sqlite() {
    let environment = TestEnvironment::new();
    let path = environment.path().join("crm.db");
    let made = std::process::Command::new("python3")
        .args(["-c", "import sqlite3, sys; sqlite3.connect(sys.argv[1]).executescript(sys.argv[2])"])
        .arg(&path)
        .arg("CREATE TABLE people (id TEXT NOT NULL PRIMARY KEY, fullName TEXT, born DATE); CREATE TABLE keyless (a TEXT)")
        .status();
    assert!(made.unwrap().success());
    environment.ok("new project crm --from crm.db");
    let yaml = environment.read("project-crm.yaml");
    assert!(yaml.contains("type: sqlite") && yaml.contains("path: crm.db"), "{yaml}");
    assert!(
        yaml.contains("born: date") && yaml.contains("column: fullName") && !yaml.contains("keyless"),
        "{yaml}"
    );
    environment.ok("apply --auto-approve");
    let refused = environment.fails(1, "new project other --from none.db");
    assert!(refused.contains("there is no file"), "{refused}");
    environment.ok("new source people --from crm.db --table people");
    assert!(environment.read("source-people.yaml").contains("connector: sqlite"));
    assert!(environment.ok("discover people").contains("people"));
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
