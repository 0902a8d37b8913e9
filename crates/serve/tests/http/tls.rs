//! Listening: TLS with a certificate of our own, and the refusal to speak in the clear beyond loopback.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use raccord_model::fact::Role;
use raccord_serve::http::{Bound, Listen, ServeError};
use rcgen::generate_simple_self_signed;
use reqwest::{Certificate, Client};
use tempfile::TempDir;

use crate::stage::{Server, loopback, provider, send};

fn write(path: &Path, text: &str) {
    File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
}

/// A certificate for loopback, in files.
fn certificate(home: &TempDir) -> (PathBuf, PathBuf, String) {
    let made = generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let (chain, key) = (home.path().join("chain.pem"), home.path().join("key.pem"));
    let text = made.cert.pem();
    write(&chain, &text);
    write(&key, &made.signing_key.serialize_pem());
    (chain, key, text)
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_certificate_only_tls_is_spoken() {
    provider();
    let home = TempDir::new().unwrap();
    let (chain, key, text) = certificate(&home);
    let mut server = Server::with(Listen { tls: Some((chain, key)), ..loopback() }).await;
    let token = server.token("ci", &[Role::Read]).await;
    let trusted = Certificate::from_pem(text.as_bytes()).unwrap();
    let client = Client::builder().tls_certs_only([trusted]).no_proxy().build().unwrap();
    let answer = send(client.get(server.url("/v1/status")).bearer_auth(&token)).await.expect(200);
    assert_eq!(answer.header("content-type"), "application/json");
    // A client that does not have this certificate does not trust it.
    assert!(server.client.get(server.url("/healthz")).send().await.unwrap_err().is_connect());
    let plain = server.url("/healthz").replace("https", "http");
    assert!(client.get(plain).send().await.is_err());
    server.stop().await.unwrap();
}

#[tokio::test]
async fn nobody_listens_in_the_clear_beyond_loopback_unless_told_so() {
    let open = |address: &str| Listen { address: address.parse().unwrap(), ..loopback() };
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:8080"] {
        let error = Bound::new(&open(address)).await.err().unwrap();
        assert!(matches!(error, ServeError::Insecure(_)), "{error}");
        assert!(error.to_string().contains("--tls-cert") && error.to_string().contains("proxy"), "{error}");
    }
    for address in ["127.0.0.1:0", "127.0.0.9:0"] {
        Bound::new(&open(address)).await.unwrap();
    }
    Bound::new(&Listen { insecure: true, ..open("0.0.0.0:0") }).await.unwrap();
    let taken = Bound::new(&loopback()).await.unwrap();
    let error = Bound::new(&open(&taken.address().to_string())).await.err().unwrap();
    assert!(matches!(error, ServeError::Bind { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_no_certificate_are_named_and_not_quoted() {
    provider();
    let home = TempDir::new().unwrap();
    let (chain, key, _) = certificate(&home);
    let nonsense = home.path().join("nonsense.pem");
    write(&nonsense, "hunter2");
    let elsewhere = TempDir::new().unwrap();
    let (_, other, _) = certificate(&elsewhere);
    let gone = home.path().join("gone.pem");
    for (chain, key, named) in [
        (&nonsense, &key, &nonsense),
        (&chain, &nonsense, &nonsense),
        (&gone, &key, &gone),
        (&chain, &other, &other),
    ] {
        let listen = Listen { tls: Some((chain.clone(), key.clone())), ..loopback() };
        let error = Bound::new(&listen).await.err().unwrap();
        let said = format!("{error} {error:?}");
        assert!(said.contains(&*named.to_string_lossy()), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}
