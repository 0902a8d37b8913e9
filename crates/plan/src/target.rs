//! `--target`: only these resources, what they depend on, and what could not stand without them.

use std::collections::{BTreeMap, BTreeSet};

use raccord_model::{Desired, Key};

use crate::diff::{DiffError, Draft};
use crate::pairing::Pairing;
use crate::reference::references;

/// The drafts that are asked for, and those that are not.
pub(crate) fn select<'a>(
    drafts: Vec<Draft<'a>>,
    targets: &[Key],
    desired: &Desired,
    pairing: &Pairing<'_>,
) -> Result<(Vec<Draft<'a>>, Vec<Draft<'a>>), DiffError> {
    if targets.is_empty() {
        return Ok((drafts, Vec::new()));
    }
    let selected = closure(&drafts, targets, desired, pairing)?;
    Ok(drafts.into_iter().partition(|draft| selected.contains(draft.pair.key)))
}

fn closure(
    drafts: &[Draft<'_>],
    targets: &[Key],
    desired: &Desired,
    pairing: &Pairing<'_>,
) -> Result<BTreeSet<Key>, DiffError> {
    let by_key: BTreeMap<&Key, &Draft<'_>> = drafts.iter().map(|draft| (draft.pair.key, draft)).collect();
    let mut queue = Vec::new();
    for target in targets {
        let key = pairing.new_key(target).clone();
        if !desired.resources.contains_key(&key) && !by_key.contains_key(&key) {
            return Err(DiffError::UnknownTarget(target.clone()));
        }
        queue.push(key);
    }
    let dependents = dependents(drafts);
    let mut selected = BTreeSet::new();
    while let Some(key) = queue.pop() {
        if !selected.insert(key.clone()) {
            continue;
        }
        if let Some(wanted) = desired.resources.get(&key) {
            queue.extend(references(&wanted.resource.spec));
        }
        if let Some((old, _)) =
            by_key.get(&key).filter(|draft| draft.pulls()).and_then(|draft| draft.pair.before)
        {
            queue.extend(dependents.get(old).into_iter().flatten().map(|key| (*key).clone()));
        }
    }
    Ok(selected)
}

/// For each key of the state, the changing resources whose body there refers to it.
fn dependents<'a>(drafts: &'a [Draft<'_>]) -> BTreeMap<Key, Vec<&'a Key>> {
    let mut dependents: BTreeMap<Key, Vec<&Key>> = BTreeMap::new();
    for draft in drafts {
        for reference in draft.raw.map(|raw| references(&raw.spec)).unwrap_or_default() {
            dependents.entry(reference).or_default().push(draft.pair.key);
        }
    }
    dependents
}

impl Draft<'_> {
    /// Whether what refers to it has to change with it: it goes, gets another name, or loses a part.
    fn pulls(&self) -> bool {
        self.new.is_none()
            || self.pair.renamed_from().is_some()
            || self.fields.iter().any(|field| field.after.is_none())
    }
}
