//! A list that is longer than a page: a search above it, and a way from page to page below it.

use maud::{Markup, html};

use super::show;
use super::visit::Visit;
use crate::request::Text;

/// How many entries a page of a list shows.
pub(super) const PER_PAGE: usize = 50;

/// Which part of a list is shown.
pub(super) struct Part {
    /// What is searched for; empty when nothing is.
    pub(super) text: String,
    /// Which page, from 1.
    pub(super) page: usize,
}

impl Part {
    /// The part that a visit asks for.
    pub(super) fn of(visit: &Visit) -> Self {
        Self { text: visit.asked("q").unwrap_or_default().to_owned(), page: page_asked(visit) }
    }

    /// What is searched for, when something is.
    pub(super) fn text(&self) -> Option<Text<200>> {
        (!self.text.is_empty()).then(|| Text::cut(&self.text))
    }

    /// How many entries stand on the pages before.
    pub(super) const fn skip(&self) -> usize {
        (self.page - 1).saturating_mul(PER_PAGE)
    }

    /// The address of another page of the same.
    pub(super) fn address(&self, path: &str, page: usize) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        if !self.text.is_empty() {
            query.append_pair("q", &self.text);
        }
        if page > 1 {
            query.append_pair("page", &page.to_string());
        }
        format!("{path}?{}", query.finish())
    }

    /// The field that searches.
    pub(super) fn search(&self, visit: &Visit, path: &str, label: &str) -> Markup {
        html! {
            form.search role="search" action=(path) {
                div {
                    label for="q" { (label) }
                    input #q type="search" name="q" value=(show::plain(&self.text)) autocomplete="off" spellcheck="false";
                }
                button.plain { (visit.texts().overview.filter) }
            }
        }
    }
}

/// The page that a visit asks for, from 1.
pub(super) fn page_asked(visit: &Visit) -> usize {
    let page = visit.asked("page").and_then(|page| page.parse().ok());
    page.filter(|page| *page > 0).unwrap_or(1)
}

/// The way from page to page of so many entries; nothing when there is one page alone.
pub(super) fn pages(visit: &Visit, total: u64, page: usize, address: impl Fn(usize) -> String) -> Markup {
    let words = visit.texts().overview;
    let last = usize::try_from(total).unwrap_or(usize::MAX).div_ceil(PER_PAGE).max(1);
    html! {
        @if last > 1 { nav.pages aria-label=(words.pages) {
            @if page > 1 { a rel="prev" href=(address(page - 1)) { "← " (words.previous) } }
            span { ((words.page_of)(&page.to_string(), &last.to_string())) }
            @if page < last { a rel="next" href=(address(page + 1)) { (words.next_page) " →" } }
        } }
    }
}
