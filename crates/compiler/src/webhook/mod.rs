//! Webhooks: from a delivery to the record it is about.
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
use raccord_model::field_path::FieldPath;
use raccord_model::language::WebhookSpec;
use raccord_model::language::connector::HttpSettings;
use raccord_model::rate::Rate;

use self::events::{Events, Rule};
use crate::connector::findings::Findings;
use crate::connector::template::PathTemplate;
use crate::select::{Selector, Slot};

pub use lower::public_url;
pub use read::{Intent, MAX_DELIVERY_ID, MAX_DEPTH, Reading, Received, Route, Unreadable};
pub use register::{Content, Create, Delete, Registrar, lower_register};
pub use signed::{SignedPart, SignedText};

/// A webhook, compiled: how a delivery is read.
#[derive(Debug, Clone)]
pub struct Hook {
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

/// Where a delivery has a value.
#[derive(Debug, Clone)]
enum ValuePlace {
    Header(String),
    Body(Slot),
}

/// Where a delivery names its event; with both parts, they are joined by a dot.
#[derive(Debug, Clone, Default)]
struct EventPlace {
    header: Option<String>,
    body: Option<Slot>,
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
    /// It is gone; its key is here.
    Delete(RecordPlace),
    /// It is to be fetched; what is known of it, should it be gone, is here.
    Fetch { path: PathTemplate, fields: Vec<Slot>, answer: FieldPath, known: RecordPlace },
}

/// Where the record is.
#[derive(Debug, Clone)]
enum RecordPlace {
    /// The body itself.
    Whole,
    /// A part of it.
    Part(Slot, FieldPath),
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
            Some(What::Fetch { answer, .. }) => answer.clone(),
            Some(What::Upsert(_) | What::Delete(_)) | None => FieldPath::default(),
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
