//! The model: what a state would do that is nothing but maps in memory. It knows each writing of a fact by a number of its
//! own, for revisions are the state's affair.

use std::collections::{BTreeMap, BTreeSet};

use super::steps::{Belief, Change, KEYS, Step, TABLES};

/// A table and a key, by their numbers.
type At = (usize, usize);

/// A lease as it is known to its holders.
#[derive(Default)]
struct Leased {
    token: u64,
    until: Option<u64>,
}

/// For how many minutes leases are acquired.
pub(super) const TTL: u64 = 60;

pub(super) struct Model {
    serial: u64,
    writings: u64,
    facts: BTreeMap<At, (u8, u64)>,
    /// The writing of each fact that was found last, and the one before.
    found: BTreeMap<At, [Option<u64>; 2]>,
    resources: BTreeMap<u8, u8>,
    transfers: BTreeSet<char>,
    inboxes: BTreeMap<char, Vec<u32>>,
    seen: BTreeMap<u8, i64>,
    accepted: u32,
    day: i64,
    minutes: u64,
    leases: BTreeMap<u8, Leased>,
    held: Vec<(u8, u64)>,
}

impl Model {
    pub(super) fn new() -> Self {
        Self {
            serial: 0,
            writings: 0,
            facts: BTreeMap::new(),
            found: BTreeMap::new(),
            resources: BTreeMap::new(),
            transfers: ('A'..='F').collect(),
            inboxes: BTreeMap::new(),
            seen: BTreeMap::new(),
            accepted: 0,
            day: 0,
            minutes: 0,
            leases: BTreeMap::new(),
            held: Vec::new(),
        }
    }

    /// Takes a step; what the caller hears.
    pub(super) fn take(&mut self, step: &Step) -> String {
        match step {
            Step::Facts { beliefs, changes } => {
                let wrong = beliefs.iter().find(|(table, key, belief)| !self.holds((*table, *key), *belief));
                if let Some((table, key, _)) = wrong {
                    return format!("another fact {table} {key}");
                }
                self.change(changes);
                format!("serial {}", self.serial)
            }
            Step::Apply { is_stale, resources, changes } => {
                // Before the first apply the serial before is one to come.
                if *is_stale {
                    return "stale".to_owned();
                }
                self.serial += 1;
                self.change(changes);
                for (name, value) in resources {
                    match value {
                        Some(value) => self.resources.insert(*name, *value),
                        None => self.resources.remove(name),
                    };
                }
                format!("serial {}", self.serial)
            }
            Step::Transfer { letter, is_there: true } => {
                self.transfers.insert(*letter);
                String::new()
            }
            Step::Transfer { letter, is_there: false } => {
                self.transfers.remove(letter);
                self.inboxes.remove(letter);
                String::new()
            }
            Step::Accept { id, letters, days } => self.accept(*id, letters, *days),
            Step::Take { letter, count, .. } => {
                let inbox = self.inboxes.entry(*letter).or_default();
                let count = (*count).min(inbox.len());
                inbox.drain(..count);
                format!("{count} taken")
            }
            Step::Acquire { name, by_force } => self.acquire(*name, *by_force),
            Step::Hold { ago, releases } => self.hold(*ago, *releases),
            Step::Pass { minutes } => {
                self.minutes += minutes;
                String::new()
            }
            Step::Reopen => String::new(),
        }
    }

    fn holds(&self, at: At, belief: Belief) -> bool {
        let [last, former] = self.found.get(&at).copied().unwrap_or_default();
        let believed = match belief {
            Belief::Current => last,
            Belief::Former => former,
            Belief::Absent => None,
        };
        self.facts.get(&at).map(|(_, writing)| *writing) == believed
    }

    fn change(&mut self, changes: &[Change]) {
        self.writings += 1;
        for (table, key, value) in changes {
            match value {
                Some(value) => self.facts.insert((*table, *key), (*value, self.writings)),
                None => self.facts.remove(&(*table, *key)),
            };
        }
    }

    fn accept(&mut self, id: Option<u8>, letters: &[char], days: i64) -> String {
        self.accepted += 1;
        self.day += days;
        let day = self.day;
        if let Some(id) = id {
            if self.seen.get(&id).is_some_and(|before| day - before <= 7) {
                return "known".to_owned();
            }
            self.seen.insert(id, day);
        }
        let letters: BTreeSet<char> = letters.iter().copied().collect();
        for letter in letters.intersection(&self.transfers) {
            self.inboxes.entry(*letter).or_default().push(self.accepted);
        }
        "new".to_owned()
    }

    fn acquire(&mut self, name: u8, by_force: bool) -> String {
        let now = self.minutes;
        let lease = self.leases.entry(name).or_default();
        if !by_force && lease.until.is_some_and(|until| until > now) {
            return "held".to_owned();
        }
        lease.token += 1;
        lease.until = Some(now + TTL);
        self.held.push((name, lease.token));
        format!("token {}", lease.token)
    }

    fn hold(&mut self, ago: usize, releases: bool) -> String {
        let now = self.minutes;
        let Some((name, token)) = self.held.iter().rev().nth(ago) else { return "none".to_owned() };
        let lease = self.leases.entry(*name).or_default();
        let is_held = lease.token == *token && lease.until.is_some();
        if releases {
            if is_held {
                lease.until = None;
            }
            return String::new();
        }
        if is_held {
            lease.until = Some(now + TTL);
        }
        format!("renewed: {is_held}")
    }

    /// Whether any lease may still be held.
    pub(super) fn has_leases(&self) -> bool {
        self.leases.values().any(|lease| lease.until.is_some())
    }

    /// What a reader finds, in words; what was found of each fact is kept for later beliefs.
    pub(super) fn observe(&mut self) -> String {
        let mut facts = String::new();
        for (table, key) in (0..TABLES.len()).flat_map(|table| (0..KEYS.len()).map(move |key| (table, key))) {
            let now = self.facts.get(&(table, key)).copied();
            let found = self.found.entry((table, key)).or_default();
            let writing = now.map(|(_, writing)| writing);
            if let Some((value, _)) = now {
                let is_new = found[0] != writing;
                facts.push_str(&format!("{table} {key} {value}{} ", if is_new { "!" } else { "" }));
            }
            *found = [writing, if found[0] == writing { found[1] } else { found[0] }];
        }
        let inboxes: BTreeMap<char, &Vec<u32>> = self
            .inboxes
            .iter()
            .filter(|(_, inbox)| !inbox.is_empty())
            .map(|(letter, inbox)| (*letter, inbox))
            .collect();
        format!("serial {} facts {facts}resources {:?} inboxes {inboxes:?}", self.serial, self.resources)
    }
}
