//! Where what Raccord keeps beside rows has its place: in columns of the table, or, when the table may not be altered, in a table of
//! the schema `raccord`. What was kept in the other place is taken over.

use super::{Judge, Relation, Table};
use crate::table::BESIDE;

impl Relation {
    /// Whether there are columns for all that is kept beside rows.
    fn has_beside(&self) -> bool {
        let has = |name: &str, sql: &str| {
            self.columns.iter().any(|column| column.name == name && column.sql == sql)
        };
        BESIDE.iter().all(|beside| has(beside.name, beside.sql))
    }
}

impl Judge<'_> {
    /// A column of Raccord's own is not there. If it was, the table is not the one that it was.
    fn is_another(&mut self) {
        let was_there = self.found.registered.as_ref().is_some_and(|(_, before)| before.side.is_none());
        if was_there && !self.inspection.recreated {
            let message =
                format!("the table {} is another than it was: Raccord's own columns are gone", self.table());
            self.note(None, message, "an apply adds them anew".to_owned());
        }
        self.inspection.recreated |= was_there;
    }

    /// The columns that Raccord needs for itself.
    pub(super) fn beside(&mut self, relation: &Relation) {
        if !self.is_additive() {
            return;
        }
        for beside in &BESIDE {
            match relation.columns.iter().find(|column| column.name == beside.name) {
                Some(column) if column.sql == beside.sql => {}
                Some(column) => {
                    let message = format!(
                        "the column {} has the type {}, and Raccord needs {}",
                        beside.name, column.sql, beside.sql
                    );
                    self.refuse(None, message, None);
                }
                None => {
                    self.is_another();
                    let statement =
                        format!("ALTER TABLE {} ADD COLUMN {} {}", self.table(), beside.name, beside.sql);
                    self.alter(relation, None, statement);
                }
            }
        }
    }

    /// What has to be done so that a table finds there what is kept beside its rows.
    pub(super) fn move_beside(&mut self, table: &Table) {
        let Some(relation) = self.found.relation.as_ref() else { return };
        let before = self.found.registered.as_ref().map(|(_, before)| before);
        let statements = match &table.side {
            Some(_) if self.found.has_side => Vec::new(),
            Some(_) if self.shape.incarnation == 0 => {
                vec!["-- Raccord keeps what it knows of the rows in a table of the schema raccord".to_owned()]
            }
            Some(_) => table.make_side(relation.has_beside()),
            None if self.found.has_side => before.map_or_else(Vec::new, |before| table.take_in(before)),
            None => Vec::new(),
        };
        self.inspection.statements.extend(statements);
    }
}
