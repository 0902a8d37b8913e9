//! A server for the tests of this process, databases in it, destinations on them, and the environment that these are given.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

use jiff::Timestamp;
use raccord_model::port::environment::{Environment, RandomError};
use raccord_postgres::{PostgresDestination, PostgresSettings, Server, SettingsSource, Tls};
use secrecy::SecretString;
use uuid::Uuid;

use crate::postgres_server::{Durability, PostgresServer};

/// The server of this process.
static SERVER: LazyLock<PostgresServer> = LazyLock::new(|| PostgresServer::start(Durability::Fast));

/// Databases that are free at the moment.
static IDLE: Mutex<Vec<String>> = Mutex::new(Vec::new());

static NUMBER: AtomicU64 = AtomicU64::new(0);

/// The schema of tables.
pub(crate) const SCHEMA: &str = "crm";

/// An empty database, for as long as this lives.
#[derive(Debug)]
pub(crate) struct Database(pub(crate) String);

impl Database {
    pub(crate) fn empty() -> Self {
        let idle = IDLE.lock().unwrap().pop();
        if let Some(name) = idle {
            SERVER.sql(
                &name,
                "DROP SCHEMA IF EXISTS crm CASCADE; DROP SCHEMA IF EXISTS raccord CASCADE; \
                 DROP SCHEMA IF EXISTS raccord_state CASCADE",
            );
            return Self(name);
        }
        let name = format!("test{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        SERVER.sql("postgres", &format!("CREATE DATABASE {name}"));
        Self(name)
    }

    /// Runs statements.
    pub(crate) fn sql(&self, statements: &str) -> String {
        SERVER.sql(&self.0, statements)
    }

    pub(crate) fn url(&self) -> String {
        SERVER.url(&self.0)
    }

    /// A connection of the test's own.
    pub(crate) async fn connect(&self) -> tokio_postgres::Client {
        let (client, connection) = tokio_postgres::connect(&self.url(), tokio_postgres::NoTls).await.unwrap();
        drop(tokio::spawn(connection));
        client
    }

    /// A destination on it.
    pub(crate) fn destination(&self) -> PostgresDestination {
        destination(&self.url())
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        IDLE.lock().unwrap().push(self.0.clone());
    }
}

/// A destination at a URL, without encryption.
pub(crate) fn destination(url: &str) -> PostgresDestination {
    PostgresDestination::new(SettingsSource::fixed(settings(url)), Arc::new(TestEnvironment))
}

/// What leads to a URL, without encryption.
pub(crate) fn settings(url: &str) -> PostgresSettings {
    PostgresSettings {
        server: Server::Url(SecretString::from(url)),
        tls: Tls::Off,
        schema: SCHEMA.to_owned(),
    }
}

/// The time is what tests say, and identities are new.
#[derive(Debug)]
pub(crate) struct TestEnvironment;

impl Environment for TestEnvironment {
    fn now(&self) -> Timestamp {
        raccord_conformance::fixture::at(0)
    }

    fn new_id(&self) -> Uuid {
        Uuid::now_v7()
    }

    fn variable(&self, _: &str) -> Option<String> {
        None
    }

    fn random(&self) -> Result<[u8; 32], RandomError> {
        Err(RandomError)
    }
}
