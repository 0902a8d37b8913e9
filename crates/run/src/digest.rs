//! Digests of raw records: by them a record that comes again as it was is known without being mapped.
//!
//! A digest covers everything that a row is made of: the record, its parent where the mapping reads one, and the mapping
//! itself. It is no proof against a service that forges records, which could send any record anyway. It never leaves the state.

use std::hash::Hasher as _;

use raccord_model::port::destination::RecordDigest;
use raccord_model::port::records::{Page, Record, Records, Row};
use twox_hash::{XxHash3_64, XxHash3_128};

use crate::job::Job;

/// Makes the digests of the records of a page.
pub(crate) struct Digester<'p> {
    mapping: [u8; 4],
    /// Of what the transfer and its mapping are.
    seed: u64,
    /// Of that and of what the records of the page have in common.
    page_seed: u64,
    reads_parent: bool,
    /// The record that the last one stood in, and the seed with it.
    outer: Option<(&'p [u8], u64)>,
}

impl<'p> Digester<'p> {
    /// For the records of a page.
    pub(crate) fn new(job: &Job, page: &'p Page) -> Self {
        let (mut mapping, mut seed) = ([0; 4], [0; 8]);
        for (to, from) in mapping.iter_mut().chain(&mut seed).zip(job.mapping_digest.0) {
            *to = from;
        }
        let seed = u64::from_be_bytes(seed);
        let reads_parent = job.program.reads_parent();
        let mut page_seed = seed;
        if let Some(parent) = page.parent.as_deref().filter(|_| reads_parent) {
            page_seed = XxHash3_64::oneshot_with_seed(page_seed, parent);
        }
        if let Records::Rows(rows) = &page.records {
            let mut hasher = XxHash3_64::with_seed(page_seed);
            rows.header.iter().for_each(|name| write(name, |bytes| hasher.write(bytes)));
            page_seed = hasher.finish();
        }
        Self { mapping, seed, page_seed, reads_parent, outer: None }
    }

    /// The digest of a record of the page.
    pub(crate) fn digest(&mut self, record: Record<'p>) -> RecordDigest {
        let number = match record {
            Record::Json(raw) => XxHash3_128::oneshot_with_seed(self.page_seed, raw),
            Record::Nested { raw, outer } => XxHash3_128::oneshot_with_seed(self.seed_in(outer), raw),
            Record::Row(row) => self.digest_of_row(row),
            // As of any JSON: rows that were kept before are known.
            Record::TableRow(row) => XxHash3_128::oneshot_with_seed(self.page_seed, row.raw().as_bytes()),
        };
        let [record @ .., _, _, _, _] = number.to_be_bytes();
        RecordDigest { mapping: self.mapping, record }
    }

    fn digest_of_row(&self, row: Row<'p>) -> u128 {
        let mut hasher = XxHash3_128::with_seed(self.page_seed);
        for column in 0..row.header().len() {
            write(row.cell(column).unwrap_or_default(), |bytes| hasher.write(bytes));
        }
        hasher.finish_128()
    }

    /// The seed for records that stand in another one.
    fn seed_in(&mut self, outer: &'p [u8]) -> u64 {
        if !self.reads_parent {
            return self.page_seed;
        }
        match self.outer {
            Some((known, seed)) if std::ptr::eq(known, outer) => seed,
            _ => {
                let seed = XxHash3_64::oneshot_with_seed(self.seed, outer);
                self.outer = Some((outer, seed));
                seed
            }
        }
    }
}

/// Writes a text so that no two lists of texts are written alike.
fn write(text: &str, mut write: impl FnMut(&[u8])) {
    write(&u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
    write(text.as_bytes());
}
