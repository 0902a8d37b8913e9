//! Kills while deliveries are accepted and consumed: what was acknowledged is there once afterwards, as a delivery
//! or as the row that it became.
//!
//! The process that is killed is this test itself, begun again with a trap and a place; it notes each answer in a file
//! as the receiver of a webhook answers it.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use raccord_model::failpoint::ArmedFailpoint;
use raccord_model::port::destination::Destination;
use raccord_model::port::inbox::{Accepted, Inbox};
use raccord_store::Store;

use crate::fixture::{Place, assert_sound, batch, block_on, keys, opener, transfer, upsert};
use crate::inbox::{accept, waiting};

/// Tells the process that is to be killed where the state is.
const PLACE: &str = "RACCORD_TEST_PLACE";

/// Tells it the trap.
const TRAP: &str = "RACCORD_TEST_TRAP";

/// How many connections deliver.
const SENDERS: usize = 8;

/// How many deliveries each makes in one life.
const EACH: usize = 40;

#[test]
fn what_was_acknowledged_is_there_once() {
    let place = Place::new();
    drop(place.open());
    let mut killed = 0;
    // (where, at which passage); the last life comes to its end.
    for trap in [
        "commit.durable.before:1",
        "commit.durable.after:1",
        "commit.durable.before:9",
        "commit.durable.after:10",
        "commit.durable.before:25",
        "commit.durable.after:26",
        "commit.lazy.before:2",
        "commit.lazy.after:3",
        "commit.durable.after:1000000",
    ] {
        killed += usize::from(live(&place, trap));
        look(&place);
    }
    assert_eq!(killed, 8, "every life but the last is cut short");
    let store = place.open_as_it_is();
    let acknowledged = acknowledged(place.directory.path());
    assert_eq!(acknowledged.len(), SENDERS * EACH, "the last life has delivered everything");
    let rows: BTreeSet<String> = block_on(keys(&store)).split(' ').map(str::to_owned).collect();
    assert_eq!(rows, acknowledged);
}

/// Lives in a process of its own; returns whether it was killed.
fn live(place: &Place, trap: &str) -> bool {
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kills::a_life", "--ignored"])
        .env(PLACE, place.directory.path())
        .env(TRAP, trap)
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success() || status.code().is_none(), "{trap}: {status}");
    !status.success()
}

/// What was acknowledged waits, or is a row; never both, and never twice.
fn look(place: &Place) {
    let store = place.open_as_it_is();
    assert_sound(&store);
    let (waiting, rows) = block_on(async { (waiting(&store, transfer('A')).await, keys(&store).await) });
    let count = waiting.len();
    let waiting: BTreeSet<String> = waiting.into_iter().map(|(_, record)| record).collect();
    assert_eq!(waiting.len(), count, "a delivery waits twice");
    let rows: BTreeSet<String> = rows.split_whitespace().map(str::to_owned).collect();
    assert_eq!(waiting.intersection(&rows).count(), 0, "a delivery waits although its row is there");
    for id in acknowledged(place.directory.path()) {
        assert!(waiting.contains(&id) || rows.contains(&id), "{id} is lost");
    }
}

fn acknowledged(directory: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(directory.join("acknowledged")).unwrap_or_default();
    // A line that the kill cut short was not written out.
    text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')).map(str::to_owned).collect()
}

#[test]
#[ignore = "the process that is killed, begun by the test above"]
fn a_life() {
    let Some(directory) = std::env::var_os(PLACE) else { return };
    std::env::var(TRAP).unwrap().parse::<ArmedFailpoint>().unwrap().arm();
    let path = Path::new(&directory).join(".raccord").join("state.redb");
    let store = Arc::new(Store::open_existing(&path, &opener("live")).unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(async {
        let senders: Vec<_> = (0..SENDERS)
            .map(|sender| tokio::spawn(deliver(Arc::clone(&store), directory.clone().into(), sender)))
            .collect();
        let consumer = tokio::spawn(consume(Arc::clone(&store), senders));
        consumer.await.unwrap();
    });
}

/// One connection. A service sends again what it was given no answer to, and so does every life from the start.
async fn deliver(store: Arc<Store>, directory: std::path::PathBuf, sender: usize) {
    let mut file = OpenOptions::new().create(true).append(true).open(directory.join("acknowledged")).unwrap();
    for number in 0..EACH {
        let id = format!("{sender}-{number:03}");
        let accepted = store.accept(accept(Some(&id), "A", &id)).await.unwrap();
        if accepted == Accepted::New || !acknowledged(&directory).contains(&id) {
            file.write_all(format!("{id}\n").as_bytes()).unwrap();
        }
    }
}

/// Stores what waits, until everything was delivered and nothing waits.
async fn consume(store: Arc<Store>, senders: Vec<tokio::task::JoinHandle<()>>) {
    loop {
        let is_over = senders.iter().all(tokio::task::JoinHandle::is_finished);
        let pending = store.pending(transfer('A'), None, 7).await.unwrap();
        if pending.is_empty() && is_over {
            break;
        }
        let mut next = batch('A');
        for (sequence, delivery) in &pending {
            upsert(&mut next, std::str::from_utf8(&delivery.record).unwrap(), &[(1, Some("x"))]);
            next.consumed.push(*sequence);
        }
        // Lazily: what a kill undoes, it undoes together.
        Destination::commit(store.as_ref(), next).await.unwrap();
    }
    for sender in senders {
        sender.await.unwrap();
    }
}
