//! What a run tells although nothing failed: values of the incremental field that could not be read, tokens of the
//! service that are missing, that differ, or that it no longer knew, and pages to which no setting leads. Counts and words alone; it decides nothing.

use raccord_model::port::records::{How, Page};

use super::progress::Progress;
use super::values::{Ahead, Unread};
use crate::connector::stream::Stream;

/// What there is to tell so far.
#[derive(Debug, Default)]
pub struct Told {
    /// Which values of the incremental field could not be read.
    pub unread: Unread,
    /// Which are later than the present.
    pub ahead: Ahead,
    /// How many readings were begun again because the service no longer knew their token.
    expired: u64,
    /// How many pages have shown another token than the one that counts.
    varied: u64,
    /// How many readings came to their end, and how many of them without a token.
    ended: u64,
    without: u64,
    /// Whether the next run has something to go on from all the same.
    goes_on: bool,
    /// What has said that there is more than was read.
    left: Option<String>,
    /// What was not answered, as the settings allow.
    passed_over: Option<String>,
    /// The first file that ends as one does that was cut off, and how many there are.
    cut: Option<(String, u64)>,
}

impl Told {
    /// Takes in what a page says of the tokens.
    pub fn take_in(&mut self, stream: &Stream, page: &Page, progress: &Progress) {
        self.expired += page.expired;
        self.varied += page.varied;
        if let Some(file) = &page.cut {
            self.cut.get_or_insert_with(|| (file.clone(), 0)).1 += 1;
        }
        if self.left.is_none() {
            self.left.clone_from(&page.more_available);
        }
        if self.passed_over.is_none() {
            self.passed_over.clone_from(&page.passed_over);
        }
        if stream.has_parent() {
            for passed in page.passed.iter().filter(|passed| passed.is_own && passed.how == How::Read) {
                self.ended += 1;
                self.without += u64::from(passed.token.is_none());
            }
        } else if page.next.is_none() {
            // A window that is read again says it anew.
            (self.ended, self.without) = (1, u64::from(page.token.is_none()));
        }
        self.goes_on = progress.goes_on();
    }

    /// A sentence for each thing.
    pub fn notes(&self, stream: &Stream) -> Vec<String> {
        let mut notes = Vec::new();
        if let Some(cursor) = stream.field_cursor().filter(|_| self.unread.unread > 0) {
            let Unread { records, unread, example } = &self.unread;
            notes.push(cursor.trouble(*unread, *records, example.as_deref()));
        }
        if let (Some(cursor), Ahead { records, latest: Some(latest) }) = (stream.field_cursor(), &self.ahead)
        {
            notes.push(cursor.ahead(*records, latest));
        }
        if let (Some(cursor), Some(token)) = (stream.cursor(), stream.token_cursor()) {
            if self.expired > 0 {
                notes.push(token.expired(self.expired, cursor.initial().is_some()));
            }
            if self.varied > 0 {
                notes.push(token.varied(self.varied));
            }
            if self.without > 0 {
                let of = if stream.has_parent() { Some(self.ended) } else { None };
                notes.push(token.missing(self.without, of, self.goes_on));
            }
        }
        notes.extend(self.left.as_deref().map(|said| left(said, stream.is_positional())));
        notes.extend(self.passed_over.as_deref().map(passed_over));
        notes.extend(self.cut.as_ref().map(|(file, files)| cut_off(file, *files)));
        notes
    }
}

/// That so many files, this one first, end as files do that were cut off.
pub fn cut_off(file: &str, files: u64) -> String {
    let others = match files {
        0 | 1 => String::new(),
        2 => " (and 1 other file)".to_owned(),
        more => format!(" (and {} other files)", more - 1),
    };
    format!(
        "{file}{others} ends within a line, as a file does that was cut off or is being written: its last record may be half of one, \
         and others may be missing, so that a snapshot deletes none without an approval; `lastLineEnd: optional` is for programs \
         that never end their last line"
    )
}

/// That something was not answered, and is not taken for gone.
fn passed_over(what: &str) -> String {
    format!(
        "{what}; what was not answered may be there: this reading deletes none of it, and asks for it again"
    )
}

/// That a page is read and no other, although there are some.
fn left(said: &str, is_positional: bool) -> String {
    if is_positional {
        return format!(
            "there is more than was read: {said}; is the first page the one that `from` says? `total: PATH` names what counts \
             the records, and has a run that lacks some fail; `total: none` says that nothing does"
        );
    }
    format!(
        "there is more than was read: {said}, and nothing says how the pages follow, so that only the first one is read; write \
         `pagination`, or `pagination: none` when the answer is whole"
    )
}
