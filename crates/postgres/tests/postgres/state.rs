//! A state on PostgreSQL does what the suite asks of all states.

use std::sync::Arc;
use std::time::Duration;

use raccord_conformance::StateSubject;
use raccord_model::port::inbox::{Accept, Accepted, Delivery, DeliveryKind, Inbox};
use raccord_model::port::lease::{Held, Lease};
use raccord_model::port::state::{Commit, State, StateError, Table, Write};
use raccord_postgres::{PostgresState, SettingsSource};

use crate::fixture::{Database, TestEnvironment, settings};
use crate::together::Pooler;

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

/// The same through a pooler in transaction mode, with fewer connections than those who want one.
pub(crate) struct ThroughPooler {
    pooler: Pooler,
    direct: InPostgres,
    state: PostgresState,
}

impl ThroughPooler {
    async fn open(pooler: Pooler, direct: InPostgres) -> Self {
        let url = format!("postgres://postgres@127.0.0.1:{}/{}", pooler.port, direct.database.0);
        let source = SettingsSource::fixed(settings(&url));
        let state = PostgresState::open(source, Arc::new(TestEnvironment)).await.unwrap();
        Self { pooler, direct, state }
    }
}

impl StateSubject for ThroughPooler {
    type Ports = PostgresState;

    /// Each begins a pooler of its own.
    const CASES: u32 = 4;

    async fn new() -> Self {
        let direct = InPostgres::new().await;
        Self::open(Pooler::start(&direct.database), direct).await
    }

    fn ports(&self) -> &PostgresState {
        &self.state
    }

    fn leases(&self) -> &dyn Lease {
        &self.state
    }

    async fn pass(&self, time: Duration) {
        self.direct.pass(time).await;
    }

    async fn reopen(self) -> Self {
        let Self { pooler, direct, .. } = self;
        Self::open(pooler, direct).await
    }

    async fn assert_sound(&self) {
        self.direct.assert_sound().await;
    }
}

mod pooled {
    raccord_conformance::state_conformance!(crate::state::ThroughPooler);
}

mod suite {
    raccord_conformance::state_conformance!(crate::state::InPostgres);
}

/// What the server estimates of the table decides, for counting it would read it all.
#[test]
fn where_too_many_deliveries_are_known_the_oldest_go() {
    raccord_conformance::block_on(async {
        let subject = raccord_conformance::state::empty::<InPostgres>().await;
        let accept = |id: i64, seconds: i64| {
            let received = raccord_conformance::fixture::at(seconds);
            let delivery =
                Delivery { kind: DeliveryKind::Upsert, record: "{}".into(), received, event: "e".to_owned() };
            let source = raccord_conformance::fixture::transfer('S');
            Accept { source, id: Some(id.to_string()), transfers: Vec::new(), delivery }
        };
        for id in 0..6 {
            assert_eq!(subject.state.accept(accept(id, id)).await.unwrap(), Accepted::New);
        }
        let many = "UPDATE pg_class SET reltuples = 2e7 WHERE oid = 'raccord_state.seen'::regclass";
        subject.database.connect().await.batch_execute(many).await.unwrap();
        assert_eq!(subject.state.accept(accept(6, 6)).await.unwrap(), Accepted::New);
        let few = many.replace("2e7", "1");
        subject.database.connect().await.batch_execute(&few).await.unwrap();
        for (id, expected) in
            [(5, Accepted::Replayed), (4, Accepted::Replayed), (3, Accepted::New), (0, Accepted::New)]
        {
            assert_eq!(subject.state.accept(accept(id, 7)).await.unwrap(), expected, "{id}");
        }
    });
}

#[tokio::test]
async fn a_commit_under_a_lease_that_was_lost_is_refused() {
    let subject = InPostgres::new().await;
    let state = &subject.state;
    let (name, ttl) = ("transfer/a".to_owned(), Duration::from_secs(15));
    let acquire = async |holder: &str| state.acquire(name.clone(), holder.to_owned(), ttl).await.unwrap();
    let commit = async |held: &Held, value: &[u8]| {
        let put = Write::Put(Table::Told, "a".to_owned(), value.to_vec());
        let made = state.commit(Commit { lease: Some(held.clone()), writes: vec![put], ..Commit::default() });
        match made.await {
            Ok(_) => true,
            Err(StateError::LeaseLost { name: lost, held: token }) => {
                assert_eq!((lost, token), (name.clone(), held.token));
                false
            }
            Err(other) => panic!("{other}"),
        }
    };
    let first = acquire("first").await.unwrap();
    assert!(commit(&first, b"1").await);
    subject.pass(Duration::from_secs(20)).await;
    assert!(commit(&first, b"2").await, "no other holder has it yet");
    let second = acquire("second").await.unwrap();
    assert!(!commit(&first, b"3").await);
    assert!(commit(&second, b"4").await);
    state.release(second.clone()).await.unwrap();
    assert!(!commit(&second, b"5").await);
    let kept = state.get(Table::Told, "a".to_owned()).await.unwrap();
    assert_eq!(kept.map(|stored| stored.bytes), Some(b"4".to_vec()));
}
