//! The sections of a shared state, a page at a time: which rows a section has, and what items they are. Pure but for the one
//! query.

use raccord_model::port::copying::{Item, PAGE_BYTES, PAGE_ITEMS, Section};
use raccord_model::port::destination::DestinationError;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::kind::word;
use super::putting::{key_and_number, key_and_rest, text};
use super::read;
use crate::connections::{Parameter, Session};
use crate::error::Failure;

/// Where the rows of a section are, what of them is read, and what counts as their size.
struct Shape {
    table: &'static str,
    columns: &'static str,
    key: &'static str,
    size: &'static str,
}

const fn shape(section: Section) -> Shape {
    let (table, columns, key, size) = match section {
        Section::Resources => ("resources", "key, uid, digest", "key", "octet_length(key) + 48"),
        Section::Bodies => ("bodies", "digest, body", "digest", "octet_length(body) + 32"),
        Section::Facts(_) => {
            ("facts", "key, value, revision", "key", "octet_length(key) + octet_length(value)")
        }
        Section::Leases => ("leases", "name, token", "name", "octet_length(name)"),
        Section::Inbox => {
            ("inbox", "transfer, sequence, delivery", "transfer, sequence", "octet_length(delivery)")
        }
        Section::Remembered => ("seen", "source, name, at", "source, name", "octet_length(name)"),
        Section::Vault => ("vault", "owner, sealed", "owner", "octet_length(sealed)"),
        Section::Position => ("head", "one", "one", "1"),
    };
    Shape { table, columns, key, size }
}

/// A key of a section, as the database compares it.
enum Place<'k> {
    Text(&'k str),
    Bytes(&'k [u8]),
    Uid(Uuid),
    Numbered(Uuid, i64),
    Named(Uuid, &'k [u8]),
}

impl<'k> Place<'k> {
    fn of(section: Section, key: &'k [u8]) -> Result<Self, Failure> {
        Ok(match section {
            Section::Facts(_) | Section::Resources | Section::Leases => Self::Text(text(key)?),
            Section::Bodies | Section::Position => Self::Bytes(key),
            Section::Vault => Self::Uid(key_and_rest(key)?.0),
            Section::Inbox => {
                let (uid, number) = key_and_number(key)?;
                Self::Numbered(uid, number)
            }
            Section::Remembered => {
                let (uid, name) = key_and_rest(key)?;
                Self::Named(uid, name)
            }
        })
    }

    fn values(&self) -> Vec<Parameter<'_>> {
        match self {
            Self::Text(text) => vec![(text, Type::TEXT)],
            Self::Bytes(bytes) => vec![(bytes, Type::BYTEA)],
            Self::Uid(uid) => vec![(uid, Type::UUID)],
            Self::Numbered(uid, number) => vec![(uid, Type::UUID), (number, Type::INT8)],
            Self::Named(uid, name) => vec![(uid, Type::UUID), (name, Type::BYTEA)],
        }
    }
}

/// The items of a section after a key.
pub(super) async fn page(
    session: &Session<'_>,
    section: Section,
    after: Option<&[u8]>,
) -> Result<Vec<Item>, Failure> {
    let shape = shape(section);
    let kind = if let Section::Facts(table) = section { Some(word(table)) } else { None };
    let after = after.map(|after| Place::of(section, after)).transpose()?;
    let mut values: Vec<Parameter<'_>> = Vec::new();
    let mut conditions = Vec::new();
    if let Some(kind) = &kind {
        values.push((kind, Type::TEXT));
        conditions.push("kind = $1".to_owned());
    }
    if let Some(after) = &after {
        let first = values.len() + 1;
        values.extend(after.values());
        let places: Vec<String> = (first..=values.len()).map(|place| format!("${place}")).collect();
        conditions.push(format!("({}) > ({})", shape.key, places.join(", ")));
    }
    let rows = session.query(&query(&shape, &conditions), &values).await?;
    rows.iter().map(|row| item(section, row)).collect()
}

/// The rows of a page: those that fit into its bytes, and the first in any case.
fn query(shape: &Shape, conditions: &[String]) -> String {
    let Shape { table, columns, key, size } = shape;
    let conditions =
        if conditions.is_empty() { String::new() } else { format!("WHERE {}", conditions.join(" AND ")) };
    format!(
        "SELECT {columns} FROM (SELECT {columns}, sum({size}) OVER w AS page_bytes, row_number() OVER w AS page_row \
         FROM (SELECT {columns} FROM raccord_state.{table} {conditions} ORDER BY {key} LIMIT {PAGE_ITEMS}) AS f \
         WINDOW w AS (ORDER BY {key} ROWS UNBOUNDED PRECEDING)) AS g \
         WHERE page_bytes <= {PAGE_BYTES} OR page_row = 1 ORDER BY {key}"
    )
}

fn item(section: Section, row: &Row) -> Result<Item, Failure> {
    let key_of_text = || row.get::<_, &str>(0).as_bytes().to_vec();
    let key_of_bytes = || row.get::<_, &[u8]>(0).to_vec();
    let key_of_uid = || row.get::<_, Uuid>(0).as_bytes().to_vec();
    let (key, value) = match section {
        Section::Resources => {
            let (uid, digest): (Uuid, &[u8]) = (row.get(1), row.get(2));
            (key_of_text(), [uid.as_bytes().as_slice(), digest].concat())
        }
        Section::Bodies => (key_of_bytes(), row.get(1)),
        Section::Facts(_) => {
            let (value, revision): (&[u8], u64) = (row.get(1), read::number(row, 2));
            (key_of_text(), [&revision.to_be_bytes(), value].concat())
        }
        Section::Leases => (key_of_text(), read::number(row, 1).to_be_bytes().to_vec()),
        Section::Inbox => {
            let sequence = read::number(row, 1).to_be_bytes();
            ([key_of_uid().as_slice(), &sequence].concat(), row.get(2))
        }
        Section::Remembered => {
            let (name, at): (&[u8], i64) = (row.get(1), row.get(2));
            ([key_of_uid().as_slice(), name].concat(), (at ^ i64::MIN).to_be_bytes().to_vec())
        }
        Section::Vault => (key_of_uid(), row.get(1)),
        Section::Position => return Err(DestinationError::Damaged.into()),
    };
    Ok(Item { key, value })
}
