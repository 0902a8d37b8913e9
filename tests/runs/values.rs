//! What values become on their way from a file to the rows, through the program itself: exactly what was meant, or a
//! reject that says why not.

use serde_json::{Value, json};

use super::counts;
use crate::environment::{TestEnvironment, assert_says};

/// A transfer of `items` with these fields of the entity, settings of the data type and fields of the mapping.
fn items(entity: &str, data_type: &str, mapping: &str) -> TestEnvironment {
    let yaml = format!(
        "apiVersion: raccord/v1
kind: Project
metadata: {{name: crm}}
spec: {{entities: {{contact: {{key: id, fields: {{id: text, {entity}}}}}}}}}
---
apiVersion: raccord/v1
kind: Source
metadata: {{name: shop}}
spec: {{connector: file, config: {{dataTypes: {{items: {{{data_type}}}}}}}}}
---
apiVersion: raccord/v1
kind: Transfer
metadata: {{name: items}}
spec:
  source: shop
  to: crm.contact
  active: true
  mapping: {{primaryKey: {{id: id}}, fields: {{{mapping}}}}}
---
apiVersion: raccord/v1
kind: Integration
metadata: {{name: shop}}
spec: {{active: true, subscriptions: {{items: [created, updated]}}}}
"
    );
    TestEnvironment::with(&[("raccord.yaml", &yaml)])
}

fn run(environment: &TestEnvironment) -> String {
    counts(&environment.json("run --output json"), "items")
}

/// A field of all rows, in the order of their keys.
fn values(environment: &TestEnvironment, field: &str) -> Vec<Value> {
    let records = environment.json("records crm.contact --output json --limit 1000");
    records.as_array().unwrap().iter().map(|record| record[field].clone()).collect()
}

#[test]
fn texts_of_a_csv_are_added_once_they_are_read_as_numbers() {
    let environment = items(
        "total: decimal, twice: integer",
        "path: items.csv",
        "total: {expr: 'net + tax'}, twice: {expr: 'n * 2'}",
    );
    environment.write("items.csv", "id,net,tax,n\n1,100,20.50,3\n2,0.1,0.2,\n");
    let said = environment.run("validate").expect_code(0);
    assert_says(
        &format!("{}{}", said.stdout, said.stderr),
        &["warning", "`|decimal`", "`|int`", "net|decimal + tax|decimal"],
    );
    environment.ok("apply --auto-approve");
    let failed = environment.fails(1, "run");
    assert_says(&failed, &["rejected"]);
    assert_says(&environment.ok("rejects list"), &["total", "write `|decimal` (or `|int`)"]);
    assert_eq!(values(&environment, "total"), Vec::<Value>::new());

    environment.replace("raccord.yaml", "net + tax", "net|decimal + tax|decimal");
    environment.replace("raccord.yaml", "n * 2", "n|int * 2");
    environment.ok("apply --auto-approve");
    // An empty cell is no number.
    assert_eq!(run(&environment), "fetched 2, created 1, rejected 1");
    assert_says(
        &environment.ok("rejects list"),
        &["twice", "`*` takes numbers, and a value beside it is empty"],
    );
    environment.replace("raccord.yaml", "n|int * 2", "n|int(0) * 2");
    environment.ok("apply --auto-approve");
    assert_eq!(run(&environment), "fetched 2, created 1, unchanged 1");
    // A decimal is a text in JSON, always.
    assert_eq!(values(&environment, "total"), [json!("120.5"), json!("0.3")]);
    assert_eq!(values(&environment, "twice"), [json!(6), json!(0)]);
}

#[test]
fn a_csv_is_read_as_it_is_written_or_not_at_all() {
    let environment = items(
        "name: text, note: text",
        "path: items.csv, comment: '#', missingCells: empty",
        "name: name, note: note",
    );
    environment.write("items.csv", "# of the shop\nid,name,note\n1,\"pipe 5\\\" wide\",x\n2,\"5\" nail\",x\n3,\"a \"\"b\"\" c\"\n4,d,e,f\n");
    environment.ok("apply --auto-approve");
    assert_eq!(run(&environment), "fetched 4, created 1, rejected 3");
    assert_eq!(values(&environment, "name"), [json!("a \"b\" c")]);
    assert_eq!(values(&environment, "note"), [Value::Null]);
    assert_says(
        &environment.ok("rejects list"),
        &["line 3", "line 4", "a text follows a closing quote", "line 6", "4 cells"],
    );
    environment.write("items.csv", "id,name,note\n1,\"5\" nail,x\n2,b,c\n");
    assert_says(&environment.fails(1, "run"), &["line 2", "uncertain where the record ends"]);
}

#[test]
fn equal_values_are_no_update() {
    let environment = items(
        "extra: json, tags: {type: choices, options: [a, b, c]}, name: text, at: datetime",
        "path: items.jsonl",
        "extra: extra, tags: tags, name: {from: name, transform: [{normalize: nfc}]}, at: {from: at, transform: [unixMillis]}",
    );
    environment.write("items.jsonl", "{\"id\":1,\"extra\":{\"a\":1,\"b\":[1,2],\"c\":1.0},\"tags\":[\"b\",\"a\"],\"name\":\"Zo\u{e9}\",\"at\":1700000000123}\n");
    environment.ok("apply --auto-approve");
    assert_eq!(run(&environment), "fetched 1, created 1");
    assert_eq!(values(&environment, "at"), [json!("2023-11-14T22:13:20.123Z")]);
    environment.write("items.jsonl", "{\"id\":1,\"extra\":{\"c\":1e0,\"b\":[1,2.0],\"a\":1},\"tags\":[\"a\",\"b\",\"a\"],\"name\":\"Zoe\u{301}\",\"at\":\"1700000000123.0\"}\n");
    assert_eq!(run(&environment), "fetched 1, unchanged 1");
    environment.write("items.jsonl", "{\"id\":1,\"extra\":{\"c\":1,\"b\":[2,1],\"a\":1},\"tags\":[\"a\"],\"name\":\"Zoe\",\"at\":1700000000123}\n");
    assert_eq!(run(&environment), "fetched 1, updated 1");
}

#[test]
fn a_date_format_of_another_notation_is_told_with_the_one_that_is_meant() {
    let environment =
        items("born: date", "path: items.csv", "born: {from: born, transform: [{parseDate: dd/MM/yyyy}]}");
    assert_says(&environment.fails(1, "validate"), &["dd/MM/yyyy", "write `%d/%m/%Y`"]);
}

#[test]
fn records_that_stand_in_others_and_members_with_names_are_read() {
    let environment = items(
        "order: text, count: integer",
        "path: orders.json, records: 'orders[*].positions'",
        "order: parent.number, count: count",
    );
    environment.write(
        "orders.json",
        "{\"orders\":[{\"number\":\"A\",\"positions\":[{\"id\":1,\"count\":2},{\"id\":2,\"count\":\"many\"}]},{\"number\":\"B\",\"positions\":[{\"id\":3}]}]}",
    );
    environment.ok("apply --auto-approve");
    assert_eq!(run(&environment), "fetched 3, created 2, rejected 1");
    assert_eq!(values(&environment, "order"), [json!("A"), json!("B")]);
    // What is replayed still stands in its order.
    environment.replace(
        "raccord.yaml",
        "count: count",
        "count: {from: count, transform: [{lookup: {table: {many: '9'}, default: '1'}}]}",
    );
    environment.ok("apply --auto-approve");
    environment.ok("rejects replay items");
    assert_eq!(values(&environment, "order"), [json!("A"), json!("A"), json!("B")]);

    let environment = items(
        "rate: decimal, label: text",
        "path: rates.json, records: {members: rates}",
        "rate: '$value', label: {expr: \"record['$key']|lower\"}",
    );
    environment.replace("raccord.yaml", "primaryKey: {id: id}", "primaryKey: {id: $key}");
    environment.write("rates.json", "{\"base\":\"EUR\",\"rates\":{\"CHF\":0.94,\"USD\":1.10}}");
    environment.ok("apply --auto-approve");
    assert_eq!(run(&environment), "fetched 2, created 2");
    assert_eq!(values(&environment, "id"), [json!("CHF"), json!("USD")]);
    assert_eq!(values(&environment, "rate"), [json!("0.94"), json!("1.1")]);
    assert_eq!(values(&environment, "label"), [json!("chf"), json!("usd")]);
}
