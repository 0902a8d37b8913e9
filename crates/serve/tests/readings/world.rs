//! Raccord and a simulated service together: a state file, the engine on it, the service on loopback, and a clock
//! that the test sets.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use crate::embedded::ports;
use axum::Router;
use axum::body::Body;
use axum::http::{Response, Uri};
use jiff::Timestamp;
use raccord_config::load_texts;
use raccord_connect::System;
use raccord_model::fact::{Run, RunOutcome};
use raccord_model::port::environment::{Environment, RandomError};
use raccord_serve::plan::Options;
use raccord_serve::request::ApplyOptions;
use raccord_serve::{Dispatcher, Reply, Request};
use raccord_store::{Opener, Store};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use uuid::Uuid;

use crate::service::{Answer, Asked, EPOCH, Service};

/// Rows by id: what the entity holds.
pub(crate) type Rows = BTreeMap<u32, String>;

/// The clock of the service is the clock of the program.
struct Clock(Arc<Mutex<Service>>);

impl Environment for Clock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(EPOCH + self.0.lock().unwrap().now).unwrap()
    }

    fn new_id(&self) -> Uuid {
        System::default().new_id()
    }

    fn variable(&self, _: &str) -> Option<String> {
        None
    }

    fn random(&self) -> Result<[u8; 32], RandomError> {
        System::default().random()
    }
}

/// A state with an applied configuration, and the service that it reads.
pub(crate) struct World {
    pub(crate) service: Arc<Mutex<Service>>,
    engine: Dispatcher,
    runtime: Runtime,
    stop: watch::Sender<bool>,
    _home: TempDir,
}

impl World {
    /// Serves the service and applies the configuration; `BASE` in it becomes the address.
    pub(crate) fn new(service: Service, configuration: &str) -> Self {
        let service = Arc::new(Mutex::new(service));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let port = runtime.block_on(serve(Arc::clone(&service)));
        let home = home();
        let clock = Arc::new(Clock(Arc::clone(&service)));
        let opener = Opener { verb: "test".to_owned(), at: clock.now(), lineage: clock.new_id() };
        let store = Store::open(&home.path().join("state.redb"), &opener).unwrap();
        let engine = Dispatcher::new(ports(store, clock));
        let world = Self { service, engine, runtime, stop: watch::channel(false).0, _home: home };
        let text = configuration.replace("BASE", &format!("http://127.0.0.1:{port}"));
        let loaded =
            load_texts(vec![("a.yaml".to_owned(), text.clone().into_bytes())], "/", &BTreeMap::new());
        let desired = loaded.desired.unwrap_or_else(|| panic!("{:#?}\n{text}", loaded.diagnostics));
        let (plan, by) = (Options::default(), "test".parse().unwrap());
        let options = ApplyOptions { plan, serial: 0, by, rollback_to: None, commit: None };
        world.ask(Request::Apply(Arc::new(desired), options));
        world
    }

    fn ask(&self, request: Request) -> Vec<Reply> {
        let mut found = Vec::new();
        let mut replies = |reply| found.push(reply);
        self.runtime.block_on(self.engine.handle(request, self.stop.subscribe(), &mut replies)).unwrap();
        found
    }

    /// Runs what is active, once.
    pub(crate) fn run(&self) -> Run {
        let replies = self.ask(Request::Run { integrations: Vec::new() });
        let report = replies.into_iter().find_map(|reply| match reply {
            Reply::Report(report) => Some(report),
            _ => None,
        });
        let mut runs = report.unwrap().runs;
        assert_eq!(runs.len(), 1, "{runs:#?}");
        let run = runs.pop().unwrap();
        let tally = &run.tally;
        let sum =
            tally.created + tally.updated + tally.deleted + tally.unchanged + tally.skipped + tally.rejected;
        assert_eq!(tally.fetched, sum, "{tally:?}");
        run
    }

    /// Lets a held run go on.
    pub(crate) fn approve(&self, run: &Run) {
        assert!(matches!(run.outcome, RunOutcome::Held(_)));
        self.ask(Request::Approve { run: run.id });
    }

    /// What the entity holds.
    pub(crate) fn rows(&self) -> Rows {
        let entity = "crm.item".parse().unwrap();
        let replies = self.ask(Request::Records {
            entity,
            filter: Vec::new(),
            limit: 10_000,
            total: false,
            columns: false,
            page: None,
            held: None,
        });
        let row = |reply| {
            let Reply::Record(row) = reply else { return None };
            let row = serde_json::to_value(row).unwrap();
            let text = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            Some((text("id").parse().unwrap(), text("name")))
        };
        replies.into_iter().filter_map(row).collect()
    }
}

/// A directory in memory where there is one: what is tested is no disk.
fn home() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() }.unwrap()
}

async fn serve(service: Arc<Mutex<Service>>) -> u16 {
    let answer = move |uri: Uri| {
        let query = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        let asked = Asked { path: uri.path().to_owned(), query: query.into_owned().collect() };
        let answer = service.lock().unwrap().answer(&asked);
        std::future::ready(response(answer))
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let router = Router::new().fallback(answer);
    tokio::spawn(async move { axum::serve(listener, router).await });
    port
}

fn response(answer: Answer) -> Response<Body> {
    let mut response = Response::builder().status(answer.status);
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    response.body(Body::from(answer.body)).unwrap()
}
