//! Stored records, decoded for people: the key first, then the other fields by name.

use std::collections::BTreeMap;

use raccord_compiler::mapping::{kept_text, parse_key};
use raccord_model::fact::{EntityFact, RunId};
use raccord_model::language::Entity;
use raccord_model::port::destination::{DestinationError, Ledger, RowQuery, StoredRow};
use raccord_model::row::{self, FieldId};
use raccord_model::{EntityRef, Ident};

use super::pending_deletions::PendingDeletions;
use crate::reply::{Replies, RequestError};
use crate::request::{Cell, ColumnView, FieldText, PageOf, PageToken, Reply, Row};
use raccord_run::Ports;

/// How many rows are read at a time.
const CHUNK: usize = 1_000;

/// How many rows are looked at for one page.
const LOOKED_AT: usize = 20_000;

/// Which records are asked for.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    /// Only those whose fields have these values, as text.
    pub filter: &'a [(Ident, FieldText)],
    /// At most so many.
    pub limit: usize,
    /// Whether to say how many there are, shown or not.
    pub total: bool,
    /// Whether to say first which columns there are.
    pub columns: bool,
    /// Which page of them.
    pub page: Option<PageOf>,
    /// Only those that go when this held run is approved.
    pub held: Option<RunId>,
}

/// Records of an entity, in the order of their keys.
pub async fn records(
    ports: &Ports,
    at: &EntityRef,
    wanted: Wanted<'_>,
    replies: &mut Replies<'_>,
) -> Result<(), RequestError> {
    let Wanted { filter, limit, total, columns: tells_columns, page, held } = wanted;
    let applied = ports.applied().await?;
    let (entity, fact) = raccord_run::entity::entity(&ports.facts(), &applied, at).await?;
    let filter = filter.iter().map(|(name, text)| {
        let field =
            entity.fields.get(name).ok_or_else(|| format!("the entity `{at}` has no field `{name}`"))?;
        // Compared is what is kept, so that each spelling of a value finds it.
        Ok((name.clone(), kept_text(name, field, &text.to_string())?))
    });
    let filter = filter.collect::<Result<Vec<_>, String>>().map_err(RequestError::Invalid)?;
    let filter = filter.as_slice();
    let columns = Columns::new(entity, &fact);
    if tells_columns {
        replies(Reply::Columns(columns.views(entity)));
    }
    let query = RowQuery {
        incarnation: fact.incarnation,
        key: parse_key(entity, filter).map_err(RequestError::Invalid)?,
        after: None,
        limit: CHUNK,
    };
    let ledger = ports.rows(&applied.desired, &at.project)?.ledger;
    let pending = match held {
        Some(run) => Some(PendingDeletions::of(ports, (run, at), (ledger.as_ref(), fact.incarnation)).await?),
        None => None,
    };
    let reading = Reading { ledger: ledger.as_ref(), columns, filter, pending };
    let lets_all_through = reading.lets_all_through();
    let found = match page {
        Some(page) => {
            let after = page.after.map(|token| token.0);
            reading.page(RowQuery { after, ..query }, limit, replies).await?;
            None
        }
        // Only the rows themselves say how many of them a filter lets through.
        None => Some(reading.all(query, (limit, total && !lets_all_through), replies).await?),
    };
    if total {
        let all = match found {
            Some(found) if !lets_all_through => found,
            _ => ledger.count(fact.incarnation).await?,
        };
        replies(Reply::Total(all));
    }
    Ok(())
}

/// A reading of the rows of one entity.
struct Reading<'a> {
    ledger: &'a dyn Ledger,
    columns: Columns<'a>,
    filter: &'a [(Ident, String)],
    pending: Option<PendingDeletions>,
}

impl Reading<'_> {
    fn lets_all_through(&self) -> bool {
        self.filter.is_empty() && self.pending.is_none()
    }

    /// Rows, each with whether it is among those that would go, should those alone be wanted.
    async fn rows(&self, query: RowQuery) -> Result<Vec<(StoredRow, bool)>, RequestError> {
        let rows = self.ledger.rows(query).await?;
        match self.pending {
            Some(pending) => pending.among(self.ledger, rows).await,
            None => Ok(rows.into_iter().map(|row| (row, true)).collect()),
        }
    }

    /// Shows the first records that the filter lets through; how many there are in all, where all of them are counted.
    async fn all(
        &self,
        mut query: RowQuery,
        (limit, counts): (usize, bool),
        replies: &mut Replies<'_>,
    ) -> Result<u64, RequestError> {
        query.limit = if self.lets_all_through() { limit.min(CHUNK) } else { CHUNK };
        let (mut shown, mut found) = (0, 0_u64);
        while shown < limit || counts {
            let rows = self.rows(query.clone()).await?;
            let is_last = rows.len() < query.limit || query.key.is_some();
            query.after = rows.last().map(|(row, _)| row.key.clone());
            for (row, _) in rows.iter().filter(|(_, is_wanted)| *is_wanted) {
                let Some(record) = self.record(row)? else { continue };
                found += 1;
                if shown < limit {
                    replies(Reply::Record(record));
                    shown += 1;
                }
            }
            if is_last {
                break;
            }
        }
        Ok(found)
    }

    /// Shows one page, and says where the next one begins. A page ends as well when so many rows were looked at that its
    /// reader waits: then it may hold few records, or none.
    async fn page(
        &self,
        mut query: RowQuery,
        limit: usize,
        replies: &mut Replies<'_>,
    ) -> Result<(), RequestError> {
        if limit == 0 {
            return Ok(());
        }
        let (mut shown, mut looked_at) = (0, 0);
        loop {
            query.limit = if self.lets_all_through() { (limit - shown + 1).min(CHUNK) } else { CHUNK };
            let rows = self.rows(query.clone()).await?;
            let is_last = rows.len() < query.limit || query.key.is_some();
            for (row, is_wanted) in rows {
                if shown == limit || looked_at == LOOKED_AT {
                    query.after.map(PageToken).into_iter().for_each(|token| replies(Reply::Next(token)));
                    return Ok(());
                }
                looked_at += 1;
                if let Some(record) = if is_wanted { self.record(&row)? } else { None } {
                    replies(Reply::Record(record));
                    shown += 1;
                }
                query.after = Some(row.key);
            }
            if is_last {
                return Ok(());
            }
        }
    }

    /// A row as a record, when the filter lets it through.
    fn record(&self, row: &StoredRow) -> Result<Option<Row>, RequestError> {
        let (record, texts) = self.columns.decode(&row.row)?;
        Ok(matches(&texts, self.filter).then_some(record))
    }
}

fn matches(texts: &BTreeMap<&Ident, String>, filter: &[(Ident, String)]) -> bool {
    filter.iter().all(|(name, wanted)| texts.get(name).map_or("", String::as_str) == wanted)
}

/// The fields of an entity in the order in which they are shown.
pub struct Columns<'e> {
    names: Vec<&'e Ident>,
    by_id: BTreeMap<FieldId, &'e Ident>,
}

impl<'e> Columns<'e> {
    /// The key fields in their order, then the others by name.
    pub fn new(entity: &'e Entity, fact: &EntityFact) -> Self {
        let others = entity.fields.keys().filter(|name| !entity.key.0.contains(name));
        let names: Vec<_> = entity.key.0.iter().chain(others).collect();
        let by_id = names.iter().filter_map(|name| Some((*fact.fields.get(*name)?, *name))).collect();
        Self { names, by_id }
    }

    /// The fields as they are told.
    pub fn views(&self, entity: &Entity) -> Vec<ColumnView> {
        let view = |name: &&Ident| {
            let field_type = entity.fields.get(*name)?.field_type;
            let is_key = entity.key.0.contains(name);
            Some(ColumnView { name: (*name).clone(), field_type, is_key })
        };
        self.names.iter().filter_map(view).collect()
    }

    /// A row as JSON, and its values as text. Values of fields that are no longer there are passed over.
    pub fn decode(&self, row: &[u8]) -> Result<(Row, BTreeMap<&'e Ident, String>), RequestError> {
        let damaged = |_| RequestError::Destination(DestinationError::Damaged);
        let mut values = BTreeMap::new();
        let mut texts = BTreeMap::new();
        for field in row::fields(row).map_err(damaged)? {
            let field = field.map_err(damaged)?;
            let Some(name) = self.by_id.get(&field.id) else { continue };
            if let Some(value) = field.value().map_err(damaged)? {
                texts.insert(*name, value.to_text());
                let cell = match &value {
                    raccord_model::value::Value::Json(json) => Cell::of_json(json),
                    other => Cell::from(other.to_json()),
                };
                values.insert(*name, cell);
            }
        }
        let record =
            self.names.iter().map(|name| (name.to_string(), values.remove(*name).unwrap_or_default()));
        Ok((Row(record.collect()), texts))
    }
}
