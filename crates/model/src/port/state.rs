//! The state: small control data under one serial. Never records.
//!
//! An apply is one [`Commit`] that names the serial it was planned on; facts (runs, trips, pauses) are
//! committed without one. A fact that is read, changed and written back names the revision that was read, so that
//! no change of another writer is lost. A commit is wholly there or not at all, and durable when it is reported.

use std::collections::BTreeMap;

use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::lease::{Held, LeaseToken};
use super::{Async, Cause};
use crate::canonical::Digest;
use crate::fact::{Entry, Uid};
use crate::key::Key;
use crate::name::Name;

/// Counts the applies of a state, from 0.
pub type Serial = u64;

/// Tells the writings of a fact apart. Every commit of facts has a greater one than those before, so that a fact which
/// was removed and put again has another. A fact that a version without revisions wrote has 0.
pub type Revision = u64;

/// What identifies a state and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Head {
    /// Which state this is, from its first moment.
    pub lineage: uuid::Uuid,
    /// How many applies it has seen.
    pub serial: Serial,
    /// The generation that is in force; 0 before the first apply.
    pub generation: u64,
    /// The stack it belongs to, once something was applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack: Option<Name>,
    /// The directory that data paths are relative to, as of the last apply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<String>,
}

/// The tables of facts. The key of each is text; the value is JSON of a type in [`crate::fact`],
/// by [`crate::fact::write`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// `Generation` by number, as 20 digits.
    Generations,
    /// `TransferFact` by uid.
    Transfers,
    /// `EntityFact` by project uid and entity, `UID/entity`.
    Entities,
    /// `IntegrationFact` by uid.
    Integrations,
    /// `Run` by id.
    Runs,
    /// `StepFact` by a name that says what it does.
    Steps,
    /// `Notice` by id: what people are still to be told.
    Outbox,
    /// `Token` by name: who may use the HTTP API.
    Tokens,
    /// `Session` by the digest of its id: who is signed in at the console.
    Sessions,
    /// `AuditEntry` by id: who did what.
    Audit,
    /// `WebhookFact` by the source's uid: what is registered at its service.
    Webhooks,
    /// `ToldFact` under its one key: what people were told of, and are not told again.
    Told,
}

impl Table {
    /// Every table.
    pub const ALL: [Self; 12] = [
        Self::Generations,
        Self::Transfers,
        Self::Entities,
        Self::Integrations,
        Self::Runs,
        Self::Steps,
        Self::Outbox,
        Self::Tokens,
        Self::Sessions,
        Self::Audit,
        Self::Webhooks,
        Self::Told,
    ];
}

/// One change of a commit.
#[derive(Debug, Clone)]
pub enum Write {
    /// Puts an entry into the index.
    Index(Key, Entry),
    /// Takes an entry out of the index.
    Unindex(Key),
    /// Keeps a canonical body under its digest.
    Body(Digest, Bytes),
    /// Forgets a body that nothing refers to.
    DropBody(Digest),
    /// Puts a fact.
    Put(Table, String, Vec<u8>),
    /// Takes a fact away.
    Remove(Table, String),
    /// Replaces the stack's name, the root and the generation of the head.
    Head {
        /// The stack.
        stack: Name,
        /// The root.
        root: String,
        /// The generation now in force.
        generation: u64,
    },
}

/// What must still be so when a commit is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// In which table.
    pub table: Table,
    /// Under which key.
    pub key: String,
    /// The revision that the fact must have; `None` when there must be none.
    pub revision: Option<Revision>,
}

/// A set of changes that are made together.
#[derive(Debug, Clone, Default)]
pub struct Commit {
    /// The serial that must still be in force; the commit raises it by one. `None` for facts alone, which
    /// leave the serial as it is.
    pub expected: Option<Serial>,
    /// The facts that the changes were decided on. When one of them is another by now nothing is changed.
    pub conditions: Vec<Condition>,
    /// The lease under which it is made: of a state that several machines share it is refused once another holder has acquired
    /// that lease. A state of one process has no other holders.
    pub lease: Option<Held>,
    /// The changes, in order.
    pub writes: Vec<Write>,
}

/// Which facts to read.
#[derive(Debug, Clone, Default)]
pub struct Scan {
    /// Only keys that begin with this.
    pub prefix: String,
    /// Only what is about this transfer: for [`Table::Runs`], whose prefix does not count then.
    pub of: Option<Uid>,
    /// From the greatest key down.
    pub newest_first: bool,
    /// At most so many.
    pub limit: Option<usize>,
}

/// A fact as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its JSON.
    pub bytes: Vec<u8>,
    /// Which writing of it that is.
    pub revision: Revision,
}

/// A fact under its key.
pub type Fact = (String, Stored);

/// What to read together, beside the head and the index.
#[derive(Debug, Clone, Default)]
pub struct SnapshotQuery {
    /// Whether to read the body of every resource of the index.
    pub bodies: bool,
    /// Whether to read the runs that the facts of transfers name: the last one of each, and the one that is held.
    pub named_runs: bool,
    /// The tables whose facts are wanted, each whole.
    pub tables: Vec<Table>,
    /// Whether the index and the bodies are left out, for a caller that knows those of the head.
    pub without_index: bool,
}

/// What a state held at one moment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// What it is and where it stood.
    pub head: Head,
    /// Every resource of the generation in force, unless it was left out.
    pub index: BTreeMap<Key, Entry>,
    /// The bodies of the index that are there, when they were asked for.
    pub bodies: BTreeMap<Digest, Bytes>,
    /// The runs that were asked for.
    pub named_runs: Vec<Fact>,
    /// The facts of each table that was asked for.
    pub facts: BTreeMap<Table, Vec<Fact>>,
}

/// Small control data under one serial.
pub trait State: Send + Sync {
    /// What it is and where it stands.
    fn head(&self) -> Async<'_, Result<Head, StateError>>;
    /// Every resource of the generation in force.
    fn index(&self) -> Async<'_, Result<BTreeMap<Key, Entry>, StateError>>;
    /// The bodies under digests, in their order; `None` for one that is not there.
    fn bodies(&self, digests: Vec<Digest>) -> Async<'_, Result<Vec<Option<Bytes>>, StateError>>;
    /// One fact.
    fn get(&self, table: Table, key: String) -> Async<'_, Result<Option<Stored>, StateError>>;
    /// The facts under some keys, in their order; `None` for one that is not there. Each is as it was when it was read.
    fn get_all(&self, keys: Vec<(Table, String)>) -> Async<'_, Result<Vec<Option<Stored>>, StateError>> {
        Box::pin(async move {
            let mut found = Vec::with_capacity(keys.len());
            for (table, key) in keys {
                found.push(self.get(table, key).await?);
            }
            Ok(found)
        })
    }
    /// Several facts, in the order of their keys.
    fn scan(&self, table: Table, scan: Scan) -> Async<'_, Result<Vec<Fact>, StateError>>;
    /// Several things as they are at one moment: no commit comes between them.
    fn snapshot(&self, query: SnapshotQuery) -> Async<'_, Result<Snapshot, StateError>>;
    /// Makes a set of changes, wholly or not at all; durable when it returns. Returns the serial now in force.
    fn commit(&self, commit: Commit) -> Async<'_, Result<Serial, StateError>>;
}

/// Why the state did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Another apply came first.
    #[error("the state has moved: serial {found} is in force, not {expected}")]
    Conflict {
        /// What the commit named.
        expected: Serial,
        /// What is in force.
        found: Serial,
    },
    /// A fact was changed by another writer between its reading and this commit.
    #[error(
        "the fact of {table:?} under `{key}` was changed meanwhile: found {}, expected {}",
        in_words(*found), in_words(*expected)
    )]
    FactConflict {
        /// In which table.
        table: Table,
        /// Under which key.
        key: String,
        /// The revision that the commit named; `None` for a fact that was not there.
        expected: Option<Revision>,
        /// The revision that it has; `None` when it is not there.
        found: Option<Revision>,
    },
    /// The lease under which the commit was made has another holder, or was given back.
    #[error("the lease `{name}` was lost: the commit was made under its token {held}")]
    LeaseLost {
        /// What is leased.
        name: String,
        /// The token of the commit.
        held: LeaseToken,
    },
    /// A fact was changed by others each time that it was to be changed.
    #[error(
        "the fact of {table:?} under `{key}` could not be changed in {attempts} attempts: others change it"
    )]
    Contended {
        /// In which table.
        table: Table,
        /// Under which key.
        key: String,
        /// How often it was tried.
        attempts: u32,
    },
    /// Reading failed.
    #[error("read the state")]
    Read(#[source] Cause),
    /// Writing failed; nothing was changed.
    #[error("write the state")]
    Write(#[source] Cause),
    /// A fact is not of a version we know.
    #[error("a fact of {table:?} under `{key}` cannot be read")]
    Fact {
        /// Where.
        table: Table,
        /// Under which key.
        key: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

/// A revision for a sentence.
fn in_words(revision: Option<Revision>) -> String {
    revision.map_or_else(|| "no fact".to_owned(), |revision| format!("revision {revision}"))
}
