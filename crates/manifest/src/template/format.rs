//! Python's two ways to put values into a text: `'%05.2f' % x` and `'{:05.2f}'.format(x)`. It knows the common
//! presentation types alone.

use num_traits::ToPrimitive;

use super::value::{Fault, Value, fault, type_fault};

/// How wide a value may be written.
const WIDTH: usize = 1000;

/// How one value is written.
#[derive(Debug, Clone, Default)]
struct Spec {
    fill: Option<char>,
    align: Option<char>,
    sign: Option<char>,
    width: usize,
    comma: bool,
    precision: Option<usize>,
    kind: Option<char>,
}

/// `text % values`
pub(super) fn percent(text: &str, values: &Value<'_>) -> Result<String, Fault> {
    let items = match values {
        Value::Tuple(items) => items.to_vec(),
        one => vec![one.clone()],
    };
    let mut items = items.iter();
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        if let Some(after) = after.strip_prefix('%') {
            out.push('%');
            rest = after;
            continue;
        }
        let (name, after) = match after.strip_prefix('(').and_then(|after| after.split_once(')')) {
            Some((name, after)) => (Some(name), after),
            None => (None, after),
        };
        let end = after.find(|letter: char| letter.is_ascii_alphabetic());
        let Some(end) = end else { return fault("has an incomplete format") };
        let mut spec = flags(&after[..end]);
        spec.kind = after[end..].chars().next();
        let value = match name {
            Some(name) => values.member(&Value::text(name)),
            None => items.next().cloned(),
        };
        let Some(value) = value else { return type_fault("has not enough values for a format") };
        out.push_str(&one_percent(&value, &spec)?);
        rest = &after[end + 1..];
    }
    out.push_str(rest);
    // Whatever has items by key may be left over.
    let keyed =
        matches!(values, Value::Undefined(_) | Value::Array(_) | Value::List(_)) || values.is_mapping();
    if items.next().is_some() && !keyed {
        return type_fault("has too many values for a format");
    }
    Ok(out)
}

fn one_percent(value: &Value<'_>, spec: &Spec) -> Result<String, Fault> {
    match spec.kind {
        Some('s') => Ok(pad(value.to_text(), spec, false)),
        Some('r') => Ok(pad(repr(value), spec, false)),
        Some('i' | 'u' | 'd') => {
            let whole = match value {
                Value::Float(number) => {
                    Value::big(num_bigint::BigInt::from(number.trunc().to_i64().unwrap_or_default()))
                }
                other => other.clone(),
            };
            if whole.integer().is_none() {
                return type_fault("formats what is no number");
            }
            number(&whole, &Spec { kind: Some('d'), ..spec.clone() })
        }
        _ if value.float().is_none() => type_fault("formats what is no number"),
        _ => number(value, spec),
    }
}

fn flags(text: &str) -> Spec {
    let mut spec = Spec::default();
    let digits = text.trim_start_matches(['-', '+', ' ', '0', '#']);
    let flags = &text[..text.len() - digits.len()];
    if flags.contains('0') {
        spec.fill = Some('0');
        spec.align = Some('=');
    }
    if flags.contains('-') {
        spec.align = Some('<');
        spec.fill = Some(' ');
    } else if spec.align.is_none() {
        spec.align = Some('>');
    }
    spec.sign = flags.chars().find(|flag| matches!(flag, '+' | ' '));
    let (width, precision) =
        digits.split_once('.').map_or((digits, None), |(width, rest)| (width, Some(rest)));
    spec.width = width.parse().unwrap_or_default();
    spec.precision = precision.map(|digits| digits.parse().unwrap_or_default());
    spec
}

fn repr(value: &Value<'_>) -> String {
    // A list of one writes its item as `repr` does.
    let text = Value::list(vec![value.clone()]).to_text();
    text[1..text.len() - 1].to_owned()
}

/// `text.format(…)`
pub(super) fn braces<'a>(
    text: &str,
    items: &[Value<'a>],
    named: &[(String, Value<'a>)],
) -> Result<String, Fault> {
    let mut out = String::new();
    let mut next = 0;
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(&rest[..at]);
        let doubled = rest[at..].starts_with("{{") || rest[at..].starts_with("}}");
        if doubled {
            out.push_str(&rest[at..=at]);
            rest = &rest[at + 2..];
            continue;
        }
        let Some((field, after)) = rest[at + 1..].split_once('}').filter(|_| rest[at..].starts_with('{'))
        else {
            return fault("has a format with a single brace");
        };
        let (field, spec) = field.split_once(':').unwrap_or((field, ""));
        let (field, conversion) = field.split_once('!').unwrap_or((field, ""));
        let value = if field.is_empty() {
            next += 1;
            items.get(next - 1)
        } else if let Ok(index) = field.parse::<usize>() {
            items.get(index)
        } else {
            named.iter().find(|(name, _)| name == field).map(|(_, value)| value)
        };
        let Some(value) = value else { return fault("has a format with a value that is not there") };
        let value = match conversion {
            "r" => Value::text(repr(value)),
            "s" => Value::text(value.to_text()),
            _ => value.clone(),
        };
        out.push_str(&formatted(&value, spec)?);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// `format(value, spec)`
pub(super) fn formatted(value: &Value<'_>, spec: &str) -> Result<String, Fault> {
    if let Value::DateTime(date) | Value::Date(date) = value {
        return Ok(if spec.is_empty() { value.to_text() } else { crate::time::strftime(date, spec) });
    }
    let spec = read(spec).ok_or(Fault::Other("has a format that cannot be read".to_owned()))?;
    match value {
        Value::Text(_) if matches!(spec.kind, None | Some('s')) => Ok(pad(value.to_text(), &spec, false)),
        Value::Bool(_) if spec.kind.is_none() => Ok(pad(value.to_text(), &spec, false)),
        value if value.float().is_some() => number(value, &spec),
        value => Ok(pad(value.to_text(), &spec, false)),
    }
}

fn read(text: &str) -> Option<Spec> {
    let mut spec = Spec::default();
    let letters: Vec<char> = text.chars().collect();
    let mut at = 0;
    let aligns = |letter: Option<&char>| letter.copied().filter(|letter| "<>=^".contains(*letter));
    if let Some(align) = aligns(letters.get(1)) {
        (spec.fill, spec.align, at) = (letters.first().copied(), Some(align), 2);
    } else if let Some(align) = aligns(letters.first()) {
        (spec.align, at) = (Some(align), 1);
    }
    if let Some(sign) = letters.get(at).filter(|letter| "+- ".contains(**letter)) {
        spec.sign = Some(*sign).filter(|sign| *sign != '-');
        at += 1;
    }
    if letters.get(at) == Some(&'0') && spec.align.is_none() {
        (spec.fill, spec.align) = (Some('0'), Some('='));
        at += 1;
    }
    let digits = |at: &mut usize| {
        let digits: String = letters[*at..].iter().take_while(|letter| letter.is_ascii_digit()).collect();
        *at += digits.len();
        digits.parse::<usize>().ok()
    };
    spec.width = digits(&mut at).unwrap_or_default();
    if letters.get(at) == Some(&',') {
        spec.comma = true;
        at += 1;
    }
    if letters.get(at) == Some(&'.') {
        at += 1;
        spec.precision = Some(digits(&mut at)?);
    }
    spec.kind = letters.get(at).copied();
    (letters.len() <= at + 1).then_some(spec)
}

fn number(value: &Value<'_>, spec: &Spec) -> Result<String, Fault> {
    let float = value.float().unwrap_or_default();
    let precision = spec.precision.unwrap_or(6).min(WIDTH);
    let text = match (spec.kind, value.integer()) {
        (None | Some('d'), Some(number)) => number.to_string(),
        (Some('x'), Some(number)) => format!("{number:x}"),
        (Some('X'), Some(number)) => format!("{number:X}"),
        (Some('o'), Some(number)) => number.to_str_radix(8),
        (Some('b'), Some(number)) => number.to_str_radix(2),
        (Some('f' | 'F'), _) => format!("{float:.precision$}"),
        (Some('%'), _) => format!("{:.precision$}%", float * 100.0),
        (Some('e'), _) => {
            let text = format!("{float:.precision$e}");
            let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
            let exponent: i32 = exponent.parse().unwrap_or_default();
            format!("{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
        }
        (None, None) if spec.precision.is_none() => super::write::float_text(float),
        _ => return fault("has a format that is not known here"),
    };
    let (minus, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |digits| ("-", digits));
    let digits = if spec.comma { grouped(digits) } else { digits.to_owned() };
    let sign =
        if minus.is_empty() { spec.sign.map(String::from).unwrap_or_default() } else { minus.to_owned() };
    if spec.align == Some('=') {
        let width = spec.width.min(WIDTH).saturating_sub(sign.len());
        let missing = width.saturating_sub(digits.len());
        return Ok(sign + &spec.fill.unwrap_or(' ').to_string().repeat(missing) + &digits);
    }
    Ok(pad(sign + &digits, spec, true))
}

fn grouped(digits: &str) -> String {
    let (whole, fraction) = digits.split_at(digits.find('.').unwrap_or(digits.len()));
    let mut out = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out + fraction
}

fn pad(text: String, spec: &Spec, number: bool) -> String {
    let text = match spec.precision {
        Some(length) if !number => text.chars().take(length).collect(),
        _ => text,
    };
    let missing = spec.width.min(WIDTH).saturating_sub(text.chars().count());
    let fill = |count: usize| spec.fill.unwrap_or(' ').to_string().repeat(count);
    match spec.align.unwrap_or(if number { '>' } else { '<' }) {
        '<' => text + &fill(missing),
        '^' => fill(missing / 2) + &text + &fill(missing - missing / 2),
        _ => fill(missing) + &text,
    }
}
