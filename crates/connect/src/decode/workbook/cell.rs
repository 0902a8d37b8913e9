//! The value of a cell as JSON. What cannot be kept as it is has a reason, and is never rounded.

use calamine::{DataRef, ExcelDateTime};

use super::date_format::Shows;

/// From here on whole numbers are not told from each other: the size of the mantissa of a number in a workbook.
const EXACT: f64 = 9_007_199_254_740_992.0;
/// How many digits spreadsheet programs keep.
const DIGITS: usize = 15;
/// Milliseconds of a day.
const DAY: f64 = 86_400_000.0;

/// A value as JSON, or why it has none. `shows` is what the cell's format shows, where it is a date.
pub(super) fn json(value: &DataRef<'_>, shows: Shows) -> Result<String, String> {
    match value {
        DataRef::Int(number) => Ok(number.to_string()),
        DataRef::Float(number) => number_of(*number),
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => Ok(text_of(text)),
        DataRef::SharedString(text) => Ok(text_of(text)),
        DataRef::Bool(value) => Ok(value.to_string()),
        DataRef::DateTime(moment) => moment_of(moment, shows).map(|text| text_of(&text)),
        DataRef::Error(error) => Err(format!("holds the error {error}")),
        DataRef::Empty => Ok("null".to_owned()),
    }
}

fn text_of(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A whole number stays whole. One beyond what a workbook keeps exactly may be a neighbour of the one that was written.
fn number_of(number: f64) -> Result<String, String> {
    let shortest = serde_json::Number::from_f64(number).ok_or("holds a number that is none")?.to_string();
    if number.fract() != 0.0 {
        return Ok(shortest);
    }
    let (mantissa, _) = shortest.split_once(['e', 'E']).unwrap_or((&shortest, ""));
    let digits = mantissa.trim_start_matches('-').trim_end_matches(".0").replace('.', "");
    if number.abs() >= EXACT && digits.trim_end_matches('0').len() > DIGITS {
        return Err(format!(
            "holds the number {number:.0}, of which a workbook keeps the first {DIGITS} digits alone; write it as text"
        ));
    }
    if number == 0.0 {
        return Ok("0".to_owned());
    }
    // Beyond 64 bits the digits say no more than the exponent does.
    Ok(if number.abs() < 1e18 { format!("{number:.0}") } else { shortest })
}

/// A date as the format of its cell says, with more only where it would be lost.
fn moment_of(moment: &ExcelDateTime, shows: Shows) -> Result<String, String> {
    let serial = moment.as_f64();
    if moment.is_duration() {
        return Ok(duration_of(serial));
    }
    if !(0.0..2_958_466.0).contains(&serial) {
        return Err(format!("holds the date number {serial}, which is beyond the years 1900 to 9999"));
    }
    let (year, month, day, hour, minute, second, milli) = moment.to_ymd_hms_milli();
    let has_time = (hour, minute, second, milli) != (0, 0, 0, 0);
    let fraction = if milli == 0 { String::new() } else { format!(".{milli:03}") };
    let time = format!("{hour:02}:{minute:02}:{second:02}{fraction}");
    if serial < 1.0 && !shows.day {
        return Ok(time);
    }
    if (year, month, day) == (1900, 2, 29) || day == 0 {
        return Err("holds a day that the calendar does not have".to_owned());
    }
    let date = format!("{year:04}-{month:02}-{day:02}");
    Ok(if shows.time || has_time { format!("{date}T{time}") } else { date })
}

/// Hours, which may be more than a day has, minutes and seconds: what the format shows.
fn duration_of(days: f64) -> String {
    let total = (days.abs() * DAY).round();
    let sign = if days < 0.0 { "-" } else { "" };
    let part = |unit: f64, of: f64| ((total / unit).floor() % of).round();
    let (minutes, seconds, millis) = (part(60_000.0, 60.0), part(1_000.0, 60.0), part(1.0, 1_000.0));
    let hours = (total / 3_600_000.0).floor();
    let fraction = if millis == 0.0 { String::new() } else { format!(".{millis:03.0}") };
    format!("{sign}{hours:02.0}:{minutes:02.0}:{seconds:02.0}{fraction}")
}

#[cfg(test)]
mod tests {
    use calamine::ExcelDateTimeType::{DateTime, TimeDelta};

    use super::*;

    const NONE: Shows = Shows { day: false, time: false };

    #[test]
    fn a_number_stays_what_it_is() {
        for (number, expected) in [
            (42.0, Ok("42")),
            (-0.0, Ok("0")),
            (-7.0, Ok("-7")),
            (0.1, Ok("0.1")),
            (1.5e-7, Ok("1.5e-7")),
            (9_007_199_254_740_991.0, Ok("9007199254740991")),
            (1e17, Ok("100000000000000000")),
            (1e300, Ok("1e+300")),
            (f64::NAN, Err("holds a number that is none")),
        ] {
            let shown = json(&DataRef::Float(number), NONE);
            assert_eq!(shown.as_deref().map_err(String::as_str), expected, "{number}");
        }
        assert!(json(&DataRef::Float(1_234_567_890_123_456_789.0), NONE).is_err());
    }

    #[test]
    fn a_date_is_what_its_format_shows() {
        let check = |serial, kind, shows, expected: Result<&str, &str>| {
            let moment = DataRef::DateTime(ExcelDateTime::new(serial, kind, false));
            let shown = json(&moment, shows);
            let expected = expected.map(|text| format!("\"{text}\"")).map_err(str::to_owned);
            assert_eq!(shown, expected, "{serial}");
        };
        let (day, time) = (Shows { day: true, time: false }, Shows { day: false, time: true });
        let both = Shows { day: true, time: true };
        check(45_943.0, DateTime, day, Ok("2025-10-13"));
        check(45_943.5, DateTime, day, Ok("2025-10-13T12:00:00"));
        check(45_943.0, DateTime, both, Ok("2025-10-13T00:00:00"));
        check(45_943.541, DateTime, both, Ok("2025-10-13T12:59:02.400"));
        check(0.75, DateTime, time, Ok("18:00:00"));
        check(1.5, TimeDelta, time, Ok("36:00:00"));
        check(60.0, DateTime, day, Err("holds a day that the calendar does not have"));
        check(-1.0, DateTime, day, Err("holds the date number -1, which is beyond the years 1900 to 9999"));
    }
}
