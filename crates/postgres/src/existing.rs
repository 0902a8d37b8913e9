//! The tables of a schema as entities that could keep their rows in them: keys, types, and what is left out of each and why.
//! It reads the catalog alone, and changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use raccord_model::existing::{ExistingColumn, ExistingTable};
use raccord_model::language::{Field, FieldType};
use serde_json::Value;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use crate::connections::Session;
use crate::error::Failure;

/// The tables of a schema, in the order of their names, partitioned ones and their partitions too. Those of Raccord's own columns are none of theirs.
pub(crate) async fn tables(session: &Session<'_>, schema: &str) -> Result<Vec<ExistingTable>, Failure> {
    let options = options(session).await?;
    let query = "SELECT c.relname::text, a.attname::text, t.typname::text, t.typtype::text, a.atttypid, a.atttypmod, a.attnotnull, \
                 pg_get_expr(d.adbin, d.adrelid), a.attgenerated <> '' OR a.attidentity = 'a', format_type(a.atttypid, a.atttypmod), \
                 coalesce(k.at, 0)::int4, \
                 EXISTS (SELECT 1 FROM pg_index u WHERE u.indrelid = c.oid AND u.indisunique AND NOT u.indisprimary AND u.indisvalid \
                 AND u.indpred IS NULL AND u.indexprs IS NULL AND u.indnkeyatts = 1 AND u.indkey[0] = a.attnum), \
                 t.typname IN ('timestamp', 'timestamptz') AND EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid \
                 AND i.indisvalid AND i.indpred IS NULL AND i.indkey[0] = a.attnum), \
                 (SELECT o.relname::text FROM pg_inherits h JOIN pg_class o ON o.oid = h.inhparent \
                 WHERE c.relispartition AND h.inhrelid = c.oid) \
                 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                 JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
                 JOIN pg_type t ON t.oid = a.atttypid \
                 LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
                 LEFT JOIN pg_index p ON p.indrelid = c.oid AND p.indisprimary \
                 LEFT JOIN LATERAL (SELECT x.at FROM unnest(p.indkey::int2[]) WITH ORDINALITY AS x(attnum, at) \
                 WHERE x.attnum = a.attnum) k ON true \
                 WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND a.attname NOT LIKE '\\_raccord\\_%' \
                 ORDER BY c.relname, a.attnum";
    let mut tables: Vec<ExistingTable> = Vec::new();
    let mut keys: BTreeMap<(String, i32), String> = BTreeMap::new();
    for row in session.query(query, &[(&schema, Type::TEXT)]).await? {
        let name: String = row.get(0);
        if tables.last().is_none_or(|last| last.name != name) {
            let partition_of = row.get(13);
            tables.push(ExistingTable { name: name.clone(), partition_of, ..ExistingTable::default() });
        }
        let column: String = row.get(1);
        let at: i32 = row.get(10);
        if at > 0 {
            keys.insert((name, at), column.clone());
        }
        let Some(table) = tables.last_mut() else { continue };
        table.indexed_times.extend(row.get::<_, bool>(12).then(|| column.clone()));
        match field(&row, &options) {
            Ok(field) => table.columns.push(ExistingColumn { name: column, field }),
            Err(why) => table.left_out.push((column, why)),
        }
    }
    for ((name, _), column) in keys {
        if let Some(table) = tables.iter_mut().find(|table| table.name == name) {
            table.key.push(column);
        }
    }
    Ok(tables)
}

/// The words of each enumeration, by its type.
async fn options(session: &Session<'_>) -> Result<BTreeMap<u32, BTreeSet<String>>, Failure> {
    let mut options: BTreeMap<u32, BTreeSet<String>> = BTreeMap::new();
    for row in session.query("SELECT enumtypid, enumlabel::text FROM pg_enum", &[]).await? {
        options.entry(row.get(0)).or_default().insert(row.get(1));
    }
    Ok(options)
}

/// The field that a column can keep the values of, or why there is none.
fn field(row: &Row, options: &BTreeMap<u32, BTreeSet<String>>) -> Result<Field, String> {
    let (type_name, type_sort): (&str, &str) = (row.get(2), row.get(3));
    let (type_id, modifier): (u32, i32) = (row.get(4), row.get(5));
    let (is_not_null, default, is_made): (bool, Option<&str>, bool) = (row.get(6), row.get(7), row.get(8));
    let (shown, is_in_key, is_unique): (&str, bool, bool) =
        (row.get(9), row.get::<_, i32>(10) > 0, row.get(11));
    if is_made {
        return Err("the database makes its values".to_owned());
    }
    let words = options.get(&type_id).cloned().unwrap_or_default();
    let field_type = match (type_name, type_sort) {
        (_, "e") => FieldType::Choice,
        ("text" | "varchar" | "citext", _) => FieldType::Text,
        ("int2" | "int4" | "int8", _) => FieldType::Integer,
        ("numeric", _) => FieldType::Decimal,
        ("bool", _) => FieldType::Boolean,
        ("date", _) => FieldType::Date,
        ("timestamptz", _) if [-1, 6].contains(&modifier) => FieldType::Datetime,
        ("json" | "jsonb", _) => FieldType::Json,
        _ => return Err(format!("no type of field keeps the values of {shown}")),
    };
    let mut field = Field::of(field_type);
    field.options = words;
    // A row is written whole, so that no default of the database fills a column in.
    field.required = is_not_null && !is_in_key;
    field.default = default.and_then(|written| constant(field_type, written));
    field.unique = is_unique && !is_in_key;
    field.max_length =
        (type_name == "varchar").then(|| u32::try_from(modifier - 4).ok()).flatten().filter(|_| modifier > 4);
    Ok(field)
}

/// A default that is a constant of the field's type; what the database computes is none.
fn constant(field_type: FieldType, written: &str) -> Option<Value> {
    match field_type {
        FieldType::Boolean => written.parse::<bool>().ok().map(Value::from),
        FieldType::Integer => written.parse::<i64>().ok().map(Value::from),
        _ => None,
    }
}
