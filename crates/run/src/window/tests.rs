//! Checkpoints as tables: what was there, what a page brought, what is there then.

use proptest::prelude::*;
use raccord_compiler::connector;
use raccord_model::language::deletes::Percent;
use raccord_model::language::{ConnectorSettings, HttpSettings};
use uuid::Uuid;

use super::*;

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

fn setup<'a>(cursor: Option<&'a IncrementalCursor>, snapshot: Option<&'a Snapshot>) -> Setup<'a> {
    Setup {
        run: RunId(Uuid::nil()),
        now: now(),
        fingerprint: Digest([7; 32]),
        epoch: 3,
        reset: 2,
        cursor,
        positional: false,
        partitioned: false,
        snapshot,
    }
}

fn token(text: &str) -> PageToken {
    PageToken(text.to_owned())
}

fn page(next: Option<&str>, greatest: i64) -> PageEnd {
    PageEnd { next: next.map(token), greatest: Some(Cursor::Integer(greatest)), ..PageEnd::default() }
}

/// The checkpoint after a page; a window whose last one it is ends clean.
fn after_page(checkpoint: Checkpoint, end: &PageEnd, ordered: bool, now: Timestamp) -> Checkpoint {
    let (next, _) = within(checkpoint, end, ordered);
    if end.next.is_none() { close(next, now) } else { next }
}

const INTEGER: &str = r#"{"field":"id","param":"since","format":"integer"}"#;

#[test]
fn the_cursor_waits_for_the_end_of_the_window() {
    let cursor = cursor_of(INTEGER);
    let first = open(None, &setup(Some(&cursor), None));
    assert_eq!(first.window.as_ref().unwrap().from, None);
    let after = after_page(first, &page(Some("2"), 50), false, now());
    assert_eq!((after.cursor.clone(), after.window.as_ref().unwrap().page.clone()), (None, Some(token("2"))));
    // Pages are not in order: the smaller value of the last page does not take the greatest away.
    let done = after_page(after, &page(None, 20), false, now());
    assert_eq!((done.cursor.clone(), done.window.clone()), (Some(Cursor::Integer(50)), None));
    let next = open(Some(done), &setup(Some(&cursor), None));
    assert_eq!(next.window.unwrap().from, Some(Cursor::Integer(50)));
}

#[test]
fn an_ordered_source_moves_the_cursor_with_every_page() {
    let cursor = cursor_of(INTEGER);
    let after = after_page(open(None, &setup(Some(&cursor), None)), &page(Some("2"), 50), true, now());
    assert_eq!(after.cursor, Some(Cursor::Integer(50)));
}

#[test]
fn a_window_left_open_is_continued() {
    let cursor = cursor_of(INTEGER);
    let cut = after_page(open(None, &setup(Some(&cursor), None)), &page(Some("2"), 50), false, now());
    let again = open(Some(cut.clone()), &setup(Some(&cursor), None));
    assert_eq!(again.window.as_ref().unwrap().page, Some(token("2")));
    assert_eq!(restart(cut).window.unwrap().page, None);
}

#[test]
fn a_checkpoint_made_under_something_else_is_void() {
    let cursor = cursor_of(INTEGER);
    let good = after_page(open(None, &setup(Some(&cursor), None)), &page(None, 50), false, now());
    let kept = |change: &dyn Fn(&mut Checkpoint)| {
        let mut checkpoint = good.clone();
        change(&mut checkpoint);
        open(Some(checkpoint), &setup(Some(&cursor), None)).cursor.is_some()
    };
    assert!(kept(&|_| {}));
    assert!(kept(&|checkpoint| checkpoint.epoch = 2));
    assert!(!kept(&|checkpoint| checkpoint.epoch = 1));
    assert!(!kept(&|checkpoint| checkpoint.fingerprint = Digest([8; 32])));
    assert!(!kept(&|checkpoint| checkpoint.version = 9));
}

#[test]
fn lookback_and_initial_say_where_a_window_begins() {
    let cursor =
        cursor_of(r#"{"field":"at","param":"since","initial":"2024-01-01T00:00:00Z","lookback":"5m"}"#);
    let first = open(None, &setup(Some(&cursor), None));
    assert_eq!(first.window.as_ref().unwrap().from.as_ref().unwrap().to_string(), "2024-01-01T00:00:00Z");
    let at = cursor.field().unwrap().read("\"2024-06-01T12:00:00Z\"");
    let done = after_page(first, &PageEnd { greatest: at, ..PageEnd::default() }, false, now());
    let next = open(Some(done), &setup(Some(&cursor), None));
    assert_eq!(next.window.unwrap().from.unwrap().to_string(), "2024-06-01T11:55:00Z");
}

#[test]
fn no_window_begins_in_the_future() {
    let cursor = cursor_of(r#"{"field":"at","param":"since"}"#);
    for (seen, expected) in [
        (r#""2025-01-09T23:59:59.5Z""#, "2025-01-09T23:59:59.5Z"),
        (r#""2925-01-01T00:00:00Z""#, "2025-01-10T00:00:00Z"),
    ] {
        let at = cursor.field().unwrap().read(seen).unwrap();
        assert_eq!(not_beyond(at.clone(), now()).to_string(), expected);
        let end = PageEnd { greatest: Some(at), ..PageEnd::default() };
        let done = after_page(open(None, &setup(Some(&cursor), None)), &end, false, now());
        let next = open(Some(done), &setup(Some(&cursor), None));
        assert_eq!(next.window.unwrap().from.unwrap().to_string(), expected);
    }
    for other in [Cursor::Integer(i64::MAX), Cursor::Text("~".to_owned())] {
        assert_eq!(not_beyond(other.clone(), now()), other);
    }
}

#[test]
fn snapshots_read_everything_when_they_are_due() {
    let cursor = cursor_of(INTEGER);
    let daily = Snapshot { every: Some("24h".parse().unwrap()), max_share: Percent(10) };
    let first = open(None, &setup(Some(&cursor), Some(&daily)));
    assert!(first.window.as_ref().unwrap().snapshot);
    let done = after_page(first, &page(None, 50), false, now());
    assert_eq!(done.snapshot_at, Some(now().as_second()));
    let soon = open(Some(done.clone()), &setup(Some(&cursor), Some(&daily)));
    assert!(!soon.window.as_ref().unwrap().snapshot);
    let mut next_day = setup(Some(&cursor), Some(&daily));
    next_day.now = "2025-01-11T00:00:00Z".parse().unwrap();
    let due = open(Some(done), &next_day);
    assert_eq!(
        (due.window.as_ref().unwrap().snapshot, due.window.as_ref().unwrap().from.clone()),
        (true, None)
    );
    let always = Snapshot { every: None, max_share: Percent(10) };
    assert!(open(None, &setup(None, Some(&always))).window.unwrap().snapshot);
}

#[test]
fn a_held_snapshot_begins_again() {
    let always = Snapshot { every: None, max_share: Percent(10) };
    let cut = after_page(open(None, &setup(None, Some(&always))), &page(Some("2"), 1), false, now());
    assert_eq!(open(Some(cut.clone()), &setup(None, Some(&always))).window.unwrap().page, Some(token("2")));
    let held = hold(cut);
    assert!(is_held(&held));
    let again = open(Some(held.clone()), &setup(None, Some(&always)));
    assert_eq!(again.window.as_ref().unwrap().page, None);
    assert!(!is_held(&again));
    assert_eq!(close(held, now()).window, None);
}

#[test]
fn a_snapshot_that_nobody_wants_any_more_is_not_continued() {
    let cursor = cursor_of(INTEGER);
    let always = Snapshot { every: None, max_share: Percent(10) };
    for cursor in [None, Some(&cursor)] {
        let first = open(None, &setup(cursor, Some(&always)));
        let cut = after_page(first, &page(Some("2"), 1), false, now());
        let window = open(Some(cut), &setup(cursor, None)).window.unwrap();
        assert_eq!((window.snapshot, window.page), (false, None));
    }
}

#[test]
fn records_without_a_key_are_counted_as_long_as_their_window_lasts() {
    let always = Snapshot { every: None, max_share: Percent(10) };
    let two = |next| PageEnd { keyless: 2, ..page(next, 1) };
    let first = after_page(open(None, &setup(None, Some(&always))), &two(Some("2")), false, now());
    let second = after_page(first, &two(Some("3")), false, now());
    let again = open(Some(second), &setup(None, Some(&always)));
    assert_eq!(again.window.as_ref().unwrap().keyless, 4);
    assert_eq!(restart(again.clone()).window.unwrap().keyless, 0, "it is read from its beginning");
    assert_eq!(open(Some(hold(again)), &setup(None, Some(&always))).window.unwrap().keyless, 0);
}

#[test]
fn a_checkpoint_of_before_has_no_held_window() {
    let always = Snapshot { every: None, max_share: Percent(10) };
    let cut = after_page(open(None, &setup(None, Some(&always))), &page(Some("2"), 1), false, now());
    let written = serde_json::to_string(&cut).unwrap();
    assert!(!written.contains("held") && !written.contains("keyless"), "{written}");
    assert_eq!(serde_json::from_str::<Checkpoint>(&written).unwrap(), cut);
}

#[test]
fn a_window_whose_marks_have_no_place_begins_again_where_pages_can_shift() {
    let cursor = cursor_of(INTEGER);
    let cut = after_page(open(None, &setup(Some(&cursor), None)), &page(Some("2"), 50), false, now());
    let written = serde_json::to_string(&cut).unwrap();
    let before: Checkpoint = serde_json::from_str(&written.replace(",\"placed\":true", "")).unwrap();
    for (checkpoint, positional, expected) in [
        (&cut, false, Some("2")),
        (&cut, true, Some("2")),
        (&before, false, Some("2")),
        (&before, true, None),
    ] {
        let again = open(Some(checkpoint.clone()), &Setup { positional, ..setup(Some(&cursor), None) });
        assert_eq!(again.window.unwrap().page, expected.map(token), "{positional}");
    }
}

#[test]
fn one_cursor_of_before_says_nothing_of_any_parent() {
    let cursor = cursor_of(INTEGER);
    let before = after_page(open(None, &setup(Some(&cursor), None)), &page(None, 50), false, now());
    let setup = Setup { partitioned: true, ..setup(Some(&cursor), None) };
    let Opened { checkpoint, is_fresh } = begin(Some(before.clone()), &setup);
    assert_eq!((checkpoint.cursor, checkpoint.window.unwrap().from, is_fresh), (None, None, false));
    // What is void is void for the partitions too.
    assert!(begin(None, &setup).is_fresh);
    assert!(begin(Some(before), &Setup { reset: 9, ..setup }).is_fresh);
}

#[test]
fn a_window_that_is_read_again_forgets_what_its_reading_showed() {
    let cursor = cursor_of(INTEGER);
    let shifted = PageEnd { shift: Some(Shift::Total { before: 3, after: 2 }), ..page(Some("2"), 50) };
    let (cut, _) = within(open(None, &setup(Some(&cursor), None)), &shifted, false);
    let window = read_again(cut.clone()).window.unwrap();
    assert_eq!(
        (window.attempt, window.shifts, window.shift, window.page, window.greatest),
        (1, 1, None, None, None)
    );
    let window = restart(cut).window.unwrap();
    assert_eq!((window.attempt, window.shifts), (1, 0));
    // What is read again for another reason is no reading that shifted.
    let (seen, _) = within(open(None, &setup(Some(&cursor), None)), &page(Some("2"), 50), false);
    let window = read_again(seen).window.unwrap();
    assert_eq!((window.attempt, window.shifts), (1, 0));
}

/// The partitions of one reading, one after the other: which, its pages with the greatest value of each and whether it
/// shifted, and what became of it.
type Chains = Vec<(u8, Vec<(i64, bool)>, u8)>;

fn chains() -> impl Strategy<Value = Chains> {
    let pages = prop::collection::vec((0_i64..50, prop::bool::weighted(0.2)), 1..4);
    prop::collection::vec((0_u8..4, pages, 0_u8..3), 0..8)
}

fn partition(number: u8) -> PartitionId {
    PartitionId::of(&"items".parse().unwrap(), &[number.to_string()])
}

proptest! {
    /// A partition's cursor moves only when it was read whole and did not shift, and then by its own records alone.
    #[test]
    fn each_partition_has_its_own_cursor(chains in chains()) {
        let cursor = cursor_of(INTEGER);
        let setup = Setup { partitioned: true, ..setup(Some(&cursor), None) };
        let mut checkpoint = open(None, &setup);
        for (number, pages, how) in &chains {
            let how = match how {
                0 => How::Read,
                1 => How::Skipped { status: 404 },
                _ => How::Failed { status: Some(403), message: "403".to_owned() },
            };
            let mut marks = Vec::new();
            for (at, (greatest, shifted)) in pages.iter().enumerate() {
                let id = partition(*number);
                let passed = Passed { partition: id, parent: None, is_own: true, how: how.clone(), token: None };
                let end = PageEnd {
                    partition: Some(partition(*number)),
                    ends_partition: at + 1 == pages.len(),
                    shift: shifted.then_some(Shift::Record { first: 1, again: 2 }),
                    passed: Vec::from_iter((at + 1 == pages.len()).then_some(passed)),
                    ..page(Some("next"), *greatest)
                };
                let (next, noted) = within(checkpoint, &end, true);
                checkpoint = next;
                marks.extend(noted);
            }
            let greatest = pages.iter().map(|(greatest, _)| Cursor::Integer(*greatest)).max();
            prop_assert_eq!(marks.len(), 1);
            prop_assert_eq!(marks[0].waits, pages.iter().any(|(_, shifted)| *shifted));
            prop_assert_eq!(&marks[0].cursor, &greatest.filter(|_| how == How::Read));
        }
        let window = checkpoint.window.clone().unwrap();
        let has_shifted = chains.iter().any(|(_, pages, _)| pages.iter().any(|(_, shifted)| *shifted));
        prop_assert_eq!(window.shift.is_some(), has_shifted);
        let Parents { read, skipped, failed, .. } = window.parents;
        prop_assert_eq!(usize::try_from(read + skipped + failed).unwrap(), chains.len());
        prop_assert_eq!(close(checkpoint, now()).cursor, None);
    }
}

fn synced(text: &str) -> Cursor {
    Cursor::Token(raccord_model::checkpoint::Token::text(text).unwrap())
}

const TOKEN: &str = r#"{"token":"next","param":"since"}"#;

#[test]
fn a_token_counts_once_its_window_is_complete_and_the_later_one_counts() {
    let cursor = cursor_of(TOKEN);
    let last = |token: Option<&str>| PageEnd { greatest: token.map(synced), ..PageEnd::default() };
    let first = open(None, &setup(Some(&cursor), None));
    assert_eq!(first.window.as_ref().unwrap().from, None);
    let cut = after_page(first, &PageEnd { next: Some(token("2")), ..PageEnd::default() }, false, now());
    assert_eq!(cut.cursor, None);
    // A later run goes on with it, and what the service says then is about the whole of it.
    let mut later = setup(Some(&cursor), None);
    later.run = RunId(Uuid::max());
    let again = open(Some(cut), &later);
    assert_eq!(admitted(synced("z"), again.window.as_ref().unwrap(), later.run), Some(synced("z")));
    let done = after_page(again, &last(Some("z")), false, now());
    assert_eq!(done.cursor, Some(synced("z")));
    let next = open(Some(done), &later);
    assert_eq!(next.window.as_ref().unwrap().from, Some(synced("z")));
    // Held, it waits; given up, it is forgotten; accepted, it counts, whatever its text.
    let (held, _) = within(next.clone(), &last(Some("a")), false);
    let held = hold(held);
    assert_eq!((held.cursor.clone(), give_up(held.clone()).cursor), (Some(synced("z")), Some(synced("z"))));
    assert_eq!(accept(held.clone()).cursor, Some(synced("a")));
    assert_eq!(close(held, now()).cursor, Some(synced("a")));
    assert_eq!(after_page(next, &last(None), false, now()).cursor, Some(synced("z")));
}

#[test]
fn a_window_whose_token_is_unknown_begins_where_the_first_one_did() {
    let snapshot = Snapshot { every: "1h".parse().ok(), max_share: Percent(10) };
    let with_initial = r#"{"token":"next","param":"since","initial":"i"}"#;
    for (incremental, times, wanted, expected) in [
        (TOKEN, 0, true, (Some("t"), false)),
        (TOKEN, 1, false, (None, false)),
        // What reads everything is the snapshot that is wanted.
        (TOKEN, 1, true, (None, true)),
        (with_initial, 1, true, (Some("i"), false)),
        (with_initial, 2, true, (None, true)),
    ] {
        let cursor = cursor_of(incremental);
        let setup = setup(Some(&cursor), Some(&snapshot).filter(|_| wanted));
        let mut before = open(None, &setup);
        (before.cursor, before.snapshot_at, before.window) =
            (Some(synced("t")), Some(now().as_second()), None);
        let begun = begun_again(open(Some(before), &setup), times, &setup);
        assert_eq!(begun.cursor, Some(synced("t")), "it goes when another one is there");
        let window = begun.window.unwrap();
        let from = window.from.map(|from| from.to_string());
        assert_eq!((from.as_deref(), window.snapshot), expected, "{incremental} {times} {wanted}");
    }
}

#[test]
fn the_first_window_begins_at_initial_also_where_a_snapshot_is_wanted() {
    let cursor = cursor_of(r#"{"field":"id","param":"since","format":"integer","initial":"40"}"#);
    let snapshot = Snapshot { every: "1h".parse().ok(), max_share: Percent(10) };
    let setup = |now: &str| Setup { now: now.parse().unwrap(), ..setup(Some(&cursor), Some(&snapshot)) };
    let first = open(None, &setup("2025-01-10T00:00:00Z"));
    let window = first.window.clone().unwrap();
    assert_eq!((window.from, window.snapshot), (Some(Cursor::Integer(40)), false));
    let done = after_page(first, &page(None, 50), false, now());
    for (now, is_snapshot) in [("2025-01-10T00:30:00Z", false), ("2025-01-10T01:00:00Z", true)] {
        let window = open(Some(done.clone()), &setup(now)).window.unwrap();
        assert_eq!(window.snapshot, is_snapshot, "{now}");
    }
}
