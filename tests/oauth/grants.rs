//! Each grant, from `apply` to rows, and what people are told when one does not count any more.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Stdio};

use super::server::{Manner, OAuthServer};
use super::{assert_secret, rows, shop};
use crate::environment::{TestEnvironment, assert_says, wait_until};

const PEOPLE: &[(&str, &str)] = &[("people", "contact")];
const CODE: &str = "grant: authorizationCode, authorizationUrl: 'BASE/agree'";

/// A server whose tokens live long.
fn patient() -> OAuthServer {
    OAuthServer::start(Manner { life: 3_600_000, says: Some(3_600), ..Manner::default() })
}

#[test]
fn the_clients_own_secret_is_enough_and_its_token_serves_several_runs() {
    let server = patient();
    let environment = shop(&server, "grant: clientCredentials, scopes: [people, orders]", PEOPLE);
    assert_says(&environment.ok("status"), &["authorization shop: not asked yet"]);
    let first = environment.run("run").expect_code(0);
    let second = environment.run("run").expect_code(0);
    assert_eq!((rows(&environment), server.questions().len()), (30, 1));
    assert_says(&server.questions()[0].body, &["grant_type=client_credentials", "scope=orders+people"]);
    let status = environment.run("status").expect_code(0);
    assert_says(&status.stdout, &["authorization shop: authorized, the token until "]);
    let json = environment.run("status --output json").expect_code(0);
    assert_eq!(json.json()["authorizations"][0]["state"], "granted");
    assert_secret(&server, &environment, &[&first, &second, &status, &json]);
    // The tokens serve a look, too.
    let check = environment.run("check shop").expect_code(0);
    assert_eq!(server.questions().len(), 1);
    assert_secret(&server, &environment, &[&check]);
}

#[test]
fn a_token_that_the_service_refuses_is_asked_for_once_more() {
    let server = patient();
    let environment = shop(&server, "grant: clientCredentials", PEOPLE);
    environment.ok("run");
    server.end_access();
    environment.ok("run");
    let (issued, refused) = server.with(|memory| (memory.issued, memory.refused));
    assert_eq!((issued, refused), (2, 1));
}

#[test]
fn a_signed_assertion_is_enough() {
    let server = patient();
    let environment =
        shop(&server, "grant: jwtBearer, assertion: {key: '${env:SEED}', algorithm: HS256}", PEOPLE);
    let run = environment.run("run").expect_code(0);
    assert_eq!(rows(&environment), 30);
    assert_secret(&server, &environment, &[&run]);
}

/// Begins to authorize, its output in a file that can be looked at meanwhile.
pub(super) fn begin(environment: &TestEnvironment, command: &str) -> Child {
    let output = fs::File::create(environment.path().join("said.txt")).unwrap();
    let mut command = environment.command(command);
    command.stdin(Stdio::piped()).stderr(output.try_clone().unwrap()).stdout(output);
    command.spawn().unwrap()
}

/// The page on which it asks a person to agree.
pub(super) fn page(environment: &TestEnvironment) -> String {
    url_said(environment, "/agree?")
}

/// The URL with this part that it has said.
pub(super) fn url_said(environment: &TestEnvironment, part: &str) -> String {
    let mut found = None;
    wait_until("there is a page", || {
        let said = environment.read("said.txt");
        found = said.lines().map(str::trim).find(|line| line.contains(part)).map(str::to_owned);
        found.is_some() && said.ends_with('\n')
    });
    found.unwrap()
}

/// Asks for a page as a browser would; returns the whole answer.
pub(crate) fn get(url: &str) -> String {
    let rest = url.strip_prefix("http://").unwrap_or_else(|| panic!("{url:?}"));
    let (host, path) = rest.split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Where a page sends the browser.
pub(super) fn redirected(answer: &str) -> String {
    answer.lines().find_map(|line| line.strip_prefix("Location: ")).unwrap().trim().to_owned()
}

#[test]
fn a_person_agrees_in_the_browser_of_this_machine() {
    let server = patient();
    let environment = shop(&server, CODE, PEOPLE);
    let status = environment.ok("status");
    assert_says(&status, &["authorization shop: waiting for authorization", "run `raccord authorize shop`"]);
    let failed = environment.run("run").expect_code(1);
    assert_says(&failed.stdout, &["nobody has authorized `shop` yet; run `raccord authorize shop`"]);
    let mut child = begin(&environment, "authorize shop");
    let back = redirected(&get(&page(&environment)));
    // What does not repeat the state is not for us, and ends nothing.
    let forged = back.replace("state=", "state=x");
    assert_says(&get(&forged), &["404 Not Found"]);
    assert_says(&get(&back), &["200 OK", "can be closed"]);
    assert!(child.wait().unwrap().success());
    let said = environment.read("said.txt");
    assert_says(&said, &["shop is authorized until ", "renewed by itself", "raccord resume shop"]);
    for secret in server.with(|memory| memory.secrets.clone()) {
        assert!(!said.contains(&secret), "{secret}");
    }
    environment.ok("resume shop");
    let run = environment.run("run").expect_code(0);
    assert_eq!(rows(&environment), 30);
    assert_secret(&server, &environment, &[&failed, &run]);
}

#[test]
fn a_person_agrees_elsewhere_and_pastes_the_url() {
    let server = patient();
    let environment = shop(&server, CODE, PEOPLE);
    for (forged, expected) in [(true, false), (false, true)] {
        let mut child = begin(&environment, "authorize shop --paste");
        let back = redirected(&get(&page(&environment)));
        assert!(back.starts_with("http://127.0.0.1:53682/callback?"), "{back}");
        let pasted = if forged { back.replace("state=", "state=x") } else { back };
        writeln!(child.stdin.take().unwrap(), "{pasted}").unwrap();
        assert_eq!(child.wait().unwrap().success(), expected, "{}", environment.read("said.txt"));
    }
    environment.ok("run");
    assert_eq!(rows(&environment), 30);
}

#[test]
fn a_person_types_a_code_on_another_device() {
    let server = patient();
    let environment = shop(&server, "grant: deviceCode, deviceUrl: 'BASE/device'", PEOPLE);
    let authorized = environment.run("authorize shop").expect_code(0);
    assert_says(&authorized.stdout, &["WDJB-MJHT", "https://id.example/device", "shop is authorized"]);
    assert_eq!(server.questions().len(), 2, "one was too early");
    let run = environment.run("run").expect_code(0);
    assert_eq!(rows(&environment), 30);
    assert_secret(&server, &environment, &[&authorized, &run]);
}

#[test]
fn the_daemon_keeps_what_is_agreed_while_it_owns_the_state() {
    let server = patient();
    let environment = shop(&server, "grant: deviceCode, deviceUrl: 'BASE/device'", PEOPLE);
    let mut daemon = environment.start("watch");
    wait_until("the daemon answers", || {
        daemon.expect_running();
        environment.run("status").stdout.contains("watching")
    });
    environment.ok("authorize shop");
    assert_says(&environment.ok("status"), &["authorization shop: authorized"]);
    environment.ok("run");
    assert_eq!(rows(&environment), 30);
}

#[test]
fn an_agreement_that_is_taken_back_disables_and_says_what_to_do() {
    let server = OAuthServer::start(Manner { life: 1_000, says: Some(1), ..Manner::default() });
    let environment = shop(&server, "grant: refreshToken, refreshToken: '${env:SEED}'", PEOPLE);
    environment.ok("run");
    server.revoke();
    std::thread::sleep(std::time::Duration::from_secs(1));
    let failed = environment.run("run").expect_code(1);
    let says = [
        "the server no longer accepts what was agreed for `shop` (invalid_grant); run `raccord authorize shop`",
    ];
    assert_says(&failed.stdout, &says);
    let status = environment.run("status").expect_code(0);
    assert_says(
        &status.stdout,
        &["integration shop: tripped", "authorization shop: no longer authorized", says[0]],
    );
    // Another first token is put where the configuration refers to it.
    server.with(|memory| memory.refresh_with("refresh-canary-second"));
    let environment = environment.variable("SEED", "refresh-canary-second");
    let authorized = environment.run("authorize shop").expect_code(0);
    environment.ok("resume shop");
    let run = environment.run("run").expect_code(0);
    assert_secret(&server, &environment, &[&failed, &status, &authorized, &run]);
}

#[test]
fn the_tokens_of_a_deleted_authorization_are_forgotten() {
    let server = patient();
    let environment = shop(&server, "grant: clientCredentials", PEOPLE);
    environment.ok("run");
    assert_says(&environment.ok("state check"), &["1 sealed secret"]);
    environment.write("raccord.yaml", &crate::shop::Shop::default().project());
    environment.ok("apply --auto-approve --allow-delete");
    assert!(!environment.ok("state check").contains("sealed secret"));
}

#[test]
fn check_tells_apart_what_is_wrong() {
    let server = patient();
    let environment = shop(&server, "grant: clientCredentials", PEOPLE);
    for (trouble, says) in [
        ((401, "invalid_client"), "refused our credentials"),
        ((400, "invalid_scope"), "refuses what is asked: invalid_scope"),
        ((404, ""), "it is not where tokens are issued"),
        ((503, ""), "answered 503"),
    ] {
        server.with(|memory| memory.trouble = Some(trouble));
        assert_says(&environment.fails(1, "check shop"), &[says]);
    }
    let url = server.url();
    drop(server);
    assert_says(&environment.fails(1, "check shop"), &[&format!("{url}/token did not answer")]);
}

#[test]
fn no_trace_has_a_secret() {
    let server = OAuthServer::start(Manner { life: 500, says: Some(1), ..Manner::default() });
    let environment = shop(&server, "grant: refreshToken, refreshToken: '${env:SEED}'", PEOPLE);
    for _ in 0..2 {
        let mut command = environment.command("run --verbose");
        let output = command.env("RUST_LOG", "trace").output().unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{said}");
        assert_says(&said, &["INFO", "begun"]);
        for secret in server.with(|memory| memory.secrets.clone()) {
            assert!(!said.contains(&secret), "{secret} is in:\n{said}");
        }
        std::thread::sleep(std::time::Duration::from_secs(1));
    }
    assert!(server.with(|memory| memory.issued) >= 2);
}
