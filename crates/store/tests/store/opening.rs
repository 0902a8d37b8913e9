//! The file: created whole, held by one process, refused with the reason when it is not what it should be.

use std::fs::{self, OpenOptions};
use std::io::Write;

use raccord_model::port::destination::Destination;
use raccord_model::port::state::{State, Table};
use raccord_store::{BackupError, OpenError, Store};

use crate::fixture::{
    Place, assert_sound, batch, block_on, keys, opener, put_runs, run_of, runs, transfer, upsert,
};

fn error_of(path: &std::path::Path) -> OpenError {
    Store::open_existing(path, &opener("test")).unwrap_err()
}

#[test]
fn a_state_is_created_only_when_asked_for() {
    let place = Place::new();
    let missing = Store::open_existing(&place.path(), &opener("plan"));
    assert!(matches!(missing, Err(OpenError::Missing { .. })), "{missing:?}");
    assert!(!place.path().parent().unwrap().exists());
    drop(place.open());
    let names: Vec<_> = fs::read_dir(place.path().parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["state.redb"], "neither a draft nor a note stays");
    drop(Store::open_existing(&place.path(), &opener("plan")).unwrap());
}

#[cfg(unix)]
#[test]
fn only_its_owner_reads_it() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let store = place.open();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&place.path()), 0o600);
    assert_eq!(mode(place.path().parent().unwrap()), 0o700);
    let backup = place.directory.path().join("backup");
    store.backup(&backup).unwrap();
    assert_eq!(mode(&backup), 0o600);
}

#[test]
fn who_holds_it_is_named() {
    let place = Place::new();
    let store = Store::open(&place.path(), &opener("watch")).unwrap();
    let held = error_of(&place.path());
    let OpenError::Held { holder: Some(holder), .. } = &held else { panic!("{held:?}") };
    assert_eq!((holder.verb.as_str(), holder.pid), ("watch", std::process::id()));
    let text = held.to_string();
    assert!(text.contains("another process: `watch` (process "), "{text}");
    fs::remove_file(place.path().with_file_name("state.redb.holder")).unwrap();
    let text = error_of(&place.path()).to_string();
    assert!(text.ends_with("is open in another process"), "{text}");
    drop(store);
    drop(place.open());
}

#[test]
fn what_is_no_state_is_refused_and_left_alone() {
    let place = Place::new();
    let at = |name: &str| place.directory.path().join(name);
    let database = |name: &str, table: &str| {
        let database = redb::Database::create(at(name)).unwrap();
        let transaction = database.begin_write().unwrap();
        let definition = redb::TableDefinition::<&str, u64>::new(table);
        transaction.open_table(definition).unwrap().insert("a", 1).unwrap();
        transaction.commit().unwrap();
    };
    database("other", "other");
    database("similar", "meta");
    drop(redb::Database::create(at("bare")).unwrap());
    for (name, bytes) in
        [("text", &b"name: shop\n"[..]), ("sqlite", b"SQLite format 3\0"), ("empty", b""), ("short", b"redb")]
    {
        fs::File::create(at(name)).unwrap().write_all(bytes).unwrap();
    }
    fs::create_dir(at("directory")).unwrap();
    for (name, expected) in [
        ("text", "is not a state of Raccord: it begins with other bytes"),
        ("sqlite", "is not a state of Raccord: it begins with other bytes"),
        ("other", "is not a state of Raccord: it is a database of something else"),
        ("similar", "is not a state of Raccord: it is a database of something else"),
        ("bare", "is not a state of Raccord: it is a database of something else"),
        ("empty", "is damaged: it has only 0 bytes; restore it from a backup"),
        ("short", "is damaged: it has only 4 bytes; restore it from a backup"),
    ] {
        let before = fs::read(at(name)).unwrap();
        let error = Store::open(&at(name), &opener("test")).unwrap_err();
        assert!(error.to_string().ends_with(expected), "{name}: {error}");
        // redb keeps house in a database of its own, whatever it holds.
        if !before.starts_with(b"redb\x1A") {
            assert_eq!(fs::read(at(name)).unwrap(), before, "{name}");
        }
    }
    assert!(Store::open(&at("directory"), &opener("test")).is_err());
    let below = Store::open(&at("text").join("state"), &opener("test")).unwrap_err();
    assert!(matches!(below, OpenError::Directory { .. } | OpenError::File { .. }), "{below:?}");
}

#[tokio::test]
async fn a_truncated_file_is_refused() {
    let place = Place::new();
    let store = place.open();
    let mut rows = batch('A');
    for number in 0..5000 {
        upsert(&mut rows, &format!("{number:05}"), &[(1, Some("some text that takes a little room"))]);
    }
    Destination::commit(&store, rows).await.unwrap();
    drop(store);
    let whole = fs::read(place.path()).unwrap();
    let cut = place.directory.path().join("cut");
    for part in [1, 2, 10, 50, 90, 99] {
        let length = whole.len() * part / 100;
        fs::File::create(&cut).unwrap().write_all(&whole[..length]).unwrap();
        let error = error_of(&cut);
        assert!(matches!(error, OpenError::Damaged { .. }), "{part}%: {error:?}");
    }
    for length in [9, 100, 320, 4096, 8192, whole.len() - 1] {
        fs::File::create(&cut).unwrap().write_all(&whole[..length]).unwrap();
        let error = error_of(&cut);
        assert!(matches!(error, OpenError::Damaged { .. }), "{length}: {error:?}");
    }
}

#[test]
fn what_came_after_the_version_that_wrote_it_is_added() {
    let place = Place::new();
    let store = place.open();
    block_on(put_runs(&store, &[run_of('A', 0)]));
    drop(store);
    let database = redb::Database::open(place.path()).unwrap();
    let transaction = database.begin_write().unwrap();
    for name in ["told", "outbox", "inbox", "runs_of", "revisions"] {
        let table = redb::TableDefinition::<&'static [u8], &'static [u8]>::new(name);
        assert!(transaction.delete_table(table).unwrap(), "there is no table {name}");
    }
    transaction.commit().unwrap();
    drop(database);
    let store = Store::open_existing(&place.path(), &opener("plan")).unwrap();
    assert!(store.check().unwrap().is_sound());
    assert_eq!(block_on(runs(&store, 'A')).len(), 1, "the runs of before are in the index");
    let known = block_on(State::get(&store, Table::Transfers, transfer('A').to_string())).unwrap();
    assert_eq!(known.map(|fact| fact.revision), Some(0), "the facts of before have a revision");
}

#[test]
fn a_later_format_is_refused() {
    let place = Place::new();
    drop(place.open());
    let database = redb::Database::open(place.path()).unwrap();
    let transaction = database.begin_write().unwrap();
    let meta = redb::TableDefinition::<&[u8], &[u8]>::new("meta");
    transaction.open_table(meta).unwrap().insert(&b"format"[..], &9u32.to_be_bytes()[..]).unwrap();
    transaction.commit().unwrap();
    drop(database);
    let error = error_of(&place.path());
    assert!(matches!(error, OpenError::Newer { found: 9, known: 2, .. }), "{error:?}");
}

#[tokio::test]
async fn a_backup_is_a_state_and_replaces_nothing() {
    let place = Place::new();
    let store = place.open();
    let mut rows = batch('A');
    upsert(&mut rows, "k", &[(1, Some("x"))]);
    Destination::commit(&store, rows).await.unwrap();
    let to = place.directory.path().join("backup");
    store.backup(&to).unwrap();
    assert!(matches!(store.backup(&to), Err(BackupError::Exists { .. })));
    let nowhere = store.backup(&place.directory.path().join("no/where"));
    assert!(matches!(nowhere, Err(BackupError::Create { .. })), "{nowhere:?}");
    let copy = Store::open_existing(&to, &opener("test")).unwrap();
    assert_eq!(keys(&copy).await, "k");
    assert_eq!(copy.info().unwrap().lineage, store.info().unwrap().lineage);
    assert_sound(&copy);
}

#[tokio::test]
async fn a_check_tells_what_disagrees() {
    let place = Place::new();
    let store = place.open();
    let mut rows = batch('A');
    rows.target.unique = vec![1];
    upsert(&mut rows, "k", &[(1, Some("x"))]);
    Destination::commit(&store, rows).await.unwrap();
    drop(store);
    let database = redb::Database::open(place.path()).unwrap();
    let transaction = database.begin_write().unwrap();
    let put = |table: &str, key: &[u8], value: &[u8]| {
        let definition = redb::TableDefinition::<&[u8], &[u8]>::new(table);
        transaction.open_table(definition).unwrap().insert(key, value).unwrap();
    };
    put("rows", b"\0\0\0\0\0\0\0\x07q", b"\x63nonsense");
    put("counters", b"t\0\0\0\0\0\0\0\x07", &3u64.to_be_bytes());
    put("checkpoints", &[0; 16], b"{}");
    put("runs", b"run", b"[]");
    put("index", b"Source/a", b"{}");
    put("unique", b"\0\0\0\0\0\0\0\x07\0\0\0\x01v", b"nobody");
    transaction.commit().unwrap();
    drop(database);
    let report = place.open().check().unwrap();
    let text = report.problems.join("\n");
    for expected in [
        "the resource Source/a cannot be read",
        "a fact of Runs under `run` cannot be read",
        "the checkpoint of the transfer 00000000-0000-0000-0000-000000000000 cannot be read",
        "a row of incarnation 7 cannot be read",
        "a unique value belongs to no row",
        "a counter says 3 where there are 0",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    assert_eq!(report.count, 6, "{text}");
    assert!(!report.is_sound());
}

#[test]
fn a_check_tells_of_numbers_that_cannot_be_read() {
    for (table, length, expected) in [
        ("fences", 16, None),
        ("fences", 8, Some("a fence cannot be read")),
        ("leases", 8, None),
        ("leases", 0, Some("a lease cannot be read")),
        ("revisions", 8, None),
        ("revisions", 9, Some("a revision cannot be read")),
    ] {
        let place = Place::new();
        drop(place.open());
        let database = redb::Database::open(place.path()).unwrap();
        let transaction = database.begin_write().unwrap();
        let definition = redb::TableDefinition::<&[u8], &[u8]>::new(table);
        let number = vec![0; length];
        transaction.open_table(definition).unwrap().insert(&b"key"[..], number.as_slice()).unwrap();
        transaction.commit().unwrap();
        drop(database);
        let problems = place.open().check().unwrap().problems;
        let expected: Vec<&str> = expected.into_iter().collect();
        assert_eq!(problems, expected, "{table} of {length} bytes");
    }
}

#[cfg(unix)]
#[test]
fn a_file_that_cannot_be_written_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    drop(place.open());
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o400)).unwrap();
    // The superuser writes it all the same.
    if OpenOptions::new().write(true).open(place.path()).is_err() {
        let error = error_of(&place.path());
        assert!(matches!(error, OpenError::ReadOnly { .. }), "{error:?}");
    }
}

#[test]
fn drafts_that_a_kill_left_behind_go() {
    let place = Place::new();
    drop(place.open());
    let beside = |mark: &str| place.directory.path().join(".raccord").join(format!("state.redb.{mark}.new"));
    // Process numbers end far below this one.
    let gone = ["999999999-8ac1", "00112233445566778899aabbccddeeff"];
    let alive = format!("{}-8ac1", std::os::unix::process::parent_id());
    let kept = [alive.as_str(), "notes", "copy.999999999-1"];
    for mark in gone.iter().chain(&kept) {
        drop(fs::File::create(beside(mark)).unwrap());
    }
    drop(Store::open_existing(&place.path(), &opener("plan")).unwrap());
    for mark in gone {
        assert!(!beside(mark).exists(), "{mark}");
    }
    for mark in kept {
        assert!(beside(mark).exists(), "{mark}");
    }
}
