//! How many deliveries a second become durable, beside how many durable commits the disk takes.
//!
//! In one run, on one disk: a loop by hand that commits one delivery at a time to a bare redb file, which is the
//! floor of a receiver without groups; then the inbox with 1, 16 and 64 senders, each waiting for its answer as a
//! connection does, alone and beside a run that stores pages. It prints deliveries a second, their ratio to the
//! floor, and how long an answer took.
#![expect(clippy::print_stdout, reason = "a program that tells what it did")]

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use jiff::Timestamp;
use raccord_model::fact::{Reject, RunId, TransferFact, Uid};
use raccord_model::language::{Mode, UpdateType};
use raccord_model::port::destination::{Batch, Change, Changes, Destination, Fence, Intent, Refuse, Target};
use raccord_model::port::inbox::{Accept, Delivery, DeliveryKind, Inbox};
use raccord_model::port::state::{Commit, State, Table, Write};
use raccord_model::row;
use raccord_model::value::Value;
use raccord_store::{Opener, Store};
use redb::{Database, TableDefinition};
use uuid::Uuid;

const FLOOR: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("floor");

/// How many bytes a delivery has.
const RECORD: usize = 500;

/// For how long each measurement goes on, unless the first argument says otherwise, in seconds.
const SECONDS: u64 = 5;

/// How many rows a page has that is stored meanwhile.
const PAGE: u64 = 1_000;

fn main() -> Result<(), Failed> {
    let seconds = std::env::args().nth(1).map_or(Ok(SECONDS), |text| text.parse())?;
    let (length, directory) = (Duration::from_secs(seconds), tempfile::tempdir_in(".")?);
    let floor = floor(&directory.path().join("floor.redb"), length)?;
    println!("durable commits of one delivery each, by hand: {floor:.0}/s\n");
    println!("| senders | beside a run | deliveries/s | ratio | p50 ms | p99 ms | largest ms | pages/s |");
    println!("|--:|---|--:|--:|--:|--:|--:|--:|");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    for is_beside_a_run in [false, true] {
        for senders in [1, 16, 64] {
            let path = directory.path().join(format!("{senders}{is_beside_a_run}.redb"));
            let measured = runtime.block_on(measure(&path, senders, is_beside_a_run, length))?;
            println!("{}", measured.row(senders, is_beside_a_run, floor));
        }
    }
    Ok(())
}

/// Durable commits a second of a loop by hand.
fn floor(path: &Path, length: Duration) -> Result<f64, Failed> {
    let database = Database::create(path)?;
    let (begin, mut count) = (Instant::now(), 0_u32);
    while begin.elapsed() < length {
        let transaction = database.begin_write()?;
        transaction.open_table(FLOOR)?.insert(u64::from(count), [b'x'; RECORD].as_slice())?;
        transaction.commit()?;
        count += 1;
    }
    Ok(f64::from(count) / begin.elapsed().as_secs_f64())
}

/// What one measurement has found.
struct Measured {
    took: Duration,
    pages: u64,
    /// How long each answer took, the shortest first.
    answers: Vec<Duration>,
}

impl Measured {
    fn row(&self, senders: usize, is_beside_a_run: bool, floor: f64) -> String {
        let count = u32::try_from(self.answers.len()).map_or(0.0, f64::from);
        let rate = count / self.took.as_secs_f64();
        let pages = u32::try_from(self.pages).map_or(0.0, f64::from) / self.took.as_secs_f64();
        let at = |percent: usize| {
            let place = (self.answers.len() * percent / 100).min(self.answers.len().saturating_sub(1));
            self.answers.get(place).map_or(0.0, |took| took.as_secs_f64() * 1000.0)
        };
        let beside = if is_beside_a_run { "yes" } else { "no" };
        let [p50, p99, largest] = [50, 99, 100].map(at);
        let ratio = rate / floor;
        format!(
            "| {senders} | {beside} | {rate:.0} | {ratio:.1} | {p50:.2} | {p99:.2} | {largest:.2} | {pages:.1} |"
        )
    }
}

async fn measure(
    path: &Path,
    senders: usize,
    is_beside_a_run: bool,
    length: Duration,
) -> Result<Measured, Failed> {
    let opener = Opener { verb: "measure".to_owned(), at: now(), lineage: Uuid::now_v7() };
    let store = Arc::new(Store::open(path, &opener)?);
    let transfer = Uid(Uuid::now_v7());
    let fact = raccord_model::fact::write(&TransferFact::default())?;
    let put = Write::Put(Table::Transfers, transfer.to_string(), fact);
    State::commit(store.as_ref(), Commit { expected: None, writes: vec![put], ..Commit::default() }).await?;
    let (stop, pages) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let run = is_beside_a_run.then(|| {
        tokio::spawn(store_pages(Arc::clone(&store), transfer, Arc::clone(&stop), Arc::clone(&pages)))
    });
    let begin = Instant::now();
    let tasks: Vec<_> = (0..senders)
        .map(|sender| tokio::spawn(send(Arc::clone(&store), transfer, sender, begin + length)))
        .collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.extend(task.await??);
    }
    let took = begin.elapsed();
    stop.store(true, Ordering::Relaxed);
    if let Some(run) = run {
        run.await??;
    }
    answers.sort_unstable();
    Ok(Measured { took, pages: pages.load(Ordering::Relaxed), answers })
}

type Failed = Box<dyn Error + Send + Sync>;

/// One connection: a delivery after the other, each once the one before was answered.
async fn send(
    store: Arc<Store>,
    transfer: Uid,
    sender: usize,
    until: Instant,
) -> Result<Vec<Duration>, Failed> {
    let record = Bytes::from(vec![b'x'; RECORD]);
    let mut answers = Vec::new();
    while Instant::now() < until {
        let delivery = Delivery {
            kind: DeliveryKind::Upsert,
            record: record.clone(),
            received: now(),
            event: "customer.updated".to_owned(),
        };
        let id = Some(format!("{sender}-{}", answers.len()));
        let begin = Instant::now();
        store.accept(Accept { source: transfer, id, transfers: vec![transfer], delivery }).await?;
        answers.push(begin.elapsed());
    }
    Ok(answers)
}

/// A run: page after page, committed lazily.
async fn store_pages(
    store: Arc<Store>,
    transfer: Uid,
    stop: Arc<AtomicBool>,
    pages: Arc<AtomicU64>,
) -> Result<(), Failed> {
    let text = "a value of some length ".repeat(8);
    let mut next = 0;
    while !stop.load(Ordering::Relaxed) {
        let mut changes = Changes::default();
        let mut patch = Vec::new();
        for number in next..next + PAGE {
            row::begin(&mut patch);
            row::push(&mut patch, 1, Some(&Value::Text(text.as_str().into())));
            // Rows of services come in no order of ours.
            let key = number.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes();
            changes.push(Change {
                intent: Intent::Upsert,
                key: &key,
                patch: &patch,
                version: b"",
                digest: None,
            });
            patch.clear();
        }
        next += PAGE;
        Destination::commit(store.as_ref(), batch(transfer, changes)).await?;
        pages.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

fn batch(transfer: Uid, changes: Changes) -> Batch {
    let (run, at) = (RunId(Uuid::nil()), now());
    Batch {
        transfer,
        run,
        at,
        fence: Fence { generation: 1, epoch: 0, reset: 0, lease: 0 },
        target: Target {
            incarnation: 1,
            defaults: Bytes::new(),
            required: Vec::new(),
            unique: Vec::new(),
            non_owners: Arc::default(),
        },
        mode: Mode::Own,
        updates: [UpdateType::Created, UpdateType::Updated, UpdateType::Deleted].into(),
        changes,
        kept_at: None,
        rejects: Vec::new(),
        refuse: Refuse(Arc::new(move |number, _| Reject {
            transfer,
            run,
            at,
            position: number.to_string(),
            field: None,
            reason: String::new(),
            key: None,
            payload: None,
            parent: None,
            deletion: false,
            partial: false,
            fetch: None,
        })),
        keep_rejects: (1, 1),
        mark_seen: false,
        spot: None,
        partitions: Vec::new(),
        completes: None,
        accepts: None,
        checkpoint: None,
        consumed: Vec::new(),
        record: None,
        postponed: Vec::new(),
        guard: None,
        defer_deletes: false,
        suspects: Vec::new(),
        reading: None,
        durable: false,
    }
}

fn now() -> Timestamp {
    Timestamp::now()
}
