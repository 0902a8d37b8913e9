//! Which transfers an overview is about: by integration, by name, by a text or a label. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use raccord_model::fact::Uid;
use raccord_model::language::{ByNameOrInline, TransferSpec};
use raccord_model::port::authorization::Agreement;
use raccord_model::{Key, Kind, Name};
use raccord_run::applied::Applied;

use crate::request::OverviewQuery;

/// A transfer under one of the integrations that want it, or under none.
pub(super) struct Candidate<'a> {
    pub(super) integration: Option<&'a Name>,
    pub(super) name: &'a Name,
    pub(super) uid: Uid,
    pub(super) spec: &'a TransferSpec,
    /// Every integration that wants it.
    pub(super) wanted_by: Arc<[&'a Name]>,
}

/// The transfers that have the text and the label: by integration, then by name; at the end those that none wants.
pub(super) fn find<'a>(applied: &'a Applied, query: &OverviewQuery) -> Vec<Candidate<'a>> {
    let mut wanted_by: BTreeMap<&Name, Vec<&Name>> = BTreeMap::new();
    for (integration, _, spec) in applied.integrations() {
        for transfer in spec.subscriptions.keys() {
            wanted_by.entry(transfer).or_default().push(integration);
        }
    }
    let mut found = Vec::new();
    for (name, uid, spec) in applied.transfers() {
        let wanting: Arc<[&Name]> = wanted_by.remove(name).unwrap_or_default().into();
        let under = wanting.iter().copied().map(Some).chain(wanting.is_empty().then_some(None));
        for integration in under {
            found.push(Candidate { integration, name, uid, spec, wanted_by: Arc::clone(&wanting) });
        }
    }
    let text = query.text.as_ref().map(|text| text.trim().to_lowercase()).filter(|text| !text.is_empty());
    let label = query.label.as_ref().map(|label| label.trim()).filter(|label| !label.is_empty());
    found.retain(|found| {
        text.as_ref().is_none_or(|text| has_text(found, text))
            && label.is_none_or(|label| has_label(applied, found, label))
    });
    // Those without an integration come last.
    found.sort_by_key(|found| (found.integration.is_none(), found.integration, found.name));
    found
}

fn has_text(found: &Candidate<'_>, text: &str) -> bool {
    let has = |name: &Name| name.as_str().contains(text);
    has(found.name)
        || has(&found.spec.source)
        || found.integration.is_some_and(has)
        || found.spec.to.to_string().contains(text)
}

fn has_label(applied: &Applied, found: &Candidate<'_>, label: &str) -> bool {
    let (wanted, value) = match label.split_once(['=', ':']) {
        Some((wanted, value)) => (wanted.trim(), Some(value.trim())),
        None => (label, None),
    };
    let has = |kind: Kind, name: &Name| {
        let resource = applied.desired.resources.get(&Key::new(kind, name.clone()));
        let known = resource.and_then(|wanted_resource| wanted_resource.resource.labels.get(wanted));
        known.is_some_and(|known| value.is_none_or(|value| known == value))
    };
    has(Kind::Transfer, found.name) || found.integration.is_some_and(|name| has(Kind::Integration, name))
}

/// How the Authorization of a transfer's source stands, when it has tokens.
pub(super) fn agreement(
    applied: &Applied,
    agreements: &BTreeMap<Name, Agreement>,
    spec: &TransferSpec,
) -> Option<Agreement> {
    if agreements.is_empty() {
        return None;
    }
    let source = applied.desired.source(&spec.source)?;
    agreements.get(source.authorization.as_ref().and_then(ByNameOrInline::name)?).copied()
}
