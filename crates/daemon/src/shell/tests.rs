//! The shell on a real state file, without the loop around it: what it hears, in which order, and when it sleeps.

mod clock;
mod superseded;

use std::sync::Arc;
use std::time::Duration;

use raccord_config::load_texts;
use raccord_model::fact::{
    Decided, IntegrationFact, Run, RunCause, RunId, RunOutcome, Tally, ToldFact, TransferFact,
};
use raccord_model::port::state::{StateError, Table, Write};
use tempfile::TempDir;

use super::*;
use crate::apply::{self, Wanted};
use raccord_connect::System;
use raccord_model::port::environment::Environment as _;
use raccord_run::facts::put;
use raccord_run::runner::{DecidedBy, Ended, Runner, Start};
use raccord_store::{Opener, Store};

const CONFIGURATION: &str = "\
apiVersion: raccord/v1
kind: Project
metadata: {name: crm}
spec: {entities: {contact: {key: id, fields: {id: text}}}}
---
apiVersion: raccord/v1
kind: Source
metadata: {name: shop}
spec: {connector: file, config: {dataTypes: {people: {path: people.csv}}}}
---
apiVersion: raccord/v1
kind: Transfer
metadata: {name: people}
spec: {source: shop, to: crm.contact, active: true, schedule: EVERY, mapping: {primaryKey: {id: id}}}
---
apiVersion: raccord/v1
kind: Integration
metadata: {name: shop}
spec: {active: true, subscriptions: {people: [created]}, alerts: [{webhook: 'http://127.0.0.1:9'}]}
";

/// A state with its configuration applied.
struct Place {
    ports: Ports,
    home: TempDir,
}

impl Place {
    async fn new() -> Self {
        let home = TempDir::new().unwrap();
        let system = System::default();
        let opener = Opener { verb: "test".to_owned(), at: system.now(), lineage: system.new_id() };
        let store = Store::open(&home.path().join("state.redb"), &opener).unwrap();
        let place = Self { ports: crate::embedded::ports(store, Arc::new(system)), home };
        place.apply("1h").await;
        place
    }

    /// Applies a configuration in which the transfer runs every so often.
    async fn apply(&self, every: &str) {
        self.apply_text(CONFIGURATION.replace("EVERY", every)).await;
    }

    async fn apply_text(&self, text: String) {
        let text = text.into_bytes();
        let root = self.home.path().to_str().unwrap();
        let loaded = load_texts(vec![("a.yaml".to_owned(), text)], root, &[].into());
        let desired = loaded.desired.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics));
        let wanted = Wanted {
            plan: raccord_plan::Options::default(),
            serial: self.ports.state.head().await.unwrap().serial,
            by: "test".to_owned(),
            rollback_to: None,
            commit: None,
        };
        apply::apply(&self.ports, &desired, &wanted).await.unwrap();
    }

    async fn shell(&self) -> Shell {
        let settings = Settings {
            origin: Origin::Api,
            policy: crate::reload::Policy::default(),
            drain: Duration::from_secs(1),
            by: "test".to_owned(),
            scheduling: None,
        };
        Shell::new(&self.ports, settings).await.unwrap()
    }

    async fn applied(&self) -> Arc<Applied> {
        Arc::new(Applied::load(&self.ports.state).await.unwrap())
    }
}

#[tokio::test]
async fn a_time_to_wake_is_used_up() {
    let mut shell = Place::new().await.shell().await;
    shell.wake = Some(shell.now());
    assert_eq!(shell.time_to_wake(), TICK);
    shell.woke();
    assert_eq!(
        shell.time_to_wake(),
        MAX_SLEEP,
        "nothing is to be woken for: it would wake a thousand times a second"
    );
}

#[tokio::test]
async fn a_generation_is_told_as_it_is_when_its_turn_comes() {
    let place = Place::new().await;
    let mut shell = place.shell().await;
    shell.sender.send(Message::InForce(None)).await.unwrap();
    place.apply("2h").await;
    let message = shell.messages.recv().await.unwrap();
    assert!(matches!(message, Message::InForce(None)));
    shell.hear(message, &()).await.unwrap();
    assert_eq!((shell.core.executor.applied().head.generation, shell.core.state.look().generation()), (2, 2));
}

#[tokio::test]
async fn a_full_queue_does_not_hold_the_facts() {
    let place = Place::new().await;
    let shell = place.shell().await;
    let daemon = shell.handle();
    while shell.sender.try_send(Message::StopAsked(0)).is_ok() {}
    let mut told = std::pin::pin!(daemon.changed(BTreeSet::from(["people".parse().unwrap()])));
    let waited = tokio::time::timeout(Duration::from_millis(200), &mut told).await;
    assert!(waited.is_err(), "there is room for another message");
    // Whatever waits for the shell, others change facts meanwhile.
    place.apply("2h").await;
    let mut shell = shell;
    shell.messages.recv().await.unwrap();
    told.await.unwrap();
}

#[tokio::test]
async fn a_run_whose_commit_an_edit_refused_begins_again_though_the_edit_is_not_told_yet() {
    let place = Place::new().await;
    let (mut core, _progress) = Core::new(&place.ports, place.applied().await, Policy::Daemon);
    core.begin().await.unwrap();
    let (uid, cause) = core.state.look().running().next().unwrap();
    let crate::step::Cause::Scheduled { due } = cause else { panic!("{cause:?}") };
    let transfer: Name = "people".parse().unwrap();
    // As `raccord resync` does it.
    let facts = place.ports.facts();
    let fact = facts.transfer(uid).await.unwrap();
    let decided = Decided { epoch: fact.decided.epoch + 1, reset: fact.decided.epoch + 1 };
    let fact = TransferFact { decided, ..fact };
    facts.commit(vec![put(Table::Transfers, &uid, &fact).unwrap()]).await.unwrap();
    let now = place.ports.environment.now();
    let run = Run {
        id: RunId(place.ports.environment.new_id()),
        transfer_uid: uid,
        transfer: transfer.clone(),
        to: "crm.contact".parse().unwrap(),
        generation: 1,
        cause: RunCause::Scheduled { due },
        started: now,
        ended: Some(now),
        outcome: RunOutcome::Stopped,
        tally: Tally::default(),
        pages: 0,
        parents: raccord_model::fact::Parents::default(),
        notes: Vec::new(),
        unseen: None,
        again: None,
        uncounted: false,
    };
    core.ended(Ended { uid, name: transfer, run: Some(run), error: None }).await.unwrap();
    assert_eq!(core.state.look().running().next(), Some((uid, cause)), "its due time is not served");
}

#[tokio::test]
async fn a_standing_that_is_read_beside_another_generation_writes_nothing() {
    let place = Place::new().await;
    let applied = place.applied().await;
    let uid = applied.transfers().next().unwrap().1;
    let facts = place.ports.facts();
    place.apply("2h").await;
    // As if that had deleted the transfer.
    facts.commit(vec![Write::Remove(Table::Transfers, uid.to_string())]).await.unwrap();
    view::standings(&place.ports, &applied, None).await.unwrap();
    let fact: Option<TransferFact> = facts.get(Table::Transfers, &uid.to_string()).await.unwrap();
    assert_eq!(fact, None, "what is deleted stays fenced");
}

/// A run of the transfer that has failed under the generation in force.
async fn failed(place: &Place) -> (raccord_run::job::Job, Run) {
    let (applied, facts) = (place.applied().await, place.ports.facts());
    let (name, uid, spec) = applied.transfers().next().unwrap();
    let (_, entity) = raccord_run::entity::entity(&facts, &applied, &spec.to).await.unwrap();
    let (fact, wanted) =
        (facts.transfer(uid).await.unwrap(), raccord_run::select::subscribers(&applied, name));
    let job = raccord_run::job::prepare(&applied, name, fact, &entity, wanted).unwrap();
    let now = place.ports.environment.now();
    let error = "no".to_owned();
    let run = Run {
        id: RunId(place.ports.environment.new_id()),
        transfer_uid: uid,
        transfer: name.clone(),
        to: spec.to.clone(),
        generation: applied.head.generation,
        cause: RunCause::Requested,
        started: now,
        ended: Some(now),
        outcome: RunOutcome::Failed { error, unauthorized: false, local: false, partial: false },
        tally: Tally { newly_rejected: 1, ..Tally::default() },
        pages: 0,
        parents: raccord_model::fact::Parents::default(),
        notes: Vec::new(),
        unseen: None,
        again: None,
        uncounted: false,
    };
    (job, run)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ends_of_runs_applies_and_pauses_lose_nothing_of_each_other() {
    const RUNS: u32 = 24;
    let place = Arc::new(Place::new().await);
    let text = |path: &str| {
        let limit =
            "spec: {active: true, breaker: {consecutiveFailures: 1000, rejects: {count: 1000, within: 1h}},";
        let text =
            CONFIGURATION.replace("spec: {active: true, subscriptions", &format!("{limit} subscriptions"));
        text.replace("EVERY", "1h").replace("people.csv", path)
    };
    place.apply_text(text("people.csv")).await;
    let before = place.ports.facts().transfer(failed(&place).await.0.uid).await.unwrap();
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..RUNS {
        let place = Arc::clone(&place);
        writers.spawn(async move {
            let (job, run) = failed(&place).await;
            conclude::conclude(&place.ports, &job, &run).await.unwrap();
        });
    }
    let applying = Arc::clone(&place);
    writers.spawn(async move {
        for path in ["1.csv", "2.csv", "3.csv"] {
            applying.apply_text(text(path)).await;
        }
    });
    let pausing = Arc::clone(&place);
    writers.spawn(async move {
        let integration = pausing.applied().await.integrations().next().unwrap().1;
        let pause =
            raccord_model::fact::Pause { at: pausing.ports.environment.now(), until: None, reason: None };
        let paused = |fact: Option<IntegrationFact>| IntegrationFact {
            pause: Some(pause.clone()),
            ..fact.unwrap_or_default()
        };
        let key = integration.to_string();
        pausing.ports.facts().update(Table::Integrations, &key, paused).await.unwrap();
    });
    writers.join_all().await;
    let (job, facts) = (failed(&place).await.0, place.ports.facts());
    let fact = facts.transfer(job.uid).await.unwrap();
    assert_eq!(fact.observed.consecutive_failures, RUNS);
    assert_eq!(fact.decided.epoch - before.decided.epoch, 3, "each apply counts");
    let integration = facts.integration(job.subscribers[0].uid).await.unwrap();
    assert_eq!(integration.rejects.values().sum::<u64>(), u64::from(RUNS));
    assert!(integration.pause.is_some() && integration.trip.is_none(), "{integration:?}");
}

#[tokio::test]
async fn a_run_that_cannot_be_made_has_failed_and_counts() {
    let place = Place::new().await;
    let facts = place.ports.facts();
    let mut applied = Applied::clone(&*place.applied().await);
    // As after an update that no longer takes what the one before took.
    applied.desired.resources.retain(|key, _| key.kind != raccord_model::Kind::Source);
    let applied = Arc::new(applied);
    let (name, uid, _) = applied.transfers().next().unwrap();
    let mut runner = Runner::new(&place.ports, Arc::clone(&applied));
    for failures in 1..=2 {
        runner.start(Start {
            uid,
            name: name.clone(),
            cause: RunCause::Requested,
            progress: Box::new(|_, _| {}),
            seat: None,
            decided: DecidedBy::Here,
        });
        let Ended { run, error, .. } = runner.ended().await;
        let run = run.unwrap_or_else(|| panic!("{error:?}"));
        let RunOutcome::Failed { error, local: false, .. } = &run.outcome else { panic!("{run:?}") };
        assert!(error.contains("refers to the source `shop`, which is not there"), "{error}");
        let observed = facts.transfer(uid).await.unwrap().observed;
        assert_eq!((observed.last_run, observed.consecutive_failures), (Some(run.id), failures));
        assert_eq!(facts.runs_of(uid, 9).await.unwrap().len(), usize::try_from(failures).unwrap());
    }
}

#[tokio::test]
async fn a_task_that_breaks_off_is_told_to_have_failed() {
    let mut shell = Place::new().await.shell().await;
    shell.beside(Message::NotApplied(ApplyEnd::Failed, "it broke off".to_owned()), async {
        panic!("a mistake of our own")
    });
    let Some(Message::NotApplied(ApplyEnd::Failed, why)) = shell.messages.recv().await else {
        panic!("another message")
    };
    assert_eq!(why, "it broke off");
}

#[tokio::test]
async fn an_apply_of_what_is_no_longer_there_ends_too() {
    let mut shell = Place::new().await.shell().await;
    shell.apply(raccord_model::Digest([1; 32]));
    let told = shell.messages.recv().await;
    assert!(matches!(told, Some(Message::NotApplied(ApplyEnd::Stale, _))));
}

/// A bad configuration, as a load would tell of it.
fn bad(number: u8) -> Loaded {
    let diagnostic = raccord_model::diagnostic::Diagnostic {
        place: None,
        severity: raccord_model::diagnostic::Severity::Error,
        code: raccord_model::diagnostic::Code::Unreadable,
        message: "no".to_owned(),
        path: String::new(),
        help: None,
    };
    let digest = raccord_model::Digest([number; 32]);
    Loaded { digest, configuration: None, diagnostics: vec![diagnostic], trouble: None }
}

#[tokio::test]
async fn a_restart_does_not_tell_of_a_bad_configuration_again() {
    let place = Place::new().await;
    // (which bad configuration is read after a restart, or a good one; how many people were told by then)
    for (number, told) in [(Some(1), 1), (Some(1), 1), (Some(2), 2), (Some(1), 2), (None, 2), (Some(1), 3)] {
        let daemon = place.shell().await.handle();
        let Some(number) = number else {
            daemon.forget_told(ToldFact::KEY).await.unwrap();
            continue;
        };
        let bad = bad(number);
        daemon.loaded(&bad, bad.outcome().1);
        daemon.report_bad(&place.ports).await.unwrap();
        assert!(daemon.board().is_bad, "it is shown, also when it was told");
        let waiting = raccord_run::notice::outbox::waiting(&place.ports.facts()).await.unwrap();
        assert_eq!(waiting.len(), told, "{number}");
    }
}

/// What is known to have been told is read, changed and written back by others: it is not taken away between their
/// reading and their writing, for then they decide anew.
#[tokio::test]
async fn what_was_told_is_forgotten_also_while_others_add_to_it() {
    let place = Place::new().await;
    let daemon = place.shell().await.handle();
    let told = async || place.ports.facts().get::<ToldFact>(Table::Told, ToldFact::KEY).await.unwrap();
    let bad = bad(1);
    daemon.loaded(&bad, bad.outcome().1);
    daemon.report_bad(&place.ports).await.unwrap();
    let mut transaction = place.ports.facts().transaction();
    let before = transaction.get::<ToldFact>(Table::Told, ToldFact::KEY).await.unwrap().unwrap();
    daemon.forget_told(ToldFact::KEY).await.unwrap();
    // What follows from what was read before is refused.
    let next = before.with(raccord_model::Digest([2; 32])).unwrap();
    transaction.put(Table::Told, &ToldFact::KEY, &next).unwrap();
    let refused = transaction.commit().await;
    assert!(matches!(refused, Err(StateError::FactConflict { found: None, .. })), "{refused:?}");
    assert_eq!(told().await, None, "what was told before is forgotten");
    daemon.report_bad(&place.ports).await.unwrap();
    assert_eq!(told().await, ToldFact::default().with(bad.digest));
}

#[tokio::test]
async fn a_daemon_ends_when_its_state_is_not_where_it_was() {
    let place = Place::new().await;
    let shell = place.shell().await;
    std::fs::remove_file(place.home.path().join("state.redb")).unwrap();
    let (_stop, stopped) = watch::channel(false);
    let (_reload, reload) = mpsc::channel(1);
    let signals = Signals { stop: stopped, changed: Arc::default(), reload, pull: None };
    let error = reloading::in_one_line(&shell.live(signals, &()).await.unwrap_err());
    assert!(error.contains("removed or renamed while it was in use"), "{error}");
}
