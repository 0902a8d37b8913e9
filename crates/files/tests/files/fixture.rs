//! Files in a folder of their own, and what is read of them as any reader would.

use std::collections::BTreeMap;
use std::sync::Arc;
#[cfg(feature = "object-stores")]
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use jiff::{SignedDuration, Timestamp};
use raccord_conformance::fixture::{batch, checkpoint, transfer, window};
use raccord_files::destination::{FilesDestination, FilesSettings, StorageSource};
use raccord_files::format::Format;
use raccord_files::storage::{FilePath, LocalStorage, Storage, read_whole};
#[cfg(feature = "object-stores")]
use raccord_files::storage::{RemotePlace, S3Access, open_tree};
use raccord_model::checkpoint::Checkpoint;
use raccord_model::fact::Uid;
use raccord_model::language::Manage;
use raccord_model::language::project::FieldType;
use raccord_model::language::store::{FileMode, PartitionBy};
use raccord_model::port::destination::{
    Batch, Change, Destination as _, EntityShape, Fence, FieldShape, Intent, Reading,
};
use raccord_model::port::environment::{Environment, RandomError};
use raccord_model::row::{self, FieldId};
use raccord_model::value::{Instant, Value as RowValue};
use serde_json::Value;
use uuid::Uuid;

#[cfg(feature = "object-stores")]
use crate::s3_server::S3Server;

/// A clock that a test moves, and identities in their order.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    pub(crate) seconds: AtomicI64,
    ids: AtomicU64,
}

impl Environment for Clock {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(self.seconds.load(Ordering::Relaxed))
    }

    fn new_id(&self) -> Uuid {
        Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, self.ids.fetch_add(1, Ordering::Relaxed), 0))
    }

    fn variable(&self, _: &str) -> Option<String> {
        None
    }

    fn random(&self) -> Result<[u8; 32], RandomError> {
        Err(RandomError)
    }
}

/// Where the files of a test are: each place is empty at first, and nothing else is there.
pub(crate) trait Place: Sized {
    fn new() -> Self;
    fn storage(&self) -> Arc<dyn Storage>;
}

/// A directory of this machine.
pub(crate) struct Directory(tempfile::TempDir);

impl Place for Directory {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn storage(&self) -> Arc<dyn Storage> {
        Arc::new(LocalStorage::new(self.0.path().join("out")))
    }
}

/// A folder of a bucket.
#[cfg(feature = "object-stores")]
pub(crate) struct Bucket(String);

#[cfg(feature = "object-stores")]
impl Bucket {
    /// One server for the tests of a process.
    pub(crate) fn server() -> &'static S3Server {
        static SERVER: OnceLock<S3Server> = OnceLock::new();
        SERVER.get_or_init(S3Server::start)
    }

    /// The folder in the bucket `lake`.
    pub(crate) fn path(&self) -> &str {
        &self.0
    }

    /// What reaches a bucket of it.
    pub(crate) fn place(bucket: &str) -> RemotePlace {
        // Which cryptography TLS has, a process says before it makes its first client.
        drop(rustls::crypto::ring::default_provider().install_default());
        let access = S3Access {
            access_key_id: Some("AKIAEXAMPLE".into()),
            secret_access_key: Some("secret".into()),
            endpoint: Some(Self::server().endpoint()),
            ..S3Access::default()
        };
        RemotePlace::S3 { bucket: bucket.to_owned(), access }
    }
}

#[cfg(feature = "object-stores")]
impl Place for Bucket {
    fn new() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        Self(format!("out/{}", NUMBER.fetch_add(1, Ordering::Relaxed)))
    }

    fn storage(&self) -> Arc<dyn Storage> {
        open_tree(&Self::place("lake"), &self.0).unwrap()
    }
}

/// A folder with files.
pub(crate) struct Folder<P> {
    pub(crate) place: P,
    pub(crate) clock: Arc<Clock>,
}

pub(crate) fn settings(format: Format, mode: FileMode, partition: Option<PartitionBy>) -> FilesSettings {
    FilesSettings { format, mode, partition }
}

pub(crate) fn jsonl(mode: FileMode) -> FilesSettings {
    settings(Format::Jsonl, mode, None)
}

impl<P: Place> Folder<P> {
    pub(crate) fn new() -> Self {
        Self { place: P::new(), clock: Arc::default() }
    }

    /// A process that writes there.
    pub(crate) fn destination(&self, settings: FilesSettings) -> FilesDestination {
        let clock: Arc<Clock> = Arc::clone(&self.clock);
        FilesDestination::new(StorageSource::fixed(self.place.storage()), settings, clock)
    }

    /// The content of a file, whose path is relative to the folder.
    pub(crate) async fn read(&self, path: &str) -> Vec<u8> {
        let path = FilePath::new(path).unwrap();
        read_whole(self.place.storage().as_ref(), &path, 1 << 30).await.unwrap()
    }

    /// The manifest of an entity.
    pub(crate) async fn manifest(&self, entity: &str) -> Value {
        serde_json::from_slice(&self.read(&format!("{entity}/manifest.json")).await).unwrap()
    }

    /// The paths that a manifest names, in their order.
    pub(crate) async fn named(&self, entity: &str) -> Vec<String> {
        let manifest = self.manifest(entity).await;
        let paths = manifest["files"].as_array().unwrap().iter();
        let mut paths: Vec<String> = paths.map(|file| file["path"].as_str().unwrap().to_owned()).collect();
        paths.sort();
        paths
    }

    /// The rows of JSON Lines that count, in the order of their text.
    pub(crate) async fn rows(&self, entity: &str) -> Vec<BTreeMap<String, Value>> {
        let mut rows = Vec::new();
        for path in self.named(entity).await {
            let text = String::from_utf8(self.read(&format!("{entity}/{path}")).await).unwrap();
            rows.extend(text.lines().map(|line| serde_json::from_str(line).unwrap()));
        }
        rows.sort_by_key(|row: &BTreeMap<String, Value>| serde_json::to_string(row).unwrap());
        rows
    }

    /// The paths of files that begin with a prefix.
    pub(crate) async fn below(&self, prefix: &str) -> Vec<String> {
        let listing = self.place.storage().list(prefix, None).await.unwrap();
        assert_eq!(listing.next, None);
        listing.files.into_iter().map(|file| file.path.to_string()).collect()
    }

    /// All files with rows that are there, also those that do not count.
    pub(crate) async fn there(&self) -> Vec<String> {
        let mut paths = self.below("").await;
        paths.retain(|path| !path.contains("_raccord") && !path.ends_with("manifest.json"));
        paths
    }
}

/// Asks each case of files in a directory and in a bucket, where they share one server.
macro_rules! in_each_place {
    ($($case:ident)+) => {
        mod in_a_directory {
            $(#[tokio::test]
            async fn $case() {
                super::$case(crate::fixture::Folder::<crate::fixture::Directory>::new()).await;
            })+
        }

        #[cfg(feature = "object-stores")]
        #[tokio::test]
        async fn the_same_in_a_bucket() {
            $($case(crate::fixture::Folder::<crate::fixture::Bucket>::new()).await;)+
        }
    };
}
pub(crate) use in_each_place;

pub(crate) fn field(id: FieldId, name: &str, field_type: FieldType) -> FieldShape {
    FieldShape { id, column: name.to_owned(), field_type, required: false, unique: false, max_length: None }
}

/// An entity whose key is its first field.
pub(crate) fn shape(incarnation: u64, table: &str, fields: Vec<FieldShape>) -> EntityShape {
    EntityShape {
        project: Uid(Uuid::nil()),
        entity: format!("crm.{table}").parse().unwrap(),
        incarnation,
        table: table.to_owned(),
        manage: Manage::Additive,
        key: fields.iter().take(1).map(|field| field.id).collect(),
        fields,
        fed_by: Vec::new(),
        replaces: Vec::new(),
    }
}

/// The entity of the tests: a key, a text, an instant, a decimal.
pub(crate) const INC: u64 = 7;

pub(crate) fn contact() -> EntityShape {
    let fields = vec![
        field(1, "id", FieldType::Integer),
        field(2, "country", FieldType::Text),
        field(3, "created_at", FieldType::Datetime),
        field(4, "price", FieldType::Decimal),
    ];
    shape(INC, "contact", fields)
}

/// The fields of a contact: `FR`, an instant in seconds, a price.
pub(crate) type Values<'a> = (Option<&'a str>, Option<i64>, Option<&'a str>);

pub(crate) fn key(id: i64) -> Vec<u8> {
    let mut key = Vec::new();
    row::push_key(&mut key, &RowValue::Integer(id)).unwrap();
    key
}

pub(crate) fn upsert(batch: &mut Batch, id: i64, (country, at, price): Values<'_>) {
    let mut patch = Vec::new();
    row::begin(&mut patch);
    let at = at.map(|seconds| RowValue::Datetime(Instant { seconds, nanoseconds: 0 }));
    let values = [
        Some(RowValue::Integer(id)),
        country.map(|text| RowValue::Text(text.to_owned().into())),
        at,
        price.map(|text| RowValue::Decimal(text.parse().unwrap())),
    ];
    for (id, value) in (1..).zip(values) {
        row::push(&mut patch, id, value.as_ref());
    }
    let key = key(id);
    let change = Change { intent: Intent::Upsert, key: &key, patch: &patch, version: b"", digest: None };
    batch.changes.push(change);
}

pub(crate) fn delete(batch: &mut Batch, id: i64) {
    let key = key(id);
    let change = Change { intent: Intent::Delete, key: &key, patch: b"", version: b"", digest: None };
    batch.changes.push(change);
}

/// The first transfer under a lease.
pub(crate) fn under(lease: u64) -> Fence {
    Fence { generation: 1, epoch: 0, reset: 0, lease }
}

/// A page of a reading, with the checkpoint behind it.
pub(crate) fn page(ids: std::ops::Range<i64>, attempt: u32, lease: u64) -> Batch {
    let mut page = batch('A');
    for id in ids.clone() {
        upsert(&mut page, id, (Some("FR"), Some(id), Some("1.5")));
    }
    let window = window(attempt);
    let reading = Some(Reading::from(&window));
    let checkpoint = Checkpoint { window: Some(window), ..checkpoint(ids.end) };
    Batch { reading, fence: under(lease), checkpoint: Some(checkpoint), ..page }
}

/// The ids of rows, in the order of numbers.
pub(crate) fn ids(rows: &[BTreeMap<String, Value>]) -> Vec<i64> {
    let mut ids: Vec<i64> = rows.iter().map(|row| row["id"].as_i64().unwrap()).collect();
    ids.sort_unstable();
    ids
}

/// How far the checkpoint has come.
pub(crate) async fn come_to(destination: &FilesDestination) -> Option<String> {
    let checkpoint = destination.resume(transfer('A')).await.unwrap()?;
    Some(checkpoint.state.unwrap().as_str().to_owned())
}
