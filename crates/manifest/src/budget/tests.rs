use std::sync::Arc;

use bytes::Bytes;
use serde_json::json;

use super::*;

fn budget(policy: &Value) -> Budget {
    let component =
        json!({"type": "HTTPAPIBudget", "policies": [policy], "ratelimit_reset_header": "X-Reset"});
    let component = Component::new(component.as_object().unwrap().clone(), "api_budget");
    Budget::new(&component, &Context::new(&Arc::new(json!({"host": "h", "limit": 2})))).unwrap()
}

fn request(method: &str, url: &str) -> Request {
    let headers = vec![("X-Kind".to_owned(), "a".to_owned())];
    Request { method: method.to_owned(), url: url.to_owned(), headers, body: None }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + seconds).unwrap()
}

/// The waits, in seconds, of requests at these seconds.
fn waits(budget: &Budget, times: &[i64]) -> Vec<u64> {
    let spend = |time: &i64| budget.spend(&request("GET", "https://h/x"), at(*time));
    times.iter().map(|time| spend(time).map_or_else(|wait| wait.as_secs(), |()| 0)).collect()
}

fn answer(status: u16, headers: &[(&str, &str)]) -> Response {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Response { status, headers, body: Bytes::new() }
}

#[test]
fn a_fixed_window_begins_anew() {
    let budget = budget(
        &json!({"type": "FixedWindowCallRatePolicy", "period": "PT1M", "call_limit": 2, "matchers": []}),
    );
    assert_eq!(waits(&budget, &[0, 10, 20, 59, 60, 61, 62]), [0, 0, 40, 1, 0, 0, 58]);
}

#[test]
fn a_moving_window_moves() {
    let rates =
        json!([{"limit": "{{ config.limit }}", "interval": "PT10S"}, {"limit": 3, "interval": "PT1M"}]);
    let budget = budget(&json!({"type": "MovingWindowCallRatePolicy", "rates": rates, "matchers": []}));
    assert_eq!(waits(&budget, &[0, 5, 6, 10, 12, 59, 60]), [0, 0, 4, 0, 48, 1, 0]);
}

#[test]
fn the_service_says_what_is_left() {
    let check = |answer: Response, expected: &[u64]| {
        let policy =
            json!({"type": "FixedWindowCallRatePolicy", "period": "PT1M", "call_limit": 3, "matchers": []});
        let budget = budget(&policy);
        budget.learn(&request("GET", "https://h/x"), &answer, at(0));
        assert_eq!(waits(&budget, &[1, 2]), expected, "{:?}", answer.headers);
    };
    check(answer(200, &[]), &[0, 0]);
    check(answer(200, &[("RateLimit-Remaining", "1")]), &[0, 58]);
    check(answer(200, &[("ratelimit-remaining", "9")]), &[0, 0]);
    check(answer(429, &[]), &[59, 58]);
    check(answer(429, &[("x-reset", "30")]), &[29, 28]);
    check(answer(429, &[("x-reset", "1700000020")]), &[19, 18]);
}

#[test]
fn policies_are_about_requests() {
    let check = |matcher: Value, method: &str, url: &str, expected: bool| {
        let policy = json!({"type": "FixedWindowCallRatePolicy", "period": "PT1M", "call_limit": 1, "matchers": [matcher]});
        let budget = budget(&policy);
        let spend = || budget.spend(&request(method, url), at(0)).is_err();
        spend();
        assert_eq!(spend(), expected, "{matcher} {method} {url}");
    };
    check(json!({"method": "get"}), "GET", "https://h/x", true);
    check(json!({"method": "POST"}), "GET", "https://h/x", false);
    check(json!({"url_base": "https://{{ config.host }}/api/"}), "GET", "https://h/api/x", true);
    check(json!({"url_base": "https://h"}), "GET", "https://o/api", false);
    check(json!({"url_path_pattern": "/items/[0-9]+$"}), "GET", "https://h/items/12/", true);
    check(json!({"url_path_pattern": "/items/[0-9]+$"}), "GET", "https://h/items/a", false);
    check(json!({"params": {"a": 1}}), "GET", "https://h/?a=1&b=2", true);
    check(json!({"params": {"a": 1}}), "GET", "https://h/?a=2", false);
    check(json!({"headers": {"x-kind": "a"}}), "GET", "https://h/", true);
    check(json!({"headers": {"x-kind": "b"}}), "GET", "https://h/", false);
}

#[test]
fn a_request_may_count_more() {
    let policy = json!({"type": "FixedWindowCallRatePolicy", "period": "PT1M", "call_limit": 5,
        "matchers": [{"weight": "{{ config.limit }}"}]});
    assert_eq!(waits(&budget(&policy), &[0, 0, 0]), [0, 0, 60]);
}
