//! How the pages of a relation are asked for, once its shape is known: by which columns its rows are ordered, and the statement
//! for each page. It runs none.

use raccord_model::checkpoint::Cursor;
use raccord_model::language::connector::http::CursorFormat;
use raccord_model::port::source::SourceError;

use super::dialect::{ALIAS, Dialect};
use super::place::{Place, Value};
use super::proposal;
use super::shape::{Column, Shape, Sort};
use super::since;
use super::statement::{Statement, Term, Writer};
use super::stream::{Relation, TableStream};
use crate::connector::cursor::FieldCursor;

/// Why a relation cannot be read as the settings say.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A column of the settings is not there.
    #[error("there is no column `{column}`; there are {known}")]
    UnknownColumn {
        /// The column.
        column: String,
        /// Those that there are.
        known: String,
    },
    /// Two columns have one name.
    #[error("two columns are called `{0}`: give one of them another name with AS")]
    Twice(String),
    /// Nothing tells rows apart.
    #[error("it has no primary key: name the columns that tell its rows apart with `key`")]
    NoKey,
    /// Rows cannot be asked for in the order of a column.
    #[error(
        "the column `{column}` of type {type_name} has no order in which rows could be asked for: name others with `key`"
    )]
    NoOrder {
        /// The column.
        column: String,
        /// Its type.
        type_name: String,
    },
    /// The incremental column holds something else.
    #[error(
        "`incremental: {{format: …}}` says {format:?}, and the column `{column}` is of type {type_name}: {help}"
    )]
    Format {
        /// The column.
        column: String,
        /// Its type.
        type_name: String,
        /// What the settings say.
        format: CursorFormat,
        /// What fits.
        help: &'static str,
    },
}

impl PlanError {
    /// As the port says it.
    pub fn told(&self, place: String) -> SourceError {
        SourceError::Settings { place, message: self.to_string() }
    }
}

/// How the pages of a relation are asked for.
#[derive(Debug, Clone)]
pub struct PagePlan {
    dialect: Dialect,
    columns: Vec<Column>,
    from: String,
    key: Vec<Term>,
    /// Whether a unique index tells that no two rows have the same key.
    pub is_unique: bool,
    /// The columns of the key that may hold nothing.
    nullable: Vec<String>,
    field: Option<Field>,
    is_query: bool,
    /// What the settings could say, a sentence.
    pub proposal: Option<String>,
}

/// The incremental column.
#[derive(Debug, Clone)]
struct Field {
    term: Term,
    cursor: FieldCursor,
    sort: Sort,
    /// What is selected in addition, where rows are ordered by something else than the column.
    hidden: bool,
    nullable: bool,
}

impl Field {
    /// That a row has nothing in the column. A date of zeros, as MySQL has them, is read as nothing.
    fn nothing(&self, dialect: Dialect) -> String {
        let order = &self.term.order;
        if has_zero_dates(dialect, self.sort) {
            format!("({order} IS NULL OR {order} = 0)")
        } else {
            format!("{order} IS NULL")
        }
    }
}

/// Whether a column may hold a date of zeros.
const fn has_zero_dates(dialect: Dialect, sort: Sort) -> bool {
    matches!((dialect, sort), (Dialect::Mysql, Sort::Zoned | Sort::Local | Sort::Day))
}

impl PagePlan {
    /// How a stream's relation is read that has this shape.
    pub fn new(stream: &TableStream, shape: Shape) -> Result<Self, PlanError> {
        let dialect = stream.dialect;
        let Shape { columns, primary, unique, indexed } = shape;
        for (at, column) in columns.iter().enumerate() {
            if columns.iter().skip(at + 1).any(|other| other.name == column.name) {
                return Err(PlanError::Twice(column.name.clone()));
            }
        }
        let names = if stream.key.is_empty() { &primary } else { &stream.key };
        if names.is_empty() {
            return Err(PlanError::NoKey);
        }
        let is_within = |index: &Vec<String>| !index.is_empty() && index.iter().all(|it| names.contains(it));
        let is_unique = is_within(&primary) || unique.iter().any(is_within);
        let key: Vec<&Column> = names.iter().map(|name| find(&columns, name)).collect::<Result<_, _>>()?;
        let nullable = key.iter().filter(|column| column.nullable).map(|column| column.name.clone());
        let plan = Self {
            dialect,
            from: from(dialect, &stream.relation),
            key: key.iter().map(|column| term(column, is_unique)).collect::<Result<_, _>>()?,
            is_unique,
            nullable: nullable.collect(),
            field: field(stream, &columns)?,
            proposal: proposal::of(stream, &columns, &indexed),
            is_query: matches!(stream.relation, Relation::Query(_)),
            columns,
        };
        Ok(plan)
    }

    /// The columns, in the order of the select list. What is selected in addition stands behind them.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The names of the columns: the members that a record of a row has.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
    }

    /// The names of the key's columns.
    pub fn key(&self) -> Vec<&str> {
        self.key.iter().map(|term| term.name.as_str()).collect()
    }

    /// The key of each row, by names of columns; none where nothing sees to it that no two rows share one.
    pub fn unique_key(&self) -> Vec<String> {
        if self.is_unique { self.key().into_iter().map(str::to_owned).collect() } else { Vec::new() }
    }

    /// The columns that rows are ordered by at a place of a reading from a cursor on, or of everything.
    pub(super) fn by(&self, is_of_changes: bool, place: &Place) -> Vec<&Term> {
        let field = self.field.as_ref().filter(|_| is_of_changes && !place.nulls);
        field.map(|field| &field.term).into_iter().chain(&self.key).collect()
    }

    /// Where the values of these columns stand in a row: of what is ordered by an expression, behind the columns.
    pub(super) fn positions(&self, by: &[&Term]) -> Vec<usize> {
        let hidden = self.field.as_ref().filter(|field| field.hidden).map(|field| &field.term);
        let at = |term: &&Term| match hidden {
            Some(hidden) if std::ptr::eq(*term, hidden) => self.columns.len(),
            _ => self.columns.iter().position(|column| column.name == term.name).unwrap_or(usize::MAX),
        };
        by.iter().map(at).collect()
    }

    /// Whether a reading from a cursor on has rows without one to read after all others.
    pub(super) fn has_nulls(&self) -> bool {
        self.field.as_ref().is_some_and(|field| field.nullable)
    }

    /// The value that a reading begins with.
    pub(super) fn since(&self, from: &Cursor) -> Option<Value> {
        let field = self.field.as_ref()?;
        since::value(self.dialect, &field.cursor, field.sort, from)
    }

    /// The statement for at most so many rows after a place.
    pub(super) fn page(&self, since: Option<&Value>, place: &Place, most: usize) -> Statement {
        let mut writer = Writer::new(self.dialect);
        let mut select: Vec<String> = self.columns.iter().map(|column| column.select.clone()).collect();
        let field = self.field.as_ref();
        select.extend(field.filter(|field| field.hidden).map(|field| field.term.order.clone()));
        writer.text(&format!("SELECT {} FROM {}", select.join(", "), self.from));
        let by = self.by(since.is_some(), place);
        let mut word = " WHERE ";
        if let (Some(since), Some(field)) = (since, field) {
            writer.text(std::mem::replace(&mut word, " AND "));
            if place.nulls {
                writer.text(&field.nothing(self.dialect));
            } else {
                writer.compare(&field.term, ">=", since);
            }
        }
        if !place.after.is_empty() {
            writer.text(word);
            let terms: Vec<Term> = by.iter().map(|&term| term.clone()).collect();
            writer.after(&terms, &place.after);
        }
        let orders: Vec<&str> = by.iter().map(|term| term.order.as_str()).collect();
        writer.text(&format!(" ORDER BY {} LIMIT {most}", orders.join(", ")));
        writer.end()
    }

    /// The statement that finds a row without a key; none where there can be none.
    pub fn keyless(&self) -> Option<Statement> {
        if self.nullable.is_empty() {
            return None;
        }
        let nothing: Vec<String> =
            self.nullable.iter().map(|name| format!("{} IS NULL", self.dialect.column(name))).collect();
        let text = format!("SELECT 1 FROM {} WHERE {} LIMIT 1", self.from, nothing.join(" OR "));
        Some(Statement { text, values: Vec::new() })
    }

    /// What is known now of the rows that have one of these keys: the columns, those of the key from the list, and behind them whether
    /// there is no such row any more.
    pub fn of_keys(&self, keys: &[Vec<Value>]) -> Statement {
        let mut writer = Writer::new(self.dialect);
        let names: Vec<String> = self.key.iter().map(|term| self.dialect.quote(&term.name)).collect();
        let of_list = |column: &Column| {
            let plain = self.dialect.column(&column.name);
            let listed = format!("k.{}", self.dialect.quote(&column.name));
            let is_key = self.key.iter().any(|term| term.name == column.name);
            if is_key { column.select.replace(&plain, &listed) } else { column.select.clone() }
        };
        let select: Vec<String> = self.columns.iter().map(of_list).collect();
        let first = names.first().map_or("", String::as_str);
        writer.text(&format!("SELECT {}, {ALIAS}.{first} IS NULL FROM (VALUES ", select.join(", ")));
        for (at, key) in keys.iter().enumerate() {
            writer.text(if at > 0 { ", (" } else { "(" });
            for (part, (term, value)) in self.key.iter().zip(key).enumerate() {
                writer.text(if part > 0 { ", " } else { "" });
                writer.value(term, value);
            }
            writer.text(")");
        }
        let on: Vec<String> = self.key.iter().map(|term| self.is_listed(term)).collect();
        writer.text(&format!(
            ") AS k ({}) LEFT JOIN {} ON {}",
            names.join(", "),
            self.from,
            on.join(" AND ")
        ));
        writer.end()
    }

    /// That a row has the part of a key of the list. Of texts the database may take for equal what is not the same.
    fn is_listed(&self, term: &Term) -> String {
        let name = self.dialect.quote(&term.name);
        let is_text = self.columns.iter().any(|column| column.name == term.name && column.is_text());
        let same = if is_text {
            format!(" AND {ALIAS}.{name}::text COLLATE \"C\" = k.{name}::text COLLATE \"C\"")
        } else {
            String::new()
        };
        format!("{ALIAS}.{name} = k.{name}{same}")
    }

    /// What is read and how, in words.
    pub fn describe(&self) -> String {
        let what = if self.is_query { "the query has" } else { "it has" };
        let key = self.key().join(", ");
        let mut said = format!("{what} {} columns, and rows are told apart by {key}", self.columns.len());
        if let Some(field) = &self.field {
            said.push_str(&format!("; what has changed is known by {}", field.term.name));
            if field.nullable {
                said.push_str(", and rows without it are read every time");
            }
        }
        said
    }
}

fn from(dialect: Dialect, relation: &Relation) -> String {
    match relation {
        Relation::Table { schema: Some(schema), name } => {
            format!("{}.{} AS {ALIAS}", dialect.quote(schema), dialect.quote(name))
        }
        Relation::Table { schema: None, name } => format!("{} AS {ALIAS}", dialect.quote(name)),
        // On lines of its own, for its last one may end with a comment.
        Relation::Query(query) => format!("(\n{query}\n) AS {ALIAS}"),
    }
}

fn find<'c>(columns: &'c [Column], name: &str) -> Result<&'c Column, PlanError> {
    columns.iter().find(|column| column.name == name).ok_or_else(|| PlanError::UnknownColumn {
        column: name.to_owned(),
        known: columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", "),
    })
}

fn term(column: &Column, is_unique: bool) -> Result<Term, PlanError> {
    let order = if is_unique { &column.order } else { &column.strict_order };
    let order = order.clone().ok_or_else(|| PlanError::NoOrder {
        column: column.name.clone(),
        type_name: column.type_name.clone(),
    })?;
    Ok(Term { name: column.name.clone(), order, around: column.around.clone() })
}

fn field(stream: &TableStream, columns: &[Column]) -> Result<Option<Field>, PlanError> {
    let cursor = stream.cursor.as_ref().and_then(|cursor| cursor.field());
    let Some((name, cursor)) = stream.field.as_ref().zip(cursor) else { return Ok(None) };
    let column = find(columns, name)?;
    let help = match (cursor.format, column.sort) {
        (_, Sort::Any)
        | (CursorFormat::Rfc3339, Sort::Zoned | Sort::Local)
        | (CursorFormat::Date, Sort::Day)
        | (CursorFormat::Unix | CursorFormat::UnixMillis | CursorFormat::Integer, Sort::Number)
        | (CursorFormat::Text, Sort::Text) => None,
        (_, Sort::Zoned | Sort::Local) => Some("rfc3339 fits"),
        (_, Sort::Day) => Some("date fits"),
        (_, Sort::Number) => Some("integer fits, or unix or unixMillis for a time"),
        (_, Sort::Text) => Some("text fits"),
        (_, Sort::Other) => Some("name another column"),
    };
    if let Some(help) = help {
        let (column, type_name) = (column.name.clone(), column.type_name.clone());
        return Err(PlanError::Format { column, type_name, format: cursor.format, help });
    }
    // A text that only grows is compared byte by byte.
    let mut term = term(column, cursor.format != CursorFormat::Text)?;
    let expression = match (stream.dialect, cursor.format) {
        (Dialect::Sqlite, CursorFormat::Rfc3339) => {
            Some(format!("strftime('%Y-%m-%d %H:%M:%f', {})", term.order))
        }
        (Dialect::Sqlite, CursorFormat::Date) => Some(format!("date({})", term.order)),
        _ => None,
    };
    let hidden = expression.is_some();
    if let Some(expression) = expression {
        term.order = expression;
    }
    let sort = column.sort;
    let nullable = column.nullable || hidden || has_zero_dates(stream.dialect, sort);
    Ok(Some(Field { term, cursor: cursor.clone(), sort, hidden, nullable }))
}
