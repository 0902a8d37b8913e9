//! SQLite as a source: pages of a table or a query, each asked for by a statement of its own in the order of the key. Which
//! statement that is, the compiler knows; here it is run where it may block, and its rows become records.

mod failure;
mod rows;
mod shape;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use raccord_compiler::connector::TableStream;
use raccord_compiler::connector::table::{PagePlan, Pager};
use raccord_model::field_path::FieldPath;
use raccord_model::port::Async;
use raccord_model::port::records::Page;
use raccord_model::port::source::{Pages, Read, Source, SourceError};
use rusqlite::Connection;

use self::failure::Place;
use crate::open::{Access, open};

/// How long the lock of another program is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// One table or query of a file, ready to be read.
#[derive(Debug, Clone)]
pub struct SqliteSource {
    stream: Arc<TableStream>,
    file: PathBuf,
    place: Place,
}

impl SqliteSource {
    /// Nothing is opened yet.
    pub fn new(stream: Arc<TableStream>, file: PathBuf) -> Self {
        let place = Place { relation: stream.place(), file: file.display().to_string() };
        Self { stream, file, place }
    }

    /// The same with the file that the stream names, relative to a directory.
    pub fn below(stream: Arc<TableStream>, root: &Path) -> Self {
        let file = root.join(stream.path.as_deref().unwrap_or_default());
        Self::new(stream, file)
    }

    /// A connection, and how the relation is read.
    fn prepare(&self) -> Result<(Connection, PagePlan), SourceError> {
        let opened = open(&self.file, Access::Read, PATIENCE).map_err(|error| self.place.opened(error))?;
        let shape = shape::of(&opened, &self.stream.relation).map_err(|error| self.place.told(&error))?;
        let shape = shape.ok_or_else(|| self.place.settings("there is no such table".to_owned()))?;
        let plan = PagePlan::new(&self.stream, shape).map_err(|error| error.told(self.stream.place()))?;
        Ok((opened, plan))
    }

    fn begin(&self, read: &Read) -> Result<TablePages, SourceError> {
        let (connection, plan) = self.prepare()?;
        let pager = Pager::new(Arc::new(plan), self.stream.place(), read)?;
        if pager.is_at_beginning()
            && let Some(keyless) = pager.plan().keyless()
            && rows::has_any(&connection, &keyless).map_err(|error| self.place.told(&error))?
        {
            return Err(pager.keyless());
        }
        let cells = rows::Cells::of(pager.plan().columns());
        Ok(TablePages { connection, pager, cells, place: self.place.clone() })
    }
}

impl Source for SqliteSource {
    fn check(&self) -> Async<'_, Result<String, SourceError>> {
        let source = self.clone();
        Box::pin(async move {
            blocking(&self.place, move || source.prepare().map(|(_, plan)| plan.describe())).await?
        })
    }

    fn key(&self) -> Async<'_, Result<Vec<String>, SourceError>> {
        let source = self.clone();
        Box::pin(async move {
            blocking(&self.place, move || source.prepare().map(|(_, plan)| plan.unique_key())).await?
        })
    }

    fn advice(&self) -> Async<'_, Result<Vec<String>, SourceError>> {
        let source = self.clone();
        Box::pin(async move {
            let prepared = move || source.prepare().map(|(_, plan)| plan.proposal.into_iter().collect());
            blocking(&self.place, prepared).await?
        })
    }

    fn open(&self, read: Read) -> Async<'_, Result<Box<dyn Pages>, SourceError>> {
        let source = self.clone();
        Box::pin(async move {
            let pages = blocking(&self.place, move || source.begin(&read)).await??;
            Ok::<Box<dyn Pages>, SourceError>(Box::new(BlockingPages {
                pages: Some(pages),
                place: self.place.clone(),
            }))
        })
    }

    fn record<'a>(&'a self, _: &'a str, _: &'a FieldPath) -> Async<'a, Result<Option<Bytes>, SourceError>> {
        let message = "no row of a database can be fetched by itself".to_owned();
        Box::pin(std::future::ready(Err(self.place.settings(message))))
    }
}

/// The pages of a table or a query.
struct TablePages {
    connection: Connection,
    pager: Pager,
    cells: rows::Cells,
    place: Place,
}

impl TablePages {
    fn advance(&mut self) -> Result<Option<Page>, SourceError> {
        while let Some(statement) = self.pager.statement() {
            let mut collector = self.pager.collector();
            rows::collect(&self.connection, &statement, &self.cells, &mut collector)
                .map_err(|error| self.place.told(&error))?;
            if let Some(page) = self.pager.page(collector)? {
                return Ok(Some(page));
            }
        }
        Ok(None)
    }
}

/// Hands pages that are read on another thread on.
struct BlockingPages {
    /// Absent while a page is being read, and after a page was given up half-way.
    pages: Option<TablePages>,
    place: Place,
}

impl Pages for BlockingPages {
    fn next(&mut self) -> Async<'_, Result<Option<Page>, SourceError>> {
        Box::pin(async move {
            let mut pages = self.pages.take().ok_or_else(|| self.place.interrupted())?;
            let (pages, page) = blocking(&self.place, move || {
                let page = pages.advance();
                (pages, page)
            })
            .await?;
            self.pages = Some(pages);
            page
        })
    }
}

/// Runs something where it may block.
async fn blocking<T: Send + 'static>(
    place: &Place,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, SourceError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| place.interrupted())
}
