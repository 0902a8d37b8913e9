//! No secret leaves where it belongs: canaries in every form of authorization, through every verb and form of
//! output, through services that echo what they were sent, and through the bytes of the state and of saved plans.
//!
//! What a service puts into the fields of its records is data, and is kept as data; nothing here does that.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use crate::environment::TestEnvironment;
use crate::http_server::{HttpServer, Request, Response, answer, json, raw};
use crate::shop::Shop;

/// How every canary begins; even a piece of one is a leak. Encodings of what follows must not matter.
const MARK: &str = "Zq9W";
pub(crate) const CANARY: &str = "Zq9Wx-7f3a+/=&<\"'% k";

/// The shop whose people come from a service, with this authorization and these pages.
pub(crate) fn directory(authorization: &str, (base, pagination): (&str, &str)) -> String {
    let source = format!(
        "{{connector: http, authorization: {authorization}, config: {{baseUrl: \"{base}\", timeout: 60s, retry: {{attempts: \
         1}}, dataTypes: {{people: {{records: data, pagination: {pagination}}}}}}}}}"
    );
    Shop { source: &source, updates: "created, updated, deleted", ..Shop::default() }.yaml()
}

/// What the service does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    /// It answers, and repeats our URL as that of the next page.
    Answers,
    /// It says an error and repeats the request in this page, in one form first.
    Echoes(u16, usize),
    /// It repeats the request in a page that passes for an answer, after so many other characters.
    Page(usize, usize),
    /// It repeats the request where records should be.
    NoRecords,
    /// It sends us elsewhere, with everything in the URL.
    Away,
    /// It sends us round and round, with everything in the URL.
    Around,
    /// It repeats the request and breaks off.
    Cut,
    /// It answers something that is not HTTP.
    Garbage,
    /// It asks for patience in a page that repeats the request.
    Busy,
}

const MOODS: [Mood; 18] = [
    Mood::Answers,
    Mood::Echoes(400, 0),
    Mood::Echoes(404, 1),
    Mood::Echoes(409, 2),
    Mood::Echoes(422, 3),
    Mood::Echoes(500, 4),
    Mood::Echoes(400, 5),
    Mood::Echoes(401, 0),
    Mood::Echoes(403, 0),
    Mood::Page(0, 3),
    Mood::Page(88, 0),
    Mood::Page(86, 4),
    Mood::NoRecords,
    Mood::Away,
    Mood::Around,
    Mood::Cut,
    Mood::Garbage,
    Mood::Busy,
];

/// Everything that was sent, in the forms in which services show it; the first of them is chosen.
fn echo(request: &Request, first: usize) -> String {
    let query: Vec<&str> = request.query.values().map(String::as_str).collect();
    let headers = ["authorization", "x-key", "x-id"].map(|name| request.headers.get(name).cloned());
    let sent = format!("{} {}", headers.into_iter().flatten().collect::<Vec<_>>().join(" "), query.join(" "));
    let html = sent.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;").replace('\'', "&#39;");
    let target = request.target.clone();
    let lower =
        target.replace("%2B", "%2b").replace("%2F", "%2f").replace("%3D", "%3d").replace("%3C", "%3c");
    let mut all = [format!("{sent:?}"), format!("{:?}", request.headers), sent, html, target, lower];
    all.rotate_left(first);
    all.join(" ")
}

fn answer_in(mood: Mood, request: &Request) -> Response {
    let said =
        echo(request, if let Mood::Echoes(_, first) | Mood::Page(_, first) = mood { first } else { 0 });
    let path = format!("{}/again?all={}", request.path, request.target.replace(['?', '&'], "+"));
    match mood {
        Mood::Answers if request.query.contains_key("page") => json(r#"{"data":[{"id":"2"}]}"#),
        Mood::Answers => {
            let separator = if request.target.contains('?') { '&' } else { '?' };
            let next = format!("{}{separator}page=2", request.target);
            json(
                serde_json::json!({"data": [{"id": "1", "name": "Ann"}, {"name": "x"}], "next": next})
                    .to_string(),
            )
        }
        Mood::Echoes(status, _) => answer(status, "Content-Type: text/html", &said),
        Mood::Page(before, _) => {
            answer(200, "Content-Type: text/html", &format!("{}{said}", ".".repeat(before)))
        }
        Mood::NoRecords => json(serde_json::json!({"data": [{"id": "3"}, said, [said]]}).to_string()),
        Mood::Away => answer(302, &format!("Location: http://localhost:9{path}"), &said),
        Mood::Around => answer(302, &format!("Location: {path}"), &said),
        Mood::Cut => raw(format!("HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n{said}")),
        Mood::Garbage => raw(format!("{said}\r\n\r\n")),
        Mood::Busy => answer(429, "Retry-After: 99999", &said),
    }
}

/// What asks the service.
pub(crate) const ASKING: [&str; 10] = [
    "check shop",
    "discover shop",
    "discover shop --output json",
    "read shop people",
    "preview people",
    "preview people --output json",
    "plan --sample 2",
    "run --output json",
    "resume shop",
    "run",
];

/// What tells of what has happened.
const TELLING: [&str; 37] = [
    "validate --output text",
    "validate --output json",
    "validate --output github",
    "plan",
    "plan --full",
    "plan --output json",
    "plan --output markdown",
    "plan --out again.plan",
    "apply --auto-approve",
    "status",
    "status --output json",
    "runs",
    "runs --output json",
    "runs --output jsonl",
    "runs --output csv",
    "records crm.contact",
    "records crm.contact --output json",
    "explain crm.contact 1",
    "explain crm.contact 1 --output json",
    "rejects list",
    "rejects list --output json",
    "rejects list --output jsonl",
    "rejects list --output csv",
    "rejects replay people",
    "history",
    "history --output json",
    "export",
    "export --output json",
    "graph",
    "connectors",
    "schema source",
    "state info",
    "state check",
    "pause shop --reason moving",
    "resume shop",
    "resync people",
    "rollback 1 --auto-approve",
];

/// Where a text begins to give a canary away, as it is or in base64.
pub(crate) fn leak(bytes: &[u8]) -> Option<String> {
    let forms = canaries();
    let found = bytes.windows(4).position(|window| window == MARK.as_bytes());
    let found = found.or_else(|| {
        forms.iter().find_map(|form| bytes.windows(form.len()).position(|window| window == form.as_bytes()))
    })?;
    let from = found.saturating_sub(80);
    Some(String::from_utf8_lossy(&bytes[from..(found + 80).min(bytes.len())]).into_owned())
}

/// The beginning of the canary in base64, at each place among the three bytes of a group.
fn canaries() -> [String; 3] {
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let encode = |bytes: &[u8]| -> String {
        let groups = bytes.chunks_exact(3).flat_map(|group| {
            let all = group.iter().fold(0_usize, |all, byte| (all << 8) + usize::from(*byte));
            [18, 12, 6, 0].map(|shift| char::from(digits[(all >> shift) & 63]))
        });
        groups.collect()
    };
    [0, 1, 2].map(|skipped| encode(&CANARY.as_bytes()[skipped..skipped + 9]))
}

/// Every file below a directory but those that hold the secrets themselves.
pub(crate) fn assert_clean(directory: &Path, when: &str) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            assert_clean(&path, when);
        } else if path.extension().is_none_or(|extension| extension != "secret") {
            let found = leak(&fs::read(&path).unwrap());
            assert!(found.is_none(), "{when}: {} holds a secret: {found:?}", path.display());
        }
    }
}

pub(crate) fn assert_silent(environment: &TestEnvironment, command: &str, when: &str) -> Option<i32> {
    let answer = environment.run(command);
    let said = leak(answer.stdout.as_bytes()).or_else(|| leak(answer.stderr.as_bytes()));
    assert!(said.is_none(), "raccord {command}, {when}: {said:?}");
    answer.code
}

/// One form of authorization through everything.
fn check(authorization: &str) {
    check_with(authorization, &[]);
}

/// The same where more variables are set.
pub(crate) fn check_with(authorization: &str, variables: &[(&str, &str)]) {
    let mood = Arc::new(Mutex::new(Mood::Answers));
    let now = Arc::clone(&mood);
    let server = HttpServer::start(move |request| answer_in(*now.lock().unwrap(), request));
    let yaml = directory(authorization, (&server.url(), "{nextUrl: next}"));
    let environment = TestEnvironment::with(&[("raccord.yaml", &yaml)])
        .variable("TOKEN", CANARY)
        .variable("RUST_LOG", "trace")
        .variable("RUST_BACKTRACE", "1");
    let environment =
        variables.iter().fold(environment, |environment, (name, value)| environment.variable(name, value));
    environment.write("key.secret", CANARY);
    environment.ok("plan --out first.plan");
    environment.ok("apply first.plan --auto-approve");
    for mood_now in MOODS {
        *mood.lock().unwrap() = mood_now;
        for command in ASKING {
            let code = assert_silent(&environment, command, &format!("{mood_now:?}"));
            let is_well = matches!(mood_now, Mood::Answers | Mood::NoRecords);
            assert!(command != "check shop" || (code == Some(0)) == is_well, "{mood_now:?} {code:?}");
        }
        for command in ["status", "runs --output json", "rejects list --output json"] {
            assert_silent(&environment, command, &format!("after {mood_now:?}"));
        }
    }
    let was_sent = |request: &Request| leak(echo(request, 0).as_bytes()).is_some();
    assert!(server.requests().iter().any(was_sent), "no secret was sent at all");
    for command in TELLING {
        assert_silent(&environment, command, "afterwards");
    }
    // No service listens there any more.
    environment.write("raccord.yaml", &yaml.replace("BASE", "http://127.0.0.1:9"));
    assert_silent(&environment, "apply --auto-approve", "refused");
    for command in ASKING {
        assert_silent(&environment, command, "refused");
    }
    assert_clean(environment.path(), "in the end");
}

#[test]
fn a_key_in_a_header_stays_secret() {
    check("{type: apiKey, header: Authorization, prefix: \"Token \", value: \"${env:TOKEN}\"}");
}

#[test]
fn a_key_in_the_query_stays_secret() {
    check("{type: apiKey, query: key, value: \"${env:TOKEN}\"}");
}

#[test]
fn keys_in_several_headers_stay_secret() {
    check("{type: apiKey, headers: {X-Id: \"${env:TOKEN}\", X-Key: \"${file:key.secret}\"}}");
}

#[test]
fn a_bearer_token_stays_secret() {
    check("{type: bearer, token: \"${env:TOKEN}\"}");
}

#[test]
fn a_token_in_a_file_stays_secret() {
    check("{type: bearer, token: \"${file:key.secret}\"}");
}

#[test]
fn a_password_stays_secret() {
    check("{type: basic, username: me, password: \"${env:TOKEN}\"}");
}

#[test]
fn a_secret_user_name_stays_secret() {
    check("{type: basic, username: \"${env:TOKEN}\"}");
}

#[test]
fn what_signs_requests_stays_secret() {
    check(
        "{type: hmac, secret: \"${env:TOKEN}\", key: \"${env:TOKEN}\", signed: \"{timestamp}{nonce}{method}{url}{body}\", query: \
         sign, timestamp: {query: time}, nonce: {query: nonce}, headers: {X-Key: \"${file:key.secret}\"}}",
    );
}

#[test]
fn the_four_parts_of_an_access_stay_secret() {
    check(
        "{type: oauth1a, consumerKey: \"${env:TOKEN}\", consumerSecret: \"${env:TOKEN}\", token: \"${file:key.secret}\", \
         tokenSecret: \"${env:TOKEN}\"}",
    );
}

#[test]
fn keys_of_amazon_stay_secret() {
    check(
        "{type: awsSigV4, accessKeyId: \"${env:TOKEN}\", secretAccessKey: \"${env:TOKEN}\", sessionToken: \
         \"${file:key.secret}\", region: eu-west-1, service: execute-api}",
    );
}

#[test]
fn a_secret_that_cannot_be_sent_is_not_shown() {
    let server = HttpServer::start(|_| json(r#"{"data":[]}"#));
    let broken = [format!("{CANARY}\n\n{CANARY}"), format!("{CANARY}\u{7f}"), format!("{CANARY}\u{e9}\u{0}")];
    for authorization in [
        "{type: bearer, token: \"${file:key.secret}\"}",
        "{type: apiKey, header: X-Key, value: \"${file:key.secret}\"}",
        "{type: apiKey, query: key, value: \"${file:key.secret}\"}",
        "{type: basic, username: me, password: \"${file:key.secret}\"}",
    ] {
        let yaml = directory(authorization, (&server.url(), "{nextUrl: next}"));
        let environment = TestEnvironment::with(&[("raccord.yaml", &yaml)]).variable("RUST_LOG", "trace");
        environment.ok("apply --auto-approve");
        for secret in &broken {
            environment.write("key.secret", secret);
            for command in ASKING {
                assert_silent(&environment, command, authorization);
            }
        }
        assert_clean(environment.path(), authorization);
    }
}

#[test]
fn a_leak_is_noticed() {
    for text in [
        CANARY.to_owned(),
        "x Zq9".to_owned() + "Wx",
        // `me:` and the canary, and the canary and `:`.
        "Basic bWU6WnE5V3gtN2YzYSsvPSY8Iicl".to_owned(),
        "Basic WnE5V3gtN2YzYSsvPSY8IiclIGs6".to_owned(),
    ] {
        assert!(leak(text.as_bytes()).is_some(), "{text}");
    }
    assert!(leak(b"Basic bWU6c2VjcmV0").is_none());
}

fn percent_encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// A service that repeats the token, which came as a header, somewhere in its first page.
fn repeating(page: impl Fn(&str) -> serde_json::Value + Send + Sync + 'static) -> HttpServer {
    HttpServer::start(move |request| {
        let token = request.headers["authorization"].trim_start_matches("Bearer ").to_owned();
        match request.query.get("page").map(String::as_str) {
            Some("3") => answer(500, "Content-Type: text/plain", &token),
            Some("2") => json(r#"{"data": [{"id": "2"}], "next": "/people?page=3"}"#),
            _ => json(page(&token).to_string()),
        }
    })
}

/// What was read of a service with a bearer token, whose pages are paged in some way.
fn bearer(server: &HttpServer, pagination: &str) -> TestEnvironment {
    let yaml = directory("{type: bearer, token: \"${env:TOKEN}\"}", (&server.url(), pagination));
    let environment = TestEnvironment::with(&[("raccord.yaml", &yaml)]).variable("TOKEN", CANARY);
    environment.ok("apply --auto-approve");
    environment
}

#[test]
fn a_credential_in_a_next_link_is_not_kept_whatever_its_name() {
    for name in ["access_token", "t", "page%5Btoken%5D"] {
        let server = repeating(move |token| {
            let next = format!("/people?page=2&{name}={}", percent_encoded(token));
            serde_json::json!({"data": [{"id": "1"}], "next": next})
        });
        let environment = bearer(&server, "{nextUrl: next}");
        assert_silent(&environment, "run", name);
        assert_clean(environment.path(), name);
        assert_eq!(environment.ok("records crm.contact --output jsonl").lines().count(), 2, "{name}");
        let targets: Vec<String> = server.requests().iter().map(|request| request.target.clone()).collect();
        assert_eq!(targets[..3], ["/people", "/people?page=2", "/people?page=3"], "{name}");
    }
}

#[test]
fn a_place_that_cannot_be_cleaned_is_refused() {
    type Page = fn(&str) -> serde_json::Value;
    let in_path: Page = |token| {
        let next = format!("/{}/people?page=2", percent_encoded(token));
        serde_json::json!({"data": [{"id": "1"}], "next": next})
    };
    let as_cursor: Page = |token| serde_json::json!({"data": [{"id": "1"}], "next": token});
    let inside: Page = |token| serde_json::json!({"data": [{"id": "1"}], "next": format!("2:{token}:x")});
    for (pagination, page) in [
        ("{nextUrl: next}", in_path),
        ("{cursor: next, param: page}", as_cursor),
        ("{cursor: next, param: page}", inside),
    ] {
        let server = repeating(page);
        let environment = bearer(&server, pagination);
        assert_eq!(assert_silent(&environment, "run", pagination), Some(1));
        assert_clean(environment.path(), pagination);
        let failed = environment.json("runs --output json")[0]["outcome"].to_string();
        assert!(failed.contains("credential"), "{failed}");
    }
}

#[test]
fn a_next_link_to_another_origin_is_not_kept_and_the_next_run_goes_on() {
    let is_mended = Arc::new(Mutex::new(false));
    let mended = Arc::clone(&is_mended);
    let server = HttpServer::start(move |request| {
        let next =
            if *mended.lock().unwrap() { "/people?page=2" } else { "http://elsewhere.example/people?page=2" };
        match request.query.get("page") {
            Some(_) => json(r#"{"data": [{"id": "2"}]}"#),
            None => json(serde_json::json!({"data": [{"id": "1"}], "next": next}).to_string()),
        }
    });
    let environment = bearer(&server, "{nextUrl: next}");
    for _ in 0..2 {
        let said = environment.fails(1, "run");
        assert!(said.contains("allowedOrigins"), "{said}");
    }
    *is_mended.lock().unwrap() = true;
    environment.ok("run");
    assert_eq!(environment.ok("records crm.contact --output jsonl").lines().count(), 2);
}

#[test]
fn a_credential_in_a_record_is_masked_where_the_record_is_rejected() {
    let server = repeating(|token| {
        serde_json::json!({"data": [
            {"id": "0"},
            {"id": "1", "age": token},
            {"id": "2", "age": format!("x{token}y")},
            {"name": token},
            {"id": null, token: token},
            token,
        ]})
    });
    let environment = bearer(&server, "{nextUrl: next}");
    environment.replace("raccord.yaml", "name: text", "name: text, age: integer");
    environment.replace("raccord.yaml", "name: name", "name: name, age: age");
    environment.ok("apply --auto-approve");
    assert_silent(&environment, "run", "rejects");
    for command in
        ["rejects list", "rejects list --output json", "rejects list --output csv", "rejects replay people"]
    {
        assert_silent(&environment, command, "rejects");
    }
    assert_eq!(environment.json("rejects list --output json").as_array().unwrap().len(), 5);
    assert_clean(environment.path(), "rejects");
}

#[test]
fn a_credential_in_the_record_around_a_rejected_one_is_masked() {
    let server = repeating(
        |token| serde_json::json!({"data": [{"said": token, "positions": [{"id": "0"}, {"id": "1", "age": "x"}, {"name": "x"}]}]}),
    );
    let environment = bearer(&server, "{nextUrl: next}");
    environment.replace("raccord.yaml", "name: text", "name: text, age: integer");
    environment.replace("raccord.yaml", "name: name", "name: name, age: age");
    environment.replace("raccord.yaml", "records: data", "records: 'data[*].positions'");
    environment.ok("apply --auto-approve");
    assert_silent(&environment, "run", "around rejects");
    let rejects = environment.json("rejects list --output json");
    assert_eq!(rejects.as_array().unwrap().len(), 2, "{rejects:#}");
    for reject in rejects.as_array().unwrap() {
        let command = format!("rejects show {}", reject["id"].as_str().unwrap());
        assert_silent(&environment, &command, "around rejects");
        assert!(environment.ok(&command).contains("***"), "{command}");
    }
    assert_clean(environment.path(), "around rejects");
}
