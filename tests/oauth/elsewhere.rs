//! A person agrees on one machine, and the daemon that keeps the tokens is another one: `raccord authorize --server`.

use std::process::Child;

use super::grants::{begin, get, page, redirected};
use super::server::{Manner, OAuthServer};
use super::{assert_secret, rows, shop};
use crate::api::listening;
use crate::environment::{TestEnvironment, assert_says};

const PEOPLE: &[(&str, &str)] = &[("people", "contact")];

/// A daemon that listens, killed when it is dropped.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A daemon with a shop behind a server, and a person elsewhere who may ask it, without a secret or a state.
fn scene(server: &OAuthServer, grant: &str, role: &str) -> (Daemon, TestEnvironment, TestEnvironment) {
    let home = shop(server, grant, PEOPLE);
    let (child, url) = listening(&home, "watch --listen 127.0.0.1:0");
    let token = home.ok(&format!("token create ann --role {role}")).trim().to_owned();
    let person = TestEnvironment::new().variable("RACCORD_SERVER", &url).variable("RACCORD_TOKEN", &token);
    (Daemon(child), home, person)
}

fn patient() -> OAuthServer {
    OAuthServer::start(Manner { life: 3_600_000, says: Some(3_600), ..Manner::default() })
}

#[test]
fn a_person_elsewhere_agrees_in_a_browser_there() {
    let server = patient();
    let (_daemon, home, person) =
        scene(&server, "grant: authorizationCode, authorizationUrl: 'BASE/agree'", "operate");
    for (command, is_pasted) in [("authorize shop", false), ("authorize shop --paste", true)] {
        let mut child = begin(&person, command);
        let back = redirected(&get(&page(&person)));
        if is_pasted {
            use std::io::Write as _;
            writeln!(child.stdin.take().unwrap(), "{back}").unwrap();
        } else {
            assert_says(&get(&back), &["200 OK", "can be closed"]);
        }
        assert!(child.wait().unwrap().success(), "{}", person.read("said.txt"));
        assert_says(&person.read("said.txt"), &["shop is authorized until ", "renewed by itself"]);
    }
    let run = person.run("run").expect_code(0);
    assert_says(&person.ok("status"), &["authorization shop: authorized"]);
    assert_eq!(rows(&home), 30);
    assert_secret(&server, &home, &[&run]);
    let said = person.read("said.txt");
    for secret in server.with(|memory| memory.secrets.clone()) {
        assert!(!said.contains(&secret), "{secret}");
    }
    assert!(!person.path().join(".raccord").exists(), "the person has a state of their own");
    assert_says(&home.ok("audit --limit 20 --output csv"), &["ann (token),http,authorize shop"]);
}

#[test]
fn a_person_elsewhere_types_a_code() {
    let server = patient();
    let (_daemon, home, person) = scene(&server, "grant: deviceCode, deviceUrl: 'BASE/device'", "operate");
    let authorized = person.run("authorize shop").expect_code(0);
    assert_says(&authorized.stdout, &["WDJB-MJHT", "https://id.example/device", "shop is authorized"]);
    person.ok("run");
    assert_eq!(rows(&home), 30);
    assert_secret(&server, &home, &[&authorized]);
}

#[test]
fn who_may_only_read_agrees_to_nothing() {
    let server = patient();
    let (_daemon, _home, person) = scene(&server, "grant: deviceCode, deviceUrl: 'BASE/device'", "read");
    assert_says(&person.fails(1, "authorize shop"), &["does not have the role operate"]);
    assert_eq!(server.questions().len(), 0);
}
