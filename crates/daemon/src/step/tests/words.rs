//! The language of the scenarios.
//!
//! A scenario is an unindented title and indented lines. `given clock ZONE DATE` sets the zone and day in which times
//! are meant (else UTC, 2025-01-06, a Monday); `given limits TOTAL PER-SOURCE` the limits; `given once` the policy.
//! `given NAME WORDS` is a transfer in the words of
//! [`patch`](super::patch::patch). Then `TIME  EVENT → EFFECTS`; no effects are a dash.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};

/// One scenario.
#[derive(Debug)]
pub(super) struct Scenario {
    pub(super) title: String,
    pub(super) clock: Clock,
    pub(super) once: bool,
    pub(super) limits: Option<(u32, u32)>,
    /// Transfers by name, with the words that say what they are.
    pub(super) given: Vec<(String, String)>,
    pub(super) lines: Vec<Line>,
}

/// One event and what follows from it.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) time: String,
    pub(super) event: String,
    pub(super) effects: String,
}

impl Line {
    /// The line with other effects, as it stands in the file.
    pub(super) fn shown(&self, effects: &str) -> String {
        format!("    {}  {} → {}", self.time, self.event, effects)
    }
}

impl Scenario {
    /// The scenarios of a file.
    pub(super) fn all(file: &str) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for line in file.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
            if line.starts_with(' ') {
                all.last_mut().expect("a title first").add(line.trim());
            } else {
                all.push(Self {
                    title: line.to_owned(),
                    clock: Clock::default(),
                    once: false,
                    limits: None,
                    given: Vec::new(),
                    lines: Vec::new(),
                });
            }
        }
        all
    }

    fn add(&mut self, line: &str) {
        let Some(given) = line.strip_prefix("given ") else {
            let (what, effects) = line.split_once('→').unwrap_or_else(|| panic!("no arrow: {line}"));
            let (time, event) = what.split_once("  ").unwrap_or_else(|| panic!("no time: {line}"));
            let [time, event, effects] = [time, event, effects].map(|text| text.trim().to_owned());
            return self.lines.push(Line { time, event, effects });
        };
        match given.trim().split(' ').collect::<Vec<_>>()[..] {
            ["once"] => self.once = true,
            ["clock", zone, date] => {
                self.clock = Clock { zone: TimeZone::get(zone).unwrap(), day: date.parse().unwrap() };
            }
            ["limits", total, per_source] => {
                self.limits = Some((total.parse().unwrap(), per_source.parse().unwrap()));
            }
            [name, ref words @ ..] => self.given.push((name.to_owned(), words.join(" "))),
            [] => panic!("given what?"),
        }
    }
}

/// How times are written: `08:00` or `08:00:30`, after a date when it is another day, and before an offset when the
/// clock shows the time twice.
#[derive(Debug, Clone)]
pub(super) struct Clock {
    zone: TimeZone,
    day: Date,
}

impl Default for Clock {
    fn default() -> Self {
        Self { zone: TimeZone::UTC, day: jiff::civil::date(2025, 1, 6) }
    }
}

impl Clock {
    /// The instant that a text means.
    pub(super) fn read(&self, text: &str) -> Timestamp {
        let (day, time) = match text.split_once(' ') {
            Some((day, time)) => (day.parse().unwrap(), time),
            None => (self.day, text),
        };
        let at = |time: &str| -> DateTime { day.to_datetime(time.parse::<Time>().unwrap()) };
        match time
            .split_once('+')
            .map(|(time, hours)| (time, hours, 1))
            .or_else(|| time.split_once('-').map(|(time, hours)| (time, hours, -1)))
        {
            Some((time, hours, sign)) => {
                let offset = Offset::constant(sign * hours.parse::<i8>().unwrap());
                offset.to_timestamp(at(time)).unwrap()
            }
            None => self.zone.to_ambiguous_timestamp(at(time)).unambiguous().expect(text),
        }
    }

    /// The shortest text that means an instant.
    pub(super) fn write(&self, instant: Timestamp) -> String {
        let shown = instant.to_zoned_datetime(self.zone.clone());
        let date = if shown.date() == self.day { String::new() } else { format!("{} ", shown.date()) };
        let seconds = if shown.second() == 0 { "%H:%M" } else { "%H:%M:%S" };
        let is_plain = self.zone.to_ambiguous_timestamp(shown.datetime()).is_ambiguous();
        let offset = if is_plain { format!("{:+}", shown.offset().seconds() / 3_600) } else { String::new() };
        format!("{date}{}{offset}", shown.strftime(seconds))
    }
}
