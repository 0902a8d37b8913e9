//! Secrets of webhooks that a program holds are read ahead: no delivery waits for them, and what was read last counts.

use std::fs::File;
use std::io::Write as _;
use std::sync::Arc;

use raccord_connect::ServiceWebhooks;
use raccord_model::language::webhook::VerifySpec;
use raccord_model::port::environment::{Environment, RandomError};
use raccord_model::port::webhook::{Refused, Webhooks};
use raccord_model::secret::SecretError;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use uuid::Uuid;

struct Machine;

impl Environment for Machine {
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::now()
    }
    fn new_id(&self) -> Uuid {
        Uuid::now_v7()
    }
    fn variable(&self, name: &str) -> Option<String> {
        (name == "RACCORD_ALLOW_COMMANDS").then(|| "cat".to_owned())
    }
    fn random(&self) -> Result<[u8; 32], RandomError> {
        Ok([7; 32])
    }
}

#[tokio::test]
async fn a_delivery_waits_for_no_program() {
    let home = tempfile::tempdir().unwrap();
    let fill = |text: &str| {
        File::create(home.path().join("token")).unwrap().write_all(text.as_bytes()).unwrap();
    };
    let verify: VerifySpec =
        serde_json::from_value(serde_json::json!({"bearer": "${cmd:cat token}"})).unwrap();
    let webhooks = ServiceWebhooks::new(Arc::new(Machine));
    let unread = webhooks.verifier(&verify, home.path()).unwrap_err();
    assert!(matches!(unread, SecretError::Unavailable { .. }), "{unread}");
    fill("hunter2");
    webhooks.read_ahead(&verify, home.path()).await;
    let verifier = webhooks.verifier(&verify, home.path()).unwrap();
    // What changes in the meantime counts once it is read ahead again.
    fill("other");
    for (token, expected) in [("hunter2", Ok(())), ("other", Err(Refused::Wrong))] {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {token}")).unwrap());
        assert_eq!(verifier.admit(&headers, None), expected, "{token}");
    }
    assert!(!format!("{unread} {unread:?} {verifier:?}").contains("hunter2"));
}
