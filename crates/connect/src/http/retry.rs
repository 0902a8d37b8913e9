//! When and after what wait a failed request is repeated. Pure: the time and the randomness are passed in.

use std::time::{Duration, SystemTime};

use raccord_compiler::connector::WaitPlace;
use raccord_compiler::select::{Found, Selector};
use raccord_model::language::connector::http::WaitUnit;
use reqwest::header::{HeaderMap, RETRY_AFTER};

use super::limit;

/// The wait after the first failure, before chance takes its part.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// Whether a status may be another one when the request is repeated. `names_wait` is whether the answer says how long to wait
/// where the settings look for it.
pub(crate) fn is_transient(status: u16, headers: &HeaderMap, names_wait: bool) -> bool {
    match status {
        408 | 429 | 500..=599 => true,
        // Some services answer 403 where others answer 429; only what they say about limits tells it from a refusal. Many
        // say with every answer when the limit begins anew, so that what still remains counts first.
        403 => limit::is_reached(headers).unwrap_or(names_wait),
        _ => false,
    }
}

/// The wait after the failure number `failures` (from 1): exponential with full jitter, `random` from 0 to 1.
pub(crate) fn backoff(failures: u32, longest: Duration, random: f64) -> Duration {
    let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
    FIRST_WAIT.saturating_mul(doubled).min(longest).mul_f64(random.clamp(0.0, 1.0))
}

/// How long the service asks us to wait: where the settings look for it, else in `Retry-After`, else until its limit is over.
pub(crate) fn asked_wait(
    place: &WaitPlace,
    headers: &HeaderMap,
    body: &[u8],
    now: SystemTime,
) -> Option<Duration> {
    let found = named_wait(place, headers, body, now);
    let found = found.or_else(|| read(headers.get(RETRY_AFTER)?.to_str().ok()?, WaitUnit::S, now));
    found.or_else(|| limit::wait(headers, now))
}

/// How long the service asks us to wait, where the settings look for it.
pub(crate) fn named_wait(
    place: &WaitPlace,
    headers: &HeaderMap,
    body: &[u8],
    now: SystemTime,
) -> Option<Duration> {
    match place {
        WaitPlace::Header(name, unit) => {
            headers.get(name).and_then(|value| value.to_str().ok()).and_then(|text| read(text, *unit, now))
        }
        WaitPlace::Body(path, unit) => {
            let mut found = Found::default();
            let raw = Selector::new([path]).select(body, &mut found).ok().and_then(|()| found.values[0]);
            raw.and_then(|raw| read(raw.trim_matches('"'), *unit, now))
        }
    }
}

/// Reads a wait: a number in the unit, or an HTTP date.
fn read(text: &str, unit: WaitUnit, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    if let Ok(date) = httpdate::parse_http_date(text) {
        return Some(date.duration_since(now).unwrap_or_default());
    }
    let number: f64 = text.parse().ok().filter(|number: &f64| *number >= 0.0)?;
    match unit {
        WaitUnit::S => Duration::try_from_secs_f64(number).ok(),
        WaitUnit::Ms => Duration::try_from_secs_f64(number / 1_000.0).ok(),
        WaitUnit::UnixSeconds => {
            let until = SystemTime::UNIX_EPOCH.checked_add(Duration::try_from_secs_f64(number).ok()?)?;
            Some(until.duration_since(now).unwrap_or_default())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let longest = Duration::from_secs(3);
        let waits: Vec<u128> = (1..6).map(|n| backoff(n, longest, 1.0).as_millis()).collect();
        assert_eq!(waits, [500, 1_000, 2_000, 3_000, 3_000]);
        assert_eq!(backoff(100, longest, 0.5), Duration::from_millis(1_500));
        assert_eq!(backoff(1, longest, 0.0), Duration::ZERO);
    }

    #[test]
    fn being_limited_is_not_being_refused() {
        for (status, header, names_wait, expected) in [
            (403, None, false, false),
            (403, Some(("retry-after", "1")), false, true),
            (403, Some(("x-ratelimit-remaining", "0")), false, true),
            (403, Some(("x-ratelimit-remaining", "5")), true, false),
            (403, Some(("ratelimit", "\"a\";r=0;t=1")), false, true),
            (403, None, true, true),
            (401, Some(("retry-after", "1")), true, false),
            (429, None, false, true),
            (503, None, false, true),
            (404, Some(("retry-after", "1")), true, false),
        ] {
            let mut headers = HeaderMap::new();
            if let Some((name, value)) = header {
                headers.insert(name, value.parse().unwrap());
            }
            assert_eq!(
                is_transient(status, &headers, names_wait),
                expected,
                "{status} {header:?} {names_wait}"
            );
        }
    }

    #[test]
    fn the_service_says_how_long_in_many_ways() {
        let header = |name: &str, unit| WaitPlace::Header(name.to_owned(), unit);
        let body = |unit| WaitPlace::Body("error.wait".parse().unwrap(), unit);
        let by_default = header("retry-after", WaitUnit::S);
        let cases = [
            (&by_default, ("retry-after", "7"), "", Some(7_000)),
            (&by_default, ("retry-after", " 1.5 "), "", Some(1_500)),
            (&by_default, ("retry-after", "Sun, 06 Nov 1994 08:49:47 GMT"), "", Some(10_000)),
            (&by_default, ("retry-after", "Sun, 06 Nov 1994 08:49:07 GMT"), "", Some(0)),
            (&by_default, ("retry-after", "soon"), "", None),
            (&by_default, ("retry-after", "-1"), "", None),
            (&by_default, ("retry-after", "1e400"), "", None),
            (&by_default, ("x", "7"), "", None),
            (&header("x-reset", WaitUnit::UnixSeconds), ("x-reset", "784111782"), "", Some(5_000)),
            (&header("x-reset", WaitUnit::UnixSeconds), ("x-reset", "0"), "", Some(0)),
            (&header("x-wait", WaitUnit::Ms), ("x-wait", "250"), "", Some(250)),
            (&header("x-wait", WaitUnit::Ms), ("retry-after", "2"), "", Some(2_000)),
            (&body(WaitUnit::Ms), ("x", ""), r#"{"error":{"wait":40}}"#, Some(40)),
            (&body(WaitUnit::S), ("x", ""), r#"{"error":{"wait":"3"}}"#, Some(3_000)),
            (&body(WaitUnit::S), ("retry-after", "1"), r#"{"error":{}}"#, Some(1_000)),
        ];
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        for (place, (name, value), body, expected) in cases {
            let mut headers = HeaderMap::new();
            let name: reqwest::header::HeaderName = name.parse().unwrap();
            headers.insert(name, value.parse().unwrap());
            let wait = asked_wait(place, &headers, body.as_bytes(), now);
            assert_eq!(wait.map(|wait| wait.as_millis()), expected, "{place:?} {value} {body}");
        }
    }
}
