//! Two transfers that own rows of one entity must not feed the same field: each would undo the other.

use std::collections::BTreeMap;

use raccord_model::diagnostic::{Code, Finding};
use raccord_model::language::{ByNameOrInline, Mode};
use raccord_model::{EntityRef, Ident, Name};

use super::CheckContext;
use super::transfer::mapping_of;

/// Every field with a second owner, in the document of the transfer whose name comes later.
pub(super) fn check(scene: CheckContext<'_, '_>) -> Vec<(usize, Finding)> {
    let mut owners: BTreeMap<(&EntityRef, &Ident), &Name> = BTreeMap::new();
    let mut findings = Vec::new();
    let owning = scene.all.transfers.values().filter(|held| held.spec.mode == Mode::Own);
    for held in owning {
        let Some((mapping, ..)) = mapping_of(scene, held) else { continue };
        let (to, name) = (&held.spec.to, &held.metadata.name);
        let is_inline = matches!(held.spec.mapping, Some(ByNameOrInline::Inline(_)));
        for field in mapping.fields.keys().filter(|field| !is_key(scene, to, field)) {
            let Some(first) = owners.get(&(to, field)) else {
                owners.insert((to, field), name);
                continue;
            };
            let mut path = vec!["spec", "mapping"];
            if is_inline {
                path.extend(["fields", field.as_str()]);
            }
            let message =
                format!("the transfer `{first}` owns rows of {to} too, and feeds the same field `{field}`");
            let help = "let one of them enrich (`mode: enrich`), or feed the field from one alone";
            let finding = Finding::error(&path, Code::TwoOwners, message).help(help);
            findings.push((held.at, if is_inline { finding.about_name() } else { finding }));
        }
    }
    findings
}

fn is_key(scene: CheckContext<'_, '_>, to: &EntityRef, field: &Ident) -> bool {
    let project = scene.all.projects.get(&to.project);
    let entity = project.and_then(|project| project.spec.entities.get(&to.entity));
    entity.is_some_and(|entity| entity.key.0.contains(field))
}
