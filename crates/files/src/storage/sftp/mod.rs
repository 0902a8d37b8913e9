//! Files on a server of SFTP. One connection is kept and made anew when it is lost; what fails for a while is tried again
//! with growing pauses, what is refused is not.

mod host_key;

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use russh::client::{self, Handle};
use russh::keys::{PrivateKeyWithHashAlg, PublicKeyOrCertificate, decode_secret_key};
use russh_sftp::client::SftpSession;
use russh_sftp::client::error::Error as SftpError;
use russh_sftp::protocol::{FileAttributes, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio::sync::Mutex;

use self::host_key::ExpectedKeys;
use super::remote::{MAX_ENTRIES, MAX_FILES};
use super::{Answer, FilePath, Listed, RemoteStorage, SftpAccess, SftpSecret, StorageError};

/// How often something is tried, and the first of the pauses, which double.
const ATTEMPTS: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// How long making a connection may take, and an answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
const ANSWER_TIMEOUT: u64 = 30;

/// A server of SFTP.
pub(crate) struct SftpStorage {
    expected: ExpectedKeys,
    access: SftpAccess,
    from_home: bool,
    connection: Mutex<Option<Arc<Connection>>>,
}

/// A connection that was made.
struct Connection {
    sftp: SftpSession,
    /// The connection ends with it.
    _handle: Handle<Checking>,
}

/// Checks who the server is.
struct Checking {
    expected: ExpectedKeys,
    refused: Arc<std::sync::Mutex<Option<String>>>,
}

impl client::Handler for Checking {
    type Error = russh::Error;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        let refused = self.expected.refuse(shown);
        let is_known = refused.is_none();
        *self.refused.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = refused;
        Ok(is_known)
    }
}

/// Why something was not done, and whether another attempt may help.
enum Failure {
    Final(StorageError),
    Passing(StorageError),
}

fn passing(error: impl std::error::Error + Send + Sync + 'static) -> Failure {
    Failure::Passing(StorageError::Unreachable(Box::new(error)))
}

/// What the server says of a path, or of the connection.
fn failed(path: &FilePath, error: SftpError) -> Failure {
    let SftpError::Status(status) = &error else { return passing(error) };
    match status.status_code {
        StatusCode::NoSuchFile => Failure::Final(StorageError::NotFound(path.clone())),
        StatusCode::PermissionDenied => Failure::Final(StorageError::Denied(Box::new(error))),
        StatusCode::NoConnection | StatusCode::ConnectionLost => passing(error),
        _ => Failure::Final(StorageError::Read { path: path.to_string(), source: Box::new(error) }),
    }
}

impl SftpStorage {
    pub(crate) fn new(
        (host, port): (&str, u16),
        from_home: bool,
        access: &SftpAccess,
    ) -> Result<Self, StorageError> {
        if access.host_keys.is_empty() && access.known_hosts.is_none() {
            let message = "neither `hostKeys` nor `knownHosts` says by which key the server is known";
            return Err(StorageError::Settings(message.to_owned()));
        }
        let expected = ExpectedKeys {
            host: host.to_owned(),
            port,
            fingerprints: access.host_keys.clone(),
            known_hosts: access.known_hosts.clone(),
        };
        Ok(Self { expected, access: access.clone(), from_home, connection: Mutex::default() })
    }

    /// A path as the server knows it.
    fn at(&self, path: &str) -> String {
        match (self.from_home, path) {
            (true, "") => ".".to_owned(),
            (true, path) => path.to_owned(),
            (false, path) => format!("/{path}"),
        }
    }

    /// The connection, made when there is none.
    async fn connected(&self) -> Result<Arc<Connection>, Failure> {
        let mut connection = self.connection.lock().await;
        if let Some(connection) = &*connection {
            return Ok(Arc::clone(connection));
        }
        let made = tokio::time::timeout(CONNECT_TIMEOUT, self.connect());
        let made = Arc::new(made.await.map_err(passing)??);
        *connection = Some(Arc::clone(&made));
        Ok(made)
    }

    async fn connect(&self) -> Result<Connection, Failure> {
        let refused: Arc<std::sync::Mutex<Option<String>>> = Arc::default();
        let checking = Checking { expected: self.expected.clone(), refused: Arc::clone(&refused) };
        let config = Arc::new(client::Config::default());
        let place = (self.expected.host.as_str(), self.expected.port);
        let handle = client::connect(config, place, checking).await;
        let said = refused.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(message) = said {
            return Err(Failure::Final(StorageError::HostKey(message)));
        }
        let mut handle = handle.map_err(passing)?;
        self.authenticate(&mut handle).await?;
        let channel = handle.channel_open_session().await.map_err(passing)?;
        channel.request_subsystem(true, "sftp").await.map_err(passing)?;
        let sftp = SftpSession::new(channel.into_stream()).await.map_err(passing)?;
        sftp.set_timeout(ANSWER_TIMEOUT);
        Ok(Connection { sftp, _handle: handle })
    }

    async fn authenticate(&self, handle: &mut Handle<Checking>) -> Result<(), Failure> {
        let user = self.access.user.expose_secret();
        let answer = match &self.access.secret {
            SftpSecret::Password(password) => {
                handle.authenticate_password(user, password.expose_secret()).await.map_err(passing)?
            }
            SftpSecret::Key(key, passphrase) => {
                let passphrase = passphrase.as_ref().map(SecretString::expose_secret);
                // What is wrong with a key is not told: a message may show a part of it.
                let key = decode_secret_key(key.expose_secret(), passphrase).map_err(|_| {
                    let message =
                        "`privateKey` is no private key of OpenSSH or PEM, or `passphrase` does not open it";
                    Failure::Final(StorageError::Settings(message.to_owned()))
                })?;
                let hash = handle.best_supported_rsa_hash().await.map_err(passing)?.flatten();
                let key = PrivateKeyWithHashAlg::new(Arc::new(key), hash);
                handle.authenticate_publickey(user, key).await.map_err(passing)?
            }
        };
        if answer.success() {
            return Ok(());
        }
        Err(Failure::Final(StorageError::Denied(Box::new(NotAccepted))))
    }

    /// Does something, again when the connection was lost.
    async fn attempt<T, W>(&self, work: impl Fn(Arc<Connection>) -> W) -> Result<T, StorageError>
    where
        W: Future<Output = Result<T, Failure>>,
    {
        let mut pause = FIRST_PAUSE;
        for attempt in 1.. {
            let done = match self.connected().await {
                Ok(connection) => work(connection).await,
                Err(failure) => Err(failure),
            };
            match done {
                Ok(done) => return Ok(done),
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Passing(error)) => {
                    *self.connection.lock().await = None;
                    if attempt >= ATTEMPTS {
                        return Err(error);
                    }
                }
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        Err(StorageError::Unreachable(Box::new(NotAccepted)))
    }
}

/// The server does not take what is to prove who we are.
#[derive(Debug, thiserror::Error)]
#[error("the server does not accept the user with this password or key")]
struct NotAccepted;

/// A folder that is still to be looked into, and how far below the first it is.
struct Open {
    folder: String,
    level: usize,
}

/// The files of a folder and of those below it.
async fn walk(
    storage: &SftpStorage,
    sftp: &SftpSession,
    (folder, levels): (&str, Option<usize>),
    keeps: &(dyn Fn(&str) -> bool + Send + Sync),
) -> Result<Vec<Listed>, Failure> {
    let too_many =
        |most, what| Failure::Final(StorageError::TooMany { place: folder.to_owned(), most, what });
    let (mut files, mut seen) = (Vec::new(), 0);
    let mut open = VecDeque::from([Open { folder: folder.to_owned(), level: 0 }]);
    while let Some(Open { folder, level }) = open.pop_front() {
        let path = FilePath::new(if folder.is_empty() { "root" } else { &folder });
        let path = path.map_err(|error| Failure::Final(StorageError::Settings(error.to_string())))?;
        let entries = match sftp.read_dir(storage.at(&folder)).await {
            Ok(entries) => entries,
            Err(SftpError::Status(status)) if status.status_code == StatusCode::NoSuchFile => continue,
            Err(error) => return Err(failed(&path, error)),
        };
        for entry in entries {
            seen += 1;
            if seen > MAX_ENTRIES {
                return Err(too_many(MAX_ENTRIES, "entries of folders"));
            }
            let name = entry.file_name();
            let below = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            let mut facts = entry.metadata();
            if facts.is_symlink() {
                // A link to nothing is no file; one to a folder may lead in a circle, and is not followed.
                match sftp.metadata(storage.at(&below)).await {
                    Ok(target) if !target.is_dir() => facts = target,
                    _ => continue,
                }
            }
            if facts.is_dir() {
                if levels.is_none_or(|levels| level < levels) {
                    open.push_back(Open { folder: below, level: level + 1 });
                }
            } else if keeps(&below) {
                files.push(listed(&below, &facts).map_err(Failure::Final)?);
                if files.len() > MAX_FILES {
                    return Err(too_many(MAX_FILES, "files"));
                }
            }
        }
    }
    files.sort_unstable_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

fn listed(name: &str, facts: &FileAttributes) -> Result<Listed, StorageError> {
    let path = FilePath::new(name)
        .map_err(|error| StorageError::Read { path: name.to_owned(), source: Box::new(error) })?;
    let changed = facts.mtime.and_then(|seconds| jiff::Timestamp::from_second(i64::from(seconds)).ok());
    Ok(Listed { path, bytes: facts.size.unwrap_or_default(), changed, tag: None })
}

/// Reads a part of a file that is still what it was.
async fn read(sftp: &SftpSession, at: String, file: &Listed, range: &Range<u64>) -> Result<Bytes, Failure> {
    let failed = |error| failed(&file.path, error);
    let mut opened = sftp.open(at).await.map_err(failed)?;
    let facts = opened.metadata().await.map_err(failed)?;
    if listed(file.path.as_str(), &facts).map_err(Failure::Final)? != *file {
        return Err(Failure::Final(StorageError::Changed(file.path.clone())));
    }
    let length = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
    let mut bytes = vec![0; length];
    opened.seek(std::io::SeekFrom::Start(range.start)).await.map_err(passing)?;
    opened.read_exact(&mut bytes).await.map_err(passing)?;
    opened.close().await.map_err(passing)?;
    Ok(bytes.into())
}

impl RemoteStorage for SftpStorage {
    fn list_below<'a>(
        &'a self,
        folder: &'a str,
        levels: Option<usize>,
        keeps: &'a (dyn Fn(&str) -> bool + Send + Sync),
    ) -> Answer<'a, Vec<Listed>> {
        let work = move |connection: Arc<Connection>| async move {
            walk(self, &connection.sftp, (folder, levels), keeps).await
        };
        Box::pin(self.attempt(work))
    }

    fn read_part<'a>(&'a self, file: &'a Listed, range: Range<u64>) -> Answer<'a, Bytes> {
        Box::pin(async move {
            let range = range.start..range.end.min(file.bytes);
            if range.is_empty() {
                return Ok(Bytes::new());
            }
            let (at, range) = (self.at(file.path.as_str()), &range);
            let work = move |connection: Arc<Connection>| {
                let at = at.clone();
                async move { read(&connection.sftp, at, file, range).await }
            };
            self.attempt(work).await
        })
    }
}
