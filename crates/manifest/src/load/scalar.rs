//! A plain scalar to the value that YAML 1.1 gives it, as `PyYAML`'s safe loader does. A text in quotes never comes here.

use serde_json::{Number, Value};

/// The value of a plain scalar.
pub(super) fn plain(text: &str) -> Value {
    let number = || int(text).or_else(|| float(text));
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Value::Bool(true),
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Value::Bool(false),
        _ => number().or_else(|| timestamp(text)).unwrap_or_else(|| Value::String(text.to_owned())),
    }
}

/// A key of an object: JSON has texts alone.
pub(super) fn key(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

fn signed(text: &str) -> (bool, &str) {
    match text.strip_prefix(['-', '+']) {
        Some(rest) => (text.starts_with('-'), rest),
        None => (false, text),
    }
}

fn all(text: &str, digit: impl Fn(char) -> bool) -> bool {
    !text.is_empty() && text.chars().all(|letter| letter == '_' || digit(letter))
}

/// Integers, in every base that YAML 1.1 has; sixty is one of them.
fn int(text: &str) -> Option<Value> {
    let (negative, digits) = signed(text);
    let plain = digits.replace('_', "");
    let radix = |digits: &str, radix| u64::from_str_radix(digits, radix).ok();
    let magnitude = if plain == "0" && digits == "0" {
        Some(0)
    } else if let Some(rest) = digits.strip_prefix("0b") {
        all(rest, |digit| matches!(digit, '0' | '1')).then(|| radix(&plain[2..], 2))?
    } else if let Some(rest) = digits.strip_prefix("0x") {
        all(rest, |digit| digit.is_ascii_hexdigit()).then(|| radix(&plain[2..], 16))?
    } else if let Some(rest) = digits.strip_prefix('0') {
        all(rest, |digit| digit.is_digit(8)).then(|| radix(&plain, 8))?
    } else if digits.contains(':') {
        sixties(digits)
    } else if digits.starts_with(|first: char| first.is_ascii_digit())
        && all(digits, |digit| digit.is_ascii_digit())
    {
        match plain.parse() {
            Ok(magnitude) => Some(magnitude),
            // Beyond what JSON's integers hold here.
            Err(_) => return Some(Value::String(text.to_owned())),
        }
    } else {
        None
    }?;
    if negative {
        return i64::try_from(magnitude).ok().and_then(i64::checked_neg).map(Value::from);
    }
    Some(Value::from(magnitude))
}

fn sixties(digits: &str) -> Option<u64> {
    let mut parts = digits.split(':');
    let first = parts.next()?;
    if !first.starts_with(|first: char| matches!(first, '1'..='9'))
        || !all(first, |digit| digit.is_ascii_digit())
    {
        return None;
    }
    parts.try_fold(first.replace('_', "").parse().ok()?, |sum: u64, part| {
        let short = matches!(part.len(), 1 | 2) && part.bytes().all(|digit| digit.is_ascii_digit());
        let number: u64 = short.then(|| part.parse().ok())??;
        if number < 60 { sum.checked_mul(60)?.checked_add(number) } else { None }
    })
}

/// Floats: with a point, and where they have an exponent, with its sign.
fn float(text: &str) -> Option<Value> {
    let (negative, digits) = signed(text);
    match digits {
        ".inf" | ".Inf" | ".INF" => {
            return Some(Value::String(if negative { "-inf" } else { "inf" }.to_owned()));
        }
        ".nan" | ".NaN" | ".NAN" if digits == text => return Some(Value::String("nan".to_owned())),
        _ => {}
    }
    let (whole, fraction) = digits.split_once('.')?;
    if whole.contains(':') {
        return None;
    }
    let (fraction, exponent) = match fraction.find(['e', 'E']) {
        Some(at) => (&fraction[..at], Some(&fraction[at + 1..])),
        None => (fraction, None),
    };
    let decimal = |text: &str| text.chars().all(|digit| digit == '_' || digit.is_ascii_digit());
    let starts = |text: &str| text.starts_with(|first: char| first.is_ascii_digit());
    let shaped = if whole.is_empty() { digits == text && starts(fraction) } else { starts(whole) };
    let signed = |exponent: &str| {
        let digits = exponent.strip_prefix(['-', '+']);
        digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit()))
    };
    if !shaped || !decimal(whole) || !decimal(fraction) || !exponent.is_none_or(signed) {
        return None;
    }
    let number: f64 = text.replace('_', "").parse().ok()?;
    Number::from_f64(number).map(Value::Number)
}

/// Dates and times, which JSON has not: as Python's `str` writes them.
fn timestamp(text: &str) -> Option<Value> {
    let bytes = text.as_bytes();
    let digits = |at: usize, length: usize| {
        bytes.get(at..at + length).is_some_and(|part| part.iter().all(u8::is_ascii_digit))
    };
    let day = digits(0, 4) && bytes.get(4) == Some(&b'-');
    if !day {
        return None;
    }
    if bytes.len() == 10 {
        let whole = digits(5, 2) && bytes[7] == b'-' && digits(8, 2);
        return whole.then(|| Value::String(text.to_owned()));
    }
    let time = text.find(['T', 't', ' ', '\t'])?;
    let (date, rest) = text.split_at(time);
    let between = rest.len() - rest.trim_start_matches([' ', '\t']).len();
    let rest = &rest[between.max(1)..];
    let zone = rest.find(['Z', '+', '-', ' ', '\t']).unwrap_or(rest.len());
    let (clock, zone) = (&rest[..zone], rest[zone..].trim_start_matches([' ', '\t']));
    let zone = if zone.len() == 3 { format!("{zone}:00") } else { zone.to_owned() };
    let read = |format: &str, text: &str| crate::time::strptime(text, format).ok();
    let (format, zoned) = match (clock.contains('.'), zone.is_empty()) {
        (true, true) => ("%Y-%m-%dT%H:%M:%S.%f", String::new()),
        (true, false) => ("%Y-%m-%dT%H:%M:%S.%f%z", zone),
        (false, true) => ("%Y-%m-%dT%H:%M:%S", String::new()),
        (false, false) => ("%Y-%m-%dT%H:%M:%S%z", zone),
    };
    let date = read(format, &format!("{date}T{clock}{zoned}"))?;
    Some(Value::String(crate::template::iso_text(&date, ' ')))
}
