//! Shapes: the names and types of an entity, for destinations that keep rows in columns of a table, and what such a
//! destination has found of the table. They say nothing about how a table is made.

use std::fmt;

use crate::fact::{EntityFact, Uid};
use crate::language::{Entity, Field, FieldType, Manage};
use crate::name::{EntityRef, Ident};
use crate::row::FieldId;

/// An entity with its names and types. The ids of fields and the incarnation are those of the generation in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityShape {
    /// The project, whatever it is called.
    pub project: Uid,
    /// What the entity is called.
    pub entity: EntityRef,
    /// Under which number its rows are kept; 0 of one that was not applied yet.
    pub incarnation: u64,
    /// The table, in the schema of the project's store.
    pub table: String,
    /// What may be changed of the table.
    pub manage: Manage,
    /// The fields of the key, in order.
    pub key: Vec<FieldId>,
    /// All fields in ascending order of their ids.
    pub fields: Vec<FieldShape>,
    /// The transfers that write into it.
    pub fed_by: Vec<Uid>,
    /// The numbers under which its rows were kept in the same table, by other keys: those that transfers own go when it is made ready.
    pub replaces: Vec<u64>,
}

impl EntityShape {
    /// The shape of an entity of a project, with what is known of it. Which transfers write into it is not.
    pub fn of(project: Uid, at: EntityRef, entity: &Entity, fact: &EntityFact) -> Self {
        let shape = |(name, field): (&Ident, &Field)| {
            Some(FieldShape {
                id: *fact.fields.get(name)?,
                column: field.column_name(name),
                field_type: field.field_type,
                required: field.required,
                unique: field.unique,
                max_length: field.max_length,
            })
        };
        let mut fields: Vec<FieldShape> = entity.fields.iter().filter_map(shape).collect();
        fields.sort_unstable_by_key(|field| field.id);
        Self {
            project,
            incarnation: fact.incarnation,
            table: entity.table_name(&at.entity),
            manage: entity.manage,
            key: entity.key.0.iter().filter_map(|name| fact.fields.get(name).copied()).collect(),
            entity: at,
            fields,
            fed_by: Vec::new(),
            replaces: fact.replaces.clone(),
        }
    }
}

/// A field of an entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldShape {
    /// What it is called in rows.
    pub id: FieldId,
    /// The column.
    pub column: String,
    /// The type of its values.
    pub field_type: FieldType,
    /// Whether a row that a transfer owns has a value. One that enriches may leave it empty.
    pub required: bool,
    /// Whether no two rows may share a value.
    pub unique: bool,
    /// The longest text, in characters.
    pub max_length: Option<u32>,
}

/// What a look at a table has shown. It is ready when there are neither statements nor refusals.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inspection {
    /// The statements that [`prepare`] would run on the schema, the table and its columns, in order, as they are shown to
    /// people. The destination's own tables are none of them.
    ///
    /// [`prepare`]: super::Destination::prepare
    pub statements: Vec<String>,
    /// What others changed since it was last prepared, and what follows.
    pub drift: Vec<TableRemark>,
    /// Why it cannot be prepared.
    pub refusals: Vec<TableRemark>,
    /// Whether the type of a column is another than when it was last prepared: values would not be kept as it was judged then.
    pub type_changed: bool,
    /// Whether it, or a column of it, was there and has to be made anew: then [`prepare`] has every transfer that writes into it
    /// read everything.
    ///
    /// [`prepare`]: super::Destination::prepare
    pub recreated: bool,
    /// The project of another entity that has the table, and what the refusals say of that.
    pub taken: Option<(Uid, TableRemark)>,
}

/// Something about a table, in words that hold no value of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableRemark {
    /// The field whose column it is about; without one, the table.
    pub field: Option<FieldId>,
    /// What there is.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl EntityShape {
    /// Why a field cannot be unique while so many rows of its table share values of it. Which rows these are is told by a query
    /// alone, since a plan shows no values. `table` is quoted already, and `quoted` quotes the name of a column.
    pub fn shared_values(
        &self,
        field: &FieldShape,
        rows: u64,
        table: &str,
        quoted: impl Fn(&str) -> String,
    ) -> TableRemark {
        let name = quoted(&field.column);
        let is_key = |field: &&FieldShape| self.key.contains(&field.id);
        let keys = self.fields.iter().filter(is_key).map(|field| quoted(&field.column));
        let columns: Vec<String> = keys.chain([name.clone()]).collect();
        let help = format!(
            "give them other values, or leave `unique` out; this shows them: SELECT {} FROM {table} WHERE {name} IN (SELECT {name} \
             FROM {table} GROUP BY {name} HAVING count(*) > 1) ORDER BY {name}",
            columns.join(", ")
        );
        let message = format!("the column {name} is to be unique, and {rows} rows share values of it");
        TableRemark { field: Some(field.id), message, help: Some(help) }
    }
}

/// The entity of another incarnation that a table is registered for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherEntity {
    /// As `project.entity`.
    pub entity: String,
    /// The project, whatever it is called.
    pub project: Uid,
    /// Whether its project is one that this state does not have.
    pub is_elsewhere: bool,
}

impl OtherEntity {
    /// Why the table cannot be that of one more entity. `lost_state` says what to do when the state of that one is lost.
    /// One that sees the state says more of a project that is there.
    pub fn refusal(&self, table: &str, lost_state: &str) -> TableRemark {
        let entity = &self.entity;
        let (message, help) = if self.is_elsewhere {
            let whose = "of another state of Raccord, or of a project that is no more";
            (format!("the table {table} is that of the entity {entity} {whose}"), lost_state)
        } else {
            (format!("the table {table} is that of the entity {entity}"), "name another `table`")
        };
        TableRemark { field: None, message, help: Some(help.to_owned()) }
    }
}

impl fmt::Display for TableRemark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.help.iter().try_for_each(|help| write!(f, " ({help})"))
    }
}
