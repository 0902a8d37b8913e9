use serde_json::json;

use super::*;

fn path(value: &Value) -> Vec<Segment> {
    value.as_array().unwrap().iter().map(Segment::of).collect()
}

fn document() -> Value {
    json!({"a": {"b": [1, 2, {"c": 3}], "x1": 1, "x2": 2}, "k.1": 5, "n": null, "l": [[1, 2], [3]]})
}

#[test]
fn paths_lead_to_values() {
    let check = |segments: Value, expected: Value| {
        let document = document();
        let found: Vec<_> =
            find(&document, &path(&segments)).into_iter().map(|(_, value)| value.clone()).collect();
        assert_eq!(Value::Array(found.clone()), expected, "{segments}");
        let one = get(&document, &path(&segments));
        match found.as_slice() {
            [] => assert_eq!(one, Ok(None)),
            [value] => assert_eq!(one, Ok(Some(value))),
            _ => assert_eq!(one, Err(PathError::Several(shown(&path(&segments))))),
        }
    };
    check(json!(["a", "b"]), json!([[1, 2, {"c": 3}]]));
    check(json!(["a", "*"]), json!([[1, 2, {"c": 3}], 1, 2]));
    check(json!(["a", "b", "2", "c"]), json!([3]));
    check(json!(["a", "b", 2, "c"]), json!([3]));
    check(json!(["a", "b", "-1", "c"]), json!([3]));
    check(json!(["a", "x?"]), json!([1, 2]));
    check(json!(["a", "x[13]"]), json!([1]));
    check(json!(["a", "x[!1]"]), json!([2]));
    check(json!(["a", "x[0-1]"]), json!([1]));
    check(json!(["**", "c"]), json!([3]));
    check(json!(["l", "*", "0"]), json!([1, 3]));
    check(json!(["zz"]), json!([]));
    check(json!(["n", "q"]), json!([]));
    check(json!(["k.1"]), json!([5]));
}

#[test]
fn values_are_set() {
    let check = |segments: Value, at: &str, expected: Value| {
        let mut document = document();
        set(&mut document, &path(&segments), json!("V")).unwrap();
        assert_eq!(document.pointer(at), Some(&expected), "{segments}");
    };
    check(json!(["a", "z"]), "/a/z", json!("V"));
    check(json!(["n"]), "/n", json!("V"));
    check(json!(["q", "w"]), "/q", json!({"w": "V"}));
    check(json!(["q", "0"]), "/q", json!(["V"]));
    check(json!(["q", 2]), "/q", json!([null, null, "V"]));
    check(json!(["q", "*"]), "/q", json!({"*": "V"}));
    check(json!(["a", "b", "0"]), "/a/b", json!(["V", 2, {"c": 3}]));
    check(json!(["a", "b", 5]), "/a/b", json!([1, 2, {"c": 3}, null, null, "V"]));
}

#[test]
fn what_stands_in_the_way_is_not_replaced() {
    for segments in
        [json!(["n", "x"]), json!(["a", "b", "x"]), json!(["l", "0", "0", "z"]), json!(["l", "-1"])]
    {
        let mut document = document();
        let segments = path(&segments);
        assert_eq!(set(&mut document, &segments, json!(1)), Err(PathError::Blocked(shown(&segments))));
    }
}

#[test]
fn values_are_deleted() {
    let check = |segments: Value, at: &str, expected: Option<Value>| {
        let mut document = document();
        delete(&mut document, &path(&segments));
        assert_eq!(document.pointer(at), expected.as_ref(), "{segments}");
    };
    check(json!(["a"]), "/a", None);
    check(json!(["a", "b", "0"]), "/a/b", Some(json!([null, 2, {"c": 3}])));
    check(json!(["a", "b", "*"]), "/a/b", Some(json!([null, null])));
    check(json!(["a", "b", 2]), "/a/b", Some(json!([1, 2])));
    check(json!(["a", "x*"]), "/a", Some(json!({"b": [1, 2, {"c": 3}]})));
    check(json!(["**", "c"]), "/a/b", Some(json!([1, 2, {}])));
    check(json!(["l", "*", "0"]), "/l", Some(json!([[null, 2], []])));
    check(json!(["**"]), "", Some(json!({})));
    check(json!(["zz"]), "", Some(document()));
}
