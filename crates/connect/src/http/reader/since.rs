//! From where on a chain of pages is asked for, and from which token a later reading goes on. Asks for nothing.

use raccord_compiler::connector::{IncrementalCursor, TokenCursor};
use raccord_model::checkpoint::Token;
use raccord_model::port::source::SourceError;

use super::super::paginate::{At, Position};
use super::super::sync::{Begun, Since, counting};
use super::Reader;

impl Reader {
    /// From where on the records of a page are asked for.
    pub(super) fn since(&self, position: &Position) -> Option<Since> {
        match &position.at {
            At::Since(value) => Some(Since { text: value.clone(), is_number: self.pager.has_numbers() }),
            _ => self.start(position).cloned(),
        }
    }

    /// From where on the records of the chain in hand are asked for.
    pub(super) fn start(&self, position: &Position) -> Option<&Since> {
        match (position.begun, &self.partition) {
            (Begun::Wanted, Some(partition)) => partition.since.as_ref(),
            (Begun::Wanted, None) => self.wanted.since.as_ref(),
            (Begun::Initial, _) => self.initial.as_ref(),
            (Begun::Everything, _) => None,
        }
    }

    /// The token that a later reading goes on from, when there is one and it is wanted.
    pub(super) fn token_cursor(&self) -> Option<&TokenCursor> {
        let cursor = self.stream.cursor.as_ref().filter(|_| !self.wanted.is_parent);
        cursor.and_then(IncrementalCursor::token)
    }

    /// From where the chain in hand is asked for again, when the service has refused its first page because it no longer knows
    /// the token.
    pub(super) fn after_expiry(&self, error: &SourceError, position: &Position) -> Option<Begun> {
        let SourceError::Status { status, .. } = error else { return None };
        let is_expired = position.at == At::First && self.token_cursor()?.expired.contains(status);
        let start = self.start(position).filter(|_| is_expired)?;
        Some(Begun::after(start, self.initial.as_ref()))
    }

    /// Has the chain in hand asked for again from its first page, from there on.
    pub(super) fn begin_again(&mut self, begun: Begun, error: &SourceError) {
        tracing::warn!(%error, "the service no longer knows the token; the reading begins again without it");
        self.notes.expired += 1;
        (self.resumed, self.continued) = (false, false);
        self.position = Some(Position { begun, ..Position::first() });
    }

    /// The token that counts when the service has no further page. Has it none at all, because nothing has changed, it is
    /// the one that was sent.
    pub(super) fn token_without_page(&self, position: &Position) -> Option<Token> {
        self.token_cursor()?;
        match position.at {
            At::First => self.start(position).and_then(Since::token),
            _ => position.token.clone(),
        }
    }

    /// The token that counts after a page that has shown one, or none.
    pub(super) fn token_after(&mut self, position: &Position, seen: Option<Token>) -> Option<Token> {
        // What moved since an earlier run began the chain may stand on pages that were read then.
        let seen = seen.filter(|_| !(self.continued && self.pager.is_by_position()));
        let place = (&*self.stream, &position.at, self.start(position));
        let (token, varied) = counting(position.token.clone(), seen, place);
        self.notes.varied += u64::from(varied);
        token
    }
}
