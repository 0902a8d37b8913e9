//! Which wanted resource is which resource of the state: by key, or by the name it had before.
//!
//! Digests alone are compared, so that ten thousand unchanged resources cost ten thousand look-ups.

use std::collections::BTreeMap;

use raccord_model::fact::{Entry, Uid};
use raccord_model::language::stack::DEFAULT_STACK;
use raccord_model::resource::Wanted;
use raccord_model::{Desired, Key, Kind, Name};

/// A resource that changes: what stands in the state, and what is wanted.
#[derive(Debug, Clone)]
pub(crate) struct Pair<'a> {
    /// The key that is wanted; that of the state when it goes.
    pub(crate) key: &'a Key,
    /// What stands in the state, and under which key.
    pub(crate) before: Option<(&'a Key, Entry)>,
    /// What is wanted.
    pub(crate) after: Option<&'a Wanted>,
}

impl<'a> Pair<'a> {
    /// The identity, for what stands in the state.
    pub(crate) fn uid(&self) -> Option<Uid> {
        self.before.map(|(_, entry)| entry.uid)
    }

    /// What it is called in the state, when that differs.
    pub(crate) fn renamed_from(&self) -> Option<&'a Name> {
        self.before.filter(|(key, _)| *key != self.key).map(|(key, _)| &key.name)
    }

    fn is_changed(&self) -> bool {
        match (self.before, self.after) {
            (Some((_, before)), Some(after)) => {
                before.digest != after.digest || self.renamed_from().is_some()
            }
            _ => true,
        }
    }
}

/// How a configuration and an index fit together.
#[derive(Debug, Default)]
pub(crate) struct Pairing<'a> {
    /// What changes, by key.
    pub(crate) changed: Vec<Pair<'a>>,
    /// From the old key to the new one.
    pub(crate) renamed: BTreeMap<&'a Key, &'a Key>,
    /// From the new key to the old one.
    old_keys: BTreeMap<&'a Key, &'a Key>,
    /// Annotations that name a resource which cannot be renamed.
    pub(crate) ignored: Vec<(&'a Key, &'a Name)>,
}

impl<'a> Pairing<'a> {
    pub(crate) fn of(desired: &'a Desired, index: &'a BTreeMap<Key, Entry>) -> Self {
        let mut pairing = Self::default();
        for (key, wanted) in &desired.resources {
            if let Some(from) = &wanted.renamed_from {
                pairing.rename(key, from, desired, index);
            }
        }
        pairing.name_stack(desired, index);
        for (key, wanted) in &desired.resources {
            let old = pairing.old_keys.get(key).copied().unwrap_or(key);
            let pair = Pair {
                key,
                before: index.get_key_value(old).map(|(old, entry)| (old, *entry)),
                after: Some(wanted),
            };
            if pair.is_changed() {
                pairing.changed.push(pair);
            }
        }
        for (key, entry) in index {
            if !desired.resources.contains_key(key) && !pairing.renamed.contains_key(key) {
                pairing.changed.push(Pair { key, before: Some((key, *entry)), after: None });
            }
        }
        pairing
    }

    /// A rename needs an old name that stands in the state and is no longer wanted, and a new one that is free.
    fn rename(&mut self, key: &'a Key, from: &'a Name, desired: &Desired, index: &'a BTreeMap<Key, Entry>) {
        let Some((old, _)) = index.get_key_value(&Key::new(key.kind, from.clone())) else { return };
        let possible = !desired.resources.contains_key(old)
            && !index.contains_key(key)
            && !self.renamed.contains_key(old);
        if possible {
            self.renamed.insert(old, key);
            self.old_keys.insert(key, old);
        } else {
            self.ignored.push((key, from));
        }
    }

    /// A state of the nameless stack keeps its one Stack when the directory gets a name.
    fn name_stack(&mut self, desired: &'a Desired, index: &'a BTreeMap<Key, Entry>) {
        let stack = |key: &&Key| key.kind == Kind::Stack;
        let (Some(old), Some(new)) = (index.keys().find(stack), desired.resources.keys().find(stack)) else {
            return;
        };
        if old.name.as_str() == DEFAULT_STACK && old != new {
            self.renamed.insert(old, new);
            self.old_keys.insert(new, old);
        }
    }

    /// What stands in the state for a wanted key.
    pub(crate) fn known(&self, key: &Key, index: &BTreeMap<Key, Entry>) -> Option<Entry> {
        let old = self.old_keys.get(key).copied().unwrap_or(key);
        index.get(old).copied()
    }

    /// The new key of an old one; the same when it is not renamed.
    pub(crate) fn new_key<'k>(&'k self, old: &'k Key) -> &'k Key {
        self.renamed.get(old).copied().unwrap_or(old)
    }
}
