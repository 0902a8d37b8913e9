//! Dates to text: `strftime` as Python and the C library under it do it in the C locale. It never fails: what is no
//! directive stays as it is.

use super::{DateTime, Fields, SECOND};

pub(super) const DAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// How many levels `%c` and its like may nest.
const DEPTH: usize = 3;

/// Writes a date by Python's directives.
pub fn strftime(date: &DateTime, format: &str) -> String {
    let mut out = String::new();
    write(&mut out, date, format, DEPTH);
    out
}

fn write(out: &mut String, date: &DateTime, format: &str, depth: usize) {
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        let directive = &rest[at + 1..];
        let flags = directive.len() - directive.trim_start_matches(['-', '_', '0', '^', '#', 'E', 'O']).len();
        let (flag, after) = directive.split_at(flags);
        let Some(letter) = after.chars().next() else {
            out.push_str(&rest[at..]);
            return;
        };
        let mut part = String::new();
        if one(&mut part, date, letter, depth) {
            flagged(out, &part, flag);
        } else {
            out.push('%');
            out.push_str(flag);
            out.push(letter);
        }
        rest = &after[letter.len_utf8()..];
    }
    out.push_str(rest);
}

/// The flags of the C library: no padding, blanks, capitals.
fn flagged(out: &mut String, part: &str, flag: &str) {
    let number = part.trim_start_matches(['0', ' ']);
    let number = if number.is_empty() && !part.is_empty() { "0" } else { number };
    match flag.chars().next() {
        Some('-') if part.bytes().all(|byte| byte.is_ascii_digit() || byte == b' ') => out.push_str(number),
        Some('_') => out.push_str(&format!("{number:>width$}", width = part.len())),
        Some('0') => out.push_str(&part.replace(' ', "0")),
        Some('^') => out.push_str(&part.to_uppercase()),
        _ => out.push_str(part),
    }
}

/// Writes one directive; says whether there is such a one.
fn one(out: &mut String, date: &DateTime, letter: char, depth: usize) -> bool {
    let fields = date.fields();
    if let Some(text) = number(date, &fields, letter).or_else(|| name(date, &fields, letter)) {
        out.push_str(&text);
        return true;
    }
    let composed = match letter {
        'c' => "%a %b %e %H:%M:%S %Y",
        'D' | 'x' => "%m/%d/%y",
        'F' => "%Y-%m-%d",
        'r' => "%I:%M:%S %p",
        'R' => "%H:%M",
        'T' | 'X' => "%H:%M:%S",
        _ => return false,
    };
    if depth > 0 {
        write(out, date, composed, depth - 1);
    }
    true
}

fn number(date: &DateTime, fields: &Fields, letter: char) -> Option<String> {
    let weekday = fields.weekday();
    let twelve = if fields.hour % 12 == 0 { 12 } else { fields.hour % 12 };
    let (iso_year, iso_week) = fields.iso_week();
    let two = |number: i64| format!("{number:02}");
    Some(match letter {
        'Y' => fields.year.to_string(),
        'C' => (fields.year / 100).to_string(),
        'y' => two(fields.year % 100),
        'm' => two(fields.month),
        'd' => two(fields.day),
        'e' => format!("{:2}", fields.day),
        'H' => two(fields.hour),
        'I' => two(twelve),
        'k' => format!("{:2}", fields.hour),
        'l' => format!("{twelve:2}"),
        'M' => two(fields.minute),
        'S' => two(fields.second),
        'f' => format!("{:06}", fields.microsecond),
        'j' => format!("{:03}", fields.ordinal()),
        'w' => ((weekday + 1) % 7).to_string(),
        'u' => (weekday + 1).to_string(),
        'U' => two((fields.ordinal() + 6 - (weekday + 1) % 7) / 7),
        'W' => two((fields.ordinal() + 6 - weekday) / 7),
        'V' => two(iso_week),
        'G' => iso_year.to_string(),
        'g' => two(iso_year % 100),
        // The C library takes the fields for local time, and the reference runs in UTC.
        's' => date.local.div_euclid(SECOND).to_string(),
        _ => return None,
    })
}

fn name(date: &DateTime, fields: &Fields, letter: char) -> Option<String> {
    let of = |names: &[&'static str], at: i64| usize::try_from(at).ok().and_then(|at| names.get(at).copied());
    let day = of(&DAYS, fields.weekday()).unwrap_or_default();
    let month = of(&MONTHS, fields.month - 1).unwrap_or_default();
    let noon = if fields.hour < 12 { "AM" } else { "PM" };
    Some(match letter {
        'a' => day[..3].to_owned(),
        'A' => day.to_owned(),
        'b' | 'h' => month[..3].to_owned(),
        'B' => month.to_owned(),
        'p' => noon.to_owned(),
        'P' => noon.to_lowercase(),
        'z' => date.offset.map(|offset| offset_text(offset, "")).unwrap_or_default(),
        'Z' => match date.offset {
            None => String::new(),
            Some(0) => "UTC".to_owned(),
            Some(offset) => format!("UTC{}", offset_text(offset, ":")),
        },
        'n' => "\n".to_owned(),
        't' => "\t".to_owned(),
        '%' => "%".to_owned(),
        _ => return None,
    })
}

/// An offset as `+01:30`, with what stands between its parts.
pub(crate) fn offset_text(offset: i32, between: &str) -> String {
    let sign = if offset < 0 { '-' } else { '+' };
    let seconds = offset.unsigned_abs();
    let text = format!("{sign}{:02}{between}{:02}", seconds / 3600, seconds / 60 % 60);
    if seconds.is_multiple_of(60) { text } else { format!("{text}{between}{:02}", seconds % 60) }
}
