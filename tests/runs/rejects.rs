//! Records that cannot be mapped: kept with their reason, shown, mapped again, and too many of them.

use serde_json::Value;

use super::{rows, run};
use crate::environment::{TestEnvironment, assert_says};
use crate::shop::{NAME_AND_EMAIL, Shop};

const ONE_BAD: &str = "id,name,email\n1,Ann,ann@example.com\n2,Bob,nonsense\n";

fn with_one_reject(transfer: &str) -> TestEnvironment {
    let environment = Shop { fields: NAME_AND_EMAIL, transfer, ..Shop::default() }.applied();
    environment.write("people.csv", ONE_BAD);
    assert_eq!(run(&environment), "fetched 2, created 1, rejected 1");
    environment
}

#[test]
fn a_reject_is_listed_and_shown_with_its_reason_its_place_and_its_record() {
    let environment = with_one_reject("");
    let list = environment.json("rejects list --transfer people --output json");
    let reject = &list[0];
    assert_eq!((list.as_array().unwrap().len(), &reject["field"]), (1, &"email".into()));
    assert_says(reject["reason"].as_str().unwrap(), &["nonsense"]);
    assert_says(reject["position"].as_str().unwrap(), &["people.csv"]);
    let id = reject["id"].as_str().unwrap();
    assert_says(
        &environment.ok(&format!("rejects show {id}")),
        &[id, "of people", "email: ", "people.csv", r#""name":"Bob""#],
    );
    assert_says(&environment.ok("rejects list"), &[id, "email", "people"]);
    assert_says(&environment.fails(1, "rejects show 0000000000000000"), &["reject", "raccord rejects list"]);
    assert_eq!(run(&environment), "fetched 2, unchanged 1, rejected 1");
    assert_eq!(
        environment.json("rejects list --output json").as_array().unwrap().len(),
        1,
        "it is one reject"
    );
}

#[test]
fn rejects_are_replayed_after_the_mapping_is_mended() {
    let environment = with_one_reject("");
    assert_says(&environment.ok("rejects replay people"), &["1 replayed", "1 rejected again"]);
    environment.replace("raccord.yaml", ", email: email}", "}");
    environment.ok("apply --auto-approve");
    assert_says(&environment.ok("rejects replay people"), &["1 replayed", "1 created", "0 rejected again"]);
    assert_eq!(environment.run("rejects list").expect_code(0).stderr, "no reject\n");
    assert_eq!(rows(&environment, "name"), "1=Ann 2=Bob");
}

/// Two records of one key, both rejected; the later one stands in the end.
#[test]
fn an_older_reject_never_beats_a_newer_one() {
    // On one page, and on pages of two runs.
    for runs in [&["2,Old,x\n2,Older,x\n2,New,x\n"][..], &["2,Old,x\n", "2,New,x\n"]] {
        let environment = Shop { fields: NAME_AND_EMAIL, ..Shop::default() }.applied();
        for people in runs {
            environment.write("people.csv", &format!("id,name,email\n1,Ann,ann@example.com\n{people}"));
            run(&environment);
        }
        environment.replace("raccord.yaml", ", email: email}", "}");
        environment.ok("apply --auto-approve");
        assert_says(&environment.ok("rejects replay people"), &["1 created", "0 rejected again"]);
        assert_eq!(rows(&environment, "name"), "1=Ann 2=New");
        assert_eq!(environment.run("rejects list").expect_code(0).stderr, "no reject\n");
    }
}

#[test]
fn what_is_no_record_keeps_its_reason_when_the_rest_is_replayed() {
    let environment = Shop::default().applied();
    environment.write("people.csv", "id,name\n1,Ann\n2,Bob,more\n");
    assert_eq!(run(&environment), "fetched 2, created 1, rejected 1");
    let before = environment.ok("rejects list");
    assert_says(&before, &["it has 3 cells, the header has 2"]);
    assert_says(&environment.ok("rejects replay people"), &["0 replayed", "1 cannot be replayed"]);
    assert_eq!(environment.ok("rejects list"), before);
}

/// A reject whose key could not be read is not taken away by what is stored later: when it is replayed its row is newer.
#[test]
fn a_reject_without_a_key_never_beats_a_row_that_is_newer() {
    let environment = Shop { fields: &[("name", "text")], ..Shop::default() }.applied();
    environment.write("people.csv", "number,id,name\n1,1,Ann\n4,4,Dan\n2,,Old\n3,,Cid\n");
    assert_eq!(run(&environment), "fetched 4, created 2, rejected 2");
    environment.write("people.csv", "number,id,name\n2,2,New\n");
    assert_eq!(run(&environment), "fetched 1, created 1");
    environment.replace("raccord.yaml", "{id: id}", "{id: number}");
    environment.ok("apply --auto-approve --allow-rekey");
    assert_eq!(run(&environment), "fetched 1, created 1");
    assert_says(
        &environment.ok("rejects replay people"),
        &["1 replayed: 1 created", "1 left as they are: their rows were written after them"],
    );
    assert_eq!(rows(&environment, "name"), "2=New 3=Cid");
    assert_eq!(environment.json("rejects list --output json").as_array().unwrap().len(), 1);
}

/// What is stored under the keys that rows have since a re-key takes no reject of before away.
#[test]
fn a_reject_from_before_a_re_key_never_beats_a_row_that_is_newer() {
    let environment = Shop { fields: NAME_AND_EMAIL, ..Shop::default() }.applied();
    environment.write("people.csv", "number,id,name,email\n1,a,Ann,\n2,b,Old,x\n3,c,Cid,x\n");
    assert_eq!(run(&environment), "fetched 3, created 1, rejected 2");
    environment.write("people.csv", "number,id,name,email\n1,a,Ann,\n2,b,New,\n");
    environment.replace("raccord.yaml", "{id: id}", "{id: number}");
    environment.replace("raccord.yaml", ", email: email}", "}");
    environment.ok("apply --auto-approve --allow-rekey");
    assert_eq!(run(&environment), "fetched 2, created 2");
    assert_says(
        &environment.ok("rejects replay people"),
        &["1 replayed: 1 created", "1 left as they are: their rows were written after them"],
    );
    assert_eq!(rows(&environment, "name"), "1=Ann 2=New 3=Cid");
}

#[test]
fn a_record_that_is_rejected_again_keeps_its_place() {
    let shop =
        Shop { fields: &[("name", "{type: text, unique: true}"), ("email", "email")], ..Shop::default() };
    let environment = shop.applied();
    environment.write("people.csv", &format!("{ONE_BAD}3,Ann,\n"));
    assert_eq!(run(&environment), "fetched 3, created 1, rejected 2");
    let places = || {
        let list = environment.json("rejects list --output json");
        let place = |reject: &Value| format!("{}: {}", text(&reject["field"]), text(&reject["position"]));
        let mut places: Vec<String> = list.as_array().unwrap().iter().map(place).collect();
        places.sort();
        places
    };
    let before = places();
    assert_eq!(before, ["email: people.csv, line 3", "name: people.csv, line 4"]);
    assert_says(&environment.ok("rejects replay people"), &["2 replayed", "2 rejected again"]);
    assert_eq!(places(), before);
}

/// Of rows that shared a value before the field became unique none is damaged.
#[test]
fn values_that_were_shared_before_they_became_unique_are_no_damage() {
    let environment = Shop { fields: &[("name", "text")], ..Shop::default() }.applied();
    environment.write("people.csv", "id,name\n1,Ann\n2,Ann\n3,Cid\n");
    assert_eq!(run(&environment), "fetched 3, created 3");
    environment.replace("raccord.yaml", "name: text", "name: {type: text, unique: true}");
    environment.ok("apply --auto-approve");
    run(&environment);
    assert_says(&environment.ok("state check"), &["whole: ", "3 rows"]);
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[test]
fn a_later_success_takes_the_reject_away() {
    let environment = with_one_reject("");
    environment.write("people.csv", "id,name,email\n2,Bob,bob@example.com\n");
    assert_eq!(run(&environment), "fetched 1, created 1");
    assert_eq!(environment.run("rejects list").expect_code(0).stderr, "no reject\n");
    assert_says(&environment.ok("rejects replay people"), &["0 replayed"]);
}

#[test]
fn a_payload_that_is_dropped_is_nowhere() {
    let environment = with_one_reject("rejects: {payload: drop}");
    let list = environment.json("rejects list --output json");
    assert!(list[0].get("payload").is_none_or(Value::is_null), "{list:#}");
    let id = list[0]["id"].as_str().unwrap();
    let shown = environment.ok(&format!("rejects show {id}"));
    assert_says(&shown, &["not kept: the transfer says `payload: drop`"]);
    assert!(!shown.contains("Bob"), "{shown}");
    assert_says(&environment.ok("rejects replay people"), &["0 replayed", "1 cannot be replayed"]);
}

#[test]
fn a_first_page_that_is_rejected_whole_fails_the_run() {
    let environment = Shop { fields: NAME_AND_EMAIL, ..Shop::default() }.applied();
    environment.write("people.csv", "id,name,email\n1,Ann,x\n2,Bob,y\n");
    assert_says(
        &environment.fails(1, "run"),
        &["people failed", "every record of the first page was rejected", "email: "],
    );
    assert_says(&environment.ok("status"), &["failed"]);
    environment.write("people.csv", ONE_BAD);
    assert_eq!(run(&environment), "fetched 2, created 1, rejected 1");
}

#[test]
fn rejects_that_are_too_many_to_be_kept_are_told() {
    let environment = with_one_reject("rejects: {maxCount: 2}");
    environment
        .write("people.csv", "id,name,email\n1,Ann,ann@example.com\n2,Bob,x\n3,Cy,x\n4,Di,x\n5,Ed,x\n");
    let said = environment.ok("run");
    assert_says(
        &said,
        &[
            "no more than 2 rejects are kept (`rejects.maxCount`): up to ",
            " rejects, the oldest, were dropped",
        ],
    );
    assert_says(&environment.ok("status"), &["no more than 2 rejects are kept"]);
}

#[test]
fn more_rejects_than_the_breaker_allows_disable_the_integration() {
    let shop = Shop {
        fields: NAME_AND_EMAIL,
        integration: "breaker: {rejects: {count: 3, within: 1h}}",
        ..Shop::default()
    };
    let environment = shop.applied();
    let write = |bad: std::ops::Range<usize>| {
        let bad: Vec<String> = bad.map(|n| format!("b{n},Bad,{n}\n")).collect();
        environment.write("people.csv", &format!("id,name,email\n1,Ann,ann@example.com\n{}", bad.concat()));
    };
    write(0..2);
    assert_eq!(run(&environment), "fetched 3, created 1, rejected 2");
    assert_says(&environment.ok("status"), &["integration shop: active"]);
    write(2..4);
    assert_says(
        &environment.fails(1, "run"),
        &["shop does not run: it was disabled: 4 records rejected within 1h", "raccord resume shop"],
    );
    assert_says(
        &environment.ok("status"),
        &["integration shop: tripped", "4 records rejected within 1h", "email: "],
    );
    assert_says(&environment.fails(1, "run"), &["shop did not run: it was disabled"]);
    environment.ok("resume shop");
    write(0..0);
    assert_eq!(run(&environment), "fetched 1, unchanged 1");
}

#[test]
fn the_same_dirt_read_again_disables_nothing() {
    let shop = Shop {
        fields: NAME_AND_EMAIL,
        integration: "breaker: {rejects: {count: 3, within: 1h}}",
        ..Shop::default()
    };
    let environment = shop.applied();
    environment.write("people.csv", "id,name,email\n1,Ann,ann@example.com\n2,Bob,nobody\n3,Cy,nobody\n");
    for _ in 0..3 {
        assert!(run(&environment).ends_with("rejected 2"));
    }
    assert_says(&environment.ok("status"), &["integration shop: active"]);
}

#[test]
fn of_one_key_in_a_page_the_last_record_counts() {
    let shop = Shop {
        fields: &[("name", "{type: text, required: true}"), ("email", "email")],
        updates: "created, updated, deleted",
        transfer: "deletes: {field: gone}",
        integration: "breaker: {rejects: {count: 2, within: 1h}}",
        ..Shop::default()
    };
    let environment = shop.applied();
    environment.write(
        "people.csv",
        "id,name,email,gone\n1,Ann,nonsense,\n1,Ann,ann@example.com,\n2,Bob,bob@example.com,\n",
    );
    for expected in ["created 2, rejected 1", "unchanged 2, rejected 1", "unchanged 2, rejected 1"] {
        assert_eq!(run(&environment), format!("fetched 3, {expected}"));
        assert_eq!(environment.run("rejects list").expect_code(0).stderr, "no reject\n");
    }
    assert_says(&environment.ok("status"), &["integration shop: active"]);
    // What is deleted before it could ever be stored leaves nothing that a replay could bring back.
    environment.write("people.csv", "id,name,email,gone\n2,Bob,bob@example.com,\n3,Cy,nonsense,\n");
    assert_eq!(run(&environment), "fetched 2, unchanged 1, rejected 1");
    environment.write("people.csv", "id,name,email,gone\n3,Cy,nonsense,yes\n");
    assert_eq!(run(&environment), "fetched 1, skipped 1");
    assert_eq!(environment.run("rejects list").expect_code(0).stderr, "no reject\n");
}

#[test]
fn a_new_row_needs_its_required_fields_also_when_the_mapping_may_leave_them() {
    let fields = [("name", "{type: text, required: true}"), ("city", "{type: text, default: Paris}")];
    let shop = Shop { fields: &fields, ..Shop::default() };
    let environment = shop.applied();
    for field in ["name", "city"] {
        let (before, after) =
            (format!("{field}: {field}"), format!("{field}: {{from: {field}, onEmpty: ignore}}"));
        environment.replace("raccord.yaml", &before, &after);
    }
    environment.ok("apply --auto-approve");
    environment.write("people.csv", "id,name,city\n1,,\n2,Bob,\n");
    assert_eq!(run(&environment), "fetched 2, created 1, rejected 1");
    assert_eq!(rows(&environment, "city"), "2=Paris");
    let reject = &environment.json("rejects list --output json")[0];
    assert_eq!(
        (text(&reject["field"]), text(&reject["reason"])),
        ("name", "the value is empty, and the field is required")
    );
    environment.write("people.csv", "id,name,city\n1,Ann,Rome\n2,,\n");
    assert_eq!(run(&environment), "fetched 2, created 1, unchanged 1");
    environment.write("people.csv", "id,name,city\n1,,\n2,,\n");
    assert_eq!(run(&environment), "fetched 2, unchanged 2");
    assert_eq!(rows(&environment, "city"), "1=Rome 2=Paris");
    assert_eq!(environment.run("rejects list").expect_code(0).stderr, "no reject\n");
}
