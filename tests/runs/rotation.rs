//! A secret that an operator replaces while a run is under way: the run goes on, nothing fails, and neither the old
//! secret nor the new one is told or kept.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::environment::TestEnvironment;
use crate::http_server::{HttpServer, Response, answer, json};
use crate::secrets::{CANARY, leak};
use crate::shop::Shop;

/// Puts a secret where the configuration refers to it.
fn put(path: &Path, secret: &str) {
    let mut file = File::create(path).unwrap();
    file.write_all(secret.as_bytes()).unwrap();
}

/// A service of two pages that takes one token for the first and another one from then on, and repeats what it was sent in
/// every record. `replaces` says whether the operator replaces the secret in time.
fn service(file: Arc<Mutex<PathBuf>>, replaces: bool) -> HttpServer {
    let (old, new) = (format!("{CANARY}-old"), format!("{CANARY}-new"));
    HttpServer::start(move |request| -> Response {
        let token = request.headers["authorization"].trim_start_matches("Bearer ").to_owned();
        let is_first = !request.query.contains_key("page");
        if !is_first && token != new {
            return answer(401, "Content-Type: text/plain", &format!("{token} is no more"));
        }
        if is_first && token == old && replaces {
            put(&file.lock().unwrap(), &new);
        }
        let id = if is_first { "1" } else { "2" };
        let next = is_first.then_some("/people?page=2");
        // The second record is a reject, which is kept.
        let records = serde_json::json!([{"id": id, "name": "Ann"}, {"name": format!("{token} {old}")}]);
        json(serde_json::json!({"data": records, "next": next}).to_string())
    })
}

fn shop(server: &HttpServer) -> TestEnvironment {
    let source = format!(
        "{{connector: http, authorization: {{type: bearer, token: \"${{file:key.secret}}\"}}, config: {{baseUrl: \"{}\", \
         timeout: 60s, retry: {{attempts: 1}}, dataTypes: {{people: {{records: data, pagination: {{nextUrl: next}}}}}}}}}}",
        server.url()
    );
    let shop = Shop { source: &source, ..Shop::default() };
    let environment = TestEnvironment::with(&[("raccord.yaml", &shop.yaml())]).variable("RUST_LOG", "trace");
    environment.ok("apply --auto-approve");
    environment
}

/// How often a request was refused, and how the run ended.
fn check(replaces: bool, expected: (&str, usize, Option<i32>)) {
    let file = Arc::new(Mutex::new(PathBuf::new()));
    let server = service(Arc::clone(&file), replaces);
    let environment = shop(&server);
    *file.lock().unwrap() = environment.path().join("key.secret");
    environment.write("key.secret", &format!("{CANARY}-old"));
    let (ids, requests, code) = expected;
    let run = environment.run("run");
    assert_eq!(run.code, code, "{run:?}");
    let mut said = vec![run.stdout, run.stderr];
    for command in ["runs --output json", "rejects list --output json", "status --output json"] {
        let told = environment.run(command);
        said.extend([told.stdout, told.stderr]);
    }
    for text in said {
        assert_eq!(leak(text.as_bytes()), None);
    }
    let kept = fs::read(environment.path().join(".raccord/state.redb")).unwrap();
    assert_eq!(leak(&kept), None);
    assert_eq!(server.requests().len(), requests);
    let rows = environment.ok("records crm.contact --output csv");
    let rows: Vec<&str> = rows.lines().skip(1).filter_map(|row| row.split(',').next()).collect();
    assert_eq!(rows.join(" "), ids);
}

#[test]
fn a_secret_that_is_replaced_during_a_run_costs_one_request() {
    check(true, ("1 2", 3, Some(0)));
}

#[test]
fn a_secret_that_stays_costs_none() {
    check(false, ("1", 2, Some(1)));
}
