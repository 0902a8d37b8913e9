//! Whether a page is the last one: a judgement of what the service said and of what came.
//!
//! Pure. What the service said decides; where it said nothing, only a page that is short after a longer one, or empty, is
//! taken for the last. It never guesses from the size that was asked for, because services cap the size of their pages.

/// What a service says about the pages of a chain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// How many records there are in all.
    pub(crate) total: Option<u64>,
    /// How many pages there are in all.
    pub(crate) pages: Option<u64>,
    /// Whether there are more pages after this one.
    pub(crate) more: Option<bool>,
}

/// What came of a chain, this page included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Came {
    /// The number of the page, from 1.
    pub(crate) page: u64,
    /// How many records are on it.
    pub(crate) count: u64,
    /// How many records came in all.
    pub(crate) seen: u64,
    /// How many records the longest page before it had.
    pub(crate) longest: u64,
    /// How many records were asked for.
    pub(crate) size: Option<u64>,
}

/// What a page is in its chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is the last one.
    Last,
    /// Another one follows.
    More,
    /// It is empty, and yet another one follows.
    Skip,
    /// It is the last one and empty, although the service says that there is such a page.
    Unlikely,
    /// What the service said and what it sent contradict each other.
    Contradiction(String),
}

/// Judges a page that was asked for by its position.
pub(crate) fn by_position(said: Said, came: Came) -> Verdict {
    let below_total = said.total.map(|total| came.seen < total);
    let below_pages = said.pages.map(|pages| came.page < pages);
    let says = |what| [below_total, below_pages, said.more].contains(&Some(what));
    if came.count > 0 {
        if let Some(why) = denied(said, came) {
            return Verdict::Contradiction(why);
        }
        let is_short = came.size.is_some_and(|size| came.count < size) && came.count < came.longest;
        return match (says(true), says(false)) {
            (false, true) => Verdict::Last,
            (false, false) if is_short => Verdict::Last,
            (true, _) | (false, false) => Verdict::More,
        };
    }
    // An empty page may be one whose records were all filtered out, but only the service can say so.
    let leads_on = said.more == Some(true) || below_pages == Some(true);
    match below_total {
        Some(true) if !leads_on => Verdict::Contradiction(unreached(said, came)),
        Some(true) => Verdict::Skip,
        _ if leads_on && !says(false) => Verdict::Skip,
        _ => last(said, came),
    }
}

/// Why the records of a page cannot all be counted by what the service says of its pages: some say 0 where they do not count.
fn denied(said: Said, came: Came) -> Option<String> {
    let Came { page, count, .. } = came;
    if let Some(total) = said.total.filter(|total| *total < count) {
        return Some(format!(
            "page {page} has {count} records, but `total` says that there are {total} in all"
        ));
    }
    let pages = said.pages.filter(|pages| *pages < page)?;
    Some(format!("page {page} has records, but `pages` says that there are {pages}"))
}

/// The last page; one that is empty is unlikely where the service counts it among its pages, and no total explains it.
fn last(said: Said, came: Came) -> Verdict {
    let is_counted = said.pages.is_some_and(|pages| came.page <= pages);
    if came.count == 0 && is_counted && said.total.is_none() { Verdict::Unlikely } else { Verdict::Last }
}

/// Judges a page that itself leads to the next one, or does not.
pub(crate) fn by_next(said: Said, came: Came, has_next: bool) -> Verdict {
    let is_below = said.total.is_some_and(|total| came.seen < total)
        || said.pages.is_some_and(|pages| came.page < pages);
    let is_reached = !is_below && (said.total.is_some() || said.pages.is_some());
    match (has_next, said.more) {
        (true, None | Some(true)) if came.count > 0 => Verdict::More,
        (true, None | Some(true)) if is_reached => Verdict::Last,
        (true, None | Some(true)) => Verdict::Skip,
        (_, Some(false)) | (false, None) if is_below => Verdict::Contradiction(unreached(said, came)),
        (_, Some(false)) | (false, None) => last(said, came),
        (false, Some(true)) => {
            let page = came.page;
            Verdict::Contradiction(format!("page {page} says that there is more, but leads to no next page"))
        }
    }
}

/// Why a chain cannot be over.
fn unreached(said: Said, came: Came) -> String {
    let (page, seen) = (came.page, came.seen);
    let empty = if came.count == 0 { "is empty" } else { "is the last one" };
    match (said.total, said.pages) {
        (Some(total), _) if seen < total => {
            format!("page {page} {empty}, but only {seen} of the {total} records that `total` says came")
        }
        (_, pages) => {
            let pages = pages.unwrap_or_default();
            format!("page {page} {empty}, but `pages` says that there are {pages}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Verdict::{Contradiction, Last, More, Skip, Unlikely};
    use super::*;

    /// `total pages more`, `-` for what is not said.
    fn said(text: &str) -> Said {
        let mut parts = text.split(' ');
        let mut number = || parts.next().unwrap().parse().ok();
        let (total, pages) = (number(), number());
        Said { total, pages, more: parts.next().unwrap().parse().ok() }
    }

    /// `page count seen longest size`.
    fn came(text: &str) -> Came {
        let parts: Vec<Option<u64>> = text.split(' ').map(|part| part.parse().ok()).collect();
        let at = |index: usize| parts[index].unwrap();
        Came { page: at(0), count: at(1), seen: at(2), longest: at(3), size: parts[4] }
    }

    #[test]
    fn the_service_decides_and_where_it_says_nothing_only_a_shorter_page_or_an_empty_one_ends() {
        for (said_text, came_text, expected) in [
            // Nothing is said: a full page, a capped one, a short one after a longer one, without a size, an empty one.
            ("- - -", "1 100 100 0 100", More),
            ("- - -", "1 50 50 0 100", More),
            ("- - -", "2 50 100 50 100", More),
            ("- - -", "3 20 120 50 100", Last),
            ("- - -", "3 20 120 50 -", More),
            ("- - -", "2 120 240 100 100", More),
            ("- - -", "1 0 0 0 100", Last),
            ("- - -", "4 0 120 50 100", Last),
            // The total.
            ("120 - -", "3 20 120 50 100", Last),
            ("120 - -", "2 50 100 60 100", More),
            ("120 - -", "4 30 150 60 100", Last),
            ("0 - -", "1 0 0 0 100", Last),
            ("120 - -", "4 0 120 50 100", Last),
            // The pages.
            ("- 3 -", "2 10 60 50 100", More),
            ("- 3 -", "3 50 150 50 -", Last),
            ("- 3 -", "2 0 50 50 100", Skip),
            ("- 0 -", "1 0 0 0 100", Last),
            // The flag.
            ("- - true", "2 10 60 50 100", More),
            ("- - false", "1 100 100 0 100", Last),
            ("- - true", "2 0 50 50 100", Skip),
            ("- - false", "2 0 50 50 100", Last),
            // Several at once: what says that there is more is believed, and an empty page ends what is reached.
            ("120 - false", "2 50 100 50 100", More),
            ("100 - true", "2 50 100 50 100", More),
            ("100 - true", "3 0 100 50 100", Last),
            ("120 - true", "3 0 100 50 100", Skip),
            ("120 5 -", "3 0 100 50 100", Skip),
            ("- 3 true", "3 0 100 50 100", Unlikely),
            ("- 3 -", "3 0 100 50 100", Unlikely),
            ("- 3 -", "4 0 100 50 100", Last),
            ("100 3 -", "3 0 100 50 100", Last),
        ] {
            assert_eq!(by_position(said(said_text), came(came_text)), expected, "{said_text} / {came_text}");
        }
        for (said_text, came_text) in [
            ("120 - -", "3 0 100 50 100"),
            ("120 - false", "3 0 100 50 100"),
            ("120 2 -", "3 0 100 50 100"),
            ("5 - -", "1 0 0 0 -"),
            // A total or pages that deny what came: the service does not count.
            ("0 - -", "1 3 3 0 3"),
            ("2 - -", "1 3 3 0 3"),
            ("2 - false", "1 3 3 0 3"),
            ("- 0 -", "1 3 3 0 3"),
            ("- 0 true", "1 3 3 0 3"),
        ] {
            let verdict = by_position(said(said_text), came(came_text));
            assert!(matches!(verdict, Contradiction(_)), "{said_text} / {came_text}: {verdict:?}");
        }
    }

    #[test]
    fn a_next_page_is_followed_and_its_absence_must_agree_with_what_was_said() {
        for (said_text, came_text, has_next, expected) in [
            ("- - -", "1 10 10 0 -", true, More),
            ("- - -", "1 0 0 0 -", true, Skip),
            ("- - -", "1 10 10 0 -", false, Last),
            ("- - -", "1 0 0 0 -", false, Last),
            ("- - false", "1 10 10 0 -", true, Last),
            ("- - true", "1 10 10 0 -", true, More),
            ("10 - -", "1 10 10 0 -", true, More),
            ("10 - -", "2 0 10 10 -", true, Last),
            ("20 - -", "2 0 10 10 -", true, Skip),
            ("10 - -", "1 10 10 0 -", false, Last),
            ("- 1 -", "1 10 10 0 -", false, Last),
            ("- 2 -", "2 0 10 10 -", false, Unlikely),
        ] {
            let verdict = by_next(said(said_text), came(came_text), has_next);
            assert_eq!(verdict, expected, "{said_text} / {came_text} / {has_next}");
        }
        for (said_text, came_text, has_next) in [
            ("20 - -", "1 10 10 0 -", false),
            ("- 2 -", "1 10 10 0 -", false),
            ("- - true", "1 10 10 0 -", false),
            ("20 - false", "1 10 10 0 -", true),
        ] {
            let verdict = by_next(said(said_text), came(came_text), has_next);
            assert!(matches!(verdict, Contradiction(_)), "{said_text} / {came_text}: {verdict:?}");
        }
    }

    #[test]
    fn a_contradiction_names_both_sides() {
        let reason = |said_text, came_text| match by_position(said(said_text), came(came_text)) {
            Contradiction(reason) => reason,
            other => panic!("{other:?}"),
        };
        assert_eq!(
            reason("120 - -", "3 0 100 50 100"),
            "page 3 is empty, but only 100 of the 120 records that `total` says came"
        );
        let Contradiction(reason) = by_next(said("- 2 -"), came("1 10 10 0 -"), false) else { panic!() };
        assert_eq!(reason, "page 1 is the last one, but `pages` says that there are 2");
    }
}
