//! Writes a tree as YAML that every YAML reader understands alike: a text that could be taken for
//! something else stands in quotes.

use std::fmt::{self, Write};

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::scalar::Plain;

/// A value whose maps keep their order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Tree {
    /// Nothing, a boolean or a number, as it is written.
    Literal(String),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Self>),
    /// A map.
    Map(Vec<(String, Self)>),
}

impl Tree {
    /// A map of texts.
    pub(crate) fn texts<'a>(entries: impl IntoIterator<Item = (&'a String, &'a String)>) -> Self {
        let entry = |(key, value): (&String, &String)| (key.clone(), Self::Text(value.clone()));
        Self::Map(entries.into_iter().map(entry).collect())
    }

    const fn is_scalar(&self) -> bool {
        matches!(self, Self::Literal(_) | Self::Text(_))
    }
}

/// Writes a map as a block that begins a line.
pub(crate) fn block(out: &mut String, entries: &[(String, Tree)], indent: usize) {
    for (key, value) in entries {
        pad(out, indent);
        text(out, key);
        out.push(':');
        after_key(out, value, indent);
    }
}

fn after_key(out: &mut String, value: &Tree, indent: usize) {
    match value {
        Tree::Map(entries) if !entries.is_empty() => {
            out.push('\n');
            block(out, entries, indent + 2);
        }
        Tree::List(items) if !items.iter().all(Tree::is_scalar) => {
            out.push('\n');
            for item in items {
                pad(out, indent + 2);
                out.push('-');
                after_dash(out, item, indent + 2);
            }
        }
        Tree::Literal(_) | Tree::Text(_) | Tree::List(_) | Tree::Map(_) => {
            out.push(' ');
            flow(out, value);
            out.push('\n');
        }
    }
}

fn after_dash(out: &mut String, value: &Tree, indent: usize) {
    match value {
        Tree::Map(entries) if !entries.is_empty() => {
            let mut inner = String::new();
            block(&mut inner, entries, indent + 2);
            // The first member stands on the line of the dash.
            out.push(' ');
            out.push_str(inner.trim_start_matches(' '));
        }
        Tree::Literal(_) | Tree::Text(_) | Tree::List(_) | Tree::Map(_) => {
            out.push(' ');
            flow(out, value);
            out.push('\n');
        }
    }
}

fn flow(out: &mut String, value: &Tree) {
    match value {
        Tree::Literal(literal) => out.push_str(literal),
        Tree::Text(content) => text(out, content),
        Tree::List(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                out.push_str(if at > 0 { ", " } else { "" });
                flow(out, item);
            }
            out.push(']');
        }
        Tree::Map(entries) => {
            out.push('{');
            for (at, (key, item)) in entries.iter().enumerate() {
                out.push_str(if at > 0 { ", " } else { "" });
                text(out, key);
                out.push_str(": ");
                flow(out, item);
            }
            out.push('}');
        }
    }
}

fn pad(out: &mut String, indent: usize) {
    out.extend(std::iter::repeat_n(' ', indent));
}

fn text(out: &mut String, content: &str) {
    if is_safe(content) {
        out.push_str(content);
        return;
    }
    out.push('"');
    for c in content.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if needs_escape(c) => escape(out, c),
            c => out.push(c),
        }
    }
    out.push('"');
}

fn escape(out: &mut String, c: char) {
    let code = u32::from(c);
    let written = if code > 0xffff { write!(out, "\\U{code:08x}") } else { write!(out, "\\u{code:04x}") };
    // A String never refuses what is written to it.
    debug_assert!(written.is_ok());
}

/// What YAML does not allow as it is, or what readers take for a line end or a byte-order mark.
fn needs_escape(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// Words that some reader of YAML, of any version, takes for a boolean or nothing.
const WORDS: [&str; 10] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan"];

/// Whether a text without quotes is that text for every reader.
fn is_safe(content: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '@');
    content.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '/'))
        && content.split(' ').all(|word| !word.is_empty() && word.chars().all(is_word))
        && !WORDS.iter().any(|word| content.eq_ignore_ascii_case(word))
        && Plain::of(content) == Plain::Text
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Build)
    }
}

struct Build;

impl<'de> Visitor<'de> for Build {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Literal("null".to_owned()))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Literal(value.to_string()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Tree, E> {
        Ok(Tree::Literal(number.to_string()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Tree, E> {
        Ok(Tree::Literal(number.to_string()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Tree, E> {
        // The point keeps a float a float.
        Ok(Tree::Literal(format!("{number:?}")))
    }

    fn visit_str<E>(self, content: &str) -> Result<Tree, E> {
        Ok(Tree::Text(content.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Tree, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Tree::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Tree::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ambiguous_texts_are_quoted() {
        let cases = [
            ("text", "text"),
            ("ops@example.com", "ops@example.com"),
            ("First Name", "First Name"),
            ("a.b/c-d", "a.b/c-d"),
            ("", "\"\""),
            ("yes", "\"yes\""),
            ("No", "\"No\""),
            ("null", "\"null\""),
            ("01234", "\"01234\""),
            ("1.5", "\"1.5\""),
            ("a: b", "\"a: b\""),
            ("a #b", "\"a #b\""),
            (" a", "\" a\""),
            ("a ", "\"a \""),
            ("<<", "\"<<\""),
            ("- a", "\"- a\""),
            ("a\n\"b\"\\\u{7}\u{2028}é", "\"a\\n\\\"b\\\"\\\\\\u0007\\u2028é\""),
        ];
        for (content, expected) in cases {
            let mut out = String::new();
            text(&mut out, content);
            assert_eq!(out, expected);
        }
    }
}
