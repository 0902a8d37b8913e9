//! The state's port: serials, facts, bodies; and what a refusal leaves behind, which is nothing.

use std::time::{Duration, Instant};

use bytes::Bytes;
use raccord_model::canonical::Digest;
use raccord_model::fact::{Decided, Entry, Tally, TransferFact, write};
use raccord_model::language::Mode;
use raccord_model::port::destination::{Batch, Destination, DestinationError, Ledger};
use raccord_model::port::state::{Commit, State, Table, Write};
use raccord_model::port::upkeep::Upkeep as _;
use uuid::Uuid;

use crate::fixture::{
    INC, Place, World, assert_sound, at, batch, checkpoint, keys, raise_epoch, reject, rows, transfer, upsert,
};

#[tokio::test]
async fn what_a_file_holds_is_told_in_numbers() {
    let place = Place::new();
    let store = place.open();
    let body = Bytes::from_static(b"{}");
    let (digest, key) = (Digest::of(&body), "Source/a".parse().unwrap());
    let head = Write::Head { stack: "shop".parse().unwrap(), root: "/data".to_owned(), generation: 1 };
    let writes =
        vec![Write::Body(digest, body), Write::Index(key, Entry { uid: transfer('A'), digest }), head];
    State::commit(&store, Commit { expected: Some(0), writes, ..Commit::default() }).await.unwrap();
    let info = store.info().unwrap();
    assert_eq!((info.format, info.serial, info.generation, info.resources), (2, 1, 1, 1));
    assert_eq!(info.lineage, Uuid::from_u128(0xABCD));
    assert_sound(&store);
}

#[tokio::test]
async fn a_stale_fence_leaves_no_trace() {
    let place = Place::new();
    let store = place.open();
    raise_epoch(&store, 'A', 2).await;
    // (epoch of the batch, whether it is refused)
    for (epoch, refused) in [(0, true), (1, true), (2, false), (3, false)] {
        let mut stale = batch('A');
        stale.fence.epoch = epoch;
        upsert(&mut stale, &format!("k{epoch}"), &[(1, Some("x"))]);
        stale.rejects = vec![reject('A', None, &epoch.to_string(), 0)];
        stale.checkpoint = Some(checkpoint(i64::try_from(epoch).unwrap()));
        let mut other = batch('B');
        upsert(&mut other, &format!("other{epoch}"), &[(1, Some("x"))]);
        let (first, second) =
            tokio::join!(Destination::commit(&store, stale), Destination::commit(&store, other));
        assert_eq!(matches!(first, Err(DestinationError::Fenced { found: Some(2), .. })), refused, "{epoch}");
        assert_eq!(second.unwrap().created, 1);
    }
    assert_eq!(keys(&store).await, "k2 k3 other0 other1 other2 other3");
    assert_eq!(store.count_rejects(transfer('A')).await.unwrap(), 2);
    assert_eq!(store.resume(transfer('A')).await.unwrap(), Some(checkpoint(3)));
    assert_sound(&store);
}

#[tokio::test]
async fn what_cannot_be_done_harms_nobody_else() {
    let place = Place::new();
    let store = place.open();
    let mut broken = batch('A');
    upsert(&mut broken, "first", &[(1, Some("x"))]);
    let change = raccord_model::port::destination::Change {
        intent: raccord_model::port::destination::Intent::Upsert,
        key: b"second",
        patch: b"\xFFnot a patch",
        version: b"",
        digest: None,
    };
    broken.changes.push(change);
    let mut good = batch('B');
    upsert(&mut good, "good", &[(1, Some("x"))]);
    let mut more = batch('B');
    upsert(&mut more, "more", &[(1, Some("x"))]);
    let (good, broken, more) = tokio::join!(
        Destination::commit(&store, good),
        Destination::commit(&store, broken),
        Destination::commit(&store, more)
    );
    assert!(matches!(broken, Err(DestinationError::Damaged)), "{broken:?}");
    let one = Tally { fetched: 1, created: 1, ..Tally::default() };
    assert_eq!((good.unwrap(), more.unwrap()), (one, one));
    assert_eq!(keys(&store).await, "good more");
    assert_sound(&store);
}

#[tokio::test]
async fn nothing_is_acknowledged_once_the_state_is_not_where_it_was() {
    let elsewhere = |place: &Place| place.path().with_file_name("elsewhere");
    let acts: [fn(&Place, &std::path::Path); 3] = [
        |place, _| std::fs::remove_file(place.path()).unwrap(),
        |place, to| std::fs::rename(place.path(), to).unwrap(),
        |place, to| {
            std::fs::copy(place.path(), to).unwrap();
            std::fs::rename(to, place.path()).unwrap();
        },
    ];
    for act in acts {
        let place = Place::new();
        let store = std::sync::Arc::new(place.open());
        let vault = raccord_store::StoreVault::new(&store, World::of(&[]));
        let caretaker = raccord_store::StoreMaintenance::new(&store, vault);
        let writes = || vec![Write::Put(Table::Steps, "a".to_owned(), Vec::new())];
        State::commit(&*store, Commit { expected: None, writes: writes(), ..Commit::default() })
            .await
            .unwrap();
        caretaker.in_place().await.unwrap();
        act(&place, &elsewhere(&place));
        let error = State::commit(&*store, Commit { expected: None, writes: writes(), ..Commit::default() })
            .await
            .unwrap_err();
        let said = std::error::Error::source(&error).unwrap().to_string();
        assert!(said.contains("while it was in use"), "{said}");
        assert!(caretaker.in_place().await.is_err());
    }
}

#[tokio::test]
async fn dropping_and_opening_again_keeps_everything() {
    let place = Place::new();
    {
        let store = place.open();
        let mut lazy = batch('A');
        upsert(&mut lazy, "k", &[(1, Some("x"))]);
        lazy.rejects = vec![reject('A', None, "p", 0)];
        lazy.checkpoint = Some(checkpoint(4));
        Destination::commit(&store, lazy).await.unwrap();
    }
    let store = place.open();
    assert_eq!(store.head().await.unwrap().lineage, Uuid::from_u128(0xABCD));
    assert_eq!(keys(&store).await, "k");
    assert_eq!(store.count(INC).await.unwrap(), 1);
    assert_eq!(store.count_rejects(transfer('A')).await.unwrap(), 1);
    assert_eq!(store.resume(transfer('A')).await.unwrap(), Some(checkpoint(4)));
    assert_sound(&store);
}

#[tokio::test]
async fn a_lazy_commit_is_durable_within_a_second() {
    let place = Place::new();
    let store = place.open();
    let mut lazy = batch('A');
    lazy.at = at(0);
    upsert(&mut lazy, "k", &[(1, Some("x"))]);
    let begun = Instant::now();
    Destination::commit(&store, lazy).await.unwrap();
    let copy = |name: &str| {
        // What a crash would leave: the file as it is on the disk at this moment.
        let to = place.directory.path().join(name);
        std::fs::copy(place.path(), &to).unwrap();
        raccord_store::Store::open_existing(&to, &crate::fixture::opener("test")).unwrap()
    };
    let at_once = keys(&copy("at once")).await;
    // A machine that is very busy says nothing about either moment.
    if begun.elapsed() < Duration::from_millis(700) {
        assert_eq!(at_once, "");
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    while keys(&copy("later")).await.is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
    let mut durable = batch('A');
    durable.durable = true;
    upsert(&mut durable, "l", &[(1, Some("x"))]);
    Destination::commit(&store, durable).await.unwrap();
    assert_eq!(keys(&copy("durable")).await, "k l");
}

/// An apply that resets a transfer drops what waits of it, which the suite of destinations checks.
#[tokio::test]
async fn a_fact_that_no_apply_wrote_leaves_what_waits() {
    let place = Place::new();
    let store = place.open();
    let mut waiting = Batch { mode: Mode::Enrich, ..batch('E') };
    upsert(&mut waiting, "k", &[(5, Some("e"))]);
    Destination::commit(&store, waiting).await.unwrap();
    let fact = TransferFact { decided: Decided { epoch: 1, reset: 1 }, ..TransferFact::default() };
    let put = Write::Put(Table::Transfers, transfer('E').to_string(), write(&fact).unwrap());
    State::commit(&store, Commit { expected: None, writes: vec![put], ..Commit::default() }).await.unwrap();
    let mut row = batch('A');
    upsert(&mut row, "k", &[(1, Some("x"))]);
    Destination::commit(&store, row).await.unwrap();
    assert_eq!(rows(&store).await["k"], "1:x 5:e");
    assert_sound(&store);
}
