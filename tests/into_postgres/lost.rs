//! What others take away from a table, or change in it: what is read again by itself, what a run refuses, and what a resync
//! repairs.

use super::{contacts, server, shop_at};
use crate::environment::{TestEnvironment, assert_says};
use crate::postgres_server::PostgresServer;

const ALL: &str = "1|Ada|Paris\n2|Bob|Lyon\n3|Cy|Nice";

/// People in a file of SQLite, of which only what has changed is asked for. They have arrived.
fn incremental(server: &PostgresServer) -> TestEnvironment {
    let shop = shop_at(&server.url("postgres"));
    let people = rusqlite::Connection::open(shop.path().join("people.db")).unwrap();
    let made = "CREATE TABLE people (id TEXT PRIMARY KEY, name TEXT, city TEXT, u INTEGER) STRICT; \
                INSERT INTO people VALUES ('1', 'Ada', 'Paris', 1100000000), ('2', 'Bob', 'Lyon', 1200000000), ('3', 'Cy', 'Nice', 1300000000)";
    people.execute_batch(made).unwrap();
    shop.replace(
        "raccord.yaml",
        "  connector: file\n  config: {dataTypes: {people: {path: people.csv}}}",
        "  connector: sqlite\n  config: {path: people.db, dataTypes: {people: {incremental: {field: u, format: integer}}}}",
    );
    shop.ok("apply --auto-approve");
    shop.ok("run");
    assert_eq!(contacts(server), ALL);
    shop
}

#[test]
fn what_an_apply_makes_anew_is_read_again() {
    let server = server();
    let shop = incremental(&server);
    for (taken, said) in [
        ("DROP TABLE crm.contacts", "the table \"crm\".\"contacts\" is gone"),
        ("DROP SCHEMA crm CASCADE", "the table \"crm\".\"contacts\" is gone"),
        ("ALTER TABLE crm.contacts DROP COLUMN town", "the column \"town\" is gone"),
        (
            "ALTER TABLE crm.contacts DROP COLUMN town, ADD COLUMN town text",
            "the column \"town\" was dropped and added again",
        ),
    ] {
        server.sql("postgres", taken);
        // Nothing is written into what is not the table that it was.
        assert_says(&shop.fails(1, "run"), &["the table is not as it was made ready"]);
        let applied = shop.ok("apply --auto-approve");
        assert_says(&applied, &[said, "the next run of `people` reads everything"]);
        shop.ok("run");
        assert_eq!(contacts(&server), ALL, "{taken}");
        shop.ok("plan --detailed-exitcode");
        assert_eq!(shop.json("run --output json")["runs"][0]["tally"]["fetched"], 1, "{taken}");
    }
}

#[test]
fn a_resync_compares_each_record_with_the_row_as_it_is() {
    let server = server();
    let shop = incremental(&server);
    for changed in ["UPDATE crm.contacts SET town = 'Rome' WHERE external_id < '3'", "TRUNCATE crm.contacts"]
    {
        server.sql("postgres", changed);
        shop.ok("run");
        assert_ne!(contacts(&server), ALL, "{changed}: a run that reads what has changed notices nothing");
        shop.ok("resync people");
        shop.ok("run");
        assert_eq!(contacts(&server), ALL, "{changed}");
    }
}

#[test]
fn a_column_of_another_type_stops_runs_as_a_plan_says() {
    let server = server();
    let shop = shop_at(&server.url("postgres"));
    shop.replace(
        "raccord.yaml",
        "        city: {type: text, column: town}\n",
        "        city: {type: text, column: town}\n        amount: decimal\n        at: datetime\n",
    );
    shop.replace(
        "raccord.yaml",
        "{fullName: name, city: city}",
        "{fullName: name, city: city, amount: amount, at: at}",
    );
    let of = |amount: &str| format!("id,name,city,amount,at\n1,Ada,Paris,{amount},2025-01-01T00:00:00.25Z\n");
    shop.write("people.csv", &of("1.25"));
    shop.ok("apply --auto-approve");
    shop.ok("run");
    let kept = "SELECT amount, \"at\" AT TIME ZONE 'UTC' FROM crm.contacts WHERE external_id = '1'";
    let before = server.sql("postgres", kept);
    assert_eq!(before, "1.25|2025-01-01 00:00:00.25");
    shop.write("people.csv", &of("1.75"));
    for (column, retyped, said) in [
        ("amount", "numeric(8,1)", "the column \"amount\" has another type than it had: numeric(8,1)"),
        ("at", "timestamptz(0)", "of type timestamp(0) with time zone rounds instants"),
        ("at", "timestamp", "has no time zone"),
    ] {
        let was = if column == "at" { "timestamptz" } else { "numeric" };
        server.sql(
            "postgres",
            &format!("ALTER TABLE crm.contacts ALTER \"{column}\" TYPE {retyped} USING NULL"),
        );
        let plan = shop.run("plan");
        assert_says(&(plan.stdout + &plan.stderr), &[said]);
        assert_says(&shop.fails(1, "run"), &[said]);
        server.sql("postgres", &format!("ALTER TABLE crm.contacts ALTER \"{column}\" TYPE {was} USING NULL"));
        shop.ok("plan --detailed-exitcode");
    }
    shop.ok("run");
    assert_eq!(server.sql("postgres", kept), "1.75|2025-01-01 00:00:00.25");
    // An apply keeps to what is there: what the column would round is a reject then.
    server.sql("postgres", "ALTER TABLE crm.contacts ALTER amount TYPE numeric(8,1) USING NULL");
    shop.ok("apply --auto-approve");
    shop.write("people.csv", &(of("1.76") + "2,Bob,Lyon,1.5,2025-01-01T00:00:00Z\n"));
    assert_eq!(shop.json("run --output json")["runs"][0]["tally"]["rejected"], 1);
}

#[test]
fn a_table_of_another_state_is_told_and_can_be_given_free() {
    let server = server();
    let shop = shop_at(&server.url("postgres"));
    shop.ok("apply --auto-approve");
    shop.ok("run");
    std::fs::remove_dir_all(shop.path().join(".raccord")).unwrap();
    let said =
        ["of the entity crm.contact of another state of Raccord", "restore that state from its backup"];
    assert_says(&shop.fails(1, "plan"), &said);
    assert_says(&shop.fails(1, "apply --auto-approve"), &["may not be applied"]);
    server.sql("postgres", "DROP SCHEMA raccord CASCADE");
    shop.ok("apply --auto-approve");
    let run = &shop.json("run --output json")["runs"][0];
    assert_eq!((&run["tally"]["fetched"], &run["tally"]["created"]), (&2.into(), &0.into()), "{run}");
    assert_eq!(contacts(&server), "007|Bob|Lyon\n1|Ada|Paris");
    assert_says(&shop.ok("explain crm.contact 007"), &["owned by the transfer people"]);
}

/// A state that was restored from a backup older than its rows.
#[test]
fn a_state_older_than_its_rows_is_told_and_goes_on() {
    let server = server();
    let shop = incremental(&server);
    let state = shop.path().join(".raccord/state.redb");
    let restore = || std::fs::copy(shop.path().join("old.redb"), &state).unwrap();
    shop.ok("state backup old.redb");
    for _ in 0..3 {
        shop.ok("run");
    }
    restore();
    // Nothing was changed since: the first run tells it, and the second goes on.
    assert_says(&shop.fails(1, "run"), &["its store is ahead of the state", "The next run goes on"]);
    assert_eq!(shop.json("run --output json")["runs"][0]["tally"]["fetched"], 1);
    // A resync that was asked for after the backup is not taken for one that is asked for now.
    shop.ok("resync people");
    shop.ok("run");
    restore();
    shop.ok("resync people");
    assert_eq!(shop.json("run --output json")["runs"][0]["tally"]["fetched"], 3);
    // Other changes since the backup.
    for _ in 0..3 {
        shop.ok("resync people");
    }
    shop.ok("run");
    restore();
    for _ in 0..2 {
        assert_says(&shop.fails(1, "run"), &["its store is ahead of the state", "`raccord resync people`"]);
    }
    server.sql("postgres", "UPDATE crm.contacts SET town = 'Rome'");
    shop.ok("resync people");
    shop.ok("run");
    assert_eq!(contacts(&server), ALL);
    assert_eq!(shop.json("run --output json")["runs"][0]["tally"]["fetched"], 1);
}

/// A project under another name, without the annotation.
#[test]
fn a_project_that_is_renamed_is_told_how() {
    let server = server();
    let shop = shop_at(&server.url("postgres"));
    shop.ok("apply --auto-approve");
    shop.ok("run");
    let yaml = shop.read("raccord.yaml");
    shop.replace("raccord.yaml", "metadata: {name: crm}", "metadata: {name: sales}");
    shop.replace("raccord.yaml", "to: crm.contact", "to: sales.contact");
    let said = shop.fails(1, "plan --allow-delete");
    assert_says(
        &said,
        &[
            "cannot hold sales.contact: it is that of an entity of the project crm, which goes while sales is made",
            "`annotations: {raccord/renamed-from: crm}`",
            "apply the end of crm first",
        ],
    );
    assert!(!said.contains("another state"), "{said}");
    // Two projects that lead to one database in two ways.
    let documents: Vec<&str> = yaml.split("---\n").collect();
    let both = [
        documents[1].replace("{name: warehouse}", "{name: again}"),
        documents[2].replace(": warehouse", ": again"),
    ];
    shop.write("crm.yaml", &both.join("---\n"));
    assert_says(&shop.fails(1, "plan"), &["it is that of an entity of the project crm, which stays"]);
    shop.remove("crm.yaml");
    // Each way out: under the annotation everything stays, and so do rows of a project that was ended.
    let annotated = "metadata: {name: sales, annotations: {raccord/renamed-from: crm}}";
    shop.replace("raccord.yaml", "metadata: {name: sales}", annotated);
    shop.ok("apply --auto-approve");
    let run = &shop.json("run --output json")["runs"][0];
    assert_eq!((&run["tally"]["created"], &run["tally"]["unchanged"]), (&0.into(), &2.into()), "{run}");
    let others: Vec<&str> = yaml.split_inclusive("---\n").take(2).collect();
    let renamed =
        shop.read("raccord.yaml").replace(annotated, "metadata: {name: crm}").replace("sales.", "crm.");
    shop.write("raccord.yaml", &others.concat());
    shop.ok("apply --auto-approve --allow-delete");
    shop.write("raccord.yaml", &renamed);
    shop.ok("apply --auto-approve");
    shop.ok("run");
    assert_eq!(contacts(&server), "007|Bob|Lyon\n1|Ada|Paris");
}
