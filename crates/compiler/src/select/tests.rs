//! The selector on documents of every shape, and held against a tree.

use super::*;

fn check(paths: &[&str], json: &str, expected: &[Option<&str>]) {
    let paths: Vec<FieldPath> = paths.iter().map(|path| path.parse().unwrap()).collect();
    let mut found = Found::default();
    Selector::new(&paths).select(json.as_bytes(), &mut found).unwrap();
    assert_eq!(found.values, expected, "{json}");
}

#[test]
fn paths_lead_to_raw_values() {
    let record = r#"{"id": 12345678901234567890, "a": {"b": [1, {"c": "x"}]}, "n": null, "é": "ü"}"#;
    check(&["id"], record, &[Some("12345678901234567890")]);
    check(&["a.b[1].c", "a.b[0]", "a.b[7]"], record, &[Some("\"x\""), Some("1"), None]);
    check(&["a", "a.b[0]"], record, &[Some(r#"{"b": [1, {"c": "x"}]}"#), Some("1")]);
    check(&["n", "é", "id.x", "missing"], record, &[Some("null"), Some("\"ü\""), None, None]);
    check(&["$"], "3", &[Some("3")]);
    check(&["id", "id"], r#"{"id":1}"#, &[Some("1"), Some("1")]);
}

#[test]
fn of_a_member_that_comes_twice_the_last_counts() {
    check(&["a"], r#"{"a":1,"a":2}"#, &[Some("2")]);
    check(&["a"], r#"{"a":1,"a":null}"#, &[Some("null")]);
    check(&["o.b"], r#"{"o":{"b":"1"},"o":null}"#, &[None]);
    check(&["o.b", "o.c"], r#"{"o":{"b":1,"c":2},"x":{"b":0},"o":{"c":3}}"#, &[None, Some("3")]);
    check(&["o", "o.b"], r#"{"o":{"b":1},"o":{"c":3}}"#, &[Some(r#"{"c":3}"#), None]);
    check(&["o[1].b", "o[0]"], r#"{"o":[1,{"b":2}],"o":[3]}"#, &[None, Some("3")]);
    check(&["p.o.b", "p.x"], r#"{"p":{"x":1,"o":{"b":1},"o":7}}"#, &[None, Some("1")]);
    check(&["p.o.b", "q"], r#"{"p":{"o":{"b":1}},"q":2,"p":{}}"#, &[None, Some("2")]);
    let selector = Selector::new([]).with_list(&"r.data".parse().unwrap());
    for (body, has_list, list) in [
        (r#"{"r":{"data":[1,2],"data":[3]}}"#, true, vec!["3"]),
        (r#"{"r":{"data":[1,2]},"r":{"data":null}}"#, false, vec![]),
        (r#"{"r":{"data":[1,2]},"r":{}}"#, false, vec![]),
    ] {
        let mut found = Found::default();
        selector.select(body.as_bytes(), &mut found).unwrap();
        assert_eq!((found.has_list(), found.list), (has_list, list), "{body}");
    }
}

#[test]
fn a_member_that_comes_twice_with_different_values_is_told() {
    for (paths, list, body, expected) in [
        (&["a"][..], "data", r#"{"a":1,"data":[],"a":2}"#, Some("a")),
        (&["a"], "data", r#"{"a":1,"data":[],"a":1}"#, None),
        (&["a"], "data", r#"{"x":1,"data":[],"x":2}"#, None),
        (&["a"], "data", r#"{"data":[{"id":1}],"data":[]}"#, Some("data")),
        (&["a"], "data", r#"{"data":null,"data":[1]}"#, Some("data")),
        (&["a"], "data", r#"{"data":[{"a":1,"a":2}]}"#, None),
        (&["m.total"], "r.data", r#"{"m":{"total":1},"r":{"data":[]},"m":{}}"#, Some("m")),
        (&["m.total"], "r.data", r#"{"r":{"data":[1]},"m":{},"r":{}}"#, Some("r")),
        (&["m.total"], "r.data", r#"{"r":{},"r":{"data":[1]}}"#, None),
        (&["m.total"], "r.data", r#"{"r":{"data":[1],"data":[2]}}"#, Some("data")),
    ] {
        let paths: Vec<FieldPath> = paths.iter().map(|path| path.parse().unwrap()).collect();
        let selector = Selector::new(&paths).with_list(&list.parse().unwrap());
        let mut found = Found::default();
        selector.select(body.as_bytes(), &mut found).unwrap();
        assert_eq!(selector.repeated(&found), expected, "{body}");
        selector.select(b"{}", &mut found).unwrap();
        assert_eq!(selector.repeated(&found), None);
    }
}

/// A document with few names, so that many come twice; each seed has its own.
fn document(seed: &mut u64, depth: u32) -> String {
    // Knuth's multiplier: the upper bits are as good as random.
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    let (kind, size) = ((*seed >> 33) % 8, (*seed >> 40) % 4);
    let mut part = || document(seed, depth - 1);
    match kind {
        _ if depth == 0 => "1".to_owned(),
        0 => "null".to_owned(),
        1 => "\"a\"".to_owned(),
        2 | 3 => format!("[{}]", (0..size).map(|_| part()).collect::<Vec<_>>().join(",")),
        _ => {
            let names = ["a", "b", "a", "b"];
            let members = names.iter().take(1 + usize::try_from(size).unwrap());
            let members: Vec<_> = members.map(|name| format!("\"{name}\":{}", part())).collect();
            format!("{{{}}}", members.join(","))
        }
    }
}

#[test]
fn what_is_found_is_what_a_tree_holds() {
    let steps = ["a", "b", "a.b", "a.a.a", "b.a", "a[0]", "a[1].a", "a.b[0].a"];
    let paths: Vec<FieldPath> = steps.iter().map(|path| path.parse().unwrap()).collect();
    let selector = Selector::new(&paths);
    let (mut seed, mut leaves) = (1, 0);
    for _ in 0..5_000 {
        let text = document(&mut seed, 5);
        let tree: serde_json::Value = serde_json::from_str(&text).unwrap();
        for way in [Way::Quick, Way::Careful] {
            let mut found = Found::default();
            selector.select_by(way, text.as_bytes(), &mut found).unwrap();
            for (path, raw) in paths.iter().zip(found.values) {
                let there = path.0.iter().try_fold(&tree, |at, step| match step {
                    Step::Member(name) => at.get(name),
                    Step::Element(index) => at.get(index),
                });
                let raw = raw.map(|raw| serde_json::from_str::<serde_json::Value>(raw).unwrap());
                assert_eq!(raw.as_ref(), there, "{path} by the {way:?} way of {text}");
                leaves += usize::from(raw.is_some());
            }
        }
    }
    assert!(leaves > 5_000, "{leaves}");
}

#[test]
fn numbers_beyond_all_floats_are_skipped_taken_and_not_gone_into() {
    check(&["o"], r#"{"o":1e999}"#, &[Some("1e999")]);
    check(&["x"], r#"{"o":1e999,"x":1}"#, &[Some("1")]);
    check(&["o.b", "x"], r#"{"o":1e999,"x":-1e999}"#, &[None, Some("-1e999")]);
    check(&["o", "o.b"], r#"{"o":1e999}"#, &[Some("1e999"), None]);
    check(&["o[0].b", "o[1]"], r#"{"o":[1e999, [1e999]]}"#, &[None, Some("[1e999]")]);
    check(&["o.b", "p.q.r"], r#"{"o":{"b":1},"o":1e999,"p":{"q":{"r":2}}}"#, &[None, Some("2")]);
    check(&["o.b"], " 1e999 ", &[None]);
    let list = Selector::new([&"n.m".parse().unwrap()]).with_list(&"data".parse().unwrap());
    let mut found = Found::default();
    list.select(br#"{"n":1e999,"data":[{"a":1e999},{}]}"#, &mut found).unwrap();
    assert_eq!(found.list, [r#"{"a":1e999}"#, "{}"]);
    list.select(br#"{"n":{"m":1},"data":1e999}"#, &mut found).unwrap();
    assert_eq!((found.has_list(), found.values), (false, vec![Some("1")]));
    // What is no JSON is told with its own place all the same.
    let wrong = list.select(b"{\"n\":1e999,\n\"data\":[}", &mut Found::default()).unwrap_err();
    assert_eq!(wrong.to_string(), "not JSON: expected value at line 2 column 9");
}

#[test]
fn a_list_is_split_in_the_same_pass() {
    let next: FieldPath = "links.next".parse().unwrap();
    let selector = Selector::new([&next]).with_list(&"data".parse().unwrap());
    let body = r#"{"data":[{"a":1}, {"a":2}],"links":{"next":"/p2"}}"#;
    let mut found = Found::default();
    selector.select(body.as_bytes(), &mut found).unwrap();
    assert_eq!(found.list, [r#"{"a":1}"#, r#"{"a":2}"#]);
    assert_eq!(found.values, [Some("\"/p2\"")]);
    assert_eq!(&body[span_of(body.as_bytes(), found.list[1])], r#"{"a":2}"#);
    for (body, has_list, len) in [
        (r#"{"data":null}"#, false, 0),
        (r#"{"data":{"x":{},"y":{}}}"#, true, 2),
        (r#"{"data":7}"#, false, 0),
        ("{}", false, 0),
    ] {
        let mut found = Found::default();
        selector.select(body.as_bytes(), &mut found).unwrap();
        assert_eq!((found.has_list(), found.list.len()), (has_list, len), "{body}");
    }
}

#[test]
fn the_whole_answer_can_be_the_list() {
    let last: FieldPath = "[0].id".parse().unwrap();
    let selector = Selector::new([&last]).with_list(&FieldPath::default());
    let mut found = Found::default();
    selector.select(br#"[{"id":1},{"id":2}]"#, &mut found).unwrap();
    assert_eq!(found.list.len(), 2);
    assert_eq!(found.values, [Some("1")]);
}

#[test]
fn what_is_not_json_is_an_error() {
    let selector = Selector::new([&FieldPath::member("a")]);
    for text in ["", "{", "{\"a\":1}x", "<html>", "{\"a\":1"] {
        assert!(selector.select(text.as_bytes(), &mut Found::default()).is_err(), "{text}");
    }
}

#[test]
fn a_guess_reads_no_further_than_it_must() {
    let check = |paths: &[&str], json: &str, expected: Option<&[&str]>| {
        let paths: Vec<FieldPath> = paths.iter().map(|path| path.parse().unwrap()).collect();
        let selector = Selector::of_some(&paths, |slot| slot != 1);
        let mut found = Found::default();
        let is_found = selector.guess(json.as_bytes(), &mut found);
        let values: Vec<&str> = found.values.iter().filter_map(|value| *value).collect();
        assert_eq!(is_found.then_some(&values[..]), expected, "{paths:?} {json}");
    };
    check(&["id"], r#"{"a":1,"id":7,"b":{"id":8}}"#, Some(&["7"]));
    check(&["id"], r#"{"id":7, and no JSON any more"#, Some(&["7"]));
    check(&["id"], r#"{"id":7,"id":8}"#, Some(&["7"]));
    check(&["id", "not wanted", "a.b"], r#"{"a":{"b":"x"},"id":7}"#, Some(&["7", "\"x\""]));
    check(&["id", "not wanted", "a"], r#"{"a":{"b":"x"},"id":7}"#, Some(&["7", r#"{"b":"x"}"#]));
    check(&["id"], r#"{"b":{"id":8}}"#, None);
    check(&["id"], r#"{"b":1"#, None);
    check(&["id"], "", None);
    check(&[], "{}", Some(&[]));
}
