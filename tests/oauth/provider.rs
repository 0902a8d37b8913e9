//! The same against a provider that others wrote: oidc-provider, which `cargo xtask setup` installs.

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::grants::{begin, get, url_said};
use super::server::CLIENT_SECRET;
use crate::environment::{TestEnvironment, assert_says, wait_until};
use crate::shop::Shop;

/// A provider with a service behind it; see `tests/oidc/server.mjs`.
pub(crate) struct Provider {
    port: u16,
    child: Child,
    /// It ends with this.
    _stdin: Option<ChildStdin>,
}

impl Provider {
    /// One at which everything is agreed to.
    fn start() -> Self {
        Self::with(&[])
    }

    /// One that shows a person a page.
    pub(crate) fn that_asks() -> Self {
        Self::with(&[("ASKS", "yes")])
    }

    fn with(variables: &[(&str, &str)]) -> Self {
        Self::at(free_port(), variables)
    }

    /// One that listens at a port.
    pub(crate) fn at(port: u16, variables: &[(&str, &str)]) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
        let modules = root.join("target/oidc");
        assert!(modules.join("node_modules").exists(), "oidc-provider is missing: run `cargo xtask setup`");
        let mut command = Command::new("node");
        command.arg(root.join("tests/oidc/server.mjs")).env("PORT", port.to_string());
        command.envs(variables.iter().copied()).env("MODULES", modules).env("CLIENT_SECRET", CLIENT_SECRET);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        assert!(lines.any(|line| line == "ready"), "the provider has ended");
        // It goes on to talk, and ends where no server listens.
        std::thread::spawn(move || lines.for_each(drop));
        Self { port, _stdin: child.stdin.take(), child }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Has a person agree on a page.
    fn agree(&self, page: &str) -> String {
        let page: String = url::form_urlencoded::byte_serialize(page.as_bytes()).collect();
        get(&format!("{}/browse?url={page}", self.url()))
    }

    /// How often something was issued, revoked or refused.
    fn counted(&self, what: &str) -> u64 {
        let answer = get(&format!("{}/count", self.url()));
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        // It may come in pieces, each after its length.
        let body = body.lines().find(|line| line.starts_with('{')).unwrap();
        serde_json::from_str::<Value>(body).unwrap()[what].as_u64().unwrap()
    }
}

/// A port at which nothing listens.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

impl Drop for Provider {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

pub(crate) fn shop(provider: &Provider, grant: &str, transfers: &[(&str, &str)]) -> TestEnvironment {
    let base = provider.url();
    let source = format!(
        "\n  connector: http\n  authorization: {{type: oauth2, tokenUrl: '{base}/token', clientId: raccord, \
         clientSecret: '${{env:CLIENT_SECRET}}', {}}}\n  config: {{baseUrl: '{base}', retry: {{attempts: 1}}, \
         dataTypes: {{people: {{records: data}}}}}}",
        grant.replace("BASE", &base)
    );
    let yaml = Shop { source: &source, transfers, ..Shop::default() }.yaml();
    let stack = "apiVersion: raccord/v1\nkind: Stack\nmetadata: {name: shop}\nspec: {limits: {parallelTransfers: 8, \
                 perSource: 8}}\n";
    let environment = TestEnvironment::with(&[("raccord.yaml", &yaml), ("stack.yaml", stack)])
        .variable("CLIENT_SECRET", CLIENT_SECRET);
    environment.ok("apply --auto-approve");
    environment
}

pub(crate) const PEOPLE: &[(&str, &str)] = &[("people", "contact")];
pub(crate) const CODE: &str = "grant: authorizationCode, authorizationUrl: 'BASE/auth', scopes: [openid, offline_access], \
                    parameters: {prompt: consent}";

/// Authorizes in the browser.
fn authorize(provider: &Provider, environment: &TestEnvironment) {
    let mut child = begin(environment, "authorize shop");
    assert_says(&provider.agree(&url_said(environment, "/auth?")), &["can be closed"]);
    assert!(child.wait().unwrap().success(), "{}", environment.read("said.txt"));
}

#[test]
fn a_provider_gives_tokens_for_the_clients_secret() {
    let provider = Provider::start();
    let environment = shop(&provider, "grant: clientCredentials", PEOPLE);
    environment.ok("run");
    assert_eq!(super::rows(&environment), 10);
}

#[test]
fn a_provider_gives_tokens_for_a_code_that_was_typed() {
    let provider = Provider::start();
    let grant = "grant: deviceCode, deviceUrl: 'BASE/device/auth', scopes: [openid, offline_access]";
    let environment = shop(&provider, grant, PEOPLE);
    let mut child = begin(&environment, "authorize shop");
    assert_says(&provider.agree(&url_said(&environment, "?user_code=")), &["Sign-in Success"]);
    assert!(child.wait().unwrap().success(), "{}", environment.read("said.txt"));
    environment.ok("run");
    std::thread::sleep(Duration::from_secs(3));
    environment.ok("run");
    assert_eq!(provider.counted("revoked"), 0);
}

#[test]
fn a_provider_that_counts_refresh_tokens_once_never_takes_the_grant_back() {
    let provider = Provider::start();
    let names: Vec<String> = (1..=8).map(|number| format!("t{number}")).collect();
    let transfers: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), name.as_str())).collect();
    let environment = shop(&provider, CODE, &transfers);
    authorize(&provider, &environment);
    let mut daemon = environment.start("watch");
    wait_until("the daemon answers", || {
        daemon.expect_running();
        environment.run("status").stdout.contains("watching")
    });
    let (begin, mut rounds) = (Instant::now(), 0);
    while begin.elapsed() < super::parallel::length() {
        environment.ok("run");
        rounds += 1;
    }
    let (issued, revoked) = (provider.counted("issued"), provider.counted("revoked"));
    let unaccepted = provider.counted("refused");
    println!(
        "{rounds} rounds of 8 transfers: {issued} issued, {revoked} revoked, {unaccepted} requests refused"
    );
    assert_eq!(revoked, 0);
    assert!(issued > begin.elapsed().as_secs() / 4, "{issued}");
}
