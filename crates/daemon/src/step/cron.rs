//! The times of a cron expression in its time zone, forwards and backwards.
//!
//! Where clocks change, two rules hold. An expression whose hour field admits every hour (`30 * * * *`) counts real
//! hours: it knows no skipped and no doubled one. Any other names times of day: a time that the clock skips in
//! spring is taken at the first instant after the gap, where several skipped ones become one; a time that happens
//! twice in autumn is taken at the first. A step such as `*/2` names times of day, too.

use croner::errors::CronError;
use croner::parser::{CronParser, Seconds, Year};
use croner::{CivilDate, CivilDateTime, CivilTime, Cron, CronDateTime, Resolution, Weekday};
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};

/// How many matching times are looked at before giving up. A fold of a whole day has 1,440 minutes that are passed by;
/// no zone has set its clock back by more.
const LOOKS: usize = 1_500;

const SECOND: SignedDuration = SignedDuration::from_secs(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// A cron expression that can be asked for its times.
pub(super) struct Pattern {
    cron: Cron,
    zone: TimeZone,
    real_hours: bool,
}

impl Pattern {
    /// Reads an expression of five fields and the name of a time zone; UTC when there is none. None for what
    /// validation refuses.
    pub(super) fn compile(cron: &str, zone: Option<&str>) -> Option<Self> {
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let cron = parser.parse(cron).ok()?;
        let zone = zone.map_or(Ok(TimeZone::UTC), TimeZone::get).ok()?;
        let real_hours = cron.pattern.hours.values().len() == 24;
        Some(Self { cron, zone, real_hours })
    }

    /// The first time at or after a moment.
    pub(super) fn at_or_after(&self, moment: Timestamp) -> Option<Timestamp> {
        // Times are whole seconds: round up.
        let whole = Timestamp::from_second(moment.as_second()).ok()?;
        let moment = if whole < moment { whole.checked_add(SECOND).ok()? } else { whole };
        if self.real_hours { self.real_at_or_after(moment) } else { self.civil_at_or_after(moment) }
    }

    /// The last time at or before a moment.
    pub(super) fn at_or_before(&self, moment: Timestamp) -> Option<Timestamp> {
        let whole = Timestamp::from_second(moment.as_second()).ok()?;
        let moment = if whole > moment { whole.checked_sub(SECOND).ok()? } else { whole };
        if self.real_hours { self.real_at_or_before(moment) } else { self.civil_at_or_before(moment) }
    }

    fn civil_at_or_after(&self, moment: Timestamp) -> Option<Timestamp> {
        // From a second before, so that at the end of a gap the times inside it are seen.
        let start = self.zone.to_datetime(moment.checked_sub(SECOND).ok()?);
        let mut at = self.next(start, true)?;
        for _ in 0..LOOKS {
            let time = self.instant_of(at)?;
            if time >= moment {
                return Some(time);
            }
            at = self.next(at, false)?;
        }
        None
    }

    fn civil_at_or_before(&self, moment: Timestamp) -> Option<Timestamp> {
        let mut start = self.zone.to_datetime(moment);
        // In the second pass of a doubled hour, later times of day may have happened already, in the first.
        if let Some(change) = self.change_at_or_before(moment).filter(|change| moment - DAY < *change) {
            let before = self.zone.to_offset(change.checked_sub(SECOND).ok()?);
            start = start.max(before.to_datetime(moment));
        }
        let mut at = self.previous(start, true)?;
        for _ in 0..LOOKS {
            let time = self.instant_of(at)?;
            if time <= moment {
                return Some(time);
            }
            at = self.previous(at, false)?;
        }
        None
    }

    /// The instant of a time of day, by the rules above.
    fn instant_of(&self, time: DateTime) -> Option<Timestamp> {
        let offset = match self.zone.to_ambiguous_timestamp(time).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset,
            AmbiguousOffset::Fold { before, .. } => before,
            // Read by the clock that was not set forward, a skipped time lies after the change that skipped it.
            AmbiguousOffset::Gap { before, .. } => {
                return self.change_at_or_before(before.to_timestamp(time).ok()?);
            }
        };
        offset.to_timestamp(time).ok()
    }

    fn real_at_or_after(&self, mut moment: Timestamp) -> Option<Timestamp> {
        for _ in 0..LOOKS {
            let offset = self.zone.to_offset(moment);
            let time = offset.to_timestamp(self.next(offset.to_datetime(moment), true)?).ok()?;
            match self.zone.following(moment).next() {
                Some(change) if change.timestamp() <= time => moment = change.timestamp(),
                _ => return Some(time),
            }
        }
        None
    }

    fn real_at_or_before(&self, mut moment: Timestamp) -> Option<Timestamp> {
        for _ in 0..LOOKS {
            let offset = self.zone.to_offset(moment);
            let time = offset.to_timestamp(self.previous(offset.to_datetime(moment), true)?).ok()?;
            match self.change_at_or_before(moment) {
                Some(change) if time < change => moment = change.checked_sub(SECOND).ok()?,
                _ => return Some(time),
            }
        }
        None
    }

    /// When the zone's clock was changed last.
    fn change_at_or_before(&self, moment: Timestamp) -> Option<Timestamp> {
        let after = moment.checked_add(SECOND).ok()?;
        self.zone.preceding(after).next().map(|change| change.timestamp())
    }

    fn next(&self, from: DateTime, inclusive: bool) -> Option<DateTime> {
        self.cron.find_next_occurrence(&Civil(from), inclusive).ok().map(|civil| civil.0)
    }

    fn previous(&self, from: DateTime, inclusive: bool) -> Option<DateTime> {
        self.cron.find_previous_occurrence(&Civil(from), inclusive).ok().map(|civil| civil.0)
    }
}

/// A time of day without a zone, as the matcher of cron expressions wants it.
#[derive(Clone)]
struct Civil(DateTime);

impl CronDateTime for Civil {
    fn to_civil(&self) -> CivilDateTime {
        let unsigned = |part: i8| u32::try_from(part).unwrap_or_default();
        CivilDateTime::new(
            CivilDate::from_parts_unchecked(
                i32::from(self.0.year()),
                unsigned(self.0.month()),
                unsigned(self.0.day()),
            ),
            CivilTime::from_parts_unchecked(
                unsigned(self.0.hour()),
                unsigned(self.0.minute()),
                unsigned(self.0.second()),
            ),
        )
    }

    fn civil_weekday(&self) -> Weekday {
        let sunday = self.0.weekday().to_sunday_zero_offset();
        Weekday::from_days_from_sunday(u32::try_from(sunday).unwrap_or_default())
    }

    fn resolve_civil(&self, civil: CivilDateTime) -> Result<Resolution<Self>, CronError> {
        let part = |part: u32| i8::try_from(part).map_err(|_| CronError::InvalidDate);
        let year = i16::try_from(civil.year()).map_err(|_| CronError::InvalidDate)?;
        DateTime::new(
            year,
            part(civil.month())?,
            part(civil.day())?,
            part(civil.hour())?,
            part(civil.minute())?,
            part(civil.second())?,
            0,
        )
        .map(|time| Resolution::Single(Self(time)))
        .map_err(|_| CronError::InvalidDate)
    }

    fn checked_add_seconds(&self, seconds: i64) -> Option<Self> {
        self.0.checked_add(SignedDuration::from_secs(seconds)).ok().map(Self)
    }

    fn cmp_instant(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}
