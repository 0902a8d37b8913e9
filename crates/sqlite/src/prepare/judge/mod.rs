//! What follows from the schema: the statements that make a table ready, what others have changed, and why it cannot be used.
//! Pure.

mod beside;
mod unique;

use raccord_model::language::Manage;
use raccord_model::port::destination::{EntityShape, FieldShape, Inspection, TableRemark};
use raccord_model::row::FieldId;

use super::catalog::{Found, FoundColumn, Relation};
use super::fit::{kind_of, misfit};
use crate::side;
use crate::table::{BESIDE, BESIDE_TYPE, Column, Table, quoted};

/// What to do about tables that another state has.
const LOST_STATE: &str = "use a file for each state, or restore that state from its backup; only where it is lost for good, to \
                          drop the tables `_raccord_…` releases its tables, with their rows, and deletes its checkpoints, \
                          rejects and tombstones";

/// What was judged.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) inspection: Inspection,
    /// The table as it is once the statements were run.
    pub(crate) table: Table,
}

/// A judgement under way.
struct Judge<'j> {
    shape: &'j EntityShape,
    found: &'j Found,
    inspection: Inspection,
    columns: Vec<Column>,
}

/// Judges a table.
pub(crate) fn judge(shape: &EntityShape, found: &Found) -> Judged {
    let mut judge = Judge { shape, found, inspection: Inspection::default(), columns: Vec::new() };
    judge.names();
    judge.registration();
    match &found.relation {
        None => judge.absent(),
        Some(relation) => judge.present(relation),
    }
    judge.columns.sort_by_key(|column| column.field);
    let at = |field: &FieldId| judge.columns.iter().position(|column| column.field == *field);
    let key = shape.key.iter().filter_map(at).collect();
    let name = found.relation.as_ref().map_or(&shape.table, |relation| &relation.name).clone();
    let side = (shape.manage == Manage::None).then(|| side::name_of(shape.incarnation));
    let table = Table { name, columns: std::mem::take(&mut judge.columns), key, side };
    judge.move_beside(&table);
    let mut inspection = judge.inspection;
    let is_registered = found.registered.as_ref().is_some_and(|(_, before)| *before == table);
    if !inspection.refusals.is_empty() {
        inspection.statements.clear();
    } else if inspection.statements.is_empty() && !is_registered && shape.incarnation != 0 {
        // Nothing is done to the table, and yet it is not ready. An entity that is not applied yet has no number.
        inspection.statements.push(format!("-- Raccord registers {}", shape.entity));
    }
    Judged { inspection, table }
}

fn is_same(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
}

impl Judge<'_> {
    fn refuse(&mut self, field: Option<FieldId>, message: String, help: impl Into<Option<String>>) {
        self.inspection.refusals.push(TableRemark { field, message, help: help.into() });
    }

    fn note(&mut self, field: Option<FieldId>, message: String, help: impl Into<Option<String>>) {
        self.inspection.drift.push(TableRemark { field, message, help: help.into() });
    }

    fn table(&self) -> String {
        quoted(&self.shape.table)
    }

    /// Names that SQLite or Raccord keeps for itself, and columns that would be one.
    fn names(&mut self) {
        let shape = self.shape;
        let lower = shape.table.to_ascii_lowercase();
        if lower.starts_with("sqlite_") || lower.starts_with("_raccord_") {
            let whose = if lower.starts_with("sqlite_") { "SQLite" } else { "Raccord" };
            let message = format!("the table name `{}` is {whose}'s own", shape.table);
            self.refuse(None, message, "name another `table`".to_owned());
        }
        for (at, field) in shape.fields.iter().enumerate() {
            let name = field.column.as_str();
            if BESIDE.iter().any(|beside| is_same(beside, name)) {
                let message = format!("the column name `{name}` is taken");
                self.refuse(Some(field.id), message, "name another `column`".to_owned());
            }
            if let Some(other) = shape.fields.iter().take(at).find(|other| is_same(&other.column, name)) {
                let message = format!("the column `{name}` is that of field {} too", other.id);
                self.refuse(Some(field.id), message, None);
            }
        }
    }

    /// Whose the incarnation and the table are.
    fn registration(&mut self) {
        if self.found.registered.as_ref().is_some_and(|(project, _)| *project != self.shape.project) {
            let message = "the file has the rows of another state of Raccord".to_owned();
            self.refuse(None, message, "use a file for each state".to_owned());
        }
        if let Some(other) = &self.found.other_entity {
            let refusal = other.refusal(&self.table(), LOST_STATE);
            self.inspection.taken = Some((other.project, refusal.clone()));
            self.inspection.refusals.push(refusal);
        }
    }

    /// There is no table.
    fn absent(&mut self) {
        if let Some((_, before)) = &self.found.registered {
            let message = format!("the table {} is gone, which was there", quoted(&before.name));
            self.note(None, message, "an apply makes it anew, without the rows".to_owned());
            self.inspection.recreated = true;
        }
        if self.shape.manage == Manage::None {
            return self.refuse(None, format!("there is no table {}", self.table()), None);
        }
        let statement = self.create();
        self.inspection.statements.push(statement);
        self.columns.extend(self.shape.fields.iter().map(new_column));
    }

    /// The statement that makes the table.
    fn create(&self) -> String {
        let shape = self.shape;
        let column = |field: &FieldShape| {
            let not_null = if shape.key.contains(&field.id) { " NOT NULL" } else { "" };
            format!("{} {}{not_null}", quoted(&field.column), kind_of(field.field_type).sql())
        };
        let mut parts: Vec<String> = shape.fields.iter().map(column).collect();
        parts.extend(BESIDE.map(|name| format!("{name} {BESIDE_TYPE}")));
        let key: Vec<String> = self.key_names().iter().map(|name| quoted(name)).collect();
        parts.push(format!("PRIMARY KEY ({})", key.join(", ")));
        let unique = shape.fields.iter().filter(|field| field.unique);
        parts.extend(unique.map(|field| format!("UNIQUE ({})", quoted(&field.column))));
        format!("CREATE TABLE {} (\n    {}\n) STRICT", self.table(), parts.join(",\n    "))
    }

    fn key_names(&self) -> Vec<String> {
        let field = |id: &FieldId| self.shape.fields.iter().find(|field| field.id == *id);
        self.shape.key.iter().filter_map(field).map(|field| field.column.clone()).collect()
    }

    /// There is something under the table's name.
    fn present(&mut self, relation: &Relation) {
        let table = self.table();
        let what = match relation.kind.as_str() {
            "table" => None,
            "view" => Some("a view"),
            "virtual" | "shadow" => Some("a virtual table, or part of one"),
            _ => Some("not a table"),
        };
        if let Some(what) = what {
            return self.refuse(None, format!("{table} is {what}"), "name another `table`".to_owned());
        }
        self.key(relation);
        let shape = self.shape;
        for field in &shape.fields {
            match relation.columns.iter().find(|column| is_same(&column.name, &field.column)) {
                Some(column) => self.column(relation, field, column),
                None => self.missing(relation, field),
            }
            self.unique(relation, field);
        }
        self.others(relation);
        self.beside(relation);
        if relation.sql.to_ascii_uppercase().contains("INITIALLY DEFERRED") {
            let message = format!(
                "a foreign key of {table} is checked when all rows are written, where no row can be rejected"
            );
            self.refuse(None, message, "make the table anew without INITIALLY DEFERRED".to_owned());
        }
        for trigger in &relation.triggers {
            let message =
                format!("the trigger {} of the table runs for each row that Raccord writes", quoted(trigger));
            self.note(None, message, None);
        }
    }

    /// A unique index over the key, which takes different values for different.
    fn key(&mut self, relation: &Relation) {
        let names = self.key_names();
        let is_key = |columns: &&Vec<super::catalog::IndexColumn>| {
            columns.len() == names.len()
                && names.iter().all(|name| columns.iter().any(|column| is_same(&column.name, name)))
        };
        let (table, list) =
            (self.table(), names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", "));
        let fitting: Vec<_> = relation.unique.iter().map(|index| &index.columns).filter(is_key).collect();
        let help = format!(
            "CREATE UNIQUE INDEX {} ON {table} ({list})",
            quoted(&format!("{}_key", self.shape.table))
        );
        if fitting.is_empty() {
            let message = format!("no primary key or unique index of {table} is on exactly ({list})");
            self.refuse(None, message, help);
        } else if fitting.iter().all(|columns| columns.iter().any(|column| column.is_loose)) {
            let message = format!("the unique index of {table} on ({list}) takes different texts for equal");
            self.refuse(None, message, "a key needs the collation BINARY".to_owned());
        }
    }

    /// A column that is there.
    fn column(&mut self, relation: &Relation, field: &FieldShape, column: &FoundColumn) {
        let (id, name) = (Some(field.id), quoted(&column.name));
        if column.is_generated {
            let message = format!("the column {name} is generated: nothing can be written into it");
            return self.refuse(id, message, None);
        }
        if column.is_not_null && !field.required && !self.shape.key.contains(&field.id) {
            let message = format!("the column {name} may not be null, and the field may be empty");
            self.refuse(id, message, "make the field required".to_owned());
        }
        let kind = kind_of(field.field_type);
        if let Some(why) = misfit(kind, &column.declared, relation.is_strict) {
            let declared = if column.declared.is_empty() { "none" } else { &column.declared };
            let message = format!("the column {name} of type {declared} {why}");
            let (of, wanted) = (field.field_type.as_str(), kind.sql());
            return self.refuse(
                id,
                message,
                format!("a field of type {of} is kept in a column of type {wanted}"),
            );
        }
        if let Some(count) = self.found.retyped.get(&field.column) {
            let of = field.field_type.as_str();
            let values = if *count == 1 { "1 value is".to_owned() } else { format!("{count} values are") };
            let message =
                format!("the column {name} is to keep values of type {of} from now on, and {values} none");
            let help = "name another `column`, which is filled when everything is read again; or have the next run bring \
                        values of the new type under the old one, and change it after that";
            self.refuse(id, message, help.to_owned());
        }
        let is_passed_on = field.unique && !column.is_not_null;
        self.columns.push(Column { name: column.name.clone(), is_passed_on, ..new_column(field) });
    }

    /// A column that is not there.
    fn missing(&mut self, relation: &Relation, field: &FieldShape) {
        let name = quoted(&field.column);
        let before = self.found.registered.as_ref().and_then(|(_, table)| table.column(field.id));
        let is_lost = before.is_some_and(|before| is_same(&before.name, &field.column));
        if is_lost {
            let message = format!("the column {name} is gone, which was there");
            self.note(Some(field.id), message, "an apply adds it anew, without its values".to_owned());
        }
        // One that has another name now has none of its values, either.
        self.inspection.recreated |= before.is_some();
        if self.shape.manage == Manage::None {
            return self.refuse(Some(field.id), format!("{} has no column {name}", self.table()), None);
        }
        let (table, sql) = (self.table(), kind_of(field.field_type).sql());
        self.inspection.statements.push(format!("ALTER TABLE {table} ADD COLUMN {name} {sql}"));
        if is_lost && relation.columns.iter().any(|column| column.name == "_raccord_digest") {
            // Rows would be known as made of records whose values they have lost.
            self.inspection.statements.push(format!("UPDATE {table} SET _raccord_digest = NULL"));
        }
        self.columns.push(new_column(field));
    }

    /// Columns of which no field knows.
    fn others(&mut self, relation: &Relation) {
        for column in &relation.columns {
            let is_known = self.shape.fields.iter().any(|field| is_same(&field.column, &column.name))
                || BESIDE.iter().any(|beside| is_same(beside, &column.name));
            // The number of a row fills itself.
            let fills_itself = column.has_default
                || column.is_generated
                || column.key_part == 1 && is_same(&column.declared, "integer");
            if !is_known && column.is_not_null && !fills_itself {
                let name = quoted(&column.name);
                let message =
                    format!("the column {name} may not be null, has no default, and no field feeds it");
                self.refuse(None, message, "give it a default or a field".to_owned());
            }
        }
    }
}

/// A column as it is made for a field.
fn new_column(field: &FieldShape) -> Column {
    Column {
        field: field.id,
        name: field.column.clone(),
        kind: kind_of(field.field_type),
        is_passed_on: field.unique,
    }
}
