//! What a planned configuration would make of rows that are there: the first records of each transfer, mapped
//! by the new rules and laid over what is stored. Nothing is stored.

use std::collections::BTreeMap;
use std::sync::Arc;

use raccord_compiler::mapping::{Layout, Mapped, Wanted};
use raccord_model::fact::EntityFact;
use raccord_model::language::{Entity, TransferSpec};
use raccord_model::port::destination::{DestinationError, Ledger, RowQuery};
use raccord_model::port::records::Page;
use raccord_model::port::source::Read;
use raccord_model::port::state::Table;
use raccord_model::row::{apply_patch, empty_row};
use raccord_model::{Desired, Key, Kind, Name};

use super::records::Columns;
use crate::reply::{Replies, RequestError};
use crate::request::{Reply, Row, Sample};
use raccord_run::Ports;
use raccord_run::columns;
use raccord_run::job::{self, Compiled};

/// Shows rows before and after for each of the transfers.
pub async fn sample(
    ports: &Ports,
    desired: &Desired,
    transfers: &[Name],
    limit: usize,
    replies: &mut Replies<'_>,
) -> Result<(), RequestError> {
    for name in transfers {
        let Some(spec) = desired.transfer(name) else { continue };
        // Without a mapping there is nothing to show yet.
        if job::mapping(spec).is_some() {
            one(ports, desired, (name, spec), limit, replies).await?;
        }
    }
    Ok(())
}

async fn one(
    ports: &Ports,
    desired: &Desired,
    (name, spec): (&Name, &TransferSpec),
    limit: usize,
    replies: &mut Replies<'_>,
) -> Result<(), RequestError> {
    let entity = desired.project(&spec.to.project).and_then(|project| project.entities.get(&spec.to.entity));
    let data_type = job::data_type(name, spec);
    let (Some(entity), Some(data_type)) = (entity, data_type) else { return Ok(()) };
    let fact = layout(ports, desired, spec, entity).await?;
    let ledger = ledger(ports, desired, &spec.to.project).await?;
    let source_spec = super::source::source(desired, &spec.source)?;
    let compiled = job::compile(name, spec, source_spec, entity, &Layout(fact.fields.clone()))?;
    let source = super::source::open(ports.outside.sources.as_ref(), desired, &spec.source, &data_type)?;
    let mut pages = source.open(Read { page_size: Some(limit), ..Read::default() }).await?;
    let mut left = limit;
    while let Some(page) = pages.next().await? {
        columns::check(&compiled.program, &page).map_err(|error| RequestError::Invalid(error.to_string()))?;
        let view = SampleView { ledger: ledger.as_deref(), name, compiled: &compiled, entity, fact: &fact };
        left = view.page(&page, left, replies).await?;
        if left == 0 || page.next.is_none() {
            break;
        }
    }
    Ok(())
}

/// The ids of the entity's fields in the rows that are there; new fields get ids of their own for the while.
async fn layout(
    ports: &Ports,
    desired: &Desired,
    spec: &TransferSpec,
    entity: &Entity,
) -> Result<EntityFact, RequestError> {
    let index = ports.state.index().await?;
    let wanted = desired.resources.get(&Key::new(Kind::Project, spec.to.project.clone()));
    let old_name = wanted.and_then(|wanted| wanted.renamed_from.as_ref()).unwrap_or(&spec.to.project);
    let uid = [&spec.to.project, old_name]
        .into_iter()
        .find_map(|name| index.get(&Key::new(Kind::Project, name.clone())))
        .map(|entry| entry.uid);
    let known: Option<EntityFact> = match uid {
        Some(uid) => ports.facts().get(Table::Entities, &format!("{uid}/{}", spec.to.entity)).await?,
        None => None,
    };
    let mut fact = known.unwrap_or(EntityFact {
        incarnation: 0,
        fields: BTreeMap::default(),
        next_field: 0,
        replaces: Vec::new(),
    });
    for name in entity.fields.keys() {
        if !fact.fields.contains_key(name) {
            fact.fields.insert(name.clone(), fact.next_field);
            fact.next_field += 1;
        }
    }
    Ok(fact)
}

/// What is kept of a project's rows, where they are before the configuration is applied; none of one that is new.
async fn ledger(
    ports: &Ports,
    desired: &Desired,
    project: &Name,
) -> Result<Option<Arc<dyn Ledger>>, RequestError> {
    let applied = ports.applied().await?;
    let wanted = desired.resources.get(&Key::new(Kind::Project, project.clone()));
    let names = [Some(project), wanted.and_then(|wanted| wanted.renamed_from.as_ref())];
    match names.into_iter().flatten().find(|name| applied.desired.project(name).is_some()) {
        Some(name) => Ok(Some(ports.rows(&applied.desired, name)?.ledger)),
        None => Ok(None),
    }
}

/// A record's key, and its patch: none for a deletion, a reason for a reject.
type MappedRecord = (Vec<u8>, Result<Option<Vec<u8>>, String>);

struct SampleView<'v> {
    ledger: Option<&'v dyn Ledger>,
    name: &'v Name,
    compiled: &'v Compiled,
    entity: &'v Entity,
    fact: &'v EntityFact,
}

impl SampleView<'_> {
    /// Shows the records of a page; returns how many more are wanted.
    async fn page(
        &self,
        page: &Page,
        mut left: usize,
        replies: &mut Replies<'_>,
    ) -> Result<usize, RequestError> {
        for (key, mapped) in self.map(page, left) {
            left -= 1;
            let before = self.stored(key).await?;
            let shown = before.as_deref().map(|row| self.shown(row)).transpose()?;
            let (after, reason) = match mapped {
                Ok(Some(patch)) => (Some(self.patched(before.as_deref(), &patch)?), None),
                Ok(None) => (None, None),
                Err(reason) => (None, Some(reason)),
            };
            replies(Reply::Sample(Sample { transfer: self.name.clone(), before: shown, after, reason }));
        }
        Ok(left)
    }

    fn map(&self, page: &Page, limit: usize) -> Vec<MappedRecord> {
        let mut records = self.compiled.program.page(page.records.header(), page.parent.as_deref());
        let mut out = Mapped::default();
        let mapped = page.records.iter().take(limit).map(|record| {
            let mapped = match records.map(record, &mut out) {
                Ok(Wanted::Upsert) => Ok(Some(out.patch.clone())),
                Ok(Wanted::Delete) => Ok(None),
                Err(rejection) => {
                    let field = rejection.field.map(|field| format!("{field}: ")).unwrap_or_default();
                    Err(format!("{field}{}", rejection.reason))
                }
            };
            (out.key.clone(), mapped)
        });
        mapped.collect()
    }

    async fn stored(&self, key: Vec<u8>) -> Result<Option<Vec<u8>>, RequestError> {
        let query = RowQuery { incarnation: self.fact.incarnation, key: Some(key), after: None, limit: 1 };
        let Some(ledger) = self.ledger else { return Ok(None) };
        Ok(ledger.rows(query).await?.into_iter().next().map(|row| row.row))
    }

    fn patched(&self, before: Option<&[u8]>, patch: &[u8]) -> Result<Row, RequestError> {
        let base = before.unwrap_or_else(|| self.compiled.program.defaults());
        let base = if base.is_empty() { empty_row() } else { base };
        let mut row = Vec::new();
        apply_patch(base, patch, &mut row)
            .map_err(|_| RequestError::Destination(DestinationError::Damaged))?;
        self.shown(&row)
    }

    fn shown(&self, row: &[u8]) -> Result<Row, RequestError> {
        Columns::new(self.entity, self.fact).decode(row).map(|(row, _)| row)
    }
}
