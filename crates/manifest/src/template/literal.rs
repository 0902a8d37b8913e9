//! Text that is a Python literal to the value that it means: `ast.literal_eval`, as far as JSON can hold its results. A
//! text that is none, and a set, bytes or a complex number, stays a text.

use std::cell::Cell;

use num_bigint::BigInt;

use super::escape::unescape;
use super::value::{Fault, Value};

/// How deep literals may nest.
const DEPTH: usize = 100;
/// How many digits an integer may have: Python's own limit.
const DIGITS: usize = 4300;

/// What an evaluation may still cost: steps, items and characters.
#[derive(Debug)]
pub(super) struct Budget(Cell<usize>);

impl Budget {
    pub(super) fn new(units: usize) -> Self {
        Self(Cell::new(units))
    }

    /// Takes what so many bytes of text cost.
    ///
    /// # Errors
    /// When there are no more units.
    pub(super) fn take_text(&self, bytes: usize) -> Result<(), Fault> {
        self.take(bytes / 64)
    }

    /// Takes so many units.
    ///
    /// # Errors
    /// When there are no more.
    pub(super) fn take(&self, units: usize) -> Result<(), Fault> {
        match self.0.get().checked_sub(units) {
            Some(rest) => {
                self.0.set(rest);
                Ok(())
            }
            None => Err(Fault::Other("takes more work than a template may".to_owned())),
        }
    }
}

/// The value that a text means as a Python literal; none where it is no literal, or none that JSON can hold.
pub(super) fn literal<'a>(text: &str) -> Option<Value<'a>> {
    let text = text.trim_start_matches([' ', '\t']);
    // Most texts are no literals, and their first character says so.
    let first = text.chars().next()?;
    let may_be = first.is_ascii_digit() || "'\"[({+-.TFNubrUBR\n#".contains(first);
    if !may_be || text.contains('\0') || begins_as_a_date(text) {
        return None;
    }
    let mut reader = Reader { rest: text, open: 0 };
    while reader.rest.starts_with(['\n', '#']) {
        reader.rest = reader.rest.trim_start_matches(|letter| letter != '\n');
        reader.rest = reader.rest.strip_prefix('\n')?;
    }
    if reader.rest.starts_with([' ', '\t']) {
        return None;
    }
    let value = reader.top()?;
    reader.blanks();
    // Behind the expression there may be empty lines and comments.
    let rest = reader.rest.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'));
    rest.then_some(value)
}

/// Whether there is a sign behind the digits at the beginning that only texts have there: `2025-01-31`, `12:30`, `7/8`.
fn begins_as_a_date(text: &str) -> bool {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    digits > 0 && matches!(text.as_bytes().get(digits), Some(b'-' | b':' | b'/'))
}

struct Reader<'t> {
    rest: &'t str,
    /// How many brackets are open; within them a line end is a blank.
    open: usize,
}

type Read<'a> = Option<Value<'a>>;

impl Reader<'_> {
    fn blanks(&mut self) {
        loop {
            self.rest = if self.open > 0 {
                self.rest.trim_start_matches([' ', '\t', '\n', '\r', '\u{c}'])
            } else {
                self.rest.trim_start_matches([' ', '\t', '\u{c}'])
            };
            match self.rest.strip_prefix('#') {
                Some(comment) => self.rest = comment.trim_start_matches(|letter| letter != '\n'),
                None => return,
            }
            if self.open == 0 {
                return;
            }
        }
    }

    fn skip(&mut self, sign: char) -> bool {
        self.blanks();
        match self.rest.strip_prefix(sign) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// A value, or several with commas between them, which are a tuple.
    fn top<'a>(&mut self) -> Read<'a> {
        let first = self.value()?;
        if !self.skip(',') {
            return Some(first);
        }
        let mut items = vec![first];
        loop {
            self.blanks();
            if self.rest.is_empty() || self.rest.starts_with(['\n', ')']) {
                return Some(Value::Tuple(items.into()));
            }
            items.push(self.value()?);
            if !self.skip(',') {
                return Some(Value::Tuple(items.into()));
            }
        }
    }

    fn value<'a>(&mut self) -> Read<'a> {
        self.blanks();
        let first = self.rest.chars().next()?;
        match first {
            '(' | '[' | '{' => {
                self.open += 1;
                if self.open > DEPTH {
                    return None;
                }
                self.rest = &self.rest[1..];
                let value = match first {
                    '(' => self.parenthesis(),
                    '[' => self.items(']').map(Value::list),
                    _ => self.dict(),
                };
                self.open -= 1;
                value
            }
            '+' | '-' => {
                self.rest = &self.rest[1..];
                self.blanks();
                let negative = first == '-';
                match self.signed()? {
                    number if !negative => Some(number),
                    Value::Int(number) => number.checked_neg().map(Value::Int),
                    Value::Big(number) => Some(Value::big(-number.as_ref())),
                    Value::Float(number) => Some(Value::Float(-number)),
                    _ => None,
                }
            }
            first if first.is_ascii_digit() || first == '.' => self.number(),
            _ => self.word(),
        }
    }

    /// A number behind a sign, maybe in parentheses of its own.
    fn signed<'a>(&mut self) -> Read<'a> {
        if self.rest.starts_with('(') {
            let value = self.value()?;
            return matches!(value, Value::Int(_) | Value::Big(_) | Value::Float(_)).then_some(value);
        }
        self.rest.starts_with(|first: char| first.is_ascii_digit() || first == '.').then(|| self.number())?
    }

    fn parenthesis<'a>(&mut self) -> Read<'a> {
        if self.skip(')') {
            return Some(Value::Tuple([].into()));
        }
        let value = self.top()?;
        self.skip(')').then_some(value)
    }

    fn items<'a>(&mut self, end: char) -> Option<Vec<Value<'a>>> {
        let mut items = Vec::new();
        loop {
            if self.skip(end) {
                return Some(items);
            }
            items.push(self.value()?);
            if !self.skip(',') {
                return self.skip(end).then_some(items);
            }
        }
    }

    fn dict<'a>(&mut self) -> Read<'a> {
        let mut members: Vec<(Value<'a>, Value<'a>)> = Vec::new();
        let mut names = std::collections::HashMap::new();
        loop {
            if self.skip('}') {
                return Some(Value::dict(members));
            }
            let key = self.value()?;
            if !key.hashable() || !self.skip(':') {
                return None;
            }
            let value = self.value()?;
            let known = match &key {
                Value::Text(name) => names.insert(name.to_string(), members.len()),
                key => members.iter().position(|(known, _)| known.equals(key)),
            };
            match known {
                Some(at) => {
                    members[at].1 = value;
                    if let Value::Text(name) = &key {
                        names.insert(name.to_string(), at);
                    }
                }
                None => members.push((key, value)),
            }
            if !self.skip(',') {
                return self.skip('}').then(|| Value::dict(members));
            }
        }
    }

    fn number<'a>(&mut self) -> Read<'a> {
        let (value, length) = number(self.rest)?;
        self.rest = &self.rest[length..];
        // `1j`, `1st`, `2024Z`: whatever sticks to a number makes it none.
        let sticks =
            self.rest.starts_with(|letter: char| letter.is_alphanumeric() || letter == '_' || letter == '.');
        (!sticks).then_some(value)
    }

    fn word<'a>(&mut self) -> Read<'a> {
        let quoted = self.rest.trim_start_matches(['u', 'U', 'r', 'R', 'b', 'B']).starts_with(['\'', '"']);
        if quoted {
            return self.strings();
        }
        for (name, value) in
            [("True", Value::Bool(true)), ("False", Value::Bool(false)), ("None", Value::None)]
        {
            if let Some(rest) = self.rest.strip_prefix(name) {
                self.rest = rest;
                let longer = rest.starts_with(|letter: char| letter.is_alphanumeric() || letter == '_');
                return (!longer).then_some(value);
            }
        }
        None
    }

    /// One string, or several without anything between them.
    fn strings<'a>(&mut self) -> Read<'a> {
        let mut text = String::new();
        loop {
            let length = self.rest.find(['\'', '"'])?;
            let raw = match self.rest[..length].to_ascii_lowercase().as_str() {
                "" | "u" => false,
                "r" => true,
                _ => return None,
            };
            text.push_str(&self.string(length, raw)?);
            self.blanks();
            if !self.rest.trim_start_matches(['u', 'U', 'r', 'R', 'b', 'B']).starts_with(['\'', '"']) {
                return Some(Value::text(text));
            }
        }
    }

    fn string(&mut self, start: usize, raw: bool) -> Option<String> {
        let body = &self.rest[start..];
        let quote = &body[..1];
        let triple = quote.repeat(3);
        let long = body.starts_with(&triple);
        let end = if long { triple.as_str() } else { quote };
        let inside = &body[end.len()..];
        let mut escaped = false;
        for (at, letter) in inside.char_indices() {
            if escaped {
                escaped = false;
            } else if letter == '\\' {
                escaped = true;
            } else if letter == '\n' && !long {
                return None;
            } else if inside[at..].starts_with(end) {
                self.rest = &inside[at + end.len()..];
                return if raw { Some(inside[..at].to_owned()) } else { unescape(&inside[..at]) };
            }
        }
        None
    }
}

/// A number at the start of a text, and how long it is.
fn number<'a>(text: &str) -> Option<(Value<'a>, usize)> {
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if text.get(..2).is_some_and(|start| start.eq_ignore_ascii_case(prefix)) {
            let rest = text[2..].strip_prefix('_').unwrap_or(&text[2..]);
            let length = digits(rest, radix)?;
            let number = BigInt::parse_bytes(rest[..length].replace('_', "").as_bytes(), radix)?;
            return Some((Value::big(number), text.len() - rest.len() + length));
        }
    }
    let whole = if text.starts_with('.') { 0 } else { digits(text, 10)? };
    let mut length = whole;
    if let Some(fraction) = text[length..].strip_prefix('.') {
        let more = if fraction.starts_with(|letter: char| letter.is_ascii_digit()) {
            digits(fraction, 10)?
        } else {
            0
        };
        if whole + more == 0 {
            return None;
        }
        length += 1 + more;
    }
    if let Some(exponent) = text[length..].strip_prefix(['e', 'E']) {
        let sign = usize::from(exponent.starts_with(['+', '-']));
        length += 1 + sign + digits(&exponent[sign..], 10)?;
    }
    let plain = text[..length].replace('_', "");
    if length > whole {
        return Some((Value::Float(plain.parse().ok()?), length));
    }
    let zeros = plain.starts_with('0') && plain.bytes().any(|digit| digit != b'0');
    if zeros || plain.len() > DIGITS {
        return None;
    }
    let small = plain.parse().ok().map(Value::Int);
    Some((small.or_else(|| plain.parse().ok().map(Value::big))?, length))
}

/// The length of digits with single underscores between them.
fn digits(text: &str, radix: u32) -> Option<usize> {
    let length = text.find(|letter: char| !letter.is_digit(radix) && letter != '_').unwrap_or(text.len());
    let digits = &text[..length];
    let wrong =
        digits.is_empty() || digits.starts_with('_') || digits.ends_with('_') || digits.contains("__");
    (!wrong).then_some(length)
}
