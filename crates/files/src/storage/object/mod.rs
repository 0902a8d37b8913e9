//! Buckets of S3, Google Cloud Storage and Azure. Requests that fail for a while (5xx, 429, lost connections) are sent again
//! with growing pauses; what is refused is not.

mod tree;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::path::Path;
use object_store::{
    BackoffConfig, ClientOptions, Error, GetOptions, GetRange, ObjectMeta, ObjectStore, RetryConfig,
};
use secrecy::ExposeSecret as _;

use super::error::Doing;
use super::remote::{MAX_ENTRIES, MAX_FILES};
use super::{
    Answer, AzureAccess, FilePath, GcsAccess, Listed, RemotePlace, RemoteStorage, S3Access, StorageError,
};

pub(crate) use tree::ObjectTree;

/// How often a request is sent again, and for how long at the most.
const RETRIES: usize = 5;
const RETRY_TIME: Duration = Duration::from_mins(1);
/// How long a request may take, and a connection.
const TIMEOUT: Duration = Duration::from_mins(1);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How much is kept of what a service says.
const MAX_SAID: usize = 300;
/// The region where none is named: what compatible services take for any.
const REGION: &str = "us-east-1";

/// A bucket, or a container.
#[derive(Debug)]
pub(crate) struct ObjectStorage {
    store: Arc<dyn ObjectStore>,
    /// What it is called, in words.
    name: String,
}

/// What a service said, without line breaks and cut.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Said(String);

impl Said {
    fn of(error: &dyn std::error::Error) -> Self {
        let mut text = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        if let Some((at, _)) = text.char_indices().nth(MAX_SAID) {
            text.truncate(at);
            text.push('…');
        }
        Self(text)
    }
}

impl ObjectStorage {
    pub(crate) fn open(place: &RemotePlace) -> Result<Self, StorageError> {
        let (store, name) = match place {
            RemotePlace::S3 { bucket, access } => (s3(bucket, access), format!("bucket `{bucket}`")),
            RemotePlace::Gcs { bucket, access } => (gcs(bucket, access), format!("bucket `{bucket}`")),
            RemotePlace::Azure { container, access } => {
                (azure(container, access), format!("container `{container}`"))
            }
            RemotePlace::Sftp { .. } => {
                return Err(StorageError::Settings("a server of SFTP has no buckets".to_owned()));
            }
        };
        let store = store.map_err(|error| StorageError::Settings(Said::of(&error).to_string()))?;
        Ok(Self { store, name })
    }

    /// What a listing failed with: where nothing is below a prefix, it is empty, and not an error.
    fn unlisted(&self, error: &Error) -> StorageError {
        match failed_at(Doing::Reading, error) {
            StorageError::Read { .. } => StorageError::NoBucket(self.name.clone()),
            other => other,
        }
    }
}

fn retries() -> RetryConfig {
    RetryConfig { backoff: BackoffConfig::default(), max_retries: RETRIES, retry_timeout: RETRY_TIME }
}

fn options(endpoint: Option<&String>) -> ClientOptions {
    let is_plain = endpoint.is_some_and(|url| url.starts_with("http://"));
    ClientOptions::new().with_timeout(TIMEOUT).with_connect_timeout(CONNECT_TIMEOUT).with_allow_http(is_plain)
}

fn s3(bucket: &str, access: &S3Access) -> Result<Arc<dyn ObjectStore>, Error> {
    let mut builder = AmazonS3Builder::from_env();
    if let (Some(id), Some(key)) = (&access.access_key_id, &access.secret_access_key) {
        // Nothing of the environment stands beside keys that are named.
        builder = AmazonS3Builder::new()
            .with_region(REGION)
            .with_access_key_id(id.expose_secret())
            .with_secret_access_key(key.expose_secret());
    }
    if let Some(token) = &access.session_token {
        builder = builder.with_token(token.expose_secret());
    }
    if let Some(region) = &access.region {
        builder = builder.with_region(region);
    }
    if let Some(endpoint) = &access.endpoint {
        builder = builder.with_endpoint(endpoint.trim_end_matches('/'));
    }
    let client = options(access.endpoint.as_ref());
    let store = builder.with_bucket_name(bucket).with_client_options(client).with_retry(retries()).build()?;
    Ok(Arc::new(store))
}

fn gcs(bucket: &str, access: &GcsAccess) -> Result<Arc<dyn ObjectStore>, Error> {
    let mut builder = GoogleCloudStorageBuilder::from_env();
    if let Some(account) = &access.service_account {
        builder = GoogleCloudStorageBuilder::new().with_service_account_key(account.expose_secret());
    }
    let builder = builder.with_bucket_name(bucket).with_client_options(options(None));
    Ok(Arc::new(builder.with_retry(retries()).build()?))
}

fn azure(container: &str, access: &AzureAccess) -> Result<Arc<dyn ObjectStore>, Error> {
    let mut builder = MicrosoftAzureBuilder::from_env();
    if let Some(key) = &access.access_key {
        builder = MicrosoftAzureBuilder::new().with_access_key(key.expose_secret());
    }
    if let Some(account) = &access.account {
        builder = builder.with_account(account.expose_secret());
    }
    if let Some(endpoint) = &access.endpoint {
        builder = builder.with_endpoint(endpoint.clone());
    }
    let client = options(access.endpoint.as_ref());
    let builder = builder.with_container_name(container).with_client_options(client);
    Ok(Arc::new(builder.with_retry(retries()).build()?))
}

/// What a request on a path failed with.
fn failed(path: &FilePath, doing: Doing, error: Error) -> StorageError {
    match error {
        // An object that is written needs nothing there but its bucket.
        Error::NotFound { .. } if doing == Doing::Reading => StorageError::NotFound(path.clone()),
        Error::Precondition { .. } | Error::NotModified { .. } => StorageError::Changed(path.clone()),
        other => failed_at(doing, &other),
    }
}

fn failed_at(doing: Doing, error: &Error) -> StorageError {
    let said = match error {
        Error::PermissionDenied { source, .. }
        | Error::Unauthenticated { source, .. }
        | Error::NotFound { source, .. }
        | Error::Generic { source, .. } => Said::of(&**source),
        other => Said::of(other),
    };
    // A listing tells the status in words alone.
    let status = match error {
        Error::PermissionDenied { .. } => Some(403),
        Error::Unauthenticated { .. } => Some(401),
        Error::NotFound { .. } => Some(404),
        _ => status_in(&said.0),
    };
    let path = "the bucket".to_owned();
    match (status, doing) {
        (Some(401 | 403), _) => StorageError::Denied(Box::new(said)),
        (Some(404), Doing::Reading) => StorageError::Read { path, source: Box::new(said) },
        (Some(404), Doing::Writing) => StorageError::Write { path, source: Box::new(said) },
        _ => StorageError::Unreachable(Box::new(said)),
    }
}

/// The status that the library names in a message: `… status code: 403 Forbidden: …`.
fn status_in(said: &str) -> Option<u16> {
    let (_, after) = said.split_once("status code: ")?;
    after.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn listed(meta: ObjectMeta) -> Result<Listed, StorageError> {
    let name = meta.location.to_string();
    let path = FilePath::new(&name)
        .map_err(|error| StorageError::Read { path: name.clone(), source: Box::new(error) })?;
    let changed = meta.last_modified.timestamp_nanos_opt();
    let changed = changed.and_then(|nanos| jiff::Timestamp::from_nanosecond(i128::from(nanos)).ok());
    Ok(Listed { path, bytes: meta.size, changed, tag: meta.version.or(meta.e_tag) })
}

impl RemoteStorage for ObjectStorage {
    fn list_below<'a>(
        &'a self,
        folder: &'a str,
        levels: Option<usize>,
        keeps: &'a (dyn Fn(&str) -> bool + Send + Sync),
    ) -> Answer<'a, Vec<Listed>> {
        Box::pin(async move {
            let invalid =
                |error: object_store::path::Error| StorageError::Settings(Said::of(&error).to_string());
            let prefix = (!folder.is_empty()).then(|| Path::parse(folder).map_err(invalid)).transpose()?;
            let depth = folder.split('/').filter(|part| !part.is_empty()).count();
            let (mut files, mut seen) = (Vec::new(), 0);
            // The library asks for page after page, 1,000 keys each.
            let mut objects = self.store.list(prefix.as_ref());
            while let Some(meta) = objects.try_next().await.map_err(|error| self.unlisted(&error))? {
                seen += 1;
                let place = || folder.to_owned();
                if seen > MAX_ENTRIES {
                    return Err(StorageError::TooMany { place: place(), most: MAX_ENTRIES, what: "objects" });
                }
                let key = meta.location.as_ref();
                let below = key.split('/').count().saturating_sub(depth + 1);
                if levels.is_some_and(|levels| below > levels) || !keeps(key) {
                    continue;
                }
                files.push(listed(meta)?);
                if files.len() > MAX_FILES {
                    return Err(StorageError::TooMany { place: place(), most: MAX_FILES, what: "files" });
                }
            }
            files.sort_unstable_by(|one, other| one.path.cmp(&other.path));
            Ok(files)
        })
    }

    fn read_part<'a>(&'a self, file: &'a Listed, range: Range<u64>) -> Answer<'a, Bytes> {
        Box::pin(async move {
            let range = range.start..range.end.min(file.bytes);
            if range.is_empty() {
                return Ok(Bytes::new());
            }
            let wanted = GetOptions {
                if_match: file.tag.clone(),
                range: Some(GetRange::Bounded(range)),
                ..GetOptions::default()
            };
            let path = Path::parse(file.path.as_str())
                .map_err(|error| StorageError::Settings(Said::of(&error).to_string()))?;
            let found = self
                .store
                .get_opts(&path, wanted)
                .await
                .map_err(|error| failed(&file.path, Doing::Reading, error))?;
            if found.meta.size != file.bytes {
                return Err(StorageError::Changed(file.path.clone()));
            }
            found.bytes().await.map_err(|error| failed(&file.path, Doing::Reading, error))
        })
    }
}
