//! What others take away from a table, or change in it: what is read again by itself, and what a resync repairs.

use super::{PEOPLE, connect, contacts, shop};
use crate::environment::{TestEnvironment, assert_says};

const ALL: &str = "1|Ada|Paris\n2|Bob|Lyon\n3|Cy|Nice";

/// People in another file, of which only what has changed is asked for. They have arrived.
fn incremental() -> TestEnvironment {
    let shop = shop();
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
    assert_eq!(contacts(&shop), ALL);
    // The last value is asked for again, and nothing before it.
    assert_eq!(shop.json("run --output json")["runs"][0]["tally"]["fetched"], 1);
    shop
}

#[test]
fn what_an_apply_makes_anew_is_read_again() {
    for (taken, said) in [
        ("DROP TABLE contacts", "the table \"contacts\" is gone"),
        ("ALTER TABLE contacts DROP COLUMN town", "the column \"town\" is gone"),
        (
            "DROP TABLE contacts; CREATE TABLE contacts (external_id TEXT PRIMARY KEY, full_name TEXT, town TEXT) STRICT",
            "Raccord's own columns are gone",
        ),
    ] {
        let shop = incremental();
        connect(&shop).execute_batch(taken).unwrap();
        // Nothing is written into what is not the table that it was.
        assert_says(&shop.fails(1, "run"), &["the table is not as it was made ready"]);
        let applied = shop.ok("apply --auto-approve");
        assert_says(&applied, &[said, "the next run of `people` reads everything"]);
        shop.ok("run");
        assert_eq!(contacts(&shop), ALL, "{taken}");
        shop.ok("plan --detailed-exitcode");
        assert_eq!(shop.json("run --output json")["runs"][0]["tally"]["fetched"], 1, "{taken}");
    }
}

#[test]
fn a_resync_compares_each_record_with_the_row_as_it_is() {
    for changed in [
        "UPDATE contacts SET town = 'Rome' WHERE external_id < '3'",
        "ALTER TABLE contacts DROP COLUMN town; ALTER TABLE contacts ADD COLUMN town TEXT",
        "DELETE FROM contacts WHERE external_id < '3'",
    ] {
        let shop = incremental();
        connect(&shop).execute_batch(changed).unwrap();
        shop.ok("run");
        assert_ne!(contacts(&shop), ALL, "{changed}: a run that reads what has changed notices nothing");
        shop.ok("resync people");
        shop.ok("run");
        assert_eq!(contacts(&shop), ALL, "{changed}");
        connect(&shop).execute_batch(changed).unwrap();
        shop.replace(
            "raccord.yaml",
            "  active: true\n  mapping:",
            "  active: true\n  resync: \"1\"\n  mapping:",
        );
        shop.ok("apply --auto-approve");
        shop.ok("run");
        assert_eq!(contacts(&shop), ALL, "{changed}");
    }
}

#[test]
fn a_row_to_which_others_refer_stays_and_is_told() {
    let shop = shop();
    shop.replace("raccord.yaml", "people: [created, updated]", "people: [created, updated, deleted]");
    shop.replace(
        "raccord.yaml",
        "  active: true\n  mapping:",
        "  active: true\n  deletes: {snapshot: {maxShare: 100%}}\n  mapping:",
    );
    shop.write("people.csv", &(PEOPLE.to_owned() + "2,Cy,Nice\n"));
    shop.ok("apply --auto-approve");
    shop.ok("run");
    let refer = "CREATE TABLE orders (contact TEXT REFERENCES contacts (external_id)); INSERT INTO orders VALUES ('007')";
    connect(&shop).execute_batch(refer).unwrap();
    shop.write("people.csv", "id,name,city\n1,Ada,Paris\n");
    let run = &shop.json("run --output json")["runs"][0];
    assert_eq!(
        (&run["tally"]["swept"], &run["notes"][0]),
        (
            &1.into(),
            &"1 row that is to be deleted stays: `raccord rejects list --transfer people` tells why".into()
        )
    );
    assert_eq!(contacts(&shop), "007|Bob|Lyon\n1|Ada|Paris");
    assert_says(
        &shop.ok("rejects list --transfer people"),
        &["row 007, not in the snapshot", "rows of the table orders refer to it"],
    );
    connect(&shop).execute_batch("DELETE FROM orders").unwrap();
    assert_says(&shop.ok("rejects replay people"), &["1 deleted"]);
    assert_eq!(contacts(&shop), "1|Ada|Paris");
    assert_eq!(shop.json("status --output json")["transfers"][0]["rejects"], 0);
}

#[test]
fn a_table_of_another_state_is_told_and_can_be_given_free() {
    let shop = shop();
    shop.ok("apply --auto-approve");
    shop.ok("run");
    std::fs::remove_dir_all(shop.path().join(".raccord")).unwrap();
    let said =
        ["of the entity crm.contact of another state of Raccord", "restore that state from its backup"];
    assert_says(&shop.fails(1, "plan"), &said);
    assert_says(&shop.fails(1, "apply --auto-approve"), &["may not be applied"]);
    let file = connect(&shop);
    let own = "SELECT group_concat('DROP TABLE ' || name, ';') FROM sqlite_schema WHERE type = 'table' AND name GLOB '_raccord_*'";
    let drop: String = file.query_row(own, [], |row| row.get(0)).unwrap();
    file.execute_batch(&drop).unwrap();
    shop.ok("apply --auto-approve");
    let run = &shop.json("run --output json")["runs"][0];
    assert_eq!((&run["tally"]["fetched"], &run["tally"]["created"]), (&2.into(), &0.into()), "{run}");
    assert_eq!(contacts(&shop), "007|Bob|Lyon\n1|Ada|Paris");
    assert_says(&shop.ok("explain crm.contact 007"), &["owned by the transfer people"]);
}

/// A state that was restored from a backup older than its rows.
#[test]
fn a_state_older_than_its_rows_is_told_and_goes_on() {
    let shop = incremental();
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
    connect(&shop).execute_batch("UPDATE contacts SET town = 'Rome'").unwrap();
    shop.ok("resync people");
    shop.ok("run");
    assert_eq!(contacts(&shop), ALL);
    assert_eq!(shop.json("run --output json")["runs"][0]["tally"]["fetched"], 1);
}

/// A project under another name, without the annotation.
#[test]
fn a_project_that_is_renamed_is_told_how() {
    let shop = shop();
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
    // Each way out: under the annotation everything stays, and so do rows of a project that was ended.
    let annotated = "metadata: {name: sales, annotations: {raccord/renamed-from: crm}}";
    shop.replace("raccord.yaml", "metadata: {name: sales}", annotated);
    shop.ok("apply --auto-approve");
    let run = &shop.json("run --output json")["runs"][0];
    assert_eq!((&run["tally"]["created"], &run["tally"]["unchanged"]), (&0.into(), &2.into()), "{run}");
    let others: Vec<&str> = yaml.split("---\n").take(1).collect();
    let renamed =
        shop.read("raccord.yaml").replace(annotated, "metadata: {name: crm}").replace("sales.", "crm.");
    shop.write("raccord.yaml", &others.concat());
    shop.ok("apply --auto-approve --allow-delete");
    shop.write("raccord.yaml", &renamed);
    shop.ok("apply --auto-approve");
    shop.ok("run");
    assert_eq!(contacts(&shop), "007|Bob|Lyon\n1|Ada|Paris");
}
