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
use raccord_model::checkpoint::SourceState;
use raccord_model::language::project::FieldType;
use raccord_model::port::destination::{Batch, Destination, DestinationError};
use raccord_model::value::Value;
use raccord_postgres::PostgresDestination;

use crate::fixture::{destination, field, shape, upsert};
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

/// Hands bytes on between clients and a server, and cuts each connection after some.
struct Cutter {
    port: u16,
    /// How many were cut.
    cuts: Arc<AtomicU32>,
}

impl Cutter {
    fn start(server: u16, most: u32) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let cuts = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&cuts);
        thread::spawn(move || {
            let mut random = fastrand::Rng::with_seed(11);
            for client in listener.incoming() {
                let (client, server) = (client.unwrap(), TcpStream::connect(("127.0.0.1", server)).unwrap());
                client.set_nodelay(true).unwrap();
                server.set_nodelay(true).unwrap();
                let is_cut = counted.load(Ordering::Relaxed) < most;
                // Answers are small: a budget of their bytes ends the connection between a request and its answer.
                let budget = |bytes: u64| if is_cut { bytes } else { u64::MAX };
                let (to_server, to_client) =
                    (budget(random.u64(3_000..200_000)), budget(random.u64(800..4_000)));
                let cut = Arc::new(AtomicBool::new(false));
                for (from, to, budget) in [
                    (client.try_clone().unwrap(), server.try_clone().unwrap(), to_server),
                    (server, client, to_client),
                ] {
                    let (cut, counted) = (Arc::clone(&cut), Arc::clone(&counted));
                    thread::spawn(move || {
                        if pump(from, to, budget) && !cut.swap(true, Ordering::Relaxed) {
                            counted.fetch_add(1, Ordering::Relaxed);
                        }
                    });
                }
            }
        });
        Self { port, cuts }
    }
}

/// Hands bytes on until one side ends or the budget is used up; says which.
fn pump(mut from: TcpStream, mut to: TcpStream, mut budget: u64) -> bool {
    let mut buffer = [0; 4_096];
    let is_cut = loop {
        let Ok(read @ 1..) = from.read(&mut buffer) else { break false };
        let read = u64::try_from(read).unwrap();
        if read > budget {
            break true;
        }
        budget -= read;
        if to.write_all(&buffer[..usize::try_from(read).unwrap()]).is_err() {
            break false;
        }
    };
    for stream in [from, to] {
        drop(stream.shutdown(Shutdown::Both));
    }
    is_cut
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
    assert!(done * 2 >= cuts, "{done} of {cuts} connections were cut");
    assert_eq!(server.sql("postgres", ALL), undisturbed(last));
}
