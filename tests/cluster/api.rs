//! Several daemons on one state, asked through their API: schemathesis against the one that changes something, whose runs any
//! of them makes, and twenty verbs at once that go to all of them.

use std::path::Path;

use crate::api::{SHOP, hold_against_its_document};
use crate::environment::{Answer, TestEnvironment, assert_says, fill, wait_until};

use super::Cluster;
use super::standby::{Daemons, caller};
use super::verbs::{is_done, left_running};

/// The shop, whose rows go into a table, and whose file each daemon finds at the same place.
fn shop(file: &Path) -> String {
    let store = "store: {type: postgres, authorization: {type: database, url: \"${env:WAREHOUSE_URL}\", tls: {mode: disable}}, \
                 schema: shop}, entities:";
    let shop = SHOP.replace("spec: {entities:", &format!("spec: {{{store}"));
    assert_ne!(shop, SHOP);
    let shop = shop.replace("path: customers.csv", &format!("path: {}", file.display()));
    format!("apiVersion: raccord/v1\nkind: Stack\nmetadata: {{name: main}}\nspec: {{}}\n---\n{shop}")
}

#[test]
fn the_api_of_a_cluster_is_what_its_document_says() {
    let cluster = Cluster::new("1h");
    let daemons = Daemons::begin(&cluster, 3, "--from api", &cluster.state());
    let home = &daemons.machines[0];
    let file = cluster.data.path().join("customers.csv");
    fill(&file, "id,email\n1,zoe@example.com\n2,luc@example.com\n");
    let token = home.ok("token create everything --role apply --role operate");
    let runner = caller(&daemons.url(0), token.trim());
    runner.remove("told.yaml");
    runner.write("shop.yaml", &shop(&file));
    runner.ok("apply --auto-approve --allow-delete");
    hold_against_its_document(home, &daemons.url(0), token.trim());
    daemons.stop();
}

/// Sends what is refused by a daemon that stands by to the next one, as a load balancer does that asks `/readyz`.
fn insist(machines: &[TestEnvironment], verb: &str, first: usize) -> Answer {
    let mut to = first;
    let mut answer = machines[to % machines.len()].run(verb);
    while answer.code == Some(1) && answer.stderr.contains("this daemon stands by") {
        to += 1;
        assert!(to < first + 2 * machines.len(), "no daemon does it: {}", answer.stderr);
        answer = machines[to % machines.len()].run(verb);
    }
    answer
}

/// What people and pipelines ask at once.
const VERBS: [&str; 10] = [
    "run shop",
    "apply --auto-approve",
    "pause shop --reason test",
    "resume shop",
    "status",
    "plan",
    "runs",
    "history",
    "records crm.contact",
    "audit",
];

#[test]
fn twenty_verbs_at_once_through_three_daemons_leave_a_state_that_is_whole() {
    let cluster = Cluster::new("1h");
    let daemons = Daemons::begin(&cluster, 3, "--from api", &cluster.state());
    let token = daemons.machines[0].ok("token create all --role read --role apply --role operate");
    let callers: Vec<Vec<TestEnvironment>> = (0..20)
        .map(|number| {
            let caller = |which| {
                let caller = caller(&daemons.url(which), token.trim());
                caller.write("raccord.yaml", &cluster.yaml().replace("1h", &format!("{}h", number + 2)));
                caller
            };
            (0..3).map(caller).collect()
        })
        .collect();
    cluster.people(500);
    let mut done = 0;
    std::thread::scope(|scope| {
        let started: Vec<_> = callers
            .iter()
            .enumerate()
            .map(|(number, machines)| {
                let verb = VERBS[number % VERBS.len()];
                scope.spawn(move || (verb, insist(machines, verb, number)))
            })
            .collect();
        for started in started {
            let (verb, answer) = started.join().unwrap();
            done += usize::from(is_done(verb, &answer));
        }
    });
    assert!(done >= 14, "{done}");
    insist(&callers[0], "resume shop", 0);
    insist(&callers[0], "run shop", 1).expect_code(0);
    wait_until("the people are there", || cluster.rows() == 500);
    assert_eq!(left_running(&callers[0][0]), 0);
    daemons.stop();
    let machine = cluster.machine();
    assert_says(&machine.ok("state check"), &["whole"]);
}
