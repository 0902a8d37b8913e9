//! Files of every format, with the usual dirt.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use raccord_model::checkpoint::PageToken;
use raccord_model::language::FileSettings;
use raccord_model::port::records::Page;
use raccord_model::port::source::{Read, Source, SourceError};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::service::{from_page, ids, read_all, read_pages, source};

fn put(root: &Path, name: &str, content: &[u8]) {
    let path = root.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    File::create(path).unwrap().write_all(content).unwrap();
}

pub(crate) fn directory(files: &[(&str, &[u8])]) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    for (name, content) in files {
        put(root.path(), name, content);
    }
    root
}

pub(crate) fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn open(root: &Path, data_type: &Value) -> Box<dyn Source> {
    let settings = serde_json::from_value::<FileSettings>(json!({"dataTypes": {"a": data_type}})).unwrap();
    source(&settings.into(), &json!({"type": "none"}), "a", root)
}

/// Records as JSON and faults as `position: reason`, over all pages.
pub(crate) fn content(pages: &[Page]) -> (Vec<String>, Vec<String>) {
    let records = pages.iter().flat_map(|page| page.records.iter().map(|record| record.to_json()));
    let faults = pages.iter().flat_map(|page| &page.faults);
    (records.collect(), faults.map(|fault| format!("{}: {}", fault.position, fault.reason)).collect())
}

/// Reads one file.
async fn check(name: &str, bytes: &[u8], members: Value, records: &[&str], faults: &[&str]) {
    let root = directory(&[(name, bytes)]);
    let mut data_type = members;
    data_type["path"] = json!(name);
    let pages =
        read_all(&*open(root.path(), &data_type)).await.unwrap_or_else(|error| panic!("{error} {error:?}"));
    let (found, found_faults) = content(&pages);
    assert_eq!(found, records, "{name} {data_type}");
    let faults: Vec<String> = faults.iter().map(|fault| format!("{name}, {fault}")).collect();
    assert_eq!(found_faults, faults, "{name} {data_type}");
    assert!(pages.last().unwrap().next.is_none());
}

/// The error that reading one file ends with.
pub(crate) async fn check_error(name: &str, bytes: &[u8], members: Value, expected: &str) {
    let root = directory(&[(name, bytes)]);
    let mut data_type = members;
    data_type["path"] = json!(name);
    let error = read_all(&*open(root.path(), &data_type)).await.unwrap_err();
    let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
    assert_eq!(format!("{error}{cause}"), expected);
}

#[tokio::test]
async fn csv_in_all_its_forms() {
    let two = &[r#"{"id":"1","n":"é"}"#, r#"{"id":"2","n":""}"#];
    check("x.csv", "id,n\n1,é\n2,\n".as_bytes(), json!({}), two, &[]).await;
    check("x.csv", "\u{feff}id,n\r\n1,é\r\n2,\r\n".as_bytes(), json!({}), two, &[]).await;
    check("x.csv", "id,n\n1,é\n\n2,".as_bytes(), json!({}), two, &[]).await;
    check("x.tsv", "id\tn\n1\té\n2\t\n".as_bytes(), json!({}), two, &[]).await;
    check("x.txt", "id;n\n1;é\n2;\n".as_bytes(), json!({"format": "csv", "delimiter": ";"}), two, &[]).await;
    check("x.csv", "1,é\n2,\n".as_bytes(), json!({"columns": ["id", "n"]}), two, &[]).await;
    check("x.csv", b"id,n\n1,\xe9\n2,\n", json!({"encoding": "latin1"}), two, &[]).await;
    check("x.csv.gz", &gzip("id,n\n1,é\n2,\n".as_bytes()), json!({}), two, &[]).await;
    let two_members = [gzip("id,n\n1,é\n".as_bytes()), gzip(b"2,\n")].concat();
    check("x.csv.gz", &two_members, json!({}), two, &[]).await;
    let utf16: Vec<u8> = "\u{feff}id,n\n1,é\n2,\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    check("x.csv", &utf16, json!({}), two, &[]).await;
    let quoted = b"id,n\n1,\"a\n\"\"b\"\", c\"\n";
    check("x.csv", quoted, json!({}), &[r#"{"id":"1","n":"a\n\"b\", c"}"#], &[]).await;
    let comments = "# exported\nid,n\n1,é\n#2,\"x\n2,\n".as_bytes();
    check("x.csv", comments, json!({"comment": "#"}), two, &[]).await;
    let short = "id,n\n1,é\n2\n2,,\n".as_bytes();
    let too_long = ["line 4: it has 3 cells, the header has 2"];
    check("x.csv", short, json!({"missingCells": "empty"}), two, &too_long).await;
    check("x.csv", b"id,n\n", json!({}), &[], &[]).await;
    check("x.csv", b"", json!({"columns": ["id", "n"]}), &[], &[]).await;
    let empty = "x.csv: the file is empty: it lacks even the line that names its columns; name them with `columns` where no \
                 file has that line";
    check_error("x.csv", b"", json!({}), empty).await;
    let sheet = "x.csv: it is a document of a spreadsheet program (XLSX), or another zip archive, not CSV; save it as CSV and \
                 name that file";
    check_error("x.csv", b"PK\x03\x04\0\0", json!({}), sheet).await;
}

#[tokio::test]
async fn rows_that_are_no_records() {
    const MISQUOTED: &str =
        "line 3: a text follows a closing quote; a quote inside of quotes is written twice";
    let good = &[r#"{"id":"1","n":"a"}"#, r#"{"id":"9","n":"z"}"#];
    let cases: [(&[u8], &str); 9] = [
        (b"2,\"pipe 5\\\" wide\"\n", MISQUOTED),
        (b"2,\"5\" nail\"\n", MISQUOTED),
        (b"\"2\" ,b\r\n", MISQUOTED),
        (b"2,\"say \"\"hi\"\" \"x\"\n", MISQUOTED),
        (b"2\n", "line 3: it has 1 cells, the header has 2"),
        (b"2,b,c\n", "line 3: it has 3 cells, the header has 2"),
        (b"2,\0\n", "line 3: it has a NUL character"),
        (b"2,\xe9\n", "line 3: it is not UTF-8; name the `encoding` of the file"),
        (b"\xc3,\xa9\n", "line 3: it is not UTF-8; name the `encoding` of the file"),
    ];
    for (dirt, fault) in cases {
        let bytes = [&b"id,n\n1,a\n"[..], dirt, b"9,z\n"].concat();
        check("x.csv", &bytes, json!({}), good, &[fault]).await;
    }
}

/// Where such a row ends is a guess, and so would be every row after it.
#[tokio::test]
async fn a_text_after_a_quote_that_may_go_on_in_the_next_line_is_an_error() {
    let uncertain = "x.csv: line 3: a text follows a closing quote; a quote inside of quotes is written twice, and it is uncertain where the record ends";
    for dirt in ["2,\"he said \\\"hi\nthere\\\"\"\n", "2,\"5\" nail, 6\n", "2,\"a\"b"] {
        check_error("x.csv", format!("id,n\n1,a\n{dirt}").as_bytes(), json!({}), uncertain).await;
    }
    let first = "x.csv: its first line is not RFC 4180: a text follows a closing quote; a quote inside of quotes is written twice";
    check_error("x.csv", b"id,\"n\"m\"\n1,a\n", json!({}), first).await;
    // More of it than the parser reads at once.
    let many = format!("id,n\n{}", "1,\"5\" nail\"\n2,\"b\"\n".repeat(10_000));
    let root = directory(&[("x.csv", many.as_bytes())]);
    let pages = read_all(&*open(root.path(), &json!({"path": "x.csv"}))).await.unwrap();
    let (records, faults) = content(&pages);
    assert!(records.len() == 10_000 && records.iter().all(|record| record == r#"{"id":"2","n":"b"}"#));
    assert_eq!((faults.len(), faults[9_999].split(':').next()), (10_000, Some("x.csv, line 20000")));
}

/// It would take every row after it for its own text.
#[tokio::test]
async fn a_quote_that_is_never_closed_is_an_error() {
    let cases: [(&[u8], u64); 8] = [
        (b"id,n\n1,a\n2,\"b,c\n9,z\n", 3),
        (b"id,n\n1,a\n2,\"b,c\n9,z", 3),
        (b"id,n\r\n1,a\r\n\r\n\r\n2,\"b\r\n9,z\r\n", 5),
        (b"id,n\n1,\"a\na\"\n\"2\n2\",\"b\n", 5),
        (b"id,n\n1,\"", 2),
        (b"id,n\n1,\"a\"\"", 2),
        (b"id,\"n\n1,a\n", 1),
        (b"\"", 1),
    ];
    for (bytes, line) in cases {
        let expected = format!("x.csv: the quote opened on line {line} is never closed");
        check_error("x.csv", bytes, json!({}), &expected).await;
        // However the rows are cut into pages.
        let root = directory(&[("x.csv", bytes)]);
        let source = open(root.path(), &json!({"path": "x.csv"}));
        let error = match source.open(Read { page_size: Some(1), ..Read::default() }).await {
            Ok(mut pages) => loop {
                if let Err(error) = pages.next().await {
                    break error;
                }
            },
            Err(error) => error,
        };
        assert_eq!(error.to_string(), expected);
    }
    let closed: [&[u8]; 5] =
        [b"1,a\n2,\"\"", b"1,a\n2,\"\"\n", b"1,a\r2,\r", b"1,a\n2,\n\n\n", b"1,a\n2,\r\n"];
    for rows in closed {
        let bytes = [b"id,n\n", rows].concat();
        let two = &[r#"{"id":"1","n":"a"}"#, r#"{"id":"2","n":""}"#];
        check("x.csv", &bytes, json!({}), two, &[]).await;
    }
}

#[tokio::test]
async fn json_lines() {
    let two = &[r#"{"id":1}"#, r#"{ "id": 2 }"#];
    check("x.jsonl", b"{\"id\":1}\n{ \"id\": 2 }\n", json!({}), two, &[]).await;
    check("x.ndjson", b"\xef\xbb\xbf{\"id\":1}\r\n\r\n  { \"id\": 2 }", json!({}), two, &[]).await;
    check("x.jsonl.gz", &gzip(b"{\"id\":1}\n{ \"id\": 2 }"), json!({}), two, &[]).await;
    let dirt = b"{\"id\":1}\n[1]\n{\"id\"\n{\"a\":\"\xff\"}\n{ \"id\": 2 }\n7\n";
    let faults = [
        "line 2: it is not a JSON object",
        "line 3: it is not JSON: EOF while parsing an object at line 1 column 5",
        "line 4: it is not JSON: invalid unicode code point at line 1 column 7",
        "line 6: it is not a JSON object",
    ];
    check("x.jsonl", dirt, json!({}), two, &faults).await;
    check("x.jsonl", b"", json!({}), &[], &[]).await;
    // A first line that was cut is a reject, as any other.
    for cut in [&b"{\"id\"\n"[..], b"{\"a\":[1}\n", b"{\"a\":1},\n", b"[1]\n"] {
        let bytes = [cut, b"{\"id\":1}\n"].concat();
        let root = directory(&[("x.jsonl", &bytes)]);
        let pages = read_all(&*open(root.path(), &json!({"path": "x.jsonl"}))).await.unwrap();
        let (records, faults) = content(&pages);
        assert_eq!((records.len(), faults.len()), (1, 1), "{faults:?}");
    }
}

#[tokio::test]
async fn json_documents() {
    let rates = br#"{"base":"EUR","rates":{"CHF":0.94,"USD":{"rate":1.10}}}"#;
    let named = [r#"{"$value":0.94,"$key":"CHF"}"#, r#"{"rate":1.10,"$key":"USD"}"#];
    check("x.json", rates, json!({"records": {"members": "rates"}}), &named, &[]).await;
    let orders =
        br#"{"orders":[{"n":1,"positions":[{"p":1},7,{"p":2}]},{"n":2},{"n":3,"positions":[{"p":3}]}]}"#;
    check(
        "x.json",
        orders,
        json!({"records": "orders[*].positions"}),
        &[r#"{"p":1}"#, r#"{"p":2}"#, r#"{"p":3}"#],
        &["record 3: it is not a JSON object", "record 4: `positions` leads to no list in it"],
    )
    .await;
    let lenient = json!({"records": {"path": "orders[*].positions", "missing": "empty"}});
    let read = [r#"{"p":1}"#, r#"{"p":2}"#, r#"{"p":3}"#];
    check("x.json", orders, lenient, &read, &["record 2: it is not a JSON object"]).await;
    check("x.json", b"{}", json!({"records": {"path": "orders", "missing": "empty"}}), &[], &[]).await;
    let two = &[r#"{"id":1}"#, r#"{"id":2}"#];
    check("x.json", b"[{\"id\":1}, {\"id\":2}]", json!({}), two, &[]).await;
    check(
        "x.json.gz",
        &gzip(b"{\"a\":{\"b\":[{\"id\":1},{\"id\":2}]}}"),
        json!({"records": "a.b"}),
        two,
        &[],
    )
    .await;
    check("x.json", b"[{\"id\":1},3,{\"id\":2}]", json!({}), two, &["record 2: it is not a JSON object"])
        .await;
    check("x.json", b"[]", json!({}), &[], &[]).await;
    let keyed = br#"{"query":{"pages":{"1":{"id":1},"2":{"id":2}}}}"#;
    check("x.json", keyed, json!({"records": "query.pages"}), two, &[]).await;
}

#[tokio::test]
async fn files_that_cannot_be_read() {
    check_error("x.csv", b"id,n,id\n", json!({}), "x.csv: the columns 1 and 3 are both called `id`").await;
    for none in [&b"{\"b\":null}"[..], b"{\"a\":1}"] {
        let said = "x.json: `records: b` leads to no list in the file; \
            if an empty list is left out, write `records: {path: b, missing: empty}`";
        check_error("x.json", none, json!({"records": "b"}), said).await;
    }
    let said = "x.json: the member `b` stands twice in the file, so that which of them counts is not known";
    check_error("x.json", br#"{"b":[{"id":1}],"b":[]}"#, json!({"records": "b"}), said).await;
    let envelope = br#"{"meta":{"id":"page-1"},"items":[{"id":1},{"id":2}]}"#;
    let said = "x.json: `records: $` leads to no list in the file, but to an object, and its member `items` is none: \
        only an object of objects stands for a list; \
        the file has a list of 2 objects at `items`: write `records: items`";
    check_error("x.json", envelope, json!({}), said).await;
    let document = "x.jsonl: it is not JSON Lines: it begins as one document over several lines, or as an array of objects; \
        write `format: json`";
    for bytes in [
        &b"[\n  {\"id\": 1},\n  {\"id\": 2}\n]\n"[..],
        b"[{\"id\":1},{\"id\":2}]",
        b"\xef\xbb\xbf\n{\n  \"id\": 1\n}\n",
        b"{\"id\": 1,\r\n \"b\": 2}\r\n",
        b"{ \"items\": [\n{\"id\":1}\n]}",
    ] {
        check_error("x.jsonl", bytes, json!({}), document).await;
    }
    let lines = "x.json: it is not JSON: trailing characters at line 2 column 1; \
        it is JSON Lines: write `format: jsonl`";
    check_error("x.json", b"{\"id\":1}\n{\"id\":2}\n", json!({}), lines).await;
    let list = "x.json: `records: {members: a}` leads to a list, and not to an object";
    check_error("x.json", b"{\"a\":[{}]}", json!({"records": {"members": "a"}}), list).await;
    check_error(
        "x.json",
        b"[{",
        json!({}),
        "x.json: it is not JSON: EOF while parsing an object at line 1 column 2",
    )
    .await;
    check_error(
        "x.csv",
        b"id\n\x81\x20\n",
        json!({"encoding": "shift_jis"}),
        "read x.csv: the file is not valid Shift_JIS",
    )
    .await;
    let mut cut = gzip(&b"id\n1\n".repeat(10_000));
    cut.truncate(cut.len() / 2);
    let root = directory(&[("x.csv.gz", &cut), ("y.jsonl", &vec![b'x'; (16 << 20) + 1])]);
    put(root.path(), "z.csv", &[&b"id\n\""[..], &vec![b'x'; 17 << 20]].concat());
    let error = read_all(&*open(root.path(), &json!({"path": "x.csv.gz"}))).await.unwrap_err();
    assert!(matches!(error, SourceError::File { .. }), "{error:?}");
    for (path, expected) in [
        ("y.jsonl", "y.jsonl: the record on line 1 is longer than 16 MB"),
        ("z.csv", "z.csv: the record on line 2 is longer than 16 MB"),
        ("nowhere/*.csv", "nowhere/*.csv: no file is there below ROOT"),
        ("nowhere.csv", "nowhere.csv: no file is there below ROOT"),
        ("/nowhere.csv", "/nowhere.csv: no file is there"),
    ] {
        let error = read_all(&*open(root.path(), &json!({"path": path}))).await.unwrap_err();
        assert_eq!(error.to_string().replace(&root.path().display().to_string(), "ROOT"), expected);
    }
}

#[tokio::test]
async fn globs_are_read_in_the_order_of_their_names_and_from_any_page_on() {
    let files: [(&str, &[u8]); 5] = [
        ("in/b.jsonl", b"{\"id\":4}\n{\"id\":5}\n"),
        ("in/a.jsonl", b"{\"id\":1}\nbad\n{\"id\":2}\n{\"id\":3}\n"),
        ("in/c.jsonl", b""),
        ("in/.hidden.jsonl", b"{\"id\":99}\n"),
        ("in/d.jsonl", b"{\"id\":6}\n"),
    ];
    let root = directory(&files);
    let source = open(root.path(), &json!({"path": "./in/*.jsonl"}));
    assert_eq!(
        source.check().await.unwrap(),
        "4 files: in/a.jsonl (31 bytes), in/b.jsonl (18 bytes), in/c.jsonl (0 bytes), in/d.jsonl (9 bytes)"
    );
    for page_size in 1..5 {
        let read = Read { page_size: Some(page_size), ..Read::default() };
        let all = read_pages(&*source, read).await.unwrap();
        assert_eq!(ids(&all), [1, 2, 3, 4, 5, 6]);
        for (at, page) in all.iter().enumerate() {
            if let Some(token) = &page.next {
                let read = Read { page_size: Some(page_size), ..from_page(token) };
                let rest = read_pages(&*source, read).await.unwrap();
                assert_eq!(ids(&rest), ids(&all[at + 1..]), "{token:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_file_that_changed_is_read_again() {
    for (name, before, after) in [
        ("x.csv", &b"id\n1\n2\n3\n"[..], &b"id\n1\n2\n3\n4\n"[..]),
        ("x.json", b"[{\"id\":1},{\"id\":2},{\"id\":3}]", b"[{\"id\":1}]"),
    ] {
        let root = directory(&[(name, before)]);
        let source = open(root.path(), &json!({"path": "x.*", "format": name.trim_start_matches("x.")}));
        let read = Read { page_size: Some(2), ..Read::default() };
        let all = read_pages(&*source, read).await.unwrap();
        let token = all[0].next.clone().unwrap();
        assert_eq!(ids(&read_pages(&*source, from_page(&token)).await.unwrap()), [3]);
        put(root.path(), name, after);
        let error = read_pages(&*source, from_page(&token)).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("the service no longer accepts the page we stopped at: {name} has changed since")
        );
        put(root.path(), "x.other", b"");
        std::fs::remove_file(root.path().join(name)).unwrap();
        let error = read_pages(&*source, from_page(&token)).await.unwrap_err();
        assert!(matches!(error, SourceError::PageRefused { .. }), "{error}");
    }
}

/// As `cp -p` and `rsync -t` leave it: of the same length, with the time at which the other content was written.
#[tokio::test]
async fn a_file_of_the_same_length_and_time_is_another_one() {
    let root = directory(&[("x.csv", b"id\n1\n2\n3\n")]);
    let path = root.path().join("x.csv");
    let source = open(root.path(), &json!({"path": "x.csv"}));
    let read = Read { page_size: Some(2), ..Read::default() };
    let token = read_pages(&*source, read).await.unwrap()[0].next.clone().unwrap();
    assert_eq!(ids(&read_pages(&*source, from_page(&token)).await.unwrap()), [3]);
    // One of an earlier version knows size and time alone.
    let mut earlier: Value = serde_json::from_str(&token.0).unwrap();
    earlier["print"].as_object_mut().unwrap().remove("tag").unwrap();
    let earlier = PageToken(earlier.to_string());
    assert_eq!(ids(&read_pages(&*source, from_page(&earlier)).await.unwrap()), [3]);

    let before = path.metadata().unwrap();
    // The clock of a file system may tick slowly.
    while path.metadata().unwrap().ctime_nsec() == before.ctime_nsec() {
        put(root.path(), "new", b"id\n4\n5\n6\n");
        let new = root.path().join("new");
        File::options().write(true).open(&new).unwrap().set_modified(before.modified().unwrap()).unwrap();
        std::fs::rename(new, &path).unwrap();
    }
    assert_eq!(path.metadata().unwrap().modified().unwrap(), before.modified().unwrap());
    let error = read_pages(&*source, from_page(&token)).await.unwrap_err();
    assert!(error.to_string().contains("x.csv has changed since"), "{error}");
}

/// Wherever a reading goes on, the last page of a file says whether that ends within a line.
#[tokio::test]
async fn an_end_within_a_line_is_told_by_the_last_page() {
    let optional = json!({"lastLineEnd": "optional"});
    for (name, bytes, members, is_cut) in [
        ("x.csv", b"id,n\n1,a\n2,b\n3,c\n".to_vec(), json!({}), false),
        ("x.csv", b"id,n\r\n1,a\r\n2,b\r\n3,c\r\n".to_vec(), json!({}), false),
        ("x.csv", b"id,n\n1,a\n2,b\n3,\"c\nd\"\n".to_vec(), json!({}), false),
        ("x.csv", b"id,n\n1,a\n2,b\n3,c".to_vec(), json!({}), true),
        ("x.csv", b"id,n\n1,a\n2,b\n3,\"c\"".to_vec(), json!({}), true),
        ("x.csv", b"id,n\n1,a\n2,b\n3,".to_vec(), json!({}), true),
        ("x.csv", b"id,n".to_vec(), json!({}), true),
        ("x.csv", b"id,n\n".to_vec(), json!({}), false),
        ("x.csv.gz", gzip(b"id,n\n1,a\n2,b"), json!({}), true),
        ("x.csv", b"id,n\n1,a\n2,b\n3,c".to_vec(), optional, false),
        ("x.jsonl", b"{\"id\":1}\n{\"id\":2}".to_vec(), json!({}), false),
    ] {
        let root = directory(&[(name, &bytes)]);
        let mut data_type = members;
        data_type["path"] = json!(name);
        let source = open(root.path(), &data_type);
        let told = |pages: &[Page]| pages.iter().filter_map(|page| page.cut.clone()).collect::<Vec<_>>();
        let expected: &[&str] = if is_cut { &[name] } else { &[] };
        for size in 1..4 {
            let sized = |page| Read { page, page_size: Some(size), ..Read::default() };
            let pages = read_pages(&*source, sized(None)).await.unwrap();
            assert_eq!(told(&pages), expected, "{name} {data_type} {size}");
            for page in pages.iter().filter(|page| page.next.is_some()) {
                let rest = read_pages(&*source, sized(page.next.clone())).await.unwrap();
                assert_eq!(told(&rest), expected, "{name} {data_type} {size}");
            }
        }
    }
}
