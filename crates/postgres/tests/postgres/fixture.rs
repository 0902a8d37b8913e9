//! A server for the tests of this process, databases in it, destinations on them, and the environment that these are given.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

use jiff::Timestamp;
use raccord_conformance::fixture::batch;
use raccord_model::language::Manage;
use raccord_model::language::project::FieldType;
use raccord_model::port::destination::{
    Batch, Change, Destination, EntityShape, FieldShape, Intent, Ledger, RejectQuery,
};
use raccord_model::port::environment::{Environment, RandomError};
use raccord_model::row::{self, FieldId};
use raccord_model::value::Value;
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

/// A field of a type, named `f` and its id.
pub(crate) fn field(id: FieldId, field_type: FieldType) -> FieldShape {
    FieldShape { id, column: format!("f{id}"), field_type, required: false, unique: false, max_length: None }
}

/// An entity with these fields; the first is the key.
pub(crate) fn shape(incarnation: u64, table: &str, fields: Vec<FieldShape>) -> EntityShape {
    EntityShape {
        project: raccord_conformance::fixture::transfer('P'),
        entity: "crm.contact".parse().unwrap(),
        incarnation,
        table: table.to_owned(),
        manage: Manage::Additive,
        key: fields.first().map(|field| field.id).into_iter().collect(),
        fields,
    }
}

/// A key of one text.
pub(crate) fn key(text: &str) -> Vec<u8> {
    let mut key = Vec::new();
    row::push_key(&mut key, &Value::Text(text.into())).unwrap();
    key
}

/// The fields of a row, or of a patch, in the order of their ids.
pub(crate) fn row_of(fields: &[(FieldId, Option<Value<'_>>)]) -> Vec<u8> {
    let mut out = Vec::new();
    row::begin(&mut out);
    for (id, value) in fields {
        row::push(&mut out, *id, value.as_ref());
    }
    out
}

/// Adds an upsert of a row whose field 1 is its key.
pub(crate) fn upsert(batch: &mut Batch, of: &str, fields: &[(FieldId, Option<Value<'_>>)]) {
    let mut all = vec![(1, Some(Value::Text(of.into())))];
    all.extend(fields.iter().cloned());
    let (key, patch) = (key(of), row_of(&all));
    batch.changes.push(Change {
        intent: Intent::Upsert,
        key: &key,
        patch: &patch,
        version: b"",
        digest: None,
    });
}

/// A batch of the transfer A, which may write.
pub(crate) async fn allowed(destination: &PostgresDestination) -> Batch {
    let batch = batch('A');
    destination.raise_fence(batch.transfer, batch.fence).await.unwrap();
    batch
}

/// The reasons of the rejects that are kept, in order.
pub(crate) async fn reasons(destination: &PostgresDestination) -> Vec<String> {
    let query = RejectQuery { limit: 1_000, ..RejectQuery::default() };
    let rejects = destination.rejects(query).await.unwrap();
    let mut reasons: Vec<String> = rejects.into_iter().map(|(_, reject)| reject.reason).collect();
    reasons.sort();
    reasons
}
