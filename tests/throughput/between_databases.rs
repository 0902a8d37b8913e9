//! Narrow rows from one database of PostgreSQL into another, beside two `psql` that copy them through a pipe.

use std::process::{Command, Stdio};

use crate::environment::TestEnvironment;
use crate::postgres_server::{Durability, PostgresServer};
use crate::throughput::{Cpu, peak_megabytes, psql, rows};

const YAML: &str = r#"apiVersion: raccord/v1
kind: Authorization
metadata: {name: database}
spec: {type: database, url: "${env:WAREHOUSE_URL}", tls: {mode: disable}}
---
apiVersion: raccord/v1
kind: Source
metadata: {name: erp}
spec:
  connector: postgres
  authorization: database
  config: {schema: erp, dataTypes: {visits: {}}}
---
apiVersion: raccord/v1
kind: Project
metadata: {name: crm}
spec:
  store: {type: postgres, authorization: database, schema: crm}
  entities:
    visit:
      key: id
      table: visits
      fields: {id: integer, page: text, seconds: integer}
---
apiVersion: raccord/v1
kind: Transfer
metadata: {name: visits}
spec:
  source: erp
  to: crm.visit
  active: true
  mapping: {primaryKey: {id: id}, fields: {page: page, seconds: seconds}}
---
apiVersion: raccord/v1
kind: Integration
metadata: {name: erp}
spec: {active: true, subscriptions: {visits: [created, updated]}}
"#;

#[test]
fn rows_of_a_table_beside_copy_to_copy() {
    let rows = rows();
    let server = PostgresServer::start(Durability::Synced);
    psql(
        &server,
        &[
            "CREATE SCHEMA erp".to_owned(),
            "CREATE TABLE erp.visits (id bigint PRIMARY KEY, page text, seconds integer)".to_owned(),
            format!(
                "INSERT INTO erp.visits SELECT n, '/shop/' || n % 1000, n % 600 FROM generate_series(1, {rows}) n"
            ),
            "CREATE SCHEMA by_hand".to_owned(),
            "CREATE TABLE by_hand.visits (id bigint PRIMARY KEY, page text, seconds integer)".to_owned(),
        ],
    );
    let shop =
        TestEnvironment::with(&[("raccord.yaml", YAML)]).variable("WAREHOUSE_URL", &server.url("postgres"));
    shop.ok("apply --auto-approve");
    let before = Cpu::now(&server);
    shop.ok("run");
    let raccord = Cpu::now(&server).since(before);
    let peak = peak_megabytes();
    let before = Cpu::now(&server);
    copy_by_hand(&server);
    let by_hand = Cpu::now(&server).since(before);
    println!(
        "{rows} rows: the program {:.2} CPU s ({:.0} rows a CPU second, peak {peak} MB), the server {:.2}; \
         by hand: psql {:.2}, the server {:.2}",
        raccord.client,
        f64::from(u32::try_from(rows).unwrap()) / raccord.client.max(0.01),
        raccord.server,
        by_hand.client,
        by_hand.server
    );
    for schema in ["crm", "by_hand"] {
        let differs = format!(
            "SELECT count(*) FROM erp.visits a FULL JOIN {schema}.visits b USING (id) \
             WHERE (a.page, a.seconds) IS DISTINCT FROM (b.page, b.seconds::integer)"
        );
        assert_eq!(server.sql("postgres", &differs), "0", "{schema}");
    }
}

fn copy_by_hand(server: &PostgresServer) {
    let psql = |copy: &str| {
        let mut command = Command::new("psql");
        command.args(["-X", "-q", "-d", &server.url("postgres"), "-c", copy]);
        command
    };
    let mut from = psql("COPY erp.visits TO STDOUT (FORMAT binary)").stdout(Stdio::piped()).spawn().unwrap();
    let rows = from.stdout.take().unwrap();
    assert!(psql("COPY by_hand.visits FROM STDIN (FORMAT binary)").stdin(rows).status().unwrap().success());
    assert!(from.wait().unwrap().success());
}
