//! What the database's catalog says of a table: read with a few queries, judged elsewhere.

use std::collections::BTreeMap;

use raccord_model::fact::Uid;
use raccord_model::port::destination::{EntityShape, OtherEntity};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::connections::Session;
use crate::error::Failure;
use crate::fence::signed;
use crate::layout;
use crate::side;
use crate::table::Table;

/// Everything that is asked before a table is made or used.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of the catalog by itself")]
pub(crate) struct Found {
    pub(crate) has_schema: bool,
    /// Whether we may make schemas in the database, and tables in the schema.
    pub(crate) may_create_schema: bool,
    pub(crate) may_create_table: bool,
    pub(crate) may_use_schema: bool,
    pub(crate) relation: Option<Relation>,
    /// Under which project the incarnation is registered, and with which table.
    pub(crate) registered: Option<(Uid, Table)>,
    /// Whether the table is there that keeps what is kept beside the rows of the incarnation.
    pub(crate) has_side: bool,
    /// The entity of another incarnation whose table this is.
    pub(crate) other_entity: Option<OtherEntity>,
    /// Of the columns that are to be unique from now on: how many rows share a value with others, where some do.
    pub(crate) shared: BTreeMap<String, u64>,
}

/// What stands under the table's name.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of the catalog by itself")]
pub(crate) struct Relation {
    pub(crate) oid: u32,
    /// `r` is a table, `p` a partitioned one.
    pub(crate) kind: u8,
    /// `p` is permanent, `u` unlogged, `t` temporary.
    pub(crate) persistence: u8,
    pub(crate) is_ours: bool,
    /// The rights that we lack of those that rows need.
    pub(crate) lacks: Vec<String>,
    pub(crate) has_row_security: bool,
    pub(crate) has_rules: bool,
    pub(crate) has_children: bool,
    pub(crate) columns: Vec<FoundColumn>,
    /// Each unique index that covers whole values of all rows.
    pub(crate) unique: Vec<UniqueIndex>,
    pub(crate) triggers: Vec<String>,
}

/// A unique index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UniqueIndex {
    pub(crate) columns: Vec<String>,
    pub(crate) name: String,
    /// The constraint whose index it is.
    pub(crate) constraint: Option<String>,
}

/// A column.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of the catalog by itself")]
pub(crate) struct FoundColumn {
    pub(crate) name: String,
    /// Its number in the table.
    pub(crate) number: i16,
    /// The type as it is written.
    pub(crate) sql: String,
    /// The name of the type alone.
    pub(crate) type_name: String,
    /// `e` is an enumeration, `d` a domain.
    pub(crate) type_sort: u8,
    /// What stands in brackets after the type, as the catalog keeps it; -1 without.
    pub(crate) modifier: i32,
    pub(crate) is_not_null: bool,
    pub(crate) has_default: bool,
    pub(crate) is_generated: bool,
    /// `a` is an identity always, `d` by default.
    pub(crate) identity: Option<u8>,
    /// Whether texts that differ in bytes can be equal.
    pub(crate) is_loose: bool,
    /// The views that use it.
    pub(crate) used_by: Vec<String>,
}

impl Relation {
    /// The unique indexes on exactly this column.
    pub(crate) fn unique_on<'r>(&'r self, column: &'r str) -> impl Iterator<Item = &'r UniqueIndex> {
        self.unique.iter().filter(move |index| matches!(index.columns.as_slice(), [one] if one == column))
    }
}

fn letter(row: &Row, at: usize) -> Option<u8> {
    row.get::<_, &str>(at).bytes().next()
}

/// Reads all of it.
pub(crate) async fn read(session: &Session<'_>, schema: &str, shape: &EntityShape) -> Result<Found, Failure> {
    let query = "SELECT n.oid IS NOT NULL, has_database_privilege(current_database(), 'CREATE'), \
                 coalesce(has_schema_privilege(n.oid, 'CREATE'), true), coalesce(has_schema_privilege(n.oid, 'USAGE'), true) \
                 FROM (SELECT 1) one LEFT JOIN pg_namespace n ON n.nspname = $1";
    let mut found = Found::default();
    if let Some(row) = session.query_opt(query, &[(&schema, Type::TEXT)]).await? {
        found.has_schema = row.get(0);
        found.may_create_schema = row.get(1);
        found.may_create_table = row.get(2);
        found.may_use_schema = row.get(3);
    }
    found.relation = relation(session, schema, &shape.table).await?;
    if layout::is_current(layout::version(session).await?) {
        registered(session, schema, shape, &mut found).await?;
        let side = format!("raccord.{}", side::name_of(shape.incarnation));
        let row = session.query_opt("SELECT to_regclass($1) IS NOT NULL", &[(&side, Type::TEXT)]).await?;
        found.has_side = row.is_some_and(|row| row.get(0));
    }
    Ok(found)
}

async fn registered(
    session: &Session<'_>,
    schema: &str,
    shape: &EntityShape,
    found: &mut Found,
) -> Result<(), Failure> {
    // What holds the table's name somewhere may be about it: the others, of which there can be thousands, stay there.
    let query = "SELECT incarnation, project, entity, shape FROM raccord.entities \
                 WHERE incarnation = $1 OR strpos(shape, $2) > 0 ORDER BY incarnation";
    let name = serde_json::to_string(&shape.table)?;
    for row in session.query(query, &[(&signed(shape.incarnation), Type::INT8), (&name, Type::TEXT)]).await? {
        let table: Table = serde_json::from_str(row.get(3))?;
        let (project, entity) = (Uid(row.get::<_, Uuid>(1)), row.get::<_, String>(2));
        if row.get::<_, i64>(0) == signed(shape.incarnation) {
            found.registered = Some((project, table));
        } else if (table.schema.as_str(), table.name.as_str()) == (schema, shape.table.as_str())
            && (project, &entity) != (shape.project, &shape.entity.to_string())
        {
            let is_elsewhere = project != shape.project;
            found.other_entity = Some(OtherEntity { entity, project, is_elsewhere });
        }
    }
    Ok(())
}

async fn relation(session: &Session<'_>, schema: &str, table: &str) -> Result<Option<Relation>, Failure> {
    let query = "SELECT c.oid, c.relkind::text, c.relpersistence::text, pg_has_role(c.relowner, 'USAGE'), \
                 has_table_privilege(c.oid, 'SELECT'), has_table_privilege(c.oid, 'INSERT'), \
                 has_table_privilege(c.oid, 'UPDATE'), has_table_privilege(c.oid, 'DELETE'), \
                 row_security_active(c.oid), c.relhasrules, \
                 EXISTS (SELECT 1 FROM pg_inherits i WHERE i.inhparent = c.oid) AND c.relkind = 'r' \
                 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                 WHERE n.nspname = $1 AND c.relname = $2";
    let Some(row) = session.query_opt(query, &[(&schema, Type::TEXT), (&table, Type::TEXT)]).await? else {
        return Ok(None);
    };
    let oid: u32 = row.get(0);
    let rights = ["SELECT", "INSERT", "UPDATE", "DELETE"].into_iter().enumerate();
    let lacks = rights.filter(|(at, _)| !row.get::<_, bool>(4 + at)).map(|(_, right)| right.to_owned());
    Ok(Some(Relation {
        oid,
        kind: letter(&row, 1).unwrap_or_default(),
        persistence: letter(&row, 2).unwrap_or_default(),
        is_ours: row.get(3),
        lacks: lacks.collect(),
        has_row_security: row.get(8),
        has_rules: row.get(9),
        has_children: row.get(10),
        columns: columns(session, oid).await?,
        unique: unique(session, oid).await?,
        triggers: triggers(session, oid).await?,
    }))
}

async fn columns(session: &Session<'_>, oid: u32) -> Result<Vec<FoundColumn>, Failure> {
    let query = "SELECT a.attname::text, format_type(a.atttypid, a.atttypmod), t.typname::text, t.typtype::text, a.atttypmod, \
                 a.attnotnull, a.atthasdef, a.attgenerated <> '', a.attidentity::text, \
                 coalesce(NOT l.collisdeterministic, false), \
                 ARRAY(SELECT DISTINCT v.oid::regclass::text FROM pg_depend d \
                 JOIN pg_rewrite r ON r.oid = d.objid JOIN pg_class v ON v.oid = r.ev_class \
                 WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass \
                 AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum AND v.oid <> a.attrelid ORDER BY 1), a.attnum \
                 FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid \
                 LEFT JOIN pg_collation l ON l.oid = a.attcollation \
                 WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";
    let column = |row: &Row| FoundColumn {
        name: row.get(0),
        sql: row.get(1),
        type_name: row.get(2),
        type_sort: letter(row, 3).unwrap_or_default(),
        modifier: row.get(4),
        is_not_null: row.get(5),
        has_default: row.get(6),
        is_generated: row.get(7),
        identity: letter(row, 8),
        is_loose: row.get(9),
        used_by: row.get(10),
        number: row.get(11),
    };
    Ok(session.query(query, &[(&oid, Type::OID)]).await?.iter().map(column).collect())
}

async fn unique(session: &Session<'_>, oid: u32) -> Result<Vec<UniqueIndex>, Failure> {
    let query = "SELECT array_agg(a.attname::text ORDER BY k.at), c.relname::text, \
                 (SELECT min(o.conname::text) FROM pg_constraint o WHERE o.conindid = i.indexrelid AND o.contype IN ('p', 'u')) \
                 FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
                 CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, at) \
                 JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum \
                 WHERE i.indrelid = $1 AND i.indisunique AND i.indisvalid AND i.indpred IS NULL \
                 AND i.indexprs IS NULL AND k.at <= i.indnkeyatts GROUP BY i.indexrelid, c.relname ORDER BY i.indexrelid";
    let index = |row: &Row| UniqueIndex { columns: row.get(0), name: row.get(1), constraint: row.get(2) };
    Ok(session.query(query, &[(&oid, Type::OID)]).await?.iter().map(index).collect())
}

async fn triggers(session: &Session<'_>, oid: u32) -> Result<Vec<String>, Failure> {
    let query = "SELECT tgname::text FROM pg_trigger WHERE tgrelid = $1 AND NOT tgisinternal AND tgenabled <> 'D' ORDER BY 1";
    Ok(session.query(query, &[(&oid, Type::OID)]).await?.iter().map(|row| row.get(0)).collect())
}
