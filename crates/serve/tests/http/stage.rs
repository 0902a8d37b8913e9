//! A server on a free port with a state of its own, a clock that a test sets, and callers with tokens.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::embedded::ports;
use crate::reads::Reads;
use jiff::{SignedDuration, Timestamp};
use raccord_connect::System;
use raccord_model::Name;
use raccord_model::fact::Role;
use raccord_model::port::Async;
use raccord_model::port::environment::{Environment, RandomError};
use raccord_model::port::state::State;
use raccord_run::Ports;
use raccord_serve::audit::{AuditLog, Audited};
use raccord_serve::http::{
    Access, Bound, Limits, Listen, Open, Push, PushHead, Readiness, Received, ServeError, Serving, serve,
};
use raccord_serve::reply::Replies;
use raccord_serve::transport::{Answering, Caller};
use raccord_serve::{Dispatcher, Failure, Reply, Request};
use raccord_store::{Opener, Store};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use uuid::Uuid;

/// The time at which every test begins.
pub(crate) const BEGIN: &str = "2025-01-31T09:30:00Z";

/// A clock that stands still until a test moves it.
pub(crate) struct Clock(Mutex<Timestamp>);

impl Clock {
    pub(crate) fn advance(&self, by: SignedDuration) {
        let mut now = self.0.lock().unwrap();
        *now = now.checked_add(by).unwrap();
    }
}

impl Environment for Clock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
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

/// What the stage does with requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// What the engine does.
    Dispatcher,
    /// So many parts of so many bytes each.
    Long(usize, usize),
    /// One part, then nothing until the caller asks for an early end.
    Wait,
}

/// What a daemon would be.
pub(crate) struct Stage {
    engine: Dispatcher,
    pub(crate) act: Mutex<Act>,
    pub(crate) readiness: Mutex<Readiness>,
    pub(crate) received: Mutex<Received>,
    pub(crate) largest_push: Mutex<usize>,
    pub(crate) pushes: Mutex<Vec<Push>>,
    pub(crate) too_large: Mutex<Vec<Name>>,
    /// How many answers have come to their end.
    pub(crate) ended: watch::Sender<usize>,
    /// Counts what has changed.
    pub(crate) changes: watch::Sender<u64>,
    /// How often the configuration was read whole.
    pub(crate) reads: Arc<Reads>,
}

impl Answering for Stage {
    fn answer<'a>(
        &'a self,
        request: Request,
        _: Caller,
        mut stop: watch::Receiver<bool>,
        replies: &'a mut Replies<'a>,
    ) -> Async<'a, Result<(), Failure>> {
        Box::pin(async move {
            let act = *self.act.lock().unwrap();
            let outcome = match act {
                Act::Dispatcher => self.engine.handle(request, stop, replies).await.map_err(Failure::from),
                Act::Long(parts, bytes) => {
                    for at in 0..parts {
                        let number = at.to_string();
                        let zeros = "0".repeat(bytes - number.len());
                        replies(Reply::Done(zeros + &number));
                    }
                    Ok(())
                }
                Act::Wait => {
                    replies(Reply::Done("begun".to_owned()));
                    drop(stop.wait_for(|stop| *stop).await);
                    replies(Reply::Done("stopped".to_owned()));
                    Ok(())
                }
            };
            self.ended.send_modify(|ended| *ended += 1);
            outcome
        })
    }
}

impl Serving for Stage {
    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn readiness(&self) -> Readiness {
        self.readiness.lock().unwrap().clone()
    }

    fn metrics(&self) -> Async<'_, String> {
        Box::pin(async { "raccord_runs_total 1\n".to_owned() })
    }

    fn largest_push(&self) -> usize {
        *self.largest_push.lock().unwrap()
    }

    fn admit(&self, head: &PushHead<'_>) -> Result<(), Received> {
        if head.source.as_str() == "guarded" { Err(Received::Refused) } else { Ok(()) }
    }

    fn push_was_too_large(&self, source: &Name, _peer: IpAddr) {
        self.too_large.lock().unwrap().push(source.clone());
    }

    fn receive(&self, push: Push) -> Async<'_, Received> {
        Box::pin(async move {
            self.pushes.lock().unwrap().push(push);
            *self.received.lock().unwrap()
        })
    }
}

/// A server that answers until it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) stage: Arc<Stage>,
    pub(crate) clock: Arc<Clock>,
    pub(crate) end: watch::Sender<bool>,
    pub(crate) serving: Option<JoinHandle<Result<(), ServeError>>>,
    pub(crate) client: Client,
    scheme: &'static str,
    local: Arc<Audited<Stage>>,
    home: TempDir,
}

/// Where tests listen.
pub(crate) fn loopback() -> Listen {
    let address = "127.0.0.1:0".parse().unwrap();
    Listen { address, tls: None, insecure: false, open: Open::default(), openid: None }
}

/// The provider that every client and server of these tests uses.
pub(crate) fn provider() {
    drop(rustls::crypto::ring::default_provider().install_default());
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::with(loopback()).await
    }

    pub(crate) async fn with(listen: Listen) -> Self {
        Self::limited(listen, Limits::default()).await
    }

    pub(crate) async fn limited(listen: Listen, limits: Limits) -> Self {
        provider();
        let home = TempDir::new().unwrap();
        let clock = Arc::new(Clock(Mutex::new(BEGIN.parse().unwrap())));
        let opener = Opener { verb: "test".to_owned(), at: clock.now(), lineage: clock.new_id() };
        let store = Store::open(&home.path().join("state.redb"), &opener).unwrap();
        let environment: Arc<dyn Environment> = clock.clone();
        let ports = ports(store, Arc::clone(&environment));
        let reads = Reads::of(&ports.state);
        let counted: Arc<dyn State> = Arc::<Reads>::clone(&reads);
        let engine = Dispatcher::new(Ports { state: counted, ..ports });
        let stage = Arc::new(Stage {
            engine: engine.clone(),
            act: Mutex::new(Act::Dispatcher),
            readiness: Mutex::new(Readiness { ready: true, problems: Vec::new() }),
            received: Mutex::new(Received::Accepted),
            largest_push: Mutex::default(),
            pushes: Mutex::default(),
            too_large: Mutex::default(),
            ended: watch::channel(0).0,
            changes: watch::channel(0).0,
            reads,
        });
        let log = AuditLog::new(engine.ports().facts(), Arc::clone(&environment));
        let audited = Arc::new(Audited::new(Arc::clone(&stage), log));
        let scheme = if listen.tls.is_some() { "https" } else { "http" };
        let client =
            Client::builder().tls_certs_only([]).no_proxy().pool_max_idle_per_host(0).build().unwrap();
        let (address, end, serving) = (listen.address, watch::channel(false).0, None);
        let mut server = Self { address, stage, clock, end, serving, client, scheme, local: audited, home };
        server.serve(listen, limits).await;
        server
    }

    /// Listens.
    async fn serve(&mut self, listen: Listen, limits: Limits) {
        let root = self.home.path().display().to_string();
        let facts = self.stage.engine.ports().facts();
        let environment: Arc<dyn Environment> = self.clock.clone();
        let access = Access { facts, environment, root, openid: listen.openid.clone() };
        let bound = Bound::new(&listen).await.unwrap();
        self.address = bound.address();
        let (end, ending) = watch::channel(false);
        self.end = end;
        let serving: Arc<dyn Serving> = self.local.clone();
        self.serving = Some(tokio::spawn(serve(bound, (listen.open, limits), (serving, access), ending)));
    }

    /// Listens anew, with other settings and on the same state.
    pub(crate) async fn serve_again(&mut self, listen: Listen) {
        self.stop().await.unwrap();
        self.serve(listen, Limits::default()).await;
    }

    /// Writes a file where the data paths of a configuration begin.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let mut file = std::fs::File::create(self.home.path().join(name)).unwrap();
        std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
    }

    /// Where such a file is.
    pub(crate) fn file(&self, name: &str) -> std::path::PathBuf {
        self.home.path().join(name)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    pub(crate) fn act(&self, act: Act) {
        *self.stage.act.lock().unwrap() = act;
    }

    /// Asks as a user of the machine does.
    pub(crate) async fn locally(&self, request: Request) -> Result<Vec<Reply>, Failure> {
        let (_stop, stopped) = watch::channel(false);
        let mut found = Vec::new();
        let mut replies = |reply| found.push(reply);
        self.local.answer(request, Caller::local(), stopped, &mut replies).await?;
        Ok(found)
    }

    /// Makes a token.
    pub(crate) async fn token(&self, name: &str, roles: &[Role]) -> String {
        self.token_until(name, roles, None).await
    }

    pub(crate) async fn token_until(&self, name: &str, roles: &[Role], expires: Option<Timestamp>) -> String {
        let roles: BTreeSet<Role> = roles.iter().copied().collect();
        let request = Request::CreateToken { name: name.parse().unwrap(), roles, expires };
        match self.locally(request).await.unwrap().pop() {
            Some(Reply::NewToken(new)) => new.token.expose().to_owned(),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.url(path))
    }

    pub(crate) fn get(&self, path: &str, token: &str) -> RequestBuilder {
        self.request(Method::GET, path).bearer_auth(token)
    }

    pub(crate) fn post(&self, path: &str, token: &str, body: &Value) -> RequestBuilder {
        let sent = self.request(Method::POST, path).bearer_auth(token);
        sent.header("content-type", "application/json").body(body.to_string())
    }

    /// Asks for an end and waits for it.
    pub(crate) async fn stop(&mut self) -> Result<(), ServeError> {
        self.end.send_replace(true);
        let serving = self.serving.take().unwrap();
        tokio::time::timeout(Duration::from_secs(30), serving).await.expect("it ends").unwrap()
    }
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Every refusal is a problem document that says its own status.
    #[track_caller]
    pub(crate) fn expect_problem(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], status);
        problem
    }

    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }
}

/// Sends a request and reads the whole answer.
pub(crate) async fn send(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Answer { status, headers, text: response.text().await.unwrap() }
}

/// A configuration with a file to read; `extra` stands among the fields of its entity.
pub(crate) fn shop(extra: &str) -> Value {
    let document = |kind: &str, name: &str, spec: Value| json!({ "apiVersion": "raccord/v1", "kind": kind, "metadata": { "name": name }, "spec": spec });
    let mut fields = json!({ "id": "text", "email": "text" });
    if !extra.is_empty() {
        fields[extra] = json!("text");
    }
    json!({ "documents": [
        document("Project", "shop", json!({ "entities": { "customer": { "key": "id", "fields": fields } } })),
        document("Source", "exports", json!({
            "connector": "file", "config": { "dataTypes": { "customers": { "path": "customers.csv" } } },
        })),
        document("Transfer", "customers", json!({
            "source": "exports", "to": "shop.customer", "active": true,
            "mapping": { "primaryKey": { "id": "id" }, "fields": { "email": "email" } },
        })),
        document("Integration", "shop", json!({
            "active": true, "subscriptions": { "customers": ["created", "updated"] },
        })),
    ] })
}
