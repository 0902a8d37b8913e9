//! The values of the incremental field on a page: the greatest of them, and which cannot be read. Looks at values alone,
//! and keeps none but the greatest.

use jiff::Timestamp;
use raccord_model::checkpoint::Cursor;

use super::rules::not_beyond;
use crate::connector::cursor::FieldCursor;

/// How far the records of a page reach.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// The greatest value.
    pub(super) greatest: Option<Cursor>,
    /// The least value.
    pub(super) least: Option<Cursor>,
    /// The greatest value that is not in the future.
    pub(super) latest: Option<Cursor>,
    /// How many records have no value.
    pub(super) undated: usize,
}

impl Seen {
    /// That of records which all have this value.
    pub fn up_to(value: Cursor) -> Self {
        let (least, latest) = (Some(value.clone()), Some(value.clone()));
        Self { greatest: Some(value), least, latest, undated: 0 }
    }

    /// With so many records more that have no value.
    #[must_use]
    pub const fn and_undated(mut self, records: usize) -> Self {
        self.undated += records;
        self
    }

    /// Whether no record has a value beyond this one, nor may have. A value in the future says nothing: it is shown until
    /// its day has come.
    pub(super) fn is_all_up_to(&self, cursor: &Cursor) -> bool {
        self.undated == 0 && self.latest.as_ref().is_none_or(|latest| latest <= cursor)
    }
}

/// Values that could not be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unread {
    /// How many records were looked at.
    pub records: u64,
    /// How many of them have no value that can be read.
    pub unread: u64,
    /// The first of these values as raw JSON, when it may be kept; `None` where it was missing.
    pub example: Option<String>,
}

impl Unread {
    /// Takes in what comes after it.
    pub fn add(&mut self, other: Self) {
        if self.unread == 0 {
            self.example = other.example;
        }
        self.records += other.records;
        self.unread += other.unread;
    }
}

/// Values that are later than the present.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ahead {
    /// How many records have one.
    pub records: u64,
    /// The latest.
    pub latest: Option<Cursor>,
}

impl Ahead {
    /// Takes in others.
    pub fn add(&mut self, other: Self) {
        self.records += other.records;
        self.latest = self.latest.take().max(other.latest);
    }

    /// Takes in the value of a record, if it is later than `now`.
    pub fn take_in(&mut self, cursor: &FieldCursor, value: &Cursor, now: Timestamp) {
        if cursor.is_ahead(value, now) {
            self.add(Self { records: 1, latest: Some(value.clone()) });
        }
    }
}

/// Gathers the values of a page, record by record.
#[derive(Debug)]
pub struct Values<'c> {
    cursor: Option<&'c FieldCursor>,
    now: Timestamp,
    seen: Seen,
    unread: Unread,
    ahead: Ahead,
}

impl<'c> Values<'c> {
    /// None so far. Without a cursor every record is one without a value.
    pub fn new(cursor: Option<&'c FieldCursor>, now: Timestamp) -> Self {
        Self { cursor, now, seen: Seen::default(), unread: Unread::default(), ahead: Ahead::default() }
    }

    /// Whether values are looked at.
    pub const fn are_wanted(&self) -> bool {
        self.cursor.is_some()
    }

    /// Takes in the value of a record as raw JSON; `None` where it is missing. `example` makes what is kept of the first
    /// that cannot be read.
    pub fn take_in(&mut self, raw: Option<String>, example: impl FnOnce(String) -> Option<String>) {
        let value = self.cursor.zip(raw.as_deref()).and_then(|(cursor, raw)| cursor.read(raw));
        self.unread.records += 1;
        if value.is_none() {
            if self.unread.unread == 0 {
                self.unread.example = raw.and_then(example);
            }
            self.unread.unread += 1;
        }
        if let Some((cursor, value)) = self.cursor.zip(value.as_ref()) {
            self.ahead.take_in(cursor, value, self.now);
        }
        // What says a time to come is left out, as a whole: how a text would say the present is not known.
        let value =
            value.filter(|value| !self.cursor.is_some_and(|cursor| cursor.is_future(value, self.now)));
        self.seen.undated += usize::from(value.is_none());
        let latest = value.clone().filter(|value| not_beyond(value.clone(), self.now) == *value);
        self.seen.latest = self.seen.latest.take().max(latest);
        if self.seen.least.is_none() || value.is_some() && value < self.seen.least {
            self.seen.least.clone_from(&value);
        }
        self.seen.greatest = self.seen.greatest.take().max(value);
    }

    /// How far the records reach, which values could not be read, and which are later than the present.
    pub fn end(self) -> (Seen, Unread, Ahead) {
        (self.seen, self.unread, self.ahead)
    }
}
