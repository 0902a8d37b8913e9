//! The configuration as it changes under a daemon: edits of every kind, bad ones, and those that wait for a person.

use super::{status, stop, wait_for_generation, watch};
use crate::environment::{TestEnvironment, assert_says, wait_until};
use crate::shop::Shop;

fn shop() -> TestEnvironment {
    TestEnvironment::with(&[("raccord.yaml", &Shop::default().yaml()), ("people.csv", "id,name\n1,Ann\n")])
}

#[test]
fn a_bad_configuration_leaves_the_good_one_running_and_is_shown() {
    let environment = shop();
    let daemon = watch(&environment, "");
    wait_for_generation(&environment, 1);
    let good = environment.read("raccord.yaml");
    environment.write("raccord.yaml", &good.replace("kind: Transfer", "kind: Transfr"));
    wait_until("the mistake is shown", || status(&environment)["daemon"]["problems"].is_array());
    assert_says(&environment.ok("status"), &["the last configuration is bad", "Transfr", "raccord.yaml:"]);
    environment.ok("run");
    environment.write("raccord.yaml", &good.replace("name: text", "name: {type: text, maxLength: 80}"));
    wait_until("it is good again", || status(&environment)["daemon"]["problems"].is_null());
    let log = stop(daemon);
    assert_says(&log, &["Transfr"]);
}

#[test]
fn what_touches_data_waits_for_a_person_under_the_safe_policy() {
    let environment = shop();
    let daemon = watch(&environment, "");
    wait_for_generation(&environment, 1);
    environment.ok("run");
    environment.replace("raccord.yaml", "name: name", "name: city");
    wait_until("the change waits", || status(&environment)["daemon"]["pending"].is_array());
    assert_eq!(status(&environment)["generation"], 1);
    assert_says(&environment.ok("status"), &["changes wait", "raccord plan --pending"]);
    let pending = environment.ok("plan --pending");
    assert_eq!(pending, environment.ok("plan"));
    environment.ok("apply --pending --auto-approve");
    // It waits no more once it is applied, whatever the daemon still has to do.
    assert!(status(&environment)["daemon"]["pending"].is_null());
    wait_for_generation(&environment, 2);
    assert_says(&environment.fails(1, "plan --pending"), &["no change waits"]);
    stop(daemon);
}

#[test]
fn what_deletes_waits_and_still_needs_its_flag() {
    let environment = shop();
    let daemon = watch(&environment, "--policy all");
    wait_for_generation(&environment, 1);
    let yaml = environment.read("raccord.yaml");
    environment.write("raccord.yaml", yaml.rsplit_once("---").unwrap().0);
    wait_until("the deletion waits", || status(&environment)["daemon"]["pending"].is_array());
    for command in ["apply --pending --auto-approve", "apply --pending"] {
        let refused = environment.fails(1, command);
        assert_says(&refused, &["refused: ", "may not be applied as it is", "--allow-delete allows it"]);
        assert!(!refused.contains("nobody is there"), "nobody is asked about what is refused:\n{refused}");
    }
    assert!(!environment.ok("plan --pending --allow-delete").contains("refused"));
    let applied = environment.ok("apply --pending --auto-approve --allow-delete");
    assert_says(&applied, &["to delete", "applied: generation 2"]);
    assert!(!applied.contains("refused"), "{applied}");
    wait_for_generation(&environment, 2);
    stop(daemon);
}

#[test]
fn a_configuration_from_elsewhere_is_refused_beside_a_watched_one() {
    let environment = shop();
    let daemon = watch(&environment, "");
    wait_for_generation(&environment, 1);
    environment.write("elsewhere/raccord.yaml", &Shop { updates: "created", ..Shop::default() }.yaml());
    let refused = environment.fails(1, "apply -f elsewhere --auto-approve");
    assert_says(&refused, &["takes its configuration from the current directory", "--from api"]);
    stop(daemon);
}

#[test]
fn a_daemon_of_an_api_applies_what_it_is_sent() {
    let environment = shop();
    let daemon = watch(&environment, "--from api");
    environment.ok("apply --auto-approve");
    wait_for_generation(&environment, 1);
    environment.ok("run");
    stop(daemon);
}

#[test]
fn a_hangup_reloads_and_changes_nothing_when_nothing_changed() {
    let environment = shop();
    let daemon = watch(&environment, "");
    wait_for_generation(&environment, 1);
    daemon.signal("HUP");
    environment.replace("raccord.yaml", "created, updated", "created");
    wait_for_generation(&environment, 2);
    stop(daemon);
    assert_says(&environment.ok("plan"), &["no changes"]);
}

/// Where files decide, a rollback is refused before anything is shown of it.
#[test]
fn a_rollback_beside_files_is_refused_before_its_plan() {
    let environment = shop();
    let daemon = watch(&environment, "");
    wait_for_generation(&environment, 1);
    environment.replace("raccord.yaml", "name: text", "name: {type: text, maxLength: 80}");
    wait_for_generation(&environment, 2);
    let refused = environment.fails(1, "rollback 1 --auto-approve");
    assert_says(&refused, &["which a rollback would not change", "revert the commit or the files there"]);
    assert!(!refused.contains("maxLength"), "{refused}");
    assert_eq!(status(&environment)["generation"], 2);
    stop(daemon);
}
