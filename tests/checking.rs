//! `raccord check` tells apart, for every kind of authorization: no connection, wrong credentials, a right that is missing,
//! wrong settings, and a secret that is not there.

use crate::environment::{TestEnvironment, assert_says};
use crate::http_server::{HttpServer, answer, json};
use crate::secrets::directory;

/// Each kind, with the reference that messages name; `SECRET` stands for what is read.
const KINDS: [(&str, &str); 8] = [
    ("{type: bearer, token: \"SECRET\"}", "SECRET"),
    ("{type: basic, username: me, password: \"SECRET\"}", "SECRET"),
    ("{type: apiKey, header: X-Key, value: \"SECRET\"}", "SECRET"),
    ("{type: apiKey, query: key, value: \"SECRET\"}", "SECRET"),
    (
        "{type: oauth1a, consumerKey: me, consumerSecret: \"SECRET\", token: \"SECRET\", tokenSecret: \"SECRET\"}",
        "SECRET",
    ),
    (
        "{type: hmac, secret: \"SECRET\", signed: \"{timestamp}{body}\", header: X-Sign, timestamp: {header: X-Time}}",
        "SECRET",
    ),
    (
        "{type: awsSigV4, accessKeyId: me, secretAccessKey: \"SECRET\", region: eu-west-1, service: execute-api}",
        "SECRET",
    ),
    (
        "{type: oauth2, grant: clientCredentials, clientId: me, clientSecret: \"SECRET\", tokenUrl: \"BASE/token\"}",
        "SECRET",
    ),
];

/// What `check` says where the service answers everything but `/token` with this status.
fn said(kind: &str, secret: &str, base: &str) -> String {
    let authorization = kind.replace("SECRET", secret).replace("BASE", base);
    let environment =
        TestEnvironment::with(&[("raccord.yaml", &directory(&authorization, (base, "{nextUrl: next}")))])
            .variable("TOKEN", "hunter2");
    environment.fails(1, "check shop")
}

#[test]
fn what_keeps_a_service_from_being_read_is_told_apart() {
    for (status, expected) in [
        (401, "the service refused our credentials ("),
        (403, "the service forbids this to our credentials ("),
        (404, "/people answered 404: no such page"),
    ] {
        let server = HttpServer::start(move |request| match request.path.as_str() {
            "/token" => json(r#"{"access_token": "t", "expires_in": 3600}"#),
            _ => answer(status, "Content-Type: text/plain", "no such page"),
        });
        for (kind, reference) in KINDS {
            let said = said(kind, "${env:TOKEN}", &server.url());
            assert_says(&said, &[expected]);
            let names = status == 404 || said.contains(&reference.replace("SECRET", "${env:TOKEN}"));
            assert!(names && !said.contains("hunter2"), "{kind}: {said}");
        }
    }
    for (kind, _) in KINDS {
        assert_says(
            &said(kind, "${env:TOKEN}", "http://127.0.0.1:9"),
            &["did not answer", "nothing listens there"],
        );
        let missing = said(kind, "${env:NOWHERE}", "http://127.0.0.1:9");
        assert_says(&missing, &["${env:NOWHERE} is not set where this runs"]);
    }
}

#[test]
fn a_server_of_tokens_is_told_from_the_service() {
    let kind = KINDS[7].0;
    for (status, body, expected) in [
        (
            401,
            r#"{"error": "invalid_client"}"#,
            "the service refused our credentials (`clientId`, ${env:TOKEN}; it says invalid_client",
        ),
        (404, "", "tokenUrl: "),
        (400, r#"{"error": "invalid_scope"}"#, "refuses what is asked: invalid_scope"),
    ] {
        let server = HttpServer::start(move |_| answer(status, "Content-Type: application/json", body));
        assert_says(&said(kind, "${env:TOKEN}", &server.url()), &[expected]);
    }
}

#[test]
fn one_data_type_that_fails_keeps_no_other_from_being_checked() {
    let server = HttpServer::start(|request| match request.path.as_str() {
        "/good" => json(r#"[{"id": 1}]"#),
        _ => answer(404, "Content-Type: text/plain", "no such page"),
    });
    let source = |data_types: &str| {
        format!(
            "apiVersion: raccord/v1\nkind: Source\nmetadata: {{name: shop}}\nspec:\n  connector: http\n  authorization: \
             {{type: none}}\n  config: {{baseUrl: '{}', dataTypes: {{{data_types}}}}}\n",
            server.url()
        )
    };
    let environment = TestEnvironment::with(&[("raccord.yaml", &source("a: {}, b: {}, good: {}"))]);
    let said = environment.fails(1, "check shop");
    assert_says(
        &said,
        &["2 data types cannot be read", "`a`: ", "/a answered 404", "`b`: ", "/b answered 404"],
    );
    assert!(server.requests().iter().any(|request| request.path == "/good"));
    environment.write("raccord.yaml", &source("a: {}, good: {}"));
    assert_says(&environment.fails(1, "check shop"), &["/a answered 404"]);
    environment.write("raccord.yaml", &source("good: {}"));
    environment.ok("check shop");
}
