//! Kills while rows go into PostgreSQL, of the program and of the server: after each, the next run brings the table to what an
//! undisturbed one leaves.

use std::process::Stdio;
use std::thread::sleep;

use serde_json::Value;

use super::{Random, Scale, kill, time};
use crate::environment::TestEnvironment;
use crate::into_postgres::{contacts, server, shop_at};

/// Everyone, in the town of a version.
fn people(scale: &Scale, version: usize, between: char) -> String {
    let line = |id: u64| format!("{id:06}{between}Person {id}{between}Town {version}-{}\n", id % 17);
    (0..scale.records).map(line).collect()
}

fn write(shop: &TestEnvironment, scale: &Scale, version: usize) {
    shop.write("people.csv", &format!("id,name,city\n{}", people(scale, version, ',')));
}

#[test]
fn random_kills_of_the_program_and_of_the_server_lose_and_double_nothing() {
    let (scale, mut random) = (Scale::of_this_run(), Random::of_this_run());
    let mut server = server();
    let shop = shop_at(&server.url("postgres"));
    shop.ok("apply --auto-approve");
    write(&shop, &scale, 0);
    let duration = time(&shop, "run");
    let (mut late, mut failed) = (0, 0);
    for number in 0..scale.kills + scale.server_kills {
        write(&shop, &scale, number + 1);
        let moment = random.moment(duration);
        if number < scale.kills {
            late += usize::from(kill(&shop, "run", moment).was_late);
        } else {
            let mut run = shop.command("run");
            let mut run = run.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            sleep(moment);
            server.kill();
            server.start_again();
            failed += usize::from(!run.wait().unwrap().success());
        }
        shop.ok("run");
        assert!(
            contacts(&server) == people(&scale, number + 1, '|').trim_end(),
            "rows differ after {number}"
        );
    }
    let (kills, server_kills) = (scale.kills, scale.server_kills);
    println!(
        "{kills} kills of the program, {late} of them after its end; {server_kills} of the server, {failed} runs failed"
    );
    counts_add_up(&shop);
}

/// Of every run that is listed, what was fetched is what became of it.
fn counts_add_up(shop: &TestEnvironment) {
    let runs = shop.json("runs --limit 1000 --output json");
    let runs = runs.as_array().unwrap();
    assert!(!runs.is_empty());
    for run in runs {
        let of = |name: &str| run["tally"].get(name).and_then(Value::as_u64).unwrap_or(0);
        let parts = ["created", "updated", "deleted", "unchanged", "skipped", "rejected"];
        assert_eq!(of("fetched"), parts.into_iter().map(of).sum::<u64>(), "{run:#}");
    }
}
