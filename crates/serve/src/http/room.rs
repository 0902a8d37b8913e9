//! Who makes room where there is no more: one of the network that wants more than its share, otherwise one of all.
//!
//! What is kept, and which of it goes first, its keeper says; that a crowd never keeps others out is decided here, once.

use std::collections::HashMap;
use std::hash::Hash;

use crate::network::Network;

/// How much there is room for: in all, and for one network.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    most: usize,
    of_one: usize,
}

/// Among whom something has to go.
#[derive(Debug, Clone, Copy)]
enum Crowd {
    /// A network.
    Of(Network),
    /// All of them.
    All,
}

/// How much is taken: in all, and by each network.
#[derive(Debug, Default)]
pub(super) struct Taken {
    total: usize,
    by: HashMap<Network, usize>,
}

/// What is kept in a room.
pub(super) trait Kept {
    /// What tells one of it from another.
    type Key: Copy + Eq + Hash;
    /// The greatest goes first.
    type Rank: Ord;

    /// How much all of it takes.
    fn taken(&self) -> &Taken;
    /// What may go: its key, its network and its rank.
    fn may_go(&self) -> impl Iterator<Item = (Self::Key, Network, Self::Rank)>;
    /// Has one of it go.
    fn let_go(&mut self, key: Self::Key);
}

impl Room {
    /// Room for so much, and for so much of one network.
    pub(super) const fn new(most: usize, of_one: usize) -> Self {
        Self { most, of_one }
    }

    /// Makes room for so much more of a network; false when nothing that could make it may go.
    pub(super) fn make(self, (network, more): (Network, usize), kept: &mut impl Kept) -> bool {
        while let Some(crowd) = self.crowd(kept.taken(), network, more) {
            let among = kept.may_go().filter(|(_, of, _)| crowd.has(*of));
            let Some((first, ..)) = among.max_by(|(.., one), (.., other)| one.cmp(other)) else {
                return false;
            };
            kept.let_go(first);
        }
        true
    }

    /// Among whom something has to go before so much more of a network can be taken in.
    fn crowd(self, taken: &Taken, network: Network, more: usize) -> Option<Crowd> {
        if taken.of(network).saturating_add(more) > self.of_one {
            return Some(Crowd::Of(network));
        }
        (taken.total.saturating_add(more) > self.most).then_some(Crowd::All)
    }
}

impl Crowd {
    /// Whether what is of a network is among it.
    fn has(self, network: Network) -> bool {
        match self {
            Self::Of(crowded) => crowded == network,
            Self::All => true,
        }
    }
}

impl Taken {
    /// So much more is taken.
    pub(super) fn add(&mut self, network: Network, more: usize) {
        self.total = self.total.saturating_add(more);
        let of = self.by.entry(network).or_default();
        *of = of.saturating_add(more);
    }

    /// So much less is.
    pub(super) fn remove(&mut self, network: Network, less: usize) {
        self.total = self.total.saturating_sub(less);
        if let Some(of) = self.by.get_mut(&network) {
            *of = of.saturating_sub(less);
            if *of == 0 {
                self.by.remove(&network);
            }
        }
    }

    /// How much a network has taken.
    pub(super) fn of(&self, network: Network) -> usize {
        self.by.get(&network).copied().unwrap_or_default()
    }

    #[cfg(test)]
    pub(super) fn is_nothing(&self) -> bool {
        self.total == 0 && self.by.is_empty()
    }
}
