//! Three daemons on one state while everything goes wrong that can: daemons are killed, and stopped for longer than their
//! leases, the server is restarted, connections are cut. What ran must be what was due, no two runs of a transfer may have
//! written at once, and rows and webhooks must be as in a life without disturbance. `cargo xtask chaos` does it at length.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::Cluster;
use super::relay::Relay;
use super::standby::{TOLD, ask, customers, deliver};
use crate::counterpart::free_port;
use crate::environment::{Started, TestEnvironment, assert_says, fill, wait_until};

const INTEGRATIONS: usize = 200;
const DAEMONS: usize = 3;
const PEOPLE: usize = 5;

/// How often each transfer runs, in seconds.
const EVERY: i64 = 20;
const JITTER: i64 = EVERY - 1;

/// How often something goes wrong, and for how long a daemon stands still: longer than its leases last.
const BETWEEN: Duration = Duration::from_secs(4);
const SUSPENDED: Duration = Duration::from_secs(17);

/// How long it goes on: two minutes, unless a recipe says otherwise.
fn length() -> Duration {
    let seconds = std::env::var("RACCORD_CHAOS_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(120))
}

/// A transfer, its source and its integration.
fn integration(number: usize, root: &str) -> String {
    format!(
        "---
apiVersion: raccord/v1
kind: Source
metadata: {{name: s{number}}}
spec: {{connector: file, config: {{dataTypes: {{people: {{path: {root}/people.csv}}}}}}}}
---
apiVersion: raccord/v1
kind: Transfer
metadata: {{name: t{number}}}
spec:
  source: s{number}
  dataType: people
  to: many.e{number}
  active: true
  schedule: {{every: {EVERY}s, jitter: {JITTER}s}}
  mapping: {{primaryKey: {{id: id}}, fields: {{name: name}}}}
---
apiVersion: raccord/v1
kind: Integration
metadata: {{name: i{number}}}
spec:
  active: true
  subscriptions: {{t{number}: [created, updated]}}
  breaker: {{consecutiveFailures: 100000, rejects: {{count: 100000, within: 1h}}}}
"
    )
}

/// Everything that is applied: many integrations, and one that hears of customers.
fn configuration(root: &str) -> String {
    let stack = "apiVersion: raccord/v1\nkind: Stack\nmetadata: {name: main}\nspec:\n  limits: {parallelTransfers: 12, perSource: 2}\n";
    let mut text = stack.to_owned();
    text.push_str(
        "---\napiVersion: raccord/v1\nkind: Project\nmetadata: {name: many}\nspec:\n  store:\n    type: postgres\n    \
         authorization: {type: database, url: \"${env:WAREHOUSE_URL}\", tls: {mode: disable}}\n    schema: crm\n  entities:\n",
    );
    for number in 0..INTEGRATIONS {
        text.push_str(&format!("    e{number}: {{key: id, fields: {{id: text, name: text}}}}\n"));
    }
    for number in 0..INTEGRATIONS {
        text.push_str(&integration(number, root));
    }
    text.push_str("---\n");
    text.push_str(TOLD);
    text
}

/// What may go wrong.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Kill,
    Stop,
    Restart,
    Cut,
}

/// The daemons, and what has happened to them.
struct Chaos {
    cluster: Cluster,
    relay: Relay,
    machines: Vec<TestEnvironment>,
    daemons: Vec<Option<Started>>,
    ports: Vec<u16>,
    /// Who stands still, and since when.
    suspended: Option<(usize, Instant)>,
    turn: usize,
    stops: usize,
    logs: Vec<String>,
}

impl Chaos {
    fn begin() -> Self {
        let cluster = Cluster::new("1h");
        let relay = Relay::start(cluster.server.port);
        let url = format!("postgres://postgres@127.0.0.1:{}/postgres", relay.port);
        let text = configuration(cluster.data.path().to_str().unwrap());
        let machine = || {
            TestEnvironment::with(&[("raccord.yaml", &text)])
                .variable("WAREHOUSE_URL", &url)
                .variable("HOOK", "let me in")
                .variable("RACCORD_STATE", &format!("{url}?sslmode=disable"))
        };
        let machines: Vec<TestEnvironment> = (0..DAEMONS).map(|_| machine()).collect();
        let mut chaos = Self {
            cluster,
            relay,
            machines,
            daemons: Vec::new(),
            ports: (0..DAEMONS).map(|_| free_port()).collect(),
            suspended: None,
            turn: 0,
            stops: 0,
            logs: Vec::new(),
        };
        chaos.people("first");
        chaos.machines[0].ok("apply --auto-approve");
        chaos.log_fences();
        chaos.daemons = (0..DAEMONS).map(|which| Some(chaos.start(which))).collect();
        for port in &chaos.ports {
            wait_until("it answers", || ask(*port, "GET /healthz").is_some());
        }
        chaos
    }

    fn start(&self, which: usize) -> Started {
        self.machines[which].start(&format!("watch --listen 127.0.0.1:{}", self.ports[which]))
    }

    /// From now on there are these people.
    fn people(&self, version: &str) {
        let person = |number: usize| format!("{number},Person {number} {version}\n");
        let people: String = (0..PEOPLE).map(person).collect();
        fill(&self.cluster.data.path().join("people.next"), &format!("id,name\n{people}"));
        let [from, to] = ["people.next", "people.csv"].map(|name| self.cluster.data.path().join(name));
        std::fs::rename(from, to).unwrap();
    }

    fn sql(&self, statements: &str) -> String {
        self.cluster.server.sql("postgres", statements)
    }

    /// The destination writes down under which lease each transfer is written, in the order of its commits: the row is locked.
    fn log_fences(&self) {
        self.sql(
            "CREATE TABLE fences (number bigserial PRIMARY KEY, transfer uuid, lease bigint);
             CREATE FUNCTION log_fence() RETURNS trigger LANGUAGE plpgsql AS
               $$ BEGIN INSERT INTO public.fences (transfer, lease) VALUES (NEW.transfer, NEW.lease); RETURN NEW; END $$;
             CREATE TRIGGER log_fence AFTER INSERT OR UPDATE ON raccord.transfers
               FOR EACH ROW EXECUTE FUNCTION log_fence();",
        );
    }

    fn inject(&mut self) {
        const FAULTS: [Fault; 7] =
            [Fault::Kill, Fault::Cut, Fault::Stop, Fault::Cut, Fault::Restart, Fault::Kill, Fault::Cut];
        let (fault, which) = (FAULTS[self.turn % FAULTS.len()], self.turn % DAEMONS);
        self.turn += 1;
        match fault {
            Fault::Kill => {
                if let Some(daemon) = self.daemons[which].as_ref().filter(|_| !self.is_suspended(which)) {
                    daemon.signal("KILL");
                }
            }
            Fault::Stop if self.suspended.is_none() => {
                if let Some(daemon) = &self.daemons[which] {
                    daemon.signal("STOP");
                    (self.suspended, self.stops) = (Some((which, Instant::now())), self.stops + 1);
                }
            }
            Fault::Restart => {
                self.cluster.server.kill();
                sleep(Duration::from_millis(500));
                self.cluster.server.start_again();
            }
            Fault::Stop | Fault::Cut => self.relay.cut(),
        }
    }

    fn is_suspended(&self, which: usize) -> bool {
        self.suspended.is_some_and(|(still, _)| still == which)
    }

    /// Starts what has ended again, as what watches over processes does; lets what has stood still long enough go on.
    fn look_after(&mut self) {
        if let Some((which, since)) = self.suspended
            && since.elapsed() > SUSPENDED
        {
            self.wake(which);
        }
        for which in 0..DAEMONS {
            if self.daemons[which].as_mut().is_some_and(Started::has_ended) {
                let ended = self.daemons[which].take().unwrap().wait();
                self.logs.push(ended.stderr);
                self.daemons[which] = Some(self.start(which));
            }
        }
    }

    fn wake(&mut self, which: usize) {
        self.suspended = None;
        if let Some(daemon) = &self.daemons[which] {
            daemon.signal("CONT");
        }
    }

    fn wait(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while Instant::now() < end {
            sleep(Duration::from_millis(100));
            self.look_after();
        }
    }

    fn end(mut self) -> (Cluster, Vec<TestEnvironment>, Vec<String>) {
        for daemon in std::mem::take(&mut self.daemons).into_iter().flatten() {
            daemon.signal("TERM");
            let ended = daemon.wait();
            assert_eq!(ended.code, Some(0), "{}", ended.stderr);
            self.logs.push(ended.stderr);
        }
        (self.cluster, self.machines, self.logs)
    }
}

/// Tells of one customer after the other, each until that is acknowledged.
fn tell(ports: &[u16], is_over: &AtomicBool, next: &AtomicUsize) {
    while !is_over.load(Ordering::SeqCst) {
        let number = next.fetch_add(1, Ordering::SeqCst);
        let mut to = number;
        wait_until("it is acknowledged", || {
            to += 1;
            deliver(ports[to % ports.len()], number)
        });
        sleep(Duration::from_millis(100));
    }
}

/// A run of the ledger that has ended by itself.
struct Ran {
    transfer: String,
    due: Timestamp,
    started: Timestamp,
}

fn time(value: &Value) -> Timestamp {
    value.as_str().unwrap().parse().unwrap()
}

/// The scheduled runs that have served a due time. A run that was stopped is made again, and has served none.
fn ledger(machine: &TestEnvironment) -> Vec<Ran> {
    let runs = machine.json("runs --limit 1000000 --output json");
    let runs = runs.as_array().unwrap();
    let still_running = runs.iter().filter(|run| run["outcome"] == "running").count();
    assert_eq!(still_running, 0, "runs were left open");
    let served =
        runs.iter().filter(|run| run["cause"]["scheduled"].is_object() && run["outcome"] != "stopped");
    let ran = |run: &Value| Ran {
        transfer: run["transfer"].as_str().unwrap().to_owned(),
        due: time(&run["cause"]["scheduled"]["due"]),
        started: time(&run["started"]),
    };
    served.map(ran).collect()
}

/// Holds the ledger against the due times: each was served once; of several that were missed the last one was, by one run; and
/// while all was calm none was missed. Returns how many were passed over.
fn check_ledger(ran: &[Ran], calm: (Timestamp, Timestamp), stops: usize) -> usize {
    let mut served: BTreeMap<&str, BTreeMap<Timestamp, usize>> = BTreeMap::new();
    for Ran { transfer, due, started } in ran {
        assert!(due <= started, "{transfer} ran at {started} before it was due at {due}");
        *served.entry(transfer).or_default().entry(*due).or_default() += 1;
    }
    assert_eq!(served.len(), INTEGRATIONS);
    let (mut twice, mut passed) = (0, 0);
    for (transfer, served) in &served {
        let first = *served.first_key_value().unwrap().0;
        let mut due = first;
        while due < calm.1 {
            let is_served = served.contains_key(&due);
            assert!(is_served || due < calm.0, "{transfer} was due at {due} in the calm, and did not run");
            // Whether a later run has made up for it, the calm shows: there every due time was served.
            passed += usize::from(!is_served);
            due += SignedDuration::from_secs(EVERY);
        }
        let is_due = |at: &Timestamp| at.duration_since(first).as_millis() % (i128::from(EVERY) * 1_000) == 0;
        assert!(served.keys().all(is_due), "{transfer} ran when it was not due: {served:?}");
        twice += served.values().map(|times| times - 1).sum::<usize>();
    }
    // One that a daemon had stored whole when it was stopped for longer than its lease, and had not said so: for each stop as
    // many as may be under way.
    assert!(twice <= stops, "{twice} due times were served twice");
    passed
}

/// Lets everything go wrong for a while, then lets it be calm, and tells of customers all the while. Returns when it was calm, and
/// how many were told.
fn disturb(chaos: &mut Chaos) -> ((Timestamp, Timestamp), usize) {
    let (is_over, next) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (begin, ports) = (Instant::now(), chaos.ports.clone());
    let calm = std::thread::scope(|scope| {
        let teller = scope.spawn(|| tell(&ports, &is_over, &next));
        while begin.elapsed() < length() {
            chaos.wait(BETWEEN);
            chaos.inject();
        }
        if let Some((which, _)) = chaos.suspended {
            chaos.wait(SUSPENDED);
            chaos.wake(which);
        }
        chaos.people("last");
        // As long as leases, a takeover, and what was missed need.
        chaos.wait(Duration::from_secs(35));
        let from = Timestamp::now();
        chaos.wait(Duration::from_secs(EVERY.unsigned_abs() + 5));
        is_over.store(true, Ordering::SeqCst);
        teller.join().unwrap();
        (from, Timestamp::now() - SignedDuration::from_secs(5))
    });
    (calm, next.load(Ordering::SeqCst))
}

/// The rows are those of a life without disturbance, and no write came under a lease after one under a later lease of the same
/// transfer.
fn check_rows(cluster: &Cluster) {
    let sql = |text: &str| cluster.server.sql("postgres", text);
    let older = "SELECT count(*) FROM (SELECT lease, lag(lease) OVER (PARTITION BY transfer ORDER BY number) AS before \
                 FROM fences) log WHERE lease < before";
    assert_eq!(sql(older), "0");
    let tables: Vec<String> =
        (0..INTEGRATIONS).map(|number| format!("SELECT id, name FROM crm.e{number}")).collect();
    let all = tables.join(" UNION ALL ");
    let right = format!("SELECT count(*) FROM ({all}) rows WHERE name = 'Person ' || id || ' last'");
    assert_eq!(sql(&right), (INTEGRATIONS * PEOPLE).to_string());
    assert_eq!(sql(&format!("SELECT count(*) FROM ({all}) rows")), (INTEGRATIONS * PEOPLE).to_string());
    assert_eq!(sql("SELECT count(*) FROM crm.customers WHERE name <> 'Customer ' || substr(id, 2)"), "0");
}

#[test]
fn what_ran_is_what_was_due_whatever_went_wrong() {
    let mut chaos = Chaos::begin();
    let (calm, told) = disturb(&mut chaos);
    wait_until("every delivery is applied", || customers(&chaos.cluster) == told);
    wait_until("nothing waits any more", || chaos.sql("SELECT count(*) FROM raccord_state.inbox") == "0");
    let stops = chaos.stops;
    let (cluster, machines, logs) = chaos.end();
    let ran = ledger(&machines[0]);
    let passed = check_ledger(&ran, calm, stops);
    check_rows(&cluster);
    assert_says(&machines[0].ok("state check"), &["whole"]);
    for log in &logs {
        assert!(!log.contains("panicked") && !log.contains("by a mistake of raccord"), "{log}");
    }
    let workers = logs.iter().filter(|log| log.contains("begun")).count();
    assert!(workers >= DAEMONS, "only {workers} daemons have made runs");
    println!(
        "{} runs of {INTEGRATIONS} integrations, {passed} due times made up for by a later run, {told} deliveries, {} \
         writes in the log of fences",
        ran.len(),
        cluster.server.sql("postgres", "SELECT count(*) FROM fences"),
    );
}
