//! What a plan says of paused integrations: that what is to be read again is read once they go on, and rows that are dropped come
//! back no sooner. Notes alone.

use std::collections::BTreeSet;

use raccord_model::Desired;
use raccord_model::name::Name;
use raccord_model::resource::Spec;

use crate::current::Current;
use crate::pairing::Pairing;
use crate::plan::{DataEffect, Note, Subject};

/// One note for every paused integration that keeps a transfer from being read again.
pub(crate) fn notes(
    desired: &Desired,
    current: &Current,
    pairing: &Pairing<'_>,
    effects: &[DataEffect],
) -> Vec<Note> {
    let read_again: BTreeSet<&Name> = effects
        .iter()
        .filter(|effect| effect.consequence.rereads() && !effect.inactive)
        .filter_map(|effect| match &effect.subject {
            Subject::Transfer { name, .. } => Some(name),
            Subject::Entity { .. } | Subject::Field { .. } => None,
        })
        .collect();
    let integrations = desired.resources.iter().filter_map(|(key, wanted)| match &wanted.resource.spec {
        Spec::Integration(spec) if spec.active => Some((key, spec)),
        _ => None,
    });
    integrations
        .filter_map(|(key, spec)| {
            let uid = pairing.known(key, &current.index)?.uid;
            let pause = current.facts.integrations.get(&uid)?.pause.as_ref()?;
            let transfers: Vec<Name> =
                spec.subscriptions.keys().filter(|name| read_again.contains(name)).cloned().collect();
            let integration = key.name.clone();
            if transfers.is_empty() {
                None
            } else {
                Some(Note::StaysPaused { integration, transfers, until: pause.until })
            }
        })
        .collect()
}
