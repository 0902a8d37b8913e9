//! TLS to a server whose certificate an authority of the test has signed: verified, refused for its name or its authority, and required
//! of a server that has none.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use raccord_conformance::block_on;
use raccord_model::port::destination::Destination as _;
use raccord_postgres::{PostgresDestination, PostgresSettings, Server, SettingsSource, Tls};
use secrecy::SecretString;

use crate::fixture::TestEnvironment;
use crate::postgres_server::{Durability, PostgresServer};
use crate::self_signed::Authority;

/// The user that the server runs as, when the tests run as root.
fn user() -> Option<u32> {
    let id = |arguments: &[&str]| {
        let output = Command::new("id").args(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().parse::<u32>().unwrap()
    };
    (id(&["-u"]) == 0).then(|| id(&["-u", "postgres"]))
}

/// A server that shows a certificate for a name, and takes no connection without TLS.
fn server(authority: &Authority, name: &str) -> PostgresServer {
    let (certificate, key) = authority.sign(name, user());
    let access = authority.beside("pg_hba.conf", "hostssl all all 127.0.0.1/32 trust\n");
    let settings = [
        "ssl=on".to_owned(),
        format!("ssl_cert_file={}", certificate.display()),
        format!("ssl_key_file={}", key.display()),
        format!("hba_file={}", access.display()),
    ];
    PostgresServer::start_with(Durability::Fast, &settings.each_ref().map(String::as_str))
}

/// What becomes of an attempt to connect: nothing when it succeeds, and all that is said otherwise.
fn attempt(server: &PostgresServer, tls: Tls) -> Option<String> {
    let url = SecretString::from(server.url("postgres"));
    let settings = PostgresSettings { server: Server::Url(url), tls, schema: "crm".to_owned() };
    let destination = PostgresDestination::new(SettingsSource::fixed(settings), Arc::new(TestEnvironment));
    block_on(destination.probe()).err().map(|error| error.in_words())
}

fn verify(authority: PathBuf) -> Tls {
    Tls::Verify { authorities: Some(authority) }
}

#[test]
fn a_server_proves_who_it_is() {
    let (authority, other) = (Authority::new(), Authority::new());
    let good = server(&authority, "127.0.0.1");
    assert_eq!(attempt(&good, verify(authority.file())), None);
    assert_eq!(attempt(&good, Tls::Require), None);
    for (tls, expected) in [(verify(other.file()), "certificate"), (Tls::Off, "no pg_hba.conf entry")] {
        let told = attempt(&good, tls.clone()).unwrap();
        assert!(told.contains(expected), "{tls:?}: {told}");
    }
    let elsewhere = server(&authority, "elsewhere.example");
    let told = attempt(&elsewhere, verify(authority.file())).unwrap();
    assert!(told.contains("certificate"), "{told}");
    // Whose certificate it is counts only where it is to be verified.
    assert_eq!(attempt(&elsewhere, Tls::Require), None);
}

#[test]
fn a_server_without_encryption_is_refused_where_it_is_required() {
    let authority = Authority::new();
    let plain = PostgresServer::start(Durability::Fast);
    for tls in [verify(authority.file()), Tls::Require] {
        let told = attempt(&plain, tls.clone()).unwrap();
        assert!(told.to_lowercase().contains("tls"), "{tls:?}: {told}");
    }
    assert_eq!(attempt(&plain, Tls::Off), None);
}
