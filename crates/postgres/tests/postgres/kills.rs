//! Servers that are killed and connections that break at any moment: nothing is lost, nothing is done twice, and what was
//! counted is what was done. `RACCORD_POSTGRES_KILLS` asks for more of them than the few of each day.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use raccord_conformance::block_on;
use raccord_conformance::fixture::{INC, batch, checkpoint, effects, transfer};
use raccord_conformance::tables::{field, shape, upsert};
use raccord_model::checkpoint::SourceState;
use raccord_model::language::project::FieldType;
use raccord_model::port::destination::{Batch, Destination, DestinationError};
use raccord_model::value::Value;
use raccord_postgres::PostgresDestination;

use crate::fixture::destination;
use crate::postgres_server::{Durability, PostgresServer};

/// How many rows a batch has: half of them are those of the batch before.
const ROWS: i64 = 60;

fn how_many(otherwise: u32) -> u32 {
    std::env::var("RACCORD_POSTGRES_KILLS").ok().map_or(otherwise, |text| text.parse().unwrap())
}

fn numbered(number: i64) -> Batch {
    let mut batch = batch('A');
    for row in 0..ROWS {
        let key = format!("{:06}", number * ROWS / 2 + row);
        let text = format!("batch {number} row {row}");
        upsert(&mut batch, &key, &[(2, Some(Value::Integer(number))), (3, Some(Value::Text(text.into())))]);
    }
    Batch { checkpoint: Some(checkpoint(number)), durable: true, ..batch }
}

/// What the batch with a number does, wherever it is done once.
fn expected(number: i64) -> String {
    if number == 1 { format!("created {ROWS}") } else { format!("created {0}, updated {0}", ROWS / 2) }
}

/// All rows, as text.
const ALL: &str = "SELECT string_agg(f1 || ' ' || f2 || ' ' || f3, ',' ORDER BY f1) FROM crm.contacts";

async fn prepare(destination: &PostgresDestination) {
    let fields = vec![field(1, FieldType::Text), field(2, FieldType::Integer), field(3, FieldType::Text)];
    destination.prepare(shape(INC, "contacts", fields)).await.unwrap();
    destination.raise_fence(transfer('A'), batch('A').fence).await.unwrap();
}

/// Where the next run continues; asked until it is answered.
async fn continues_at(destination: &PostgresDestination) -> i64 {
    loop {
        match destination.resume(transfer('A')).await {
            Ok(found) => {
                let state = found.and_then(|checkpoint| checkpoint.state);
                return state
                    .as_ref()
                    .map_or(1, |state| SourceState::as_str(state).parse::<i64>().unwrap() + 1);
            }
            Err(DestinationError::Unreachable(_)) => tokio::time::sleep(Duration::from_millis(50)).await,
            Err(other) => panic!("{other:?}"),
        }
    }
}

/// Commits batches to the last, as runs that fail and are begun again do; returns how many commits were never answered.
async fn commit_all(destination: &PostgresDestination, last: i64) -> u32 {
    let mut unanswered = 0;
    let mut next = continues_at(destination).await;
    while next <= last {
        match destination.commit(numbered(next)).await {
            // Done twice, it would have found its own rows.
            Ok(tally) => {
                assert_eq!(effects(&tally), expected(next), "batch {next}");
                next += 1;
            }
            Err(DestinationError::Unreachable(_)) => {
                unanswered += 1;
                let found = continues_at(destination).await;
                assert!(found == next || found == next + 1, "{found} after {next}");
                next = found;
            }
            Err(other) => panic!("batch {next}: {other:?}"),
        }
    }
    unanswered
}

/// The rows of an undisturbed life.
fn undisturbed(last: i64) -> String {
    let server = PostgresServer::start(Durability::Fast);
    let destination = destination(&server.url("postgres"));
    block_on(async {
        prepare(&destination).await;
        assert_eq!(commit_all(&destination, last).await, 0);
    });
    server.sql("postgres", ALL)
}

#[test]
fn a_server_that_is_killed_at_any_moment_loses_and_doubles_nothing() {
    let kills = how_many(6);
    let last = i64::from(kills) * 40;
    let mut server = PostgresServer::start(Durability::Synced);
    let destination = destination(&server.url("postgres"));
    block_on(prepare(&destination));
    let is_done = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&is_done);
    let killer = thread::spawn(move || {
        let mut random = fastrand::Rng::with_seed(7);
        let mut done = 0;
        while done < kills && !seen.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(random.u64(100..700)));
            server.kill();
            thread::sleep(Duration::from_millis(random.u64(0..100)));
            server.start_again();
            done += 1;
        }
        (server, done)
    });
    block_on(commit_all(&destination, last));
    is_done.store(true, Ordering::Relaxed);
    let (server, done) = killer.join().unwrap();
    assert!(done > 0, "the work was over before the first kill");
    assert_eq!(server.sql("postgres", ALL), undisturbed(last));
}

/// Hands bytes on between clients and a server, and cuts connections: anywhere, and at their commits.
struct Cutter {
    port: u16,
    /// How many were cut in all, and how many between a commit and its answer.
    cuts: Arc<AtomicU32>,
    unanswered: Arc<AtomicU32>,
}

/// What becomes of one connection.
#[derive(Clone)]
struct Fate {
    /// How many bytes it hands on each way.
    budget: u64,
    /// At which commit the answer is kept back; 0 for never.
    silent_at: u32,
    /// Which commit never reaches the server; 0 for none.
    lost_at: u32,
    /// Whether that has come.
    is_silent: Arc<AtomicBool>,
    cuts: Arc<AtomicU32>,
    unanswered: Arc<AtomicU32>,
}

impl Cutter {
    fn start(server: u16, most: u32) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (cuts, unanswered) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let cutter = Self { port, cuts: Arc::clone(&cuts), unanswered: Arc::clone(&unanswered) };
        thread::spawn(move || {
            let mut random = fastrand::Rng::with_seed(11);
            for client in listener.incoming() {
                let (client, server) = (client.unwrap(), TcpStream::connect(("127.0.0.1", server)).unwrap());
                client.set_nodelay(true).unwrap();
                server.set_nodelay(true).unwrap();
                let (mut budget, mut silent_at, mut lost_at) = (u64::MAX, 0, 0);
                if cuts.load(Ordering::Relaxed) < most {
                    match random.u8(0..3) {
                        0 => budget = random.u64(800..40_000),
                        1 => silent_at = random.u32(1..4),
                        _ => lost_at = random.u32(1..4),
                    }
                }
                let (is_silent, cuts, unanswered) =
                    (Arc::default(), Arc::clone(&cuts), Arc::clone(&unanswered));
                let fate = Fate { budget, silent_at, lost_at, is_silent, cuts, unanswered };
                let there = (client.try_clone().unwrap(), server.try_clone().unwrap(), fate.clone());
                thread::spawn(move || fate.to_client(server, client));
                thread::spawn(move || there.2.to_server(there.0, there.1));
            }
        });
        cutter
    }
}

impl Fate {
    fn to_server(&self, from: TcpStream, to: TcpStream) {
        let (mut budget, mut commits) = (self.budget, 0);
        pump(from, to, |bytes| {
            if bytes.windows(7).any(|part| part == b"COMMIT\0") {
                commits += 1;
                self.is_silent.store(commits == self.silent_at, Ordering::SeqCst);
                if commits == self.lost_at {
                    self.cuts.fetch_add(1, Ordering::Relaxed);
                    self.unanswered.fetch_add(1, Ordering::Relaxed);
                    return false;
                }
            }
            self.is_within(&mut budget, bytes)
        });
    }

    fn to_client(&self, from: TcpStream, to: TcpStream) {
        let mut budget = self.budget;
        pump(from, to, |bytes| {
            // The server has answered: it has made the commit.
            if self.is_silent.load(Ordering::SeqCst) {
                self.unanswered.fetch_add(1, Ordering::Relaxed);
                self.cuts.fetch_add(1, Ordering::Relaxed);
                return false;
            }
            self.is_within(&mut budget, bytes)
        });
    }

    fn is_within(&self, budget: &mut u64, bytes: &[u8]) -> bool {
        let left = budget.checked_sub(u64::try_from(bytes.len()).unwrap());
        if left.is_none() {
            self.cuts.fetch_add(1, Ordering::Relaxed);
        }
        *budget = left.unwrap_or_default();
        left.is_some()
    }
}

/// Hands bytes on until one side ends or they are not to be handed on.
fn pump(mut from: TcpStream, mut to: TcpStream, mut may_pass: impl FnMut(&[u8]) -> bool) {
    let mut buffer = [0; 4_096];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        if !may_pass(&buffer[..read]) || to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    for stream in [from, to] {
        drop(stream.shutdown(Shutdown::Both));
    }
}

#[test]
fn a_connection_that_breaks_at_any_moment_loses_and_doubles_nothing() {
    let cuts = how_many(40);
    let last = i64::from(cuts) * 3;
    let server = PostgresServer::start(Durability::Fast);
    block_on(prepare(&destination(&server.url("postgres"))));
    let cutter = Cutter::start(server.port, cuts);
    let url = format!("postgres://postgres@127.0.0.1:{}/postgres", cutter.port);
    let destination = destination(&url);
    block_on(commit_all(&destination, last));
    let done = cutter.cuts.load(Ordering::Relaxed);
    let unanswered = cutter.unanswered.load(Ordering::Relaxed);
    assert!(
        done >= cuts && unanswered >= cuts / 5,
        "{done} of {cuts} were cut, {unanswered} of them at a commit"
    );
    assert_eq!(server.sql("postgres", ALL), undisturbed(last));
}
