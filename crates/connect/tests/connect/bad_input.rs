//! Answers and files that are wrong in unintended ways: a stated error or a fault each, in bounded time and memory.

use std::fs::File;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use raccord_model::language::FileSettings;
use raccord_model::port::records::Page;
use raccord_model::port::source::SourceError;
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::service::{data_type, http, ids, ok, read_all, read_error, records, serve, serve_bytes, source};

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// The error that an answer with these headers and this body leads to, after one attempt.
async fn error_of(headers: &[(&'static str, &'static str)], body: Vec<u8>) -> SourceError {
    let headers = headers.to_vec();
    let server = serve(move |_| {
        let answer = ResponseTemplate::new(200).set_body_bytes(body.clone());
        headers.iter().fold(answer, |answer, (name, value)| answer.insert_header(*name, *value))
    })
    .await;
    let members = json!({"dataTypes": {"a": {}}, "maxBody": "1MB", "retry": {"attempts": 1}});
    read_error(&*http(&server.uri(), &members, &json!({"type": "none"}))).await
}

#[tokio::test]
async fn an_answer_of_other_bytes() {
    let utf16: Vec<u8> = "[{\"id\":1}]".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let cases: [(&'static str, Vec<u8>, &str); 6] = [
        ("application/json; charset=klingon", b"[]".to_vec(), "unknown charset `klingon`"),
        ("application/json; charset=euc-jp", b"[{\"id\":\"\xff\xff\"}]".to_vec(), "not valid EUC-JP"),
        ("application/json", utf16, "not JSON"),
        ("application/json", b"[{\"id\":1}] and more".to_vec(), "trailing characters"),
        ("application/json", b"\0\0\0\0".to_vec(), "not JSON"),
        ("application/json", b"[".repeat(200_000), "EOF"),
    ];
    for (content_type, body, expected) in cases {
        let said = error_of(&[("content-type", content_type)], body).await.to_string();
        assert!(said.contains(expected) && said.len() < 400, "{expected}: {said}");
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_unpacked() {
    let whole = gzip(&b"[{\"id\":1}]".repeat(10_000));
    let cut = whole[..whole.len() / 2].to_vec();
    let mut damaged = whole.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0xff;
    for body in [b"not gzip at all".to_vec(), cut, damaged, b"\x1f\x8b".to_vec()] {
        let error = error_of(&[("content-encoding", "gzip")], body).await;
        assert!(matches!(error, SourceError::Unreachable { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn an_answer_that_is_compressed_unasked() {
    for coding in ["br", "zstd", "deflate", "gzip, br"] {
        let error = error_of(&[("content-encoding", coding)], b"\x0b\x02\x80[]\x03".to_vec()).await;
        let said = error.to_string();
        assert!(
            said.contains(&format!("compressed with `{coding}`")) && said.contains("gzip or nothing"),
            "{said}"
        );
    }
    // What is no such thing in spite of its header is read as before.
    for coding in ["br", "identity", "utf-8"] {
        let server = serve(move |_| ok(&records([1])).insert_header("content-encoding", coding)).await;
        let source = http(&server.uri(), &json!({"dataTypes": {"a": {}}}), &json!({"type": "none"}));
        assert_eq!(ids(&read_all(&*source).await.unwrap()), [1], "{coding}");
    }
}

#[tokio::test]
async fn an_error_page_without_end_is_read_to_its_beginning() {
    let members = json!({"dataTypes": {"a": {}}, "retry": {"attempts": 1}});
    let endless = b"HTTP/1.1 500 Oops\r\n\r\nsorry ".to_vec();
    let address = serve_bytes(endless, true).await;
    let error = read_error(&*http(&format!("http://{address}"), &members, &json!({"type": "none"}))).await;
    assert!(
        matches!(&error, SourceError::Status { status: 500, message, .. } if message == "sorry"),
        "{error}"
    );
    let bomb = gzip(&vec![b'x'; 64 << 20]);
    let server = serve(move |_| {
        ResponseTemplate::new(400).insert_header("content-encoding", "gzip").set_body_bytes(bomb.clone())
    })
    .await;
    let error = read_error(&*http(&server.uri(), &members, &json!({"type": "none"}))).await;
    let SourceError::Status { status: 400, message, .. } = &error else { panic!("{error:?}") };
    assert!(message.chars().count() == 301 && message.ends_with('…'), "{message}");
}

#[tokio::test]
async fn headers_without_end_are_no_answer() {
    let members = json!({"dataTypes": {"a": {}}, "retry": {"attempts": 1}});
    let line = format!("X-Long: {}\r\n", "x".repeat(100_000));
    for head in [line.repeat(20), "A: b\r\n".repeat(100_000)] {
        let address = serve_bytes(format!("HTTP/1.1 200 OK\r\n{head}\r\n[]").into_bytes(), false).await;
        let error =
            read_error(&*http(&format!("http://{address}"), &members, &json!({"type": "none"}))).await;
        assert!(matches!(error, SourceError::Unreachable { .. }), "{error}");
    }
}

#[tokio::test]
async fn places_that_are_no_service_are_not_followed() {
    for target in [
        "file:///etc/passwd",
        "data:application/json,[]",
        "//127.0.0.2/",
        "http://127.0.0.2@127.0.0.3/",
        "ftp://127.0.0.1/",
        "javascript:alert(1)",
    ] {
        let server = serve(move |_| ResponseTemplate::new(302).insert_header("Location", target)).await;
        let error = read_error(&*data_type(&server.uri(), &json!({}))).await;
        assert!(matches!(error, SourceError::Answer { .. }), "{target}: {error}");
        let server = serve(move |_| ok(&json!({"data": [{"id": 1}], "next": target}))).await;
        let settings = json!({"records": "data", "pagination": {"nextUrl": "next"}});
        let error = read_error(&*data_type(&server.uri(), &settings)).await;
        assert!(matches!(error, SourceError::Answer { .. }), "{target}: {error}");
    }
    // One that leads nowhere is an answer like any other, and not what was asked for.
    for location in [None, Some("http://[::bad"), Some("")] {
        let server = serve(move |_| {
            let answer = ResponseTemplate::new(302);
            location.map_or(answer.clone(), |location| answer.insert_header("Location", location))
        })
        .await;
        let error = read_error(&*data_type(&server.uri(), &json!({}))).await;
        assert!(matches!(error, SourceError::Status { .. } | SourceError::Answer { .. }), "{error:?}");
    }
}

fn faults(pages: &[Page]) -> Vec<String> {
    let faults = pages.iter().flat_map(|page| &page.faults);
    faults.map(|fault| format!("{}: {} `{}`", fault.position, fault.reason, fault.payload)).collect()
}

#[tokio::test]
async fn records_that_are_no_objects_are_faults() {
    let long = "x".repeat(10_000);
    let body = json!({"data": [{"id": 1}, null, 7, "text\u{1b}[2J", [{"id": 2}], long, {"id": 3}, true]});
    let server = serve(move |_| ok(&body)).await;
    let pages = read_all(&*data_type(&server.uri(), &json!({"records": "data"}))).await.unwrap();
    assert_eq!(ids(&pages), [1, 3]);
    let faults = faults(&pages);
    assert_eq!(faults.len(), 6);
    assert_eq!(faults[0], "page 1, record 2: it is not a JSON object `null`");
    assert_eq!(faults[3], "page 1, record 5: it is not a JSON object `[{\"id\":2}]`");
    assert!(faults.iter().all(|fault| fault.len() < 300 && !fault.contains('\u{1b}')), "{faults:?}");
    // However deep they are.
    let body = [b"[".repeat(200_000), b"]".repeat(200_000)].concat();
    let server = serve(move |_| ResponseTemplate::new(200).set_body_bytes(body.clone())).await;
    let pages = read_all(&*data_type(&server.uri(), &json!({}))).await.unwrap();
    assert!(ids(&pages).is_empty() && pages[0].faults.len() == 1);
    // A list of lists, or of nothing that is a record, has faults alone.
    for body in [json!([[1], [2]]), json!([null, null])] {
        let server = serve(move |_| ok(&body)).await;
        let pages = read_all(&*data_type(&server.uri(), &json!({}))).await.unwrap();
        assert!(ids(&pages).is_empty() && pages[0].faults.len() == 2);
    }
}

/// What reading one file comes to: how many records, and faults or the error.
async fn read_file(name: &str, bytes: &[u8], members: Value) -> (usize, Vec<String>) {
    let home = tempfile::tempdir().unwrap();
    File::create(home.path().join(name)).unwrap().write_all(bytes).unwrap();
    let mut data_type = members;
    data_type["path"] = json!(name);
    let settings = serde_json::from_value::<FileSettings>(json!({"dataTypes": {"a": data_type}})).unwrap();
    let source = source(&settings.into(), &json!({"type": "none"}), "a", home.path());
    match read_all(&*source).await {
        Ok(pages) => (pages.iter().map(|page| page.records.len()).sum(), faults(&pages)),
        Err(error) => (0, vec![error.to_string()]),
    }
}

#[tokio::test]
async fn files_that_nobody_meant() {
    let wide = format!("a,b,c\n{}\n", vec!["1"; 100_000].join(","));
    let cases: [(&str, Vec<u8>, usize, &str); 9] = [
        ("ragged.csv", b"a,b\n1\n1,2,3\n1,2\n".to_vec(), 1, "it has 1 cells, the header has 2"),
        ("wide.csv", wide.into_bytes(), 0, "it has 100000 cells"),
        ("nul.csv", b"a,b\n\0,1\n1,\0\n".to_vec(), 0, "NUL"),
        ("returns.csv", b"a,b\r1,2\r3,4\r".to_vec(), 2, ""),
        ("mark.csv", b"\xef\xbb\xbf".to_vec(), 0, ""),
        ("odd.csv", b"\xff\xfea\0,".to_vec(), 0, "read odd.csv"),
        ("picture.csv", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec(), 0, ""),
        ("deep.json", b"[".repeat(300_000), 0, "EOF"),
        ("deep.jsonl", [b"{\"a\":".repeat(100_000), b"1".to_vec(), b"}".repeat(100_000)].concat(), 1, ""),
    ];
    for (name, bytes, records, expected) in cases {
        let (found, said) = read_file(name, &bytes, json!({})).await;
        assert_eq!(found, records, "{name}: {said:?}");
        assert!(said.iter().all(|said| said.len() < 500), "{name}: {said:?}");
        assert!(expected.is_empty() || said.iter().any(|said| said.contains(expected)), "{name}: {said:?}");
    }
}

#[tokio::test]
async fn files_that_unpack_to_more_than_fits() {
    let spaces = vec![b' '; 257 << 20];
    let (_, said) = read_file("bomb.json.gz", &gzip(&spaces), json!({})).await;
    assert!(said[0].contains("256 MB"), "{said:?}");
    let (_, said) = read_file("bomb.jsonl.gz", &gzip(&spaces[..20 << 20]), json!({})).await;
    assert!(said[0].contains("longer than 16 MB"), "{said:?}");
    let field = [b"a,b\n1,\"".to_vec(), vec![b'x'; 20 << 20]].concat();
    let (_, said) = read_file("bomb.csv.gz", &gzip(&field), json!({})).await;
    assert!(said[0].contains("longer than 16 MB"), "{said:?}");
    let (_, said) = read_file("cut.csv.gz", &gzip(b"a,b\n1,2\n")[..20], json!({})).await;
    assert!(!said.is_empty(), "a cut file is taken for a whole one");
}
