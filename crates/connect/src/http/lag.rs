//! By how much the clock of a service is behind ours, as the header `Date` of its answers says it. Pure.
//!
//! A service stamps what changes by its own clock. Where that is behind, a record that changes while it is read is stamped
//! with a time before the one at which we have begun.

use std::time::{Duration, SystemTime};

use reqwest::header::{DATE, HeaderMap};

/// A clock that is further behind is none: the date is that of a cached answer, or made up.
const MOST: Duration = Duration::from_hours(24);

/// By how many seconds the clock of the service is behind at the most; 0 where it is not, or where nothing says so.
pub(super) fn behind(headers: &HeaderMap, now: SystemTime) -> u64 {
    let date = headers.get(DATE).and_then(|date| date.to_str().ok());
    let date = date.and_then(|date| httpdate::parse_http_date(date).ok());
    let lag = date.and_then(|date| now.duration_since(date).ok()).filter(|lag| *lag <= MOST);
    // The date has lost its part of a second.
    lag.map_or(0, |lag| match lag.as_secs() {
        0 => 0,
        seconds => seconds + 1,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_behind_is_told_to_the_second() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        let now = now + Duration::from_millis(900);
        for (date, expected) in [
            ("Sun, 06 Nov 1994 08:49:37 GMT", 0),
            ("Sun, 06 Nov 1994 08:49:39 GMT", 0),
            ("Sun, 06 Nov 1994 08:49:36 GMT", 2),
            ("Sun, 06 Nov 1994 08:48:37 GMT", 61),
            ("Sat, 05 Nov 1994 08:49:38 GMT", 86_400),
            ("Sat, 05 Nov 1994 08:49:37 GMT", 0),
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("yesterday", 0),
        ] {
            let headers = [(DATE, date.parse().unwrap())].into_iter().collect();
            assert_eq!(behind(&headers, now), expected, "{date}");
        }
        assert_eq!(behind(&HeaderMap::new(), now), 0);
    }
}
