//! What the database says of a relation: its columns with their types, and what tells its rows apart.

use raccord_compiler::connector::table::postgres::{ColumnType, TypeKind, column};
use raccord_compiler::connector::table::{Dialect, Relation, Shape};
use tokio_postgres::types::{Kind, Type};
use tokio_postgres::{Client, Error};

/// The indexes of a table that cover all its rows, the primary key first, with the names of their columns.
const INDEXES: &str = "
    SELECT i.indisprimary, i.indisunique, array(
        SELECT a.attname::text FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k (number, place)
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
        WHERE k.place <= i.indnkeyatts ORDER BY k.place)
    FROM pg_index i
    WHERE i.indrelid = to_regclass($1) AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
    ORDER BY i.indisprimary DESC";

/// The columns of a table that cannot hold nothing.
const FILLED: &str = "
    SELECT attname::text FROM pg_attribute
    WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped AND attnotnull";

/// The shape of a relation; none where the table is not there.
pub(super) async fn of(client: &Client, relation: &Relation) -> Result<Option<Shape>, Error> {
    const DIALECT: Dialect = Dialect::Postgres;
    let (mut shape, mut filled, from) = match relation {
        Relation::Query(query) => (Shape::default(), Vec::new(), format!("(\n{query}\n) AS r")),
        Relation::Table { schema, name } => {
            let schema = schema.as_deref().unwrap_or("public");
            let table = format!("{}.{}", DIALECT.quote(schema), DIALECT.quote(name));
            let is_there = "SELECT to_regclass($1) IS NOT NULL";
            let there = client.query_typed(is_there, &[(&table, Type::TEXT)]).await?;
            if !there.first().is_some_and(|row| row.get(0)) {
                return Ok(None);
            }
            let indexes = client.query_typed(INDEXES, &[(&table, Type::TEXT)]).await?;
            let mut shape = Shape::default();
            for index in indexes {
                let columns: Vec<String> = index.try_get(2)?;
                if index.try_get(0)? {
                    shape.primary.clone_from(&columns);
                }
                shape.indexed.extend(columns.first().cloned());
                if index.try_get(1)? {
                    shape.unique.push(columns);
                }
            }
            let filled = client.query_typed(FILLED, &[(&table, Type::TEXT)]).await?;
            (shape, filled.iter().map(|row| row.try_get(0)).collect::<Result<Vec<String>, _>>()?, table)
        }
    };
    // The server resolves domains; nothing is executed.
    let statement = client.prepare(&format!("SELECT * FROM {from}")).await?;
    filled.sort();
    shape.columns = statement
        .columns()
        .iter()
        .map(|it| {
            let of = it.type_();
            let kind = match of.kind() {
                Kind::Simple => TypeKind::Simple,
                Kind::Enum(_) => TypeKind::Enum,
                Kind::Array(_) => TypeKind::Array,
                _ => TypeKind::Other,
            };
            let of = ColumnType { schema: of.schema(), name: of.name(), kind };
            let is_filled = filled.binary_search_by(|name| name.as_str().cmp(it.name())).is_ok();
            column(it.name(), of, !is_filled)
        })
        .collect();
    Ok(Some(shape))
}
