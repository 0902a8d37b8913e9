//! The methods of texts.

use super::super::evaluate::Given;
use super::super::format::braces;
use super::super::literal::Budget;
use super::super::value::{Evaluated, Fault, Value, fault, type_fault};
use super::{number_at, text_at};

/// The methods that a text has here.
pub(super) const METHODS: [&str; 42] = [
    "capitalize",
    "casefold",
    "center",
    "count",
    "encode",
    "endswith",
    "find",
    "format",
    "index",
    "isalnum",
    "isalpha",
    "isascii",
    "isdecimal",
    "isdigit",
    "islower",
    "isnumeric",
    "isspace",
    "istitle",
    "isupper",
    "join",
    "ljust",
    "lower",
    "lstrip",
    "partition",
    "removeprefix",
    "removesuffix",
    "replace",
    "rfind",
    "rindex",
    "rjust",
    "rpartition",
    "rsplit",
    "rstrip",
    "split",
    "splitlines",
    "startswith",
    "strip",
    "swapcase",
    "title",
    "translate",
    "upper",
    "zfill",
];

/// What a method of a text gives.
pub(in super::super) fn call<'a>(
    text: &str,
    name: &str,
    given: &Given<'a>,
    budget: &Budget,
) -> Evaluated<'a> {
    budget.take_text(text.len())?;
    match name {
        "join" => join(text, given.required(0, "iterable")?, budget),
        "format" => braces(text, &given.positional, &given.named).map(Value::text),
        "split" | "rsplit" => split(text, given, name == "rsplit"),
        "splitlines" => Ok(Value::list(text.lines().map(Value::text).collect())),
        "replace" => {
            let count = number_at(given, 2, "count")?.and_then(|count| usize::try_from(count).ok());
            let (old, new) = (text_at(given, 0, "old")?, text_at(given, 1, "new")?);
            budget.take_text(text.len().saturating_mul(new.len()) / old.len().max(1))?;
            Ok(Value::text(text.replacen(old, new, count.unwrap_or(usize::MAX))))
        }
        "startswith" | "endswith" => affix(text, name == "startswith", given.required(0, "prefix")?),
        "removeprefix" => {
            let prefix = text_at(given, 0, "prefix")?;
            Ok(Value::text(text.strip_prefix(prefix).unwrap_or(text)))
        }
        "removesuffix" => {
            let suffix = text_at(given, 0, "suffix")?;
            Ok(Value::text(text.strip_suffix(suffix).unwrap_or(text)))
        }
        "strip" | "lstrip" | "rstrip" => strip(text, name, given),
        "count" => {
            let part = text_at(given, 0, "sub")?;
            let count = if part.is_empty() { text.chars().count() + 1 } else { text.matches(part).count() };
            Ok(Value::Int(i64::try_from(count).unwrap_or(i64::MAX)))
        }
        "find" | "rfind" | "index" | "rindex" => find(text, name, text_at(given, 0, "sub")?),
        "partition" | "rpartition" => partition(text, text_at(given, 0, "sep")?, name == "rpartition"),
        "center" | "ljust" | "rjust" | "zfill" => pad(text, name, given, budget),
        "encode" | "translate" => fault(format!("uses `{name}`, which is not known here")),
        _ if name.starts_with("is") => Ok(Value::Bool(is(text, name))),
        _ => Ok(Value::text(cased(text, name))),
    }
}

fn join<'a>(text: &str, items: &Value<'a>, budget: &Budget) -> Evaluated<'a> {
    let mut out = String::new();
    for (at, item) in items.items(budget)?.iter().enumerate() {
        let Value::Text(item) = item else {
            return type_fault(format!("joins a `{}` as if it were a text", item.kind()));
        };
        if at > 0 {
            out.push_str(text);
        }
        out.push_str(item);
        budget.take_text(item.len() + text.len())?;
    }
    Ok(Value::text(out))
}

fn split<'a>(text: &str, given: &Given<'a>, from_end: bool) -> Evaluated<'a> {
    let most = number_at(given, 1, "maxsplit")?.and_then(|most| usize::try_from(most).ok());
    let parts: Vec<&str> = match given.get(0, "sep") {
        None | Some(Value::None) => match most {
            None => text.split_whitespace().collect(),
            Some(most) => words(text, most, from_end),
        },
        Some(Value::Text(between)) if between.is_empty() => return fault("splits by an empty text"),
        Some(Value::Text(between)) => {
            let most = most.map_or(usize::MAX, |most| most.saturating_add(1));
            if from_end {
                let mut parts: Vec<_> = text.rsplitn(most, between.as_ref()).collect();
                parts.reverse();
                parts
            } else {
                text.splitn(most, between.as_ref()).collect()
            }
        }
        Some(other) => return type_fault(format!("splits by a `{}`", other.kind())),
    };
    Ok(Value::list(parts.into_iter().map(Value::text).collect()))
}

/// Words, and the rest in one piece after so many of them.
fn words(text: &str, most: usize, from_end: bool) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let cut = if from_end { rest.rfind(char::is_whitespace) } else { rest.find(char::is_whitespace) };
        let Some(at) = cut.filter(|_| parts.len() < most) else {
            parts.push(rest);
            break;
        };
        let (before, after) = rest.split_at(at);
        let (word, others) =
            if from_end { (after.trim(), before.trim_end()) } else { (before, after.trim_start()) };
        parts.push(word);
        rest = others;
    }
    if from_end {
        parts.reverse();
    }
    parts
}

fn affix<'a>(text: &str, start: bool, affix: &Value<'a>) -> Evaluated<'a> {
    let has = |affix: &str| if start { text.starts_with(affix) } else { text.ends_with(affix) };
    match affix {
        Value::Text(affix) => Ok(Value::Bool(has(affix))),
        Value::Tuple(affixes) => {
            Ok(Value::Bool(affixes.iter().any(|affix| matches!(affix, Value::Text(affix) if has(affix)))))
        }
        other => type_fault(format!("compares the start or end with a `{}`", other.kind())),
    }
}

fn strip<'a>(text: &str, name: &str, given: &Given<'a>) -> Evaluated<'a> {
    let letters = match given.get(0, "chars") {
        None | Some(Value::None) => None,
        Some(_) => Some(text_at(given, 0, "chars")?),
    };
    let cut = |letter: char| letters.map_or(letter.is_whitespace(), |letters| letters.contains(letter));
    Ok(Value::text(match name {
        "strip" => text.trim_matches(cut),
        "lstrip" => text.trim_start_matches(cut),
        _ => text.trim_end_matches(cut),
    }))
}

fn find<'a>(text: &str, name: &str, part: &str) -> Evaluated<'a> {
    let at = if name.starts_with('r') { text.rfind(part) } else { text.find(part) };
    match at {
        Some(at) => Ok(Value::Int(i64::try_from(text[..at].chars().count()).unwrap_or(i64::MAX))),
        None if name.ends_with("index") => fault("looks for a part of a text that is not there"),
        None => Ok(Value::Int(-1)),
    }
}

fn partition<'a>(text: &str, between: &str, from_end: bool) -> Evaluated<'a> {
    if between.is_empty() {
        return fault("splits by an empty text");
    }
    let found = if from_end { text.rsplit_once(between) } else { text.split_once(between) };
    let parts = match found {
        Some((before, after)) => [before, between, after],
        None if from_end => ["", "", text],
        None => [text, "", ""],
    };
    Ok(Value::Tuple(parts.into_iter().map(Value::text).collect::<Vec<_>>().into()))
}

fn pad<'a>(text: &str, name: &str, given: &Given<'a>, budget: &Budget) -> Evaluated<'a> {
    let width =
        number_at(given, 0, "width")?.and_then(|width| usize::try_from(width).ok()).unwrap_or_default();
    let missing = width.saturating_sub(text.chars().count());
    budget.take_text(missing)?;
    if name == "zfill" {
        let (sign, digits) = text.split_at(usize::from(text.starts_with(['+', '-'])));
        return Ok(Value::text(format!("{sign}{}{digits}", "0".repeat(missing))));
    }
    let fill = match given.get(1, "fillchar") {
        None => " ",
        Some(_) => text_at(given, 1, "fillchar")?,
    };
    // Python puts the odd one to the left when the width is odd, too.
    let left = missing / 2 + (missing & width & 1);
    Ok(Value::text(match name {
        "ljust" => format!("{text}{}", fill.repeat(missing)),
        "rjust" => format!("{}{text}", fill.repeat(missing)),
        _ => format!("{}{text}{}", fill.repeat(left), fill.repeat(missing - left)),
    }))
}

fn is(text: &str, name: &str) -> bool {
    let cased = text.chars().any(|letter| letter.is_lowercase() || letter.is_uppercase());
    match name {
        "isascii" => text.is_ascii(),
        "islower" => cased && !text.chars().any(char::is_uppercase),
        "isupper" => cased && !text.chars().any(char::is_lowercase),
        "istitle" => cased && text == titled(text),
        _ if text.is_empty() => false,
        "isalnum" => text.chars().all(char::is_alphanumeric),
        "isalpha" => text.chars().all(char::is_alphabetic),
        "isspace" => text.chars().all(char::is_whitespace),
        "isnumeric" => text.chars().all(char::is_numeric),
        _ => text.chars().all(|letter| letter.is_ascii_digit()),
    }
}

fn cased(text: &str, name: &str) -> String {
    match name {
        "upper" => text.to_uppercase(),
        "capitalize" => capitalized(text),
        "title" => titled(text),
        "swapcase" => {
            let swap = |letter: char| -> String {
                if letter.is_uppercase() {
                    letter.to_lowercase().collect()
                } else {
                    letter.to_uppercase().collect()
                }
            };
            text.chars().map(swap).collect()
        }
        _ => text.to_lowercase(),
    }
}

/// The first letter large, all others small.
pub(in super::super) fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters.flat_map(char::to_lowercase)).collect())
        .unwrap_or_default()
}

/// The first letter of each run of letters large, all others small.
fn titled(text: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for letter in text.chars() {
        if inside {
            out.extend(letter.to_lowercase());
        } else {
            out.extend(letter.to_uppercase());
        }
        inside = letter.is_alphabetic();
    }
    out
}

/// An argument that must be a text; see the filters.
pub(in super::super) fn expect<'v>(value: &'v Value<'_>) -> Result<&'v str, Fault> {
    match value {
        Value::Text(text) => Ok(text),
        Value::Undefined(name) => type_fault(format!("has no text in `{name}`")),
        other => type_fault(format!("has a `{}` where a text is expected", other.kind())),
    }
}
