//! From the records of a page to changes and rejects: pure. Those that are as they were are passed over, and are not mapped.

use std::collections::HashSet;
use std::sync::Arc;

use raccord_compiler::connector::reading::Values;
use raccord_compiler::mapping::{Mapped, PageMapper, Rejection, Wanted};
use raccord_compiler::scalar::Scalar;
use raccord_model::fact::{Reject, RunId};
use raccord_model::port::destination::{Candidates, Change, Changes, Intent, Prefetched, RecordDigest};
use raccord_model::port::records::{Fault, Page, Record, Records};

use super::digest::Digester;
use super::job::Job;
use super::page::{MappedPage, hexadecimal};
use super::rejecting::{Arrival, RejectFactory, Shows};

/// Maps the records of a page.
pub fn map_page(job: &Arc<Job>, page: Arc<Page>, run: RunId, at: jiff::Timestamp) -> MappedPage {
    map_arrivals(job, page, Vec::new(), run, at)
}

/// Maps records that came by themselves, put together like a page.
pub fn map_arrivals(
    job: &Arc<Job>,
    page: Arc<Page>,
    arrivals: Vec<Arrival>,
    run: RunId,
    at: jiff::Timestamp,
) -> MappedPage {
    let factory = RejectFactory { job: Arc::clone(job), page, arrivals: arrivals.into(), run, at };
    map_records(&factory, None)
}

/// What is known of the records of a page before they are mapped.
#[derive(Debug)]
pub struct KnownRecords {
    /// Their keys and digests.
    pub candidates: Arc<Candidates>,
    /// Which of them are as they were.
    pub prefetched: Prefetched,
}

impl KnownRecords {
    fn is_same(&self, number: usize) -> bool {
        self.prefetched.same.get(number).copied().unwrap_or_default()
    }
}

/// Maps those records of a page that are not as they were. Nothing when a record that is as it was has the key of another
/// one of the page: then all are to be mapped.
pub fn map_changed(
    job: &Arc<Job>,
    page: Arc<Page>,
    known: &KnownRecords,
    run: RunId,
    at: jiff::Timestamp,
) -> Option<MappedPage> {
    let factory = RejectFactory { job: Arc::clone(job), page, arrivals: [].into(), run, at };
    let mapped = map_records(&factory, Some(known));
    let of = |is_kept| mapped.changes.iter().filter(move |change| (change.intent == Intent::Keep) == is_kept);
    let changed: HashSet<&[u8]> = of(false).map(|change| change.key).collect();
    let is_apart = changed.is_empty() || of(true).all(|kept| !changed.contains(kept.key));
    is_apart.then_some(mapped)
}

/// The keys and digests of the records of a page.
pub fn candidates(job: &Job, page: &Page) -> Candidates {
    let mut candidates = Candidates::default();
    let mut records = job.program.page(page.records.header(), page.parent.as_deref());
    let mut digester = Digester::new(job, page);
    let mut out = Mapped::default();
    for record in page.records.iter() {
        if records.read_key(record, &mut out) {
            candidates.push(&out.key, digester.digest(record));
        } else {
            candidates.push_none();
        }
    }
    candidates
}

fn map_records(factory: &RejectFactory, known: Option<&KnownRecords>) -> MappedPage {
    let page = &factory.page;
    let mut mapping = Mapping::begin(factory, known);
    for Fault { position, reason, payload } in page.parent_faults.iter().chain(&page.faults).cloned() {
        mapping.changes.note_reject(&[]);
        mapping.rejects.push(factory.reject(position, None, reason, payload));
    }
    for (number, record) in page.records.iter().enumerate() {
        match known.and_then(|known| kept(known, number)) {
            Some((key, digest)) => mapping.keep(number, record, key, digest),
            None => mapping.map(number, record),
        }
    }
    mapping.end(known)
}

/// A page on its way through the mapping.
struct Mapping<'p> {
    factory: &'p RejectFactory,
    records: PageMapper<'p>,
    digester: Digester<'p>,
    values: Values<'p>,
    out: Mapped,
    changes: Changes,
    rejects: Vec<Reject>,
    /// The numbers of the records behind the changes.
    numbers: Vec<usize>,
    deletes: u64,
}

impl<'p> Mapping<'p> {
    fn begin(factory: &'p RejectFactory, known: Option<&KnownRecords>) -> Self {
        let (job, page) = (&factory.job, &factory.page);
        Self {
            factory,
            records: job.program.page(page.records.header(), page.parent.as_deref()),
            digester: Digester::new(job, page),
            values: Values::new(job.stream.field_cursor(), factory.at),
            out: Mapped::default(),
            changes: Changes::with_capacity(estimate(page, known)),
            rejects: Vec::new(),
            numbers: Vec::new(),
            deletes: 0,
        }
    }

    /// Passes over a record that is as it was.
    fn keep(&mut self, number: usize, record: Record<'p>, key: &[u8], digest: RecordDigest) {
        if self.values.are_wanted() {
            self.records.read_key(record, &mut self.out);
        }
        let (intent, digest) = (Intent::Keep, Some(digest));
        self.changes.push(Change { intent, key, patch: &[], version: &[], digest });
        self.numbers.push(number);
        self.take_in_value();
    }

    fn map(&mut self, number: usize, record: Record<'p>) {
        let (factory, out) = (self.factory, &mut self.out);
        let mapped = match factory.shows(number) {
            Shows::Key => self.records.map_key(record, out),
            Shows::Part => self.records.map_partial(record, out),
            Shows::Record => self.records.map(record, out),
        };
        match mapped {
            Ok(wanted) => {
                let intent = match wanted {
                    Wanted::Upsert => Intent::Upsert,
                    Wanted::Delete => Intent::Delete,
                };
                self.deletes += u64::from(wanted == Wanted::Delete);
                let is_whole = wanted == Wanted::Upsert && factory.shows(number) == Shows::Record;
                let digest = is_whole.then(|| self.digester.digest(record));
                let Mapped { key, patch, version } = out;
                self.changes.push(Change { intent, key, patch, version, digest });
                self.numbers.push(number);
            }
            Err(Rejection { field, reason, bare, has_key }) => {
                let reason = if factory.keeps_payload() { reason } else { bare };
                let reject = factory.reject_record(number, field, reason);
                self.changes.note_reject(&out.version);
                self.rejects.push(Reject { key: has_key.then(|| hexadecimal(&out.key)), ..reject });
            }
        }
        self.take_in_value();
    }

    /// Takes in the value of the incremental field of the record that was read last.
    fn take_in_value(&mut self) {
        let factory = self.factory;
        let raw =
            if self.values.are_wanted() { self.records.cursor().map(|value| json_of(&value)) } else { None };
        self.values.take_in(raw, |raw| factory.keeps_payload().then(|| factory.masked(raw)));
    }

    fn end(mut self, known: Option<&KnownRecords>) -> MappedPage {
        let (job, page) = (&self.factory.job, &self.factory.page);
        if let Some(known) = known
            && !self.records.has_seen_all()
        {
            // What is as it was was not looked at: it may have the paths that no other record has.
            let mut kept = page.records.iter().enumerate().filter(|(number, _)| known.is_same(*number));
            _ = kept.any(|(_, record)| self.records.look(record));
        }
        let (seen, unread, ahead) = self.values.end();
        MappedPage {
            changes: self.changes,
            kept_at: known.map(|known| known.prefetched.at),
            rejects: self.rejects,
            of_parents: page.parent_faults.len(),
            refuse: self.factory.clone().refuse(self.numbers),
            seen: seen.and_undated(page.faults.len()),
            unread,
            ahead,
            deletes: self.deletes,
            unseen: (!page.records.is_empty()).then(|| job.program.unseen(self.records.seen())),
        }
    }
}

/// The key and the digest of a record that is as it was.
fn kept(known: &KnownRecords, number: usize) -> Option<(&[u8], RecordDigest)> {
    known.candidates.get(number).filter(|_| known.is_same(number))
}

/// About how many bytes the changes will take: records shrink when only some fields are mapped, and those that are kept to
/// their keys.
fn estimate(page: &Page, known: Option<&KnownRecords>) -> usize {
    if known.is_some_and(|known| known.prefetched.same.iter().any(|same| *same)) {
        return 0;
    }
    match &page.records {
        Records::Json { body, .. } | Records::Nested { body, .. } => body.len() / 2,
        Records::Rows(rows) => rows.text.len(),
        Records::Table(rows) => rows.text.len() / 2,
    }
}

/// A value as raw JSON.
fn json_of(value: &Scalar<'_>) -> String {
    match value {
        Scalar::Text(text) => serde_json::Value::from(text.as_ref()).to_string(),
        other => other.to_json(),
    }
}
