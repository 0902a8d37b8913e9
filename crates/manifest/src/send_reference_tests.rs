//! What the reference does with 2200 rows of answers: under which handler it ends how, and after which waits. The
//! cases were made by running `airbyte-cdk` 7.39.1 with a clock that its waits move.

use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::json;

use super::*;
use crate::slice::Slice;
use crate::transport::Transport;

/// Answers in a row, with a clock that waits move.
struct Row {
    answers: Mutex<Vec<Value>>,
    waits: Mutex<Vec<f64>>,
}

impl Transport for Row {
    fn send(&self, _: Request) -> Async<'_, Result<Response, TransportError>> {
        let answer = self.answers.lock().unwrap().remove(0);
        Box::pin(async move {
            let headers = answer["headers"].as_object().unwrap();
            let headers =
                headers.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()));
            match answer["status"].as_u64() {
                Some(0) => Err(TransportError::Unreachable("no".to_owned())),
                status => Ok(Response {
                    status: u16::try_from(status.unwrap()).unwrap(),
                    headers: headers.collect(),
                    body: Bytes::from(answer["body"].to_string()),
                }),
            }
        })
    }

    fn sleep(&self, duration: Duration) -> Async<'_, ()> {
        self.waits.lock().unwrap().push(duration.as_secs_f64());
        Box::pin(async {})
    }

    fn now(&self) -> Timestamp {
        let waited: f64 = self.waits.lock().unwrap().iter().sum();
        Timestamp::from_second(1_000_000).unwrap().checked_add(Duration::from_secs_f64(waited)).unwrap()
    }

    fn random(&self) -> f64 {
        0.0
    }
}

async fn ended(handler: &Value, answers: Vec<Value>) -> Value {
    let mut component = json!({"type": "HttpRequester", "url_base": "https://h", "path": "x"});
    component["error_handler"] = handler.clone();
    let component = Component::new(component.as_object().unwrap().clone(), "requester");
    let row = Arc::new(Row { answers: Mutex::new(answers), waits: Mutex::default() });
    let service = Arc::new(Service::new(row.clone(), &Arc::new(json!({"retries": 2, "wait": 7}))));
    let requester = HttpRequester::new(&component, &service, Role::Pages).unwrap();
    let (slice, additions) = (Slice::default(), Additions::default());
    let ask = Ask { slice: &slice, token: None, path: None, additions: &additions };
    let outcome = match requester.ask(ask).await {
        Ok(Outcome::Answer(answer) | Outcome::Ignored(answer)) => format!("answer {}", answer.status),
        Ok(Outcome::ResetPagination) => "reset".to_owned(),
        Ok(Outcome::ReducePageSize(_)) => "reduce".to_owned(),
        Ok(Outcome::SplitWindow(_)) => "split".to_owned(),
        Err(ReadError::Status { failure, .. }) => match failure {
            FailureKind::System => "failed system_error".to_owned(),
            FailureKind::Config => "failed config_error".to_owned(),
            FailureKind::Transient => "failed transient_error".to_owned(),
        },
        // The reference calls some of these a failure of the system, and others a passing one.
        Err(ReadError::Transport { .. }) => "failed system_error".to_owned(),
        Err(error) => error.to_string(),
    };
    let waits = row.waits.lock().unwrap().clone();
    json!([outcome, waits])
}

#[tokio::test]
async fn failures_end_as_in_the_reference() {
    let all: Value = serde_json::from_str(include_str!("send_cases.json")).unwrap();
    let at = |name: &str, index: &Value| all[name][usize::try_from(index.as_u64().unwrap()).unwrap()].clone();
    let mut wrong = Vec::new();
    for case in all["cases"].as_array().unwrap() {
        let handler = at("handlers", &case[0]);
        let answers: Vec<Value> =
            case[1].as_array().unwrap().iter().map(|index| at("answers", index)).collect();
        let statuses: Vec<_> = answers.iter().map(|answer| answer["status"].clone()).collect();
        let found = ended(&handler, answers).await;
        let waits = |value: &Value| -> Vec<f64> {
            value.as_array().unwrap().iter().map(|wait| wait.as_f64().unwrap()).collect()
        };
        if found[0] != case[2] || waits(&found[1]) != waits(&case[3]) {
            wrong.push(format!("{handler} {statuses:?}: {found} instead of {} {}", case[2], case[3]));
        }
    }
    assert!(wrong.is_empty(), "{} of them:\n{}", wrong.len(), wrong.join("\n"));
}
