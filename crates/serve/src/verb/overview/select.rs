//! Which transfers an overview is about: by integration, by name, by a text or a label. What follows from the generation alone
//! is listed once. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use raccord_model::fact::Uid;
use raccord_model::language::ByNameOrInline;
use raccord_model::{EntityRef, Key, Kind, Name};
use raccord_run::applied::Applied;

use crate::request::OverviewQuery;

/// The transfers of a generation under the integrations that want them: by integration, then by name; at the end those that
/// none wants.
#[derive(Debug, Default)]
pub struct Listing {
    lines: Vec<Listed>,
    pub(super) integrations: Vec<ListedIntegration>,
}

/// An integration of a generation.
#[derive(Debug)]
pub(super) struct ListedIntegration {
    pub(super) name: Name,
    pub(super) uid: Uid,
    /// Whether its YAML activates it.
    pub(super) active: bool,
}

/// A transfer under one of the integrations that want it, or under none.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) integration: Option<Name>,
    pub(super) name: Name,
    pub(super) uid: Uid,
    pub(super) source: Name,
    pub(super) to: EntityRef,
    /// Whether its YAML activates it.
    pub(super) active: bool,
    /// The Authorization of its source, when it has one of its own name.
    pub(super) authorization: Option<Name>,
    /// Every integration that wants it.
    pub(super) wanted_by: Arc<[Uid]>,
    /// The name of its entity, as it is searched.
    entity: String,
}

impl Listing {
    /// The transfers of a generation.
    pub fn of(applied: &Applied) -> Self {
        let mut wanted_by: BTreeMap<&Name, Vec<(&Name, Uid)>> = BTreeMap::new();
        let mut integrations = Vec::new();
        for (name, uid, spec) in applied.integrations() {
            integrations.push(ListedIntegration { name: name.clone(), uid, active: spec.active });
            for transfer in spec.subscriptions.keys() {
                wanted_by.entry(transfer).or_default().push((name, uid));
            }
        }
        let mut lines = Vec::new();
        for (name, uid, spec) in applied.transfers() {
            let wanting = wanted_by.remove(name).unwrap_or_default();
            let uids: Arc<[Uid]> = wanting.iter().map(|(_, uid)| *uid).collect();
            let source = applied.desired.source(&spec.source);
            let authorization = source.and_then(|source| source.authorization.as_ref());
            let authorization = authorization.and_then(ByNameOrInline::name);
            let under = wanting.iter().map(|(name, _)| Some(*name));
            for integration in under.chain(wanting.is_empty().then_some(None)) {
                lines.push(Listed {
                    integration: integration.cloned(),
                    name: name.clone(),
                    uid,
                    source: spec.source.clone(),
                    to: spec.to.clone(),
                    active: spec.active,
                    authorization: authorization.cloned(),
                    wanted_by: Arc::clone(&uids),
                    entity: spec.to.to_string(),
                });
            }
        }
        // Those without an integration come last.
        lines.sort_by(|one, other| {
            let key =
                |line: &Listed| (line.integration.is_none(), line.integration.clone(), line.name.clone());
            key(one).cmp(&key(other))
        });
        Self { lines, integrations }
    }

    /// Those that have the text and the label.
    pub(super) fn find<'l>(&'l self, applied: &Applied, query: &OverviewQuery) -> Vec<&'l Listed> {
        let text = query.text.as_ref().map(|text| text.trim().to_lowercase());
        let text = text.filter(|text| !text.is_empty());
        let label = query.label.as_ref().map(|label| label.trim()).filter(|label| !label.is_empty());
        let fits = |line: &&Listed| {
            text.as_ref().is_none_or(|text| line.has_text(text))
                && label.is_none_or(|label| line.has_label(applied, label))
        };
        self.lines.iter().filter(fits).collect()
    }
}

impl Listed {
    fn has_text(&self, text: &str) -> bool {
        let has = |name: &Name| name.as_str().contains(text);
        has(&self.name)
            || has(&self.source)
            || self.integration.as_ref().is_some_and(has)
            || self.entity.contains(text)
    }

    fn has_label(&self, applied: &Applied, label: &str) -> bool {
        let (wanted, value) = match label.split_once(['=', ':']) {
            Some((wanted, value)) => (wanted.trim(), Some(value.trim())),
            None => (label, None),
        };
        let has = |kind: Kind, name: &Name| {
            let resource = applied.desired.resources.get(&Key::new(kind, name.clone()));
            let known = resource.and_then(|wanted_resource| wanted_resource.resource.labels.get(wanted));
            known.is_some_and(|known| value.is_none_or(|value| known == value))
        };
        has(Kind::Transfer, &self.name)
            || self.integration.as_ref().is_some_and(|name| has(Kind::Integration, name))
    }
}
