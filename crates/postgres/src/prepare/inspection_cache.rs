//! A cache of the tables that were found ready, and how to tell with one query that nothing about them has changed since: before
//! each run of a transfer the catalog would otherwise be read in whole. It never answers for a table that was not ready.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use raccord_model::port::destination::{EntityShape, Inspection};
use tokio_postgres::types::Type;

use crate::connections::Session;
use crate::error::Failure;
use crate::fence::signed;
use crate::side;

/// Which version of each row of the catalog about a table there is, and what else [`super::inspect`] judges: another one is
/// written by every statement that changes something of the table, its columns and their types, indexes, triggers or rights. What
/// only follows from other objects (who is a member of which role) is not in it, and refused by the database itself when rows are written.
const CATALOG_VERSIONS: &str = "SELECT concat_ws(' ', current_user, n.xmin, c.oid, c.xmin, c.ctid, row_security_active(c.oid), \
     c.relhassubclass AND EXISTS (SELECT 1 FROM pg_inherits h WHERE h.inhparent = c.oid), \
     (SELECT string_agg(concat(a.attnum, ':', a.xmin, a.ctid, y.xmin, y.ctid), ',' ORDER BY a.attnum) \
      FROM pg_attribute a LEFT JOIN pg_type y ON y.oid = a.atttypid WHERE a.attrelid = c.oid AND a.attnum > 0), 'i', \
     (SELECT string_agg(concat(i.indexrelid, ':', i.xmin, i.ctid), ',' ORDER BY i.indexrelid) FROM pg_index i \
      WHERE i.indrelid = c.oid), 't', \
     (SELECT string_agg(concat(t.oid, ':', t.xmin, t.ctid), ',' ORDER BY t.oid) FROM pg_trigger t \
      WHERE t.tgrelid = c.oid), 'e', \
     (SELECT concat(e.project, e.entity, md5(e.shape)) FROM raccord.entities e WHERE e.incarnation = $3), \
     to_regclass($4)::oid) \
     FROM pg_namespace n JOIN pg_class c ON c.relnamespace = n.oid WHERE n.nspname = $1 AND c.relname = $2";

/// Reads [`CATALOG_VERSIONS`]; nothing when there is no table.
pub(crate) async fn catalog_versions(
    session: &Session<'_>,
    schema: &str,
    shape: &EntityShape,
) -> Result<Option<String>, Failure> {
    let side = format!("raccord.{}", side::name_of(shape.incarnation));
    let incarnation = signed(shape.incarnation);
    let row = session
        .query_opt(
            CATALOG_VERSIONS,
            &[
                (&schema, Type::TEXT),
                (&shape.table, Type::TEXT),
                (&incarnation, Type::INT8),
                (&side, Type::TEXT),
            ],
        )
        .await?;
    Ok(row.map(|row| row.get(0)))
}

/// The tables that were found ready.
#[derive(Debug, Default)]
pub(crate) struct InspectionCache(Mutex<HashMap<u64, Ready>>);

/// A table that was found ready.
#[derive(Debug)]
struct Ready {
    schema: String,
    shape: EntityShape,
    versions: String,
}

impl InspectionCache {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Ready>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the table of this very shape was found ready when these versions were there.
    pub(crate) fn is_unchanged(&self, schema: &str, shape: &EntityShape, versions: &str) -> bool {
        self.lock().get(&shape.incarnation).is_some_and(|ready| {
            ready.versions == versions && ready.schema == schema && ready.shape == *shape
        })
    }

    /// Keeps what a look has shown. `versions` were read before it, so that what changed meanwhile is seen the next time.
    pub(crate) fn keep(
        &self,
        schema: &str,
        shape: EntityShape,
        versions: Option<String>,
        found: &Inspection,
    ) {
        let (incarnation, mut all) = (shape.incarnation, self.lock());
        all.retain(|_, ready| (ready.shape.project, &ready.shape.entity) != (shape.project, &shape.entity));
        match versions.filter(|_| *found == Inspection::default()) {
            Some(versions) => {
                drop(all.insert(incarnation, Ready { schema: schema.to_owned(), shape, versions }));
            }
            None => drop(all.remove(&incarnation)),
        }
    }
}
