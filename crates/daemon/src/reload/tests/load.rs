//! What is loaded, and when it counts as written.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use super::{load, loader, outcome, project, put, stack};
use crate::reload::{Loader, SETTLE};
use raccord_connect::System;
use raccord_model::port::environment::Environment as _;

#[tokio::test]
async fn what_is_nothing_is_an_error_and_never_an_empty_configuration() {
    let home = tempfile::tempdir().unwrap();
    let check = async |path: &Path, code: &str| {
        let loaded = load(&loader(path)).await;
        assert_eq!(outcome(&loaded), [code], "{}", path.display());
    };
    check(home.path(), "no-documents").await;
    check(&home.path().join("nowhere"), "unreadable").await;
    put(&home.path().join("a.yaml"), "");
    check(home.path(), "no-documents").await;
    check(&home.path().join("a.yaml"), "no-documents").await;
    fs::remove_file(home.path().join("a.yaml")).unwrap();
    symlink("nowhere", home.path().join("a.yaml")).unwrap();
    check(home.path(), "unreadable").await;
}

#[tokio::test]
async fn a_configuration_and_what_there_is_to_say_of_it() {
    let home = tempfile::tempdir().unwrap();
    put(&home.path().join("a.yaml"), &stack("shop"));
    put(&home.path().join("b.yaml"), "apiVersion: v1\nkind: ConfigMap\n");
    let mut loader = loader(home.path());
    let first = load(&loader).await;
    assert_eq!(outcome(&first), ["Stack/shop"]);
    assert_eq!(first.warnings.len(), 1);
    assert_eq!(first.commit, None);
    loader.at_commit("c0ffee".to_owned());
    let again = load(&loader).await;
    assert_eq!((again.digest, again.commit.as_deref()), (first.digest, Some("c0ffee")));
    put(&home.path().join("b.yaml"), "kind: [");
    let broken = load(&loader).await;
    assert!(broken.outcome.is_err() && broken.digest != first.digest);
}

/// A thread rewrites a file over and over, each time emptying it first: whatever is read at any moment is one of
/// the two texts and never the emptiness between.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_empty_for_a_moment_is_waited_for() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("a.yaml");
    put(&path, &stack("zero"));
    let stop = Arc::new(AtomicBool::new(false));
    let begun = Arc::new(Barrier::new(2));
    let (at, stopped, begins) = (path.clone(), Arc::clone(&stop), Arc::clone(&begun));
    let writer = std::thread::spawn(move || {
        let mut longest = Duration::ZERO;
        let mut is_first = true;
        loop {
            let emptied = Instant::now();
            put(&at, "");
            if std::mem::take(&mut is_first) {
                begins.wait();
            }
            std::thread::sleep(Duration::from_millis(10));
            put(&at, &stack("one"));
            longest = longest.max(emptied.elapsed());
            if stopped.load(Ordering::Relaxed) {
                return longest;
            }
            std::thread::sleep(SETTLE * 8);
        }
    });
    begun.wait();
    let mut found = Vec::new();
    for _ in 0..5 {
        found.push(outcome(&load(&loader(home.path())).await));
    }
    stop.store(true, Ordering::Relaxed);
    let longest = writer.join().unwrap();
    // A writer that the machine held up left the file empty for too long, and then it counts.
    assert!(found.iter().all(|found| *found == ["Stack/one"]) || longest >= SETTLE, "{longest:?}: {found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_never_stops_writing_is_read_all_the_same() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("a.yaml");
    put(&path, &stack("zero"));
    let stop = Arc::new(AtomicBool::new(false));
    let (at, stopped) = (path.clone(), Arc::clone(&stop));
    let writer = std::thread::spawn(move || {
        let beside = at.with_extension("new");
        for round in 0.. {
            if stopped.load(Ordering::Relaxed) {
                return;
            }
            put(&beside, &stack(&format!("n{round}")));
            fs::rename(&beside, &at).unwrap();
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    let loaded = load(&loader(home.path())).await;
    stop.store(true, Ordering::Relaxed);
    writer.join().unwrap();
    assert!(loaded.outcome.is_ok());
}

/// From a saved file to what it wants, with 1,000 resources in 1,000 files. Shown, not judged: the machine may be
/// busy. `--release --run-ignored all --no-capture` measures.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn how_long_a_load_of_1000_resources_takes() {
    let home = tempfile::tempdir().unwrap();
    for at in 0..1_000 {
        put(&home.path().join(format!("d{}/p{at}.yaml", at % 20)), &project(&format!("p{at}")));
    }
    let loader = Loader::new(vec![home.path().to_owned()], std::collections::BTreeMap::new());
    for rested in [SETTLE * 2, Duration::ZERO] {
        let mut times = Vec::new();
        for round in 0..100 {
            put(&home.path().join("d0/p0.yaml"), &(project("p0") + &format!("# {round}\n")));
            tokio::time::sleep(rested).await;
            let begun = Instant::now();
            let found = loader.load(System::default().now()).await;
            times.push(begun.elapsed());
            assert_eq!(found.outcome.unwrap().resources.len(), 1_000);
        }
        times.sort();
        println!("saved {rested:?} before: median {:?}, p99 {:?}", times[50], times[98]);
    }
}
