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

#[test]
fn a_column_that_would_be_widened_is_told_with_what_that_costs() {
    let server = server();
    server.sql(
        "postgres",
        "CREATE SCHEMA shop; CREATE TABLE shop.customers (id integer PRIMARY KEY, name text)",
    );
    let environment = TestEnvironment::new().variable("WAREHOUSE_URL", &server.url("postgres"));
    environment.write(
        "warehouse.yaml",
        "apiVersion: raccord/v1\nkind: Authorization\nmetadata: {name: warehouse}\n\
         spec: {type: database, url: \"${env:WAREHOUSE_URL}\", tls: {mode: disable}}\n",
    );
    environment.run("new project crm --from warehouse --schema shop").expect_code(0);
    assert_says(
        &environment.ok("plan"),
        &[
            "writes all of \"shop\".\"customers\" anew",
            "locks it meanwhile",
            "ALTER COLUMN \"id\" TYPE bigint",
        ],
    );
    // The database would not do it.
    server.sql("postgres", "CREATE VIEW shop.names AS SELECT id, name FROM shop.customers");
    let said = ["the column \"id\" of \"shop\".\"customers\"", "views use it: shop.names", "`manage: none`"];
    assert_says(&environment.fails(1, "plan"), &said);
    assert_says(&environment.fails(1, "apply --auto-approve"), &["may not be applied"]);
    let yaml = environment.read("project-crm.yaml");
    let column = "SELECT data_type FROM information_schema.columns WHERE table_schema = 'shop' AND table_name = 'customers' \
                  AND column_name = 'id'";
    environment
        .write("project-crm.yaml", &yaml.replace("    customers:\n", "    customers:\n      manage: none\n"));
    environment.ok("apply --auto-approve");
    assert_eq!(server.sql("postgres", column), "integer");
}
