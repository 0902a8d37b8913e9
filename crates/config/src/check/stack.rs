//! The Stack: names of variables, the mail server, limits.

use std::net::IpAddr;

use raccord_compiler::webhook::public_url;
use raccord_model::diagnostic::{Code, Finding};
use raccord_model::language::StackSpec;
use raccord_model::language::stack::{MailSecurity, MailServer};
use raccord_model::secret::is_variable_name;

/// What is wrong with a Stack.
pub(super) fn check(spec: &StackSpec) -> Vec<Finding> {
    let mut findings = Vec::new();
    for name in spec.variables.keys().filter(|name| !is_variable_name(name)) {
        let message = format!("`{name}` cannot name a variable");
        let help = "use letters, digits and underscores, not beginning with a digit";
        findings.push(Finding::error(&["variables", name], Code::InvalidValue, message).help(help));
    }
    let limits =
        [("parallelTransfers", spec.limits.parallel_transfers), ("perSource", spec.limits.per_source)];
    for (name, _) in limits.into_iter().filter(|(_, limit)| *limit == 0) {
        let message = format!("{name} must be at least 1");
        findings.push(Finding::error(&["limits", name], Code::InvalidValue, message));
    }
    if let Some(mail) = &spec.mail {
        findings.extend(check_mail(mail).into_iter().map(|finding| finding.under(&["mail"])));
    }
    if let Some(Err(why)) = spec.webhooks.as_ref().map(|address| public_url(&address.url)) {
        let message = format!("the public URL {why}");
        findings.push(Finding::error(&["webhooks", "url"], Code::InvalidValue, message));
    }
    findings
}

fn check_mail(mail: &MailServer) -> Vec<Finding> {
    let mut findings = Vec::new();
    if mail.host.trim().is_empty() {
        findings.push(Finding::error(&["host"], Code::InvalidValue, "the host is empty"));
    }
    if mail.port == Some(0) {
        findings.push(Finding::error(&["port"], Code::InvalidValue, "a port is a number from 1 to 65535"));
    }
    if mail.security == MailSecurity::None && !is_loopback(&mail.host) {
        let message = "a connection in the clear is accepted on a loopback address only";
        let help = "use starttls or implicit";
        findings.push(Finding::error(&["security"], Code::InvalidValue, message).help(help));
    }
    if mail.password.is_some() && mail.username.is_none() {
        let message = "`password` stands beside `username` only";
        findings.push(Finding::error(&["password"], Code::ConflictingFields, message));
    }
    if mail.username.is_some() && mail.password.is_none() {
        let message = "`username` stands beside `password` only";
        findings.push(Finding::error(&["username"], Code::ConflictingFields, message));
    }
    findings
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
