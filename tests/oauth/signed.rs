//! OAuth 1.0a with the program as people use it, against a verifier that others wrote: oauthlib, which `cargo xtask setup`
//! installs.

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, ChildStdin, Command, Stdio};

use super::look_into;
use crate::documentation::root;
use crate::environment::{TestEnvironment, assert_says};
use crate::shop::Shop;
use crate::tally;

const CONSUMER_SECRET: &str = "cons&mer s=cret/é";
const TOKEN: &str = "a-token-of-access";
const TOKEN_SECRET: &str = "token+s%cret";

/// The service; see `tests/oauth/signed.py`.
struct SignedService {
    port: u16,
    child: Child,
    /// It ends with this.
    _stdin: Option<ChildStdin>,
}

impl SignedService {
    fn start() -> Self {
        let python = root().join("target/counterparts/bin/python");
        assert!(python.exists(), "oauthlib is missing: run `cargo xtask setup`");
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let mut command = Command::new(python);
        command.arg(root().join("tests/oauth/signed.py")).env("PORT", port.to_string());
        command.env("CONSUMER_SECRET", CONSUMER_SECRET).env("TOKEN_SECRET", TOKEN_SECRET).env("TOKEN", TOKEN);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        assert!(lines.any(|line| line == "ready"), "the service has ended");
        Self { port, _stdin: child.stdin.take(), child }
    }
}

impl Drop for SignedService {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A shop of the service, its requests signed in a way, applied.
fn signed(service: &SignedService, signature: &str, secret: &str) -> TestEnvironment {
    let source = format!(
        "\n  connector: http\n  authorization: {{type: oauth1a, consumerKey: the-consumer, consumerSecret: '${{env:CONSUMER_SECRET}}', \
         token: '${{env:TOKEN}}', tokenSecret: '${{env:TOKEN_SECRET}}', signature: {signature}}}\n  config: {{baseUrl: \
         'http://127.0.0.1:{}/rest/V1', retry: {{attempts: 1}}, dataTypes: {{people: {{path: /customers, query: {{filter: 'a b&c=é~*'}}, \
         records: items, pagination: {{page: 'searchCriteria[currentPage]', size: {{'searchCriteria[pageSize]': 2}}, total: total_count}}}}}}}}",
        service.port
    );
    let yaml = Shop { source: &source, ..Shop::default() }.yaml();
    let environment = TestEnvironment::with(&[("raccord.yaml", &yaml)])
        .variable("CONSUMER_SECRET", secret)
        .variable("TOKEN", TOKEN)
        .variable("TOKEN_SECRET", TOKEN_SECRET);
    environment.ok("apply --auto-approve");
    environment
}

#[test]
fn every_request_is_signed_as_another_library_verifies_it() {
    let service = SignedService::start();
    for signature in ["hmacSha256", "hmacSha1"] {
        let environment = signed(&service, signature, CONSUMER_SECRET);
        assert_says(&environment.ok("check shop"), &["answered 200"]);
        assert_eq!(tally::run(&environment), ["people: 5 fetched, 5 created"]);
        let rows = environment.json("records crm.contact --output json");
        assert_eq!(rows[4]["name"], "Zoé 5");
        look_into(
            &environment.path().join(".raccord"),
            &[CONSUMER_SECRET, TOKEN, TOKEN_SECRET].map(str::to_owned),
        );
    }
}

#[test]
fn a_wrong_secret_is_refused_and_not_said() {
    let service = SignedService::start();
    let environment = signed(&service, "hmacSha256", "another secret");
    let said = environment.fails(1, "run");
    assert_says(&said, &["401", "${env:CONSUMER_SECRET}"]);
    for secret in ["another secret", TOKEN, TOKEN_SECRET] {
        assert!(!said.contains(secret), "{said}");
    }
}
