//! A state that cannot be used, or not any more: the error names the reason, `state check` tells, and what was
//! there before is there afterwards.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use crate::environment::{Answer, TestEnvironment, assert_says};
use crate::shop::Shop;

const PEOPLE: usize = 5_000;
/// What every stored person has in common.
const NAME: &str = "a name that takes a little room";
const STATE: &str = ".raccord/state.redb";

/// Every verb that opens the state.
const VERBS: [&str; 13] = [
    "plan",
    "apply --auto-approve",
    "run",
    "status",
    "runs",
    "records crm.contact",
    "rejects list",
    "deliveries list",
    "history",
    "export",
    "state info",
    "state check",
    "state backup copy.redb",
];

/// A shop of people with nothing but a name.
fn shop() -> Shop<'static> {
    Shop { fields: &[("name", "text")], ..Shop::default() }
}

fn written() -> TestEnvironment {
    let people: Vec<String> = (0..PEOPLE).map(|number| format!("p{number:05},{NAME} {number}\n")).collect();
    let people = format!("id,name\n{}", people.concat());
    TestEnvironment::with(&[("raccord.yaml", &shop().yaml()), ("people.csv", &people)])
}

fn applied() -> TestEnvironment {
    let environment = written();
    environment.ok("apply --auto-approve");
    environment
}

fn state(environment: &TestEnvironment) -> PathBuf {
    environment.path().join(STATE)
}

fn bytes(environment: &TestEnvironment) -> Vec<u8> {
    fs::read(state(environment)).unwrap()
}

fn put(environment: &TestEnvironment, bytes: &[u8]) {
    std::io::Write::write_all(&mut File::create(state(environment)).unwrap(), bytes).unwrap();
}

/// Runs a command that may not make a file longer than so many blocks of 512 bytes. It meets what it meets on a
/// full disk, without one: the file does not grow.
fn run_within(environment: &TestEnvironment, blocks: u64, command: &str) -> Answer {
    // Ignored, the signal becomes an error.
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"");
    environment.run_through(&["sh", "-c", &script, "sh"], command)
}

fn count(environment: &TestEnvironment) -> usize {
    environment.ok("records crm.contact --output jsonl --limit 100000").lines().count()
}

#[test]
fn a_state_that_does_not_fit_on_the_disk_is_not_begun() {
    let environment = written();
    for blocks in [1, 8, 100] {
        let answer = run_within(&environment, blocks, "apply --auto-approve").expect_code(1);
        assert_says(
            &answer.stderr,
            &["create the state", "there is no room left for the state: File too large"],
        );
        let left: Vec<_> = fs::read_dir(environment.path().join(".raccord")).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
    }
    environment.ok("apply --auto-approve");
}

#[test]
fn a_run_that_fills_the_disk_fails_and_the_next_one_completes_it() {
    let environment = applied();
    for blocks in [130, 300, 600] {
        let answer = run_within(&environment, blocks, "run").expect_code(1);
        assert_says(&answer.stderr, &["there is no room left for the state: File too large"]);
        assert_says(&environment.ok("state check"), &["whole: 4 resources"]);
    }
    environment.ok("run");
    assert_eq!(count(&environment), PEOPLE);
    assert_says(&environment.ok("state check"), &["5,000 rows"]);
}

#[test]
fn an_apply_that_fills_the_disk_leaves_the_old_generation() {
    let environment = applied();
    let project = |number: usize| shop().project().replace("crm", &format!("p{number}"));
    environment.write("more.yaml", &(0..600).map(project).collect::<Vec<_>>().join("---\n"));
    for blocks in [130, 200] {
        let answer = run_within(&environment, blocks, "apply --auto-approve").expect_code(1);
        assert_says(&answer.stderr, &["write the state", "there is no room left for the state"]);
        assert_says(&environment.ok("state check"), &["whole: 4 resources"]);
        assert_eq!(environment.json("state info --output json")["generation"], 1);
    }
    environment.ok("apply --auto-approve");
    assert_says(&environment.ok("state check"), &["whole: 604 resources"]);
}

#[test]
fn a_backup_that_does_not_fit_leaves_no_file() {
    let environment = applied();
    let answer = run_within(&environment, 100, "state backup copy.redb").expect_code(1);
    assert_says(
        &answer.stderr,
        &["copy the state to /", "/copy.redb", "there is no room left for the state"],
    );
    let names = fs::read_dir(environment.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(!names.into_iter().any(|name| name.to_string_lossy().starts_with("copy")));
}

/// What lies in the directory of the state.
fn names(environment: &TestEnvironment) -> Vec<String> {
    let entries = fs::read_dir(environment.path().join(".raccord")).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn an_apply_that_is_killed_while_it_makes_the_state_leaves_no_draft_behind() {
    for failpoint in ["publish.before", "publish.after"] {
        let killed = written().variable("RACCORD_FAILPOINT", failpoint);
        assert_eq!(killed.run("apply --auto-approve").code, None, "{failpoint}");
        assert!(names(&killed).iter().any(|name| name.contains(".new")), "{failpoint}: {:?}", names(&killed));
        let environment = killed.variable("RACCORD_FAILPOINT", "run.begun:999");
        environment.ok("apply --auto-approve");
        assert_eq!(names(&environment), ["state.redb"], "{failpoint}");
    }
}

#[test]
fn a_clock_before_1970_is_told() {
    let environment = written().at("1969-12-31T23:59:59Z");
    for verb in ["apply --auto-approve", "plan", "watch"] {
        let said = environment.fails(1, verb);
        assert_says(&said, &["the clock of this machine says 1969-12-31T23:59:59Z"]);
    }
    assert!(!environment.path().join(".raccord").exists());
}

#[test]
fn a_process_with_six_descriptors_says_what_is_missing() {
    let environment = applied();
    let within = |descriptors: u32, verb: &str| {
        let script = format!("ulimit -n {descriptors}; exec \"$@\"");
        let answer = environment.run_through(&["timeout", "60", "sh", "-c", &script, "sh"], verb);
        assert!(!answer.stderr.contains("panicked"), "{verb} with {descriptors}: {}", answer.stderr);
        answer
    };
    for verb in VERBS.iter().chain(&["watch"]) {
        let answer = within(6, verb).expect_code(1);
        assert_says(&answer.stderr, &["error: this process may open too few files", "`ulimit -n 256`"]);
    }
    for descriptors in 7..=16 {
        within(descriptors, "run").expect_code(1);
    }
    within(40, "status").expect_code(0);
}

#[test]
fn where_nothing_may_be_written_nothing_is_begun() {
    let environment = written();
    let mode = |mode| fs::set_permissions(environment.path(), Permissions::from_mode(mode)).unwrap();
    mode(0o555);
    let answer = environment.run_unprivileged("apply --auto-approve").expect_code(1);
    assert_says(&answer.stderr, &["create the directory .raccord", "Permission denied"]);
    let answer = environment.run_unprivileged("state check").expect_code(1);
    assert_says(
        &answer.stderr,
        &["there is no state at .raccord/state.redb", "`raccord apply` begins a state"],
    );
    mode(0o755);
    assert!(!environment.path().join(".raccord").exists());
}

#[test]
fn a_state_in_a_directory_that_takes_no_new_file_works() {
    let environment = applied();
    let directory = environment.path().join(".raccord");
    let mode = |mode| fs::set_permissions(&directory, Permissions::from_mode(mode)).unwrap();
    mode(0o555);
    environment.run_unprivileged("run").expect_code(0);
    let answer = environment.run_unprivileged("state check").expect_code(0);
    assert_says(&answer.stdout, &["whole: "]);
    let answer = environment.run_unprivileged("state backup .raccord/copy.redb").expect_code(1);
    assert_says(&answer.stderr, &["create the backup /", "/.raccord/copy.redb", "Permission denied"]);
    mode(0o755);
}

#[test]
fn a_state_that_may_not_be_written_is_named() {
    let environment = applied();
    let before = bytes(&environment);
    fs::set_permissions(state(&environment), Permissions::from_mode(0o400)).unwrap();
    for verb in VERBS {
        let answer = environment.run_unprivileged(verb).expect_code(1);
        assert_says(
            &answer.stderr,
            &["the state .raccord/state.redb cannot be written", "Permission denied"],
        );
    }
    assert_eq!(bytes(&environment), before);
}

/// With these bytes in place of the state every verb fails alike, and they stay as they are.
#[track_caller]
fn assert_refused(environment: &TestEnvironment, wrong: &[u8], expected: &str) {
    put(environment, wrong);
    for verb in VERBS {
        let answer = environment.run(verb).expect_code(1);
        assert_says(&answer.stderr, &[expected]);
        assert!(bytes(environment) == wrong, "`{verb}` has changed it");
    }
    assert!(!environment.path().join("copy.redb").exists());
}

#[test]
fn a_file_of_something_else_is_refused_and_left_alone() {
    let environment = applied();
    let expected = "state.redb is not a state of Raccord: it begins with other bytes";
    let yaml = shop().yaml();
    for wrong in [yaml.as_bytes(), b"SQLite format 3\0 and so on", &[0; 4_096]] {
        assert_refused(&environment, wrong, expected);
    }
    let answer = environment.run("status --state .").expect_code(1);
    assert_says(&answer.stderr, &["state ."]);
}

#[test]
fn a_truncated_state_is_refused_and_left_alone() {
    let environment = applied();
    environment.ok("run");
    let whole = bytes(&environment);
    for length in [0, 5, 100, 4_096, whole.len() / 2, whole.len() - 1] {
        let expected = "the state .raccord/state.redb is damaged: ";
        assert_refused(&environment, &whole[..length], expected);
        assert_says(&environment.fails(1, "state check"), &["restore it from a backup"]);
    }
    put(&environment, &whole);
    assert_says(&environment.ok("state check"), &["whole: "]);
}

#[test]
fn a_page_that_is_overwritten_is_found() {
    let environment = applied();
    environment.ok("run");
    let mut torn = bytes(&environment);
    let marks = torn.windows(NAME.len()).enumerate().filter(|(_, window)| *window == NAME.as_bytes());
    let places: Vec<usize> = marks.map(|(at, _)| at).collect();
    let page = places[places.len() / 2] / 4_096 * 4_096;
    torn[page..page + 4_096].fill(0);
    put(&environment, &torn);
    let said = environment.fails(1, "state check");
    assert_says(&said, &["the file is damaged beyond repair", "restore it from a backup", "1 problem\n"]);
    for verb in VERBS {
        // What does not come by the page does not miss it.
        let answer = environment.run(verb);
        assert!(matches!(answer.code, Some(0 | 1)), "`{verb}`: {answer:?}");
    }
    let said = environment.fails(1, "records crm.contact --output jsonl --limit 100000");
    assert_says(&said, &["the file is damaged", "`raccord state check`"]);
    assert_says(&environment.fails(1, "state backup copy.redb"), &["the file is damaged"]);
    assert!(!environment.path().join("copy.redb").exists());
}

#[test]
fn a_file_of_which_any_part_is_overwritten_is_told_as_damaged() {
    let environment = applied();
    environment.ok("run");
    let whole = bytes(&environment);
    for page in (1..whole.len() / 4_096).step_by(whole.len() / 4_096 / 12 + 1) {
        let mut torn = whole.clone();
        for (number, byte) in torn[page * 4_096..][..4_096].iter_mut().enumerate() {
            *byte = u8::try_from((number * 31 + page) % 251).unwrap();
        }
        for verb in ["state check", "status", "plan"] {
            put(&environment, &torn);
            let answer = environment.run(verb);
            // What does not come by the page does not miss it, but for the library's own end of its work (no code).
            assert!(matches!(answer.code, Some(0 | 1) | None), "page {page}, `{verb}`: {answer:?}");
            let said = format!("{}{}", answer.stdout, answer.stderr);
            assert!(answer.code == Some(0) || said.contains("damage"), "page {page}, `{verb}`: {said}");
            assert!(!said.contains("stack backtrace"), "page {page}, `{verb}`: {said}");
        }
    }
    put(&environment, &whole);
    assert_says(&environment.ok("state check"), &["whole: "]);
}
