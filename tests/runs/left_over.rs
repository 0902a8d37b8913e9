//! Answers that show that there is more, of a data type without `pagination`: the run says so, and nothing is deleted for not
//! having been shown.

use std::sync::{Arc, Mutex};

use crate::environment::{TestEnvironment, assert_says};
use crate::http_server::{self, HttpServer};
use crate::shop::Shop;
use crate::tally;

const SAID: &str = "there is more than was read: `meta.has_more` is true";

/// A service that shows so many people, and says whether there are more.
struct Service {
    server: HttpServer,
    shows: Arc<Mutex<(usize, bool)>>,
}

impl Service {
    fn start() -> Self {
        let shows = Arc::new(Mutex::new((3, false)));
        let told = Arc::clone(&shows);
        let server = HttpServer::start(move |_| {
            let (count, has_more) = *told.lock().unwrap();
            let people: Vec<String> =
                (1..=count).map(|id| format!(r#"{{"id":"{id}","name":"N{id}"}}"#)).collect();
            let people = people.join(",");
            http_server::json(format!(r#"{{"data":[{people}],"meta":{{"has_more":{has_more}}}}}"#))
        });
        Self { server, shows }
    }

    fn shows(&self, count: usize, has_more: bool) {
        *self.shows.lock().unwrap() = (count, has_more);
    }

    fn source(&self) -> String {
        self.source_with("")
    }

    fn source_with(&self, pagination: &str) -> String {
        format!(
            "{{connector: http, authorization: {{type: none}}, config: {{baseUrl: \"{}\", dataTypes: {{people: {{records: data{pagination}}}}}}}}}",
            self.server.url()
        )
    }
}

#[test]
fn a_run_says_that_it_reads_the_first_page_alone() {
    let service = Service::start();
    let shop = Shop { source: &service.source(), ..Shop::default() }.applied();
    let quiet = shop.run("run").expect_code(0);
    assert!(!(quiet.stdout + &quiet.stderr).contains("there is more"));
    service.shows(3, true);
    let said = shop.run("run").expect_code(0);
    assert_says(&(said.stdout + &said.stderr), &[SAID, "write `pagination`"]);
    assert_says(&shop.ok("status"), &[SAID]);
    assert_says(&shop.ok("runs --output json"), &[SAID]);
    assert_says(
        &shop.ok("check shop"),
        &["the data type has no `pagination`, although `meta.has_more` is true"],
    );
    service.shows(3, false);
    shop.ok("run");
    assert!(!shop.ok("status").contains("there is more"));
}

#[test]
fn a_snapshot_of_one_page_of_several_deletes_nothing() {
    let service = Service::start();
    let (transfer, updates) = ("deletes: {snapshot: {maxShare: 100%}}", "created, updated, deleted");
    let shop = Shop { source: &service.source(), transfer, updates, ..Shop::default() }.applied();
    assert_eq!(tally::run(&shop), ["people: 3 fetched, 3 created"]);
    // What was there is shown again: nothing would go.
    service.shows(3, true);
    assert_eq!(tally::run(&shop), ["people: 3 fetched, 3 unchanged"]);
    service.shows(2, true);
    let report = shop.json("run --output json");
    let held = &report["runs"][0]["outcome"]["held"];
    assert_eq!(
        (&held["deletes"], &held["of"], &held["incomplete"]),
        (&1.into(), &3.into(), &true.into()),
        "{report:#}"
    );
    assert_says(
        &shop.ok("status"),
        &["its snapshot would delete 1 of 3 rows, and what was read may not be all"],
    );
    assert_eq!(shop.json("records crm.contact --output json").as_array().unwrap().len(), 3);
    // The same is believed of a service that says nothing of the kind.
    service.shows(2, false);
    assert_eq!(tally::run(&shop), ["people: 2 fetched, 2 unchanged, 1 swept"]);
}

#[test]
fn an_answer_that_is_said_to_be_whole_is_believed() {
    let service = Service::start();
    let (transfer, updates) = ("deletes: {snapshot: {maxShare: 100%}}", "created, updated, deleted");
    let source = service.source_with(", pagination: none");
    let shop = Shop { source: &source, transfer, updates, ..Shop::default() }.applied();
    service.shows(3, true);
    assert_eq!(tally::run(&shop), ["people: 3 fetched, 3 created"]);
    assert!(!shop.ok("status").contains("there is more"));
    service.shows(2, true);
    assert_eq!(tally::run(&shop), ["people: 2 fetched, 2 unchanged, 1 swept"]);
    assert_says(&shop.ok("check shop"), &["there is no next page: `pagination` says that there is none"]);
}

#[test]
fn who_writes_a_transfer_hears_of_it() {
    let service = Service::start();
    service.shows(2, true);
    let shop = Shop { source: &service.source(), ..Shop::default() };
    let environment = TestEnvironment::with(&[("source.yaml", &shop.source())]);
    let said = environment.run("new transfer people --source shop --to crm.contact").expect_code(0);
    assert_says(&said.stderr, &["`meta.has_more` is true", "`pagination`", "source `shop`"]);
}
