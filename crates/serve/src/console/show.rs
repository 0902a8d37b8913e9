//! Values as a page shows them: foreign text as text, numbers and times in the form of a language, and how something
//! stands in a word beside its colour.

use std::borrow::Cow;

use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};
use raccord_model::foreign;
use raccord_model::language::integration::Language;

use super::text::Texts;

/// The longest text of a line, in characters; the whole of it is had from the API.
const LINE: usize = 300;

/// A text of others on one line: whatever it holds, it changes nothing around it.
pub(super) fn line(text: &str) -> Markup {
    html! { bdi { (foreign::line(&cut(text, LINE))) } }
}

/// A text of the engine on one line. It is in English on every page, and says so to what reads pages aloud.
pub(super) fn engine(text: &str) -> Markup {
    html! { bdi lang="en" { (foreign::line(&cut(text, LINE))) } }
}

/// A text of others where no element can stand: in an attribute.
pub(super) fn plain(text: &str) -> String {
    foreign::line(&cut(text, LINE)).into_owned()
}

fn cut(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

/// A number, its digits in groups of three.
pub(super) fn number(language: Language, number: u64) -> String {
    let separator = match language {
        Language::En => ',',
        // A narrow space at which no line breaks.
        Language::Fr => '\u{202f}',
    };
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(separator);
        }
        grouped.push(digit);
    }
    grouped
}

/// A time as UTC; the script writes it in the zone and the form of the reader.
pub(super) fn time(at: Timestamp) -> Markup {
    html! { time datetime=(format!("{at:.0}")) { (at.strftime("%Y-%m-%d %H:%M UTC")) } }
}

/// A time beside how far it is from now.
pub(super) fn when(texts: &Texts, at: Timestamp, now: Timestamp) -> Markup {
    let distance = at.duration_until(now);
    let words = if distance.is_negative() {
        (texts.time.ahead)(&span(texts, distance.abs()))
    } else {
        (texts.time.ago)(&span(texts, distance))
    };
    html! { time.relative datetime=(format!("{at:.0}")) title=(at.strftime("%Y-%m-%d %H:%M:%S UTC")) { (words) } }
}

/// How long something took or is away, in its two greatest units.
pub(super) fn span(texts: &Texts, span: SignedDuration) -> String {
    let seconds = span.as_secs().unsigned_abs();
    let units = texts.time;
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => (units.seconds)(seconds),
        (0, 0, minutes) => (units.minutes)(minutes),
        (0, hours, 0) => (units.hours)(hours),
        (0, hours, minutes) => format!("{} {}", (units.hours)(hours), (units.minutes)(minutes)),
        (days, 0, _) => (units.days)(days),
        (days, hours, _) => format!("{} {}", (units.days)(days), (units.hours)(hours)),
    }
}

/// How something stands: a word, and beside it a sign and a colour that say the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    /// As it should be.
    Good,
    /// Under way.
    Busy,
    /// It waits for a person.
    Waits,
    /// It has failed.
    Bad,
    /// It does nothing, as it was told.
    Quiet,
}

impl Tone {
    const fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Busy => "busy",
            Self::Waits => "waits",
            Self::Bad => "bad",
            Self::Quiet => "quiet",
        }
    }

    const fn sign(self) -> &'static str {
        match self {
            Self::Good => "✓",
            Self::Busy => "▶",
            Self::Waits => "‖",
            Self::Bad => "✕",
            Self::Quiet => "○",
        }
    }
}

/// A word for how something stands.
pub(super) fn status(tone: Tone, word: &str) -> Markup {
    html! { span class=(format!("status {}", tone.class())) { span aria-hidden="true" { (tone.sign()) } " " (word) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_as_the_language_does() {
        let check = |given: u64, en: &str, fr: &str| {
            assert_eq!(
                (number(Language::En, given).as_str(), number(Language::Fr, given).as_str()),
                (en, fr)
            );
        };
        check(0, "0", "0");
        check(999, "999", "999");
        check(1_000, "1,000", "1\u{202f}000");
        check(1_234_567, "1,234,567", "1\u{202f}234\u{202f}567");
    }

    #[test]
    fn foreign_text_changes_nothing_around_it() {
        let check = |text: &str, expected: &str| assert_eq!(line(text).into_string(), expected);
        check("<script>alert(1)</script>", "<bdi>&lt;script&gt;alert(1)&lt;/script&gt;</bdi>");
        check("a\u{202e}b\u{1b}[2J\n", "<bdi>a\u{fffd}b␛[2J </bdi>");
        assert_eq!(line(&"é".repeat(1_000_000)).into_string(), format!("<bdi>{}…</bdi>", "é".repeat(LINE)));
    }

    #[test]
    fn a_span_has_two_units_at_most() {
        let check = |seconds: i64, en: &str, fr: &str| {
            let said = |language| span(Texts::of(language), SignedDuration::from_secs(seconds));
            assert_eq!((said(Language::En).as_str(), said(Language::Fr).as_str()), (en, fr));
        };
        check(0, "0 s", "0 s");
        check(59, "59 s", "59 s");
        check(61, "1 min", "1 min");
        check(7_200, "2 h", "2 h");
        check(7_260, "2 h 1 min", "2 h 1 min");
        check(90_000, "1 day 1 h", "1 jour 1 h");
        check(172_800, "2 days", "2 jours");
    }
}
