//! The pages of one slice: they are read one after the other, and of a slice that the service wants in parts, each part
//! by itself.

use super::part::{Fetched, Part};
use super::track::{Newest, Track};
use crate::error::ReadError;
use crate::exchange::PassedOver;
use crate::partition::CHILD;
use crate::record::Record;
use crate::slice::Slice;
use crate::stream::{PageRetrieval, Stream};
use crate::transport::Response;

/// How pages are got.
#[derive(Clone, Copy)]
pub(super) struct Way<'a> {
    pub(super) stream: &'a Stream,
    pub(super) pages: &'a PageRetrieval,
}

/// The pages of a slice.
pub(super) struct Pages {
    slice: Slice,
    newest: Newest,
    /// What is left of the slice, the next part last.
    parts: Vec<Part>,
    passed_over: Option<(PassedOver, Proof)>,
}

/// A slice that was read to its end.
pub(super) struct Ended {
    pub(super) slice: Slice,
    pub(super) newest: Newest,
    pub(super) passed_over: Option<(PassedOver, Proof)>,
}

/// What an ignored answer says of the records that it would have been.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// There are none.
    Gone,
    /// There are no more than were read.
    End,
    /// Nothing: they may well be there.
    None,
}

impl Proof {
    /// That of an answer to the first request for a slice, or to a later one. Without a partition a first one that says that
    /// what is asked for is not there says so of the whole stream, which is rather a wrong address.
    fn of(status: u16, is_first: bool, slice: &Slice) -> Self {
        match status {
            401 | 403 | 407 | 408 | 425 | 429 | 500.. => Self::None,
            _ if !is_first => Self::End,
            404 | 410 if !slice.partition.is_empty() => Self::Gone,
            _ => Self::None,
        }
    }
}

impl Pages {
    pub(super) fn begin(mut slice: Slice, way: Way<'_>, is_lazy: bool) -> Self {
        let child = slice.extra.remove(CHILD).filter(|_| is_lazy);
        let first =
            child.map(|child| Response { status: 200, headers: Vec::new(), body: child.to_string().into() });
        let part = Part::new(slice.clone(), 0, way).beginning_with(first);
        Self { slice, newest: Newest::default(), parts: vec![part], passed_over: None }
    }

    pub(super) fn slice(&self) -> &Slice {
        &self.slice
    }

    pub(super) fn newest(&self) -> &Newest {
        &self.newest
    }

    pub(super) fn is_done(&self) -> bool {
        self.parts.is_empty()
    }

    pub(super) fn finish(self) -> Ended {
        Ended { slice: self.slice, newest: self.newest, passed_over: self.passed_over }
    }

    /// The first answer that was ignored.
    pub(super) fn passed_over(&self) -> Option<(PassedOver, Proof)> {
        self.passed_over.clone()
    }

    /// The next page's records.
    pub(super) async fn next(&mut self, way: Way<'_>, track: &mut Track) -> Result<Vec<Record>, ReadError> {
        let Some(mut part) = self.parts.pop() else { return Ok(Vec::new()) };
        let mut records = Vec::new();
        let fetched = part.fetch(way).await?;
        if let Some(status) = part.ignored.take() {
            let proof = Proof::of(status, !part.has_pages, &self.slice);
            let stream = way.stream.name().to_owned();
            self.passed_over.get_or_insert((PassedOver { stream, status }, proof));
        }
        match fetched {
            Fetched::Nothing => {}
            Fetched::Page(answer, selected) => {
                let is_last;
                (records, is_last) = part.take(&answer, selected, way, track)?;
                self.parts.extend((!is_last).then_some(part));
            }
            Fetched::ResetPagination => {
                part.begin_again(way, track)?;
                self.parts.push(part);
            }
            Fetched::SplitWindow(message) => {
                let halves = part.halves(way, track, message.as_deref())?;
                self.parts.extend(halves.into_iter().rev());
            }
        }
        for dated in &records {
            track.observe(&mut self.newest, &dated.record, dated.date);
        }
        Ok(records.into_iter().map(|dated| dated.record).collect())
    }
}
