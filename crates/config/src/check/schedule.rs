//! Schedules: an interval or a cron expression, in a time zone that exists.

use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZone;
use raccord_model::diagnostic::{Code, Finding};
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
    let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
    let error = parser.parse(cron).err()?;
    let why = error.to_string();
    let message = format!("`{cron}` is not a cron expression: {}", why.trim_end_matches('.'));
    Some(Finding::error(&["cron"], Code::InvalidValue, message).help(HELP))
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
