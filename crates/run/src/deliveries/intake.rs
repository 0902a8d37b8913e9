//! From deliveries to one page of records: those that are only named are fetched, a few at a time and each once.
//!
//! A record that the service has no more is deleted by the key that its delivery shows, when deletions are learned
//! of by webhook and that key is what was asked for: the `id` of an event may be its own and not its record's. A
//! failure of the service is a failure of the run; one that is about a single record is a reject.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::ops::Range;
use std::task::Poll;

use bytes::Bytes;
use jiff::Timestamp;
use raccord_compiler::webhook::percent_encoded;
use raccord_model::fact::Fetch;
use raccord_model::field_path::FieldPath;
use raccord_model::port::Async;
use raccord_model::port::destination::Postponed;
use raccord_model::port::inbox::{Delivery, DeliveryKind, Retry};
use raccord_model::port::records::{self, Page, Record, Records};
use raccord_model::port::source::{Source, SourceError};

use super::patience::{self, Absence};
use crate::job::Job;
use crate::rejecting::{Arrival, Shows};

/// How many records are fetched at the same time.
const AT_ONCE: usize = 4;

/// How many records are fetched for one page.
const FETCHES: usize = 100;

/// How many bytes may have been fetched for a page before it is closed.
const BYTES: usize = 8 * 1024 * 1024;

/// After how many failures without a single answer no more is asked for.
const IN_VAIN: usize = 8;

/// What became of asking for a record.
#[derive(Debug)]
pub(super) enum Answer {
    /// Here it is.
    Record(Bytes),
    /// The service has it no more.
    Gone,
    /// The service will not give it, however often it is asked. Why, in words.
    Refused(String),
}

/// Where a record is: a path, and where in the answer.
type Place<'a> = (&'a str, &'a FieldPath);

/// What was fetched, by its place.
pub(super) type Answers<'a> = BTreeMap<Place<'a>, Answer>;

/// Fetches the records that the first deliveries only name; at least one, when there is one to be fetched.
pub(super) async fn fetch<'a>(
    source: &dyn Source,
    waiting: &'a [(u64, Delivery)],
) -> Result<Answers<'a>, SourceError> {
    let mut places: Vec<Place<'a>> = Vec::new();
    for (_, delivery) in waiting {
        if let DeliveryKind::Fetch { path, record, .. } = &delivery.kind
            && !places.contains(&(path.as_str(), record))
        {
            places.push((path.as_str(), record));
        }
        if places.len() == FETCHES {
            break;
        }
    }
    let (mut answers, mut failures, mut bytes) = (Answers::new(), Vec::new(), 0);
    for some in places.chunks(AT_ONCE) {
        let asked = some.iter().map(|(path, record)| source.record(path, record)).collect();
        for (place, answered) in some.iter().zip(together(asked).await) {
            match answered {
                Err(error @ SourceError::Status { status: 500.., .. }) => failures.push((*place, error)),
                other => {
                    let answer = answer(other)?;
                    if let Answer::Record(record) = &answer {
                        bytes += record.len();
                    }
                    answers.insert(*place, answer);
                }
            }
        }
        if bytes >= BYTES || (answers.is_empty() && failures.len() >= IN_VAIN) {
            break;
        }
    }
    settle(source, answers, failures).await
}

/// What an answer says of its record, unless it says something of the whole service.
fn answer(answered: Result<Option<Bytes>, SourceError>) -> Result<Answer, SourceError> {
    match answered {
        Ok(Some(record)) => Ok(Answer::Record(record)),
        Ok(None) => Ok(Answer::Gone),
        // Repeating it would not help, and every later delivery would wait behind it for ever.
        Err(SourceError::Record { message }) => Ok(Answer::Refused(message)),
        Err(error) => Err(error),
    }
}

/// Whose fault it is that records could not be had though every attempt was made.
#[derive(Debug, PartialEq, Eq)]
enum Fault {
    /// That of the records.
    Theirs,
    /// That of the service.
    Services,
    /// One record alone was asked for: that says nothing yet.
    Unclear,
}

/// Whose fault `failed` failures beside `answered` answers are.
const fn fault(failed: usize, answered: usize) -> Fault {
    match (failed, answered) {
        (1, 0) => Fault::Unclear,
        (failed, answered) if failed <= answered => Fault::Theirs,
        _ => Fault::Services,
    }
}

/// Makes refusals of the failures of single records; an error when the service itself fails.
async fn settle<'a>(
    source: &dyn Source,
    mut answers: Answers<'a>,
    failures: Vec<(Place<'a>, SourceError)>,
) -> Result<Answers<'a>, SourceError> {
    let is_theirs = match fault(failures.len(), answers.len()) {
        Fault::Theirs => true,
        Fault::Services => false,
        // The service answers what else it is asked, or it does not.
        Fault::Unclear => source.check().await.is_ok(),
    };
    for (place, error) in failures {
        if !is_theirs {
            return Err(error);
        }
        answers.insert(place, Answer::Refused(error.to_string()));
    }
    Ok(answers)
}

/// Waits for all of them at once.
async fn together<T>(mut asked: Vec<Async<'_, T>>) -> Vec<T> {
    let mut answered: Vec<Option<T>> = asked.iter().map(|_| None).collect();
    poll_fn(|context| {
        let mut is_complete = true;
        for (asked, answered) in
            asked.iter_mut().zip(&mut answered).filter(|(_, answered)| answered.is_none())
        {
            match asked.as_mut().poll(context) {
                Poll::Ready(answer) => *answered = Some(answer),
                Poll::Pending => is_complete = false,
            }
        }
        if is_complete { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    answered.into_iter().flatten().collect()
}

/// The first deliveries, as a page.
#[derive(Debug)]
pub(super) struct Intake {
    /// Their records, in order, and what is a reject already.
    pub(super) page: Page,
    /// How each record came.
    pub(super) arrivals: Vec<Arrival>,
    /// The deliveries that the page settles.
    pub(super) consumed: Vec<u64>,
    /// How many of them say nothing that is wanted.
    pub(super) skipped: u64,
    /// The deliveries that are looked at again later.
    pub(super) postponed: Vec<Postponed>,
    /// Where the records are that could not be had, by the position of their rejects.
    pub(super) unfetched: BTreeMap<String, Fetch>,
}

/// What a delivery comes to.
enum Meaning<'a> {
    Record(&'a [u8]),
    /// What has changed of a record.
    Part(&'a [u8]),
    /// The record is deleted; what is known of it.
    Deletion(&'a [u8]),
    /// The service does not have it, which is not believed yet.
    Later(Retry),
    Nothing,
    Reject(String),
}

impl Intake {
    /// Puts the first deliveries together, up to one whose record was not fetched.
    pub(super) fn of(waiting: &[(u64, Delivery)], answers: &Answers<'_>, job: &Job, now: Timestamp) -> Self {
        let mut collected = Collected::default();
        let (mut consumed, mut skipped, mut postponed) = (Vec::new(), 0, Vec::new());
        let mut unfetched = BTreeMap::new();
        for (sequence, delivery) in waiting {
            let Some(meaning) = meaning(delivery, answers, job, now) else { break };
            if let Meaning::Later(retry) = meaning {
                postponed.push(Postponed { sequence: *sequence, retry });
                continue;
            }
            consumed.push(*sequence);
            let position = match delivery.event.as_str() {
                "" => format!("delivery {sequence}"),
                event => format!("delivery {sequence} ({event})"),
            };
            match meaning {
                Meaning::Record(record) => collected.push(record, Arrival { position, shows: Shows::Record }),
                Meaning::Part(record) => collected.push(record, Arrival { position, shows: Shows::Part }),
                Meaning::Deletion(record) => collected.push(record, Arrival { position, shows: Shows::Key }),
                Meaning::Nothing | Meaning::Later(_) => skipped += 1,
                Meaning::Reject(reason) => {
                    let payload = String::from_utf8_lossy(&delivery.record).into_owned();
                    if let DeliveryKind::Fetch { path, record, .. } = &delivery.kind {
                        let (path, record, event) = (path.clone(), record.clone(), delivery.event.clone());
                        unfetched.insert(position.clone(), Fetch { path, record, event });
                    }
                    collected.faults.push(records::Fault { position, reason, payload });
                }
            }
        }
        let Collected { body, spans, arrivals, faults } = collected;
        let records = Records::Json { body: body.into(), spans };
        let page = Page { records, faults, position: "deliveries".to_owned(), ..Page::empty() };
        Self { page, arrivals, consumed, skipped, postponed, unfetched }
    }
}

/// Records one after the other.
#[derive(Default)]
struct Collected {
    body: Vec<u8>,
    spans: Vec<Range<usize>>,
    arrivals: Vec<Arrival>,
    faults: Vec<records::Fault>,
}

impl Collected {
    fn push(&mut self, record: &[u8], arrival: Arrival) {
        let start = self.body.len();
        self.body.extend_from_slice(record);
        self.spans.push(start..self.body.len());
        self.arrivals.push(arrival);
    }
}

/// What a delivery comes to; `None` while its record was not asked for.
fn meaning<'a>(
    delivery: &'a Delivery,
    answers: &'a Answers<'_>,
    job: &Job,
    now: Timestamp,
) -> Option<Meaning<'a>> {
    let deletes = job.spec.deletes.webhook.is_some();
    let (path, record, retry) = match &delivery.kind {
        DeliveryKind::Upsert => return Some(Meaning::Record(&delivery.record)),
        DeliveryKind::Partial => return Some(Meaning::Part(&delivery.record)),
        DeliveryKind::Delete if deletes => return Some(Meaning::Deletion(&delivery.record)),
        DeliveryKind::Delete => return Some(Meaning::Nothing),
        DeliveryKind::Fetch { path, record, retry } => (path.as_str(), record, *retry),
    };
    Some(match answers.get(&(path, record))? {
        Answer::Record(record) => Meaning::Record(record),
        Answer::Gone => return Some(absent(delivery, path, (retry, now), job)),
        Answer::Refused(why) => Meaning::Reject(format!("the record cannot be fetched: {why}")),
    })
}

/// What a delivery comes to whose record the service does not have.
fn absent<'a>(
    delivery: &'a Delivery,
    path: &str,
    (retry, now): (Option<Retry>, Timestamp),
    job: &Job,
) -> Meaning<'a> {
    match patience::absent(&delivery.event, retry, now) {
        Absence::Again(retry) => Meaning::Later(retry),
        Absence::Contradicted => Meaning::Reject(format!(
            "the service does not have the record, asked {} times, though the event says that it came or changed",
            patience::WAITS.len() + 1
        )),
        Absence::Gone if job.spec.deletes.webhook.is_none() => Meaning::Nothing,
        Absence::Gone if shows_key(job, &delivery.record, path) => Meaning::Deletion(&delivery.record),
        Absence::Gone => Meaning::Reject(
            "the service has the record no more, and the delivery does not show its key".to_owned(),
        ),
    }
}

/// Whether what is known of a record has its key: every part of it is a part of the path that was asked for.
fn shows_key(job: &Job, record: &[u8], path: &str) -> bool {
    let texts = job.program.page(None, None).key_texts(Record::Json(record)).unwrap_or_default();
    let is_asked_for = |text: &String| {
        let encoded = percent_encoded(text);
        path.split(['/', '?', '&', '=']).any(|part| part == text || part == encoded)
    };
    !texts.is_empty() && texts.iter().all(is_asked_for)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_services_fault_when_more_fails_than_is_answered() {
        for (failed, answered, expected) in [
            (1, 0, Fault::Unclear),
            (2, 0, Fault::Services),
            (1, 1, Fault::Theirs),
            (2, 98, Fault::Theirs),
            (2, 2, Fault::Theirs),
            (3, 2, Fault::Services),
            (0, 5, Fault::Theirs),
            (0, 0, Fault::Theirs),
        ] {
            assert_eq!(fault(failed, answered), expected, "{failed} {answered}");
        }
    }
}
