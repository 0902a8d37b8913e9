//! A state that moves from a file into a database and back, with the program itself.

use std::thread::sleep;
use std::time::Duration;

use super::Cluster;
use crate::daemon::{stop, watch};
use crate::environment::{TestEnvironment, assert_says, fill, wait_until};
use crate::shop::Shop;

/// The machine on which the state is a file.
fn with_a_file(cluster: &Cluster) -> TestEnvironment {
    cluster.machine().variable("RACCORD_STATE", ".raccord/state.redb")
}

fn copy_to(cluster: &Cluster) -> String {
    format!("state copy .raccord/state.redb {}", cluster.state())
}

#[test]
fn a_state_moves_into_a_database_and_back() {
    let cluster = Cluster::new("1h");
    let file = with_a_file(&cluster);
    file.ok("apply --auto-approve");
    file.ok("run");
    file.replace("raccord.yaml", "schedule: 1h", "schedule: 2h");
    file.ok("apply --auto-approve");
    let before = (file.json("history --output json"), file.json("runs --output json"));
    let copied = file.json(&format!("{} --output json", copy_to(&cluster)));
    let count = |section: &str| {
        let line = copied.as_array().unwrap().iter().find(|line| line["section"] == section).unwrap();
        (line["items"].as_u64().unwrap(), line["digest"].as_str().unwrap().len())
    };
    assert_eq!((count("generations"), count("runs"), count("position")), ((2, 64), (1, 64), (4, 64)));
    // It goes on where it stood: nothing is to be applied, and nothing is read again as if it were new.
    let machine = cluster.machine();
    machine.replace("raccord.yaml", "schedule: 1h", "schedule: 2h");
    assert_says(&machine.ok("plan"), &["no change"]);
    assert_eq!((machine.json("history --output json"), machine.json("runs --output json")), before);
    machine.ok("run");
    assert_eq!(cluster.rows(), 2);
    assert_says(&machine.ok("state check"), &["whole"]);
    // And back into a file of its own.
    assert_says(&machine.ok(&format!("state copy {} back.redb", cluster.state())), &["runs", "generations"]);
    let back =
        with_a_file(&cluster).variable("RACCORD_STATE", machine.path().join("back.redb").to_str().unwrap());
    back.replace("raccord.yaml", "schedule: 1h", "schedule: 2h");
    assert_says(&back.ok("plan"), &["no change"]);
    assert_eq!(back.json("runs --output json"), machine.json("runs --output json"));
    assert_says(&back.ok("state check"), &["whole"]);
}

#[test]
fn a_copy_is_refused_where_it_would_lose_or_replace_something() {
    let cluster = Cluster::new("1h");
    let (file, machine) = (with_a_file(&cluster), cluster.machine());
    assert_says(&file.fails(1, &copy_to(&cluster)), &["there is no state at .raccord/state.redb"]);
    file.ok("apply --auto-approve");
    file.ok(&copy_to(&cluster));
    assert_says(&file.fails(1, &copy_to(&cluster)), &["already", "serial 1", "DROP SCHEMA raccord_state"]);
    let back = format!("state copy {} .raccord/state.redb", cluster.state());
    assert_says(&file.fails(1, &back), &["never replaces a file"]);
    assert_says(&file.fails(64, "state copy a.redb b.redb"), &["state backup"]);
    assert_says(&file.fails(64, &format!("state copy {0} {0}", cluster.state())), &["pg_dump"]);
    // A daemon on either side.
    let daemon = machine.start("watch");
    wait_until("it runs", || machine.ok("status --daemons").contains("runs what is due"));
    let out = format!("state copy {} out.redb", cluster.state());
    assert_says(&file.fails(1, &out), &["`raccord watch`", "must not change", "stop it"]);
    assert!(!file.path().join("out.redb").exists());
    stop(daemon);
    file.ok(&out);
    cluster.server.sql("postgres", "DROP SCHEMA raccord_state CASCADE");
    let daemon = watch(&file, "");
    assert_says(&file.fails(1, &copy_to(&cluster)), &["stop `raccord watch` first"]);
    stop(daemon);
    file.ok(&copy_to(&cluster));
}

#[test]
fn rows_in_the_state_are_told_with_the_cure_which_works() {
    let cluster = Cluster::new("1h");
    let embedded = TestEnvironment::with(&[
        ("raccord.yaml", &Shop::default().yaml()),
        ("people.csv", "id,name\n1,Ann\n"),
    ]);
    embedded.ok("apply --auto-approve");
    embedded.ok("run");
    assert_says(
        &embedded.fails(1, &copy_to(&cluster)),
        &["`crm` (1 rows, 0 rejects)", "store: {type: postgres"],
    );
    assert_says(&cluster.machine().fails(1, "status"), &["there is no state in the database"]);
}

/// The cure of the message: a project that was embedded gets a database, and then the state is copied.
#[test]
fn a_project_that_was_embedded_moves_first() {
    let cluster = Cluster::new("1h");
    let url = cluster.server.url("postgres");
    let file = with_a_file(&cluster).variable("WAREHOUSE_URL", &url);
    let yaml = std::fs::read_to_string(file.path().join("raccord.yaml")).unwrap();
    let (before, rest) = yaml.split_once("  store:\n").unwrap();
    let (_, after) = rest.split_once("  entities:\n").unwrap();
    fill(
        &file.path().join("raccord.yaml"),
        &format!("{before}  entities:\n{}", after.replace(", table: contacts", "")),
    );
    file.ok("apply --auto-approve");
    file.ok("run");
    assert_says(&file.fails(1, &copy_to(&cluster)), &["`crm` (2 rows"]);
    fill(&file.path().join("raccord.yaml"), &yaml);
    file.ok("apply --auto-approve --allow-delete --allow-rekey");
    file.ok("run");
    file.ok(&copy_to(&cluster));
    assert_says(&cluster.machine().ok("plan"), &["no change"]);
    assert_eq!(cluster.rows(), 2);
}

#[test]
fn a_killed_copy_leaves_no_state_and_is_begun_again() {
    let cluster = Cluster::new("1h");
    let file = with_a_file(&cluster);
    file.ok("apply --auto-approve");
    for number in 1..=20 {
        let schedule = |hours: u32| format!("schedule: {hours}h");
        file.replace("raccord.yaml", &schedule(number), &schedule(number + 1));
        file.ok("apply --auto-approve");
    }
    let mut killed = 0;
    for number in 0..6_u64 {
        let started = file.start(&copy_to(&cluster));
        sleep(Duration::from_millis(10 + 30 * number));
        started.signal("KILL");
        if started.wait().code == Some(0) {
            break;
        }
        // The server may still hear of the end of a connection.
        if cluster.machine().run("status").code == Some(0) {
            break;
        }
        killed += 1;
        assert_says(&cluster.machine().fails(1, "status"), &["there is no state in the database"]);
    }
    assert!(killed > 0, "no copy was killed in time");
    if cluster.machine().run("status").code != Some(0) {
        file.ok(&copy_to(&cluster));
    }
    assert_eq!(cluster.machine().json("history --output json").as_array().unwrap().len(), 21);
    assert_says(&cluster.machine().ok("state check"), &["whole"]);
}
