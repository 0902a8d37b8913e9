//! Whole connectors against a service that answers by routes: what `airbyte-cdk` 7.39.1 asked, which records it gave,
//! and its last state. What it does by chance (order, how long it took) is not compared.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use url::Url;

use crate::connector::Connector;
use crate::load::{Manifest, load};
use crate::service::Service;
use crate::transport::{Async, Request, Response, Transport, TransportError};

#[derive(Clone, Deserialize)]
struct Case {
    name: String,
    manifest: Value,
    stream: String,
    config: Value,
    before: Option<Value>,
    routes: Vec<Route>,
    requests: Vec<Value>,
    records: Vec<Value>,
    after: Option<Value>,
    fails: bool,
}

/// What is answered to requests of a path: one answer after the other, the last one again and again.
#[derive(Clone, Deserialize)]
struct Route {
    path: Pattern,
    method: Option<String>,
    /// Parameters that must be there.
    #[serde(default)]
    q: Map<String, Value>,
    /// Parameters that must not.
    #[serde(default)]
    not: Vec<String>,
    a: Vec<Value>,
}

/// What a path must look like as a whole.
#[derive(Clone, Deserialize)]
#[serde(try_from = "String")]
struct Pattern(fancy_regex::Regex);

impl TryFrom<String> for Pattern {
    type Error = Box<fancy_regex::Error>;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Ok(Self(fancy_regex::Regex::new(&format!("^(?:{text})$"))?))
    }
}

struct Scripted {
    routes: Vec<Route>,
    counts: Mutex<HashMap<usize, usize>>,
    asked: Mutex<Vec<Value>>,
}

impl Transport for Scripted {
    fn send(&self, request: Request) -> Async<'_, Result<Response, TransportError>> {
        let url = Url::parse(&request.url).unwrap();
        let query: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        let body = request.body.as_deref().filter(|body| !body.is_empty()).map(|body| {
            let text = || Value::from(String::from_utf8_lossy(body).into_owned());
            serde_json::from_slice(body).unwrap_or_else(|_| text())
        });
        let mut sorted = query.clone();
        sorted.sort();
        self.asked.lock().unwrap().push(json!([request.method, url.path(), sorted, body]));
        let answer = self.answer(&request.method, url.path(), &query);
        Box::pin(async { Ok(answer) })
    }

    fn sleep(&self, _: Duration) -> Async<'_, ()> {
        Box::pin(async {})
    }

    fn now(&self) -> jiff::Timestamp {
        "2025-02-01T00:00:00.123456Z".parse().unwrap()
    }

    fn random(&self) -> f64 {
        0.0
    }
}

impl Scripted {
    fn answer(&self, method: &str, path: &str, query: &[(String, String)]) -> Response {
        for (at, route) in self.routes.iter().enumerate() {
            let Some(part) = route.part(method, path, query) else { continue };
            let mut counts = self.counts.lock().unwrap();
            let count = counts.entry(at).or_default();
            let answer = &route.a[(*count).min(route.a.len() - 1)];
            *count += 1;
            return response(answer, &part);
        }
        Response { status: 404, headers: Vec::new(), body: Bytes::from_static(b"{}") }
    }
}

impl Case {
    fn loaded(&self) -> Manifest {
        load(&self.manifest.to_string()).unwrap()
    }
}

impl Route {
    /// What stands in the brackets of the path, where the route is that of a request.
    fn part(&self, method: &str, path: &str, query: &[(String, String)]) -> Option<String> {
        let found = self.path.0.captures(path).unwrap()?;
        let value =
            |name: &str| query.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let fits = self.method.as_deref().is_none_or(|own| own == method)
            && self.q.iter().all(|(name, own)| value(name) == own.as_str())
            && self.not.iter().all(|name| value(name).is_none());
        fits.then(|| found.get(1).map_or_else(String::new, |part| part.as_str().to_owned()))
    }
}

/// An answer: a body, or an object with a status (`_`), a body and headers.
fn response(answer: &Value, part: &str) -> Response {
    let (status, body) = match answer.get("_").and_then(Value::as_u64) {
        Some(status) => (u16::try_from(status).unwrap(), answer.get("b").unwrap_or(&Value::Null)),
        None => (200, answer),
    };
    let text = match body {
        Value::String(text) => text.clone(),
        body => body.to_string().replace("$1", part),
    };
    let json = ("Content-Type".to_owned(), "application/json".to_owned());
    let own = answer.get("h").and_then(Value::as_object).into_iter().flatten();
    let own = own.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()));
    Response { status, headers: own.chain([json]).collect(), body: Bytes::from(text) }
}

fn sorted(values: &[Value]) -> Vec<String> {
    let mut texts: Vec<_> = values.iter().map(Value::to_string).collect();
    texts.sort();
    texts
}

/// A state without what depends on the time it took, its partitions in order.
fn comparable(state: Option<Value>) -> Value {
    let mut state = state.unwrap_or_default();
    if let Value::Object(members) = &mut state {
        members.remove("lookback_window");
        if let Some(Value::Array(states)) = members.get_mut("states") {
            states.sort_by_key(Value::to_string);
        }
    }
    state
}

/// What a reading gave.
#[derive(Default)]
struct Seen {
    requests: Vec<Value>,
    records: Vec<Value>,
    state: Option<Value>,
    pages: usize,
    fails: bool,
}

/// Reads at most so many pages.
async fn read(case: &Case, manifest: &Manifest, before: Option<&Value>, most: usize) -> Seen {
    let routes =
        Arc::new(Scripted { routes: case.routes.clone(), counts: Mutex::default(), asked: Mutex::default() });
    let service = Service::new(routes.clone(), &Arc::new(case.config.clone()));
    let connector = Connector::new(manifest.clone(), service, routes.clone());
    let stream = connector.stream(&case.stream).unwrap();
    let mut seen = Seen::default();
    match stream.read(before) {
        Err(_) => seen.fails = true,
        Ok(mut reading) => {
            while !reading.is_done() && seen.pages < most {
                seen.pages += 1;
                match reading.next().await {
                    Ok(page) => {
                        let records = page.into_iter().flat_map(|page| page.records);
                        seen.records.extend(records.map(|record| record.value()));
                    }
                    Err(_) => seen.fails = true,
                }
            }
            seen.state = reading.state();
        }
    }
    seen.requests.clone_from(&routes.asked.lock().unwrap());
    seen
}

fn cases() -> Vec<Case> {
    let cases: Vec<Case> = serde_json::from_str(include_str!("reference.json")).unwrap();
    assert_eq!(cases.len(), 185);
    cases
}

/// The cases whose service gives records that are newer than the slice. A state of the reference goes as far as they do,
/// ours as far as the slice.
const CAPPED: [&str; 2] = [
    "slices None {'step': 'P2D', 'cursor_granularity': 'P1D', 'end_datetime': '2025-01-01'}",
    "slices {'at': '2024-02-06', 'x': 1} {'step': 'P2D', 'cursor_granularity': 'P1D', 'end_datetime': '2025-01-01'}",
];

/// How the cases begin in which the partition `/items/2` is new, and the state says of each how far it was read. That of the
/// reference begins where the whole stream stood, ours at the start.
const NEW: &str = "substream inc {'states': [{'partition': {'p': 1, 'parent_slice': {}}, 'cursor': {'at': '2025-01-05'}}], 'state'";

#[tokio::test]
async fn connectors_read_as_the_reference_does() {
    for case in cases() {
        let seen = read(&case, &case.loaded(), case.before.as_ref(), usize::MAX).await;
        let name = &case.name;
        if name.starts_with(NEW) {
            let of_new = |request: &&Value| request[1] == "/items/2";
            let first = seen.requests.iter().find(of_new).map(|request| request[2][0].clone());
            assert_eq!(first, Some(json!(["from", "2025-01-01"])), "{name}");
            assert!(case.records.iter().all(|record| seen.records.contains(record)), "{name}");
            continue;
        }
        assert_eq!(sorted(&seen.requests), sorted(&case.requests), "{name}: requests");
        assert_eq!(sorted(&seen.records), sorted(&case.records), "{name}: records");
        assert_eq!(seen.fails, case.fails, "{name}: end");
        if !seen.fails {
            let mut expected = comparable(case.after);
            if CAPPED.contains(&name.as_str()) {
                expected["at"] = "2025-01-01".into();
            }
            assert_eq!(comparable(seen.state), expected, "{name}: state");
        }
    }
}

/// A service that answers the same every time.
fn is_steady(case: &Case) -> bool {
    !case.fails && case.routes.iter().all(|route| route.a.len() == 1)
}

#[tokio::test]
async fn interrupted_after_any_page_nothing_is_missed() {
    for case in cases().into_iter().filter(is_steady) {
        let manifest = case.loaded();
        let whole = read(&case, &manifest, case.before.as_ref(), usize::MAX).await;
        let expected: BTreeSet<_> = whole.records.iter().map(Value::to_string).collect();
        for most in 0..whole.pages {
            let first = read(&case, &manifest, case.before.as_ref(), most).await;
            let rest = read(&case, &manifest, first.state.as_ref(), usize::MAX).await;
            let records: BTreeSet<_> =
                first.records.iter().chain(&rest.records).map(Value::to_string).collect();
            assert!(records.is_superset(&expected), "{} after {most} pages", case.name);
        }
    }
}
