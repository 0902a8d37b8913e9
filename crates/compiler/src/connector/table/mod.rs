//! Lowers the settings of the connectors of databases: which relation is read, in which order, and from where on. What
//! the relation looks like is known at the database alone; how its pages are asked for once that is known is pure, too,
//! and the same for every dialect.

mod collect;
mod dialect;
mod lower;
mod pager;
mod patience;
mod place;
mod plan;
mod proposal;
mod record;
mod shape;
mod since;
mod statement;
mod stream;
#[cfg(test)]
mod tests;

use raccord_model::DataTypeName;
use raccord_model::diagnostic::Finding;
use raccord_model::language::connector::{MysqlTables, PostgresTables, SqliteTables};

use crate::connector::registry::Lower;

pub use collect::Collector;
pub use dialect::{Dialect, mysql, postgres, sqlite};
pub use pager::Pager;
pub use patience::Patience;
pub use place::{Place, Value};
pub use plan::{PagePlan, PlanError};
pub use record::RecordText;
pub use shape::{Column, Shape, Sort};
pub use statement::Statement;
pub use stream::{Relation, TableStream};

impl Lower for PostgresTables {
    type Stream = TableStream;

    fn lower(&self, data_type: &DataTypeName) -> (Option<TableStream>, Vec<Finding>) {
        let schema = self.schema.as_deref().unwrap_or("public");
        let (stream, findings) = lower::lower(Dialect::Postgres, (&self.data_types, data_type), Some(schema));
        (stream.map(|stream| TableStream { schema: self.schema.clone(), ..stream }), findings)
    }
}

impl Lower for MysqlTables {
    type Stream = TableStream;

    fn lower(&self, data_type: &DataTypeName) -> (Option<TableStream>, Vec<Finding>) {
        lower::lower(Dialect::Mysql, (&self.data_types, data_type), None)
    }
}

impl Lower for SqliteTables {
    type Stream = TableStream;

    fn lower(&self, data_type: &DataTypeName) -> (Option<TableStream>, Vec<Finding>) {
        let (stream, findings) = lower::lower(Dialect::Sqlite, (&self.data_types, data_type), None);
        (stream.map(|stream| TableStream { path: Some(self.path.clone()), ..stream }), findings)
    }

    fn findings(&self) -> Vec<Finding> {
        let all = self.data_types.keys().flat_map(|data_type| self.lower(data_type).1);
        lower::check_path(&self.path).into_iter().chain(all).collect()
    }
}
