//! A shop that pushes its customers: a state file with its configuration, an inbox, and runs that drain it.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use crate::embedded::ports;
use bytes::Bytes;
use jiff::Timestamp;
use raccord_config::load_texts;
use raccord_connect::System;
use raccord_model::Desired;
use raccord_model::fact::{Reject, RowsDigest, Run, RunCause, RunId, RunOutcome, StorePlace, Tally};
use raccord_model::port::destination::{RejectQuery, Rows};
use raccord_model::port::environment::Environment;
use raccord_model::port::inbox::{Accept, Accepted, Delivery, DeliveryKind, Retry};
use raccord_model::row;
use raccord_model::value::Value;
use raccord_run::applied::Applied;
use raccord_run::deliveries::drain;
use raccord_run::execute::{OnPage, RunContext, execute};
use raccord_run::job::Job;
use raccord_run::lease::TransferLease;
use raccord_serve::plan::{Options, Plan};
use raccord_serve::request::{ApplyOptions, Text};
use raccord_serve::verb::operate::{prepare, prepare_under};
use raccord_serve::{Dispatcher, Reply, Request};
use raccord_store::{Opener, Store};
use tempfile::TempDir;
use tokio::sync::watch;

use crate::configuration::Configuration;

/// The shop.
pub(crate) struct Shop {
    pub(crate) engine: Dispatcher,
    pub(crate) stop: watch::Sender<bool>,
    home: TempDir,
}

/// What a shop says that the tests vary.
pub(crate) struct Says<'a> {
    pub(crate) base: &'a str,
    pub(crate) deletes: &'a str,
    pub(crate) updates: &'a str,
    pub(crate) fields: &'a str,
}

/// Everything is wanted, deletions come by webhook, and the source cannot be asked.
pub(crate) const ALL: Says<'static> = Says {
    base: "http://127.0.0.1:9",
    deletes: "{webhook: true}",
    updates: "created, updated, deleted",
    fields: "name: name, email: email",
};

/// What the shop sends to be let in.
pub(crate) const TOKEN: &str = "hunter2-of-the-shop";

impl Says<'_> {
    /// The configuration of a shop with this home.
    fn configuration(&self, home: &Path) -> Desired {
        let source = format!(
            "{{connector: http, authorization: {{type: bearer, token: '${{file:token}}'}}, webhook: {{verify: {{bearer: \
             '${{env:TOKEN}}'}}}}, config: {{baseUrl: '{}/api', retry: {{attempts: 1}}, maxBody: 64KB, dataTypes: {{customers: \
             {{records: data, pagination: {{page: page, size: {{per_page: 2}}}}}}}}}}}}",
            self.base
        );
        let text = Configuration {
            transfer: ("customers", "contact"),
            fields: &[("name", "text"), ("email", "email")],
            mapping: Some(self.fields),
            source: &source,
            deletes: self.deletes,
            says: "version: updated_at",
            updates: self.updates,
        };
        let text = text.yaml();
        let loaded =
            load_texts(vec![("a.yaml".to_owned(), text.into_bytes())], home.to_str().unwrap(), &[].into());
        loaded.desired.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics))
    }
}

fn open(path: &Path) -> Dispatcher {
    let system = System::default();
    let opener = Opener { verb: "test".to_owned(), at: system.now(), lineage: system.new_id() };
    Dispatcher::new(ports(Store::open(path, &opener).unwrap(), Arc::new(system)))
}

impl Shop {
    /// A shop with its configuration applied.
    pub(crate) async fn new(says: &Says<'_>) -> Self {
        let home = TempDir::new().unwrap();
        File::create(home.path().join("token")).unwrap().write_all(TOKEN.as_bytes()).unwrap();
        let engine = open(&home.path().join("state.redb"));
        let shop = Self { engine, stop: watch::channel(false).0, home };
        let desired = says.configuration(shop.home.path());
        let options = ApplyOptions {
            plan: Options::default(),
            serial: 0,
            by: Text::cut("test"),
            rollback_to: None,
            commit: None,
        };
        shop.ask(Request::Apply(Arc::new(desired), options)).await;
        shop
    }

    /// The same shop after the process has ended and another one has begun.
    pub(crate) fn again(self) -> Self {
        let Self { engine, stop, home } = self;
        drop((engine, stop));
        Self { engine: open(&home.path().join("state.redb")), stop: watch::channel(false).0, home }
    }

    pub(crate) async fn ask(&self, request: Request) -> Vec<Reply> {
        let mut found = Vec::new();
        let mut replies = |reply| found.push(reply);
        self.engine.handle(request, self.stop.subscribe(), &mut replies).await.unwrap();
        found
    }

    /// What applying another configuration would do.
    pub(crate) async fn plan(&self, says: &Says<'_>) -> Plan {
        let desired = Arc::new(says.configuration(self.home.path()));
        let mut replies = self.ask(Request::Plan(desired, Options::default())).await;
        let Some(Reply::Plan(plan)) = replies.pop() else { panic!("{replies:?}") };
        *plan
    }

    pub(crate) async fn job(&self) -> Arc<Job> {
        prepare(self.engine.ports(), &"customers".parse().unwrap()).await.unwrap()
    }

    /// The same under the lease of the transfer, as a run has it.
    pub(crate) async fn leased_job(&self) -> (Arc<Job>, TransferLease) {
        let uid = self.job().await.uid;
        self.job_under(TransferLease::wait(self.engine.ports(), uid, "a test").await.unwrap()).await
    }

    /// The same, although another has the lease.
    pub(crate) async fn overtaking_job(&self) -> (Arc<Job>, TransferLease) {
        let uid = self.job().await.uid;
        self.job_under(TransferLease::take_over(self.engine.ports(), uid, "a test", 0).await.unwrap()).await
    }

    async fn job_under(&self, lease: TransferLease) -> (Arc<Job>, TransferLease) {
        let job = prepare_under(self.engine.ports(), &"customers".parse().unwrap(), &lease).await.unwrap();
        (job, lease)
    }

    /// Takes deliveries in, in words: `upsert RECORD`, `part RECORD`, `delete RECORD`, `fetch PATH RECORD?`. Of `again`
    /// and `gone` the service was asked three times in vain; `gone` does not say that the record is there.
    pub(crate) async fn push(&self, words: &[impl AsRef<str>]) {
        let job = self.job().await;
        for words in words {
            let (kind, record) = words.as_ref().split_once(' ').unwrap();
            let tried = Some(Retry { attempts: 3, until: Timestamp::UNIX_EPOCH });
            let (event, retry) = match kind {
                "again" => ("customer.changed", tried),
                "gone" => ("customer", tried),
                _ => ("customer.changed", None),
            };
            let (kind, record) = match kind {
                "upsert" => (DeliveryKind::Upsert, record),
                "part" => (DeliveryKind::Partial, record),
                "delete" => (DeliveryKind::Delete, record),
                _ => {
                    let (path, record) = record.split_once(' ').unwrap_or((record, ""));
                    let at = "customer".parse().unwrap();
                    (DeliveryKind::Fetch { path: path.to_owned(), record: at, retry }, record)
                }
            };
            let delivery = Delivery {
                kind,
                record: Bytes::from(record.to_owned()),
                received: Timestamp::UNIX_EPOCH,
                event: event.to_owned(),
            };
            let accept = Accept { source: job.uid, id: None, transfers: vec![job.uid], delivery };
            assert_eq!(self.engine.ports().inbox.accept(accept).await.unwrap(), Accepted::New);
        }
    }

    /// How many deliveries wait.
    pub(crate) async fn waiting(&self) -> u64 {
        self.engine.ports().inbox.waiting(self.job().await.uid).await.unwrap()
    }

    /// Drains the inbox in one run.
    pub(crate) async fn drain(&self) -> Run {
        self.drain_with(Box::new(|_, _| {})).await
    }

    /// Drains the inbox in one run, whose progress is reported.
    pub(crate) async fn drain_with(&self, progress: OnPage) -> Run {
        let (job, lease) = self.leased_job().await;
        let run = self.drain_as(&job, progress).await;
        lease.release().await.unwrap();
        assert!(run.tally.is_balanced() && run.ended.is_some(), "{run:?}");
        run
    }

    /// Drains the inbox in one run of a job.
    pub(crate) async fn drain_as(&self, job: &Arc<Job>, progress: OnPage) -> Run {
        let (context, mut run) = (self.context(progress).await, self.begin(job));
        let at = context.destination.resume(job.uid).await.unwrap();
        drain(job, &mut run, at, &context).await;
        run
    }

    /// Reads the source in one run, whose progress is reported.
    pub(crate) async fn poll(&self, progress: OnPage) -> Run {
        let (job, lease) = self.leased_job().await;
        let run = self.poll_as(&job, progress).await;
        lease.release().await.unwrap();
        run
    }

    /// Reads the source in one run of a job.
    pub(crate) async fn poll_as(&self, job: &Arc<Job>, progress: OnPage) -> Run {
        let (context, mut run) = (self.context(progress).await, self.begin(job));
        let at = context.destination.resume(job.uid).await.unwrap();
        execute(job, &mut run, at, &context).await;
        run
    }

    async fn context(&self, progress: OnPage) -> RunContext {
        let applied = Applied::load(&self.engine.ports().state).await.unwrap();
        let sources = self.engine.ports().outside.sources.apart();
        let job = self.job().await;
        RunContext {
            source: sources.open(&applied.desired, &job.spec.source, &job.data_type).unwrap(),
            destination: self.kept().destination,
            inbox: Arc::clone(&self.engine.ports().inbox),
            environment: Arc::clone(&self.engine.ports().environment),
            stop: self.stop.subscribe(),
            progress,
            subscribers: Vec::new(),
        }
    }

    fn begin(&self, job: &Job) -> Run {
        Run {
            id: RunId(self.engine.ports().environment.new_id()),
            transfer_uid: job.uid,
            transfer: job.transfer.clone(),
            to: job.spec.to.clone(),
            generation: job.fence.generation,
            cause: RunCause::Deliveries,
            started: self.engine.ports().environment.now(),
            ended: None,
            outcome: RunOutcome::Running,
            tally: Tally::default(),
            pages: 0,
            parents: raccord_model::fact::Parents::default(),
            notes: Vec::new(),
            unseen: None,
            again: None,
            uncounted: false,
        }
    }

    /// The rows: `ID name email`, in the order of their keys.
    pub(crate) async fn rows(&self) -> Vec<String> {
        let request = Request::Records {
            entity: "crm.contact".parse().unwrap(),
            filter: Vec::new(),
            limit: 10_000,
            total: false,
            columns: false,
            page: None,
            held: None,
        };
        let row = |reply| {
            let Reply::Record(row) = reply else { panic!("{reply:?}") };
            let row = serde_json::to_value(row).unwrap();
            let cells =
                ["id", "name", "email"].map(|field| row[field].as_str().unwrap_or_default().to_owned());
            cells.join(" ").trim_end().to_owned()
        };
        self.ask(request).await.into_iter().map(row).collect()
    }

    pub(crate) async fn rejects(&self) -> Vec<Reject> {
        let query = RejectQuery { limit: 1_000, ..RejectQuery::default() };
        let found = self.kept().ledger.rejects(query).await.unwrap();
        found.into_iter().map(|(_, reject)| reject).collect()
    }

    /// The destination of every project, and what it has kept.
    pub(crate) fn kept(&self) -> Rows {
        self.engine.ports().rows_at(&StorePlace::Embedded, "").unwrap()
    }
}

/// How a run has ended and what it counted: `succeeded: created 1, skipped 2`.
pub(crate) fn told(run: &Run) -> String {
    let Tally { created, updated, deleted, unchanged, skipped, rejected, .. } = run.tally;
    let counts = [
        ("created", created),
        ("updated", updated),
        ("deleted", deleted),
        ("unchanged", unchanged),
        ("skipped", skipped),
        ("rejected", rejected),
    ];
    let counts: Vec<String> = counts
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    format!("{}: {}", run.outcome.as_str(), counts.join(", "))
}

/// The digest of rows by their keys, which are texts.
pub(crate) fn rows_of(keys: &[&str]) -> RowsDigest {
    let mut digest = RowsDigest::default();
    for key in keys {
        let mut bytes = Vec::new();
        row::push_key(&mut bytes, &Value::Text((*key).into())).unwrap();
        digest.add(&bytes);
    }
    digest
}
