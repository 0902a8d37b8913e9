//! One page, asked for until its answer makes sense, and what it means when a service refuses it. Where the reading stands
//! stays as it was.

use raccord_model::port::source::SourceError;

use super::super::aside::aside;
use super::super::paginate::{At, Position, Step};
use super::super::reading::{Judge, Reading, Unsound};
use super::super::request::{Asked, build};
use super::Reader;
use crate::answer::Answer;

impl Reader {
    /// Asks for a page until its answer makes sense; `None` when the service says that there is no such page.
    pub(super) async fn sound(&mut self, position: &Position) -> Result<Option<Reading>, SourceError> {
        let mut doubts = 0;
        loop {
            let Some(answer) = self.ask(position).await? else {
                return Ok(None);
            };
            let (url, length) = (answer.url.clone(), answer.body.len());
            let since = self.since(position);
            let since = since.as_ref().map(|since| since.text.as_str());
            let place = self.describe(position);
            let read = || self.judge(position, since, &place).read(answer, position);
            let (error, wait) = match aside(length, read) {
                Err(Unsound::Wrong(error)) => return Err(error),
                Err(Unsound::Doubtful(error, wait)) => (error, wait),
                Ok(reading) => match self.doubt(&reading, doubts) {
                    None => return Ok(Some(reading)),
                    Some(reason) => (self.exchange.wrong_answer(&url, &reason), None),
                },
            };
            doubts += 1;
            self.exchange.pause(doubts, error, wait, &url).await?;
        }
    }

    /// Why a page should be asked for again. An empty page that another one follows is worth one question: the ones
    /// after it are not.
    fn doubt(&self, reading: &Reading, doubts: u32) -> Option<String> {
        match &reading.step {
            Step::Contradiction(reason) => Some(reason.clone()),
            Step::Last | Step::Skip(None) if !reading.is_complete => {
                Some("the last page says that its records are not complete".to_owned())
            }
            Step::Skip(_) if doubts == 0 && self.empty == 0 && self.stream.error_handler.attempts > 1 => {
                Some(
                    "the page is empty although the service says that it is not, or that there is more"
                        .to_owned(),
                )
            }
            Step::Last | Step::On(_) | Step::Skip(_) => None,
        }
    }

    /// Asks for a page once; `None` when the service says that there is no such page, or that nothing has changed.
    pub(super) async fn ask(&mut self, position: &Position) -> Result<Option<Answer>, SourceError> {
        let partition = self.partition.as_ref();
        let fields = partition.map_or(&[][..], |partition| partition.fields.as_slice());
        let record = partition.map(|partition| &*partition.record);
        let since = self.since(position);
        let asked =
            Asked { at: &position.at, since: since.as_ref(), size: self.size, parent: fields, record };
        let outgoing = build(&self.stream, &asked)
            .map_err(|message| SourceError::Answer { place: self.base(), message })?;
        let answer = match self.exchange.send(&outgoing).await {
            Err(SourceError::Status { status, .. }) if self.pager.ends(status, position) => None,
            // Nothing has changed since what a header said.
            Err(SourceError::Status { status: 304, .. }) if position.at == At::First && since.is_some() => {
                None
            }
            other => Some(other?),
        };
        Ok(answer)
    }

    /// Whatever a service answers when a run continues at a page may mean that it no longer knows the page: services
    /// say so in every way there is. Only what was not answered, or is a limit, has nothing to do with the page. The first
    /// page of a partition is not at a place that can have become stale.
    pub(super) fn refused(&self, error: SourceError, position: &Position) -> SourceError {
        let is_first = position.at == At::First;
        let is_resumed = self.resumed && (!is_first || self.parent.is_none());
        let says_expired = |status: u16| {
            let token = self.token_cursor().filter(|_| self.start(position).is_some());
            status == 410 || token.is_some_and(|token| token.expired.contains(&status))
        };
        let is_final = match &error {
            // A 403 that is no refusal of our credentials is a limit.
            SourceError::Status { status, .. } => !matches!(status, 403 | 408 | 429),
            SourceError::Unauthorized { .. } | SourceError::Answer { .. } => true,
            _ => false,
        };
        let has_expired =
            !is_first && matches!(error, SourceError::Status { status, .. } if says_expired(status));
        if has_expired || (is_resumed && is_final) {
            SourceError::PageRefused { message: error.to_string() }
        } else {
            error
        }
    }

    /// What an answer to a page is judged by.
    pub(super) fn judge<'a>(
        &'a self,
        position: &Position,
        since: Option<&'a str>,
        place: &'a str,
    ) -> Judge<'a> {
        Judge {
            exchange: &self.exchange,
            pager: &self.pager,
            extractor: &self.stream.extractor,
            decoder: self.stream.decoder.as_ref(),
            max_body: self.stream.limits.max_body,
            place,
            since,
            continues: self.start(position).is_some(),
        }
    }
}
