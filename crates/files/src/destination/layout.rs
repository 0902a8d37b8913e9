//! Where files lie in the folder of an entity, and which columns they have. Pure.

use std::sync::Arc;

use raccord_model::fact::Uid;
use raccord_model::language::store::{FileMode, PartitionBy, PartitionUnit, snake_case};
use raccord_model::row::FieldId;
use raccord_model::value::Value;
use uuid::Uuid;

use super::world::Entity;
use crate::format::{Cell, Column, ColumnKind};

/// The column that says what became of a record, in files that are appended to.
pub(crate) const OPERATION: &str = "_op";
/// The column that says when it was stored.
pub(crate) const STORED_AT: &str = "_at";

/// What the folder of rows is called that have no value to be partitioned by, as Hive has it.
const NO_VALUE: &str = "__HIVE_DEFAULT_PARTITION__";
/// How many bytes of a value its folder is called by at the most.
const MOST_OF_VALUE: usize = 100;

/// The columns of an entity's files, and in which of them its fields are.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) folder: String,
    pub(crate) columns: Arc<[Column]>,
    /// The ids of fields in ascending order, each with the number of its column.
    by_id: Vec<(FieldId, usize)>,
    /// The columns of the key, in its order.
    pub(crate) key: Vec<usize>,
    partition: Option<Partition>,
    pub(crate) mode: FileMode,
}

/// The column by whose values rows are partitioned.
#[derive(Debug, Clone)]
struct Partition {
    column: usize,
    unit: Option<PartitionUnit>,
}

impl Layout {
    /// The layout of an entity: what is stored about each line, the key, the other fields in the order in which they came.
    pub(crate) fn of(entity: &Entity, mode: FileMode, partition: Option<&PartitionBy>) -> Self {
        let own = |name: &str, kind| Column { name: name.to_owned(), kind };
        let mut columns = match mode {
            FileMode::Append => {
                vec![own(OPERATION, ColumnKind::Text), own(STORED_AT, ColumnKind::Datetime)]
            }
            FileMode::Snapshot => Vec::new(),
        };
        let of_key = entity.key.iter().filter_map(|id| entity.fields.iter().find(|field| field.id == *id));
        let others = entity.fields.iter().filter(|field| !entity.key.contains(&field.id));
        let mut by_id = Vec::new();
        for field in of_key.chain(others) {
            by_id.push((field.id, columns.len()));
            columns.push(own(&field.name, field.field_type.into()));
        }
        let key = by_id.iter().take(entity.key.len()).map(|(_, column)| *column).collect();
        by_id.sort_unstable();
        let partition = partition.and_then(|by| {
            let name = snake_case(by.field_name()?.as_str());
            let column = columns.iter().position(|column| column.name == name)?;
            Some(Partition { column, unit: by.unit() })
        });
        Self { folder: entity.folder.clone(), columns: columns.into(), by_id, key, partition, mode }
    }

    /// Puts the fields of a row into the cells of its columns.
    pub(crate) fn spread<'r>(
        &self,
        row: &'r [u8],
        cells: &mut [Cell<'r>],
    ) -> Result<(), raccord_model::row::NotARow> {
        let mut known = self.by_id.iter().peekable();
        for field in raccord_model::row::fields(row)? {
            let field = field?;
            while known.next_if(|(id, _)| *id < field.id).is_some() {}
            if let Some((_, column)) = known.next_if(|(id, _)| *id == field.id)
                && let Some(cell) = cells.get_mut(*column)
            {
                *cell = field.value()?;
            }
        }
        Ok(())
    }

    /// The field of a column, if it is one.
    pub(crate) fn field_of(&self, column: usize) -> Option<FieldId> {
        self.by_id.iter().find(|(_, number)| *number == column).map(|(id, _)| *id)
    }

    /// The folder within the entity's in which a row lies: `country=CA/`; nothing where rows are not partitioned.
    pub(crate) fn partition_of(&self, cells: &[Cell<'_>], into: &mut String) {
        into.clear();
        let Some(Partition { column, unit }) = &self.partition else { return };
        let Some(name) = self.columns.get(*column).map(|column| &column.name) else { return };
        into.push_str(name);
        into.push('=');
        match cells.get(*column).and_then(Option::as_ref) {
            None => into.push_str(NO_VALUE),
            Some(value) => push_value(value, *unit, into),
        }
        into.push('/');
    }
}

/// Writes a value as a part of a path: letters, digits, `.`, `-` and `_` as they are, all others as `%20`. A long one is cut, and
/// ends with a digest of all of it.
fn push_value(value: &Value<'_>, unit: Option<PartitionUnit>, into: &mut String) {
    let text = value.to_text();
    let text = match unit {
        // A date, and an instant in UTC, begins with its day.
        Some(unit) => text.get(..text.len().min(unit.length())).unwrap_or(&text),
        None => &text,
    };
    let begin = into.len();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_') {
            into.push(char::from(byte));
        } else {
            into.push_str(&format!("%{byte:02X}"));
        }
        if into.len() - begin > MOST_OF_VALUE {
            into.truncate(begin + MOST_OF_VALUE);
            let digest = raccord_model::Digest::of(text.as_bytes()).to_string();
            into.push('~');
            into.push_str(digest.get(..16).unwrap_or(&digest));
            return;
        }
    }
}

/// What the names of the files begin with that a transfer writes.
pub(crate) fn prefix_of(transfer: Uid) -> String {
    let text = transfer.0.simple().to_string();
    // Its end is random; its beginning is the time at which it was made.
    format!("{}-", text.get(20..).unwrap_or(&text))
}

/// The name of a new file.
pub(crate) fn name_of(transfer: Uid, id: Uuid, extension: &str) -> String {
    format!("{}{}.{extension}", prefix_of(transfer), id.simple())
}
