//! ISO 8601 dates to [`DateTime`], as far as `dateutil`'s `isoparse` reads them. It never guesses: what is ambiguous is
//! an error.

use super::calendar::{Fields, days, first_week, is_leap};
use super::{DAY, DateTime, SECOND, TimeError};

/// Reads an ISO 8601 date, or date and time: `2025`, `2025-01`, `20250131`, `2025-W05-5`, `2025-01-31T10:00:00.5+01:00`.
/// Any one character may stand between date and time. Without an offset it has none.
///
/// # Errors
/// When it is no such text.
pub fn parse_iso(text: &str) -> Result<DateTime, TimeError> {
    let text = text.as_bytes();
    if !text.is_ascii() {
        return Err(TimeError::Iso);
    }
    let (date, rest) = common(text).or_else(|| uncommon(text)).ok_or(TimeError::Iso)?;
    let Some(rest) = rest.get(1..).filter(|_| !rest.is_empty()) else {
        return DateTime::new(date, None).map_err(|_| TimeError::Iso);
    };
    let (time, offset) = clock(rest).ok_or(TimeError::Iso)?;
    let midnight = DateTime::new(date, offset).map_err(|_| TimeError::Iso)?;
    midnight.plus_micros(time)
}

fn number(text: &[u8], from: usize, length: usize) -> Option<i64> {
    let digits = text.get(from..from + length)?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(digits.iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0')))
}

/// `YYYY`, `YYYY-MM`, `YYYY-MM-DD`, `YYYYMMDD`, and what follows.
fn common(text: &[u8]) -> Option<(Fields, &[u8])> {
    let year = number(text, 0, 4)?;
    if text.len() == 4 {
        return Some((Fields::midnight(year, 1, 1), &[]));
    }
    let dash = usize::from(text[4] == b'-');
    let month = number(text, 4 + dash, 2)?;
    let at = 6 + dash;
    if text.len() == at {
        return (dash == 1).then(|| (Fields::midnight(year, month, 1), &text[at..]));
    }
    if dash == 1 && text[at] != b'-' {
        return None;
    }
    let day = number(text, at + dash, 2)?;
    Some((Fields::midnight(year, month, day), &text[at + dash + 2..]))
}

/// Weeks and days of the year, and what follows.
fn uncommon(text: &[u8]) -> Option<(Fields, &[u8])> {
    let year = number(text, 0, 4)?;
    let dash = usize::from(text.get(4) == Some(&b'-'));
    let mut at = 4 + dash;
    let date = if text.get(at) == Some(&b'W') {
        let week = number(text, at + 1, 2)?;
        at += 3;
        let mut weekday = 1;
        if text.len() > at {
            if usize::from(text[at] == b'-') != dash {
                return None;
            }
            weekday = number(text, at + dash, 1)?;
            at += dash + 1;
        }
        if !(1..=53).contains(&week) || !(1..=7).contains(&weekday) {
            return None;
        }
        first_week(year) + (week - 1) * 7 + weekday - 1
    } else {
        let day = number(text, at, 3)?;
        at += 3;
        if day < 1 || day > 365 + i64::from(is_leap(year)) {
            return None;
        }
        days(year, 1, 1) + day - 1
    };
    Some((Fields::of(date * DAY), &text[at..]))
}

/// The microseconds of a time of day, and its offset.
fn clock(text: &[u8]) -> Option<(i64, Option<i32>)> {
    let mut parts = [0_i64; 3];
    let mut micros = 0;
    let mut at = 0;
    let mut colon = 0;
    if text.len() < 2 {
        return None;
    }
    for step in 0..=5_usize {
        if at >= text.len() {
            break;
        }
        if matches!(text[at], b'-' | b'+' | b'Z' | b'z') {
            let offset = Some(offset(&text[at..])?);
            return Some((of_day(parts, micros)?, offset));
        }
        match step {
            1 if text[at] == b':' => colon = 1,
            2 if colon == 1 && text[at] != b':' => return None,
            _ => {}
        }
        if let Some(part) = parts.get_mut(step) {
            at += if step == 0 { 0 } else { colon };
            *part = number(text, at, 2)?;
            at += 2;
        } else if step == 3 && matches!(text[at], b'.' | b',') {
            let digits = text[at + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            micros = fraction(&text[at + 1..at + 1 + digits])?;
            at += 1 + digits;
        }
    }
    (at >= text.len()).then_some(())?;
    Some((of_day(parts, micros)?, None))
}

fn fraction(digits: &[u8]) -> Option<i64> {
    let kept = &digits[..digits.len().min(6)];
    let scale = 10_i64.pow(u32::try_from(6 - kept.len()).ok()?);
    (!kept.is_empty()).then_some(())?;
    Some(number(kept, 0, kept.len())? * scale)
}

fn of_day([hour, minute, second]: [i64; 3], micros: i64) -> Option<i64> {
    // 24:00 is the midnight at the end of the day.
    let end = hour == 24 && minute == 0 && second == 0 && micros == 0;
    let valid = (hour < 24 || end) && minute < 60 && second < 60;
    valid.then_some(((hour * 60 + minute) * 60 + second) * SECOND + micros)
}

fn offset(text: &[u8]) -> Option<i32> {
    if matches!(text, b"Z" | b"z") {
        return Some(0);
    }
    let sign = match text[0] {
        b'-' => -1,
        b'+' => 1,
        _ => return None,
    };
    let minutes = match text.len() {
        3 => 0,
        5 => number(text, 3, 2)?,
        6 if text[3] == b':' => number(text, 4, 2)?,
        _ => return None,
    };
    let hours = number(text, 1, 2)?;
    if hours > 23 || minutes > 59 {
        return None;
    }
    i32::try_from(sign * (hours * 60 + minutes) * 60).ok()
}
