//! References between resources: where they stand, what they name, and how they follow a rename.
//!
//! References are compared by identity. A body whose references were only renamed says what it said before.

use raccord_model::language::ByNameOrInline;
use raccord_model::plan::Consequence;
use raccord_model::resource::Spec;
use raccord_model::{Key, Kind, Name, Resource};
use serde_json::Value;

use crate::pairing::Pairing;
use crate::plan::FieldChange;

/// The keys that a specification refers to.
pub(crate) fn references(spec: &Spec) -> Vec<Key> {
    match spec {
        Spec::Source(source) => match &source.authorization {
            Some(ByNameOrInline::ByName(name)) => vec![Key::new(Kind::Authorization, name.clone())],
            Some(ByNameOrInline::Inline(_)) | None => Vec::new(),
        },
        Spec::Transfer(transfer) => vec![
            Key::new(Kind::Source, transfer.source.clone()),
            Key::new(Kind::Project, transfer.to.project.clone()),
        ],
        Spec::Integration(integration) => {
            integration.subscriptions.keys().map(|name| Key::new(Kind::Transfer, name.clone())).collect()
        }
        Spec::Project(project) => match &project.store.authorization {
            Some(ByNameOrInline::ByName(name)) => vec![Key::new(Kind::Authorization, name.clone())],
            Some(ByNameOrInline::Inline(_)) | None => Vec::new(),
        },
        Spec::Stack(_) | Spec::Authorization(_) => Vec::new(),
    }
}

/// A resource of the state as it reads under the new names, and the references that got another name.
pub(crate) fn follow(before: &Resource, pairing: &Pairing<'_>) -> (Resource, Vec<FieldChange>) {
    let mut settled = before.clone();
    let mut changes = Vec::new();
    if pairing.renamed.is_empty() {
        return (settled, changes);
    }
    let mut now = |kind: Kind, name: &mut Name, field: &str, show: &dyn Fn(&Name) -> String| {
        let old = Key::new(kind, name.clone());
        let new = pairing.new_key(&old);
        if new.name != old.name {
            changes.push(FieldChange {
                path: std::iter::once("spec").chain(field.split('.')).map(str::to_owned).collect(),
                before: Some(Value::String(show(&old.name))),
                after: Some(Value::String(show(&new.name))),
                consequence: Consequence::None,
            });
            *name = new.name.clone();
        }
    };
    match &mut settled.spec {
        Spec::Source(source) => {
            if let Some(ByNameOrInline::ByName(name)) = &mut source.authorization {
                now(Kind::Authorization, name, "authorization", &Name::to_string);
            }
        }
        Spec::Transfer(transfer) => {
            now(Kind::Source, &mut transfer.source, "source", &Name::to_string);
            let entity = transfer.to.entity.clone();
            let show = |project: &Name| format!("{project}.{entity}");
            now(Kind::Project, &mut transfer.to.project, "to", &show);
        }
        Spec::Integration(integration) => {
            let subscriptions = std::mem::take(&mut integration.subscriptions);
            integration.subscriptions = subscriptions
                .into_iter()
                .map(|(mut name, updates)| {
                    now(Kind::Transfer, &mut name, "subscriptions", &Name::to_string);
                    (name, updates)
                })
                .collect();
        }
        Spec::Project(project) => {
            if let Some(ByNameOrInline::ByName(name)) = &mut project.store.authorization {
                now(Kind::Authorization, name, "store.authorization", &Name::to_string);
            }
        }
        Spec::Stack(_) | Spec::Authorization(_) => {}
    }
    (settled, changes)
}
