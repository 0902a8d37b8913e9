//! What a database says of a relation: its columns, and what tells its rows apart.

/// A relation as it is at the database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shape {
    /// Its columns, in their order.
    pub columns: Vec<Column>,
    /// The columns of its primary key, in their order; empty without one.
    pub primary: Vec<String>,
    /// The columns of each unique index that covers all rows.
    pub unique: Vec<Vec<String>>,
    /// The columns with which an index begins that covers all rows.
    pub indexed: Vec<String>,
}

/// A column, and the text of statements that it stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// The name of its type, for messages.
    pub type_name: String,
    /// Whether it may hold nothing.
    pub nullable: bool,
    /// What its values are.
    pub sort: Sort,
    /// How it is selected.
    pub select: String,
    /// What rows are ordered and compared by, in the order of an index where there is one; none where its type has no order
    /// that can be gone on from.
    pub order: Option<String>,
    /// The same with an order in which no two different values are equal.
    pub strict_order: Option<String>,
    /// What stands before and after a value that it is compared with.
    pub around: (String, String),
}

impl Column {
    /// Whether its values are texts, which the database may compare by rules of its own.
    pub(super) fn is_text(&self) -> bool {
        self.sort == Sort::Text || self.type_name.ends_with(".citext")
    }
}

/// What the values of a column are, as far as it matters for going on from one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// Numbers.
    Number,
    /// Texts.
    Text,
    /// Instants.
    Zoned,
    /// Dates with a time, without a zone.
    Local,
    /// Days.
    Day,
    /// Each row decides.
    Any,
    /// Anything else.
    Other,
}
