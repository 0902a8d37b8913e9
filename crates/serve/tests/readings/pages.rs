//! The pages of a service: which records are on one, and what it says of those that follow.

use std::cmp::Reverse;

use serde_json::{Map, Value, json};

use crate::form::{Order, Paging, Signal};
use crate::service::{Answer, Asked, EPOCH, Fault, Record, Service};
use crate::tokens::Shown;

impl Service {
    /// The records that a request is about, in their order.
    pub(crate) fn visible(&self, asked: &Asked) -> Vec<(u32, &Record)> {
        let parent = Self::parent(asked);
        let since = asked.query.get("since").and_then(|since| since.parse::<i64>().ok());
        let token = asked.token();
        let is_wanted = |record: &Record| {
            parent.is_none_or(|parent| record.parent == parent)
                && since.is_none_or(|since| self.found_by(record).is_some_and(|at| EPOCH + at >= since))
                && token.is_none_or(|token| self.is_later(record, token))
        };
        let mut records: Vec<(u32, &Record)> = self
            .records
            .iter()
            .chain(self.shown_graves(token))
            .map(|(id, record)| (*id, record))
            .filter(|(_, record)| is_wanted(record))
            .collect();
        match self.form.order {
            Order::Id => records.sort_by_key(|(id, _)| *id),
            Order::OldestFirst => records.sort_by_key(|(id, record)| (self.found_by(record), *id)),
            Order::NewestFirst => records.sort_by_key(|(id, record)| (Reverse(self.found_by(record)), *id)),
        }
        records
    }

    /// A page, with what a fault makes of it.
    pub(crate) fn page(&self, asked: &Asked, fault: Option<Fault>) -> Answer {
        if self.form.has_parents && asked.path == "/parents" {
            let parents: Vec<Value> = self.parents.iter().map(|id| json!({"id": id})).collect();
            return Answer::json(200, &json!({"data": parents}));
        }
        let records = self.visible(asked);
        let size = number(asked, "limit").unwrap_or(self.form.cap).clamp(1, self.form.cap);
        let place = Place::of(asked);
        let opened = place.opened.unwrap_or(self.now);
        let is_first_part = self.form.continues && !place.is_second;
        let begin = self.begin(asked, &records, (size, place.after)).min(records.len());
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
            let after = self.carrying(place.after.unwrap_or_default(), opened);
            draft.say("next", json!(format!("{after}.")), json!([1]));
        } else if let Some(next) = last.filter(|_| has_more) {
            self.lead_on(asked, &self.carrying(&next, opened), &mut draft);
        }
        if self.form.continues && !is_first_part {
            draft.body.insert("complete".to_owned(), json!(""));
        }
        self.signal((records.len(), records.len().div_ceil(size), has_more), &mut draft);
        let last = records[..end].last().map(|(_, record)| *record);
        let shown = Shown { opened, begin, is_last: !has_more && !is_first_part, last };
        self.add_token(asked, fault, &shown, &mut draft);
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
        let (updated, at) = (EPOCH + record.changed, self.cursor(id, record));
        if self.graves.contains_key(&id) {
            return json!({"id": id, "updated": updated, "gone": true, "at": at});
        }
        json!({"id": id, "name": record.name, "updated": updated, "gone": record.is_deleted, "at": at})
    }

    /// The parameters that a link to the next page repeats.
    fn repeated(asked: &Asked) -> String {
        let repeated =
            asked.query.iter().filter(|(name, _)| ["since", "token", "limit"].contains(&name.as_str()));
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
pub(crate) struct Draft {
    pub(crate) body: Map<String, Value>,
    pub(crate) headers: Vec<(&'static str, Vec<u8>)>,
    /// Whether what it says beside the records is of a kind that nothing can be made of.
    is_unreadable: bool,
}

impl Draft {
    /// Says something beside the records, or what cannot be read in its place.
    fn say(&mut self, name: &str, value: Value, unreadable: Value) {
        self.body.insert(name.to_owned(), if self.is_unreadable { unreadable } else { value });
    }
}

/// A number that a request names.
pub(crate) fn number(asked: &Asked, name: &str) -> Option<usize> {
    asked.query.get(name).and_then(|text| text.parse().ok())
}

/// Where a page begins, as the one before leads to it.
#[derive(Default)]
struct Place<'a> {
    /// Behind which record.
    after: Option<&'a str>,
    /// Whether it is the second part of a page: that is asked for by what the first one was asked for, and a sign.
    is_second: bool,
    /// When the first page of its chain was asked for.
    opened: Option<i64>,
}

impl<'a> Place<'a> {
    fn of(asked: &'a Asked) -> Self {
        let Some(text) = asked.query.get("after") else { return Self::default() };
        let (text, is_second) = match text.strip_suffix('.') {
            Some(first) => (first, true),
            None => (text.as_str(), false),
        };
        let (after, opened) = text.split_once('~').unwrap_or((text, ""));
        Self { after: Some(after).filter(|after| !after.is_empty()), is_second, opened: opened.parse().ok() }
    }
}
