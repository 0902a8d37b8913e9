//! What the tests share: sources from settings, pages read to the end, servers that answer as a function.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use raccord_compiler::connector::lower;
use raccord_connect::{SecretReader, SourceShared, open_source};
use raccord_model::checkpoint::PageToken;
use raccord_model::language::{AuthorizationSpec, ConnectorSettings, HttpSettings};
use raccord_model::port::environment::{Environment, RandomError};
use raccord_model::port::records::{Page, Record};
use raccord_model::port::source::{Read, Source, SourceError};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use uuid::Uuid;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

/// The secret that every test uses; no message may ever contain it.
pub(crate) const SECRET: &str = "hunter2+/=";

/// A source of one connector, with `${env:TOKEN}` as its only secret.
pub(crate) fn source(
    settings: &ConnectorSettings,
    authorization: &Value,
    name: &str,
    root: &Path,
) -> Box<dyn Source> {
    let (stream, findings) = lower(settings, &name.parse().unwrap());
    let stream = stream.unwrap_or_else(|| panic!("{findings:?}"));
    let environment = |name: &str| (name == "TOKEN").then(|| SECRET.to_owned());
    let secrets = SecretReader::new(Arc::new(environment), root);
    let now = Arc::new(|| "2024-01-31T09:30:00Z".parse().unwrap());
    let shared = SourceShared::new(settings, secrets, now, 7).unwrap();
    let authorization: AuthorizationSpec = serde_json::from_value(authorization.clone()).unwrap();
    open_source(&stream, Some(&authorization), root, &shared).unwrap()
}

/// The data type `a` of an HTTP source. `members` come over the usual settings, which wait hardly at all.
pub(crate) fn http(base: &str, members: &Value, authorization: &Value) -> Box<dyn Source> {
    let mut settings = json!({"baseUrl": base, "retry": {"attempts": 3, "maxWait": "1s"}, "timeout": "60s"});
    for (name, value) in members.as_object().unwrap() {
        settings[name] = value.clone();
    }
    let settings = ConnectorSettings::from(serde_json::from_value::<HttpSettings>(settings).unwrap());
    source(&settings, authorization, "a", Path::new("."))
}

/// The same with one data type `a` and no authorization.
pub(crate) fn data_type(base: &str, data_type: &Value) -> Box<dyn Source> {
    http(base, &json!({"dataTypes": {"a": data_type}}), &json!({"type": "none"}))
}

/// A server whose answer is a function of the request.
pub(crate) async fn serve(
    answer: impl Fn(&Request) -> ResponseTemplate + Send + Sync + 'static,
) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(wiremock::matchers::any()).respond_with(answer).mount(&server).await;
    server
}

/// A server that answers every connection with these bytes and closes it; `endless` repeats the last of them.
pub(crate) async fn serve_bytes(bytes: Vec<u8>, endless: bool) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let bytes = bytes.clone();
            tokio::spawn(async move {
                let mut request = [0; 4096];
                drop(socket.read(&mut request).await);
                let mut sent = socket.write_all(&bytes).await;
                while endless && sent.is_ok() {
                    sent = socket.write_all(&[b' '; 4096]).await;
                }
            });
        }
    });
    address
}

/// Reads to the end from a page on.
pub(crate) async fn read_pages(source: &dyn Source, read: Read) -> Result<Vec<Page>, SourceError> {
    let mut pages = source.open(read).await?;
    let mut all = Vec::new();
    while let Some(page) = pages.next().await? {
        all.push(page);
    }
    Ok(all)
}

/// Reads everything.
pub(crate) async fn read_all(source: &dyn Source) -> Result<Vec<Page>, SourceError> {
    read_pages(source, Read::default()).await
}

/// The error that reading everything ends with.
pub(crate) async fn read_error(source: &dyn Source) -> SourceError {
    let error = read_all(source).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    error
}

/// Begins at a token.
pub(crate) fn from_page(token: &PageToken) -> Read {
    Read { page: Some(token.clone()), ..Read::default() }
}

/// The field `id` of every record, in order.
pub(crate) fn ids(pages: &[Page]) -> Vec<i64> {
    let id = |record: Record<'_>| {
        let record: Value = serde_json::from_str(&record.to_json()).unwrap();
        record["id"].as_i64().or_else(|| record["id"].as_str()?.parse().ok()).unwrap()
    };
    pages.iter().flat_map(|page| page.records.iter().map(id)).collect()
}

/// The records with these numbers.
pub(crate) fn records(numbers: impl IntoIterator<Item = i64>) -> Value {
    numbers.into_iter().map(|id| json!({"id": id, "name": format!("é {id}")})).collect()
}

/// A query parameter of a request.
pub(crate) fn query(request: &Request, name: &str) -> Option<String> {
    request.url.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
}

/// A query parameter that is a number.
pub(crate) fn number(request: &Request, name: &str) -> Option<i64> {
    query(request, name)?.parse().ok()
}

/// 200 with JSON.
pub(crate) fn ok(body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

/// An environment with these variables, whose clock stands still.
pub(crate) struct Variables<F>(pub(crate) F);

impl<F: Fn(&str) -> Option<String> + Send + Sync> Environment for Variables<F> {
    fn now(&self) -> Timestamp {
        "2024-01-31T09:30:00Z".parse().unwrap()
    }

    fn new_id(&self) -> Uuid {
        Uuid::from_u128(7)
    }

    fn variable(&self, name: &str) -> Option<String> {
        (self.0)(name)
    }

    fn random(&self) -> Result<[u8; 32], RandomError> {
        Err(RandomError)
    }
}
