//! The audit log: who changed something over which way, and who was not allowed to.

use raccord_model::fact::{AuditEntry, Role};
use raccord_serve::request::Text;
use raccord_serve::{Reply, Request};
use serde_json::json;

use crate::stage::{Server, send, shop};

async fn entries(server: &Server) -> Vec<String> {
    let replies = server.locally(Request::Audit { limit: 100 }).await.unwrap();
    let line = |reply| match reply {
        Reply::Audit(AuditEntry { who, way, what, outcome, .. }) => {
            format!("{} {who}: {what}: {}: {}", way.as_str(), outcome.as_str(), outcome.detail())
        }
        other => panic!("{other:?}"),
    };
    replies.into_iter().map(line).rev().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_something_is_written_down_and_what_looks_is_not() {
    let server = Server::start().await;
    let ci = server.token("ci", &[Role::Apply]).await;
    let reader = server.token("reader", &[Role::Read]).await;
    send(server.post("/v1/plan", &ci, &shop(""))).await.expect(200);
    send(server.post("/v1/apply?serial=0", &ci, &shop(""))).await.expect(200);
    send(server.post("/v1/apply?serial=0&allowDelete", &ci, &shop(""))).await.expect_problem(409);
    send(server.get("/v1/status", &reader)).await.expect(200);
    send(server.post("/v1/apply?serial=1", &reader, &shop(""))).await.expect_problem(403);
    send(server.post("/v1/requests", &reader, &json!({ "run": { "integrations": ["shop"] } })))
        .await
        .expect_problem(403);
    send(server.post("/v1/requests", &ci, &json!("tokens"))).await.expect_problem(403);
    let name = || "shop".parse().unwrap();
    let pause =
        Request::Pause { integration: name(), until: None, reason: Some(Text::cut("a secret reason")) };
    server.locally(pause).await.unwrap();
    let resume = Request::Resume { integration: name(), by: Some(Text::cut("zoe@laptop")) };
    server.locally(resume).await.unwrap();
    server.locally(Request::RevokeToken { name: "reader".parse().unwrap() }).await.unwrap();
    let expected = [
        "local a user of the machine: create the token ci for apply: done: the token was shown once",
        "local a user of the machine: create the token reader for read: done: the token was shown once",
        "http ci (token): apply default on serial 0: done: generation 1",
        "http ci (token): apply default on serial 0 --allow-delete: failed: the state has moved since the plan was made: serial 1 is in force, the plan was made on 0",
        "http reader (token): Apply a configuration: refused: the token `reader` does not have the role apply",
        "http reader (token): run shop: refused: the token `reader` does not have the role operate",
        "http ci (token): see tokens: refused: the token `ci` does not have the role operate",
        "local a user of the machine: pause shop: done: shop is paused until it is resumed",
        "local zoe@laptop: resume shop: done: shop is resumed; it was paused",
        "local a user of the machine: revoke the token reader: done: the token reader is revoked",
    ];
    assert_eq!(entries(&server).await, expected);
    let all = entries(&server).await.join("\n");
    assert!(!all.contains(&ci[4..]) && !all.contains(&reader[4..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_acts_in_somebody_elses_name() {
    let server = Server::start().await;
    let ci = server.token("ci", &[Role::Apply]).await;
    send(server.post("/v1/apply?serial=0", &ci, &shop(""))).await.expect(200);
    let lines =
        send(server.post("/v1/requests", &ci, &json!({ "generation": { "number": 1 } }))).await.expect(200);
    let line: serde_json::Value = serde_json::from_str(lines.text.lines().next().unwrap()).unwrap();
    let mut desired = line["reply"]["desired"].clone();
    desired["resources"].as_object_mut().unwrap().remove("Integration/shop");
    let options =
        json!({ "plan": { "allowDelete": true }, "serial": 1, "by": "the director", "rollbackTo": null });
    let apply = json!({ "apply": [desired, options] });
    send(server.post("/v1/requests", &ci, &apply)).await.expect(200);
    let history = send(server.get("/v1/history?limit=1", &ci)).await.expect(200).json();
    assert_eq!(
        (&history["generations"][0]["number"], &history["generations"][0]["by"]),
        (&json!(2), &json!("ci (token)"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_token_cannot_fill_the_log_with_refusals() {
    let server = Server::start().await;
    let reader = server.token("reader", &[Role::Read]).await;
    for _ in 0..100 {
        send(server.post("/v1/plan", &reader, &shop(""))).await.expect_problem(403);
    }
    let refused = entries(&server).await.into_iter().filter(|entry| entry.contains("refused")).count();
    assert_eq!(refused, usize::try_from(raccord_serve::http::MAX_ATTEMPTS).unwrap());
}
