//! The routes of what is applied: resources, flows, what each generation changed, going back, and what is run or read again.

use raccord_model::fact::Role;
use reqwest::Method;
use serde_json::{Value, json};

use crate::stage::{Server, send, shop};

/// A server with two generations: the second has a field more.
async fn started() -> (Server, String) {
    let server = Server::start().await;
    let token = server.token("all", &Role::ALL).await;
    server.write("customers.csv", "id,email\n1,zoe@example.com\n");
    send(server.post("/v1/apply?serial=0", &token, &shop(""))).await.expect(200);
    send(server.post("/v1/apply?serial=1", &token, &shop("city"))).await.expect(200);
    (server, token)
}

async fn get(server: &Server, token: &str, path: &str) -> Value {
    send(server.get(path, token)).await.expect(200).json()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generation_shows_what_it_changed() {
    let (server, token) = started().await;
    let first = get(&server, &token, "/v1/history/1").await;
    let keys: Vec<_> = first["changes"].as_array().unwrap().iter().map(|one| one["key"].as_str()).collect();
    assert_eq!(keys.len(), 4, "{first}");
    let second = get(&server, &token, "/v1/history/2").await;
    assert_eq!(second["generation"]["by"], "all (token)");
    let changes = second["changes"].as_array().unwrap();
    assert_eq!((changes.len(), &changes[0]["key"]), (1, &json!("Project/shop")), "{second}");
    assert!(changes[0]["fields"].to_string().contains("city"), "{second}");
    assert_eq!(changes[0]["effects"], json!([]));
    for number in ["0", "3", "9007199254740991"] {
        send(server.get(&format!("/v1/history/{number}"), &token)).await.expect_problem(404);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_is_planned_first_and_is_stale_when_it_was_overtaken() {
    let (server, token) = started().await;
    let plan = get(&server, &token, "/v1/history/1/plan").await;
    assert_eq!((plan["serial"].as_u64(), plan["changes"].as_array().unwrap().len()), (Some(2), 1));
    assert_ne!(plan["refusals"], json!([]), "a field that goes must be allowed");
    let back = |query: &str| {
        server.request(Method::POST, &format!("/v1/history/1/rollback?{query}")).bearer_auth(&token)
    };
    send(back("serial=1&allowDelete")).await.expect_problem(409);
    send(back("serial=2")).await.expect_problem(422);
    let applied = send(back("serial=2&allowDelete")).await.expect(200).json();
    assert_eq!(applied, json!({ "generation": 3 }));
    let history = get(&server, &token, "/v1/history").await;
    assert_eq!(
        (&history["generations"][0]["rollbackTo"], &history["generations"][0]["by"]),
        (&json!(1), &json!("all (token)"))
    );
    let audit = get(&server, &token, "/v1/audit?limit=1").await;
    assert_eq!(audit["entries"][0]["what"], "roll back to generation 1 on serial 2");
    send(server.request(Method::POST, "/v1/history/9/rollback?serial=3").bearer_auth(&token))
        .await
        .expect_problem(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn resources_and_flows_are_those_in_force() {
    let (server, token) = started().await;
    let transfer = get(&server, &token, "/v1/resources/Transfer/customers").await;
    assert_eq!(transfer["resource"]["spec"]["Transfer"]["to"], "shop.customer", "{transfer}");
    send(server.get("/v1/resources/Transfer/customer", &token)).await.expect_problem(404);
    send(server.get("/v1/resources/Mapping/customers", &token)).await.expect_problem(400);
    let flow = |state: &str| {
        json!({ "flows": [{
            "source": "exports", "transfer": "customers", "integrations": ["shop"], "entity": "shop.customer",
            "store": "embedded", "state": state,
        }] })
    };
    assert_eq!(get(&server, &token, "/v1/flows").await, flow("active"));
    let post = |path: &str| server.request(Method::POST, path).bearer_auth(&token);
    send(post("/v1/integrations/shop/pause")).await.expect(200);
    assert_eq!(get(&server, &token, "/v1/flows").await, flow("paused"));
    send(post("/v1/integrations/shop/resume")).await.expect(200);
    assert_eq!(get(&server, &token, "/v1/problems").await, json!({ "problems": [] }));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_integration_runs_now_and_a_transfer_is_read_again() {
    let (server, token) = started().await;
    let post = |path: &str| server.request(Method::POST, path).bearer_auth(&token);
    let created = |report: Value| report["runs"][0]["tally"]["created"].clone();
    assert_eq!(created(send(post("/v1/integrations/shop/run")).await.expect(200).json()), 1);
    send(post("/v1/integrations/shp/run")).await.expect_problem(404);
    let done = send(post("/v1/transfers/customers/resync")).await.expect(200).json();
    assert_eq!(done["done"], "the next run of customers reads everything again");
    // A file has no point to begin from.
    send(post("/v1/transfers/customers/resync?since=2025-01-01")).await.expect_problem(400);
    send(post("/v1/transfers/customer/resync")).await.expect_problem(404);
    let problem = send(post("/v1/integrations/shop/alerts/test")).await.expect_problem(400);
    assert!(problem["detail"].as_str().unwrap().contains("has no recipients"), "{problem}");
}
