//! The vault: what is replaced is read back, a stale revision changes nothing, and what is sealed opens where it was
//! sealed alone.

mod keys;
mod kills;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use raccord_model::fact::Uid;
use raccord_model::port::upkeep::Upkeep;
use raccord_model::port::vault::{MAX_SECRET, Revision, Vault, VaultError};
use raccord_store::{Store, StoreMaintenance, StoreVault};
use redb::{Database, ReadableDatabase, TableDefinition};
use secrecy::ExposeSecret;
use uuid::Uuid;

use crate::fixture::{Place, World, at, block_on, opener};

/// The table of sealed secrets, as it is in the file.
const VAULT: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("vault");

/// A key, in base64.
pub(super) const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

pub(super) fn authorization(number: u128) -> Uid {
    Uid(Uuid::from_u128(number))
}

/// The vault of a store whose key is in a variable.
fn vault(store: Store) -> StoreVault {
    StoreVault::new(&Arc::new(store), World::of(&[("RACCORD_KEY", KEY)]))
}

/// What is kept: its revision and its text.
pub(super) async fn kept(vault: &StoreVault, of: Uid) -> Option<(u64, String)> {
    let kept = vault.get(of).await.unwrap()?;
    Some((kept.revision.0, kept.secret.expose_secret().to_owned()))
}

/// Looks at the whole of a state: problems, secrets, unopened ones.
pub(super) async fn check(store: Arc<Store>, world: &Arc<World>) -> (Vec<String>, u64, u64) {
    let vault = StoreVault::new(&store, Arc::<World>::clone(world));
    let report = StoreMaintenance::new(&store, vault).check().await.unwrap();
    (report.problems, report.secrets, report.unopened)
}

#[derive(Debug, Clone)]
enum Act {
    /// Replaces what is there, by its revision.
    Replace(u128, String),
    /// Replaces by a revision that is not in force.
    Late(u128, String),
    Remove(u128),
}

fn act() -> impl Strategy<Value = Act> {
    let (whose, text) = (0..3_u128, ".{0,20}");
    prop_oneof![
        3 => (whose.clone(), text).prop_map(|(whose, text)| Act::Replace(whose, text)),
        1 => (whose.clone(), text).prop_map(|(whose, text)| Act::Late(whose, text)),
        1 => whose.prop_map(Act::Remove),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn what_is_replaced_is_read_back_and_a_stale_revision_changes_nothing(
        acts in prop::collection::vec(act(), 1..20),
    ) {
        block_on(async {
            let vault = vault(Store::in_memory("state.redb".as_ref()).unwrap());
            let mut expected: BTreeMap<u128, (u64, String)> = BTreeMap::new();
            let mut last = 0;
            for act in acts {
                match act {
                    Act::Replace(whose, text) => {
                        let revision = expected.get(&whose).map(|(revision, _)| Revision(*revision));
                        let made = vault.replace(authorization(whose), revision, text.as_str().into()).await;
                        let made = made.unwrap().0;
                        assert!(made > last, "{made} is not new");
                        last = made;
                        expected.insert(whose, (made, text));
                    }
                    Act::Late(whose, text) => {
                        let late = Some(Revision(last + 1));
                        let refused = vault.replace(authorization(whose), late, text.into()).await;
                        let Err(VaultError::Conflict { found, .. }) = refused else { panic!("{refused:?}") };
                        assert_eq!(found.map(|found| found.0), expected.get(&whose).map(|(it, _)| *it));
                    }
                    Act::Remove(whose) => {
                        let was_there = vault.remove(authorization(whose)).await.unwrap();
                        assert_eq!(was_there, expected.remove(&whose).is_some());
                    }
                }
                for whose in 0..3 {
                    assert_eq!(kept(&vault, authorization(whose)).await.as_ref(), expected.get(&whose));
                }
            }
            let listed = vault.list().await.unwrap();
            let listed: Vec<_> = listed.iter().map(|it| (it.authorization, it.revision.0)).collect();
            let all = expected.iter().map(|(whose, (revision, _))| (authorization(*whose), *revision));
            assert_eq!(listed, all.collect::<Vec<_>>());
        });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_replaces_at_once_exactly_one_wins() {
    let place = Place::new();
    let vault = vault(place.open());
    let mut before = None;
    for round in 0..5 {
        let all: Vec<_> = (0..8)
            .map(|number| {
                let (vault, secret) = (vault.clone(), format!("secret {round} {number}").into());
                tokio::spawn(async move { vault.replace(authorization(1), before, secret).await })
            })
            .collect();
        let mut winners = Vec::new();
        for (number, task) in all.into_iter().enumerate() {
            match task.await.unwrap() {
                Ok(revision) => winners.push((revision.0, format!("secret {round} {number}"))),
                Err(VaultError::Conflict { expected, .. }) => assert_eq!(expected, before),
                Err(error) => panic!("{error:?}"),
            }
        }
        assert_eq!(winners.len(), 1);
        assert_eq!(kept(&vault, authorization(1)).await, winners.pop());
        before = vault.list().await.unwrap().first().map(|info| info.revision);
    }
}

#[tokio::test]
async fn only_its_length_is_asked_of_a_secret() {
    let place = Place::new();
    let vault = vault(place.open());
    let longest = "x".repeat(MAX_SECRET);
    vault.replace(authorization(1), None, longest.as_str().into()).await.unwrap();
    assert_eq!(kept(&vault, authorization(1)).await.unwrap().1, longest);
    let refused = vault.replace(authorization(2), None, (longest + "x").into()).await.unwrap_err();
    assert!(matches!(refused, VaultError::TooLong { .. }), "{refused}");
}

/// The rows of the vault in a file that no process has open.
fn rows(path: &std::path::Path) -> Vec<(Vec<u8>, Vec<u8>)> {
    let database = Database::open(path).unwrap();
    let transaction = database.begin_read().unwrap();
    let table = transaction.open_table(VAULT).unwrap();
    let all = table.range::<&[u8]>(..).unwrap().map(|pair| {
        let (key, value) = pair.unwrap();
        (key.value().to_vec(), value.value().to_vec())
    });
    all.collect()
}

fn put(path: &std::path::Path, key: &[u8], value: &[u8]) {
    let database = Database::open(path).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(VAULT).unwrap().insert(key, value).unwrap();
    transaction.commit().unwrap();
}

/// Copied to another Authorization, to another revision or into another state, a sealed secret does not open, and the check
/// of the state says so.
#[tokio::test]
async fn what_is_sealed_opens_in_its_own_place_alone() {
    let (place, other) = (Place::new(), Place::new());
    let own = vault(place.open());
    let revision = own.replace(authorization(1), None, "hunter2".into()).await.unwrap();
    drop(own);
    let (key, value) = rows(&place.path()).pop().unwrap();
    drop(Store::open(
        &other.path(),
        &raccord_store::Opener { lineage: Uuid::from_u128(77), ..opener("test") },
    ));
    let next = (revision.0 + 1).to_be_bytes();
    let of_next = [&value[..1], &next, &value[9..]].concat();
    let whose = authorization(9).0.as_bytes().to_vec();
    for (at, key, value, of) in [
        (&place, &whose, &value, authorization(9)),
        (&place, &key, &of_next, authorization(1)),
        (&other, &key, &value, authorization(1)),
    ] {
        put(&at.path(), key, value);
        let store = Arc::new(at.open_as_it_is());
        let world = World::of(&[("RACCORD_KEY", KEY)]);
        let error = StoreVault::new(&store, Arc::<World>::clone(&world)).get(of).await.unwrap_err();
        assert!(matches!(error, VaultError::Unopened { authorization } if authorization == of), "{error}");
        let (problems, ..) = check(Arc::clone(&store), &world).await;
        assert!(problems.iter().any(|problem| problem.contains(&of.to_string())), "{problems:?}");
    }
    put(&place.path(), &key, b"?");
    let (problems, secrets, _) = check(Arc::new(place.open_as_it_is()), &World::of(&[])).await;
    assert_eq!(secrets, 2);
    let expected = format!("the sealed secret of the authorization {} cannot be read", authorization(1));
    assert!(problems.contains(&expected), "{problems:?}");
}

#[tokio::test]
async fn a_state_that_was_written_before_there_was_a_vault_gets_one() {
    let place = Place::new();
    drop(place.open());
    {
        let database = Database::open(place.path()).unwrap();
        let transaction = database.begin_write().unwrap();
        assert!(transaction.delete_table(VAULT).unwrap());
        transaction.commit().unwrap();
    }
    let vault = vault(place.open_as_it_is());
    assert_eq!(kept(&vault, authorization(1)).await, None);
    vault.replace(authorization(1), None, "hunter2".into()).await.unwrap();
    assert_eq!(kept(&vault, authorization(1)).await, Some((1, "hunter2".to_owned())));
}

#[tokio::test]
async fn a_secret_is_refreshed_by_one_caller_at_a_time() {
    let place = Place::new();
    let (store, world) = (Arc::new(place.open()), World::of(&[("RACCORD_KEY", KEY)]));
    let vault = StoreVault::new(&store, Arc::<World>::clone(&world));
    let another = StoreVault::new(&store, Arc::<World>::clone(&world));
    let minute = Duration::from_mins(1);
    let first = vault.lease(authorization(1), minute).await.unwrap();
    assert_eq!(first.until, at(60));
    let refused = another.lease(authorization(1), minute).await.unwrap_err();
    assert!(matches!(refused, VaultError::Leased { until, .. } if until == at(60)), "{refused}");
    let elsewhere = another.lease(authorization(2), minute).await.unwrap();
    assert!(elsewhere.token > first.token);
    // What has expired is another caller's, and giving it back takes nothing from that caller.
    world.set(at(60));
    let second = another.lease(authorization(1), minute).await.unwrap();
    assert!(second.token > elsewhere.token);
    vault.release(first).await.unwrap();
    assert!(vault.lease(authorization(1), minute).await.is_err());
    another.release(second.clone()).await.unwrap();
    let third = vault.lease(authorization(1), minute).await.unwrap();
    assert!(third.token > second.token);
    // The process that had the state is gone, and so is its lease; its tokens are not given again.
    drop((vault, another, store));
    let vault = StoreVault::new(&Arc::new(place.open_as_it_is()), world);
    assert!(vault.lease(authorization(1), minute).await.unwrap().token > third.token);
}
