use serde_json::json;

use super::*;

fn decoded(decoder: &Value, kind: &str, body: &[u8]) -> String {
    let component = Component::new(decoder.as_object().unwrap().clone(), "decoder");
    let answer = Response {
        status: 200,
        headers: vec![("content-type".to_owned(), kind.to_owned())],
        body: Bytes::copy_from_slice(body),
    };
    match Decoder::new(Some(&component)).unwrap().documents(&answer) {
        Ok(documents) => {
            let text = |record: &Record| String::from_utf8(record.text().to_vec()).unwrap();
            documents.iter().map(text).collect::<Vec<_>>().join(" | ")
        }
        Err(error) => error.to_string(),
    }
}

#[test]
fn json_is_decoded() {
    let check = |body: &str, expected: &str| {
        assert_eq!(decoded(&json!({"type": "JsonDecoder"}), "", body.as_bytes()), expected, "{body}");
    };
    check(r#"{"a": 1}"#, r#"{"a": 1}"#);
    check(r#" [{"a": 1}, 2 ]"#, r#"{"a": 1} | 2"#);
    check("[]", "{}");
    check("", "{}");
    check("null", "{}");
    check("5", "5");
    check("[1", "{}");
    check("\u{feff}{}", "{}");
}

#[test]
fn json_lines_and_items_are_decoded() {
    let lines = json!({"type": "JsonlDecoder"});
    assert_eq!(decoded(&lines, "", b"{\"a\":1}\r\n\n{\"b\": 2}\n[1]\n"), r#"{"a":1} | {"b": 2} | [1]"#);
    let broken = "the body is no JSON Lines: line 2 is no JSON";
    assert_eq!(decoded(&lines, "", b"{\"a\":1}\n{\"b\": \n"), broken);
    assert_eq!(decoded(&lines, "", b"\xff\n1"), "the body is no UTF-8");
    let check = |path: &str, body: &str, expected: &str| {
        let items = json!({"type": "JsonItemsDecoder", "items_path": path});
        assert_eq!(decoded(&items, "", body.as_bytes()), expected, "{path} {body}");
    };
    check("d.u", r#"{"d":{"u":[{"a":1.0},2]}}"#, r#"{"a":1.0} | 2"#);
    check("d.u", r#"{"d":[{"u":[1]},{"u":[2]}]}"#, "");
    check("d.item.u", r#"{"d":[{"u":[1]},{"u":[2]}]}"#, "1 | 2");
    check("d.u", r#"{"d":{"u":{"a":1}}}"#, "");
    check("d.u", r#"{"d":{"u":[1"#, "the body is no JSON");
    assert_eq!(
        decoded(&json!({"type": "IterableDecoder"}), "", b"a\r\nb\n"),
        r#"{"record":"a"} | {"record":"b"}"#
    );
}

#[test]
fn csv_is_decoded() {
    let check = |members: Value, body: &[u8], expected: &str| {
        let mut decoder = json!({"type": "CsvDecoder"});
        decoder.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        assert_eq!(decoded(&decoder, "", body), expected, "{members} {body:?}");
    };
    let none = json!({});
    check(none.clone(), b"a,b\n1,2\n", r#"{"a":"1","b":"2"}"#);
    check(none.clone(), b"a,b\r\n1,\"x\"\"y\"\r\n", r#"{"a":"1","b":"x\"y"}"#);
    check(none.clone(), b"a,b\n1\n", r#"{"a":"1","b":null}"#);
    check(none.clone(), b"a,b\n1,2,3,4\n", r#"{"a":"1","b":"2","null":["3","4"]}"#);
    check(none.clone(), b"a,b\n\n1,\"x\r\ny\"", r#"{"a":"1","b":"x\ny"}"#);
    check(none.clone(), b"a,b\n1,x\"y\n", r#"{"a":"1","b":"x\"y"}"#);
    check(none.clone(), b"a,b\n1,\"x\"y\n", r#"{"a":"1","b":"xy"}"#);
    check(none.clone(), b"a,a\n1,2\n", r#"{"a":"2"}"#);
    check(none.clone(), b"a, b\n1, 2\n", r#"{" b":" 2","a":"1"}"#);
    check(none, b"", "");
    check(json!({"delimiter": "\\t"}), b"a\tb\n1\t2\n", r#"{"a":"1","b":"2"}"#);
    check(
        json!({"encoding": "latin-1", "set_values_to_none": ["", "NA"]}),
        b"a,b,c\n\xe9,NA,\n",
        r#"{"a":"é","b":null,"c":null}"#,
    );
}

#[test]
fn xml_is_decoded() {
    let check = |kind: &str, body: &[u8], expected: &str| {
        assert_eq!(
            decoded(&json!({"type": "XmlDecoder"}), kind, body),
            expected,
            "{}",
            String::from_utf8_lossy(body)
        );
    };
    let xml = |body: &str, expected: &str| check("application/xml", body.as_bytes(), expected);
    xml("<a/>", r#"{"a":null}"#);
    xml("<a>t</a>", r#"{"a":"t"}"#);
    xml("<a b='1'/>", r#"{"a":{"@b":"1"}}"#);
    xml("<a b='1'>t</a>", r##"{"a":{"#text":"t","@b":"1"}}"##);
    xml("<a><b>1</b><b>2</b></a>", r#"{"a":{"b":["1","2"]}}"#);
    xml("<a> x <b/> y </a>", r##"{"a":{"#text":"x  y","b":null}}"##);
    xml("<a><![CDATA[ <x> ]]></a>", r#"{"a":"<x>"}"#);
    xml("<a>&lt;&amp;&#65;</a>", r#"{"a":"<&A"}"#);
    xml(
        "<r xmlns='u' xmlns:p='v' p:q='1'><p:x/></r>",
        r#"{"r":{"@p:q":"1","@xmlns":"u","@xmlns:p":"v","p:x":null}}"#,
    );
    xml("<a><!-- c -->t</a>", r#"{"a":"t"}"#);
    xml("<?xml version='1.0'?><a>\n  <b>1</b>\n</a>", r#"{"a":{"b":"1"}}"#);
    xml("<!DOCTYPE a [<!ENTITY e 'v'>]><a>&e;</a>", r#"{"a":null}"#);
    xml("<a x=\"1&amp;2\ny\"/>", r#"{"a":{"@x":"1&2 y"}}"#);
    for no_xml in ["<a>1</a><b/>", "<a/><a/>", "<a><b></a>", "<a>", "", "text", "<a/>text"] {
        xml(no_xml, "{}");
    }
    let nested = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
    xml(&nested(1000), "{}");
    xml(&nested(3), r#"{"a":{"a":{"a":null}}}"#);
    check("text/xml; charset=iso-8859-1", b"<a>\xe9</a>", r#"{"a":"é"}"#);
    check("text/xml", b"<?xml version='1.0' encoding='iso-8859-1'?><a>\xe9</a>", r#"{"a":"é"}"#);
}

#[test]
fn packed_bodies_are_unpacked() {
    let packed = |bytes: &[u8]| {
        use std::io::Write;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let gzip = json!({"type": "GzipDecoder", "decoder": {"type": "JsonDecoder"}});
    assert_eq!(decoded(&gzip, "", &packed(b"[1,2]")), "1 | 2");
    assert_eq!(decoded(&gzip, "", b"{\"a\":1}"), "{\"a\":1}");
    assert_eq!(decoded(&gzip, "", b"x"), "the body is no JSON");
    assert_eq!(decoded(&gzip, "", &packed(b"[1,2]")[..15]), "the body is no valid gzip");
    // Two files, one of them deflated, as Python's `zipfile` writes them.
    let archive = include_bytes!("two_files.zip");
    let zip = json!({"type": "ZipfileDecoder", "decoder": {"type": "JsonlDecoder"}});
    assert_eq!(decoded(&zip, "", archive), "{\"a\":1} | {\"a\":2}");
    assert_eq!(decoded(&zip, "", b"PK"), "the body is no valid ZIP archive");
}
