//! Deliveries that say something else than was signed, and what answers tell a stranger.

use super::{SHOP, Target, post};
use crate::daemon::{status, stop, watch};
use crate::environment::{TestEnvironment, wait_until};

/// A body, and its signature under the secret of these tests.
const CREATED: &str = "{\"type\":\"customer.created\",\"id\":\"7\",\"name\":\"Ann\"}";
const SIGNATURE: &str = "X-Signature: 667ef4d082bd48632a466d9f0c49567aa21254e2c97a0ac4b560c39b1fe4a9a6\r\n";

fn rows(home: &TestEnvironment, entity: &str) -> usize {
    home.ok(&format!("records crm.{entity} --output jsonl")).lines().count()
}

#[test]
fn what_was_signed_as_created_deletes_nothing() {
    let target = Target::start();
    assert_eq!(target.ask(&post("/hooks/main/signed", SIGNATURE, CREATED)).0, Some(204));
    wait_until("the row is there", || rows(&target.home, "contact") == 1);
    for path in ["customers/deleted", "customers/customer.deleted", "customers/created", "customers/updated"]
    {
        let (status, _) = target.ask(&post(&format!("/hooks/main/signed/{path}"), SIGNATURE, CREATED));
        assert_eq!(status, Some(403), "{path}");
    }
    assert_eq!(target.ask(&post("/hooks/main/signed", SIGNATURE, CREATED)).0, Some(204));
    assert_eq!(rows(&target.home, "contact"), 1);
    target.works_on();
}

#[test]
fn an_id_is_known_again_with_its_body_and_its_data_type() {
    let target = Target::start();
    let deliver = |data_type: &str, body: &str| {
        let headers = "X-Key: let me in\r\nX-Delivery: the-same\r\n";
        let (status, _) = target.ask(&post(&format!("/hooks/main/keyed/{data_type}/created"), headers, body));
        assert_eq!(status, Some(204), "{data_type} {body}");
    };
    deliver("people", "{\"id\": \"1\"}");
    for body in ["{\"id\": \"1\"}", "{\"id\": \"1\"}", "{\"id\": \"2\"}", "{\"id\": \"3\"}"] {
        deliver("leads", body);
    }
    wait_until("all of them are there", || {
        rows(&target.home, "lead") == 3 && rows(&target.home, "person") == 1
    });
    let runs = target.home.json("runs --limit 1000 --output json");
    let fetched: u64 =
        runs.as_array().unwrap().iter().filter_map(|run| run["tally"]["fetched"].as_u64()).sum();
    assert_eq!(fetched, 4, "the repetition was none of them");
    stop(target.daemon);
}

/// What a stranger may try, with the status that each of them gets.
#[track_caller]
fn strangers_learn(target: &Target, expected: u16) {
    let wrong = "X-Signature: 00\r\nX-Key: wrong\r\n";
    let large = " ".repeat(2_000_000);
    for source in ["signed", "keyed", "nowhere"] {
        for stack in ["main", "other"] {
            for headers in ["", wrong] {
                for body in ["", "{}", CREATED, &large] {
                    let (status, _) = target.ask(&post(&format!("/hooks/{stack}/{source}"), headers, body));
                    assert_eq!(status, Some(expected), "{stack}/{source} {headers:?} {} bytes", body.len());
                }
            }
        }
    }
}

#[test]
fn strangers_learn_a_status_and_the_same_one_everywhere() {
    let target = Target::start();
    strangers_learn(&target, 403);
    target.works_on();
}

/// No sender can prove anything to a source without its secret: its service sends again, and no other answer tells
/// which source that is.
#[test]
fn a_missing_secret_makes_no_difference_between_sources() {
    let home = TestEnvironment::with(&[("raccord.yaml", SHOP)]);
    let port = crate::counterpart::free_port();
    let daemon = watch(&home, &format!("--listen 127.0.0.1:{port}"));
    crate::daemon::wait_for_generation(&home, 1);
    let target = Target { home, daemon, port };
    strangers_learn(&target, 503);
    assert_eq!(status(&target.home)["integrations"][0]["state"], "active");
    stop(target.daemon);
}
