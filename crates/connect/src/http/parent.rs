//! The parent records of a data type, one at a time, in the order of their pages.

use std::sync::Arc;

use bytes::Bytes;
use raccord_compiler::connector::{HttpStream, ListRouter, ParentRouter, PartitionRouter};
use raccord_compiler::select::{Found, Selector};
use raccord_model::DataTypeName;
use raccord_model::checkpoint::{PartitionId, Spot};
use raccord_model::field_path::FieldPath;
use raccord_model::port::records::Fault;
use raccord_model::port::source::SourceError;

use super::client::Exchange;
use super::fetched::{Fetched, Wanted};
use super::list;
use super::partition::Notes;
use super::reader::{MAX_PAYLOAD, Reader};
use super::request::path_value;
use super::sync::Since;
use super::token::{ParentPlace, Place};

/// Where the records of a parent come from.
#[derive(Debug)]
enum Above {
    /// The service is asked for them.
    Records(Box<Reader>),
    /// They stand for values that the settings list; the page of them until it is taken.
    List(ListRouter, Option<Box<Fetched>>),
}

impl Above {
    /// Where the next page is; `None` when there is none.
    fn place(&self) -> Option<Place> {
        match self {
            Self::Records(reader) => reader.place(),
            Self::List(_, page) => page.as_ref().map(|_| Place::beginning()),
        }
    }

    async fn fetch(&mut self) -> Result<Option<Fetched>, SourceError> {
        match self {
            Self::Records(reader) => reader.fetch().await,
            Self::List(_, page) => Ok(page.take().map(|page| *page)),
        }
    }

    const fn has_more(&self) -> bool {
        match self {
            Self::Records(reader) => reader.has_more(),
            Self::List(_, page) => page.is_some(),
        }
    }
}

/// Walks through the records of the parent data type, or through the values of a list.
#[derive(Debug)]
pub(crate) struct Parent {
    above: Above,
    exchange: Arc<Exchange>,
    notes: Notes,
    /// The fields that the child's path and body take.
    fields: Vec<FieldPath>,
    selector: Selector,
    /// Takes the key out of a record.
    key: Selector,
    data_type: DataTypeName,
    /// Where the page in hand, or the one to be asked for, is.
    place: Place,
    page: Option<Fetched>,
    /// The record on that page.
    record: usize,
    /// What its fields were when a token was written.
    expected: Option<Vec<String>>,
}

/// The parent record that requests are made for.
#[derive(Debug)]
pub(crate) struct Settled {
    /// The record.
    pub(crate) record: Bytes,
    /// The values of its fields in the path.
    pub(crate) fields: Vec<String>,
    /// What tells it from others and where it stands among the pages of the parents, when these can shift.
    pub(crate) place: Option<(PartitionId, Spot)>,
}

impl Parent {
    /// Begins at a place, or with the first record; `None` when the child has no parent.
    pub(crate) fn above(
        child: &HttpStream,
        exchange: &Arc<Exchange>,
        place: Option<ParentPlace>,
    ) -> Option<Self> {
        let router = child.partition_router.as_ref()?;
        let (page, record, expected) = match place {
            Some(place) => (Some(place.page), place.record, place.fields),
            None => (None, 0, None),
        };
        let mut fields = child.requester.parent_fields();
        let (above, place, key, data_type) = match router {
            PartitionRouter::Parents(ParentRouter { parent, key, stream, .. }) => {
                // Parents are always read whole: a change of a child leaves no mark on its parent.
                let wanted = Wanted { since: Since::initial(stream), is_parent: true, ..Wanted::default() };
                let place = page.clone().unwrap_or_else(|| Place::first(stream));
                let reader = Reader::new(Arc::new((**stream).clone()), Arc::clone(exchange), wanted, page);
                (Above::Records(Box::new(reader)), place, Selector::new([key]), parent.clone())
            }
            PartitionRouter::List(router) => {
                // All values tell one partition from another, whether the path takes them or not.
                fields.extend(router.names.iter().map(|name| FieldPath::member(name)));
                let page = list::page(router, child.requester.url_base.clone());
                let above = Above::List(router.clone(), Some(Box::new(page)));
                (above, Place::beginning(), Selector::new([]), child.data_type.clone())
            }
        };
        let selector = Selector::new(&fields);
        let (exchange, notes) = (Arc::clone(exchange), Notes::default());
        Some(Self {
            above,
            exchange,
            notes,
            fields,
            selector,
            key,
            data_type,
            place,
            page: None,
            record,
            expected,
        })
    }

    /// Makes sure that there is a record in hand, reading on over pages without any; `None` after the last one.
    pub(crate) async fn settle(&mut self) -> Result<Option<Settled>, SourceError> {
        loop {
            let Some(page) = &self.page else {
                let Some(place) = self.above.place() else {
                    return Ok(None);
                };
                self.page = self.above.fetch().await?;
                self.place = place;
                self.tell_faults();
                continue;
            };
            if let Some(expected) = &self.expected {
                self.record = self.find(page, expected).ok_or_else(|| SourceError::PageRefused {
                    message: "the parent record we stopped at is no longer where it was".to_owned(),
                })?;
            }
            self.expected = None;
            if let Some(span) = page.spans.get(self.record) {
                let (record, spot) = (page.body.slice(span.clone()), page.spot);
                match self.values(&record) {
                    Ok(fields) => {
                        let place = spot.map(|spot| (self.identity(&record, &fields), spot));
                        return Ok(Some(Settled { record, fields, place }));
                    }
                    Err(reason) => self.reject(reason, &record),
                }
                self.record += 1;
                continue;
            }
            if !self.above.has_more() {
                return Ok(None);
            }
            (self.page, self.record) = (None, 0);
        }
    }

    /// Notes what stood on the page in hand where a parent was expected; on one that a run continues at, it is known.
    fn tell_faults(&mut self) {
        let is_continued = self.record > 0 || self.expected.is_some();
        let Some(page) = self.page.as_mut().filter(|_| !is_continued) else { return };
        let faults = page.faults.drain(..);
        self.notes
            .faults
            .extend(faults.map(|fault| Fault { position: format!("parent {}", fault.position), ..fault }));
    }

    /// Notes a record that no request can be made for. It is one bad record: the others have their turn.
    fn reject(&mut self, reason: String, record: &[u8]) {
        let payload = self.exchange.masker().excerpt(record, MAX_PAYLOAD);
        self.notes.faults.push(Fault { position: self.describe(), reason, payload });
    }

    /// Takes what there is to tell of the records so far, and of what stands above them.
    pub(crate) fn tell(&mut self, to: &mut Notes) {
        if let Above::Records(reader) = &mut self.above {
            self.notes.take_from(&mut reader.notes);
        }
        to.take_from(&mut self.notes);
    }

    /// Moves on to the next record. Returns whether there may be one.
    pub(crate) fn advance(&mut self) -> bool {
        self.record += 1;
        if self.page.as_ref().is_some_and(|page| self.record < page.spans.len()) {
            return true;
        }
        let Some(place) = self.above.place() else {
            return false;
        };
        (self.place, self.page, self.record) = (place, None, 0);
        true
    }

    /// Where the record in hand is.
    pub(crate) fn place(&self) -> ParentPlace {
        let fields = match &self.page {
            Some(page) => self.values_at(page, self.record),
            None => self.expected.clone(),
        };
        ParentPlace { page: self.place.clone(), record: self.record, fields }
    }

    /// Where the record in hand is, in words.
    pub(crate) fn describe(&self) -> String {
        if let Above::List(router, _) = &self.above {
            return list::describe(router, self.record);
        }
        let page = self.page.as_ref().map_or("page 1", |page| page.position.as_str());
        format!("parent {page}, record {}", self.record + 1)
    }

    /// The record whose fields are the expected ones: where it was, else anywhere on the page.
    fn find(&self, page: &Fetched, expected: &[String]) -> Option<usize> {
        let is_it = |at: &usize| self.values_at(page, *at).as_deref() == Some(expected);
        Some(self.record).filter(is_it).or_else(|| (0..page.spans.len()).find(is_it))
    }

    fn values_at(&self, page: &Fetched, record: usize) -> Option<Vec<String>> {
        self.values(page.body.get(page.spans.get(record)?.clone())?).ok()
    }

    /// What tells a parent record from others: its key, and without one what the child's path takes.
    fn identity(&self, record: &[u8], fields: &[String]) -> PartitionId {
        let mut found = Found::default();
        let read = self.key.select(record, &mut found);
        let key =
            read.ok().and_then(|()| found.values.first().copied().flatten()).filter(|raw| *raw != "null");
        // No text of a path begins so, and what is no key is none of another record.
        let mut values = vec![if key.is_some() { "\u{0}key" } else { "\u{0}path" }.to_owned()];
        match key {
            Some(key) => values.push(key.to_owned()),
            None => values.extend(fields.iter().cloned()),
        }
        PartitionId::of(&self.data_type, &values)
    }

    /// The values of a parent record's fields in the child's path.
    fn values(&self, record: &[u8]) -> Result<Vec<String>, String> {
        let mut found = Found::default();
        self.selector.select(record, &mut found).map_err(|error| error.to_string())?;
        self.fields.iter().zip(&found.values).map(|(field, raw)| path_value(field, *raw)).collect()
    }
}
