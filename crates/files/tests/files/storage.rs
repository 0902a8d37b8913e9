//! The port `Storage` in a directory: whole files or none, in the order of their paths.

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use raccord_files::storage::{FilePath, LocalStorage, Put, Storage, StorageError, read_whole};

fn path(text: &str) -> FilePath {
    FilePath::new(text).unwrap()
}

fn storage() -> (tempfile::TempDir, LocalStorage) {
    let directory = tempfile::tempdir().unwrap();
    let storage = LocalStorage::new(directory.path().join("not/there/yet"));
    (directory, storage)
}

async fn names(storage: &LocalStorage, prefix: &str, after: Option<&FilePath>) -> Vec<String> {
    let listing = storage.list(prefix, after).await.unwrap();
    assert_eq!(listing.next, None);
    listing.files.iter().map(|file| format!("{} {}", file.path, file.bytes)).collect()
}

#[tokio::test]
async fn files_are_listed_in_the_order_of_their_paths() {
    let (_directory, storage) = storage();
    assert!(names(&storage, "", None).await.is_empty());
    for (at, content) in [("b/2.csv", "22"), ("a.csv", "1"), ("b/10.csv", "333"), ("bc", "")] {
        storage.put(&path(at), Bytes::from_static(content.as_bytes()), Put::Replace).await.unwrap();
    }
    assert_eq!(names(&storage, "", None).await, ["a.csv 1", "b/10.csv 3", "b/2.csv 2", "bc 0"]);
    assert_eq!(names(&storage, "b", None).await, ["b/10.csv 3", "b/2.csv 2", "bc 0"]);
    assert_eq!(names(&storage, "b/", Some(&path("b/10.csv"))).await, ["b/2.csv 2"]);
    storage.delete(&path("b/2.csv")).await.unwrap();
    storage.delete(&path("b/2.csv")).await.unwrap();
    assert_eq!(names(&storage, "b/", None).await, ["b/10.csv 3"]);
}

#[tokio::test]
async fn of_those_that_put_a_new_file_one_succeeds() {
    let (_directory, storage) = storage();
    let puts = (0..8).map(|number| {
        let storage = storage.clone();
        tokio::spawn(async move {
            let content = Bytes::from(number.to_string());
            storage.put(&path("log/1.json"), content, Put::IfAbsent).await
        })
    });
    let mut successes = 0;
    for put in puts.collect::<Vec<_>>() {
        match put.await.unwrap() {
            Ok(()) => successes += 1,
            Err(error) => assert!(matches!(error, StorageError::AlreadyThere(_)), "{error:?}"),
        }
    }
    assert_eq!(successes, 1);
    // Nothing is left of the others.
    let folder = storage.list("log/", None).await.unwrap();
    assert_eq!(folder.files.len(), 1);
}

#[tokio::test]
async fn a_file_is_there_when_it_is_finished() {
    let (directory, storage) = storage();
    let mut upload = storage.upload(&path("x/data")).await.unwrap();
    upload.write(Bytes::from_static(b"first ")).await.unwrap();
    assert!(names(&storage, "", None).await.is_empty());
    drop(upload);
    assert_eq!(std::fs::read_dir(directory.path().join("not/there/yet/x")).unwrap().count(), 0);

    let mut upload = storage.upload(&path("x/data")).await.unwrap();
    upload.write(Bytes::from_static(b"second ")).await.unwrap();
    upload.write(Bytes::from(vec![b'.'; 600_000])).await.unwrap();
    upload.finish().await.unwrap();
    let whole = read_whole(&storage, &path("x/data"), 1 << 20).await.unwrap();
    assert_eq!((whole.len(), &whole[..8]), (600_007, &b"second ."[..]));
}

#[tokio::test]
async fn a_part_of_a_file_is_read() {
    let (_directory, storage) = storage();
    storage.put(&path("f"), Bytes::from_static(b"0123456789"), Put::Replace).await.unwrap();
    for (range, expected) in [
        (Some(2..5), "234"),
        (Some(8..50), "89"),
        (Some(10..20), ""),
        (Some(20..30), ""),
        (None, "0123456789"),
    ] {
        let content = storage.read(&path("f"), range.clone()).await.unwrap();
        assert_eq!(content.bytes, 10);
        let parts: Vec<Bytes> = content.stream.try_collect().await.unwrap();
        assert_eq!(parts.concat(), expected.as_bytes(), "{range:?}");
    }
    let missing = read_whole(&storage, &path("g"), 10).await.unwrap_err();
    assert!(matches!(missing, StorageError::NotFound(_)));
    let large = read_whole(&storage, &path("f"), 9).await.unwrap_err();
    assert_eq!(large.to_string(), "the file `f` has more than 9 bytes");
}
