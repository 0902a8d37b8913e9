//! Transformations that rename the keys of a record: `KeysToLower`, `KeysToSnakeCase`, `KeysReplace`.

use serde_json::{Map, Value};

use crate::select::draft::Draft;

/// Makes the keys at the root lower case.
pub(super) fn to_lower(draft: &mut Draft<'_>) {
    if let Some(members) = draft.members_mut() {
        let lower = |(key, value): (String, Value)| (key.to_lowercase(), value);
        *members = crate::object(std::mem::take(members).into_iter().map(lower));
    }
}

/// Renames the keys of a record and of the objects in it, but not of those in lists.
pub(super) fn rename(draft: &mut Draft<'_>, name: &dyn Fn(&str) -> String) {
    if let Some(members) = draft.members_mut() {
        *members = renamed(std::mem::take(members), name);
    }
}

fn renamed(members: Map<String, Value>, name: &dyn Fn(&str) -> String) -> Map<String, Value> {
    let member = |(key, value): (String, Value)| {
        let value = match value {
            Value::Object(inner) => Value::Object(renamed(inner, name)),
            other => other,
        };
        (name(&key), value)
    };
    crate::object(members.into_iter().map(member))
}

/// A key in snake case: its words in lower case, `_` between them. What is between words counts as an empty word at the
/// beginning and at the end, and before a number at the beginning.
pub(super) fn snake_case(key: &str) -> String {
    let ascii = deunicode::deunicode(key);
    let mut words = words(&ascii);
    if words.len() >= 3 {
        let last = words.len() - 1;
        let mut at = 0;
        words.retain(|word| {
            at += 1;
            !word.is_empty() || at == 1 || at == last + 1
        });
    }
    if words.first().is_some_and(|word| word.starts_with(|c: char| c.is_ascii_digit())) {
        words.insert(0, "");
    }
    words.iter().map(|word| word.to_ascii_lowercase()).collect::<Vec<_>>().join("_")
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Upper,
    Lower,
    Digit,
    Other,
}

fn kind(character: char) -> Kind {
    match character {
        'A'..='Z' => Kind::Upper,
        'a'..='z' => Kind::Lower,
        '0'..='9' => Kind::Digit,
        _ => Kind::Other,
    }
}

/// The words of a text: capitals with the small letters after them, small letters, digits. What is between them is an
/// empty word.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next().map(kind) {
        let same = |kind_of: Kind, text: &str| text.find(|c| kind(c) != kind_of).unwrap_or(text.len());
        let mut end = same(first, rest);
        if first == Kind::Upper {
            end += same(Kind::Lower, &rest[end..]);
        }
        let (word, after) = rest.split_at(end);
        words.push(if first == Kind::Other { "" } else { word });
        rest = after;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_become_snake_case() {
        let check = |key: &str, expected: &str| assert_eq!(snake_case(key), expected, "{key}");
        check("FirstName", "first_name");
        check("HTTPServer", "httpserver");
        check("_id", "_id");
        check(" a ", "_a_");
        check("1abc", "_1_abc");
        check("a--b c", "a_b_c");
        check("Élan Vital", "elan_vital");
        check("address2Line", "address_2_line");
        check("", "");
        check("a.", "a_");
    }
}
