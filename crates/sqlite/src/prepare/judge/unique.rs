//! Unique fields: the index that each needs, and the one that stays of a field which is unique no more. Nothing is dropped.

use raccord_model::language::Manage;
use raccord_model::port::destination::FieldShape;

use super::{Judge, is_same};
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
        let (table, name) = (self.table(), quoted(&field.column));
        if !has_index && self.shape.manage == Manage::None {
            let message =
                format!("the field is unique, and no unique index of {table} is on exactly ({name})");
            self.refuse(Some(field.id), message, format!("CREATE UNIQUE INDEX … ON {table} ({name})"));
        } else if !has_index && !self.is_shared(field) {
            let index = quoted(&format!("{}_{}_unique", self.shape.table, field.column));
            self.inspection.statements.push(format!("CREATE UNIQUE INDEX {index} ON {table} ({name})"));
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
        let was_unique = |name: &str| is_same(name, &field.column);
        if is_key || !before.is_some_and(|before| before.is_passed_on && was_unique(&before.name)) {
            return;
        }
        for index in relation.unique_on(&field.column) {
            let help = match &index.name {
                Some(name) => format!("DROP INDEX {}", quoted(name)),
                None => "it is a part of the table, which SQLite drops only with it: make the table anew without it, and copy \
                         its rows"
                    .to_owned(),
            };
            let message = format!(
                "the column {} stays unique in the file, for Raccord drops nothing: a row whose value another has is still \
                 rejected",
                quoted(&field.column)
            );
            self.note(Some(field.id), message, help);
        }
    }
}
