//! Which table a publication tells of, and since when: what the catalog calls them by. Where one of them was taken away and made
//! again, what changed meanwhile never came, and nothing else says so. It judges what it is given, and reads no change.

use std::collections::BTreeMap;

use raccord_model::port::source::SourceError;
use serde::{Deserialize, Serialize};
use tokio_postgres::Client;

use super::super::failure::Place;
use super::slot::ask;

/// What is the same for as long as no change of the table is left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Identity {
    /// The relation.
    pub(super) table: u32,
    /// The publication, and the transaction that has last altered what it publishes.
    publication: (u32, u32),
    /// How the publication has the table: each entry of the table, of one that it is a partition of, or of their schemas.
    /// One of the whole database has itself.
    entries: Vec<u32>,
    /// The partitions below the table, in ascending order; none where an earlier version kept none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    partitions: Option<Vec<u32>>,
    /// The columns by their numbers, each with its type; none where an earlier version kept none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    columns: Option<BTreeMap<i16, u32>>,
}

/// Why what was read so far cannot be gone on from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Gap {
    /// Another table has the name.
    #[error("the table was dropped and made anew, or another one has its name")]
    Table,
    /// Another publication has the name, or what it publishes was altered.
    #[error("the publication was made anew, or what it publishes was altered")]
    Publication,
    /// The table was taken out.
    #[error("the publication was without the table for a time")]
    Entry,
    /// The rows of a partition came or went without a change of theirs.
    #[error("a partition of the table was attached, detached or dropped")]
    Partition,
    /// The values of a column were made anew without a change of a row.
    #[error("a column of the table was given another type")]
    Column,
}

/// Whether schemas can be published.
const HAS_SCHEMAS: &str = "SELECT to_regclass('pg_catalog.pg_publication_namespace') IS NOT NULL";

/// The relation itself and those that it is a partition of.
const ABOVE: &str = "SELECT c.oid UNION SELECT relid::oid FROM pg_partition_ancestors(c.oid::regclass)";

/// The partitions that are below it.
const BELOW: &str = "SELECT t.relid::oid FROM pg_partition_tree(c.oid::regclass) t WHERE t.relid <> c.oid ORDER BY t.relid::oid";

/// Its columns.
const COLUMNS: &str =
    "FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";

impl Identity {
    /// Looks at the catalog.
    pub(super) async fn look(
        client: &Client,
        place: &Place,
        (publication, table): (&String, &String),
    ) -> Result<Self, SourceError> {
        let has_schemas = ask(client, place, HAS_SCHEMAS, &[]).await?.is_some_and(|row| row.get(0));
        let schemas = if has_schemas {
            format!(
                "UNION ALL SELECT n.oid FROM pg_publication_namespace n WHERE n.pnpubid = p.oid AND n.pnnspid IN \
                 (SELECT a.relnamespace FROM pg_class a WHERE a.oid IN ({ABOVE}))"
            )
        } else {
            String::new()
        };
        let query = format!(
            "SELECT c.oid, p.oid, p.xmin::text, p.puballtables, array(SELECT r.oid FROM pg_publication_rel r WHERE r.prpubid = p.oid \
             AND r.prrelid IN ({ABOVE}) {schemas}), array({BELOW}), array(SELECT a.attnum {COLUMNS}), array(SELECT a.atttypid {COLUMNS}) \
             FROM pg_publication p, pg_class c WHERE p.pubname = $1 AND c.oid = to_regclass($2)"
        );
        let Some(row) = ask(client, place, &query, &[publication, table]).await? else {
            return Err(place.settings("the table or its publication went away just now".to_owned()));
        };
        let (table, publication): (u32, u32) = (row.get(0), row.get(1));
        let altered = row.get::<_, String>(2).parse().unwrap_or_default();
        let mut entries: Vec<u32> = row.get(4);
        entries.extend(row.get::<_, bool>(3).then_some(publication));
        entries.sort_unstable();
        let types: Vec<u32> = row.get(7);
        let columns = Some(row.get::<_, Vec<i16>>(6).into_iter().zip(types).collect());
        let partitions = Some(row.get(5));
        Ok(Self { table, publication: (publication, altered), entries, partitions, columns })
    }

    /// Whether changes may have been left out since `before`. An entry that is still there was there all the time.
    pub(super) fn gap_since(&self, before: &Self) -> Option<Gap> {
        if self.table != before.table {
            Some(Gap::Table)
        } else if self.publication != before.publication {
            Some(Gap::Publication)
        } else if !self.entries.iter().any(|entry| before.entries.contains(entry)) {
            Some(Gap::Entry)
        } else if before.partitions.is_some() && self.partitions != before.partitions {
            Some(Gap::Partition)
        } else if self.has_other_types(before) {
            Some(Gap::Column)
        } else {
            None
        }
    }

    /// Whether a column that is there still had another type before.
    fn has_other_types(&self, before: &Self) -> bool {
        let Some((now, before)) = self.columns.as_ref().zip(before.columns.as_ref()) else { return false };
        now.iter().any(|(number, of)| before.get(number).is_some_and(|before| before != of))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_away_and_made_again_leaves_a_gap() {
        let of = |table, publication, entries: &[u32]| Identity {
            table,
            publication,
            entries: entries.to_vec(),
            partitions: Some(vec![7, 8]),
            columns: Some([(1, 20), (2, 25)].into()),
        };
        let before = of(1, (2, 700), &[3, 4]);
        let same = || of(1, (2, 700), &[3, 4]);
        for (now, expected) in [
            (of(1, (2, 700), &[3, 4]), None),
            (of(1, (2, 700), &[4, 5]), None),
            (of(1, (2, 700), &[5]), Some(Gap::Entry)),
            (of(1, (2, 700), &[]), Some(Gap::Entry)),
            (of(9, (2, 700), &[3, 4]), Some(Gap::Table)),
            (of(1, (9, 700), &[3, 4]), Some(Gap::Publication)),
            (of(1, (2, 701), &[3, 4]), Some(Gap::Publication)),
            (Identity { partitions: Some(vec![7]), ..same() }, Some(Gap::Partition)),
            (Identity { partitions: Some(vec![7, 8, 9]), ..same() }, Some(Gap::Partition)),
            (Identity { columns: Some([(1, 20), (2, 1043)].into()), ..same() }, Some(Gap::Column)),
            // Columns that come and go tell nothing of the others.
            (Identity { columns: Some([(1, 20), (3, 25)].into()), ..same() }, None),
        ] {
            assert_eq!(now.gap_since(&before), expected, "{now:?}");
        }
        // What an earlier version kept says nothing of partitions and columns.
        let earlier = Identity { partitions: None, columns: None, ..before };
        assert_eq!(Identity { partitions: Some(vec![9]), ..same() }.gap_since(&earlier), None);
    }
}
