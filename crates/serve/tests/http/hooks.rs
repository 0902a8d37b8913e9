//! Webhooks: a push arrives as it was sent, and its sender learns a status and nothing else.

use std::time::Duration;

use raccord_serve::http::{MAX_BODY, Received};
use reqwest::Method;

use crate::limits::{connect, rest};
use crate::stage::{Answer, Server, send};

async fn push(server: &Server, path: &str, body: Vec<u8>) -> Answer {
    let request = server.request(Method::POST, path).header("x-signature", "abc").body(body);
    send(request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_arrives_as_it_was_sent() {
    let server = Server::start().await;
    let body = b"{ \"id\" : 1 }\n\xff".to_vec();
    let answer =
        push(&server, "/hooks/crm/boutique/customers/customer.created", body.clone()).await.expect(204);
    assert_eq!(answer.text, "");
    push(&server, "/hooks/crm/boutique", Vec::new()).await.expect(204);
    let pushes = server.stage.pushes.lock().unwrap();
    let [one, two] = pushes.as_slice() else { panic!("{pushes:?}") };
    assert_eq!((one.stack.as_str(), one.source.as_str()), ("crm", "boutique"));
    assert_eq!(one.data_type.as_ref().unwrap().as_str(), "customers");
    assert_eq!(one.event.as_deref(), Some("customer.created"));
    assert_eq!((&one.body[..], one.headers["x-signature"].to_str().unwrap()), (&body[..], "abc"));
    assert!(one.peer.is_loopback());
    assert_eq!((two.data_type.as_ref(), two.event.as_ref(), two.body.len()), (None, None, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_learns_nothing_but_a_status() {
    let server = Server::start().await;
    let cases = [
        (Received::Accepted, 204, ""),
        (Received::Replayed, 204, ""),
        (Received::Ignored, 204, ""),
        (Received::Refused, 403, ""),
        (Received::Unreadable, 400, ""),
        (Received::TooLarge, 413, ""),
        (Received::TooMany { retry_after: Duration::from_secs(7) }, 429, "7"),
        (Received::TooMany { retry_after: Duration::from_millis(1) }, 429, "1"),
        (Received::Unavailable, 503, "5"),
    ];
    for (received, status, again) in cases {
        *server.stage.received.lock().unwrap() = received;
        let answer = push(&server, "/hooks/crm/boutique", b"{}".to_vec()).await;
        assert_eq!((answer.status, answer.text.as_str()), (status, ""), "{received:?}");
        assert_eq!(answer.header("retry-after"), again, "{received:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_cannot_be_is_refused_like_one_that_is_not_there() {
    let server = Server::start().await;
    let long = format!("/hooks/crm/boutique/customers/{}", "x".repeat(200));
    for path in ["/hooks/CRM/boutique", "/hooks/crm/boutique/a%2Fb/created", "/hooks/crm/b/c/%00", &long] {
        let answer = push(&server, path, b"{}".to_vec()).await;
        assert_eq!((answer.status, answer.text.as_str()), (403, ""), "{path}");
    }
    assert!(server.stage.pushes.lock().unwrap().is_empty());
    let answer = push(&server, "/hooks/crm/boutique", vec![b' '; MAX_BODY + 1]).await;
    assert_eq!((answer.status, answer.text.as_str()), (413, ""));
}

/// A service may have its key there, and what else it likes.
#[tokio::test(flavor = "multi_thread")]
async fn the_query_is_handed_on_as_it_came() {
    let server = Server::start().await;
    for path in ["/hooks/crm/boutique?key=a%20b&x=1", "/hooks/crm/boutique"] {
        push(&server, path, b"{}".to_vec()).await;
    }
    let pushes = server.stage.pushes.lock().unwrap();
    let queries: Vec<_> = pushes.iter().map(|push| push.query.as_deref()).collect();
    assert_eq!(queries, [Some("key=a%20b&x=1"), None]);
}

#[tokio::test(flavor = "multi_thread")]
async fn as_much_is_read_of_a_delivery_wherever_it_goes() {
    let server = Server::start().await;
    *server.stage.largest_push.lock().unwrap() = 2 * MAX_BODY;
    for source in ["boutique", "nowhere"] {
        for (length, status, told) in [(2 * MAX_BODY, 204, 0), (2 * MAX_BODY + 1, 413, 1)] {
            let answer = push(&server, &format!("/hooks/crm/{source}"), vec![b' '; length]).await;
            assert_eq!((answer.status, answer.text.as_str()), (status, ""), "{length}");
            assert_eq!(server.stage.too_large.lock().unwrap().drain(..).count(), told, "the log says why");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_its_head_refuses_is_not_read() {
    let server = Server::start().await;
    let head =
        "POST /hooks/crm/guarded HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 1000000\r\n\r\n";
    let answer = rest(connect(&server, head)).await;
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    assert!(server.stage.pushes.lock().unwrap().is_empty());
}
