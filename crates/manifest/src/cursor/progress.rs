//! How far a stream (or one partition of it) was read: the spans that are done, merged where they touch.

use serde_json::{Map, Value};

use crate::time::DateTime;

/// A stretch of time that is read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span {
    /// From here.
    pub start: DateTime,
    /// Until here, this unit included.
    pub end: DateTime,
    /// The newest record in it.
    pub newest: Option<DateTime>,
}

/// How far a stream was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// What is done, in order; there is at least one.
    pub(super) spans: Vec<Span>,
    /// Records before this are known.
    pub(super) floor: DateTime,
    /// What else stood in the state that the reading began with.
    pub(super) legacy: Map<String, Value>,
}

impl Progress {
    /// What is done.
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// Adds a span, and merges those that touch: `next` is the first unit after a span.
    pub(super) fn add(&mut self, span: Span, next: impl Fn(DateTime) -> DateTime) {
        self.spans.push(span);
        self.merge(next);
    }

    /// Merges the spans that touch.
    pub(super) fn merge(&mut self, next: impl Fn(DateTime) -> DateTime) {
        self.spans.sort_by_key(|span| (span.start, span.end));
        let mut merged: Vec<Span> = Vec::with_capacity(self.spans.len());
        for span in self.spans.drain(..) {
            match merged.last_mut() {
                Some(last) if next(last.end) >= span.start => {
                    last.end = last.end.max(span.end);
                    last.newest = last.newest.max(span.newest);
                }
                _ => merged.push(span),
            }
        }
        self.spans = merged;
    }
}
