//! Schedules: an interval or a cron expression, in a time zone that exists.

use croner::Cron;
use croner::errors::CronError;
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZone;
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
    let error = parse_cron(cron).err()?;
    let why = error.to_string();
    let message = format!("`{cron}` is not a cron expression: {}", why.trim_end_matches('.'));
    Some(Finding::error(&["cron"], Code::InvalidValue, message).help(HELP))
}

fn parse_cron(cron: &str) -> Result<Cron, CronError> {
    CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build().parse(cron)
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

/// The shortest time between two times of one day, clock changes aside; a day when it has one time only.
fn shortest_interval(cron: &Cron) -> duration::Seconds {
    let gap = |values: &[u16], turn: u16| {
        let next = values.iter().skip(1).copied().chain(values.first().map(|first| first + turn));
        let shortest = values.iter().zip(next).map(|(value, next)| next - value).min();
        u64::from(shortest.unwrap_or(turn))
    };
    let (minutes, hours) = (cron.pattern.minutes.values(), cron.pattern.hours.values());
    duration::Seconds(if minutes.len() > 1 { gap(&minutes, 60) * 60 } else { gap(&hours, 24) * 3_600 })
}

/// Whether a time zone exists.
pub(super) fn check_zone(zone: &str) -> Option<Finding> {
    const NOWHERE: [&str; 0] = [];
    if TimeZone::get(zone).is_ok() {
        return None;
    }
    let message = format!("there is no time zone `{zone}`");
    let help = "use a name of the IANA database, for example America/Montreal or UTC";
    Some(Finding::error(&NOWHERE, Code::InvalidValue, message).help(help))
}
