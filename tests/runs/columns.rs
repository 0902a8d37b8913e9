//! Columns that a file does not have: an error before anything is stored, not fields that are empty everywhere.

use super::{rows, run};
use crate::environment::{TestEnvironment, assert_says};
use crate::shop::Shop;

fn with_ann(transfer: &str) -> TestEnvironment {
    let environment = Shop { transfer, ..Shop::default() }.applied();
    environment.write("people.csv", "id,name,since\n1,Ann,2025\n");
    assert_eq!(run(&environment), "fetched 1, created 1");
    environment
}

#[test]
fn a_column_that_is_not_there_fails_the_run_and_clears_nothing() {
    let environment = with_ann("");
    let why = "people.csv has no column `name`, which the transfer reads";
    for (header, advice) in [
        ("id, name,since", "did you mean ` name`? its columns are `id`, ` name`, `since`"),
        ("id,surname!,since", "; its columns are `id`, `surname!`, `since`"),
    ] {
        environment.write("people.csv", &format!("{header}\n1,Ann,2025\n"));
        for command in ["run", "preview people", "plan --sample 5"] {
            if command.starts_with("plan") {
                environment.replace(
                    "raccord.yaml",
                    "active: true\n  mapping",
                    "active: true\n  version: since\n  mapping",
                );
            }
            assert_says(&environment.fails(1, command), &[why, advice]);
        }
        environment.replace("raccord.yaml", "  version: since\n", "");
        assert_eq!(rows(&environment, "name"), "1=Ann");
    }
}

#[test]
fn every_column_that_is_read_must_be_there() {
    for (transfer, from, to, column) in [
        ("version: updated", "", "", "updated"),
        ("deletes: {field: gone}", "", "", "gone"),
        ("", "primaryKey: {id: id}", "primaryKey: {id: ID}", "ID"),
        ("", "name: name}", "name: {expr: \"id ~ surname\"}}", "surname"),
        ("", "name: name}", "name: names.first}", "names"),
        ("", "name: name}", "name: {from: nick, onEmpty: ignore}}", "nick"),
    ] {
        let environment = Shop { transfer, ..Shop::default() }.applied();
        environment.write("people.csv", "id,name\n1,Ann\n");
        if !from.is_empty() {
            environment.replace("raccord.yaml", from, to);
            environment.ok("apply --auto-approve --allow-rekey");
        }
        assert_says(&environment.fails(1, "run"), &[&format!("people.csv has no column `{column}`")]);
        assert_eq!(rows(&environment, "name"), "");
    }
}

#[test]
fn a_file_without_any_line_is_no_empty_list() {
    let environment = with_ann("");
    environment.write("people.csv", "");
    let said = environment.fails(1, "run");
    assert!(
        said.contains("people.csv: the file is empty: it lacks even the line that names its columns"),
        "{said}"
    );
}
