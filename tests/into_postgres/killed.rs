//! Kills while rows go into PostgreSQL: what is there in the end is what an undisturbed run leaves.

use super::{contacts, server, shop_at};

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
