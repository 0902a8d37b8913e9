//! A logical replication slot has one reader alone: two transfers that read from one would take each other's changes away.

use raccord_model::diagnostic::{Code, Finding};
use raccord_model::language::connector::table::PostgresTables;
use raccord_model::language::{AuthorizationSpec, ByNameOrInline};
use raccord_model::{DataTypeName, Name};

use super::CheckContext;

/// A transfer that reads from a slot of a database.
struct Reader<'s> {
    transfer: &'s Name,
    authorization: Option<&'s ByNameOrInline<AuthorizationSpec>>,
    slot: &'s str,
}

/// Every active transfer that reads from the slot of another one.
pub(super) fn check(scene: CheckContext<'_, '_>) -> Vec<(usize, Finding)> {
    let mut readers: Vec<Reader<'_>> = Vec::new();
    let mut findings = Vec::new();
    for held in scene.all.transfers.values().filter(|held| held.spec.active) {
        let Some(source) = scene.all.sources.get(&held.spec.source).map(|held| &held.spec) else { continue };
        let Some(tables) = source.settings.get::<PostgresTables>() else { continue };
        let transfer = &held.metadata.name;
        let named = held.spec.data_type.as_ref().map_or(transfer.as_str(), DataTypeName::as_str);
        let Some((_, data_type)) = tables.data_types.iter().find(|(name, _)| name.as_str() == named) else {
            continue;
        };
        let Some(changes) = &data_type.changes else { continue };
        let reader = Reader { transfer, authorization: source.authorization.as_ref(), slot: &changes.slot };
        let is_same = |it: &&Reader<'_>| it.slot == reader.slot && it.authorization == reader.authorization;
        if let Some(first) = readers.iter().find(is_same) {
            let (slot, first) = (reader.slot, first.transfer);
            let message = format!(
                "the transfer `{first}` reads from the slot `{slot}` already, and each would take changes away from the other"
            );
            let help = "give each transfer a data type with a slot of its own";
            findings.push((
                held.at,
                Finding::error(&["spec", "source"], Code::ConflictingFields, message).help(help),
            ));
        }
        readers.push(reader);
    }
    findings
}
