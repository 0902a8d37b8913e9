//! A service for tests: it answers by a script, and notes what was sent and how long was waited.

use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;

use crate::transport::{Request, Response, Transport, TransportError};

/// Answers by a script; the status 0 is no answer.
pub(crate) struct Script {
    answers: Mutex<Vec<(u16, Value)>>,
    log: Mutex<Vec<String>>,
}

impl Transport for Script {
    fn send(&self, request: Request) -> crate::transport::Async<'_, Result<Response, TransportError>> {
        let headers: Vec<_> =
            request.headers.iter().map(|(name, value)| format!(" {name}={value}")).collect();
        let body =
            request.body.map(|body| format!(" {}", String::from_utf8_lossy(&body))).unwrap_or_default();
        self.log.lock().unwrap().push(format!(
            "{} {}{}{body}",
            request.method,
            request.url,
            headers.concat()
        ));
        let (status, body) = self.answers.lock().unwrap().remove(0);
        Box::pin(async move {
            match status {
                0 => Err(TransportError::Unreachable("the service is not there".to_owned())),
                _ => Ok(Response { status, headers: Vec::new(), body: Bytes::from(body.to_string()) }),
            }
        })
    }

    fn sleep(&self, duration: Duration) -> crate::transport::Async<'_, ()> {
        self.log.lock().unwrap().push(format!("wait {}", duration.as_secs_f64()));
        Box::pin(async {})
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_second(1_000_000).unwrap()
    }

    fn random(&self) -> f64 {
        0.0
    }
}

impl Script {
    pub(crate) fn new(answers: &[(u16, Value)]) -> Self {
        Self { answers: Mutex::new(answers.to_vec()), log: Mutex::default() }
    }

    /// What was sent, and how long was waited.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }
}
