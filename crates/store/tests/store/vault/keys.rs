//! The key of the vault: where it is read, when it is made, and what is said of one that is of no use.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use raccord_model::port::vault::{Revision, Vault, VaultError};
use raccord_store::{Store, StoreVault};

use super::{KEY, authorization, check, kept};
use crate::fixture::{Place, World, opener};

/// The same as [`KEY`], and another one.
const IN_HEXADECIMAL: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const OTHER: &str = "//////////////////////////////////////////8=";

fn beside(place: &Place) -> PathBuf {
    place.path().with_file_name("state.redb.key")
}

/// The vault in a process of its own.
fn open(place: &Place, variables: &[(&str, &str)]) -> StoreVault {
    StoreVault::new(&Arc::new(place.open_as_it_is()), World::of(variables))
}

/// What is said of the key while a secret is replaced; it never shows one.
async fn refusal(place: &Place, variables: &[(&str, &str)]) -> String {
    let vault = open(place, variables);
    let before = vault.list().await.unwrap();
    let revision = before.first().map(|info| info.revision);
    let error = vault.replace(authorization(1), revision, "hunter2".into()).await.unwrap_err();
    assert_eq!(vault.list().await.unwrap(), before);
    let said = format!("{error} {error:?}");
    assert!(!said.contains("hunter2") && !said.contains(&KEY[..8]) && !said.contains("////"), "{said}");
    error.to_string()
}

#[tokio::test]
async fn a_key_is_made_for_the_first_secret_and_kept() {
    let place = Place::new();
    drop(place.open());
    let vault = open(&place, &[]);
    assert_eq!(kept(&vault, authorization(1)).await, None);
    assert_eq!(vault.list().await.unwrap(), []);
    assert!(!vault.remove(authorization(1)).await.unwrap());
    assert!(vault.replace(authorization(1), Some(Revision(5)), "hunter2".into()).await.is_err());
    assert!(!beside(&place).exists(), "nothing was sealed yet");
    vault.replace(authorization(1), None, "hunter2".into()).await.unwrap();
    let made = fs::read_to_string(beside(&place)).unwrap();
    assert_eq!(made.len(), 45, "32 bytes in base64, and an end of line");
    assert_eq!(fs::metadata(beside(&place)).unwrap().permissions().mode() & 0o777, 0o600);
    drop(vault);
    let vault = open(&place, &[]);
    assert_eq!(kept(&vault, authorization(1)).await, Some((1, "hunter2".to_owned())));
    vault.replace(authorization(2), None, "another".into()).await.unwrap();
    drop(vault);
    assert_eq!(fs::read_to_string(beside(&place)).unwrap(), made, "a key is never replaced");
    let names = fs::read_dir(place.path().parent().unwrap()).unwrap();
    let mut names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["state.redb", "state.redb.key"], "no draft stays");
    // Anything that reads the whole file sees neither the secret nor the key.
    let bytes = fs::read(place.path()).unwrap();
    for text in ["hunter2", "another", made.trim()] {
        assert!(!bytes.windows(text.len()).any(|part| part == text.as_bytes()), "{text}");
    }
}

#[tokio::test]
async fn a_key_that_is_there_is_taken() {
    let place = Place::new();
    drop(place.open());
    let file = place.directory.path().join("key");
    fs::File::create(&file).unwrap();
    let mut expected = None;
    for (variable, text) in [
        ("RACCORD_KEY", KEY.to_owned()),
        ("RACCORD_KEY", IN_HEXADECIMAL.to_owned()),
        ("RACCORD_KEY_FILE", format!("{KEY}\n")),
        ("RACCORD_KEY_FILE", format!("{IN_HEXADECIMAL}\r\n")),
    ] {
        let value = if variable == "RACCORD_KEY" {
            text
        } else {
            write(&file, &text);
            file.display().to_string()
        };
        let vault = open(&place, &[(variable, &value)]);
        if expected.is_none() {
            vault.replace(authorization(1), None, "hunter2".into()).await.unwrap();
            expected = kept(&vault, authorization(1)).await;
        }
        assert_eq!(kept(&vault, authorization(1)).await, expected, "{variable}");
    }
    assert!(!beside(&place).exists(), "a key that was given needs none beside the state");
}

fn write(path: &std::path::Path, text: &str) {
    use std::io::Write as _;
    fs::File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
}

#[tokio::test]
async fn a_key_of_no_use_is_named_by_its_place() {
    let place = Place::new();
    drop(place.open());
    let nowhere = place.directory.path().join("nowhere");
    let directory = place.directory.path().display().to_string();
    let nowhere = nowhere.display().to_string();
    let wrong = "is not a key: 32 bytes in base64, or as 64 hexadecimal digits";
    for (variables, expected) in [
        (vec![("RACCORD_KEY", &KEY[1..])], format!("RACCORD_KEY, {wrong}")),
        (vec![("RACCORD_KEY", "")], format!("RACCORD_KEY, {wrong}")),
        (
            vec![("RACCORD_KEY", KEY), ("RACCORD_KEY_FILE", &nowhere)],
            "RACCORD_KEY, and RACCORD_KEY_FILE are both set: only one of them can count".to_owned(),
        ),
        (
            vec![("RACCORD_KEY_FILE", &nowhere)],
            format!("{nowhere} (RACCORD_KEY_FILE), cannot be read: No such file or directory (os error 2)"),
        ),
        (
            vec![("RACCORD_KEY_FILE", &directory)],
            format!("{directory} (RACCORD_KEY_FILE), cannot be read: Is a directory (os error 21)"),
        ),
    ] {
        assert_eq!(refusal(&place, &variables).await, format!("the key of the vault, {expected}"));
    }
    write(&beside(&place), KEY);
    fs::set_permissions(beside(&place), fs::Permissions::from_mode(0o640)).unwrap();
    let said = refusal(&place, &[]).await;
    assert!(said.ends_with("state.redb.key, may be used by others (mode 640): `chmod 600` it"), "{said}");
    fs::set_permissions(beside(&place), fs::Permissions::from_mode(0o600)).unwrap();
    open(&place, &[]).replace(authorization(1), None, "hunter2".into()).await.unwrap();
    assert_eq!(fs::read_to_string(beside(&place)).unwrap(), KEY);
}

#[tokio::test]
async fn another_key_opens_nothing_and_seals_nothing() {
    let place = Place::new();
    drop(place.open());
    open(&place, &[("RACCORD_KEY", KEY)]).replace(authorization(1), None, "hunter2".into()).await.unwrap();
    let vault = open(&place, &[("RACCORD_KEY", OTHER)]);
    let sealed_with = vault.list().await.unwrap().remove(0).key_id;
    let error = vault.get(authorization(1)).await.unwrap_err();
    assert!(matches!(error, VaultError::OtherKey { .. }), "{error}");
    let said = error.to_string();
    assert!(said.starts_with("RACCORD_KEY holds the key ") && said.ends_with(&sealed_with), "{said}");
    assert!(vault.replace(authorization(2), None, "another".into()).await.is_err(), "two keys in one state");
    drop(vault);
    assert_eq!(refusal(&place, &[("RACCORD_KEY", OTHER)]).await, said);
    let missing = refusal(&place, &[]).await;
    assert!(missing.contains("state.redb.key") && missing.contains(&sealed_with), "{missing}");
    assert!(!beside(&place).exists(), "a new key would open nothing of what is there");
    // (the variables, problems, secrets that were not opened)
    for (variables, problems, unopened) in [
        (vec![("RACCORD_KEY", KEY)], vec![], 0),
        (vec![("RACCORD_KEY", OTHER)], vec![said], 0),
        (vec![], vec![], 1),
    ] {
        let found = check(Arc::new(place.open_as_it_is()), &World::of(&variables)).await;
        assert_eq!(found, (problems, 1, unopened));
    }
    // An operator who has lost the key forgets what it opened, and begins anew.
    let vault = open(&place, &[]);
    assert!(vault.remove(authorization(1)).await.unwrap());
    vault.replace(authorization(1), None, "another".into()).await.unwrap();
    assert_eq!(kept(&vault, authorization(1)).await, Some((2, "another".to_owned())));
}

#[tokio::test]
async fn a_backup_holds_what_is_sealed_and_not_the_key() {
    let place = Place::new();
    let store = Arc::new(place.open());
    let vault = StoreVault::new(&store, World::of(&[]));
    vault.replace(authorization(1), None, "hunter2".into()).await.unwrap();
    let copy = place.directory.path().join("copy.redb");
    store.backup(&copy).unwrap();
    let open = |world: &Arc<World>| {
        let store = Arc::new(Store::open_existing(&copy, &opener("test")).unwrap());
        (StoreVault::new(&store, Arc::<World>::clone(world)), store)
    };
    let world = World::of(&[]);
    let (restored, copied) = open(&world);
    let error = restored.get(authorization(1)).await.unwrap_err().to_string();
    assert!(error.contains("copy.redb.key") && error.contains("RACCORD_KEY_FILE"), "{error}");
    drop((restored, copied));
    let key = beside(&place).display().to_string();
    let (restored, _copied) = open(&World::of(&[("RACCORD_KEY_FILE", &key)]));
    assert_eq!(kept(&restored, authorization(1)).await, Some((1, "hunter2".to_owned())));
}

/// A state that is only imagined leaves nothing behind.
#[tokio::test]
async fn a_state_in_memory_makes_no_key() {
    let place = Place::new();
    let store = Arc::new(Store::in_memory(&place.path()).unwrap());
    let vault = StoreVault::new(&store, World::of(&[]));
    assert!(vault.replace(authorization(1), None, "hunter2".into()).await.is_err());
    assert!(!beside(&place).exists());
}
