//! Settings as JSON, and the findings they lead to.

use raccord_model::language::connector::{ConnectorSettings, FileSettings, HttpSettings};
use serde_json::{Value, json};

use super::*;

/// `path code` of every finding, in order.
pub(super) fn findings_of(settings: &ConnectorSettings) -> Vec<String> {
    let line = |finding: Finding| format!("{} {}", finding.path.join("."), finding.code.as_str());
    findings(settings).into_iter().map(line).collect()
}

pub(super) fn http(settings: Value) -> ConnectorSettings {
    serde_json::from_value::<HttpSettings>(settings).unwrap().into()
}

/// The findings of an otherwise good source with one data type `a`.
pub(super) fn check_data_type(data_type: &Value, expected: &[&str]) {
    let settings = http(json!({"baseUrl": "https://api.example/v1", "dataTypes": {"a": data_type}}));
    let expected: Vec<String> = expected.iter().map(|line| format!("dataTypes.a{line}")).collect();
    assert_eq!(findings_of(&settings), expected, "{data_type}");
    let (stream, _) = lower(&settings, &"a".parse().unwrap());
    assert_eq!(stream.is_some(), expected.is_empty(), "{data_type}");
}

/// The findings of a source whose one data type is good.
fn check_source(members: &Value, expected: &[&str]) {
    let mut settings = json!({"baseUrl": "https://api.example/v1", "dataTypes": {"a": {}}});
    for (name, value) in members.as_object().unwrap() {
        settings[name] = value.clone();
    }
    assert_eq!(findings_of(&http(settings)), expected, "{members}");
}

#[test]
fn the_shapes_of_the_design_lower() {
    let settings = http(json!({
        "baseUrl": "https://api.example/v1/", "headers": {"Accept": "application/json"}, "rateLimit": "10/s",
        "retry": {"attempts": 6, "wait": {"body": "retry_after_ms", "unit": "ms"}},
        "dataTypes": {
            "a": {"records": "results", "pagination": {"nextUrl": "next"}},
            "b": {"records": "data", "pagination": {"nextUrl": {"header": "Next-Page"}}},
            "c": {"records": "$", "pagination": {"link": "next"}},
            "d": {"records": "items", "pagination": {"page": "page", "from": 0, "size": {"per_page": 100}}},
            "e": {"records": "items", "pagination": {"offset": "offset", "size": {"limit": 50}, "total": "count"}},
            "f": {"records": "data", "pagination": {"cursor": "meta.next_cursor", "param": "cursor"}},
            "g": {"records": "data", "pagination": {"cursor": {"lastRecord": "id"}, "param": "starting_after", "while": "has_more"}},
            "h": {"records": "query.pages", "pagination": {"cursor": "continue"}},
            "i": {"path": "/search", "method": "POST", "body": {"query": "all", "page": "{{ page }}"}, "records": "hits",
                  "pagination": {"page": {"body": "page"}, "size": {"per_page": 5}}},
            "j": {"path": "/contacts", "query": {"expand": "address"},
                  "incremental": {"field": "updated_at", "param": "modified_since", "initial": "2024-01-01T00:00:00Z"}},
            "k": {"path": "/orders/{parent.id}/items", "parent": "a", "records": "items"},
        }
    }));
    assert_eq!(findings_of(&settings), Vec::<String>::new());
    for name in settings.data_types() {
        assert!(lower(&settings, name).0.is_some(), "{name}");
    }
    let child = lower(&settings, &"k".parse().unwrap()).0.unwrap().get::<HttpStream>().unwrap();
    assert_eq!(child.above().unwrap().requester.path.render(&[]), "/a");
    assert_eq!(child.requester.url_base.as_str(), "https://api.example/v1");
    let search = lower(&settings, &"i".parse().unwrap()).0.unwrap().get::<HttpStream>().unwrap();
    assert!(matches!(search.page_size.as_ref().unwrap().param, Target::Body(_)));
    let contacts = lower(&settings, &"j".parse().unwrap()).0.unwrap();
    let cursor = contacts.cursor().unwrap();
    assert_eq!(cursor.format(&cursor.initial().unwrap()), "2024-01-01T00:00:00Z");
}

#[test]
fn mistakes_beside_the_data_types() {
    for url in [
        "api.example",
        "ftp://api.example",
        "https://me:pw@api.example",
        "https://api.example?x=1",
        "https://api.example#x",
        "file:///etc",
    ] {
        check_source(&json!({"baseUrl": url}), &["baseUrl invalid-value"]);
    }
    for origin in ["files.example", "https://files.example/x", "https://a@files.example"] {
        check_source(&json!({"allowedOrigins": [origin]}), &["allowedOrigins invalid-value"]);
    }
    check_source(&json!({"headers": {"a b": "x"}}), &["headers.a b invalid-value"]);
    check_source(&json!({"headers": {"A": "x\ny"}}), &["headers.A invalid-value"]);
    check_source(&json!({"headers": {"Host": "x"}}), &["headers.Host invalid-value"]);
    check_source(&json!({"headers": {"Authorization": "Bearer x"}}), &["headers.Authorization plain-secret"]);
    check_source(&json!({"headers": {"A": "x", "a": "y"}}), &["headers.a conflicting-fields"]);
    check_source(&json!({"retry": {"attempts": 0}}), &["retry.attempts invalid-value"]);
    check_source(&json!({"retry": {"wait": {}}}), &["retry.wait missing-field"]);
    check_source(
        &json!({"retry": {"wait": {"header": "x", "body": "y"}}}),
        &["retry.wait conflicting-fields"],
    );
    check_source(
        &json!({"timeout": "0s", "maxBody": "0B", "maxPages": 0}),
        &["timeout invalid-value", "maxBody invalid-value", "maxPages invalid-value"],
    );
    check_source(
        &json!({"baseUrl": "x", "dataTypes": {"a": {"pagination": {}}}}),
        &["baseUrl invalid-value", "dataTypes.a.pagination missing-field"],
    );
}

#[test]
fn mistakes_about_where_records_are() {
    let of = |records: Value| json!({"dataTypes": {"a": {"records": records}}});
    for good in
        [json!("orders[*].positions"), json!({"members": "$"}), json!({"path": "a[*]", "missing": "empty"})]
    {
        check_source(&of(good), &[]);
    }
    check_source(
        &of(json!({"path": "a", "members": "b"})),
        &["dataTypes.a.records.members conflicting-fields"],
    );
    let nested = json!({"records": "a[*].b", "parent": "p", "path": "/{parent.id}"});
    check_source(&json!({"dataTypes": {"p": {}, "a": nested}}), &["dataTypes.a.parent conflicting-fields"]);
    for records in [json!("a[*].b"), json!({"members": "a"})] {
        let pagination = json!({"cursor": "next", "param": "c", "complete": "done"});
        check_source(
            &json!({"dataTypes": {"a": {"records": records, "pagination": pagination}}}),
            &["dataTypes.a.pagination.complete conflicting-fields"],
        );
    }
}

#[test]
fn mistakes_of_a_pagination() {
    let cases = [
        (json!({}), vec![".pagination missing-field"]),
        (json!({"nextUrl": "next", "page": "page"}), vec![".pagination conflicting-fields"]),
        (json!({"nextUrl": "next", "param": "x"}), vec![".pagination.param conflicting-fields"]),
        (json!({"nextUrl": {"lastRecord": "x"}}), vec![".pagination.nextUrl.lastRecord conflicting-fields"]),
        (json!({"nextUrl": {}}), vec![".pagination.nextUrl missing-field"]),
        (json!({"nextUrl": {"header": "a b"}}), vec![".pagination.nextUrl.header invalid-value"]),
        (json!({"nextUrl": "$"}), vec![".pagination.nextUrl invalid-value"]),
        (json!({"link": " "}), vec![".pagination.link invalid-value"]),
        (json!({"link": "rel=next"}), vec![".pagination.link invalid-value"]),
        (json!({"link": "rel=\"next\""}), vec![".pagination.link invalid-value"]),
        (json!({"link": "next page"}), vec![".pagination.link invalid-value"]),
        (json!({"link": "https://rel.example/next?a=b"}), vec![]),
        (json!({"nextUrl": {"header": "Link"}}), vec![".pagination.nextUrl.header invalid-value"]),
        (json!({"link": "next", "from": 1}), vec![".pagination.from conflicting-fields"]),
        (json!({"offset": "o", "from": 1}), vec![]),
        (json!({"cursor": "c", "param": "c", "from": 1}), vec![".pagination.from conflicting-fields"]),
        (json!({"link": "next", "total": "t", "pages": {"header": "X-Pages"}, "until": "done"}), vec![]),
        (json!({"page": "p", "total": {"header": "a b"}}), vec![".pagination.total.header invalid-value"]),
        (json!({"page": "p", "total": {}}), vec![".pagination.total missing-field"]),
        (json!({"page": "p", "total": "none"}), vec![]),
        (
            json!({"page": "p", "pages": {"header": "x", "body": "y"}}),
            vec![".pagination.pages conflicting-fields"],
        ),
        (json!({"page": "p", "pages": "$"}), vec![".pagination.pages invalid-value"]),
        (json!({"page": "p", "while": "m", "until": "d"}), vec![".pagination.until conflicting-fields"]),
        (json!({"page": "p", "end": {"status": [400, 404, 422]}}), vec![]),
        (json!({"page": "p", "end": {"status": []}}), vec![".pagination.end.status invalid-value"]),
        (json!({"page": "p", "end": {"status": [403]}}), vec![".pagination.end.status invalid-value"]),
        (json!({"offset": "o", "end": {"status": [500]}}), vec![".pagination.end.status invalid-value"]),
        (json!({"link": "next", "end": {"status": [404]}}), vec![".pagination.end conflicting-fields"]),
        (json!({"cursor": "continue", "complete": {"path": "batchcomplete", "key": "pageid"}}), vec![]),
        (json!({"cursor": "continue", "complete": "$"}), vec![".pagination.complete invalid-value"]),
        (
            json!({"cursor": "continue", "complete": "done", "total": "t"}),
            vec![".pagination.total conflicting-fields"],
        ),
        (json!({"page": "p", "complete": "done"}), vec![".pagination.complete conflicting-fields"]),
        (
            json!({"by": "incremental"}),
            vec![".pagination.by conflicting-fields", ".pagination.size missing-field"],
        ),
        (json!({"page": "p", "while": "more", "total": "t"}), vec![]),
        (json!({"cursor": "c"}), vec![]),
        (json!({"cursor": {"header": "x-next"}}), vec![".pagination.param missing-field"]),
        (json!({"cursor": {"lastRecord": "id"}}), vec![".pagination.param missing-field"]),
        (json!({"cursor": {"body": "x", "header": "y"}}), vec![".pagination.cursor conflicting-fields"]),
        (json!({"page": {}}), vec![".pagination.page missing-field"]),
        (json!({"page": {"query": "a", "body": "b"}}), vec![".pagination.page conflicting-fields"]),
        (json!({"page": {"body": "b"}}), vec![".pagination.page conflicting-fields"]),
        (json!({"page": ""}), vec![".pagination.page invalid-value"]),
        (json!({"page": "p", "size": {"a": 1, "b": 2}}), vec![".pagination.size conflicting-fields"]),
        (json!({"page": "p", "size": {"a": 0}}), vec![".pagination.size invalid-value"]),
    ];
    for (pagination, expected) in cases {
        check_data_type(&json!({"pagination": pagination}), &expected);
    }
}

#[test]
fn pages_by_value_follow_the_incremental_field() {
    let with =
        |pagination: Value| json!({"incremental": {"field": "at", "param": "p"}, "pagination": pagination});
    let cases = [
        (json!({"by": "incremental", "size": {"limit": 100}}), vec![]),
        (json!({"by": "incremental", "size": {"limit": 100}, "while": "more"}), vec![]),
        (json!({"by": "incremental"}), vec![".pagination.size missing-field"]),
        (
            json!({"by": "incremental", "size": {"limit": 1}, "total": "t"}),
            vec![".pagination.total conflicting-fields"],
        ),
        (
            json!({"by": "incremental", "size": {"limit": 1}, "page": "p"}),
            vec![".pagination conflicting-fields"],
        ),
    ];
    for (pagination, expected) in cases {
        check_data_type(&with(pagination), &expected);
    }
}

#[test]
fn what_an_answer_must_hold() {
    for (data_type, expected) in [
        (json!({"records": {"path": "items", "missing": "empty"}, "errors": "fault"}), vec![]),
        (json!({"errors": {"path": "fault.code", "retry": true, "message": "fault.text"}}), vec![]),
        (json!({"errors": "$"}), vec![".errors invalid-value"]),
    ] {
        check_data_type(&data_type, &expected);
    }
}

/// What was written as a path before is written so in the canonical form too, however it is spelled.
#[test]
fn places_that_were_paths_before_have_the_same_canonical_form() {
    let canonical = |data_type: Value| {
        let settings: HttpSettings =
            serde_json::from_value(json!({"baseUrl": "https://api.example", "dataTypes": {"a": data_type}}))
                .unwrap();
        serde_json::to_value(settings).unwrap()["dataTypes"]["a"].clone()
    };
    let short = json!({"records": "data", "pagination": {"page": "p", "total": "count"}});
    let long = json!({"records": {"path": "data"}, "pagination": {"page": "p", "total": {"body": "count"}}});
    assert_eq!(canonical(short.clone()), canonical(long));
    assert_eq!(canonical(short)["records"], json!("data"));
    assert_eq!(canonical(json!({"records": "$"})), json!({}));
    assert_eq!(canonical(json!({"records": {"path": "$"}})), json!({}));
    let empty = json!({"records": {"path": "data", "missing": "empty"}});
    assert_eq!(canonical(empty.clone()), empty);
}

/// A data type with an incremental field, one member of which is said otherwise.
fn with(name: &str, value: Value) -> Value {
    let mut data_type = json!({"incremental": {"field": "at", "param": "p", "format": "unix"}});
    data_type["incremental"][name] = value;
    data_type
}

#[test]
fn mistakes_of_a_data_type() {
    let cases = [
        (json!({"body": {}}), vec![".body conflicting-fields"]),
        (json!({"method": "POST", "body": {"x": "{{ nope }}"}}), vec![".body invalid-value"]),
        (json!({"method": "POST", "body": {"x": "{{ page"}}), vec![".body invalid-value"]),
        (json!({"method": "POST", "body": {"x": "{{ page }}"}}), vec![".body conflicting-fields"]),
        (json!({"method": "POST", "body": {"x": "{{ since }}"}}), vec![".body conflicting-fields"]),
        (json!({"path": "/x/{parent.id}"}), vec![".path conflicting-fields"]),
        (json!({"path": "/x/{id}"}), vec![".path invalid-value"]),
        (json!({"parent": "a"}), vec![".parent parent-cycle"]),
        (json!({"parent": "b"}), vec![".parent unknown-data-type"]),
        (json!({"parent": {"dataType": "b"}}), vec![".parent unknown-data-type"]),
        (
            json!({"parent": {"dataType": "a", "skip": [200, 401, 403, 404, 410, 429, 500]}}),
            vec![
                ".parent parent-cycle",
                ".parent.skip invalid-value",
                ".parent.skip invalid-value",
                ".parent.skip invalid-value",
                ".parent.skip invalid-value",
            ],
        ),
        (json!({"query": {"": "x"}}), vec![".query. invalid-value"]),
        (json!({"headers": {"Authorization": "x"}}), vec![".headers.Authorization plain-secret"]),
        (with("initial", json!("yesterday")), vec![".incremental.initial invalid-value"]),
        (with("initial", json!("1700000000")), vec![]),
        (with("lookback", json!("5m")), vec![]),
        (with("field", json!("$")), vec![".incremental.field invalid-value"]),
        (with("field", json!(["a", "b.c"])), vec![]),
        (with("field", json!(["a", "$"])), vec![".incremental.field invalid-value"]),
        (with("field", json!([])), vec![".incremental.field invalid-value"]),
        (with("timezone", json!("Europe/Paris")), vec![".incremental.timezone conflicting-fields"]),
        (json!({"incremental": {"field": "at", "param": "p", "timezone": "Europe/Paris"}}), vec![]),
        (
            json!({"incremental": {"field": "at", "param": "p", "timezone": "Europe/Lutetia"}}),
            vec![".incremental.timezone invalid-value"],
        ),
        (json!({"incremental": {"field": "at"}}), vec![".incremental missing-field"]),
        (json!({"incremental": {"field": "at"}, "query": {"filter": "at ge {{ since }}"}}), vec![]),
        (json!({"incremental": {"field": "at"}, "headers": {"If-Modified-Since": "{{since}}"}}), vec![]),
        (json!({"incremental": {"field": "at"}, "method": "POST", "body": {"s": "{{ since }}"}}), vec![]),
        (json!({"query": {"filter": "at ge {{ since }}"}}), vec![".query.filter conflicting-fields"]),
        (json!({"incremental": {"field": "at"}, "path": "/x/{{ since }}"}), vec![".path conflicting-fields"]),
        (
            json!({"incremental": {"field": "at", "initial": "2024-01-01T00:00:00Z"}, "path": "/x/{{ since }}"}),
            vec![],
        ),
        (with("param", json!({"body": "x"})), vec![".incremental.param conflicting-fields"]),
    ];
    for (data_type, expected) in cases {
        check_data_type(&data_type, &expected);
    }
    let mut number = with("lookback", json!("5m"));
    number["incremental"]["format"] = json!("integer");
    check_data_type(&number, &[".incremental.lookback conflicting-fields"]);
}

#[test]
fn mistakes_of_a_token() {
    let of = |incremental: Value| json!({"incremental": incremental});
    let param = json!({"token": "t", "param": "since"});
    let cases = [
        (of(param.clone()), vec![]),
        (of(json!({"token": {"header": "ETag"}, "param": "_since", "initial": "0"})), vec![]),
        (of(json!({"token": {"body": "end_time", "page": "last"}, "param": "start_time"})), vec![]),
        (json!({"incremental": {"token": "t"}, "query": {"q": "after:{{ since }}"}}), vec![]),
        (json!({"incremental": {"token": "t", "initial": "*"}, "path": "/sync/{{ since }}"}), vec![]),
        (of(json!({})), vec![".incremental missing-field", ".incremental missing-field"]),
        (of(json!({"token": "t"})), vec![".incremental missing-field"]),
        // All at once.
        (
            of(json!({
                "token": "t", "param": "p", "field": "at", "format": "unix", "timezone": "UTC", "lookback": "5m", "ordered": true,
            })),
            vec![
                ".incremental.field conflicting-fields",
                ".incremental.format conflicting-fields",
                ".incremental.timezone conflicting-fields",
                ".incremental.lookback conflicting-fields",
                ".incremental.ordered conflicting-fields",
            ],
        ),
        (of(json!({"token": {}, "param": "p"})), vec![".incremental.token missing-field"]),
        (
            of(json!({"token": {"body": "a", "header": "b"}, "param": "p"})),
            vec![".incremental.token conflicting-fields"],
        ),
        (of(json!({"token": "$", "param": "p"})), vec![".incremental.token invalid-value"]),
        (
            of(json!({"token": {"header": "a b"}, "param": "p"})),
            vec![".incremental.token.header invalid-value"],
        ),
        (
            of(json!({"token": "t", "param": "p", "initial": "x".repeat(8_193)})),
            vec![".incremental.initial invalid-value"],
        ),
        (of(json!({"token": "t", "param": "p", "expired": {"status": [400, 404, 409, 410, 422]}})), vec![]),
        (
            of(json!({"token": "t", "param": "p", "expired": {"status": []}})),
            vec![".incremental.expired.status invalid-value"],
        ),
        (
            of(json!({"token": "t", "param": "p", "expired": {"status": [200, 401, 410, 429, 500]}})),
            vec![".incremental.expired.status invalid-value"; 4],
        ),
        (with("expired", json!({"status": [404]})), vec![".incremental.expired conflicting-fields"]),
        (
            json!({"incremental": param, "pagination": {"by": "incremental", "size": {"limit": 9}}}),
            vec![".pagination.by conflicting-fields"],
        ),
    ];
    for (data_type, expected) in cases {
        check_data_type(&data_type, &expected);
    }
}

#[test]
fn what_begins_with_a_url_of_the_service_takes_nothing_of_ours() {
    let cases = [
        (json!({"incremental": {"token": {"url": "[\"@odata.deltaLink\"]"}}}), vec![]),
        (
            json!({
                "incremental": {"token": {"url": "t"}, "param": "p", "initial": "x"}, "pagination": {"page": "page"},
                "query": {"q": "{{ since }}"}, "path": "/x/{{ since }}",
            }),
            vec![
                ".incremental.param conflicting-fields",
                ".incremental.initial conflicting-fields",
                ".pagination conflicting-fields",
                ".query.q conflicting-fields",
                ".path conflicting-fields",
            ],
        ),
        (json!({"incremental": {"token": {"url": "t"}}, "pagination": {"nextUrl": "next"}}), vec![]),
    ];
    for (data_type, expected) in cases {
        check_data_type(&data_type, &expected);
    }
}

#[test]
fn circles_of_parents_are_reported_at_those_who_are_in_them() {
    let settings = http(json!({"baseUrl": "https://x.example", "dataTypes": {
        "a": {"parent": "b"}, "b": {"parent": "c"}, "c": {"parent": "b"},
    }}));
    assert_eq!(
        findings_of(&settings),
        ["dataTypes.b.parent parent-cycle", "dataTypes.c.parent parent-cycle"]
    );
    let (stream, findings) = lower(&settings, &"a".parse().unwrap());
    assert!(stream.is_none() && findings.len() == 1);
}

#[test]
fn files_say_what_they_are_by_their_name() {
    use raccord_model::language::connector::RecordFormat;
    let lower_path = |file: Value| {
        let settings = json!({"dataTypes": {"a": file}});
        let settings: FileSettings = serde_json::from_value(settings).unwrap();
        let (stream, _) = lower_file(&settings, &"a".parse().unwrap());
        (stream, findings_of(&ConnectorSettings::from(settings)))
    };
    let good = [
        ("x/*.csv", RecordFormat::Csv, b','),
        ("x.TSV.GZ", RecordFormat::Csv, b'\t'),
        ("x.jsonl", RecordFormat::Jsonl, b','),
        ("x-*.jsonl*", RecordFormat::Jsonl, b','),
        ("x.ndjson.gz", RecordFormat::Jsonl, b','),
        ("x.json", RecordFormat::Json, b','),
        ("x/*.XLSX", RecordFormat::Xlsx, b','),
        ("x.parquet", RecordFormat::Parquet, b','),
    ];
    for (path, format, delimiter) in good {
        let (stream, findings) = lower_path(json!({"path": path}));
        let stream = stream.unwrap();
        assert_eq!(
            (stream.decoder.format, stream.compression, stream.decoder.delimiter),
            (format, None, delimiter)
        );
        assert!(findings.is_empty(), "{path}");
    }
    let bad = [
        (json!({"path": ""}), "path invalid-value"),
        (json!({"path": "a/***.csv"}), "path invalid-value"),
        (json!({"path": "data/*"}), "format missing-field"),
        (json!({"path": "a.csv", "delimiter": "é"}), "delimiter invalid-value"),
        (json!({"path": "a.csv", "delimiter": "\""}), "delimiter invalid-value"),
        (json!({"path": "a.csv", "encoding": "klingon"}), "encoding invalid-value"),
        (json!({"path": "a.csv", "records": "x"}), "records conflicting-fields"),
        (json!({"path": "a.jsonl", "columns": ["x"]}), "columns conflicting-fields"),
        (json!({"path": "a.json", "delimiter": ";"}), "delimiter conflicting-fields"),
        (json!({"path": "a.csv", "columns": ["x", "x"]}), "columns.1 invalid-value"),
        (json!({"path": "a.ods"}), "path invalid-value"),
        (json!({"path": "a.parquet", "columns": ["x"]}), "columns conflicting-fields"),
        (json!({"path": "a.csv", "sheet": 1}), "sheet conflicting-fields"),
        (json!({"path": "a.csv", "headerRow": 2}), "headerRow conflicting-fields"),
        (json!({"path": "a.xlsx", "headerRow": 2, "columns": ["x"]}), "headerRow conflicting-fields"),
        (json!({"path": "a.xlsx", "encoding": "latin1"}), "encoding conflicting-fields"),
        (json!({"path": "a.parquet.gz"}), "path conflicting-fields"),
        (json!({"path": "a.parquet", "compression": "gzip"}), "compression conflicting-fields"),
    ];
    for (file, expected) in bad {
        let (stream, findings) = lower_path(file.clone());
        assert!(stream.is_none(), "{file}");
        assert_eq!(findings, [format!("dataTypes.a.{expected}")], "{file}");
    }
}

#[test]
fn a_data_type_that_is_not_there_is_a_finding() {
    let settings = http(json!({"baseUrl": "https://x.example", "dataTypes": {}}));
    let (stream, findings) = lower(&settings, &"a".parse().unwrap());
    assert!(stream.is_none());
    assert_eq!(findings[0].code, Code::UnknownDataType);
}
