//! Which table a publication tells of, and since when: what the catalog calls them by. Where one of them was taken away and made
//! again, what changed meanwhile never came, and nothing else says so. It judges what it is given, and reads no change.

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
    table: u32,
    /// The publication, and the transaction that has last altered what it publishes.
    publication: (u32, u32),
    /// How the publication has the table: each entry of the table, of one that it is a partition of, or of their schemas.
    /// One of the whole database has itself.
    entries: Vec<u32>,
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
}

/// Whether schemas can be published.
const HAS_SCHEMAS: &str = "SELECT to_regclass('pg_catalog.pg_publication_namespace') IS NOT NULL";

/// The relation itself and those that it is a partition of.
const ABOVE: &str = "SELECT c.oid UNION SELECT relid::oid FROM pg_partition_ancestors(c.oid::regclass)";

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
             AND r.prrelid IN ({ABOVE}) {schemas}) FROM pg_publication p, pg_class c WHERE p.pubname = $1 AND c.oid = to_regclass($2)"
        );
        let Some(row) = ask(client, place, &query, &[publication, table]).await? else {
            return Err(place.settings("the table or its publication went away just now".to_owned()));
        };
        let (table, publication): (u32, u32) = (row.get(0), row.get(1));
        let altered = row.get::<_, String>(2).parse().unwrap_or_default();
        let mut entries: Vec<u32> = row.get(4);
        entries.extend(row.get::<_, bool>(3).then_some(publication));
        entries.sort_unstable();
        Ok(Self { table, publication: (publication, altered), entries })
    }

    /// Whether changes may have been left out since `before`. An entry that is still there was there all the time.
    pub(super) fn gap_since(&self, before: &Self) -> Option<Gap> {
        if self.table != before.table {
            Some(Gap::Table)
        } else if self.publication != before.publication {
            Some(Gap::Publication)
        } else if !self.entries.iter().any(|entry| before.entries.contains(entry)) {
            Some(Gap::Entry)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_away_and_made_again_leaves_a_gap() {
        let of =
            |table, publication, entries: &[u32]| Identity { table, publication, entries: entries.to_vec() };
        let before = of(1, (2, 700), &[3, 4]);
        for (now, expected) in [
            (of(1, (2, 700), &[3, 4]), None),
            (of(1, (2, 700), &[4, 5]), None),
            (of(1, (2, 700), &[5]), Some(Gap::Entry)),
            (of(1, (2, 700), &[]), Some(Gap::Entry)),
            (of(9, (2, 700), &[3, 4]), Some(Gap::Table)),
            (of(1, (9, 700), &[3, 4]), Some(Gap::Publication)),
            (of(1, (2, 701), &[3, 4]), Some(Gap::Publication)),
        ] {
            assert_eq!(now.gap_since(&before), expected, "{now:?}");
        }
    }
}
