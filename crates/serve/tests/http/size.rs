//! Much of everything: pages stay small, are searched, and do not read the configuration whole again.

use raccord_model::fact::Role;
use raccord_serve::console::served;
use serde_json::{Value, json};

use crate::pages::{Person, between, expect, run, with_file};
use crate::stage::{send, shop};

/// The most that a page may have, in bytes.
const MOST: usize = 200_000;

/// The shop, whose project has so many entities beside its own.
fn large(entities: usize) -> Value {
    let mut documents = shop("");
    let known = documents["documents"][0]["spec"]["entities"].as_object_mut().unwrap();
    let entity = json!({ "key": "id", "fields": { "id": "text" } });
    known.extend((0..entities).map(|number| (format!("e{number:04}"), entity.clone())));
    documents
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_entities_are_paged_and_searched() {
    let server = with_file(&large(4_999), "customers.csv", "id,email\n1,zoe@example.com\n").await;
    let person = Person::with(&server, "ann", &[Role::Read]).await;
    let first = person.page("/records").await;
    expect(&first, &["Page 1 of 100", "shop.customer", "shop.e0048"]);
    assert!(first.len() < MOST && !first.contains("shop.e0049"), "{} bytes", first.len());
    let next = between(&first, "rel=\"next\" href=\"", "\"").replace("&amp;", "&");
    expect(&person.page(&next).await, &["Page 2 of 100", "shop.e0049", "shop.e0098"]);
    expect(&person.page("/records?page=100").await, &["Page 100 of 100", "shop.e4998"]);
    let check = async |query: &str, has: &[&str], not: &[&str]| {
        let page = person.page(&format!("/records?{query}")).await;
        expect(&page, has);
        for text in not {
            assert!(!page.contains(text), "{query}: {text}");
        }
    };
    check("q=e0123", &["shop.e0123"], &["shop.e0124", "Page 1"]).await;
    check("q=E499", &["shop.e4990", "shop.e4998"], &["shop.e4899"]).await;
    // By the name of a transfer that feeds it.
    check("q=CUSTOMERS", &["shop.customer"], &["shop.e0000"]).await;
    check("q=nothing", &["No entity has this text."], &["shop."]).await;
    check("page=x", &["Page 1 of 100"], &[]).await;
    check("page=101", &["Page 101 of 100"], &["shop.e"]).await;
    let token = server.token("ci", &[Role::Read]).await;
    let check = async |query: &str, total: u64, names: &[&str]| {
        let answer = send(server.get(&format!("/v1/entities?{query}"), &token)).await.expect(200).json();
        let entities = answer["entities"].as_array().unwrap();
        let found: Vec<&str> = entities.iter().map(|entity| entity["entity"].as_str().unwrap()).collect();
        assert_eq!((answer["total"].as_u64(), &*found), (Some(total), names), "{query}");
    };
    check("text=e012&limit=2", 10, &["shop.e0120", "shop.e0121"]).await;
    check("text=e012&limit=2&skip=9", 10, &["shop.e0129"]).await;
    check("text=e012&skip=10", 10, &[]).await;
    check("limit=0", 5_000, &[]).await;
    for bad in ["limit=10001", "limit=-1", "skip=x", "text=a&text=b", "entity=shop.customer"] {
        send(server.get(&format!("/v1/entities?{bad}"), &token)).await.expect_problem(400);
    }
}

/// However it is asked, only an apply has the configuration read whole again.
#[tokio::test(flavor = "multi_thread")]
async fn no_page_reads_the_whole_configuration_again() {
    let mut documents = shop("");
    documents["documents"][0]["spec"]["entities"]["customer"]["fields"]["email"] =
        json!({ "type": "text", "required": true });
    let server = with_file(&documents, "customers.csv", "id,email\n1,zoe@example.com\n2,\n").await;
    let person = Person::with(&server, "ann", &[Role::Plan, Role::Operate]).await;
    let rejects = person.page("/rejects").await;
    let group = between(&rejects, "/rejects/groups/", "?").to_owned();
    let page = person.page(&format!("/rejects/groups/{group}?transfer=customers")).await;
    let reject =
        page.split("\"/rejects/").find_map(|rest| rest.split_once('"').filter(|(id, _)| id.len() == 16));
    let reject = reject.unwrap().0.to_owned();
    server.stage.reads.take();
    let mut asked = 0;
    for page in served().filter(|page| !page.is_form) {
        let path = match page.path {
            // The last two plan, or compare what was with what is: they read what was.
            "/events"
            | "/authorizations/callback"
            | "/sign-in/openid"
            | "/sign-in/openid/callback"
            | "/records/{entity}/download"
            | "/changes/{number}/rollback"
            | "/changes/{number}" => continue,
            "/transfers/{name}" => "/transfers/customers".to_owned(),
            "/records/{entity}/record" => "/records/shop.customer/record?key=1".to_owned(),
            "/rejects/groups/{id}" => format!("/rejects/groups/{group}?transfer=customers"),
            "/rejects/{id}" => format!("/rejects/{reject}"),
            other => other.replace("{name}", "shop").replace("{entity}", "shop.customer"),
        };
        person.page(&path).await;
        assert_eq!(server.stage.reads.take(), 0, "{path}");
        asked += 1;
    }
    assert_eq!(asked, 13);
    let token = server.token("ci", &[Role::Read]).await;
    for path in [
        "/v1/status",
        "/v1/status?integration=shop",
        "/v1/status?transfer=customers",
        "/v1/status?held",
        "/v1/entities",
        "/v1/flows",
        "/v1/runs?transfer=customers",
        "/v1/records/shop.customer",
        "/v1/rejects/groups",
        "/v1/resources/Transfer/customers",
    ] {
        send(server.get(path, &token)).await.expect(200);
        assert_eq!(server.stage.reads.take(), 0, "{path}");
    }
    // An apply does, and what it changed is seen.
    documents["documents"][0]["spec"]["entities"]["other"] =
        json!({ "key": "id", "fields": { "id": "text" } });
    let apply = server.token("apply", &[Role::Apply]).await;
    send(server.post("/v1/apply?serial=1", &apply, &documents)).await.expect(200);
    expect(&person.page("/records").await, &["shop.other"]);
    assert!(server.stage.reads.take() > 0);
    run(&server, &server.token("again", &Role::ALL).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_of_the_status_is_asked_for() {
    let server = with_file(&shop(""), "customers.csv", "id,email\n1,zoe@example.com\n").await;
    let token = server.token("ci", &[Role::Read]).await;
    let whole = send(server.get("/v1/status", &token)).await.expect(200).json();
    let check = async |query: &str, transfers: &[&str], integrations: &[&str]| {
        let status = send(server.get(&format!("/v1/status?{query}"), &token)).await.expect(200).json();
        let names = |of: &str| {
            let all = status[of].as_array().unwrap().iter();
            all.map(|one| one["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names("transfers"), transfers, "{query}");
        assert_eq!(names("integrations"), integrations, "{query}");
        // What is told is the same that the whole tells.
        for of in ["transfers", "integrations"] {
            let known = whole[of].as_array().unwrap();
            for one in status[of].as_array().unwrap() {
                assert!(known.contains(one), "{query}: {one}");
            }
        }
    };
    check("integration=shop", &["customers"], &["shop"]).await;
    check("transfer=customers", &["customers"], &["shop"]).await;
    check("transfer=customers&integration=shop", &["customers"], &["shop"]).await;
    check("held=true", &[], &[]).await;
    check("integration=shop&limit=0", &[], &["shop"]).await;
    check("limit=1", &["customers"], &["shop"]).await;
    for (bad, status) in [
        ("integration=nope", 404),
        ("transfer=nope", 404),
        ("integration=No", 400),
        ("held=maybe", 400),
        ("limit=10001", 400),
        ("transfers=customers", 400),
    ] {
        send(server.get(&format!("/v1/status?{bad}"), &token)).await.expect_problem(status);
    }
}
