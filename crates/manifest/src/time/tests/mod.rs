//! Dates against what the reference and the libraries under it give; `cases.json` holds their values.

use serde::Deserialize;

use super::{DateTime, Period, TimeError, format, parse, parse_iso};
use crate::template::iso_text;

#[derive(Deserialize)]
struct Cases {
    parse: Vec<Parse>,
    format: Vec<Written>,
    iso: Vec<Iso>,
    period: Vec<Span>,
}

#[derive(Deserialize, PartialEq, Debug)]
struct Date {
    micros: i64,
    offset: Option<i32>,
}

#[derive(Deserialize)]
struct Parse {
    text: String,
    format: String,
    date: Option<Date>,
}

#[derive(Deserialize)]
struct Written {
    iso: String,
    #[serde(rename = "format")]
    by: String,
    text: String,
}

#[derive(Deserialize)]
struct Iso {
    text: String,
    date: Option<Date>,
}

#[derive(Deserialize)]
struct Span {
    text: String,
    period: Option<Sums>,
}

#[derive(Deserialize, PartialEq, Debug)]
struct Sums {
    text: String,
    plus: Option<String>,
    minus: Option<String>,
}

fn cases() -> Cases {
    serde_json::from_str(include_str!("cases.json")).unwrap()
}

fn date(found: Result<DateTime, TimeError>) -> Option<Date> {
    found.ok().map(|date| Date { micros: date.micros(), offset: date.offset() })
}

#[test]
fn dates_are_read_by_their_format() {
    for Parse { text, format, date: expected } in cases().parse {
        assert_eq!(date(parse(&text, &format)), expected, "`{text}` by `{format}`");
    }
}

#[test]
fn dates_are_written_by_a_format() {
    for Written { iso, by, text } in cases().format {
        assert_eq!(format(&parse_iso(&iso).unwrap(), &by), text, "`{iso}` by `{by}`");
    }
}

#[test]
fn iso_dates_are_read() {
    for Iso { text, date: expected } in cases().iso {
        assert_eq!(date(parse_iso(&text)), expected, "`{text}`");
    }
}

#[test]
fn durations_are_read_and_move_dates() {
    let start = parse_iso("2024-01-31T10:00:00.000005Z").unwrap();
    let moved = |date: Result<DateTime, TimeError>| date.ok().map(|date| iso_text(&date, 'T'));
    for Span { text, period } in cases().period {
        let found = Period::parse(&text).ok().map(|period| Sums {
            text: period.to_string(),
            plus: moved(start.plus(period)),
            minus: moved(start.minus(period)),
        });
        assert_eq!(found, period, "`{text}`");
    }
}

#[test]
fn dates_compare_by_their_instant() {
    let read = |text| parse_iso(text).unwrap();
    assert_eq!(read("2024-01-01T01:00:00+01:00"), read("2024-01-01T00:00:00Z"));
    assert!(read("2024-01-01T01:00:00+02:00") < read("2024-01-01T00:00:00Z"));
}
