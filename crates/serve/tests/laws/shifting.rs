//! Laws of windows whose pages shift: a simulated service changes between two requests, and whatever it does, no run
//! that missed something succeeds, no row goes that the service had throughout, and once it is quiet the entity is right.
//!
//! One kind of change is out of reach: what comes and what goes between the same two requests, so that neither a key comes
//! twice nor the total changes. Cases have records that move and come, or records that go and a total.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use proptest::collection::vec;
use proptest::prelude::*;
use raccord_model::fact::RunOutcome;
use raccord_serve::{Reply, Request};
use serde_json::{Value, json};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::configuration::Configuration;
use crate::state::{State, load};

/// What happens at the service, to the record with that number.
#[derive(Debug, Clone, Copy)]
enum Change {
    Come(u8),
    Touch(u8),
    Go(u8),
}

/// The service: its records with their versions, and what happens after how many more requests.
#[derive(Debug, Default)]
struct Service {
    records: BTreeMap<u8, u64>,
    clock: u64,
    schedule: Vec<(u8, Change)>,
    /// Whether the records are in the order of their versions, the latest last or first, or in that of their ids.
    order: u8,
    /// What changed, and what came or went, since the run began.
    touched: BTreeSet<u8>,
    absent: BTreeSet<u8>,
}

impl Service {
    fn apply(&mut self, change: Change) {
        self.clock += 1;
        match change {
            Change::Come(id) if !self.records.contains_key(&id) => {
                self.records.insert(id, self.clock);
                self.absent.insert(id);
            }
            Change::Touch(id) if self.records.contains_key(&id) => {
                self.records.insert(id, self.clock);
            }
            // One stays, for a service that has nothing at all is held for that.
            Change::Go(id) if id > 0 => {
                self.records.remove(&id);
                self.absent.insert(id);
            }
            _ => return,
        }
        let (Change::Come(id) | Change::Touch(id) | Change::Go(id)) = change;
        self.touched.insert(id);
    }

    fn answer(&mut self, page: usize, since: u64) -> Value {
        let mut list: Vec<_> = self.records.iter().filter(|(_, version)| **version >= since).collect();
        match self.order {
            0 => list.sort_by_key(|(_, version)| **version),
            1 => list.sort_by_key(|(_, version)| std::cmp::Reverse(**version)),
            _ => {}
        }
        let items: Vec<Value> = list
            .iter()
            .skip((page - 1) * 2)
            .take(2)
            .map(|(id, version)| json!({"id": id.to_string(), "version": version}))
            .collect();
        let answer = json!({"items": items, "total": list.len()});
        let due: Vec<Change> =
            self.schedule.iter().filter(|(after, _)| *after == 0).map(|(_, it)| *it).collect();
        self.schedule.retain(|(after, _)| *after > 0);
        self.schedule.iter_mut().for_each(|(after, _)| *after -= 1);
        for change in due {
            self.apply(change);
        }
        answer
    }
}

/// A shop on such a service.
struct Shop {
    state: State,
    service: Arc<Mutex<Service>>,
    // The server answers as long as its runtime lives.
    _runtime: tokio::runtime::Runtime,
    _server: MockServer,
}

impl Shop {
    fn new(case: &Case) -> Self {
        let records = (0..case.records).map(|id| (id, u64::from(id) + 1)).collect();
        let (clock, schedule, order) = (u64::from(case.records) + 1, case.schedule.clone(), case.order);
        let service = Service { records, clock, schedule, order, ..Service::default() };
        let service = Arc::new(Mutex::new(service));
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let server = runtime.block_on(MockServer::start());
        let answering = Arc::clone(&service);
        let answer = move |request: &wiremock::Request| {
            let of = |name: &str| request.url.query_pairs().find(|(known, _)| known == name)?.1.parse().ok();
            let page = usize::try_from(of("page").unwrap_or(1)).unwrap();
            ResponseTemplate::new(200)
                .set_body_json(answering.lock().unwrap().answer(page, of("since").unwrap_or(0)))
        };
        runtime.block_on(Mock::given(wiremock::matchers::any()).respond_with(answer).mount(&server));
        let state = State::new();
        let text = case.configuration(&server.uri());
        let root = state.home().to_str().unwrap().to_owned();
        state.apply(&load(vec![("a.yaml".to_owned(), text)], &root), None);
        Self { state, service, _runtime: runtime, _server: server }
    }

    fn rows(&self) -> BTreeMap<u8, u64> {
        let request = Request::Records {
            entity: "crm.item".parse().unwrap(),
            filter: Vec::new(),
            limit: 1_000,
            total: false,
            columns: false,
            page: None,
            held: None,
        };
        let row = |reply| {
            let Reply::Record(row) = reply else { return None };
            let row = serde_json::to_value(row).unwrap();
            Some((row["id"].as_str().unwrap().parse().unwrap(), row["version"].as_u64().unwrap()))
        };
        self.state.ask(request, row).into_iter().collect()
    }

    /// Runs, and holds the outcome against what the service had throughout.
    fn run(&self) -> RunOutcome {
        let before = self.rows();
        let begun = {
            let mut service = self.service.lock().unwrap();
            (service.touched, service.absent) = (BTreeSet::new(), BTreeSet::new());
            service.records.clone()
        };
        let report = |reply| if let Reply::Report(report) = reply { Some(report) } else { None };
        let report = self.state.ask(Request::Run { integrations: Vec::new() }, report).pop().unwrap();
        let [run] = &report.runs[..] else { panic!("{report:#?}") };
        let (rows, service) = (self.rows(), self.service.lock().unwrap());
        for id in begun.keys().filter(|id| !service.absent.contains(id)) {
            assert!(
                rows.contains_key(id) || !before.contains_key(id),
                "the row {id} went, and {id} is there"
            );
        }
        if run.outcome == RunOutcome::Succeeded {
            for (id, version) in begun.iter().filter(|(id, _)| !service.touched.contains(id)) {
                assert_eq!(rows.get(id), Some(version), "{id} was missed, and the run succeeded");
            }
        }
        run.outcome.clone()
    }
}

#[derive(Debug, Clone)]
struct Case {
    records: u8,
    schedule: Vec<(u8, Change)>,
    order: u8,
    has_total: bool,
    snapshot: bool,
    ordered: bool,
}

impl Case {
    /// The configuration of a shop that reads the service at an address.
    fn configuration(&self, base: &str) -> String {
        let total = if self.has_total { ", total: total" } else { "" };
        let incremental = match (self.snapshot, self.ordered) {
            (true, _) => "",
            (_, true) => ", incremental: {field: version, param: since, format: integer, ordered: true}",
            (_, false) => ", incremental: {field: version, param: since, format: integer}",
        };
        let source = format!(
            "{{connector: http, authorization: {{type: none}}, config: {{baseUrl: '{base}', retry: {{attempts: 2, maxWait: \
             1s}}, dataTypes: {{items: {{records: items, pagination: {{page: page, size: {{size: \
             2}}{total}}}{incremental}}}}}}}}}"
        );
        let deletes = if self.snapshot { "{snapshot: {maxShare: 100%}}" } else { "none" };
        let fields = &[("version", "integer")];
        Configuration { fields, source: &source, deletes, ..Configuration::default() }.yaml()
    }
}

fn cases() -> impl Strategy<Value = Case> {
    let change = prop_oneof![
        3 => (0..9_u8).prop_map(Change::Touch),
        1 => (0..9_u8).prop_map(Change::Come),
    ];
    let moves = (vec((0..8_u8, change), 0..5), any::<bool>(), any::<bool>());
    let goes =
        vec((0..8_u8, (0..9_u8).prop_map(Change::Go)), 0..5).prop_map(|schedule| (schedule, true, true));
    (1..9_u8, prop_oneof![2 => moves, 1 => goes], 0..3_u8, any::<bool>()).prop_map(
        |(records, (schedule, has_total, snapshot), order, ordered)| Case {
            records,
            schedule,
            // Only what is in ascending order of its versions is promised to be.
            order: if ordered && !snapshot { 0 } else { order },
            has_total,
            snapshot,
            ordered,
        },
    )
}

fn check(case: &Case) {
    let shop = Shop::new(case);
    shop.run();
    shop.run();
    shop.service.lock().unwrap().schedule.clear();
    // What was held or cut is read to its end, then once more.
    shop.run();
    let last = shop.run();
    assert_eq!(last, RunOutcome::Succeeded, "nothing happens any more");
    assert_eq!(shop.rows(), shop.service.lock().unwrap().records);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_moves_nothing_is_missed_and_nothing_goes(case in cases()) {
        check(&case);
    }
}

#[test]
fn a_record_that_moves_to_the_end_takes_no_other_with_it() {
    let schedule = vec![(0, Change::Touch(0))];
    for (snapshot, ordered) in [(true, false), (false, true), (false, false)] {
        check(&Case {
            records: 6,
            schedule: schedule.clone(),
            order: 0,
            has_total: false,
            snapshot,
            ordered,
        });
    }
}
