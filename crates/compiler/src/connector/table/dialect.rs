//! What is different between the databases: how names are quoted, values marked and rows compared, and how the columns of
//! each type stand in statements.

pub mod mysql;
pub mod postgres;
pub mod sqlite;

/// How a database speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// PostgreSQL.
    Postgres,
    /// MySQL and MariaDB.
    Mysql,
    /// SQLite.
    Sqlite,
}

/// The name by which statements call the relation that is read.
pub(super) const ALIAS: &str = "r";

impl Dialect {
    /// A name, whatever its characters are.
    pub fn quote(self, name: &str) -> String {
        match self {
            Self::Postgres | Self::Sqlite => format!("\"{}\"", name.replace('"', "\"\"")),
            Self::Mysql => format!("`{}`", name.replace('`', "``")),
        }
    }

    /// A column of the relation.
    pub(super) fn column(self, name: &str) -> String {
        format!("{ALIAS}.{}", self.quote(name))
    }

    /// The mark of the value with this number, from 1.
    pub(super) fn mark(self, number: usize) -> String {
        match self {
            Self::Postgres => format!("${number}"),
            Self::Mysql | Self::Sqlite => "?".to_owned(),
        }
    }

    /// Whether several columns are compared at once with the help of an index.
    pub(super) const fn compares_rows(self) -> bool {
        match self {
            Self::Postgres | Self::Sqlite => true,
            Self::Mysql => false,
        }
    }
}
