use std::sync::Mutex;

use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::*;
use crate::authenticate::{TokenStore, TokenStoreError, Tokens};
use crate::script::Script;
use crate::slice::Slice;

/// A vault of one place.
#[derive(Default)]
struct Place(Mutex<Vec<String>>);

impl TokenStore for Place {
    fn begin(&self) -> Async<'_, Result<Box<dyn Send>, TokenStoreError>> {
        Box::pin(async {
            let right: Box<dyn Send> = Box::new(());
            Ok(right)
        })
    }

    fn load(&self, _: Option<SecretString>) -> Async<'_, Result<Option<Tokens>, TokenStoreError>> {
        Box::pin(async { Ok(None) })
    }

    fn keep(&self, _: Option<SecretString>, tokens: Tokens) -> Async<'_, Result<(), TokenStoreError>> {
        let refresh = tokens.refresh.map(|token| token.expose_secret().to_owned()).unwrap_or_default();
        self.0.lock().unwrap().push(format!(
            "{} {refresh} {}",
            tokens.access.expose_secret(),
            tokens.expires
        ));
        Box::pin(async { Ok(()) })
    }
}

struct Sent {
    outcome: String,
    log: Vec<String>,
    kept: Vec<String>,
}

/// Asks as often as said with a requester that sends to `https://h/x`.
async fn sent(members: Value, answers: &[(u16, Value)], times: usize) -> Sent {
    let mut component = json!({"type": "HttpRequester", "url_base": "https://h", "path": "x"});
    component.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    let component = Component::new(component.as_object().unwrap().clone(), "requester");
    let script = Arc::new(Script::new(answers));
    let config = Arc::new(json!({"token": "secret-token", "user": "u", "password": "pass", "id": "i",
        "kind": "key", "credentials": {"refresh_token": "first-refresh"}}));
    let place = Arc::new(Place::default());
    let service = Arc::new(Service::new(script.clone(), &config).with_tokens(place.clone()));
    let requester = HttpRequester::new(&component, &service, Role::Pages).unwrap();
    let mut outcome = String::new();
    for _ in 0..times {
        let (slice, additions) = (Slice::default(), Additions::default());
        let ask = Ask { slice: &slice, token: None, path: None, additions: &additions };
        outcome = match requester.ask(ask).await {
            Ok(Outcome::Answer(answer) | Outcome::Ignored(answer)) => format!("answer {}", answer.status),
            Ok(other) => format!("{other:?}"),
            Err(error) => error.to_string(),
        };
    }
    let log = script.log();
    let kept = place.0.lock().unwrap().clone();
    Sent { outcome, log, kept }
}

#[tokio::test]
async fn requests_are_sent_again() {
    let check = async |handler: Value, answers: &[(u16, Value)], expected: &str| {
        let sent = sent(json!({"error_handler": handler}), answers, 1).await;
        let waits: Vec<_> =
            sent.log.iter().filter_map(|line| line.strip_prefix("wait ").map(str::to_owned)).collect();
        assert_eq!(format!("{} after {}", sent.outcome, waits.join(" ")), expected, "{handler}");
    };
    let none = json!({});
    let answer = |status: u16| (status, json!({"message": "m"}));
    let standard = json!({"type": "DefaultErrorHandler"});
    check(standard.clone(), &[answer(500), answer(0), answer(200)], "answer 200 after 1 2").await;
    check(standard.clone(), &[answer(429), answer(429), answer(200)], "answer 200 after 1 2").await;
    check(standard.clone(), &[answer(404)], "https://h/x answered 404: it is not there after ").await;
    let twice = json!({"type": "DefaultErrorHandler", "max_retries": 1, "backoff_strategies":
        [{"type": "ConstantBackoffStrategy", "backoff_time_in_seconds": 5}]});
    check(twice.clone(), &[answer(409), answer(409)], "https://h/x answered 409: m after 6").await;
    check(twice, &[answer(0), answer(0)], "https://h/x did not answer after 6").await;
    let on_404 = |action: &str| {
        json!({"type": "DefaultErrorHandler", "response_filters":
            [{"type": "HttpResponseFilter", "http_codes": [404], "action": action, "error_message": "gone"}]})
    };
    check(on_404("IGNORE"), &[answer(404)], "answer 404 after ").await;
    check(on_404("FAIL"), &[answer(404)], "https://h/x answered 404: gone after ").await;
    check(on_404("RESET_PAGINATION"), &[answer(404)], "ResetPagination after ").await;
    check(on_404("REDUCE_PAGE_SIZE"), &[(404, none.clone())], "ReducePageSize(Some(\"gone\")) after ").await;
    check(on_404("SPLIT_REQUEST_WINDOW"), &[(404, none)], "SplitWindow(Some(\"gone\")) after ").await;
    let refresh = on_404("REFRESH_TOKEN_THEN_RETRY");
    check(refresh, &[answer(404), answer(200)], "answer 200 after 1").await;
}

#[tokio::test]
async fn requests_carry_credentials() {
    let check = async |authenticator: Value, expected: &str| {
        let sent = sent(json!({"authenticator": authenticator}), &[(200, json!({}))], 1).await;
        assert_eq!(sent.log, [expected], "{authenticator}");
    };
    let key = |inject: &str| {
        json!({"type": "ApiKeyAuthenticator", "api_token": "Token {{ config.token }}",
            "inject_into": {"type": "RequestOption", "inject_into": inject, "field_name": "key"}})
    };
    check(key("header"), "GET https://h/x key=Token secret-token").await;
    check(key("request_parameter"), "GET https://h/x?key=Token+secret-token").await;
    check(key("body_json"), "GET https://h/x Content-Type=application/json {\"key\":\"Token secret-token\"}")
        .await;
    check(
        json!({"type": "ApiKeyAuthenticator", "api_token": "{{ config.token }}", "header": "X-Key"}),
        "GET https://h/x X-Key=secret-token",
    )
    .await;
    check(json!({"type": "NoAuth"}), "GET https://h/x").await;
    check(
        json!({"type": "BearerAuthenticator", "api_token": "{{ config.token }}"}),
        "GET https://h/x Authorization=Bearer secret-token",
    )
    .await;
    check(
        json!({"type": "BasicHttpAuthenticator", "username": "{{ config.user }}", "password": "{{ config.password }}"}),
        "GET https://h/x Authorization=Basic dTpwYXNz",
    )
    .await;
    check(
        json!({"type": "SelectiveAuthenticator", "authenticator_selection_path": ["kind"],
            "authenticators": {"key": {"type": "BearerAuthenticator", "api_token": "k"}, "none": {"type": "NoAuth"}}}),
        "GET https://h/x Authorization=Bearer k",
    )
    .await;
}

#[tokio::test]
async fn a_message_never_shows_a_secret() {
    let authenticator = json!({"type": "BearerAuthenticator", "api_token": "{{ config.token }}"});
    let answer = (409, json!({"message": "secret-token is wrong"}));
    let handler = json!({"type": "DefaultErrorHandler", "max_retries": 0});
    let sent = sent(json!({"authenticator": authenticator, "error_handler": handler}), &[answer], 1).await;
    assert_eq!(sent.outcome, "https://h/x answered 409: **** is wrong");
}

fn oauth(members: &Value) -> Value {
    let mut oauth = json!({"type": "OAuthAuthenticator", "token_refresh_endpoint": "https://o/token",
        "client_id": "{{ config.id }}", "client_secret": "s", "refresh_token": "r"});
    oauth.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    json!({"authenticator": oauth})
}

const KIND: &str = "Content-Type=application/x-www-form-urlencoded";

#[tokio::test]
async fn tokens_are_fetched_once() {
    let token = |token: &str| (200, json!({"data": {"access_token": token, "expires_in": "3600"}}));
    let ok = || (200, json!({}));
    let sent = sent(oauth(&json!({})), &[token("a"), ok(), ok()], 2).await;
    let page = "GET https://h/x Authorization=Bearer a";
    let fetch = format!(
        "POST https://o/token {KIND} client_id=i&client_secret=s&grant_type=refresh_token&refresh_token=r"
    );
    assert_eq!(sent.log, [fetch.as_str(), page, page]);
}

#[tokio::test]
async fn a_grant_is_written_as_the_manifest_says() {
    let check = async |members: Value, expected: &str| {
        let answers = [(200, json!({"access_token": "a"})), (200, json!({}))];
        let sent = sent(oauth(&members), &answers, 1).await;
        assert_eq!(sent.log.first().map(String::as_str), Some(expected), "{members}");
    };
    check(
        json!({"grant_type": "client_credentials", "refresh_token": null, "scopes": ["a", "b"],
            "refresh_request_body": {"scope": "x y", "client_id": "other"}}),
        &format!("POST https://o/token {KIND} client_id=i&client_secret=s&grant_type=client_credentials&scope=x+y&scopes=a&scopes=b"),
    )
    .await;
    check(
        json!({"refresh_request_headers": {"Authorization": "Basic x"}, "refresh_token_name": "token"}),
        &format!("POST https://o/token Authorization=Basic x {KIND} grant_type=refresh_token&token=r"),
    )
    .await;
    check(
        json!({"send_refresh_request_as_query_params": true}),
        "POST https://o/token?client_id=i&client_secret=s&grant_type=refresh_token&refresh_token=r",
    )
    .await;
}

#[tokio::test]
async fn an_assertion_stands_for_the_credentials() {
    let answers = [(200, json!({"access_token": "a"})), (200, json!({}))];
    let assertion = json!({"type": "JwtAuthenticator", "secret_key": "k", "algorithm": "HS256"});
    let members =
        json!({"use_profile_assertion": true, "profile_assertion": assertion, "refresh_token": null});
    let sent = sent(oauth(&members), &answers, 1).await;
    let begins = format!(
        "POST https://o/token {KIND} assertion=eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJleHAiOjEwMDEyMDAsImlhdCI6MTAwMDAwMCwibmJmIjoxMDAwMDAwfQ."
    );
    let ends = "&grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer";
    let fetch = sent.log.first().cloned().unwrap_or_default();
    assert!(fetch.starts_with(&begins) && fetch.ends_with(ends), "{fetch}");
}

#[tokio::test]
async fn a_replaced_refresh_token_is_kept() {
    let answers = [
        (200, json!({"access_token": "a1", "expires_in": 0, "refresh_token": "r2"})),
        (401, json!({})),
        (200, json!({"access_token": "a2", "expires_in": 60})),
        (200, json!({})),
    ];
    let mut members = oauth(&json!({"refresh_token": null, "refresh_token_updater": {}}));
    members["error_handler"] = json!({"type": "DefaultErrorHandler", "response_filters":
        [{"type": "HttpResponseFilter", "http_codes": [401], "action": "REFRESH_TOKEN_THEN_RETRY"}]});
    let sent = sent(members, &answers, 1).await;
    let fetch = |token: &str| {
        format!(
            "POST https://o/token {KIND} client_id=i&client_secret=s&grant_type=refresh_token&refresh_token={token}"
        )
    };
    let page = |token: &str| format!("GET https://h/x Authorization=Bearer {token}");
    assert_eq!(sent.log, [fetch("first-refresh"), page("a1"), fetch("r2"), "wait 1".to_owned(), page("a2")]);
    assert_eq!(sent.kept, ["a1 r2 1970-01-12T13:46:40Z", "a2 r2 1970-01-12T13:47:40Z"]);
}

#[tokio::test]
async fn a_refused_token_is_told() {
    let sent = sent(oauth(&json!({})), &[(400, json!({"error": "invalid_grant"}))], 1).await;
    assert_eq!(sent.outcome, "https://o/token answered 400: invalid_grant");
}

#[tokio::test]
async fn an_older_session_is_stated_or_a_login_gives_it() {
    let check = async |members: Value, answers: &[(u16, Value)], expected: &[&str]| {
        let mut authenticator = json!({"type": "LegacySessionTokenAuthenticator", "header": "X-Session",
            "api_url": "https://l/", "login_url": "session", "validate_session_url": "me",
            "session_token_response_key": "id", "username": "{{ config.user }}", "password": "{{ config.password }}"});
        authenticator.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let sent = sent(json!({"authenticator": authenticator}), answers, 2).await;
        assert_eq!(sent.log, expected, "{members}");
    };
    let ok = || (200, json!({}));
    let login =
        "POST https://l/session Content-Type=application/json {\"password\":\"pass\",\"username\":\"u\"}";
    let page = |token: &str| format!("GET https://h/x X-Session={token}");
    let logs_in = (200, json!({"id": "new"}));
    check(json!({}), &[logs_in.clone(), ok(), ok()], &[login, &page("new"), &page("new")]).await;
    let stated = json!({"session_token": "{{ config.token }}"});
    let asks = "GET https://l/me X-Session=secret-token";
    let old = page("secret-token");
    check(stated.clone(), &[ok(), ok(), ok()], &[asks, &old, &old]).await;
    let refused = (401, json!({}));
    check(stated, &[refused, logs_in, ok(), ok()], &[asks, login, &page("new"), &page("new")]).await;
}

#[tokio::test]
async fn the_next_token_is_used_when_one_is_used_up() {
    let authenticator = json!({"type": "RateLimitedMultipleTokenAuthenticator", "tokens": "tok-a, tok-b",
        "quota_status_source": {"type": "QuotaStatusSource", "url": "https://q/limits"}, "budget_min_reserve": 0,
        "budget_reserve_fraction": 0, "quotas": [{"type": "TokenQuota", "name": "rest", "remaining_path": ["core", "left"],
            "reset_path": ["core", "reset"], "exhaustion_status_codes": [429]}]});
    let left = |left: i64| (200, json!({"core": {"left": left, "reset": 1_000_050}}));
    let (ok, limited) = (|| (200, json!({})), (429, json!({})));
    let answers = [left(5), left(1), limited, ok(), left(1), left(0), ok()];
    let sent = sent(json!({"authenticator": authenticator}), &answers, 2).await;
    let status = |token: &str| format!("GET https://q/limits Authorization=Bearer {token}");
    let page = |token: &str| format!("GET https://h/x Authorization=Bearer {token}");
    let expected = [
        status("tok-a"),
        status("tok-b"),
        page("tok-a"),
        "wait 1.1".to_owned(),
        page("tok-b"),
        "wait 50".to_owned(),
        status("tok-a"),
        status("tok-b"),
        page("tok-a"),
    ];
    assert_eq!(sent.log, expected);
}

#[tokio::test]
async fn a_login_gives_a_token() {
    let check = async |how: Value, lifetime: Value, expected: &[&str]| {
        let authenticator = json!({"type": "SessionTokenAuthenticator", "session_token_path": ["data", "token"],
            "expiration_duration": lifetime, "request_authentication": how, "login_requester":
            {"type": "HttpRequester", "url_base": "https://l", "http_method": "POST",
                "request_body_json": {"user": "{{ config.user }}"}}});
        let login = || (200, json!({"data": {"token": "t"}}));
        let ok = || (200, json!({}));
        let answers = [login(), ok(), if lifetime.is_null() { login() } else { ok() }, ok()];
        let sent = sent(json!({"authenticator": authenticator}), &answers, 2).await;
        assert_eq!(sent.log, expected);
    };
    let login = "POST https://l/ Content-Type=application/json {\"user\":\"u\"}";
    let bearer = "GET https://h/x Authorization=Bearer t";
    check(json!({"type": "Bearer"}), json!("PT1H"), &[login, bearer, bearer]).await;
    check(json!({"type": "Bearer"}), json!(null), &[login, bearer, login, bearer]).await;
    let key = json!({"type": "ApiKey", "api_token": "Token {{ session_token }}",
        "inject_into": {"type": "RequestOption", "inject_into": "header", "field_name": "X"}});
    let page = "GET https://h/x X=Token t";
    check(key, json!("P1D"), &[login, page, page]).await;
}
