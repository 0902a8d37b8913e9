//! Keys between their bytes and the columns of a table. A key that the columns cannot hold is in no row.

use raccord_model::decide::Key;
use raccord_model::row::{NotARow, key_values, push_key};
use raccord_model::value::Value;
use tokio_postgres::Row;

use crate::codec::many::{Finished, Many, Raw};
use crate::codec::{self, Unstorable};
use crate::table::Table;

const PARTS: &str = "the key has another number of parts than the key of its table";
const FINER: &str = "the key has an instant that is finer than a microsecond, which PostgreSQL cannot keep";

/// The values of a key, in the order of its columns.
pub(crate) fn values(table: &Table, key: &[u8]) -> Result<Vec<Value<'static>>, Unstorable> {
    let refuse =
        |reason| Unstorable { field: table.key_columns().next().map_or(0, |column| column.field), reason };
    let values = key_values(key).map_err(|NotARow| refuse(PARTS))?;
    if values.len() != table.key.len() {
        return Err(refuse(PARTS));
    }
    let is_finer = |value: &Value<'_>| matches!(value, Value::Datetime(at) if at.nanoseconds % 1_000 != 0);
    if values.iter().any(is_finer) {
        return Err(refuse(FINER));
    }
    Ok(values)
}

/// Many keys as parameters, one for each column of the key.
#[derive(Debug)]
pub(crate) struct KeyLists(Vec<Many>);

impl KeyLists {
    pub(crate) fn new(table: &Table) -> Self {
        Self(table.key_columns().map(|column| Many::new(column.kind.many())).collect())
    }

    /// Adds a key, or nothing of it when the columns cannot hold it.
    pub(crate) fn push(&mut self, table: &Table, key: &[u8]) -> Result<(), Unstorable> {
        let values = values(table, key)?;
        for (at, (column, value)) in table.key_columns().zip(&values).enumerate() {
            let pushed = self.0.get_mut(at).map_or(Ok(()), |list| {
                list.push_with(|out| codec::encode(column, value, out).map(|()| true))
            });
            if pushed.is_err() {
                // The parts before it are no key without it.
                self.0.iter_mut().take(at).for_each(Many::take_back);
                return pushed;
            }
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> Vec<Finished> {
        self.0.into_iter().map(Many::finish).collect()
    }
}

/// Those of some keys that the columns of a table can hold, as parameters.
pub(crate) fn lists<'k>(table: &Table, keys: impl IntoIterator<Item = &'k [u8]>) -> Vec<Finished> {
    let mut lists = KeyLists::new(table);
    for key in keys {
        // One that they cannot hold is in no row, and need not be looked for.
        let _: Result<(), Unstorable> = lists.push(table, key);
    }
    lists.finish()
}

/// The key in the columns of a row, which begin at `first`, in the order of the key.
pub(crate) fn read(table: &Table, row: &Row, first: usize) -> Result<Key, NotARow> {
    let mut key = Vec::new();
    for (at, column) in table.key_columns().enumerate() {
        let Raw(bytes) = row.try_get(first + at).map_err(|_| NotARow)?;
        let value = codec::decode(&column.kind, bytes)?.ok_or(NotARow)?;
        push_key(&mut key, &value).map_err(|_| NotARow)?;
    }
    Ok(key)
}
