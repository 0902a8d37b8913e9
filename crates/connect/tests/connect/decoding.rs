//! Answers that are no JSON documents: their records, what is none, how their pages follow each other, and what is no answer.

use raccord_model::port::records::Page;
use serde_json::{Value, json};
use wiremock::{Request, ResponseTemplate};

use crate::service::{SECRET, data_type, http, number, read_all, read_error, serve};

fn answer(body: &str, content_type: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw(body.as_bytes().to_vec(), content_type)
}

/// The records of all pages, a line each, and then what is none.
fn shown(pages: &[Page]) -> Vec<String> {
    let records = pages.iter().flat_map(|page| page.records.iter()).map(|record| record.to_json());
    let faults = pages.iter().flat_map(|page| &page.faults);
    let faults = faults.map(|fault| format!("{}: {} ({})", fault.position, fault.reason, fault.payload));
    records.chain(faults).collect()
}

/// What is read of answers that are a function of the request.
async fn check(
    settings: Value,
    answers: impl Fn(&Request) -> ResponseTemplate + Send + Sync + 'static,
    expected: &[&str],
) {
    let server = serve(answers).await;
    let pages = read_all(&*data_type(&server.uri(), &settings)).await.unwrap();
    assert_eq!(shown(&pages), expected, "{settings}");
}

#[tokio::test]
async fn an_answer_in_csv_is_a_page() {
    let pages = |request: &Request| {
        assert_eq!(request.headers["accept"], "text/csv, */*;q=0.5");
        let page = number(request, "page").unwrap();
        let rows = match page {
            1 => "1,Ann\n2,\"B\"\"ob\"\n",
            2 => "3,é\n4\n",
            _ => "5,Eve\n",
        };
        answer(&format!("id,name\n{rows}"), "text/csv")
    };
    // A row that is no record counts as one: the second page is full, and the third is not.
    check(
        json!({"decode": "csv", "pagination": {"page": "page", "size": {"n": 2}}}),
        pages,
        &[
            r#"{"id":"1","name":"Ann"}"#,
            r#"{"id":"2","name":"B\"ob"}"#,
            r#"{"id":"3","name":"é"}"#,
            r#"{"id":"5","name":"Eve"}"#,
            "page 2, line 3: it has 1 cells, the header has 2 (4)",
        ],
    )
    .await;
}

#[tokio::test]
async fn the_charset_and_the_form_are_heeded() {
    let form = json!({"format": "csv", "delimiter": ";", "columns": ["id", "name"], "comment": "#"});
    let latin = |_: &Request| {
        ResponseTemplate::new(200)
            .set_body_raw(b"# people\n1;Ren\xe9\n".to_vec(), "text/csv; charset=iso-8859-1")
    };
    check(json!({"decode": form}), latin, &[r#"{"id":"1","name":"René"}"#]).await;
    let marked = |_: &Request| {
        ResponseTemplate::new(200).set_body_raw(b"\xef\xbb\xbfid\n1\n".to_vec(), "application/octet-stream")
    };
    check(json!({"decode": "csv"}), marked, &[r#"{"id":"1"}"#]).await;
}

#[tokio::test]
async fn lines_of_json_follow_their_last_record() {
    let pages = |request: &Request| match number(request, "after") {
        None => answer("{\"id\":1,\"x\":2.50}\n{\"id\":2}\n\n", "application/x-ndjson"),
        Some(2) => answer("[7]\n{\"id\":3}", "application/x-ndjson"),
        Some(_) => answer("", "application/x-ndjson"),
    };
    check(
        json!({"decode": "jsonl", "pagination": {"cursor": {"lastRecord": "id"}, "param": "after"}}),
        pages,
        &[
            r#"{"id":1,"x":2.50}"#,
            r#"{"id":2}"#,
            r#"{"id":3}"#,
            "page 2, line 1: it is not a JSON object ([7])",
        ],
    )
    .await;
}

#[tokio::test]
async fn what_is_no_csv_is_no_answer() {
    for (body, content_type, expected) in [
        (
            r#"{"error":"no"}"#,
            "application/json",
            "the answer is not CSV but application/json; it begins with `{\"error\":\"no\"}`",
        ),
        (
            "\n<html>log in</html>",
            "text/html",
            "the answer is not CSV but text/html; it begins with `<html>log in</html>`",
        ),
        ("", "text/csv", "the answer is empty: it lacks even the line that names the columns"),
        ("a,a\n", "text/csv", "the columns 1 and 2 are both called `a`"),
        ("a\n\"1\n", "text/csv", "the quote opened on line 2 is never closed"),
        ("a\n1\n", "text/csv; charset=klingon", "the answer is in the unknown charset `klingon`"),
    ] {
        let server = serve(move |_| answer(body, content_type)).await;
        let error = read_error(&*data_type(&server.uri(), &json!({"decode": "csv"}))).await.to_string();
        assert!(error.ends_with(expected) && error.starts_with("http://"), "{error}");
    }
    let server = serve(|_| answer(&format!("a_long_name\n{}", "1\n".repeat(500)), "text/csv")).await;
    let settings = json!({"maxBody": "2KB", "dataTypes": {"a": {"decode": "csv"}}});
    let error = read_error(&*http(&server.uri(), &settings, &json!({"type": "none"}))).await.to_string();
    assert!(error.contains("raise `maxBody`"), "{error}");
}

#[tokio::test]
async fn no_credential_is_kept_of_what_is_no_record() {
    let server = serve(|_| answer(&format!("id,name\n{SECRET}\n"), "text/csv")).await;
    let settings = json!({"dataTypes": {"a": {"decode": "csv"}}});
    let source = http(&server.uri(), &settings, &json!({"type": "bearer", "token": "${env:TOKEN}"}));
    let pages = read_all(&*source).await.unwrap();
    assert_eq!(shown(&pages), ["page 1, line 2: it has 1 cells, the header has 2 (***)"]);
}
