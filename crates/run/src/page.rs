//! One page's way through the mapping: pure, from records to changes and rejects.

use std::collections::HashSet;
use std::sync::Arc;

use raccord_compiler::connector::FieldCursor;
use raccord_compiler::mapping::{Mapped, PageMapper, Rejection, Wanted};
use raccord_compiler::scalar::Scalar;
use raccord_model::Ident;
use raccord_model::checkpoint::{Checkpoint, Cursor};
use raccord_model::fact::{Reject, RunId};
use raccord_model::language::transfer::Payload;
use raccord_model::port::records::{Fault, Page, Records};
use raccord_model::port::sink::{
    Batch, Candidates, Change, Changes, Intent, Prefetched, RecordDigest, Refuse,
};

use super::digest::Digester;
use super::job::Job;
use super::window;

/// What a page became.
#[derive(Debug)]
pub struct MappedPage {
    /// Rows on their way into the sink.
    pub changes: Changes,
    /// At which revision of the rows the records that are as they were were looked up.
    pub kept_at: Option<u64>,
    /// Records that could not be mapped, after parent records whose children cannot be asked for.
    pub rejects: Vec<Reject>,
    /// How many of them are of parent records.
    pub of_parents: usize,
    /// Makes the rejects of rows that the sink cannot store.
    pub refuse: Refuse,
    /// The greatest cursor value.
    pub greatest: Option<Cursor>,
    /// The greatest cursor value that is not in the future.
    pub latest: Option<Cursor>,
    /// How many records have no cursor value.
    pub undated: usize,
    /// Which cursor values could not be read.
    pub unread: Unread,
    /// How many records say that they are deleted.
    pub deletes: u64,
    /// The paths of the mapping that no record had; none of a page without records.
    pub unseen: Option<Vec<String>>,
}

/// Cursor values that could not be read.
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

impl MappedPage {
    /// The batch that keeps it. It leaves the checkpoint where it is, and is durable a little later.
    pub fn into_batch(self, job: &Job, run: RunId, at: jiff::Timestamp) -> Batch {
        Batch {
            transfer: job.uid,
            run,
            at,
            fence: job.fence,
            target: job.target.clone(),
            mode: job.spec.mode,
            updates: job.updates.clone(),
            changes: self.changes,
            kept_at: self.kept_at,
            rejects: self.rejects,
            refuse: self.refuse,
            keep_rejects: (job.spec.rejects.max_count, job.spec.rejects.max_age.0),
            mark_seen: false,
            spot: None,
            partitions: Vec::new(),
            completes: None,
            accepts: None,
            checkpoint: None,
            consumed: Vec::new(),
            record: None,
            postponed: Vec::new(),
            guard: None,
            defer_deletes: false,
            suspects: Vec::new(),
            durable: false,
        }
    }

    /// Why the first record was rejected, when every record was.
    pub fn rejected_whole(&self) -> Option<String> {
        let first = self.rejects.get(self.of_parents).filter(|_| self.changes.is_empty())?;
        Some(match &first.field {
            Some(field) => format!("{field}: {}", first.reason),
            None => first.reason.clone(),
        })
    }

    /// Whether no record has a cursor value beyond this one, nor may have. A value in the future says nothing: it is
    /// shown until its day has come.
    pub fn is_all_up_to(&self, cursor: &Cursor) -> bool {
        self.undated == 0 && self.latest.as_ref().is_none_or(|latest| latest <= cursor)
    }

    /// How many records have no key that can be read.
    pub fn keyless(&self) -> u64 {
        let keyless = self.rejects.iter().filter(|reject| reject.key.is_none()).count();
        u64::try_from(keyless).unwrap_or(u64::MAX)
    }
}

/// The batch that moves the checkpoint and nothing else.
pub fn checkpoint_only(job: &Arc<Job>, checkpoint: Checkpoint, run: RunId, at: jiff::Timestamp) -> Batch {
    let batch = map_page(job, Arc::new(Page::empty()), run, at).into_batch(job, run, at);
    Batch { checkpoint: Some(checkpoint), durable: true, ..batch }
}

/// How a record came that is on no page of its source.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// Where from, in words.
    pub position: String,
    /// What there is of it.
    pub shows: Shows,
}

/// What there is of a record that came by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shows {
    /// All of it.
    Record,
    /// What has changed.
    Part,
    /// Its key, with the message that it is deleted.
    Key,
}

/// Makes the rejects of a page: what they have in common.
#[derive(Clone)]
struct RejectFactory {
    job: Arc<Job>,
    page: Arc<Page>,
    /// How each record came; none of a page of its source.
    arrivals: Arc<[Arrival]>,
    run: RunId,
    at: jiff::Timestamp,
}

impl RejectFactory {
    fn keeps_payload(&self) -> bool {
        self.job.spec.rejects.payload == Payload::Keep
    }

    /// A text without credentials of ours.
    fn masked(&self, text: String) -> String {
        match &self.page.mask {
            Some(mask) => mask.apply(&text),
            None => text,
        }
    }

    fn reject(&self, position: String, field: Option<Ident>, reason: String, payload: String) -> Reject {
        let parent = self.page.parent.as_ref().filter(|_| self.keeps_payload());
        let keeps_payload = self.keeps_payload() && !payload.is_empty();
        Reject {
            transfer: self.job.uid,
            run: self.run,
            at: self.at,
            position,
            field,
            reason: self.masked(reason),
            key: None,
            payload: keeps_payload.then(|| self.masked(payload)),
            parent: parent.map(|raw| self.masked(String::from_utf8_lossy(raw).into_owned())),
            deletion: false,
            partial: false,
        }
    }

    fn reject_record(&self, number: usize, field: Option<Ident>, reason: String) -> Reject {
        let record = self.page.records.get(number).filter(|_| self.keeps_payload());
        let payload = record.map_or_else(String::new, |record| record.to_json());
        let position = match self.arrivals.get(number) {
            Some(arrival) => arrival.position.clone(),
            None => position(&self.page, number),
        };
        let mut reject = self.reject(position, field, reason, payload);
        if let Some(outer) = record.and_then(|record| record.outer()) {
            reject.parent = Some(self.masked(String::from_utf8_lossy(outer).into_owned()));
        }
        let shows = self.shows(number);
        Reject { deletion: shows == Shows::Key, partial: shows == Shows::Part, ..reject }
    }

    fn shows(&self, number: usize) -> Shows {
        self.arrivals.get(number).map_or(Shows::Record, |arrival| arrival.shows)
    }

    /// Makes the reject of a row whose unique value another row has. `numbers` are the records behind the rows.
    fn refuse(self, numbers: Vec<usize>) -> Refuse {
        Refuse(Arc::new(move |change, field| {
            let name = self.job.fields.get(&field).cloned();
            let reason = "another record already has this value, and the field is unique".to_owned();
            self.reject_record(numbers.get(change).copied().unwrap_or(change), name, reason)
        }))
    }
}

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
    let mut records = job.program.page(header(page), page.parent.as_deref());
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

fn header(page: &Page) -> Option<&Arc<[String]>> {
    match &page.records {
        Records::Rows(rows) => Some(&rows.header),
        Records::Json { .. } | Records::Nested { .. } => None,
    }
}

fn map_records(factory: &RejectFactory, known: Option<&KnownRecords>) -> MappedPage {
    let (job, page) = (&factory.job, &factory.page);
    let (mut changes, mut rejects) = (Changes::with_capacity(estimate(page, known)), Vec::new());
    for Fault { position, reason, payload } in page.parent_faults.iter().chain(&page.faults).cloned() {
        changes.note_reject(&[]);
        rejects.push(factory.reject(position, None, reason, payload));
    }
    let mut records = job.program.page(header(page), page.parent.as_deref());
    let mut digester = Digester::new(job, page);
    let mut out = Mapped::default();
    let (mut numbers, mut deletes) = (Vec::new(), 0);
    let mut cursors = Cursors::new(job.stream.field_cursor(), factory);
    for (number, record) in page.records.iter().enumerate() {
        if let Some((key, digest)) = known.and_then(|known| kept(known, number)) {
            if cursors.are_wanted() {
                records.read_key(record, &mut out);
            }
            changes.push(Change {
                intent: Intent::Keep,
                key,
                patch: &[],
                version: &[],
                digest: Some(digest),
            });
            numbers.push(number);
            cursors.take_in(&records);
            continue;
        }
        let mapped = match factory.shows(number) {
            Shows::Key => records.map_key(record, &mut out),
            Shows::Part => records.map_partial(record, &mut out),
            Shows::Record => records.map(record, &mut out),
        };
        match mapped {
            Ok(wanted) => {
                let intent = match wanted {
                    Wanted::Upsert => Intent::Upsert,
                    Wanted::Delete => Intent::Delete,
                };
                deletes += u64::from(wanted == Wanted::Delete);
                let is_whole = wanted == Wanted::Upsert && factory.shows(number) == Shows::Record;
                let digest = is_whole.then(|| digester.digest(record));
                let Mapped { key, patch, version } = &out;
                changes.push(Change { intent, key, patch, version, digest });
                numbers.push(number);
            }
            Err(Rejection { field, reason, bare, has_key }) => {
                let reason = if factory.keeps_payload() { reason } else { bare };
                let reject = factory.reject_record(number, field, reason);
                changes.note_reject(&out.version);
                rejects.push(Reject { key: has_key.then(|| hexadecimal(&out.key)), ..reject });
            }
        }
        cursors.take_in(&records);
    }
    if let Some(known) = known
        && !records.has_seen_all()
    {
        // What is as it was was not looked at: it may have the paths that no other record has.
        let kept = page.records.iter().enumerate().filter(|(number, _)| known.is_same(*number));
        _ = kept.map(|(_, record)| records.look(record)).any(|has_all| has_all);
    }
    let Cursors { greatest, latest, undated, unread, .. } = cursors;
    MappedPage {
        changes,
        kept_at: known.map(|known| known.prefetched.at),
        rejects,
        of_parents: page.parent_faults.len(),
        refuse: factory.clone().refuse(numbers),
        greatest,
        latest,
        undated: undated + page.faults.len(),
        unread,
        deletes,
        unseen: (!page.records.is_empty()).then(|| job.program.unseen(records.seen())),
    }
}

/// The key and the digest of a record that is as it was.
fn kept(known: &KnownRecords, number: usize) -> Option<(&[u8], RecordDigest)> {
    known.candidates.get(number).filter(|_| known.is_same(number))
}

/// The cursor values of a page.
struct Cursors<'f> {
    cursor: Option<&'f FieldCursor>,
    factory: &'f RejectFactory,
    greatest: Option<Cursor>,
    latest: Option<Cursor>,
    undated: usize,
    unread: Unread,
}

impl<'f> Cursors<'f> {
    fn new(cursor: Option<&'f FieldCursor>, factory: &'f RejectFactory) -> Self {
        let unread = Unread::default();
        Self { cursor, factory, greatest: None, latest: None, undated: 0, unread }
    }

    const fn are_wanted(&self) -> bool {
        self.cursor.is_some()
    }

    /// Takes in the value of the record that was read last.
    fn take_in(&mut self, records: &PageMapper<'_>) {
        let (factory, at) = (self.factory, self.factory.at);
        let value = self.cursor.and_then(|cursor| cursor_of(cursor, records));
        self.unread.records += 1;
        if value.is_none() {
            if self.unread.unread == 0 && factory.keeps_payload() {
                self.unread.example = records.cursor().map(|value| factory.masked(json_of(&value)));
            }
            self.unread.unread += 1;
        }
        // What says a time to come is left out, as a whole: how a text would say the present is not known.
        let value = value.filter(|value| !self.cursor.is_some_and(|cursor| cursor.is_future(value, at)));
        self.undated += usize::from(value.is_none());
        let latest = value.clone().filter(|value| window::not_beyond(value.clone(), at) == *value);
        self.latest = self.latest.take().max(latest);
        self.greatest = self.greatest.take().max(value);
    }
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
    }
}

fn cursor_of(cursor: &FieldCursor, mapper: &PageMapper<'_>) -> Option<Cursor> {
    cursor.read(&json_of(&mapper.cursor()?))
}

/// A value as raw JSON.
fn json_of(value: &Scalar<'_>) -> String {
    match value {
        Scalar::Text(text) => serde_json::Value::from(text.as_ref()).to_string(),
        other => other.to_json(),
    }
}

fn position(page: &Page, number: usize) -> String {
    match &page.records {
        Records::Rows(rows) => {
            format!("{}, line {}", page.position, rows.lines.get(number).copied().unwrap_or_default())
        }
        Records::Json { .. } | Records::Nested { .. } => format!("{}, record {}", page.position, number + 1),
    }
}

/// Bytes as hexadecimal text.
pub fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
