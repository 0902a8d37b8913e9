//! A kill at every failpoint, wherever in the life of a state it is passed.

use std::os::unix::process::ExitStatusExt as _;

use raccord_model::failpoint::Failpoint;
use serde_json::Value;

use super::{STATE, Scale, check};
use crate::environment::{TestEnvironment, assert_says};
use crate::http_server::{HttpServer, json};
use crate::shop::Shop;

/// What the shop has in the end, and what it has before: an entity that is taken away later.
const CONTACTS: [(&str, &str); 1] = [("contacts", "contact")];
const CONTACTS_AND_LEADS: [(&str, &str); 2] = [("contacts", "contact"), ("leads", "lead")];

/// Something that happens: what is written beforehand, and the command.
type Stage = (fn(&TestEnvironment), &'static str);

/// The life of a state.
const STAGES: [Stage; 6] = [
    (begin, "apply --auto-approve"),
    (|_| {}, "run"),
    (|environment| write_people(environment, 2_900, "Anne"), "run"),
    (take_away, "apply --auto-approve --allow-delete"),
    (|environment| write_people(environment, 2_900, "Anna"), "run"),
    (|_| {}, "alert test shop"),
];

fn begin(environment: &TestEnvironment) {
    write_shop(environment, &CONTACTS_AND_LEADS);
    write_people(environment, 3_000, "Ann");
}

fn write_people(environment: &TestEnvironment, count: usize, name: &str) {
    let lines: Vec<String> = (0..count).map(|number| format!("p{number},{name} {}\n", number % 7)).collect();
    environment.write("people.csv", &format!("id,name\n{}", lines.concat()));
}

fn take_away(environment: &TestEnvironment) {
    write_shop(environment, &CONTACTS);
}

fn write_shop(environment: &TestEnvironment, transfers: &[(&str, &str)]) {
    let shop = Shop {
        fields: &[("name", "text")],
        transfers,
        transfer: "deletes: {snapshot: {maxShare: 20%}}",
        updates: "created, updated, deleted",
        integration: "alerts: [{webhook: \"${env:CHAT}\"}]",
        ..Shop::default()
    };
    environment.write("raccord.yaml", &shop.yaml());
}

/// Which generation is in force and what the state holds.
fn standing(environment: &TestEnvironment) -> [Value; 4] {
    let mut info = environment.json("state info --output json");
    ["generation", "resources", "rows", "rejects"].map(|name| info[name].take())
}

fn records(environment: &TestEnvironment) -> String {
    environment.ok("records crm.contact --output jsonl --limit 100000")
}

/// Lives to the end; returns where the state stood after each stage, and the records.
fn undisturbed() -> (Vec<[Value; 4]>, String) {
    let chat = HttpServer::start(|_| json("ok"));
    let environment = TestEnvironment::new().variable("CHAT", &chat.url());
    let mut standings = Vec::new();
    for (prepare, command) in STAGES {
        prepare(&environment);
        environment.ok(command);
        standings.push(standing(&environment));
    }
    (standings, records(&environment))
}

/// Lives to the end, killed at a failpoint in every stage that passes it; returns in how many.
fn disturbed(failpoint: &str, standings: &[[Value; 4]], expected: &str) -> usize {
    let chat = HttpServer::start(|_| json("ok"));
    let environment = TestEnvironment::new().variable("CHAT", &chat.url());
    let mut killed = 0;
    for (stage, (prepare, command)) in STAGES.into_iter().enumerate() {
        prepare(&environment);
        let output = environment.command(command).env("RACCORD_FAILPOINT", failpoint).output().unwrap();
        if !output.status.success() {
            assert_eq!(output.status.signal(), Some(9), "{failpoint} in {command}: {output:?}");
            killed += 1;
            look_at(&environment, stage, standings);
            environment.ok(command);
        }
        let standing = standing(&environment);
        assert_eq!(standing[..2], standings[stage][..2], "{failpoint} in {command}");
        // The steps that a killed apply has left are carried out by the next run.
        if command == "run" {
            assert_eq!(standing, standings[stage], "{failpoint} in {command}");
        }
    }
    assert_eq!(records(&environment), expected, "{failpoint}");
    check(&environment);
    killed
}

/// The state that a kill has left is whole, and its generation that of before or that of after.
fn look_at(environment: &TestEnvironment, stage: usize, standings: &[[Value; 4]]) {
    if !environment.path().join(STATE).exists() {
        assert_eq!(stage, 0, "the state is gone");
        return;
    }
    check(environment);
    let [generation, resources, ..] = standing(environment);
    let found = [&generation, &resources];
    let nothing = [&Value::from(0), &Value::from(0)];
    let before =
        stage.checked_sub(1).map_or(nothing, |before| [&standings[before][0], &standings[before][1]]);
    let after = [&standings[stage][0], &standings[stage][1]];
    assert!(found == before || found == after, "{found:?} between {before:?} and {after:?}");
}

#[test]
fn a_kill_at_any_failpoint_is_made_good() {
    let (standings, expected) = undisturbed();
    println!("| failpoint | killed at passage |\n|---|---|");
    // Those of tokens are passed in `tests/oauth`.
    for point in Failpoint::ALL
        .iter()
        .filter(|point| !["token.", "elsewhere."].iter().any(|prefix| point.name().starts_with(prefix)))
    {
        let kills =
            |passage: &u64| disturbed(&format!("{}:{passage}", point.name()), &standings, &expected) > 0;
        let passages: Vec<u64> = (1..=Scale::of_this_run().passages).take_while(kills).collect();
        println!("| {} | {passages:?} |", point.name());
        assert!(!passages.is_empty(), "{} is never passed", point.name());
    }
}

#[test]
fn a_failpoint_that_does_not_exist_is_wrong_usage() {
    let environment = TestEnvironment::new().variable("RACCORD_FAILPOINT", "commit");
    assert_says(&environment.fails(64, "status"), &["RACCORD_FAILPOINT", "`commit`", "commit.lazy.before"]);
}
