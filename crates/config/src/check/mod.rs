//! What the types alone cannot say: references, readiness, fields that exclude each other.
//!
//! Every check is a pure function that yields findings at paths; nothing is changed and nothing outside the
//! documents is looked at.

mod alert;
mod authorization;
mod files;
mod integration;
mod owners;
mod project;
mod rename;
mod root;
mod schedule;
mod slots;
mod source;
mod spelling;
mod stack;
mod store;
mod transfer;
mod webhook;
mod wrong;

use raccord_model::diagnostic::{Code, Finding};
use raccord_model::suggest;
use raccord_model::{Kind, Name};
use rayon::prelude::*;

use crate::diagnose::{Document, Report};
use crate::document::{Documents, Held, Table};
use crate::interpolate::Variables;

/// Everything a check may look at.
#[derive(Clone, Copy)]
pub(crate) struct CheckContext<'s, 't> {
    pub(crate) documents: &'s [Document<'t>],
    pub(crate) all: &'s Documents,
    /// What stands for `${var:NAME}`.
    pub(crate) variables: &'s Variables,
    /// Whether the state that it is for has rows of its own.
    pub(crate) has_rows: bool,
    /// The directories that were named, the first first, when none of them holds all the others.
    pub(crate) beside: &'s [String],
}

/// Checks every document.
pub(crate) fn check(scene: CheckContext<'_, '_>, report: &mut Report) {
    let all = scene.all;
    each(scene, report, &all.stacks, |held| stack::check(&held.spec));
    each(scene, report, &all.projects, |held| {
        let mut findings = spelling::defaults(scene, held.at, &held.spec);
        findings.extend(spelling::without(&findings, project::check(&held.spec)));
        findings.extend(store::check(scene, &held.metadata.name, &held.spec));
        findings
    });
    each(scene, report, &all.alerts, |held| alert::check(&held.spec));
    each(scene, report, &all.authorizations, |held| authorization::check(&held.spec));
    each(scene, report, &all.sources, |held| source::check(scene, &held.metadata.name, &held.spec));
    each(scene, report, &all.transfers, |held| transfer::check(scene, &held.metadata.name, &held.spec));
    each(scene, report, &all.integrations, |held| integration::check(scene, &held.spec));
    let transfers: Vec<_> = all.transfers.values().collect();
    let found: Vec<_> = transfers
        .par_iter()
        .flat_map_iter(|held| transfer::check_mapping(scene, &held.metadata.name, held))
        .collect();
    for (at, finding) in found {
        find(scene, report, at, finding);
    }
    for (at, finding) in owners::check(scene)
        .into_iter()
        .chain(rename::check(scene))
        .chain(wrong::check(scene))
        .chain(store::shared(scene))
        .chain(files::shared(scene))
        .chain(slots::check(scene))
        .chain(alert::unsent(scene))
        .chain(root::check(scene))
    {
        find(scene, report, at, finding);
    }
}

/// Checks the documents of a kind side by side; the findings come in the order of the documents.
fn each<S: Sync>(
    scene: CheckContext<'_, '_>,
    report: &mut Report,
    table: &Table<S>,
    check: impl Fn(&Held<S>) -> Vec<Finding> + Sync,
) {
    let held: Vec<&Held<S>> = table.values().collect();
    let found: Vec<(usize, Vec<Finding>)> = held.par_iter().map(|held| (held.at, check(held))).collect();
    for (at, finding) in found.into_iter().flat_map(|(at, list)| list.into_iter().map(move |it| (at, it))) {
        find(scene, report, at, finding.under(&["spec"]));
    }
}

fn find(scene: CheckContext<'_, '_>, report: &mut Report, at: usize, finding: Finding) {
    if let Some(document) = scene.documents.get(at) {
        report.finding(document, finding);
    }
}

/// What a reference leads to.
pub(crate) enum Referent<'s, S> {
    /// The document.
    Found(&'s Held<S>),
    /// A document that is wrong itself: nothing more is said about the reference.
    Broken,
    /// Nothing, which is a finding.
    Dangling(Finding),
}

impl<'s, S> Referent<'s, S> {
    /// The document, or nothing with the finding added to the others.
    pub(crate) fn or_find(self, findings: &mut Vec<Finding>) -> Option<&'s Held<S>> {
        match self {
            Self::Found(held) => Some(held),
            Self::Broken => None,
            Self::Dangling(finding) => {
                findings.push(finding);
                None
            }
        }
    }
}

/// Follows a reference that stands at a path.
pub(crate) fn follow<'s, S>(
    scene: CheckContext<'s, '_>,
    table: &'s Table<S>,
    (kind, name): (Kind, &Name),
    path: &[&str],
) -> Referent<'s, S> {
    if let Some(held) = table.get(name) {
        return Referent::Found(held);
    }
    if scene.all.may_be_broken(kind, name) {
        return Referent::Broken;
    }
    let names: Vec<&str> = table.keys().map(Name::as_str).collect();
    let message = format!("there is no {kind} `{name}`");
    let finding = dangling(path, message, name.as_str(), &names);
    if !names.is_empty() {
        return Referent::Dangling(finding);
    }
    let inline = if kind.is_resource() { "" } else { ", or write it here instead of its name" };
    let help = format!("no document of kind {kind} is there at all: add one{inline}");
    Referent::Dangling(finding.help(help))
}

/// A reference that leads nowhere, with the names that it could have meant.
pub(crate) fn dangling(path: &[&str], message: String, wrong: &str, names: &[&str]) -> Finding {
    let finding = Finding::error(path, Code::DanglingReference, message);
    Finding { help: suggest::advice(wrong, names, "those there are"), ..finding }
}

/// Whether exactly one of several fields stands here; otherwise a sentence that says so.
pub(crate) fn exactly_one(fields: &[(&str, bool)]) -> Result<(), String> {
    let names = |chosen: Vec<&(&str, bool)>| {
        let names: Vec<String> = chosen.iter().map(|(name, _)| format!("`{name}`")).collect();
        match names.split_last() {
            Some((last, rest)) if !rest.is_empty() => (rest.join(", "), last.clone()),
            _ => (names.concat(), String::new()),
        }
    };
    let present: Vec<_> = fields.iter().filter(|(_, is_there)| *is_there).collect();
    match present.len() {
        1 => Ok(()),
        0 => {
            let (rest, last) = names(fields.iter().collect());
            Err(format!("one of {rest} and {last} must stand here"))
        }
        _ => {
            let (rest, last) = names(present);
            Err(format!("{rest} and {last} exclude each other"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_field_of_several() {
        assert_eq!(exactly_one(&[("a", true), ("b", false)]), Ok(()));
        let none = exactly_one(&[("a", false), ("b", false), ("c", false)]);
        assert_eq!(none.unwrap_err(), "one of `a`, `b` and `c` must stand here");
        let two = exactly_one(&[("a", true), ("b", true)]);
        assert_eq!(two.unwrap_err(), "`a` and `b` exclude each other");
    }
}
