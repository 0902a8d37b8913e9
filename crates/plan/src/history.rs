//! Generations: going back over their deltas, and forgetting the oldest.
//!
//! A rollback is an ordinary plan towards an earlier index: identities, checkpoints and trips stay as they are.

use std::collections::{BTreeMap, BTreeSet};

use raccord_model::fact::{Entry, Generation, Uid};
use raccord_model::port::state::{Commit, Head, Table, Write};
use raccord_model::resource::Wanted;
use raccord_model::{Desired, Digest, Key, Kind, Resource};

/// How many generations are kept.
pub const KEPT_GENERATIONS: u64 = 100;

/// Why there is no way back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RollbackError {
    /// The generation is not kept, or was never there.
    #[error("generation {wanted} is not kept: {}", match kept {
        Some((oldest, newest)) => format!("the kept ones are {oldest} to {newest}"),
        None => "nothing was applied yet".to_owned(),
    })]
    Unknown {
        /// Which was asked for.
        wanted: u64,
        /// The oldest and the newest that are kept.
        kept: Option<(u64, u64)>,
    },
    /// A generation between then and now is missing.
    #[error("generation {0} is missing from the history")]
    Gap(u64),
}

/// The index as it was when a generation was in force. The generations are given newest first.
pub fn rollback(
    index: &BTreeMap<Key, Entry>,
    generations: &[Generation],
    to: u64,
) -> Result<BTreeMap<Key, Entry>, RollbackError> {
    let kept = generations.last().zip(generations.first());
    let kept = kept.map(|(oldest, newest)| (oldest.number, newest.number));
    if !generations.iter().any(|generation| generation.number == to) {
        return Err(RollbackError::Unknown { wanted: to, kept });
    }
    let mut index = index.clone();
    let mut expected = kept.map_or(to, |(_, newest)| newest);
    for generation in generations.iter().take_while(|generation| generation.number > to) {
        if generation.number != expected {
            return Err(RollbackError::Gap(expected));
        }
        expected -= 1;
        undo(&mut index, generation);
    }
    if expected == to { Ok(index) } else { Err(RollbackError::Gap(expected)) }
}

fn undo(index: &mut BTreeMap<Key, Entry>, generation: &Generation) {
    for change in &generation.changes {
        if change.after.is_some() {
            index.remove(&change.key);
        }
    }
    for change in &generation.changes {
        if let Some(before) = change.before {
            let name = change.renamed_from.as_ref().unwrap_or(&change.key.name);
            index.insert(Key::new(change.key.kind, name.clone()), before);
        }
    }
}

/// Why an earlier index cannot be wanted again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// The body of a resource is gone.
    #[error("the state no longer holds what {0} said")]
    MissingBody(Key),
    /// The state belongs to no stack, because nothing was ever applied.
    #[error("nothing was applied yet")]
    NothingApplied,
}

/// An earlier index as a configuration that can be planned. What has another name by now is renamed back.
pub fn restore(
    then: &BTreeMap<Key, Entry>,
    now: &BTreeMap<Key, Entry>,
    bodies: &BTreeMap<Digest, &Resource>,
    head: &Head,
) -> Result<Desired, RestoreError> {
    let names: BTreeMap<Uid, &Key> = now.iter().map(|(key, entry)| (entry.uid, key)).collect();
    let resources = then
        .iter()
        .map(|(key, entry)| {
            let resource =
                *bodies.get(&entry.digest).ok_or_else(|| RestoreError::MissingBody(key.clone()))?;
            let elsewhere = names.get(&entry.uid).filter(|now| **now != key);
            let wanted = Wanted {
                resource: resource.clone(),
                digest: entry.digest,
                renamed_from: elsewhere.map(|now| now.name.clone()),
            };
            Ok((key.clone(), wanted))
        })
        .collect::<Result<_, _>>()?;
    let stack = then.keys().find(|key| key.kind == Kind::Stack).map(|key| &key.name);
    let stack = stack.or(head.stack.as_ref()).ok_or(RestoreError::NothingApplied)?.clone();
    Ok(Desired { stack, root: head.root.clone().unwrap_or_default(), resources })
}

/// The generations that are older than the last [`KEPT_GENERATIONS`] when a commit is made, and the bodies that
/// only they refer to. `index` and `generations` are those before the commit.
pub fn prune(commit: &Commit, index: &BTreeMap<Key, Entry>, generations: &[Generation]) -> Vec<Write> {
    let number = commit.writes.iter().find_map(|write| match write {
        Write::Head { generation, .. } => Some(*generation),
        _ => None,
    });
    let Some(oldest) = number.and_then(|number| number.checked_sub(KEPT_GENERATIONS)) else {
        return Vec::new();
    };
    let (gone, kept): (Vec<&Generation>, Vec<&Generation>) =
        generations.iter().partition(|generation| generation.number <= oldest);
    if gone.is_empty() {
        return Vec::new();
    }
    let written = commit.writes.iter().filter_map(|write| match write {
        Write::Index(_, entry) => Some(entry.digest),
        _ => None,
    });
    let live: BTreeSet<Digest> =
        index.values().map(|entry| entry.digest).chain(written).chain(digests(&kept)).collect();
    let dead: BTreeSet<Digest> = digests(&gone).filter(|digest| !live.contains(digest)).collect();
    let forgotten =
        gone.iter().map(|generation| Write::Remove(Table::Generations, format!("{:020}", generation.number)));
    forgotten.chain(dead.into_iter().map(Write::DropBody)).collect()
}

/// The bodies that generations refer to.
fn digests<'a>(generations: &'a [&'a Generation]) -> impl Iterator<Item = Digest> + 'a {
    let changes = generations.iter().flat_map(|generation| &generation.changes);
    changes.flat_map(|change| [change.before, change.after]).flatten().map(|entry| entry.digest)
}
