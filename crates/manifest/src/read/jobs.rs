//! The job of one slice: it is made, asked for until it is done, and its results are read page by page. A job that fails
//! is made again a few times.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Map, Value};

use super::pages::{Ended, Pages, Proof, Way};
use super::track::{Newest, Track};
use crate::error::ReadError;
use crate::exchange::{Additions, Ask, Outcome, PassedOver, Requester, Selector};
use crate::paginate::header_variable;
use crate::record::Record;
use crate::request::text::python_text;
use crate::slice::Slice;
use crate::stream::{JobRetrieval, JobStatus, MOST_ATTEMPTS, POLL_WAIT, Stream, TIMEOUT_MINUTES};
use crate::template::Template;
use crate::transport::Response;

/// In microseconds.
const MINUTE: i64 = 60_000_000;

/// The job of a slice.
pub(super) struct Job {
    slice: Slice,
    newest: Newest,
    /// The slice as the requests of the job know it; none before the job is done.
    made: Option<Slice>,
    downloads: VecDeque<Pages>,
    is_done: bool,
    passed_over: Option<(PassedOver, Proof)>,
}

/// How a job ended.
enum End {
    Completed(Slice, Response),
    Skipped,
    Failed,
}

impl Job {
    pub(super) fn begin(slice: Slice) -> Self {
        Self {
            slice,
            newest: Newest::default(),
            made: None,
            downloads: VecDeque::new(),
            is_done: false,
            passed_over: None,
        }
    }

    pub(super) fn slice(&self) -> &Slice {
        &self.slice
    }

    pub(super) fn is_done(&self) -> bool {
        self.is_done
    }

    pub(super) fn finish(self) -> Ended {
        Ended { slice: self.slice, newest: self.newest, passed_over: self.passed_over }
    }

    /// The next page's records. The first one takes as long as the job.
    pub(super) async fn next(
        &mut self,
        stream: &Stream,
        jobs: &JobRetrieval,
        track: &mut Track,
    ) -> Result<Vec<Record>, ReadError> {
        if self.made.is_none() && !self.run(stream, jobs).await? {
            self.is_done = true;
            return Ok(Vec::new());
        }
        let records = match self.downloads.front_mut() {
            None => Vec::new(),
            Some(pages) => {
                let records = pages.next(Way { stream, pages: &jobs.download }, track).await?;
                self.newest = self.newest.clone().max(pages.newest());
                self.passed_over = self.passed_over.take().or_else(|| pages.passed_over());
                records
            }
        };
        if self.downloads.front().is_none_or(Pages::is_done) {
            self.downloads.pop_front();
        }
        if self.downloads.is_empty() {
            self.is_done = true;
            if let (Some(requester), Some(slice)) = (&jobs.delete, &self.made) {
                ask(requester.as_ref(), slice).await?;
            }
        }
        Ok(records)
    }

    /// Makes the job, as often as needed. Whether there is something to download.
    async fn run(&mut self, stream: &Stream, jobs: &JobRetrieval) -> Result<bool, ReadError> {
        let mut last = Err(ReadError::Settings("the service could not do the job".to_owned()));
        for attempt in 0..MOST_ATTEMPTS {
            if attempt > 0
                && let Some(wait) = number(jobs.retry_wait.as_ref(), stream)?
            {
                stream.transport().sleep(Duration::from_secs(wait.unsigned_abs())).await;
            }
            let made = match ask(jobs.create.as_ref(), &self.slice).await {
                Ok(made) => made,
                Err(error) => {
                    last = Err(error);
                    continue;
                }
            };
            match self.watch(&made, stream, jobs).await? {
                End::Skipped => return Ok(false),
                End::Failed => {}
                End::Completed(slice, answer) => {
                    self.downloads = self.targets(&slice, &answer, stream, jobs).await?;
                    self.made = Some(slice);
                    return Ok(true);
                }
            }
        }
        last
    }

    /// Waits for the end of a job that was made.
    async fn watch(&self, made: &Response, stream: &Stream, jobs: &JobRetrieval) -> Result<End, ReadError> {
        let mut slice = self.slice.clone();
        slice.extra.insert("creation_response".to_owned(), variable(made));
        let minutes =
            number(jobs.timeout.as_ref(), stream)?.filter(|minutes| *minutes != 0).unwrap_or(TIMEOUT_MINUTES);
        let until = stream.now().as_microsecond().saturating_add(minutes.saturating_mul(MINUTE));
        loop {
            let answer = ask(jobs.poll.as_ref(), &slice).await?;
            let is_late = stream.now().as_microsecond() > until;
            match status(&answer, &slice, jobs)? {
                JobStatus::Completed => {
                    slice.extra.insert("polling_response".to_owned(), variable(&answer));
                    return Ok(End::Completed(slice, answer));
                }
                JobStatus::Skipped => return Ok(End::Skipped),
                JobStatus::Failed => return Ok(End::Failed),
                JobStatus::Running if !is_late => stream.transport().sleep(POLL_WAIT).await,
                JobStatus::Running | JobStatus::TimedOut => {
                    if let Some(requester) = &jobs.abort {
                        ask(requester.as_ref(), &slice).await?;
                    }
                    return Ok(End::Failed);
                }
            }
        }
    }

    /// The downloads of a job that is done.
    async fn targets(
        &self,
        slice: &Slice,
        answer: &Response,
        stream: &Stream,
        jobs: &JobRetrieval,
    ) -> Result<VecDeque<Pages>, ReadError> {
        let targets = match (&jobs.target, &jobs.targets) {
            (None, _) => vec![Value::from("")],
            (Some(extractor), None) => values(extractor.as_ref(), answer, slice)?,
            (Some(extractor), Some(requester)) => {
                let extra = slice.extra.iter().filter(|(name, _)| *name == "polling_response");
                let extra = crate::object(extra.map(|(name, value)| (name.clone(), value.clone())));
                let asked = Slice { extra, ..Slice::default() };
                values(extractor.as_ref(), &ask(requester.as_ref(), &asked).await?, slice)?
            }
        };
        let pages = targets.into_iter().map(|target| {
            let mut slice = slice.clone();
            slice.extra.insert("download_target".to_owned(), target);
            Pages::begin(slice, Way { stream, pages: &jobs.download }, false)
        });
        Ok(pages.collect())
    }
}

/// Asks once, with nothing but the slice.
async fn ask(requester: &dyn Requester, slice: &Slice) -> Result<Response, ReadError> {
    let additions = Additions::default();
    match requester.ask(Ask { slice, token: None, path: None, additions: &additions }).await? {
        Outcome::Answer(answer) | Outcome::Ignored(answer) => Ok(answer),
        Outcome::ResetPagination | Outcome::ReducePageSize(_) | Outcome::SplitWindow(_) => {
            Err(ReadError::Settings("a request of a job has no pages".to_owned()))
        }
    }
}

/// An answer as the templates of a job know it: its members, and its headers.
fn variable(answer: &Response) -> Value {
    let mut members: Map<String, Value> = serde_json::from_slice(&answer.body).unwrap_or_default();
    members.entry("headers").or_insert_with(|| header_variable(&answer.headers).as_ref().clone());
    Value::Object(members)
}

fn values(extractor: &dyn Selector, answer: &Response, slice: &Slice) -> Result<Vec<Value>, ReadError> {
    Ok(extractor.select(answer, slice, None)?.records.iter().map(Record::value).collect())
}

fn status(answer: &Response, slice: &Slice, jobs: &JobRetrieval) -> Result<JobStatus, ReadError> {
    let found = values(jobs.status.as_ref(), answer, slice)?.into_iter().next().unwrap_or_default();
    let found = python_text(&found);
    let unknown = || ReadError::Settings(format!("the manifest does not know the job status `{found}`"));
    jobs.meaning(&found).ok_or_else(unknown)
}

/// The whole number that a template gives.
fn number(template: Option<&Template>, stream: &Stream) -> Result<Option<i64>, ReadError> {
    let Some(template) = template else { return Ok(None) };
    let number = template.text(&stream.context())?.parse();
    let fail = |_| ReadError::Settings(format!("the template `{}` gives no whole number", template.source()));
    number.map(Some).map_err(fail)
}
