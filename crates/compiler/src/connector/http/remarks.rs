//! What the first page of an answer shows about the settings: whether the records were found, and whether there is a next
//! page or why not. Pure; says nothing that one page cannot show.

use raccord_model::port::records::{Page, Records};

use super::component::{HttpStream, Paginator, TokenPlace};
use crate::envelope;

/// What is known of a data type once its first page is there, a sentence each.
pub(super) fn of(stream: &HttpStream, page: &Page) -> Vec<String> {
    let next = next_page(stream, page, page.records.len());
    wrong_list(stream, page).into_iter().chain([next]).collect()
}

/// That the records are probably somewhere else.
fn wrong_list(stream: &HttpStream, page: &Page) -> Option<String> {
    let Records::Json { body, .. } = &page.records else { return None };
    envelope::advice("answer", body, &stream.extractor.records)
}

/// Whether there is a next page, or why there is none.
fn next_page(stream: &HttpStream, page: &Page, count: usize) -> String {
    if page.next.is_some() {
        return "there is a next page".to_owned();
    }
    let none = |why: String| format!("there is no next page: {why}");
    match &stream.paginator {
        Paginator::NoPagination { is_declared: true } => none("`pagination` says that there is none".to_owned()),
        Paginator::NoPagination { is_declared: false } => none(match &page.more_available {
            Some(said) => format!(
                "the data type has no `pagination`, although {said} in the answer: say how its pages follow, or only the first one is ever read; `pagination: none` says that the answer is whole"
            ),
            None => "the data type has no `pagination`; if the service has more than this, say how its pages follow"
                .to_owned(),
        }),
        Paginator::NextUrl(TokenPlace::Body(path)) => none(format!("`{path}` of the answer holds no URL")),
        Paginator::NextUrl(TokenPlace::Header(name)) => none(format!("the answer has no header `{name}`")),
        Paginator::NextUrl(TokenPlace::LastRecord(path)) => none(format!("the last record has no `{path}`")),
        Paginator::Link { rel } => none(format!("no header `Link` of the answer has the relation `{rel}`")),
        Paginator::PageIncrement { .. } | Paginator::OffsetIncrement { .. } => none(match page.total {
            Some(total) => format!("the service says that there are {total} in all"),
            None => format!("the page ends with {count} and nothing says that there are more"),
        }),
        Paginator::ByValue => none("fewer records came than a page holds".to_owned()),
        Paginator::CursorPagination { cursor, .. } => none(match cursor {
            TokenPlace::Body(path) => format!("`{path}` of the answer holds no cursor"),
            TokenPlace::Header(name) => format!("the answer has no header `{name}`"),
            TokenPlace::LastRecord(path) => {
                format!("the last record has no `{path}`, or the service says that it ends")
            }
        }),
    }
}
