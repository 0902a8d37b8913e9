//! A reading under way: which statement brings the next page, and where the reading stands after it.

use std::sync::Arc;

use raccord_model::checkpoint::Cursor;
use raccord_model::port::records::Page;
use raccord_model::port::source::{Read, SourceError};

use super::collect::{Collected, Collector};
use super::place::{Place, Value};
use super::plan::PagePlan;
use super::statement::Statement;

/// How many rows a page has at the most.
const PAGE_ROWS: usize = 2_000;

/// A reading under way.
#[derive(Debug, Clone)]
pub struct Pager {
    plan: Arc<PagePlan>,
    what: String,
    /// The members that records have.
    columns: Arc<[String]>,
    since: Option<Value>,
    place: Place,
    most: usize,
    is_over: bool,
}

impl Pager {
    /// A reading of `what`, from where it was left off.
    pub fn new(plan: Arc<PagePlan>, what: String, read: &Read) -> Result<Self, SourceError> {
        let since = match &read.from {
            None => None,
            Some(from) => Some(plan.since(from).ok_or_else(|| unusable(&what, from))?),
        };
        let most = read.page_size.unwrap_or(PAGE_ROWS).clamp(1, PAGE_ROWS);
        let columns = plan.names().map(str::to_owned).collect();
        let mut pager = Self { plan, what, columns, since, place: Place::default(), most, is_over: false };
        if let Some(token) = &read.page {
            let refused = |message: &str| SourceError::PageRefused { message: message.to_owned() };
            let (by, place) = Place::read(token).ok_or_else(|| refused("it is of another version"))?;
            let names: Vec<String> =
                pager.plan.by(pager.since.is_some(), &place).iter().map(|term| term.name.clone()).collect();
            if names != by {
                return Err(refused("rows are asked for in another order now"));
            }
            pager.place = place;
        }
        Ok(pager)
    }

    /// The same reading, whose records have one member more.
    #[must_use]
    pub fn with_member(self, name: &str) -> Self {
        let columns = self.plan.names().chain([name]).map(str::to_owned).collect();
        Self { columns, ..self }
    }

    /// Whether the first page is still to come.
    pub fn is_at_beginning(&self) -> bool {
        self.place == Place::default()
    }

    /// How the relation is read.
    pub fn plan(&self) -> &PagePlan {
        &self.plan
    }

    /// The statement that brings the next page and one row more; none after the last page.
    pub fn statement(&self) -> Option<Statement> {
        (!self.is_over).then(|| self.plan.page(self.since.as_ref(), &self.place, self.most + 1))
    }

    /// What takes in the rows that the statement brings.
    pub fn collector(&self) -> Collector {
        let by = self.plan.by(self.since.is_some(), &self.place);
        Collector::new(self.plan.positions(&by), self.most)
    }

    /// The page of the rows that were taken in; none where they were none and others follow.
    pub fn page(&mut self, collected: Collector) -> Result<Option<Page>, SourceError> {
        let twice = |()| SourceError::Settings { place: self.what.clone(), message: self.twice() };
        let Collected { records, last } = collected.end(&self.columns).map_err(twice)?;
        match last {
            Some(after) => self.place.after = after,
            // The rows that have no value in the column come after all others.
            None if self.since.is_some() && !self.place.nulls && self.plan.has_nulls() => {
                self.place = Place { nulls: true, after: Vec::new() };
            }
            None => self.is_over = true,
        }
        if records.is_empty() && !self.is_over {
            return Ok(None);
        }
        let by: Vec<&str> =
            self.plan.by(self.since.is_some(), &self.place).iter().map(|term| term.name.as_str()).collect();
        let next = (!self.is_over).then(|| self.place.token(&by));
        let columns = Some(Arc::clone(&self.columns));
        Ok(Some(Page { records, columns, position: self.what.clone(), next, ..Page::empty() }))
    }

    fn twice(&self) -> String {
        let key = self.plan.key().join(", ");
        format!(
            "two rows have the same {key}, so that one of them could be missed: name a `key` that tells rows apart"
        )
    }

    /// What to say where a row has no key.
    pub fn keyless(&self) -> SourceError {
        let key = self.plan.key().join(", ");
        let message = format!(
            "a row has nothing in its key ({key}), and would be missed: leave such rows out with a `query`, or name another `key`"
        );
        SourceError::Settings { place: self.what.clone(), message }
    }
}

fn unusable(what: &str, from: &Cursor) -> SourceError {
    SourceError::Settings { place: what.to_owned(), message: format!("no row can be compared with `{from}`") }
}
