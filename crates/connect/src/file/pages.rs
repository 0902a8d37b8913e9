//! Pages over files: which file is next, how much makes a page, where the next page begins.

use std::collections::VecDeque;

use raccord_model::port::records::Page;
use raccord_model::port::source::{Read, SourceError};

use super::matching::Matched;
use super::open::Opener;
use super::token::Place;
use super::walk::Wanted;
use crate::decode::{Batch, Decoding};

/// How many records a page holds by default.
const PAGE_RECORDS: usize = 1_000;
/// Pages over all files of a stream.
pub(crate) struct FilePages {
    opener: Opener,
    /// The file being read and those after it.
    files: VecDeque<Matched>,
    current: Option<Box<dyn Decoding>>,
    /// How many records of the file being read are done.
    done: u64,
    most: usize,
    is_over: bool,
    /// A file that has ended since the page before, as one does that was cut off.
    cut: Option<String>,
}

impl FilePages {
    /// Goes to where the token says.
    pub(crate) fn open(
        opener: Opener,
        files: Vec<Matched>,
        read: &Read,
        wanted: &Wanted,
    ) -> Result<Self, SourceError> {
        let most = read.page_size.unwrap_or(PAGE_RECORDS).max(1);
        let (skipped, place) = match &read.page {
            None => (0, None),
            Some(token) => Place::read(token, &files).map(|(at, place)| (at, Some(place)))?,
        };
        let files = files.into_iter().skip(skipped).collect();
        let mut pages = Self { opener, files, current: None, done: 0, most, is_over: false, cut: None };
        if let Some(place) = place {
            pages.go_to(&place, wanted)?;
        }
        Ok(pages)
    }

    /// Goes to a place of the first file: at once where the format can, else by reading over the records before it.
    fn go_to(&mut self, place: &Place, wanted: &Wanted) -> Result<(), SourceError> {
        let records = place.records;
        if records > 0
            && let Some(file) = self.files.front()
        {
            let current = self.current.insert(self.opener.records(file, place.spot)?);
            self.done = if place.spot.is_some() { records } else { current.pass_over(records) };
        }
        while self.done < records {
            if !wanted.goes_on() {
                let message = "reading was ended early".to_owned();
                return Err(SourceError::Answer { place: self.opener.stream.path.clone(), message });
            }
            let rest = usize::try_from(records - self.done).unwrap_or(usize::MAX);
            let Some(batch) = self.batch(rest.min(PAGE_RECORDS))? else {
                return Ok(());
            };
            if batch.is_last && self.done < records {
                return Err(SourceError::PageRefused {
                    message: "the file has fewer records than before".to_owned(),
                });
            }
        }
        Ok(())
    }

    /// Reads from the file in hand, opening it first; `None` when there is no file left.
    fn batch(&mut self, most: usize) -> Result<Option<Batch>, SourceError> {
        let Some(file) = self.files.front() else {
            return Ok(None);
        };
        let current = match &mut self.current {
            Some(current) => current,
            None => self.current.insert(self.opener.records(file, None)?),
        };
        let batch = current.batch(most)?;
        self.done += u64::try_from(batch.count()).unwrap_or(u64::MAX);
        Ok(Some(batch))
    }

    /// The next page; a page without records comes only at the very end.
    pub(crate) fn next_page(&mut self) -> Result<Option<Page>, SourceError> {
        while !self.is_over {
            let position = self.files.front().map(|file| file.name.clone()).unwrap_or_default();
            let Some(batch) = self.batch(self.most)? else {
                break;
            };
            if batch.is_cut {
                self.cut.get_or_insert_with(|| position.clone());
            }
            if batch.is_last {
                self.files.pop_front();
                (self.current, self.done) = (None, 0);
            }
            let next = self.files.front().map(|file| {
                let spot = self.current.as_ref().and_then(|current| current.spot());
                Place::new(file, self.done, spot).write()
            });
            self.is_over = next.is_none();
            if batch.count() > 0 || self.is_over {
                let Batch { records, faults, columns, .. } = batch;
                let cut = self.cut.take();
                return Ok(Some(Page { records, faults, columns, position, next, cut, ..Page::empty() }));
            }
        }
        Ok(None)
    }
}
