//! Values as text: as Python's `str()` writes them, and encoded as in a form or a query.

use serde_json::{Map, Value};
use url::form_urlencoded;

/// A value as Python's `str()` writes it: `None`, `True`, `1.0`, `['a', 1]`.
pub fn python_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => representation(other),
    }
}

fn representation(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() => float_text(float),
            _ => number.to_string(),
        },
        Value::String(text) => quoted(text),
        Value::Array(items) => {
            format!("[{}]", items.iter().map(representation).collect::<Vec<_>>().join(", "))
        }
        Value::Object(members) => {
            let member =
                |(name, value): (&String, &Value)| format!("{}: {}", quoted(name), representation(value));
            format!("{{{}}}", members.iter().map(member).collect::<Vec<_>>().join(", "))
        }
    }
}

/// A float as Python writes it: with an exponent below 1e-4 and from 1e16, of two digits at least.
fn float_text(float: f64) -> String {
    let size = float.abs();
    if float == 0.0 || (1e-4..1e16).contains(&size) {
        return format!("{float:?}");
    }
    let text = format!("{float:e}");
    match text.split_once('e') {
        Some((digits, exponent)) => {
            let (sign, exponent) = match exponent.strip_prefix('-') {
                Some(exponent) => ('-', exponent),
                None => ('+', exponent),
            };
            format!("{digits}e{sign}{exponent:0>2}")
        }
        None => text,
    }
}

fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut out = String::with_capacity(text.len() + 2);
    out.push(quote);
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => out.extend(['\\', c]),
            c if u32::from(c) < 0x20 || u32::from(c) == 0x7f => {
                out.push_str(&format!("\\x{:02x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out.push(quote);
    out
}

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
