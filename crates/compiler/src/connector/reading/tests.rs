//! How far was read, as tables: what was there, what a page brought, what is there then.

use jiff::Timestamp;
use proptest::prelude::*;
use raccord_model::checkpoint::{Cursor, PageToken, SourceState, Token};
use raccord_model::language::{ConnectorSettings, HttpSettings};

use super::rules::not_beyond;
use super::*;
use crate::connector::{self, IncrementalCursor};

fn now() -> Timestamp {
    "2025-01-10T00:00:00Z".parse().unwrap()
}

fn cursor_of(incremental: &str) -> IncrementalCursor {
    let settings =
        format!(r#"{{"baseUrl":"https://a.example","dataTypes":{{"t":{{"incremental":{incremental}}}}}}}"#);
    let settings = ConnectorSettings::from(serde_json::from_str::<HttpSettings>(&settings).unwrap());
    let (stream, findings) = connector::lower(&settings, &"t".parse().unwrap());
    stream.unwrap_or_else(|| panic!("{findings:?}")).cursor().cloned().unwrap()
}

const fn rules(cursor: &IncrementalCursor) -> Rules<'_> {
    Rules { cursor: Some(cursor), keeps_state: false, positional: false, partitioned: false }
}

fn page(next: Option<&str>, greatest: Option<Cursor>) -> PageRead {
    let next = next.map(|next| PageToken(next.to_owned()));
    PageRead { next, seen: greatest.map(Seen::up_to).unwrap_or_default(), ..PageRead::default() }
}

/// A window that is opened.
fn open(mut progress: Progress, rules: Rules<'_>) -> Progress {
    progress.prepare(rules, now());
    progress.open(rules, false, now());
    progress
}

/// After a page; a window whose last one it is ends clean.
fn after_page(mut progress: Progress, page: &PageRead, rules: Rules<'_>) -> Progress {
    progress.take_in(page, rules, true);
    if page.next.is_none() {
        progress.close();
    }
    progress
}

/// As a later run finds it.
fn kept(progress: &Progress) -> Progress {
    Progress::of(progress.state().as_ref(), progress.window().as_ref()).unwrap()
}

const INTEGER: &str = r#"{"field":"id","param":"since","format":"integer"}"#;
const ORDERED: &str = r#"{"field":"id","param":"since","format":"integer","ordered":true}"#;

#[test]
fn the_cursor_waits_for_the_end_of_the_window() {
    let cursor = cursor_of(INTEGER);
    let rules = rules(&cursor);
    let first = open(Progress::default(), rules);
    assert_eq!(first.read(false).from, None);
    let after = after_page(first, &page(Some("2"), Some(Cursor::Integer(50))), rules);
    assert_eq!((after.describe(), after.read(false).page), (None, Some(PageToken("2".to_owned()))));
    // Pages are not in order: the smaller value of the last page does not take the greatest away.
    let done = after_page(after, &page(None, Some(Cursor::Integer(20))), rules);
    assert_eq!((done.describe().as_deref(), done.window()), (Some("50"), None));
    assert_eq!(open(kept(&done), rules).read(false).from, Some(Cursor::Integer(50)));
}

#[test]
fn an_ordered_source_moves_the_cursor_with_every_page() {
    let (ordered, other) = (cursor_of(ORDERED), cursor_of(INTEGER));
    for (cursor, positional, counts, expected) in [
        (&ordered, false, true, Some("50")),
        // What may be held is read again then.
        (&ordered, false, false, None),
        // A record that was skipped has a smaller value than those that were shown.
        (&ordered, true, true, None),
        (&other, false, true, None),
    ] {
        let rules = Rules { positional, ..rules(cursor) };
        let mut progress = open(Progress::default(), rules);
        progress.take_in(&page(Some("2"), Some(Cursor::Integer(50))), rules, counts);
        assert_eq!(progress.describe().as_deref(), expected, "{positional} {counts}");
    }
}

#[test]
fn lookback_and_initial_say_where_a_window_begins() {
    let cursor =
        cursor_of(r#"{"field":"at","param":"since","initial":"2024-01-01T00:00:00Z","lookback":"5m"}"#);
    let rules = rules(&cursor);
    let from = |progress: &Progress| progress.read(false).from.unwrap().to_string();
    assert!(Progress::default().begins_at_initial(rules));
    let first = open(Progress::default(), rules);
    assert_eq!(from(&first), "2024-01-01T00:00:00Z");
    let at = cursor.field().unwrap().read("\"2024-06-01T12:00:00Z\"");
    let done = after_page(first, &page(None, at.clone()), rules);
    assert!(!done.begins_at_initial(rules));
    assert_eq!(from(&open(done, rules)), "2024-06-01T11:55:00Z");
    // So does each partition: where it was left off, or a person asked for, or where the very first one begins.
    let begins = |known, since| rules.start(known, since).map(|start| start.to_string());
    let since = Cursor::Instant(0, 0);
    for (known, since, expected) in [
        (None, None, "2024-01-01T00:00:00Z"),
        (None, Some(&since), "2024-01-01T00:00:00Z"),
        (Some(None), None, "2024-01-01T00:00:00Z"),
        (Some(at.clone()), None, "2024-06-01T11:55:00Z"),
        (Some(at), Some(&since), "1969-12-31T23:55:00Z"),
    ] {
        assert_eq!(begins(known, since).as_deref(), Some(expected));
    }
}

#[test]
fn no_window_begins_in_the_future() {
    let cursor = cursor_of(r#"{"field":"at","param":"since"}"#);
    let rules = rules(&cursor);
    for (seen, expected) in [
        (r#""2025-01-09T23:59:59.5Z""#, "2025-01-09T23:59:59.5Z"),
        (r#""2925-01-01T00:00:00Z""#, "2025-01-10T00:00:00Z"),
    ] {
        let at = cursor.field().unwrap().read(seen).unwrap();
        assert_eq!(not_beyond(at.clone(), now()).to_string(), expected);
        let done = after_page(open(Progress::default(), rules), &page(None, Some(at)), rules);
        assert_eq!(open(done, rules).read(false).from.unwrap().to_string(), expected);
    }
    for other in [Cursor::Integer(i64::MAX), Cursor::Text("~".to_owned())] {
        assert_eq!(not_beyond(other.clone(), now()), other);
    }
    // What was kept is no exception.
    let kept = SourceState::new(r#"{"v":1,"cursor":{"instant":[32503680000,0]}}"#.to_owned());
    let window = open(Progress::of(Some(&kept), None).unwrap(), rules);
    assert_eq!(window.read(false).from.unwrap().to_string(), "2025-01-10T00:00:00Z");
}

/// What a later run sees of a window that an earlier one has opened moves the cursor only where nothing can be skipped.
#[test]
fn a_window_that_is_continued_moves_no_further_than_it_is_sure_of() {
    let early = Cursor::Instant(1_736_000_000, 0);
    let opening = Cursor::from(raccord_model::value::Instant { seconds: now().as_second(), nanoseconds: 0 });
    let late = Cursor::Instant(now().as_second() + 60, 0);
    let token = |text: &str| Cursor::Token(Token::text(text).unwrap());
    for (seen, continued, expected) in [
        (early.clone(), true, Some(early.clone())),
        (late.clone(), true, Some(opening.clone())),
        (late, false, Some(opening)),
        (Cursor::Integer(9), false, Some(Cursor::Integer(9))),
        (Cursor::Integer(9), true, None),
        (Cursor::Text("b".to_owned()), true, None),
        (token("z"), true, Some(token("z"))),
    ] {
        let cursor = cursor_of(INTEGER);
        let rules = rules(&cursor);
        let mut progress = open(Progress::default(), rules);
        if continued {
            progress = kept(&progress);
        }
        let done = after_page(progress, &page(None, Some(seen.clone())), rules);
        assert_eq!(done.describe(), expected.map(|it| it.to_string()), "{seen} {continued}");
    }
}

/// A service stamps what changes by its own clock, which its first answer tells.
#[test]
fn a_clock_that_is_behind_sets_the_opening_back() {
    let cursor = cursor_of(INTEGER);
    let rules = rules(&cursor);
    let at = |behind: i64| Cursor::Instant(now().as_second() - behind, 0);
    for (first, second, expected) in [(0, 0, 5), (30, 0, 30), (30, 90, 30), (0, 90, 5)] {
        let mut progress = open(Progress::default(), rules);
        for (behind, next, seen) in [(first, Some("2"), at(500)), (second, None, at(5))] {
            progress = after_page(kept(&progress), &PageRead { behind, ..page(next, Some(seen)) }, rules);
        }
        assert_eq!(progress.describe(), Some(at(expected).to_string()), "{first} {second}");
    }
}

/// What a window is read with: the greatest value of each page, and whether the run is interrupted after it.
fn pages() -> impl Strategy<Value = Vec<(i64, bool)>> {
    prop::collection::vec((0_i64..40, prop::bool::ANY), 1..8)
}

/// Reads a window from its first page to its last.
fn read(pages: &[(i64, bool)], rules: Rules<'_>, value: impl Fn(i64) -> Cursor) -> Progress {
    let mut progress = open(Progress::default(), rules);
    for (at, (greatest, interrupted)) in pages.iter().enumerate() {
        let is_last = at + 1 == pages.len();
        let next = (!is_last).then(|| at.to_string());
        progress = after_page(progress, &page(next.as_deref(), Some(value(*greatest))), rules);
        if *interrupted {
            progress = kept(&progress);
            assert_eq!(progress.read(false).page, next.map(PageToken), "it goes on where it stopped");
        }
    }
    progress
}

proptest! {
    /// Interrupted after any page, a window never moves the cursor further than it does undisturbed, and instants move it
    /// as far.
    #[test]
    fn an_interrupted_window_skips_nothing(pages in pages(), ordered in prop::bool::ANY) {
        let undisturbed: Vec<(i64, bool)> = pages.iter().map(|(greatest, _)| (*greatest, false)).collect();
        let integers = cursor_of(if ordered { ORDERED } else { INTEGER });
        let (cut, whole) = (read(&pages, rules(&integers), Cursor::Integer), read(&undisturbed, rules(&integers), Cursor::Integer));
        let number = |progress: &Progress| progress.describe().map_or(-1, |text| text.parse::<i64>().unwrap());
        prop_assert!(number(&cut) <= number(&whole));
        let values: Vec<i64> = pages.iter().map(|(value, _)| *value).collect();
        // What changed after its page was read may have any greater value than those of the first page.
        let reached = if ordered || values.is_sorted() { values.iter().max() } else { values.first() };
        prop_assert_eq!(number(&whole), *reached.unwrap());
        // From 20 seconds before the opening to 20 seconds after it.
        let instants = cursor_of(r#"{"field":"at","param":"since"}"#);
        let instant = |seconds| Cursor::Instant(now().as_second() - 20 + seconds, 0);
        let (cut, whole) = (read(&pages, rules(&instants), instant), read(&undisturbed, rules(&instants), instant));
        prop_assert_eq!(&cut, &whole);
        let (cut, opened) = (cut.describe().unwrap(), now());
        prop_assert!(cut.parse::<Timestamp>().unwrap() <= opened, "{cut}");
    }
}

/// A source that says by itself what it has read: that counts once the window does, and everything is read without it.
#[test]
fn a_state_of_the_source_itself_counts_with_its_window() {
    let rules = Rules { keeps_state: true, ..Rules::default() };
    let own = |text: &str| SourceState::new(text.to_owned());
    let said = |next, state: Option<&str>| PageRead { state: state.map(own), ..page(next, None) };
    let handed = |progress: &Progress| progress.read(false).state;
    let first = open(Progress::default(), rules);
    assert!(first.reads_everything(rules));
    let cut = kept(&after_page(first, &said(Some("2"), Some("a")), rules));
    assert_eq!(handed(&cut), None, "its window is not complete");
    let mut given_up = cut.clone();
    given_up.give_up();
    assert_eq!(given_up.state(), None);
    // The last page may leave it to the one before.
    for (last, expected) in [(Some("b"), "b"), (None, "a")] {
        let done = open(kept(&after_page(cut.clone(), &said(None, last), rules)), rules);
        assert_eq!(handed(&done), Some(own(expected)));
        assert_eq!(done.read(true).state, None);
        assert!(!done.reads_everything(rules));
        let shown = describe(&done.state().unwrap(), |own| Some(format!("up to {}", own.as_str())));
        assert_eq!(shown, Some(format!("up to {expected}")));
    }
    let mut again = cut;
    again.restart();
    assert_eq!(after_page(again, &said(None, None), rules).state(), None, "it has read nothing yet");
}

#[test]
fn what_is_later_than_the_present_is_counted() {
    let at = |text: &str| Some(format!("\"{text}\""));
    for (settings, values, expected) in [
        // A clock that is a minute before ours is none to tell of.
        (r#"{"field":"at","param":"p"}"#, &["2025-01-10T00:01:00Z", "2025-01-09T00:00:00Z"][..], "0 -"),
        (
            r#"{"field":"at","param":"p"}"#,
            &["2025-01-10T00:02:00Z", "2025-01-10T01:00:00Z", "2025-01-09T00:00:00Z"],
            "2 2025-01-10T01:00:00Z",
        ),
        (
            r#"{"field":"at","param":"p","format":"text"}"#,
            &["2025-01-10 01:00:00", "2999-01-01 00:00:00"],
            "1 2999-01-01 00:00:00",
        ),
        (r#"{"field":"at","param":"p","format":"integer"}"#, &["99999999999999"], "0 -"),
    ] {
        let cursor = cursor_of(settings);
        let mut read = Values::new(cursor.field(), now());
        for value in values {
            read.take_in(at(value), Some);
        }
        let (_, _, Ahead { records, latest }) = read.end();
        let latest = latest.map_or("-".to_owned(), |latest| latest.to_string());
        assert_eq!(format!("{records} {latest}"), expected, "{settings}");
    }
}
