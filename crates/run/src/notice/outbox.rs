//! The outbox: notices that wait to be taken, bounded in number and age. Pure but for reading it.
//!
//! A notice leaves it when the server has said that it has the message, when it is too old, or when newer ones
//! of the same sort make it superfluous.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use raccord_model::backoff::doubled;
use raccord_model::fact::{Channel, Notice};
use raccord_model::port::state::{Scan, StateError, Table, Write};
use uuid::Uuid;

use super::{News, audience, notices};
use crate::facts::{Facts, put};
use crate::ports::{Ports, RunnerError};

/// How many notices wait before those that newer ones make superfluous are dropped.
pub const MAX_NOTICES: usize = 1_000;
/// How long a notice is tried.
pub const KEPT_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How long the second attempt waits for the first; it doubles from there.
const FIRST_WAIT: Duration = Duration::from_secs(30);

/// An attempt in vain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Miss {
    /// Why, without a secret.
    pub error: String,
    /// Whether that is hardly going to change before a person acts.
    pub permanent: bool,
    /// Who is still without the message, when others have got it.
    pub left: Option<Channel>,
}

/// The notices that wait, the oldest first.
pub async fn waiting(facts: &Facts) -> Result<Vec<Notice>, StateError> {
    let found = facts.scan::<Notice>(Table::Outbox, Scan::default()).await?;
    Ok(found.into_iter().map(|(_, notice)| notice).collect())
}

/// Why the notice that was tried last was not taken.
pub fn last_error(waiting: &[Notice]) -> Option<String> {
    let tried = waiting.iter().filter(|notice| notice.error.is_some());
    tried.max_by_key(|notice| notice.next_at)?.error.clone()
}

/// The writing of news, for the commit that makes them true.
pub async fn writes(ports: &Ports, news: Vec<News>) -> Result<Vec<Write>, RunnerError> {
    if news.is_empty() {
        return Ok(Vec::new());
    }
    let applied = ports.applied().await?;
    let at = ports.environment.now();
    let mut new_id = || ports.environment.new_id();
    let new: Vec<Notice> = news
        .iter()
        .flat_map(|news| notices(&news.about, audience(&applied, &news.of), at, &mut new_id))
        .collect();
    let mut writes = Vec::new();
    for notice in &new {
        writes.push(put(Table::Outbox, &notice.id, notice)?);
    }
    let mut all = waiting(&ports.facts()).await?;
    all.extend(new);
    writes.extend(superfluous(&all).into_iter().map(remove));
    Ok(writes)
}

/// Takes a notice out.
pub fn remove(id: Uuid) -> Write {
    Write::Remove(Table::Outbox, id.to_string())
}

/// The notices to drop when there are too many: the oldest first, but always the newest of its sort is kept, so
/// that no recipient is left without the last word. `all` is in the order of age.
pub fn superfluous(all: &[Notice]) -> Vec<Uuid> {
    let too_many = all.len().saturating_sub(MAX_NOTICES);
    if too_many == 0 {
        return Vec::new();
    }
    let sort = |notice: &'_ Notice| {
        let (topic, name) = notice.about.topic();
        (topic, name.cloned(), notice.channel.clone())
    };
    let newest: BTreeMap<_, Uuid> = all.iter().map(|notice| (sort(notice), notice.id)).collect();
    let is_newest = |notice: &Notice| newest.get(&sort(notice)) == Some(&notice.id);
    all.iter().filter(|notice| !is_newest(notice)).map(|notice| notice.id).take(too_many).collect()
}

/// Whether a notice has been tried for long enough.
pub fn is_given_up(notice: &Notice, now: Timestamp) -> bool {
    now.duration_since(notice.at) >= KEPT_FOR
}

/// A notice after an attempt in vain.
pub fn after_miss(mut notice: Notice, miss: Miss, now: Timestamp) -> Notice {
    notice.attempts = notice.attempts.saturating_add(1);
    let wait = if miss.permanent { Notice::LONGEST_WAIT } else { wait_after(notice.attempts) };
    notice.next_at = Some(now.checked_add(wait).unwrap_or(Timestamp::MAX));
    notice.error = Some(miss.error);
    if let Some(left) = miss.left {
        notice.channel = left;
    }
    notice
}

/// How long to wait after so many attempts in vain.
fn wait_after(attempts: u32) -> Duration {
    doubled(FIRST_WAIT, attempts, Notice::LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use raccord_model::fact::NoticeAbout;
    use raccord_model::language::integration::Language;

    use super::*;

    fn notice(id: u128, integration: &str, to: &str) -> Notice {
        Notice {
            id: Uuid::from_u128(id),
            at: "2025-03-01T00:00:00Z".parse().unwrap(),
            about: NoticeAbout::Test { integration: integration.parse().unwrap() },
            channel: Channel::Mail { to: serde_json::from_value(to.into()).unwrap() },
            language: Language::En,
            attempts: 0,
            next_at: None,
            error: None,
        }
    }

    #[test]
    fn waits_double_up_to_an_hour() {
        for (attempts, seconds) in
            [(1, 30), (2, 60), (3, 120), (7, 1_920), (8, 3_600), (9, 3_600), (u32::MAX, 3_600)]
        {
            assert_eq!(wait_after(attempts).as_secs(), seconds, "after {attempts}");
        }
    }

    #[test]
    fn a_miss_is_remembered_until_the_next_attempt() {
        let now: Timestamp = "2025-03-01T12:00:00Z".parse().unwrap();
        for (permanent, next) in [(false, "2025-03-01T12:00:30Z"), (true, "2025-03-01T13:00:00Z")] {
            let miss = Miss { error: "no".to_owned(), permanent, left: None };
            let missed = after_miss(notice(1, "shop", "a@b.ca"), miss, now);
            assert_eq!((missed.attempts, missed.error.as_deref()), (1, Some("no")));
            assert_eq!(missed.next_at, Some(next.parse().unwrap()));
        }
        let left = notice(2, "shop", "b@b.ca").channel;
        let miss = Miss { error: "no".to_owned(), permanent: true, left: Some(left.clone()) };
        assert_eq!(after_miss(notice(1, "shop", "a@b.ca"), miss, now).channel, left);
    }

    #[test]
    fn a_notice_that_was_tried_while_the_clock_was_ahead_is_due() {
        let now: Timestamp = "2025-03-01T12:00:00Z".parse().unwrap();
        for (next, due) in [
            ("2025-03-01T12:00:00Z", true),
            ("2025-03-01T13:00:00Z", false),
            ("2025-03-01T13:10:01Z", true),
            ("2099-01-01T00:00:00Z", true),
        ] {
            let waiting = Notice { next_at: Some(next.parse().unwrap()), ..notice(1, "shop", "a@b.ca") };
            assert_eq!(waiting.is_due(now), due, "{next}");
        }
    }

    #[test]
    fn a_notice_is_tried_for_seven_days() {
        for (now, expected) in [("2025-03-07T23:59:59Z", false), ("2025-03-08T00:00:00Z", true)] {
            assert_eq!(is_given_up(&notice(1, "shop", "a@b.ca"), now.parse().unwrap()), expected, "{now}");
        }
    }

    #[test]
    fn too_many_notices_leave_the_newest_of_each_sort() {
        let mut all: Vec<Notice> = (0..1_000).map(|id| notice(id, "shop", "a@b.ca")).collect();
        assert!(superfluous(&all).is_empty());
        all.insert(0, notice(5_000, "other", "a@b.ca"));
        all.push(notice(1_001, "shop", "c@d.ca"));
        // The only one of `other` stays, although it is the oldest.
        assert_eq!(superfluous(&all), [Uuid::from_u128(0), Uuid::from_u128(1)]);
        let distinct: Vec<Notice> =
            (0..1_100).map(|id| notice(id, &format!("shop-{id}"), "a@b.ca")).collect();
        assert!(superfluous(&distinct).is_empty());
    }
}
