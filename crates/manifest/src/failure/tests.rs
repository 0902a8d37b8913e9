use bytes::Bytes;
use serde_json::json;

use super::*;

fn handler(value: &Value) -> ErrorHandler {
    let component = Component::new(value.as_object().unwrap().clone(), "error_handler");
    ErrorHandler::new(Some(&component), &config()).unwrap()
}

fn config() -> Context {
    Context::new(&Arc::new(json!({"retries": 7})))
}

fn answer(status: u16, body: &Value) -> Response {
    let headers = [("Retry-After", "12"), ("X-Reset", "1000"), ("X-Text", "wait 3 s")];
    Response {
        status,
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        body: Bytes::from(body.to_string()),
    }
}

fn default(filters: &Value) -> Value {
    json!({"type": "DefaultErrorHandler", "response_filters": filters})
}

#[test]
fn answers_are_judged() {
    let check = |judge: &Value, status: u16, body: Value, expected: (Action, FailureKind)| {
        let answer = answer(status, &body);
        let verdict = handler(judge).verdict(&Seen::new(Ok(&answer), "https://h/x"), &config()).unwrap();
        assert_eq!((verdict.action, verdict.failure), expected, "{judge} {status} {body}");
    };
    let (system, wrong, passing) = (FailureKind::System, FailureKind::Config, FailureKind::Transient);
    let none = default(&json!([]));
    for (status, expected) in [
        (200, (Action::Success, system)),
        (302, (Action::Success, system)),
        (400, (Action::Fail, system)),
        (401, (Action::Fail, wrong)),
        (409, (Action::Retry, system)),
        (429, (Action::RateLimited, passing)),
        (500, (Action::Retry, passing)),
    ] {
        check(&none, status, json!({}), expected);
    }
    let ignore = json!({"type": "HttpResponseFilter", "http_codes": [404], "action": "IGNORE"});
    check(&default(&json!([ignore])), 404, json!({}), (Action::Ignore, system));
    check(&default(&json!([ignore])), 403, json!({}), (Action::Fail, wrong));
    let predicate = json!({"type": "HttpResponseFilter", "predicate": "{{ response.code == 5 }}", "action": "FAIL",
        "failure_type": "transient_error"});
    check(&default(&json!([predicate])), 200, json!({"code": 5}), (Action::Fail, passing));
    check(&default(&json!([predicate])), 200, json!({"code": 6}), (Action::Success, system));
    let contains = json!({"type": "HttpResponseFilter", "error_message_contains": "slow", "action": "RETRY"});
    check(
        &default(&json!([contains])),
        200,
        json!({"errors": [{"message": "be slow"}]}),
        (Action::Retry, system),
    );
    check(&default(&json!([contains])), 200, json!({"text": "be slow"}), (Action::Success, system));
    let idle = json!({"type": "HttpResponseFilter", "http_codes": [404], "error_message": "x"});
    check(&default(&json!([idle])), 404, json!({}), (Action::Fail, system));
    let both = json!({"type": "CompositeErrorHandler", "error_handlers": [default(&json!([contains])), default(&json!([ignore]))]});
    check(&both, 404, json!({}), (Action::Ignore, system));
    check(&both, 429, json!({}), (Action::RateLimited, passing));
    check(&both, 200, json!({}), (Action::Success, system));
}

#[test]
fn messages_come_from_the_manifest_or_the_rules() {
    let check = |filter: Value, expected: &str| {
        let judge = handler(&default(&json!([filter])));
        let answer = answer(404, &json!({"id": 5}));
        let verdict = judge.verdict(&Seen::new(Ok(&answer), "https://h/x"), &config()).unwrap();
        assert_eq!(verdict.message.as_deref(), Some(expected));
    };
    let filter = |message: &str| json!({"type": "HttpResponseFilter", "http_codes": [404], "action": "FAIL", "error_message": message});
    check(filter("no {{ response.id }} at {{ request_url }}"), "no 5 at https://h/x");
    check(filter(""), "it is not there");
}

#[test]
fn waits_are_those_of_the_first_strategy_that_has_one() {
    let check = |strategies: Value, expected: Option<f64>| {
        let judge = handler(&json!({"type": "DefaultErrorHandler", "backoff_strategies": strategies}));
        let answer = answer(429, &json!({"wait": 4}));
        let config = config();
        let at = Moment { config: &config, attempt: 2, now: 990.0, random: 0.5 };
        assert_eq!(judge.wait(&Seen::new(Ok(&answer), "https://h/x"), at).unwrap(), expected, "{strategies}");
    };
    check(json!([]), None);
    check(json!([{"type": "ConstantBackoffStrategy", "backoff_time_in_seconds": 30}]), Some(30.0));
    check(
        json!([{"type": "ConstantBackoffStrategy", "backoff_time_in_seconds": 30, "jitter_range_in_seconds": 4}]),
        Some(34.0),
    );
    check(json!([{"type": "ExponentialBackoffStrategy"}]), Some(20.0));
    check(json!([{"type": "ExponentialBackoffStrategy", "factor": 1}]), Some(4.0));
    check(json!([{"type": "WaitTimeFromHeader", "header": "retry-after"}]), Some(12.0));
    check(
        json!([{"type": "WaitTimeFromHeader", "header": "None"}, {"type": "ExponentialBackoffStrategy"}]),
        Some(20.0),
    );
    check(json!([{"type": "WaitTimeFromHeader", "header": "X-Text", "regex": "[0-9]+"}]), None);
    check(json!([{"type": "WaitTimeFromHeader", "header": "X-Reset", "regex": "10"}]), Some(10.0));
    check(json!([{"type": "WaitUntilTimeFromHeader", "header": "X-Reset"}]), Some(10.0));
    check(json!([{"type": "WaitUntilTimeFromHeader", "header": "X-Reset", "min_wait": 60}]), Some(60.0));
    check(json!([{"type": "WaitUntilTimeFromHeader", "header": "None", "min_wait": 60}]), Some(60.0));
    check(
        json!([{"type": "WaitTimeFromResponse", "wait_time_in_seconds": "{{ response.wait * 2 }}"}]),
        Some(8.0),
    );
}

#[test]
fn a_longer_wait_than_allowed_is_an_error() {
    let strategy =
        json!([{"type": "WaitTimeFromHeader", "header": "Retry-After", "max_waiting_time_in_seconds": 12}]);
    let judge = handler(&json!({"type": "DefaultErrorHandler", "backoff_strategies": strategy}));
    let answer = answer(429, &json!({}));
    let config = config();
    let at = Moment { config: &config, attempt: 1, now: 0.0, random: 0.0 };
    let error = judge.wait(&Seen::new(Ok(&answer), "https://h/x"), at).unwrap_err();
    assert_eq!(
        error.to_string(),
        "https://h/x answered 429: the service asks for a wait of 12 seconds, and less than 12 are allowed"
    );
}

#[test]
fn the_number_of_attempts_is_stated() {
    let check = |handler_: Value, expected: u32| assert_eq!(handler(&handler_).max_retries(), expected);
    check(json!({"type": "DefaultErrorHandler"}), 5);
    check(json!({"type": "DefaultErrorHandler", "max_retries": 2}), 2);
    check(json!({"type": "DefaultErrorHandler", "max_retries": "{{ config.retries }}"}), 7);
}
