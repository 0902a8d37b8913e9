//! Two transfers that own rows of one entity must not feed the same field: each would undo the other. Where one of them
//! deletes, what the other has in the row goes too.

use std::collections::BTreeMap;

use raccord_model::diagnostic::{Code, Finding};
use raccord_model::language::{ByNameOrInline, Deletes, Mode};
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
    findings.extend(shared(scene));
    findings
}

/// A warning for every transfer that deletes rows which another one owns with it: which of the two owns a row hangs on which
/// reading came first.
fn shared(scene: CheckContext<'_, '_>) -> Vec<(usize, Finding)> {
    let owning = || scene.all.transfers.values().filter(|held| held.spec.mode == Mode::Own);
    let mut owners: BTreeMap<&EntityRef, Vec<&Name>> = BTreeMap::new();
    owning().for_each(|held| owners.entry(&held.spec.to).or_default().push(&held.metadata.name));
    let mut findings = Vec::new();
    for held in owning().filter(|held| held.spec.deletes != Deletes::default()) {
        let (to, name) = (&held.spec.to, &held.metadata.name);
        let Some(other) = owners.get(to).and_then(|all| all.iter().find(|other| **other != name)) else {
            continue;
        };
        let message = format!(
            "the transfer `{other}` owns rows of {to} too: a row that `{name}` created and deletes goes with what `{other}` has in it"
        );
        let help = "let the one that only adds to rows of the other enrich (`mode: enrich`)";
        findings.push((held.at, Finding::warning(&["spec", "deletes"], Code::TwoOwners, message).help(help)));
    }
    findings
}

fn is_key(scene: CheckContext<'_, '_>, to: &EntityRef, field: &Ident) -> bool {
    let project = scene.all.projects.get(&to.project);
    let entity = project.and_then(|project| project.spec.entities.get(&to.entity));
    entity.is_some_and(|entity| entity.key.0.contains(field))
}
