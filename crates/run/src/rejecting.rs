//! Makes the rejects of a page: what is told of a record that cannot be mapped or stored, without credentials of ours.

use std::sync::Arc;

use raccord_model::Ident;
use raccord_model::fact::{Reject, RunId};
use raccord_model::language::transfer::Payload;
use raccord_model::port::destination::Refuse;
use raccord_model::port::records::{Page, Records};

use super::job::Job;

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
pub(super) struct RejectFactory {
    pub(super) job: Arc<Job>,
    pub(super) page: Arc<Page>,
    /// How each record came; none of a page of its source.
    pub(super) arrivals: Arc<[Arrival]>,
    pub(super) run: RunId,
    pub(super) at: jiff::Timestamp,
}

impl RejectFactory {
    pub(super) fn keeps_payload(&self) -> bool {
        self.job.spec.rejects.payload == Payload::Keep
    }

    /// A text without credentials of ours.
    pub(super) fn masked(&self, text: String) -> String {
        match &self.page.mask {
            Some(mask) => mask.apply(&text),
            None => text,
        }
    }

    pub(super) fn reject(
        &self,
        position: String,
        field: Option<Ident>,
        reason: String,
        payload: String,
    ) -> Reject {
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
            fetch: None,
        }
    }

    pub(super) fn reject_record(&self, number: usize, field: Option<Ident>, reason: String) -> Reject {
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

    pub(super) fn shows(&self, number: usize) -> Shows {
        self.arrivals.get(number).map_or(Shows::Record, |arrival| arrival.shows)
    }

    /// Makes the reject of a row whose unique value another row has. `numbers` are the records behind the rows.
    pub(super) fn refuse(self, numbers: Vec<usize>) -> Refuse {
        Refuse(Arc::new(move |change, field| {
            let name = self.job.fields.get(&field).cloned();
            let reason = "another record already has this value, and the field is unique".to_owned();
            self.reject_record(numbers.get(change).copied().unwrap_or(change), name, reason)
        }))
    }
}

fn position(page: &Page, number: usize) -> String {
    match &page.records {
        Records::Rows(rows) => {
            format!("{}, line {}", page.position, rows.lines.get(number).copied().unwrap_or_default())
        }
        Records::Json { .. } | Records::Nested { .. } | Records::Table(_) => {
            format!("{}, record {}", page.position, number + 1)
        }
    }
}
