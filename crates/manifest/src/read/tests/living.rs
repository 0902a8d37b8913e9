//! Readings of a service that changes while it is read: records are updated behind and before the page that is asked,
//! share the newest instant, and arrive late. However a reading is interrupted, once the changes have ended and the next
//! one has gone to its end, what was read is what the service has.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{Answer, Fake, Service, members, option, stream};
use crate::Json;
use crate::component::Component;
use crate::exchange::Role;
use crate::stream::{Builder, Stream};
use crate::template::Context;
use crate::time::{self, DateTime};
use crate::transport::{Async, Request, Response, Transport, TransportError};

const HOUR: i64 = 3_600_000_000;
/// By how much the clock moves with each request.
const TICK: i64 = 5 * HOUR;
/// The members of a page.
const PAGE: usize = 2;

/// A clock that moves when it is told to, in microseconds.
#[derive(Clone)]
struct Clock(Arc<AtomicI64>);

impl Transport for Clock {
    fn send(&self, _: Request) -> Async<'_, Result<Response, TransportError>> {
        Box::pin(async { Err(TransportError::Refused("nothing is sent".to_owned())) })
    }

    fn sleep(&self, _: Duration) -> Async<'_, ()> {
        Box::pin(async {})
    }

    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::from_microsecond(self.0.load(Ordering::SeqCst)).unwrap()
    }

    fn random(&self) -> f64 {
        0.0
    }
}

/// What a service does beside answering.
#[derive(Debug, Clone, Copy)]
enum Change {
    /// A record that there is changes now.
    Update(u64),
    /// A record is made now.
    New,
    /// A record is made with the instant of the newest one.
    Same,
    /// A record arrives, so many ticks late.
    Late(i64),
}

/// What is read: a cursor, and how the service treats it.
#[derive(Debug, Clone)]
struct Kind {
    format: &'static str,
    cursor: Value,
    /// Whether the service knows the bounds that it is sent.
    filters: bool,
    /// By how many ticks records may be late.
    late: i64,
    /// In how many partitions the records stand.
    boards: u64,
}

/// A record of the service: when it was changed, and how often.
#[derive(Debug, Clone, PartialEq)]
struct Row {
    at: i64,
    version: u64,
}

/// A service, and what is to happen at which request.
struct Living {
    kind: Kind,
    clock: Clock,
    rows: BTreeMap<u64, Row>,
    changes: Vec<(usize, Change)>,
    asked: usize,
}

impl Living {
    fn new(kind: &Kind, changes: &[(usize, Change)]) -> Self {
        // It begins on the second of March, behind a leap day, with a record every other day or so.
        let now = instant("2024-03-02T06:00:00+0000");
        let rows =
            (1..=9).map(|id| (id, Row { at: now - i64::try_from(id * id).unwrap() * 9 * HOUR, version: 0 }));
        let (rows, clock) = (rows.collect(), Clock(Arc::new(AtomicI64::new(now))));
        Self { kind: kind.clone(), clock, rows, changes: changes.to_vec(), asked: 0 }
    }

    fn now(&self) -> i64 {
        self.clock.0.load(Ordering::SeqCst)
    }

    /// The text of an instant, in a zone that depends on the record.
    fn text(&self, at: i64, id: u64) -> String {
        let offset = if self.kind.format.contains("%z") {
            [7200, -18_000, 0][usize::try_from(id % 3).unwrap()]
        } else {
            0
        };
        let date = DateTime::from_micros(at).unwrap().at_offset(offset).unwrap();
        time::format(&date, self.kind.format)
    }

    /// Time passes, and what is to happen happens.
    fn live(&mut self) {
        self.clock.0.fetch_add(TICK, Ordering::SeqCst);
        self.asked += 1;
        let (now, asked) = (self.now(), self.asked);
        let due: Vec<_> =
            self.changes.iter().filter(|(at, _)| *at == asked).map(|(_, change)| *change).collect();
        for change in due {
            let newest = self.rows.values().map(|row| row.at).max().unwrap_or(now);
            let next = self.rows.keys().max().unwrap_or(&0) + 1;
            match change {
                Change::Update(id) => {
                    let row = self.rows.get_mut(&(id % 9 + 1)).unwrap();
                    *row = Row { at: now, version: row.version + 1 };
                }
                Change::New => drop(self.rows.insert(next, Row { at: now, version: 0 })),
                Change::Same => drop(self.rows.insert(next, Row { at: newest, version: 0 })),
                Change::Late(by) => {
                    let at = now - by.min(self.kind.late) * TICK;
                    self.rows.insert(next, Row { at, version: 0 });
                }
            }
        }
    }

    fn answer(&mut self, asked: &Value) -> Answer {
        self.live();
        let bound =
            |name: &str| asked[name].as_str().filter(|_| self.kind.filters).map(|text| self.instant_of(text));
        let (from, until) = (bound("from"), bound("until"));
        let after = asked["after"].as_u64().unwrap_or(0);
        let is_asked = |(id, row): &(&u64, &Row)| {
            let at = self.instant_of(&self.text(row.at, **id));
            **id > after
                && asked["board"].as_u64().is_none_or(|board| **id % self.kind.boards == board)
                && from.is_none_or(|from| from <= at)
                && until.is_none_or(|until| at <= until)
        };
        let record =
            |(id, row): (&u64, &Row)| json!({"id": id, "at": self.text(row.at, *id), "version": row.version});
        Answer::Records(self.rows.iter().filter(is_asked).take(PAGE).map(record).collect())
    }

    fn instant_of(&self, text: &str) -> i64 {
        time::parse(text, self.kind.format).unwrap().micros()
    }
}

fn instant(text: &str) -> i64 {
    time::parse(text, "%Y-%m-%dT%H:%M:%S%z").unwrap().micros()
}

/// Pages that follow by the greatest key that was read, so that none shifts.
fn pages_by_key() -> Value {
    json!({"paginator": {
        "type": "DefaultPaginator", "page_token_option": option("after"),
        "pagination_strategy": {
            "type": "CursorPagination", "cursor_value": "{{ response[-1]['id'] }}",
            "stop_condition": "{{ response | length < 2 }}",
        },
    }})
}

/// The stream of a kind.
fn declared(kind: &Kind) -> Value {
    let mut retriever = pages_by_key();
    if kind.boards > 1 {
        let values: Vec<String> = (0..kind.boards).map(|board| board.to_string()).collect();
        retriever["partition_router"] =
            json!({"type": "ListPartitionRouter", "cursor_field": "board", "values": values});
    }
    let mut cursor = members(json!({
        "type": "DatetimeBasedCursor", "cursor_field": "at", "datetime_format": kind.format,
        "start_datetime": {"type": "MinMaxDatetime", "datetime": "2024-01-30", "datetime_format": "%Y-%m-%d"},
        "start_time_option": option("from"), "end_time_option": option("until"),
    }));
    cursor.extend(members(kind.cursor.clone()));
    stream(retriever, json!({"incremental_sync": cursor}))
}

fn build(kind: &Kind, service: &Service, clock: &Clock) -> Arc<Stream> {
    let fake = Fake { service: service.clone(), asked: Arc::default(), stream: String::new() };
    let config: Json = Arc::new(json!({}));
    let context = Context::new(&config);
    let builder =
        Builder { parts: &fake, config, context, transport: Arc::new(clock.clone()), role: Role::Pages };
    builder.stream(&Component::new(members(declared(kind)), "stream")).unwrap()
}

/// Reads at most so many pages into rows by their key, as a run does, and gives the state.
fn read(
    stream: &Arc<Stream>,
    state: Option<&Value>,
    most: usize,
    rows: &mut BTreeMap<u64, Value>,
) -> Option<Value> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut reading = stream.read(state).unwrap();
    let mut pages = 0;
    while pages < most
        && let Some(page) = runtime.block_on(reading.next()).unwrap()
    {
        pages += 1;
        for record in page.records {
            let record = record.value();
            rows.insert(record["id"].as_u64().unwrap(), record);
        }
    }
    reading.state()
}

/// Reads with interruptions after so many pages, and once to the end after the changes.
fn check(kind: &Kind, changes: &[(usize, Change)], interruptions: &[usize]) {
    let living = Arc::new(Mutex::new(Living::new(kind, changes)));
    let clock = living.lock().unwrap().clock.clone();
    let answers = living.clone();
    let service: Service = Arc::new(move |_, asked| answers.lock().unwrap().answer(asked));
    let stream = build(kind, &service, &clock);
    let (mut rows, mut state) = (BTreeMap::new(), None);
    for most in interruptions {
        state = read(&stream, state.as_ref(), *most, &mut rows);
    }
    let states = state.clone();
    living.lock().unwrap().changes.clear();
    clock.0.fetch_add(TICK, Ordering::SeqCst);
    read(&stream, state.as_ref(), usize::MAX, &mut rows);
    let living = living.lock().unwrap();
    let shown = |(id, row): (&u64, &Row)| {
        (*id, json!({"id": id, "at": living.text(row.at, *id), "version": row.version}))
    };
    let expected: BTreeMap<u64, Value> = living.rows.iter().map(shown).collect();
    assert_eq!(rows, expected, "{kind:?} {changes:?} {interruptions:?} {states:?}");
}

/// Cursors of every kind over dates.
fn kinds() -> Vec<Kind> {
    let formats = [
        "%Y-%m-%d",
        "%Y-%m-%dT%H:%M:%SZ",
        "%Y-%m-%dT%H:%M:%S.%fZ",
        "%Y-%m-%dT%H:%M:%S%z",
        "%s",
        "%ms",
        "%d.%m.%Y",
    ];
    let is_day = |format: &str| !format.contains("%S") && !format.contains('s');
    let mut kinds = Vec::new();
    for format in formats {
        let unit = if is_day(format) { "P1D" } else { "PT1S" };
        let cursors = [
            (json!({}), 0),
            (json!({"step": "P1D", "cursor_granularity": unit}), 0),
            (json!({"step": "P1M", "cursor_granularity": unit, "lookback_window": "P3D"}), 14),
            (json!({"step": "P10D", "cursor_granularity": unit, "lookback_window": "P1D"}), 4),
            (json!({"lookback_window": "P1M"}), 130),
            (json!({"end_time_option": null}), 0),
            (json!({"global_substream_cursor": true, "lookback_window": "P2D"}), 9),
        ];
        for (cursor, late) in cursors {
            for boards in [1, 3] {
                kinds.push(Kind { format, cursor: cursor.clone(), filters: true, late, boards });
            }
        }
        let mut client = Map::new();
        client.insert("is_client_side_incremental".to_owned(), true.into());
        kinds.push(Kind { format, cursor: Value::Object(client), filters: false, late: 0, boards: 1 });
    }
    kinds
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (0_u64..9).prop_map(Change::Update),
        Just(Change::New),
        Just(Change::Same),
        (0_i64..200).prop_map(Change::Late),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn nothing_of_a_living_service_is_missed(
        kind in prop::sample::select(kinds()),
        changes in prop::collection::vec((1_usize..20, change()), 0..8),
        interruptions in prop::collection::vec(0_usize..12, 1..4),
    ) {
        check(&kind, &changes, &interruptions);
    }
}

#[test]
fn what_changes_behind_the_page_is_read_the_next_time() {
    for (number, kind) in kinds().into_iter().enumerate() {
        let at = 1 + number % 6;
        check(&kind, &[(at, Change::Update(0)), (at + 1, Change::Update(8))], &[usize::MAX]);
        check(&kind, &[(at, Change::Same), (at, Change::New)], &[at, usize::MAX]);
    }
}

#[test]
fn counted_records_that_come_while_pages_are_read_are_not_missed() {
    let cursor = json!({"incremental_sync": {
        "type": "IncrementingCountCursor", "cursor_field": "count", "start_value": 0, "start_value_option": option("since"),
    }});
    for (most, comes) in (0..6).flat_map(|most| (1..8).map(move |comes| (most, comes))) {
        // Two records have the same count each.
        let (last, asked) = (Arc::new(AtomicI64::new(7)), AtomicI64::new(0));
        let newest = Arc::clone(&last);
        let service = super::service(move |_, parameters| {
            if asked.fetch_add(1, Ordering::SeqCst) + 1 == comes {
                last.fetch_add(2, Ordering::SeqCst);
            }
            let number = |name: &str| parameters[name].as_i64().unwrap_or(0);
            let all = 1..=last.load(Ordering::SeqCst);
            let wanted = all.filter(|id| *id > number("after") && id / 2 >= number("since"));
            Answer::Records(wanted.take(PAGE).map(|id| json!({"id": id, "count": id / 2})).collect())
        });
        let stream = || stream(pages_by_key(), cursor.clone());
        let first = super::read_some(stream(), &service, None, most);
        let state = first.states.last().cloned().flatten();
        let second = super::read(stream(), &service, state.as_ref());
        let third = super::read(stream(), &service, second.states.last().cloned().flatten().as_ref());
        let ids = [first.ids, second.ids, third.ids].concat();
        let seen: BTreeSet<i64> = ids.iter().filter_map(Value::as_i64).collect();
        assert_eq!(seen, (1..=newest.load(Ordering::SeqCst)).collect(), "{most} {comes}");
    }
}
