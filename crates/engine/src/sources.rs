//! Opens sources for runs and for looking at them. Transfers of one source share its connections, and sources of
//! one authorization share a budget of requests.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use raccord_compiler::connector::Stream;
use raccord_connect::{Budget, SecretReader, SourceShared};
use raccord_model::language::{AuthorizationSpec, ByNameOrInline, ConnectorSettings, SourceSpec};
use raccord_model::port::source::{Source, SourceError};
use raccord_model::rate::Rate;
use raccord_model::{Desired, Digest, Key, Kind, Name, Spec};

use crate::applied::Applied;
use crate::environment::Environment;
use crate::run::job::Job;

/// The sources, over many generations: what has not changed stays open.
pub struct Sources {
    environment: Arc<dyn Environment>,
    open: Mutex<Open>,
}

/// What is open already.
#[derive(Default)]
struct Open {
    /// By source, with the digest of what it said.
    shared: BTreeMap<Name, (Option<Digest>, SourceShared)>,
    /// By authorization, with its rate.
    budgets: BTreeMap<Name, (Option<Rate>, Budget)>,
}

impl Sources {
    /// None is open yet.
    pub fn new(environment: Arc<dyn Environment>) -> Self {
        Self { environment, open: Mutex::default() }
    }

    /// Forgets what this configuration does not have: runs under way keep what they use.
    pub fn keep(&self, desired: &Desired) {
        let sources: BTreeMap<&Name, &SourceSpec> = desired
            .resources
            .iter()
            .filter_map(|(key, wanted)| match &wanted.resource.spec {
                Spec::Source(spec) => Some((&key.name, spec)),
                _ => None,
            })
            .collect();
        let payers: BTreeSet<&Name> = sources.iter().map(|(name, spec)| payer(name, spec)).collect();
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.shared.retain(|name, _| sources.contains_key(name));
        open.budgets.retain(|name, _| payers.contains(name));
    }

    /// The source of a job.
    pub fn open(&self, applied: &Applied, job: &Job) -> Result<Box<dyn Source>, SourceError> {
        let name = &job.spec.source;
        let Some(spec) = applied.desired.source(name) else {
            let message = "the generation in force does not have this source".to_owned();
            return Err(SourceError::Answer { place: name.to_string(), message });
        };
        let authorization = authorization(spec, |name| applied.desired.authorization(name));
        let root = Path::new(applied.head.root.as_deref().unwrap_or("."));
        let shared = self.shared(&applied.desired, (name, spec), root)?;
        raccord_connect::open_source(job.stream.clone(), authorization, root, &shared)
    }

    /// One data type of a source of a configuration.
    pub fn open_stream(
        &self,
        desired: &Desired,
        (name, spec): (&Name, &SourceSpec),
        stream: Stream,
        root: &Path,
    ) -> Result<Box<dyn Source>, SourceError> {
        let authorization = authorization(spec, |name| desired.authorization(name));
        let shared = self.shared(desired, (name, spec), root)?;
        raccord_connect::open_source(stream, authorization, root, &shared)
    }

    /// What the transfers of a source share.
    pub fn shared(
        &self,
        desired: &Desired,
        (name, spec): (&Name, &SourceSpec),
        root: &Path,
    ) -> Result<SourceShared, SourceError> {
        let key = Key::new(Kind::Source, name.clone());
        let digest = desired.resources.get(&key).map(|wanted| wanted.digest);
        let payer = payer(name, spec);
        let rate = rate(desired, payer);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let is_current = open.budgets.get(payer).is_some_and(|(known, _)| *known == rate);
        if let (Some((known, shared)), true) = (open.shared.get(name), is_current)
            && *known == digest
        {
            return Ok(shared.clone());
        }
        if !is_current {
            open.budgets.insert(payer.clone(), (rate, Budget::new(rate)));
        }
        let budget = open.budgets.get(payer).map(|(_, budget)| budget.clone()).unwrap_or_default();
        let (variables, clock) = (Arc::clone(&self.environment), Arc::clone(&self.environment));
        let secrets = SecretReader::new(Arc::new(move |name| variables.variable(name)), root);
        let (seed, _) = self.environment.new_id().as_u64_pair();
        let shared = SourceShared::new(&spec.settings, secrets, Arc::new(move || clock.now()), seed)?
            .paying(&budget)
            .authorized_by(authorization_name(spec).map(Name::as_str));
        open.shared.insert(name.clone(), (digest, shared.clone()));
        Ok(shared)
    }
}

/// The name of a source's Authorization, when it has one of its own.
fn authorization_name(spec: &SourceSpec) -> Option<&Name> {
    match &spec.authorization {
        Some(ByNameOrInline::ByName(name)) => Some(name),
        _ => None,
    }
}

/// Whose budget a source's requests are paid from: that of the authorization it names, or its own.
fn payer<'a>(name: &'a Name, spec: &'a SourceSpec) -> &'a Name {
    authorization_name(spec).unwrap_or(name)
}

/// The strictest rate among the sources that pay from one budget.
fn rate(desired: &Desired, payer_wanted: &Name) -> Option<Rate> {
    let sources = desired.resources.iter().filter_map(|(key, wanted)| match &wanted.resource.spec {
        Spec::Source(spec) if payer(&key.name, spec) == payer_wanted => Some(spec),
        _ => None,
    });
    sources
        .filter_map(|spec| match &spec.settings {
            ConnectorSettings::Http(http) => http.rate_limit,
            ConnectorSettings::File(_) => None,
        })
        // Fewer requests in a longer time are stricter: a/b < c/d when a·d < c·b.
        .min_by_key(|rate| u64::from(rate.count) * 86_400 / u64::from(rate.period.max(1)))
}

/// The authorization of a source: inline, or found by its name.
pub fn authorization<'a>(
    spec: &'a SourceSpec,
    find: impl FnOnce(&Name) -> Option<&'a AuthorizationSpec>,
) -> Option<&'a AuthorizationSpec> {
    match spec.authorization.as_ref()? {
        ByNameOrInline::Inline(authorization) => Some(authorization),
        ByNameOrInline::ByName(name) => find(name),
    }
}

#[cfg(test)]
mod tests {
    use raccord_config::load_texts;

    use super::*;
    use crate::environment::System;

    /// A configuration with these sources, some of which pay from one budget.
    fn with(names: &[&str]) -> Desired {
        let authorization =
            "apiVersion: raccord/v1\nkind: Authorization\nmetadata: {name: paid}\nspec: {type: none}\n";
        let source = |name: &&str| {
            let authorization = if name.starts_with('p') { "paid" } else { "{type: none}" };
            format!(
                "---\napiVersion: raccord/v1\nkind: Source\nmetadata: {{name: {name}}}\nspec: {{connector: http, \
                 authorization: {authorization}, config: {{baseUrl: 'http://127.0.0.1:9', dataTypes: {{a: {{}}}}}}}}\n"
            )
        };
        let text = authorization.to_owned() + &names.iter().map(source).collect::<String>();
        let loaded = load_texts(vec![("a.yaml".to_owned(), text.into_bytes())], ".", &[].into());
        loaded.desired.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics))
    }

    #[test]
    fn what_is_open_is_what_is_in_force() {
        let sources = Sources::new(Arc::new(System::default()));
        let known = |sources: &Sources| {
            let open = sources.open.lock().unwrap();
            let names =
                |names: Vec<&Name>| names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(" ");
            (names(open.shared.keys().collect()), names(open.budgets.keys().collect()))
        };
        for (wanted, shared, budgets) in [
            (&["a", "b", "p1", "p2"][..], "a b p1 p2", "a b paid"),
            (&["b", "p2", "c"], "b c p2", "b c paid"),
            (&["c"], "c", "c"),
            (&[], "", ""),
        ] {
            let desired = with(wanted);
            sources.keep(&desired);
            for name in wanted {
                let name: Name = name.parse().unwrap();
                let spec = desired.source(&name).unwrap();
                sources.shared(&desired, (&name, spec), Path::new(".")).unwrap();
            }
            assert_eq!(known(&sources), (shared.to_owned(), budgets.to_owned()), "{wanted:?}");
        }
    }
}
