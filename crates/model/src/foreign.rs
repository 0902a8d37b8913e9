//! Foreign text: what records, services and other people's files say, on its way to a person.
//!
//! A terminal or a log that is handed such text unchanged can be made to hide lines, to forge them, or to obey. Here
//! each character that does so becomes one printable character. Data is never changed here: it goes out byte for byte.

use std::borrow::Cow;
use std::fmt::Write as _;

/// A text as one line: line ends and tabs become spaces, other control characters their symbols.
///
/// The result has as many characters as the text, so that columns still fit.
pub fn line(text: &str) -> Cow<'_, str> {
    replaced(text, |c| is_unsafe(c) || matches!(c, '\n' | '\t'), in_line)
}

/// A text of several lines: line feeds and tabs stay, everything else is treated as in [`line()`].
pub fn lines(text: &str) -> Cow<'_, str> {
    replaced(text, is_unsafe, |c| if matches!(c, '\n' | '\t') { c } else { in_line(c) })
}

/// A JSON document, or lines of them, with what a terminal would obey written as `\uXXXX`: the same values.
pub fn json(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        // Inside strings JSON itself allows no character below a space; outside, one is white space.
        if c < ' ' || !is_unsafe(c) {
            safe.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            // Writing to a String cannot fail.
            let _ = write!(safe, "\\u{unit:04x}");
        }
    }
    Cow::Owned(safe)
}

/// A character as it may stand in a line.
pub fn in_line(c: char) -> char {
    match c {
        '\n' | '\r' | '\t' | '\u{85}' | '\u{2028}' | '\u{2029}' => ' ',
        '\u{7f}' => '\u{2421}',
        // The symbols of the control characters stand in their order.
        c if c < ' ' => char::from_u32(0x2400 + u32::from(c)).unwrap_or(char::REPLACEMENT_CHARACTER),
        c if is_unsafe(c) => char::REPLACEMENT_CHARACTER,
        c => c,
    }
}

/// Whether a character commands a terminal, changes the direction of what stands around it, or carries hidden text.
/// Line feeds and tabs are not among them.
fn is_unsafe(c: char) -> bool {
    c.is_control() && !matches!(c, '\n' | '\t')
        || matches!(
            c,
            '\u{61c}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

fn replaced(text: &str, concerns: impl Fn(char) -> bool, by: impl Fn(char) -> char) -> Cow<'_, str> {
    if text.contains(&concerns) { Cow::Owned(text.chars().map(by).collect()) } else { Cow::Borrowed(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_is_printable() {
        for (text, as_line, as_lines) in [
            ("Zoë, 東京 👩‍👩‍👧", "Zoë, 東京 👩‍👩‍👧", "Zoë, 東京 👩‍👩‍👧"),
            ("a\nb\tc\rd", "a b c d", "a\nb\tc d"),
            ("\u{1b}[2J\u{1b}]0;t\u{7}", "␛[2J␛]0;t␇", "␛[2J␛]0;t␇"),
            ("\0\u{8}\u{7f}", "␀␈␡", "␀␈␡"),
            ("\u{9b}31m", "\u{fffd}31m", "\u{fffd}31m"),
            ("\u{202e}gpj.exe\u{2069}", "\u{fffd}gpj.exe\u{fffd}", "\u{fffd}gpj.exe\u{fffd}"),
            ("a\u{85}b\u{2028}c", "a b c", "a b c"),
            ("\u{feff}\u{e0041}", "\u{fffd}\u{fffd}", "\u{fffd}\u{fffd}"),
        ] {
            assert_eq!((&*line(text), &*lines(text)), (as_line, as_lines), "{text:?}");
            assert_eq!(line(text).chars().count(), text.chars().count());
        }
    }

    #[test]
    fn json_keeps_its_values() {
        for value in ["Zoë\n", "\u{7f}\u{9b}\u{202e}", "\u{e0041}\"\\", "\u{1b}"] {
            let written = serde_json::Value::from(value).to_string();
            let safe = json(&written);
            assert_eq!(lines(&safe), safe);
            assert_eq!(serde_json::from_str::<String>(&safe).unwrap(), value);
        }
        assert_eq!(json("{\r\n}"), "{\r\n}");
    }
}
