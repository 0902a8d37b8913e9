//! Checkpoints as tables: what was there, what a page brought, what is there then.

use raccord_compiler::connector;
use raccord_model::language::ConnectorSettings;
use raccord_model::language::deletes::Percent;
use uuid::Uuid;

use super::*;

fn now() -> Timestamp {
    "2025-01-10T00:00:00Z".parse().unwrap()
}

fn cursor_of(incremental: &str) -> IncrementalCursor {
    let settings =
        format!(r#"{{"baseUrl":"https://a.example","dataTypes":{{"t":{{"incremental":{incremental}}}}}}}"#);
    let settings = ConnectorSettings::Http(serde_json::from_str(&settings).unwrap());
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
        snapshot,
    }
}

fn token(text: &str) -> PageToken {
    PageToken(text.to_owned())
}

fn page(next: Option<&str>, greatest: i64) -> PageEnd {
    PageEnd { next: next.map(token), greatest: Some(Cursor::Integer(greatest)), keyless: 0 }
}

const INTEGER: &str = r#"{"field":"id","param":"since","format":"integer"}"#;

#[test]
fn the_cursor_waits_for_the_end_of_the_window() {
    let cursor = cursor_of(INTEGER);
    let first = open(None, &setup(Some(&cursor), None));
    assert_eq!(first.window.as_ref().unwrap().from, None);
    let after = after_page(first, page(Some("2"), 50), false, now());
    assert_eq!((after.cursor.clone(), after.window.as_ref().unwrap().page.clone()), (None, Some(token("2"))));
    // Pages are not in order: the smaller value of the last page does not take the greatest away.
    let done = after_page(after, page(None, 20), false, now());
    assert_eq!((done.cursor.clone(), done.window.clone()), (Some(Cursor::Integer(50)), None));
    let next = open(Some(done), &setup(Some(&cursor), None));
    assert_eq!(next.window.unwrap().from, Some(Cursor::Integer(50)));
}

#[test]
fn an_ordered_source_moves_the_cursor_with_every_page() {
    let cursor = cursor_of(INTEGER);
    let after = after_page(open(None, &setup(Some(&cursor), None)), page(Some("2"), 50), true, now());
    assert_eq!(after.cursor, Some(Cursor::Integer(50)));
}

#[test]
fn a_window_left_open_is_continued() {
    let cursor = cursor_of(INTEGER);
    let cut = after_page(open(None, &setup(Some(&cursor), None)), page(Some("2"), 50), false, now());
    let again = open(Some(cut.clone()), &setup(Some(&cursor), None));
    assert_eq!(again.window.as_ref().unwrap().page, Some(token("2")));
    assert_eq!(restart(cut).window.unwrap().page, None);
}

#[test]
fn a_checkpoint_made_under_something_else_is_void() {
    let cursor = cursor_of(INTEGER);
    let good = after_page(open(None, &setup(Some(&cursor), None)), page(None, 50), false, now());
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
    let at = cursor.read("\"2024-06-01T12:00:00Z\"");
    let done = after_page(first, PageEnd { greatest: at, ..PageEnd::default() }, false, now());
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
        let at = cursor.read(seen).unwrap();
        assert_eq!(not_beyond(at.clone(), now()).to_string(), expected);
        let end = PageEnd { greatest: Some(at), ..PageEnd::default() };
        let done = after_page(open(None, &setup(Some(&cursor), None)), end, false, now());
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
    let done = after_page(first, page(None, 50), false, now());
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
    let cut = after_page(open(None, &setup(None, Some(&always))), page(Some("2"), 1), false, now());
    assert_eq!(open(Some(cut.clone()), &setup(None, Some(&always))).window.unwrap().page, Some(token("2")));
    let held = hold(cut);
    assert!(is_held(&held));
    let again = open(Some(held.clone()), &setup(None, Some(&always)));
    assert_eq!(again.window.as_ref().unwrap().page, None);
    assert!(!is_held(&again));
    assert_eq!(after_sweep(held, now()).window, None);
}

#[test]
fn a_snapshot_that_nobody_wants_any_more_is_not_continued() {
    let cursor = cursor_of(INTEGER);
    let always = Snapshot { every: None, max_share: Percent(10) };
    for cursor in [None, Some(&cursor)] {
        let first = open(None, &setup(cursor, Some(&always)));
        let cut = after_page(first, page(Some("2"), 1), false, now());
        let window = open(Some(cut), &setup(cursor, None)).window.unwrap();
        assert_eq!((window.snapshot, window.page), (false, None));
    }
}

#[test]
fn records_without_a_key_are_counted_as_long_as_their_window_lasts() {
    let always = Snapshot { every: None, max_share: Percent(10) };
    let two = |next| PageEnd { keyless: 2, ..page(next, 1) };
    let first = after_page(open(None, &setup(None, Some(&always))), two(Some("2")), false, now());
    let second = after_page(first, two(Some("3")), false, now());
    let again = open(Some(second), &setup(None, Some(&always)));
    assert_eq!(again.window.as_ref().unwrap().keyless, 4);
    assert_eq!(restart(again.clone()).window.unwrap().keyless, 0, "it is read from its beginning");
    assert_eq!(open(Some(hold(again)), &setup(None, Some(&always))).window.unwrap().keyless, 0);
}

#[test]
fn a_checkpoint_of_before_has_no_held_window() {
    let always = Snapshot { every: None, max_share: Percent(10) };
    let cut = after_page(open(None, &setup(None, Some(&always))), page(Some("2"), 1), false, now());
    let written = serde_json::to_string(&cut).unwrap();
    assert!(!written.contains("held") && !written.contains("keyless"), "{written}");
    assert_eq!(serde_json::from_str::<Checkpoint>(&written).unwrap(), cut);
}
