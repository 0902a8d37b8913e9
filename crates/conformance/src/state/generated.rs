//! Generated cases: the same steps are taken by a state and by the model, and after each both are found the same.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use jiff::SignedDuration;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use raccord_model::canonical::Digest;
use raccord_model::fact::{Entry, TransferFact, write};
use raccord_model::port::inbox::{Accept, Accepted, Inbox};
use raccord_model::port::lease::Held;
use raccord_model::port::state::{Commit, Condition, Revision, Scan, State, StateError, Table, Write};

use super::inbox::accept;
use super::model::{Model, TTL};
use super::steps::{self, Belief, Change, KEYS, Step, TABLES};
use super::{StateSubject, empty};
use crate::block_on;
use crate::fixture::{at, transfer};

/// Takes generated steps and compares.
pub fn agrees_with_the_model<S: StateSubject>() {
    let asked_for = std::env::var_os("PROPTEST_CASES").map(|_| Config::default().cases);
    let config =
        Config { cases: asked_for.unwrap_or(S::CASES), failure_persistence: None, ..Config::default() };
    let result = TestRunner::new(config).run(&steps::sequence(), |steps| block_on(compare::<S>(&steps)));
    if let Err(error) = result {
        panic!("{error}");
    }
}

async fn compare<S: StateSubject>(steps: &[Step]) -> Result<(), TestCaseError> {
    let mut model = Model::new();
    let mut driver = Driver::<S>::new().await;
    for (number, step) in steps.iter().enumerate() {
        // Whether a holder outlives its process is not the same in every state.
        if matches!(step, Step::Reopen) && model.has_leases() {
            continue;
        }
        let expected = (model.take(step), model.observe());
        driver = driver.take(step).await;
        let found = (driver.heard.clone(), driver.observe().await);
        if found != expected {
            return Err(TestCaseError::fail(format!(
                "step {number}, {step:?}: {found:#?}, not {expected:#?}"
            )));
        }
    }
    driver.subject.assert_sound().await;
    Ok(())
}

/// A state, and what its callers remember.
struct Driver<S> {
    subject: S,
    found: BTreeMap<(usize, usize), [Option<Revision>; 2]>,
    held: Vec<Held>,
    accepted: u32,
    day: i64,
    /// What the caller of the last step heard.
    heard: String,
}

fn fact(table: usize, key: usize) -> (Table, String) {
    (*TABLES.get(table).unwrap(), (*KEYS.get(key).unwrap()).to_owned())
}

fn write_of((table, key, value): &Change) -> Write {
    let (table, key) = fact(*table, *key);
    match value {
        Some(value) => Write::Put(table, key, vec![b'0' + value]),
        None => Write::Remove(table, key),
    }
}

fn resource(name: u8, value: Option<u8>) -> Vec<Write> {
    let key = format!("Source/s{name}").parse().unwrap();
    let Some(value) = value else { return vec![Write::Unindex(key)] };
    let body = Bytes::from(value.to_string());
    let digest = Digest::of(&body);
    vec![Write::Body(digest, body), Write::Index(key, Entry { uid: transfer('S'), digest })]
}

impl<S: StateSubject> Driver<S> {
    async fn new() -> Self {
        let subject = empty::<S>().await;
        Self { subject, found: BTreeMap::new(), held: Vec::new(), accepted: 0, day: 0, heard: String::new() }
    }

    async fn take(mut self, step: &Step) -> Self {
        self.heard = match step {
            Step::Facts { beliefs, changes } => {
                let condition = |(table, key, belief): &(usize, usize, Belief)| {
                    let [last, former] = self.found.get(&(*table, *key)).copied().unwrap_or_default();
                    let revision = match belief {
                        Belief::Current => last,
                        Belief::Former => former,
                        Belief::Absent => None,
                    };
                    let (table, key) = fact(*table, *key);
                    Condition { table, key, revision }
                };
                let conditions = beliefs.iter().map(condition).collect();
                let writes = changes.iter().map(write_of).collect();
                self.commit(Commit { conditions, writes, ..Commit::default() }).await
            }
            Step::Apply { is_stale, resources, changes } => {
                let serial = self.subject.ports().head().await.unwrap().serial;
                let expected = Some(if *is_stale { serial.wrapping_sub(1) } else { serial });
                let resources = resources.iter().flat_map(|(name, value)| resource(*name, *value));
                let writes = resources.chain(changes.iter().map(write_of)).collect();
                self.commit(Commit { expected, writes, ..Commit::default() }).await
            }
            Step::Transfer { letter, is_there } => {
                let key = transfer(*letter).to_string();
                let write = if *is_there {
                    Write::Put(Table::Transfers, key, write(&TransferFact::default()).unwrap())
                } else {
                    Write::Remove(Table::Transfers, key)
                };
                self.commit(Commit { writes: vec![write], ..Commit::default() }).await;
                String::new()
            }
            Step::Accept { id, letters, days } => self.accept(*id, letters, *days).await,
            Step::Take { letter, count, up_to } => self.take_deliveries(*letter, *count, *up_to).await,
            Step::Acquire { name, by_force } => self.acquire(*name, *by_force).await,
            Step::Hold { ago, releases } => self.hold(*ago, *releases).await,
            Step::Pass { minutes } => {
                self.subject.pass(Duration::from_mins(*minutes)).await;
                String::new()
            }
            Step::Reopen => {
                self.subject = self.subject.reopen().await;
                String::new()
            }
        };
        self
    }

    async fn commit(&self, commit: Commit) -> String {
        match self.subject.ports().commit(commit).await {
            Ok(serial) => format!("serial {serial}"),
            Err(StateError::Conflict { .. }) => "stale".to_owned(),
            Err(StateError::FactConflict { table, key, .. }) => {
                let table = TABLES.iter().position(|known| *known == table).unwrap();
                let key = KEYS.iter().position(|known| *known == key).unwrap();
                format!("another fact {table} {key}")
            }
            Err(other) => panic!("{other:?}"),
        }
    }

    async fn accept(&mut self, id: Option<u8>, letters: &[char], days: i64) -> String {
        self.accepted += 1;
        self.day += days;
        let id = id.map(|id| id.to_string());
        let mut accept: Accept =
            accept(id.as_deref(), &letters.iter().collect::<String>(), &self.accepted.to_string());
        accept.delivery.received = at(0) + SignedDuration::from_hours(24 * self.day);
        match self.subject.ports().accept(accept).await.unwrap() {
            Accepted::New => "new".to_owned(),
            Accepted::Replayed => "known".to_owned(),
        }
    }

    async fn take_deliveries(&self, letter: char, count: usize, up_to: bool) -> String {
        let (inbox, transfer) = (self.subject.ports(), transfer(letter));
        let pending = inbox.pending(transfer, None, count).await.unwrap();
        let gone = match pending.last() {
            Some((last, _)) if up_to => inbox.discard(transfer, *last).await.unwrap(),
            _ => inbox.take(transfer, pending.iter().map(|(at, _)| *at).collect()).await.unwrap(),
        };
        format!("{gone} taken")
    }

    async fn acquire(&mut self, name: u8, by_force: bool) -> String {
        let leases = self.subject.leases();
        let (name, holder, ttl) = (name.to_string(), "a test".to_owned(), Duration::from_mins(TTL));
        let held = if by_force {
            Some(leases.take_over(name, holder, ttl, 0).await.unwrap())
        } else {
            leases.acquire(name, holder, ttl).await.unwrap()
        };
        let Some(held) = held else { return "held".to_owned() };
        let token = held.token;
        self.held.push(held);
        format!("token {token}")
    }

    async fn hold(&self, ago: usize, releases: bool) -> String {
        let Some(held) = self.held.iter().rev().nth(ago) else { return "none".to_owned() };
        let leases = self.subject.leases();
        if releases {
            leases.release(held.clone()).await.unwrap();
            return String::new();
        }
        format!("renewed: {}", leases.renew(held).await.unwrap())
    }

    async fn observe(&mut self) -> String {
        let state = self.subject.ports();
        let mut facts = String::new();
        for (table, of) in TABLES.iter().enumerate() {
            let there: BTreeMap<_, _> = state.scan(*of, Scan::default()).await.unwrap().into_iter().collect();
            for (key, text) in KEYS.iter().enumerate() {
                let now = there.get(*text);
                let found = self.found.entry((table, key)).or_default();
                let revision = now.map(|fact| fact.revision);
                if let Some(fact) = now {
                    let value = String::from_utf8_lossy(&fact.bytes);
                    let is_new = found[0] != revision;
                    facts.push_str(&format!("{table} {key} {value}{} ", if is_new { "!" } else { "" }));
                }
                *found = [revision, if found[0] == revision { found[1] } else { found[0] }];
            }
        }
        let serial = state.head().await.unwrap().serial;
        let index = state.index().await.unwrap();
        let bodies = state.bodies(index.values().map(|entry| entry.digest).collect()).await.unwrap();
        let resources: BTreeMap<u8, u8> = index
            .keys()
            .zip(bodies)
            .map(|(key, body)| {
                let name = key.to_string().trim_start_matches("Source/s").parse().unwrap();
                (name, String::from_utf8(body.unwrap().to_vec()).unwrap().parse().unwrap())
            })
            .collect();
        let inboxes = self.inboxes().await;
        format!("serial {serial} facts {facts}resources {resources:?} inboxes {inboxes:?}")
    }

    async fn inboxes(&self) -> BTreeMap<char, Vec<u32>> {
        let inbox = self.subject.ports();
        let mut inboxes = BTreeMap::new();
        for letter in ['A', 'B', 'C'] {
            let pending = inbox.pending(transfer(letter), None, usize::MAX).await.unwrap();
            assert!(pending.is_sorted_by(|(one, _), (other, _)| one < other));
            let waiting = inbox.waiting(transfer(letter)).await.unwrap();
            assert_eq!(waiting, u64::try_from(pending.len()).unwrap());
            if !pending.is_empty() {
                let number = |record: &[u8]| String::from_utf8_lossy(record).parse().unwrap();
                inboxes
                    .insert(letter, pending.iter().map(|(_, delivery)| number(&delivery.record)).collect());
            }
        }
        let waiting: Vec<_> = inboxes.keys().copied().map(transfer).collect();
        assert_eq!(inbox.waiting_transfers().await.unwrap(), waiting);
        inboxes
    }
}
