//! Queries in GraphQL against a server that others wrote: graphql-yoga, with a shop like Shopify's behind it. `cargo xtask setup`
//! installs it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use serde_json::{Value, json};

use crate::environment::{TestEnvironment, assert_says};
use crate::tally;

const TOKEN: &str = "shpat_0123456789abcdef";

/// The shop; see `tests/graphql/server.mjs`.
struct GraphQlShop {
    port: u16,
    child: Child,
    /// It ends with this.
    _stdin: Option<ChildStdin>,
}

impl GraphQlShop {
    fn start() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
        let modules = root.join("target/graphql");
        assert!(modules.join("node_modules").exists(), "graphql-yoga is missing: run `cargo xtask setup`");
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let mut command = Command::new("node");
        command.arg(root.join("tests/graphql/server.mjs")).env("PORT", port.to_string());
        command.env("MODULES", modules).env("TOKEN", TOKEN);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        assert!(lines.any(|line| line == "ready"), "the shop has ended");
        std::thread::spawn(move || lines.for_each(drop));
        Self { port, _stdin: child.stdin.take(), child }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Changes something; returns what was asked since the last time.
    fn control(&self, change: &Value) -> Value {
        let body = change.to_string();
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).unwrap();
        let head = "POST /control HTTP/1.0\r\nhost: shop\r\ncontent-length";
        write!(stream, "{head}: {}\r\n\r\n{body}", body.len()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }

    /// The variables of the requests since the last time.
    fn variables(&self) -> Vec<Value> {
        let seen = self.control(&json!({}));
        seen["requests"].as_array().unwrap().iter().map(|request| request["variables"].clone()).collect()
    }
}

impl Drop for GraphQlShop {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

const SHOP: &str = r#"
apiVersion: raccord/v1
kind: Project
metadata: {name: crm}
spec:
  entities:
    product: {key: id, fields: {id: text, title: text, updatedAt: datetime}}
    variant: {key: id, fields: {id: text, sku: text, product: text}}
---
apiVersion: raccord/v1
kind: Source
metadata: {name: shop}
spec:
  connector: http
  authorization: {type: apiKey, header: X-Shopify-Access-Token, value: "${env:TOKEN}"}
  config:
    baseUrl: "${var:API}/graphql"
    retry: {attempts: 2}
    dataTypes:
      products:
        graphql:
          query: |
            query Products($first: Int!, $after: String, $search: String) {
              products(first: $first, after: $after, query: $search) {
                nodes { ...Product }
                pageInfo { hasNextPage endCursor }
              }
            }
            fragment Product on Product { id title updatedAt }
          variables: {search: "updated_at:>='{{ since }}'"}
        records: data.products.nodes
        pagination:
          cursor: data.products.pageInfo.endCursor
          param: after
          while: data.products.pageInfo.hasNextPage
          size: {first: 3}
        incremental: {field: updatedAt, lookback: 1s}
      variants:
        graphql:
          query: |
            query($product: ID!, $first: Int!, $after: String) {
              product(id: $product) {
                variants(first: $first, after: $after) {
                  edges { node { id sku } }
                  pageInfo { hasNextPage endCursor }
                }
              }
            }
          variables: {product: "{{ parent.id }}"}
        parent: products
        records: data.product.variants.edges[*].node
        pagination:
          cursor: data.product.variants.pageInfo.endCursor
          param: {variable: after}
          while: data.product.variants.pageInfo.hasNextPage
          size: {first: 1}
---
apiVersion: raccord/v1
kind: Transfer
metadata: {name: products}
spec:
  source: shop
  to: crm.product
  active: true
  mapping: {primaryKey: {id: id}, fields: {title: title, updatedAt: updatedAt}}
---
apiVersion: raccord/v1
kind: Transfer
metadata: {name: variants}
spec:
  source: shop
  to: crm.variant
  active: true
  mapping: {primaryKey: {id: id}, fields: {sku: sku, product: parent.id}}
---
apiVersion: raccord/v1
kind: Integration
metadata: {name: products}
spec: {active: true, subscriptions: {products: [created, updated]}}
---
apiVersion: raccord/v1
kind: Integration
metadata: {name: variants}
spec: {active: true, subscriptions: {variants: [created, updated]}}
"#;

/// The configuration with a change, applied.
fn applied(shop: &GraphQlShop, from: &str, to: &str) -> TestEnvironment {
    assert!(SHOP.contains(from), "{from}");
    let yaml = SHOP.replace(from, to).replace("${var:API}", &shop.url());
    let environment = TestEnvironment::with(&[("shop.yaml", &yaml)]).variable("TOKEN", TOKEN);
    environment.ok("apply --auto-approve");
    environment
}

#[test]
fn a_connection_is_read_page_by_page_and_then_only_what_changed() {
    let shop = GraphQlShop::start();
    let environment = applied(&shop, "", "");
    let said = environment.ok("check shop");
    assert_says(&said, &["POST", "/graphql answered 200", "records on the first page"]);
    shop.variables();

    environment.ok("run products");
    let ids = |number: u32| format!("after gid://shopify/Product/{number}");
    let pages = shop.variables();
    assert_eq!(
        pages,
        [json!({"first": 3}), json!({"first": 3, "after": ids(3)}), json!({"first": 3, "after": ids(6)})]
    );
    let rows = environment.json("records crm.product --output json");
    assert_eq!(rows.as_array().unwrap().len(), 7);

    let fields = json!({"title": "Renamed", "updatedAt": "2024-02-01T00:00:00Z"});
    shop.control(&json!({"update": {"number": 4, "fields": fields}}));
    environment.ok("run products");
    assert_eq!(shop.variables(), [json!({"first": 3, "search": "updated_at:>='2024-01-06T23:59:59Z'"})]);
    let row = environment.json("records crm.product --where id=gid://shopify/Product/4 --output json");
    assert_eq!(row[0]["title"], "Renamed");
}

#[test]
fn edges_of_each_parent_record_are_asked_for_by_a_variable() {
    let shop = GraphQlShop::start();
    let environment = applied(&shop, "first: 3", "first: 7");
    environment.ok("run variants");
    let rows = environment.json("records crm.variant --output json --limit 100");
    assert_eq!(rows.as_array().unwrap().len(), 14, "{rows}");
    assert_eq!(rows[0], json!({"id": "v1a", "sku": "SKU-1-a", "product": "gid://shopify/Product/1"}));
    let asked = shop.variables();
    assert_eq!(asked[1], json!({"first": 1, "product": "gid://shopify/Product/1"}));
    assert_eq!(asked[2], json!({"first": 1, "product": "gid://shopify/Product/1", "after": "after v1a"}));
}

#[test]
fn a_limit_is_waited_for_as_long_as_the_service_says_and_is_no_failure() {
    let shop = GraphQlShop::start();
    // The bucket holds 120 and gets 100 back in a second, a page costs 60, and there are two attempts: only the wait that the service says helps.
    let environment = applied(&shop, "size: {first: 3}", "size: {first: 58}");
    shop.control(&json!({"empty": true}));
    let said = environment.ok("run products");
    assert_says(&said, &["succeeded  7        7 "]);
    assert_eq!(shop.control(&json!({}))["throttled"], 1);

    let environment = applied(&shop, "size: {first: 3}", "size: {first: 200}");
    let said = environment.fails(1, "run products");
    assert_says(&said, &["Throttled: the query costs 202, more than the 120 that the service ever allows"]);
}

#[test]
fn data_beside_errors_is_no_success_and_is_not_taken() {
    let shop = GraphQlShop::start();
    let environment = applied(&shop, "", "");
    shop.control(&json!({"deny": true}));
    let said = environment.fails(1, "run products");
    assert_says(&said, &["answered 200 with an error: Access denied for title (at products.nodes.1.title)"]);
    assert_eq!(environment.json("records crm.product --output json"), json!([]));
    assert!(!said.contains(TOKEN));

    shop.control(&json!({"deny": false}));
    let environment = applied(&shop, "id title updatedAt", "id title updatedAt nope");
    let said = environment.fails(1, "run products");
    assert_says(&said, &[r#"Cannot query field "nope" on type "Product""#]);
}

#[test]
fn the_short_form_reads_what_the_manifest_of_the_catalogue_reads() {
    let shop = GraphQlShop::start();
    let environment = applied(&shop, "", "");
    environment.ok("run products");
    let source =
        "  connector: shopify\n  config:\n    shop: shop\n    access_token: \"${env:TOKEN}\"\n    api_url: ";
    let yaml = SHOP.split("---\n").filter(|part| !part.contains("name: variants")).map(|part| {
        match part.find("  connector: http") {
            Some(at) => format!("{}{source}{}\n", &part[..at], shop.url()),
            None => part.to_owned(),
        }
    });
    let yaml = yaml.collect::<Vec<_>>().join("---\n");
    let other = TestEnvironment::with(&[("shop.yaml", &yaml)]).variable("TOKEN", TOKEN);
    other.ok("apply --auto-approve");
    assert_eq!(tally::run(&other), ["products: 7 fetched, 7 created"]);
    let rows = |environment: &TestEnvironment| environment.json("records crm.product --output json");
    assert_eq!(rows(&other), rows(&environment));
}

#[test]
fn what_is_wrong_with_a_query_is_shown_where_it_stands() {
    let yaml = |from: &str, to: &str| {
        assert!(SHOP.contains(from), "{from}");
        SHOP.replace(from, to).replace("${var:API}", "https://shop.example")
    };
    for (from, to, expected) in [
        ("nodes { ...Product }", "nodes { ...Product ", &["shop.yaml:29:62", "a field is expected"][..]),
        (
            "query: $search)",
            "query: $serach)",
            &[
                "the variable `$serach` is used, but not declared",
                "did you mean `$search`?",
                "shop.yaml:24:61",
                "the variable `$search` is declared, but not used",
                "shop.yaml:23:59",
            ],
        ),
        (
            "hasNextPage endCursor }\n              }\n            }\n            frag",
            "hasNextPage }\n              }\n            }\n            frag",
            &["the query does not select `endCursor`", "hasNextPage", "shop.yaml:33:"],
        ),
        (
            "size: {first: 3}",
            "size: {frist: 3}",
            &[
                "the query declares no variable `$frist`",
                "did you mean `first`?",
                "the query wants a value for `$first: Int!`, and none is given",
            ],
        ),
    ] {
        let environment = TestEnvironment::with(&[("shop.yaml", &yaml(from, to))]).variable("TOKEN", TOKEN);
        assert_says(&environment.fails(1, "validate"), expected);
    }
}
