//! Pages over files: which file is next, how much makes a page, where the next page begins.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use raccord_compiler::connector::FileStream;
use raccord_model::port::records::Page;
use raccord_model::port::source::{Read, SourceError};

use super::matching::{Matched, file_error, find};
use super::open::open;
use super::token::Place;
use super::walk::Wanted;
use crate::decode::{Batch, Decoding, decode};

/// How many records a page holds when nobody wishes otherwise.
const PAGE_RECORDS: usize = 1_000;
/// Pages over all files of a stream.
pub(crate) struct FilePages {
    stream: Arc<FileStream>,
    /// The file being read and those after it.
    files: VecDeque<Matched>,
    current: Option<Box<dyn Decoding>>,
    /// How many records of the file being read are done.
    done: u64,
    most: usize,
    is_over: bool,
}

impl FilePages {
    /// Finds the files and goes to where the token says.
    pub(crate) fn open(
        stream: Arc<FileStream>,
        root: &Path,
        read: &Read,
        wanted: &Wanted,
    ) -> Result<Self, SourceError> {
        let files = find(root, &stream.path, wanted)?;
        let most = read.page_size.unwrap_or(PAGE_RECORDS).max(1);
        let (skipped, records) = match &read.page {
            None => (0, 0),
            Some(token) => {
                let (at, place) = Place::read(token, &files)?;
                (at, place.records)
            }
        };
        let files = files.into_iter().skip(skipped).collect();
        let mut pages = Self { stream, files, current: None, done: 0, most, is_over: false };
        pages.skip(records, wanted)?;
        Ok(pages)
    }

    /// Reads over records that are done already.
    fn skip(&mut self, records: u64, wanted: &Wanted) -> Result<(), SourceError> {
        while self.done < records {
            if !wanted.goes_on() {
                let message = "reading was ended early".to_owned();
                return Err(SourceError::Answer { place: self.stream.path.clone(), message });
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
            None => self.current.insert(open_records(file, &self.stream)?),
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
            if batch.is_last {
                self.files.pop_front();
                (self.current, self.done) = (None, 0);
            }
            let next = self.files.front().map(|file| Place::new(file, self.done).write());
            self.is_over = next.is_none();
            if batch.count() > 0 || self.is_over {
                let Batch { records, faults, .. } = batch;
                return Ok(Some(Page { records, faults, position, next, ..Page::empty() }));
            }
        }
        Ok(None)
    }
}

fn open_records(file: &Matched, stream: &FileStream) -> Result<Box<dyn Decoding>, SourceError> {
    let content = open(file, stream).map_err(|error| file_error(&file.name, error))?;
    decode(content, &file.name, Some(file.print.size), &stream.decoder)
}
