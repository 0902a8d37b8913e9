//! One table: what a change of each field of the language means for the data.
//!
//! The plan, the documentation and the fence at run time are all made from it. A test holds it against the
//! schemas: every field has exactly one row, and every row a field.

use crate::key::Kind;
use crate::language::connector;
use crate::plan::Consequence;
use crate::rule::{noted, rule};

pub use crate::rule::{Effect, Rule};

use Consequence::{Deletions, DropField, Guard, None, Rekey, Remap, Reread, Restart};
use Kind::{Authorization, Integration, Project, Source, Stack, Transfer};

/// Where the settings of a connector stand, and the rule behind which those of the connectors come.
const CONFIG: &str = "config";

/// The table, by kind and path: that of the language, and what each connector says of its own settings.
pub fn rules() -> Vec<&'static Rule> {
    let (before, after) =
        RULES.split_at(RULES.iter().position(|rule| rule.path == CONFIG).map_or(0, |at| at + 1));
    before.iter().chain(connector::rules()).chain(after).collect()
}

const SHARE: &str = "a larger share; a smaller one holds more runs, and does nothing else";

/// The rules that hold whatever the connector.
const RULES: &[Rule] = &[
    rule(Stack, "variables", None),
    rule(Stack, "language", None),
    rule(Stack, "mail", None),
    rule(Stack, "limits", None),
    noted(Stack, "webhooks", Effect::Always(None), "services still push to the address that they know"),
    noted(
        Project,
        "entities",
        Effect::Parts { removed: Consequence::Drop, added: None },
        "a removed entity takes its rows with it",
    ),
    noted(Project, "entities.*.key", Effect::Always(Rekey), "needs --allow-rekey"),
    noted(
        Project,
        "entities.*.fields",
        Effect::Parts { removed: DropField, added: None },
        "a new field is filled by the mapping that feeds it",
    ),
    noted(
        Project,
        "entities.*.fields.*.type",
        Effect::Always(Remap),
        "for the transfers that feed the field; a key field's new type re-keys the entity",
    ),
    noted(
        Project,
        "entities.*.fields.*.required",
        Effect::Always(None),
        "applies to records read from now on",
    ),
    noted(
        Project,
        "entities.*.fields.*.default",
        Effect::Always(None),
        "applies to records created from now on",
    ),
    noted(Project, "entities.*.fields.*.unique", Effect::Always(Remap), "so that the rows there are indexed"),
    noted(
        Project,
        "entities.*.fields.*.maxLength",
        Effect::Always(None),
        "applies to records read from now on",
    ),
    noted(
        Project,
        "entities.*.fields.*.options",
        Effect::Always(None),
        "applies to records read from now on",
    ),
    noted(
        Project,
        "entities.*.fields.*.column",
        Effect::Always(Remap),
        "for the transfers that feed the field; the old column stays as it is",
    ),
    noted(
        Project,
        "entities.*.table",
        Effect::Always(Reread),
        "into the new table; the old one stays as it is, and Raccord writes it no more",
    ),
    rule(Project, "entities.*.manage", None),
    noted(
        Project,
        "store",
        Effect::Always(Reread),
        "into the new store; tables of a database stay as they are, embedded rows go, which needs --allow-delete; files whose folder \
         stays the same count on, and a log in them is not read again",
    ),
    rule(Project, "protect", None),
    noted(
        Authorization,
        "",
        Effect::Always(None),
        "another way to prove who we are does not change what is read",
    ),
    rule(Source, "connector", Reread),
    rule(Source, "authorization", None),
    noted(Source, CONFIG, Effect::Always(Reread), "unless the connector has a rule of its own"),
    noted(
        Source,
        "config.dataTypes",
        Effect::Parts { removed: None, added: None },
        "a transfer that still reads a removed data type is an error of validate",
    ),
    noted(Source, "config.dataTypes.*", Effect::Always(Reread), "for the transfers of that data type"),
    noted(Source, "webhook", Effect::Always(None), "applies to what arrives from now on"),
    rule(Source, "protect", None),
    rule(Transfer, "source", Reread),
    rule(Transfer, "dataType", Reread),
    noted(Transfer, "to", Effect::Always(Reread), "the rows in the old entity stay"),
    noted(Transfer, "active", Effect::Activity, ""),
    rule(Transfer, "schedule", Restart),
    noted(
        Transfer,
        "mapping.primaryKey",
        Effect::Always(Rekey),
        "needs --allow-rekey; the first one does nothing, that of an enriching transfer re-maps",
    ),
    rule(Transfer, "mapping.fields", Remap),
    rule(Transfer, "deletes", Deletions),
    noted(Transfer, "deletes.field.maxShare", Effect::Always(Guard), SHARE),
    noted(Transfer, "deletes.webhook.maxShare", Effect::Always(Guard), SHARE),
    noted(Transfer, "deletes.snapshot.maxShare", Effect::Always(Guard), SHARE),
    rule(Transfer, "mode", Remap),
    noted(Transfer, "version", Effect::Always(Remap), "so that every row gets its version"),
    rule(Transfer, "rejects", None),
    noted(Transfer, "resync", Effect::Always(Reread), "that is what it is for"),
    rule(Transfer, "protect", None),
    noted(Integration, "active", Effect::Activity, ""),
    noted(
        Integration,
        "subscriptions",
        Effect::Updates,
        "a wider choice re-reads; `deleted` starts or stops deletions",
    ),
    rule(Integration, "alerts", None),
    rule(Integration, "breaker", None),
    rule(Integration, "protect", None),
];

/// The rule that applies to a path inside a resource: `["spec", "schedule", "every"]`. Labels and annotations
/// have none, and no consequence.
pub fn rule_for<S: AsRef<str>>(kind: Kind, path: &[S]) -> Option<&'static Rule> {
    let (_, path) = path.split_first().filter(|(first, _)| first.as_ref() == "spec")?;
    RULES
        .iter()
        .chain(connector::rules())
        .filter(|rule| rule.kind == kind && covers(rule.path, path))
        .max_by_key(|rule| if rule.path.is_empty() { 0 } else { rule.path.split('.').count() })
}

fn covers<S: AsRef<str>>(rule: &str, path: &[S]) -> bool {
    let mut path = path.iter();
    let mut is_next =
        |segment: &str| path.next().is_some_and(|next| segment == "*" || segment == next.as_ref());
    rule.is_empty() || rule.split('.').all(&mut is_next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_rule_applies() {
        let effect =
            |kind, path: &str| rule_for(kind, &path.split('.').collect::<Vec<_>>()).map(|rule| rule.effect);
        assert_eq!(effect(Transfer, "spec.schedule.every"), Some(Effect::Always(Restart)));
        assert_eq!(effect(Transfer, "spec.mapping.primaryKey.id.from"), Some(Effect::Always(Rekey)));
        assert_eq!(effect(Project, "spec.entities.contact.fields.city.type"), Some(Effect::Always(Remap)));
        assert!(matches!(effect(Project, "spec.entities.contact"), Some(Effect::Parts { .. })));
        assert_eq!(effect(Source, "spec.config.dataTypes.a.records"), Some(Effect::Always(Reread)));
        assert_eq!(effect(Authorization, "spec.token"), Some(Effect::Always(None)));
        assert_eq!(effect(Transfer, "labels.team"), Option::None);
    }
}
