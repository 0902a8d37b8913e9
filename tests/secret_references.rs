//! Secrets that a vault or a program holds: read where runs happen and nowhere else, and never shown, whatever the holder
//! says. The vault is one of the tests; `sops` is the real program.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use crate::environment::{TestEnvironment, assert_says};
use crate::http_server::{HttpServer, Response, answer, json};
use crate::secrets::{ASKING, CANARY, assert_clean, assert_silent, check_with, directory};

const OF_VAULT: &str = "{type: bearer, token: \"${vault:secret/shop#token}\"}";
const OF_PROGRAM: &str = "{type: bearer, token: \"${cmd:cat key.secret}\"}";

/// What the vault answers when it gives the secret.
fn given(secret: &str) -> Response {
    json(serde_json::json!({"data": {"data": {"token": secret}, "metadata": {"version": 1}}}).to_string())
}

/// A service that lets in who has the token, and answers one person.
fn service(token: &'static str) -> HttpServer {
    HttpServer::start(move |request| {
        if request.headers.get("authorization") == Some(&format!("Bearer {token}")) {
            json(r#"{"data": [{"id": "1", "name": "Ann"}]}"#)
        } else {
            answer(401, "Content-Type: text/plain", "who are you?")
        }
    })
}

#[test]
fn a_secret_of_a_vault_stays_secret() {
    let vault = HttpServer::start(|_| given(CANARY));
    check_with(OF_VAULT, &[("VAULT_ADDR", &vault.url()), ("VAULT_TOKEN", CANARY)]);
}

#[test]
fn a_secret_of_a_program_stays_secret() {
    check_with(OF_PROGRAM, &[("RACCORD_ALLOW_COMMANDS", "cat")]);
}

#[test]
fn a_holder_that_gives_nothing_shows_nothing() {
    let server = service("x");
    let echoing = HttpServer::start(|request| {
        let said = serde_json::json!({"errors": [format!("{:?}", request.headers)]});
        answer(403, "Content-Type: application/json", &said.to_string())
    });
    let failing = "{type: bearer, token: \"${cmd:cat key.secret no-such-file}\"}";
    for (authorization, expected) in [
        (OF_VAULT, "refuses the token or forbids it this path"),
        (failing, "`cat` ended with exit status: 1"),
        ("{type: bearer, token: \"${cmd:tac key.secret}\"}", "set RACCORD_ALLOW_COMMANDS=cat,tac"),
    ] {
        let yaml = directory(authorization, (&server.url(), "{nextUrl: next}"));
        let environment = TestEnvironment::with(&[("raccord.yaml", &yaml)])
            .variable("RUST_LOG", "trace")
            .variable("RACCORD_ALLOW_COMMANDS", "cat")
            .variable("VAULT_ADDR", &echoing.url())
            .variable("VAULT_TOKEN", CANARY);
        environment.write("key.secret", CANARY);
        environment.ok("apply --auto-approve");
        for command in ASKING {
            assert_silent(&environment, command, authorization);
        }
        assert_says(&environment.fails(1, "check shop"), &[expected]);
        assert_clean(environment.path(), authorization);
    }
}

#[test]
fn a_plan_asks_no_vault_and_a_run_reads_what_is_there_now() {
    let server = service("second");
    let secret = Arc::new(Mutex::new("first"));
    let now = Arc::clone(&secret);
    let vault = HttpServer::start(move |_| given(*now.lock().unwrap()));
    let yaml = directory(OF_VAULT, (&server.url(), "{nextUrl: next}"));
    let environment = TestEnvironment::with(&[("raccord.yaml", &yaml)])
        .variable("VAULT_ADDR", &vault.url())
        .variable("VAULT_TOKEN", "hvs.token");
    for command in ["validate", "plan", "apply --auto-approve", "status", "export"] {
        environment.ok(command);
    }
    assert!(vault.requests().is_empty(), "a plan needs no secret");
    assert_says(&environment.fails(1, "check shop"), &["${vault:secret/shop#token}", "401"]);
    *secret.lock().unwrap() = "second";
    environment.ok("check shop");
    environment.ok("resume shop");
    environment.ok("run");
    assert_eq!(environment.ok("records crm.contact --output jsonl").lines().count(), 1);
    let paths: Vec<String> = vault.requests().iter().map(|request| request.path.clone()).collect();
    assert!(paths.iter().all(|path| path == "/v1/secret/data/shop"), "{paths:?}");
}

/// The identity that the file is encrypted for. It protects nothing.
const IDENTITY: &str = "AGE-SECRET-KEY-109QYLJFKM9XTNWE0WYSAXUNCFKFXN88SD5YGHEU6WWSMH5GNNL9SSVYJNJ";
const RECIPIENT: &str = "age1e8a9q3v6md73v23j3ntzu4hpdj8f8eeghcm9d32fgx33zrnw0dnqpnn40e";

#[test]
fn a_file_of_sops_is_decrypted_by_sops() {
    let programs = programs();
    let server = service("Zq9Wx-token");
    let authorization =
        r#"{type: bearer, token: '${cmd:sops decrypt --extract ["crm"]["token"] secrets.json}'}"#;
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", programs.display());
    let environment = TestEnvironment::new()
        .variable("PATH", &path)
        .variable("RACCORD_ALLOW_COMMANDS", "sops")
        .variable("SOPS_AGE_KEY_FILE", "age.secret");
    environment.write("age.secret", IDENTITY);
    environment.write("secrets.json", r#"{"crm": {"token": "Zq9Wx-token"}}"#);
    let encrypting = Command::new(programs.join("sops"))
        .args(["encrypt", "--age", RECIPIENT, "--in-place", "secrets.json"])
        .current_dir(environment.path())
        .status();
    assert!(encrypting.unwrap().success());
    environment.write("raccord.yaml", &directory(authorization, (&server.url(), "{nextUrl: next}")));
    environment.ok("apply --auto-approve");
    environment.ok("check shop");
    environment.ok("run");
    assert_clean(environment.path(), "sops");
    environment.write("age.secret", "");
    assert_says(&environment.fails(1, "check shop"), &["`sops` ended with exit status: 128"]);
}

/// Where `cargo xtask setup` puts the programs of others.
fn programs() -> PathBuf {
    let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/counterparts/bin");
    assert!(programs.join("sops").exists(), "run `cargo xtask setup` first: sops is missing");
    programs.canonicalize().unwrap()
}
