//! Directories and files that may not be read. What stands in them is unknown, not gone: it is an error, and
//! nothing of what is in force is planned away.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use insta::assert_snapshot;

use super::{PEOPLE, shop};
use crate::environment::{TestEnvironment, assert_says};
use crate::shop::Shop;

/// A shop in a directory, its transfer and its integration further down, applied and run.
fn applied_from_a_directory() -> TestEnvironment {
    let environment = TestEnvironment::with(&[("configuration/people.csv", PEOPLE)]);
    let folders = ["", "", "flow/", "flow/deep/er/"];
    for ((name, text), folder) in shop().files().into_iter().zip(folders) {
        environment.write(&format!("configuration/{folder}{name}"), &text);
    }
    environment.ok("apply --auto-approve -f configuration");
    environment.ok("run");
    environment
}

/// Takes rights on a path away. Returns what `validate` and `plan` then say; an apply says no less, whatever it is
/// allowed to delete, and everything stays in force.
fn said_without_rights(path: &str, mode: u32) -> String {
    let environment = applied_from_a_directory();
    let set_mode = |mode| {
        fs::set_permissions(environment.path().join(path), Permissions::from_mode(mode)).unwrap();
    };
    set_mode(mode);
    let run = |verb: &str| environment.run_unprivileged(&format!("{verb} -f configuration")).expect_code(1);
    let (validated, planned) = (run("validate"), run("plan"));
    let applied = run("apply --auto-approve --allow-delete --allow-rekey");
    set_mode(0o755);
    assert_eq!((planned.stdout.as_str(), applied.stdout.as_str()), ("", ""), "nothing is planned");
    assert_eq!(applied.stderr, planned.stderr);
    let info = environment.json("state info --output json");
    assert_eq!((&info["generation"], &info["resources"], &info["rows"]), (&1.into(), &4.into(), &3.into()));
    assert_says(&environment.ok("plan -f configuration"), &["no changes"]);
    format!("$ validate\n{}{}$ plan\n{}", validated.stderr, validated.stdout, planned.stderr)
}

#[test]
fn a_named_pipe_is_told_and_not_waited_for() {
    let environment = TestEnvironment::new();
    let made =
        std::process::Command::new("mkfifo").arg(environment.path().join("pipe.yaml")).status().unwrap();
    assert!(made.success());
    for verb in ["validate", "plan", "apply --auto-approve"] {
        let said = environment.fails(1, &format!("{verb} -f pipe.yaml"));
        assert_says(&said, &["pipe.yaml is a named pipe, which may never have an end", "`-f -`"]);
    }
}

/// What is kept of a path is text, in which this one would be another.
#[test]
fn a_configuration_whose_path_is_not_utf_8_is_refused() {
    use std::os::unix::ffi::OsStrExt as _;
    let environment = TestEnvironment::with(&[("raccord.yaml", &Shop::default().yaml())]);
    let cafe = environment.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9"));
    fs::create_dir(&cafe).unwrap();
    let moved = cafe.join("raccord.yaml");
    fs::rename(environment.path().join("raccord.yaml"), &moved).unwrap();
    let said = environment.fails(1, "validate -f .");
    assert_says(&said, &["caf\u{fffd}/raccord.yaml is in a directory whose name is not UTF-8"]);
    for named in [cafe.as_path(), moved.as_path()] {
        let mut command = environment.command("apply --auto-approve");
        let output = command.arg("-f").arg(named).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert_says(&said, &["is not UTF-8: ", "give the directory a name in UTF-8"]);
    }
}

#[test]
fn a_file_whose_extension_is_in_capitals_is_read() {
    let environment = TestEnvironment::with(&[("RACCORD.YAML", &Shop::default().yaml())]);
    assert_says(&environment.ok("validate"), &["4 documents in 1 file; 0 errors"]);
}

#[test]
fn the_directory_that_is_given() {
    assert_snapshot!(said_without_rights("configuration", 0o000), @r#"
    $ validate
    unreadable

      × configuration cannot be read: Permission denied (os error 13)

    not valid; 0 documents in 0 files; 1 error, 0 warnings
    $ plan
    unreadable

      × configuration cannot be read: Permission denied (os error 13)


    error: the configuration has 1 error
    "#);
}

#[test]
fn a_directory_below_it() {
    assert_snapshot!(said_without_rights("configuration/flow", 0o000), @r#"
    $ validate
    unreadable

      × configuration/flow cannot be read: Permission denied (os error 13)

    not valid; 2 documents in 2 files; 1 error, 0 warnings
    $ plan
    unreadable

      × configuration/flow cannot be read: Permission denied (os error 13)


    error: the configuration has 1 error
    "#);
}

#[test]
fn a_directory_that_only_tells_its_names() {
    assert_snapshot!(said_without_rights("configuration/flow/deep", 0o444), @r#"
    $ validate
    unreadable

      × configuration/flow/deep/er cannot be read: Permission denied (os error 13)

    not valid; 3 documents in 3 files; 1 error, 0 warnings
    $ plan
    unreadable

      × configuration/flow/deep/er cannot be read: Permission denied (os error 13)


    error: the configuration has 1 error
    "#);
}

#[test]
fn a_file_beside_others() {
    assert_snapshot!(said_without_rights("configuration/flow/transfer.yaml", 0o000), @r#"
    $ validate
    unreadable

      × configuration/flow/transfer.yaml cannot be read: Permission denied (os error 13)

    not valid; 3 documents in 3 files; 1 error, 0 warnings
    $ plan
    unreadable

      × configuration/flow/transfer.yaml cannot be read: Permission denied (os error 13)


    error: the configuration has 1 error
    "#);
}
