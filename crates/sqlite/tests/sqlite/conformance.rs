//! SQLite does what the suite asks of all destinations.

use raccord_conformance::Subject;
use raccord_conformance::fixture::{INC, transfer};
use raccord_conformance::keyed::{KEY, Keyed};
use raccord_conformance::tables::{field, shape};
use raccord_model::fact::{Decided, Run, Uid};
use raccord_model::language::Manage;
use raccord_model::language::project::FieldType;
use raccord_model::port::destination::{Destination as _, DestinationError, EntityShape, Fence};
use raccord_sqlite::SqliteDestination;
use rusqlite::{Connection, OptionalExtension as _};

use crate::fixture::Database;

/// Tables in a file of its own. They are made and extended by Raccord, or are there already, and it must not alter them.
pub(crate) struct InSqlite<const ALTERS: bool> {
    database: Database,
    client: Connection,
    destination: Keyed<SqliteDestination>,
}

/// Tables as another program makes them.
const TABLES: [&str; 2] = ["contact", "other"];

impl<const ALTERS: bool> Subject for InSqlite<ALTERS> {
    type Ports = Keyed<SqliteDestination>;

    /// Each commit is waited for until it is on the disk; `cargo xtask laws` tries many more.
    const CASES: u32 = 80;

    async fn empty() -> Self {
        let database = Database::none();
        for table in TABLES.into_iter().filter(|_| !ALTERS) {
            database.sql(&format!(
                "CREATE TABLE {table} (f1 TEXT, f2 TEXT, f3 TEXT, f5 TEXT, f6 TEXT, f7 TEXT, f9 TEXT, f100 TEXT NOT NULL PRIMARY KEY)"
            ));
        }
        let destination = Keyed(database.destination());
        let texts = || [1, 2, 3, 5, 6, 7, 9, KEY].map(|id| field(id, FieldType::Text)).into();
        for (incarnation, table) in [(INC, "contact"), (INC + 1, "other")] {
            let mut shape = EntityShape { key: vec![KEY], ..shape(incarnation, table, texts()) };
            shape.entity = format!("crm.{table}").parse().unwrap();
            shape.manage = if ALTERS { Manage::Additive } else { Manage::None };
            destination.prepare(shape).await.unwrap();
        }
        let client = database.connect();
        let subject = Self { database, client, destination };
        for letter in 'A'..='F' {
            subject.apply(transfer(letter), Some(Decided::default())).await;
        }
        subject
    }

    fn destination(&self) -> &Keyed<SqliteDestination> {
        &self.destination
    }

    async fn apply(&self, transfer: Uid, decided: Option<Decided>) {
        let Some(Decided { epoch, reset }) = decided else {
            return self.destination.end(transfer).await.unwrap();
        };
        let query = "SELECT lease FROM _raccord_transfers WHERE transfer = ?1";
        let lease: Option<i64> =
            self.client.query_row(query, [transfer.0.as_bytes()], |row| row.get(0)).optional().unwrap();
        let lease = lease.unwrap_or_default().cast_unsigned();
        // An apply does not lower what a run has raised.
        let done = self.destination.raise_fence(transfer, Fence { generation: 1, epoch, reset, lease }).await;
        assert!(matches!(done, Ok(_) | Err(DestinationError::Fenced { .. })), "{done:?}");
    }

    async fn recorded(&self, transfer: Uid) -> Vec<Run> {
        let query = "SELECT record FROM _raccord_runs WHERE transfer = ?1 ORDER BY run";
        let mut statement = self.client.prepare(query).unwrap();
        let found = statement.query_map([transfer.0.as_bytes()], |row| row.get::<_, String>(0)).unwrap();
        found.map(|json| serde_json::from_str(&json.unwrap()).unwrap()).collect()
    }

    async fn reopen(mut self) -> Self {
        self.destination = Keyed(self.database.destination());
        self
    }

    /// Nothing is kept twice, and nothing of what is gone.
    fn assert_sound(&self) {
        let count = |query: &str| self.client.query_row(query, [], |row| row.get::<_, i64>(0)).unwrap();
        let tombstones = "SELECT count(*) FROM _raccord_tombstones t JOIN contact c ON t.incarnation = 7 \
                          AND t.key = CAST(x'01' || CAST(c.f100 AS BLOB) || x'0000' AS BLOB)";
        assert_eq!(count(tombstones), 0, "tombstones of rows");
        let waiting =
            "SELECT count(*) FROM _raccord_waiting JOIN _raccord_transfers USING (transfer) WHERE ended";
        assert_eq!(count(waiting), 0, "enrichments of no transfer");
        let rejects = "SELECT count(*) FROM _raccord_rejects JOIN _raccord_forgotten USING (transfer, id)";
        assert_eq!(count(rejects), 0, "rejects that are forgotten");
    }
}

raccord_conformance::conformance!(crate::conformance::InSqlite<true>);
