//! Verbs on a shared state, from several machines.

use std::fs::{self, File};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use super::Cluster;
use crate::environment::{Answer, TestEnvironment, assert_says, forget_settings, wait_until};
use crate::shop::Shop;

#[test]
fn what_one_machine_does_the_others_see() {
    let cluster = Cluster::new("1h");
    let (one, other) = (cluster.machine(), cluster.machine());
    let plan = one.run("plan").expect_code(0);
    assert_says(&plan.stderr, &["there is no state at postgres://postgres@127.0.0.1"]);
    assert_says(&one.fails(1, "status"), &["there is no state in the database", "raccord apply"]);
    one.ok("apply --auto-approve");
    assert_says(&other.ok("plan"), &["no change"]);
    other.ok("run");
    assert_eq!(cluster.rows(), 2);
    let runs = one.json("runs --output json");
    assert_eq!(runs.as_array().unwrap().len(), 1);
    assert_eq!(one.json("status --output json"), other.json("status --output json"));
    // A second generation, and back again.
    other.replace("raccord.yaml", "schedule: 1h", "schedule: 2h");
    other.ok("apply --auto-approve");
    assert_eq!(one.json("history --output json").as_array().unwrap().len(), 2);
    one.ok("rollback 1 --auto-approve");
    assert_says(&other.ok("plan"), &["1h", "2h"]);
    for verb in ["records crm.contact", "rejects list", "deliveries list", "audit", "export"] {
        one.ok(verb);
    }
    assert_says(&one.ok("state check"), &["whole", "6 resources"]);
    let info = one.json("state info --output json");
    assert_eq!((info["serial"].clone(), info["resources"].clone()), (3.into(), 6.into()));
    assert_says(&one.fails(1, "state backup copy.redb"), &["pg_dump"]);
    assert!(!one.path().join(".raccord").exists(), "nothing of a shared state is beside the YAML");
}

#[test]
fn rows_in_the_embedded_store_are_refused_with_the_cure() {
    let cluster = Cluster::new("1h");
    let yaml = Shop::default().yaml();
    let embedded = TestEnvironment::with(&[("raccord.yaml", &yaml), ("people.csv", "id,name\n1,Ann\n")])
        .variable("RACCORD_STATE", &cluster.state());
    for verb in ["validate", "plan", "apply --auto-approve"] {
        let told = &["raccord.yaml:4:", "embedded store", "store: {type: postgres"];
        assert_says(&embedded.fails(1, verb), told);
    }
    // Of a repository it is the same, at its place there.
    let git = |arguments: &str| {
        let mut command = Command::new("git");
        forget_settings(&mut command);
        command.current_dir(embedded.path()).args([
            "-c",
            "user.name=Zoe",
            "-c",
            "user.email=zoe@example.com",
        ]);
        assert!(command.args(arguments.split(' ')).output().unwrap().status.success(), "git {arguments}");
    };
    git("init --quiet --initial-branch main");
    git("add raccord.yaml");
    git("commit --quiet --message first");
    let (path, log) = (embedded.path().join("daemon.log"), embedded.path().display());
    let mut watch = embedded.command(&format!("watch --debounce 50 --git file://{log}#main"));
    let mut watch = watch.stdout(Stdio::null()).stderr(File::create(&path).unwrap()).spawn().unwrap();
    wait_until("the daemon says where", || {
        fs::read_to_string(&path).unwrap().contains("raccord.yaml:4:") || watch.try_wait().unwrap().is_some()
    });
    // One that is killed would still have the state for a while.
    assert!(Command::new("kill").args(["-TERM", &watch.id().to_string()]).status().unwrap().success());
    watch.wait().unwrap();
    assert_says(&fs::read_to_string(&path).unwrap(), &["raccord.yaml:4:", "embedded store"]);
    // Where the state is there already it is the same.
    cluster.machine().ok("apply --auto-approve");
    assert_says(&embedded.fails(1, "plan"), &["raccord.yaml:4:", "store: {type: postgres"]);
    // What is written is pointed at.
    embedded.replace("raccord.yaml", "entities:", "store: embedded\n  entities:");
    assert_says(&embedded.fails(1, "validate"), &["store", "embedded store"]);
}

#[test]
fn of_plans_that_were_made_on_one_serial_one_is_applied() {
    let cluster = Cluster::new("1h");
    cluster.machine().ok("apply --auto-approve");
    let machines: Vec<TestEnvironment> = (2..7)
        .map(|hours| {
            let machine = cluster.machine();
            machine.replace("raccord.yaml", "schedule: 1h", &format!("schedule: {hours}h"));
            machine.ok("plan --out next.plan");
            machine
        })
        .collect();
    let started: Vec<_> =
        machines.iter().map(|machine| machine.start("apply next.plan --auto-approve")).collect();
    let answers: Vec<_> = started.into_iter().map(crate::environment::Started::wait).collect();
    let applied = answers.iter().filter(|answer| answer.code == Some(0)).count();
    assert_eq!(applied, 1, "{answers:?}");
    for answer in answers.iter().filter(|answer| answer.code != Some(0)) {
        assert_says(&answer.stderr, &["serial"]);
    }
    let history = machines[0].json("history --output json");
    assert_eq!(history.as_array().unwrap().len(), 2);
}

#[test]
fn kills_at_any_moment_lose_nothing_and_double_nothing() {
    let cluster = Cluster::new("1h");
    let machine = cluster.machine();
    machine.ok("apply --auto-approve");
    cluster.people(3_000);
    for number in 0..12_u64 {
        let started = machine.start(if number % 4 == 3 { "apply --auto-approve" } else { "run" });
        sleep(Duration::from_millis(20 + 23 * number));
        started.signal("KILL");
        started.wait();
    }
    // The lease of a run that was killed is waited for, and its person's word ends it.
    machine.ok("run");
    assert_eq!(cluster.rows(), 3_000);
    assert_says(&machine.ok("state check"), &["whole"]);
    let runs = machine.json("runs --output json");
    let running = runs.as_array().unwrap().iter().filter(|run| run["outcome"] == "running").count();
    assert_eq!(running, 0, "{runs:#}");
}

#[test]
fn a_password_is_read_from_the_environment_and_never_shown() {
    let cluster = Cluster::new("1h");
    cluster.server.sql("postgres", "CREATE ROLE keeper LOGIN PASSWORD 'hunter2' SUPERUSER");
    let url = cluster.state().replace("postgres@", "keeper:hunter2@");
    let machine = cluster.machine().variable("RACCORD_STATE", &url);
    let mut said = machine.ok("apply --auto-approve") + &machine.ok("state info");
    let without = cluster.state().replace("postgres@", "keeper@");
    let machine =
        cluster.machine().variable("RACCORD_STATE", &without).variable("RACCORD_STATE_PASSWORD", "hunter2");
    said += &machine.ok("status");
    let nowhere = "postgres://keeper:hunter2@127.0.0.1:9/postgres?sslmode=disable";
    let machine = cluster.machine().variable("RACCORD_STATE", nowhere);
    said += &machine.fails(1, "status");
    assert_says(&said, &["postgres://keeper@127.0.0.1:9/postgres"]);
    said += &machine.ok("--help");
    assert!(!said.contains("hunter2"), "{said}");
}

/// Twenty processes at once: each does what it was asked, or says that another one came first.
/// Whether a verb that was one of many at once was done. It may be refused because another apply came first, the integration
/// was paused, or the transfer runs elsewhere; nothing else is an excuse.
pub(super) fn is_done(verb: &str, answer: &Answer) -> bool {
    let said = format!("{}{}", answer.stdout, answer.stderr);
    let reasons = ["serial", "paused", "another run", "runs already"];
    let is_refused = answer.code == Some(1) && reasons.iter().any(|reason| said.contains(reason));
    assert!(answer.code == Some(0) || is_refused, "{verb}: {:?} {said}", answer.code);
    !is_refused
}

/// How many runs are listed as running.
pub(super) fn left_running(machine: &TestEnvironment) -> usize {
    let runs = machine.json("runs --output json");
    runs.as_array().unwrap().iter().filter(|run| run["outcome"] == "running").count()
}

#[test]
fn twenty_verbs_at_once_leave_a_state_that_is_whole() {
    let cluster = Cluster::new("1h");
    let machine = cluster.machine();
    machine.ok("apply --auto-approve");
    cluster.people(500);
    let verbs = [
        "run",
        "apply --auto-approve",
        "pause shop --reason test",
        "resume shop",
        "status",
        "plan",
        "token create T --role read",
        "history",
        "records crm.contact",
        "audit",
    ];
    let machines: Vec<TestEnvironment> = (0..20).map(|_| cluster.machine()).collect();
    for (number, machine) in machines.iter().enumerate() {
        machine.replace("raccord.yaml", "schedule: 1h", &format!("schedule: {}h", number + 2));
    }
    let verb = |number: usize| verbs[number % verbs.len()].replace('T', &format!("t{number}"));
    let started: Vec<_> =
        machines.iter().enumerate().map(|(number, machine)| machine.start(&verb(number))).collect();
    let mut done = 0;
    for (number, started) in started.into_iter().enumerate() {
        let (verb, answer) = (verb(number), started.wait());
        done += usize::from(is_done(&verb, &answer));
    }
    assert!(done >= 14, "{done}");
    machine.run("resume shop");
    machine.ok("run");
    assert_eq!(cluster.rows(), 500);
    assert_says(&machine.ok("state check"), &["whole"]);
    assert_says(&machine.ok("token list"), &["t6", "t16"]);
    assert_eq!(left_running(&machine), 0);
}
