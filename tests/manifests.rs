//! A manifest in Airbyte's low-code language as a connector: from its file to rows, the mistakes on the way, and what never
//! shows.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::environment::TestEnvironment;
use crate::http_server::{HttpServer, Request, Response, json as answer, status};

/// The key that the service wants.
const KEY: &str = "canary-7d1f4e";

const MANIFEST: &str = r##"
version: 6.0.0
type: DeclarativeSource
check: {type: CheckStream, stream_names: [customers]}
spec:
  type: Spec
  connection_specification:
    type: object
    required: [api_key, base]
    properties:
      api_key: {type: string, airbyte_secret: true}
      base: {type: string, title: The address of the shop}
      start_date: {type: string, default: "2024-01-01T00:00:00Z"}
definitions:
  requester:
    type: HttpRequester
    url_base: "{{ config['base'] }}"
    authenticator: {type: BearerAuthenticator, api_token: "{{ config['api_key'] }}"}
  selector: {type: RecordSelector, extractor: {type: DpathExtractor, field_path: [data]}}
streams:
  - type: DeclarativeStream
    name: customers
    primary_key: id
    retriever:
      type: SimpleRetriever
      requester: {$ref: "#/definitions/requester", path: /customers}
      record_selector: {$ref: "#/definitions/selector"}
      paginator:
        type: DefaultPaginator
        page_token_option: {type: RequestOption, inject_into: request_parameter, field_name: page}
        pagination_strategy: {type: PageIncrement, page_size: 2, start_from_page: 1}
    incremental_sync:
      type: DatetimeBasedCursor
      cursor_field: updated_at
      datetime_format: "%Y-%m-%dT%H:%M:%SZ"
      start_datetime: "{{ config['start_date'] }}"
      start_time_option: {type: RequestOption, inject_into: request_parameter, field_name: since}
    transformations:
      - type: AddFields
        fields: [{path: [full], value: "{{ record['first'] ~ ' ' ~ record['last'] }}"}]
  - type: DeclarativeStream
    name: custom
    retriever: {type: CustomRetriever, class_name: source_shop.components.Retriever}
"##;

const YAML: &str = r#"
apiVersion: raccord/v1
kind: Project
metadata: {name: crm}
spec:
  entities:
    contact: {key: id, fields: {id: integer, name: text, updatedAt: datetime}}
---
apiVersion: raccord/v1
kind: Source
metadata: {name: shop}
spec:
  connector: ./connectors/shop.yaml
  config: {api_key: "${env:SHOP_KEY}", base: "BASE"}
---
apiVersion: raccord/v1
kind: Transfer
metadata: {name: customers}
spec:
  source: shop
  to: crm.contact
  active: true
  mapping:
    primaryKey: {id: id}
    fields: {name: full, updatedAt: updated_at}
---
apiVersion: raccord/v1
kind: Integration
metadata: {name: shop}
spec: {active: true, subscriptions: {customers: [created, updated]}}
"#;

/// A shop with so many customers, two a page, each a day later than the one before.
fn customers(request: &Request) -> Response {
    if request.headers.get("authorization").map(String::as_str) != Some(&format!("Bearer {KEY}")) {
        return status(401);
    }
    let since = request.query.get("since").cloned().unwrap_or_default();
    let all = (1..=5).map(|id| {
        json!({"id": id, "first": format!("F{id}"), "last": "L", "updated_at": format!("2024-02-0{id}T00:00:00Z")})
    });
    let wanted = all.filter(|row| row["updated_at"].as_str().is_some_and(|at| at >= since.as_str()));
    let page = request.number("page").unwrap_or(1);
    let rows: Vec<Value> = wanted.skip((page - 1) * 2).take(2).collect();
    answer(json!({ "data": rows }).to_string())
}

fn shop(base: &str) -> TestEnvironment {
    let yaml = YAML.replace("BASE", base);
    TestEnvironment::with(&[("raccord.yaml", &yaml), ("connectors/shop.yaml", MANIFEST)])
        .variable("SHOP_KEY", KEY)
}

#[test]
fn a_manifest_is_planned_applied_and_run_and_goes_on_where_it_ended() {
    let server = HttpServer::start(customers);
    let environment = shop(&server.url());
    environment.ok("apply --auto-approve");
    assert!(environment.ok("plan").contains("no changes"), "{}", environment.ok("plan"));
    environment.ok("run");
    let rows = environment.json("records crm.contact --output json");
    assert_eq!(rows.as_array().map(Vec::len), Some(5), "{rows}");
    assert_eq!(rows[4]["name"], "F5 L", "{rows}");
    let before = server.requests().len();
    environment.ok("run");
    let later: Vec<String> =
        server.requests()[before..].iter().map(|request| request.query["since"].clone()).collect();
    assert_eq!(later, ["2024-02-05T00:00:00Z"]);
}

#[test]
fn a_reading_that_broke_off_misses_nothing() {
    let fails = Arc::new(AtomicBool::new(true));
    let now = Arc::clone(&fails);
    let server = HttpServer::start(move |request| {
        if request.number("page") == Some(2) && now.load(Ordering::SeqCst) {
            status(404)
        } else {
            customers(request)
        }
    });
    let environment = shop(&server.url());
    environment.ok("apply --auto-approve");
    environment.fails(1, "run");
    fails.store(false, Ordering::SeqCst);
    environment.ok("run");
    let rows = environment.json("records crm.contact --output json");
    assert_eq!(rows.as_array().map(Vec::len), Some(5), "{rows}");
}

#[test]
fn an_answer_that_is_no_list_deletes_nothing_and_moves_no_cursor() {
    let body = Arc::new(Mutex::new(String::new()));
    let now = Arc::clone(&body);
    let server = HttpServer::start(move |request| match now.lock().unwrap().as_str() {
        "" => customers(request),
        body => answer(body),
    });
    let environment = shop(&server.url());
    environment.replace("raccord.yaml", "mapping:", "deletes: {snapshot: {every: 1s}}\n  mapping:");
    environment.ok("apply --auto-approve");
    environment.ok("run");
    let count = || environment.json("records crm.contact --output json").as_array().map(Vec::len);
    let state = || environment.json("status --output json")["transfers"][0]["cursor"].clone();
    let (before, rows) = (state(), count());
    assert_eq!(rows, Some(5));
    for (said, expected) in [
        (r#"{"error": "rate limited"}"#, "the service says: rate limited"),
        (r#"{"success": false, "message": "no"}"#, "the service says: no"),
        ("{}", "`field_path: [data]` leads to nothing"),
        (r#"{"data": null}"#, "records: {missing: empty}"),
        ("<html>Sign in</html>", "the answer is no JSON"),
    ] {
        said.clone_into(&mut body.lock().unwrap());
        let told = environment.fails(1, "run");
        assert!(told.contains(expected), "{said}: {told}");
        assert_eq!((state(), count()), (before.clone(), rows), "{said}");
    }
    // Where a service leaves an empty list out, the Source says so.
    "{}".clone_into(&mut body.lock().unwrap());
    environment.ok("resume shop");
    environment.replace("raccord.yaml", "  config:", "  records: {missing: empty}\n  config:");
    let plan = environment.ok("apply --auto-approve");
    assert!(!plan.contains("reads everything"), "{plan}");
    environment.ok("run");
}

#[test]
fn what_a_manifest_ignores_is_no_proof_that_rows_are_gone() {
    let refuses = Arc::new(AtomicBool::new(false));
    let now = Arc::clone(&refuses);
    let server = HttpServer::start(
        move |request| {
            if now.load(Ordering::SeqCst) { status(403) } else { customers(request) }
        },
    );
    let environment = shop(&server.url());
    let handler = "error_handler: {type: DefaultErrorHandler, response_filters: [{type: HttpResponseFilter, \
                   action: IGNORE, http_codes: [403]}]}";
    environment.replace(
        "connectors/shop.yaml",
        "path: /customers}",
        &format!("path: /customers, {handler}}}"),
    );
    environment.replace(
        "raccord.yaml",
        "mapping:",
        "deletes: {snapshot: {every: 1s, maxShare: 100%}}\n  mapping:",
    );
    environment.ok("apply --auto-approve");
    environment.ok("run");
    refuses.store(true, Ordering::SeqCst);
    let said = environment.ok("run");
    assert!(said.contains("answered 403") && said.contains("deletes none of it"), "{said}");
    let rows = environment.json("records crm.contact --output json");
    assert_eq!(rows.as_array().map(Vec::len), Some(5), "{rows}");
    refuses.store(false, Ordering::SeqCst);
    let said = environment.ok("run");
    assert!(!said.contains("deletes none of it"), "{said}");
}

#[test]
fn a_partition_that_fails_keeps_no_other_from_being_read() {
    let server = HttpServer::start(|request| {
        if request.query.get("shop").map(String::as_str) == Some("1") {
            status(422)
        } else {
            customers(request)
        }
    });
    let environment = shop(&server.url());
    let router = "partition_router: {type: ListPartitionRouter, values: [\"1\", \"2\"], cursor_field: shop, \
                  request_option: {type: RequestOption, inject_into: request_parameter, field_name: shop}}";
    let selector = "      record_selector: {$ref: \"#/definitions/selector\"}";
    environment.replace("connectors/shop.yaml", selector, &format!("{selector}\n      {router}"));
    environment.ok("apply --auto-approve");
    let said = environment.fails(1, "run");
    assert!(said.contains("422"), "{said}");
    let rows = environment.json("records crm.contact --output json");
    assert_eq!(rows.as_array().map(Vec::len), Some(5), "{rows}");
    environment.fails(1, "run");
}

#[test]
fn mistakes_are_told_at_their_place() {
    let check = |from: &str, to: &str, expected: &[&str]| {
        let environment = shop("http://127.0.0.1:9");
        environment.replace("raccord.yaml", from, to);
        let said = environment.fails(1, "validate");
        for text in expected {
            assert!(said.contains(text), "{text:?} is not in\n{said}");
        }
        assert!(!said.contains("hunter2"), "{said}");
    };
    check("\"${env:SHOP_KEY}\"", "hunter2", &["`api_key` is a secret", "spec.config.api_key"]);
    check(", base: \"http://127.0.0.1:9\"", "", &["`base`: it is required and missing"]);
    check("connectors/shop.yaml", "connectors/shp.yaml", &["there is no manifest at", "did you mean"]);
    check("connectors/shop.yaml", "other/x.yaml", &["it names the manifest, too"]);
    check("api_key:", "apikey:", &["the manifest has no setting `apikey`", "did you mean `api_key`?"]);
    check("source: shop", "source: shop\n  dataType: custmers", &["no data type `custmers`", "`customers`"]);
}

#[test]
fn a_transfer_of_a_data_type_that_cannot_be_read_is_refused() {
    let environment = shop("http://127.0.0.1:9");
    let cursor = "datetime_format:";
    environment.replace("connectors/shop.yaml", cursor, "cursor_granularity: PT1S\n      datetime_format:");
    for command in ["validate", "plan", "apply --auto-approve"] {
        let said = environment.fails(1, command);
        for text in ["`customers` cannot be read", "step", "raccord.yaml", "raccord connector check"] {
            assert!(said.contains(text), "{command}: {text:?} is not in\n{said}");
        }
    }
}

#[test]
fn a_data_type_that_needs_python_keeps_no_other_from_being_read() {
    let environment = shop("http://127.0.0.1:9");
    let said = environment.ok("connector check connectors");
    assert!(said.contains("1 of 2 data types"), "{said}");
    assert!(said.contains("✓ customers") && said.contains("✗ custom"), "{said}");
    assert!(
        said.contains("streams[1].retriever") && said.contains("source_shop.components.Retriever"),
        "{said}"
    );
    environment.ok("validate");
    let said = environment.ok("connectors connectors/shop.yaml");
    assert!(said.contains("incremental by updated_at") && said.contains("required, secret"), "{said}");
}

#[test]
fn a_manifest_is_tried_out_without_a_state() {
    let server = HttpServer::start(customers);
    let environment = shop(&server.url());
    environment.write("shop.json", &json!({"api_key": KEY, "base": server.url()}).to_string());
    let read = "connector read connectors/shop.yaml customers --config shop.json";
    let records = environment.ok(&format!("{read} --state-out state.json"));
    let names: Vec<Value> =
        records.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["full"].clone()).collect();
    assert_eq!(names, ["F1 L", "F2 L", "F3 L", "F4 L", "F5 L"]);
    assert_eq!(environment.read("state.json"), r#"{"updated_at":"2024-02-05T00:00:00Z"}"#);
    assert_eq!(environment.ok(&format!("{read} --state state.json")).lines().count(), 1);
    assert_eq!(environment.ok(&format!("{read} --limit 3")).lines().count(), 3);
    assert!(!environment.path().join(".raccord").exists());
}

#[test]
fn no_secret_of_a_manifest_shows() {
    let server = HttpServer::start(|request| match request.query.get("since").map(String::as_str) {
        // It repeats what it was sent, as some services do.
        Some(_) => {
            answer(json!({"data": [{"id": "x", "first": KEY, "last": KEY}], "error": KEY}).to_string())
        }
        None => status(500),
    });
    let environment = shop(&server.url()).variable("RUST_LOG", "trace");
    environment.write("shop.json", &json!({"api_key": KEY, "base": server.url()}).to_string());
    environment.ok("apply --auto-approve");
    for command in [
        "plan",
        "run",
        "status",
        "runs --output json",
        "rejects list --output json",
        "check shop",
        "export",
        "connector read connectors/shop.yaml nothing --config shop.json --trace",
    ] {
        let answer = environment.run(command);
        assert!(!answer.stdout.contains(KEY) && !answer.stderr.contains(KEY), "{command}: {answer:?}");
    }
    let traced =
        environment.run("connector read connectors/shop.yaml customers --config shop.json --trace --limit 1");
    assert!(traced.stderr.contains("Bearer ***") && !traced.stderr.contains(KEY), "{traced:?}");
}
