//! Queries as people write them, and what is found to be wrong with them.

use raccord_model::diagnostic::Finding;
use raccord_model::field_path::FieldPath;
use serde_json::{Value, json};

use super::document::{MAX_DEPTH, parse};
use crate::connector::tests::http;
use crate::connector::{HttpStream, Target, findings, lower};

const PRODUCTS: &str = "\
query Products($first: Int!, $after: String, $search: String) {
  products(first: $first, after: $after, query: $search) {
    nodes { id title updatedAt }
    pageInfo { hasNextPage endCursor }
  }
}";

fn products(members: &Value) -> Value {
    let mut data_type = json!({
        "graphql": {"query": PRODUCTS, "variables": {"search": "updated_at:>='{{ since }}'"}},
        "records": "data.products.nodes",
        "pagination": {
            "cursor": "data.products.pageInfo.endCursor", "param": "after",
            "while": "data.products.pageInfo.hasNextPage", "size": {"first": 2},
        },
        "incremental": {"field": "updatedAt"},
    });
    for (name, value) in members.as_object().unwrap() {
        data_type[name] = value.clone();
    }
    data_type
}

/// `path: message` of every finding, with the place in the query where there is one.
fn check(data_type: &Value, expected: &[&str]) {
    let settings = http(json!({"baseUrl": "https://api.example/graphql", "dataTypes": {"a": data_type}}));
    let line = |finding: Finding| {
        let place = finding.within.map(|place| format!("@{}:{}+{}", place.line, place.column, place.length));
        let path = finding.path.iter().skip(2).cloned().collect::<Vec<_>>().join(".");
        format!("{path}{}: {}", place.unwrap_or_default(), finding.message)
    };
    let found: Vec<String> = findings(&settings).into_iter().map(line).collect();
    assert_eq!(found, expected, "{data_type}");
}

#[test]
fn a_query_is_sent_as_it_is_written_with_its_variables() {
    check(&products(&json!({})), &[]);
    let settings =
        http(json!({"baseUrl": "https://api.example/graphql", "dataTypes": {"a": products(&json!({}))}}));
    let stream = lower(&settings, &"a".parse().unwrap()).0.unwrap().get::<HttpStream>().unwrap();
    let after: FieldPath = "variables.after".parse().unwrap();
    let raccord = format!("{:?}", stream.paginator);
    assert!(raccord.contains(&format!("{:?}", Target::Body(after))), "{raccord}");
    assert_eq!(stream.page_size.as_ref().unwrap().param, Target::Body("variables.first".parse().unwrap()));
    let body = stream.requester.body.as_ref().unwrap();
    let since = |name: &str| (name == "since").then(|| json!("2024-01-01T00:00:00Z"));
    assert_eq!(
        body.render(&since),
        json!({"query": PRODUCTS, "variables": {"search": "updated_at:>='2024-01-01T00:00:00Z'"}})
    );
    // What takes a value that is not there is left out, with the text around it.
    assert_eq!(body.render(&|_| None), json!({"query": PRODUCTS, "variables": {}}));
    assert_eq!(stream.requester.path.render(&[]), "");
}

#[test]
fn what_goes_into_a_query_that_does_not_take_it_is_named() {
    let pages = |param: Value| {
        let mut pages = products(&json!({}))["pagination"].clone();
        pages["param"] = param;
        json!({"pagination": pages})
    };
    for (members, expected) in [
        (pages(json!("aftr")), &["pagination.param: the query declares no variable `$aftr`"][..]),
        (pages(json!({"variable": "after"})), &[]),
        (
            pages(json!({"body": "after"})),
            &["pagination.param: a query in `graphql` takes values by its variables; name one"],
        ),
        (pages(json!("")), &["pagination.param: `` names no variable"]),
        (json!({"body": {"x": 1}}), &["body: `graphql` makes the body of the request; `body` excludes it"]),
        (
            json!({"records": "products.nodes"}),
            &["records: `products.nodes` is not in the answer: it has `data`, `errors` and `extensions`"],
        ),
        (json!({"records": "data.product.nodes"}), &["records: the query does not select `product`"]),
        (json!({"records": "data.products.edges[*].node"}), &["records: the query does not select `edges`"]),
        (json!({"records": "$"}), &["records: `records` is missing: an answer in GraphQL is no list"]),
        (
            json!({"incremental": {"field": "createdAt"}}),
            &["incremental.field: the query does not select `createdAt`"],
        ),
        (
            json!({"incremental": {"field": "updatedAt", "param": "search"}}),
            &["incremental.param: `$search` has a value already, by `graphql.variables.search`"],
        ),
        (
            json!({"incremental": null}),
            &["graphql.variables: `{{ since }}` needs `incremental`, which is not there"],
        ),
        (
            json!({"pagination": null}),
            &["graphql.variables: the query wants a value for `$first: Int!`, and none is given"],
        ),
    ] {
        check(&products(&members), expected);
    }
    let rest = json!({"query": {"q": "x"}, "pagination": {"page": {"variable": "p"}}});
    check(&rest, &["pagination.page: a `variable` needs a query in `graphql`"]);
}

#[test]
fn what_is_wrong_with_a_query_is_shown_in_it() {
    let of = |query: &str, records: &str| json!({"graphql": {"query": query}, "records": records});
    for (query, expected) in [
        (
            "{ a { id } ",
            &["graphql.query@1:10+1: a field is expected, but there is the end of the query"][..],
        ),
        ("{ a { id }\n  b(x: ) { c } }", &["graphql.query@2:8+1: a value is expected, but there is `)`"]),
        ("{ a { } }", &["graphql.query@1:7+1: a field is expected, but there is `}`"]),
        (
            "{ a { id } } }",
            &["graphql.query@1:14+1: `query`, `fragment` or `{` is expected, but there is `}`"],
        ),
        ("{ a(q: \"x) { id } }", &["graphql.query@1:8+1: a text has no `\"` after it"]),
        ("{ a { id % } }", &["graphql.query@1:10+1: `%` cannot stand in a query"]),
        ("{ a(n: 0x1) { id } }", &["graphql.query@1:8+3: `0x1` is no number"]),
        (
            "{ a(q: {{ since }}) { id } }",
            &["graphql.query@1:9+1: a field or `}` is expected, but there is `{`"],
        ),
        (
            "",
            &[
                "graphql.query@1:1+1: `query`, `fragment` or `{` is expected, but there is the end of the query",
            ],
        ),
        (
            "qeury { a }",
            &["graphql.query@1:1+5: `query`, `fragment` or `{` is expected, but there is `qeury`"],
        ),
        (
            "mutation { a { id } }",
            &["graphql.query@1:1+8: a `mutation` reads no records; only a `query` does"],
        ),
        (
            "query($x: Int) { a { id } }",
            &["graphql.query@1:8+1: the variable `$x` is declared, but not used"],
        ),
        (
            "{ a(x: [{y: $x}]) { id } }",
            &["graphql.query@1:13+2: the variable `$x` is used, but not declared"],
        ),
        ("{ a { ...Fields } }", &["graphql.query@1:10+6: the query has no fragment `Fields`"]),
        ("{ a { id } }\nfragment F on A { id }", &["graphql.query@2:10+1: nothing takes the fragment `F`"]),
        (
            "fragment F on A { ...F }",
            &[
                "graphql.query@1:10+1: nothing takes the fragment `F`",
                "graphql.query: the query has fragments alone, and no operation that could be asked for",
            ],
        ),
        (
            "query A { a { id } } query B { a { id } }",
            &["graphql: `operation` is missing: the query has several operations"],
        ),
    ] {
        check(&of(query, "data.a"), expected);
    }
}

#[test]
fn one_operation_is_asked_for() {
    let deep = "{a".repeat(MAX_DEPTH + 1);
    assert!(parse(&deep).unwrap_err().message.contains("more than 64 deep"));
    let chosen = |name: &str| {
        let query = "query A { a { id } } query B($x: ID!) { b(x: $x) { id } }";
        json!({"graphql": {"query": query, "operation": name, "variables": {"x": 7}}, "records": "data.b"})
    };
    check(&chosen("B"), &[]);
    check(&chosen("C"), &["graphql.operation: the query has no operation `C`"]);
    check(
        &chosen("A"),
        &[
            "graphql.variables.x: the query declares no variable `$x`",
            "records: the query does not select `b`",
        ],
    );
}

#[test]
fn a_variable_that_must_have_a_value_has_one_in_every_request() {
    let query = "query($s: String!, $c: ID!, $n: Int! = 5) { a(s: $s, c: $c, n: $n) { id at } p { c } }";
    let data_type = json!({
        "graphql": {"query": query}, "records": "data.a",
        "pagination": {"cursor": "data.p.c", "param": "c"}, "incremental": {"field": "at", "param": "s"},
    });
    check(
        &data_type,
        &[
            "pagination.param: the first page is asked for without a cursor, but the query wants one: `$c: ID!`",
            "incremental.param: without `initial` the first run asks from no value on, but the query wants one: `$s: String!`",
        ],
    );
}

#[test]
fn all_that_a_query_may_hold_is_read() {
    let kitchen_sink = r#"
        # What is after a number sign says nothing: } $
        query Q($id: ID! = "1", $site: Site = {a: [MOBILE, 2.5e3], b: null} @on, $all: [[Int!]!]) @onQuery(x: true) {
          whoever: node(id: [$id, 456], text: """one "two" \""" three
            lines""", empty: "", escaped: "\"\u0041") @include(if: $site) {
            id, ... on User @onInline { field2 { id alias: field1(first: -10, after: $all) ...frag @onSpread } }
            ... @skip(unless: false) { on query: fragment }
            ... { type }
          }
        }
        fragment frag on Friend @onFragment { foo(size: 1, obj: {key: "value", block: """ """}) true }
    "#;
    let document = parse(kitchen_sink).unwrap();
    let operation = &document.operations[0];
    let declared: Vec<(&str, &str, bool)> = operation
        .variables
        .iter()
        .map(|known| (known.name.text.as_str(), known.type_name.as_str(), known.is_required))
        .collect();
    assert_eq!(declared, [("id", "ID!", false), ("site", "Site", false), ("all", "[[Int!]!]", false)]);
    let uses: Vec<&str> = operation.body.uses.iter().map(|word| word.text.as_str()).collect();
    assert_eq!(uses, ["id", "site", "all"]);
    assert_eq!(operation.body.spreads[0].text, "frag");
    // Names in the answer are aliases, in fragments too.
    check(
        &json!({"graphql": {"query": "{ a: b { ...F ... on X { y: z { id } } } } fragment F on T { ...F w { id } }"}, "records": "data.a.y"}),
        &[],
    );
}
