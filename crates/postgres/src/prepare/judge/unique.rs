//! Unique fields: the constraint that each needs, and the one that stays of a field which is unique no more. Nothing is dropped.

use raccord_model::port::destination::FieldShape;

use super::Judge;
use crate::prepare::catalog::Relation;
use crate::table::quoted;

impl Judge<'_> {
    /// The unique index of a field, and its end.
    pub(super) fn unique(&mut self, relation: &Relation, field: &FieldShape) {
        if field.unique {
            self.needs_unique(relation, field);
        } else {
            self.stays_unique(relation, field);
        }
    }

    /// A unique index for a field that is unique.
    fn needs_unique(&mut self, relation: &Relation, field: &FieldShape) {
        let has_index = relation.unique_on(&field.column).next().is_some();
        if !has_index && !self.is_additive() {
            let (table, name) = (self.table(), quoted(&field.column));
            let message =
                format!("the field is unique, and no unique index of {table} is on exactly ({name})");
            self.refuse(
                Some(field.id),
                message,
                format!("ALTER TABLE {table} ADD {}", unique_constraint(field)),
            );
        } else if !has_index && !self.is_shared(field) {
            let statement = format!("ALTER TABLE {} ADD {}", self.table(), unique_constraint(field));
            self.alter(relation, Some(field.id), statement);
        }
        if let Some(column) = self.columns.iter_mut().find(|column| column.field == field.id) {
            column.is_unique = true;
        }
    }

    /// Refuses a field that is to be unique while rows share values of it.
    fn is_shared(&mut self, field: &FieldShape) -> bool {
        let Some(rows) = self.found.shared.get(&field.column) else { return false };
        let remark = self.shape.shared_values(field, *rows, &self.table(), quoted);
        self.inspection.refusals.push(remark);
        true
    }

    /// What a field that is unique no more leaves behind.
    fn stays_unique(&mut self, relation: &Relation, field: &FieldShape) {
        let before = self.found.registered.as_ref().and_then(|(_, table)| table.column(field.id));
        let is_key = self.shape.key == [field.id];
        if is_key || !before.is_some_and(|before| before.is_unique && before.name == field.column) {
            return;
        }
        for index in relation.unique_on(&field.column) {
            let help = match &index.constraint {
                Some(constraint) => {
                    format!("ALTER TABLE {} DROP CONSTRAINT {}", self.table(), quoted(constraint))
                }
                None => format!("DROP INDEX {}.{}", quoted(self.schema), quoted(&index.name)),
            };
            let message = format!(
                "the column {} stays unique in the database, for Raccord drops nothing: a row whose value another has is still \
                 rejected",
                quoted(&field.column)
            );
            self.note(Some(field.id), message, help);
        }
    }
}

/// Checked at the end of each statement: rows that pass a value on are written together.
pub(super) fn unique_constraint(field: &FieldShape) -> String {
    format!("UNIQUE ({}) DEFERRABLE INITIALLY IMMEDIATE", quoted(&field.column))
}
