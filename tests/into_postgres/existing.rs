//! `raccord new project --from`: a database that is there already becomes a Project, and rows go into its tables.

use super::server;
use crate::environment::{TestEnvironment, assert_says};

const TABLES: &str = "CREATE SCHEMA shop; SET search_path = shop; \
    CREATE TYPE stage AS ENUM ('lead', 'won'); \
    CREATE TABLE customers (id bigint PRIMARY KEY, email varchar(80) NOT NULL UNIQUE, full_name text, \"vatID\" text, \
        stage stage, balance numeric(12, 2), vip boolean NOT NULL DEFAULT false, born date, created_at timestamptz, extra jsonb, \
        place point); \
    CREATE TABLE order_items (order_no text, line bigint, amount numeric, PRIMARY KEY (order_no, line)); \
    CREATE TABLE notes (text text); \
    CREATE TABLE \"Été\" (\"le nom\" text PRIMARY KEY)";

const PEOPLE: &str =
    "id,email,full_name,stage,balance,vip,born\n7,ada@example.com,Ada,won,12.50,true,1815-12-10\n";

#[test]
fn tables_become_a_project_and_take_rows() {
    let server = server();
    server.sql("postgres", TABLES);
    let environment =
        TestEnvironment::with(&[("people.csv", PEOPLE)]).variable("WAREHOUSE_URL", &server.url("postgres"));
    environment.write(
        "warehouse.yaml",
        "apiVersion: raccord/v1\nkind: Authorization\nmetadata: {name: warehouse}\n\
         spec: {type: database, url: \"${env:WAREHOUSE_URL}\", tls: {mode: disable}}\n",
    );
    let written = environment.run("new project crm --from warehouse --schema shop").expect_code(0);
    assert_says(
        &written.stderr,
        &[
            "left out: the column `place` of `customers`; no type of field keeps the values of point",
            "left out: the table `notes`; it has no primary key",
            "3 entities",
        ],
    );
    let yaml = environment.read("project-crm.yaml");
    insta::assert_snapshot!(yaml.split_once("kind: Project").unwrap().1);
    environment.ok("validate");
    let plan = environment.ok("plan");
    assert!(!plan.contains("CREATE TABLE") && !plan.contains("ALTER COLUMN"), "{plan}");
    environment.ok("new source shop --path people.csv");
    environment.ok("new transfer people --source shop --to crm.customers --key id --integration shop");
    environment.ok("apply --auto-approve");
    environment.ok("run");
    let rows = "SELECT id, email, full_name, stage, balance, vip, born FROM shop.customers";
    assert_eq!(server.sql("postgres", rows).trim(), "7|ada@example.com|Ada|won|12.50|t|1815-12-10");
}

#[test]
fn what_cannot_become_a_project_says_why() {
    let server = server();
    let environment = TestEnvironment::new().variable("WAREHOUSE_URL", &server.url("postgres"));
    environment.write(
        "warehouse.yaml",
        "apiVersion: raccord/v1\nkind: Authorization\nmetadata: {name: token}\n\
         spec: {type: bearer, token: \"${env:WAREHOUSE_URL}\"}\n",
    );
    for (code, arguments, expected) in [
        (64, "--from postgres://ada:secret@127.0.0.1/x", "the URL of a database has a secret in it"),
        (1, "--from nobody", "there is no Authorization `nobody`"),
        (1, "--from token", "is of type bearer, not database"),
    ] {
        let said = environment.fails(code, &format!("new project crm {arguments}"));
        assert!(said.contains(expected), "{arguments}: {said}");
    }
    assert!(!environment.path().join("project-crm.yaml").exists());
}
