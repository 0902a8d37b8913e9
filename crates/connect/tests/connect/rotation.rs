//! Credentials that change while they are in use: a refusal has them read again once, for all readers, and what was
//! sent before stays as secret as what is sent now.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use raccord_config::load_texts;
use raccord_connect::SourcePool;
use raccord_model::Desired;
use raccord_model::language::ConnectorSettings;
use raccord_model::language::connector::HttpSettings;
use raccord_model::port::environment::{Environment, RandomError};
use raccord_model::port::source::{Read, Source, SourceError, Sources};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Barrier;
use uuid::Uuid;
use wiremock::{MockServer, Request, ResponseTemplate};

use crate::service::{ids, ok, query, read_all, records, serve, source};

/// What every secret of these tests has in it; no message may show it.
const MARK: &str = "canary";

fn write(path: &Path, text: &str) {
    File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
}

/// What an operator puts into the file of a secret, one after the other, whenever a service decides that it is time.
#[derive(Clone)]
struct Rotation(Arc<(TempDir, Mutex<VecDeque<&'static str>>)>);

impl Rotation {
    /// The first secret is there already.
    fn of(secrets: &[&'static str]) -> Self {
        let rotation =
            Self(Arc::new((tempfile::tempdir().unwrap(), Mutex::new(secrets.iter().copied().collect()))));
        rotation.next();
        rotation
    }

    /// Puts the next secret into the file; after the last one it stays as it is.
    fn next(&self) {
        if let Some(secret) = self.0.1.lock().unwrap().pop_front() {
            write(&self.0.0.path().join("token"), secret);
        }
    }

    /// The data type `a` of a service, two records on two pages, with this authorization.
    fn source(&self, server: &MockServer, authorization: &Value) -> Box<dyn Source> {
        let settings = json!({
            "baseUrl": server.uri(),
            "retry": {"attempts": 2, "maxWait": "1s"},
            "dataTypes": {"a": {"records": "data", "pagination": {"nextUrl": "next"}}},
        });
        let settings = ConnectorSettings::from(serde_json::from_value::<HttpSettings>(settings).unwrap());
        source(&settings, authorization, "a", self.0.0.path())
    }
}

fn bearer() -> Value {
    json!({"type": "bearer", "token": "${file:token}"})
}

fn all_forms() -> [Value; 3] {
    [
        bearer(),
        json!({"type": "apiKey", "query": "key", "value": "${file:token}"}),
        json!({"type": "basic", "username": "me", "password": "${file:token}"}),
    ]
}

/// The secret that a request carries, by its number in [`SECRETS`].
fn carried(request: &Request) -> usize {
    let header = request.headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
    let sent = header.or_else(|| query(request, "key")).unwrap_or_default();
    let of = |secret: &&str| sent.ends_with(*secret) || sent.ends_with(&in_basic(secret));
    SECRETS.iter().position(of).unwrap_or_else(|| panic!("{sent}"))
}

/// `me:` and a secret, in base64.
fn in_basic(secret: &str) -> String {
    match secret {
        "canary-old-01" => "bWU6Y2FuYXJ5LW9sZC0wMQ==".to_owned(),
        "canary-new-02" => "bWU6Y2FuYXJ5LW5ldy0wMg==".to_owned(),
        other => panic!("{other}"),
    }
}

const SECRETS: [&str; 2] = ["canary-old-01", "canary-new-02"];

/// Two pages.
fn page(request: &Request) -> ResponseTemplate {
    match query(request, "page") {
        None => ok(&json!({"data": records([1]), "next": "/a?page=2"})),
        Some(_) => ok(&json!({"data": records([2])})),
    }
}

#[tokio::test]
async fn a_reading_under_way_goes_on_with_the_new_secret() {
    for authorization in all_forms() {
        let rotation = Rotation::of(&SECRETS);
        let (rotating, seen) = (rotation.clone(), Arc::new(Mutex::new(Vec::new())));
        let log = Arc::clone(&seen);
        let server = serve(move |request| {
            let (is_first, carried) = (query(request, "page").is_none(), carried(request));
            log.lock().unwrap().push((is_first, carried));
            if !is_first && carried == 0 {
                return ResponseTemplate::new(401);
            }
            let answer = page(request);
            // From the second page on the old secret counts no more.
            rotating.next();
            answer
        })
        .await;
        let source = rotation.source(&server, &authorization);
        let pages = read_all(&*source).await.unwrap();
        assert_eq!(ids(&pages), [1, 2]);
        let expected = [(true, 0), (false, 0), (false, 1)];
        assert_eq!(*seen.lock().unwrap(), expected, "{authorization}");
        // What is kept of either page shows neither secret.
        for page in &pages {
            let mask = page.mask.as_ref().unwrap();
            let masked = mask.apply(&format!("{} {}", SECRETS[0], SECRETS[1]));
            assert_eq!(masked, "*** ***");
        }
    }
}

/// How the reading of a service that refuses in its own way ends, and how many requests it was sent.
async fn refused(secrets: &[&'static str], status: u16, authorization: &Value) -> (SourceError, usize) {
    let rotation = Rotation::of(secrets);
    let (rotating, count) = (rotation.clone(), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&count);
    let server = serve(move |request| {
        counted.fetch_add(1, Ordering::SeqCst);
        rotating.next();
        let said = format!("{} {:?} is refused", request.url, request.headers);
        ResponseTemplate::new(status).set_body_string(said)
    })
    .await;
    let error = read_all(&*rotation.source(&server, authorization)).await.unwrap_err();
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains(MARK) && !shown.contains("Y2FuYXJ5"), "{shown}");
    (error, count.load(Ordering::SeqCst))
}

#[tokio::test]
async fn only_a_changed_secret_is_worth_another_request() {
    // (the secrets that are put there, how it is refused, how many requests)
    let same = &SECRETS[..1];
    for (secrets, status, requests) in [
        (same, 401, 1),
        (&SECRETS[..], 401, 2),
        (&[SECRETS[0], SECRETS[1], SECRETS[0], SECRETS[1]], 401, 2),
        (&[SECRETS[0], SECRETS[0]], 401, 1),
        // What 403 says, other credentials of the same holder would not change.
        (&SECRETS, 403, 1),
        (&SECRETS, 404, 1),
    ] {
        for authorization in all_forms() {
            let (error, count) = refused(secrets, status, &authorization).await;
            assert_eq!(count, requests, "{secrets:?} {status} {authorization}");
            assert_eq!(error.is_unauthorized(), status != 404, "{error}");
        }
    }
    let (error, count) = refused(&SECRETS, 401, &json!({"type": "none"})).await;
    assert_eq!(count, 1);
    assert!(error.to_string().contains("none were sent"), "{error}");
}

#[tokio::test]
async fn neither_the_old_nor_the_new_secret_is_said() {
    for authorization in all_forms() {
        let rotation = Rotation::of(&SECRETS);
        let rotating = rotation.clone();
        let server = serve(move |request| {
            if carried(request) == 1 {
                let said =
                    format!("{:?} {} {} {}", request.headers, request.url, SECRETS[0], in_basic(SECRETS[0]));
                return ResponseTemplate::new(400).set_body_string(said);
            }
            rotating.next();
            ResponseTemplate::new(401)
        })
        .await;
        let error = read_all(&*rotation.source(&server, &authorization)).await.unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(shown.contains("***") && !shown.contains(MARK) && !shown.contains("Y2FuYXJ5"), "{shown}");
    }
}

#[tokio::test]
async fn a_secret_that_is_gone_is_named() {
    let rotation = Rotation::of(&SECRETS[..1]);
    let file = rotation.0.0.path().join("token");
    let server = serve(move |_| {
        drop(std::fs::remove_file(&file));
        ResponseTemplate::new(401)
    })
    .await;
    let error = read_all(&*rotation.source(&server, &bearer())).await.unwrap_err();
    assert!(error.to_string().starts_with("${file:token} cannot be read"), "{error}");
}

/// An environment whose one secret changes, and that counts how often it was asked for it.
struct Changing {
    secret: Mutex<&'static str>,
    reads: AtomicUsize,
}

impl Environment for Changing {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    fn new_id(&self) -> Uuid {
        Uuid::now_v7()
    }

    fn variable(&self, _: &str) -> Option<String> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        Some((*self.secret.lock().unwrap()).to_owned())
    }

    fn random(&self) -> Result<[u8; 32], RandomError> {
        Err(RandomError)
    }
}

/// A service that has changed its mind: it holds back its refusals until as many were sent as there are readers.
async fn serve_refusals(readers: usize, environment: Arc<Changing>) -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let barrier = Arc::new(Barrier::new(readers));
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let (barrier, environment) = (Arc::clone(&barrier), Arc::clone(&environment));
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    socket.read_exact(&mut byte).await.unwrap();
                    head.push(byte[0]);
                }
                let answer = if String::from_utf8_lossy(&head).contains(SECRETS[0]) {
                    barrier.wait().await;
                    *environment.secret.lock().unwrap() = SECRETS[1];
                    "401 Unauthorized\r\nContent-Length: 0".to_owned()
                } else {
                    format!("200 OK\r\nContent-Length: {}\r\n\r\n{}", r#"[{"id":1}]"#.len(), r#"[{"id":1}]"#)
                };
                let end = if answer.starts_with("401") { "\r\n\r\n" } else { "" };
                let answer =
                    format!("HTTP/1.1 {answer}{end}").replacen("\r\n", "\r\nConnection: close\r\n", 1);
                socket.write_all(answer.as_bytes()).await.unwrap();
            });
        }
    });
    address
}

/// Two sources of one authorization.
fn two_sources(address: std::net::SocketAddr) -> Desired {
    let source = |name| {
        format!(
            "---\napiVersion: raccord/v1\nkind: Source\nmetadata: {{name: {name}}}\nspec: {{connector: http, \
             authorization: shared, config: {{baseUrl: 'http://{address}', retry: {{attempts: 1}}, dataTypes: {{a: \
             {{}}}}}}}}\n"
        )
    };
    let text =
        "apiVersion: raccord/v1\nkind: Authorization\nmetadata: {name: shared}\nspec: {type: bearer, token: \
                '${env:TOKEN}'}\n"
            .to_owned()
            + &source("one")
            + &source("two");
    let loaded = load_texts(vec![("a.yaml".to_owned(), text.into_bytes())], ".", &[].into());
    loaded.desired.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics))
}

#[tokio::test]
async fn readers_that_are_refused_at_once_share_one_look() {
    let environment = Arc::new(Changing { secret: Mutex::new(SECRETS[0]), reads: AtomicUsize::new(0) });
    let address = serve_refusals(4, Arc::clone(&environment)).await;
    let desired = two_sources(address);
    let pool = SourcePool::new(Arc::<Changing>::clone(&environment));
    let mut readings = Vec::new();
    for name in ["one", "two", "one", "two"] {
        let source = pool.open(&desired, &name.parse().unwrap(), &"a".parse().unwrap()).unwrap();
        readings.push(source.open(Read::default()).await.unwrap());
    }
    let before = environment.reads.load(Ordering::SeqCst);
    assert_eq!(before, 4, "one read for each reading that begins");
    let tasks: Vec<_> = readings
        .into_iter()
        .map(|mut pages| {
            tokio::spawn(async move { pages.next().await.map(|page| page.unwrap().records.len()) })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap(), 1);
    }
    assert_eq!(environment.reads.load(Ordering::SeqCst), before + 1, "one look for four refusals");
}
