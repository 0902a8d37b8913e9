//! Checkpoints as tables: what was there, what a page brought, what is there then.

mod earlier;

use proptest::prelude::*;
use raccord_compiler::connector::reading::Seen;
use raccord_compiler::connector::{self, IncrementalCursor};
use raccord_model::checkpoint::{PageToken, SourceState, Token};
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
        earlier: &[],
        epoch: 3,
        reset: 2,
        rules: Rules { cursor, ..Rules::default() },
        snapshot,
    }
}

fn token(text: &str) -> PageToken {
    PageToken(text.to_owned())
}

fn page(next: Option<&str>, greatest: i64) -> PageEnd {
    let seen = Seen::up_to(Cursor::Integer(greatest));
    PageEnd { read: PageRead { next: next.map(token), seen, ..PageRead::default() }, ..PageEnd::default() }
}

/// Where a transfer stands after a page; a window whose last one it is ends clean.
fn after_page(underway: Underway, end: &PageEnd, setup: &Setup<'_>) -> Underway {
    let (next, _) = within(underway, end, setup.rules, true);
    if end.read.next.is_none() { close(next, now()) } else { next }
}

/// What a run begins with.
fn open(previous: Option<Checkpoint>, setup: &Setup<'_>) -> Underway {
    begin(previous, setup).underway
}

/// The same from where an earlier run has left it off.
fn open_again(before: &Underway, setup: &Setup<'_>) -> Underway {
    open(Some(before.sealed()), setup)
}

/// From where on its window reads, and with which page it begins.
fn asked(underway: &Underway) -> (Option<String>, Option<PageToken>) {
    let read = underway.progress.read(false);
    (read.from.map(|from| from.to_string()), read.page)
}

const INTEGER: &str = r#"{"field":"id","param":"since","format":"integer"}"#;

#[test]
fn a_window_left_open_is_continued() {
    let cursor = cursor_of(INTEGER);
    let setup = setup(Some(&cursor), None);
    let cut = after_page(open(None, &setup), &page(Some("2"), 50), &setup);
    let again = open_again(&cut, &setup);
    assert_eq!(asked(&again).1, Some(token("2")));
    assert_eq!(asked(&restart(cut)).1, None);
}

#[test]
fn a_checkpoint_made_under_something_else_is_void() {
    let cursor = cursor_of(INTEGER);
    let setup = setup(Some(&cursor), None);
    let good = after_page(open(None, &setup), &page(None, 50), &setup).sealed();
    let kept = |change: &dyn Fn(&mut Checkpoint)| {
        let mut checkpoint = good.clone();
        change(&mut checkpoint);
        let Opened { underway, is_fresh } = begin(Some(checkpoint), &setup);
        assert_eq!(underway.progress.describe().is_none(), is_fresh);
        !is_fresh
    };
    assert!(kept(&|_| {}));
    assert!(kept(&|checkpoint| checkpoint.epoch = 2));
    assert!(!kept(&|checkpoint| checkpoint.epoch = 1));
    assert!(!kept(&|checkpoint| checkpoint.fingerprint = Digest([8; 32])));
    assert!(!kept(&|checkpoint| checkpoint.version = 9));
    let unreadable = |state: &str| Some(SourceState::new(state.to_owned()));
    assert!(!kept(&|checkpoint| checkpoint.state = unreadable(r#"{"v":9}"#)));
    assert!(!kept(&|checkpoint| checkpoint.state = unreadable("")));
}

#[test]
fn snapshots_read_everything_when_they_are_due() {
    let cursor = cursor_of(INTEGER);
    let daily = Snapshot { every: Some("24h".parse().unwrap()), max_share: Percent(10) };
    let today = setup(Some(&cursor), Some(&daily));
    let first = open(None, &today);
    assert!(is_snapshot(&first));
    let done = after_page(first, &page(None, 50), &today);
    assert_eq!(done.checkpoint.snapshot_at, Some(now().as_second()));
    let soon = open_again(&done, &today);
    assert!(!is_snapshot(&soon));
    let next_day = Setup { now: "2025-01-11T00:00:00Z".parse().unwrap(), ..today };
    let due = open_again(&done, &next_day);
    assert_eq!((is_snapshot(&due), asked(&due).0), (true, None));
    let always = Snapshot { every: None, max_share: Percent(10) };
    assert!(is_snapshot(&open(None, &setup(None, Some(&always)))));
}

#[test]
fn a_held_snapshot_begins_again() {
    let always = Snapshot { every: None, max_share: Percent(10) };
    let setup = setup(None, Some(&always));
    let cut = after_page(open(None, &setup), &page(Some("2"), 1), &setup);
    assert_eq!(asked(&open_again(&cut, &setup)).1, Some(token("2")));
    let held = hold(cut);
    assert!(is_held(&held));
    let again = open_again(&held, &setup);
    assert_eq!(asked(&again).1, None);
    assert!(!is_held(&again));
    assert_eq!(close(held, now()).window(), None);
}

#[test]
fn a_snapshot_that_nobody_wants_any_more_is_not_continued() {
    let cursor = cursor_of(INTEGER);
    let always = Snapshot { every: None, max_share: Percent(10) };
    for cursor in [None, Some(&cursor)] {
        let wanted = setup(cursor, Some(&always));
        let cut = after_page(open(None, &wanted), &page(Some("2"), 1), &wanted);
        let underway = open_again(&cut, &setup(cursor, None));
        assert_eq!((is_snapshot(&underway), asked(&underway).1), (false, None));
    }
}

#[test]
fn records_without_a_key_are_counted_as_long_as_their_window_lasts() {
    let always = Snapshot { every: None, max_share: Percent(10) };
    let setup = setup(None, Some(&always));
    let two = |next| PageEnd { keyless: 2, incomplete: true, ..page(next, 1) };
    let first = after_page(open(None, &setup), &two(Some("2")), &setup);
    let second = after_page(first, &two(Some("3")), &setup);
    let again = open_again(&second, &setup);
    let keyless = |underway: &Underway| {
        let window = underway.window().unwrap();
        assert_eq!(
            window.incomplete * 2,
            window.keyless,
            "what may be elsewhere counts and is forgotten likewise"
        );
        window.keyless
    };
    assert_eq!(keyless(&again), 4);
    assert_eq!(keyless(&restart(again.clone())), 0, "it is read from its beginning");
    assert_eq!(keyless(&open_again(&hold(again), &setup)), 0);
}

#[test]
fn what_a_window_lacks_is_read_under_its_earlier_name() {
    let always = Snapshot { every: None, max_share: Percent(10) };
    let setup = setup(None, Some(&always));
    let lacking = PageEnd { incomplete: true, ..page(Some("2"), 1) };
    let cut = after_page(open(None, &setup), &lacking, &setup).sealed();
    let written = serde_json::to_string(&cut).unwrap();
    let before = written.replace(r#""incomplete":1"#, r#""left":1"#);
    assert_ne!(before, written);
    assert_eq!(serde_json::from_str::<Checkpoint>(&before).unwrap(), cut);
}

#[test]
fn a_checkpoint_of_before_has_no_held_window() {
    let always = Snapshot { every: None, max_share: Percent(10) };
    let setup = setup(None, Some(&always));
    let cut = after_page(open(None, &setup), &page(Some("2"), 1), &setup).sealed();
    let written = serde_json::to_string(&cut).unwrap();
    assert!(
        !written.contains("held") && !written.contains("keyless") && !written.contains("incomplete"),
        "{written}"
    );
    assert_eq!(serde_json::from_str::<Checkpoint>(&written).unwrap(), cut);
}

#[test]
fn a_window_whose_marks_have_no_place_begins_again_where_pages_can_shift() {
    let cursor = cursor_of(INTEGER);
    let setup = setup(Some(&cursor), None);
    let cut = after_page(open(None, &setup), &page(Some("2"), 50), &setup).sealed();
    let written = serde_json::to_string(&cut).unwrap();
    let before: Checkpoint = serde_json::from_str(&written.replace(",\"placed\":true", "")).unwrap();
    for (checkpoint, positional, expected) in [
        (&cut, false, Some("2")),
        (&cut, true, Some("2")),
        (&before, false, Some("2")),
        (&before, true, None),
    ] {
        let setup = Setup { rules: Rules { positional, ..setup.rules }, ..setup.clone() };
        let again = open(Some(checkpoint.clone()), &setup);
        assert_eq!(asked(&again).1, expected.map(token), "{positional}");
    }
}

#[test]
fn one_cursor_of_before_says_nothing_of_any_parent() {
    let cursor = cursor_of(INTEGER);
    let setup = setup(Some(&cursor), None);
    let before = after_page(open(None, &setup), &page(None, 50), &setup).sealed();
    let setup = Setup { rules: Rules { partitioned: true, ..setup.rules }, ..setup };
    let Opened { underway, is_fresh } = begin(Some(before.clone()), &setup);
    assert_eq!((underway.progress.describe(), asked(&underway).0, is_fresh), (None, None, false));
    // What is void is void for the partitions too.
    assert!(begin(None, &setup).is_fresh);
    assert!(begin(Some(before), &Setup { reset: 9, ..setup }).is_fresh);
}

#[test]
fn a_checkpoint_under_what_a_version_before_kept_for_the_same_is_good() {
    let cursor = cursor_of(INTEGER);
    let setup = setup(Some(&cursor), None);
    let before = after_page(open(None, &setup), &page(Some("2"), 50), &setup).sealed();
    let spelled = Setup { fingerprint: Digest([8; 32]), ..setup.clone() };
    assert!(begin(Some(before.clone()), &spelled).is_fresh);
    let known = [Digest([7; 32])];
    let opened = begin(Some(before.clone()), &Setup { earlier: &known, ..spelled });
    assert!(!opened.is_fresh);
    // From here on it is kept as this version does.
    let sealed = opened.underway.sealed();
    assert_eq!(sealed, Checkpoint { fingerprint: Digest([8; 32]), ..before });
}

#[test]
fn a_window_that_is_read_again_forgets_what_its_reading_showed() {
    let cursor = cursor_of(INTEGER);
    let setup = setup(Some(&cursor), None);
    let shifted = PageEnd { shift: Some(Shift::Total { before: 3, after: 2 }), ..page(Some("2"), 50) };
    let cut = after_page(open(None, &setup), &shifted, &setup);
    let again = read_again(cut.clone());
    let window = again.window().unwrap();
    assert_eq!((window.attempt, window.shifts, window.shift, asked(&again).1), (1, 1, None, None));
    assert_eq!(close(again, now()).progress.describe(), None, "what was seen is forgotten");
    let again = restart(cut);
    let window = again.window().unwrap();
    assert_eq!((window.attempt, window.shifts), (1, 0));
    // What is read again for another reason is no reading that shifted.
    let seen = after_page(open(None, &setup), &page(Some("2"), 50), &setup);
    let again = read_again(seen);
    let window = again.window().unwrap();
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
        let setup = setup(Some(&cursor), None);
        let setup = Setup { rules: Rules { partitioned: true, ..setup.rules }, ..setup };
        let mut underway = open(None, &setup);
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
                let PageEnd { read, .. } = page(Some("next"), *greatest);
                let read = PageRead {
                    partition: Some(partition(*number)),
                    ends_partition: at + 1 == pages.len(),
                    passed: Vec::from_iter((at + 1 == pages.len()).then_some(passed)),
                    ..read
                };
                let shift = shifted.then_some(Shift::Record { first: 1, again: 2 });
                let end = PageEnd { read, shift, ..PageEnd::default() };
                let (next, noted) = within(underway, &end, setup.rules, true);
                underway = next;
                marks.extend(noted);
            }
            // Of values that do not rise those of the first page alone are sure.
            let values: Vec<_> = pages.iter().map(|(value, _)| Cursor::Integer(*value)).collect();
            let reached = if values.is_sorted() { values.last() } else { values.first() }.cloned();
            prop_assert_eq!(marks.len(), 1);
            prop_assert_eq!(marks[0].waits, pages.iter().any(|(_, shifted)| *shifted));
            prop_assert_eq!(&marks[0].cursor, &reached.filter(|_| how == How::Read));
        }
        let window = underway.window().unwrap();
        let has_shifted = chains.iter().any(|(_, pages, _)| pages.iter().any(|(_, shifted)| *shifted));
        prop_assert_eq!(window.shift.is_some(), has_shifted);
        let Parents { read, skipped, failed, .. } = window.parents;
        prop_assert_eq!(usize::try_from(read + skipped + failed).unwrap(), chains.len());
        prop_assert_eq!(close(underway, now()).progress.describe(), None);
    }
}

/// What a source says of its own speaks of nothing that it could not read; a value says so of nothing.
#[test]
fn what_a_source_says_of_itself_counts_in_a_window_that_lacks_something() {
    let cursor = cursor_of(INTEGER);
    let setup = setup(Some(&cursor), None);
    let PageEnd { read, .. } = page(Some("2"), 50);
    let read = PageRead { state: Some(SourceState::new("half".to_owned())), ..read };
    let sound = PageEnd { read, ..PageEnd::default() };
    let shift = Some(Shift::Total { before: 3, after: 2 });
    for (end, expected) in [
        (sound.clone(), Some("half")),
        (PageEnd { deletes: 1, ..sound.clone() }, None),
        (PageEnd { shift, ..sound }, None),
    ] {
        let after = after_page(open(None, &setup), &end, &setup);
        let given_up = give_up_incomplete(after);
        assert_eq!((given_up.window(), given_up.progress.describe()), (None, None));
        let state = given_up.progress.read(false).state;
        assert_eq!(state.as_ref().map(SourceState::as_str), expected, "{end:?}");
        assert_eq!(asked(&open_again(&given_up, &setup)), (None, None));
    }
}

const TOKEN: &str = r#"{"token":"next","param":"since"}"#;

/// A page that shows a token.
fn synced(next: Option<&str>, text: Option<&str>) -> PageEnd {
    let token = text.map(|text| Token::text(text).unwrap());
    PageEnd {
        read: PageRead { next: next.map(self::token), token, ..PageRead::default() },
        ..PageEnd::default()
    }
}

#[test]
fn a_token_counts_once_its_window_is_complete_and_the_later_one_counts() {
    let cursor = cursor_of(TOKEN);
    let setup = setup(Some(&cursor), None);
    let counts = |underway: &Underway| underway.progress.describe();
    let first = open(None, &setup);
    assert_eq!(asked(&first).0, None);
    let cut = after_page(first, &synced(Some("2"), Some("y")), &setup);
    assert_eq!(counts(&cut), None);
    // A later run goes on with it, and what the service says then is about the whole of it.
    let later = Setup { run: RunId(Uuid::max()), ..setup };
    let done = after_page(open_again(&cut, &later), &synced(None, Some("z")), &later);
    assert_eq!(counts(&done).as_deref(), Some("z"));
    let next = open_again(&done, &later);
    assert_eq!(asked(&next).0.as_deref(), Some("z"));
    // Held, it waits; given up, it is forgotten; accepted, it counts, whatever its text.
    let (held, _) = within(next.clone(), &synced(None, Some("a")), later.rules, true);
    let held = Underway::of(hold(held).sealed()).unwrap();
    assert_eq!(counts(&held).as_deref(), Some("z"));
    assert_eq!(counts(&give_up(held.clone())).as_deref(), Some("z"));
    assert_eq!(counts(&accept(held.clone())).as_deref(), Some("a"));
    assert_eq!(counts(&close(held, now())).as_deref(), Some("a"));
    assert_eq!(counts(&after_page(next, &synced(None, None), &later)).as_deref(), Some("z"));
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
        let progress = Progress::from_point(Cursor::Token(Token::text("t").unwrap()), setup.rules);
        let before = Underway::new(setup.fingerprint, setup.epoch, progress).sealed();
        let before = Checkpoint { snapshot_at: Some(now().as_second()), ..before };
        let begun = begun_again(open(Some(before), &setup), times, &setup);
        let counts = begun.progress.describe();
        assert_eq!(counts.as_deref(), Some("t"), "it goes when another one is there");
        let from = asked(&begun).0;
        assert_eq!((from.as_deref(), is_snapshot(&begun)), expected, "{incremental} {times} {wanted}");
    }
}

#[test]
fn the_first_window_begins_at_initial_also_where_a_snapshot_is_wanted() {
    let cursor = cursor_of(r#"{"field":"id","param":"since","format":"integer","initial":"40"}"#);
    let snapshot = Snapshot { every: "1h".parse().ok(), max_share: Percent(10) };
    let setup = |now: &str| Setup { now: now.parse().unwrap(), ..setup(Some(&cursor), Some(&snapshot)) };
    let then = setup("2025-01-10T00:00:00Z");
    let first = open(None, &then);
    assert_eq!((asked(&first).0.as_deref(), is_snapshot(&first)), (Some("40"), false));
    let done = after_page(first, &page(None, 50), &then);
    for (now, expected) in [("2025-01-10T00:30:00Z", false), ("2025-01-10T01:00:00Z", true)] {
        assert_eq!(is_snapshot(&open_again(&done, &setup(now))), expected, "{now}");
    }
}
