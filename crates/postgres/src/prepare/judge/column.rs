//! What others have done to a column since the table was made ready: another type, or another column in its place. Nothing here says
//! what a column has to be.

use super::{FoundColumn, Judge, Relation};
use crate::table::{Column, quoted};

impl Judge<'_> {
    /// Says when a column is another than it was.
    pub(super) fn compare(&mut self, made: &Column, column: &FoundColumn) {
        let before = self.found.registered.as_ref().and_then(|(_, table)| table.column(made.field));
        let Some(before) = before.filter(|before| before.name == made.name) else { return };
        if before.kind != made.kind || before.longest != made.longest || before.digits != made.digits {
            let name = quoted(&column.name);
            let message = format!("the column {name} has another type than it had: {}", column.sql);
            self.note(Some(made.field), message, "`raccord apply` accepts the new type".to_owned());
            self.inspection.type_changed = true;
        }
    }

    /// Says when a column stands in the place of one of its name: the values of that one are gone.
    pub(super) fn compare_number(&mut self, relation: &Relation, made: &Column, column: &FoundColumn) {
        let Some((_, before)) = &self.found.registered else { return };
        let known = before.column(made.field).filter(|known| known.name == made.name);
        let number = known.and_then(|known| known.number).filter(|_| before.oid == Some(relation.oid));
        if number.is_some_and(|number| number != column.number) {
            let message = format!("the column {} was dropped and added again", quoted(&column.name));
            let help = "an apply has everything read again that its values came from".to_owned();
            self.note(Some(made.field), message, help);
            self.inspection.recreated = true;
            self.forget_digests(relation);
        }
    }

    /// Rows would be known as made of records whose values they have lost.
    pub(super) fn forget_digests(&mut self, relation: &Relation) {
        let statement = format!("UPDATE {} SET _raccord_digest = NULL", self.table());
        let has_digests = relation.columns.iter().any(|column| column.name == "_raccord_digest");
        if has_digests && !self.inspection.statements.contains(&statement) {
            self.inspection.statements.push(statement);
        }
    }
}
