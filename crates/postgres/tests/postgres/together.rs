//! Several at once: two processes of one transfer, two transfers of one entity, a person who changes the same rows, and a
//! pooler that shares connections between them.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use raccord_conformance::block_on;
use raccord_conformance::fixture::{INC, batch, effects, transfer};
use raccord_conformance::tables::{allowed, field, shape, upsert};
use raccord_model::language::project::FieldType;
use raccord_model::port::destination::{Batch, Destination, DestinationError, Fence};
use raccord_model::value::Value;
use raccord_postgres::PostgresDestination;

use crate::fixture::{Database, destination};

async fn prepared(database: &Database) -> PostgresDestination {
    let destination = database.destination();
    let fields = vec![field(1, FieldType::Text), field(2, FieldType::Integer), field(3, FieldType::Integer)];
    destination.prepare(shape(INC, "contacts", fields)).await.unwrap();
    destination
}

#[test]
fn of_two_processes_only_the_one_with_the_newer_lease_writes() {
    block_on(async {
        let database = Database::empty();
        let (first, second) = (prepared(&database).await, database.destination());
        let under = |lease| Fence { lease, ..batch('A').fence };
        first.raise_fence(transfer('A'), under(1)).await.unwrap();
        let of = |lease, number| {
            let mut batch = Batch { fence: under(lease), ..batch('A') };
            upsert(&mut batch, "k", &[(2, Some(Value::Integer(number)))]);
            batch
        };
        first.commit(of(1, 1)).await.unwrap();
        // Both at once: whichever comes first, the older one has no last word.
        let (raised, older) =
            tokio::join!(second.raise_fence(transfer('A'), under(2)), first.commit(of(1, 2)));
        raised.unwrap();
        assert!(matches!(older, Ok(_) | Err(DestinationError::LeaseLost { held: 1, found: 2 })), "{older:?}");
        second.commit(of(2, 3)).await.unwrap();
        let refused = first.commit(of(1, 4)).await;
        assert!(matches!(refused, Err(DestinationError::LeaseLost { held: 1, found: 2 })), "{refused:?}");
        assert_eq!(database.sql("SELECT f1, f2 FROM crm.contacts"), "k|3");
    });
}

/// The first runs of several transfers, of as many processes, make the schema `raccord` at one moment.
#[test]
fn several_make_the_layout_at_once() {
    block_on(async {
        let database = Database::empty();
        let other = database.connect().await;
        // All have seen that there is no layout, and wait.
        other.batch_execute("BEGIN; SELECT pg_advisory_xact_lock(7305453110512841)").await.unwrap();
        let first = |letter| {
            let destination = database.destination();
            tokio::spawn(async move { destination.raise_fence(transfer(letter), batch(letter).fence).await })
        };
        let runs = ['A', 'B', 'C'].map(first);
        let waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted \
                       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        while other.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) < 3 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        other.batch_execute("COMMIT").await.unwrap();
        for run in runs {
            run.await.unwrap().unwrap();
        }
        assert_eq!(database.sql("SELECT count(*) FROM raccord.transfers"), "3");
    });
}

/// Two transfers feed disjoint fields of the same rows, both at once.
async fn both_at_once(database: &Database, a: &PostgresDestination, b: &PostgresDestination) {
    let of = |letter, field, number: i64| {
        let mut batch = batch(letter);
        for key in ["k", "l", "m"] {
            upsert(&mut batch, key, &[(field, Some(Value::Integer(number)))]);
        }
        batch
    };
    a.raise_fence(transfer('A'), batch('A').fence).await.unwrap();
    b.raise_fence(transfer('B'), batch('B').fence).await.unwrap();
    for number in 1..=25 {
        let (of_a, of_b) = tokio::join!(a.commit(of('A', 2, number)), b.commit(of('B', 3, number)));
        of_a.unwrap();
        of_b.unwrap();
        let found = database.sql("SELECT DISTINCT f2, f3 FROM crm.contacts");
        assert_eq!(found, format!("{number}|{number}"));
    }
}

#[test]
fn two_transfers_of_one_entity_lose_nothing_of_each_other() {
    block_on(async {
        let database = Database::empty();
        let (a, b) = (prepared(&database).await, database.destination());
        both_at_once(&database, &a, &b).await;
    });
}

#[test]
fn what_a_person_changes_meanwhile_stays() {
    block_on(async {
        let database = Database::empty();
        let destination = prepared(&database).await;
        let mut first = allowed(&destination).await;
        upsert(&mut first, "k", &[(2, Some(Value::Integer(1))), (3, Some(Value::Integer(1)))]);
        destination.commit(first).await.unwrap();
        let person = database.connect().await;
        // Under way when the batch looks the row up, and committed while it waits to write.
        person.batch_execute("BEGIN; UPDATE crm.contacts SET f3 = 7").await.unwrap();
        let mut second = allowed(&destination).await;
        upsert(&mut second, "k", &[(2, Some(Value::Integer(2)))]);
        let later = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            person.batch_execute("COMMIT").await.unwrap();
        };
        let (done, ()) = tokio::join!(destination.commit(second), later);
        assert_eq!(effects(&done.unwrap()), "updated 1");
        assert_eq!(database.sql("SELECT f2, f3 FROM crm.contacts"), "2|7");
    });
}

/// A pooler in transaction mode, with fewer connections than those who want one.
pub(crate) struct Pooler {
    child: Child,
    pub(crate) port: u16,
    _home: tempfile::TempDir,
}

impl Pooler {
    pub(crate) fn start(database: &Database) -> Self {
        let home = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let url = database.url();
        let server = url.rsplit_once('/').unwrap().0.rsplit_once(':').unwrap().1.to_owned();
        let config = format!(
            "[databases]\n* = host=127.0.0.1 port={server} user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nauth_type = any\npool_mode = transaction\ndefault_pool_size = 2\n\
             unix_socket_dir =\nignore_startup_parameters = extra_float_digits\n"
        );
        let path = home.path().join("pgbouncer.ini");
        std::fs::File::create(&path)
            .and_then(|mut file| std::io::Write::write_all(&mut file, config.as_bytes()))
            .unwrap();
        // It refuses to be root, and reads its settings once.
        std::os::unix::fs::chown(home.path(), None, None).unwrap();
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(home.path(), permissions).unwrap();
        let mut command = Command::new("pgbouncer");
        command.args(["-q", "-u", "postgres"]).arg(&path).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("start pgbouncer: `cargo xtask setup` installs it");
        let deadline = std::time::Instant::now() + Duration::from_mins(1);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(std::time::Instant::now() < deadline, "pgbouncer does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { child, port, _home: home }
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn a_pooler_in_transaction_mode_may_stand_between() {
    let database = Database::empty();
    let pooler = Pooler::start(&database);
    let url = format!("postgres://postgres@127.0.0.1:{}/{}", pooler.port, database.0);
    block_on(async {
        let (a, b) = (destination(&url), destination(&url));
        let fields =
            vec![field(1, FieldType::Text), field(2, FieldType::Integer), field(3, FieldType::Integer)];
        a.prepare(shape(INC, "contacts", fields)).await.unwrap();
        both_at_once(&database, &a, &b).await;
    });
}
