//! How much memory bodies take whose senders have not proved anything yet: so much in all, and so much of one network.
//!
//! When there is no more, the largest body makes room: a flood of large ones never keeps a small one out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::room::{Kept, Room, Taken};
use crate::network::Network;

/// The bodies that are being received, or are kept until it is known what they are.
#[derive(Debug)]
pub(super) struct Intake {
    room: Room,
    ledger: Mutex<Ledger>,
}

#[derive(Debug, Default)]
struct Ledger {
    bodies: HashMap<u64, Entry>,
    taken: Taken,
    next: u64,
}

#[derive(Debug)]
struct Entry {
    network: Network,
    bytes: usize,
    /// Dropping it ends the receiving; none once all is there.
    end: Option<oneshot::Sender<()>>,
}

/// What one body takes, until it is dropped.
#[derive(Debug)]
pub(super) struct Share {
    intake: Arc<Intake>,
    id: u64,
    end: oneshot::Receiver<()>,
}

/// There is no room for a body, or no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Crowded;

impl Intake {
    /// Room for so many bytes, and of one network.
    pub(super) fn new(most: usize, of_one: usize) -> Self {
        Self { room: Room::new(most, of_one), ledger: Mutex::default() }
    }

    /// The share of a body that begins to come.
    pub(super) fn enter(self: &Arc<Self>, network: Network) -> Share {
        let mut ledger = self.ledger();
        ledger.next += 1;
        let id = ledger.next;
        let (sender, end) = oneshot::channel();
        ledger.bodies.insert(id, Entry { network, bytes: 0, end: Some(sender) });
        Share { intake: Arc::clone(self), id, end }
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger {
    fn remove(&mut self, id: u64) {
        if let Some(Entry { network, bytes, .. }) = self.bodies.remove(&id) {
            self.taken.remove(network, bytes);
        }
    }
}

/// The bodies, while one of them grows to so many bytes.
struct Growing<'l> {
    ledger: &'l mut Ledger,
    to: usize,
}

impl Kept for Growing<'_> {
    type Key = u64;
    /// How large it is; of two that are as large, the one that came later.
    type Rank = (usize, u64);

    fn taken(&self) -> &Taken {
        &self.ledger.taken
    }

    /// Those that are still coming and are larger than the one that grows.
    fn may_go(&self) -> impl Iterator<Item = (u64, Network, Self::Rank)> {
        let larger =
            self.ledger.bodies.iter().filter(|(_, entry)| entry.end.is_some() && entry.bytes > self.to);
        larger.map(|(id, entry)| (*id, entry.network, (entry.bytes, *id)))
    }

    fn let_go(&mut self, id: u64) {
        self.ledger.remove(id);
    }
}

impl Share {
    /// Takes room for so many more bytes.
    pub(super) fn grow(&self, bytes: usize) -> Result<(), Crowded> {
        let mut ledger = self.intake.ledger();
        let Some(Entry { network, bytes: before, .. }) = ledger.bodies.get(&self.id) else {
            return Err(Crowded);
        };
        let (network, after) = (*network, before.saturating_add(bytes));
        if !self.intake.room.make((network, bytes), &mut Growing { ledger: &mut ledger, to: after }) {
            return Err(Crowded);
        }
        ledger.taken.add(network, bytes);
        if let Some(entry) = ledger.bodies.get_mut(&self.id) {
            entry.bytes = after;
        }
        Ok(())
    }

    /// All of it is there: it makes no room any more.
    pub(super) fn complete(&self) {
        if let Some(entry) = self.intake.ledger().bodies.get_mut(&self.id) {
            // No task waits for its end any more.
            entry.end = None;
        }
    }

    /// Waits until it has to make room.
    pub(super) async fn crowded_out(&mut self) {
        // It never hears a word, only that the sender is gone.
        drop((&mut self.end).await);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.intake.ledger().remove(self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bodies by what comes of them: `a1+5` are five bytes of the body `1` from the network `a`, `a1.` is all of it,
    /// `a1-` is gone. Which of them had to make room, or found none.
    fn check(most: usize, of_one: usize, steps: &str, expected: &str) {
        let intake = Arc::new(Intake::new(most, of_one));
        let mut shares: HashMap<String, Share> = HashMap::new();
        let mut out = Vec::new();
        for step in steps.split_whitespace() {
            let (name, rest) = step.split_at(2);
            let network = Network::V6(u64::from(name.as_bytes()[0]));
            let share = shares.entry(name.to_owned()).or_insert_with(|| intake.enter(network));
            match rest {
                "." => share.complete(),
                "-" => drop(shares.remove(name)),
                more => {
                    if share.grow(more[1..].parse().unwrap()).is_err() {
                        out.push(name.to_owned());
                        shares.remove(name);
                    }
                }
            }
        }
        for (name, share) in &mut shares {
            let is_known = intake.ledger().bodies.contains_key(&share.id);
            if !is_known {
                assert!(
                    share.end.try_recv() == Err(oneshot::error::TryRecvError::Closed),
                    "{name} hears of it"
                );
                out.push(name.clone());
            }
        }
        out.sort_unstable();
        assert_eq!(out.join(" "), expected, "{steps}");
        shares.clear();
        let ledger = intake.ledger();
        assert!(ledger.taken.is_nothing() && ledger.bodies.is_empty(), "{steps}");
    }

    #[test]
    fn the_largest_makes_room() {
        check(10, 10, "a1+5 b1+5", "");
        check(10, 10, "a1+6 b1+4 c1+1", "a1");
        check(10, 10, "a1+5 b1+5 b1+1", "b1");
        check(10, 10, "a1+5 b1+5 a1-", "");
        check(10, 10, "a1+5 a1- b1+10", "");
    }

    #[test]
    fn what_is_all_there_stays() {
        check(10, 10, "a1+6 a1. b1+4 c1+1", "b1");
        check(10, 10, "a1+10 a1. b1+1", "b1");
    }

    #[test]
    fn one_network_has_its_share() {
        check(10, 4, "a1+4 b1+4", "");
        check(10, 4, "a1+3 a2+1 a2+1 b1+4", "a1");
        check(10, 4, "a1+5", "a1");
    }
}
