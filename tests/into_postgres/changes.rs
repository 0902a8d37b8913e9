//! What becomes of a table as files, configuration and other people change.

use super::{PEOPLE, contacts, server, shop_at};
use crate::environment::assert_says;

#[test]
fn rows_arrive_change_and_plan_to_nothing() {
    let server = server();
    let shop = shop_at(&server.url("postgres"));
    let plan = shop.ok("plan");
    assert_says(
        &plan,
        &["What the database is asked to do", "CREATE TABLE \"crm\".\"contacts\"", "\"town\" text"],
    );
    shop.ok("apply --auto-approve");
    shop.ok("plan --detailed-exitcode");
    shop.ok("run");
    assert_eq!(contacts(&server), "007|Bob|Lyon\n1|Ada|Paris");
    shop.write("people.csv", &(PEOPLE.replace("Paris", "Nice") + "2,Cy,\n"));
    let run = &shop.json("run --output json")["runs"][0];
    assert_eq!(run["tally"]["created"], 1, "{run}");
    assert_eq!(run["tally"]["updated"], 1, "{run}");
    assert_eq!(run["tally"]["unchanged"], 1, "{run}");
    assert_eq!(contacts(&server), "007|Bob|Lyon\n1|Ada|Nice\n2|Cy|");
    shop.ok("plan --detailed-exitcode");
    let status = &shop.json("status --output json")["transfers"][0];
    assert_eq!((&status["rows"], &status["rejects"]), (&3.into(), &0.into()), "{status}");
    assert_says(&shop.ok("records crm.contact"), &["007", "Bob", "Nice"]);
    assert_says(&shop.ok("explain crm.contact 007"), &["fullName = Bob", "owned by the transfer people"]);
}

#[test]
fn a_new_field_is_a_new_column_and_one_that_goes_stays() {
    let server = server();
    let shop = shop_at(&server.url("postgres"));
    shop.ok("apply --auto-approve");
    shop.ok("run");
    shop.replace(
        "raccord.yaml",
        "        fullName: text\n",
        "        fullName: text\n        isVip: boolean\n",
    );
    assert_says(&shop.ok("plan"), &["ALTER TABLE", "\"is_vip\" bool"]);
    shop.ok("apply --auto-approve");
    shop.replace("raccord.yaml", "        isVip: boolean\n", "");
    // Nothing of the data is lost, so that no flag is asked for.
    assert_says(&shop.ok("apply --auto-approve"), &["the column is_vip of crm.contact stays as it is"]);
    shop.ok("plan --detailed-exitcode");
    shop.ok("run");
    assert_eq!(contacts(&server), "007|Bob|Lyon\n1|Ada|Paris");
}

#[test]
fn a_table_that_was_dropped_is_told_with_the_way_back() {
    let server = server();
    let shop = shop_at(&server.url("postgres"));
    shop.ok("apply --auto-approve");
    shop.ok("run");
    server.sql("postgres", "DROP TABLE crm.contacts");
    let said = shop.fails(1, "run");
    assert_says(
        &said,
        &[
            "the table \"crm\".\"contacts\" is gone, which was there",
            "an apply makes it anew, without the rows",
        ],
    );
    assert_says(&shop.ok("apply --auto-approve"), &["the next run of `people` reads everything"]);
    shop.ok("run");
    assert_eq!(contacts(&server), "007|Bob|Lyon\n1|Ada|Paris");
}

#[test]
fn a_column_that_somebody_dropped_is_drift_and_an_apply_adds_it() {
    let server = server();
    let shop = shop_at(&server.url("postgres"));
    shop.ok("apply --auto-approve");
    shop.ok("run");
    server.sql("postgres", "ALTER TABLE crm.contacts DROP COLUMN town");
    let plan = shop.run("plan --detailed-exitcode").expect_code(2).stdout;
    assert_says(&plan, &["the column \"town\" is gone", "ADD COLUMN \"town\" text"]);
    shop.ok("apply --auto-approve");
    shop.ok("plan --detailed-exitcode");
}

#[test]
fn a_table_that_cannot_be_used_refuses_the_plan() {
    let server = server();
    server.sql("postgres", "CREATE SCHEMA crm; CREATE TABLE crm.contacts (external_id bytea PRIMARY KEY)");
    let shop = shop_at(&server.url("postgres"));
    assert_says(&shop.fails(1, "plan"), &["refused", "crm.contacts cannot hold crm.contact", "external_id"]);
    assert_says(&shop.fails(1, "apply --auto-approve"), &["may not be applied"]);
}

#[test]
fn rows_move_from_the_state_to_a_database_and_to_another_schema() {
    let server = server();
    let shop = shop_at(&server.url("postgres"));
    let store = "  store: {type: postgres, authorization: warehouse, schema: crm}\n";
    shop.replace("raccord.yaml", store, "");
    shop.replace("raccord.yaml", "      table: contacts\n", "");
    shop.replace("raccord.yaml", "{type: text, column: town}", "text");
    shop.ok("apply --auto-approve");
    shop.ok("run");
    shop.replace("raccord.yaml", "spec:\n  entities:", &format!("spec:\n{store}  entities:"));
    shop.replace("raccord.yaml", "      key: externalId\n", "      key: externalId\n      table: contacts\n");
    shop.replace("raccord.yaml", "city: text", "city: {type: text, column: town}");
    // The rows of the state go, which an operator has to agree to; what was read is read again.
    assert_says(
        &shop.fails(1, "plan"),
        &["2 rows are dropped", "everything is read again", "--allow-delete"],
    );
    shop.ok("apply --auto-approve --allow-delete");
    shop.ok("run");
    assert_eq!(contacts(&server), "007|Bob|Lyon\n1|Ada|Paris");
    shop.replace("raccord.yaml", "schema: crm", "schema: sales");
    assert_says(&shop.ok("plan"), &["those that are there stay where they are", "CREATE SCHEMA \"sales\""]);
    shop.ok("apply --auto-approve");
    shop.ok("run");
    let moved = "SELECT count(*) FROM sales.contacts";
    assert_eq!((server.sql("postgres", moved), contacts(&server).lines().count()), ("2".to_owned(), 2));
    shop.ok("plan --detailed-exitcode");
}

#[test]
fn a_field_that_is_unique_no_more_is_told_what_stays() {
    let server = server();
    let shop = shop_at(&server.url("postgres"));
    // Once it is unique from the beginning, and once from later on.
    for (field, way_out) in [
        ("fullName: text", r#"DROP CONSTRAINT "contacts_full_name_key""#),
        ("city: {type: text, column: town", r#"DROP CONSTRAINT "contacts_town_key""#),
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
        assert_says(&plan, &["stays unique in the database, for Raccord drops nothing", way_out]);
        assert_says(&shop.ok("apply --auto-approve"), &[way_out]);
        // It is said when it changes, and not for ever.
        assert!(!shop.run("plan --detailed-exitcode").expect_code(0).stdout.contains("stays unique"));
    }
    let people = PEOPLE.replace("Paris", "Lyon");
    shop.write("people.csv", &people);
    assert_says(&shop.ok("run"), &["1 rejected"]);
    server.sql("postgres", "ALTER TABLE crm.contacts DROP CONSTRAINT contacts_town_key");
    shop.ok("plan --detailed-exitcode");
    shop.ok("rejects replay people");
    assert_eq!(contacts(&server), "007|Bob|Lyon\n1|Ada|Lyon");
}

#[test]
fn a_field_is_not_made_unique_while_rows_share_values_of_it() {
    let server = server();
    let shop = shop_at(&server.url("postgres"));
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
    let keys = format!(
        "SELECT string_agg(external_id, ',' ORDER BY external_id COLLATE \"C\") FROM ({query}) AS shared"
    );
    assert_eq!(server.sql("postgres", &keys), "007,1");
    // Others make them the same after a plan: the apply says it, and goes on once they differ.
    shop.write("people.csv", &(PEOPLE.to_owned() + "2,Cy,\n3,Di,\n"));
    shop.replace("raccord.yaml", unique, many);
    shop.ok("run");
    shop.replace("raccord.yaml", many, unique);
    shop.ok("plan --out saved.plan");
    server.sql("postgres", "UPDATE crm.contacts SET town = 'Lyon' WHERE external_id = '1'");
    shop.run("apply saved.plan --auto-approve");
    assert_says(
        &shop.fails(1, "run"),
        &["the column \"town\" is to be unique, and 2 rows share values of it"],
    );
    server.sql("postgres", "UPDATE crm.contacts SET town = 'Paris' WHERE external_id = '1'");
    shop.ok("apply --auto-approve");
    shop.ok("run");
    shop.ok("plan --detailed-exitcode");
}
