//! What strangers and bearers of tokens may try against the program itself, on loopback: slow senders, floods of
//! connections, bodies that are too large or too slow, and deliveries that say something else than was signed.
//!
//! Throughout each attack a bystander asks for `/healthz` over connections of its own and looks at the daemon's
//! memory: it is answered within a second each time, and the memory stays under 200 MB.

mod bodies;
mod connections;
mod meaning;

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::counterpart::free_port;
use crate::daemon::{stop, wait_for_generation, watch};
use crate::environment::{Started, TestEnvironment};

/// How long `/healthz` may take.
const PATIENCE: Duration = Duration::from_secs(1);

/// How much memory a daemon may have, in kilobytes.
const MEMORY: u64 = 200 * 1000;

/// How often the bystander looks.
const GLANCE: Duration = Duration::from_millis(50);

/// How often it looks at the least.
const LOOKS: usize = 5;

/// What every credential and key of these tests is.
const SECRET: &str = "let me in";

/// Two sources that receive webhooks, and one entity that they feed.
const SHOP: &str = "\
apiVersion: raccord/v1
kind: Project
metadata: {name: crm}
spec:
  entities:
    contact: {key: id, fields: {id: text, name: text}}
    lead: {key: id, fields: {id: text, name: text}}
    person: {key: id, fields: {id: text}}
---
apiVersion: raccord/v1
kind: Stack
metadata: {name: main}
spec: {}
---
apiVersion: raccord/v1
kind: Source
metadata: {name: signed}
spec:
  connector: http
  authorization: {type: none}
  config: {baseUrl: \"http://127.0.0.1:9\", dataTypes: {customers: {records: data}}}
  webhook:
    verify: {hmac: {secret: \"${env:HOOK}\", header: X-Signature}}
    event: type
    maxBody: 25MB
    events:
      customer.created: {dataType: customers}
      customer.deleted: {dataType: customers, deleted: true}
---
apiVersion: raccord/v1
kind: Source
metadata: {name: keyed}
spec:
  connector: http
  authorization: {type: none}
  config: {baseUrl: \"http://127.0.0.1:9\", dataTypes: {people: {records: data}, leads: {records: data}}}
  webhook:
    verify: {apiKey: {header: X-Key, value: \"${env:HOOK}\"}}
    delivery: {header: X-Delivery}
---
apiVersion: raccord/v1
kind: Transfer
metadata: {name: customers}
spec:
  source: signed
  to: crm.contact
  active: true
  deletes: {webhook: true}
  mapping: {primaryKey: {id: id}, fields: {name: name}}
---
apiVersion: raccord/v1
kind: Transfer
metadata: {name: leads}
spec:
  source: keyed
  to: crm.lead
  active: true
  mapping: {primaryKey: {id: id}, fields: {name: name}}
---
apiVersion: raccord/v1
kind: Transfer
metadata: {name: people}
spec: {source: keyed, to: crm.person, active: true, mapping: {primaryKey: {id: id}}}
---
apiVersion: raccord/v1
kind: Integration
metadata: {name: shop}
spec: {active: true, subscriptions: {customers: [created, updated, deleted], leads: [created], people: [created]}}
";

/// A daemon that listens.
struct Target {
    home: TestEnvironment,
    daemon: Started,
    port: u16,
}

impl Target {
    fn start() -> Self {
        let home = TestEnvironment::with(&[("raccord.yaml", SHOP)]).variable("HOOK", SECRET);
        let port = free_port();
        let daemon = watch(&home, &format!("--listen 127.0.0.1:{port}"));
        wait_for_generation(&home, 1);
        Self { home, daemon, port }
    }

    /// Makes a token.
    fn token(&self, role: &str) -> String {
        self.home.ok(&format!("token create {role}-token --role {role}")).trim().to_owned()
    }

    /// A connection over which something was sent; what is not taken is no failure.
    fn send(&self, bytes: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
        drop(stream.write_all(bytes));
        stream
    }

    /// The status of the answer to something that was sent, and how long it took; none when the connection ended
    /// without one.
    fn ask(&self, text: &str) -> (Option<u16>, Duration) {
        let begin = Instant::now();
        let status = status(self.send(text.as_bytes()));
        (status, begin.elapsed())
    }

    /// Sends a genuine delivery.
    fn deliver(&self, number: usize) -> Option<u16> {
        let body = format!("{{\"id\": \"{number}\", \"name\": \"Ann\"}}");
        let headers = format!("X-Key: {SECRET}\r\nX-Delivery: {number}\r\n");
        self.ask(&post("/hooks/main/keyed/leads/created", &headers, &body)).0
    }

    /// The resident memory of the daemon, in kilobytes.
    fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.daemon.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// Attacks, while a bystander looks on.
    #[track_caller]
    fn endures<T>(&self, attack: impl FnOnce() -> T) -> T {
        let is_over = AtomicBool::new(false);
        let (done, seen) = std::thread::scope(|scope| {
            let bystander = scope.spawn(|| self.look_on(&is_over));
            // Also when the attack fails, or the bystander would look on for ever.
            let end = End(&is_over);
            let done = attack();
            drop(end);
            (done, bystander.join().unwrap())
        });
        let Seen { looks, unanswered, longest, memory } = seen;
        println!("{looks} looks, the longest {longest:?}, at most {memory} kB");
        assert_eq!(unanswered, 0, "of {looks} looks at /healthz");
        assert!(longest < PATIENCE, "/healthz took {longest:?}");
        assert!(memory < MEMORY, "the daemon took {memory} kB");
        done
    }

    fn look_on(&self, is_over: &AtomicBool) -> Seen {
        let mut seen = Seen { looks: 0, unanswered: 0, longest: Duration::ZERO, memory: 0 };
        // An attack that is over at once is looked at all the same.
        while seen.looks < LOOKS || !is_over.load(Ordering::SeqCst) {
            let (status, took) = self.ask("GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
            seen.looks += 1;
            seen.unanswered += usize::from(status != Some(200));
            seen.longest = seen.longest.max(took);
            seen.memory = seen.memory.max(self.memory());
            std::thread::sleep(GLANCE);
        }
        seen
    }

    /// It still does what it is there for, and ends when it is asked to.
    fn works_on(self) {
        assert_eq!(self.deliver(1_000_000), Some(204));
        stop(self.daemon);
    }
}

/// The end of an attack.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// What the bystander has seen.
struct Seen {
    looks: usize,
    unanswered: usize,
    longest: Duration,
    memory: u64,
}

/// A request with a body.
fn post(path: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
    )
}

/// A request of a token's bearer, with a body that is announced and of which some comes.
fn upload(path: &str, token: &str, media: &str, (length, beginning): (usize, &str)) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer {token}\r\nContent-Type: \
         application/{media}\r\nContent-Length: {length}\r\n\r\n{beginning}"
    )
}

/// The status of an answer; none when there is none.
fn status(stream: TcpStream) -> Option<u16> {
    let mut answer = Vec::new();
    // A connection that breaks after the answer has answered.
    drop(stream.take(64).read_to_end(&mut answer));
    String::from_utf8_lossy(&answer).split(' ').nth(1)?.parse().ok()
}
