//! Schedules: an interval or a cron expression, in a time zone that exists.

use croner::Cron;
use croner::errors::CronError;
use croner::parser::{CronParser, Seconds, Year};
use raccord_compiler::zone;
use raccord_model::diagnostic::{Code, Finding};
use raccord_model::duration;
use raccord_model::language::Schedule;

use super::exactly_one;

/// What is wrong with a schedule.
pub(super) fn check(schedule: &Schedule) -> Vec<Finding> {
    const NOWHERE: [&str; 0] = [];
    let mut findings = Vec::new();
    let ways = [("every", schedule.every.is_some()), ("cron", schedule.cron.is_some())];
    if let Err(message) = exactly_one(&ways) {
        let help = "a schedule is an interval, or a cron expression with its time zone";
        findings.push(Finding::error(&NOWHERE, Code::ConflictingFields, message).help(help));
    }
    if schedule.every.is_some_and(|every| every.0 == 0) {
        let message = "the interval must be at least one second";
        findings.push(Finding::error(&["every"], Code::InvalidValue, message));
    }
    if let Some(cron) = &schedule.cron {
        findings.extend(check_cron(cron));
    }
    findings.extend(check_jitter(schedule));
    if let Some(zone) = &schedule.timezone {
        if schedule.every.is_some() && schedule.cron.is_none() {
            let message = "`timezone` stands beside `cron` only";
            findings.push(Finding::error(&["timezone"], Code::ConflictingFields, message));
        }
        findings.extend(check_zone(zone).map(|finding| finding.under(&["timezone"])));
    }
    findings
}

fn check_cron(cron: &str) -> Option<Finding> {
    const HELP: &str =
        "five fields: minute, hour, day of the month, month, day of the week, for example \"0 6 * * 1-5\"";
    if cron.split_whitespace().count() != 5 {
        let message = format!("`{cron}` does not have five fields");
        return Some(Finding::error(&["cron"], Code::InvalidValue, message).help(HELP));
    }
    let error = match parse_cron(cron) {
        Ok(parsed) if never_comes(&parsed) => {
            let message = format!("`{cron}` names days that no month has");
            return Some(Finding::error(&["cron"], Code::InvalidValue, message).help(HELP));
        }
        Ok(_) => return None,
        Err(error) => error,
    };
    let (why, help) = match wrong_field(cron) {
        Some((Field { name, values }, text)) => {
            (format!("`{text}` is no {name}"), format!("the {name} is {values}; {HELP}"))
        }
        None => (error.to_string().trim_end_matches('.').to_owned(), HELP.to_owned()),
    };
    let message = format!("`{cron}` is not a cron expression: {why}");
    Some(Finding::error(&["cron"], Code::InvalidValue, message).help(help))
}

/// A field of a cron expression and what may stand in it.
#[derive(Clone, Copy)]
struct Field {
    name: &'static str,
    values: &'static str,
}

/// The fields, in their order.
const FIELDS: [Field; 5] = [
    Field { name: "minute", values: "a number from 0 to 59" },
    Field { name: "hour", values: "a number from 0 to 23" },
    Field { name: "day of the month", values: "a number from 1 to 31" },
    Field { name: "month", values: "a number from 1 to 12, or JAN to DEC" },
    Field { name: "day of the week", values: "a number from 0 to 7 (0 and 7 are Sunday), or SUN to SAT" },
];

/// The first field that is wrong by itself, and what stands in it.
fn wrong_field(cron: &str) -> Option<(Field, &str)> {
    let is_wrong = |at: usize, text: &str| {
        let fields: Vec<&str> = (0..FIELDS.len()).map(|field| if field == at { text } else { "*" }).collect();
        parse_cron(&fields.join(" ")).is_err()
    };
    let written = cron.split_whitespace().enumerate();
    let (at, text) = written.into_iter().find(|(at, text)| is_wrong(*at, text))?;
    FIELDS.get(at).map(|field| (*field, text))
}

fn parse_cron(cron: &str) -> Result<Cron, CronError> {
    CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build().parse(cron)
}

/// Whether the months are too short for every day that is named, as in the 30th of February.
fn never_comes(cron: &Cron) -> bool {
    let pattern = &cron.pattern;
    let days = |month: u16| match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let longest = pattern.months.values().into_iter().map(days).max();
    let too_late = pattern.days.values().first().copied() > longest;
    too_late && pattern.is_dow_wildcard() && !pattern.days.has_modifiers()
}

/// A delay of a whole interval spreads nothing that a shorter one does not.
fn check_jitter(schedule: &Schedule) -> Option<Finding> {
    let jitter = schedule.jitter?;
    let interval = match (&schedule.every, &schedule.cron) {
        (Some(every), None) => *every,
        (None, Some(cron)) => shortest_interval(&parse_cron(cron).ok()?),
        _ => return None,
    };
    // An interval of nothing is an error of its own.
    if jitter < interval || interval.0 == 0 {
        return None;
    }
    let message = format!("the jitter must be shorter than the interval, which is {interval}");
    Some(Finding::error(&["jitter"], Code::InvalidValue, message))
}

/// The shortest time between two times of two successive days, clock changes aside.
fn shortest_interval(cron: &Cron) -> duration::Seconds {
    const DAY: u64 = 24 * 60;
    let minutes = cron.pattern.minutes.values();
    let hours = cron.pattern.hours.values().into_iter().map(u64::from);
    let times: Vec<u64> =
        hours.flat_map(|hour| minutes.iter().map(move |minute| hour * 60 + u64::from(*minute))).collect();
    let next = times.iter().skip(1).copied().chain(times.first().map(|first| first + DAY));
    let shortest = times.iter().zip(next).map(|(time, next)| next - time).min();
    duration::Seconds(shortest.unwrap_or(DAY) * 60)
}

/// Whether a time zone exists.
pub(super) fn check_zone(zone: &str) -> Option<Finding> {
    const NOWHERE: [&str; 0] = [];
    let help = zone::advice(zone)?;
    let message = format!("there is no time zone `{zone}`");
    Some(Finding::error(&NOWHERE, Code::InvalidValue, message).help(help))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_that_is_wrong_is_named() {
        let cases = [
            ("60 * * * *", Some(("minute", "60"))),
            ("0 25 * * *", Some(("hour", "25"))),
            ("0 6 0 * *", Some(("day of the month", "0"))),
            ("0 6 * 13 *", Some(("month", "13"))),
            ("0 6 * * 1-9", Some(("day of the week", "1-9"))),
            ("*/5 6,18 L JAN MON-FRI", None),
        ];
        for (cron, expected) in cases {
            let found = wrong_field(cron).map(|(field, text)| (field.name, text));
            assert_eq!(found, expected, "{cron}");
            assert_eq!(parse_cron(cron).is_err(), expected.is_some(), "{cron}");
        }
    }
}
