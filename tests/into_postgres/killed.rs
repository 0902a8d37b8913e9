//! Kills while rows go into PostgreSQL: what is there in the end is what an undisturbed run leaves.

use serde_json::{Value, json};

use super::{contacts, server, shop_at};
use crate::environment::assert_says;

#[test]
fn a_killed_run_goes_on_and_doubles_nothing() {
    let server = server();
    let shop = shop_at(&server.url("postgres"));
    shop.ok("apply --auto-approve");
    let line = |number: u32| format!("{number:06},Person {number},Town {}\n", number % 17);
    let people: String = (0..6_000).map(line).collect();
    shop.write("people.csv", &format!("id,name,city\n{people}"));
    // What the state commits in a run is little; the pages between are the database's.
    for failpoint in ["run.begun", "commit.durable.after:2", "run.end.before", "run.end.after"] {
        let mut run = shop.command("run");
        run.env("RACCORD_FAILPOINT", failpoint);
        assert!(!run.output().unwrap().status.success(), "{failpoint}");
    }
    shop.ok("run");
    let found = contacts(&server);
    assert_eq!(found.lines().count(), 6_000);
    assert_eq!(crate::tally::created_in_all_runs(&shop), 6_000, "each run counts what it had committed");
    let expected: Vec<String> = (0..6_000).map(|number| line(number).trim_end().replace(',', "|")).collect();
    assert!(found.lines().eq(expected.iter().map(String::as_str)), "rows differ");
}

#[test]
fn a_killed_run_is_counted_once_its_database_can_be_asked() {
    let server = server();
    let shop = shop_at(&server.url("postgres"));
    shop.ok("apply --auto-approve");
    let killed = shop.command("run").env("RACCORD_FAILPOINT", "run.end.before").output().unwrap();
    assert_eq!(killed.status.code(), None, "{killed:?}");
    // Who looks has no password just then.
    for _ in 0..2 {
        assert!(shop.command("status").env_remove("WAREHOUSE_URL").output().unwrap().status.success());
        let output = shop.command("runs --output json").env_remove("WAREHOUSE_URL").output().unwrap();
        let runs: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&runs[0]["outcome"], &runs[0]["uncounted"]), (&json!("stopped"), &json!(true)), "{runs}");
        let notes = runs[0]["notes"].as_array().unwrap();
        assert_eq!(notes.len(), 1, "{notes:?}");
        assert_says(&notes[0].to_string(), &["counted once its store answers", "WAREHOUSE_URL"]);
    }
    let runs = shop.json("runs --output json");
    assert_eq!((&runs[0]["outcome"], &runs[0]["tally"]["created"]), (&json!("stopped"), &json!(2)), "{runs}");
    assert_eq!(
        (&runs[0]["uncounted"], runs[0]["notes"].as_array().unwrap().len()),
        (&Value::Null, 1),
        "{runs}"
    );
    assert_says(&runs[0]["notes"].to_string(), &["it has counted what it had committed"]);
}
