//! Opens the sources of a configuration: the port [`Sources`]. Transfers of one source share its connections, and
//! sources of one authorization share a budget of requests. Reads nothing itself.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use raccord_compiler::connector;
use raccord_manifest::authenticate::TokenStore;
use raccord_model::language::{AuthorizationSpec, ByNameOrInline, SourceSpec};
use raccord_model::port::environment::Environment;
use raccord_model::port::queue::SharedBudget;
use raccord_model::port::source::{Source, SourceError, Sources};
use raccord_model::rate::Rate;
use raccord_model::{DataTypeName, Desired, Digest, Key, Kind, Name, Spec};

use crate::clock::Now;
use crate::credentials::Credentials;
use crate::http::StaticCredentials;
use crate::oauth::{Custody, Keeper, OAuthCredentials, SourceTokens};
use crate::open::Opening;
use crate::secret::{SecretHost, SecretReader};
use crate::shared::{Budget, SourceShared};

/// Opens sources; what has not changed stays open.
pub struct SourcePool {
    environment: Arc<dyn Environment>,
    host: Arc<SecretHost>,
    custody: Option<Custody>,
    is_apart: bool,
    open: Mutex<Open>,
}

/// What is open already.
#[derive(Default)]
struct Open {
    /// By source, with the digest of what it said.
    shared: BTreeMap<Name, (Option<Digest>, SourceShared)>,
    /// By authorization, with its rate.
    budgets: BTreeMap<Name, (Option<Rate>, Budget)>,
    /// By authorization, as budgets are.
    credentials: BTreeMap<Name, Arc<dyn Credentials>>,
}

impl SourcePool {
    /// None is open yet.
    pub fn new(environment: Arc<dyn Environment>) -> Self {
        let host = SecretHost::new(&environment);
        Self { environment, host, custody: None, is_apart: false, open: Mutex::default() }
    }

    /// The same, whose tokens are kept there. Without it they live as long as the process.
    #[must_use]
    pub fn keeping(mut self, custody: Custody) -> Self {
        self.custody = Some(custody);
        self
    }

    /// What the transfers of a source share.
    fn shared(
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
        let (secrets, clock) = (SecretReader::at(root, &self.host), Arc::clone(&self.environment));
        let (seed, _) = self.environment.new_id().as_u64_pair();
        let shared = SourceShared::new(&spec.settings, secrets, Arc::new(move || clock.now()), seed)?
            .paying(&budget)
            .authorized_by(authorization_name(spec).map(Name::as_str))
            .keeping(self.custody.clone().map(|custody| {
                let tokens: Arc<dyn TokenStore> =
                    Arc::new(SourceTokens::new(Keeper::of_source(custody, name)));
                tokens
            }));
        open.shared.insert(name.clone(), (digest, shared.clone()));
        Ok(shared)
    }

    /// The credentials that all readers of an authorization share. Readers under way keep theirs when it changes.
    fn credentials(
        &self,
        holder: &Name,
        authorization: Option<&AuthorizationSpec>,
        root: &Path,
    ) -> Arc<dyn Credentials> {
        let secrets = SecretReader::at(root, &self.host);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let known = open.credentials.get(holder).filter(|known| known.belong_to(authorization, &secrets));
        if let Some(known) = known {
            return Arc::clone(known);
        }
        let clock = Arc::clone(&self.environment);
        let now: Now = Arc::new(move || clock.now());
        let credentials: Arc<dyn Credentials> = match authorization {
            Some(AuthorizationSpec::OAuth2(oauth)) => {
                let keeper = Keeper::new(self.custody.clone(), holder, self.is_apart);
                Arc::new(OAuthCredentials::new(oauth, &secrets, now, keeper))
            }
            _ => Arc::new(StaticCredentials::new(authorization, &secrets).timed(now)),
        };
        open.credentials.insert(holder.clone(), Arc::clone(&credentials));
        credentials
    }
}

impl Sources for SourcePool {
    fn open(
        &self,
        desired: &Desired,
        name: &Name,
        data_type: &DataTypeName,
    ) -> Result<Box<dyn Source>, SourceError> {
        let answer = |message: String| SourceError::Settings { place: name.to_string(), message };
        let spec = desired
            .source(name)
            .ok_or_else(|| answer("the configuration does not have this source".to_owned()))?;
        let (stream, findings) = connector::lower(&spec.settings, data_type);
        let stream = stream.ok_or_else(|| {
            let finding = findings.first().map(|finding| finding.message.clone());
            answer(finding.unwrap_or_else(|| format!("there is no data type `{data_type}`")))
        })?;
        let root = if desired.root.is_empty() { "." } else { &desired.root };
        let shared = self.shared(desired, (name, spec), root.as_ref())?;
        let authorization = authorization(spec, |name| desired.authorization(name));
        let credentials = self.credentials(payer(name, spec), authorization, root.as_ref());
        let opening = Opening { credentials, authorization, root: root.as_ref(), shared: &shared };
        crate::registry::open(&stream, opening)
    }

    fn budget(&self, desired: &Desired, source: &Name) -> Option<SharedBudget> {
        let payer = payer(source, desired.source(source)?);
        let Rate { period, .. } = rate(desired, payer)?;
        Some(SharedBudget { name: payer.to_string(), window: Duration::from_secs(period.into()) })
    }

    fn keep(&self, desired: &Desired) {
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
        open.credentials.retain(|name, _| payers.contains(name));
    }

    fn apart(&self) -> Box<dyn Sources> {
        let custody = self.custody.clone();
        Box::new(Self { custody, is_apart: true, ..Self::new(Arc::clone(&self.environment)) })
    }
}

/// The name of a source's Authorization, when it has one of its own.
fn authorization_name(spec: &SourceSpec) -> Option<&Name> {
    match &spec.authorization {
        Some(ByNameOrInline::ByName(name)) => Some(name),
        Some(ByNameOrInline::Inline(_)) | None => None,
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
        .filter_map(|spec| spec.settings.rate_limit())
        // Fewer requests in a longer time are stricter: a/b < c/d when a·d < c·b.
        .min_by_key(|rate| u64::from(rate.count) * 86_400 / u64::from(rate.period.max(1)))
}

/// The authorization of a source: inline, or found by its name.
fn authorization<'a>(
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
    use crate::system::System;

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
        let sources = SourcePool::new(Arc::new(System::default()));
        let known = |sources: &SourcePool| {
            let open = sources.open.lock().unwrap();
            let names =
                |names: Vec<&Name>| names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(" ");
            assert!(open.budgets.keys().eq(open.credentials.keys()));
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
                drop(sources.open(&desired, &name.parse().unwrap(), &"a".parse().unwrap()).unwrap());
            }
            assert_eq!(known(&sources), (shared.to_owned(), budgets.to_owned()), "{wanted:?}");
        }
    }

    #[test]
    fn readers_of_one_authorization_share_its_credentials_until_it_changes() {
        let sources = SourcePool::new(Arc::new(System::default()));
        let bearer = |token: &str| -> AuthorizationSpec {
            serde_json::from_value(serde_json::json!({"type": "bearer", "token": token})).unwrap()
        };
        let (one, other) = (bearer("${env:A}"), bearer("${env:B}"));
        let of = |name: &str, spec| sources.credentials(&name.parse().unwrap(), Some(spec), ".".as_ref());
        let first = of("crm", &one);
        for (name, spec, expected) in [("crm", &one, true), ("erp", &one, false), ("crm", &other, false)] {
            assert_eq!(Arc::ptr_eq(&first, &of(name, spec)), expected, "{name}");
        }
    }
}
