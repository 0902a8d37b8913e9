//! The tables that a database has already, as a database shows them, and what is proposed from them. Pure: the crate that has the
//! library of a database reads its catalog.

use crate::language::Field;

/// A table that is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExistingTable {
    /// Its name.
    pub name: String,
    /// The table that it is a partition of; what is read of that one is read of this one, too.
    pub partition_of: Option<String>,
    /// The columns of its primary key, in order; none when it has no such key.
    pub key: Vec<String>,
    /// The columns that a field can stand for, in their order.
    pub columns: Vec<ExistingColumn>,
    /// The other columns, each with the reason.
    pub left_out: Vec<(String, String)>,
    /// The columns of dates with times that an index begins with: rows can be asked for by them cheaply.
    pub indexed_times: Vec<String>,
}

/// A column that a field can stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExistingColumn {
    /// Its name.
    pub name: String,
    /// The field, without the name of the column.
    pub field: Field,
}

/// What columns are called that say when a row changed last, without separators; the surer ones first.
const CHANGED: [&str; 14] = [
    "updatedat",
    "modifiedat",
    "changedat",
    "updatedon",
    "modifiedon",
    "lastmodified",
    "lastupdated",
    "lastupdate",
    "lastmodifieddate",
    "datemodified",
    "dateupdated",
    "updated",
    "modified",
    "changed",
];

impl ExistingTable {
    /// The column by which only rows that changed can be asked for: one that is called so, holds a time, and has an index.
    pub fn cursor(&self) -> Option<&str> {
        called_changed(&self.indexed_times.iter().map(String::as_str))
    }
}

/// Of columns that hold times the one that is called as what says when a row changed last.
pub fn called_changed<'c>(times: &(impl Iterator<Item = &'c str> + Clone)) -> Option<&'c str> {
    let letters = |name: &str| -> String {
        name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect()
    };
    CHANGED.iter().find_map(|name| times.clone().find(|column| letters(column) == **name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_column_that_says_when_a_row_changed_is_known_by_its_name() {
        for (indexed_times, expected) in [
            (&["created_at", "updated_at"][..], Some("updated_at")),
            (&["modified", "UpdatedAt"], Some("UpdatedAt")),
            (&["date_modified"], Some("date_modified")),
            (&["created_at", "born"], None),
            (&[], None),
        ] {
            let indexed_times = indexed_times.iter().map(|name| (*name).to_owned()).collect();
            let table = ExistingTable { indexed_times, ..ExistingTable::default() };
            assert_eq!(table.cursor(), expected);
        }
    }
}
