//! Streams against a service that is a function: what was asked, which records came, and the states.

mod jobs;
mod living;
mod partitions;
mod reference;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::Json;
use crate::component::{Component, Problem};
use crate::error::ReadError;
use crate::exchange::{Ask, Outcome, Requester, Role, Selected, Selector};
use crate::record::Record;
use crate::select;
use crate::slice::Slice;
use crate::stream::{Builder, Parts, Stream, Use};
use crate::template::Context;
use crate::transport::{Async, Request, Response, Transport, TransportError};

type Service = Arc<dyn Fn(&str, &Value) -> Answer + Send + Sync>;

enum Answer {
    Records(Value),
    Status(u16),
    Fails,
    Reset,
    Reduce,
    Split,
}

/// A service that notes what it is asked: the stream's name, and the parameters with the partition.
#[derive(Clone)]
struct Fake {
    service: Service,
    asked: Arc<Mutex<Vec<String>>>,
    stream: String,
}

struct Clock;

impl Transport for Clock {
    fn send(&self, _: Request) -> Async<'_, Result<Response, TransportError>> {
        Box::pin(async { Err(TransportError::Refused("nothing is sent".to_owned())) })
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

impl Requester for Fake {
    fn ask<'a>(&'a self, ask: Ask<'a>) -> Async<'a, Result<Outcome, ReadError>> {
        let mut parameters = ask.additions.parameters.clone();
        parameters.extend(ask.slice.partition.clone());
        parameters.remove("parent_slice");
        parameters.extend(
            ask.slice.extra.get("download_target").map(|target| ("target".to_owned(), target.clone())),
        );
        let parameters = Value::Object(parameters);
        self.asked.lock().unwrap().push(format!("{} {parameters}", self.stream));
        let answer = |status, body: &Value| {
            Outcome::Answer(Response { status, headers: Vec::new(), body: Bytes::from(body.to_string()) })
        };
        let outcome = match (self.service)(&self.stream, &parameters) {
            Answer::Records(records) => Ok(answer(200, &records)),
            Answer::Status(status) => Ok(answer(status, &json!([{"id": "no record"}]))),
            Answer::Fails => Err(ReadError::Settings("it fails".to_owned())),
            Answer::Reset => Ok(Outcome::ResetPagination),
            Answer::Reduce => Ok(Outcome::ReducePageSize(None)),
            Answer::Split => Ok(Outcome::SplitWindow(None)),
        };
        Box::pin(async { outcome })
    }
}

impl Selector for Fake {
    fn select(&self, answer: &Response, _: &Slice, _: Option<&Value>) -> Result<Selected, ReadError> {
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        // A job's answers are objects, whose one member is what its extractor looks for.
        let records = match body {
            Value::Object(members) => members.into_iter().map(|(_, member)| member).collect(),
            body => body.as_array().cloned().unwrap_or_default(),
        };
        let extracted = records.len();
        Ok(Selected {
            records: records.into_iter().map(Record::Value).collect(),
            extracted,
            ..Selected::default()
        })
    }

    fn variable(&self, answer: &Response, _: bool, _: Option<&[String]>) -> Json {
        Arc::new(serde_json::from_slice(&answer.body).unwrap())
    }
}

impl Parts for Fake {
    fn requester(&self, component: &Component, within: Use<'_>) -> Result<Arc<dyn Requester>, Problem> {
        let stream = component.str("name").unwrap_or(within.stream).to_owned();
        Ok(Arc::new(Self { stream, ..self.clone() }))
    }

    fn selector(&self, _: select::Parts<'_>) -> Result<Arc<dyn Selector>, Problem> {
        Ok(Arc::new(self.clone()))
    }
}

/// What a reading gave.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    asked: Vec<String>,
    ids: Vec<Value>,
    states: Vec<Option<Value>>,
    errors: Vec<String>,
    passed_over: Vec<String>,
}

fn members(value: Value) -> Map<String, Value> {
    let Value::Object(members) = value else { panic!("an object is expected") };
    members
}

/// A stream by the members of its retriever, and of itself.
fn stream(retriever: Value, own: Value) -> Value {
    let mut retriever = members(retriever);
    retriever.entry("type").or_insert_with(|| "SimpleRetriever".into());
    retriever.insert("requester".to_owned(), json!({}));
    retriever.insert("record_selector".to_owned(), json!({}));
    let mut stream = members(json!({"type": "DeclarativeStream", "name": "child", "retriever": retriever}));
    stream.extend(members(own));
    Value::Object(stream)
}

fn build(stream: Value, service: &Service) -> (Arc<Stream>, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let fake = Fake { service: service.clone(), asked: asked.clone(), stream: String::new() };
    let config: Json = Arc::new(json!({}));
    let context = Context::new(&config);
    let builder = Builder { parts: &fake, config, context, transport: Arc::new(Clock), role: Role::Pages };
    (builder.stream(&Component::new(members(stream), "stream")).unwrap(), asked)
}

/// Reads at most so many pages.
fn read_some(stream: Value, service: &Service, state: Option<&Value>, most: usize) -> Seen {
    let (stream, asked) = build(stream, service);
    let mut reading = stream.read(state).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut seen = Seen::default();
    while seen.states.len() < most && !reading.is_done() {
        match runtime.block_on(reading.next()) {
            Ok(None) => break,
            Ok(Some(page)) => seen.ids.extend(page.records.iter().map(|record| record.value()["id"].clone())),
            Err(error) => seen.errors.push(error.to_string()),
        }
        seen.states.push(reading.state());
        seen.passed_over.extend(reading.take_passed_over().map(|what| what.to_string()));
    }
    seen.passed_over.extend(reading.take_passed_over().map(|what| what.to_string()));
    if reading.is_done() {
        seen.states.push(reading.state());
    }
    seen.asked.clone_from(&asked.lock().unwrap());
    seen
}

fn read(stream: Value, service: &Service, state: Option<&Value>) -> Seen {
    read_some(stream, service, state, usize::MAX)
}

fn service(answer: impl Fn(&str, &Value) -> Answer + Send + Sync + 'static) -> Service {
    Arc::new(answer)
}

fn option(name: &str) -> Value {
    json!({"type": "RequestOption", "inject_into": "request_parameter", "field_name": name})
}

fn pages_of_two() -> Value {
    json!({"paginator": {
        "type": "DefaultPaginator", "page_token_option": option("page"), "page_size_option": option("size"),
        "pagination_strategy": {"type": "OffsetIncrement", "page_size": 2},
    }})
}

#[test]
fn pages_follow_until_one_is_not_full() {
    let service = service(|_, asked| match asked["page"].as_u64() {
        None => Answer::Records(json!([{"id": 1}, {"id": 2}])),
        Some(_) => Answer::Records(json!([{"id": 3}])),
    });
    let seen = read(stream(pages_of_two(), json!({})), &service, None);
    assert_eq!(seen.asked, [r#"child {"size":2}"#, r#"child {"page":2,"size":2}"#]);
    assert_eq!(seen.ids, [1, 2, 3]);
    assert_eq!(seen.states, [None, None, Some(json!({"__ab_no_cursor_state_message": true}))]);
}

#[test]
fn an_ignored_error_ends_the_pages() {
    let service = service(|_, asked| match asked["page"].as_u64() {
        None => Answer::Records(json!([{"id": 1}, {"id": 2}])),
        Some(_) => Answer::Status(404),
    });
    let seen = read(stream(pages_of_two(), json!({})), &service, None);
    assert_eq!((seen.ids, seen.errors), (vec![json!(1), json!(2)], vec![]));
}

#[test]
fn a_page_is_asked_smaller_when_the_service_wants_it() {
    let mut retriever = members(pages_of_two());
    retriever.insert("page_size_reduction".to_owned(), json!({"type": "PageSizeReduction"}));
    let service = service(|_, asked| match (asked["size"].as_u64(), asked["page"].as_u64()) {
        (Some(1), None) => Answer::Records(json!([{"id": 1}])),
        (Some(1), Some(_)) => Answer::Records(json!([])),
        _ => Answer::Reduce,
    });
    let seen = read(stream(Value::Object(retriever), json!({})), &service, None);
    assert_eq!(seen.asked, [r#"child {"size":2}"#, r#"child {"size":1}"#, r#"child {"page":1,"size":1}"#]);
    assert_eq!(seen.ids, [1]);
}

/// A cursor over days, its bounds in the request.
fn days(more: Value) -> Value {
    let mut cursor = members(json!({
        "type": "DatetimeBasedCursor", "cursor_field": "at", "datetime_format": "%Y-%m-%d",
        "start_datetime": "2025-01-01", "end_datetime": "2025-01-04", "step": "P2D", "cursor_granularity": "P1D",
        "start_time_option": option("from"), "end_time_option": option("until"),
    }));
    cursor.extend(members(more));
    json!({"incremental_sync": cursor})
}

/// A record for each day that is asked for.
fn by_day(_: &str, asked: &Value) -> Answer {
    let all = ["2025-01-01", "2025-01-02", "2025-01-03", "2025-01-04"];
    let bound = |name: &str, default: &str| asked[name].as_str().unwrap_or(default).to_owned();
    let (from, until) = (bound("from", "2000"), bound("until", "3000"));
    let within = all.iter().filter(|day| from.as_str() <= **day && **day <= until.as_str());
    Answer::Records(within.map(|day| json!({"id": day, "at": day})).collect())
}

#[test]
fn slices_are_asked_and_every_state_goes_on() {
    let service = service(by_day);
    let seen = read(stream(json!({}), days(json!({}))), &service, None);
    let asked = [
        r#"child {"from":"2025-01-01","until":"2025-01-02"}"#,
        r#"child {"from":"2025-01-03","until":"2025-01-04"}"#,
    ];
    assert_eq!(seen.asked, asked);
    assert_eq!(seen.ids, ["2025-01-01", "2025-01-02", "2025-01-03", "2025-01-04"]);
    let state = |at: &str| Some(json!({"at": at}));
    assert_eq!(seen.states, [state("2025-01-02"), state("2025-01-04"), state("2025-01-04")]);
    let rest = read(stream(json!({}), days(json!({}))), &service, state("2025-01-02").as_ref());
    assert_eq!(rest.ids, ["2025-01-02", "2025-01-03", "2025-01-04"]);
}

#[test]
fn a_slice_that_fails_is_not_in_the_state() {
    let service = service(|stream, asked| match asked["from"].as_str() {
        Some("2025-01-01") => Answer::Fails,
        _ => by_day(stream, asked),
    });
    let seen = read(stream(json!({}), days(json!({}))), &service, None);
    assert_eq!((seen.ids.len(), seen.errors.len()), (2, 1));
    assert_eq!(seen.states.last(), Some(&Some(json!({"at": "2025-01-01"}))));
}

#[test]
fn known_records_are_left_out_where_the_service_cannot() {
    let check = |cursor: Value, expected: &[&str], asked: usize| {
        let mut own = members(cursor);
        own.extend(members(json!({"step": null, "cursor_granularity": null, "start_time_option": null, "end_time_option": null})));
        let service = service(|_, asked| {
            let days =
                [["2025-01-04", "2025-01-03"], ["2025-01-02", "2025-01-01"], ["2024-12-31", "2024-12-30"]];
            let page = usize::try_from(asked["page"].as_u64().unwrap_or(0) / 2).unwrap();
            let records = days.get(page).into_iter().flatten().map(|day| json!({"id": day, "at": day}));
            Answer::Records(records.collect())
        });
        let seen = read(
            stream(pages_of_two(), days(Value::Object(own))),
            &service,
            Some(&json!({"at": "2025-01-02"})),
        );
        assert_eq!(seen.ids, expected);
        assert_eq!(seen.asked.len(), asked);
    };
    let new = ["2025-01-04", "2025-01-03", "2025-01-02"];
    check(json!({"is_client_side_incremental": true}), &new, 4);
    check(json!({"is_data_feed": true}), &new, 2);
    check(
        json!({}),
        &["2025-01-04", "2025-01-03", "2025-01-02", "2025-01-01", "2024-12-31", "2024-12-30"],
        4,
    );
}

#[test]
fn a_slice_is_read_in_parts_when_the_service_wants_it() {
    let splitting = json!({"request_window_splitting": {"type": "RequestWindowSplitting"}});
    let service =
        service(
            |stream, asked| {
                if asked["from"] == asked["until"] { by_day(stream, asked) } else { Answer::Split }
            },
        );
    let seen = read(stream(splitting, days(json!({}))), &service, None);
    assert_eq!(seen.ids, ["2025-01-01", "2025-01-02", "2025-01-03", "2025-01-04"]);
    assert_eq!(seen.asked.len(), 6);
    let state = |at: &str| Some(json!({"at": at}));
    assert_eq!(seen.states[..3], [None, None, state("2025-01-02")]);
}

#[test]
fn pages_begin_again_at_the_newest_record() {
    let check = |reset: Value, expected: &[&str], errors: usize| {
        let mut retriever = members(pages_of_two());
        retriever.insert("pagination_reset".to_owned(), reset);
        let service = service(|_, asked| match (asked["from"].as_str(), asked["page"].as_u64()) {
            (Some("2025-01-01"), None) => by_day("", &json!({"until": "2025-01-02"})),
            (Some("2025-01-01"), Some(_)) => Answer::Reset,
            (Some(from), None) => by_day("", &json!({"from": from, "until": "2025-01-03"})),
            _ => Answer::Records(json!([])),
        });
        let own = json!({"step": null, "cursor_granularity": null});
        let seen = read(stream(Value::Object(retriever), days(own)), &service, None);
        assert_eq!(seen.ids, expected);
        assert_eq!(seen.errors.len(), errors);
    };
    let split = ["2025-01-01", "2025-01-02", "2025-01-02", "2025-01-03"];
    check(json!({"type": "PaginationReset", "action": "SPLIT_USING_CURSOR"}), &split, 0);
    let again = ["2025-01-01", "2025-01-02", "2025-01-01", "2025-01-02"];
    check(json!({"type": "PaginationReset", "action": "RESET"}), &again, 1);
}

#[test]
fn what_excludes_each_other_is_a_problem() {
    let check = |stream: Value, path: &str| {
        let service = service(by_day);
        let fake = Fake { service, asked: Arc::default(), stream: String::new() };
        let config: Json = Arc::new(json!({}));
        let context = Context::new(&config);
        let builder =
            Builder { parts: &fake, config, context, transport: Arc::new(Clock), role: Role::Pages };
        let problem = builder.stream(&Component::new(members(stream), "stream")).err();
        assert_eq!(problem.map(|problem| problem.path).as_deref(), Some(path));
    };
    let lazy = |own: Value, cursor: Value| {
        let mut child = members(partitions::of_parent(
            stream(json!({}), json!({})),
            json!({"lazy_read_pointer": ["items"]}),
            cursor,
        ));
        child["retriever"].as_object_mut().unwrap().extend(members(own));
        Value::Object(child)
    };
    check(lazy(json!({}), days(json!({}))), "stream.retriever.partition_router");
    check(lazy(json!({"page_size_reduction": {}}), json!({})), "stream.retriever.page_size_reduction");
    check(lazy(json!({"decoder": {"type": "XmlDecoder"}}), json!({})), "stream.retriever.decoder");
    let count = json!({"incremental_sync": {"type": "IncrementingCountCursor", "cursor_field": "id"}});
    let list =
        json!({"partition_router": {"type": "ListPartitionRouter", "cursor_field": "k", "values": ["a"]}});
    check(stream(list, count), "stream.incremental_sync");
    let limits = json!({"action": "RESET", "limits": {"number_of_records": 5}});
    let mut filtered = members(stream(json!({"pagination_reset": limits}), json!({})));
    filtered["retriever"]["record_selector"] = json!({"record_filter": {"condition": "{{ true }}"}});
    check(Value::Object(filtered), "stream.retriever.pagination_reset");
    check(stream(json!({"type": "CustomRetriever"}), json!({})), "stream.retriever");
    check(stream(json!({}), json!({"file_uploader": {"type": "FileUploader"}})), "stream.file_uploader");
}
