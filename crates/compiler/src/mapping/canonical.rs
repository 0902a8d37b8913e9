//! One text for equal JSON: members in the order of their names, each once, numbers and texts in one spelling.
//!
//! Numbers are compared by value: `1.0`, `1` and `1e0` are one. The text is gone through once, without a tree; what
//! is in order already is only copied. Nothing is rounded.

use std::ops::Range;

use raccord_model::decimal::{Decimal, DecimalError};

/// How deep objects and lists may stand inside each other: what reads JSON here stops there too.
const MAX_DEPTH: usize = 127;

/// The canonical text of a JSON text. `None` when it is nested too deeply, or is no JSON of whole characters.
pub(super) fn canonical(json: &str) -> Option<String> {
    let mut writer = Writer { json, at: 0, out: String::with_capacity(json.len()), members: Vec::new() };
    writer.value(0)?;
    writer.space();
    (writer.at == json.len()).then_some(writer.out)
}

struct Writer<'a> {
    json: &'a str,
    /// How far it was read.
    at: usize,
    out: String,
    /// The members of the objects that are open, the innermost last.
    members: Vec<Member>,
}

/// Where a member is in what was written: its name without the quotes, and the end of its value.
struct Member {
    name: Range<usize>,
    end: usize,
}

impl Writer<'_> {
    fn peek(&self) -> Option<u8> {
        self.json.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    /// Goes over a byte that stands next, and writes it.
    fn copy(&mut self, byte: u8) -> Option<()> {
        self.space();
        (self.peek()? == byte).then(|| {
            self.at += 1;
            self.out.push(char::from(byte));
        })
    }

    fn value(&mut self, depth: usize) -> Option<()> {
        self.space();
        match self.peek()? {
            b'{' if depth < MAX_DEPTH => self.object(depth + 1),
            b'[' if depth < MAX_DEPTH => self.list(depth + 1),
            b'"' => self.text(),
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            b'-' | b'0'..=b'9' => self.number(),
            _ => None,
        }
    }

    fn word(&mut self, word: &str) -> Option<()> {
        self.json.get(self.at..)?.starts_with(word).then(|| {
            self.at += word.len();
            self.out.push_str(word);
        })
    }

    fn list(&mut self, depth: usize) -> Option<()> {
        self.copy(b'[')?;
        if self.copy(b']').is_some() {
            return Some(());
        }
        loop {
            self.value(depth)?;
            if self.copy(b',').is_none() {
                return self.copy(b']');
            }
        }
    }

    fn object(&mut self, depth: usize) -> Option<()> {
        self.copy(b'{')?;
        if self.copy(b'}').is_some() {
            return Some(());
        }
        let first = self.members.len();
        loop {
            self.space();
            let start = self.out.len();
            self.text()?;
            // Without the quotes, so that a name comes before what it begins.
            let name = start + 1..self.out.len() - 1;
            self.copy(b':')?;
            self.value(depth)?;
            self.members.push(Member { name, end: self.out.len() });
            if self.copy(b',').is_none() {
                self.order(first);
                return self.copy(b'}');
            }
        }
    }

    /// Puts the members of the innermost object in order. Of those with one name the last counts, like everywhere else.
    fn order(&mut self, first: usize) {
        let name = |member: &Member| self.out.get(member.name.clone()).unwrap_or_default();
        let members = self.members.get_mut(first..).unwrap_or_default();
        if members.is_sorted_by(|a, b| name(a) < name(b)) {
            self.members.truncate(first);
            return;
        }
        let start = members.first().map_or(self.out.len(), |member| member.name.start - 1);
        members.sort_by(|a, b| name(a).cmp(name(b)));
        let mut ordered = String::with_capacity(self.out.len() - start);
        for (at, member) in members.iter().enumerate() {
            if members.get(at + 1).is_some_and(|next| name(next) == name(member)) {
                continue;
            }
            if !ordered.is_empty() {
                ordered.push(',');
            }
            ordered.push_str(self.out.get(member.name.start - 1..member.end).unwrap_or_default());
        }
        self.out.truncate(start);
        self.out.push_str(&ordered);
        self.members.truncate(first);
    }

    fn text(&mut self) -> Option<()> {
        let rest = self.json.get(self.at..)?;
        let bytes = rest.as_bytes();
        if bytes.first() != Some(&b'"') {
            return None;
        }
        let mut end = 1;
        let mut is_plain = true;
        loop {
            match bytes.get(end)? {
                b'"' => break,
                b'\\' => {
                    is_plain = false;
                    end += 2;
                }
                _ => end += 1,
            }
        }
        let raw = rest.get(..=end)?;
        self.at += raw.len();
        if is_plain {
            self.out.push_str(raw);
        } else {
            let text: String = serde_json::from_str(raw).ok()?;
            self.out.push_str(&serde_json::Value::String(text).to_string());
        }
        Some(())
    }

    fn number(&mut self) -> Option<()> {
        let rest = self.json.get(self.at..)?;
        let is_part = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
        let raw = rest.get(..rest.bytes().position(|byte| !is_part(byte)).unwrap_or(rest.len()))?;
        self.at += raw.len();
        if is_short_integer(raw.as_bytes()) {
            self.out.push_str(raw);
            return Some(());
        }
        match raw.parse::<Decimal>() {
            Ok(number) => self.out.push_str(number.as_str()),
            // It has more digits than a decimal may have, and stays as it is written.
            Err(DecimalError::TooLong) => self.out.push_str(raw),
            Err(DecimalError::Syntax | DecimalError::ByZero) => return None,
        }
        Some(())
    }
}

/// Whether a number is one that has no other spelling which is simpler: a few digits that begin with no zero.
fn is_short_integer(number: &[u8]) -> bool {
    let digits = number.strip_prefix(b"-").unwrap_or(number);
    matches!(digits, [b'1'..=b'9', ..]) && digits.len() <= 18 && digits.iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Map, Value};

    #[test]
    fn equal_values_have_one_text() {
        let cases = [
            (r#"{"b":1, "a" : [ ]}"#, r#"{"a":[],"b":1}"#),
            (r#"{"a":1,"b":{"d":1,"c":{}}}"#, r#"{"a":1,"b":{"c":{},"d":1}}"#),
            (r#"{"a":1,"b":2,"a":3}"#, r#"{"a":3,"b":2}"#),
            (
                "[1.0, 1e0, 10E-1, -0, -0.0, 1.10, 10, -100, 0, 12345678901234567890.5]",
                "[1,1,1,0,0,1.1,10,-100,0,12345678901234567890.5]",
            ),
            (r#"["\u00e9\/", "é/", "\n\u001f\ud83d\ude00"]"#, "[\"é/\",\"é/\",\"\\n\\u001f\u{1f600}\"]"),
            (r#"{"\u0062":1,"a":2}"#, r#"{"a":2,"b":1}"#),
            (r#"[[{"z":null,"a":"}\",{"}],true , false]"#, r#"[[{"a":"}\",{","z":null}],true,false]"#),
            ("1e400", "1e400"),
            (r#"{"a-b":1,"a":2,"a!":3}"#, r#"{"a":2,"a!":3,"a-b":1}"#),
        ];
        for (written, expected) in cases {
            assert_eq!(canonical(written).as_deref(), Some(expected), "{written}");
        }
        for bad in
            ["", "{", r#"{"a"}"#, "[1,]", "[1 2]", r#""\ud83d""#, "tru", "1-2", "nan", "{} {}", "{a:1}"]
        {
            assert_eq!(canonical(bad), None, "{bad}");
        }
        assert!(canonical(&("[".repeat(127) + &"]".repeat(127))).is_some());
        assert!(canonical(&("[".repeat(128) + &"]".repeat(128))).is_none());
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[a\"\\\\é\\n]{0,4}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[ab\"\\\\]{0,2}", inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    /// The same value, with its members the other way round and space between everything.
    fn turned_round(value: &Value) -> String {
        match value {
            Value::Object(members) => {
                let members: Vec<String> = members
                    .iter()
                    .rev()
                    .map(|(name, value)| {
                        format!("\n{} : {}", Value::from(name.as_str()), turned_round(value))
                    })
                    .collect();
                format!("{{ {} }}", members.join(" ,"))
            }
            Value::Array(list) => {
                format!("[ {} ]", list.iter().map(turned_round).collect::<Vec<_>>().join(" , "))
            }
            other => other.to_string(),
        }
    }

    /// The same value, with the members of every object in order.
    fn in_order(value: &Value) -> Value {
        match value {
            Value::Object(members) => {
                let sorted: std::collections::BTreeMap<_, _> =
                    members.iter().map(|(name, value)| (name.clone(), in_order(value))).collect();
                Value::Object(sorted.into_iter().collect::<Map<_, _>>())
            }
            Value::Array(list) => list.iter().map(in_order).collect(),
            other => other.clone(),
        }
    }

    proptest! {
        #[test]
        fn the_order_of_members_makes_no_difference(value in json()) {
            let text = canonical(&value.to_string()).unwrap();
            prop_assert_eq!(canonical(&turned_round(&value)), Some(text.clone()));
            prop_assert_eq!(canonical(&text), Some(text.clone()));
            prop_assert_eq!(in_order(&serde_json::from_str(&text).unwrap()), in_order(&value));
        }
    }
}
