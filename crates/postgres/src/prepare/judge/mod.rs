//! What follows from the catalog: the statements that make a table ready, what others have changed, and why it cannot be
//! used. Pure.

mod beside;
mod column;
mod unique;

use raccord_model::fact::Uid;
use raccord_model::language::Manage;
use raccord_model::port::destination::{EntityShape, FieldShape, Inspection, TableRemark};
use raccord_model::row::FieldId;

use self::unique::unique_constraint;
use super::catalog::{Found, FoundColumn, Relation, UniqueIndex};
use super::types::{Fit, fit, kind_of};
use crate::side;
use crate::table::{BESIDE, Column, Kind, Table, quoted};

/// The longest name that PostgreSQL keeps whole, in bytes.
const LONGEST_NAME: usize = 63;

/// Names that every table has for itself.
const RESERVED: [&str; 6] = ["tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"];

/// What to do about tables that another state has.
const LOST_STATE: &str = "use a database for each state, or restore that state from its backup; only where it is lost for good, \
                          `DROP SCHEMA raccord CASCADE` releases its tables, with their rows, and deletes its checkpoints, \
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
    schema: &'j str,
    shape: &'j EntityShape,
    found: &'j Found,
    inspection: Inspection,
    columns: Vec<Column>,
}

/// Judges a table.
pub(crate) fn judge(schema: &str, shape: &EntityShape, found: &Found) -> Judged {
    let mut judge = Judge { schema, shape, found, inspection: Inspection::default(), columns: Vec::new() };
    judge.names();
    judge.registration();
    match &found.relation {
        None => judge.absent(),
        Some(relation) => judge.present(relation),
    }
    judge.columns.sort_by_key(|column| column.field);
    let at = |field: &FieldId| judge.columns.iter().position(|column| column.field == *field);
    let key = shape.key.iter().filter_map(at).collect();
    let columns = std::mem::take(&mut judge.columns);
    let side = (!judge.is_additive()).then(|| side::name_of(shape.incarnation));
    let oid = found.relation.as_ref().map(|relation| relation.oid);
    let table = Table { schema: schema.to_owned(), name: shape.table.clone(), columns, key, side, oid };
    judge.move_beside(&table);
    let mut inspection = judge.inspection;
    let is_same = |before: &Table| before.keeps_as(&table) && !inspection.recreated;
    let is_registered = found.registered.as_ref().is_some_and(|(_, before)| is_same(before));
    if !inspection.refusals.is_empty() {
        inspection.statements.clear();
    } else if inspection.statements.is_empty() && !is_registered && shape.incarnation != 0 {
        // Nothing is done to the table, and yet it is not ready. An entity that is not applied yet has no number.
        inspection.statements.push(format!("-- Raccord registers {}", shape.entity));
    }
    Judged { inspection, table }
}

fn remark(field: Option<FieldId>, message: String, help: impl Into<Option<String>>) -> TableRemark {
    TableRemark { field, message, help: help.into() }
}

impl Judge<'_> {
    fn refuse(&mut self, field: Option<FieldId>, message: String, help: impl Into<Option<String>>) {
        self.inspection.refusals.push(remark(field, message, help));
    }

    fn note(&mut self, field: Option<FieldId>, message: String, help: impl Into<Option<String>>) {
        self.inspection.drift.push(remark(field, message, help));
    }

    fn table(&self) -> String {
        format!("{}.{}", quoted(self.schema), quoted(&self.shape.table))
    }

    fn is_additive(&self) -> bool {
        self.shape.manage == Manage::Additive
    }

    /// Names that PostgreSQL would cut, or keeps for itself.
    fn names(&mut self) {
        let schema = self.schema;
        if schema == "raccord" || schema == "information_schema" || schema.starts_with("pg_") {
            let message = format!("the schema `{schema}` is not for tables of users");
            self.refuse(None, message, "name another `schema`".to_owned());
        }
        let shape = self.shape;
        let all = [(None, schema), (None, &shape.table)].into_iter();
        let all = all.chain(shape.fields.iter().map(|field| (Some(field.id), field.column.as_str())));
        for (field, name) in all {
            if name.is_empty() || name.len() > LONGEST_NAME || name.contains('\0') {
                let message = format!("the name `{name}` does not have 1 to {LONGEST_NAME} bytes");
                self.refuse(field, message, None);
            }
        }
        for (at, field) in shape.fields.iter().enumerate() {
            let name = field.column.as_str();
            if RESERVED.contains(&name) || BESIDE.iter().any(|beside| beside.name == name) {
                let message = format!("the column name `{name}` is taken");
                self.refuse(Some(field.id), message, "name another `column`".to_owned());
            }
            if let Some(other) = shape.fields.iter().take(at).find(|other| other.column == name) {
                let message = format!("the column `{name}` is that of field {} too", other.id);
                self.refuse(Some(field.id), message, None);
            }
            if field.unique && matches!(kind_of(field.field_type), Kind::Json) {
                let message =
                    "PostgreSQL does not compare JSON: a field of this type cannot be unique".to_owned();
                self.refuse(Some(field.id), message, None);
            }
        }
    }

    /// Whose the incarnation and the table are.
    fn registration(&mut self) {
        let taken = |(project, _): &(Uid, Table)| *project != self.shape.project;
        if self.found.registered.as_ref().is_some_and(taken) {
            let message =
                "the schema `raccord` of the database is that of another state of Raccord".to_owned();
            self.refuse(None, message, "use a database for each state".to_owned());
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
            let message = format!("the table {} is gone, which was there", before.qualified());
            self.note(None, message, "an apply makes it anew, without the rows".to_owned());
            self.inspection.recreated = true;
        }
        if !self.is_additive() {
            return self.refuse(None, format!("there is no table {}", self.table()), None);
        }
        if !self.found.has_schema {
            if !self.found.may_create_schema {
                let message =
                    format!("there is no schema {}, and the role may not make one", quoted(self.schema));
                let help = format!("CREATE SCHEMA {} AUTHORIZATION …", quoted(self.schema));
                return self.refuse(None, message, help);
            }
            self.inspection.statements.push(format!("CREATE SCHEMA {}", quoted(self.schema)));
        } else if !self.found.may_create_table {
            let message = format!("the role may not make tables in the schema {}", quoted(self.schema));
            return self.refuse(
                None,
                message,
                format!("GRANT CREATE ON SCHEMA {} TO …", quoted(self.schema)),
            );
        }
        let statement = self.create();
        self.inspection.statements.push(statement);
        let shape = self.shape;
        self.columns
            .extend(shape.fields.iter().map(|field| Column { is_unique: field.unique, ..new_column(field) }));
    }

    /// The statement that makes the table.
    fn create(&self) -> String {
        let shape = self.shape;
        let mut parts: Vec<String> = Vec::new();
        for field in &shape.fields {
            let is_key = shape.key.contains(&field.id);
            let kind = kind_of(field.field_type);
            let mut part = format!("{} {}", quoted(&field.column), kind.sql());
            if is_key && kind == Kind::Text {
                // In the order of bytes, as keys are: compared in a fraction of the time that a language takes.
                part.push_str(" COLLATE \"C\"");
            }
            if is_key {
                part.push_str(" NOT NULL");
            }
            parts.push(part);
        }
        parts.extend(BESIDE.iter().map(|beside| format!("{} {}", beside.name, beside.sql)));
        let key: Vec<String> =
            shape.key.iter().filter_map(|id| self.field(*id)).map(|field| quoted(&field.column)).collect();
        parts.push(format!("PRIMARY KEY ({})", key.join(", ")));
        parts.extend(shape.fields.iter().filter(|field| field.unique).map(unique_constraint));
        format!("CREATE TABLE {} (\n    {}\n)", self.table(), parts.join(",\n    "))
    }

    fn field(&self, id: FieldId) -> Option<&FieldShape> {
        self.shape.fields.iter().find(|field| field.id == id)
    }

    /// There is something under the table's name.
    fn present(&mut self, relation: &Relation) {
        if !self.sort(relation) {
            return;
        }
        self.rights(relation);
        self.key(relation);
        let shape = self.shape;
        for field in &shape.fields {
            match relation.columns.iter().find(|column| column.name == field.column) {
                Some(column) => self.column(relation, field, column),
                None => self.missing(relation, field),
            }
            self.unique(relation, field);
        }
        self.others(relation);
        self.beside(relation);
        for trigger in &relation.triggers {
            let message =
                format!("the trigger {} of the table runs for each row that Raccord writes", quoted(trigger));
            self.note(None, message, None);
        }
    }

    /// Whether it is a table at all.
    fn sort(&mut self, relation: &Relation) -> bool {
        let table = self.table();
        let what = match relation.kind {
            b'r' | b'p' => None,
            b'v' => Some("a view"),
            b'm' => Some("a materialized view"),
            b'f' => Some("a foreign table"),
            _ => Some("not a table"),
        };
        if let Some(what) = what {
            self.refuse(None, format!("{table} is {what}"), "name a `table`".to_owned());
            return false;
        }
        if relation.persistence != b'p' {
            let message = format!("{table} is unlogged or temporary: a crash of the server empties it");
            self.refuse(None, message, format!("ALTER TABLE {table} SET LOGGED"));
        }
        if relation.has_children {
            self.refuse(
                None,
                format!("other tables inherit from {table}, and no key holds for all of them"),
                None,
            );
        }
        if relation.has_rules {
            self.refuse(None, format!("{table} has rules, which `COPY` does not follow"), None);
        }
        if relation.has_row_security {
            let message = format!("row security hides rows of {table} from the role");
            self.refuse(None, message, "give the role BYPASSRLS, or make it the owner".to_owned());
        }
        true
    }

    fn rights(&mut self, relation: &Relation) {
        let table = self.table();
        if !self.found.may_use_schema {
            let message = format!("the role may not use the schema {}", quoted(self.schema));
            self.refuse(None, message, format!("GRANT USAGE ON SCHEMA {} TO …", quoted(self.schema)));
        }
        if !relation.lacks.is_empty() {
            let rights = relation.lacks.join(", ");
            let message = format!("the role lacks rights on {table}: {rights}");
            self.refuse(None, message, format!("GRANT {rights} ON {table} TO …"));
        }
    }

    /// A unique index over the key, and columns that can be one.
    fn key(&mut self, relation: &Relation) {
        let shape = self.shape;
        let field_of = |id: &FieldId| shape.fields.iter().find(|field| field.id == *id);
        let names: Vec<&str> =
            shape.key.iter().filter_map(field_of).map(|field| field.column.as_str()).collect();
        let is_key = |index: &&UniqueIndex| {
            index.columns.len() == names.len()
                && names.iter().all(|name| index.columns.iter().any(|column| column == name))
        };
        if relation.unique.iter().find(is_key).is_none() {
            let list = names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ");
            let message =
                format!("no primary key or unique index of {} is on exactly ({list})", self.table());
            let help = if relation.kind == b'p' {
                "a unique index of a partitioned table needs the columns it is partitioned by: make them part of the key"
                    .to_owned()
            } else {
                format!("ALTER TABLE {} ADD PRIMARY KEY ({list})", self.table())
            };
            self.refuse(None, message, help);
        }
        let columns =
            names.iter().filter_map(|name| relation.columns.iter().find(|column| column.name == *name));
        let columns: Vec<FoundColumn> = columns.cloned().collect();
        for column in columns {
            let name = quoted(&column.name);
            if !column.is_not_null {
                let help = format!("ALTER TABLE {} ALTER COLUMN {name} SET NOT NULL", self.table());
                self.refuse(None, format!("the column {name} of the key may be null"), help);
            }
            if column.is_loose || matches!(column.type_name.as_str(), "citext") || column.type_sort == b'e' {
                let message = format!(
                    "the column {name} of the key takes different values for equal, or orders them its own way"
                );
                self.refuse(
                    None,
                    message,
                    "a key needs a plain type and a deterministic collation".to_owned(),
                );
            }
        }
    }

    /// A column that is there.
    fn column(&mut self, relation: &Relation, field: &FieldShape, column: &FoundColumn) {
        let (id, name) = (Some(field.id), quoted(&column.name));
        if column.is_generated {
            return self.refuse(
                id,
                format!("the column {name} is generated: nothing can be written into it"),
                None,
            );
        }
        if column.identity == Some(b'a') {
            let help = format!("ALTER TABLE {} ALTER COLUMN {name} SET GENERATED BY DEFAULT", self.table());
            return self.refuse(
                id,
                format!("the column {name} is an identity whose values the database alone makes"),
                help,
            );
        }
        if column.is_not_null && !field.required && !self.shape.key.contains(&field.id) {
            let message = format!("the column {name} may not be null, and the field may be empty");
            let help = format!(
                "make the field required, or ALTER TABLE {} ALTER COLUMN {name} DROP NOT NULL",
                self.table()
            );
            self.refuse(id, message, help);
        }
        let made = match fit(field, column, self.shape.manage) {
            Fit::As { kind, longest, digits } => Column { kind, longest, digits, ..new_column(field) },
            Fit::Widened(kind) => {
                self.widen(relation, field, (column, &kind));
                Column { kind, ..new_column(field) }
            }
            Fit::Not(why) => {
                let message = format!("the column {name} of type {} {why}", column.sql);
                let wanted = kind_of(field.field_type);
                let help = format!(
                    "a field of type {} is kept in a column of type {}",
                    field.field_type.as_str(),
                    wanted.sql()
                );
                return self.refuse(id, message, help);
            }
        };
        self.compare(&made, column);
        self.compare_number(relation, &made, column);
        self.columns.push(Column { number: Some(column.number), ..made });
    }

    /// Gives a column a wider type, unless the database would not.
    fn widen(&mut self, relation: &Relation, field: &FieldShape, (column, kind): (&FoundColumn, &Kind)) {
        let (table, name, sql) = (self.table(), quoted(&column.name), kind.sql());
        if !column.used_by.is_empty() {
            let views = column.used_by.join(", ");
            let message = format!(
                "the column {name} of {table} is of type {}, and would become {sql}, but views use it: {views}",
                column.sql
            );
            let help = "`manage: none` in the entity leaves the column as it is; or drop the views and make them anew";
            return self.refuse(Some(field.id), message, help.to_owned());
        }
        if relation.is_ours && *kind == Kind::Int8 {
            self.inspection.statements.push(format!(
                "-- PostgreSQL writes all of {table} anew for this, and locks it meanwhile; `manage: none` leaves {name} as it is"
            ));
        }
        self.alter(relation, Some(field.id), format!("ALTER TABLE {table} ALTER COLUMN {name} TYPE {sql}"));
    }

    /// A statement that only the owner of the table may run.
    fn alter(&mut self, relation: &Relation, field: Option<FieldId>, statement: String) {
        if relation.is_ours {
            self.inspection.statements.push(statement);
            return;
        }
        let message =
            format!("the role does not own {}, and this would have to be run: {statement}", self.table());
        self.refuse(field, message, "have its owner run it".to_owned());
    }

    /// A column that is not there.
    fn missing(&mut self, relation: &Relation, field: &FieldShape) {
        let name = quoted(&field.column);
        let before = self.found.registered.as_ref().and_then(|(_, table)| table.column(field.id));
        let is_lost = before.is_some_and(|before| before.name == field.column);
        if is_lost {
            let message = format!("the column {name} is gone, which was there");
            self.note(Some(field.id), message, "an apply adds it anew, without its values".to_owned());
        }
        // One that has another name now has none of its values, either.
        self.inspection.recreated |= before.is_some();
        if !self.is_additive() {
            return self.refuse(Some(field.id), format!("{} has no column {name}", self.table()), None);
        }
        let kind = kind_of(field.field_type);
        let statement = format!("ALTER TABLE {} ADD COLUMN {name} {}", self.table(), kind.sql());
        self.alter(relation, Some(field.id), statement);
        if is_lost {
            self.forget_digests(relation);
        }
        self.columns.push(new_column(field));
    }

    /// Columns of which no field knows.
    fn others(&mut self, relation: &Relation) {
        for column in &relation.columns {
            let is_known = self.shape.fields.iter().any(|field| field.column == column.name)
                || BESIDE.iter().any(|beside| beside.name == column.name);
            let fills_itself = column.has_default || column.is_generated || column.identity.is_some();
            if !is_known && column.is_not_null && !fills_itself {
                let name = quoted(&column.name);
                let message =
                    format!("the column {name} may not be null, has no default, and no field feeds it");
                let help = format!(
                    "give it a default, a field, or ALTER TABLE {} ALTER COLUMN {name} DROP NOT NULL",
                    self.table()
                );
                self.refuse(None, message, help);
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
        longest: None,
        digits: None,
        is_unique: false,
        number: None,
    }
}
