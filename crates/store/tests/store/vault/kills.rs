//! Kills while secrets are replaced: what was reported is there afterwards, whole, and opens with the key that is there.
//!
//! The process that is killed is this test itself, begun again with a trap and a place; it notes each revision before
//! it uses it, as a client notes a token.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use raccord_model::failpoint::ArmedFailpoint;
use raccord_model::port::vault::{Revision, Vault};
use raccord_store::StoreVault;

use super::{authorization, kept};
use crate::fixture::{Place, World, assert_sound, block_on, opener};

/// Tells the process that is to be killed where the state is.
const PLACE: &str = "RACCORD_TEST_PLACE";

/// Tells it the trap.
const TRAP: &str = "RACCORD_TEST_TRAP";

/// How often a life replaces the secret.
const REPLACES: u64 = 6;

#[test]
fn a_secret_that_was_reported_is_kept() {
    let place = Place::new();
    drop(place.open());
    let mut killed = 0;
    // (where, at which passage); the last life comes to its end.
    for trap in [
        "publish.before:1",
        "publish.after:1",
        "commit.durable.before:1",
        "commit.durable.after:1",
        "commit.durable.before:3",
        "commit.durable.after:5",
        "commit.durable.after:1000000",
    ] {
        let is_over = live(&place, trap);
        killed += usize::from(!is_over);
        look(&place, is_over, trap);
    }
    assert_eq!(killed, 6, "every life but the last is cut short");
}

/// Lives in a process of its own; returns whether it came to its end.
fn live(place: &Place, trap: &str) -> bool {
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "vault::kills::a_life", "--ignored"])
        .env(PLACE, place.directory.path())
        .env(TRAP, trap)
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success() || status.code().is_none(), "{trap}: {status}");
    status.success()
}

/// What is kept is what was reported last, or what followed it and could not be reported any more.
fn look(place: &Place, is_over: bool, trap: &str) {
    let store = Arc::new(place.open_as_it_is());
    assert_sound(&store);
    let vault = StoreVault::new(&store, World::of(&[]));
    let reported = fs::read_to_string(place.directory.path().join("reported")).unwrap_or_default();
    let reported: u64 = reported.lines().last().map_or(0, |line| line.parse().unwrap());
    let found = block_on(kept(&vault, authorization(1)));
    let revision = found.as_ref().map_or(0, |(revision, _)| *revision);
    assert!(revision == reported || revision == reported + 1 && !is_over, "{trap}: {revision} {reported}");
    if let Some((revision, secret)) = found {
        assert_eq!(secret, format!("secret after {}", revision - 1), "{trap}");
    }
}

#[test]
#[ignore = "the process that is killed, begun by the test above"]
fn a_life() {
    let Some(directory) = std::env::var_os(PLACE) else { return };
    std::env::var(TRAP).unwrap().parse::<ArmedFailpoint>().unwrap().arm();
    let path = Path::new(&directory).join(".raccord").join("state.redb");
    let store = Arc::new(raccord_store::Store::open_existing(&path, &opener("live")).unwrap());
    let vault = StoreVault::new(&store, World::of(&[]));
    let reported = Path::new(&directory).join("reported");
    let mut reported = OpenOptions::new().create(true).append(true).open(reported).unwrap();
    block_on(async {
        for _ in 0..REPLACES {
            let before = kept(&vault, authorization(1)).await.map_or(0, |(revision, _)| revision);
            let expected = Some(Revision(before)).filter(|_| before > 0);
            let secret = format!("secret after {before}").into();
            let made = vault.replace(authorization(1), expected, secret).await.unwrap();
            reported.write_all(format!("{}\n", made.0).as_bytes()).unwrap();
        }
    });
}
