//! What is too much: slow heads and bodies, too many connections, and answers that are not read.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use raccord_model::fact::Role;
use raccord_serve::http::{Limits, MAX_CONFIGURATION, MAX_QUESTION, MAX_VALUES};
use serde_json::json;

use crate::stage::{Act, Server, loopback, send};

/// Long enough for a busy machine, short enough for a test.
const SOON: Duration = Duration::from_secs(1);

pub(crate) fn connect(server: &Server, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    stream
}

/// What comes until the server closes the connection.
pub(crate) async fn rest(mut stream: TcpStream) -> String {
    let read = tokio::task::spawn_blocking(move || {
        let mut all = Vec::new();
        // A reset is an end too.
        drop(stream.read_to_end(&mut all));
        String::from_utf8_lossy(&all).into_owned()
    });
    read.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_slow_is_not_waited_for() {
    let limits = Limits { head_time: SOON, body_time: SOON, upload_time: SOON, ..Limits::default() };
    let server = Server::limited(loopback(), limits).await;
    let token = server.token("ci", &Role::ALL).await;
    assert_eq!(rest(connect(&server, "")).await, "");
    let answer = rest(connect(&server, "GET /healthz HTTP/1.1\r\nHost: a\r\nX-Slow: ")).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
    let head = |path: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{"
        )
    };
    for path in ["/v1/requests", "/v1/plan", "/v1/integrations/shop/pause", "/hooks/crm/boutique"] {
        let answer = rest(connect(&server, &head(path))).await;
        assert!(answer.starts_with("HTTP/1.1 408"), "{path}: {answer}");
    }
    // The body of a stranger is not read.
    let stranger = head("/v1/plan").replace("Bearer rcd_", "Bearer no_");
    assert!(rest(connect(&server, &stranger)).await.starts_with("HTTP/1.1 401"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_is_too_large_is_refused() {
    let server = Server::start().await;
    let text = format!("GET /healthz HTTP/1.1\r\nHost: a\r\nX-Large: {}\r\n\r\n", "x".repeat(64 << 10));
    let answer = rest(connect(&server, &text)).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
}

const HEALTH: &str = "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

/// A connection that has been answered once and is kept.
fn kept(server: &Server) -> TcpStream {
    let mut stream = connect(server, &HEALTH.replace("Connection: close\r\n", ""));
    let mut answer = Vec::new();
    let mut part = [0; 4096];
    while !answer.ends_with(b"ok\n") {
        let length = stream.read(&mut part).unwrap();
        assert_ne!(length, 0, "{}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&part[..length]);
    }
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_makes_room_for_whoever_asks() {
    let limits = Limits { connections: 3, connections_of_one: 2, ..Limits::default() };
    let server = Server::limited(loopback(), limits).await;
    let token = server.token("ci", &Role::ALL).await;
    // One that waits for nothing, one in the middle of a body, one that is being answered. The first two have been
    // answered before, so that it is known in which order the connections came in.
    let idle = kept(&server);
    let mut slow = kept(&server);
    slow.write_all(b"POST /hooks/crm/boutique HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{").unwrap();
    server.act(Act::Wait);
    let text = format!(
        "POST /v1/requests HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: 8\r\n\r\n\"status\""
    );
    let mut answered = connect(&server, &text);
    let mut byte = [0];
    answered.read_exact(&mut byte).unwrap();
    for _ in 0..10 {
        let answer = rest(connect(&server, HEALTH)).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    assert_eq!((rest(idle).await, rest(slow).await), (String::new(), String::new()));
    answered.set_nonblocking(true).unwrap();
    // What it waits for may have come; an end has not.
    let more = std::iter::from_fn(|| answered.read(&mut [0; 4096]).ok()).find(|length| *length == 0);
    assert_eq!(more, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn health_is_told_while_every_place_is_taken() {
    let limits = Limits { requests: 1, ..Limits::default() };
    let server = Server::limited(loopback(), limits).await;
    let token = server.token("ci", &Role::ALL).await;
    server.act(Act::Wait);
    let waiting = server.post("/v1/requests", &token, &json!("status")).send().await.unwrap();
    send(server.get("/v1/status", &token)).await.expect_problem(503);
    for path in ["/healthz", "/readyz", "/v1/openapi.json"] {
        send(server.request(reqwest::Method::GET, path)).await.expect(200);
    }
    drop(waiting);
}

/// A body that is on its way takes no place.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_takes_a_place_once_it_is_there() {
    let limits = Limits { requests: 1, ..Limits::default() };
    let server = Server::limited(loopback(), limits).await;
    let token = server.token("ci", &Role::ALL).await;
    let slow: Vec<_> = ["/hooks/crm/boutique", "/v1/requests", "/v1/plan", "/v1/integrations/shop/pause"]
        .iter()
        .map(|path| {
            let head = format!(
                "POST {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\
                 Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{"
            );
            connect(&server, &head)
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(100)).await;
    send(server.get("/v1/status", &token)).await.expect(200);
    drop(slow);
}

#[tokio::test(flavor = "multi_thread")]
async fn four_uploads_of_one_token_keep_no_other_from_theirs() {
    let server = Server::start().await;
    let (one, two) = (server.token("one", &[Role::Plan]).await, server.token("two", &[Role::Plan]).await);
    let text = " ".repeat(MAX_QUESTION + 1);
    let head = format!(
        "POST /v1/plan HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {one}\r\n\
         Content-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{text}"
    );
    let slow: Vec<_> = (0..4).map(|_| connect(&server, &head)).collect();
    tokio::time::sleep(Duration::from_millis(100)).await;
    send(server.post("/v1/plan", &two, &crate::stage::shop(""))).await.expect(200);
    drop(slow);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_token_may_send_is_what_its_role_needs() {
    let server = Server::start().await;
    let read = server.token("read", &[Role::Read]).await;
    let plan = server.token("plan", &[Role::Plan]).await;
    let check = async |token: &str, path: &str, beginning: &str, length: usize, expected: &str| {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{beginning}"
        );
        let answer = rest(connect(&server, &head)).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {expected}")), "{beginning}: {answer}");
    };
    let padded = |tag: &str| format!("{{\"{tag}\": [{}", " ".repeat(300));
    // What is refused is refused before the rest is there.
    for tag in ["plan", "apply", "sample", "look"] {
        check(&read, "/v1/requests", &padded(tag), MAX_CONFIGURATION, "403").await;
    }
    check(&plan, "/v1/requests", &padded("apply"), MAX_CONFIGURATION, "403").await;
    check(&read, "/v1/plan", "{", MAX_CONFIGURATION, "403").await;
    for tag in ["pause", "runs", "nothing"] {
        check(&plan, "/v1/requests", &padded(tag), MAX_QUESTION + 1, "413").await;
    }
    let operate = server.token("operate", &[Role::Operate]).await;
    check(&operate, "/v1/integrations/shop/pause", "{", MAX_QUESTION + 1, "413").await;
    let reason = json!({ "pause": { "integration": "shop", "until": null, "reason": "x".repeat(501) } });
    send(server.post("/v1/requests", &operate, &reason)).await.expect_problem(400);
    let many = format!("[{}1]", "1,".repeat(MAX_VALUES));
    let answer = send(server.post("/v1/plan", &plan, &json!(null)).body(many)).await;
    answer.expect_problem(413);
    let many = format!("apiVersion: raccord/v1\nkind: Stack\nx: [{}]\n---\n", "1,".repeat(90_000)).repeat(3);
    let yaml = server.post("/v1/plan", &plan, &json!(null)).body(many);
    let problem = send(replaced(yaml, "application/yaml")).await.expect_problem(422);
    assert!(problem["diagnostics"].to_string().contains("more than 200000 values"), "{problem}");
}

/// The same request with a body of another media type.
fn replaced(request: reqwest::RequestBuilder, media: &'static str) -> reqwest::RequestBuilder {
    request.headers(std::iter::once((reqwest::header::CONTENT_TYPE, media.parse().unwrap())).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_of_requests_is_answered_and_the_others_come_back_later() {
    let limits = Limits { requests: 2, ..Limits::default() };
    let server = Server::limited(loopback(), limits).await;
    let token = server.token("ci", &Role::ALL).await;
    server.act(Act::Wait);
    let id = |at: u8| format!("0198c0de-0000-7000-8000-00000000000{at}");
    let ask =
        |at: u8| server.post("/v1/requests", &token, &json!("status")).header("raccord-request", id(at));
    let (one, two) = (ask(1).send().await.unwrap(), ask(2).send().await.unwrap());
    let answer = send(server.get("/v1/status", &token)).await;
    answer.expect_problem(503);
    assert_eq!(answer.header("retry-after"), "5");
    // A client that goes away does not end what was begun; the places are free when it has ended.
    drop((one, two));
    send(server.get("/v1/status", &token)).await.expect_problem(503);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_asked_is_done_although_nobody_reads_the_answer() {
    let server = Server::start().await;
    let token = server.token("ci", &Role::ALL).await;
    server.act(Act::Long(20_000, 1000));
    let mut ended = server.stage.ended.subscribe();
    ended.mark_unchanged();
    let response = server.post("/v1/requests", &token, &json!("status")).send().await.unwrap();
    drop(response);
    tokio::time::timeout(Duration::from_secs(30), ended.changed()).await.expect("it ends").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_stalls_does_not_hold_up_what_it_asked() {
    let server = Server::limited(loopback(), Limits { stall_time: SOON, ..Limits::default() }).await;
    let token = server.token("ci", &Role::ALL).await;
    server.act(Act::Long(20_000, 1000));
    let mut ended = server.stage.ended.subscribe();
    ended.mark_unchanged();
    let text = format!(
        "POST /v1/requests HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: 8\r\n\r\n\"status\""
    );
    let stalled = connect(&server, &text);
    tokio::time::timeout(Duration::from_secs(30), ended.changed()).await.expect("it ends").unwrap();
    drop(stalled);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_refused_early_sees_why() {
    let server = Server::start().await;
    let large = "x".repeat(8 << 20);
    for _ in 0..20 {
        let post = |path: &str| server.request(reqwest::Method::POST, path).body(large.clone());
        send(post("/hooks/crm/boutique")).await.expect(413);
        send(post("/v1/plan")).await.expect_problem(401);
        send(post("/v1/nothing")).await.expect_problem(404);
    }
    let token = server.token("ci", &[Role::Plan]).await;
    let head = format!(
        "POST /v1/plan HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        MAX_CONFIGURATION + 1
    );
    // What is announced is enough.
    assert!(rest(connect(&server, &head)).await.starts_with("HTTP/1.1 413"));
}
