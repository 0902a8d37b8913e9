//! The routes of stored records and of rejects: pages of them, one explained, groups, and replays of one, a group, all.

use raccord_model::fact::Role;
use reqwest::Method;
use serde_json::{Value, json};

use crate::stage::{Server, send, shop};

/// A server with an applied configuration, a file of records, and a token for everything.
async fn started(file: &str, extra: &str) -> (Server, String) {
    let server = Server::start().await;
    let token = server.token("all", &Role::ALL).await;
    server.write("customers.csv", file);
    send(server.post("/v1/apply?serial=0", &token, &shop(extra))).await.expect(200);
    run(&server, &token).await;
    (server, token)
}

async fn run(server: &Server, token: &str) -> Value {
    let request = server.request(Method::POST, "/v1/integrations/shop/run").bearer_auth(token);
    send(request).await.expect(200).json()
}

async fn get(server: &Server, token: &str, path: &str) -> Value {
    send(server.get(path, token)).await.expect(200).json()
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_paged_in_the_order_of_their_keys() {
    let rows: String = (0..25).map(|at| format!("{at:02},c{at}@example.com\n")).collect();
    let (server, token) = started(&format!("id,email\n{rows}"), "").await;
    let mut seen: Vec<String> = Vec::new();
    let (mut after, mut pages) = (String::new(), 0);
    loop {
        let page = get(&server, &token, &format!("/v1/records/shop.customer?limit=10{after}")).await;
        assert_eq!(page["columns"][0], json!({ "name": "id", "type": "text", "isKey": true }), "{page}");
        let ids = page["records"].as_array().unwrap().iter().map(|record| record["id"].as_str().unwrap());
        seen.extend(ids.map(str::to_owned));
        pages += 1;
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    let expected: Vec<String> = (0..25).map(|at| format!("{at:02}")).collect();
    assert_eq!((pages, seen), (3, expected));
    // The last page is known to be it even when it is full.
    let whole = get(&server, &token, "/v1/records/shop.customer?limit=25").await;
    assert_eq!((whole["records"].as_array().unwrap().len(), whole.get("next")), (25, None));
    let entities = get(&server, &token, "/v1/entities").await;
    assert_eq!(entities["entities"][0]["records"], 25, "{entities}");
    assert_eq!(entities["entities"][0]["transfers"], json!(["customers"]), "{entities}");
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_searched_by_key_and_by_field() {
    let (server, token) =
        started("id,email\n1,zoe@example.com\n2,luc@example.com\n3,zoe@example.com\n", "").await;
    let check = async |search: &str, expected: &[&str]| {
        let page = get(&server, &token, &format!("/v1/records/shop.customer?{search}")).await;
        let ids: Vec<_> =
            page["records"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
        assert_eq!(ids, expected, "{search}");
    };
    check("where=id%3D2", &["2"]).await;
    check("where=email%3Dzoe@example.com", &["1", "3"]).await;
    check("where=email%3Dzoe@example.com&where=id%3D3", &["3"]).await;
    check("where=email%3Dnobody", &[]).await;
    check("limit=0", &[]).await;
    for (bad, status) in [("where=id", 400), ("where=nope%3D1", 400), ("after=xyz", 400)] {
        send(server.get(&format!("/v1/records/shop.customer?{bad}"), &token)).await.expect_problem(status);
    }
    send(server.get("/v1/records/shop.order", &token)).await.expect_problem(404);
    send(server.get("/v1/records/shop", &token)).await.expect_problem(400);
    let explained = get(&server, &token, "/v1/records/shop.customer/explain?key=2").await;
    assert_eq!(
        (&explained["row"]["email"], &explained["transfer"], &explained["run"]["outcome"]["succeeded"]),
        (&json!("luc@example.com"), &json!("customers"), &Value::Null),
        "{explained}"
    );
    send(server.get("/v1/records/shop.customer/explain", &token)).await.expect_problem(400);
}

/// Rejects of two reasons: two records without a key, two with a key twice too long.
const BAD: &str = "id,email\n1,zoe@example.com\n,luc@example.com\n,eve@example.com\n";

/// An email that is required, so that records without one are rejected under their key.
fn strict() -> Value {
    let mut documents = shop("");
    let email = &mut documents["documents"][0]["spec"]["entities"]["customer"]["fields"]["email"];
    *email = json!({ "type": "text", "required": true });
    documents
}

#[tokio::test(flavor = "multi_thread")]
async fn rejects_are_grouped_shown_and_replayed_one_by_one_by_group_and_all() {
    let server = Server::start().await;
    let token = server.token("all", &Role::ALL).await;
    server.write("customers.csv", &format!("{BAD}4,\n5,\n"));
    send(server.post("/v1/apply?serial=0", &token, &strict())).await.expect(200);
    run(&server, &token).await;
    let groups = get(&server, &token, "/v1/rejects/groups").await;
    let groups = groups["groups"].as_array().unwrap();
    let counts: Vec<_> = groups.iter().map(|group| (group["field"].as_str(), &group["count"])).collect();
    assert_eq!(counts.len(), 2, "{groups:?}");
    let of_email = groups.iter().find(|group| group["field"] == "email").unwrap();
    let group = of_email["id"].as_str().unwrap();
    let shown = get(&server, &token, &format!("/v1/rejects?group={group}")).await;
    let shown = shown["rejects"].as_array().unwrap();
    assert_eq!(shown.len(), 2);
    let one = shown[0]["id"].as_str().unwrap();
    assert_eq!(get(&server, &token, &format!("/v1/rejects/{one}")).await, shown[0]);
    send(server.get("/v1/rejects/0000000000000000", &token)).await.expect_problem(404);

    // From now on the email may be missing.
    send(server.post("/v1/apply?serial=1", &token, &shop(""))).await.expect(200);
    let replay = async |query: &str| {
        let path = format!("/v1/transfers/customers/rejects/replay{query}");
        let answer = send(server.request(Method::POST, &path).bearer_auth(&token)).await.expect(200).json();
        answer["done"].as_str().unwrap().split(':').next().unwrap().to_owned()
    };
    let left = async || {
        let rejects = get(&server, &token, "/v1/rejects").await;
        rejects["rejects"].as_array().unwrap().len()
    };
    assert_eq!((replay(&format!("?id={one}")).await, left().await), ("1 replayed".to_owned(), 3));
    assert_eq!((replay(&format!("?group={group}")).await, left().await), ("1 replayed".to_owned(), 2));
    assert_eq!((replay(&format!("?group={group}")).await, left().await), ("0 replayed".to_owned(), 2));
    assert_eq!((replay("").await, left().await), ("2 replayed".to_owned(), 2));
    let both = format!("/v1/transfers/customers/rejects/replay?id={one}&group={group}");
    send(server.request(Method::POST, &both).bearer_auth(&token)).await.expect_problem(400);
    let audit = get(&server, &token, "/v1/audit?limit=6").await;
    let said: Vec<_> = audit["entries"].as_array().unwrap().iter().map(|one| one["what"].as_str()).collect();
    let expected = format!("replay the rejects of customers in the group {group}");
    assert!(said.contains(&Some(&expected)), "{said:?}");
}
