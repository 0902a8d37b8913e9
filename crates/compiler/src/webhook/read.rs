//! Reads a delivery: which events it has, of which data type, where their records are. One pass over the bytes of
//! each event.
//!
//! A delivery is a stranger's text even when its signature is right: its size, its nesting and its names are
//! limited, and what is not JSON is refused here and not later.

use std::ops::Range;

use raccord_model::DataTypeName;
use raccord_model::field_path::{FieldPath, ManyPath};
use raccord_model::language::webhook::MAX_EVENT_NAME;

use super::events::Rule;
use super::{Fetch, Hook, PathField, RecordPlace, Taken, ValuePlace, Way, What};
use crate::scalar::Scalar;
use crate::select::{Found, SelectError, Selector, Slot, span_of, twice};

/// How deep the objects and lists of a delivery may stand inside each other.
pub const MAX_DEPTH: usize = 64;

/// The longest id of a delivery, in bytes.
pub const MAX_DELIVERY_ID: usize = 256;

/// How many events and records a delivery may have.
pub const MAX_EVENTS: usize = 10_000;

/// What the URL says: `/hooks/{stack}/{source}/{dataType}/{event}`, or nothing after the source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Route<'a> {
    /// The data type in the URL.
    pub data_type: Option<&'a str>,
    /// The event in the URL.
    pub event: Option<&'a str>,
}

/// What one event of a delivery is, for each record that it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// An event about a record.
    Received(Received),
    /// An event that is not listed, or listed to be ignored. It is answered as if it were kept.
    Ignored {
        /// Its name.
        event: String,
    },
}

/// An event about a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// The data type of the record.
    pub data_type: DataTypeName,
    /// The name of the event.
    pub event: String,
    /// What it says of the record.
    pub intent: Intent,
    /// The record. Of one that is fetched, what is known of it, or nothing.
    pub record: Content,
    /// Where the event is in the body.
    pub said: Range<usize>,
    /// The id by which the same event is known again: that of the delivery, with the number of the event and of the
    /// record in it where there are several.
    pub delivery: Option<String>,
}

/// A record of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// It stands in the body there.
    Within(Range<usize>),
    /// It was made of a text or a number by itself.
    Made(String),
}

impl Content {
    /// Its bytes, of the body that it was read from.
    pub fn of<'b>(&'b self, body: &'b [u8]) -> &'b [u8] {
        match self {
            Self::Within(range) => body.get(range.clone()).unwrap_or_default(),
            Self::Made(text) => text.as_bytes(),
        }
    }
}

/// What an event says of its record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Intent {
    /// It came or changed, and is in the body.
    Upsert,
    /// It changed, and the body has what changed alone.
    Partial,
    /// It is gone; its key is in the body.
    Delete,
    /// It came or changed, and is to be fetched.
    Fetch {
        /// The path after the base URL, or a URL that the event gives.
        path: String,
    },
}

/// Why a delivery cannot be read. It is for our log: no variant holds more of the delivery than the name of its
/// event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// The body passes `maxBody`.
    #[error("the body has {size} bytes, {limit} are allowed")]
    TooLarge {
        /// How many bytes it has.
        size: usize,
        /// How many are allowed.
        limit: u64,
    },
    /// The body is nested deeper than [`MAX_DEPTH`].
    #[error("the body is nested deeper than {MAX_DEPTH}")]
    TooDeep,
    /// The body is not one JSON text.
    #[error("the body is not JSON (line {line}, column {column})")]
    NotJson {
        /// The line on which that shows.
        line: usize,
        /// The column.
        column: usize,
    },
    /// A member beside the events stands twice with different values, or one on the way to them stands twice.
    #[error("{}", twice(.0, "the delivery"))]
    Repeated(String),
    /// Nothing says which event it is.
    #[error("no event is named where `webhook.event` says, nor in the URL")]
    NoEvent,
    /// The event is named by something that is no name.
    #[error("the event has no name of at most {MAX_EVENT_NAME} bytes of text")]
    BadEvent,
    /// The URL names the event, although it proves nothing.
    #[error(
        "the URL names the event, but `webhook.events` says what deliveries mean and the URL is not signed"
    )]
    UnsignedUrl,
    /// The URL names an event that is not listed, and is none of created, updated and deleted.
    #[error("the URL names the event `{0}`, which is not listed")]
    UnknownEvent(String),
    /// The URL names a data type that the source does not have.
    #[error("the URL names a data type that the source does not have")]
    UnknownDataType,
    /// There is no list of events.
    #[error("`batch: {0}` leads to no list in the delivery")]
    NoBatch(FieldPath),
    /// There are too many events or records.
    #[error("the delivery has more than {MAX_EVENTS} events or records")]
    TooMany,
    /// The id of the delivery is missing or is none.
    #[error("the delivery has no id of at most {MAX_DELIVERY_ID} bytes where `webhook.delivery` says")]
    NoDelivery,
    /// There is no record.
    #[error(
        "`{0}` leads to no JSON object in the event; a text or a number can be a record with `as: FIELD`"
    )]
    NoRecord(ManyPath),
    /// A field that the path to the record needs is missing.
    #[error("`{0}` is missing in the event, or is no text or number that can stand in a path")]
    NoField(FieldPath),
}

impl Hook {
    /// Reads a delivery whose signature was found right: what each of its events says of each record. `header` gives the
    /// value of a header by its name.
    pub fn read<'h>(
        &self,
        route: Route<'_>,
        header: &dyn Fn(&str) -> Option<&'h [u8]>,
        body: &[u8],
    ) -> Result<Vec<Reading>, Unreadable> {
        if u64::try_from(body.len()).map_or(true, |size| size > self.max_body) {
            return Err(Unreadable::TooLarge { size: body.len(), limit: self.max_body });
        }
        if is_too_deep(body) {
            return Err(Unreadable::TooDeep);
        }
        if !self.by_url && route != Route::default() {
            return Err(Unreadable::UnsignedUrl);
        }
        let text = as_text(body)?;
        let mut readings = Vec::new();
        let Some(batch) = &self.batch else {
            let found = select(&self.selector, text)?;
            let event = Event { header, body, text, found, number: None, outer_id: None };
            self.read_event(route, &event, &mut readings)?;
            return Ok(readings);
        };
        let outer = select(&batch.selector, text)?;
        if let Some(name) = batch.selector.repeated(&outer) {
            return Err(Unreadable::Repeated(name.to_owned()));
        }
        if !outer.has_list() {
            return Err(Unreadable::NoBatch(batch.path.clone()));
        }
        let outer_id = outer.values.first().copied().flatten();
        for (number, text) in outer.list.into_iter().enumerate() {
            let found = select(&self.selector, text)?;
            let event = Event { header, body, text, found, number: Some(number), outer_id };
            self.read_event(route, &event, &mut readings)?;
        }
        Ok(readings)
    }

    fn read_event(
        &self,
        route: Route<'_>,
        event: &Event<'_, '_, '_>,
        readings: &mut Vec<Reading>,
    ) -> Result<(), Unreadable> {
        let name = self.event_of(route, event)?;
        let Some(taken) = self.taken_of(route, &name)? else {
            if readings.len() >= MAX_EVENTS {
                return Err(Unreadable::TooMany);
            }
            readings.push(Reading::Ignored { event: name });
            return Ok(());
        };
        let place = match &taken.what {
            What::Upsert(place) | What::Partial(place) | What::Delete(place) => place,
            What::Fetch(fetch) => &fetch.known,
        };
        let records = match (event.records(place), &taken.what, &place.way) {
            (Ok(records), ..) => records,
            // Nothing has to be known of a record that is fetched.
            (Err(_), What::Fetch(_), Way::Whole | Way::Part(_)) => vec![Content::Within(0..0)],
            (Err(error), ..) => return Err(error),
        };
        if readings.len() + records.len() > MAX_EVENTS {
            return Err(Unreadable::TooMany);
        }
        let id = self.delivery.as_ref().map(|place| event.id(place)).transpose()?;
        let are_many = matches!(place.way, Way::Many(_));
        for (number, record) in records.into_iter().enumerate() {
            let intent = match &taken.what {
                What::Upsert(_) => Intent::Upsert,
                What::Partial(_) => Intent::Partial,
                What::Delete(_) => Intent::Delete,
                What::Fetch(fetch) => Intent::Fetch { path: event.path(fetch, &record)? },
            };
            let delivery = id.as_ref().map(|id| if are_many { format!("{id}/{number}") } else { id.clone() });
            let data_type = taken.data_type.clone();
            readings.push(Reading::Received(Received {
                data_type,
                event: name.clone(),
                intent,
                record,
                said: span_of(event.body, event.text),
                delivery,
            }));
        }
        Ok(())
    }

    /// The name of the event: the URL's, else that of the place that says it.
    fn event_of(&self, route: Route<'_>, delivery: &Event<'_, '_, '_>) -> Result<String, Unreadable> {
        let event = if let Some(event) = route.event {
            event.to_owned()
        } else {
            let header = match &self.event.header {
                Some(name) => Some(delivery.header_text(name).ok_or(Unreadable::NoEvent)?),
                None => None,
            };
            let body: Vec<String> = self.event.body.iter().filter_map(|slot| delivery.text(*slot)).collect();
            // Beside a header the body's part may be missing; not every event has one. Of several none may.
            if self.event.body.len() > 1 && body.len() < self.event.body.len() {
                return Err(Unreadable::NoEvent);
            }
            let parts: Vec<String> = header.map(str::to_owned).into_iter().chain(body).collect();
            // A list of nothing but `*` needs no name.
            if parts.is_empty() && (!self.event.body.is_empty() || self.events.find("").is_none()) {
                return Err(Unreadable::NoEvent);
            }
            parts.join(".")
        };
        if event.len() > MAX_EVENT_NAME || event.chars().any(char::is_control) {
            return Err(Unreadable::BadEvent);
        }
        Ok(event)
    }

    /// What the event means; nothing when it is ignored.
    fn taken_of(&self, route: Route<'_>, event: &str) -> Result<Option<Taken>, Unreadable> {
        let listed = |rule| self.taken_by(rule);
        let Some(data_type) = route.data_type else {
            return Ok(self.events.find(event).and_then(listed).cloned());
        };
        let data_type = self.data_types.get(data_type).ok_or(Unreadable::UnknownDataType)?;
        let found = self.events.find(event);
        if let Some(taken) = found.and_then(listed).filter(|taken| taken.data_type == *data_type) {
            return Ok(Some(taken.clone()));
        }
        let what = match event {
            "created" | "updated" => What::Upsert(RecordPlace::default()),
            "deleted" => What::Delete(RecordPlace::default()),
            _ if found == Some(Rule::Ignore) => return Ok(None),
            _ => return Err(Unreadable::UnknownEvent(event.to_owned())),
        };
        Ok(Some(Taken { data_type: data_type.clone(), what }))
    }
}

/// The body as text.
fn as_text(body: &[u8]) -> Result<&str, Unreadable> {
    std::str::from_utf8(body).map_err(|error| {
        let before = body.get(..error.valid_up_to()).unwrap_or_default();
        let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let line = before.split(|byte| *byte == b'\n').count();
        Unreadable::NotJson { line, column: before.len() - line_start + 1 }
    })
}

fn select<'b>(selector: &Selector, text: &'b str) -> Result<Found<'b>, Unreadable> {
    let mut found = Found::default();
    selector.select(text.as_bytes(), &mut found).map_err(|error| not_json(&error))?;
    Ok(found)
}

fn not_json(error: &SelectError) -> Unreadable {
    let (line, column) = error.place();
    Unreadable::NotJson { line, column }
}

/// An event under way.
struct Event<'d, 'h, 'b> {
    header: &'d dyn Fn(&str) -> Option<&'h [u8]>,
    /// The whole delivery.
    body: &'b [u8],
    /// The event: the same, or a part of it.
    text: &'b str,
    found: Found<'b>,
    /// Which of several it is.
    number: Option<usize>,
    /// The id of the delivery in the body, beside the list of its events.
    outer_id: Option<&'b str>,
}

impl<'h> Event<'_, 'h, '_> {
    /// The text in a header; none when it is empty.
    fn header_text(&self, name: &str) -> Option<&'h str> {
        (self.header)(name).and_then(|value| std::str::from_utf8(value).ok()).filter(|text| !text.is_empty())
    }

    /// The text, number or boolean in a part of the event.
    fn text(&self, slot: Slot) -> Option<String> {
        text_of(self.found.values.get(slot).copied().flatten()?)
    }

    /// The records that the event is about.
    fn records(&self, place: &RecordPlace) -> Result<Vec<Content>, Unreadable> {
        let no_record = || Unreadable::NoRecord(place.path.clone());
        let raws = match &place.way {
            Way::Whole => vec![self.text],
            Way::Part(slot) => {
                vec![self.found.values.get(*slot).copied().flatten().ok_or_else(no_record)?]
            }
            Way::Many(many) => {
                many.select(self.text).map_err(|error| not_json(&error))?.ok_or_else(no_record)?
            }
        };
        raws.into_iter().map(|raw| self.record(raw, place).ok_or_else(no_record)).collect()
    }

    fn record(&self, raw: &str, place: &RecordPlace) -> Option<Content> {
        let raw = raw.trim_ascii();
        match (raw.as_bytes().first()?, &place.field) {
            (b'{', _) => Some(Content::Within(span_of(self.body, raw))),
            (b'"' | b'-' | b'0'..=b'9', Some(field)) => {
                Some(Content::Made(format!("{{{}:{raw}}}", serde_json::Value::from(field.as_str()))))
            }
            _ => None,
        }
    }

    /// Where a record is fetched.
    fn path(&self, fetch: &Fetch, record: &Content) -> Result<String, Unreadable> {
        let mut of_record = Found::default();
        let known = record.of(self.body);
        if !known.is_empty() {
            fetch.of_record.select(known, &mut of_record).map_err(|error| not_json(&error))?;
        }
        let value = |(path, field): (&FieldPath, &PathField)| {
            let found = match *field {
                PathField::Event(slot) => self.text(slot),
                PathField::Record(slot) => of_record.values.get(slot).copied().flatten().and_then(text_of),
            };
            // Dots alone would climb up in the path, and nothing at all would ask for the list instead.
            let found = found.filter(|text| !matches!(text.as_str(), "" | "." | ".."));
            found.ok_or_else(|| Unreadable::NoField(path.clone()))
        };
        let values = fetch.path.fields().zip(&fetch.fields).map(value).collect::<Result<Vec<_>, _>>()?;
        // A field that is the whole path is a path or a URL already.
        Ok(if fetch.path.is_field_alone() { values.concat() } else { fetch.path.render(&values) })
    }

    /// The id of the event: its own, or that of the delivery and its number in it.
    fn id(&self, place: &ValuePlace) -> Result<String, Unreadable> {
        let (id, is_own) = match place {
            ValuePlace::Header(name) => (self.header_text(name).map(str::to_owned), false),
            ValuePlace::Body(slot) => match self.text(*slot) {
                Some(id) => (Some(id), true),
                None => (self.outer_id.and_then(text_of), false),
            },
        };
        let id =
            id.filter(|id| !id.is_empty() && id.len() <= MAX_DELIVERY_ID).ok_or(Unreadable::NoDelivery)?;
        Ok(match self.number {
            Some(number) if !is_own => format!("{id}/{number}"),
            _ => id,
        })
    }
}

/// A text, number or boolean.
fn text_of(raw: &str) -> Option<String> {
    Scalar::from_json(raw).as_text().map(std::borrow::Cow::into_owned)
}

/// Whether brackets stand inside each other deeper than allowed. Those in texts do not count.
fn is_too_deep(body: &[u8]) -> bool {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for byte in body {
        if in_text {
            in_text = escaped || *byte != b'"';
            escaped = !escaped && *byte == b'\\';
            continue;
        }
        match byte {
            b'"' => in_text = true,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return true;
        }
    }
    false
}
