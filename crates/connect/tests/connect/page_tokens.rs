//! What a reading keeps of where it stands holds no credential, whatever a service puts into what it is asked with next.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use raccord_model::port::source::SourceError;
use serde_json::{Value, json};
use wiremock::{Request, ResponseTemplate};

use crate::service::{SECRET, http, ok, query, serve};

/// Every form of Authorization that sends a credential with each request. OAuth's tokens are sent as `bearer` is.
fn authorizations() -> Vec<Value> {
    let secret = "${env:TOKEN}";
    vec![
        json!({"type": "apiKey", "header": "X-Key", "value": secret}),
        json!({"type": "apiKey", "header": "Authorization", "prefix": "Token ", "value": secret}),
        json!({"type": "apiKey", "query": "key", "value": secret}),
        json!({"type": "apiKey", "headers": {"X-One": secret, "X-Two": secret}}),
        json!({"type": "bearer", "token": secret}),
        json!({"type": "basic", "username": "me", "password": secret}),
        json!({"type": "hmac", "secret": secret, "key": secret, "signed": "{timestamp}{key}", "header": "X-Sign",
            "prefix": "{key}:"}),
        json!({"type": "awsSigV4", "accessKeyId": secret, "secretAccessKey": secret, "sessionToken": secret,
            "region": "eu-west-1", "service": "execute-api"}),
        json!({"type": "oauth1a", "consumerKey": secret, "consumerSecret": secret, "token": secret, "tokenSecret": secret}),
    ]
}

/// Ways to go on, and where the service puts what it was sent.
fn paginations() -> Vec<Value> {
    vec![
        json!({"pagination": {"nextUrl": "url"}}),
        json!({"pagination": {"nextUrl": {"header": "Next-Page"}}}),
        json!({"pagination": {"link": "next"}}),
        json!({"pagination": {"cursor": "echo", "param": "cursor"}}),
        json!({"pagination": {"cursor": {"lastRecord": "echo"}, "param": "after", "while": "more"}}),
        json!({"pagination": {"cursor": "echo", "param": "cursor"},
            "incremental": {"token": "echo", "param": "since"}}),
        json!({"pagination": {"page": "page", "from": 0}, "incremental": {"field": "echo", "param": "since"}}),
    ]
}

/// Repeats what it was sent, in each spelling, as the next page, as records and as the token of the next reading.
fn echo(request: &Request) -> ResponseTemplate {
    let headers: Vec<String> = request
        .headers
        .iter()
        .filter(|(name, _)| name.as_str() != "host")
        .map(|(_, value)| value.to_str().unwrap_or_default().to_owned())
        .collect();
    let sent = format!("{}|{}", headers.join("|"), request.url);
    let coded: String = url::form_urlencoded::byte_serialize(sent.as_bytes()).collect();
    let packed: String = url::form_urlencoded::byte_serialize(STANDARD.encode(&sent).as_bytes()).collect();
    let query = request.url.query().unwrap_or_default();
    let mut next = request.url.clone();
    next.set_query(Some(&format!("{query}&n=1&echo={coded}&packed={packed}")));
    let is_end = request.url.query_pairs().any(|(name, _)| ["n", "cursor", "after"].contains(&&*name))
        || self::query(request, "page").is_some_and(|page| page != "0");
    if is_end {
        return ok(&json!({"d": []}));
    }
    let echo = format!("{sent} {}", STANDARD.encode(&sent));
    let body = json!({"d": [{"id": 1, "echo": echo}], "url": next.as_str(), "echo": echo, "more": true});
    ok(&body)
        .insert_header("Next-Page", next.as_str())
        .insert_header("Link", format!("<{next}>; rel=\"next\"").as_str())
}

#[tokio::test]
async fn no_page_token_and_no_state_holds_a_credential() {
    let server = serve(echo).await;
    for authorization in authorizations() {
        for pagination in paginations() {
            let mut data_type = json!({"records": "d"});
            data_type.as_object_mut().unwrap().extend(pagination.as_object().unwrap().clone());
            let source = http(&server.uri(), &json!({"dataTypes": {"a": data_type}}), &authorization);
            let (kept, error) = kept(source.as_ref()).await;
            let given = format!("{authorization} {pagination}");
            // Either there is something to keep, or the reading says why it keeps nothing.
            let why = error.as_ref().map(ToString::to_string).unwrap_or_default();
            assert!(kept.contains("PageToken(") || why.contains("credential"), "{given}: {kept} {why}");
            for secret in secrets() {
                assert!(!kept.contains(&secret), "{given}: `{secret}` is in {kept}");
                let told = error.as_ref().map(|error| format!("{error} {error:?}")).unwrap_or_default();
                assert!(!told.contains(&secret), "{given}: `{secret}` is in {told}");
            }
        }
    }
}

/// Everything that a reading gives out to be kept, and the error that ends it.
async fn kept(source: &dyn raccord_model::port::source::Source) -> (String, Option<SourceError>) {
    let mut kept = String::new();
    let mut pages = match source.open(raccord_model::port::source::Read::default()).await {
        Ok(pages) => pages,
        Err(error) => return (kept, Some(error)),
    };
    loop {
        match pages.next().await {
            Ok(Some(page)) => {
                kept.push_str(&format!("{:?} {:?} {}\n", page.next, page.state, page.position));
            }
            Ok(None) => return (kept, None),
            Err(error) => return (kept, Some(error)),
        }
    }
}

/// The secret, and how it looks in base64 at each of the three places where it can begin.
fn secrets() -> Vec<String> {
    let mut all = vec!["hunter2".to_owned()];
    for before in 0..3_usize {
        let text = STANDARD.encode(format!("{}{SECRET}", "x".repeat(before)));
        // The first and the last group hold bits of what stands beside.
        all.push(text.get(4..text.len() - 4).unwrap_or_default().to_owned());
    }
    all
}
