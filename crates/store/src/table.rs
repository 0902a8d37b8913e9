//! The layout of the file: every table, what its keys and values are, and how keys are put together.
//!
//! Keys and values are bytes of ours. redb's own encodings of tuples, options and integers are never used, for
//! they may change between its versions. In the notes below `inc` is an incarnation and `time` an instant, each
//! as 8 big-endian bytes that compare like the value; `uid` is the 16 bytes of a transfer's identity; `key` is a
//! row's key as the mapping made it.

use std::ops::Bound;

use jiff::Timestamp;
use raccord_model::fact::{RejectId, Uid};
use raccord_model::port::state;
use redb::{ReadableTable, TableDefinition, WriteTransaction};

use crate::counter::number;
use crate::error::StoreError;

/// The version of everything that is written below.
pub(crate) const FORMAT: u32 = 2;

/// Under which key of [`META`] the format's version stands, as 4 big-endian bytes.
pub(crate) const META_FORMAT: &[u8] = b"format";

/// Under which key of [`META`] the head stands, as JSON.
pub(crate) const META_HEAD: &[u8] = b"head";

/// Under which key of [`META`] the sequence of the delivery that came last stands, as 8 big-endian bytes.
pub(crate) const META_SEQUENCE: &[u8] = b"sequence";

/// Under which key of [`META`] the number stands that a revision or a lease of the vault had last, as 8 big-endian
/// bytes; missing before the first.
pub(crate) const META_VAULT: &[u8] = b"vault";
/// Under which key of [`META`] the revision of the facts that were committed last stands, as 8 big-endian bytes.
pub(crate) const META_REVISION: &[u8] = b"revision";

/// Bytes, as redb names the type.
pub(crate) type Raw = &'static [u8];

/// How a table is declared.
pub(crate) type Definition = TableDefinition<'static, Raw, Raw>;

/// A table that can be written.
pub(crate) type Table<'t> = redb::Table<'t, Raw, Raw>;

macro_rules! tables {
    ($($(#[$doc:meta])* $field:ident $constant:ident $name:literal)*) => {
        $($(#[$doc])* pub(crate) const $constant: Definition = Definition::new($name);)*

        /// Every table of the file.
        pub(crate) const ALL: &[Definition] = &[$($constant),*];

        /// Every table, opened once a transaction.
        pub(crate) struct Tables<'t> {
            $($(#[$doc])* pub(crate) $field: Table<'t>,)*
        }

        impl<'t> Tables<'t> {
            /// Opens every table, and creates those that are missing.
            pub(crate) fn open(transaction: &'t WriteTransaction) -> Result<Self, StoreError> {
                Ok(Self { $($field: transaction.open_table($constant)?,)* })
            }
        }
    };
}

tables! {
    /// What the file is: [`META_FORMAT`], [`META_HEAD`], [`META_SEQUENCE`], [`META_REVISION`] and [`META_VAULT`].
    meta META "meta"
    /// `Kind/name` → JSON of an `Entry`.
    index INDEX "index"
    /// Digest → canonical body.
    bodies BODIES "bodies"
    /// Facts: text → versioned JSON, as [`state::Table`] says.
    generations GENERATIONS "generations"
    /// Facts of transfers, by uid as text.
    transfers TRANSFERS "transfers"
    /// Facts of entities, by project uid and entity.
    entities ENTITIES "entities"
    /// Facts of integrations, by uid as text.
    integrations INTEGRATIONS "integrations"
    /// Runs, by id as text.
    runs RUNS "runs"
    /// `uid`, then a run's id as text → nothing: the runs of each transfer.
    runs_of RUNS_OF "runs_of"
    /// Steps, by a name that says what they do.
    steps STEPS "steps"
    /// Notices that are still to be delivered, by id as text.
    outbox OUTBOX "outbox"
    /// Tokens of the HTTP API, by name.
    tokens TOKENS "tokens"
    /// Sessions of the console, by the digest of their id as text.
    sessions SESSIONS "sessions"
    /// The audit log, by id as text.
    audit AUDIT "audit"
    /// What is registered at services, by the source's uid as text.
    webhooks WEBHOOKS "webhooks"
    /// What people were told of.
    told TOLD "told"
    /// A fact's table as one byte, as `revision.rs` says, and its key → its revision, 8 big-endian bytes.
    revisions REVISIONS "revisions"
    /// The name of a lease → the token of its last acquisition, 8 big-endian bytes.
    leases LEASES "leases"
    /// `uid` → the greatest epoch and lease token that the transfer was written under, 8 big-endian bytes each.
    fences FENCES "fences"
    /// `uid` → JSON of the authoritative `Checkpoint`.
    checkpoints CHECKPOINTS "checkpoints"
    /// `inc key` → a record, as `record.rs` says.
    rows ROWS "rows"
    /// `inc` → how often rows of it were written, 8 big-endian bytes.
    row_revisions ROW_REVISIONS "row_revisions"
    /// `inc field value` → `key`; the field as 4 big-endian bytes, the value as in the row.
    unique UNIQUE "unique"
    /// `inc field digest key` → nothing: rows that had a value already when its field became unique, and do not hold
    /// it; the digest of the value as in the row, 32 bytes.
    sharers SHARERS "sharers"
    /// `inc` → the fields that [`UNIQUE`] covers, 4 big-endian bytes each.
    unique_fields UNIQUE_FIELDS "unique_fields"
    /// `inc uid key` → an enrichment whose row has not come yet.
    waiting WAITING "waiting"
    /// `inc key` → who deleted the row, when, at which version.
    tombstones TOMBSTONES "tombstones"
    /// `time inc key` → nothing: the order in which tombstones expire.
    tombstone_times TOMBSTONE_TIMES "tombstone_times"
    /// `uid id` → a reject, as `destination/rejects.rs` says.
    rejects REJECTS "rejects"
    /// `uid key id` → nothing: which rejects a later success supersedes.
    reject_keys REJECT_KEYS "reject_keys"
    /// `uid time id` → nothing: the order in which rejects go.
    reject_times REJECT_TIMES "reject_times"
    /// `uid id` → `time`: rejects that went because there were too many, so that they are not new again.
    forgotten FORGOTTEN "forgotten"
    /// `uid key` → where the window under way has shown the key, as `destination/seen.rs` says.
    seen SEEN "seen"
    /// `uid id` → how far a partition was read, as `destination/partitions.rs` says; the id of 16 bytes.
    partitions PARTITIONS "partitions"
    /// `uid key` → the version, perhaps empty: the keys of rows that records of the window under way say are deleted.
    doomed DOOMED "doomed"
    /// `uid sequence` → a delivery that waits, as `inbox/delivery.rs` says; the sequence as 8 big-endian bytes.
    inbox INBOX "inbox"
    /// `uid digest` → `time`: the deliveries that were accepted, by their source and the digest of their name.
    seen_deliveries SEEN_DELIVERIES "seen_deliveries"
    /// `time uid digest` → nothing: the order in which accepted deliveries are forgotten.
    seen_times SEEN_TIMES "seen_times"
    /// `uid` of an Authorization → its sealed secret, as `vault/seal.rs` says.
    vault VAULT "vault"
    /// A count, as `counter.rs` says → 8 big-endian bytes.
    counters COUNTERS "counters"
}

/// How often rows of an incarnation were written.
pub(crate) fn row_revision(table: &impl ReadableTable<Raw, Raw>, inc: u64) -> Result<u64, StoreError> {
    let revision = table.get(incarnation(inc).as_slice())?;
    revision.map_or(Ok(0), |revision| number(revision.value()))
}

/// Says that rows of an incarnation were written.
pub(crate) fn revise_rows(tables: &mut Tables<'_>, inc: u64) -> Result<(), StoreError> {
    let next = row_revision(&tables.row_revisions, inc)? + 1;
    tables.row_revisions.insert(incarnation(inc).as_slice(), next.to_be_bytes().as_slice())?;
    Ok(())
}

/// Where the facts of a table are kept.
pub(crate) const fn facts(table: state::Table) -> Definition {
    match table {
        state::Table::Generations => GENERATIONS,
        state::Table::Transfers => TRANSFERS,
        state::Table::Entities => ENTITIES,
        state::Table::Integrations => INTEGRATIONS,
        state::Table::Runs => RUNS,
        state::Table::Steps => STEPS,
        state::Table::Outbox => OUTBOX,
        state::Table::Tokens => TOKENS,
        state::Table::Sessions => SESSIONS,
        state::Table::Audit => AUDIT,
        state::Table::Webhooks => WEBHOOKS,
        state::Table::Told => TOLD,
    }
}

impl<'t> Tables<'t> {
    /// The facts of a table.
    pub(crate) const fn facts(&mut self, table: state::Table) -> &mut Table<'t> {
        match table {
            state::Table::Generations => &mut self.generations,
            state::Table::Transfers => &mut self.transfers,
            state::Table::Entities => &mut self.entities,
            state::Table::Integrations => &mut self.integrations,
            state::Table::Runs => &mut self.runs,
            state::Table::Steps => &mut self.steps,
            state::Table::Outbox => &mut self.outbox,
            state::Table::Tokens => &mut self.tokens,
            state::Table::Sessions => &mut self.sessions,
            state::Table::Audit => &mut self.audit,
            state::Table::Webhooks => &mut self.webhooks,
            state::Table::Told => &mut self.told,
        }
    }
}

/// Every key that begins with some bytes.
pub(crate) struct Under {
    start: Vec<u8>,
    end: Option<Vec<u8>>,
}

impl Under {
    /// Keys that begin with these parts, one after the other.
    pub(crate) fn new(prefix: &[&[u8]]) -> Self {
        let start = prefix.concat();
        let mut end = start.clone();
        // The first text after all of them: the last byte that can grow, grown by one.
        while let Some(last) = end.pop() {
            if last < u8::MAX {
                end.push(last + 1);
                return Self { start, end: Some(end) };
            }
        }
        Self { start, end: None }
    }

    /// The part of them after a key, given whole.
    pub(crate) fn after(&self, key: &[u8]) -> Self {
        // A zero makes the smallest text that is greater than the key.
        Self { start: [key, &[0]].concat().max(self.start.clone()), end: self.end.clone() }
    }

    /// As redb takes a range.
    pub(crate) fn bounds(&self) -> (Bound<&[u8]>, Bound<&[u8]>) {
        let end = self.end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        (Bound::Included(&self.start), end)
    }

    /// Whether no key can be among them.
    pub(crate) fn is_empty(&self) -> bool {
        self.end.as_ref().is_some_and(|end| *end <= self.start)
    }

    /// How many bytes they have in common.
    pub(crate) const fn len(&self) -> usize {
        self.start.len()
    }
}

/// The bytes of an incarnation.
pub(crate) const fn incarnation(number: u64) -> [u8; 8] {
    number.to_be_bytes()
}

/// The bytes of an identity.
pub(crate) const fn uid(uid: &Uid) -> &[u8; 16] {
    uid.0.as_bytes()
}

/// The bytes of an instant, to the microsecond; they compare like the instant.
pub(crate) fn time(at: Timestamp) -> [u8; 8] {
    (at.as_microsecond() ^ i64::MIN).to_be_bytes()
}

/// The identity of a reject at the end of a key.
pub(crate) fn reject_id(key: &[u8]) -> Result<RejectId, StoreError> {
    key.last_chunk::<8>().map(|id| RejectId(*id)).ok_or(StoreError::Damaged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_holds_its_keys_and_no_others() {
        let within = |prefix: &[u8], key: &[u8]| {
            let under = Under::new(&[prefix]);
            std::ops::RangeBounds::<[u8]>::contains(&under.bounds(), key)
        };
        for (prefix, key, expected) in [
            (&b"ab"[..], &b"ab"[..], true),
            (b"ab", b"ab\xFF\xFF", true),
            (b"ab", b"aa\xFF", false),
            (b"ab", b"ac", false),
            (b"a\xFF", b"a\xFF\xFF", true),
            (b"a\xFF", b"b", false),
            (b"\xFF\xFF", b"\xFF\xFF\x01", true),
            (b"", b"anything", true),
        ] {
            assert_eq!(within(prefix, key), expected, "{prefix:?} {key:?}");
        }
        assert!(Under::new(&[b"a"]).after(b"b").is_empty());
    }
}
