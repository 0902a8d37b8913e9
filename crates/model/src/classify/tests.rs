//! Every decision as a line: what is asked for, what is known, what becomes of it and what is written.

use uuid::Uuid;

use super::*;
use crate::value::Value;

const OURS: Uid = Uid(Uuid::from_u128(1));
const OTHER: Uid = Uid(Uuid::from_u128(2));
const MADE: RecordDigest = RecordDigest { mapping: *b"map1", record: *b"first record" };
const LATER: RecordDigest = RecordDigest { mapping: *b"map1", record: *b"later record" };
const REMAPPED: RecordDigest = RecordDigest { mapping: *b"map2", record: *b"first record" };

/// Terms as letters: what is wanted of `c`, `u` and `d`, `e` for a transfer that enriches, `w` for deletions that wait,
/// `a` for digests that are all renewed.
fn terms(text: &str) -> Terms<'static> {
    Terms {
        transfer: OURS,
        mode: if text.contains('e') { Mode::Enrich } else { Mode::Own },
        wanted: Wanted {
            created: text.contains('c'),
            updated: text.contains('u'),
            deleted: text.contains('d'),
        },
        defers_deletes: text.contains('w'),
        defaults: empty_row(),
        required: &[],
        suspects: &[],
        renewal: if text.contains('a') { Renewal::All } else { Renewal::OtherMapping },
    }
}

/// A row as text: `1:x 2:y`, where `1:` empties the field.
fn row(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    row::begin(&mut out);
    for field in text.split_whitespace() {
        let (id, value) = field.split_once(':').unwrap();
        let value = Some(value).filter(|value| !value.is_empty()).map(|value| Value::Text(value.into()));
        row::push(&mut out, id.parse().unwrap(), value.as_ref());
    }
    out
}

fn change<'a>(intent: Intent, patch: &'a [u8], version: &'a str, digest: Option<RecordDigest>) -> Change<'a> {
    Change { intent, key: b"k", patch, version: version.as_bytes(), digest }
}

/// A row of an owner: `ours`, `other's`, or `gone`, whose owner is no more.
fn known<'a>(whose: &str, row: &'a [u8], version: &'a str) -> KnownRow<'a> {
    KnownRow {
        owner: if whose == "ours" { OURS } else { OTHER },
        is_orphan: whose == "gone",
        version: version.as_bytes(),
        digest: Some(MADE),
        row,
    }
}

/// What is written, in a word; of what is beside it `!` when the row is taken over, and the digest that it has then.
fn written(write: Write) -> String {
    let digest = |digest| match digest {
        None => "-",
        Some(MADE) => "made",
        Some(LATER) => "later",
        Some(_) => "remapped",
    };
    let beside =
        |beside: Beside| format!("{}{}", if beside.adopts { "!" } else { "" }, digest(beside.digest));
    match write {
        Write::Nothing => "nothing".to_owned(),
        Write::Beside(it) => format!("beside {}", beside(it)),
        Write::Row(it) => format!("row {}", beside(it)),
        Write::Create(it) => format!("create {}", digest(it)),
        Write::Remove { adopts } => format!("remove{}", if adopts { "!" } else { "" }),
        Write::Doom { adopts } => format!("doom{}", if adopts { "!" } else { "" }),
        Write::Wait => "wait".to_owned(),
        Write::Refuse(field) => format!("refuse {field}"),
    }
}

#[test]
fn an_upsert_of_a_row_that_is_there() {
    use Effect::{Skipped, Unchanged, Updated};
    // (terms, whose the row is, the version it was shown at, the patch, its version and digest; the effect, what is written)
    for (text, whose, stored, patch, version, digest, effect, expected) in [
        // The same values: nothing, but for a later version, an owner or a digest.
        ("u", "ours", "", "1:x", "", Some(MADE), Unchanged, "nothing"),
        ("", "ours", "", "1:x", "", None, Unchanged, "nothing"),
        ("u", "ours", "5", "1:x", "5", Some(MADE), Unchanged, "nothing"),
        ("u", "ours", "5", "1:x", "6", Some(LATER), Unchanged, "beside later"),
        ("u", "ours", "5", "1:x", "", None, Unchanged, "nothing"),
        ("u", "ours", "", "1:x", "1", Some(MADE), Unchanged, "beside made"),
        ("u", "other's", "5", "1:x", "6", Some(LATER), Unchanged, "beside -"),
        ("u", "gone", "", "1:x", "", Some(LATER), Unchanged, "beside !later"),
        ("", "gone", "", "1:x", "", None, Unchanged, "beside !-"),
        ("eu", "gone", "", "1:x", "", None, Unchanged, "nothing"),
        ("u", "ours", "", "1:x", "", Some(LATER), Unchanged, "nothing"),
        ("ua", "ours", "", "1:x", "", Some(LATER), Unchanged, "beside later"),
        ("u", "ours", "", "1:x", "", Some(REMAPPED), Unchanged, "beside remapped"),
        ("ua", "other's", "", "1:x", "", Some(REMAPPED), Unchanged, "nothing"),
        // Other values.
        ("u", "ours", "", "1:y", "", Some(LATER), Updated, "row later"),
        ("u", "ours", "5", "1:y", "5", None, Updated, "row -"),
        ("u", "other's", "", "1:y", "", Some(LATER), Updated, "row -"),
        ("eu", "other's", "", "2:y", "", Some(LATER), Updated, "row -"),
        ("u", "gone", "", "1:y", "", Some(LATER), Updated, "row !later"),
        ("u", "ours", "", "1:", "", None, Updated, "row -"),
        // Not wanted: the row's record is too late only when a later one was shown.
        ("cd", "ours", "", "1:y", "", Some(LATER), Skipped, "nothing"),
        ("cd", "ours", "5", "1:y", "5", Some(LATER), Skipped, "nothing"),
        ("cd", "ours", "5", "1:y", "6", Some(LATER), Skipped, "beside -"),
        ("cd", "gone", "", "1:y", "", None, Skipped, "beside !-"),
        ("ed", "gone", "", "1:y", "", None, Skipped, "nothing"),
        // Too late.
        ("u", "ours", "5", "1:y", "4", None, Skipped, "nothing"),
        ("u", "gone", "5", "1:x", "4", None, Skipped, "nothing"),
    ] {
        let (row, patch, mut next) = (row("1:x"), row(patch), Vec::new());
        let change = change(Intent::Upsert, &patch, version, digest);
        let verdict = upsert(&terms(text), change, &known(whose, &row, stored), &mut next).unwrap();
        let case = format!("{text} {whose} {stored:?} {version:?} {digest:?}");
        assert_eq!((verdict.effect, written(verdict.write).as_str()), (effect, expected), "{case}");
        assert_eq!((verdict.ending, verdict.kept), (Ending::Nothing, Vec::new()), "{case}");
    }
}

#[test]
fn suspect_fields_keep_their_values() {
    // (the row, the patch, the row that it becomes, the fields that were kept)
    for (before, patch, expected, kept) in [
        ("1:x 2:y", "1: 2:", "1:x", &[1][..]),
        ("1:x 2:y", "1:z 2:z", "1:x 2:z", &[1]),
        ("1:x 2:y", "1:x 2:z", "1:x 2:z", &[]),
        ("2:y", "1:x", "1:x 2:y", &[]),
        ("1:x 3:y", "1: 3:z", "1:x 3:y", &[1, 3]),
        ("1:x", "1:x", "1:x", &[]),
    ] {
        let (before, patch, mut next) = (row(before), row(patch), Vec::new());
        let terms = Terms { suspects: &[1, 3], ..terms("u") };
        let change = change(Intent::Upsert, &patch, "", Some(LATER));
        let verdict = upsert(&terms, change, &known("ours", &before, ""), &mut next).unwrap();
        assert_eq!((next, verdict.kept.as_slice()), (row(expected), kept), "{expected}");
        assert!(!written(verdict.write).contains("later"), "it is not made of the record alone");
    }
}

#[test]
fn an_upsert_of_a_row_that_is_not_there() {
    use Effect::{Created, Skipped, Waits};
    // (terms, version, version of the tombstone and `?` when it was swept; the effect, what is written)
    for (text, version, tombstone, effect, expected) in [
        ("c", "", None, Created, "create made"),
        ("c", "5", None, Created, "create made"),
        ("c", "5", Some("4"), Created, "create made"),
        ("c", "5", Some("5"), Skipped, "nothing"),
        ("c", "5", Some("6"), Skipped, "nothing"),
        ("c", "", Some("6"), Created, "create made"),
        ("c", "4", Some("5?"), Skipped, "nothing"),
        ("c", "5", Some("5?"), Created, "create made"),
        ("c", "6", Some("5?"), Created, "create made"),
        ("ud", "", None, Skipped, "nothing"),
        ("", "", None, Skipped, "nothing"),
        ("ecud", "", None, Waits, "wait"),
        ("eu", "5", None, Waits, "wait"),
        ("ec", "", None, Skipped, "nothing"),
        ("ed", "", None, Skipped, "nothing"),
        ("e", "", None, Skipped, "nothing"),
    ] {
        let tombstone = tombstone.map(|text| {
            let version = text.trim_end_matches('?');
            KnownTombstone { version: version.into(), is_swept: version != text }
        });
        let (patch, mut next) = (row("1:x"), Vec::new());
        let change = change(Intent::Upsert, &patch, version, Some(MADE));
        let verdict = upsert_absent(&terms(text), change, tombstone.as_ref(), &mut next).unwrap();
        let found = (verdict.effect, written(verdict.write));
        assert_eq!(found, (effect, expected.to_owned()), "{text} {version:?} {tombstone:?}");
        if effect == Created {
            assert_eq!(next, row("1:x"));
        }
        // A mark that waits for the end of its window is a tombstone of which nothing is known but the version.
        if let Some(tombstone) = tombstone.filter(|tombstone| !tombstone.is_swept) {
            assert_eq!(revives(&terms(text), change, &tombstone.version), effect == Created, "{version:?}");
        }
    }
}

#[test]
fn a_created_row_has_defaults_and_what_is_required() {
    // (the defaults, the patch, what is written, the row)
    for (defaults, patch, expected, created) in [
        ("", "2:x 4:y", "create -", Some("2:x 4:y")),
        ("9:d", "2:x 4:y", "create -", Some("2:x 4:y 9:d")),
        ("2:d 4:d", "2:x", "create -", Some("2:x 4:d")),
        ("", "2:x", "refuse 4", None),
        ("2:d", "2: 4:x", "refuse 2", None),
        ("", "3:x", "refuse 2", None),
    ] {
        let (defaults, patch, mut next) = (row(defaults), row(patch), Vec::new());
        let terms = Terms { defaults: &defaults, required: &[2, 4], ..terms("c") };
        let change = change(Intent::Upsert, &patch, "", None);
        let verdict = upsert_absent(&terms, change, None, &mut next).unwrap();
        assert_eq!(written(verdict.write), expected);
        assert_eq!(verdict.effect == Effect::Rejected, created.is_none());
        if let Some(created) = created {
            assert_eq!(next, row(created));
        }
    }
}

#[test]
fn a_delete() {
    use Effect::{Deleted, Doomed, Gone, Skipped};
    use Ending::{Nothing, Tombstone, TombstoneOfRow, Waiting};
    // (terms, whose the row is, the version it was shown at, the delete's; the effect, what is written, the ending)
    for (text, whose, stored, version, effect, expected, ending) in [
        ("d", "ours", "", "", Deleted, "remove", Nothing),
        ("d", "ours", "2", "2", Deleted, "remove", Tombstone),
        ("d", "ours", "2", "", Deleted, "remove", TombstoneOfRow),
        ("dw", "ours", "2", "", Doomed, "doom", Nothing),
        ("d", "ours", "2", "1", Skipped, "nothing", Nothing),
        ("cu", "ours", "", "", Skipped, "nothing", Nothing),
        ("cu", "ours", "2", "3", Skipped, "beside -", Nothing),
        ("d", "gone", "", "3", Deleted, "remove!", Tombstone),
        ("ed", "gone", "", "", Gone, "nothing", Nothing),
        ("d", "other's", "", "", Gone, "nothing", Nothing),
        ("d", "other's", "2", "3", Gone, "beside -", Nothing),
        ("d", "other's", "2", "1", Skipped, "nothing", Nothing),
        ("dw", "ours", "2", "3", Doomed, "doom", Nothing),
        ("dw", "gone", "2", "3", Doomed, "doom!", Nothing),
        ("dw", "other's", "2", "2", Gone, "nothing", Nothing),
        // There is no row.
        ("d", "", "", "3", Gone, "nothing", Tombstone),
        ("dw", "", "", "3", Gone, "nothing", Tombstone),
        ("d", "", "", "", Gone, "nothing", Nothing),
        ("cu", "", "", "3", Skipped, "nothing", Nothing),
        ("ed", "", "", "3", Gone, "nothing", Waiting),
        ("eu", "", "", "", Skipped, "nothing", Waiting),
    ] {
        let row = row("1:x");
        let known = (!whose.is_empty()).then(|| known(whose, &row, stored));
        let verdict = delete(&terms(text), change(Intent::Delete, b"", version, None), known.as_ref());
        let found = (verdict.effect, written(verdict.write), verdict.ending);
        assert_eq!(found, (effect, expected.to_owned(), ending), "{text} {whose} {stored:?} {version:?}");
    }
}

#[test]
fn versions_compare_where_there_are_two() {
    for (version, than, older, later) in [
        ("1", "2", true, false),
        ("2", "2", false, false),
        ("3", "2", false, true),
        ("", "2", false, false),
        ("1", "", false, true),
        ("", "", false, false),
    ] {
        let (version, than) = (version.as_bytes(), than.as_bytes());
        assert_eq!(
            (is_older(version, than), is_later(version, than)),
            (older, later),
            "{version:?} {than:?}"
        );
    }
}
