//! Webhooks that services are to know of: which, and which of them an apply changes.
//!
//! A source's webhook is registered while an active integration subscribes to an active transfer of it. Whether the
//! service knows is a matter of facts and not of a plan: an apply leaves a step where what is wanted becomes another,
//! and the step compares it with what was registered.

use std::collections::{BTreeMap, BTreeSet};

use raccord_model::fact::{self, GenerationChange, StepFact, StepWork, Uid};
use raccord_model::language::connector::http::canonical_base_url;
use raccord_model::language::{AuthorizationSpec, ByNameOrInline, SourceSpec};
use raccord_model::plan::Action;
use raccord_model::port::state::{Table, Write};
use raccord_model::resource::Spec;
use raccord_model::{Desired, Digest, Key, Kind, Name, Resource};

use crate::commit::CommitError;
use crate::current::Current;
use crate::plan::{Change, Note};

/// What the key of every such step begins with.
pub const WEBHOOK_STEPS: &str = "webhook/";

/// A webhook that its service is to know of.
#[derive(Debug, Clone)]
pub struct Registration<'a> {
    /// Where the service is to push.
    pub url: String,
    /// The source.
    pub source: &'a SourceSpec,
    /// Its authorization.
    pub authorization: Option<&'a AuthorizationSpec>,
}

impl Registration<'_> {
    /// Whether the service that was told this URL by this source knows all it is to know.
    pub fn is_known_by(&self, url: &str, source: &SourceSpec) -> bool {
        self.url == url && told(self.source) == told(source)
    }
}

/// What a service is told, as far as the source says it.
fn told(source: &SourceSpec) -> Option<impl PartialEq> {
    let webhook = source.webhook.as_deref()?;
    let base_url = source.settings.base_url();
    let base_url = base_url.map(|url| canonical_base_url(url).unwrap_or_else(|| url.to_owned()));
    Some((base_url, webhook.register.as_ref()?, webhook.verify.secrets()))
}

/// The webhooks that services are to know of, by source.
pub fn registrations<'a>(
    stack: &Name,
    resources: impl Iterator<Item = (&'a Key, &'a Resource)>,
) -> BTreeMap<&'a Name, Registration<'a>> {
    let mut base = None;
    let (mut sources, mut transfers) = (BTreeMap::new(), BTreeMap::new());
    let (mut authorizations, mut subscribed) = (BTreeMap::new(), BTreeSet::new());
    for (key, resource) in resources {
        match &resource.spec {
            Spec::Stack(spec) => base = spec.webhooks.as_ref().map(|address| address.url.as_str()),
            Spec::Source(spec) if is_registered(spec) => _ = sources.insert(&key.name, spec),
            Spec::Authorization(spec) => _ = authorizations.insert(&key.name, spec),
            Spec::Transfer(spec) if spec.active => _ = transfers.insert(&key.name, &spec.source),
            Spec::Integration(spec) if spec.active => subscribed.extend(spec.subscriptions.keys()),
            Spec::Project(_) | Spec::Source(_) | Spec::Transfer(_) | Spec::Integration(_) => {}
        }
    }
    let Some(base) = base else { return BTreeMap::new() };
    let fed: BTreeSet<&Name> =
        subscribed.into_iter().filter_map(|transfer| transfers.get(transfer).copied()).collect();
    let registration = |(name, source): (&'a Name, &'a SourceSpec)| {
        let authorization = match source.authorization.as_ref() {
            None => None,
            Some(ByNameOrInline::Inline(authorization)) => Some(authorization),
            Some(ByNameOrInline::ByName(name)) => authorizations.get(name).copied(),
        };
        let url = format!("{}/hooks/{stack}/{name}", base.trim_end_matches('/'));
        (name, Registration { url, source, authorization })
    };
    sources.into_iter().filter(|(name, _)| fed.contains(name)).map(registration).collect()
}

fn is_registered(source: &SourceSpec) -> bool {
    source.webhook.as_ref().is_some_and(|webhook| webhook.register.is_some())
}

/// A step for every source of which another webhook, or none any more, is to be known by its service.
pub(crate) fn steps(
    desired: &Desired,
    current: &Current,
    delta: &[GenerationChange],
    generation: u64,
) -> Result<Vec<Write>, CommitError> {
    let is_ours = |resource: &Resource| matches!(&resource.spec, Spec::Source(spec) if is_registered(spec));
    let wanted = desired.resources.values().map(|wanted| &wanted.resource);
    if !wanted.chain(current.bodies.values()).any(is_ours) {
        return Ok(Vec::new());
    }
    let then: BTreeMap<Key, (Uid, Digest)> =
        current.index.iter().map(|(key, entry)| (key.clone(), (entry.uid, entry.digest))).collect();
    let mut now = then.clone();
    for change in delta {
        if let Some(from) = &change.renamed_from {
            now.remove(&Key::new(change.key.kind, from.clone()));
        }
        match change.after {
            Some(entry) => _ = now.insert(change.key.clone(), (entry.uid, entry.digest)),
            None => _ = now.remove(&change.key),
        }
    }
    let stack = current.head.stack.as_ref().unwrap_or(&desired.stack);
    let before = by_uid(stack, &then, desired, current);
    let after = by_uid(&desired.stack, &now, desired, current);
    let is_same = |uid: &Uid| match (before.get(uid), after.get(uid)) {
        (Some(before), Some(after)) => after.is_known_by(&before.url, before.source),
        (before, after) => before.is_none() && after.is_none(),
    };
    let uids: BTreeSet<&Uid> = before.keys().chain(after.keys()).collect();
    uids.into_iter().filter(|uid| !is_same(uid)).map(|uid| step(*uid, generation)).collect()
}

/// A key of its own for every generation, so that a step which is carried out meanwhile does not end this one.
fn step(source: Uid, generation: u64) -> Result<Write, CommitError> {
    let step = StepFact { work: StepWork::Webhook { source }, attempts: 0, error: None };
    let key = format!("{WEBHOOK_STEPS}{source}/{generation:020}");
    Ok(Write::Put(Table::Steps, key, fact::write(&step)?))
}

/// Sources whose webhook gets another address, or none, where the service was told it by hand.
pub(crate) fn notes(desired: &Desired, current: &Current, changes: &[Change]) -> Vec<Note> {
    let Some(stack) = &current.head.stack else { return Vec::new() };
    let hook = |stack: &Name, source: &Name| format!("/hooks/{stack}/{source}");
    let had_webhook = |name: &Name| {
        let entry = current.index.get(&Key::new(Kind::Source, name.clone()))?;
        // One whose body is not known has not changed.
        let body = current.bodies.get(&entry.digest).or_else(|| {
            let same = desired.resources.values().find(|wanted| wanted.digest == entry.digest);
            same.map(|wanted| &wanted.resource)
        });
        Some(matches!(&body?.spec, Spec::Source(spec) if is_told_by_hand(spec)))
    };
    let moves = desired.resources.iter().filter_map(|(key, wanted)| {
        let Spec::Source(spec) = &wanted.resource.spec else { return None };
        let change = changes.iter().find(|change| change.key == *key);
        let before = change.and_then(|change| change.renamed_from.as_ref()).unwrap_or(&key.name);
        let from = hook(stack, before);
        let to = spec.webhook.as_ref().map(|_| hook(&desired.stack, &key.name));
        let is_told = to.as_ref() != Some(&from) && !is_registered(spec) && had_webhook(before)?;
        is_told.then(|| Note::WebhookMoves { source: key.name.clone(), from, to })
    });
    let goes = |change: &&Change| change.action == Action::Delete && change.key.kind == Kind::Source;
    let ends = changes.iter().filter(goes).filter(|change| had_webhook(&change.key.name) == Some(true));
    let ends = ends.map(|change| Note::WebhookMoves {
        source: change.key.name.clone(),
        from: hook(stack, &change.key.name),
        to: None,
    });
    moves.chain(ends).collect()
}

fn is_told_by_hand(source: &SourceSpec) -> bool {
    source.webhook.is_some() && !is_registered(source)
}

/// The registrations of an index. A body that is not known has not changed and is another one's.
fn by_uid<'a>(
    stack: &Name,
    index: &'a BTreeMap<Key, (Uid, Digest)>,
    desired: &'a Desired,
    current: &'a Current,
) -> BTreeMap<Uid, Registration<'a>> {
    let body = |key: &Key, digest: &Digest| {
        let wanted = desired.resources.get(key).filter(|wanted| wanted.digest == *digest);
        wanted.map(|wanted| &wanted.resource).or_else(|| current.bodies.get(digest))
    };
    let resources = index.iter().filter_map(|(key, (_, digest))| Some((key, body(key, digest)?)));
    let uid = |name: &Name| index.get(&Key::new(Kind::Source, name.clone())).map(|(uid, _)| *uid);
    let found = registrations(stack, resources);
    found.into_iter().filter_map(|(name, registration)| Some((uid(name)?, registration))).collect()
}
