//! What `--server` asks through: an answer as it comes, failures as they are, an early end.

use std::time::Duration;

use raccord_model::fact::Role;
use raccord_serve::http::client::{ClientError, Remote};
use raccord_serve::{Failure, FailureCode, Reply, Request};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::watch;
use uuid::Uuid;

use crate::stage::{Act, Server, send};

/// Asks a server; the answer whole.
async fn ask(
    server: &str,
    token: &str,
    request: &Request,
) -> Result<Result<Vec<Reply>, Failure>, ClientError> {
    let (_stop, stopped) = watch::channel(false);
    let remote = Remote::new(server, &token.into(), false)?;
    let mut found = Vec::new();
    let mut replies = |reply| found.push(reply);
    let answered = remote.ask((Uuid::from_u128(7), request), stopped, &mut replies).await?;
    Ok(answered.map(|()| found))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_comes_whole_however_long_it_is() {
    let server = Server::start().await;
    let token = server.token("ci", &[Role::Read]).await;
    server.act(Act::Long(50_000, 400));
    let replies = ask(&server.url(""), &token, &Request::Status).await.unwrap().unwrap();
    assert_eq!(replies.len(), 50_000);
    for (at, reply) in replies.iter().enumerate() {
        assert!(matches!(reply, Reply::Done(text) if text.len() == 400 && text.parse::<usize>() == Ok(at)));
    }
    // One part that is larger than every buffer on the way.
    server.act(Act::Long(2, 20 << 20));
    let replies = ask(&server.url(""), &token, &Request::Status).await.unwrap().unwrap();
    assert!(matches!(replies.as_slice(), [_, Reply::Done(text)] if text.len() == 20 << 20));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_the_one_that_the_engine_gave() {
    let server = Server::start().await;
    let url = server.url("");
    let token = server.token("ci", &[Role::Operate]).await;
    let resume = Request::Resume { integration: "shp".parse().unwrap(), by: None };
    let failure = ask(&url, &token, &resume).await.unwrap().unwrap_err();
    assert_eq!(failure.code, FailureCode::Unknown);
    assert!(failure.message.contains("no integration `shp`"), "{failure}");
    let failure = ask(&url, &token, &Request::Tokens).await.unwrap().unwrap_err();
    assert_eq!(failure.code, FailureCode::Forbidden);
    let failure = ask(&url, "rcd_nobody", &Request::Status).await.unwrap().unwrap_err();
    assert_eq!(failure.code, FailureCode::Unauthenticated);
    assert!(!failure.message.contains("nobody_"), "{failure}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_protocol_is_refused_in_words() {
    let server = Server::start().await;
    let token = server.token("ci", &[Role::Read]).await;
    let request = server.post("/v1/requests", &token, &json!("status"));
    let problem = send(request.header("raccord-protocol", "99")).await.expect_problem(400);
    assert_eq!(problem["code"], "version");
    assert!(problem["detail"].as_str().unwrap().contains("use the same version"), "{problem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_early_end_reaches_what_is_under_way() {
    let server = Server::start().await;
    let token = server.token("ci", &[Role::Read]).await;
    server.act(Act::Wait);
    let remote = Remote::new(&server.url(""), &token.as_str().into(), false).unwrap();
    let (stop, stopped) = watch::channel(false);
    let mut said = Vec::new();
    let mut replies = |reply| {
        if let Reply::Done(text) = reply {
            // The person who reads this wants no more.
            stop.send_replace(true);
            said.push(text);
        }
    };
    let asking = remote.ask((Uuid::from_u128(7), &Request::Status), stopped, &mut replies);
    tokio::time::timeout(Duration::from_secs(30), asking).await.expect("it ends").unwrap().unwrap();
    assert_eq!(said, ["begun", "stopped"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_whoever_asked_may_ask_for_an_early_end() {
    let server = Server::start().await;
    let (mine, other) =
        (server.token("mine", &[Role::Read]).await, server.token("other", &[Role::Read]).await);
    server.act(Act::Wait);
    let id = "0198c0de-0000-7000-8000-000000000001";
    let ask = || server.post("/v1/requests", &mine, &json!("status")).header("raccord-request", id);
    let mut response = ask().send().await.unwrap();
    let stop = |token: &str, id: &str| {
        server.request(reqwest::Method::DELETE, &format!("/v1/requests/{id}")).bearer_auth(token)
    };
    send(stop(&other, id)).await.expect_problem(404);
    send(stop(&mine, "0198c0de-0000-7000-8000-000000000002")).await.expect_problem(404);
    send(ask()).await.expect_problem(409);
    send(stop(&mine, id)).await.expect(204);
    let mut text = Vec::new();
    while let Some(chunk) = response.chunk().await.unwrap() {
        text.extend_from_slice(&chunk);
    }
    assert!(String::from_utf8(text).unwrap().ends_with("{\"reply\":{\"done\":\"stopped\"}}\n\"done\"\n"));
    send(stop(&mine, id)).await.expect_problem(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_under_way_ends_before_the_server_does() {
    let mut server = Server::start().await;
    let token = server.token("ci", &[Role::Read]).await;
    server.act(Act::Wait);
    let id = "0198c0de-0000-7000-8000-000000000001";
    let asking = server.post("/v1/requests", &token, &json!("status")).header("raccord-request", id);
    let response = asking.send().await.unwrap();
    let stop = server.request(reqwest::Method::DELETE, &format!("/v1/requests/{id}")).bearer_auth(&token);
    send(stop).await.expect(204);
    server.stop().await.unwrap();
    assert!(response.text().await.unwrap().contains("stopped"));
    assert!(server.get("/healthz", &token).send().await.unwrap_err().is_connect());
}

/// A server that says one thing and closes the connection.
async fn says(text: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut buffer = [0; 4096];
            let read = stream.read(&mut buffer).await;
            assert!(read.is_ok());
            drop(stream.write_all(text.as_bytes()).await);
        }
    });
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_no_raccord_is_told_apart() {
    crate::stage::provider();
    let check = async |text: &'static str, expected: fn(&ClientError) -> bool| {
        let error = ask(&says(text).await, "rcd_secret", &Request::Status).await.unwrap_err();
        assert!(expected(&error), "{text:?}: {error:?}");
        assert!(!format!("{error} {error:?}").contains("secret"));
    };
    check(
        "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 6\r\n\r\n<html>",
        |error| matches!(error, ClientError::Status(_, status) if *status == 502),
    )
    .await;
    // Where a redirect leads, the token does not go.
    check(
        "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n",
        |error| matches!(error, ClientError::Status(_, status) if *status == 302),
    )
    .await;
    check("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>", |error| {
        matches!(error, ClientError::Cut(..))
    })
    .await;
    check("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n<html>\n", |error| {
        matches!(error, ClientError::Answer(..))
    })
    .await;
    check("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"reply\":{\"done\":\"a\"}}\n", |error| {
        matches!(error, ClientError::Cut(..))
    })
    .await;
    let error = ask("http://127.0.0.1:9", "rcd_secret", &Request::Status).await.unwrap_err();
    assert!(matches!(error, ClientError::Reach { .. }), "{error:?}");
}
