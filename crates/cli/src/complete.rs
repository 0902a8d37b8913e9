//! What a shell completes beyond the words of the command line itself: the names of the resources in the YAML at hand.
//! Reads files, offline; what cannot be read offers nothing.

use clap_complete::engine::CompletionCandidate;
use raccord_config::Input;
use raccord_model::{Desired, Kind, Spec};

/// The configuration in the current directory.
fn desired() -> Option<Desired> {
    raccord_config::load(&Input::default()).desired
}

fn names(kind: Kind) -> Vec<CompletionCandidate> {
    let desired = desired();
    let keys = desired.iter().flat_map(|desired| desired.resources.keys());
    keys.filter(|key| key.kind == kind).map(|key| CompletionCandidate::new(key.name.as_str())).collect()
}

/// The integrations.
pub(crate) fn integrations() -> Vec<CompletionCandidate> {
    names(Kind::Integration)
}

/// The transfers.
pub(crate) fn transfers() -> Vec<CompletionCandidate> {
    names(Kind::Transfer)
}

/// The authorizations.
pub(crate) fn authorizations() -> Vec<CompletionCandidate> {
    names(Kind::Authorization)
}

/// The sources.
pub(crate) fn sources() -> Vec<CompletionCandidate> {
    names(Kind::Source)
}

/// Every resource: `Transfer/customers`.
pub(crate) fn keys() -> Vec<CompletionCandidate> {
    let desired = desired();
    let keys = desired.iter().flat_map(|desired| desired.resources.keys());
    keys.map(|key| CompletionCandidate::new(key.to_string())).collect()
}

/// Every entity: `crm.contact`.
pub(crate) fn entities() -> Vec<CompletionCandidate> {
    let desired = desired();
    let resources = desired.iter().flat_map(|desired| &desired.resources);
    let entities = resources.flat_map(|(key, wanted)| match &wanted.resource.spec {
        Spec::Project(spec) => spec.entities.keys().map(|name| format!("{}.{name}", key.name)).collect(),
        _ => Vec::new(),
    });
    entities.map(CompletionCandidate::new).collect()
}
