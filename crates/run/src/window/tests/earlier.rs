//! Checkpoints as version 1 wrote them, with cursors and pages in members of their own: what a run goes on with.

use super::*;

/// A checkpoint of version 1, and what follows from it.
struct Golden {
    what: &'static str,
    /// The members beside version, fingerprint and epoch.
    members: &'static str,
    /// How the data type is read.
    incremental: &'static str,
    partitioned: bool,
    snapshot: bool,
    /// From where on records are asked for, and with which page.
    asked: (Option<&'static str>, Option<&'static str>),
    /// How far was read if the window is complete now.
    counts: Option<&'static str>,
}

const FIELD: &str = r#"{"field":"at","param":"since","lookback":"5m"}"#;

const GOLDEN: [Golden; 7] = [
    Golden {
        what: "a cursor",
        members: r#""cursor":{"instant":[1736300000,5]}"#,
        incremental: FIELD,
        partitioned: false,
        snapshot: false,
        asked: (Some("2025-01-08T01:28:20.000000005Z"), None),
        counts: Some("2025-01-08T01:33:20.000000005Z"),
    },
    Golden {
        what: "a window under way",
        members: r#""cursor":{"instant":[1736300000,0]},"window":{"run":"0191f0a0-0000-7000-8000-000000000001","opened":{"instant":[1736400000,0]},"from":{"instant":[1736290000,0]},"greatest":{"instant":[1736310000,0]},"page":"{\"v\":2}","snapshot":false,"attempt":1,"placed":true,"unseen":["a"],"kept":{"3":2},"tally":{"fetched":2,"created":2,"updated":0,"deleted":0,"unchanged":0,"skipped":0,"rejected":0}}"#,
        incremental: FIELD,
        partitioned: false,
        snapshot: false,
        asked: (Some("2025-01-07T22:46:40Z"), Some(r#"{"v":2}"#)),
        counts: Some("2025-01-08T04:20:00Z"),
    },
    Golden {
        what: "a window that does not say when it was opened",
        members: r#""cursor":{"instant":[1736300000,0]},"window":{"run":"0191f0a0-0000-7000-8000-000000000001","greatest":{"instant":[1736310000,0]},"page":"p","snapshot":false,"placed":true,"tally":{"fetched":2,"created":2,"updated":0,"deleted":0,"unchanged":0,"skipped":0,"rejected":0}}"#,
        incremental: FIELD,
        partitioned: false,
        snapshot: false,
        asked: (Some("2025-01-08T01:28:20Z"), None),
        counts: Some("2025-01-08T01:33:20Z"),
    },
    Golden {
        what: "a window that is held",
        members: r#""cursor":{"instant":[1736300000,0]},"window":{"run":"0191f0a0-0000-7000-8000-000000000001","opened":{"instant":[1736400000,0]},"greatest":{"instant":[1736310000,0]},"page":"p","snapshot":false,"held":true,"shifts":2,"placed":true,"shift":{"record":{"first":1,"again":2}},"tally":{"fetched":2,"created":2,"updated":0,"deleted":0,"unchanged":0,"skipped":0,"rejected":0}}"#,
        incremental: FIELD,
        partitioned: false,
        snapshot: false,
        asked: (Some("2025-01-08T01:28:20Z"), None),
        counts: Some("2025-01-08T01:33:20Z"),
    },
    Golden {
        what: "a snapshot",
        members: r#""window":{"run":"0191f0a0-0000-7000-8000-000000000001","opened":{"instant":[1736400000,0]},"page":"p","snapshot":true,"keyless":1,"placed":true,"tally":{"fetched":2,"created":2,"updated":0,"deleted":0,"unchanged":0,"skipped":0,"rejected":0}},"snapshotAt":1736000000"#,
        incremental: FIELD,
        partitioned: false,
        snapshot: true,
        asked: (None, Some("p")),
        counts: None,
    },
    Golden {
        what: "a token",
        members: r#""cursor":{"token":{"text":"17","number":true}}"#,
        incremental: TOKEN,
        partitioned: false,
        snapshot: false,
        asked: (Some("17"), None),
        counts: Some("17"),
    },
    Golden {
        what: "partitions, one of them half read",
        members: r#""window":{"run":"0191f0a0-0000-7000-8000-000000000001","opened":{"instant":[1736400000,0]},"greatest":{"instant":[1736310000,0]},"page":"p","snapshot":false,"placed":true,"partition":{"id":"a9381ff8-33ac-1521-a263-450e5817c109","shifted":true},"parents":{"read":1},"tally":{"fetched":2,"created":2,"updated":0,"deleted":0,"unchanged":0,"skipped":0,"rejected":0}}"#,
        incremental: FIELD,
        partitioned: true,
        snapshot: false,
        asked: (None, Some("p")),
        counts: Some("2025-01-08T04:20:00Z"),
    },
];

fn read(members: &str) -> Checkpoint {
    let fingerprint = "07".repeat(32);
    let written = format!(r#"{{"version":1,"fingerprint":"{fingerprint}","epoch":3,{members}}}"#);
    serde_json::from_str(&written).unwrap_or_else(|error| panic!("{error}: {written}"))
}

#[test]
fn what_the_version_before_wrote_is_gone_on_with() {
    let always = Snapshot { every: Some("30d".parse().unwrap()), max_share: Percent(10) };
    for Golden { what, members, incremental, partitioned, snapshot, asked: expected, counts } in GOLDEN {
        let cursor = cursor_of(incremental);
        let setup = setup(Some(&cursor), Some(&always).filter(|_| snapshot));
        let setup = Setup { rules: Rules { partitioned, ..setup.rules }, ..setup };
        let Opened { underway, is_fresh } = begin(Some(read(members)), &setup);
        let (from, page) = expected;
        assert_eq!(asked(&underway), (from.map(str::to_owned), page.map(token)), "{what}");
        assert_eq!((is_fresh, is_snapshot(&underway)), (false, snapshot), "{what}");
        // It is written in the form of this version, and says the same.
        let written = serde_json::to_string(&underway.sealed()).unwrap();
        assert!(written.starts_with(r#"{"version":2,"#), "{written}");
        let again: Checkpoint = serde_json::from_str(&written).unwrap();
        assert_eq!(again, underway.sealed(), "{what}");
        assert_eq!(close(underway, now()).progress.describe().as_deref(), counts, "{what}");
    }
}

/// What the run itself knows of a window stays as it was.
#[test]
fn a_window_of_the_version_before_keeps_what_it_has_shown() {
    let window = |at: usize| read(GOLDEN[at].members).window.unwrap();
    let (window, held, partition) = (window(1), window(3), window(6).partition);
    assert_eq!((window.attempt, window.placed, window.tally.created), (1, true, 2));
    assert_eq!((window.unseen, window.kept), (Some(vec!["a".to_owned()]), BTreeMap::from([(3, 2)])));
    assert_eq!((held.held, held.shifts, held.shift), (true, 2, Some(Shift::Record { first: 1, again: 2 })));
    let id = PartitionId::of(&"items".parse().unwrap(), &["o/1".to_owned(), "x".to_owned()]);
    assert_eq!(partition, Some(Partition { id, shifted: true }));
}

/// The greatest value of the partition under way is that of the window of before, and so is the point that a person asked
/// for.
#[test]
fn a_partition_of_the_version_before_is_gone_on_with() {
    let cursor = cursor_of(INTEGER);
    let setup = setup(Some(&cursor), None);
    let setup = Setup { rules: Rules { partitioned: true, ..setup.rules }, ..setup };
    let before = read(
        r#""cursor":{"integer":7},"since":{"integer":7},"window":{"run":"0191f0a0-0000-7000-8000-000000000001","opened":{"instant":[1736400000,0]},"greatest":{"integer":9},"page":"p","snapshot":false,"placed":true,"partition":{"id":"a9381ff8-33ac-1521-a263-450e5817c109"},"tally":{"fetched":1,"created":1,"updated":0,"deleted":0,"unchanged":0,"skipped":0,"rejected":0}}"#,
    );
    let underway = open(Some(before), &setup);
    assert_eq!(underway.progress.since(), Some(&Cursor::Integer(7)));
    let id = PartitionId::of(&"items".parse().unwrap(), &["o/1".to_owned(), "x".to_owned()]);
    let passed = Passed { partition: id, parent: None, is_own: true, how: How::Read, token: None };
    let PageEnd { read, .. } = page(Some("next"), 5);
    let read = PageRead { partition: Some(id), ends_partition: true, passed: vec![passed], ..read };
    let (_, marks) = within(underway, &PageEnd { read, ..PageEnd::default() }, setup.rules, true);
    // What the first page had was not kept then: of values that do not rise, that of the first page since is sure.
    assert_eq!(marks[0].cursor, Some(Cursor::Integer(5)));
}
