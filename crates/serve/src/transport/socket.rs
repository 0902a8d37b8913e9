//! The local socket: the owner of a state listens beside it, and every other process of the same user asks there.
//!
//! One connection carries one question. The caller may send `stop` while it waits. A socket whose owner is gone
//! refuses connections, and is replaced by the next owner; the lock of the state itself decides who that is.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, BufWriter};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, watch};

use super::{Answering, Caller, MAX_REQUEST, PROTOCOL, Part, Question};
use crate::failure::{Failure, FailureCode};
use crate::reply::Replies;
use crate::request::{Reply, Request};

/// How many questions are answered at once; more wait for their turn.
const CONNECTIONS: usize = 64;

/// How many parts of an answer may wait for a slow reader; then the answer itself waits.
const PARTS: usize = 256;

/// How long a caller may take to ask.
const ASKING: Duration = Duration::from_secs(30);

/// How long those whose answer is ready are waited for at the end.
const FAREWELL: Duration = Duration::from_secs(1);

/// What a caller sends who wants an early end.
const STOP: &str = "stop\n";

/// The longest path that the system takes for the address of a socket, with some room (`sun_path` has 108 bytes).
const LONGEST: usize = 100;

/// Why the owner of a state could not be asked, or not listen.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// The socket cannot be listened on.
    #[error("listen at {}", path.display())]
    Listen {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A process listens, and cannot be reached.
    #[error("reach the owner of the state at {}", path.display())]
    Connect {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The owner went away in the middle.
    #[error("the owner of the state ended before it had answered; what it had reported done is kept")]
    Cut(#[source] Option<io::Error>),
    /// What it said is no answer.
    #[error("the owner of the state gave an answer that is none")]
    Answer(#[source] serde_json::Error),
}

/// Where the owner of a state listens.
pub fn path_of(state: &Path) -> PathBuf {
    let mut name = state.as_os_str().to_owned();
    name.push(".sock");
    PathBuf::from(name)
}

/// An address that is short enough, whatever the path: a long one is named through its open directory.
fn address(path: &Path) -> io::Result<(PathBuf, Option<File>)> {
    if path.as_os_str().len() <= LONGEST {
        return Ok((path.to_owned(), None));
    }
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
        return Ok((path.to_owned(), None));
    };
    let directory = File::open(directory)?;
    let short = PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd())).join(name);
    Ok((short, Some(directory)))
}

/// How often the owner looks whether its socket is still there.
const LOOK: Duration = Duration::from_secs(5);

/// A socket that is listened at. Dropping it takes the file away.
#[derive(Debug)]
pub struct Listener {
    socket: UnixListener,
    path: PathBuf,
    /// Device and inode of the file.
    identity: Option<(u64, u64)>,
    places: Arc<Semaphore>,
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    std::fs::symlink_metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

impl Listener {
    /// Listens beside a state. The caller owns the state, so a socket that is there is left over.
    pub fn bind(state: &Path) -> Result<Self, SocketError> {
        let path = path_of(state);
        let socket = Self::listen(&path)?;
        let identity = identity(&path);
        Ok(Self { socket, path, identity, places: Arc::new(Semaphore::new(CONNECTIONS)) })
    }

    fn listen(path: &Path) -> Result<UnixListener, SocketError> {
        let failed = |source| SocketError::Listen { path: path.to_owned(), source };
        let (address, _directory) = address(path).map_err(failed)?;
        match std::fs::remove_file(&address) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let listener = UnixListener::bind(&address).map_err(failed)?;
        std::fs::set_permissions(&address, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
        Ok(listener)
    }

    /// Listens anew when the file was taken away: otherwise every verb would find a state that is owned by a process
    /// which cannot be asked. A file that another process put there is left alone.
    fn mend(&mut self) {
        if identity(&self.path).is_some() {
            return;
        }
        match Self::listen(&self.path) {
            Ok(socket) => {
                tracing::warn!(path = %self.path.display(), "the local socket was removed, and is made anew");
                self.identity = identity(&self.path);
                self.socket = socket;
            }
            Err(error) => tracing::warn!(%error, "the local socket was removed"),
        }
    }

    /// Who is being answered.
    pub fn conversations(&self) -> Conversations {
        Conversations(Arc::clone(&self.places))
    }

    /// Answers until it is dropped.
    pub async fn serve(mut self, answering: Arc<dyn Answering>) {
        let mut look = tokio::time::interval(LOOK);
        loop {
            let Ok(place) = Arc::clone(&self.places).acquire_owned().await else { return };
            let accepted = tokio::select! {
                accepted = self.socket.accept() => accepted,
                _ = look.tick() => {
                    self.mend();
                    continue;
                }
            };
            match accepted {
                Ok((stream, _)) if is_ours(&stream) => {
                    let answering = Arc::clone(&answering);
                    tokio::spawn(async move {
                        if let Err(error) = converse(stream, answering).await {
                            tracing::debug!(%error, "a caller of the local socket went away");
                        }
                        drop(place);
                    });
                }
                Ok(_) => tracing::warn!("another user tried to use the local socket"),
                // Out of file descriptors: some are given back when answers end.
                Err(error) => {
                    tracing::warn!(%error, "the local socket takes no caller");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }
}

/// Those who are being answered at a local socket.
#[derive(Debug)]
pub struct Conversations(Arc<Semaphore>);

impl Conversations {
    /// Waits until everybody was answered, for a second at the most.
    pub async fn ended(self) {
        let all = u32::try_from(CONNECTIONS).unwrap_or(u32::MAX);
        // A client that takes longer hears that the owner is gone.
        drop(tokio::time::timeout(FAREWELL, self.0.acquire_many(all)).await);
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // The next owner replaces what could not be taken away, and may have done so already.
        if identity(&self.path) == self.identity {
            drop(std::fs::remove_file(&self.path));
        }
    }
}

/// Whether the caller is the same user, or root.
fn is_ours(stream: &UnixStream) -> bool {
    let own = rustix::process::geteuid().as_raw();
    stream.peer_cred().is_ok_and(|peer| peer.uid() == own || peer.uid() == 0)
}

/// Answers one question.
async fn converse(stream: UnixStream, answering: Arc<dyn Answering>) -> io::Result<()> {
    let (reader, writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    let question = tokio::time::timeout(ASKING, read_question(&mut reader)).await??;
    let (parts, queue) = mpsc::channel(PARTS);
    let (stop, stopped) = watch::channel(false);
    let listening = tokio::spawn(async move {
        let mut line = String::new();
        // A client that hangs up without a word wants no early end: what was begun goes on.
        if reader.take(8).read_line(&mut line).await.is_ok() && line == STOP {
            stop.send_replace(true);
        }
        // Keeps the sender, so that its end is not taken for a wish to stop.
        stop.closed().await;
    });
    // A task of its own: what was asked is done, also when the caller goes away.
    let answer = tokio::spawn(async move { answer(question, answering, stopped, parts).await });
    let written = write_parts(writer, queue).await;
    drop(answer.await);
    listening.abort();
    written
}

async fn read_question(reader: &mut BufReader<OwnedReadHalf>) -> io::Result<Result<Question, Failure>> {
    let mut line = Vec::new();
    let most = u64::try_from(MAX_REQUEST).unwrap_or(u64::MAX);
    reader.take(most).read_until(b'\n', &mut line).await?;
    if line.last() != Some(&b'\n') {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(understand(&line))
}

/// What a line asks, unless another version of the program wrote it.
fn understand(line: &[u8]) -> Result<Question, Failure> {
    #[derive(serde::Deserialize)]
    struct Version {
        protocol: u32,
        version: String,
    }
    let invalid = |error: serde_json::Error| {
        Failure::new(FailureCode::Invalid, format!("the request cannot be read: {error}"))
    };
    let Version { protocol, version } = serde_json::from_slice(line).map_err(invalid)?;
    if protocol != PROTOCOL {
        return Err(Failure::new(
            FailureCode::Version,
            format!(
                "this raccord is {version}, the one that owns the state is {}: use the same version",
                env!("CARGO_PKG_VERSION")
            ),
        ));
    }
    serde_json::from_slice(line).map_err(invalid)
}

async fn answer(
    question: Result<Question, Failure>,
    answering: Arc<dyn Answering>,
    stop: watch::Receiver<bool>,
    parts: mpsc::Sender<Part>,
) {
    let outcome = match question {
        Ok(Question { by, request, .. }) => {
            let mut replies = |reply: Reply| hand_on(&parts, reply);
            let caller = Caller { name: by, ..Caller::local() };
            answering.answer(request, caller, stop, &mut replies).await
        }
        Err(failure) => Err(failure),
    };
    let last = outcome.map_or_else(Part::Failed, |()| Part::Done);
    // The caller may be gone.
    drop(parts.send(last).await);
}

/// Hands a part on; while the reader is slow the answer waits, so that nothing piles up.
pub(super) fn hand_on(parts: &mpsc::Sender<Part>, reply: Reply) {
    if let Err(mpsc::error::TrySendError::Full(part)) = parts.try_send(Part::Reply(Box::new(reply))) {
        // A caller that is gone is no reason to leave work half done.
        tokio::task::block_in_place(|| drop(parts.blocking_send(part)));
    }
}

async fn write_parts(writer: OwnedWriteHalf, mut queue: mpsc::Receiver<Part>) -> io::Result<()> {
    let mut writer = BufWriter::new(writer);
    while let Some(part) = queue.recv().await {
        let mut line = serde_json::to_vec(&part)?;
        line.push(b'\n');
        writer.write_all(&line).await?;
        if queue.is_empty() {
            writer.flush().await?;
        }
    }
    writer.flush().await
}

/// Whether a process listens beside a state; a socket of a dead owner does not count.
pub async fn is_listened_at(state: &Path) -> bool {
    matches!(connect(state).await, Ok(Some(_)))
}

/// A connection to the owner of a state, if there is one.
async fn connect(state: &Path) -> Result<Option<UnixStream>, SocketError> {
    let path = path_of(state);
    let connected = match address(&path) {
        Ok((address, _directory)) => UnixStream::connect(&address).await,
        Err(error) => Err(error),
    };
    match connected {
        Ok(stream) => Ok(Some(stream)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            Ok(None)
        }
        Err(source) => Err(SocketError::Connect { path, source }),
    }
}

/// Asks the owner of a state, in the name of the caller. `stop` becomes true when a person wants an early end.
pub async fn ask(
    state: &Path,
    (request, by): (Request, Option<String>),
    stop: watch::Receiver<bool>,
    replies: &mut Replies<'_>,
) -> Result<Result<(), Failure>, SocketError> {
    let stream = connect(state).await?.ok_or(SocketError::Cut(None))?;
    let (reader, mut writer) = stream.into_split();
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let mut line = serde_json::to_vec(&Question { protocol: PROTOCOL, version, by, request })
        .map_err(SocketError::Answer)?;
    line.push(b'\n');
    let cut = |error| SocketError::Cut(Some(error));
    writer.write_all(&line).await.map_err(cut)?;
    let wish = tokio::spawn(pass_on(stop, writer));
    let mut reader = BufReader::new(reader);
    let mut line = Vec::new();
    let ended = loop {
        line.clear();
        if reader.read_until(b'\n', &mut line).await.map_err(cut)? == 0 {
            break Err(SocketError::Cut(None));
        }
        match serde_json::from_slice(&line) {
            Ok(Part::Reply(reply)) => replies(*reply),
            Ok(Part::Failed(failure)) => break Ok(Err(failure)),
            Ok(Part::Done) => break Ok(Ok(())),
            Err(error) => break Err(SocketError::Answer(error)),
        }
    };
    wish.abort();
    ended
}

/// Tells the owner when the caller wants an early end, and keeps the connection open until then.
async fn pass_on(mut stop: watch::Receiver<bool>, mut writer: OwnedWriteHalf) {
    if stop.wait_for(|stop| *stop).await.is_ok() {
        // An owner that is gone needs no wish.
        drop(writer.write_all(STOP.as_bytes()).await);
    }
    std::future::pending::<()>().await;
}
