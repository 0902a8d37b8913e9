//! The audit log: who changed something, and who was refused.

use std::sync::Arc;

use maud::html;
use raccord_model::fact::{AuditEntry, AuditOutcome, AuditWay};

use crate::console::answer::{Answer, Content};
use crate::console::layout::Place;
use crate::console::show::{self, Tone};
use crate::console::visit::Visit;
use crate::failure::Failure;
use crate::request::{Reply, Request};

/// How many entries are shown; the API and the command line have them all.
const SHOWN: usize = 200;

/// The page.
pub(super) async fn show(visit: Arc<Visit>) -> Result<Answer, Failure> {
    let words = visit.texts().audit;
    let entries: Vec<AuditEntry> = visit
        .all(Request::Audit { limit: SHOWN }, |reply| {
            if let Reply::Audit(entry) = reply { Some(entry) } else { None }
        })
        .await?;
    let outcome = |outcome: &AuditOutcome| match outcome {
        AuditOutcome::Done(_) => (Tone::Good, words.done),
        AuditOutcome::Failed(_) => (Tone::Bad, words.failed),
        AuditOutcome::Refused(_) => (Tone::Waits, words.refused),
    };
    let body = html! {
        p { (words.about) }
        @if entries.is_empty() { p { (words.none) } }
        @else { div.wide tabindex="0" role="region" aria-label=(words.title) { table {
            thead { tr {
                th scope="col" { (words.at) } th scope="col" { (words.who) } th scope="col" { (words.way) }
                th scope="col" { (words.what) } th scope="col" { (words.outcome) }
            } }
            tbody { @for entry in &entries { tr {
                @let (tone, word) = outcome(&entry.outcome);
                td { (show::when(visit.texts(), entry.at, visit.now())) }
                td { (show::line(&entry.who)) }
                td { @match entry.way { AuditWay::Local => (words.local), AuditWay::Http => (words.http) } }
                td { (show::line(&entry.what)) }
                td { (show::status(tone, word)) " " (show::line(entry.outcome.detail())) }
            } } }
        } } }
    };
    Ok(Answer::Page(Content::new(Place::Audit, words.title, body)))
}
