//! Text to dates: `strptime` with Python's directives. It tries every length that a directive may have, as Python's
//! regular expression does, and never reads a part of the text only.

use super::calendar::{Fields, days, first_week};
use super::print::{DAYS, MONTHS};
use super::{DAY, DateTime, TimeError};

/// How many steps one text may take: formats with many directives of one digit or two backtrack.
const STEPS: usize = 100_000;

/// One piece of a format.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Piece {
    Letter(char),
    Blanks,
    Directive(char),
}

/// What was read so far.
#[derive(Debug, Clone, Copy, Default)]
struct Read {
    year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    hour: i64,
    twelve: Option<i64>,
    afternoon: Option<bool>,
    minute: i64,
    second: i64,
    microsecond: i64,
    ordinal: Option<i64>,
    weekday: Option<i64>,
    week: Option<Week>,
    iso_year: Option<i64>,
    offset: Option<i32>,
}

/// A number of a week, and the day with which weeks begin.
#[derive(Debug, Clone, Copy)]
enum Week {
    Sunday(i64),
    Monday(i64),
    Iso(i64),
}

/// Reads a text by Python's directives. Without `%z` the date has no offset.
///
/// # Errors
/// When the text does not fit, or the format has a directive that cannot be read.
pub fn strptime(text: &str, format: &str) -> Result<DateTime, TimeError> {
    let mut pieces = Vec::new();
    split(format, &mut pieces).ok_or_else(|| TimeError::Format(format.to_owned()))?;
    let mismatch = || TimeError::Mismatch(format.to_owned());
    let mut steps = STEPS;
    let read = fit(text, &pieces, Read::default(), &mut steps).ok_or_else(mismatch)?;
    let date = date(&read).ok_or_else(mismatch)?;
    let hour = match (read.twelve, read.afternoon) {
        (Some(hour), afternoon) => hour % 12 + if afternoon == Some(true) { 12 } else { 0 },
        (None, _) => read.hour,
    };
    // A leap second, which Python reads and `datetime` refuses.
    let (minute, second, microsecond) = (read.minute, read.second, read.microsecond);
    DateTime::new(Fields { hour, minute, second, microsecond, ..date }, read.offset).map_err(|_| mismatch())
}

fn split(format: &str, pieces: &mut Vec<Piece>) -> Option<()> {
    let mut letters = format.chars();
    while let Some(letter) = letters.next() {
        if letter.is_whitespace() {
            if pieces.last() != Some(&Piece::Blanks) {
                pieces.push(Piece::Blanks);
            }
            continue;
        }
        if letter != '%' {
            pieces.push(Piece::Letter(letter));
            continue;
        }
        match letters.next()? {
            '%' => pieces.push(Piece::Letter('%')),
            'c' => split("%a %b %d %H:%M:%S %Y", pieces)?,
            'x' => split("%m/%d/%y", pieces)?,
            'X' => split("%H:%M:%S", pieces)?,
            known if "dfHIjmMSUWwuVyYzAaBbpZG".contains(known) => pieces.push(Piece::Directive(known)),
            _ => return None,
        }
    }
    Some(())
}

fn fit(text: &str, pieces: &[Piece], read: Read, steps: &mut usize) -> Option<Read> {
    *steps = steps.checked_sub(1)?;
    let Some((piece, pieces)) = pieces.split_first() else { return text.is_empty().then_some(read) };
    match *piece {
        Piece::Letter(letter) => {
            let first = text.chars().next()?;
            let same = first == letter || first.to_lowercase().eq(letter.to_lowercase());
            same.then(|| fit(&text[first.len_utf8()..], pieces, read, steps))?
        }
        Piece::Blanks => {
            let rest = text.trim_start();
            (rest.len() < text.len()).then(|| fit(rest, pieces, read, steps))?
        }
        Piece::Directive(letter) => lengths(text, letter).into_iter().find_map(|length| {
            let mut read = read;
            take(&mut read, letter, text.get(..length)?)?;
            fit(&text[length..], pieces, read, steps)
        }),
    }
}

/// The lengths that a directive may take of a text, the one that Python tries first in front.
fn lengths(text: &str, letter: char) -> Vec<usize> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let down = |from: usize| (1..=from.min(digits)).rev().collect::<Vec<_>>();
    match letter {
        'Y' | 'G' => {
            if digits >= 4 {
                vec![4]
            } else {
                vec![]
            }
        }
        'y' => {
            if digits >= 2 {
                vec![2]
            } else {
                vec![]
            }
        }
        'd' if text.starts_with(' ') => vec![2],
        'd' | 'H' | 'I' | 'm' | 'M' | 'S' | 'U' | 'W' | 'V' => down(2),
        'j' => down(3),
        'w' | 'u' => down(1),
        'f' => down(6),
        'A' => names(text, &DAYS, usize::MAX),
        'a' => names(text, &DAYS, 3),
        'B' => names(text, &MONTHS, usize::MAX),
        'b' => names(text, &MONTHS, 3),
        'p' => vec![2],
        'Z' => vec![3],
        _ => zone_lengths(text),
    }
}

fn names(text: &str, names: &[&str], length: usize) -> Vec<usize> {
    let lengths = names.iter().map(|name| name.len().min(length));
    let mut fitting: Vec<_> = lengths
        .zip(names)
        .filter(|(length, name)| {
            text.get(..*length).is_some_and(|start| start.eq_ignore_ascii_case(&name[..*length]))
        })
        .map(|(length, _)| length)
        .collect();
    fitting.sort_unstable_by(|a, b| b.cmp(a));
    fitting
}

fn zone_lengths(text: &str) -> Vec<usize> {
    if text.starts_with('Z') {
        return vec![1];
    }
    let end = text.bytes().position(|byte| !b"+-0123456789:.".contains(&byte)).unwrap_or(text.len());
    (5..=end.min(16)).rev().collect()
}

/// Takes what a directive reads; none where it isn't in its range.
fn take(read: &mut Read, letter: char, text: &str) -> Option<()> {
    let number = || text.trim_start().parse::<i64>().ok();
    let within = |from: i64, to: i64| number().filter(|number| (from..=to).contains(number));
    let at = |names: &[&str], length: usize| {
        let same = |name: &&str| name[..name.len().min(length)].eq_ignore_ascii_case(text);
        names.iter().position(same).and_then(|at| i64::try_from(at).ok())
    };
    match letter {
        'Y' => read.year = Some(number()?),
        'y' => read.year = Some(number().map(|year| if year <= 68 { 2000 + year } else { 1900 + year })?),
        'G' => read.iso_year = Some(number()?),
        'm' => read.month = Some(within(1, 12)?),
        'd' => read.day = Some(within(1, 31)?),
        'H' => read.hour = within(0, 23)?,
        'I' => read.twelve = Some(within(1, 12)?),
        'M' => read.minute = within(0, 59)?,
        'S' => read.second = within(0, 61)?,
        'f' => read.microsecond = format!("{text:0<6}").parse().ok()?,
        'j' => read.ordinal = Some(within(1, 366)?),
        'w' => read.weekday = Some((within(0, 6)? + 6) % 7),
        'u' => read.weekday = Some(within(1, 7)? - 1),
        'U' => read.week = Some(Week::Sunday(within(0, 53)?)),
        'W' => read.week = Some(Week::Monday(within(0, 53)?)),
        'V' => read.week = Some(Week::Iso(within(1, 53)?)),
        'A' => read.weekday = Some(at(&DAYS, usize::MAX)?),
        'a' => read.weekday = Some(at(&DAYS, 3)?),
        'B' => read.month = Some(at(&MONTHS, usize::MAX)? + 1),
        'b' => read.month = Some(at(&MONTHS, 3)? + 1),
        'p' if text.eq_ignore_ascii_case("am") => read.afternoon = Some(false),
        'p' if text.eq_ignore_ascii_case("pm") => read.afternoon = Some(true),
        'Z' if text.eq_ignore_ascii_case("utc") || text.eq_ignore_ascii_case("gmt") => {}
        'z' => read.offset = Some(offset(text)?),
        _ => return None,
    }
    Some(())
}

/// `Z`, `+0100`, `+01:00`, `+01:00:30`; a fraction of a second must be nothing.
fn offset(text: &str) -> Option<i32> {
    if text == "Z" {
        return Some(0);
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let (whole, fraction) = text.get(1..)?.split_once('.').unwrap_or((&text[1..], "0"));
    if text.starts_with(|first: char| first.is_ascii_digit()) || fraction.bytes().any(|byte| byte != b'0') {
        return None;
    }
    let colon = whole.as_bytes().get(2) == Some(&b':');
    let parts: Vec<&str> = if colon {
        whole.split(':').collect()
    } else {
        (0..whole.len()).step_by(2).map(|at| whole.get(at..at + 2)).collect::<Option<_>>()?
    };
    let mut seconds = 0;
    for (unit, part) in [3600, 60, 1].iter().zip(&parts) {
        let number: i32 = (part.len() == 2).then(|| part.parse().ok())??;
        if *unit < 3600 && number > 59 {
            return None;
        }
        seconds += unit * number;
    }
    (matches!(parts.len(), 2 | 3) && seconds < 86_400).then_some(sign * seconds)
}

/// The date that the parts say, 1900-01-01 where they say nothing.
fn date(read: &Read) -> Option<Fields> {
    let year = read.year.unwrap_or(1900);
    if let (Some(year), Some(Week::Iso(week)), Some(weekday)) = (read.iso_year, read.week, read.weekday) {
        return Some(Fields::of((first_week(year) + (week - 1) * 7 + weekday) * DAY));
    }
    if read.iso_year.is_some() || matches!(read.week, Some(Week::Iso(_))) {
        return None;
    }
    let first = days(year, 1, 1);
    let starts = (first + 3).rem_euclid(7);
    let of_week = match (read.year, read.week, read.weekday) {
        (Some(_), Some(Week::Sunday(week)), Some(weekday)) => {
            Some((week - 1) * 7 + (weekday + 1) % 7 + (7 - (starts + 1) % 7) % 7)
        }
        (Some(_), Some(Week::Monday(week)), Some(weekday)) => {
            Some((week - 1) * 7 + weekday + (7 - starts) % 7)
        }
        _ => None,
    };
    let of_year = read.ordinal.map(|day| day - 1).or(of_week);
    if let (None, None, Some(day)) = (read.month, read.day, of_year) {
        return Some(Fields::of((first + day) * DAY));
    }
    // A 29th of February without a year is read in a leap year, and then is none of 1900.
    Some(Fields::midnight(year, read.month.unwrap_or(1), read.day.unwrap_or(1)))
}
