//! From a third-party value to the type of a field: exact, or refused with a reason.

use std::borrow::Cow;

use jiff::tz::TimeZone;
use raccord_model::foreign;
use raccord_model::language::{Field, FieldType};
use raccord_model::value::{
    Value, ValueError, is_email, is_phone, is_url, parse_boolean, parse_date, parse_datetime, parse_integer,
};

use super::canonical::canonical;
use crate::scalar::Scalar;

/// The longest text shown in a reason, in characters.
const SHOWN: usize = 60;

/// Converts to the type of a field. What is empty converts to nothing: `Empty`, and a list without any choice in it.
pub(super) fn convert<'a>(
    value: Scalar<'a>,
    field: &Field,
    zone: Option<&TimeZone>,
) -> Result<Option<Value<'a>>, ValueError> {
    if value == Scalar::Empty {
        return Ok(None);
    }
    Ok(Some(match field.field_type {
        FieldType::Json => Value::Json(Cow::Owned(json(&value)?)),
        FieldType::Choices => match choices(value, field)? {
            none if none.is_empty() => return Ok(None),
            some => Value::Choices(some),
        },
        FieldType::Boolean => match value {
            Scalar::Boolean(value) => Value::Boolean(value),
            other => Value::Boolean(parse_boolean(&text(other, "a boolean")?)?),
        },
        FieldType::Integer => Value::Integer(parse_integer(&text(value, "a whole number")?)?),
        FieldType::Decimal => Value::Decimal(text(value, "a decimal number")?.parse()?),
        FieldType::Date => {
            let text = text(value, "a date")?;
            Value::Date(parse_date(&text).map_err(|error| in_some_order(error, &text))?)
        }
        FieldType::Datetime => {
            let text = text(value, "a date and time")?;
            Value::Datetime(parse_datetime(&text, zone).map_err(|error| in_some_order(error, &text))?)
        }
        FieldType::Text | FieldType::Email | FieldType::Phone | FieldType::Url | FieldType::Choice => {
            Value::Text(checked_text(text(value, "a text")?, field)?)
        }
    }))
}

/// Names the format of a date whose numbers stand in the order of some country: `31/01/2024`, `1.31.24 14:30`.
fn in_some_order(error: ValueError, text: &str) -> ValueError {
    match error {
        ValueError::Date | ValueError::Datetime => order_of(text).map_or(error, ValueError::DayOrder),
        other => other,
    }
}

/// The strftime format of such a date; of two that fit, the one with the day first.
fn order_of(text: &str) -> Option<String> {
    let (day, time) = text.trim().split_once([' ', 'T']).unwrap_or((text.trim(), ""));
    let separator = day.chars().find(|c| matches!(c, '/' | '.' | '-'))?;
    let numbers: Vec<&str> = day.split(separator).collect();
    let [first, second, third] = numbers[..] else { return None };
    let number = |text: &str| text.parse::<u16>().ok().filter(|_| text.len() <= 4);
    let (one, two) = (number(first)?, number(second)?);
    number(third)?;
    let year = if third.len() == 4 { "%Y" } else { "%y" };
    let is_day = |number: u16| (1..=31).contains(&number);
    let format = match (one, two) {
        _ if first.len() == 4 && separator != '-' => format!("%Y{separator}%m{separator}%d"),
        (day, month) if is_day(day) && (1..=12).contains(&month) => {
            format!("%d{separator}%m{separator}{year}")
        }
        (month, day) if is_day(day) && (1..=12).contains(&month) => {
            format!("%m{separator}%d{separator}{year}")
        }
        _ => return None,
    };
    Some(match time.matches(':').count() {
        0 => format,
        1 => format!("{format} %H:%M"),
        _ => format!("{format} %H:%M:%S"),
    })
}

fn text<'a>(value: Scalar<'a>, wanted: &'static str) -> Result<Cow<'a, str>, ValueError> {
    match value {
        Scalar::Text(text) | Scalar::Number(text) => Ok(text),
        Scalar::Boolean(value) => Ok(Cow::Borrowed(if value { "true" } else { "false" })),
        other @ (Scalar::Empty
        | Scalar::List(_)
        | Scalar::Array(_)
        | Scalar::Object(_)
        | Scalar::Broken(_)) => Err(ValueError::Shape { found: other.kind(), wanted }),
    }
}

/// As JSON in the one form that equal values have.
fn json(value: &Scalar<'_>) -> Result<String, ValueError> {
    let canonical = match value {
        Scalar::Array(raw) | Scalar::Object(raw) | Scalar::Number(raw) | Scalar::Broken(raw) => {
            canonical(raw)
        }
        Scalar::Empty | Scalar::Text(_) | Scalar::Boolean(_) | Scalar::List(_) => Some(value.to_json()),
    };
    canonical.ok_or(ValueError::Json)
}

fn checked_text<'a>(text: Cow<'a, str>, field: &Field) -> Result<Cow<'a, str>, ValueError> {
    if let Some(limit) = field.max_length
        && text.chars().count() > usize::try_from(limit).unwrap_or(usize::MAX)
    {
        return Err(ValueError::TooLong(limit));
    }
    match field.field_type {
        FieldType::Email if !is_email(&text) => Err(ValueError::Email),
        FieldType::Phone if !is_phone(&text) => Err(ValueError::Phone),
        FieldType::Url if !is_url(&text) => Err(ValueError::Url),
        FieldType::Choice if !field.options.contains(text.as_ref()) => Err(ValueError::Choice),
        FieldType::Text
        | FieldType::Integer
        | FieldType::Decimal
        | FieldType::Boolean
        | FieldType::Date
        | FieldType::Datetime
        | FieldType::Email
        | FieldType::Phone
        | FieldType::Url
        | FieldType::Choice
        | FieldType::Choices
        | FieldType::Json => Ok(text),
    }
}

fn choices<'a>(value: Scalar<'a>, field: &Field) -> Result<Vec<Cow<'a, str>>, ValueError> {
    let is_json = matches!(&value, Scalar::Text(text) if text.starts_with('[') && text.ends_with(']'));
    let list = match value {
        Scalar::List(list) => list,
        Scalar::Array(_) => {
            let elements = value
                .elements()
                .ok_or(ValueError::Shape { found: "a list of lists", wanted: "a list of texts" })?;
            elements.into_iter().map(|item| Cow::Owned(item.into_owned())).collect()
        }
        other => vec![text(other, "a list of texts")?],
    };
    let mut kept: Vec<Cow<'a, str>> = Vec::with_capacity(list.len());
    for choice in list.into_iter().filter(|choice| !choice.is_empty()) {
        if !field.options.contains(choice.as_ref()) {
            return Err(if is_json { ValueError::ChoicesAsJson } else { ValueError::Choice });
        }
        if !kept.contains(&choice) {
            kept.push(choice);
        }
    }
    // A set: the order in which a service lists them says nothing.
    kept.sort_unstable();
    Ok(kept)
}

/// A value as a reason shows it: short, on one line, in backquotes. It may be shown on a terminal, before
/// them, and the value comes from elsewhere.
pub(super) fn shown(value: &Scalar<'_>) -> String {
    let text = value.as_text().map_or_else(|| value.to_json(), Cow::into_owned);
    let end = text.char_indices().nth(SHOWN).map(|(end, _)| end);
    let text = foreign::line(&text[..end.unwrap_or(text.len())]);
    if end.is_some() { format!("`{text}…`") } else { format!("`{text}`") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_a_date_is_recognised() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(order_of(text).as_deref(), expected, "{text}");
        };
        check("31/01/2024", Some("%d/%m/%Y"));
        check("01/31/2024", Some("%m/%d/%Y"));
        check("3.4.24", Some("%d.%m.%y"));
        check("2024/01/31", Some("%Y/%m/%d"));
        check("31-01-2024 14:30", Some("%d-%m-%Y %H:%M"));
        check("31/01/2024 14:30:15", Some("%d/%m/%Y %H:%M:%S"));
        check("2024-02-30", None);
        check("yesterday", None);
        check("40/50/2024", None);
        check("1/2", None);
    }

    fn check(field: &Field, raw: &str, expected: Result<&str, ValueError>) {
        let converted = convert(Scalar::from_json(raw), field, None);
        let converted = converted.map(|value| value.map_or("nothing".to_owned(), |value| value.to_text()));
        assert_eq!(converted, expected.map(str::to_owned), "{raw} as {:?}", field.field_type);
    }

    #[test]
    fn each_type_takes_what_it_can_hold_exactly() {
        let of = Field::of;
        check(&of(FieldType::Text), "\"+351 0123\"", Ok("+351 0123"));
        check(&of(FieldType::Text), "1.10", Ok("1.10"));
        check(&of(FieldType::Text), "12345678901234567890123", Ok("12345678901234567890123"));
        check(&of(FieldType::Text), "true", Ok("true"));
        check(&of(FieldType::Text), "{}", Err(ValueError::Shape { found: "an object", wanted: "a text" }));
        check(&of(FieldType::Text), "null", Ok("nothing"));
        check(&of(FieldType::Integer), "\"42\"", Ok("42"));
        check(&of(FieldType::Integer), "9223372036854775808", Err(ValueError::Integer));
        check(&of(FieldType::Decimal), "1.10", Ok("1.1"));
        check(
            &of(FieldType::Decimal),
            "\"0.1000000000000000055511151231257827\"",
            Ok("0.1000000000000000055511151231257827"),
        );
        check(&of(FieldType::Boolean), "\"yes\"", Ok("true"));
        check(&of(FieldType::Boolean), "0", Ok("false"));
        check(&of(FieldType::Boolean), "\"maybe\"", Err(ValueError::Boolean));
        check(&of(FieldType::Date), "\"2024-01-31\"", Ok("2024-01-31"));
        check(
            &of(FieldType::Datetime),
            "\"2024-01-31T00:00:00.000000001Z\"",
            Ok("2024-01-31T00:00:00.000000001Z"),
        );
        check(&of(FieldType::Datetime), "\"2024-01-31T00:00:00\"", Err(ValueError::NoZone));
        check(&of(FieldType::Email), "\"no\"", Err(ValueError::Email));
        check(&of(FieldType::Json), "{ \"a\": [1, 2] }", Ok("{\"a\":[1,2]}"));
        let deep = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        check(&of(FieldType::Json), &deep(120), Ok(&deep(120)));
        check(&of(FieldType::Json), &deep(1_000), Err(ValueError::Json));
        check(&of(FieldType::Json), r#"{"a":"\ud83d"}"#, Err(ValueError::Json));
        let half = "a text with half a character (an unpaired surrogate)";
        check(&of(FieldType::Text), r#""\ud83d""#, Err(ValueError::Shape { found: half, wanted: "a text" }));
        let choice = Field { options: ["a".to_owned(), "b".to_owned()].into(), ..of(FieldType::Choice) };
        check(&choice, "\"a\"", Ok("a"));
        check(&choice, "\"c\"", Err(ValueError::Choice));
        let choices = Field { field_type: FieldType::Choices, ..choice };
        check(&choices, "[\"b\",\"a\",\"b\"]", Ok("a, b"));
        check(&choices, "\"b\"", Ok("b"));
        check(&choices, "[\"\",\"b\",null]", Ok("b"));
        for none in ["[]", "[\"\"]", "[null, \"\"]"] {
            check(&choices, none, Ok("nothing"));
        }
        check(&choices, "[\" \"]", Err(ValueError::Choice));
        check(&choices, r#""[\"b\",\"a\"]""#, Err(ValueError::ChoicesAsJson));
        check(&of(FieldType::Json), "[]", Ok("[]"));
        let short = Field { max_length: Some(2), ..of(FieldType::Text) };
        check(&short, "\"été\"", Err(ValueError::TooLong(2)));
    }
}
