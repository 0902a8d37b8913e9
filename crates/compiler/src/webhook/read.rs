//! Reads a delivery: which event it is, of which data type, where its record is. One pass over the bytes.
//!
//! A delivery is a stranger's text even when its signature is right: its size, its nesting and its names are
//! limited, and what is not JSON is refused here and not later.

use std::ops::Range;

use raccord_model::DataTypeName;
use raccord_model::field_path::FieldPath;
use raccord_model::language::webhook::MAX_EVENT_NAME;

use super::{Hook, RecordPlace, Taken, ValuePlace, What};
use crate::scalar::Scalar;
use crate::select::{Found, Slot, span_of};

/// How deep the objects and lists of a delivery may stand inside each other.
pub const MAX_DEPTH: usize = 64;

/// The longest id of a delivery, in bytes.
pub const MAX_DELIVERY_ID: usize = 256;

/// What the URL says: `/hooks/{stack}/{source}/{dataType}/{event}`, or nothing after the source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Route<'a> {
    /// The data type in the URL.
    pub data_type: Option<&'a str>,
    /// The event in the URL.
    pub event: Option<&'a str>,
}

/// What a delivery is.
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
    /// Where the record is in the body. Of one that is fetched, what is known of it, or nothing.
    pub record: Range<usize>,
    /// The id by which the same delivery is known again.
    pub delivery: Option<String>,
}

/// What an event says of its record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Intent {
    /// It came or changed, and is in the body.
    Upsert,
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
    /// The id of the delivery is missing or is none.
    #[error("the delivery has no id of at most {MAX_DELIVERY_ID} bytes where `webhook.delivery` says")]
    NoDelivery,
    /// There is no record.
    #[error("`{0}` leads to no JSON object in the event")]
    NoRecord(FieldPath),
    /// A field that the path to the record needs is missing.
    #[error("`{0}` is missing in the event, or is no text or number that can stand in a path")]
    NoField(FieldPath),
}

impl Hook {
    /// Reads a delivery whose signature was found right. `header` gives the value of a header by its name.
    pub fn read<'h>(
        &self,
        route: Route<'_>,
        header: &dyn Fn(&str) -> Option<&'h [u8]>,
        body: &[u8],
    ) -> Result<Reading, Unreadable> {
        if u64::try_from(body.len()).map_or(true, |size| size > self.max_body) {
            return Err(Unreadable::TooLarge { size: body.len(), limit: self.max_body });
        }
        if is_too_deep(body) {
            return Err(Unreadable::TooDeep);
        }
        if !self.by_url && route != Route::default() {
            return Err(Unreadable::UnsignedUrl);
        }
        let delivery = Delivery { header, body, found: self.select(body)? };
        let event = self.event_of(route, &delivery)?;
        let Some(taken) = self.taken_of(route, &event)? else {
            return Ok(Reading::Ignored { event });
        };
        let (intent, record) = match &taken.what {
            What::Upsert(place) => (Intent::Upsert, delivery.record(place)?),
            What::Delete(place) => (Intent::Delete, delivery.record(place)?),
            What::Fetch { path, fields, known, .. } => {
                let values = path.fields().zip(fields).map(|(path, slot)| delivery.path_value(path, *slot));
                let values = values.collect::<Result<Vec<_>, _>>()?;
                // A field that is the whole path is a path or a URL already.
                let path = if path.is_field_alone() { values.concat() } else { path.render(&values) };
                (Intent::Fetch { path }, delivery.record(known).unwrap_or_default())
            }
        };
        let id = self.delivery.as_ref().map(|place| delivery.id(place)).transpose()?;
        let data_type = taken.data_type;
        Ok(Reading::Received(Received { data_type, event, intent, record, delivery: id }))
    }

    fn select<'b>(&self, body: &'b [u8]) -> Result<Found<'b>, Unreadable> {
        let not_utf8 = |error: std::str::Utf8Error| {
            let before = body.get(..error.valid_up_to()).unwrap_or_default();
            let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            let line = before.split(|byte| *byte == b'\n').count();
            Unreadable::NotJson { line, column: before.len() - line_start + 1 }
        };
        std::str::from_utf8(body).map_err(not_utf8)?;
        let mut found = Found::default();
        self.selector.select(body, &mut found).map_err(|error| {
            let (line, column) = error.place();
            Unreadable::NotJson { line, column }
        })?;
        Ok(found)
    }

    /// The name of the event: the URL's, else that of the place that says it.
    fn event_of(&self, route: Route<'_>, delivery: &Delivery<'_, '_, '_>) -> Result<String, Unreadable> {
        let event = if let Some(event) = route.event {
            event.to_owned()
        } else {
            let header = match &self.event.header {
                Some(name) => Some(delivery.header_text(name).ok_or(Unreadable::NoEvent)?),
                None => None,
            };
            let body = self.event.body.and_then(|slot| delivery.text(slot));
            match (header, body) {
                (Some(header), Some(body)) => format!("{header}.{body}"),
                // Beside a header the body's part may be missing; not every event has one.
                (Some(header), None) => header.to_owned(),
                (None, Some(body)) => body,
                // A list of nothing but `*` needs no name.
                (None, None) if self.event.body.is_none() && self.events.find("").is_some() => String::new(),
                (None, None) => return Err(Unreadable::NoEvent),
            }
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
        let named = self.events.named(event).and_then(listed);
        if let Some(taken) = named.filter(|taken| taken.data_type == *data_type) {
            return Ok(Some(taken.clone()));
        }
        let what = match event {
            "created" | "updated" => What::Upsert(RecordPlace::Whole),
            "deleted" => What::Delete(RecordPlace::Whole),
            _ => return Err(Unreadable::UnknownEvent(event.to_owned())),
        };
        Ok(Some(Taken { data_type: data_type.clone(), what }))
    }
}

/// A delivery under way.
struct Delivery<'d, 'h, 'b> {
    header: &'d dyn Fn(&str) -> Option<&'h [u8]>,
    body: &'b [u8],
    found: Found<'b>,
}

impl<'h> Delivery<'_, 'h, '_> {
    /// The text in a header; none when it is empty.
    fn header_text(&self, name: &str) -> Option<&'h str> {
        (self.header)(name).and_then(|value| std::str::from_utf8(value).ok()).filter(|text| !text.is_empty())
    }

    /// The text, number or boolean in a part of the body.
    fn text(&self, slot: Slot) -> Option<String> {
        let raw = self.found.values.get(slot).copied().flatten()?;
        Scalar::from_json(raw).as_text().map(std::borrow::Cow::into_owned)
    }

    fn record(&self, place: &RecordPlace) -> Result<Range<usize>, Unreadable> {
        let (raw, path) = match place {
            RecordPlace::Whole => (std::str::from_utf8(self.body).ok(), None),
            RecordPlace::Part(slot, path) => (self.found.values.get(*slot).copied().flatten(), Some(path)),
        };
        let raw = raw.map(str::trim_ascii).filter(|raw| raw.starts_with('{'));
        let raw = raw.ok_or_else(|| Unreadable::NoRecord(path.cloned().unwrap_or_default()))?;
        Ok(span_of(self.body, raw))
    }

    fn path_value(&self, path: &FieldPath, slot: Slot) -> Result<String, Unreadable> {
        // Dots alone would climb up in the path, and nothing at all would ask for the list instead.
        let text = self.text(slot).filter(|text| !matches!(text.as_str(), "" | "." | ".."));
        text.ok_or_else(|| Unreadable::NoField(path.clone()))
    }

    fn id(&self, place: &ValuePlace) -> Result<String, Unreadable> {
        let id = match place {
            ValuePlace::Header(name) => self.header_text(name).map(str::to_owned),
            ValuePlace::Body(slot) => self.text(*slot),
        };
        id.filter(|id| !id.is_empty() && id.len() <= MAX_DELIVERY_ID).ok_or(Unreadable::NoDelivery)
    }
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
