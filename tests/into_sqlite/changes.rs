//! What becomes of a table as files, configuration and other people change.

use super::{PEOPLE, connect, contacts, shop};
use crate::environment::{TestEnvironment, assert_says};

#[test]
fn rows_arrive_change_and_plan_to_nothing() {
    let shop = shop();
    let plan = shop.ok("plan");
    assert_says(
        &plan,
        &["-- Raccord makes the file", "CREATE TABLE \"contacts\"", "\"town\" TEXT", "STRICT"],
    );
    assert!(!shop.path().join("crm.db").exists(), "a plan makes no file");
    shop.ok("apply --auto-approve");
    shop.ok("plan --detailed-exitcode");
    shop.ok("run");
    assert_eq!(contacts(&shop), "007|Bob|Lyon\n1|Ada|Paris");
    shop.write("people.csv", &(PEOPLE.replace("Paris", "Nice") + "2,Cy,\n"));
    let run = &shop.json("run --output json")["runs"][0];
    assert_eq!(run["tally"]["created"], 1, "{run}");
    assert_eq!(run["tally"]["updated"], 1, "{run}");
    assert_eq!(run["tally"]["unchanged"], 1, "{run}");
    assert_eq!(contacts(&shop), "007|Bob|Lyon\n1|Ada|Nice\n2|Cy|");
    shop.ok("plan --detailed-exitcode");
    let status = &shop.json("status --output json")["transfers"][0];
    assert_eq!((&status["rows"], &status["rejects"]), (&3.into(), &0.into()), "{status}");
    assert_says(&shop.ok("records crm.contact"), &["007", "Bob", "Nice"]);
    assert_says(&shop.ok("explain crm.contact 007"), &["fullName = Bob", "owned by the transfer people"]);
    assert_says(&shop.ok("check crm"), &["the file crm.db can be written"]);
}

#[test]
fn a_new_field_is_a_new_column_and_one_that_goes_stays() {
    let shop = shop();
    shop.ok("apply --auto-approve");
    shop.ok("run");
    shop.replace(
        "raccord.yaml",
        "        fullName: text\n",
        "        fullName: text\n        isVip: boolean\n",
    );
    assert_says(&shop.ok("plan"), &["ALTER TABLE \"contacts\" ADD COLUMN \"is_vip\" INTEGER"]);
    shop.ok("apply --auto-approve");
    shop.replace("raccord.yaml", "        isVip: boolean\n", "");
    assert_says(&shop.ok("apply --auto-approve"), &["the column is_vip of crm.contact stays as it is"]);
    shop.ok("plan --detailed-exitcode");
    shop.ok("run");
    assert_eq!(contacts(&shop), "007|Bob|Lyon\n1|Ada|Paris");
}

#[test]
fn a_column_that_was_dropped_is_drift_and_an_apply_adds_it() {
    let shop = shop();
    shop.ok("apply --auto-approve");
    shop.ok("run");
    connect(&shop).execute_batch("ALTER TABLE contacts DROP COLUMN town").unwrap();
    let plan = shop.run("plan --detailed-exitcode").expect_code(2).stdout;
    assert_says(
        &plan,
        &["the table crm.db:contacts", "the column \"town\" is gone", "ADD COLUMN \"town\" TEXT"],
    );
    shop.ok("apply --auto-approve");
    shop.ok("plan --detailed-exitcode");
    shop.ok("run");
    assert_eq!(contacts(&shop), "007|Bob|Lyon\n1|Ada|Paris");
}

#[test]
fn a_table_that_cannot_be_used_refuses_the_plan() {
    let shop = shop();
    connect(&shop).execute_batch("CREATE TABLE contacts (external_id INTEGER PRIMARY KEY)").unwrap();
    assert_says(
        &shop.fails(1, "plan"),
        &["refused", "crm.db:contacts cannot hold crm.contact", "external_id"],
    );
    assert_says(&shop.fails(1, "apply --auto-approve"), &["may not be applied"]);
}

#[test]
fn rows_move_from_the_state_to_a_file_and_to_another() {
    let shop = shop();
    shop.replace("raccord.yaml", "  store: {type: sqlite, path: crm.db}\n", "");
    shop.replace("raccord.yaml", "      table: contacts\n", "");
    shop.replace("raccord.yaml", "{type: text, column: town}", "text");
    shop.ok("apply --auto-approve");
    shop.ok("run");
    shop.replace(
        "raccord.yaml",
        "spec:\n  entities:",
        "spec:\n  store: {type: sqlite, path: crm.db}\n  entities:",
    );
    shop.replace("raccord.yaml", "      key: externalId\n", "      key: externalId\n      table: contacts\n");
    shop.replace("raccord.yaml", "        city: text\n", "        city: {type: text, column: town}\n");
    assert_says(&shop.fails(1, "apply --auto-approve"), &["--allow-delete"]);
    shop.ok("apply --auto-approve --allow-delete");
    shop.ok("run");
    assert_eq!(contacts(&shop), "007|Bob|Lyon\n1|Ada|Paris");
    std::fs::create_dir(shop.path().join("data")).unwrap();
    shop.replace("raccord.yaml", "path: crm.db", "path: data/other.db");
    shop.ok("apply --auto-approve");
    shop.ok("run");
    assert_eq!(shop.json("status --output json")["transfers"][0]["rows"], 2);
    assert!(shop.path().join("data/other.db").exists());
    assert_eq!(contacts(&shop), "007|Bob|Lyon\n1|Ada|Paris", "the former file stays as it is");
}

#[test]
fn mistakes_in_the_store_are_told_offline() {
    for (store, said) in [
        ("{type: sqlite}", "a SQLite store needs the path of its file"),
        ("{type: sqlite, path: crm.db, schema: crm}", "`schema` has no meaning in a store of type sqlite"),
        ("{type: sqlite, path: data/}", "that of a directory"),
        ("{type: embedded, path: crm.db}", "`path` has no meaning in the embedded store"),
        ("{type: sqlite, pfad: crm.db}", "pfad"),
    ] {
        let shop = shop();
        shop.replace("raccord.yaml", "{type: sqlite, path: crm.db}", store);
        assert_says(&shop.fails(1, "validate"), &[said]);
    }
}

#[test]
fn a_field_that_is_unique_no_more_is_told_what_stays() {
    let shop = shop();
    // Once it is unique from the beginning, and once from later on.
    for (field, way_out) in [
        ("fullName: text", "it is a part of the table"),
        ("city: {type: text, column: town", r#"DROP INDEX "contacts_town_unique""#),
    ] {
        let unique = match field.strip_suffix(": text") {
            Some(name) => format!("{name}: {{type: text, unique: true}}"),
            None => format!("{field}, unique: true"),
        };
        shop.replace("raccord.yaml", field, &unique);
        shop.ok("apply --auto-approve");
        shop.ok("run");
        shop.replace("raccord.yaml", &unique, field);
        let plan = shop.ok("plan");
        assert_says(&plan, &["stays unique in the file, for Raccord drops nothing", way_out]);
        assert_says(&shop.ok("apply --auto-approve"), &[way_out]);
        // It is said when it changes, and not for ever.
        assert!(!shop.run("plan --detailed-exitcode").expect_code(0).stdout.contains("stays unique"));
    }
    let people = PEOPLE.replace("Paris", "Lyon");
    shop.write("people.csv", &people);
    assert_says(&shop.ok("run"), &["1 rejected"]);
    connect(&shop).execute_batch("DROP INDEX contacts_town_unique").unwrap();
    shop.ok("plan --detailed-exitcode");
    shop.ok("rejects replay people");
    assert_eq!(contacts(&shop), "007|Bob|Lyon\n1|Ada|Lyon");
}

#[test]
fn a_field_is_not_made_unique_while_rows_share_values_of_it() {
    let shop = shop();
    shop.write("people.csv", &(PEOPLE.replace("Paris", "Lyon") + "2,Cy,\n3,Di,\n"));
    shop.ok("apply --auto-approve");
    shop.ok("run");
    let (many, unique) = ("column: town}", "column: town, unique: true}");
    shop.replace("raccord.yaml", many, unique);
    for verb in ["plan", "apply --auto-approve"] {
        let said = shop.fails(1, verb);
        assert_says(
            &said,
            &["the column \"town\" is to be unique, and 2 rows share values of it", "may not be applied"],
        );
        assert!(!said.contains("Lyon") && !said.contains("007"), "no value is shown: {said}");
    }
    // What is told to be asked shows them.
    let plan: serde_json::Value = shop.run("plan --output json").expect_code(1).json();
    let said = plan["refusals"][0]["table"]["message"].as_str().unwrap();
    let query = said.split_once("this shows them: ").unwrap().1;
    let query = query.split_once(" ORDER BY").unwrap().0;
    let keys =
        format!("SELECT group_concat(external_id) FROM (SELECT external_id FROM ({query}) ORDER BY 1)");
    let keys: String = connect(&shop).query_row(&keys, [], |row| row.get(0)).unwrap();
    assert_eq!(keys, "007,1");
    // Others make them the same after a plan: the apply says it, and goes on once they differ.
    shop.write("people.csv", &(PEOPLE.to_owned() + "2,Cy,\n3,Di,\n"));
    shop.replace("raccord.yaml", unique, many);
    shop.ok("run");
    shop.replace("raccord.yaml", many, unique);
    shop.ok("plan --out saved.plan");
    connect(&shop).execute_batch("UPDATE contacts SET town = 'Lyon' WHERE external_id = '1'").unwrap();
    shop.run("apply saved.plan --auto-approve");
    assert_says(
        &shop.fails(1, "run"),
        &["the column \"town\" is to be unique, and 2 rows share values of it"],
    );
    connect(&shop).execute_batch("UPDATE contacts SET town = 'Paris' WHERE external_id = '1'").unwrap();
    shop.ok("apply --auto-approve");
    shop.ok("run");
    shop.ok("plan --detailed-exitcode");
}

/// Many types are kept as texts: a column that holds values of another one would be read as nothing.
#[test]
fn a_type_changes_where_every_value_of_the_column_is_one() {
    // (the values, the type before and after, how many values are none of it)
    let cases = [
        (["2020-01-01", "Lyon"], "text", "date", 1),
        (["2020-01-01", "2020-01-02"], "text", "date", 0),
        (["1.50", "2"], "text", "decimal", 1),
        (["1.5", "2"], "text", "decimal", 0),
        (["Lyon", "Paris"], "text", "json", 2),
        (["2020-01-01", "2020-01-02"], "date", "datetime", 2),
        (["2020-01-01", "2020-01-02"], "date", "text", 0),
        (["0", "1"], "integer", "boolean", 0),
        (["0", "2"], "integer", "boolean", 1),
        (["Lyon", "Paris"], "text", "choice, options: [Lyon, Paris]", 0),
    ];
    let towns = |shop: &TestEnvironment| -> String {
        let all =
            "SELECT group_concat(coalesce(town, '-')) FROM (SELECT town FROM contacts ORDER BY external_id)";
        connect(shop).query_row(all, [], |row| row.get(0)).unwrap()
    };
    for (values, before, after, none) in cases {
        let [one, other] = values;
        let shop = shop();
        shop.write("people.csv", &format!("id,name,city\n1,Ada,{one}\n2,Bob,{other}\n3,Cy,\n"));
        shop.replace(
            "raccord.yaml",
            "{type: text, column: town}",
            &format!("{{type: {before}, column: town}}"),
        );
        shop.ok("apply --auto-approve");
        shop.ok("run");
        let stored = towns(&shop);
        shop.replace("raccord.yaml", &format!("{{type: {before},"), &format!("{{type: {after},"));
        if none == 0 {
            shop.ok("apply --auto-approve");
            shop.ok("plan --detailed-exitcode");
            assert_says(&shop.ok("run"), &["succeeded"]);
            assert_eq!(towns(&shop), stored, "{before} {after}");
            continue;
        }
        let said = shop.fails(1, "plan");
        let count = if none == 1 { "1 value is none" } else { "2 values are none" };
        assert_says(&said, &[&format!("is to keep values of type {after} from now on, and {count}")]);
        assert!(!said.contains(other), "no value is shown: {said}");
        shop.fails(1, "apply --auto-approve");
        assert_eq!(towns(&shop), stored);
        // Another column takes those that are.
        shop.replace("raccord.yaml", "column: town", "column: place");
        shop.ok("apply --auto-approve");
        shop.ok("run");
        assert_eq!(towns(&shop), stored, "the old column stays");
    }
}
