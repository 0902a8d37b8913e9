//! Webhooks: from a delivery to the records it is about.
//!
//! [`lower`] tells every mistake at once and gives the [`Hook`] that reads deliveries, in one pass over the bytes
//! and without a tree. It verifies no signature and fetches nothing; that is done where secrets are.

mod events;
mod lower;
mod read;
mod register;
mod signed;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use raccord_model::DataTypeName;
use raccord_model::diagnostic::Finding;
use raccord_model::field_path::{FieldPath, ManyPath};
use raccord_model::language::WebhookSpec;
use raccord_model::language::connector::HttpSettings;
use raccord_model::rate::Rate;

use self::events::{Events, Rule};
use crate::connector::findings::Findings;
use crate::connector::template::PathTemplate;
use crate::select::{Many, Selector, Slot};

pub use lower::public_url;
pub use read::{
    Content as RecordContent, Intent, MAX_DELIVERY_ID, MAX_DEPTH, MAX_EVENTS, Reading, Received, Route,
    Unreadable,
};
pub use register::{Content, Create, Delete, Registrar, lower_register, percent_encoded};
pub use signed::{SignedPart, SignedText};

/// A webhook, compiled: how a delivery is read.
#[derive(Debug, Clone)]
pub struct Hook {
    batch: Option<Batch>,
    /// Takes what is looked at out of each event.
    selector: Selector,
    event: EventPlace,
    delivery: Option<ValuePlace>,
    events: Events,
    taken: Vec<Taken>,
    /// Whether the URL may name the data type and the event.
    by_url: bool,
    data_types: BTreeSet<DataTypeName>,
    max_body: u64,
    rate_limit: Rate,
}

/// How a delivery is split into its events.
#[derive(Debug, Clone)]
struct Batch {
    path: FieldPath,
    /// Finds the list, and the id of the delivery beside it.
    selector: Selector,
}

/// Where a delivery has a value.
#[derive(Debug, Clone)]
enum ValuePlace {
    Header(String),
    Body(Slot),
}

/// Where a delivery names its event; several parts are joined by dots.
#[derive(Debug, Clone, Default)]
struct EventPlace {
    header: Option<String>,
    body: Vec<Slot>,
}

/// An event about a record.
#[derive(Debug, Clone)]
struct Taken {
    data_type: DataTypeName,
    what: What,
}

/// What an event says of its record.
#[derive(Debug, Clone)]
enum What {
    /// It came or changed, and is here.
    Upsert(RecordPlace),
    /// It changed, and what changed is here.
    Partial(RecordPlace),
    /// It is gone; its key is here.
    Delete(RecordPlace),
    /// It is to be fetched; what is known of it, should it be gone, is here.
    Fetch(Box<Fetch>),
}

/// How a record is fetched that an event is about.
#[derive(Debug, Clone)]
struct Fetch {
    path: PathTemplate,
    /// What the path takes, in its order.
    fields: Vec<PathField>,
    /// Takes out of the record what the path takes of it.
    of_record: Selector,
    answer: FieldPath,
    known: RecordPlace,
}

/// Something that a path takes.
#[derive(Debug, Clone, Copy)]
enum PathField {
    /// Out of the event.
    Event(Slot),
    /// Out of the record.
    Record(Slot),
}

/// Where the record is, or the records are.
#[derive(Debug, Clone, Default)]
struct RecordPlace {
    path: ManyPath,
    way: Way,
    /// The field that a text or a number by itself is.
    field: Option<String>,
}

/// How one gets to the record.
#[derive(Debug, Clone, Default)]
enum Way {
    /// It is the event itself.
    #[default]
    Whole,
    /// It is a part of it.
    Part(Slot),
    /// There are several.
    Many(Many),
}

impl Hook {
    /// The largest body that is read, in bytes. The listener stops there.
    pub const fn max_body(&self) -> u64 {
        self.max_body
    }

    /// How many deliveries are taken in a period.
    pub const fn rate_limit(&self) -> Rate {
        self.rate_limit
    }

    fn taken_by(&self, rule: Rule) -> Option<&Taken> {
        match rule {
            Rule::Ignore => None,
            Rule::Take(at) => self.taken.get(at),
        }
    }

    /// Where the record of a fetched event is in the answer; `$` unless the event says otherwise.
    pub fn record_in_answer(&self, event: &str) -> FieldPath {
        let taken = self.events.find(event).and_then(|rule| self.taken_by(rule));
        match taken.map(|taken| &taken.what) {
            Some(What::Fetch(fetch)) => fetch.answer.clone(),
            Some(What::Upsert(_) | What::Partial(_) | What::Delete(_)) | None => FieldPath::default(),
        }
    }
}

/// Lowers the webhook of a source. Without an error among the findings there is a hook. The paths of the findings
/// begin at the Source's `spec.webhook`.
pub fn lower(spec: &WebhookSpec, settings: &HttpSettings) -> (Option<Hook>, Vec<Finding>) {
    let mut findings = Findings::under(&[]);
    let hook = lower::lower(spec, settings, &mut findings);
    let valid = !findings.has_error();
    (valid.then_some(hook), findings.into_vec())
}
