//! Integrations: what they subscribe to is there and can happen, whom they alert is known.

use raccord_model::diagnostic::{Code, Finding};
use raccord_model::language::integration::AlertEntry;
use raccord_model::language::{
    Breaker, ByNameOrInline, Deletes, IntegrationSpec, Mode, SubscriptionSpec, TransferSpec, UpdateType,
};
use raccord_model::{Kind, Name};

use super::{CheckContext, Referent, alert, files, follow};

/// What is wrong with an integration.
pub(super) fn check(scene: CheckContext<'_, '_>, spec: &IntegrationSpec) -> Vec<Finding> {
    let mut findings = check_breaker(&spec.breaker);
    if spec.active && spec.subscriptions.is_empty() {
        let message = "the integration is active, but subscribes to no transfer";
        let help = "write `subscriptions: {TRANSFER: [created, updated]}`, or leave the integration inactive";
        findings.push(Finding::error(&["active"], Code::NotReady, message).help(help));
    }
    for (name, subscription) in &spec.subscriptions {
        let path = ["subscriptions", name.as_str()];
        let transfer = match follow(scene, &scene.all.transfers, (Kind::Transfer, name), &path) {
            Referent::Dangling(finding) => {
                findings.push(finding.about_name());
                None
            }
            other => other.or_find(&mut findings),
        };
        let Some(subscription) = subscription_of(scene, subscription, &path, &mut findings) else { continue };
        if let Some(transfer) = transfer {
            let mut found = check_effect(spec.active, (name, &transfer.spec), subscription);
            found.extend(check_unheard(scene, (name, &transfer.spec), subscription));
            found.extend(files::check_subscription(scene, &transfer.spec, subscription));
            findings.extend(found.into_iter().map(|finding| finding.under(&path)));
        }
    }
    for (at, alert) in spec.alerts.iter().enumerate() {
        let path = ["alerts", &at.to_string()];
        match alert {
            AlertEntry::ByName(name) => {
                follow(scene, &scene.all.alerts, (Kind::Alert, name), &path).or_find(&mut findings);
            }
            AlertEntry::Inline(alert) => {
                findings.extend(alert::check(alert).into_iter().map(|finding| finding.under(&path)));
            }
        }
    }
    findings
}

fn subscription_of<'s>(
    scene: CheckContext<'s, '_>,
    written: &'s ByNameOrInline<SubscriptionSpec>,
    path: &[&str],
    findings: &mut Vec<Finding>,
) -> Option<&'s SubscriptionSpec> {
    match written {
        ByNameOrInline::Inline(subscription) => Some(subscription),
        ByNameOrInline::ByName(name) => {
            follow(scene, &scene.all.subscriptions, (Kind::Subscription, name), path)
                .or_find(findings)
                .map(|held| &held.spec)
        }
    }
}

/// What is asked for and can never happen.
fn check_effect(
    is_active: bool,
    (name, transfer): (&Name, &TransferSpec),
    subscription: &SubscriptionSpec,
) -> Vec<Finding> {
    const NOWHERE: [&str; 0] = [];
    let mut findings = Vec::new();
    let mut no_effect = |message: String, help: &str| {
        findings.push(Finding::warning(&NOWHERE, Code::NoEffect, message).help(help));
    };
    if is_active && !transfer.active {
        let message = format!("the transfer `{name}` is not active, so nothing of it arrives");
        no_effect(message, "set `active: true` in the transfer");
    }
    if subscription.updates.is_empty() {
        no_effect("no update type is subscribed to".to_owned(), "the types are created, updated and deleted");
    }
    if subscription.updates.contains(&UpdateType::Deleted) && transfer.deletes == Deletes::default() {
        let message = format!("the transfer `{name}` does not learn of deletions");
        no_effect(message, "declare `deletes` in the transfer: a field, a webhook or a snapshot");
    }
    if subscription.updates.contains(&UpdateType::Created) && transfer.mode == Mode::Enrich {
        let message = format!("the transfer `{name}` enriches, so it creates nothing");
        no_effect(message, "subscribe to updated alone");
    }
    findings
}

/// That a transfer learns of deletions, and no integration is told: its rows stay then, whatever the service says.
fn check_unheard(
    scene: CheckContext<'_, '_>,
    (name, transfer): (&Name, &TransferSpec),
    subscription: &SubscriptionSpec,
) -> Option<Finding> {
    const NOWHERE: [&str; 0] = [];
    if transfer.deletes == Deletes::default() || subscription.updates.is_empty() {
        return None;
    }
    // What one of several integrations subscribes to happens.
    let subscribes = |written: &ByNameOrInline<SubscriptionSpec>| match written {
        ByNameOrInline::Inline(inline) => inline.updates.contains(&UpdateType::Deleted),
        ByNameOrInline::ByName(name) => {
            let held = scene.all.subscriptions.get(name);
            held.is_some_and(|held| held.spec.updates.contains(&UpdateType::Deleted))
        }
    };
    let mut integrations = scene.all.integrations.values();
    if integrations.any(|held| held.spec.subscriptions.get(name).is_some_and(subscribes)) {
        return None;
    }
    let message = format!(
        "the transfer `{name}` learns of deletions, but `deleted` is not subscribed to: no row is deleted"
    );
    let help = "add `deleted` to the update types, or take `deletes` out of the transfer";
    Some(Finding::warning(&NOWHERE, Code::NoEffect, message).help(help))
}

fn check_breaker(breaker: &Breaker) -> Vec<Finding> {
    let mut findings = Vec::new();
    let limits = [
        (vec!["breaker", "consecutiveFailures"], u64::from(breaker.consecutive_failures)),
        (vec!["breaker", "rejects", "count"], breaker.rejects.count),
        (vec!["breaker", "rejects", "within"], breaker.rejects.within.0),
    ];
    for (path, _) in limits.into_iter().filter(|(_, limit)| *limit == 0) {
        let what = path.last().copied().unwrap_or_default();
        let message = if what == "within" {
            "within must be at least one second".to_owned()
        } else {
            format!("{what} must be at least 1")
        };
        findings.push(Finding::error(&path, Code::InvalidValue, message));
    }
    findings
}
