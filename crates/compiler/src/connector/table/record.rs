//! Writes rows as JSON, member by member, one after the other in one text. It knows no database.

use std::fmt::{Display, Write as _};
use std::ops::Range;

use data_encoding::BASE64;

/// The text of records.
#[derive(Debug, Default)]
pub struct RecordText {
    text: String,
    /// Where the value begins whose name was written last.
    value: Option<usize>,
    /// Where the values before it are.
    values: Vec<Range<usize>>,
}

impl RecordText {
    /// None so far.
    pub const fn new() -> Self {
        Self { text: String::new(), value: None, values: Vec::new() }
    }

    /// How many bytes there are.
    pub const fn len(&self) -> usize {
        self.text.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Begins a record; returns where it begins.
    pub fn begin(&mut self) -> usize {
        let start = self.text.len();
        self.text.push('{');
        self.value = None;
        start
    }

    /// Ends it; returns where it ends.
    pub fn end(&mut self) -> usize {
        self.end_value();
        self.text.push('}');
        self.text.len()
    }

    /// A member's name, already written as JSON.
    pub fn name(&mut self, quoted: &str) {
        if self.end_value() {
            self.text.push(',');
        }
        self.text.push_str(quoted);
        self.text.push(':');
        self.value = Some(self.text.len());
    }

    /// Ends the value before, if there is one.
    fn end_value(&mut self) -> bool {
        let Some(start) = self.value.take() else { return false };
        self.values.push(start..self.text.len());
        true
    }

    /// Nothing.
    pub fn null(&mut self) {
        self.text.push_str("null");
    }

    /// A value that is JSON as it is shown: a number, a boolean, JSON itself.
    pub fn raw(&mut self, value: impl Display) {
        // A text takes whatever is written to it.
        _ = write!(self.text, "{value}");
    }

    /// A whole number.
    pub fn integer(&mut self, value: impl itoa::Integer) {
        self.text.push_str(itoa::Buffer::new().format(value));
    }

    /// A value whose text needs no escaping, in quotes.
    pub fn plain(&mut self, value: impl Display) {
        _ = write!(self.text, "\"{value}\"");
    }

    /// A text.
    pub fn text(&mut self, value: &str) {
        push_text(&mut self.text, value);
    }

    /// A floating-point number; what JSON has no number for is its name.
    pub fn float(&mut self, value: f64) {
        match value {
            value if value.is_nan() => self.plain("NaN"),
            value if value.is_infinite() => self.plain(if value > 0.0 { "Infinity" } else { "-Infinity" }),
            value => self.raw(serde_json::Number::from_f64(value).unwrap_or_else(|| 0.into())),
        }
    }

    /// Bytes, in Base64.
    pub fn bytes(&mut self, value: &[u8]) {
        self.text.push('"');
        BASE64.encode_append(value, &mut self.text);
        self.text.push('"');
    }

    /// What was written so far.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The text, and where each value is in it.
    pub(super) fn into_parts(self) -> (String, Vec<Range<usize>>) {
        (self.text, self.values)
    }

    /// The name of a member as JSON.
    pub fn quote(name: &str) -> String {
        let mut quoted = String::new();
        push_text(&mut quoted, name);
        quoted
    }
}

/// Writes a text as JSON. Most need no escaping.
fn push_text(out: &mut String, value: &str) {
    out.push('"');
    let mut rest = value;
    while let Some(at) = rest.bytes().position(|byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
        let (plain, after) = rest.split_at(at);
        out.push_str(plain);
        let mut characters = after.chars();
        match characters.next() {
            Some('"') => out.push_str("\\\""),
            Some('\\') => out.push_str("\\\\"),
            Some('\n') => out.push_str("\\n"),
            Some('\r') => out.push_str("\\r"),
            Some('\t') => out.push_str("\\t"),
            Some(control) => _ = write!(out, "\\u{:04x}", u32::from(control)),
            None => {}
        }
        rest = characters.as_str();
    }
    out.push_str(rest);
    out.push('"');
}
