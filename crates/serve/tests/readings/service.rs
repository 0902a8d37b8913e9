//! A REST service with records that change while they are read, as a value: a request in, an answer out.
//!
//! It shares no code with the reader. What it does wrong, and when, is a script that a test generates.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

/// The second of the first change, in Unix seconds.
pub(crate) const EPOCH: i64 = 1_735_689_600;

/// How the service lets its records be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Form {
    pub(crate) paging: Paging,
    pub(crate) signal: Signal,
    pub(crate) order: Order,
    /// The page size that is asked for.
    pub(crate) asked: usize,
    /// The largest page that is given, whatever is asked for.
    pub(crate) cap: usize,
    /// Whether records are asked for by their parent.
    pub(crate) has_parents: bool,
    /// Whether a record that is deleted is shown as such, from then on.
    pub(crate) keeps_deleted: bool,
    /// Whether the records of a page come in two parts, of which the second says that they are complete.
    pub(crate) continues: bool,
}

/// How a page is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paging {
    /// By its number, from 1.
    Page,
    /// By the number of records before it.
    Offset,
    /// By a cursor in the body of the page before, which is absent on the last page.
    Cursor,
    /// By the id of the last record, while `more` is true.
    LastRecord,
    /// By a URL in the body of the page before.
    NextUrl,
    /// By the header `Link`.
    Link,
    /// By a URL in a header of its own.
    Header,
    /// By the time of the last change, which the page begins with.
    Value,
}

/// What a numbered page says about how many follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    Nothing,
    Total,
    TotalHeader,
    Pages,
    PagesHeader,
    More,
    /// That this is the last one.
    Done,
}

impl Signal {
    /// Whether it names the number of records, which changes with each that comes or goes.
    pub(crate) const fn is_total(self) -> bool {
        matches!(self, Self::Total | Self::TotalHeader)
    }

    /// Whether it names a number.
    const fn is_number(self) -> bool {
        matches!(self, Self::Total | Self::TotalHeader | Self::Pages | Self::PagesHeader)
    }
}

/// In which order records are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Id,
    OldestFirst,
    NewestFirst,
}

impl Form {
    /// Whether a page is found by counting records, so that a change before it moves it.
    pub(crate) const fn is_by_position(self) -> bool {
        matches!(self.paging, Paging::Page | Paging::Offset)
    }

    /// Whether an answer without records contradicts what the service says elsewhere when there are more.
    pub(crate) const fn tells_the_end(self) -> bool {
        match self.paging {
            Paging::Page | Paging::Offset => !matches!(self.signal, Signal::Nothing),
            Paging::Value => false,
            Paging::Cursor | Paging::LastRecord | Paging::NextUrl | Paging::Link | Paging::Header => true,
        }
    }
}

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
}

/// A record as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) name: String,
    pub(crate) parent: u32,
    /// When it was changed, in seconds since [`EPOCH`].
    pub(crate) changed: i64,
    /// When it was changed before that.
    before: Option<i64>,
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
    fn json(status: u16, body: &Value) -> Self {
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
    next_id: u32,
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
            next_id: 0,
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
                    self.records.remove(&id);
                } else if let Some(record) = self.records.get_mut(&id).filter(|record| !record.is_deleted) {
                    record.before = Some(record.changed);
                    (record.is_deleted, record.changed) = (true, self.now);
                }
            }
            Change::CreateParent => {
                let parent = self.parents.last().map_or(0, |last| last + 1);
                self.parents.insert(parent);
                self.insert(parent, self.now - 1_000);
                self.insert(parent, self.now - 900);
            }
            Change::DeleteParent(place) => {
                let parent = self.parents.iter().nth(place % self.parents.len().max(1)).copied();
                if let Some(parent) = parent {
                    self.parents.remove(&parent);
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
        match fault {
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
            Some(fault @ (Fault::EmptyPage | Fault::UnreadableNext)) => self.page(asked, Some(fault)),
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
    fn found_by(&self, record: &Record) -> Option<i64> {
        if record.changed + self.lag <= self.now { Some(record.changed) } else { record.before }
    }

    /// The parent that a request is about.
    fn parent(asked: &Asked) -> Option<u32> {
        asked.path.strip_prefix("/parents/")?.strip_suffix("/items")?.parse().ok()
    }

    fn is_gone(&self, asked: &Asked) -> bool {
        Self::parent(asked).is_some_and(|parent| !self.parents.contains(&parent))
    }

    /// The records that a request is about, in their order.
    fn visible(&self, asked: &Asked) -> Vec<(u32, &Record)> {
        let parent = Self::parent(asked);
        let since = asked.query.get("since").and_then(|since| since.parse::<i64>().ok());
        let is_wanted = |record: &Record| {
            parent.is_none_or(|parent| record.parent == parent)
                && since.is_none_or(|since| self.found_by(record).is_some_and(|at| EPOCH + at >= since))
        };
        let mut records: Vec<(u32, &Record)> = self
            .records
            .iter()
            .map(|(id, record)| (*id, record))
            .filter(|(_, record)| is_wanted(record))
            .collect();
        match self.form.order {
            Order::Id => {}
            Order::OldestFirst => records.sort_by_key(|(id, record)| (self.found_by(record), *id)),
            Order::NewestFirst => records.sort_by_key(|(id, record)| (Reverse(self.found_by(record)), *id)),
        }
        records
    }

    fn page(&self, asked: &Asked, fault: Option<Fault>) -> Answer {
        if self.form.has_parents && asked.path == "/parents" {
            let parents: Vec<Value> = self.parents.iter().map(|id| json!({"id": id})).collect();
            return Answer::json(200, &json!({"data": parents}));
        }
        let records = self.visible(asked);
        let size = number(asked, "limit").unwrap_or(self.form.cap).clamp(1, self.form.cap);
        let (after, is_second) = part(asked);
        let is_first_part = self.form.continues && !is_second;
        let begin = self.begin(asked, &records, (size, after)).min(records.len());
        let end = (begin + size).min(records.len());
        let has_more = end < records.len();
        let is_told = has_more || self.form.is_by_position() && self.form.signal.is_number();
        let is_empty = fault == Some(Fault::EmptyPage) && is_told;
        let shown = if is_empty { &[] } else { &records[begin..end] };
        let record = |(id, record): &(u32, &Record)| {
            if is_first_part { json!({"id": id}) } else { self.record(*id, record) }
        };
        let data: Vec<Value> = shown.iter().map(record).collect();
        let mut draft = Draft {
            body: Map::from_iter([("data".to_owned(), Value::from(data))]),
            headers: Vec::new(),
            is_unreadable: fault == Some(Fault::UnreadableNext),
        };
        let last = records[begin..end].last().map(|(id, record)| self.cursor(*id, record));
        if is_first_part {
            draft.say("next", json!(format!("{}.", after.unwrap_or_default())), json!([1]));
        } else if let Some(next) = last.filter(|_| has_more) {
            self.lead_on(asked, &next, &mut draft);
        }
        if self.form.continues && !is_first_part {
            draft.body.insert("complete".to_owned(), json!(""));
        }
        self.signal((records.len(), records.len().div_ceil(size), has_more), &mut draft);
        let mut answer = Answer::json(200, &Value::from(draft.body));
        answer.headers.extend(draft.headers);
        answer
    }

    /// How many records stand before a page.
    fn begin(
        &self,
        asked: &Asked,
        records: &[(u32, &Record)],
        (size, after): (usize, Option<&str>),
    ) -> usize {
        match self.form.paging {
            Paging::Page => (number(asked, "page").unwrap_or(1).max(1) - 1) * size,
            Paging::Offset => number(asked, "offset").unwrap_or(0),
            Paging::Value => 0,
            // A cursor names the record that it stands behind, so that nothing moves under it.
            _ => after.map_or(0, |after| {
                records.iter().take_while(|(id, record)| self.is_up_to(*id, record, after)).count()
            }),
        }
    }

    /// Says where the next page is.
    fn lead_on(&self, asked: &Asked, next: &str, draft: &mut Draft) {
        let url = format!("{}?{}after={next}", asked.path, Self::repeated(asked));
        let (name, value) = match self.form.paging {
            Paging::Cursor => return draft.say("next", json!(next), json!([1])),
            Paging::NextUrl => return draft.say("next", json!(url), json!(17)),
            Paging::Link if draft.is_unreadable => ("link", b"<\xff\xfe>; rel=\"next\"".to_vec()),
            Paging::Link => ("link", format!("<{url}>; rel=\"next\"").into_bytes()),
            Paging::Header if draft.is_unreadable => ("next-page", b"http://[".to_vec()),
            Paging::Header => ("next-page", url.into_bytes()),
            Paging::Page | Paging::Offset | Paging::LastRecord | Paging::Value => return,
        };
        draft.headers.push((name, value));
    }

    /// Says how many records and pages there are, or whether there are more.
    fn signal(&self, (total, pages, has_more): (usize, usize, bool), draft: &mut Draft) {
        if self.form.paging == Paging::LastRecord {
            return draft.say("more", json!(has_more), json!({}));
        }
        if !self.form.is_by_position() {
            return;
        }
        let count = if self.form.signal.is_total() { total } else { pages };
        let count = if draft.is_unreadable { "many".to_owned() } else { count.to_string() };
        match self.form.signal {
            Signal::Nothing => {}
            Signal::Total => draft.say("total", json!(total), json!("many")),
            Signal::Pages => draft.say("pages", json!(pages), json!("many")),
            Signal::TotalHeader => draft.headers.push(("x-total", count.into_bytes())),
            Signal::PagesHeader => draft.headers.push(("x-pages", count.into_bytes())),
            Signal::More => draft.say("more", json!(has_more), json!({})),
            Signal::Done => draft.say("done", json!(!has_more), json!({})),
        }
    }

    fn record(&self, id: u32, record: &Record) -> Value {
        json!({"id": id, "name": record.name, "updated": EPOCH + record.changed, "gone": record.is_deleted, "at": self.cursor(id, record)})
    }

    /// The parameters that a link to the next page repeats.
    fn repeated(asked: &Asked) -> String {
        let repeated = asked.query.iter().filter(|(name, _)| ["since", "limit"].contains(&name.as_str()));
        repeated.map(|(name, value)| format!("{name}={value}&")).collect()
    }

    /// A record's place in the order.
    fn cursor(&self, id: u32, record: &Record) -> String {
        match self.form.order {
            Order::Id => format!("{id:06}"),
            Order::OldestFirst => format!("{:06}-{id:06}", 500_000 + self.found_by(record).unwrap_or(0)),
            Order::NewestFirst => format!("{:06}-{id:06}", 500_000 - self.found_by(record).unwrap_or(0)),
        }
    }

    fn is_up_to(&self, id: u32, record: &Record, after: &str) -> bool {
        self.cursor(id, record).as_str() <= after
    }
}

/// An answer that is being written.
struct Draft {
    body: Map<String, Value>,
    headers: Vec<(&'static str, Vec<u8>)>,
    /// Whether what it says beside the records is of a kind that nothing can be made of.
    is_unreadable: bool,
}

impl Draft {
    /// Says something beside the records, or what cannot be read in its place.
    fn say(&mut self, name: &str, value: Value, unreadable: Value) {
        self.body.insert(name.to_owned(), if self.is_unreadable { unreadable } else { value });
    }
}

fn number(asked: &Asked, name: &str) -> Option<usize> {
    asked.query.get(name).and_then(|text| text.parse().ok())
}

/// Behind which record a page is asked for, and whether it is its second part: that is asked for by what the first one
/// was asked for, and a sign.
fn part(asked: &Asked) -> (Option<&str>, bool) {
    let Some(after) = asked.query.get("after").map(String::as_str) else { return (None, false) };
    match after.strip_suffix('.') {
        Some(first) => (Some(first).filter(|first| !first.is_empty()), true),
        None => (Some(after), false),
    }
}
