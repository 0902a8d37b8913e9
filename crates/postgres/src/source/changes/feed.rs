//! What the messages of a replication say of one table: the keys of rows that changed, and how far they have come. Pure. It
//! keeps no values but keys, for a row is read as it is now.

use std::collections::HashMap;

use super::message::{Message, NoMessage, Relation, Tuple, read};
use super::visible::Visible;

/// How far the messages have come: the end of the last whole transaction, and how many changes of rows of the next one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct At {
    pub(super) commit: u64,
    pub(super) done: u64,
}

/// Why changes are of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum FeedError {
    #[error(transparent)]
    Message(#[from] NoMessage),
    /// A table is named that no message has told of.
    #[error("the replication speaks of a table that it has not named")]
    Unnamed,
    /// The key cannot be told.
    #[error(
        "the replication does not tell the column `{0}` of rows that change or go: make it part of the replica identity, with \
         ALTER TABLE … REPLICA IDENTITY FULL or USING INDEX"
    )]
    NoKey(String),
    /// All rows went at once.
    #[error("the table was truncated, and which rows went is not told: `raccord resync` reads it anew")]
    Truncated,
}

/// The text of each part of a key.
pub(super) type Key = Vec<String>;

/// One table's part of the messages.
#[derive(Debug)]
pub(super) struct Feed {
    /// The relation: its name may have been another one when a change was written.
    table: u32,
    key: Vec<String>,
    from: At,
    /// Truncations up to here are no news: everything is read from a later moment on.
    calm_until: u64,
    at: At,
    /// What is visible where rows are looked up.
    visible: Visible,
    /// Whether a transaction has come that is not: what follows is for a later reading.
    is_waiting: bool,
    /// The commit of the transaction under way.
    commit: u64,
    /// Where the parts of the key stand; none for other tables.
    places: HashMap<u32, Option<Vec<usize>>>,
}

impl Feed {
    /// From where another one has stopped.
    pub(super) fn new(table: u32, key: Vec<String>, from: At, calm_until: u64, visible: Visible) -> Self {
        let places = HashMap::new();
        Self { table, key, from, calm_until, at: from, visible, is_waiting: false, commit: 0, places }
    }

    /// Whether a transaction has come that is not visible where rows are looked up.
    pub(super) const fn is_waiting(&self) -> bool {
        self.is_waiting
    }

    /// How far the messages have come.
    pub(super) const fn at(&self) -> At {
        self.at
    }

    /// Takes in a message; the keys of the rows that it is about, when they are news.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<Vec<Key>, FeedError> {
        if self.is_waiting {
            return Ok(Vec::new());
        }
        match read(bytes)? {
            Message::Begin { commit, transaction } => {
                self.commit = commit;
                self.is_waiting = !self.is_known() && !self.visible.has(transaction);
                if !self.is_waiting {
                    self.at.done = 0;
                }
                Ok(Vec::new())
            }
            Message::Commit { end } => {
                self.at = At { commit: self.at.commit.max(end), done: 0 };
                Ok(Vec::new())
            }
            Message::Relation(relation) => self.relation(&relation).map(|()| Vec::new()),
            Message::Insert { relation, new } | Message::Update { relation, old: None, new } => {
                self.changed(relation, &[new])
            }
            Message::Update { relation, old: Some(old), new } => self.changed(relation, &[old, new]),
            Message::Delete { relation, old } => self.changed(relation, &[old]),
            Message::Truncate { relations } => {
                let is_ours = relations.iter().any(|id| matches!(self.places.get(id), Some(Some(_))));
                let is_news = self.commit >= self.calm_until && !self.is_known();
                if is_ours && is_news { Err(FeedError::Truncated) } else { Ok(Vec::new()) }
            }
            Message::Other => Ok(Vec::new()),
        }
    }

    /// Whether the transaction under way was taken in before. Its commit stands before the end of one that was.
    const fn is_known(&self) -> bool {
        self.commit < self.from.commit
    }

    fn relation(&mut self, relation: &Relation<'_>) -> Result<(), FeedError> {
        let is_ours = relation.id == self.table;
        let mut places = Vec::new();
        for name in self.key.iter().filter(|_| is_ours) {
            let place = relation.columns.iter().position(|column| column.name == *name && column.identifies);
            places.push(place.ok_or_else(|| FeedError::NoKey(name.clone()))?);
        }
        self.places.insert(relation.id, is_ours.then_some(places));
        Ok(())
    }

    fn changed<'a>(&mut self, relation: u32, tuples: &[Tuple<'a>]) -> Result<Vec<Key>, FeedError> {
        let Some(places) = self.places.get(&relation).ok_or(FeedError::Unnamed)? else {
            return Ok(Vec::new());
        };
        if self.is_known() {
            return Ok(Vec::new());
        }
        self.at.done += 1;
        // Of the transaction in which another one has stopped, the beginning is known.
        let is_first = self.at.commit == self.from.commit;
        if is_first && self.at.done <= self.from.done {
            return Ok(Vec::new());
        }
        let key = |tuple: &Tuple<'a>| -> Result<Key, FeedError> {
            let parts = places.iter().zip(&self.key).map(|(place, name)| {
                // A part that is stored out of line and has not changed is told with the old row alone.
                let told = |tuple: &Tuple<'a>| tuple.get(*place).copied().flatten();
                let value = told(tuple).or_else(|| tuples.first().and_then(told));
                value.map(str::to_owned).ok_or_else(|| FeedError::NoKey(name.clone()))
            });
            parts.collect()
        };
        tuples.iter().map(key).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Vec<u8> {
        [text.as_bytes(), b"\0"].concat()
    }

    fn relation(id: u32, table: &str) -> Vec<u8> {
        let columns = [&[1][..], &name("id"), &[0; 8], &[0], &name("x"), &[0; 8]].concat();
        [&b"R"[..], &id.to_be_bytes(), &name("public"), &name(table), b"d", &2_u16.to_be_bytes(), &columns]
            .concat()
    }

    /// The transaction has the number of its commit.
    fn begin(commit: u64) -> Vec<u8> {
        let transaction = u32::try_from(commit).unwrap().to_be_bytes();
        [&b"B"[..], &commit.to_be_bytes(), &[0; 8], &transaction].concat()
    }

    fn all() -> Visible {
        Visible::read("100:100:").unwrap()
    }

    fn end(end: u64) -> Vec<u8> {
        [&b"C\0"[..], &0_u64.to_be_bytes(), &end.to_be_bytes(), &[0; 8]].concat()
    }

    fn insert(id: u32, key: &str) -> Vec<u8> {
        let length = u32::try_from(key.len()).unwrap().to_be_bytes();
        [&b"I"[..], &id.to_be_bytes(), b"N", &2_u16.to_be_bytes(), b"t", &length, key.as_bytes(), b"n"]
            .concat()
    }

    fn messages() -> Vec<Vec<u8>> {
        vec![
            begin(10),
            relation(1, "people"),
            relation(2, "other"),
            insert(1, "a"),
            insert(2, "not"),
            insert(1, "b"),
            end(12),
            begin(20),
            insert(1, "c"),
            insert(1, "d"),
            insert(1, "e"),
            end(25),
        ]
    }

    /// From wherever a reading has stopped, the rest comes once.
    #[test]
    fn what_was_taken_in_is_not_news() {
        let feed = |from| Feed::new(1, vec!["id".to_owned()], from, 0, all());
        let mut first = feed(At::default());
        let (mut taken, mut stops) = (Vec::new(), vec![(0, At::default())]);
        for message in messages() {
            taken.extend(first.take(&message).unwrap());
            stops.push((taken.len(), first.at()));
        }
        assert_eq!(taken.concat(), ["a", "b", "c", "d", "e"]);
        assert_eq!(first.at(), At { commit: 25, done: 0 });
        for (count, at) in stops {
            let mut again = feed(at);
            let rest: Vec<Key> = messages().iter().flat_map(|message| again.take(message).unwrap()).collect();
            assert_eq!(rest, taken[count..], "{at:?}");
            assert_eq!(again.at(), At { commit: 25, done: 0 });
        }
    }

    /// A part of a key that is stored out of line and does not change is told with the old row alone.
    #[test]
    fn a_key_that_is_stored_out_of_line_is_told_with_the_old_row() {
        let tuple = |first: &[u8]| [&2_u16.to_be_bytes()[..], first, b"n"].concat();
        let old = tuple(b"t\0\0\0\x01a");
        let update = [&b"U"[..], &1_u32.to_be_bytes(), b"K", &old, b"N", &tuple(b"u")].concat();
        let mut feed = Feed::new(1, vec!["id".to_owned()], At::default(), 0, all());
        let messages = [begin(10), relation(1, "people"), update];
        let taken: Vec<Key> = messages.iter().flat_map(|message| feed.take(message).unwrap()).collect();
        assert_eq!(taken.concat(), ["a", "a"]);
    }

    /// What is not visible yet, and what was committed after it, is taken in by a later reading.
    #[test]
    fn what_is_not_visible_waits() {
        let feed = |from, visible: &str| {
            let visible = Visible::read(visible).unwrap();
            Feed::new(1, vec!["id".to_owned()], from, 0, visible)
        };
        let mut first = feed(At::default(), "20:100:20");
        let taken: Vec<Key> = messages().iter().flat_map(|message| first.take(message).unwrap()).collect();
        assert_eq!(taken.concat(), ["a", "b"]);
        assert!(first.is_waiting());
        assert_eq!(first.at(), At { commit: 12, done: 0 });
        let mut later = feed(first.at(), "100:100:");
        let taken: Vec<Key> = messages().iter().flat_map(|message| later.take(message).unwrap()).collect();
        assert_eq!(taken.concat(), ["c", "d", "e"]);
        assert!(!later.is_waiting());
    }

    #[test]
    fn truncation_is_told_once_it_is_news() {
        let truncate = [&b"T"[..], &1_u32.to_be_bytes(), b"\0", &1_u32.to_be_bytes()].concat();
        for (calm_until, expected) in [(0, Err(FeedError::Truncated)), (11, Ok(Vec::new()))] {
            let mut feed = Feed::new(1, vec!["id".to_owned()], At::default(), calm_until, all());
            for message in [begin(10), relation(1, "people")] {
                feed.take(&message).unwrap();
            }
            assert_eq!(feed.take(&truncate), expected);
        }
        let mut feed = Feed::new(1, vec!["x".to_owned()], At::default(), 0, all());
        assert_eq!(feed.take(&relation(1, "people")), Err(FeedError::NoKey("x".to_owned())));
    }
}
