//! A column that probably says when a row changed last, for data types whose settings name none. It is proposed and never
//! taken: whether every change of a row touches it, a person knows.

use raccord_model::existing::called_changed;

use super::shape::{Column, Sort};
use super::stream::{Relation, TableStream};

/// A sentence that proposes one. `indexed`: the columns with which an index begins.
pub(super) fn of(stream: &TableStream, columns: &[Column], indexed: &[String]) -> Option<String> {
    if stream.field.is_some()
        || stream.changes.is_some()
        || !matches!(stream.relation, Relation::Table { .. })
    {
        return None;
    }
    let times = columns.iter().filter(|column| matches!(column.sort, Sort::Zoned | Sort::Local | Sort::Any));
    let times = times.map(|column| column.name.as_str());
    let has_index = |name: &&str| indexed.iter().any(|column| column == name);
    let found = called_changed(&times.clone().filter(has_index));
    let name = found.or_else(|| called_changed(&times))?;
    let index = if found.is_some() { "" } else { "; it wants an index, or the database looks at every row" };
    Some(format!(
        "`{name}` probably says when a row changed last: with `incremental: {{field: {name}, lookback: 5m}}` a run reads only what has changed{index}"
    ))
}
