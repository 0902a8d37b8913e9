//! Values that rows share in a column that is to be unique: no constraint can be made while there are any. They are counted, and
//! never shown.

use std::collections::BTreeMap;

use raccord_model::language::Manage;
use raccord_model::port::destination::{EntityShape, FieldShape};

use super::catalog::{Found, Relation};
use crate::connections::Session;
use crate::error::{Failure, Sort};
use crate::table::quoted;

/// A look takes no longer: a plan says nothing of the values of a table that is larger.
const BEGIN: &str = "BEGIN READ ONLY; SET LOCAL statement_timeout = '5s'";

/// Counts them for a plan.
pub(super) async fn look(
    session: &Session<'_>,
    schema: &str,
    shape: &EntityShape,
    found: &Found,
) -> Result<BTreeMap<String, u64>, Failure> {
    if columns(shape, found).is_empty() {
        return Ok(BTreeMap::new());
    }
    session.run(BEGIN).await?;
    let counted = count(session, schema, shape, found).await;
    session.run("ROLLBACK").await?;
    match counted {
        Err(failure) if failure.sort() != Sort::Lost => Ok(BTreeMap::new()),
        counted => counted,
    }
}

/// Counts them.
pub(super) async fn count(
    session: &Session<'_>,
    schema: &str,
    shape: &EntityShape,
    found: &Found,
) -> Result<BTreeMap<String, u64>, Failure> {
    let mut shared = BTreeMap::new();
    for column in columns(shape, found) {
        let (table, name) = (format!("{}.{}", quoted(schema), quoted(&shape.table)), quoted(column));
        let query = format!(
            "SELECT coalesce(sum(n), 0)::bigint FROM (SELECT count(*) AS n FROM {table} WHERE {name} IS NOT NULL \
             GROUP BY {name} HAVING count(*) > 1) AS shared"
        );
        let row = session.query_opt(&query, &[]).await?;
        let rows = row.map_or(0, |row| row.get::<_, i64>(0).cast_unsigned());
        if rows > 0 {
            shared.insert(column.to_owned(), rows);
        }
    }
    Ok(shared)
}

/// The columns that get a constraint.
fn columns<'s>(shape: &'s EntityShape, found: &Found) -> Vec<&'s str> {
    let Some(relation) = found.relation.as_ref().filter(|_| shape.manage == Manage::Additive) else {
        return Vec::new();
    };
    let gets_one = |field: &&FieldShape| field.unique && can_be_counted(relation, &field.column);
    shape.fields.iter().filter(gets_one).map(|field| field.column.as_str()).collect()
}

fn can_be_counted(relation: &Relation, column: &str) -> bool {
    let is_table =
        matches!(relation.kind, b'r' | b'p') && !relation.lacks.iter().any(|right| right == "SELECT");
    // There is no equality of values of this type.
    let has_equality = |type_name: &str| type_name != "json";
    let is_there =
        relation.columns.iter().any(|found| found.name == column && has_equality(&found.type_name));
    is_table && is_there && relation.unique_on(column).next().is_none()
}
