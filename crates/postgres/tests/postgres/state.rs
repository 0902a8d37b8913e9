//! A state on PostgreSQL does what the suite asks of all states.

use std::sync::Arc;
use std::time::Duration;

use raccord_conformance::StateSubject;
use raccord_model::port::lease::Lease;
use raccord_postgres::{PostgresState, SettingsSource};

use crate::fixture::{Database, TestEnvironment, settings};

/// A state in a database of its own.
pub(crate) struct InPostgres {
    database: Database,
    state: PostgresState,
}

async fn open(database: &Database) -> PostgresState {
    let source = SettingsSource::fixed(settings(&database.url()));
    PostgresState::open(source, Arc::new(TestEnvironment)).await.unwrap()
}

impl StateSubject for InPostgres {
    type Ports = PostgresState;

    /// A server answers a thousand times more slowly than memory.
    const CASES: u32 = 25;

    async fn new() -> Self {
        let database = Database::empty();
        let state = open(&database).await;
        Self { database, state }
    }

    fn ports(&self) -> &PostgresState {
        &self.state
    }

    fn leases(&self) -> &dyn Lease {
        &self.state
    }

    async fn pass(&self, time: Duration) {
        let seconds = time.as_secs();
        let pass = format!("UPDATE raccord_state.leases SET until = until - {seconds} * interval '1 second'");
        self.database.connect().await.batch_execute(&pass).await.unwrap();
    }

    async fn reopen(mut self) -> Self {
        self.state = open(&self.database).await;
        self
    }

    async fn assert_sound(&self) {
        let counted = "SELECT count(*) FROM raccord_state.inboxes AS i WHERE (deliveries, bytes) <> \
             (SELECT count(*), coalesce(sum(octet_length(delivery)), 0) FROM raccord_state.inbox AS d \
             WHERE d.transfer = i.transfer)";
        let places = "SELECT count(*) FROM raccord_state.facts WHERE revision < 0";
        for query in [counted, places] {
            let wrong = self.database.connect().await.query_one(query, &[]).await.unwrap();
            assert_eq!(wrong.get::<_, i64>(0), 0, "{query}");
        }
    }
}

mod suite {
    raccord_conformance::state_conformance!(crate::state::InPostgres);
}
