//! Webhooks are registered at a service and removed again, with one attempt each and no secret in a message.

use std::path::Path;
use std::sync::{Arc, Mutex};

use raccord_connect::ServiceWebhooks;
use raccord_model::language::{AuthorizationSpec, SourceSpec};
use raccord_model::port::webhook::{Announcement, Service, WebhookError, Webhooks as _};
use raccord_model::secret::SecretRef;
use serde_json::{Value, json};
use wiremock::{MockServer, Request, ResponseTemplate};

use crate::service::{SECRET, Variables, ok, serve};

/// What a service was asked: method, path, body.
type Log = Arc<Mutex<Vec<String>>>;

/// A service that answers every request alike, and remembers it.
async fn service(answer: ResponseTemplate) -> (MockServer, Log) {
    let log = Log::default();
    let seen = Arc::clone(&log);
    let server = serve(move |request: &Request| {
        let header = |name: &str| {
            let value = request.headers.get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        let body = String::from_utf8_lossy(&request.body).into_owned();
        assert_eq!(header("authorization"), format!("Bearer {SECRET}"));
        let (key, media_type) = (header("idempotency-key"), header("content-type"));
        let line = format!("{} {} {media_type} {key} {body}", request.method, request.url.path());
        seen.lock().unwrap().push(line.trim().to_owned());
        answer.clone()
    })
    .await;
    (server, log)
}

struct Client {
    webhooks: ServiceWebhooks,
    source: SourceSpec,
    authorization: AuthorizationSpec,
    secret: SecretRef,
}

impl Client {
    fn new(base: &str, create: &Value, delete: &Value) -> Self {
        let source = json!({
            "connector": "http",
            "config": {"baseUrl": base, "headers": {"X-Version": "1"}, "dataTypes": {}, "timeout": "60s"},
            "webhook": {
                "verify": {"bearer": "${env:TOKEN}"},
                "register": {"create": create, "delete": delete},
            },
        });
        let authorization = json!({"type": "bearer", "token": "${env:TOKEN}"});
        let environment = Variables(|name: &str| (name == "TOKEN").then(|| SECRET.to_owned()));
        Self {
            webhooks: ServiceWebhooks::new(Arc::new(environment)),
            source: serde_json::from_value(source).unwrap(),
            authorization: serde_json::from_value(authorization).unwrap(),
            secret: "${env:TOKEN}".parse().unwrap(),
        }
    }

    fn service(&self) -> Service<'_> {
        Service { source: &self.source, authorization: Some(&self.authorization), root: Path::new(".") }
    }

    async fn register(&self) -> Result<String, WebhookError> {
        let url = "https://raccord.example/hooks/shop/boutique?a=b&c";
        let announcement = Announcement { url, secret: Some(&self.secret), key: "step-7" };
        let registered = self.webhooks.register(self.service(), announcement).await;
        if let Err(error) = &registered {
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        }
        registered
    }

    async fn unregister(&self, id: &str) -> Result<(), WebhookError> {
        self.webhooks.unregister(self.service(), id).await
    }
}

fn delete() -> Value {
    json!({"path": "/hooks/{id}"})
}

#[tokio::test]
async fn a_service_is_told_where_to_push_and_to_stop() {
    let json = json!({"path": "/hooks", "body": {"hook": {"to": "{{ url }}", "secret": "{{ secret }}", "events": ["*"]}}});
    let form = json!({"path": "hooks", "method": "PUT", "form": {"url": "{{ url }}", "enabled[]": "*"}, "id": "data.id"});
    let by_post = json!({"path": "/hooks/{id}/stop", "method": "POST"});
    let (server, log) = service(ok(&json!({"id": "we/1", "data": {"id": 42}}))).await;
    let client = Client::new(&server.uri(), &json, &delete());
    assert_eq!(client.register().await.unwrap(), "we/1");
    client.unregister("we/1").await.unwrap();
    let client = Client::new(&server.uri(), &form, &by_post);
    assert_eq!(client.register().await.unwrap(), "42");
    client.unregister("42").await.unwrap();
    let expected = [
        format!(
            r#"POST /hooks application/json step-7 {{"hook":{{"events":["*"],"secret":"{SECRET}","to":"https://raccord.example/hooks/shop/boutique?a=b&c"}}}}"#
        ),
        "DELETE /hooks/we%2F1".to_owned(),
        "PUT /hooks application/x-www-form-urlencoded step-7 enabled%5B%5D=*&url=https%3A%2F%2Fraccord.example%2Fhooks%2Fshop%2Fboutique%3Fa%3Db%26c".to_owned(),
        "POST /hooks/42/stop".to_owned(),
    ];
    assert_eq!(*log.lock().unwrap(), expected);
}

#[tokio::test]
async fn a_registration_that_fails_says_why_once() {
    let create = json!({"path": "/hooks", "body": {"to": "{{ url }}", "secret": "{{ secret }}"}});
    for (answer, expected) in [
        (ResponseTemplate::new(500).set_body_string(format!("no {SECRET}")), "answered 500: no ***"),
        (ResponseTemplate::new(429), "answered 429"),
        (ResponseTemplate::new(422).set_body_string("{\"why\": \"hunter2+\\/=\"}"), "answered 422"),
        (ResponseTemplate::new(401), "the service refused our credentials (${env:TOKEN}): 401"),
        (ok(&json!({"name": "x"})), "`id: id` leads to no id in the answer"),
        (ok(&json!({"id": ".."})), "`id: id` leads to no id in the answer"),
        (ok(&json!({"id": {"a": 1}})), "`id: id` leads to no id in the answer"),
        (ResponseTemplate::new(200).set_body_string("<html>"), "`id: id` leads to no id in the answer"),
    ] {
        let (server, log) = service(answer).await;
        let error = Client::new(&server.uri(), &create, &delete()).register().await.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert_eq!(log.lock().unwrap().len(), 1, "{error}");
    }
}

#[tokio::test]
async fn what_is_gone_need_not_be_removed() {
    let create = json!({"path": "/hooks", "body": "{{ url }}"});
    for (status, is_removed) in [(204, true), (404, true), (410, true), (403, false), (500, false)] {
        let (server, _) = service(ResponseTemplate::new(status)).await;
        let removed = Client::new(&server.uri(), &create, &delete()).unregister("1").await;
        assert_eq!(removed.is_ok(), is_removed, "{status}");
    }
}

/// What is sent with a secret is for the service itself, whatever it answers.
#[tokio::test]
async fn a_secret_follows_no_redirect() {
    let create = json!({"path": "/hooks", "body": {"to": "{{ url }}", "secret": "{{ secret }}"}});
    let (elsewhere, never) = service(ok(&json!({"id": "1"}))).await;
    for status in [301, 302, 303, 307, 308] {
        for to in ["/moved".to_owned(), format!("{}/moved", elsewhere.uri())] {
            let (server, log) =
                service(ResponseTemplate::new(status).insert_header("Location", to.as_str())).await;
            let error = Client::new(&server.uri(), &create, &delete()).register().await.unwrap_err();
            assert!(
                error.to_string().contains("it redirects, but what was sent is for this URL alone"),
                "{error}"
            );
            let asked = log.lock().unwrap().clone();
            assert!(asked.len() == 1 && asked[0].starts_with("POST /hooks "), "{status} {to}: {asked:?}");
        }
    }
    assert!(never.lock().unwrap().is_empty());
}
