//! References in documents that are wrong elsewhere: they are followed from the text itself, so that one reading
//! finds these mistakes too. Nothing else about such a document is concluded.

use raccord_model::diagnostic::Finding;
use raccord_model::{EntityRef, Kind, Name};

use super::{CheckContext, Referent, follow, transfer};
use crate::diagnose::Document;

/// Every reference that leads nowhere, with its document.
pub(super) fn check(scene: CheckContext<'_, '_>) -> Vec<(usize, Finding)> {
    let wrong = scene.all.wrong.iter().filter_map(|&at| Some((at, scene.documents.get(at)?)));
    wrong
        .flat_map(|(at, document)| of(scene, document).into_iter().map(move |finding| (at, finding)))
        .collect()
}

fn of(scene: CheckContext<'_, '_>, document: &Document<'_>) -> Vec<Finding> {
    let Some(spec) = document.root.member("spec").map(|entry| &entry.node) else { return Vec::new() };
    let mut findings = Vec::new();
    let mut find = |path: &[&str], kind: Kind, text: &str| {
        // What is not a name at all is a mistake that was already reported.
        let finding = text.parse().ok().and_then(|name| dangling(scene, kind, &name, path));
        findings.extend(finding);
    };
    let single: &[(&str, Kind)] = match document.kind {
        Some(Kind::Source) => &[("authorization", Kind::Authorization)],
        Some(Kind::Transfer) => &[("source", Kind::Source), ("mapping", Kind::Mapping)],
        _ => &[],
    };
    for &(member, kind) in single {
        find(&[member], kind, spec.member_text(member).unwrap_or_default());
    }
    if document.kind == Some(Kind::Project) {
        let store = spec.member("store").map(|entry| &entry.node);
        let text = store.and_then(|store| store.member_text("authorization")).unwrap_or_default();
        find(&["store", "authorization"], Kind::Authorization, text);
    }
    if document.kind == Some(Kind::Integration) {
        let subscriptions = spec.member("subscriptions").map(|entry| entry.node.entries());
        for entry in subscriptions.unwrap_or_default() {
            let path = ["subscriptions", entry.key.as_ref()];
            find(&path, Kind::Transfer, &entry.key);
            find(&path, Kind::Subscription, entry.node.text().unwrap_or_default());
        }
        let alerts = spec.member("alerts").map(|entry| entry.node.elements());
        for (at, alert) in alerts.unwrap_or_default().iter().enumerate() {
            find(&["alerts", &at.to_string()], Kind::Alert, alert.text().unwrap_or_default());
        }
    }
    if document.kind == Some(Kind::Transfer)
        && let Some(Ok(to)) = spec.member_text("to").map(str::parse::<EntityRef>)
    {
        transfer::find_entity(scene, &to, &mut findings);
    }
    findings.into_iter().map(|finding| finding.under(&["spec"])).collect()
}

/// The finding that a reference leads nowhere, if it does.
fn dangling(scene: CheckContext<'_, '_>, kind: Kind, name: &Name, path: &[&str]) -> Option<Finding> {
    fn finding<S>(referent: Referent<'_, S>) -> Option<Finding> {
        if let Referent::Dangling(finding) = referent { Some(finding) } else { None }
    }
    let all = scene.all;
    let to = (kind, name);
    match kind {
        Kind::Authorization => finding(follow(scene, &all.authorizations, to, path)),
        Kind::Source => finding(follow(scene, &all.sources, to, path)),
        Kind::Mapping => finding(follow(scene, &all.mappings, to, path)),
        Kind::Transfer => finding(follow(scene, &all.transfers, to, path)).map(Finding::about_name),
        Kind::Subscription => finding(follow(scene, &all.subscriptions, to, path)),
        Kind::Alert => finding(follow(scene, &all.alerts, to, path)),
        Kind::Stack | Kind::Project | Kind::Integration => None,
    }
}
