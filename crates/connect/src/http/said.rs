//! Reads what an answer says beside its records: numbers, flags, headers. Nothing, null and an empty text say nothing; what
//! is there and cannot be read is an error that names it.

use raccord_compiler::select::{Found, Slot};
use reqwest::header::HeaderMap;

use super::paginate::short;

/// What a slot holds, unless that is null or an empty text.
pub(super) fn value<'a>(slot: Option<Slot>, found: &Found<'a>) -> Option<&'a str> {
    let raw = found.values.get(slot?).copied().flatten()?;
    Some(raw).filter(|raw| !matches!(*raw, "null" | "\"\""))
}

/// The number at a place of the body; `words` is the place as the settings write it.
pub(super) fn number_in_body(words: &str, raw: Option<&str>) -> Result<Option<u64>, String> {
    let Some(raw) = raw else { return Ok(None) };
    let number = whole(raw.trim_matches('"'));
    number.map(Some).ok_or_else(|| format!("`{words}` leads to `{}`, which is no whole number", short(raw)))
}

/// The number in a header.
pub(super) fn number_in_header(words: &str, headers: &HeaderMap, name: &str) -> Result<Option<u64>, String> {
    let Some(text) = header_text(headers, name)? else { return Ok(None) };
    let number = whole(&text);
    number.map(Some).ok_or_else(|| format!("`{words}` holds `{}`, which is no whole number", short(&text)))
}

/// A whole number, also as `12.0`.
fn whole(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = match text.split_once('.') {
        Some((digits, zeros)) if !zeros.is_empty() && zeros.bytes().all(|byte| byte == b'0') => digits,
        _ => text,
    };
    digits.parse().ok()
}

/// The boolean at a place of the body.
pub(super) fn flag(words: &str, raw: Option<&str>) -> Result<Option<bool>, String> {
    let Some(raw) = raw else { return Ok(None) };
    match raw.trim_matches('"').to_ascii_lowercase().as_str() {
        "true" | "1" => Ok(Some(true)),
        "false" | "0" => Ok(Some(false)),
        _ => Err(format!("`{words}` leads to `{}`, which is neither true nor false", short(raw))),
    }
}

/// The text of a header.
pub(super) fn header_text(headers: &HeaderMap, name: &str) -> Result<Option<String>, String> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    let text = std::str::from_utf8(value.as_bytes())
        .map_err(|_| format!("the header `{name}` cannot be read: it is not UTF-8"))?;
    Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_or_named() {
        for (raw, expected) in [
            (None, Ok(None)),
            (Some("0"), Ok(Some(0))),
            (Some("120"), Ok(Some(120))),
            (Some("\"120\""), Ok(Some(120))),
            (Some("120.0"), Ok(Some(120))),
            (Some("-1"), Err("`total: n` leads to `-1`, which is no whole number")),
            (Some("12.5"), Err("`total: n` leads to `12.5`, which is no whole number")),
            (Some("true"), Err("`total: n` leads to `true`, which is no whole number")),
            (Some("\"1,200\""), Err("`total: n` leads to `\"1,200\"`, which is no whole number")),
            (Some("[1]"), Err("`total: n` leads to `[1]`, which is no whole number")),
        ] {
            assert_eq!(number_in_body("total: n", raw), expected.map_err(str::to_owned), "{raw:?}");
        }
        for (value, expected) in [
            (&b"7"[..], Ok(Some(7))),
            (b" 7 ", Ok(Some(7))),
            (b"", Ok(None)),
            (b"many", Err("`total: {header: x}` holds `many`, which is no whole number")),
            (b"\xff", Err("the header `x` cannot be read: it is not UTF-8")),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("x", reqwest::header::HeaderValue::from_bytes(value).unwrap());
            let read = number_in_header("total: {header: x}", &headers, "x");
            assert_eq!(read, expected.map_err(str::to_owned), "{value:?}");
        }
    }

    #[test]
    fn flags_are_read_or_named() {
        for (raw, expected) in [
            (None, Ok(None)),
            (Some("true"), Ok(Some(true))),
            (Some("\"True\""), Ok(Some(true))),
            (Some("1"), Ok(Some(true))),
            (Some("false"), Ok(Some(false))),
            (Some("\"FALSE\""), Ok(Some(false))),
            (Some("0"), Ok(Some(false))),
            (Some("2"), Err("`while: more` leads to `2`, which is neither true nor false")),
            (Some("\"yes\""), Err("`while: more` leads to `\"yes\"`, which is neither true nor false")),
            (Some("{}"), Err("`while: more` leads to `{}`, which is neither true nor false")),
        ] {
            assert_eq!(flag("while: more", raw), expected.map_err(str::to_owned), "{raw:?}");
        }
    }
}
