//! What the routes answer: a configuration planned and applied, what runs, and everything that is wrong as a problem.

use raccord_model::fact::Role;
use raccord_serve::http::route::{Method, ROUTES};
use serde_json::{Value, json};

use crate::stage::{Act, Server, send, shop};

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_is_planned_applied_and_shown() {
    let server = Server::start().await;
    let ci = server.token("ci-main", &[Role::Apply]).await;
    let plan = send(server.post("/v1/plan", &ci, &shop(""))).await.expect(200).json();
    assert_eq!((plan["serial"].as_u64(), plan["changes"].as_array().unwrap().len()), (Some(0), 4));
    let applied = send(server.post("/v1/apply?serial=0", &ci, &shop(""))).await.expect(200).json();
    assert_eq!(applied, json!({ "generation": 1 }));
    let plan = send(server.post("/v1/plan", &ci, &shop(""))).await.expect(200).json();
    assert_eq!(plan["changes"], json!([]));
    let history = send(server.get("/v1/history", &ci)).await.expect(200).json();
    assert_eq!(history["generations"][0]["by"], "ci-main (token)");
    let status = send(server.get("/v1/status", &ci)).await.expect(200).json();
    assert_eq!(status["integrations"][0]["state"], "active");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_was_overtaken_is_stale() {
    let server = Server::start().await;
    let ci = server.token("ci", &[Role::Apply]).await;
    send(server.post("/v1/apply?serial=0", &ci, &shop(""))).await.expect(200);
    let problem = send(server.post("/v1/apply?serial=0", &ci, &shop("city"))).await.expect_problem(409);
    assert_eq!(problem["code"], "stale");
    send(server.post("/v1/apply?serial=1", &ci, &shop("city"))).await.expect(200);
    // A caller that did not look at what is lost loses nothing.
    let problem = send(server.post("/v1/apply?serial=2", &ci, &shop(""))).await.expect_problem(422);
    assert_eq!(problem["code"], "refused");
    send(server.post("/v1/apply?serial=2&allowDelete", &ci, &shop(""))).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn yaml_is_taken_as_files_hold_it_and_mistakes_come_back_with_their_lines() {
    let server = Server::start().await;
    let ci = server.token("ci", &[Role::Plan]).await;
    let post = |text: &'static str| {
        let request = server.request(reqwest::Method::POST, "/v1/plan").bearer_auth(&ci);
        request.header("content-type", "application/yaml; charset=utf-8").body(text)
    };
    let project = "apiVersion: raccord/v1\nkind: Project\nmetadata: {name: shop}\nspec: {entities: {}}\n";
    send(post(project)).await.expect(200);
    let problem =
        send(post("apiVersion: raccord/v1\nkind: Projekt\nmetadata: {name: shop}\nspec: {entities: {}}\n"))
            .await
            .expect_problem(422);
    assert_eq!(problem["diagnostics"][0]["code"], "unknown-kind");
    assert_eq!(problem["diagnostics"][0]["place"]["line"], 2);
    send(post("")).await.expect_problem(422);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resolved_configuration_must_be_what_its_documents_load_to() {
    let server = Server::start().await;
    let ci = server.token("ci", &[Role::Apply]).await;
    send(server.post("/v1/apply?serial=0", &ci, &shop(""))).await.expect(200);
    let lines = send(server.post("/v1/requests", &ci, &json!({ "generation": { "number": null } })))
        .await
        .expect(200);
    let reply: Value = serde_json::from_str(lines.text.lines().next().unwrap()).unwrap();
    let desired = reply["reply"]["desired"].clone();
    let plan = |desired: &Value| server.post("/v1/requests", &ci, &json!({ "plan": [desired, {}] }));
    send(plan(&desired)).await.expect(200);
    // A digest that belongs to something else.
    let mut forged = desired.clone();
    let transfer = &mut forged["resources"]["Transfer/customers"];
    transfer["resource"]["spec"]["Transfer"]["to"] = json!("shop.nobody");
    send(plan(&forged)).await.expect_problem(400);
    // Every digest is right, and the whole is wrong: nothing of the source is left.
    let mut broken = desired.clone();
    broken["resources"].as_object_mut().unwrap().remove("Source/exports");
    let problem = send(plan(&broken)).await.expect_problem(422);
    assert_eq!(problem["diagnostics"][0]["code"], "dangling-reference", "{problem}");
    // A spec under a key of another kind.
    let mut moved = desired;
    let transfer = moved["resources"]["Transfer/customers"].clone();
    moved["resources"]["Source/customers"] = transfer;
    send(plan(&moved)).await.expect_problem(400);
}

#[tokio::test(flavor = "multi_thread")]
async fn integrations_are_paused_and_resumed() {
    let server = Server::start().await;
    let token = server.token("ops", &[Role::Apply, Role::Operate]).await;
    send(server.post("/v1/apply?serial=0", &token, &shop(""))).await.expect(200);
    let post = |path: &str| server.request(reqwest::Method::POST, path).bearer_auth(&token);
    let done = send(post("/v1/integrations/shop/pause")).await.expect(200).json();
    assert_eq!(done["done"], "shop is paused until it is resumed");
    let body = json!({ "until": "2025-02-01T00:00:00Z", "reason": "the shop moves" });
    send(server.post("/v1/integrations/shop/pause", &token, &body)).await.expect(200);
    let status = send(server.get("/v1/status", &token)).await.expect(200).json();
    assert_eq!(status["integrations"][0]["pause"]["reason"], "the shop moves");
    let done = send(post("/v1/integrations/shop/resume")).await.expect(200).json();
    assert_eq!(done["done"], "shop is resumed; it was paused");
    let problem = send(post("/v1/integrations/shp/resume")).await.expect_problem(404);
    assert!(problem["detail"].as_str().unwrap().contains("`shop`"), "{problem}");
    send(post("/v1/runs/0198c0de-0000-7000-8000-000000000000/approve")).await.expect_problem(404);
    let long = json!({ "reason": "x".repeat(501) });
    send(server.post("/v1/integrations/shop/pause", &token, &long)).await.expect_problem(400);
    for body in [json!({ "untill": "2025-02-01T00:00:00Z" }), json!({ "until": "soon" }), json!([null, null])]
    {
        send(server.post("/v1/integrations/shop/pause", &token, &body)).await.expect_problem(400);
    }
    let length = json!({ "until": "2h" });
    let problem = send(server.post("/v1/integrations/shop/pause", &token, &length)).await.expect_problem(400);
    assert!(problem["detail"].as_str().unwrap().contains("such as 2025-02-01T00:00:00Z"), "{problem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_have_a_limit_and_name_what_is_not_there() {
    let server = Server::start().await;
    let token = server.token("reader", &[Role::Read]).await;
    for (path, member) in [
        ("/v1/runs", "runs"),
        ("/v1/rejects", "rejects"),
        ("/v1/deliveries", "deliveries"),
        ("/v1/history", "generations"),
    ] {
        let answer = send(server.get(path, &token)).await.expect(200).json();
        assert_eq!(answer, json!({ member: [] }));
        send(server.get(&format!("{path}?limit=ten"), &token)).await.expect_problem(400);
        send(server.get(&format!("{path}?limit=10001"), &token)).await.expect_problem(400);
    }
    send(server.get("/v1/runs?transfer=customers", &token)).await.expect_problem(404);
    send(server.get("/v1/runs?transfer=NOT+A+NAME", &token)).await.expect_problem(400);
    let audit = send(server.get("/v1/audit?limit=1", &token)).await.expect(200).json();
    assert_eq!(audit["entries"][0]["what"], "create the token reader for read");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_served_is_a_problem_too() {
    let server = Server::start().await;
    let token = server.token("all", &Role::ALL).await;
    for path in ["/nothing", "/v1", "/v1/", "/v1/status/", "/v2/status", "/v1/%ff", "/v1/runs/%2e%2e/approve"]
    {
        let answer = send(server.get(path, &token)).await;
        assert!(matches!(answer.status, 404 | 405), "{path}: {answer:?}");
        assert_eq!(answer.header("content-type"), "application/problem+json");
    }
    for route in ROUTES {
        let path = route.path.replace(['{', '}'], "");
        let answer = send(server.request(reqwest::Method::PUT, &path)).await;
        answer.expect_problem(405);
        let allowed = answer.header("allow");
        let method = match route.method {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Delete => "DELETE",
        };
        assert!(allowed.split(',').any(|allowed| allowed.trim() == method), "{path}: {allowed}");
    }
    send(server.get("/v1/runs?limt=1", &token)).await.expect_problem(400);
    send(server.request(reqwest::Method::DELETE, "/v1/requests/x").bearer_auth(&token))
        .await
        .expect_problem(400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_what_it_says_and_no_larger_than_it_may_be() {
    let server = Server::start().await;
    let token = server.token("all", &Role::ALL).await;
    let post = |path: &str| server.request(reqwest::Method::POST, path).bearer_auth(&token);
    for path in ["/v1/plan", "/v1/apply?serial=0", "/v1/requests"] {
        send(post(path).body("{}")).await.expect_problem(415);
        send(post(path).header("content-type", "text/plain").body("{}")).await.expect_problem(415);
        send(post(path).header("content-type", "application/json").body("{")).await.expect_problem(400);
        send(post(path).header("content-type", "application/json").body("[]")).await.expect_problem(400);
    }
    send(post("/v1/requests").header("content-type", "application/yaml").body("status"))
        .await
        .expect_problem(415);
    let unknown = json!({ "documents": [], "variable": {} });
    send(server.post("/v1/plan", &token, &unknown)).await.expect_problem(400);
    let request = post("/v1/integrations/shop/pause").header("content-type", "application/json");
    send(request.body(vec![b' '; 2 << 20])).await.expect_problem(413);
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_is_what_the_daemon_says_and_strictness_counts_problems() {
    let server = Server::start().await;
    let ask = async |path: &str| send(server.request(reqwest::Method::GET, path)).await;
    assert_eq!(ask("/healthz").await.expect(200).text, "ok\n");
    ask("/readyz").await.expect(200);
    ask("/readyz?strict").await.expect(200);
    server.stage.readiness.lock().unwrap().problems.push("the integration shop is disabled".to_owned());
    ask("/readyz").await.expect(200);
    ask("/readyz?strict=false").await.expect(200);
    let answer = ask("/readyz?strict").await.expect(503).json();
    assert_eq!(answer, json!({ "ready": false }));
    server.stage.readiness.lock().unwrap().ready = false;
    ask("/readyz").await.expect(503);
    ask("/readyz?strict=maybe").await.expect_problem(400);
    // The owner of the state may be busy; it is alive all the same.
    server.act(Act::Wait);
    ask("/healthz").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_is_the_one_in_the_repository() {
    let server = Server::start().await;
    let answer = send(server.request(reqwest::Method::GET, "/v1/openapi.json")).await.expect(200);
    assert_eq!(answer.text, raccord_serve::http::openapi::text());
    let paths = answer.json()["paths"].as_object().unwrap().clone();
    let operations: usize = paths.values().map(|path| path.as_object().unwrap().len()).sum();
    assert_eq!(operations, ROUTES.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_line_of_an_answer_is_one_that_the_document_describes() {
    let server = Server::start().await;
    let token = server.token("all", &Role::ALL).await;
    send(server.post("/v1/apply?serial=0", &token, &shop(""))).await.expect(200);
    server.write("customers.csv", "id,email\n1,zoe@example.com\n,luc@example.com\n");
    let mut document = raccord_serve::http::openapi::document();
    document["$ref"] = json!("#/components/schemas/Part");
    let part = jsonschema::draft202012::new(&document).unwrap();
    let ask = async |request: &Value| -> Vec<Value> {
        let answer = send(server.post("/v1/requests", &token, request)).await.expect(200);
        assert_eq!(answer.header("content-type"), "application/x-ndjson");
        let lines: Vec<Value> = answer.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.last(), Some(&json!("done")), "{request}");
        for line in &lines {
            let mistakes: Vec<String> = part.iter_errors(line).map(|error| error.to_string()).collect();
            assert!(mistakes.is_empty(), "{request}: {line}: {mistakes:#?}");
        }
        lines
    };
    let mut desired = ask(&json!({ "generation": { "number": null } })).await[0]["reply"]["desired"].clone();
    // A caller elsewhere has other directories; data is where the daemon is.
    desired["root"] = json!("/elsewhere");
    let look = |at: Value| json!({ "look": { "desired": desired, "at": at, "limit": 3 } });
    let requests = [
        json!("head"),
        json!({ "plan": [desired, {}] }),
        json!({ "run": { "integrations": [] } }),
        json!({ "runs": { "transfer": "customers", "limit": 5 } }),
        json!({ "records": { "entity": "shop.customer", "filter": [["id", "1"]], "limit": 5 } }),
        json!({ "rejects": { "transfer": null, "id": null, "limit": 5 } }),
        json!({ "explain": { "entity": "shop.customer", "key": ["1"] } }),
        json!({ "sample": { "desired": desired, "transfers": ["customers"], "limit": 5 } }),
        look(json!({ "check": "exports" })),
        look(json!({ "discover": "exports" })),
        look(json!({ "read": ["exports", "customers"] })),
        look(json!({ "preview": "customers" })),
        json!({ "pause": { "integration": "shop", "until": "2025-02-01T00:00:00Z", "reason": "moving" } }),
        json!("status"),
        json!({ "history": { "limit": 5 } }),
        json!("info"),
        json!("check"),
        json!({ "audit": { "limit": 5 } }),
    ];
    for request in &requests {
        assert!(ask(request).await.len() > 1, "{request} has no answer");
    }
}
