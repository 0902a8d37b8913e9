//! Reading a stream: slice by slice and page by page, at the pace of the caller. After every page
//! the state says from where another reading goes on.

mod jobs;
mod pages;
mod part;
mod properties;
#[cfg(test)]
mod tests;
mod track;

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::error::ReadError;
use crate::exchange::PassedOver;
use crate::record::Record;
use crate::slice::Slice;
use crate::stream::{Retrieval, Stream};

use jobs::Job;
use pages::{Ended, Pages, Proof, Way};
use track::Track;

/// A page of a stream.
#[derive(Debug)]
pub struct Page {
    /// Its records, as they are to be emitted; there may be none.
    pub records: Vec<Record>,
    /// What names the partition that it belongs to.
    pub partition: Map<String, Value>,
    /// Whether its slice ends with it: the state is another one now.
    pub ends_slice: bool,
    /// Whether the state should be kept now: its slice ends, and enough slices did since the last time for the number of
    /// partitions that stand in the state. To keep it after each of ten thousand would be more work than to read some
    /// slices again.
    pub is_checkpoint: bool,
}

/// A stream while it is read.
pub struct Reading {
    stream: Arc<Stream>,
    track: Track,
    run: Option<Run>,
    began: jiff::Timestamp,
    has_failed: bool,
    is_done: bool,
    /// How many slices ended since the last checkpoint.
    ended: usize,
    /// The state that the reading began with. It stays until a slice ends.
    before: Option<Value>,
    has_ended: bool,
    /// What was passed over since it was last told.
    passed_over: Option<PassedOver>,
    presence: Presence,
}

/// Whether what is asked for is there.
#[derive(Debug)]
enum Presence {
    /// Nothing was answered yet.
    Unknown,
    /// Each partition so far is not there; this is the first one.
    Gone(PassedOver),
    /// Something was answered.
    Seen,
}

/// One slice more may be read again for so many partitions that stand in the state.
const PARTITIONS_PER_SLICE: usize = 50;

/// The slice that is read.
enum Run {
    Pages(Box<Pages>),
    Job(Box<Job>),
}

impl Reading {
    /// Begins where a state says.
    ///
    /// # Errors
    /// When the state cannot be used, or a template has no value.
    pub(crate) fn begin(stream: Arc<Stream>, state: Option<&Value>) -> Result<Self, ReadError> {
        let began = stream.now();
        let track = Track::begin(&stream, state)?;
        Ok(Self {
            stream,
            track,
            run: None,
            began,
            has_failed: false,
            is_done: false,
            ended: 0,
            before: state.cloned(),
            has_ended: false,
            passed_over: None,
            presence: Presence::Unknown,
        })
    }

    /// The next page; none after the last one. After an error the reading may go on: it leaves out what is left of the
    /// slice, and the state does not say that it was read.
    ///
    /// # Errors
    /// When the service refuses, cannot be reached or answers with something else than the manifest says.
    pub async fn next(&mut self) -> Result<Option<Page>, ReadError> {
        if self.is_done {
            return Ok(None);
        }
        let mut run = match self.run.take() {
            Some(run) => run,
            None => match self.next_slice().await {
                Ok(Some(slice)) => Run::begin(slice, &self.stream, self.track.is_lazy()),
                Ok(None) => {
                    self.finish();
                    return Ok(None);
                }
                Err(error) => {
                    self.is_done = true;
                    return Err(error);
                }
            },
        };
        match run.next(&self.stream, &mut self.track).await {
            Ok(records) => self.page(records, run).map(Some),
            Err(error) => {
                self.has_failed = true;
                self.track.fail();
                Err(error)
            }
        }
    }

    async fn next_slice(&mut self) -> Result<Option<Slice>, ReadError> {
        let slice = self.track.next_slice(&self.stream).await;
        if let Some(of_parents) = self.track.take_passed_over() {
            self.pass_over(of_parents);
        }
        slice
    }

    /// Notes that something was not answered: no state says that it was read.
    fn pass_over(&mut self, what: PassedOver) {
        self.has_failed = true;
        self.track.fail();
        self.passed_over.get_or_insert(what);
    }

    /// What was passed over since this was last asked: the reading is not complete.
    pub fn take_passed_over(&mut self) -> Option<PassedOver> {
        self.passed_over.take()
    }

    fn page(&mut self, records: Vec<Record>, run: Run) -> Result<Page, ReadError> {
        let partition = run.slice().partition.clone();
        let ends_slice = run.is_done();
        if ends_slice {
            self.end(run.finish())?;
            self.ended += 1;
            self.has_ended = true;
        } else {
            self.run = Some(run);
        }
        let is_checkpoint = ends_slice && self.ended * PARTITIONS_PER_SLICE >= self.track.weight();
        if is_checkpoint {
            self.ended = 0;
        }
        Ok(Page { records, partition, ends_slice, is_checkpoint })
    }

    /// Takes a slice for read, unless something of it was passed over that may well be there.
    fn end(&mut self, ended: Ended) -> Result<(), ReadError> {
        match ended.passed_over {
            Some((what, Proof::None)) => {
                self.pass_over(what);
                return Ok(());
            }
            Some((what, Proof::Gone)) => {
                if matches!(self.presence, Presence::Unknown) {
                    self.presence = Presence::Gone(what);
                }
            }
            Some((_, Proof::End)) | None => self.presence = Presence::Seen,
        }
        self.track.close(&ended.slice, ended.newest)
    }

    fn finish(&mut self) {
        if let Presence::Gone(what) = std::mem::replace(&mut self.presence, Presence::Unknown) {
            // That each of them is gone is rather a wrong address.
            self.pass_over(what);
        }
        self.is_done = true;
        self.has_ended = true;
        if !self.has_failed {
            let micros = self.stream.now().as_microsecond() - self.began.as_microsecond();
            // Whole seconds, begun ones counted.
            self.track.finish((micros.max(1) - 1) / 1_000_000 + 1);
        }
    }

    /// Whether, after an error, there may be other partitions that it does not concern.
    pub fn has_others(&self) -> bool {
        !self.is_done && self.stream.router().is_some()
    }

    /// Whether there is no page left.
    pub fn is_done(&self) -> bool {
        self.is_done
    }

    /// Where another reading goes on, after the last page that was given out: where this one began, until a slice ends.
    /// It costs as much as there are partitions: see [`Page::is_checkpoint`].
    pub fn state(&self) -> Option<Value> {
        if self.has_ended { self.track.state() } else { self.before.clone() }
    }

    /// The state as its cursor has it, before a slice ends as well.
    pub(crate) fn progress(&self) -> Value {
        self.track.state().unwrap_or_default()
    }
}

impl Run {
    fn begin(slice: Slice, stream: &Stream, is_lazy: bool) -> Self {
        match stream.retrieval() {
            Retrieval::Pages(pages) => {
                Self::Pages(Box::new(Pages::begin(slice, Way { stream, pages }, is_lazy)))
            }
            Retrieval::Jobs(_) => Self::Job(Box::new(Job::begin(slice))),
        }
    }

    async fn next(&mut self, stream: &Stream, track: &mut Track) -> Result<Vec<Record>, ReadError> {
        match (self, stream.retrieval()) {
            (Self::Pages(run), Retrieval::Pages(pages)) => run.next(Way { stream, pages }, track).await,
            (Self::Job(run), Retrieval::Jobs(jobs)) => run.next(stream, jobs, track).await,
            _ => Ok(Vec::new()),
        }
    }

    fn slice(&self) -> &Slice {
        match self {
            Self::Pages(pages) => pages.slice(),
            Self::Job(job) => job.slice(),
        }
    }

    fn is_done(&self) -> bool {
        match self {
            Self::Pages(pages) => pages.is_done(),
            Self::Job(job) => job.is_done(),
        }
    }

    fn finish(self) -> Ended {
        match self {
            Self::Pages(pages) => pages.finish(),
            Self::Job(job) => job.finish(),
        }
    }
}
