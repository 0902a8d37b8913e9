//! Deliveries: whatever comes before the first line end is a header, the rest a body. Nothing of it is proved, and
//! what is read of it lies inside it.

use std::mem::discriminant;
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use raccord_compiler::webhook::{Intent, Reading, Route, Unreadable, lower};
use raccord_connect::{ServiceWebhooks, System};
use raccord_model::port::environment::{Environment, RandomError};
use raccord_model::port::webhook::{Delivery, Webhooks as _};
use serde_json::json;

use crate::harness::{Target, fuzz, outcome};

const SAMPLES: &[&str] = &[
    "t=1700000000,v1=5d175a97d88fc9d263aa8fa9c2413a6afc1dc290c016071583b8ee7c9bc776de,v0=00\n{\"id\":\"evt_1\",\"type\":\"customer.created\",\"data\":{\"object\":{\"id\":\"cus_é\"}}}",
    "v1,AGyXusvqtMkpXuxIrtGBNKy+s9BfJUxlQcAkSDiiu2c= v1a,x\n{\"id\":2,\"type\":\"order.moved\",\"data\":{\"id\":\"a/b\"}}",
    "sha256=00ff\n{\"id\":\"x\",\"type\":\"customer.deleted\",\"data\":{\"object\":{\"id\":1}}}",
    "Basic em/DqTpzZWNyZXQ=\n{\"type\":\"other\",\"a\":[[[[{\"b\":null}]]]]}",
    "Bearer secret\n[1,\"\\ud83d\"]",
];

const WORDS: &[&str] = &[
    "t=",
    "v1=",
    "v1,",
    ",",
    "=",
    " ",
    "sha256=",
    "Basic ",
    "bearer ",
    "+",
    "-",
    "99999999999999999999",
    "\\u0000",
    "\"type\":\"customer.created\"",
    "\"data\":{\"object\":",
    "{\"",
    "\":",
    "..",
    "[[[[[[[[[[[[[[[[",
    "null",
    "é",
];

const HEADERS: [&str; 6] = [
    "stripe-signature",
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
    "x-signature",
    "authorization",
];

/// This machine, on which every variable is the same secret.
struct OneSecret;

impl Environment for OneSecret {
    fn now(&self) -> jiff::Timestamp {
        System::default().now()
    }

    fn new_id(&self) -> uuid::Uuid {
        System::default().new_id()
    }

    fn variable(&self, _: &str) -> Option<String> {
        Some("c2VjcmV0IHNlY3JldA==".to_owned())
    }

    fn random(&self) -> Result<[u8; 32], RandomError> {
        System::default().random()
    }
}

fn prepare() -> impl FnMut(&[u8]) -> u64 {
    let settings = json!({"baseUrl": "https://api.example", "dataTypes": {"customers": {}, "orders": {}}});
    let settings = serde_json::from_value(settings).unwrap();
    let spec = json!({
        "verify": {"bearer": "${env:S}"}, "event": "type", "delivery": "id",
        "events": {
            "customer.*": {"dataType": "customers", "record": "data.object"},
            "customer.deleted": {"dataType": "customers", "record": "data.object", "deleted": true},
            "order.moved": {"dataType": "orders", "fetch": {"path": "/orders/{event.data.id}"}},
        }
    });
    let hook = lower(&serde_json::from_value(spec).unwrap(), &settings).0.unwrap();
    let hmac = json!({"secret": "${env:S}", "header": "x-signature", "prefix": "sha256=", "timestamp": {"header": "webhook-timestamp", "format": "rfc3339"}});
    let schemes = [
        json!({"stripe": {"secret": "${env:S}"}}),
        json!({"standardWebhooks": {"secret": "${env:S}"}}),
        json!({"hmac": hmac}),
        json!({"bearer": "${env:S}"}),
        json!({"basic": {"username": "u", "password": "${env:S}"}}),
    ];
    let webhooks = ServiceWebhooks::new(Arc::new(OneSecret));
    let verifiers = schemes
        .map(|verify| webhooks.verifier(&serde_json::from_value(verify).unwrap(), ".".as_ref()).unwrap());
    move |input| {
        let at = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
        let (value, body) = (&input[..at], input.get(at + 1..).unwrap_or_default());
        let mut headers = HeaderMap::new();
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.extend(HEADERS.map(|name| (HeaderName::from_static(name), value.clone())));
        }
        let delivery = Delivery { headers: &headers, body, url: None, query: None };
        let now = "2023-11-14T22:13:20Z".parse().unwrap();
        let refused = verifiers.each_ref().map(|verifier| {
            let refused = verifier.verify(&delivery, now).expect_err("nobody knows the secret");
            assert!(refused.to_string().len() < 200);
            discriminant(&refused)
        });
        let header = |name: &str| headers.get(name).map(HeaderValue::as_bytes);
        let read = hook.read(Route::default(), &header, body);
        for reading in read.iter().flatten() {
            let Reading::Received(received) = reading else { continue };
            let record = received.record.of(body);
            assert!(
                record.is_empty() || serde_json::from_slice::<&serde_json::value::RawValue>(record).is_ok()
            );
            if let Intent::Fetch { path } = &received.intent {
                let id = path.strip_prefix("/orders/").unwrap();
                assert!(!id.contains('/') && !matches!(id, "" | "." | ".."), "{path}");
            }
        }
        outcome((refused, said(&read)))
    }
}

/// What was read, in words that do not depend on the values.
fn said(read: &Result<Vec<Reading>, Unreadable>) -> String {
    match read {
        Ok(readings) => readings
            .iter()
            .map(|reading| match reading {
                Reading::Received(received) => format!("{:?}", discriminant(&received.intent)),
                Reading::Ignored { .. } => "ignored".to_owned(),
            })
            .collect(),
        Err(error) => format!("{:?}", discriminant(error)),
    }
}

#[test]
fn webhook() {
    let samples = SAMPLES.iter().map(|sample| sample.as_bytes().to_vec()).collect();
    fuzz(Target { name: "webhook", samples, words: WORDS }, prepare);
}
