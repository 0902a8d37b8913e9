//! Files in buckets: moto as S3, and a server that fails as S3 does.

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use raccord_model::language::FileSettings;
use raccord_model::port::records::Page;
use raccord_model::port::source::{Read, Source, SourceError};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::files::{content, gzip};
use crate::servers::{Started, free_port, repository, start};
use crate::service::{SECRET, read_all, read_pages, serve, source};
use crate::tables::made;

/// A server with one bucket.
struct Bucket {
    endpoint: String,
    client: reqwest::Client,
    _server: Started,
}

impl Bucket {
    async fn start() -> Self {
        let port = free_port();
        let mut command = Command::new(repository().join("target/buckets/bin/moto_server"));
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
        // Which cryptography TLS has, a process says before it makes its first client.
        drop(rustls::crypto::ring::default_provider().install_default());
        let server = start(command.stdout(Stdio::null()).stderr(Stdio::null()), port);
        let bucket = Self {
            endpoint: format!("http://127.0.0.1:{port}"),
            client: reqwest::Client::new(),
            _server: server,
        };
        bucket.put("", b"").await;
        bucket
    }

    async fn put(&self, key: &str, content: &[u8]) {
        let url = format!("{}/exports/{key}", self.endpoint);
        // The server looks at who signed, and at no signature.
        let signed = "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20250131/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0";
        let put = self.client.put(url).header("authorization", signed).body(content.to_vec());
        let answer = put.send().await.unwrap();
        assert!(answer.status().is_success(), "{key}: {}", answer.status());
    }

    fn open(&self, data_type: &Value) -> Box<dyn Source> {
        open(&self.endpoint, data_type)
    }
}

fn open(endpoint: &str, data_type: &Value) -> Box<dyn Source> {
    let settings = serde_json::from_value::<FileSettings>(json!({"dataTypes": {"a": data_type}})).unwrap();
    let authorization = json!({"type": "s3", "endpoint": endpoint, "accessKeyId": "AKIAEXAMPLE", "secretAccessKey": "${env:TOKEN}"});
    source(&settings.into(), &authorization, "a", ".".as_ref())
}

#[tokio::test]
async fn files_of_a_bucket_are_read_in_the_order_of_their_names() {
    let bucket = Bucket::start().await;
    for (key, content) in [
        ("in/2.csv", &b"id\n2\n"[..]),
        ("in/1.csv.gz", &gzip(b"id\n1\n")),
        ("in/deep/3.csv", b"id\n3\n"),
        ("in/.hidden.csv", b"id\n9\n"),
        ("in/notes.txt", b"no csv"),
        ("inside.csv", b"id\n8\n"),
    ] {
        bucket.put(key, content).await;
    }
    for (path, expected) in [
        ("s3://exports/in/*.csv*", &["1", "2"][..]),
        ("s3://exports/in/**/*.csv*", &["1", "2", "3"]),
        ("s3://exports/*.csv", &["8"]),
        ("s3://exports/in/deep/3.csv", &["3"]),
    ] {
        let source = bucket.open(&json!({"path": path, "format": "csv"}));
        let (records, faults) = content(&read_all(&*source).await.unwrap());
        let expected: Vec<String> = expected.iter().map(|id| format!(r#"{{"id":"{id}"}}"#)).collect();
        assert_eq!((records, faults), (expected, vec![]), "{path}");
    }
    let described = bucket.open(&json!({"path": "s3://exports/in/*.csv"})).check().await.unwrap();
    assert_eq!(described, "1 file: in/2.csv (5 bytes)");
    for (path, expected) in [
        ("s3://exports/none/*.csv", "s3://exports/none/*.csv: no file is there"),
        ("s3://nowhere/a.csv", "s3://nowhere/a.csv: there is no bucket `nowhere`; look at its name"),
    ] {
        let error = bucket.open(&json!({"path": path})).check().await.unwrap_err().to_string();
        assert!(error.starts_with(expected) && !error.contains(SECRET), "{error}");
    }
}

/// A listing has 1,000 keys at the most.
#[tokio::test]
async fn a_listing_goes_on_beyond_its_first_page() {
    let bucket = Bucket::start().await;
    for number in 0..1_050 {
        bucket.put(&format!("many/{number:04}.jsonl"), format!("{{\"n\":{number}}}\n").as_bytes()).await;
    }
    let pages = read_all(&*bucket.open(&json!({"path": "s3://exports/many/*.jsonl"}))).await.unwrap();
    let (records, _) = content(&pages);
    assert_eq!(records.len(), 1_050);
    assert_eq!(records.last().unwrap(), r#"{"n":1049}"#);
}

#[tokio::test]
async fn a_reading_goes_on_in_the_middle_of_a_file() {
    let bucket = Bucket::start().await;
    let lines: String = (0..3_000).map(|n| format!("{{\"n\":{n},\"t\":\"é{n}\"}}\n")).collect();
    let rows: String = (0..3_000).map(|n| format!("{n},\"a\nb {n}\"\n")).collect();
    for (key, content) in [
        ("a.jsonl", lines.into_bytes()),
        ("b.csv", format!("\u{feff}n,t\n{rows}").into_bytes()),
        ("c.csv.gz", gzip(format!("n,t\n{rows}").as_bytes())),
        ("d.parquet", made("snappy.parquet")),
        ("e.xlsx", made("people.xlsx")),
    ] {
        bucket.put(key, &content).await;
        let source = bucket.open(&json!({"path": format!("s3://exports/{key}")}));
        let size = if key == "e.xlsx" { 2 } else { 700 };
        let read = |page| Read { page, page_size: Some(size), ..Read::default() };
        let whole = read_pages(&*source, read(None)).await.unwrap();
        let expected = self::content(&whole);
        assert!(whole.len() > 2);
        for at in 1..whole.len() {
            let rest = read_pages(&*source, read(whole[at - 1].next.clone())).await.unwrap();
            let all: Vec<Page> = whole[..at].iter().cloned().chain(rest).collect();
            assert_eq!(self::content(&all), expected, "{key} from page {at}");
        }
    }
}

#[tokio::test]
async fn a_file_that_is_replaced_meanwhile_is_not_mixed_with_what_it_was() {
    let bucket = Bucket::start().await;
    let lines =
        |word: &str| (0..30_000).map(|n| format!("{{\"n\":{n:05},\"t\":\"{word}\"}}\n")).collect::<String>();
    bucket.put("a.jsonl", lines("old").as_bytes()).await;
    let source = bucket.open(&json!({"path": "s3://exports/a.jsonl"}));
    let mut pages = source.open(Read::default()).await.unwrap();
    let first = pages.next().await.unwrap().unwrap();
    bucket.put("a.jsonl", lines("new").as_bytes()).await;
    let error = loop {
        match pages.next().await {
            Ok(page) => assert!(page.is_some(), "the end was reached"),
            Err(error) => break error,
        }
    };
    assert!(
        matches!(&error, SourceError::PageRefused { message } if message.contains("was replaced")),
        "{error}"
    );
    let again = source.open(Read { page: first.next, ..Read::default() }).await.map(drop).unwrap_err();
    assert!(matches!(again, SourceError::PageRefused { .. }), "{again}");
}

#[tokio::test]
async fn a_bucket_that_is_busy_is_asked_again_and_one_that_refuses_is_not() {
    let asked = std::sync::Arc::new(AtomicU32::new(0));
    let count = std::sync::Arc::clone(&asked);
    let server = serve(move |_| match count.fetch_add(1, Ordering::Relaxed) {
        0 | 1 => ResponseTemplate::new(503).set_body_string("<Error><Code>SlowDown</Code></Error>"),
        _ => ResponseTemplate::new(200).set_body_string(
            "<ListBucketResult><Contents><Key>a.csv</Key><LastModified>2025-01-31T00:00:00.000Z</LastModified>\
             <ETag>\"x\"</ETag><Size>5</Size></Contents></ListBucketResult>",
        ),
    })
    .await;
    let described = open(&server.uri(), &json!({"path": "s3://exports/*.csv"})).check().await.unwrap();
    assert_eq!(described, "1 file: a.csv (5 bytes)");
    assert_eq!(asked.load(Ordering::Relaxed), 3);

    let server = serve(|_| {
        ResponseTemplate::new(403).set_body_string("<Error><Code>InvalidAccessKeyId</Code></Error>")
    })
    .await;
    let error = open(&server.uri(), &json!({"path": "s3://exports/*.csv"})).check().await.unwrap_err();
    assert!(error.is_unauthorized());
    let error = error.to_string();
    assert!(
        error.contains("it refuses the credentials of type s3") && error.contains("InvalidAccessKeyId"),
        "{error}"
    );
    assert!(!error.contains(SECRET));
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}
