//! Tells services where to push, and to stop: carries out the steps that applies leave when that changes.
//!
//! Only the daemon does, for without it nothing would answer. The steps that failed at an apply are retried beside them. What is wanted is read from the generation in force and
//! compared with what was registered, so a step that is carried out twice, or late, does no harm. Between a service's
//! answer and our note of it a kill may come; then the next attempt has the same idempotency key.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use raccord_model::backoff::doubled;
use raccord_model::fact::{StepFact, StepWork, Uid, WebhookFact};
use raccord_model::failpoint::Failpoint;
use raccord_model::port::state::{Scan, StateError, Table, Write};
use raccord_model::port::webhook::{Announcement, Service, WebhookError};
use raccord_model::{Key, Kind, Name};
use raccord_plan::{Registration, WEBHOOK_STEPS, registrations};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::error::DaemonError;
use raccord_run::Ports;
use raccord_run::applied::Applied;
use raccord_run::facts::put;

/// How long a step waits after its first failure; twice as long after each other one.
const FIRST_WAIT: Duration = Duration::from_mins(1);

/// How long it waits at most.
const LONGEST_WAIT: Duration = Duration::from_hours(1);

/// The same of the other steps: a database is mostly back soon, and runs wait for it.
const FIRST_RETRY: Duration = Duration::from_secs(10);
const LONGEST_RETRY: Duration = Duration::from_mins(5);

/// Carries out steps until it is dropped.
pub struct Registrar {
    looked: Arc<Notify>,
    task: AbortHandle,
}

impl Registrar {
    /// Begins with the steps that are there.
    pub fn begin(ports: &Ports) -> Self {
        let (ports, looked) = (ports.clone(), Arc::new(Notify::new()));
        let woken = Arc::clone(&looked);
        let task = tokio::spawn(async move {
            loop {
                let ours = waits(carry_out(&ports).await, (FIRST_WAIT, LONGEST_WAIT));
                let theirs = waits(crate::steps::carry_out(&ports).await, (FIRST_RETRY, LONGEST_RETRY));
                let wait = ours.into_iter().chain(theirs).min();
                tokio::select! {
                    () = woken.notified() => {}
                    () = sleep(wait) => {}
                }
            }
        });
        Self { looked, task: task.abort_handle() }
    }

    /// There may be other steps.
    pub fn look(&self) {
        self.looked.notify_one();
    }
}

impl Drop for Registrar {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn sleep(wait: Option<Duration>) {
    match wait {
        Some(wait) => tokio::time::sleep(wait).await,
        None => std::future::pending().await,
    }
}

/// How long steps wait of which one has failed so often.
fn waits(left: Result<Option<u32>, DaemonError>, (first, longest): (Duration, Duration)) -> Option<Duration> {
    match left {
        Ok(left) => left.map(|attempts| doubled(first, attempts, longest)),
        Err(error) => {
            tracing::error!(%error, "the steps of applies cannot be read");
            Some(longest)
        }
    }
}

/// Carries out every step about a webhook. One that fails stays, with its error; the fewest attempts that one of
/// them has had come back, and nothing when none is left.
pub async fn carry_out(ports: &Ports) -> Result<Option<u32>, DaemonError> {
    let scan = Scan { prefix: WEBHOOK_STEPS.to_owned(), ..Scan::default() };
    let mut by_source: BTreeMap<Uid, Vec<(String, StepFact)>> = BTreeMap::new();
    for (key, step) in ports.facts().scan::<StepFact>(Table::Steps, scan).await? {
        if let StepWork::Webhook { source } = step.work {
            by_source.entry(source).or_default().push((key, step));
        }
    }
    if by_source.is_empty() {
        return Ok(None);
    }
    let applied = ports.applied().await?;
    let resources = applied.desired.resources.iter().map(|(key, wanted)| (key, &wanted.resource));
    let registrations = registrations(&applied.desired.stack, resources);
    let mut left = None;
    for (uid, steps) in by_source {
        let wanted = registrations.iter().find(|(name, _)| is_called(&applied, name, uid));
        let registrar =
            WebhookRegistrar { ports, root: applied.head.root.as_deref().unwrap_or(".").as_ref(), uid };
        let attempts = registrar.settle(wanted.map(|(_, registration)| registration), steps).await?;
        left = left.into_iter().chain(attempts).min();
    }
    Ok(left)
}

fn is_called(applied: &Applied, name: &Name, uid: Uid) -> bool {
    applied.index.get(&Key::new(Kind::Source, name.clone())).is_some_and(|entry| entry.uid == uid)
}

/// Tells one service.
struct WebhookRegistrar<'a> {
    ports: &'a Ports,
    root: &'a Path,
    uid: Uid,
}

/// Why a service was not told.
#[derive(Debug, thiserror::Error)]
enum TellError {
    /// The state did not answer.
    #[error(transparent)]
    State(#[from] StateError),
    /// The service did not do it.
    #[error(transparent)]
    Webhook(#[from] WebhookError),
}

impl WebhookRegistrar<'_> {
    /// Carries the steps of one source out as one; the last of them stays when it fails.
    async fn settle(
        &self,
        wanted: Option<&Registration<'_>>,
        mut steps: Vec<(String, StepFact)>,
    ) -> Result<Option<u32>, DaemonError> {
        let Some((key, mut step)) = steps.pop() else { return Ok(None) };
        let mut writes: Vec<Write> =
            steps.into_iter().map(|(key, _)| Write::Remove(Table::Steps, key)).collect();
        Failpoint::StepBefore.pass();
        let told = self.tell(wanted, &key).await;
        Failpoint::StepAfter.pass();
        let left = match told {
            Ok(()) => {
                writes.push(Write::Remove(Table::Steps, key));
                None
            }
            Err(TellError::State(error)) => return Err(error.into()),
            Err(TellError::Webhook(error)) => {
                step.attempts = step.attempts.saturating_add(1);
                step.error = Some(error.to_string());
                tracing::warn!(%error, attempts = step.attempts, "a webhook could not be registered or removed");
                writes.push(put(Table::Steps, &key, &step)?);
                Some(step.attempts)
            }
        };
        self.ports.facts().commit(writes).await?;
        Ok(left)
    }

    /// Has the service know what is wanted, and nothing else of us.
    async fn tell(&self, wanted: Option<&Registration<'_>>, key: &str) -> Result<(), TellError> {
        let facts = self.ports.facts();
        let known: Option<WebhookFact> = facts.get(Table::Webhooks, &self.uid.to_string()).await?;
        if let Some(known) = known {
            if wanted.is_some_and(|wanted| wanted.is_known_by(&known.url, &known.source)) {
                return Ok(());
            }
            self.remove(&known).await?;
            facts.commit(vec![Write::Remove(Table::Webhooks, self.uid.to_string())]).await?;
        }
        let Some(wanted) = wanted else { return Ok(()) };
        let id = self.register(wanted, key).await?;
        tracing::info!(url = wanted.url, id, "a webhook is registered");
        let fact = WebhookFact {
            id,
            url: wanted.url.clone(),
            source: wanted.source.clone(),
            authorization: wanted.authorization.cloned(),
        };
        Ok(facts.commit(vec![put(Table::Webhooks, &self.uid, &fact)?]).await?)
    }

    async fn register(&self, wanted: &Registration<'_>, key: &str) -> Result<String, WebhookError> {
        let webhook = wanted.source.webhook.as_ref();
        let secret = webhook.and_then(|webhook| webhook.verify.secrets()?.0.first());
        let announcement = Announcement { url: &wanted.url, secret, key };
        let service = Service { source: wanted.source, authorization: wanted.authorization, root: self.root };
        self.ports.outside.webhooks.register(service, announcement).await
    }

    async fn remove(&self, known: &WebhookFact) -> Result<(), WebhookError> {
        let service =
            Service { source: &known.source, authorization: known.authorization.as_ref(), root: self.root };
        self.ports.outside.webhooks.unregister(service, &known.id).await?;
        tracing::info!(url = known.url, id = known.id, "a webhook is removed");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_doubles_the_wait_up_to_an_hour() {
        let minutes = |attempts| {
            let wait = waits(Ok(Some(attempts)), (FIRST_WAIT, LONGEST_WAIT));
            wait.unwrap().as_secs() / 60
        };
        assert_eq!([0, 1, 2, 3, 7, 40].map(minutes), [1, 1, 2, 4, 60, 60]);
        assert_eq!(waits(Ok(None), (FIRST_WAIT, LONGEST_WAIT)), None);
    }
}
