//! The audit log: who changed what, with what came of it, and who was refused.
//!
//! [`Audited`] stands around what answers, so that no verb has to think of it. An entry follows what it tells
//! of: a kill between the two loses the entry, never the change, and a generation names who applied it anyway.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use raccord_model::Name;
use raccord_model::fact::{AuditEntry, AuditOutcome, AuditWay, RunOutcome};
use raccord_model::foreign;
use raccord_model::port::Async;
use raccord_model::port::state::{Scan, StateError, Table, Write};
use tokio::sync::watch;

use crate::access::attribute;
use crate::failure::Failure;
use crate::reply::Replies;
use crate::request::{ApplyOptions, RejectsOf, Reply, Request};
use crate::serving::{Push, PushHead, Readiness, Received, Serving};
use crate::transport::{Answering, Caller, Way};
use raccord_model::port::environment::Environment;
use raccord_run::facts::{Facts, put};
use raccord_run::report::RunReport;

/// How many entries are kept; the oldest go.
pub const KEPT: usize = 10_000;

/// After how many entries the oldest are taken away; so many more than [`KEPT`] there may be.
const TIDIED: u64 = 100;

/// The name of a caller that gave none; it is on the machine itself.
const UNNAMED_USER: &str = "a user of the machine";

/// The longest text of an entry, in characters.
const LONGEST: usize = 500;

/// What answers, with an audit log of what changes something, and each request under the name of its caller.
pub struct Audited<A: ?Sized> {
    log: AuditLog,
    inner: Arc<A>,
}

impl<A: ?Sized> Audited<A> {
    /// The same, from now on with a log.
    pub const fn new(inner: Arc<A>, log: AuditLog) -> Self {
        Self { log, inner }
    }
}

impl<A: Answering + ?Sized> Answering for Audited<A> {
    fn answer<'a>(
        &'a self,
        request: Request,
        caller: Caller,
        stop: watch::Receiver<bool>,
        replies: &'a mut Replies<'a>,
    ) -> Async<'a, Result<(), Failure>> {
        Box::pin(async move {
            let request = attribute(request, &caller);
            let Asked { what, changes } = asked(&request);
            if !changes {
                return self.inner.answer(request, caller, stop, replies).await;
            }
            let at = self.log.environment.now();
            let (who, way) = (who(&request, &caller), caller.way);
            let mut said = AuditOutcome::Done(String::new());
            let mut overheard = |reply: Reply| {
                remember(&mut said, &reply);
                replies(reply);
            };
            let outcome = self.inner.answer(request, caller, stop, &mut overheard).await;
            let outcome_said = match &outcome {
                Ok(()) => said,
                Err(failure) => AuditOutcome::Failed(failure.message.clone()),
            };
            self.log.record(entry(at, (&who, way), &what, &outcome_said)).await;
            outcome
        })
    }
}

impl<A: Serving + ?Sized> Serving for Audited<A> {
    fn changes(&self) -> watch::Receiver<u64> {
        self.inner.changes()
    }

    fn stands_by(&self) -> Option<String> {
        self.inner.stands_by()
    }

    fn readiness(&self) -> Readiness {
        self.inner.readiness()
    }

    fn metrics(&self) -> Async<'_, String> {
        self.inner.metrics()
    }

    fn largest_push(&self) -> usize {
        self.inner.largest_push()
    }

    fn admit(&self, head: &PushHead<'_>) -> Result<(), Received> {
        self.inner.admit(head)
    }

    fn push_was_too_large(&self, source: &Name, peer: IpAddr) {
        self.inner.push_was_too_large(source, peer);
    }

    fn receive(&self, push: Push) -> Async<'_, Received> {
        self.inner.receive(push)
    }
}

/// The log itself.
pub struct AuditLog {
    facts: Facts,
    environment: Arc<dyn Environment>,
    kept: usize,
    written: AtomicU64,
}

impl AuditLog {
    /// The log of a state.
    pub const fn new(facts: Facts, environment: Arc<dyn Environment>) -> Self {
        Self { facts, environment, kept: KEPT, written: AtomicU64::new(0) }
    }

    /// Writes down that a caller was not allowed to do what they asked for.
    pub async fn refuse(&self, what: &str, caller: &Caller, why: &str) {
        let who = caller.name.clone().unwrap_or_else(|| UNNAMED_USER.to_owned());
        let refused = AuditOutcome::Refused(why.to_owned());
        self.record(entry(self.environment.now(), (&who, caller.way), what, &refused)).await;
    }

    /// Writes an entry. What was done is not undone because it cannot be written down; that is only logged.
    async fn record(&self, entry: AuditEntry) {
        if let Err(error) = self.write(&entry).await {
            let AuditEntry { who, what, .. } = &entry;
            tracing::error!(%error, who, what, "the audit log could not be written");
        }
    }

    async fn write(&self, entry: &AuditEntry) -> Result<(), StateError> {
        let mut writes = vec![put(Table::Audit, &self.environment.new_id(), entry)?];
        if self.written.fetch_add(1, Ordering::Relaxed).is_multiple_of(TIDIED) {
            let scan = Scan { newest_first: true, ..Scan::default() };
            let old = self
                .facts
                .scan::<AuditEntry>(Table::Audit, scan)
                .await?
                .into_iter()
                .skip(self.kept.saturating_sub(1));
            writes.extend(old.map(|(key, _)| Write::Remove(Table::Audit, key)));
        }
        self.facts.commit(writes).await
    }
}

fn entry(at: Timestamp, (who, way): (&str, Way), what: &str, outcome: &AuditOutcome) -> AuditEntry {
    let way = match way {
        Way::Local => AuditWay::Local,
        Way::Http => AuditWay::Http,
    };
    let outcome = match outcome {
        AuditOutcome::Done(text) => AuditOutcome::Done(short(text)),
        AuditOutcome::Failed(text) => AuditOutcome::Failed(short(text)),
        AuditOutcome::Refused(text) => AuditOutcome::Refused(short(text)),
    };
    AuditEntry { at, who: short(who), way, what: short(what), outcome }
}

/// A text on one line, cut to what an entry holds.
fn short(text: &str) -> String {
    let one_line = text.chars().map(foreign::in_line);
    let mut cut: String = one_line.clone().take(LONGEST).collect();
    if one_line.count() > LONGEST {
        cut.push('…');
    }
    cut
}

/// Who asks, as far as it is known.
fn who(request: &Request, caller: &Caller) -> String {
    let claimed = match request {
        Request::Apply(_, options) => Some(&options.by),
        Request::AcceptPending { by, .. } | Request::Rollback { by, .. } => Some(by),
        Request::Resume { by, .. } => by.as_ref(),
        _ => None,
    };
    let claimed = claimed.map(|by| &**by);
    caller.name.as_deref().or(claimed).unwrap_or(UNNAMED_USER).to_owned()
}

/// The part of an answer that says what was done.
fn remember(said: &mut AuditOutcome, reply: &Reply) {
    *said = match reply {
        Reply::Applied(generation) => AuditOutcome::Done(format!("generation {generation}")),
        Reply::Done(text) => AuditOutcome::Done(text.clone()),
        Reply::Report(report) => reported(report),
        Reply::NewToken(_) => AuditOutcome::Done("the token was shown once".to_owned()),
        _ => return,
    };
}

/// What came of runs that were asked for. Failed when one of them has, and when one did not begin that was to.
fn reported(report: &RunReport) -> AuditOutcome {
    let named = |name: &Name, why: &str| format!("{name}: {why}");
    let count = report.runs.len();
    let mut parts = vec![format!("{count} run{}", if count == 1 { "" } else { "s" })];
    let failed = report.runs.iter().filter(|run| matches!(run.outcome, RunOutcome::Failed { .. }));
    let failed: Vec<String> = failed.map(|run| run.transfer.to_string()).collect();
    if !failed.is_empty() {
        parts.push(format!("{} failed ({})", failed.len(), failed.join(", ")));
    }
    let missing = report.blocked.iter().chain(&report.ended);
    let missing: Vec<String> = missing.map(|(name, why)| named(name, why)).collect();
    if !missing.is_empty() {
        parts.push(format!("not run: {}", missing.join("; ")));
    }
    let text = parts.join(", ");
    if failed.is_empty() && missing.is_empty() {
        AuditOutcome::Done(text)
    } else {
        AuditOutcome::Failed(text)
    }
}

/// What a request asks, in words.
pub fn in_words(request: &Request) -> String {
    asked(request).what
}

/// What is asked, in words, and whether it changes something.
struct Asked {
    what: String,
    changes: bool,
}

/// What a request asks, in words.
fn asked(request: &Request) -> Asked {
    let changes = |what: String| Asked { what, changes: true };
    let looks = |what: &str| Asked { what: what.to_owned(), changes: false };
    match request {
        Request::Apply(desired, options) => changes(applied(&desired.stack, options)),
        Request::AcceptPending { serial, .. } => {
            changes(format!("apply the pending plan on serial {serial}"))
        }
        Request::Run { integrations } => changes(format!("run{}", list(integrations))),
        Request::Rollback { generation, serial, .. } => {
            changes(format!("roll back to generation {generation} on serial {serial}"))
        }
        Request::ReplayRejects { transfer, only } => changes(replayed(transfer, *only)),
        Request::DropDeliveries { sequences } => changes(format!("drop deliveries{}", list(sequences))),
        Request::Pause { integration, until, .. } => {
            changes(format!("pause {integration}{}", to(until.as_ref())))
        }
        Request::Resume { integration, .. } => changes(format!("resume {integration}")),
        Request::TestAlert { integration } => changes(format!("test the alerts of {integration}")),
        Request::Approve { run } => changes(format!("approve the run {run}")),
        Request::Resync { transfer, since: None } => changes(format!("resync {transfer}")),
        Request::Resync { transfer, since: Some(since) } => {
            changes(format!("resync {transfer} since {since}"))
        }
        Request::CreateToken { name, roles, expires } => {
            changes(format!("create the token {name} for{}{}", list(roles), to(expires.as_ref())))
        }
        Request::RevokeToken { name } => changes(format!("revoke the token {name}")),
        Request::Backup { to } => changes(format!("back up to {}", to.display())),
        Request::Authorize(authorization, _) => changes(format!("authorize {authorization}")),
        Request::BeginAuthorization(..) => looks("begin an authorization"),
        Request::Plan(..) | Request::PlanRollback { .. } => looks("plan"),
        Request::Pending => looks("see the pending plan"),
        Request::Head | Request::Status | Request::StatusOf(_) | Request::Overview(_) => {
            looks("see the status")
        }
        Request::History { .. } | Request::Generation { .. } | Request::Difference { .. } => {
            looks("see the history")
        }
        Request::Resource(_) | Request::Flows => looks("see what is applied"),
        Request::Problems => looks("see what is wrong with the configuration"),
        Request::Runs { .. } => looks("see runs"),
        Request::Entities | Request::EntitiesOf(_) | Request::Records { .. } | Request::Explain { .. } => {
            looks("see records")
        }
        Request::Rejects { .. } | Request::RejectSummary(_) => looks("see rejects"),
        Request::Deliveries { .. } => looks("see deliveries"),
        Request::Sample { .. } => looks("sample a plan"),
        Request::Look(_) => looks("look at a source"),
        Request::Info => looks("see what the state holds"),
        Request::Check => looks("check the state"),
        Request::Tokens => looks("see tokens"),
        Request::Audit { .. } => looks("see the audit log"),
    }
}

fn applied(stack: &Name, options: &ApplyOptions) -> String {
    let ApplyOptions { plan, serial, rollback_to, .. } = options;
    let what = match rollback_to {
        Some(number) => format!("roll {stack} back to generation {number}"),
        None => format!("apply {stack}"),
    };
    let delete = if plan.allow_delete { " --allow-delete" } else { "" };
    let rekey = if plan.allow_rekey { " --allow-rekey" } else { "" };
    format!("{what} on serial {serial}{delete}{rekey}")
}

fn replayed(transfer: &Name, only: Option<RejectsOf>) -> String {
    match only {
        None => format!("replay the rejects of {transfer}"),
        Some(RejectsOf::Id(id)) => format!("replay the reject {id} of {transfer}"),
        Some(RejectsOf::Group(group)) => format!("replay the rejects of {transfer} in the group {group}"),
    }
}

fn list(names: impl IntoIterator<Item = impl std::fmt::Display>) -> String {
    names.into_iter().map(|name| format!(" {name}")).collect()
}

fn to(until: Option<&Timestamp>) -> String {
    until.map(|until| format!(" until {until}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use raccord_store::{Opener, Store};

    use super::*;
    use raccord_connect::System;

    #[tokio::test]
    async fn the_oldest_entries_go() {
        let home = tempfile::TempDir::new().unwrap();
        let system = System::default();
        let opener = Opener { verb: "test".to_owned(), at: system.now(), lineage: system.new_id() };
        let store = Arc::new(Store::open(&home.path().join("state.redb"), &opener).unwrap());
        let facts = Facts::new(store);
        let log = AuditLog { kept: 5, ..AuditLog::new(facts.clone(), Arc::new(system)) };
        for at in 0..=TIDIED {
            log.refuse(&format!("see {at}"), &Caller::local(), "no").await;
        }
        let kept = facts.scan::<AuditEntry>(Table::Audit, Scan::default()).await.unwrap();
        let kept: Vec<String> = kept.into_iter().map(|(_, entry)| entry.what).collect();
        assert_eq!(kept, ["see 96", "see 97", "see 98", "see 99", "see 100"]);
    }

    #[test]
    fn runs_that_failed_or_did_not_begin_are_not_done() {
        let missing = |name: &str| (name.parse().unwrap(), "it is paused".to_owned());
        let report = RunReport::default();
        assert_eq!(reported(&report), AuditOutcome::Done("0 runs".to_owned()));
        let blocked = RunReport { blocked: vec![missing("shop")], ..report };
        let expected = "0 runs, not run: shop: it is paused";
        assert_eq!(reported(&blocked), AuditOutcome::Failed(expected.to_owned()));
    }

    #[test]
    fn an_entry_is_one_line_of_a_bounded_length() {
        assert_eq!(short("a\nb\tc"), "a b c");
        assert_eq!(short(&"é".repeat(LONGEST)).chars().count(), LONGEST);
        assert_eq!(short(&"é".repeat(LONGEST + 1)).chars().count(), LONGEST + 1);
        assert!(short(&"é".repeat(LONGEST + 1)).ends_with('…'));
    }
}
