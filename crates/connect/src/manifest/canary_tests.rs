//! No secret of a manifest shows: canaries in every authenticator of the language and in its templates, through services
//! that repeat what they were sent, in traces, failures and states.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use raccord_manifest::error::ReadError;
use raccord_manifest::transport::{Async, Request, Response, Transport, TransportError};
use serde_json::{Map, Value, json};

use super::{Task, read};

/// How every canary begins; even a piece of one is a leak. Encodings of what follows must not matter.
const MARK: &str = "Zq9W";
const CANARY: &str = "Zq9Wx-7f3a+/=&<\"'% k";
/// What logins and token servers answer.
const TOKEN: &str = "Zq9Wtoken-0815+/=";
const REFRESH: &str = "Zq9Wrefresh-4711+/=";

/// What the service does when it is asked for records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    /// It answers, and repeats what it was sent.
    Answers,
    /// It refuses, and repeats what it was sent.
    Refuses(u16),
    /// It answers something that is no JSON.
    Garbage,
    /// It breaks off, with an error that holds what was sent.
    BreaksOff,
}

const MOODS: [Mood; 6] = [
    Mood::Answers,
    Mood::Refuses(400),
    Mood::Refuses(401),
    Mood::Refuses(500),
    Mood::Garbage,
    Mood::BreaksOff,
];

/// A service that gives tokens and repeats whatever it is sent.
struct Echo(Mood);

impl Transport for Echo {
    fn send(&self, request: Request) -> Async<'_, Result<Response, TransportError>> {
        let body = request.body.as_deref().unwrap_or_default();
        let sent = format!("{} {:?} {}", request.url, request.headers, String::from_utf8_lossy(body));
        let login = match request.url.rsplit('/').next() {
            Some("token") => {
                Some(json!({"access_token": TOKEN, "refresh_token": REFRESH, "expires_in": 3600}))
            }
            Some("login") => Some(json!({"id": TOKEN, "session": {"token": TOKEN}})),
            Some("valid") => Some(json!({})),
            Some("limits") => Some(json!({"core": {"left": 5, "reset": 4_000_000_000_u64}})),
            _ => None,
        };
        let records = json!({"data": [{"id": 1, "at": "2025-01-01", "echo": sent}], "echo": sent});
        let answer = |status, body: String| {
            let headers = [("Content-Type", "application/json"), ("X-Echo", request.url.as_str())];
            let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
            Ok(Response { status, headers, body: Bytes::from(body) })
        };
        let answer = match self.0 {
            _ if login.is_some() => answer(200, login.unwrap_or_default().to_string()),
            Mood::Answers => answer(200, records.to_string()),
            Mood::Refuses(status) => answer(status, json!({"message": sent, "error": sent}).to_string()),
            Mood::Garbage => answer(200, sent),
            Mood::BreaksOff => Err(TransportError::Unreachable(sent)),
        };
        Box::pin(async { answer })
    }

    fn sleep(&self, _: Duration) -> Async<'_, ()> {
        Box::pin(async {})
    }

    fn now(&self) -> jiff::Timestamp {
        "2025-02-01T00:00:00Z".parse().unwrap()
    }

    fn random(&self) -> f64 {
        0.0
    }
}

/// A manifest whose requester has these members beside those that all have.
fn manifest(own: &Value) -> String {
    let mut requester = json!({
        "type": "HttpRequester", "url_base": "https://h.test", "path": "/records",
        "error_handler": {"type": "DefaultErrorHandler", "max_retries": 1},
    });
    let members: &mut Map<String, Value> = requester.as_object_mut().unwrap();
    members.extend(own.as_object().unwrap().clone());
    let selector =
        json!({"type": "RecordSelector", "extractor": {"type": "DpathExtractor", "field_path": ["data"]}});
    json!({
        "type": "DeclarativeSource", "version": "6.0.0",
        "check": {"type": "CheckStream", "stream_names": ["records"]},
        "spec": {"type": "Spec", "connection_specification": {"type": "object", "properties": {
            "key": {"type": "string", "airbyte_secret": true},
        }}},
        "streams": [{
            "type": "DeclarativeStream", "name": "records",
            "retriever": {"type": "SimpleRetriever", "requester": requester, "record_selector": selector},
            "incremental_sync": {
                "type": "DatetimeBasedCursor", "cursor_field": "at", "datetime_format": "%Y-%m-%d",
                "start_datetime": "2025-01-01",
            },
        }],
    })
    .to_string()
}

/// Everything that the reading of a manifest whose requester has these members tells.
async fn told(own: &Value, mood: Mood) -> String {
    told_of(&manifest(own), mood).await
}

/// Everything that a reading tells.
async fn told_of(manifest: &str, mood: Mood) -> String {
    told_with(manifest, json!({"key": CANARY, "user": "someone", "kind": "key"}), mood).await
}

/// Everything that a reading with a configuration tells.
async fn told_with(manifest: &str, config: Value, mood: Mood) -> String {
    let lines = Arc::new(Mutex::new(String::new()));
    let heard = Arc::clone(&lines);
    let task = Task {
        manifest,
        config,
        stream: "records",
        state: None,
        may_be_missing: false,
        trace: Some(Arc::new(move |line: &str| heard.lock().unwrap().push_str(&format!("{line}\n")))),
    };
    let end = match read(task, Arc::new(Echo(mood)), |_| Ok::<(), ReadError>(())).await {
        Ok(state) => format!("{state:?}"),
        Err(error) => format!("{error} {error:?}"),
    };
    let lines = lines.lock().unwrap();
    format!("{lines}{end}")
}

fn authenticators() -> Vec<Value> {
    let key = "{{ config['key'] }}";
    let option = |place: &str| json!({"type": "RequestOption", "inject_into": place, "field_name": "key"});
    let api_key =
        |place: &str| json!({"type": "ApiKeyAuthenticator", "api_token": key, "inject_into": option(place)});
    let login = json!({"type": "HttpRequester", "url_base": "https://login.test", "http_method": "POST",
        "path": "/login", "request_body_json": {"password": key}});
    let session = |authentication: Value| {
        json!({"type": "SessionTokenAuthenticator", "session_token_path": ["session", "token"],
            "expiration_duration": "PT1H", "login_requester": login, "request_authentication": authentication})
    };
    let oauth = |more: Value| {
        let mut all = json!({"type": "OAuthAuthenticator", "token_refresh_endpoint": "https://login.test/token",
            "client_id": "me", "client_secret": key});
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    let legacy = |member: &str| {
        json!({"type": "LegacySessionTokenAuthenticator", "header": "X-Session", "api_url": "https://login.test/",
            "login_url": "login", "validate_session_url": "valid", "session_token_response_key": "id",
            "username": "someone", member: key})
    };
    vec![
        api_key("header"),
        api_key("request_parameter"),
        api_key("body_data"),
        api_key("body_json"),
        json!({"type": "ApiKeyAuthenticator", "api_token": format!("Token {key}"), "header": "X-Key"}),
        json!({"type": "BearerAuthenticator", "api_token": key}),
        json!({"type": "BasicHttpAuthenticator", "username": "someone", "password": key}),
        json!({"type": "BasicHttpAuthenticator", "username": key}),
        oauth(json!({"refresh_token": key})),
        oauth(json!({"grant_type": "client_credentials"})),
        session(json!({"type": "Bearer"})),
        session(json!({"type": "ApiKey", "inject_into": option("request_parameter")})),
        legacy("password"),
        legacy("session_token"),
        json!({"type": "JwtAuthenticator", "secret_key": key, "algorithm": "HS256"}),
        json!({"type": "SelectiveAuthenticator", "authenticator_selection_path": ["kind"],
            "authenticators": {"key": {"type": "BearerAuthenticator", "api_token": key}, "none": {"type": "NoAuth"}}}),
        json!({"type": "RateLimitedMultipleTokenAuthenticator", "tokens": key, "budget_min_reserve": 0,
            "budget_reserve_fraction": 0,
            "quota_status_source": {"type": "QuotaStatusSource", "url": "https://login.test/limits"},
            "quotas": [{"type": "TokenQuota", "name": "rest", "remaining_path": ["core", "left"],
                "reset_path": ["core", "reset"], "exhaustion_status_codes": [429]}]}),
    ]
}

#[tokio::test]
async fn no_authenticator_shows_its_secret() {
    let basic = STANDARD.encode(format!("someone:{CANARY}"));
    for authenticator in authenticators() {
        for mood in MOODS {
            let told = told(&json!({"authenticator": authenticator}), mood).await;
            assert!(told.contains("> GET https://h.test/records"), "{mood:?} {authenticator}: {told}");
            // The last one is how a signed token begins.
            for secret in [MARK, &basic, "eyJ"] {
                assert!(!told.contains(secret), "{mood:?} {authenticator}: {told}");
            }
        }
    }
}

#[tokio::test]
async fn no_template_shows_a_secret() {
    let key = "{{ config['key'] }}";
    let handler = json!({"type": "DefaultErrorHandler", "max_retries": 0, "response_filters": [
        {"type": "HttpResponseFilter", "action": "FAIL", "http_codes": [400], "error_message": format!("it is {key}")},
    ]});
    for own in [
        json!({"path": format!("/records/{key}")}),
        json!({"url_base": format!("https://h.test/{key}/")}),
        json!({"request_parameters": {"key": key, "joined": format!("a:{key}:b")}}),
        json!({"request_parameters": {"key": "{{ config['key'].x.y }}"}}),
        json!({"request_headers": {"X-Key": format!("key={key}"), "X-Coded": "{{ config['key'] | base64encode }}"}}),
        json!({"request_body_json": {"nested": {"key": key}}}),
        json!({"request_body_data": {"key": key}}),
        json!({"request_body_data": format!("key={key}")}),
        json!({"error_handler": handler}),
    ] {
        for mood in MOODS {
            let told = told(&own, mood).await;
            for secret in [MARK, &STANDARD.encode(CANARY)] {
                assert!(!told.contains(secret), "{mood:?} {own}: {told}");
            }
        }
    }
}

#[tokio::test]
async fn no_spelling_of_a_setting_shows_a_secret() {
    // Known in another spelling, and unknown with a name that says what it is.
    for name in ["Key", "KEY", "k_e_y", "Sec_Ret", "api-Key", "AccessToken"] {
        let own = json!({"request_headers": {"X-Key": format!("{{{{ config['{name}'] }}}}")}});
        let told = told_with(&manifest(&own), json!({name: CANARY}), Mood::Refuses(400)).await;
        assert!(told.contains("> GET https://h.test/records") && !told.contains(MARK), "{name}: {told}");
    }
    // In a list.
    for (config, path) in [
        (json!({"accounts": [{"api_key": CANARY}]}), "['accounts'][0]['api_key']"),
        (json!({"tokens": [CANARY]}), "['tokens'][0]"),
    ] {
        let own = json!({"request_headers": {"X-Key": format!("{{{{ config{path} }}}}")}});
        let told = told_with(&manifest(&own), config, Mood::Refuses(400)).await;
        assert!(told.contains("> GET https://h.test/records") && !told.contains(MARK), "{path}: {told}");
    }
}

#[test]
fn a_setting_in_another_spelling_is_told() {
    let found = |config: Value| -> Vec<String> {
        let found = super::violations(&manifest(&json!({})), config).unwrap();
        found.into_iter().map(|it| format!("{}: {}", it.path, it.message)).collect()
    };
    assert_eq!(found(json!({"k_ey": "x"})), ["k_ey: the manifest has no such setting; it is written `key`"]);
    assert_eq!(found(json!({"key": "x", "other": "y"})), [""; 0]);
}

/// A partition that has the value of a secret would stand in every state: such a reading fails, and says why.
#[tokio::test]
async fn no_state_holds_a_secret() {
    let key = "{{ config['key'] }}";
    let bearer = json!({"authenticator": {"type": "BearerAuthenticator", "api_token": key}});
    let whole: Value = serde_json::from_str(&manifest(&bearer)).unwrap();
    let mut parent = whole["streams"][0].clone();
    parent.as_object_mut().unwrap().remove("incremental_sync");
    let parents = |parent_key: &str| {
        json!({"type": "SubstreamPartitionRouter", "parent_stream_configs": [{"type": "ParentStreamConfig",
            "stream": parent, "parent_key": parent_key, "partition_field": "parent"}]})
    };
    let list =
        |values: &str| json!({"type": "ListPartitionRouter", "values": values, "cursor_field": "list"});
    for (router, is_kept) in [
        (list("{{ ['here'] }}"), true),
        (parents("id"), true),
        (list("{{ [config['key']] }}"), false),
        (parents("echo"), false),
    ] {
        let mut manifest = whole.clone();
        manifest["streams"][0]["retriever"]["partition_router"] = router.clone();
        let told = told_of(&manifest.to_string(), Mood::Answers).await;
        assert!(!told.contains(MARK), "{router}: {told}");
        assert_eq!(told.contains("has the value of a credential"), !is_kept, "{router}: {told}");
    }
}
