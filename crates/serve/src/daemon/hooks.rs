//! Webhooks as they come: which source may be told what, whether a delivery is the service's own, and whose inbox it
//! goes into. Acknowledged is only what is durable.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::HeaderMap;
use jiff::Timestamp;
use raccord_compiler::webhook;
use raccord_model::fact::Uid;
use raccord_model::port::inbox::{Accepted, InboxError};
use raccord_model::port::webhook::{Delivery as Presented, Refused, SignatureHeaders, Verifier, Webhooks};
use raccord_model::secret::{SecretError, SecretRef};
use raccord_model::{Kind, Name};

use super::allowance::{Allowance, COMPLAINTS, complain};
use super::dropped::Tallies;
use super::receiver::{Receiver, receiver};
use crate::request::{DroppedBecause, DroppedDeliveries};
use crate::serving::{Push, PushHead, Received};
use raccord_run::Ports;
use raccord_run::applied::Applied;

/// The webhooks of a generation.
pub(crate) struct Hooks {
    webhooks: Arc<dyn Webhooks>,
    /// Where files of secrets are.
    root: PathBuf,
    stack: Option<Name>,
    /// Where services reach us, without a slash at the end.
    url: Option<String>,
    by_source: BTreeMap<Name, Receiver>,
    /// By the headers of the signatures that sources want, one of the sources that want it.
    by_signature: BTreeMap<SignatureHeaders, Name>,
    /// Of deliveries to places that are not there.
    complaints: Mutex<Allowance>,
    /// What was not kept, whatever generation was in force.
    tallies: Arc<Tallies>,
    /// Sources whose deliveries could not be verified the last time, and why: a secret is missing. A caller that asks how the
    /// daemon stands is told this, and has no secret read.
    unverifiable: Mutex<BTreeMap<Name, String>>,
}

/// From how many bytes on a body takes longer to be proved and read than others should wait.
const HEAVY: usize = 256 << 10;

impl Hooks {
    /// The webhooks of a generation. What is not kept of their deliveries is counted.
    pub(crate) fn of(applied: &Applied, webhooks: &Arc<dyn Webhooks>, tallies: &Arc<Tallies>) -> Self {
        let settings = applied.desired.stack_settings();
        let mut by_source = BTreeMap::new();
        for key in applied.index.keys().filter(|key| key.kind == Kind::Source) {
            if let Some(receiver) = receiver(applied, &key.name) {
                by_source.insert(key.name.clone(), receiver);
            }
        }
        let mut by_signature = BTreeMap::new();
        for (source, receiver) in &by_source {
            if let Some(signature) = SignatureHeaders::of(&receiver.verify) {
                by_signature.entry(signature).or_insert_with(|| source.clone());
            }
        }
        tallies.keep_inactive(|source| by_source.get(source).is_some_and(Receiver::has_unread));
        let url = settings.webhooks.map(|public| public.url.trim_end_matches('/').to_owned());
        let complaints = Mutex::new(Allowance::new(COMPLAINTS));
        let unverifiable = Mutex::default();
        let stack = applied.head.stack.clone();
        let root = applied.head.root.as_deref().unwrap_or(".").into();
        let webhooks = Arc::clone(webhooks);
        let tallies = Arc::clone(tallies);
        let hooks =
            Self { webhooks, root, stack, url, by_source, by_signature, complaints, tallies, unverifiable };
        hooks.look();
        hooks
    }

    /// Whether there are secrets that a vault or a program holds.
    fn waits_for_others(&self) -> bool {
        let mut secrets = self.by_source.values().flat_map(|receiver| receiver.verify.references());
        secrets.any(SecretRef::is_elsewhere)
    }

    /// Asks for the secrets that a vault or a program holds, so that no delivery waits for them.
    async fn read_ahead(&self) {
        for receiver in self.by_source.values() {
            self.webhooks.read_ahead(&receiver.verify, &self.root).await;
        }
    }

    /// Tells what keeps deliveries from being verified, once what a vault or a program holds was asked for.
    pub(crate) fn begin(self: &Arc<Self>) {
        if !self.waits_for_others() {
            return self.tell_problems();
        }
        let hooks = Arc::clone(self);
        drop(tokio::spawn(async move {
            Arc::clone(&hooks).look_all().await;
            hooks.tell_problems();
        }));
    }

    /// Reads the secrets of all webhooks anew.
    pub(crate) async fn look_all(self: Arc<Self>) {
        self.read_ahead().await;
        drop(tokio::task::spawn_blocking(move || self.look()).await);
    }

    fn tell_problems(&self) {
        for problem in self.problems() {
            tracing::error!("{problem}");
        }
    }

    /// Tries anew whether the deliveries of every source can be verified. Reads files.
    pub(crate) fn look(&self) {
        for (source, receiver) in &self.by_source {
            drop(self.verifier(source, receiver));
        }
    }

    /// Sources whose deliveries could not be verified when that was last tried, and why: a secret is missing.
    pub(crate) fn problems(&self) -> Vec<String> {
        let unverifiable = self.unverifiable.lock().unwrap_or_else(PoisonError::into_inner);
        let problem = |(source, why): (&Name, &String)| {
            format!("deliveries to the source {source} cannot be verified: {why}")
        };
        unverifiable.iter().map(problem).collect()
    }

    /// The sources whose deliveries something active reads.
    pub(super) fn wanting(&self) -> BTreeSet<Name> {
        let wanting = self.by_source.iter().filter(|(_, receiver)| receiver.is_read());
        wanting.map(|(source, _)| source.clone()).collect()
    }

    /// What was not kept: the webhooks of the next generation go on counting.
    pub(crate) const fn tallies(&self) -> &Arc<Tallies> {
        &self.tallies
    }

    /// What was not kept of the deliveries to sources that are there.
    pub(super) fn dropped(&self) -> Vec<DroppedDeliveries> {
        self.tallies.of(|source| self.by_source.contains_key(source))
    }

    /// What deliveries to a source are verified with now.
    fn verifier(&self, source: &Name, receiver: &Receiver) -> Result<Box<dyn Verifier>, SecretError> {
        let verifier = self.webhooks.verifier(&receiver.verify, &self.root);
        let mut unverifiable = self.unverifiable.lock().unwrap_or_else(PoisonError::into_inner);
        match &verifier {
            Ok(_) => drop(unverifiable.remove(source)),
            Err(error) => drop(unverifiable.insert(source.clone(), error.to_string())),
        }
        verifier
    }

    /// What is said to a sender that has proved nothing: the same whatever is wrong, and whether there is such a source or
    /// not. While a secret is missing no sender can prove anything to one of them, and each is to send it again.
    fn unproved(&self) -> Received {
        let unverifiable = self.unverifiable.lock().unwrap_or_else(PoisonError::into_inner);
        if unverifiable.is_empty() { Received::Refused } else { Received::Unavailable }
    }

    /// How many bytes a delivery may have to the source that allows the most.
    pub(crate) fn largest(&self) -> usize {
        let largest = self.by_source.values().map(|receiver| receiver.hook.max_body()).max();
        usize::try_from(largest.unwrap_or_default()).unwrap_or(usize::MAX)
    }

    /// Refuses a delivery whose head shows that it cannot be proved, whatever its body is. What has the headers of a
    /// signature is read wherever it is sent to: else a body that does not come would tell whether there is such a source.
    pub(crate) fn admit(&self, head: &PushHead<'_>, now: Timestamp) -> Result<(), Received> {
        let &PushHead { stack, source, headers, query, peer } = head;
        if self.stand_in(headers).is_some() {
            return Ok(());
        }
        let receiver = self.known(stack, source, peer)?;
        let verifier = self.prepare(source, receiver)?;
        verifier.admit(headers, query).map_err(|refused| {
            self.tallies.count(source, DroppedBecause::Refused, (refused.to_string(), now));
            receiver.complain(|| tracing::warn!(%source, %peer, %refused, "a delivery is refused"));
            self.unproved()
        })
    }

    /// A source that wants the signature whose headers are there.
    fn stand_in(&self, headers: &HeaderMap) -> Option<&Receiver> {
        let mut signatures = self.by_signature.iter();
        let (_, source) = signatures.find(|(signature, _)| signature.are_in(headers).is_ok())?;
        self.by_source.get(source)
    }

    /// What takes deliveries to a source, when there is one.
    fn known(&self, stack: &Name, source: &Name, peer: IpAddr) -> Result<&Receiver, Received> {
        self.receiver(stack, source).ok_or_else(|| {
            complain(&self.complaints, || {
                tracing::warn!(%stack, %source, %peer, "a delivery to a stack or source that has no webhook here");
            });
            self.unproved()
        })
    }

    fn prepare(&self, source: &Name, receiver: &Receiver) -> Result<Box<dyn Verifier>, Received> {
        self.verifier(source, receiver).map_err(|error| {
            receiver.complain(|| tracing::error!(%source, %error, "deliveries cannot be verified"));
            self.unproved()
        })
    }

    /// The source whose own a delivery is.
    fn prove(&self, push: &Push, now: Timestamp) -> Result<&Receiver, Received> {
        let source = &push.source;
        let pretend = |_: &Received| self.pretend(push, now);
        let receiver = self.known(&push.stack, source, push.peer).inspect_err(pretend)?;
        let verifier = self.prepare(source, receiver).inspect_err(pretend)?;
        self.verify(verifier.as_ref(), push, now).map_err(|refused| {
            if !verifier.wants_signature() {
                self.pretend(push, now);
            }
            self.tallies.count(source, DroppedBecause::Refused, (refused.to_string(), now));
            receiver
                .complain(|| tracing::warn!(%source, peer = %push.peer, %refused, "a delivery is refused"));
            self.unproved()
        })?;
        self.tallies.proved(source);
        Ok(receiver)
    }

    fn verify(&self, verifier: &dyn Verifier, push: &Push, now: Timestamp) -> Result<(), Refused> {
        let url = self.url.as_ref().map(|url| format!("{url}{}", path(push)));
        let query = push.query.as_deref();
        let presented = Presented { headers: &push.headers, body: &push.body, url: url.as_deref(), query };
        verifier.verify(&presented, now)
    }

    /// Takes the time that a delivery with such a signature takes where it is looked at: how long the answer is in coming
    /// does not tell whether there is such a source, either.
    fn pretend(&self, push: &Push, now: Timestamp) {
        let stand_in = self.stand_in(&push.headers);
        let verifier =
            stand_in.and_then(|receiver| self.webhooks.verifier(&receiver.verify, &self.root).ok());
        if let Some(verifier) = verifier {
            // Whatever it says, it was sent to another source.
            drop(self.verify(verifier.as_ref(), push, now));
        }
    }

    fn receiver(&self, stack: &Name, source: &Name) -> Option<&Receiver> {
        self.by_source.get(source).filter(|_| self.stack.as_ref() == Some(stack))
    }

    /// Says that a delivery was too large, unless enough was said.
    pub(crate) fn complain_of_size(&self, source: &Name, peer: IpAddr) {
        let complaints = self.by_source.get(source).map_or(&self.complaints, |receiver| &receiver.complaints);
        complain(complaints, || tracing::warn!(%source, %peer, "a delivery is larger than `maxBody` allows"));
    }

    /// Takes a delivery. The transfers into whose inbox it went come back with it.
    pub(crate) async fn receive(&self, ports: &Ports, push: Push) -> (Received, Vec<Uid>) {
        let nothing = |received| (received, Vec::new());
        let source = &push.source;
        let receiver = match heavy(push.body.len(), || self.prove(&push, ports.environment.now())) {
            Ok(receiver) => receiver,
            Err(received) => return nothing(received),
        };
        if u64::try_from(push.body.len()).map_or(true, |length| length > receiver.hook.max_body()) {
            self.complain_of_size(source, push.peer);
            self.count_unreadable(source, "it is larger than `maxBody` allows", ports.environment.now());
            return nothing(Received::TooLarge);
        }
        if let Some(retry_after) = receiver.wait_for_allowance() {
            receiver.complain(|| tracing::warn!(%source, "more deliveries than the source allows"));
            return nothing(Received::TooMany { retry_after });
        }
        let accepts = match heavy(push.body.len(), || receiver.read(&push, ports)) {
            Ok((accepts, unwanted)) => {
                self.tell_unwanted((source, receiver), &unwanted, ports.environment.now());
                if accepts.is_empty() {
                    return nothing(Received::Ignored);
                }
                accepts
            }
            Err(webhook::Unreadable::TooMany) => {
                receiver
                    .complain(|| tracing::warn!(%source, "a delivery has more events than are read at once"));
                self.count_unreadable(
                    source,
                    "it has more events than are read at once",
                    ports.environment.now(),
                );
                return nothing(Received::TooLarge);
            }
            Err(error) => {
                receiver.complain(|| tracing::warn!(%source, %error, "a delivery cannot be read"));
                self.count_unreadable(source, &error.to_string(), ports.environment.now());
                // What was signed for one address proves nothing at another.
                let is_elsewhere = matches!(error, webhook::Unreadable::UnsignedUrl);
                return nothing(if is_elsewhere { Received::Refused } else { Received::Unreadable });
            }
        };
        let transfers: BTreeSet<Uid> = accepts.iter().flat_map(|accept| accept.transfers.clone()).collect();
        match ports.inbox.accept_all(accepts).await {
            Ok(Accepted::New) => (Received::Accepted, transfers.into_iter().collect()),
            Ok(Accepted::Replayed) => nothing(Received::Replayed),
            Err(error) => {
                let full = matches!(error, InboxError::Full { .. });
                receiver.complain(|| tracing::error!(%source, %error, full, "a delivery could not be kept"));
                nothing(Received::Unavailable)
            }
        }
    }
}

impl Hooks {
    /// Counts a genuine delivery that cannot be taken.
    fn count_unreadable(&self, source: &Name, why: &str, now: Timestamp) {
        self.tallies.count(source, DroppedBecause::Unreadable, (why.to_owned(), now));
    }

    /// Counts and says that a delivery is not kept for these transfers, which YAML does not activate.
    fn tell_unwanted(
        &self,
        (source, receiver): (&Name, &Receiver),
        transfers: &BTreeSet<&Name>,
        now: Timestamp,
    ) {
        if transfers.is_empty() {
            return;
        }
        let names = transfers.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        receiver.complain(|| {
            tracing::warn!(%source, transfers = %names, "a delivery is not kept: these transfers are not active");
        });
        self.tallies.count(source, DroppedBecause::Inactive, (names, now));
    }
}

/// Does what takes long for a body of so many bytes where no other task waits for it.
fn heavy<T>(length: usize, work: impl FnOnce() -> T) -> T {
    if length > HEAVY { tokio::task::block_in_place(work) } else { work() }
}

/// The path under which the delivery came.
fn path(push: &Push) -> String {
    let mut path = format!("/hooks/{}/{}", push.stack, push.source);
    if let (Some(data_type), Some(event)) = (&push.data_type, &push.event) {
        path = format!("{path}/{data_type}/{event}");
    }
    path
}
