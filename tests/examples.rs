//! Every example, as its page says: validate, plan, apply, run, look, run again, and then nothing to do.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::documentation::root;
use crate::environment::TestEnvironment;
use crate::http_server::{self, HttpServer, Request, Response};
use crate::tally;

/// The directories of `examples/` that a test carries out: `ci` in `tests/workflow.rs`, `kustomize` in
/// `tests/kustomize.rs`, `monitoring` in `tests/monitoring.rs`, `container` and `systemd` in `tests/deployment.rs`,
/// the others here, and the commands of each one's page in `tests/commands.rs`.
const COVERED: [&str; 7] =
    ["ci", "container", "kustomize", "monitoring", "quickstart", "rest-api", "systemd"];

#[test]
fn every_example_has_a_test() {
    let directories = fs::read_dir(root().join("examples")).unwrap();
    let mut found: Vec<_> =
        directories.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    found.sort();
    assert_eq!(found, COVERED);
}

/// Validates, plans and applies an example with further arguments; a plan afterwards is empty.
fn apply(environment: &TestEnvironment, example: &str, arguments: &str) {
    let place = format!("-f {} {arguments}", root().join("examples").join(example).display());
    environment.ok(&format!("validate {place}"));
    environment.run(&format!("plan --detailed-exitcode {place}")).expect_code(2);
    environment.ok(&format!("apply --auto-approve {place}"));
    plan_is_empty(environment, example, arguments);
}

fn plan_is_empty(environment: &TestEnvironment, example: &str, arguments: &str) {
    let place = format!("-f {} {arguments}", root().join("examples").join(example).display());
    environment.run(&format!("plan --detailed-exitcode {place}")).expect_code(0);
}

/// The cells of every row of a page's table that begins with a header, the header's first.
fn table(page: &str, header: &str) -> Vec<Vec<String>> {
    let rows =
        page.lines().skip_while(|line| !line.starts_with(header)).take_while(|line| line.starts_with('|'));
    rows.filter(|row| !row.contains("---"))
        .map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().replace(',', "")).collect())
        .collect()
}

/// What a table of the page says of a run, as [`tally::run`] says it.
fn expected(page: &str, header: &str) -> Vec<String> {
    let rows = table(page, header);
    let lines = rows[1..].iter().map(|row| {
        let mut line = format!("{}:", row[0]);
        let shown = rows[0].iter().zip(row).skip(1).filter(|(_, number)| *number != "0");
        for (at, (count, number)) in shown.enumerate() {
            write!(line, "{} {number} {count}", if at == 0 { "" } else { "," }).unwrap();
        }
        line
    });
    lines.collect()
}

#[test]
fn quickstart_arrives_as_its_page_says() {
    let page = fs::read_to_string(root().join("examples/quickstart/README.md")).unwrap();
    let environment = TestEnvironment::new();
    apply(&environment, "quickstart", "");

    let first = expected(&page, "| transfer | fetched | created |");
    assert_eq!(first.len(), 3);
    assert_eq!(tally::run(&environment), first);
    plan_is_empty(&environment, "quickstart", "");
    let second = expected(&page, "| transfer | fetched | unchanged |");
    assert_eq!(second.len(), 3);
    assert_eq!(tally::run(&environment), second);
    plan_is_empty(&environment, "quickstart", "");

    let one = |entity: &str, key: &str| {
        let rows = environment.json(&format!("records shop.{entity} --where {key} --output json"));
        assert_eq!(rows.as_array().unwrap().len(), 1, "{entity} {key}");
        rows[0].clone()
    };
    let customer = one("customer", "id=000026");
    let spelled = ["fullName", "email", "phone", "city", "country", "birthDate", "createdAt"]
        .map(|field| customer[field].as_str().unwrap().to_owned());
    // The export writes the time of day in Montréal.
    let written = [
        "Sophie André",
        "sophie.andre26@mail.example.net",
        "06 39 98 76 75",
        "Rennes",
        "FR",
        "1974-01-03",
        "2023-12-17T15:38:34Z",
    ];
    assert_eq!(spelled, written);
    assert_eq!((&customer["newsletter"], &customer["tags"]), (&json!(true), &json!(["vip"])));
    assert_eq!(one("order", "id=F2024-001030")["status"], "delivered");
    assert_eq!(one("product", "sku=CON-006")["barcode"], "3762717358668");
}

#[test]
fn quickstart_rejects_what_its_page_says() {
    let page = fs::read_to_string(root().join("examples/quickstart/README.md")).unwrap();
    let environment = TestEnvironment::new();
    apply(&environment, "quickstart", "");
    environment.ok("run");

    let mut by_transfer: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    let mut transfer = String::new();
    for row in &table(&page, "| transfer | reason |")[1..] {
        if !row[0].is_empty() {
            transfer.clone_from(&row[0]);
        }
        by_transfer.entry(transfer.clone()).or_default().push(row[2].parse().unwrap());
    }
    for (transfer, mut expected) in by_transfer {
        let all = environment.json(&format!("rejects list --transfer {transfer} --limit 1000 --output json"));
        let mut counts: BTreeMap<(String, String), u64> = BTreeMap::new();
        for reject in all.as_array().unwrap() {
            let field = reject["field"].as_str().unwrap_or_default().to_owned();
            // What stands between backquotes, and numbers, differ from record to record.
            let reason: String = reject["reason"].as_str().unwrap().split('`').step_by(2).collect();
            let reason =
                reason.split(':').next().unwrap_or_default().replace(|c: char| c.is_ascii_digit(), "");
            *counts.entry((field, reason)).or_default() += 1;
        }
        let mut found: Vec<u64> = counts.values().copied().collect();
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected, "{transfer}: {counts:#?}");
    }
}

/// The service of `examples/rest-api`: customers that change, two a page, each with orders.
#[derive(Clone, Default)]
struct Shop(Arc<Mutex<BTreeMap<String, Value>>>);

impl Shop {
    fn put(&self, id: &str, updated_at: &str, change: &Value) {
        let mut customers = self.0.lock().unwrap();
        let customer = customers.entry(id.to_owned()).or_insert_with(|| {
            json!({
                "id": id, "email": format!(" {id}@Example.com"), "first_name": "Léa", "last_name": "Roy",
                "is_vip": null, "addresses": [{"city": "Québec"}],
                "created_at": "2024-01-31T09:30:00-05:00", "deleted_at": null,
            })
        });
        customer["updated_at"] = updated_at.into();
        for (name, value) in change.as_object().unwrap() {
            customer[name] = value.clone();
        }
    }

    fn answer(&self, request: &Request) -> Response {
        if request.headers.get("x-access-token").is_none_or(|token| token != "s3cret") {
            return http_server::status(401);
        }
        match request.path.strip_prefix("/api/customers") {
            Some("") => http_server::json(self.customers(request).to_string()),
            Some(path) => {
                let id = path.trim_start_matches('/').trim_end_matches("/orders");
                http_server::json(Self::orders(id).to_string())
            }
            None => http_server::status(404),
        }
    }

    fn customers(&self, request: &Request) -> Value {
        let since = request.query.get("since").cloned().unwrap_or_default();
        let page = request.number("page").unwrap_or(1);
        let customers = self.0.lock().unwrap();
        let changed: Vec<&Value> = customers
            .values()
            .filter(|customer| customer["updated_at"].as_str().unwrap() >= &*since)
            .collect();
        let next = (changed.len() > page * 2).then(|| {
            let since = if since.is_empty() { String::new() } else { format!("&since={since}") };
            format!("/api/customers?page={}{since}", page + 1)
        });
        let shown: Vec<&Value> = changed.into_iter().skip((page - 1) * 2).take(2).collect();
        json!({"data": shown, "links": {"next": next}})
    }

    /// As many orders as the customer's number says.
    fn orders(id: &str) -> Value {
        let count: usize = id.trim_start_matches("c-").parse().unwrap();
        let order = |number: usize| {
            json!({"number": number, "total": "129.90", "currency": "CAD", "status": "PAID",
                   "placed_at": "2024-02-02T15:04:05Z"})
        };
        json!({"orders": (1..=count).map(order).collect::<Vec<_>>()})
    }
}

#[test]
fn rest_api_pages_continues_and_follows_its_parent() {
    let shop = Shop::default();
    for number in 1..=5 {
        shop.put(&format!("c-{number}"), &format!("2025-03-01T1{number}:00:00Z"), &json!({}));
    }
    let service = {
        let shop = shop.clone();
        HttpServer::start(move |request| shop.answer(request))
    };
    let environment = TestEnvironment::new().variable("SHOP_TOKEN", "s3cret");
    let variables = format!("--var API={}/api", service.url());
    apply(&environment, "rest-api", &variables);
    environment.ok(&format!("check boutique -f {} {variables}", root().join("examples/rest-api").display()));

    service.forget();
    let first = ["customers: 5 fetched, 5 created", "orders: 15 fetched, 15 created"];
    assert_eq!(tally::run(&environment), first);
    plan_is_empty(&environment, "rest-api", &variables);
    assert_eq!(service.asked("since"), Vec::<String>::new());

    shop.put("c-2", "2025-03-02T08:00:00Z", &json!({"is_vip": true}));
    shop.put("c-3", "2025-03-02T08:01:00Z", &json!({"deleted_at": "2025-03-02T08:01:00Z"}));
    shop.put("c-6", "2025-03-02T08:02:00Z", &json!({}));
    service.forget();
    // Five minutes of overlap show the last of the first run once more, and nothing older.
    let second = [
        "customers: 4 fetched, 1 created, 1 updated, 1 deleted, 1 unchanged",
        "orders: 21 fetched, 6 created, 15 unchanged",
    ];
    assert_eq!(tally::run(&environment), second);
    assert_eq!(service.asked("since")[0], "2025-03-01T14:55:00Z");

    let contacts = environment.json("records crm.contact --output json");
    let seen: Vec<_> =
        contacts.as_array().unwrap().iter().map(|row| row["externalId"].as_str().unwrap()).collect();
    assert_eq!(seen, ["c-1", "c-2", "c-4", "c-5", "c-6"]);
    assert_eq!(contacts[1]["vip"], true);
    assert_eq!(contacts[0]["vip"], false);
    assert_eq!(contacts[0]["email"], "c-1@example.com");
    assert_eq!(contacts[0]["createdAt"], "2024-01-31T14:30:00Z");
    let order = environment.json("records crm.order --where contactId=c-2 --where number=2 --output json");
    assert_eq!((&order[0]["total"], &order[0]["status"]), (&json!("129.9"), &json!("paid")));
    plan_is_empty(&environment, "rest-api", &variables);
}

#[test]
fn rest_api_without_its_token_is_disabled_at_once() {
    let shop = Shop::default();
    let service = HttpServer::start(move |request| shop.answer(request));
    let environment = TestEnvironment::new().variable("SHOP_TOKEN", "wrong-token");
    apply(&environment, "rest-api", &format!("--var API={}/api", service.url()));
    let said = environment.fails(1, "run");
    assert!(said.contains("401") && !said.contains("wrong-token"), "{said}");
    let status = environment.ok("status");
    assert!(status.contains("tripped") || status.contains("disabled"), "{status}");
}
