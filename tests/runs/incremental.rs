//! How far an incremental source has been read: bad records at its end, and records that are dated in the future.

use std::sync::{Arc, Mutex};

use super::{rows, run};
use crate::environment::{TestEnvironment, assert_says};
use crate::http_server::{self, HttpServer};
use crate::shop::Shop;

/// People as JSON, with the day on which each has changed.
type People = Arc<Mutex<Vec<(String, &'static str)>>>;

/// A service that shows who has changed since.
struct Service {
    server: HttpServer,
    people: People,
}

impl Service {
    fn start() -> Self {
        let people = People::default();
        let known = Arc::clone(&people);
        let server = HttpServer::start(move |request| {
            let since = request.query.get("since").map_or("", String::as_str);
            let people = known.lock().unwrap();
            let changed = people.iter().filter(|(_, at)| *at >= since).map(|(record, _)| record.as_str());
            http_server::json(format!("[{}]", changed.collect::<Vec<_>>().join(",")))
        });
        Self { server, people }
    }

    /// Adds a person; a name that is no text is JSON as it stands.
    fn add(&self, id: u8, name: &str, at: &'static str) {
        let record = format!(r#"{{"id":"{id}","name":{name},"at":"{at}"}}"#);
        self.people.lock().unwrap().push((record, at));
    }

    fn applied(&self) -> TestEnvironment {
        let source = format!(
            "{{connector: http, authorization: {{type: none}}, config: {{baseUrl: \"{}\", dataTypes: \
             {{people: {{incremental: {{field: at, param: since, lookback: 5m}}}}}}}}}}",
            self.server.url()
        );
        Shop { source: &source, ..Shop::default() }.applied()
    }
}

#[test]
fn a_bad_record_that_is_shown_again_and_again_is_no_failure() {
    let service = Service::start();
    service.add(1, r#""Ann""#, "2025-01-10T00:00:00Z");
    service.add(2, r#"{"first":"Bob"}"#, "2025-01-20T00:00:00Z");
    let environment = service.applied();
    assert_eq!(run(&environment), "fetched 2, created 1, rejected 1");
    for _ in 0..6 {
        assert_eq!(run(&environment), "fetched 1, rejected 1");
    }
    assert_says(&environment.ok("status"), &["integration shop: active", "succeeded"]);
    // A few that are new and bad as well are no failure either; many are.
    service.add(3, r#"{"first":"Cyd"}"#, "2025-01-21T00:00:00Z");
    assert_eq!(run(&environment), "fetched 2, rejected 2");
    assert_eq!(run(&environment), "fetched 1, rejected 1");
    (4..24).for_each(|id| service.add(id, r#"{"first":"Dee"}"#, "2025-01-22T00:00:00Z"));
    assert_says(&environment.fails(1, "run"), &["every record of the first page was rejected"]);
}

#[test]
fn a_bad_record_of_the_future_is_no_failure_each_time_it_is_shown() {
    let service = Service::start();
    service.add(1, r#""Ann""#, "2025-01-10T00:00:00Z");
    service.add(2, r#"{"first":"Bob"}"#, "2925-01-01T00:00:00Z");
    let environment = service.applied().at("2025-01-31T09:30:00Z");
    assert_eq!(run(&environment), "fetched 2, created 1, rejected 1");
    let environment = environment.at("2025-02-01T00:00:00Z");
    assert_eq!(run(&environment), "fetched 1, rejected 1");
    service.add(3, r#"{"first":"Cyd"}"#, "2025-02-01T23:00:00Z");
    let environment = environment.at("2025-02-02T00:00:00Z");
    assert_eq!(run(&environment), "fetched 2, rejected 2");
}

#[test]
fn a_record_of_the_future_does_not_hide_those_of_today() {
    let service = Service::start();
    service.add(1, r#""Ann""#, "2025-01-10T00:00:00Z");
    service.add(2, r#""Bob""#, "2925-01-01T00:00:00Z");
    let environment = service.applied().at("2025-01-31T09:30:00Z");
    let first = environment.run("run").expect_code(0);
    assert_says(&first.stdout, &["people    succeeded  2        2"]);
    let said = "1 record is dated in the future by `at`, at the latest 2925-01-01T00:00:00Z: ";
    for command in ["status", "runs", "check shop", "discover shop"] {
        assert_says(&environment.ok(command), &[said]);
    }
    assert_says(&environment.ok("status"), &["2025-01-31T09:30:00Z"]);
    service.add(3, r#""Cyd""#, "2025-01-31T10:00:00Z");
    let environment = environment.at("2025-02-01T00:00:00Z");
    assert_eq!(run(&environment), "fetched 2, created 1, unchanged 1");
    assert_eq!(service.server.asked("since"), ["2025-01-31T09:25:00Z"]);
    assert_eq!(rows(&environment, "name"), "1=Ann 2=Bob 3=Cyd");
}

/// What a service of the records answers whose data type is incremental in this way, and what it was asked.
fn incremental(settings: &str, records: &'static str) -> (TestEnvironment, HttpServer) {
    let server = HttpServer::start(move |_| http_server::json(records));
    let source = format!(
        "{{connector: http, authorization: {{type: none}}, config: {{baseUrl: \"{}\", dataTypes: {{people: {settings}}}}}}}",
        server.url()
    );
    (Shop { source: &source, ..Shop::default() }.applied(), server)
}

#[test]
fn a_cursor_that_cannot_be_read_is_told_with_its_cure() {
    let by_date = "{incremental: {field: at, param: since}}";
    for (records, expected) in [
        (
            r#"[{"id":"1","name":"Ann","at":"2025-01-10T00:00:00"}]"#,
            [
                "1 of 1 records",
                "`incremental: {timezone: NAME}` names the one in which it is written, UTC for",
            ],
        ),
        (
            r#"[{"id":"1","name":"Ann","at":1736467200}]"#,
            ["the next run begins where this one began", "format: unix"],
        ),
        (
            r#"[{"id":"1","name":"Ann"},{"id":"2","name":"Bob","at":"2025-01-10T00:00:00Z"}]"#,
            ["1 of 2 records", "not there"],
        ),
    ] {
        let (environment, _server) = incremental(by_date, records);
        for command in ["run", "status", "runs", "check shop"] {
            assert_says(&environment.ok(command), &expected);
        }
        assert_says(&environment.ok("run --output json"), &["\"notes\""]);
    }
    let (environment, _server) =
        incremental(by_date, r#"[{"id":"1","name":"Ann","at":"2025-01-10T00:00:00Z"}]"#);
    assert!(!environment.ok("run").contains("cannot be read"));
}

#[test]
fn the_value_is_read_and_sent_where_and_how_the_settings_say() {
    let records = r#"[{"id":"1","name":"Ann","changed":"2025-01-10 10:00:00","at":null}]"#;
    for (settings, expected) in [
        (
            "{incremental: {field: [at, changed], param: since, timezone: Europe/Paris}}",
            "/people?since=2025-01-10T10%3A00%3A00%2B01%3A00",
        ),
        (
            "{query: {filter: \"at ge {{ since }}\", all: yes}, incremental: {field: changed, timezone: UTC}}",
            "/people?all=yes&filter=at+ge+2025-01-10T10%3A00%3A00%2B00%3A00",
        ),
        (
            "{path: \"/since/{{ since }}/people\", incremental: {field: changed, timezone: UTC, \
             initial: \"2024-01-01T00:00:00Z\"}}",
            "/since/2025-01-10T10%3A00%3A00%2B00%3A00/people",
        ),
    ] {
        let (environment, server) = incremental(settings, records);
        environment.ok("run");
        environment.ok("run");
        let targets: Vec<String> = server.requests().iter().map(|request| request.target.clone()).collect();
        assert_eq!(targets.last().map(String::as_str), Some(expected), "{targets:?}");
        assert!(!targets[0].contains("since%7D") && !targets[0].contains("{{"), "{targets:?}");
    }
    let by_header = "{headers: {X-Since: \"{{ since }}\"}, incremental: {field: changed, timezone: UTC}}";
    let (environment, server) = incremental(by_header, records);
    environment.ok("run");
    environment.ok("run");
    let sent: Vec<_> =
        server.requests().iter().map(|request| request.headers.get("x-since").cloned()).collect();
    assert_eq!(sent, [None, Some("2025-01-10T10:00:00+00:00".to_owned())]);
}

#[test]
fn a_text_that_says_a_time_to_come_is_not_gone_on_from() {
    let settings = "{incremental: {field: at, param: since, format: text}}";
    let records = r#"[{"id":"1","name":"Ann","at":"2025-01-10 00:00:00"},{"id":"2","name":"Bob","at":"9999-12-31 00:00:00"}]"#;
    let (environment, server) = incremental(settings, records);
    environment.ok("run");
    environment.ok("run");
    assert_eq!(server.asked("since"), ["2025-01-10 00:00:00"]);
}

#[test]
fn another_spelling_of_the_same_request_reads_nothing_again() {
    let service = Service::start();
    service.add(1, r#""Ann""#, "2025-01-10T00:00:00Z");
    service.add(2, r#""Bob""#, "2025-01-20T00:00:00Z");
    let environment = service.applied();
    assert_eq!(run(&environment), "fetched 2, created 2");
    for (from, to) in [
        ("\", dataTypes", "//\", dataTypes"),
        ("baseUrl: \"http:", "baseUrl: \"HTTP:"),
        ("{people: {incremental", "{people: {path: people, incremental"),
        ("path: people,", "path: /people,"),
    ] {
        environment.replace("raccord.yaml", from, to);
        environment.run("plan --detailed-exitcode").expect_code(0);
        environment.ok("apply --auto-approve");
        environment.run("plan --detailed-exitcode").expect_code(0);
        assert_eq!(run(&environment), "fetched 1, unchanged 1", "{to}");
    }
    environment.replace("raccord.yaml", "path: /people,", "path: /people/,");
    assert_says(
        &environment.run("plan --detailed-exitcode").expect_code(2).stdout,
        &["dataTypes.people.path"],
    );
}
