//! Copying a state as a whole into another of whatever sort: what it holds comes in sections, as items whose bytes are the
//! same in every state, so that what was read and what was written can be compared.
//!
//! It never looks into an item. Rows, rejects and what else a destination keeps are no part of a state that is copied.

use super::state::Table;
use super::{Async, Cause};

/// How many items a page has at the most, and how many bytes; an item that is larger comes alone.
pub const PAGE_ITEMS: usize = 1_000;
/// As [`PAGE_ITEMS`], in bytes of keys and values.
pub const PAGE_BYTES: usize = 4 * 1024 * 1024;

/// Under which keys [`Section::Position`] has its items: the head as JSON; the sequence of the delivery that came last, the
/// revision that a fact had last, and the number that a revision of the vault had last, each as 8 big-endian bytes.
pub const POSITION: [&str; 4] = ["head", "revision", "sequence", "vault"];

/// A part of a state that is copied. Numbers are 8 big-endian bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Section {
    /// `Kind/name` → uid and digest.
    Resources,
    /// Digest → canonical body.
    Bodies,
    /// A fact's key → its revision, and its JSON.
    Facts(Table),
    /// The name of a lease → the token of its last acquisition. Who holds it is not copied.
    Leases,
    /// A transfer's uid and a sequence → a delivery that waits.
    Inbox,
    /// A source's uid and the digest of a delivery's name → when it came, as microseconds that compare like bytes.
    Remembered,
    /// An Authorization's uid → its secret, sealed.
    Vault,
    /// The head and the numbers that were given last, as [`POSITION`] says. It is written last.
    Position,
}

impl Section {
    /// Every section, in the order in which they are copied.
    pub fn all() -> impl Iterator<Item = Self> {
        let facts = Table::ALL.into_iter().map(Self::Facts);
        [Self::Resources, Self::Bodies].into_iter().chain(facts).chain([
            Self::Leases,
            Self::Inbox,
            Self::Remembered,
            Self::Vault,
            Self::Position,
        ])
    }

    /// What people call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Resources => "resources",
            Self::Bodies => "bodies",
            Self::Facts(table) => match table {
                Table::Generations => "generations",
                Table::Transfers => "transfers",
                Table::Entities => "entities",
                Table::Integrations => "integrations",
                Table::Runs => "runs",
                Table::Steps => "steps",
                Table::Outbox => "outbox",
                Table::Tokens => "tokens",
                Table::Sessions => "sessions",
                Table::Audit => "audit",
                Table::Webhooks => "webhooks",
                Table::Told => "told",
            },
            Self::Leases => "leases",
            Self::Inbox => "inbox",
            Self::Remembered => "remembered deliveries",
            Self::Vault => "vault",
            Self::Position => "position",
        }
    }
}

/// Something that a state holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Item {
    /// Under which key, in the order of bytes.
    pub key: Vec<u8>,
    /// What.
    pub value: Vec<u8>,
}

/// How many items there are, and a digest over all of them in order.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// How many.
    pub count: u64,
    hasher: blake3::Hasher,
}

impl Tally {
    /// Adds items, in order.
    pub fn add(&mut self, items: &[Item]) {
        for Item { key, value } in items {
            self.count += 1;
            for part in [key, value] {
                self.hasher.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
                self.hasher.update(part);
            }
        }
    }

    /// The digest.
    pub fn digest(&self) -> [u8; 32] {
        *self.hasher.finalize().as_bytes()
    }
}

/// What a state holds that is not copied, because it belongs to a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Records {
    /// Rows of entities.
    pub rows: u64,
    /// Rejects.
    pub rejects: u64,
}

/// A state that is read as a whole, and does not change meanwhile.
pub trait CopySource: Send + Sync {
    /// The items of a section after a key, in order: a page at the most, and none only when none is left.
    fn page(&self, section: Section, after: Option<Vec<u8>>) -> Async<'_, Result<Vec<Item>, CopyError>>;
    /// What it holds beside the sections.
    fn records(&self) -> Async<'_, Result<Records, CopyError>>;
}

/// A state that is being written, and is none for any reader until it is complete.
pub trait CopyTarget: CopySource {
    /// Adds items to a section, in order. [`Section::Position`] comes last.
    fn put(&self, section: Section, items: Vec<Item>) -> Async<'_, Result<(), CopyError>>;
}

/// Why a state was not copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// Reading failed.
    #[error("read the state")]
    Read(#[source] Cause),
    /// Writing failed.
    #[error("write the state")]
    Write(#[source] Cause),
    /// An item is not what its section has.
    #[error("an item of the section `{}` cannot be read", .0.name())]
    Item(Section),
    /// There is something where the copy was to be.
    #[error("{0}")]
    Occupied(String),
    /// The state has rows, and its copy could have none.
    #[error(
        "the state itself keeps {} rows and {} rejects, of projects in the embedded store, and a state that several \
         machines share has none",
        .0.rows, .0.rejects
    )]
    Records(Records),
    /// What was written is not what was read.
    #[error("the section `{}` was not copied as it is: {read} items were read, {found} are there", section.name())]
    Differs {
        /// Which.
        section: Section,
        /// How many items were read.
        read: u64,
        /// How many the copy has; as many as were read when some of them differ.
        found: u64,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(key: &str, value: &str) -> Item {
        Item { key: key.into(), value: value.into() }
    }

    #[test]
    fn a_digest_is_of_all_items_and_of_where_they_end() {
        let digest = |items: &[Item]| {
            let mut tally = Tally::default();
            tally.add(items);
            tally.digest()
        };
        let one = digest(&[item("a", "b"), item("c", "d")]);
        let mut paged = Tally::default();
        paged.add(&[item("a", "b")]);
        paged.add(&[item("c", "d")]);
        assert_eq!(paged.digest(), one, "pages make no difference");
        for other in [
            vec![item("a", "b")],
            vec![item("c", "d"), item("a", "b")],
            vec![item("ab", ""), item("c", "d")],
            vec![item("a", "bcd")],
            vec![item("a", "b"), item("c", "D")],
        ] {
            assert_ne!(digest(&other), one, "{other:?}");
        }
    }

    #[test]
    fn sections_have_names_of_their_own_and_the_position_is_last() {
        let names: std::collections::BTreeSet<&str> = Section::all().map(Section::name).collect();
        assert_eq!(names.len(), Section::all().count());
        assert_eq!(Section::all().last(), Some(Section::Position));
    }
}
