//! Who is connected, and who makes room when there are too many: no connection is taken away from a request that is
//! being answered, and a new one is never refused while another only waits.
//!
//! The network with the most connections gives one up first, the one that has waited longest. So a flood from one address
//! closes its own connections, and everybody else is answered meanwhile. Reads and writes nothing itself.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use super::room::{Kept, Room, Taken};
use crate::network::Network;

/// How many connections that were told to end may still be there.
const LEAVING: usize = 64;

/// The connections that are open.
#[derive(Debug)]
pub(super) struct Connections {
    most: usize,
    room: Room,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    open: HashMap<SocketAddr, Entry>,
    /// How many are open, by network.
    taken: Taken,
    /// How many sockets there are, those that were told to end included.
    sockets: usize,
    /// Counts what happened, so that it is known what was earlier.
    now: u64,
}

#[derive(Debug)]
struct Entry {
    id: u64,
    network: Network,
    /// Since when it has waited for a request.
    since: u64,
    /// How many requests of it are being answered.
    busy: usize,
    /// Dropping it ends the connection.
    _end: oneshot::Sender<()>,
}

/// The place of a connection among those that are open, until it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    connections: Arc<Connections>,
    peer: SocketAddr,
    id: u64,
    end: oneshot::Receiver<()>,
    is_over: bool,
}

/// A request that is being answered: until it is dropped its connection is not taken away.
#[derive(Debug)]
pub(super) struct Busy {
    connections: Arc<Connections>,
    peer: SocketAddr,
    id: u64,
}

impl Connections {
    /// None yet; so many at most, and of one network.
    pub(super) fn new(most: usize, of_one: usize) -> Self {
        Self { most, room: Room::new(most, of_one), table: Mutex::default() }
    }

    /// Takes a new connection in. Another one ends for it when there are too many; there is none for it when all of
    /// those are being answered.
    pub(super) fn enter(self: &Arc<Self>, peer: SocketAddr) -> Option<Seat> {
        let mut table = self.table();
        let network = Network::of(peer.ip());
        if table.sockets >= self.most.saturating_add(LEAVING) {
            return None;
        }
        if !self.room.make((network, 1), &mut *table) {
            return None;
        }
        let id = table.tick();
        let (sender, end) = oneshot::channel();
        table.sockets += 1;
        // A peer that has come back under its old port is another one.
        table.let_go(peer);
        table.taken.add(network, 1);
        table.open.insert(peer, Entry { id, network, since: id, busy: 0, _end: sender });
        Some(Seat { connections: Arc::clone(self), peer, id, end, is_over: false })
    }

    /// Notes that a request of a connection is being answered.
    pub(super) fn busy(self: &Arc<Self>, peer: SocketAddr) -> Option<Busy> {
        let mut table = self.table();
        let entry = table.open.get_mut(&peer)?;
        entry.busy += 1;
        Some(Busy { connections: Arc::clone(self), peer, id: entry.id })
    }

    /// Notes that a connection waits for its next request from now on.
    pub(super) fn answered(&self, peer: SocketAddr) {
        let mut table = self.table();
        let now = table.tick();
        if let Some(entry) = table.open.get_mut(&peer) {
            entry.since = now;
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    const fn tick(&mut self) -> u64 {
        self.now += 1;
        self.now
    }
}

impl Kept for Table {
    type Key = SocketAddr;
    /// How many connections its network has, and how long it has waited.
    type Rank = (usize, Reverse<u64>);

    fn taken(&self) -> &Taken {
        &self.taken
    }

    fn may_go(&self) -> impl Iterator<Item = (SocketAddr, Network, Self::Rank)> {
        let waiting = self.open.iter().filter(|(_, entry)| entry.busy == 0);
        waiting.map(|(peer, Entry { network, since, .. })| {
            (*peer, *network, (self.taken.of(*network), Reverse(*since)))
        })
    }

    fn let_go(&mut self, peer: SocketAddr) {
        if let Some(entry) = self.open.remove(&peer) {
            self.taken.remove(entry.network, 1);
        }
    }
}

impl Seat {
    /// Whether the connection has to end; wakes the task once it has.
    pub(super) fn poll_over(&mut self, context: &mut Context<'_>) -> bool {
        self.is_over = self.is_over || matches!(Pin::new(&mut self.end).poll(context), Poll::Ready(_));
        self.is_over
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut table = self.connections.table();
        table.sockets = table.sockets.saturating_sub(1);
        // Its peer may have come back under the same port by now.
        if table.open.get(&self.peer).is_some_and(|entry| entry.id == self.id) {
            table.let_go(self.peer);
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let mut table = self.connections.table();
        if let Some(entry) = table.open.get_mut(&self.peer).filter(|entry| entry.id == self.id) {
            entry.busy = entry.busy.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Connections by what happens to them: `a1` comes from the network `a`; `+a1` is being answered from now on,
    /// `-a1` no more, and `.a1` was answered. Which are open at the end.
    fn check(most: usize, of_one: usize, steps: &str, expected: &str) {
        let connections = Arc::new(Connections::new(most, of_one));
        let peer = |name: &str| {
            let [network, number] = name.as_bytes() else { panic!("{name}") };
            SocketAddr::from(([127, 0, 0, *network], u16::from(*number)))
        };
        let (mut seats, mut busy) = (HashMap::new(), HashMap::new());
        let mut refused = Vec::new();
        for step in steps.split_whitespace() {
            let name = step.trim_start_matches(['+', '-', '.']);
            match step.as_bytes()[0] {
                b'+' => drop(busy.insert(name, connections.busy(peer(name)))),
                b'-' => drop(busy.remove(name)),
                b'.' => connections.answered(peer(name)),
                _ => match connections.enter(peer(name)) {
                    Some(seat) => drop(seats.insert(name, seat)),
                    None => refused.push(name),
                },
            }
        }
        let mut context = Context::from_waker(std::task::Waker::noop());
        let mut open: Vec<&str> = seats
            .iter_mut()
            .filter_map(|(name, seat)| (!seat.poll_over(&mut context)).then_some(*name))
            .collect();
        open.sort_unstable();
        assert_eq!((open.join(" "), refused.is_empty()), (expected.to_owned(), true), "{steps}: {refused:?}");
    }

    #[test]
    fn the_one_that_has_waited_longest_makes_room() {
        check(3, 3, "a1 a2 a3", "a1 a2 a3");
        check(3, 3, "a1 a2 a3 a4", "a2 a3 a4");
        check(3, 3, "a1 a2 a3 .a1 a4", "a1 a3 a4");
        check(3, 3, "a1 a2 a3 +a1 a4", "a1 a3 a4");
        check(3, 3, "a1 a2 a3 +a1 -a1 a4", "a2 a3 a4");
    }

    #[test]
    fn whoever_has_the_most_makes_room() {
        check(4, 4, "a1 b1 b2 b3 c1", "a1 b2 b3 c1");
        check(4, 4, "a1 b1 b2 b3 c1 c2 c3", "a1 b3 c2 c3");
        check(8, 2, "a1 b1 b2 b3 b4 a2", "a1 a2 b3 b4");
    }

    #[test]
    fn nothing_that_is_being_answered_is_taken_away() {
        let connections = Arc::new(Connections::new(1, 1));
        let peer = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let seat = connections.enter(peer(1)).unwrap();
        let busy = connections.busy(peer(1)).unwrap();
        assert!(connections.enter(peer(2)).is_none());
        drop(busy);
        assert!(connections.enter(peer(2)).is_some());
        drop(seat);
        // Sockets that are told to end and do not are counted, too.
        let seats: Vec<_> = (10..100).map_while(|port| connections.enter(peer(port))).collect();
        assert_eq!(seats.len(), LEAVING + 1);
    }
}
