//! A REST service with records that change while they are read, as a value: a request in, an answer out.
//!
//! It shares no code with the reader. What it does wrong, and when, is a script that a test generates.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::form::Form;

/// The second of the first change, in Unix seconds.
pub(crate) const EPOCH: i64 = 1_735_689_600;

/// What becomes of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Status(u16),
    /// 403 with the headers of a limit that is already over.
    Limited,
    /// 200 and an error in place of the records.
    ErrorBody,
    /// 200 and null where the records are, beside a list of errors.
    NullRecords,
    /// 200 and an object without the records.
    NoRecords,
    Html,
    Truncated,
    /// No records, although the service says that there are more. It is never so twice before a good answer, for then it
    /// looks like a page of which everything is filtered out.
    EmptyPage,
    /// The first page in place of the one asked for, as a cache that leaves the query out does.
    FirstPage,
    /// A next link, cursor or `more` of a kind that nothing can be made of.
    UnreadableNext,
    /// No token, where one is promised. The first page is not served so where each has one, for then it looks like a service
    /// that has it on its last page alone.
    NoToken,
    /// A token that is neither text nor number.
    UnreadableToken,
}

/// A change of the service's records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Create,
    /// Of the record at this place among those that are there.
    Update(usize),
    Delete(usize),
    /// A parent whose records were changed long ago.
    CreateParent,
    /// The parent at this place, with its records.
    DeleteParent(usize),
    /// All tokens that were given so far are forgotten.
    Expire,
}

/// A record as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) name: String,
    pub(crate) parent: u32,
    /// When it was changed, in seconds since [`EPOCH`].
    pub(crate) changed: i64,
    /// When it was changed before that.
    pub(crate) before: Option<i64>,
    /// Whether it is deleted.
    pub(crate) is_deleted: bool,
}

/// A request as it arrived.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) query: BTreeMap<String, String>,
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        let headers = vec![("content-type", b"application/json".to_vec()), ("retry-after", b"0".to_vec())];
        Self { status, headers, body: body.to_string().into_bytes() }
    }
}

/// What is scripted for one request: a change before it is answered, and how it is answered.
pub(crate) type Step = (Option<Change>, Option<Fault>);

/// The service.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    pub(crate) form: Form,
    /// The records by id.
    pub(crate) records: BTreeMap<u32, Record>,
    /// The parents by id; there is one, which is never asked for, where records have none.
    pub(crate) parents: BTreeSet<u32>,
    /// The seconds since [`EPOCH`].
    pub(crate) now: i64,
    /// How long ago a record must have changed before those who ask for changes are shown it, in seconds.
    pub(crate) lag: i64,
    /// What becomes of the next requests, the first one last.
    pub(crate) script: Vec<Step>,
    /// How many requests came.
    pub(crate) requests: u64,
    /// The records that are gone, which those are shown who send a token.
    pub(crate) graves: BTreeMap<u32, Record>,
    /// Whether it shows them.
    pub(crate) tells_deletions: bool,
    /// The records that may have been shown so far.
    pub(crate) shown: BTreeSet<u32>,
    /// From which token on they are known.
    pub(crate) oldest: i64,
    /// Whether there are deletions that it will not tell of any more.
    pub(crate) has_forgotten: bool,
    next_id: u32,
    next_parent: u32,
    was_empty: bool,
}

impl Service {
    /// A service with so many records, one changed a second.
    pub(crate) fn new(form: Form, records: u32, lag: i64) -> Self {
        let mut service = Self {
            form,
            records: BTreeMap::new(),
            parents: BTreeSet::from([0]),
            now: 0,
            lag,
            script: Vec::new(),
            requests: 0,
            graves: BTreeMap::new(),
            shown: BTreeSet::new(),
            tells_deletions: false,
            oldest: i64::MIN,
            has_forgotten: false,
            next_id: 0,
            next_parent: 1,
            was_empty: false,
        };
        for _ in 0..records {
            service.change(Change::Create);
        }
        service
    }

    /// Changes a record; each change is a second after the one before.
    pub(crate) fn change(&mut self, change: Change) {
        self.now += 1;
        let at = |place: usize| self.records.keys().nth(place % self.records.len().max(1)).copied();
        match change {
            Change::Create => {
                let places = self.parents.len().max(1);
                let parent =
                    self.parents.iter().nth(usize::try_from(self.now).unwrap_or(0) % places).copied();
                if let Some(parent) = parent {
                    self.insert(parent, self.now);
                }
            }
            Change::Update(place) => {
                let record = at(place).and_then(|id| self.records.get_mut(&id));
                if let Some(record) = record.filter(|record| !record.is_deleted) {
                    record.before = Some(record.changed);
                    (record.name, record.changed) = (format!("name {}", self.now), self.now);
                }
            }
            Change::Delete(place) => {
                let Some(id) = at(place) else { return };
                if !self.form.keeps_deleted {
                    self.bury(id);
                } else if let Some(record) = self.records.get_mut(&id).filter(|record| !record.is_deleted) {
                    record.before = Some(record.changed);
                    (record.is_deleted, record.changed) = (true, self.now);
                }
            }
            Change::Expire => self.oldest = self.now,
            Change::CreateParent => {
                // No id is given twice.
                let parent = self.next_parent;
                self.next_parent += 1;
                self.parents.insert(parent);
                self.insert(parent, self.now - 1_000);
                self.insert(parent, self.now - 900);
            }
            Change::DeleteParent(place) => {
                let parent = self.parents.iter().nth(place % self.parents.len().max(1)).copied();
                if let Some(parent) = parent {
                    self.parents.remove(&parent);
                    self.has_forgotten = true;
                    self.records.retain(|_, record| record.parent != parent);
                }
            }
        }
    }

    fn insert(&mut self, parent: u32, changed: i64) {
        // New ids come before older ones as often as after them.
        self.next_id += 1;
        let id = if self.next_id.is_multiple_of(2) { 1_000 + self.next_id } else { 1_000 - self.next_id };
        let name = format!("name {} of {}", self.now, self.next_id);
        self.records.insert(id, Record { name, parent, changed, before: None, is_deleted: false });
    }

    /// Answers a request as the script has it, and after its end as it should be.
    pub(crate) fn answer(&mut self, asked: &Asked) -> Answer {
        self.requests += 1;
        self.now += 1;
        let (change, fault) = self.script.pop().unwrap_or_default();
        let fault = fault.filter(|fault| *fault != Fault::EmptyPage || !self.was_empty);
        self.was_empty = fault.is_some_and(|fault| self.was_empty || fault == Fault::EmptyPage);
        if let Some(change) = change {
            self.change(change);
        }
        let is_forgotten = self.refuses_token(asked, fault);
        match fault {
            None if is_forgotten => Answer::json(410, &json!({"message": "no such token"})),
            None if self.is_gone(asked) => Answer::json(404, &json!({"message": "no such parent"})),
            None => self.page(asked, None),
            Some(Fault::Status(status)) => Answer::json(status, &json!({"message": "not now"})),
            Some(Fault::Limited) => {
                let mut answer = Answer::json(403, &json!({"message": "API rate limit exceeded"}));
                answer.headers =
                    vec![("x-ratelimit-remaining", b"0".to_vec()), ("retry-after", b"0".to_vec())];
                answer
            }
            Some(Fault::ErrorBody) => Answer::json(200, &json!({"error": {"code": 17, "message": "no"}})),
            Some(Fault::NullRecords) => {
                Answer::json(200, &json!({"data": null, "errors": [{"message": "Throttled"}]}))
            }
            Some(Fault::NoRecords) => Answer::json(200, &json!({"status": "ok"})),
            Some(Fault::Html) => Answer {
                status: 200,
                headers: vec![("content-type", b"text/html".to_vec())],
                body: b"<html>Please sign in</html>".to_vec(),
            },
            Some(Fault::Truncated) => {
                let mut answer = self.page(asked, None);
                answer.body.truncate(answer.body.len() / 2);
                answer
            }
            Some(
                fault @ (Fault::EmptyPage | Fault::UnreadableNext | Fault::NoToken | Fault::UnreadableToken),
            ) => self.page(asked, Some(fault)),
            Some(Fault::FirstPage) => {
                let mut first = asked.clone();
                for name in ["page", "offset", "after"] {
                    first.query.remove(name);
                }
                self.page(&first, None)
            }
        }
    }

    /// The time by which those who ask for changes find a record: that of its last change, after a lag.
    pub(crate) fn found_by(&self, record: &Record) -> Option<i64> {
        if record.changed + self.lag <= self.now { Some(record.changed) } else { record.before }
    }

    /// The parent that a request is about.
    pub(crate) fn parent(asked: &Asked) -> Option<u32> {
        asked.path.strip_prefix("/parents/")?.strip_suffix("/items")?.parse().ok()
    }

    fn is_gone(&self, asked: &Asked) -> bool {
        Self::parent(asked).is_some_and(|parent| !self.parents.contains(&parent))
    }
}
