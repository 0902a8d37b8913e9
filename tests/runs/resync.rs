//! Reading everything again, because a person asked: by a label in the YAML, or by a verb; and how an incremental
//! source is asked for what is new.

use super::{run, write_people};
use crate::environment::{TestEnvironment, assert_says};
use crate::http_server::{self, HttpServer};
use crate::shop::Shop;

/// People that changed on these days, those before `since` left out.
fn incremental() -> (HttpServer, TestEnvironment) {
    let people = [("1", "Ann", "2025-01-10T00:00:00Z"), ("2", "Bob", "2025-01-20T00:00:00Z")];
    let server = HttpServer::start(move |request| {
        let since = request.query.get("since").map_or("", String::as_str);
        let changed = people.iter().filter(|(.., at)| *at >= since);
        let records = changed.map(|(id, name, at)| format!(r#"{{"id":"{id}","name":"{name}","at":"{at}"}}"#));
        http_server::json(format!("[{}]", records.collect::<Vec<_>>().join(",")))
    });
    let source = format!(
        "{{connector: http, authorization: {{type: none}}, config: {{baseUrl: \"{}\", dataTypes: \
         {{people: {{incremental: {{field: at, param: since, lookback: 5m}}}}}}}}}}",
        server.url()
    );
    let environment = Shop { source: &source, ..Shop::default() }.applied();
    (server, environment)
}

#[test]
fn the_second_run_asks_for_the_greatest_value_less_the_lookback() {
    let (server, environment) = incremental();
    assert_eq!(run(&environment), "fetched 2, created 2");
    assert_eq!(server.asked("since"), [""; 0], "the first run asks for everything");
    assert_eq!(run(&environment), "fetched 1, unchanged 1");
    assert_eq!(server.asked("since"), ["2025-01-19T23:55:00Z"]);
    assert_says(&environment.ok("status"), &["2025-01-20T00:00:00Z"]);
    // A window without news leaves the cursor where it stood.
    run(&environment);
    assert_eq!(server.asked("since").last().unwrap(), "2025-01-19T23:55:00Z");
}

#[test]
fn a_failed_window_leaves_the_cursor_where_it_stood() {
    let (server, environment) = incremental();
    run(&environment);
    let url = server.url();
    environment.replace("raccord.yaml", &url, "http://127.0.0.1:1");
    environment.replace("raccord.yaml", "dataTypes:", "retry: {attempts: 1}, dataTypes:");
    assert_says(&environment.ok("plan"), &["re-read", "(≈2)"]);
    environment.ok("apply --auto-approve");
    assert_says(&environment.fails(1, "run"), &["people failed", "127.0.0.1:1"]);
}

#[test]
fn a_verb_reads_everything_again_or_from_a_point_on() {
    let (server, environment) = incremental();
    run(&environment);
    server.forget();
    assert_says(&environment.ok("resync people"), &["the next run of people reads everything again"]);
    assert_eq!(run(&environment), "fetched 2, unchanged 2");
    assert_eq!(server.asked("since"), [""; 0]);

    assert_says(
        &environment.ok("resync people --since 2025-01-15T00:00:00Z"),
        &["reads from 2025-01-15T00:00:00Z on"],
    );
    assert_eq!(run(&environment), "fetched 1, unchanged 1");
    assert_eq!(server.asked("since"), ["2025-01-14T23:55:00Z"]);
    run(&environment);
    assert_eq!(server.asked("since").last().unwrap(), "2025-01-19T23:55:00Z");
}

#[test]
fn a_point_that_makes_no_sense_changes_nothing() {
    let (server, environment) = incremental();
    run(&environment);
    assert_says(&environment.fails(1, "resync people --since yesterday"), &["`yesterday` is not a value"]);
    run(&environment);
    assert_eq!(server.asked("since"), ["2025-01-19T23:55:00Z"], "the refused verb has reset nothing");

    let environment = Shop::default().applied();
    assert_says(&environment.fails(1, "resync people --since 2025-01-01T00:00:00Z"), &["not incremental"]);
    assert_says(&environment.fails(1, "resync poeple"), &["`poeple`"]);
}

#[test]
fn a_label_means_once() {
    let (server, environment) = incremental();
    run(&environment);
    server.forget();
    environment.replace("raccord.yaml", "  mapping:\n", "  resync: 2025-01-fix-city\n  mapping:\n");
    assert_says(&environment.ok("plan"), &["~ Transfer/people", "resync", "re-read", "(≈2)"]);
    environment.ok("apply --auto-approve");
    assert_eq!(run(&environment), "fetched 2, unchanged 2");
    assert_eq!(server.asked("since"), [""; 0]);
    assert_eq!(run(&environment), "fetched 1, unchanged 1");
    assert_says(&environment.ok("plan"), &["no changes"]);
}

#[test]
fn a_resync_of_a_file_is_what_every_run_does() {
    let environment = Shop::default().applied();
    write_people(&environment, &[("1", "Ann")]);
    run(&environment);
    environment.ok("resync people");
    assert_eq!(run(&environment), "fetched 1, unchanged 1");
}
