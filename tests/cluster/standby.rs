//! Daemons that stand by: each takes webhooks and answers what only looks; what changes something is the affair of the one that
//! works.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use super::Cluster;
use crate::counterpart::free_port;
use crate::daemon::stop;
use crate::environment::{Started, TestEnvironment, assert_says, wait_until};

/// What a shop tells of its customers, beside the people in a file.
pub(super) const TOLD: &str = r#"apiVersion: raccord/v1
kind: Project
metadata: {name: desk}
spec:
  store:
    type: postgres
    authorization: {type: database, url: "${env:WAREHOUSE_URL}", tls: {mode: disable}}
    schema: crm
  entities:
    customer: {key: id, table: customers, fields: {id: text, name: text}}
---
apiVersion: raccord/v1
kind: Source
metadata: {name: told}
spec:
  connector: http
  authorization: {type: none}
  config: {baseUrl: "http://127.0.0.1:9", dataTypes: {customers: {records: data}}}
  webhook:
    verify: {bearer: "${env:HOOK}"}
    delivery: {header: X-Delivery}
    rateLimit: 1000000/s
---
apiVersion: raccord/v1
kind: Transfer
metadata: {name: customers}
spec:
  source: told
  to: desk.customer
  active: true
  mapping: {primaryKey: {id: id}, fields: {name: name}}
---
apiVersion: raccord/v1
kind: Integration
metadata: {name: told}
spec: {active: true, subscriptions: {customers: [created, updated]}}
"#;

/// Machines on one state, each with a daemon that listens.
pub(super) struct Daemons {
    pub(super) machines: Vec<TestEnvironment>,
    pub(super) started: Vec<Option<Started>>,
    pub(super) ports: Vec<u16>,
}

impl Daemons {
    /// So many daemons on a state with a webhook, to which everything is applied; the first one works. `state` is what they
    /// are told of it.
    pub(super) fn begin(cluster: &Cluster, count: usize, arguments: &str, state: &str) -> Self {
        let machine = || {
            let machine = cluster.machine().variable("HOOK", "let me in").variable("RACCORD_STATE", state);
            machine.write("told.yaml", TOLD);
            machine
        };
        let mut daemons = Self { machines: Vec::new(), started: Vec::new(), ports: Vec::new() };
        machine().ok("apply --auto-approve");
        for number in 0..count {
            let (machine, port) = (machine(), free_port());
            daemons
                .started
                .push(Some(machine.start(&format!("watch --listen 127.0.0.1:{port} {arguments}"))));
            let word = if number == 0 { "runs what is due" } else { "stands by" };
            let there = |text: &str| text.matches(word).count() == number.max(1);
            wait_until("it is there", || there(&machine.ok("status --daemons")));
            wait_until("it answers", || ask(port, "GET /healthz").is_some());
            daemons.machines.push(machine);
            daemons.ports.push(port);
        }
        daemons
    }

    pub(super) fn kill(&mut self, which: usize) {
        let killed = self.started[which].take().unwrap();
        killed.signal("KILL");
        killed.wait();
    }

    pub(super) fn stop(self) {
        self.started.into_iter().flatten().for_each(|daemon| drop(stop(daemon)));
    }

    pub(super) fn url(&self, which: usize) -> String {
        format!("http://127.0.0.1:{}", self.ports[which])
    }
}

/// A machine that asks a daemon with a token.
pub(super) fn caller(url: &str, token: &str) -> TestEnvironment {
    let caller = TestEnvironment::with(&[("told.yaml", TOLD)]);
    caller.variable("RACCORD_SERVER", url).variable("RACCORD_TOKEN", token)
}

/// The answer to a request, when there is one.
fn exchange(port: u16, request: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

/// The status of an answer.
pub(super) fn ask(port: u16, request: &str) -> Option<u16> {
    let answer =
        exchange(port, &format!("{request} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))?;
    answer.split(' ').nth(1)?.parse().ok()
}

/// Sends a delivery; whether it was acknowledged.
pub(super) fn deliver(port: u16, number: usize) -> bool {
    let body = format!("{{\"id\":\"c{number}\",\"name\":\"Customer {number}\"}}");
    let head = format!(
        "POST /hooks/main/told/customers/created HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer \
         let me in\r\nX-Delivery: d{number}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    exchange(port, &(head + &body)).is_some_and(|answer| answer.starts_with("HTTP/1.1 2"))
}

/// How many customers have come.
pub(super) fn customers(cluster: &Cluster) -> usize {
    cluster.server.sql("postgres", "SELECT count(*) FROM crm.customers").parse().unwrap()
}

/// How many rows runs say that they have created for customers.
pub(super) fn created(machine: &TestEnvironment) -> u64 {
    let runs = machine.json("runs --limit 100000 --output json");
    let of_customers = runs.as_array().unwrap().iter().filter(|run| run["transfer"] == "customers");
    of_customers.map(|run| run["tally"]["created"].as_u64().unwrap()).sum()
}

#[test]
fn each_daemon_takes_webhooks_and_what_it_acknowledged_is_there_once() {
    let cluster = Cluster::new("1h");
    let mut daemons = Daemons::begin(&cluster, 3, "", &cluster.state());
    let send = |daemons: &Daemons, numbers: std::ops::Range<usize>| {
        for number in numbers {
            let mut to = number;
            wait_until("it is acknowledged", || {
                to += 1;
                deliver(daemons.ports[to % 3], number)
            });
            // A service that did not hear of it sends it again, to whichever daemon.
            if number % 5 == 0 {
                deliver(daemons.ports[(to + 1) % 3], number);
            }
        }
    };
    send(&daemons, 0..30);
    wait_until("the one that works has applied them", || customers(&cluster) == 30);
    // What a run that is cut off has counted is not kept.
    wait_until("its runs have ended", || created(&daemons.machines[1]) == 30);
    daemons.kill(0);
    // Nothing is lost while no daemon works.
    send(&daemons, 30..60);
    wait_until("the next one has applied them", || customers(&cluster) == 60);
    wait_until("its runs have ended, too", || created(&daemons.machines[1]) == 60);
    assert_says(&daemons.machines[1].ok("state check"), &["whole"]);
    daemons.stop();
}

#[test]
fn a_daemon_that_stands_by_shows_the_same_and_changes_nothing() {
    let cluster = Cluster::new("1h");
    let daemons = Daemons::begin(&cluster, 2, "", &cluster.state());
    daemons.machines[0].ok("run shop");
    let token = daemons.machines[0].ok("token create ops --role read --role operate");
    let [works, stands_by] = [0, 1].map(|which| caller(&daemons.url(which), token.trim()));
    for verb in [
        "runs --output json",
        "history --output json",
        "records crm.contact --output json",
        "audit --output json",
    ] {
        assert_eq!(works.json(verb), stands_by.json(verb), "{verb}");
    }
    for verb in ["pause told --reason test", "run"] {
        assert_says(
            &stands_by.fails(1, verb),
            &["this daemon stands by: `raccord watch` (process", "has the state"],
        );
    }
    let pause = format!(
        "POST /v1/integrations/told/pause HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}",
        token.trim()
    );
    let answer = exchange(daemons.ports[1], &pause).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    works.ok("pause told --reason test");
    // What was done there is seen here at once.
    assert_says(&stands_by.ok("status"), &["paused"]);
    assert_eq!([0, 1].map(|which| ask(daemons.ports[which], "GET /readyz")), [Some(200), Some(503)]);
    assert_eq!(ask(daemons.ports[1], "GET /healthz"), Some(200));
    daemons.stop();
}

#[test]
fn a_plan_of_one_daemon_is_stale_on_another_after_an_apply() {
    let cluster = Cluster::new("1h");
    let mut daemons = Daemons::begin(&cluster, 2, "--from api", &cluster.state());
    let token = daemons.machines[0].ok("token create ci --role read --role apply --role operate");
    let yaml = |hours: u32| cluster.yaml().replace("schedule: 1h", &format!("schedule: {hours}h"));
    let url = [0, 1].map(|which| daemons.url(which));
    let caller = |which: usize, hours: u32| {
        let caller = caller(&url[which], token.trim());
        caller.write("raccord.yaml", &yaml(hours));
        caller
    };
    let planned = caller(1, 2);
    planned.ok("plan --out next.plan");
    let other = caller(0, 3);
    other.ok("apply --auto-approve");
    assert_says(&planned.fails(1, "apply next.plan --auto-approve"), &["stale", "serial"]);
    daemons.kill(0);
    wait_until("the other works", || ask(daemons.ports[1], "GET /readyz") == Some(200));
    assert_says(&planned.fails(1, "apply next.plan --auto-approve"), &["serial"]);
    planned.ok("plan --out next.plan");
    planned.ok("apply next.plan --auto-approve");
    daemons.stop();
}

#[test]
fn the_console_of_a_daemon_that_stands_by_shows_everything_and_offers_no_change() {
    let cluster = Cluster::new("1h");
    let daemons = Daemons::begin(&cluster, 2, "", &cluster.state());
    daemons.machines[0].ok("run shop");
    let token = daemons.machines[0].ok("token create ops --role operate --role apply");
    let page = |which: usize, cookie: &str, method: &str, path: &str, form: &str| {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nCookie: {cookie}\r\nSec-Fetch-Site: \
             same-origin\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            form.len()
        );
        exchange(daemons.ports[which], &request).unwrap()
    };
    let signed_in = page(1, "", "POST", "/sign-in", &format!("token={}", token.trim()));
    let cookie = signed_in
        .lines()
        .find_map(|line| line.strip_prefix("set-cookie: "))
        .unwrap_or_else(|| panic!("{signed_in}"));
    let cookie = cookie.split(';').next().unwrap();
    let (stands_by, works) = ("This daemon stands by: it shows what is stored", "`raccord watch` (process");
    for path in [
        "/",
        "/integrations/told",
        "/transfers/customers",
        "/records",
        "/rejects",
        "/changes",
        "/graph",
        "/audit",
    ] {
        let [one, other] = [0, 1].map(|which| page(which, cookie, "GET", path, ""));
        assert_says(&other, &["HTTP/1.1 200", stands_by, works]);
        assert!(!one.contains(stands_by), "{path}: {one}");
        for action in ["/run\"", "/pause\"", "/resync\"", "/approve\"", "/replay\"", "/apply\""] {
            assert!(!other.contains(action), "{path} offers {action}: {other}");
        }
    }
    assert_says(&page(0, cookie, "GET", "/integrations/told", ""), &["/integrations/told/pause\""]);
    assert_says(
        &page(1, cookie, "GET", "/changes", ""),
        &["Which change waits, the daemon that works knows."],
    );
    // A page from before, whose form is still sent.
    let shown = page(1, cookie, "GET", "/", "");
    let csrf = shown.split_once("name=\"csrf\" value=\"").unwrap().1.split_once('"').unwrap().0;
    let refused = page(1, cookie, "POST", "/integrations/told/pause", &format!("csrf={csrf}&reason=test"));
    assert_says(&refused, &["HTTP/1.1 503", "this daemon stands by: `raccord watch` (process"]);
    assert!(!daemons.machines[0].ok("status").contains("paused"));
    // The session is known to both.
    let paused = page(0, cookie, "POST", "/integrations/told/pause", &format!("csrf={csrf}&reason=test"));
    assert_says(&paused, &["HTTP/1.1 303"]);
    assert_says(&page(1, cookie, "GET", "/integrations/told", ""), &["paused"]);
    daemons.stop();
}
