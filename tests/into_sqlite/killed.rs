//! Kills while rows go into SQLite and others read the file: what is there in the end is what an undisturbed run leaves, and what
//! others see is always a whole page.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::{connect, contacts, shop};
use crate::environment::TestEnvironment;

const PEOPLE: u32 = 6_000;

/// How many records a page of a file has: a commit has all of them.
const PAGE: i64 = 1_000;

fn line(number: u32, town: u32) -> String {
    format!("{number:06},Person {number},Town {}\n", number % town)
}

fn write(shop: &TestEnvironment, town: u32) {
    let people: String = (0..PEOPLE).map(|number| line(number, town)).collect();
    shop.write("people.csv", &format!("id,name,city\n{people}"));
}

fn assert_whole(shop: &TestEnvironment, town: u32) {
    let found = contacts(shop);
    let expected: Vec<String> =
        (0..PEOPLE).map(|number| line(number, town).trim_end().replace(',', "|")).collect();
    assert_eq!(found.lines().count(), expected.len());
    assert!(found.lines().eq(expected.iter().map(String::as_str)), "rows differ");
    let sound: String = connect(shop).query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
}

#[test]
fn a_kill_at_any_failpoint_loses_and_doubles_nothing() {
    let shop = shop();
    shop.ok("apply --auto-approve");
    for (round, town) in [(0, 17), (1, 19)] {
        write(&shop, town);
        for failpoint in [
            "run.begun",
            "elsewhere.commit.before",
            "elsewhere.commit.after",
            "elsewhere.commit.before:3",
            "elsewhere.commit.after:3",
            "elsewhere.commit.after:4",
            "commit.durable.after:2",
            "run.end.before",
            "run.end.after",
        ] {
            let output = shop.command("run").env("RACCORD_FAILPOINT", failpoint).output().unwrap();
            assert_eq!(output.status.signal(), Some(9), "{failpoint} in round {round}: {output:?}");
        }
        shop.ok("run");
        assert_whole(&shop, town);
        // Each run has counted what it had committed, and nothing else: together they have counted every row once.
        assert_eq!(crate::tally::created_in_all_runs(&shop), u64::from(PEOPLE), "round {round}");
    }
    assert_eq!(shop.json("status --output json")["transfers"][0]["rows"], PEOPLE);
}

/// Reads the file until it is told to stop, as another program; returns how often.
fn read_meanwhile(shop: &TestEnvironment, is_over: &Arc<AtomicBool>) -> thread::JoinHandle<u32> {
    let (connection, is_over) = (connect(shop), Arc::clone(is_over));
    thread::spawn(move || {
        let mut looks = 0;
        while !is_over.load(Ordering::Relaxed) {
            let count: i64 =
                connection.query_row("SELECT count(*) FROM contacts", [], |row| row.get(0)).unwrap();
            assert_eq!(count % PAGE, 0, "a part of a page is seen");
            looks += 1;
            thread::sleep(Duration::from_millis(5));
        }
        looks
    })
}

#[test]
fn kills_at_random_moments_beside_readers_lose_and_double_nothing() {
    let shop = shop();
    shop.ok("apply --auto-approve");
    write(&shop, 17);
    let is_over = Arc::new(AtomicBool::new(false));
    let reading = read_meanwhile(&shop, &is_over);
    let mut killed = 0;
    for attempt in 0_u64..10 {
        let mut run = shop.command("run").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        thread::sleep(Duration::from_millis(60 + attempt * 70));
        run.kill().unwrap();
        killed += u32::from(run.wait().unwrap().signal() == Some(9));
        // A program of another language sees a whole database at any moment.
        let look = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); \
                    print(c.execute('SELECT count(*) % 1000 FROM contacts').fetchone()[0])";
        let seen =
            Command::new("python3").args(["-c", look]).arg(shop.path().join("crm.db")).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&seen.stdout), "0\n", "{seen:?}");
    }
    assert!(killed > 0, "no run was killed");
    shop.ok("run");
    is_over.store(true, Ordering::Relaxed);
    assert!(reading.join().unwrap() > 0);
    assert_whole(&shop, 17);
}

#[test]
fn a_lock_that_another_program_holds_is_waited_for() {
    let shop = shop();
    shop.ok("apply --auto-approve");
    let other = connect(&shop);
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let run = shop.command("run").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    thread::sleep(Duration::from_millis(700));
    other.execute_batch("COMMIT").unwrap();
    assert!(run.wait_with_output().unwrap().status.success());
    assert_eq!(contacts(&shop), "007|Bob|Lyon\n1|Ada|Paris");
}
