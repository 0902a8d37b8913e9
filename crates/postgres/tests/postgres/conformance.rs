//! PostgreSQL does what the suite asks of all destinations.

use std::sync::{Arc, Mutex};

use raccord_conformance::Subject;
use raccord_conformance::fixture::{INC, transfer};
use raccord_conformance::keyed::{KEY, Keyed};
use raccord_conformance::tables::{field, shape};
use raccord_model::fact::{Decided, Run, Uid};
use raccord_model::language::Manage;
use raccord_model::language::project::FieldType;
use raccord_model::port::destination::{Destination, DestinationError, EntityShape, Fence};
use raccord_postgres::PostgresDestination;
use tokio_postgres::Client;

use crate::fixture::Database;

/// Tables in a database of its own, which the next one takes over with its tables. They are made and extended by Raccord, or are
/// there already, and it must not alter.
pub(crate) struct InPostgres<const ALTERS: bool> {
    database: Arc<Database>,
    client: Client,
    destination: Keyed<PostgresDestination>,
}

/// Databases in which the tables are ready: those that Raccord may not alter, and those that it may.
static READY: [Mutex<Vec<Arc<Database>>>; 2] = [const { Mutex::new(Vec::new()) }; 2];

/// Empties what an earlier one has left.
const EMPTY: &str = "DELETE FROM crm.contact; DELETE FROM crm.other; DELETE FROM raccord.transfers; \
    DELETE FROM raccord.marks; DELETE FROM raccord.doomed; DELETE FROM raccord.partitions; \
    DELETE FROM raccord.tombstones; DELETE FROM raccord.waiting; DELETE FROM raccord.rejects; \
    DELETE FROM raccord.forgotten; DELETE FROM raccord.runs; DELETE FROM raccord.entities";

/// The same of what stands beside the tables that may not be altered.
const EMPTY_BESIDE: &str = "DELETE FROM raccord.rows_7; DELETE FROM raccord.rows_8";

/// Tables as another program makes them.
const TABLES: &str = "CREATE SCHEMA crm; CREATE TABLE crm.contact (f1 text, f2 text, f3 text, f5 text, f6 text, f7 text, f9 text, \
    f100 text NOT NULL PRIMARY KEY); CREATE TABLE crm.other (LIKE crm.contact INCLUDING ALL)";

impl<const ALTERS: bool> Drop for InPostgres<ALTERS> {
    fn drop(&mut self) {
        READY[usize::from(ALTERS)].lock().unwrap().push(Arc::clone(&self.database));
    }
}

impl<const ALTERS: bool> Subject for InPostgres<ALTERS> {
    type Ports = Keyed<PostgresDestination>;

    /// A server answers a thousand times more slowly than memory; `cargo xtask laws` tries many more.
    const CASES: u32 = 80;

    async fn empty() -> Self {
        let ready = READY[usize::from(ALTERS)].lock().unwrap().pop();
        let database = ready.clone().unwrap_or_else(|| Arc::new(Database::empty()));
        let client = database.connect().await;
        if ready.is_some() {
            client.batch_execute(EMPTY).await.unwrap();
        }
        if !ALTERS {
            let statements = if ready.is_some() { EMPTY_BESIDE } else { TABLES };
            client.batch_execute(statements).await.unwrap();
        }
        let destination = Keyed(database.destination());
        let texts = || [1, 2, 3, 5, 6, 7, 9, KEY].map(|id| field(id, FieldType::Text)).into();
        for (incarnation, table) in [(INC, "contact"), (INC + 1, "other")] {
            let mut shape = EntityShape { key: vec![KEY], ..shape(incarnation, table, texts()) };
            shape.entity = format!("crm.{table}").parse().unwrap();
            shape.manage = if ALTERS { Manage::Additive } else { Manage::None };
            destination.prepare(shape).await.unwrap();
        }
        let subject = Self { database, client, destination };
        for letter in 'A'..='F' {
            subject.apply(transfer(letter), Some(Decided::default())).await;
        }
        subject
    }

    fn destination(&self) -> &Keyed<PostgresDestination> {
        &self.destination
    }

    async fn apply(&self, transfer: Uid, decided: Option<Decided>) {
        let Some(Decided { epoch, reset }) = decided else {
            return self.destination.end(transfer).await.unwrap();
        };
        let query = "SELECT lease FROM raccord.transfers WHERE transfer = $1";
        let lease = self.client.query_opt(query, &[&transfer.0]).await.unwrap();
        let lease = lease.map_or(0, |row| row.get::<_, i64>(0).cast_unsigned());
        // An apply does not lower what a run has raised.
        let done = self.destination.raise_fence(transfer, Fence { generation: 1, epoch, reset, lease }).await;
        assert!(matches!(done, Ok(_) | Err(DestinationError::Fenced { .. })), "{done:?}");
    }

    async fn recorded(&self, transfer: Uid) -> Vec<Run> {
        let query = "SELECT record FROM raccord.runs WHERE transfer = $1 ORDER BY run";
        let rows = self.client.query(query, &[&transfer.0]).await.unwrap();
        rows.iter().map(|row| serde_json::from_str(row.get(0)).unwrap()).collect()
    }

    async fn reopen(mut self) -> Self {
        self.destination = Keyed(self.database.destination());
        self
    }

    /// Nothing is kept twice, and nothing of what is gone.
    fn assert_sound(&self) {
        let found = self.database.sql(
            "SELECT (SELECT count(*) FROM raccord.tombstones t JOIN crm.contact c ON t.incarnation = 7 \
             AND t.key = '\\x01'::bytea || convert_to(c.f100, 'UTF8') || '\\x0000'::bytea), \
             (SELECT count(*) FROM raccord.waiting w JOIN raccord.transfers t USING (transfer) WHERE t.ended), \
             (SELECT count(*) FROM raccord.rejects r JOIN raccord.forgotten f USING (transfer, id))",
        );
        assert_eq!(
            found, "0|0|0",
            "tombstones of rows, enrichments of no transfer, rejects that are forgotten"
        );
    }
}

raccord_conformance::conformance!(crate::conformance::InPostgres<true>);
