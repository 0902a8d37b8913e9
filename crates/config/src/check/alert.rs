//! Alerts: each has a channel, and mail is not promised where none can be sent.

use raccord_model::Kind;
use raccord_model::diagnostic::{Code, Finding};
use raccord_model::language::AlertSpec;
use raccord_model::language::integration::AlertEntry;
use raccord_model::secret::TextOrSecret;
use raccord_model::value::is_url;

use super::CheckContext;

/// What is wrong with an alert, inline or not.
pub(super) fn check(spec: &AlertSpec) -> Vec<Finding> {
    const NOWHERE: [&str; 0] = [];
    let mut findings = Vec::new();
    if spec.email.is_none() && spec.webhook.is_none() {
        let message = "one of `email` and `webhook` must stand here";
        let help = "an alert goes to e-mail addresses, to the URL of a webhook, or to both";
        findings.push(Finding::error(&NOWHERE, Code::MissingField, message).help(help));
    }
    if spec.email.as_ref().is_some_and(|email| email.0.is_empty()) {
        findings.push(Finding::error(&["email"], Code::InvalidValue, "the list has no address"));
    }
    if let Some(TextOrSecret::Text(url)) = &spec.webhook
        && !(is_url(url) && ["http:", "https:"].iter().any(|scheme| url.starts_with(scheme)))
    {
        let message = "this is no http or https URL; it is not repeated, for it may be a secret";
        let help = "write ${env:NAME}, or the whole URL with https://";
        findings.push(Finding::error(&["webhook"], Code::InvalidValue, message).help(help));
    }
    findings
}

/// The first alert that an active integration would send by mail while the stack has no mail server.
pub(super) fn unsent(scene: CheckContext<'_, '_>) -> Option<(usize, Finding)> {
    let is_unknown = scene.all.nameless.contains(&Kind::Stack)
        || scene.all.broken.iter().any(|(kind, _)| *kind == Kind::Stack);
    if is_unknown || scene.all.stacks.values().any(|held| held.spec.mail.is_some()) {
        return None;
    }
    let is_mail = |alert: &AlertEntry| match alert {
        AlertEntry::Inline(alert) => alert.email.is_some(),
        AlertEntry::ByName(name) => {
            scene.all.alerts.get(name).is_some_and(|named| named.spec.email.is_some())
        }
    };
    let mut active = scene.all.integrations.values().filter(|held| held.spec.active);
    let (integration, at) =
        active.find_map(|held| Some((held, held.spec.alerts.iter().position(is_mail)?)))?;
    let message = "the alert is not sent: the stack has no mail server";
    let help = "write `mail: {host: …, from: …}` into the Stack";
    let path = ["spec", "alerts", &at.to_string()];
    Some((integration.at, Finding::warning(&path, Code::NoEffect, message).help(help)))
}
