//! Files that were cut off: what is behind their end was not deleted, and the run says which file it is.

use super::{rows, run};
use crate::environment::{TestEnvironment, assert_says};
use crate::shop::Shop;

const SOURCE: &str = "{connector: file, config: {dataTypes: {people: {path: people.csv";
const SNAPSHOT: &str = "deletes: {snapshot: {maxShare: 50%}}";
const SAID: &str = "people.csv ends within a line, as a file does that was cut off or is being written: ";

fn applied(settings: &str) -> TestEnvironment {
    let source = format!("{SOURCE}{settings}}}}}}}}}");
    let updates = "created, updated, deleted";
    Shop { source: &source, transfer: SNAPSHOT, updates, ..Shop::default() }.applied()
}

#[test]
fn what_is_behind_the_end_of_a_file_that_was_cut_off_is_not_deleted() {
    let environment = applied("");
    let whole = "id,name\n1,Ann\n2,Bobby\n3,Cyd\n4,Dan\n";
    environment.write("people.csv", whole);
    assert_eq!(run(&environment), "fetched 4, created 4");
    // `head -c`: in the last cell of a row, so that nothing of it looks wrong.
    environment.write("people.csv", "id,name\n1,Ann\n2,Bobby\n3,C");
    let held = environment.run("run");
    let told = held.stdout + &held.stderr;
    assert_says(
        &told,
        &["held", "its snapshot would delete 1 of 4 rows, and what was read may not be all", SAID],
    );
    for command in ["status", "runs", "check shop"] {
        assert_says(&environment.ok(command), &[SAID]);
    }
    assert_eq!(rows(&environment, "name"), "1=Ann 2=Bobby 3=C 4=Dan");
    environment.write("people.csv", whole);
    assert_eq!(run(&environment), "fetched 4, updated 1, unchanged 3");
    // A file that ends with a line may delete.
    environment.write("people.csv", "id,name\r\n1,Ann\r\n2,Bobby\r\n3,Cyd\r\n");
    assert_eq!(run(&environment), "fetched 3, unchanged 3, swept 1");
}

#[test]
fn a_file_without_the_last_line_end_is_a_note_alone_where_nothing_is_deleted() {
    let environment = applied("");
    environment.write("people.csv", "id,name\n1,Ann\n2,Bob");
    assert_eq!(run(&environment), "fetched 2, created 2");
    assert_says(&environment.ok("status"), &[SAID, "`lastLineEnd: optional`"]);
    environment.write("people.csv", "id,name\n1,Ann\n2,Bob\n");
    assert_eq!(run(&environment), "fetched 2, unchanged 2");
    assert!(!environment.ok("status").contains("ends within a line"));
}

#[test]
fn a_program_that_never_ends_its_last_line_may_delete() {
    let environment = applied(", lastLineEnd: optional");
    environment.write("people.csv", "id,name\n1,Ann\n2,Bob\n3,Cyd");
    assert_eq!(run(&environment), "fetched 3, created 3");
    environment.write("people.csv", "id,name\n1,Ann\n2,Bob");
    assert_eq!(run(&environment), "fetched 2, unchanged 2, swept 1");
    assert!(!environment.ok("status").contains("ends within a line"));
}

/// A line of JSON is whole or is none: what was cut off is rejected, and its row may be any.
#[test]
fn json_lines_that_were_cut_off_delete_nothing() {
    let source = "{connector: file, config: {dataTypes: {people: {path: people.jsonl}}}}";
    let updates = "created, updated, deleted";
    let environment = Shop { source, transfer: SNAPSHOT, updates, ..Shop::default() }.applied();
    let line = |id: u8| format!("{{\"id\":\"{id}\",\"name\":\"N{id}\"}}\n");
    let whole: String = (1..=4).map(line).collect();
    environment.write("people.jsonl", &whole);
    assert_eq!(run(&environment), "fetched 4, created 4");
    environment.write("people.jsonl", &whole[..whole.len() - 12]);
    let held = environment.run("run");
    assert_says(
        &(held.stdout + &held.stderr),
        &["held", "would delete 1 of 4 rows, which may be those of 1 record"],
    );
    assert_eq!(rows(&environment, "name"), "1=N1 2=N2 3=N3 4=N4");
    // The last line end alone is missing: the record is whole.
    environment.write("people.jsonl", whole.trim_end());
    assert_eq!(run(&environment), "fetched 4, unchanged 4");
}
