//! Mutual TLS against a server that demands a certificate: sources, tokens, registrations and manifests show ours, and what
//! is wrong with one is told apart.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use raccord_config::load_texts;
use raccord_connect::{ServiceWebhooks, SourcePool};
use raccord_model::Desired;
use raccord_model::port::environment::{Environment, RandomError};
use raccord_model::port::source::{Read, SourceError, Sources};
use raccord_model::port::webhook::{Announcement, Service, Webhooks};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use tempfile::TempDir;
use uuid::Uuid;

/// An authority and what it has signed, in files: `ca.pem`, `client.pem` and `client.key`.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// A certificate for a name, and its key; until when it counts.
    fn sign(&self, name: &str, until: i32) -> (String, String) {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(until, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    /// What a server shows and demands.
    fn server(&self) -> ServerConfig {
        drop(rustls::crypto::ring::default_provider().install_default());
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        let (certificate, key) = self.sign("127.0.0.1", 2090);
        let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap();
        let shown = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        ServerConfig::builder().with_client_cert_verifier(verifier).with_single_cert(shown, key).unwrap()
    }
}

/// A service over HTTPS whose callers show a certificate, and the first lines of the requests that came through.
struct TlsService {
    url: String,
    lines: Arc<Mutex<Vec<String>>>,
}

impl TlsService {
    fn start(authority: &Authority) -> Self {
        let (config, listener) = (Arc::new(authority.server()), TcpListener::bind("127.0.0.1:0").unwrap());
        let (url, lines) = (format!("https://{}", listener.local_addr().unwrap()), Arc::default());
        let seen = Arc::clone(&lines);
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let (config, seen) = (Arc::clone(&config), Arc::clone(&seen));
                std::thread::spawn(move || answer(socket, config, &seen));
            }
        });
        Self { url, lines }
    }

    fn lines(&self) -> Vec<String> {
        std::mem::take(&mut self.lines.lock().unwrap())
    }
}

/// Answers one request: with a token, with the id of a registration, or with a record.
fn answer(mut socket: TcpStream, config: Arc<ServerConfig>, seen: &Mutex<Vec<String>>) {
    let mut connection = ServerConnection::new(config).unwrap();
    while connection.is_handshaking() {
        if connection.complete_io(&mut socket).is_err() {
            // The alert is sent; what the other side still sends is read, so that it comes to see the alert.
            drop(socket.shutdown(std::net::Shutdown::Write));
            drop(std::io::copy(&mut socket, &mut std::io::sink()));
            return;
        }
    }
    let mut stream = StreamOwned::new(connection, socket);
    let (mut request, mut buffer) = (Vec::new(), [0; 4096]);
    while !is_whole(&request) {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return,
            Ok(length) => request.extend_from_slice(&buffer[..length]),
        }
    }
    let line = String::from_utf8_lossy(&request).lines().next().unwrap_or_default().to_owned();
    let body = match line.split(' ').nth(1).unwrap_or_default() {
        "/token" => r#"{"access_token": "t", "expires_in": 3600}"#,
        "/hooks" => r#"{"id": 7}"#,
        _ => r#"[{"id": 1}]"#,
    };
    seen.lock().unwrap().push(line);
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    drop(stream.write_all(format!("{head}{body}").as_bytes()));
    stream.conn.send_close_notify();
    drop(stream.flush());
}

/// Whether the head of a request is there, and the body that it announces.
fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.map_or(0, |length| length.trim().parse().unwrap())
}

struct Machine;

impl Environment for Machine {
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::now()
    }
    fn new_id(&self) -> Uuid {
        Uuid::now_v7()
    }
    fn variable(&self, name: &str) -> Option<String> {
        (name == "SECRET").then(|| "hunter2".to_owned())
    }
    fn random(&self) -> Result<[u8; 32], RandomError> {
        Ok([7; 32])
    }
}

fn fill(home: &TempDir, name: &str, text: &str) {
    std::fs::File::create(home.path().join(name)).unwrap().write_all(text.as_bytes()).unwrap();
}

/// An authority, its server, and a directory with what a client of its own needs.
fn scene() -> (Authority, TlsService, TempDir) {
    let authority = Authority::new();
    let (service, home) = (TlsService::start(&authority), tempfile::tempdir().unwrap());
    let (certificate, key) = authority.sign("client", 2090);
    fill(&home, "client.pem", &certificate);
    fill(&home, "client.key", &key);
    fill(&home, "ca.pem", &authority.0.pem());
    (authority, service, home)
}

const TLS: &str = "tls: {certificate: '${file:client.pem}', key: '${file:client.key}', ca: ca.pem}";

/// The source `crm` of these documents.
fn loaded(texts: &[(&str, String)], home: &TempDir) -> Desired {
    let texts = texts.iter().map(|(name, text)| ((*name).to_owned(), text.clone().into_bytes())).collect();
    let loaded = load_texts(texts, home.path().to_str().unwrap(), &[].into());
    loaded.desired.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics))
}

fn source(service: &TlsService, authorization: &str) -> String {
    format!(
        "apiVersion: raccord/v1\nkind: Source\nmetadata: {{name: crm}}\nspec: {{connector: http, authorization: \
         {{{authorization}}}, config: {{baseUrl: '{}', retry: {{attempts: 1}}, dataTypes: {{a: {{}}}}}}}}\n",
        service.url
    )
}

async fn check(desired: &Desired) -> Result<String, SourceError> {
    let pool = SourcePool::new(Arc::new(Machine));
    pool.open(desired, &"crm".parse().unwrap(), &"a".parse().unwrap()).unwrap().check().await
}

#[tokio::test]
async fn a_certificate_proves_who_we_are() {
    let (authority, service, home) = scene();
    let desired = loaded(&[("a.yaml", source(&service, &format!("type: none, {TLS}")))], &home);
    let pool = SourcePool::new(Arc::new(Machine));
    let source = pool.open(&desired, &"crm".parse().unwrap(), &"a".parse().unwrap()).unwrap();
    source.check().await.unwrap();
    let mut pages = source.open(Read::default()).await.unwrap();
    assert_eq!(pages.next().await.unwrap().unwrap().records.len(), 1);
    assert_eq!(service.lines().len(), 2);
    // One that is renewed counts from the next reading on.
    let (certificate, key) = authority.sign("renewed", 2090);
    fill(&home, "client.pem", &certificate);
    let error = source.check().await.unwrap_err().to_string();
    assert_eq!(error, "${file:client.key} is not the key of the certificate beside it");
    fill(&home, "client.key", &key);
    source.check().await.unwrap();
}

#[tokio::test]
async fn what_is_wrong_with_a_certificate_is_told_apart() {
    let (authority, service, home) = scene();
    let (expired, expired_key) = authority.sign("client", 2021);
    let (foreign, foreign_key) = Authority::new().sign("client", 2090);
    for (name, text) in [
        ("expired.pem", &*expired),
        ("expired.key", &expired_key),
        ("foreign.pem", &foreign),
        ("foreign.key", &foreign_key),
        ("wrong.pem", "hunter2"),
        (
            "encrypted.key",
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nhunter2\n-----END ENCRYPTED PRIVATE KEY-----\n",
        ),
    ] {
        fill(&home, name, text);
    }
    let shown = |certificate: &str, key: &str| {
        format!(
            "type: none, tls: {{certificate: '${{file:{certificate}}}', key: '${{file:{key}}}', ca: ca.pem}}"
        )
    };
    let untrusting = TLS.replace(", ca: ca.pem", "");
    for (authorization, is_refusal, expected) in [
        ("type: none, tls: {ca: ca.pem}".to_owned(), true, "it wants one, and we show none"),
        (shown("expired.pem", "expired.key"), true, "it has expired"),
        (shown("foreign.pem", "foreign.key"), true, "does not accept our certificate"),
        (format!("type: none, {untrusting}"), false, "name it in `tls: {ca: FILE}`"),
        (shown("wrong.pem", "client.key"), false, "${file:wrong.pem} holds no certificate in PEM"),
        (shown("client.pem", "wrong.pem"), false, "${file:wrong.pem} is no private key in PEM"),
        (shown("client.pem", "encrypted.key"), false, "is encrypted; store it without a passphrase"),
        (shown("client.pem", "foreign.key"), false, "is not the key of the certificate beside it"),
        (shown("client.pem", "nowhere.key"), false, "${file:nowhere.key} cannot be read"),
        ("type: none, tls: {ca: nowhere.pem}".to_owned(), false, "`nowhere.pem` cannot be read"),
        ("type: none, tls: {ca: wrong.pem}".to_owned(), false, "`wrong.pem` holds no certificate in PEM"),
    ] {
        let error = check(&loaded(&[("a.yaml", source(&service, &authorization))], &home)).await.unwrap_err();
        let said = format!("{error} {error:?}");
        assert!(said.contains(expected) && !said.contains("hunter2"), "{authorization}: {said}");
        let keys = [&expired_key, &foreign_key].into_iter().flat_map(|key| key.lines());
        assert!(!keys.filter(|line| !line.starts_with("---")).any(|line| said.contains(line)), "{said}");
        let is_refused = matches!(error, SourceError::CertificateRefused { .. });
        assert_eq!(
            (is_refused, error.is_unauthorized()),
            (is_refusal, is_refusal),
            "{authorization}: {said}"
        );
    }
    assert!(service.lines().is_empty());
}

#[tokio::test]
async fn tokens_are_asked_for_over_the_same_connections() {
    let (_, service, home) = scene();
    let oauth = |tls: &str| {
        format!(
            "type: oauth2, grant: clientCredentials, tokenUrl: '{}/token', clientId: me, clientSecret: \
             '${{env:SECRET}}', {tls}",
            service.url
        )
    };
    check(&loaded(&[("a.yaml", source(&service, &oauth(TLS)))], &home)).await.unwrap();
    assert_eq!(service.lines(), ["POST /token HTTP/1.1", "GET /a HTTP/1.1"]);
    let error = check(&loaded(&[("a.yaml", source(&service, &oauth("tls: {ca: ca.pem}")))], &home)).await;
    let error = error.unwrap_err();
    assert!(
        matches!(&error, SourceError::CertificateRefused { url, .. } if url.ends_with("/token")),
        "{error}"
    );
}

#[tokio::test]
async fn a_webhook_is_registered_over_the_same_connections() {
    let (_, service, home) = scene();
    let hook = "webhook: {verify: {bearer: '${env:SECRET}'}, register: {create: {path: /hooks, body: {url: '{{ url }}'}, id: \
                id}, delete: {path: '/hooks/{id}'}}}, config:";
    let text = source(&service, &format!("type: none, {TLS}")).replace("config:", hook);
    let desired = loaded(&[("a.yaml", text)], &home);
    let name = "crm".parse().unwrap();
    let spec = desired.source(&name).unwrap();
    let webhooks = ServiceWebhooks::new(Arc::new(Machine));
    let authorization = desired.authorization(&name);
    let asked = Service { source: spec, authorization, root: home.path() };
    let announcement = Announcement { url: "https://us.example/hooks", secret: None, key: "k" };
    assert_eq!(webhooks.register(asked, announcement).await.unwrap(), "7");
    assert_eq!(service.lines(), ["POST /hooks HTTP/1.1"]);
}

#[tokio::test]
async fn a_manifest_is_read_over_the_same_connections() {
    let (_, service, home) = scene();
    let manifest = format!(
        "version: 6.0.0\ntype: DeclarativeSource\ncheck: {{type: CheckStream, stream_names: [a]}}\nstreams:\n  - type: \
         DeclarativeStream\n    name: a\n    retriever:\n      type: SimpleRetriever\n      requester: {{type: HttpRequester, \
         url_base: '{}', path: /a}}\n      record_selector: {{type: RecordSelector, extractor: {{type: DpathExtractor, \
         field_path: []}}}}\n",
        service.url
    );
    let with = |authorization: &str| {
        let source = format!(
            "apiVersion: raccord/v1\nkind: Source\nmetadata: {{name: crm}}\nspec: {{connector: ./m.yaml, authorization: \
             {{{authorization}}}, config: {{}}}}\n"
        );
        loaded(&[("m.yaml", manifest.clone()), ("a.yaml", source)], &home)
    };
    check(&with(&format!("type: none, {TLS}"))).await.unwrap();
    assert_eq!(service.lines(), ["GET /a HTTP/1.1"]);
    let error = check(&with("type: none, tls: {ca: ca.pem}")).await.unwrap_err().to_string();
    assert!(error.contains("does not accept our certificate: it wants one"), "{error}");
    assert_eq!(Path::new(home.path()).read_dir().unwrap().count(), 3);
}
