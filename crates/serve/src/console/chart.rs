//! Charts as SVG: bars of what became of records, with the same numbers in words for who does not see them.

use maud::{Markup, html};
use raccord_model::fact::Tally;

use super::show;
use super::text::Texts;
use super::visit::Visit;

/// What became of records, in the order in which a bar is drawn.
pub(super) const PARTS: [Part; 6] =
    [Part::Created, Part::Updated, Part::Deleted, Part::Unchanged, Part::Skipped, Part::Rejected];

/// A part of a tally.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Created,
    Updated,
    Deleted,
    Unchanged,
    Skipped,
    Rejected,
}

impl Part {
    /// How many records.
    pub(super) const fn of(self, tally: &Tally) -> u64 {
        match self {
            Self::Created => tally.created,
            Self::Updated => tally.updated,
            // Rows that a complete reading no longer showed are deleted like those that a record said to delete.
            Self::Deleted => tally.deleted.saturating_add(tally.swept),
            Self::Unchanged => tally.unchanged,
            Self::Skipped => tally.skipped,
            Self::Rejected => tally.rejected,
        }
    }

    /// The word for it.
    pub(super) const fn word(self, texts: &Texts) -> &'static str {
        let words = texts.word;
        match self {
            Self::Created => words.created,
            Self::Updated => words.updated,
            Self::Deleted => words.deleted,
            Self::Unchanged => words.unchanged,
            Self::Skipped => words.skipped,
            Self::Rejected => words.rejected,
        }
    }

    const fn class(self) -> &'static str {
        match self {
            Self::Created => "c-created",
            Self::Updated => "c-updated",
            Self::Deleted => "c-deleted",
            Self::Unchanged => "c-unchanged",
            Self::Skipped => "c-skipped",
            Self::Rejected => "c-rejected",
        }
    }
}

/// A tally in words: `3 created, 1 rejected`.
pub(super) fn in_words(visit: &Visit, tally: &Tally) -> String {
    let texts = visit.texts();
    let parts = PARTS.into_iter().filter(|part| part.of(tally) > 0);
    let parts: Vec<String> = parts
        .map(|part| format!("{} {}", show::number(visit.reader.language, part.of(tally)), part.word(texts)))
        .collect();
    if parts.is_empty() { texts.word.nothing.to_owned() } else { parts.join(", ") }
}

/// A bar of a column chart: where it leads, what it is called, and what it is made of.
pub(super) struct Bar {
    /// The name, read out and shown when pointed at.
    pub(super) label: String,
    /// What it is made of.
    pub(super) tally: Tally,
    /// Whether there was a failure.
    pub(super) is_bad: bool,
}

/// The width of a bar with its gap, in units of the drawing.
const STEP: u32 = 12;

/// The height of the tallest bar.
const HEIGHT: u32 = 64;

/// A column chart with its legend, the oldest bar on the left.
pub(super) fn columns(visit: &Visit, title: &str, bars: &[Bar]) -> Markup {
    let texts = visit.texts();
    let total = |bar: &Bar| PARTS.into_iter().map(|part| part.of(&bar.tally)).fold(0, u64::saturating_add);
    let most = bars.iter().map(total).max().unwrap_or(0).max(1);
    let width = STEP * u32::try_from(bars.len()).unwrap_or(1).max(1);
    let mut whole = Tally::default();
    for bar in bars {
        whole.add(&bar.tally);
    }
    html! {
        figure.chart {
            figcaption { (title) }
            svg role="img" aria-label=(format!("{title}: {}", in_words(visit, &whole)))
                viewBox=(format!("0 0 {width} {}", HEIGHT + 8)) width=(width * 2) height=((HEIGHT + 8) * 2) preserveAspectRatio="none" {
                @for (at, bar) in (0u32..).zip(bars) {
                    g {
                        title { (bar.label) ": " (in_words(visit, &bar.tally)) }
                        rect.ground x=(at * STEP) y="0" width=(STEP) height=(HEIGHT) {}
                        @for (part, y, height) in stack(&bar.tally, most) {
                            rect class=(part.class()) x=(at * STEP + 1) y=(y) width=(STEP - 2) height=(height) {}
                        }
                        @if bar.is_bad { rect.failed x=(at * STEP + 1) y=(HEIGHT + 3) width=(STEP - 2) height="4" {} }
                    }
                }
                rect.axis x="0" y=(HEIGHT) width=(width) height="1" {}
            }
            ul.legend { @for part in PARTS { @if part.of(&whole) > 0 {
                li { svg.key aria-hidden="true" viewBox="0 0 10 10" width="10" height="10" {
                    rect class=(part.class()) width="10" height="10" {}
                } " " (part.word(texts)) " " b { (show::number(visit.reader.language, part.of(&whole))) } }
            } } }
        }
    }
}

/// The width and the height of an hour in the small chart of a day.
const HOUR: u32 = 4;
const DAY_HEIGHT: u32 = 20;

/// What runs have brought hour by hour, the oldest on the left: records that came, and above them in another colour those
/// that were rejected.
pub(super) fn day(visit: &Visit, hours: &[Tally]) -> Markup {
    let mut whole = Tally::default();
    for hour in hours {
        whole.add(hour);
    }
    let most = hours.iter().map(|hour| hour.fetched).max().unwrap_or(0).max(1);
    let width = HOUR * u32::try_from(hours.len()).unwrap_or(0);
    let words = in_words(visit, &whole);
    html! {
        @if hours.is_empty() { span.soft { (visit.texts().word.nothing) } }
        @else {
            svg.day role="img" aria-label=(words) viewBox=(format!("0 0 {width} {DAY_HEIGHT}")) width=(width) height=(DAY_HEIGHT) {
                title { (words) }
                rect.axis y=(DAY_HEIGHT - 1) width=(width) height="1" {}
                @for (at, hour) in (0_u32..).zip(hours) {
                    @let all = scale(hour.fetched, most, DAY_HEIGHT);
                    @let bad = scale(hour.rejected, most, DAY_HEIGHT).max(if hour.rejected > 0 { 2 } else { 0 }).min(all);
                    @if all > bad { rect.c-updated x=(at * HOUR) y=(DAY_HEIGHT - all + bad) width=(HOUR - 1) height=(all - bad) {} }
                    @if bad > 0 { rect.c-rejected x=(at * HOUR) y=(DAY_HEIGHT - all) width=(HOUR - 1) height=(bad) {} }
                }
            }
        }
    }
}

/// How high something is drawn. What is there at all is seen.
fn scale(count: u64, most: u64, height: u32) -> u32 {
    if count == 0 {
        return 0;
    }
    let scaled = u128::from(count) * u128::from(height) / u128::from(most.max(1));
    u32::try_from(scaled).unwrap_or(height).clamp(1, height)
}

/// The parts of a bar from below: each with its place and height. What is there at all is seen.
fn stack(tally: &Tally, most: u64) -> Vec<(Part, u32, u32)> {
    let mut top = HEIGHT;
    let mut stacked = Vec::new();
    for part in PARTS {
        let count = part.of(tally);
        if count == 0 {
            continue;
        }
        let height = scale(count, most, HEIGHT).min(top.max(1));
        top = top.saturating_sub(height);
        stacked.push((part, top, height));
    }
    stacked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_high_as_its_records_and_shows_every_part() {
        let tally = Tally { fetched: 1_001, created: 1_000, rejected: 1, ..Tally::default() };
        assert_eq!(stack(&tally, 1_001), [(Part::Created, 1, 63), (Part::Rejected, 0, 1)]);
        let huge = Tally { fetched: u64::MAX, updated: u64::MAX, ..Tally::default() };
        assert_eq!(stack(&huge, u64::MAX), [(Part::Updated, 0, HEIGHT)]);
        assert_eq!(stack(&Tally::default(), 1), []);
    }
}
