//! Hashes, signatures, Base64 and regular expressions: the filters that the language adds to Jinja's.

use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use hmac::{KeyInit, Mac};
use sha2::Digest;

use super::super::evaluate::Given;
use super::super::value::{Evaluated, Fault, Value, fault, type_fault};
use super::methods::expect;

/// The filters of this module.
pub(super) const NAMES: [&str; 7] = [
    "hash",
    "hmac",
    "base64encode",
    "base64decode",
    "base64binascii_decode",
    "regex_search",
    "regex_replace",
];

/// How often a regular expression may go back.
const BACKTRACKS: usize = 1_000_000;

pub(super) fn apply<'a>(name: &str, value: &Value<'a>, given: &Given<'a>) -> Evaluated<'a> {
    if let ("base64encode" | "base64decode" | "base64binascii_decode", Value::Undefined(undefined)) =
        (name, value)
    {
        // There it asks the value for a method.
        return Err(Value::missing(undefined));
    }
    match name {
        "hash" => hash(value, given),
        "hmac" => sign(value, given),
        // The last of them encodes in spite of its name.
        "base64encode" | "base64binascii_decode" => Ok(Value::text(STANDARD.encode(method_of_text(value)?))),
        "base64decode" => decode(method_of_text(value)?),
        "regex_search" => search(expect(value)?, expect(given.required(0, "regex")?)?),
        _ => {
            let (regex, replacement) = (given.required(0, "regex")?, given.required(1, "replacement")?);
            replace(expect(value)?, expect(regex)?, expect(replacement)?)
        }
    }
}

/// A text whose method is called: Python has no such attribute elsewhere, which is no matter of types.
fn method_of_text<'v>(value: &'v Value<'_>) -> Result<&'v str, Fault> {
    match value {
        Value::Text(text) => Ok(text),
        other => fault(format!("encodes a `{}`", other.kind())),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn hash<'a>(value: &Value<'a>, given: &Given<'a>) -> Evaluated<'a> {
    let kind = given.get(0, "hash_type").map_or("md5".to_owned(), Value::to_text);
    let salt = given.get(1, "salt").filter(|salt| salt.truth()).map(Value::to_text).unwrap_or_default();
    let text = value.to_text() + &salt;
    Ok(Value::text(match kind.as_str() {
        "md5" => hex(&md5::Md5::digest(&text)),
        "sha1" => hex(&sha1::Sha1::digest(&text)),
        "sha224" => hex(&sha2::Sha224::digest(&text)),
        "sha256" => hex(&sha2::Sha256::digest(&text)),
        "sha384" => hex(&sha2::Sha384::digest(&text)),
        "sha512" => hex(&sha2::Sha512::digest(&text)),
        _ => return fault("asks for a hash that is not known"),
    }))
}

fn sign<'a>(value: &Value<'a>, given: &Given<'a>) -> Evaluated<'a> {
    let key = given.required(0, "key")?.to_text();
    if given.get(1, "hash_type").is_some_and(|kind| kind.to_text() != "sha256") {
        return fault("asks for a signature by another hash than sha256");
    }
    let Ok(mut mac) = hmac::Hmac::<sha2::Sha256>::new_from_slice(key.as_bytes()) else {
        return fault("has a key that cannot sign");
    };
    mac.update(value.to_text().as_bytes());
    Ok(Value::text(hex(&mac.finalize().into_bytes())))
}

fn decode<'a>(text: &str) -> Evaluated<'a> {
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical)
        .with_decode_allow_trailing_bits(true);
    let engine = GeneralPurpose::new(&base64::alphabet::STANDARD, config);
    // Python skips what is no letter of the alphabet.
    let letters: String =
        text.chars().filter(|letter| letter.is_ascii_alphanumeric() || "+/=".contains(*letter)).collect();
    match engine.decode(letters).map(String::from_utf8) {
        Ok(Ok(text)) => Ok(Value::text(text)),
        _ => fault("decodes what is no Base64 of a text"),
    }
}

fn regex(pattern: &str) -> Result<fancy_regex::Regex, Fault> {
    // Python writes named groups alike, and \Z for the end.
    let pattern = pattern.replace("\\Z", "\\z");
    let built = fancy_regex::RegexBuilder::new(&pattern).backtrack_limit(BACKTRACKS).build();
    built.map_err(|_| Fault::Other("has a regular expression that cannot be read".to_owned()))
}

fn failed<T>(_: fancy_regex::Error) -> Result<T, Fault> {
    fault("has a regular expression that takes too long")
}

/// The first group of the first match; nothing where there is none.
fn search<'a>(text: &str, pattern: &str) -> Evaluated<'a> {
    let Some(found) = regex(pattern)?.captures(text).or_else(failed)? else { return Ok(Value::text("")) };
    if found.len() < 2 {
        return Ok(Value::text(""));
    }
    Ok(found.get(1).map_or(Value::None, |group| Value::text(group.as_str())))
}

fn replace<'a>(text: &str, pattern: &str, replacement: &str) -> Evaluated<'a> {
    let mut out = String::new();
    let mut end = 0;
    for found in regex(pattern)?.captures_iter(text) {
        let found = found.or_else(failed)?;
        let Some(whole) = found.get(0) else { continue };
        out.push_str(&text[end..whole.start()]);
        out.push_str(&expanded(replacement, &found)?);
        end = whole.end();
    }
    out.push_str(&text[end..]);
    Ok(Value::text(out))
}

/// The replacement with its `\1` and `\g<name>` filled in.
fn expanded(replacement: &str, found: &fancy_regex::Captures<'_>) -> Result<String, Fault> {
    let mut out = String::new();
    let mut rest = replacement;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let digits = after.bytes().take(2).take_while(u8::is_ascii_digit).count();
        if digits > 0 {
            let group = after[..digits].parse().ok().and_then(|group| found.get(group));
            out.push_str(group.map_or("", |group| group.as_str()));
            rest = &after[digits..];
        } else if let Some((name, after)) = after.strip_prefix("g<").and_then(|after| after.split_once('>')) {
            let group = name.parse().map_or_else(|_| found.name(name), |group: usize| found.get(group));
            out.push_str(group.map_or("", |group| group.as_str()));
            rest = after;
        } else {
            let Some(letter) = after.chars().next() else {
                return type_fault("has a replacement that ends in `\\`");
            };
            out.push(match letter {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                other => other,
            });
            rest = &after[letter.len_utf8()..];
        }
    }
    out.push_str(rest);
    Ok(out)
}
