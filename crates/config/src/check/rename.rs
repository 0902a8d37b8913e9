//! Renames: the annotation that keeps a resource's identity must not contradict what else is there.

use std::collections::BTreeMap;

use raccord_model::diagnostic::{Code, Finding};
use raccord_model::language::RENAMED_FROM;
use raccord_model::{Kind, Name};

use super::CheckContext;
use crate::document::Table;

const PATH: [&str; 3] = ["metadata", "annotations", RENAMED_FROM];

/// Every rename that cannot be carried out.
pub(super) fn check(scene: CheckContext<'_, '_>) -> Vec<(usize, Finding)> {
    let all = scene.all;
    let mut findings = Vec::new();
    check_table(Kind::Stack, &all.stacks, &mut findings);
    check_table(Kind::Project, &all.projects, &mut findings);
    check_table(Kind::Authorization, &all.authorizations, &mut findings);
    check_table(Kind::Source, &all.sources, &mut findings);
    check_table(Kind::Transfer, &all.transfers, &mut findings);
    check_table(Kind::Integration, &all.integrations, &mut findings);
    without_identity(Kind::Mapping, &all.mappings, &mut findings);
    without_identity(Kind::Subscription, &all.subscriptions, &mut findings);
    without_identity(Kind::Alert, &all.alerts, &mut findings);
    findings
}

fn check_table<S>(kind: Kind, table: &Table<S>, findings: &mut Vec<(usize, Finding)>) {
    let mut claimed: BTreeMap<Name, &Name> = BTreeMap::new();
    for held in table.values() {
        let name = &held.metadata.name;
        let Some(old) = held.metadata.annotations.get(RENAMED_FROM) else { continue };
        let wrong = match old.parse::<Name>() {
            Err(error) => Some(error.to_string()),
            Ok(old) if old == *name => Some(format!("`{name}` cannot be renamed from itself")),
            Ok(old) if table.contains_key(&old) => {
                Some(format!("{kind} `{old}` is still there, so nothing can be renamed from it"))
            }
            Ok(old) => claimed
                .insert(old.clone(), name)
                .map(|first| format!("{kind} `{first}` is renamed from `{old}` too")),
        };
        if let Some(message) = wrong {
            let help =
                "the annotation names what one resource was called before; remove it once it is applied";
            findings.push((held.at, Finding::error(&PATH, Code::InvalidRename, message).help(help)));
        }
    }
}

/// Kinds that are expanded into others have no identity that a rename could keep.
fn without_identity<S>(kind: Kind, table: &Table<S>, findings: &mut Vec<(usize, Finding)>) {
    for held in table.values().filter(|held| held.metadata.annotations.contains_key(RENAMED_FROM)) {
        let message = format!("a {kind} is expanded into what refers to it; renaming it needs no annotation");
        findings.push((held.at, Finding::warning(&PATH, Code::NoEffect, message)));
    }
}
