//! Values as text: as Python's `str()` writes them, and encoded as in a form or a query.

use serde_json::{Map, Value};
use url::form_urlencoded;

pub use crate::template::python_text;

/// Values as a form or a query is written: a list repeats its name, an object gives its names, and null is left out.
pub fn form(members: &Map<String, Value>) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    for (name, value) in members {
        append(&mut form, name, value);
    }
    // The reference leaves the tilde as it is and encodes the asterisk; this serializer does the reverse.
    form.finish().replace("%7E", "~").replace('*', "%2A")
}

fn append(form: &mut form_urlencoded::Serializer<'_, String>, name: &str, value: &Value) {
    match value {
        Value::Null => {}
        Value::Array(items) => items.iter().for_each(|item| append(form, name, item)),
        Value::Object(members) => {
            form.extend_pairs(members.keys().map(|key| (name, key)));
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            form.append_pair(name, &python_text(value));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_written_as_python_does() {
        let check = |value: Value, expected: &str| assert_eq!(python_text(&value), expected);
        check(json!(null), "None");
        check(json!(true), "True");
        check(json!("it's"), "it's");
        check(json!(["it's", "a\"b", 1, 1.0, null]), r#"["it's", 'a"b', 1, 1.0, None]"#);
        check(json!({"a": {"b": [false]}}), "{'a': {'b': [False]}}");
        check(json!(1e16), "1e+16");
        check(json!(1.5e-7), "1.5e-07");
        check(json!(0.0001), "0.0001");
        check(json!(123_456_789.125), "123456789.125");
        check(json!(18_446_744_073_709_551_615_u64), "18446744073709551615");
    }

    #[test]
    fn forms_are_written_as_python_does() {
        let check = |value: Value, expected: &str| assert_eq!(form(value.as_object().unwrap()), expected);
        check(
            json!({"k": [1, "x y", null, true], "e": "", "f": 1.0, "n": null}),
            "e=&f=1.0&k=1&k=x+y&k=True",
        );
        check(json!({"l": [["a", "b"], {"z": 1}]}), "l=a&l=b&l=z");
        check(json!({"q*": "a&b=c+d/é~"}), "q%2A=a%26b%3Dc%2Bd%2F%C3%A9~");
    }
}
