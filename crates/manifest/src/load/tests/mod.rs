//! Loading against what the reference makes of the same text: `cases.json` holds its resolved manifests, and null where
//! it fails.

use serde::Deserialize;
use serde_json::Value;

use super::load;

#[derive(Deserialize)]
struct Case {
    yaml: String,
    manifest: Option<Value>,
}

#[test]
fn manifests_load_as_the_reference_loads_them() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("cases.json")).unwrap();
    let mut differing = Vec::new();
    for Case { yaml, manifest } in cases {
        let found = load(&yaml).ok().map(|found| Value::Object(found.root().members().clone()));
        if found != manifest {
            differing.push(format!("{yaml}\n  found: {found:?}\n  expected: {manifest:?}"));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let check = |yaml: &str, expected: &str| {
        assert_eq!(load(yaml).unwrap_err().to_string(), expected);
    };
    check("a: {b: [1, '#/x/y']}", "a.b[1]: the reference `#/x/y` leads nowhere");
    check("a: '#/b'\nb: {c: '#/a'}", "a.c: the reference `#/b` leads in a circle");
    check("[1]", ": a manifest is an object with `streams`");
}

#[test]
fn a_manifest_that_grows_without_end_is_refused() {
    let mut references = "a0: [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    let mut aliases = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        let (one, all) = (format!("'#/a{}', ", level - 1), format!("*a{}, ", level - 1));
        references += &format!("a{level}: [{}]\n", one.repeat(10));
        aliases += &format!("a{level}: &a{level} [{}]\n", all.repeat(10));
    }
    let nested = |levels: usize| format!("a: {}{}", "[".repeat(levels), "]".repeat(levels));
    assert!(load(&nested(150)).is_ok());
    let deep = nested(1000);
    for text in [references, aliases, deep] {
        assert!(load(&text).is_err());
    }
}

#[test]
fn streams_are_found_with_their_conditions() {
    let router = "{type: SubstreamPartitionRouter, parent_stream_configs: [{stream: {name: b}}]}";
    let manifest = load(&format!(
        "streams:\n- {{name: a, retriever: {{partition_router: [{router}]}}}}\n\
         - {{type: ConditionalStreams, condition: x, streams: [{{name: b}}, {{name: c}}]}}\n\
         dynamic_streams: [{{type: DynamicDeclarativeStream, name: d}}]"
    ))
    .unwrap();
    let streams: Vec<_> = manifest
        .streams()
        .iter()
        .map(|stream| (stream.name.as_str(), stream.component.path(), stream.condition.is_some()))
        .collect();
    assert_eq!(
        streams,
        [
            ("a", "streams[0]", false),
            ("b", "streams[1].streams[0]", true),
            ("c", "streams[1].streams[1]", true)
        ]
    );
    assert_eq!(manifest.dynamic_streams().len(), 1);
    assert!(manifest.stream("c").is_some() && manifest.stream("d").is_none());
}
