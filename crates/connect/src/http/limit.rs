//! What a service says about its limits: whether one is reached, and when it is over.
//!
//! Reads the headers that services agree on: `Retry-After`, `X-RateLimit-…`, and `RateLimit` in the forms of its drafts.

use std::time::{Duration, SystemTime};

use reqwest::header::{HeaderMap, RETRY_AFTER};

/// The headers that say how many requests remain.
const REMAINING: [&str; 4] = [
    "x-ratelimit-remaining",
    "x-rate-limit-remaining",
    "ratelimit-remaining",
    "x-ratelimit-remaining-requests",
];
/// The headers that say when the limit is over.
const RESET: [&str; 4] =
    ["x-ratelimit-reset", "x-rate-limit-reset", "ratelimit-reset", "x-ratelimit-reset-requests"];
/// A number from here on is an instant in Unix seconds, and below it a number of seconds.
const FIRST_INSTANT: f64 = 1.0e9;
/// A number from here on is an instant in Unix milliseconds.
const FIRST_MILLISECOND: f64 = 1.0e12;

/// Whether the headers say that a limit is reached; `None` when they say nothing about limits.
pub(crate) fn is_reached(headers: &HeaderMap) -> Option<bool> {
    if headers.contains_key(RETRY_AFTER) {
        return Some(true);
    }
    remaining(headers).map(|remaining| remaining <= 0.0)
}

/// How long the limit lasts, once nothing remains.
pub(crate) fn wait(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    if remaining(headers).is_some_and(|remaining| remaining > 0.0) {
        return None;
    }
    let named = RESET.iter().find_map(|name| until(text(headers, name)?, now));
    named.or_else(|| seconds(parameter(headers, &["t", "reset"])?))
}

fn remaining(headers: &HeaderMap) -> Option<f64> {
    let named = REMAINING.iter().find_map(|name| text(headers, name)?.parse().ok());
    named.or_else(|| parameter(headers, &["r", "remaining"]))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// A parameter of the header `RateLimit`: `"default";r=0;t=30`, or `limit=100, remaining=0, reset=30`.
fn parameter(headers: &HeaderMap, names: &[&str]) -> Option<f64> {
    let header = text(headers, "ratelimit")?;
    header.split([';', ',']).find_map(|part| {
        let (name, value) = part.split_once('=')?;
        names.contains(&name.trim()).then(|| value.trim().parse().ok()).flatten()
    })
}

/// A wait in seconds, an instant in Unix seconds or milliseconds, or a date.
fn until(text: &str, now: SystemTime) -> Option<Duration> {
    if let Ok(date) = httpdate::parse_http_date(text) {
        return date.duration_since(now).ok();
    }
    let number: f64 = text.parse().ok()?;
    if number < FIRST_INSTANT {
        return seconds(number);
    }
    let instant = if number < FIRST_MILLISECOND { number } else { number / 1_000.0 };
    SystemTime::UNIX_EPOCH.checked_add(seconds(instant)?)?.duration_since(now).ok()
}

fn seconds(number: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(number).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_from_the_headers_that_services_agree_on() {
        let now = httpdate::parse_http_date("Wed, 31 Jan 2024 09:30:00 GMT").unwrap();
        for (written, expected) in [
            ("", (None, None)),
            ("retry-after: 7", (Some(true), None)),
            ("x-ratelimit-remaining: 0", (Some(true), None)),
            ("x-ratelimit-remaining: 0\nx-ratelimit-reset: 1706693460", (Some(true), Some(60))),
            ("x-ratelimit-remaining: 0\nx-ratelimit-reset: 1706693460000", (Some(true), Some(60))),
            ("x-ratelimit-remaining: 0\nx-ratelimit-reset: 30", (Some(true), Some(30))),
            (
                "x-ratelimit-remaining: 0\nx-ratelimit-reset: Wed, 31 Jan 2024 09:31:00 GMT",
                (Some(true), Some(60)),
            ),
            ("x-ratelimit-remaining: 0\nx-ratelimit-reset: 1706693300", (Some(true), None)),
            ("x-ratelimit-remaining: 0\nx-ratelimit-reset: soon", (Some(true), None)),
            ("x-ratelimit-remaining: 57\nx-ratelimit-reset: 1706693460", (Some(false), None)),
            ("x-rate-limit-remaining: 0\nx-rate-limit-reset: 5", (Some(true), Some(5))),
            ("ratelimit-remaining: 0\nratelimit-reset: 5", (Some(true), Some(5))),
            ("ratelimit: \"default\";r=0;t=30", (Some(true), Some(30))),
            ("ratelimit: \"default\";r=12;t=30", (Some(false), None)),
            ("ratelimit: limit=100, remaining=0, reset=9", (Some(true), Some(9))),
            ("ratelimit: nonsense", (None, None)),
            ("x-ratelimit-remaining: many", (None, None)),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in written.lines().filter_map(|line| line.split_once(": ")) {
                let name: reqwest::header::HeaderName = name.parse().unwrap();
                headers.insert(name, value.parse().unwrap());
            }
            let wait = wait(&headers, now).map(|wait| wait.as_secs());
            assert_eq!((is_reached(&headers), wait), expected, "{written}");
        }
    }
}
