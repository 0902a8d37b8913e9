//! What several daemons on one state cost and gain: how long a takeover takes, and what runs and webhooks cost with one, two
//! and four of them. `cargo xtask daemons` measures much work with the release binary; here little shows that it works.
//!
//! The numbers are printed, and none is an assertion.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use super::Cluster;
use super::standby::{Daemons, ask, customers, deliver};
use crate::environment::{TestEnvironment, fill, wait_until};

/// How much is done with each number of daemons.
struct Work {
    /// So many runs are made, and so many webhooks are sent.
    wanted: usize,
    /// How many transfers there are.
    transfers: usize,
    /// How often one takes over.
    takeovers: usize,
}

fn work() -> Work {
    match std::env::var("RACCORD_CLUSTER_RUNS").ok().and_then(|text| text.parse().ok()) {
        Some(wanted) => Work { wanted, transfers: 200, takeovers: 20 },
        None => Work { wanted: 200, transfers: 40, takeovers: 1 },
    }
}

/// How many send webhooks.
const SENDERS: usize = 16;

/// Transfers that find nothing to read, each due every second.
fn empty(root: &Path, transfers: usize) -> String {
    let root = root.display();
    let mut text = String::from(
        "apiVersion: raccord/v1\nkind: Stack\nmetadata: {name: main}\nspec:\n  limits: {parallelTransfers: 32, perSource: 32}\n---
apiVersion: raccord/v1\nkind: Project\nmetadata: {name: crm}\nspec:\n  store:\n    type: postgres\n    authorization: \
         {type: database, url: \"${env:WAREHOUSE_URL}\", tls: {mode: disable}}\n    schema: crm\n  entities:\n"
    );
    for number in 0..transfers {
        text.push_str(&format!("    e{number}: {{key: id, fields: {{id: text}}}}\n"));
    }
    text.push_str("---\napiVersion: raccord/v1\nkind: Source\nmetadata: {name: nothing}\nspec:\n  connector: file\n  config:\n    dataTypes:\n");
    for number in 0..transfers {
        text.push_str(&format!("      d{number}: {{path: {root}/empty.csv}}\n"));
    }
    for number in 0..transfers {
        text.push_str(&format!(
            "---\napiVersion: raccord/v1\nkind: Transfer\nmetadata: {{name: t{number}}}\nspec: {{source: nothing, dataType: \
             d{number}, to: crm.e{number}, active: true, schedule: 1s, mapping: {{primaryKey: {{id: id}}}}}}\n---\napiVersion: \
             raccord/v1\nkind: Integration\nmetadata: {{name: i{number}}}\nspec: {{active: true, subscriptions: {{t{number}: \
             [created]}}}}\n"
        ));
    }
    text
}

/// The fields of a process after its name.
fn fields(pid: &str) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(stat.rsplit_once(')')?.1.split_whitespace().map(ToOwned::to_owned).collect())
}

/// The CPU seconds of a process, and of the children that it has waited for.
fn seconds(pid: &str) -> [f64; 2] {
    let Some(fields) = fields(pid) else { return [0.0; 2] };
    // The system counts in hundredths of a second.
    let spent = |at: usize| fields[at].parse::<f64>().unwrap() / 100.0;
    [spent(11) + spent(12), spent(13) + spent(14)]
}

/// The CPU seconds of the server and of all its processes.
fn of_server(cluster: &Cluster) -> f64 {
    let pid = fs::read_to_string(cluster.server.home().join("postmaster.pid")).unwrap();
    let pid = pid.lines().next().unwrap().trim().to_owned();
    let processes =
        fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let is_child = |process: &String| fields(process).is_some_and(|fields| fields[1] == pid);
    let children: f64 = processes.filter(is_child).map(|process| seconds(&process)[0]).sum();
    seconds(&pid).iter().sum::<f64>() + children
}

/// The CPU seconds of the daemons.
fn of_daemons(daemons: &Daemons) -> f64 {
    daemons.started.iter().flatten().map(|daemon| seconds(&daemon.id().to_string())[0]).sum()
}

/// How many runs were made: each acquires the lease of its transfer once.
fn runs(cluster: &Cluster) -> usize {
    let tokens = "SELECT coalesce(sum(token), 0) FROM raccord_state.leases WHERE name LIKE 'transfer/%'";
    cluster.server.sql("postgres", tokens).parse().unwrap()
}

/// For how long the runs of a while had been due when they began: the middle one, and the one of a hundred that waited longest.
fn waits(machine: &TestEnvironment, from: Timestamp, to: Timestamp) -> (f64, f64) {
    let runs = machine.json("runs --limit 1000000 --output json");
    let time = |value: &serde_json::Value| value.as_str().and_then(|text| text.parse::<Timestamp>().ok());
    let wait = |run: &serde_json::Value| {
        let started = time(&run["started"]).filter(|started| *started >= from && *started < to)?;
        Some(started.duration_since(time(&run["cause"]["scheduled"]["due"])?).as_secs_f64())
    };
    let mut waits: Vec<f64> = runs.as_array().unwrap().iter().filter_map(wait).collect();
    waits.sort_by(f64::total_cmp);
    let at = |share: usize| waits.get(waits.len() * share / 100).copied().unwrap_or_default();
    (at(50), at(99))
}

/// What the daemons and the server have spent so far.
fn spent(cluster: &Cluster, daemons: &Daemons) -> [f64; 2] {
    [of_daemons(daemons), of_server(cluster)]
}

/// What was spent since then, for so much of so much work.
fn since(before: [f64; 2], now: [f64; 2], share: f64) -> [f64; 2] {
    [(now[0] - before[0]) * share, (now[1] - before[1]) * share]
}

/// Sends so many webhooks, and waits until all are applied.
fn webhooks(cluster: &Cluster, daemons: &Daemons, wanted: usize) {
    let (sent, begin, before) = (AtomicUsize::new(0), Instant::now(), spent(cluster, daemons));
    let count = daemons.ports.len();
    std::thread::scope(|scope| {
        for _ in 0..SENDERS {
            scope.spawn(|| {
                loop {
                    let number = sent.fetch_add(1, Ordering::SeqCst);
                    if number >= wanted {
                        return;
                    }
                    assert!(deliver(daemons.ports[number % count], number), "it was not acknowledged");
                }
            });
        }
    });
    let acknowledged = begin.elapsed();
    wait_until("all are applied", || customers(cluster) == wanted);
    let [daemon, server] = since(before, spent(cluster, daemons), 10_000.0 / float(wanted));
    println!(
        "{count} daemons: {:.0} webhooks/s acknowledged; for 10,000 of them {daemon:.1} s of CPU, and {server:.1} s of PostgreSQL",
        float(wanted) / acknowledged.as_secs_f64(),
    );
}

/// Lets transfers run that find nothing, until there were so many runs.
fn empty_runs(cluster: &Cluster, daemons: &Daemons, Work { wanted, transfers, .. }: &Work) {
    fill(&cluster.data.path().join("empty.csv"), "id\n");
    let machine = &daemons.machines[0];
    machine.remove("told.yaml");
    machine.write("raccord.yaml", &empty(cluster.data.path(), *transfers));
    machine.ok("apply --auto-approve --allow-delete");
    wait_until("each has run", || runs(cluster) > 2 * transfers);
    let is_tracked = cluster.track_statements();
    let (first, from, begin, before) =
        (runs(cluster), Timestamp::now(), Instant::now(), spent(cluster, daemons));
    while runs(cluster) - first < *wanted {
        sleep(Duration::from_millis(200));
    }
    let (made, took, to) = (float(runs(cluster) - first), begin.elapsed(), Timestamp::now());
    let [daemon, server] = since(before, spent(cluster, daemons), 1_000.0 / made);
    if is_tracked {
        println!("{}", cluster.statements(made));
    }
    let middle = from + SignedDuration::try_from(took / 2).unwrap();
    let ((early, early_p99), (late, late_p99)) = (waits(machine, from, middle), waits(machine, middle, to));
    println!(
        "{} daemons: {:.0} runs/s; for 1,000 of them {daemon:.1} s of CPU, and {server:.1} s of PostgreSQL; due for {early:.2} s \
         (p99 {early_p99:.2} s) when they begin, in the first half, and {late:.2} s (p99 {late_p99:.2} s) in the second",
        daemons.ports.len(),
        made / took.as_secs_f64(),
    );
}

fn float(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap())
}

#[test]
fn what_runs_and_webhooks_cost_with_one_two_and_four_daemons() {
    let work = work();
    for count in [1, 2, 4] {
        let cluster = Cluster::new("1h");
        let daemons = Daemons::begin(&cluster, count, "--from api", &cluster.state());
        wait_until("it is ready", || ask(daemons.ports[0], "GET /readyz") == Some(200));
        webhooks(&cluster, &daemons, work.wanted);
        empty_runs(&cluster, &daemons, &work);
        // Runs go on for as long as the daemons do: what they leave is of no interest.
        drop(daemons);
    }
}

const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// When the newest run began, when it was due after a moment.
fn due_after(machine: &TestEnvironment, after: Timestamp) -> Option<Timestamp> {
    let runs = machine.json("runs --transfer people --limit 1 --output json");
    let time = |value: &serde_json::Value| value.as_str()?.parse::<Timestamp>().ok();
    let due = time(&runs[0]["cause"]["scheduled"]["due"])?;
    time(&runs[0]["started"]).filter(|_| due > after)
}

#[test]
fn how_long_a_takeover_takes() {
    let Work { takeovers, .. } = work();
    let cluster = Cluster::new("1s");
    let mut daemons = Daemons::begin(&cluster, 2, "", &cluster.state());
    let mut waits = Vec::new();
    for number in 0..takeovers {
        let which = number % 2;
        wait_until("it schedules", || ask(daemons.ports[which], "GET /readyz") == Some(200));
        wait_until("it runs", || due_after(&daemons.machines[0], Timestamp::now() - SECOND * 2).is_some());
        let killed = Timestamp::now();
        daemons.kill(which);
        let mut next = None;
        wait_until("another one runs what is due", || {
            // One that was due before may be made by another daemon at once.
            next = due_after(&daemons.machines[0], killed);
            next.is_some()
        });
        waits.push(next.unwrap().duration_since(killed).as_secs_f64());
        let again = format!("watch --listen 127.0.0.1:{}", daemons.ports[which]);
        daemons.started[which] = Some(daemons.machines[which].start(&again));
        wait_until("it answers", || ask(daemons.ports[which], "GET /healthz").is_some());
    }
    waits.sort_by(f64::total_cmp);
    let at = |share: usize| waits[(waits.len() * share / 100).min(waits.len() - 1)];
    println!("{takeovers} takeovers: {:.1} s until the next run, p99 {:.1} s", at(50), at(99));
    assert_eq!(waits.len(), takeovers);
    daemons.stop();
}
