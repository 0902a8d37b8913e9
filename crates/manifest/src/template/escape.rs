//! Python's escapes within quotes, both ways. It never changes what has no escape.

/// The text that a string literal's inside means; none where an escape is broken. An unknown escape stays.
pub(super) fn unescape(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let letter = rest.chars().next()?;
        rest = &rest[letter.len_utf8()..];
        let plain = match letter {
            '\n' => continue,
            '\\' | '\'' | '"' => letter,
            'a' => '\u{7}',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            'x' => code(&mut rest, 2)?,
            'u' => surrogate_or_code(&mut rest)?,
            'U' => code(&mut rest, 8)?,
            'N' => return None,
            '0'..='7' => {
                let more = rest.bytes().take(2).take_while(|byte| matches!(byte, b'0'..=b'7')).count();
                let digits = format!("{letter}{}", &rest[..more]);
                rest = &rest[more..];
                char::from_u32(u32::from_str_radix(&digits, 8).ok()?)?
            }
            unknown => {
                out.push('\\');
                unknown
            }
        };
        out.push(plain);
    }
    out.push_str(rest);
    Some(out)
}

fn digits(rest: &mut &str, length: usize) -> Option<u32> {
    let (digits, after) = rest.split_at_checked(length)?;
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    *rest = after;
    u32::from_str_radix(digits, 16).ok()
}

fn code(rest: &mut &str, length: usize) -> Option<char> {
    char::from_u32(digits(rest, length)?)
}

/// Half a character has no place in UTF-8; two halves are put together.
fn surrogate_or_code(rest: &mut &str) -> Option<char> {
    let first = digits(rest, 4)?;
    if !(0xD800..0xDC00).contains(&first) {
        return char::from_u32(first);
    }
    let mut after = rest.strip_prefix("\\u")?;
    let second = digits(&mut after, 4)?;
    *rest = after;
    char::decode_utf16([u16::try_from(first).ok()?, u16::try_from(second).ok()?]).next()?.ok()
}

/// A text as Python's `repr` writes it, quotes included.
pub(super) fn repr(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut out = String::with_capacity(text.len() + 2);
    out.push(quote);
    for letter in text.chars() {
        match letter {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            letter if letter == quote => {
                out.push('\\');
                out.push(letter);
            }
            letter if hidden(letter) => out.push_str(&escaped(letter)),
            letter => out.push(letter),
        }
    }
    out.push(quote);
    out
}

fn escaped(letter: char) -> String {
    match u32::from(letter) {
        code @ 0..=0xFF => format!("\\x{code:02x}"),
        code @ 0x100..=0xFFFF => format!("\\u{code:04x}"),
        code => format!("\\U{code:08x}"),
    }
}

/// Whether Python counts a character as not printable: controls, formats, blanks but the space, private ones.
fn hidden(letter: char) -> bool {
    letter.is_control()
        || (letter != ' ' && letter.is_whitespace())
        || matches!(u32::from(letter),
            0xAD | 0x600..=0x605 | 0x61C | 0x6DD | 0x70F | 0x180E | 0x200B..=0x200F | 0x2028..=0x202E
            | 0x2060..=0x206F | 0xE000..=0xF8FF | 0xFEFF | 0xFFF0..=0xFFFB | 0xFFFE..=0xFFFF
            | 0xE0000..=0xE007F | 0xF0000..)
}
