//! How a service lets its records be read: what one service does and another does not. Plain data.

/// How the service lets its records be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Form {
    pub(crate) paging: Paging,
    pub(crate) signal: Signal,
    pub(crate) order: Order,
    /// The page size that is asked for.
    pub(crate) asked: usize,
    /// The largest page that is given, whatever is asked for.
    pub(crate) cap: usize,
    /// Whether records are asked for by their parent.
    pub(crate) has_parents: bool,
    /// Whether a record that is deleted is shown as such, from then on.
    pub(crate) keeps_deleted: bool,
    /// Whether the records of a page come in two parts, of which the second says that they are complete.
    pub(crate) continues: bool,
    /// What the tokens mean that it gives for the next reading.
    pub(crate) tokens: Tokens,
    /// Where they stand.
    pub(crate) token_place: TokenPlace,
}

/// What a token means. It names a second: what changed later is shown to those who send it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tokens {
    /// When the first page was asked for. It is on the last page alone, for which each link to a page carries it along.
    Begin,
    /// When this page was asked for. It is on each page.
    Now,
    /// How far the pages have been read. It is on each page, and records that are gone stand among the others.
    Position,
}

/// Where a token stands in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenPlace {
    Body,
    Header,
}

/// How a page is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paging {
    /// By its number, from 1.
    Page,
    /// By the number of records before it.
    Offset,
    /// By a cursor in the body of the page before, which is absent on the last page.
    Cursor,
    /// By the id of the last record, while `more` is true.
    LastRecord,
    /// By a URL in the body of the page before.
    NextUrl,
    /// By the header `Link`.
    Link,
    /// By a URL in a header of its own.
    Header,
    /// By the time of the last change, which the page begins with.
    Value,
}

/// What a numbered page says about how many follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    Nothing,
    Total,
    TotalHeader,
    Pages,
    PagesHeader,
    More,
    /// That this is the last one.
    Done,
}

impl Signal {
    /// Whether it names the number of records, which changes with each that comes or goes.
    pub(crate) const fn is_total(self) -> bool {
        matches!(self, Self::Total | Self::TotalHeader)
    }

    /// Whether it names a number.
    pub(crate) const fn is_number(self) -> bool {
        matches!(self, Self::Total | Self::TotalHeader | Self::Pages | Self::PagesHeader)
    }
}

/// In which order records are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Id,
    OldestFirst,
    NewestFirst,
}

impl Form {
    /// Whether a page is found by counting records, so that a change before it moves it.
    pub(crate) const fn is_by_position(self) -> bool {
        matches!(self.paging, Paging::Page | Paging::Offset)
    }

    /// Whether an answer without records contradicts what the service says elsewhere when there are more.
    pub(crate) const fn tells_the_end(self) -> bool {
        match self.paging {
            Paging::Page | Paging::Offset => !matches!(self.signal, Signal::Nothing),
            Paging::Value => false,
            Paging::Cursor | Paging::LastRecord | Paging::NextUrl | Paging::Link | Paging::Header => true,
        }
    }
}
