//! Where a stored record comes from, and why the last one with its key was rejected.

use raccord_compiler::mapping::parse_key;
use raccord_model::language::Entity;
use raccord_model::port::destination::{Ledger, RejectQuery, RowQuery};
use raccord_model::{EntityRef, Ident, Name};

use super::records::Columns;
use crate::reply::{Replies, RequestError};
use crate::request::{Explanation, FieldText, RejectView, Reply};
use raccord_run::Ports;
use raccord_run::applied::Applied;

/// How many rejects of each transfer are shown.
const REJECTS: usize = 1_000;

/// Explains the record with a key, given as one text for each key field, in their order.
pub async fn explain(
    ports: &Ports,
    at: &EntityRef,
    key: Vec<FieldText>,
    replies: &mut Replies<'_>,
) -> Result<(), RequestError> {
    let key: Vec<String> = key.into_iter().map(String::from).collect();
    let applied = ports.applied().await?;
    let facts = ports.facts();
    let (entity, fact) = raccord_run::entity::entity(&facts, &applied, at).await?;
    let bytes = key_bytes(entity, at, &key)?;
    let query = RowQuery { incarnation: fact.incarnation, key: Some(bytes.clone()), after: None, limit: 1 };
    let ledger = ports.rows(&applied.desired, &at.project)?.ledger;
    let row = ledger.rows(query).await?.into_iter().next();
    let mut explanation =
        Explanation { row: None, transfer: None, source: None, run: None, rejects: Vec::new() };
    if let Some(stored) = &row {
        let (shown, _) = Columns::new(entity, &fact).decode(&stored.row)?;
        explanation.row = Some(shown);
        explanation.transfer =
            applied.transfers().find(|(_, uid, _)| *uid == stored.owner).map(|(name, ..)| name.clone());
        explanation.source = explanation
            .transfer
            .as_ref()
            .and_then(|name| applied.desired.transfer(name))
            .map(|spec| spec.source.clone());
        explanation.run = facts.run(stored.run).await?;
    }
    explanation.rejects = rejects(ledger.as_ref(), &applied, at, &bytes).await?;
    replies(Reply::Explanation(Box::new(explanation)));
    Ok(())
}

fn key_bytes(entity: &Entity, at: &EntityRef, key: &[String]) -> Result<Vec<u8>, RequestError> {
    let names: Vec<&str> = entity.key.0.iter().map(Ident::as_str).collect();
    let wanted =
        || RequestError::Invalid(format!("the key of `{at}` is {}: give a value for each", names.join(", ")));
    if key.len() != names.len() {
        return Err(wanted());
    }
    let given: Vec<(Ident, String)> = entity.key.0.iter().cloned().zip(key.iter().cloned()).collect();
    parse_key(entity, &given).map_err(RequestError::Invalid)?.ok_or_else(wanted)
}

/// The rejects of the transfers into an entity that carry a key.
async fn rejects(
    ledger: &dyn Ledger,
    applied: &Applied,
    at: &EntityRef,
    key: &[u8],
) -> Result<Vec<RejectView>, RequestError> {
    let feeding: Vec<(&Name, _)> =
        applied.transfers().filter(|(_, _, spec)| spec.to == *at).map(|(name, uid, _)| (name, uid)).collect();
    let mut found = Vec::new();
    for (transfer, uid) in feeding {
        let (transfer_uid, key) = (Some(uid), Some(key.to_vec()));
        let query = RejectQuery { transfer: transfer_uid, id: None, key, limit: REJECTS };
        let kept = ledger.rejects(query).await?;
        found.extend(kept.into_iter().map(|(id, reject)| RejectView::new(id, transfer.clone(), reject)));
    }
    Ok(found)
}
