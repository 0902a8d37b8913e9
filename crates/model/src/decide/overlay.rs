//! What was found under keys, and what is to be there instead: only the difference is written. It knows nothing of what
//! the keys and values mean, and keeps them in the order in which they came.

use std::hash::Hash;

use foldhash::fast::RandomState;
use indexmap::{Equivalent, IndexMap};

/// What was found under keys, and what is to be there.
#[derive(Debug)]
pub struct Overlay<K, V> {
    entries: IndexMap<K, Entry<V>, RandomState>,
    /// How many changes there were.
    changes: usize,
}

#[derive(Debug)]
struct Entry<V> {
    before: Option<V>,
    now: Now<V>,
    /// The how manieth change this was.
    order: usize,
}

#[derive(Debug)]
enum Now<V> {
    AsBefore,
    Is(V),
    Nothing,
}

impl<V> Entry<V> {
    fn now(&self) -> Option<&V> {
        match &self.now {
            Now::AsBefore => self.before.as_ref(),
            Now::Is(value) => Some(value),
            Now::Nothing => None,
        }
    }
}

/// What becomes of one key.
#[derive(Debug, Clone, Copy)]
pub struct Changed<'o, K, V> {
    /// The key.
    pub key: &'o K,
    /// What was found under it.
    pub before: Option<&'o V>,
    /// What is to be there.
    pub now: Option<&'o V>,
    /// The how manieth change this was.
    pub order: usize,
}

impl<K, V> Default for Overlay<K, V> {
    fn default() -> Self {
        Self { entries: IndexMap::default(), changes: 0 }
    }
}

impl<K: Hash + Eq, V> Overlay<K, V> {
    /// Makes room for so many more keys.
    pub fn reserve(&mut self, more: usize) {
        self.entries.reserve(more);
    }

    /// Says what was found.
    pub fn found(&mut self, key: K, value: V) {
        self.entries.insert(key, Entry { before: Some(value), now: Now::AsBefore, order: 0 });
    }

    /// What is there now.
    pub fn get<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q) -> Option<&V> {
        self.entries.get(key)?.now()
    }

    /// This is there from now on.
    pub fn set(&mut self, key: K, value: V) {
        self.change(key, Now::Is(value));
    }

    /// Nothing is there from now on.
    pub fn remove<Q>(&mut self, key: &Q)
    where
        Q: Hash + Equivalent<K> + ToOwned<Owned = K> + ?Sized,
    {
        if self.get(key).is_some() {
            self.change(key.to_owned(), Now::Nothing);
        }
    }

    fn change(&mut self, key: K, now: Now<V>) {
        self.changes += 1;
        let entry = self.entries.entry(key).or_insert(Entry { before: None, now: Now::AsBefore, order: 0 });
        (entry.now, entry.order) = (now, self.changes);
    }

    /// Everything that is there now.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.entries.iter().filter_map(|(key, entry)| Some((key, entry.now()?)))
    }

    /// What is to be written.
    pub fn changed(&self) -> impl Iterator<Item = Changed<'_, K, V>> {
        self.entries.iter().filter_map(|(key, entry)| {
            let is_changed = !matches!(entry.now, Now::AsBefore);
            let (before, now) = (entry.before.as_ref(), entry.now());
            (is_changed && (before.is_some() || now.is_some())).then_some(Changed {
                key,
                before,
                now,
                order: entry.order,
            })
        })
    }

    /// As it was found.
    pub fn reset(&mut self) {
        self.entries.values_mut().for_each(|entry| entry.now = Now::AsBefore);
    }
}
