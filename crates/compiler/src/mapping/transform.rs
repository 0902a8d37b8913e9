//! Transforms: text to text, one after the other, compiled from the language's `transform` lists.

use std::borrow::Cow;
use std::collections::BTreeMap;

use icu_normalizer::ComposingNormalizerBorrowed;
use raccord_model::diagnostic::{Code, Finding};
use raccord_model::language::Transform;
use raccord_model::language::mapping::NormalForm;
use serde_json::value::RawValue;

use super::date;
use crate::scalar::Scalar;

const NFC: ComposingNormalizerBorrowed<'static> = ComposingNormalizerBorrowed::new_nfc();

/// One transform, ready to run.
#[derive(Debug, Clone)]
pub(super) enum Op {
    Trim,
    Lowercase,
    Uppercase,
    Digits,
    Truncate(usize),
    Replace { find: String, with: String },
    ParseDate(String),
    FormatDate(String),
    Split(String),
    Join(String),
    Lookup { table: BTreeMap<String, String>, default: Option<String> },
    UnixMillis,
    ParseJson,
    Normalize(NormalForm),
}

/// What is wrong with a transform, and what helps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) message: String,
    pub(super) help: Option<String>,
}

impl From<String> for Wrong {
    fn from(message: String) -> Self {
        Self { message, help: None }
    }
}

/// What is known of a value before it is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Anything,
    Text,
    List,
}

/// Compiles a list of transforms; tells the shape of what comes out.
pub(super) fn compile(
    transforms: &[Transform],
    path: &[&str],
    findings: &mut Vec<Finding>,
) -> (Vec<Op>, Shape) {
    let mut shape = Shape::Anything;
    let mut ops = Vec::with_capacity(transforms.len());
    for (at, transform) in transforms.iter().enumerate() {
        let index = at.to_string();
        let place: Vec<&str> = path.iter().copied().chain(["transform", &index]).collect();
        let wrong = |message: String| Finding::error(&place, Code::InvalidTransform, message);
        match compile_one(transform) {
            Ok(op) => ops.push(op),
            Err(Wrong { message, help }) => findings.push(Finding { help, ..wrong(message) }),
        }
        let wants_list = matches!(transform, Transform::Join(_));
        if shape == Shape::List && !wants_list {
            findings.push(
                wrong("a list comes in here, and only `join` takes one".to_owned())
                    .help("put it before the `split`, or a `join` before it"),
            );
        } else if shape == Shape::Text && wants_list {
            findings.push(
                wrong("`join` wants a list, and a text comes in here".to_owned())
                    .help("put a `split` before it"),
            );
        }
        shape = match transform {
            Transform::Split(_) => Shape::List,
            Transform::ParseJson => Shape::Anything,
            _ => Shape::Text,
        };
    }
    (ops, shape)
}

fn compile_one(transform: &Transform) -> Result<Op, Wrong> {
    Ok(match transform {
        Transform::Trim => Op::Trim,
        Transform::Lowercase => Op::Lowercase,
        Transform::Uppercase => Op::Uppercase,
        Transform::Digits => Op::Digits,
        Transform::Truncate(0) => return Err("`truncate` to 0 characters leaves nothing".to_owned().into()),
        Transform::Truncate(length) => Op::Truncate(usize::try_from(*length).unwrap_or(usize::MAX)),
        Transform::Replace(replace) if replace.find.is_empty() => {
            return Err("`replace` looks for an empty text".to_owned().into());
        }
        Transform::Replace(replace) => Op::Replace { find: replace.find.clone(), with: replace.with.clone() },
        Transform::ParseDate(format) => Op::ParseDate(date::format_to_read(format)?),
        Transform::FormatDate(format) => Op::FormatDate(date::format_to_write(format)?),
        Transform::Split(separator) if separator.is_empty() => {
            return Err("`split` wants a separator".to_owned().into());
        }
        Transform::Split(separator) => Op::Split(separator.clone()),
        Transform::Join(separator) => Op::Join(separator.clone()),
        Transform::Lookup(lookup) => {
            Op::Lookup { table: lookup.table.clone(), default: lookup.default.clone() }
        }
        Transform::UnixMillis => Op::UnixMillis,
        Transform::ParseJson => Op::ParseJson,
        Transform::Normalize(form) => Op::Normalize(*form),
    })
}

/// Runs transforms. An empty value stays empty; the error completes "the value …".
pub(super) fn run<'a>(ops: &[Op], mut value: Scalar<'a>) -> Result<Scalar<'a>, String> {
    for op in ops {
        if value == Scalar::Empty {
            return Ok(value);
        }
        value = run_one(op, value)?;
    }
    Ok(value)
}

fn run_one<'a>(op: &Op, value: Scalar<'a>) -> Result<Scalar<'a>, String> {
    if let Op::Join(separator) = op {
        let elements = value
            .elements()
            .ok_or_else(|| format!("is {}, and `join` wants a list of texts", value.kind()))?;
        return Ok(Scalar::text(elements.join(separator)));
    }
    let text = match value {
        Scalar::Text(text) | Scalar::Number(text) => text,
        Scalar::Boolean(value) => Cow::Borrowed(if value { "true" } else { "false" }),
        other @ (Scalar::Empty
        | Scalar::List(_)
        | Scalar::Array(_)
        | Scalar::Object(_)
        | Scalar::Broken(_)) => {
            return Err(format!("is {}, and a transform wants a text", other.kind()));
        }
    };
    on_text(op, text)
}

fn on_text<'a>(op: &Op, text: Cow<'a, str>) -> Result<Scalar<'a>, String> {
    Ok(match op {
        Op::Trim => Scalar::text(trim(text)),
        Op::Lowercase if text.bytes().all(|b| b.is_ascii() && !b.is_ascii_uppercase()) => Scalar::text(text),
        Op::Lowercase => Scalar::text(text.to_lowercase()),
        Op::Uppercase => Scalar::text(text.to_uppercase()),
        Op::Digits => Scalar::text(text.chars().filter(char::is_ascii_digit).collect::<String>()),
        Op::Truncate(length) => match text.char_indices().nth(*length) {
            Some((end, _)) => Scalar::text(text[..end].to_owned()),
            None => Scalar::text(text),
        },
        Op::Replace { find, with } => Scalar::text(text.replace(find, with)),
        Op::ParseDate(format) => Scalar::text(date::parse(format, &text)?),
        Op::FormatDate(format) => Scalar::text(date::format(format, &text)?),
        Op::Split(separator) => Scalar::List(
            text.split(separator.as_str()).map(|part| Cow::Owned(part.trim().to_owned())).collect(),
        ),
        Op::Join(_) => Scalar::text(text),
        Op::Lookup { table, default } => match table.get(text.as_ref()).or(default.as_ref()) {
            Some(found) => Scalar::text(found.clone()),
            None => Scalar::Empty,
        },
        Op::UnixMillis => Scalar::text(date::unix_millis(&text)?),
        Op::ParseJson => parse_json(text)?,
        Op::Normalize(NormalForm::Nfc) => Scalar::text(composed(text)),
    })
}

/// The value that a text says in JSON.
fn parse_json(text: Cow<'_, str>) -> Result<Scalar<'_>, String> {
    if serde_json::from_str::<&RawValue>(&text).is_err() {
        return Err("is not JSON, or is nested too deeply".to_owned());
    }
    Ok(match text {
        Cow::Borrowed(text) => Scalar::from_json(text),
        Cow::Owned(text) => Scalar::from_json(&text).into_owned(),
    })
}

/// The text in Unicode's normal form NFC; as it is when that is one already.
fn composed(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.is_ascii() || NFC.is_normalized(&text) {
        text
    } else {
        Cow::Owned(NFC.normalize(&text).into_owned())
    }
}

fn trim(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) if text.trim().len() == text.len() => Cow::Owned(text),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use raccord_model::language::mapping::{Lookup, Replace};

    fn check(transforms: &[Transform], input: Scalar<'_>, expected: Result<Scalar<'_>, &str>) {
        let mut findings = Vec::new();
        let (ops, _) = compile(transforms, &[], &mut findings);
        assert_eq!(findings, []);
        assert_eq!(run(&ops, input), expected.map_err(str::to_owned), "{transforms:?}");
    }

    #[test]
    fn transforms_do_what_they_say() {
        let text = |text: &'static str| Scalar::text(text);
        check(&[Transform::Trim, Transform::Lowercase], text("  ÉLODIE@X.FR "), Ok(text("élodie@x.fr")));
        check(&[Transform::Trim], text("   "), Ok(Scalar::Empty));
        check(&[Transform::Uppercase], text("été"), Ok(text("ÉTÉ")));
        check(&[Transform::Digits], text("+351 (9) 12"), Ok(text("351912")));
        check(&[Transform::Truncate(2)], text("éàü"), Ok(text("éà")));
        check(&[Transform::Truncate(9)], text("éàü"), Ok(text("éàü")));
        let replace = Transform::Replace(Replace { find: ",".into(), with: ".".into() });
        check(&[replace], text("1,5"), Ok(text("1.5")));
        check(&[Transform::ParseDate("%d/%m/%Y".into())], text("31/01/2024"), Ok(text("2024-01-31")));
        check(
            &[Transform::ParseDate("%d/%m/%Y %H:%M".into())],
            text("31/01/2024 09:30"),
            Ok(text("2024-01-31T09:30:00")),
        );
        check(
            &[Transform::ParseDate("%s".into())],
            Scalar::Number("86400".into()),
            Ok(text("1970-01-02T00:00:00Z")),
        );
        check(
            &[Transform::ParseDate("%d/%m/%Y".into())],
            text("hier"),
            Err("does not have the format `%d/%m/%Y`"),
        );
        check(&[Transform::FormatDate("%Y".into())], text("2024-01-31T09:30:00Z"), Ok(text("2024")));
        check(&[Transform::FormatDate("%d.%m.".into())], text("2024-01-31"), Ok(text("31.01.")));
        check(&[Transform::FormatDate("%d.%m. %H:%M".into())], text("2024-01-31"), Ok(text("31.01. 00:00")));
        check(&[Transform::Split(";".into()), Transform::Join("+".into())], text("a; b"), Ok(text("a+b")));
        check(&[Transform::Join("-".into())], Scalar::from_json(r#"["x","y"]"#), Ok(text("x-y")));
        let table = BTreeMap::from([("A".to_owned(), "active".to_owned())]);
        check(
            &[Transform::Lookup(Lookup { table: table.clone(), default: None })],
            text("A"),
            Ok(text("active")),
        );
        check(
            &[Transform::Lookup(Lookup { table: table.clone(), default: None })],
            text("B"),
            Ok(Scalar::Empty),
        );
        check(&[Transform::Lookup(Lookup { table, default: Some("?".into()) })], text("B"), Ok(text("?")));
        let composed = [Transform::Normalize(NormalForm::Nfc)];
        check(&composed, text("Zoe\u{301} \u{212b}"), Ok(text("Zoé Å")));
        check(&composed, text("Zoé"), Ok(text("Zoé")));
        check(&composed, text("ﬁ"), Ok(text("ﬁ")));
        let millis = [Transform::UnixMillis];
        check(&millis, Scalar::Number("1700000000123".into()), Ok(text("2023-11-14T22:13:20.123Z")));
        check(&[Transform::Trim], Scalar::from_json("{}"), Err("is an object, and a transform wants a text"));
    }

    #[test]
    fn a_text_is_read_as_json() {
        let text = |text: &'static str| Scalar::text(text);
        let parse = [Transform::ParseJson];
        let raw = r#"["a","b, c",1.50]"#;
        check(&parse, text(raw), Ok(Scalar::Array(raw.into())));
        check(
            &[Transform::Trim, Transform::ParseJson],
            text(" {\"a\":1} "),
            Ok(Scalar::Object("{\"a\":1}".into())),
        );
        check(&[Transform::Uppercase, Transform::ParseJson], text("\"x\""), Ok(text("X")));
        check(&[Transform::ParseJson, Transform::Join("+".into())], text(raw), Ok(text("a+b, c+1.50")));
        check(&parse, text("null"), Ok(Scalar::Empty));
        check(&parse, Scalar::Number("1.50".into()), Ok(Scalar::Number("1.50".into())));
        check(&parse, text("[a]"), Err("is not JSON, or is nested too deeply"));
        check(&parse, Scalar::from_json(raw), Err("is a list, and a transform wants a text"));
    }

    #[test]
    fn dates_keep_the_zone_that_they_have() {
        let text = |text: &'static str| Scalar::text(text);
        let parse = |format: &str| [Transform::ParseDate(format.into())];
        check(&parse("%d/%m/%Y %H:%M %z"), text("31/12/9999 00:00 +0000"), Ok(text("9999-12-31T00:00:00Z")));
        check(
            &parse("%d/%m/%Y %H:%M %Q"),
            text("30/06/2024 10:00 Europe/Paris"),
            Ok(text("2024-06-30T08:00:00Z")),
        );
        check(
            &parse("%d/%m/%Y %H:%M %z"),
            text("31/12/9999 23:00 -0500"),
            Err("is not an instant in the format `%d/%m/%Y %H:%M %z`"),
        );
        let format = |format: &str| [Transform::FormatDate(format.into())];
        check(&format("%Y-%m-%d"), text("9999-12-31T00:30:00+01:00"), Ok(text("9999-12-30")));
        check(&format("%Y-%m-%d"), text("9999-12-31T23:00:00Z"), Ok(text("9999-12-31")));
        check(&format("%H:%M"), text("2024-06-30T10:00:00[Europe/Paris]"), Ok(text("08:00")));
    }

    #[test]
    fn what_can_never_work_is_found_beforehand() {
        let cases = [
            vec![Transform::Truncate(0)],
            vec![Transform::Split(String::new())],
            vec![Transform::ParseDate("%J".into())],
            vec![Transform::ParseDate("dd/MM/yyyy".into())],
            vec![Transform::FormatDate("yyyy".into())],
            vec![Transform::Split(",".into()), Transform::Trim],
            vec![Transform::Trim, Transform::Join(",".into())],
            vec![Transform::Replace(Replace { find: String::new(), with: String::new() })],
        ];
        for transforms in cases {
            let mut findings = Vec::new();
            compile(&transforms, &[], &mut findings);
            assert_eq!(findings.len(), 1, "{transforms:?}");
        }
    }
}
