//! What is too much: slow heads and bodies, too many connections, and answers that nobody reads.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use raccord_engine::http::{Limits, MAX_CONFIGURATION};
use raccord_model::fact::Role;
use serde_json::json;

use crate::stage::{Act, Server, loopback, send};

/// Long enough for a busy machine, short enough for a test.
const SOON: Duration = Duration::from_secs(1);

fn connect(server: &Server, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    stream
}

/// What comes until the server closes the connection.
async fn rest(mut stream: TcpStream) -> String {
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
    // Nobody reads the body of a stranger.
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

#[tokio::test(flavor = "multi_thread")]
async fn a_number_of_connections_is_open_and_no_more() {
    let limits = Limits { connections: 2, ..Limits::default() };
    let server = Server::limited(loopback(), limits).await;
    let open = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut kept = Vec::new();
    for _ in 0..2 {
        let mut stream = connect(&server, open);
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        kept.push(stream);
    }
    assert_eq!(rest(connect(&server, open)).await, "");
    drop(kept);
    crate::stage::wait_until("a place is free", async || {
        rest(connect(&server, "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"))
            .await
            .contains("200 OK")
    })
    .await;
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
    // Whoever goes away does not end what was begun; the places are free when it has ended.
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
