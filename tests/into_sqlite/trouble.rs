//! A file that cannot be used: what needs none works, and what needs it says why it waits.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use super::{connect, contacts, shop};
use crate::environment::assert_says;

#[test]
fn a_file_that_is_none_is_told_and_runs_wait() {
    let shop = shop();
    shop.write("crm.db", &"this is a letter, and no database\n".repeat(40));
    let before = shop.read("crm.db");
    assert_says(&shop.ok("plan"), &["crm.db:contacts could not be looked at", "is not a database of SQLite"]);
    let applied = shop.run("apply --auto-approve").expect_code(0);
    assert_says(&applied.stderr, &["the table of crm.contact is not ready", "is not a database of SQLite"]);
    for _ in 0..6 {
        assert_says(&shop.fails(1, "run"), &["waiting for its table", "is not a database of SQLite"]);
    }
    let status = shop.json("status --output json");
    assert_eq!(status["integrations"][0]["state"], "active", "{status}");
    assert_eq!(shop.read("crm.db"), before, "it stays as it is");
    assert_says(&shop.fails(1, "check crm"), &["is not a database of SQLite"]);
    shop.remove("crm.db");
    shop.ok("run");
    assert_eq!(contacts(&shop), "007|Bob|Lyon\n1|Ada|Paris");
}

#[test]
fn a_directory_that_is_not_there_is_told() {
    let shop = shop();
    shop.replace("raccord.yaml", "path: crm.db", "path: data/crm.db");
    assert_says(&shop.ok("plan"), &["there is no directory", "data"]);
    assert_says(&shop.fails(1, "check crm"), &["there is no directory"]);
    fs::create_dir(shop.path().join("data")).unwrap();
    shop.ok("apply --auto-approve");
    shop.ok("run");
    assert_eq!(shop.json("status --output json")["transfers"][0]["rows"], 2);
}

#[test]
fn permissions_that_lack_are_told() {
    let shop = shop();
    connect(&shop).execute_batch("CREATE TABLE theirs (x)").unwrap();
    let mode = |mode| fs::set_permissions(shop.path().join("crm.db"), Permissions::from_mode(mode)).unwrap();
    mode(0o444);
    let plan = shop.run_unprivileged("plan").expect_code(1);
    assert_says(&plan.stdout, &["refused", "crm.db may not be written", "the permissions of the file"]);
    assert_says(
        &shop.run_unprivileged("check crm").expect_code(1).stderr,
        &["refuses us", "may not be written"],
    );
    mode(0o000);
    let plan = shop.run_unprivileged("plan").expect_code(0);
    assert_says(&plan.stdout, &["crm.db:contacts could not be looked at", "may not be read"]);
    mode(0o644);
    shop.ok("apply --auto-approve");
    shop.ok("run");
    assert_eq!(contacts(&shop), "007|Bob|Lyon\n1|Ada|Paris");
}

#[test]
fn a_record_that_the_table_does_not_take_is_a_reject_and_replayed() {
    let shop = shop();
    shop.ok("apply --auto-approve");
    let no_bob = "CREATE TRIGGER no_bob BEFORE INSERT ON contacts WHEN new.full_name = 'Bob' \
                  BEGIN SELECT RAISE(ABORT, 'Bob again'); END";
    connect(&shop).execute_batch(no_bob).unwrap();
    let run = &shop.json("run --output json")["runs"][0];
    assert_eq!((&run["tally"]["created"], &run["tally"]["rejected"]), (&1.into(), &1.into()), "{run}");
    let rejects = shop.ok("rejects list");
    assert_says(&rejects, &["a trigger of the table refuses the row"]);
    assert!(!rejects.contains("Bob again"), "what a trigger says may quote values: {rejects}");
    connect(&shop).execute_batch("DROP TRIGGER no_bob").unwrap();
    shop.ok("rejects replay people");
    assert_eq!(contacts(&shop), "007|Bob|Lyon\n1|Ada|Paris");
    assert_eq!(shop.json("status --output json")["transfers"][0]["rejects"], 0);
}

/// However the path of a file is spelt, a table of it belongs to one project.
#[test]
fn two_spellings_of_a_path_are_one_file() {
    let shop = shop();
    let other = "apiVersion: raccord/v1\nkind: Project\nmetadata: {name: other}\nspec:\n  \
                 store: {type: sqlite, path: ./crm.db}\n  entities: {contacts: {key: id, fields: {id: text}}}\n";
    shop.write("other.yaml", other);
    assert_says(&shop.fails(1, "validate"), &["has the table `contacts` of this database already"]);
    shop.write("other.yaml", &other.replace("./crm.db", "./other.db"));
    shop.ok("validate");
    // A misspelt type hides nothing of what stands beside it.
    shop.replace("raccord.yaml", "type: sqlite, path: crm.db", "type: sqlit, path: crm.db");
    assert_says(&shop.fails(1, "validate"), &["{type: sqlit, path: crm.db}"]);
}
