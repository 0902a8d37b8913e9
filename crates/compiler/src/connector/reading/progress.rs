//! How far a data type was read, as a value: what counts, and the window under way. Moves with every page, and says where
//! a reading begins.
//!
//! The cursor moves on only when the window is complete, unless the source answers in order. Reading again is always
//! safe; skipping never is.

use jiff::Timestamp;
use raccord_model::checkpoint::{Cursor, PageToken, PartitionId, SourceState, Token};
use raccord_model::port::records::{How, Passed};
use raccord_model::port::source::Read;

use super::rules::{Rules, not_beyond};
use super::state::{Open, Proven, seal, unseal};
use super::values::Seen;
use crate::connector::cursor::IncrementalCursor;

/// Below so many records a page of changes whose records are all rejected is no sign of a wrong mapping.
const FEW: usize = 20;

/// How far a data type was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    proven: Proven,
    window: Option<Open>,
}

/// What a page says of how far was read.
#[derive(Debug, Clone, Default)]
pub struct PageRead {
    /// Where the next page begins; `None` after the last one.
    pub next: Option<PageToken>,
    /// How far its records reach.
    pub seen: Seen,
    /// The token that the service has given, from which the next window goes on after the last page.
    pub token: Option<Token>,
    /// What the source itself says that it has read, this page included.
    pub state: Option<SourceState>,
    /// The partition that the page is of.
    pub partition: Option<PartitionId>,
    /// Whether it is the last one of it.
    pub ends_partition: bool,
    /// The partitions that the reading has come to the end of: before the page, and then that of the page if it ends with
    /// it.
    pub passed: Vec<Passed>,
    /// By how many seconds the clock that stamps changes is behind ours.
    pub behind: u64,
}

impl PageRead {
    /// The partitions that ended before the page, and that of the page if it ends with it.
    pub fn passed(&self) -> (&[Passed], &[Passed]) {
        self.passed.split_at(self.passed.len() - usize::from(self.ends_partition).min(self.passed.len()))
    }
}

impl Progress {
    /// What a checkpoint says, with the state of its window; `None` where this version cannot read it.
    pub fn of(state: Option<&SourceState>, window: Option<&SourceState>) -> Option<Self> {
        let proven = state.map_or(Some(Proven::default()), unseal)?;
        let window = match window {
            Some(window) => Some(Open { is_continued: true, ..unseal(window)? }),
            None => None,
        };
        Some(Self { proven, window })
    }

    /// What a person asked for: to read from a point on, partitions that are known included.
    pub fn from_point(cursor: Cursor, rules: Rules<'_>) -> Self {
        let since = rules.partitioned.then(|| cursor.clone());
        Self { proven: Proven { cursor: Some(cursor), since, own: None }, window: None }
    }

    /// What counts, as it is kept; none where there is nothing to keep.
    pub fn state(&self) -> Option<SourceState> {
        (self.proven != Proven::default()).then(|| seal(&self.proven))
    }

    /// The window under way, as it is kept.
    pub fn window(&self) -> Option<SourceState> {
        self.window.as_ref().map(seal)
    }

    /// How far was read, for people.
    pub fn describe(&self) -> Option<String> {
        self.proven.cursor.as_ref().map(ToString::to_string)
    }

    /// Before a window: nothing counts that lies in the future, or that says nothing.
    pub fn prepare(&mut self, rules: Rules<'_>, now: Timestamp) {
        let cursor = self.proven.cursor.take().map(|cursor| not_beyond(cursor, now));
        // One cursor once stood for all parents, and whatever was older of a new one never came. It says nothing of any.
        self.proven.cursor = cursor.filter(|_| !rules.partitioned);
    }

    /// Whether the window under way can be gone on with. `placed`: its marks say where its keys were shown, without which
    /// one whose pages can shift is begun again.
    pub fn can_go_on(&self, rules: Rules<'_>, placed: bool) -> bool {
        let Some(window) = &self.window else { return false };
        let is_dated = window.opened.is_some() || rules.cursor.is_none();
        is_dated && (placed || window.page.is_none() || !rules.positional)
    }

    /// Whether nothing was read so far, and the settings say where the very first window begins.
    pub fn begins_at_initial(&self, rules: Rules<'_>) -> bool {
        rules.initial().is_some() && self.proven.cursor.is_none()
    }

    /// Opens a window: over everything, or over what has changed.
    pub fn open(&mut self, rules: Rules<'_>, everything: bool, now: Timestamp) {
        let from = match &self.proven.cursor {
            _ if everything => None,
            Some(last) => rules.after(last),
            None => rules.initial(),
        };
        // Services stamp whole seconds: what changes later within this one is shown as of its beginning.
        let opened = Some(Cursor::Instant(now.as_second(), 0));
        self.window = Some(Open { opened, from, ..Open::default() });
    }

    /// What the source is asked for. `everything`: whatever was read before.
    pub fn read(&self, everything: bool) -> Read {
        let window = self.window.as_ref();
        Read {
            from: window.and_then(|window| window.from.clone()),
            page: window.and_then(|window| window.page.clone()),
            state: self.proven.own.clone().filter(|_| !everything),
            starts: None,
            page_size: None,
        }
    }

    /// From where the partitions that are known begin instead of where each was left off.
    pub const fn since(&self) -> Option<&Cursor> {
        self.proven.since.as_ref()
    }

    /// Whether no page of the window was read so far.
    pub fn is_at_first_page(&self) -> bool {
        self.window.as_ref().is_none_or(|window| window.page.is_none())
    }

    /// Whether the window reads everything, and not only what has changed.
    pub fn reads_everything(&self, rules: Rules<'_>) -> bool {
        let is_of_changes = rules.cursor.is_some() && rules.partitioned;
        let from = self.window.as_ref().and_then(|window| window.from.as_ref());
        from.is_none() && self.proven.own.is_none() && !is_of_changes
    }

    /// Whether the next run has something to go on from even if this window brings nothing.
    pub fn goes_on(&self) -> bool {
        let began = self.window.as_ref().and_then(|window| window.from.as_ref());
        self.proven.cursor.is_some() || began.is_some()
    }

    /// Whether a page of changes of so many records that are all rejected says nothing against the mapping: what has changed
    /// since an earlier window may be few records that are all bad, and some of them are shown each time anew.
    pub fn may_be_dirt(&self, seen: &Seen, records: usize) -> bool {
        let is_few = records < FEW && (self.proven.cursor.is_some() || self.proven.own.is_some());
        is_few || self.proven.cursor.as_ref().is_some_and(|last| seen.is_all_up_to(last))
    }

    /// Takes in a page. Returns how far each partition was read that has come to its end, in their order; none where it was
    /// not read whole. `counts`: what is in order counts at once.
    pub fn take_in(&mut self, page: &PageRead, rules: Rules<'_>, counts: bool) -> Vec<Option<Cursor>> {
        let is_at_first_page = self.is_at_first_page();
        let Some(window) = &mut self.window else { return Vec::new() };
        if is_at_first_page {
            window.set_back(page.behind);
        }
        let (before, own) = page.passed();
        let mut ends: Vec<_> = before.iter().map(|passed| window.pass(passed)).collect();
        if page.partition.is_some() && window.partition != page.partition {
            window.forget();
            window.partition = page.partition;
        }
        window.look_at_order(&page.seen);
        let greatest = page.seen.greatest.clone().or_else(|| page.last_token(rules));
        let admitted = greatest.and_then(|greatest| window.admitted(greatest));
        window.greatest = window.greatest.take().max(admitted);
        ends.extend(own.iter().map(|passed| window.pass(passed)));
        if page.next.is_some() {
            window.page.clone_from(&page.next);
        }
        window.own = page.state.clone().or_else(|| window.own.take());
        if counts && rules.is_ordered() && window.partition.is_none() {
            self.proven.cursor = self.proven.cursor.take().max(window.greatest.clone());
        }
        ends
    }

    /// The window is complete and clean, or taken for it: what it has read counts.
    pub fn close(&mut self) {
        let Some(mut window) = self.window.take() else { return };
        self.proven.cursor = Cursor::advance(self.proven.cursor.take(), window.reached());
        self.proven.own = window.own.or_else(|| self.proven.own.take());
        self.proven.since = None;
    }

    /// The window lacks something, and what it has read is sound: what the source itself says counts, for it speaks of
    /// nothing that is missing. Of values nothing is known that way, and the next window begins where this one began.
    pub fn close_incomplete(&mut self) {
        if let Some(window) = self.window.take() {
            self.proven.own = window.own.or_else(|| self.proven.own.take());
        }
    }

    /// The window was in vain: the next one begins where it began.
    pub fn give_up(&mut self) {
        self.window = None;
    }

    /// The same window from its first page.
    pub fn restart(&mut self) {
        if let Some(window) = &mut self.window {
            window.forget();
            (window.page, window.partition, window.own) = (None, None, None);
        }
    }

    /// The same window, when the source has begun it so many times again because the service no longer knew its token.
    /// Returns whether it reads everything then.
    pub fn begun_again(&mut self, times: u64, rules: Rules<'_>) -> bool {
        let (Some(window), Some(cursor)) = (&mut self.window, rules.cursor) else { return false };
        for _ in 0..times {
            window.from = window.from.as_ref().and_then(|from| cursor.earlier(from));
        }
        times > 0 && window.from.is_none()
    }
}

impl PageRead {
    /// The token from which the next window goes on, after the last page of this one. With a parent, each partition has its
    /// own.
    fn last_token(&self, rules: Rules<'_>) -> Option<Cursor> {
        let is_last = self.next.is_none() && !rules.partitioned;
        rules.cursor.and_then(IncrementalCursor::token).filter(|_| is_last)?;
        self.token.clone().map(Cursor::Token)
    }
}

impl Open {
    /// How far the window may move its cursor after a page that reaches as far as this. A record that changed after the
    /// window was opened may have been on a page that an earlier run read: so no instant beyond the opening, and no other
    /// value that a later run sees, for what it would skip cannot be told.
    fn admitted(&self, greatest: Cursor) -> Option<Cursor> {
        match (&greatest, &self.opened) {
            (Cursor::Instant(..), Some(opened)) => Some(greatest.min(opened.clone())),
            // A token is the service's word for the whole reading; where it cannot be, the source names none.
            (Cursor::Instant(..), None) | (Cursor::Token(_), _) => Some(greatest),
            (Cursor::Integer(_) | Cursor::Text(_), _) => (!self.is_continued).then_some(greatest),
        }
    }

    /// Reckons the opening by a clock that is behind ours by so many seconds: by that one changes are stamped.
    fn set_back(&mut self, seconds: u64) {
        if let Some(Cursor::Instant(opened, _)) = &mut self.opened {
            *opened = opened.saturating_sub_unsigned(seconds);
        }
    }

    /// Notices whether the values of the pages rise.
    fn look_at_order(&mut self, seen: &Seen) {
        self.is_unordered |= self.greatest.is_some() && seen.least.is_some() && seen.least < self.greatest;
        if self.first.is_none() {
            self.first.clone_from(&seen.greatest);
        }
    }

    /// How far the pages so far were read, which is not asked again. Where their values do not rise, a record that changed after its
    /// page was read is on no later page. Of instants the opening says from when on that may be; of numbers and texts, which
    /// services count up, only that such a change is greater than all that the first page had.
    fn reached(&mut self) -> Option<Cursor> {
        let (greatest, first) = (self.greatest.take(), self.first.take());
        match greatest {
            Some(Cursor::Integer(_) | Cursor::Text(_)) if self.is_unordered => greatest.min(first),
            greatest => greatest,
        }
    }

    /// Forgets the values of pages.
    fn forget(&mut self) {
        (self.greatest, self.first, self.is_unordered) = (None, None, false);
    }

    /// How far a partition was read that the reading has come to the end of, when it was read whole.
    fn pass(&mut self, passed: &Passed) -> Option<Cursor> {
        let is_read = passed.how == How::Read;
        let token = passed.token.clone().map(Cursor::Token);
        let mut cursor = None;
        if self.partition.take_if(|partition| *partition == passed.partition).is_some() {
            cursor = self.reached();
        }
        Cursor::advance(cursor, token).filter(|_| is_read)
    }
}
