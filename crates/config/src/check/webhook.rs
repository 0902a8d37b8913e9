//! Webhooks: what the compiler finds in their settings, what can never happen, and who needs one.

use raccord_compiler::webhook::{lower, lower_register};
use raccord_model::Kind;
use raccord_model::diagnostic::{Code, Finding};
use raccord_model::language::{SourceSpec, TransferSpec};

use super::CheckContext;

/// What is wrong with the webhook of a source.
pub(super) fn check(scene: CheckContext<'_, '_>, spec: &SourceSpec) -> Vec<Finding> {
    let (Some(settings), Some(webhook)) = (spec.settings.webhooks(), &spec.webhook) else {
        return Vec::new();
    };
    let (_, mut findings) = lower(webhook, settings);
    if webhook.event.is_some() && webhook.events.is_empty() {
        let message = "no event is listed, so what the service pushes is ignored";
        let help = "write `events: {NAME: {dataType: …}}`, or let the URL say it all: /hooks/STACK/SOURCE/DATATYPE/created";
        findings.push(Finding::warning(&["event"], Code::NoEffect, message).help(help));
    }
    findings.extend(lower_register(webhook, settings).1);
    if webhook.register.is_some() && !has_address(scene) {
        let message = "nothing is registered, because it is not known how services reach the daemon";
        let help = "write `webhooks: {url: https://…}` into the Stack";
        findings.push(Finding::warning(&["register"], Code::NoEffect, message).help(help));
    }
    findings.into_iter().map(|finding| finding.under(&["webhook"])).collect()
}

/// Whether the Stack says how services reach the daemon, or is wrong itself.
fn has_address(scene: CheckContext<'_, '_>) -> bool {
    let mut wrong = scene.all.wrong.iter().filter_map(|&at| scene.documents.get(at)?.kind);
    scene.all.stacks.values().any(|held| held.spec.webhooks.is_some())
        || wrong.any(|kind| kind == Kind::Stack)
}

/// A transfer that learns of deletions by webhook needs a source that has one.
pub(super) fn check_transfer(spec: &TransferSpec, source: &SourceSpec) -> Option<Finding> {
    if spec.deletes.webhook.is_none() || source.webhook.is_some() {
        return None;
    }
    let message = format!("the source `{}` has no webhook, so no deletion ever arrives", spec.source);
    let connector = source.settings.info();
    let help = if connector.has_webhooks {
        "give the source a `webhook`, or declare a field or a snapshot here".to_owned()
    } else {
        format!("nothing pushes to the connector `{}`: declare a field or a snapshot here", connector.name)
    };
    Some(Finding::error(&["deletes", "webhook"], Code::ConflictingFields, message).help(help))
}
