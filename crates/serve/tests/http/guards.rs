//! Every route of the table refuses a caller that may not ask: no token, none that is right, one without the role. The
//! table itself is walked, so that no route can be forgotten.

use jiff::SignedDuration;
use raccord_model::fact::Role;
use raccord_model::port::environment::Environment as _;
use raccord_serve::Request;
use raccord_serve::http::parameter::{Kind, Place};
use raccord_serve::http::route::{Body, Guard, Method, ROUTES, Route};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::stage::{Server, loopback, send, shop};

const ID: &str = "0198c0de-0000-7000-8000-000000000000";

/// A request of a route that is well formed.
fn asked(server: &Server, route: &Route) -> RequestBuilder {
    let mut path = route.path.to_owned();
    let mut query = Vec::new();
    for parameter in route.parameters.iter().filter(|parameter| parameter.is_required) {
        let value = match parameter.kind {
            Kind::Flag => "true".to_owned(),
            Kind::Number(..) | Kind::Protocol => "0".to_owned(),
            Kind::Name | Kind::DataType | Kind::Word(_) => "shop".to_owned(),
            Kind::Id => ID.to_owned(),
            Kind::Digest => "0".repeat(64),
            Kind::Keys => "Transfer/customers".to_owned(),
            Kind::ResourceKind => "Transfer".to_owned(),
            Kind::Entity => "shop.customer".to_owned(),
            Kind::Conditions => "id=1".to_owned(),
            Kind::Page => String::new(),
            Kind::RejectId => "0".repeat(16),
            Kind::Text(_) | Kind::Texts => "any".to_owned(),
        };
        match parameter.place {
            Place::Path => path = path.replace(&format!("{{{}}}", parameter.name), &value),
            Place::Query => query.push(format!("{}={value}", parameter.name)),
            Place::Header => {}
        }
    }
    let method = match route.method {
        Method::Get => reqwest::Method::GET,
        Method::Post => reqwest::Method::POST,
        Method::Delete => reqwest::Method::DELETE,
    };
    let request = server.request(method, &format!("{path}?{}", query.join("&")));
    let with = |body: Value| {
        request.try_clone().unwrap().header("content-type", "application/json").body(body.to_string())
    };
    match route.body {
        Body::None | Body::Pause => request,
        Body::Configuration => with(shop("")),
        Body::Request => with(json!("status")),
        Body::Push => with(json!({})),
    }
}

/// Routes that need a token, each with the role that the request of [`asked`] needs.
fn guarded() -> impl Iterator<Item = (&'static Route, Role)> {
    ROUTES.iter().filter_map(|route| match route.guard {
        Guard::Open | Guard::Details | Guard::Signature => None,
        Guard::Metrics => Some((route, Role::Metrics)),
        Guard::PerRequest => Some((route, Role::Read)),
        Guard::Role(role) => Some((route, role)),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_refuses_whoever_has_no_token_that_is_right() {
    let server = Server::start().await;
    let soon = server.clock.now().checked_add(SignedDuration::from_hours(1)).unwrap();
    let expired = server.token_until("expired", &Role::ALL, Some(soon)).await;
    let revoked = server.token("revoked", &Role::ALL).await;
    for token in [&expired, &revoked] {
        send(server.get("/v1/status", token)).await.expect(200);
    }
    server.clock.advance(SignedDuration::from_hours(1));
    server.locally(Request::RevokeToken { name: "revoked".parse().unwrap() }).await.unwrap();
    let never = format!("rcd_{}", "A".repeat(43));
    let mut walked = 0;
    for (route, _) in guarded() {
        let with = |value: &str| asked(&server, route).header("authorization", value);
        let refused = [
            asked(&server, route),
            with(""),
            with("Bearer"),
            with("Bearer garbage"),
            with(&format!("Basic {expired}")),
            with(&expired),
            with(&format!("Bearer {}x", &expired[..expired.len() - 1])),
            with(&format!("Bearer {expired}")),
            with(&format!("Bearer {revoked}")),
            with(&format!("Bearer {never}")).header("authorization", "Bearer garbage"),
        ];
        for request in refused {
            let answer = send(request).await;
            let problem = answer.expect_problem(401);
            assert_eq!(problem["code"], "unauthenticated", "{}", route.path);
            assert!(answer.header("www-authenticate").starts_with("Bearer"), "{}", route.path);
            for token in [&expired, &revoked] {
                assert!(!answer.text.contains(&token[4..]), "{}", answer.text);
            }
        }
        walked += 1;
        // Each route begins a minute of its own: no address may try so many tokens in one.
        server.clock.advance(SignedDuration::from_mins(1));
    }
    assert!(walked > 10, "the table has only {walked} guarded routes");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_refuses_a_token_without_its_role_and_takes_one_with_it() {
    let server = Server::start().await;
    let mut tokens = Vec::new();
    for role in Role::ALL {
        tokens.push((role, server.token(role.as_str(), &[role]).await));
    }
    for (route, required) in guarded() {
        for (role, token) in &tokens {
            let answer = send(asked(&server, route).bearer_auth(token)).await;
            if role.includes(required) {
                assert!(!matches!(answer.status, 401 | 403), "{} with {role}: {answer:?}", route.path);
            } else {
                let problem = answer.expect_problem(403);
                assert_eq!(problem["code"], "forbidden");
                assert!(problem["detail"].as_str().unwrap().contains(required.as_str()), "{problem}");
            }
        }
    }
}

/// One request of every sort, with the role it needs; `None` is never taken over HTTP.
fn every_request() -> Vec<(Value, Option<Role>)> {
    let desired = json!({ "stack": "default", "root": "/", "resources": {} });
    let apply = json!({ "plan": {}, "serial": 0, "by": "somebody else", "rollbackTo": null });
    let accept =
        json!({ "options": {}, "serial": 0, "configuration": "0".repeat(64), "by": "somebody else" });
    let look = json!({ "desired": desired, "at": { "check": "shop" }, "limit": 1 });
    vec![
        (json!("head"), Some(Role::Read)),
        (json!({ "plan": [desired, {}] }), Some(Role::Plan)),
        (json!({ "apply": [desired, apply] }), Some(Role::Apply)),
        (json!("pending"), Some(Role::Read)),
        (json!({ "acceptPending": accept }), Some(Role::Apply)),
        (json!({ "history": { "limit": 1 } }), Some(Role::Read)),
        (json!({ "generation": { "number": 1 } }), Some(Role::Read)),
        (json!({ "difference": { "generation": 1 } }), Some(Role::Read)),
        (json!({ "planRollback": { "generation": 1, "options": {} } }), Some(Role::Plan)),
        (
            json!({ "rollback": { "generation": 1, "options": {}, "serial": 0, "by": "somebody else" } }),
            Some(Role::Apply),
        ),
        (json!({ "resource": "Transfer/customers" }), Some(Role::Read)),
        (json!("entities"), Some(Role::Read)),
        (json!({ "entitiesOf": { "text": "shop", "limit": 1 } }), Some(Role::Read)),
        (json!("flows"), Some(Role::Read)),
        (json!("problems"), Some(Role::Read)),
        (json!({ "run": { "integrations": [] } }), Some(Role::Operate)),
        (json!({ "overview": { "text": "shop", "limit": 1 } }), Some(Role::Read)),
        (json!("status"), Some(Role::Read)),
        (json!({ "statusOf": { "transfer": "customers" } }), Some(Role::Read)),
        (json!({ "runs": { "transfer": null, "limit": 1 } }), Some(Role::Read)),
        (json!({ "records": { "entity": "shop.customer", "filter": [], "limit": 1 } }), Some(Role::Read)),
        (json!({ "explain": { "entity": "shop.customer", "key": ["1"] } }), Some(Role::Read)),
        (json!({ "sample": { "desired": desired, "transfers": [], "limit": 1 } }), Some(Role::Operate)),
        (json!({ "rejects": { "transfer": null, "id": null, "limit": 1 } }), Some(Role::Read)),
        (json!({ "rejectSummary": { "transfer": null } }), Some(Role::Read)),
        (json!({ "replayRejects": { "transfer": "customers" } }), Some(Role::Operate)),
        (json!({ "deliveries": { "transfer": null, "sequence": null, "limit": 1 } }), Some(Role::Read)),
        (json!({ "dropDeliveries": { "sequences": [1] } }), Some(Role::Operate)),
        (json!({ "look": look }), Some(Role::Operate)),
        (json!("info"), Some(Role::Read)),
        (json!("check"), Some(Role::Operate)),
        (json!({ "backup": { "to": "/tmp/never" } }), None),
        (json!({ "pause": { "integration": "shop", "until": null, "reason": null } }), Some(Role::Operate)),
        (json!({ "resume": { "integration": "shop" } }), Some(Role::Operate)),
        (json!({ "testAlert": { "integration": "shop" } }), Some(Role::Operate)),
        (json!({ "approve": { "run": ID } }), Some(Role::Operate)),
        (json!({ "resync": { "transfer": "customers", "since": null } }), Some(Role::Operate)),
        (json!({ "createToken": { "name": "mine", "roles": ["apply"], "expires": null } }), None),
        (json!("tokens"), None),
        (json!({ "revokeToken": { "name": "operate" } }), None),
        (json!({ "audit": { "limit": 1 } }), Some(Role::Read)),
        (json!({ "beginAuthorization": ["shop", null] }), Some(Role::Operate)),
        (json!({ "authorize": ["shop", "unneeded"] }), Some(Role::Operate)),
    ]
}

#[test]
fn every_sort_of_request_is_among_them() {
    let document = raccord_serve::http::openapi::document();
    let cases = document["components"]["schemas"]["Request"]["oneOf"].as_array().unwrap();
    let mut known: Vec<String> = Vec::new();
    for case in cases {
        match case["enum"].as_array().map(Vec::as_slice).unwrap_or_default() {
            [] => match case["const"].as_str() {
                Some(name) => known.push(name.to_owned()),
                None => known.extend(case["properties"].as_object().unwrap().keys().cloned()),
            },
            names => known.extend(names.iter().map(|name| name.as_str().unwrap().to_owned())),
        }
    }
    known.sort();
    let name = |request: &Value| match request {
        Value::String(name) => name.clone(),
        other => other.as_object().unwrap().keys().next().unwrap().clone(),
    };
    let mut asked: Vec<String> = every_request().iter().map(|(request, _)| name(request)).collect();
    asked.sort();
    assert_eq!(asked, known);
    for (request, _) in every_request() {
        let sort = raccord_serve::request::Sort::of_beginning(request.to_string().as_bytes());
        assert_eq!(
            sort,
            serde_json::from_value::<Request>(request.clone()).ok().map(|it| it.sort()),
            "{request}"
        );
        assert!(sort.is_some(), "{request}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_needs_its_role_and_some_are_for_the_machine_alone() {
    let server = Server::start().await;
    let mut tokens = Vec::new();
    for role in Role::ALL {
        tokens.push((role, server.token(role.as_str(), &[role]).await));
    }
    for (request, required) in every_request() {
        for (role, token) in &tokens {
            let answer = send(server.post("/v1/requests", token, &request)).await;
            if required.is_some_and(|required| role.includes(required)) {
                assert!(!matches!(answer.status, 401 | 403), "{request} with {role}: {answer:?}");
            } else {
                answer.expect_problem(403);
            }
        }
    }
    let everything = server.token("everything", &Role::ALL).await;
    for (request, _) in every_request().into_iter().filter(|(_, required)| required.is_none()) {
        let problem = send(server.post("/v1/requests", &everything, &request)).await.expect_problem(403);
        assert!(problem["detail"].as_str().unwrap().contains("on the machine"), "{problem}");
    }
    assert!(!std::path::Path::new("/tmp/never").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_open_when_the_daemon_was_told_so() {
    let closed = Server::start().await;
    send(closed.request(reqwest::Method::GET, "/metrics")).await.expect_problem(401);
    let token = closed.token("prometheus", &[Role::Metrics]).await;
    for (accept, form) in [
        (
            "application/openmetrics-text;version=1.0.0,text/plain;q=0.5",
            "application/openmetrics-text; version=1.0.0",
        ),
        ("*/*", "text/plain; version=0.0.4"),
    ] {
        let answer = send(closed.get("/metrics", &token).header("accept", accept)).await.expect(200);
        assert!(answer.header("content-type").starts_with(form), "{accept}");
        assert_eq!(answer.text, "raccord_runs_total 1\n");
    }
    let open = Server::with(raccord_serve::http::Listen {
        open: raccord_serve::http::Open { metrics: true, console: false },
        ..loopback()
    })
    .await;
    send(open.request(reqwest::Method::GET, "/metrics")).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_told_to_whoever_is_known() {
    let server = Server::start().await;
    let problems = vec!["the integration shop is disabled".to_owned()];
    *server.stage.readiness.lock().unwrap() = raccord_serve::http::Readiness { ready: true, problems };
    let (read, metrics) =
        (server.token("read", &[Role::Read]).await, server.token("metrics", &[Role::Metrics]).await);
    for (path, status, ready) in [("/readyz", 200, true), ("/readyz?strict", 503, false)] {
        let stranger = send(server.request(reqwest::Method::GET, path)).await.expect(status);
        assert_eq!(stranger.json(), json!({ "ready": ready }));
        assert_eq!(send(server.get(path, &metrics)).await.expect(status).text, stranger.text);
        let known = send(server.get(path, &read)).await.expect(status);
        assert_eq!(known.json()["problems"], json!(["the integration shop is disabled"]));
    }
    send(server.get("/readyz", &format!("rcd_{}", "A".repeat(43)))).await.expect_problem(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_is_slowed_down_and_whoever_is_right_is_not() {
    let server = Server::start().await;
    let token = server.token("ci", &[Role::Read]).await;
    let guess = |at: u32| format!("rcd_{at:043}");
    for at in 0..raccord_serve::http::MAX_ATTEMPTS {
        send(server.get("/v1/status", &guess(at))).await.expect_problem(401);
    }
    let answer = send(server.get("/v1/status", &guess(1000))).await;
    answer.expect_problem(429);
    assert!(answer.header("retry-after").parse::<u64>().unwrap() <= 60);
    send(server.get("/v1/status", &token)).await.expect(200);
    server.clock.advance(SignedDuration::from_mins(1));
    send(server.get("/v1/status", &guess(1000))).await.expect_problem(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_use_of_a_token_is_known_to_the_hour() {
    let server = Server::start().await;
    let token = server.token("ci", &[Role::Read]).await;
    let used = async || match server.locally(Request::Tokens).await.unwrap().pop() {
        Some(raccord_serve::Reply::Token(view)) => view.used.map(|used| used.to_string()),
        other => panic!("{other:?}"),
    };
    assert_eq!(used().await, None);
    for (minutes, expected) in [(0, "09:30"), (59, "09:30"), (1, "10:30"), (30, "10:30"), (60, "12:00")] {
        server.clock.advance(SignedDuration::from_mins(minutes));
        send(server.get("/v1/status", &token)).await.expect(200);
        assert_eq!(used().await, Some(format!("2025-01-31T{expected}:00Z")), "{minutes}");
    }
}
