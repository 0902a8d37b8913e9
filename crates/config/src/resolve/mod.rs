//! From documents that are right to [`Desired`]: references expanded, defaults left out, paths settled.
//!
//! Nothing is checked here any more; what a check let through has one canonical form.

mod canonical;
mod paths;

use std::collections::{BTreeMap, BTreeSet};

use raccord_model::diagnostic::{Code, Finding};
use raccord_model::language::integration::AlertEntry;
use raccord_model::language::stack::DEFAULT_STACK;
use raccord_model::language::{
    AlertSpec, AuthorizationSpec, ByNameOrInline, IntegrationSpec, MappingSpec, Metadata, RENAMED_FROM,
    SourceSpec, SubscriptionSpec, TransferSpec,
};
use raccord_model::resource::Wanted;
use raccord_model::{Desired, Key, Name, Resource, Spec};
use rayon::prelude::*;

use crate::diagnose::{Document, Report};
use crate::document::{Documents, Held, Table};

pub(crate) use paths::{clean, is_absolute};

/// The whole configuration, resolved. `root` is what data paths are relative to without a Stack.
pub(crate) fn resolve(
    documents: &[Document<'_>],
    all: Documents,
    root: &str,
    report: &mut Report,
) -> Option<Desired> {
    let directory = |at: usize| documents.get(at).map_or(root, |document| document.text.directory.as_str());
    let stack = all.stacks.values().next();
    let root = stack.map_or(root, |held| directory(held.at)).to_owned();
    let stack = match stack {
        Some(held) => held.metadata.name.clone(),
        None => DEFAULT_STACK.parse().ok()?,
    };
    let mut resolver = Resolver { pending: Vec::new(), authorizations: BTreeSet::new(), documents, report };
    for held in all.stacks.into_values() {
        resolver.add(held, |_, spec| Spec::Stack(canonical::stack(spec)));
    }
    resolver.authorizations.extend(all.authorizations.keys().cloned());
    for held in all.authorizations.into_values() {
        resolver.add(held, |_, spec| Spec::Authorization(spec));
    }
    for mut held in all.projects.into_values() {
        resolver.lift_authorization((held.at, &held.metadata), &mut held.spec.store.authorization);
        resolver.add(held, |_, spec| Spec::Project(canonical::project(spec)));
    }
    for mut held in all.sources.into_values() {
        resolver.lift_authorization((held.at, &held.metadata), &mut held.spec.authorization);
        let directory = directory(held.at);
        resolver.add(held, |_, spec| Spec::Source(source(spec, directory, &root)));
    }
    for held in all.transfers.into_values() {
        resolver.add(held, |name, spec| Spec::Transfer(transfer(name, spec, &all.mappings)));
    }
    for held in all.integrations.into_values() {
        resolver.add(held, |_, spec| Spec::Integration(integration(spec, &all.subscriptions, &all.alerts)));
    }
    Some(Desired { stack, root, resources: resolver.seal() })
}

/// How many resources a configuration that is right comes to: those that are documents, and the Authorizations that stand
/// in Sources and Projects.
pub(crate) fn count(all: &Documents) -> usize {
    let is_inline = |authorization: &&Option<ByNameOrInline<AuthorizationSpec>>| {
        matches!(authorization, Some(ByNameOrInline::Inline(_)))
    };
    let Documents { stacks, projects, authorizations, sources, transfers, integrations, .. } = all;
    let of_sources = sources.values().map(|held| &held.spec.authorization);
    let of_projects = projects.values().map(|held| &held.spec.store.authorization);
    let inline = of_sources.chain(of_projects).filter(is_inline).count();
    stacks.len()
        + projects.len()
        + authorizations.len()
        + sources.len()
        + inline
        + transfers.len()
        + integrations.len()
}

/// A resource without its digest.
struct Pending {
    /// The number of its document.
    at: usize,
    key: Key,
    resource: Resource,
    renamed_from: Option<Name>,
}

struct Resolver<'r, 't> {
    pending: Vec<Pending>,
    /// The names of the Authorizations that are pending.
    authorizations: BTreeSet<Name>,
    documents: &'r [Document<'t>],
    report: &'r mut Report,
}

impl Resolver<'_, '_> {
    fn add<S>(&mut self, held: Held<S>, resolve: impl FnOnce(&Name, S) -> Spec) {
        let Held { at, metadata, spec } = held;
        let Metadata { name, labels, mut annotations } = metadata;
        let renamed_from = annotations.remove(RENAMED_FROM).and_then(|old| old.parse().ok());
        let spec = resolve(&name, spec);
        let key = Key::new(spec.kind(), name);
        self.pending.push(Pending {
            at,
            key,
            resource: Resource { labels, annotations, spec },
            renamed_from,
        });
    }

    /// Gives each resource its digest.
    fn seal(self) -> BTreeMap<Key, Wanted> {
        let Self { pending, documents, report, .. } = self;
        let digests: Vec<_> =
            pending.par_iter().map(|it| it.resource.seal().map(|(_, digest)| digest)).collect();
        let mut sealed = Vec::with_capacity(pending.len());
        for (it, digest) in pending.into_iter().zip(digests) {
            let Pending { at, key, resource, renamed_from } = it;
            match digest {
                Ok(digest) => sealed.push((key, Wanted { resource, digest, renamed_from })),
                Err(error) => {
                    let why = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
                    let message = format!("{key} has no canonical form: {why}");
                    if let Some(document) = documents.get(at) {
                        report.finding(document, Finding::error(&["spec"], Code::InvalidValue, message));
                    }
                }
            }
        }
        sealed.into_iter().collect()
    }

    /// Turns an inline authorization into a resource of its holder's name.
    fn lift_authorization(
        &mut self,
        (at, holder): (usize, &Metadata),
        authorization: &mut Option<ByNameOrInline<AuthorizationSpec>>,
    ) {
        let name = holder.name.clone();
        match authorization.take() {
            Some(ByNameOrInline::Inline(spec)) => {
                *authorization = Some(ByNameOrInline::ByName(name.clone()));
                self.add_lifted((at, name), holder.annotations.get(RENAMED_FROM).cloned(), spec);
            }
            other => *authorization = other,
        }
    }

    fn add_lifted(&mut self, (at, name): (usize, Name), old: Option<String>, spec: AuthorizationSpec) {
        // It is renamed with its holder, unless the old name is still in use.
        let is_free = old
            .as_deref()
            .and_then(|old| old.parse().ok())
            .is_some_and(|old: Name| !self.authorizations.contains(&old));
        let annotations = old.filter(|_| is_free).map(|old| (RENAMED_FROM.to_owned(), old));
        let metadata =
            Metadata { name, labels: BTreeMap::new(), annotations: annotations.into_iter().collect() };
        self.authorizations.insert(metadata.name.clone());
        self.add(Held { at, metadata, spec }, |_, spec| Spec::Authorization(spec));
    }
}

fn source(mut spec: SourceSpec, directory: &str, root: &str) -> SourceSpec {
    spec.settings.make_canonical(&|path| paths::rebase(path, directory, root));
    if let Some(webhook) = &mut spec.webhook {
        canonical::webhook(webhook);
    }
    spec
}

fn transfer(name: &Name, mut spec: TransferSpec, mappings: &Table<MappingSpec>) -> TransferSpec {
    if spec.data_type.as_ref().is_some_and(|data_type| data_type.as_str() == name.as_str()) {
        spec.data_type = None;
    }
    expand(&mut spec.mapping, mappings);
    if let Some(schedule) = &mut spec.schedule {
        canonical::schedule(schedule);
    }
    spec
}

/// Puts what a name stands for in its place.
fn expand<T: Clone>(reference: &mut Option<ByNameOrInline<T>>, table: &Table<T>) {
    let named = reference.as_ref().and_then(ByNameOrInline::name).and_then(|name| table.get(name));
    if let Some(held) = named {
        *reference = Some(ByNameOrInline::Inline(held.spec.clone()));
    }
}

fn integration(
    mut spec: IntegrationSpec,
    subscriptions: &Table<SubscriptionSpec>,
    alerts: &Table<AlertSpec>,
) -> IntegrationSpec {
    for subscription in spec.subscriptions.values_mut() {
        let named = subscription.name().and_then(|name| subscriptions.get(name));
        if let Some(held) = named {
            *subscription = ByNameOrInline::Inline(held.spec.clone());
        }
    }
    for alert in &mut spec.alerts {
        let AlertEntry::ByName(name) = alert else { continue };
        if let Some(held) = alerts.get(name) {
            *alert = AlertEntry::Inline(held.spec.clone());
        }
    }
    spec.alerts.sort();
    spec.alerts.dedup();
    spec
}
