//! Sources against services that others wrote: what we understand of paging, cursors and authorization, they
//! have not written after us.

use serde_json::Value;

use crate::counterpart::{Kinto, Localstripe};
use crate::environment::TestEnvironment;
use crate::tally;

const STRIPE: &str = "\
apiVersion: raccord/v1
kind: Project
metadata: {name: billing}
spec:
  entities:
    customer:
      key: id
      fields:
        id: text
        email: {type: email, required: true}
        name: text
        createdAt: {type: datetime, required: true}
---
apiVersion: raccord/v1
kind: Source
metadata: {name: stripe}
spec:
  connector: http
  authorization: {type: bearer, token: \"${env:STRIPE_KEY}\"}
  config:
    baseUrl: \"${var:API}\"
    dataTypes:
      customers:
        records: data
        pagination: {cursor: {lastRecord: id}, param: starting_after, while: has_more, size: {limit: 3}}
---
apiVersion: raccord/v1
kind: Transfer
metadata: {name: customers}
spec:
  source: stripe
  to: billing.customer
  active: true
  deletes: {snapshot: {maxShare: 50%}}
  mapping:
    primaryKey: {id: id}
    fields:
      email: {from: email, transform: [lowercase]}
      name: name
      createdAt: {from: created, transform: [{parseDate: \"%s\"}]}
---
apiVersion: raccord/v1
kind: Integration
metadata: {name: stripe}
spec:
  active: true
  subscriptions: {customers: [created, updated, deleted]}
";

/// The identifier of an object that was made.
fn id(answer: &str) -> String {
    let object: Value = serde_json::from_str(answer).unwrap();
    object["id"].as_str().unwrap().to_owned()
}

#[test]
fn customers_of_localstripe_page_by_page() {
    let stripe = Localstripe::start();
    let mut ids = Vec::new();
    for number in 0..7 {
        ids.push(id(
            &stripe.create("/v1/customers", &format!("email=C{number}@Example.com&name=Client {number}"))
        ));
    }
    let environment =
        TestEnvironment::with(&[("stripe.yaml", STRIPE)]).variable("STRIPE_KEY", Localstripe::KEY);
    environment.ok(&format!("apply --auto-approve --var API={}", stripe.url()));
    environment.ok(&format!("check stripe --var API={}", stripe.url()));

    assert_eq!(tally::run(&environment), ["customers: 7 fetched, 7 created"]);
    let report = environment.json("runs --output json");
    assert_eq!(report[0]["pages"], 3, "{report:#}");
    assert_eq!(tally::run(&environment), ["customers: 7 fetched, 7 unchanged"]);

    stripe.create(&format!("/v1/customers/{}", ids[2]), "email=changed@example.com");
    stripe.create("/v1/customers", "email=new@example.com&name=New");
    let expected = ["customers: 8 fetched, 1 created, 1 updated, 6 unchanged"];
    assert_eq!(tally::run(&environment), expected);

    stripe.delete(&format!("/v1/customers/{}", ids[5]));
    assert_eq!(tally::run(&environment), ["customers: 7 fetched, 7 unchanged, 1 swept"]);

    let rows = environment.json("records billing.customer --output json");
    assert_eq!(rows.as_array().unwrap().len(), 7);
    let row = environment.json(&format!("records billing.customer --where id={} --output json", ids[2]));
    assert_eq!(row[0]["email"], "changed@example.com");
    assert_eq!(row[0]["name"], "Client 2");
}

#[test]
fn a_wrong_key_of_localstripe_is_said_and_not_shown() {
    let stripe = Localstripe::start();
    let environment =
        TestEnvironment::with(&[("stripe.yaml", STRIPE)]).variable("STRIPE_KEY", "nonsense-key");
    environment.ok(&format!("apply --auto-approve --var API={}", stripe.url()));
    let said = environment.fails(1, "run");
    assert!(said.contains("401") && !said.contains("nonsense-key"), "{said}");
}

const KINTO: &str = "\
apiVersion: raccord/v1
kind: Project
metadata: {name: shop}
spec:
  entities:
    record:
      key: id
      fields:
        id: text
        name: {type: text, required: true}
        city: text
        revision: {type: integer, required: true}
---
apiVersion: raccord/v1
kind: Source
metadata: {name: kinto}
spec:
  connector: http
  authorization: {type: basic, username: shop, password: \"${env:KINTO_PASSWORD}\"}
  config:
    baseUrl: \"${var:API}\"
    dataTypes:
      records:
        path: /buckets/shop/collections/customers/records
        query: {_sort: last_modified}
        records: data
        pagination: {nextUrl: {header: Next-Page}, size: {_limit: 3}}
        incremental: {field: last_modified, param: _since, format: integer}
---
apiVersion: raccord/v1
kind: Transfer
metadata: {name: records}
spec:
  source: kinto
  to: shop.record
  active: true
  version: last_modified
  deletes: {field: deleted}
  mapping:
    primaryKey: {id: id}
    fields: {name: name, city: address.city, revision: last_modified}
---
apiVersion: raccord/v1
kind: Integration
metadata: {name: kinto}
spec:
  active: true
  subscriptions: {records: [created, updated, deleted]}
";

const COLLECTION: &str = "/v1/buckets/shop/collections/customers";

const BY_FIELD: &str = "{field: last_modified, param: _since, format: integer}";

#[test]
fn records_of_kinto_page_by_page_and_then_only_what_changed() {
    reads_what_changed(BY_FIELD);
}

/// The version of the collection, which each page has as its `ETag`.
#[test]
fn records_of_kinto_by_the_token_that_it_gives() {
    reads_what_changed("{token: {header: ETag}, param: _since}");
}

fn reads_what_changed(incremental: &str) {
    let kinto = Kinto::start();
    kinto.put("/v1/buckets/shop");
    kinto.put(COLLECTION);
    let record = |number: usize| format!("{COLLECTION}/records/c-{number}");
    for number in 0..7 {
        kinto.replace(
            &record(number),
            &format!(r#"{{"name": "Client {number}", "address": {{"city": "Québec"}}}}"#),
        );
    }
    let configuration = KINTO.replace(BY_FIELD, incremental);
    let environment =
        TestEnvironment::with(&[("kinto.yaml", &configuration)]).variable("KINTO_PASSWORD", Kinto::PASSWORD);
    environment.ok(&format!("apply --auto-approve --var API={}", kinto.url()));

    assert_eq!(tally::run(&environment), ["records: 7 fetched, 7 created"]);
    let report = environment.json("runs --output json");
    assert_eq!(report[0]["pages"], 3, "{report:#}");
    // Kinto's `_since` is exclusive: what was there already is not even fetched.
    assert_eq!(tally::run(&environment), ["records: 0 fetched"]);

    kinto.replace(&record(2), r#"{"name": "Zoé", "address": {"city": "Lévis"}}"#);
    kinto.replace(&record(7), r#"{"name": "Client 7"}"#);
    kinto.delete(&record(4));
    assert_eq!(tally::run(&environment), ["records: 3 fetched, 1 created, 1 updated, 1 deleted"]);
    assert_eq!(tally::run(&environment), ["records: 0 fetched"]);

    let rows = environment.json("records shop.record --output json");
    let names: Vec<_> = rows.as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Client 0", "Client 1", "Zoé", "Client 3", "Client 5", "Client 6", "Client 7"]);
    assert_eq!(rows[2]["city"], "Lévis");
    assert_eq!(rows[6]["city"], Value::Null);

    environment.ok("resync records");
    assert_eq!(tally::run(&environment), ["records: 7 fetched, 7 unchanged"]);
}
