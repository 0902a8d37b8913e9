//! What a plan says of webhook deliveries: those that wait for a transfer that goes, and its rejects, are lost with it;
//! those that come while a transfer is not active are not kept. Notes alone: what needs a flag is decided by the change.

use raccord_model::language::TransferSpec;
use raccord_model::plan::Action;
use raccord_model::resource::Spec;
use raccord_model::{Desired, Kind, Name};

use crate::current::Current;
use crate::plan::{Change, Note};

/// The notes on the changes of a plan.
pub(crate) fn notes(desired: &Desired, current: &Current, changes: &[Change]) -> Vec<Note> {
    let mut notes: Vec<Note> = changes.iter().filter_map(|change| lost(current, change)).collect();
    let switched_off = changes.iter().filter(|change| change.action == Action::Deactivate);
    notes.extend(switched_off.flat_map(|change| not_kept(desired, change)));
    notes
}

/// What is lost with a transfer that goes.
fn lost(current: &Current, change: &Change) -> Option<Note> {
    let goes = change.action == Action::Delete && change.key.kind == Kind::Transfer;
    let waiting = current.facts.waiting.get(&change.uid.filter(|_| goes)?)?;
    let (transfer, deliveries, rejects) = (change.key.name.clone(), waiting.deliveries, waiting.rejects);
    (deliveries + rejects > 0).then_some(Note::DropsWaiting { transfer, deliveries, rejects })
}

/// The transfers of which a change that deactivates ends that deliveries are kept.
fn not_kept(desired: &Desired, change: &Change) -> Vec<Note> {
    let name = &change.key.name;
    let concerned: Vec<&Name> = match change.key.kind {
        Kind::Transfer => vec![name],
        Kind::Integration => integration(desired, name).into_iter().flatten().collect(),
        _ => Vec::new(),
    };
    let is_told = |transfer: &&Name| {
        let has_webhook = desired
            .transfer(transfer)
            .and_then(|spec: &TransferSpec| desired.source(&spec.source))
            .is_some_and(|source| source.webhook.is_some());
        // Another active integration goes on taking them, unless it is the transfer itself that is switched off.
        has_webhook && (change.key.kind == Kind::Transfer || !is_wanted(desired, transfer))
    };
    concerned.into_iter().filter(is_told).map(|name| Note::DeliveriesEnd { transfer: name.clone() }).collect()
}

fn integration<'d>(desired: &'d Desired, name: &Name) -> Option<impl Iterator<Item = &'d Name>> {
    desired.resources.iter().find_map(|(key, wanted)| match &wanted.resource.spec {
        Spec::Integration(spec) if key.name == *name => Some(spec.subscriptions.keys()),
        _ => None,
    })
}

fn is_wanted(desired: &Desired, transfer: &Name) -> bool {
    let specs = desired.resources.values().map(|wanted| &wanted.resource.spec);
    specs.into_iter().any(|spec| match spec {
        Spec::Integration(spec) => spec.active && spec.subscriptions.contains_key(transfer),
        _ => false,
    })
}
