//! Work on a file: each piece in one transaction, on threads that may wait for a disk, and done again when another program was in
//! the way. One writer at a time; readers see what was last committed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use raccord_model::failpoint::Failpoint;
use rusqlite::Connection;

use crate::error::Failure;
use crate::layout;
use crate::open::{Access, OpenError, open};

/// How often work is begun, in all, while another program holds the lock.
const ATTEMPTS: u32 = 6;

/// How long one attempt waits for the lock.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// How many connections that read are kept.
const READERS: usize = 4;

/// A file, and the connections to it that are open.
#[derive(Debug)]
pub(crate) struct File {
    place: Place,
    writer: Arc<tokio::sync::Mutex<Option<Open>>>,
    readers: Arc<Mutex<Vec<Open>>>,
}

/// Where the file is, and how long its lock is waited for.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) path: PathBuf,
    pub(crate) patience: Duration,
}

/// A connection, and which file it is to.
#[derive(Debug)]
struct Open {
    connection: Connection,
    identity: Identity,
    has_layout: bool,
}

/// Which file stands under a name: one that was replaced is another.
type Identity = (u64, u64);

impl Place {
    #[cfg(unix)]
    fn identity(&self) -> Result<Identity, OpenError> {
        use std::os::unix::fs::MetadataExt as _;
        let found = fs::metadata(&self.path).map_err(|error| self.failed(error))?;
        Ok((found.dev(), found.ino()))
    }

    #[cfg(not(unix))]
    fn identity(&self) -> Result<Identity, OpenError> {
        fs::metadata(&self.path).map_err(|error| self.failed(error))?;
        Ok((0, 0))
    }

    fn failed(&self, error: io::Error) -> OpenError {
        match error.kind() {
            io::ErrorKind::NotFound => OpenError::Missing(self.path.clone()),
            _ => OpenError::Look(self.path.clone(), error),
        }
    }

    fn open(&self, access: Access) -> Result<Open, OpenError> {
        let connection = open(&self.path, access, self.patience)?;
        Ok(Open { connection, identity: self.identity()?, has_layout: false })
    }

    /// Whether there is neither a file nor, for want of a directory, a place where it may have been.
    pub(crate) fn is_absent(&self) -> bool {
        let directory = self.path.parent().filter(|directory| !directory.as_os_str().is_empty());
        let is_empty =
            |path: &Path| matches!(fs::metadata(path), Err(error) if error.kind() == io::ErrorKind::NotFound);
        is_empty(&self.path) && directory.is_none_or(Path::is_dir)
    }
}

/// Runs work that waits for a disk or for a lock.
pub(crate) async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(Failure::Stopped))
}

impl File {
    pub(crate) fn new(path: PathBuf, patience: Duration) -> Self {
        let place = Place { path, patience };
        Self { place, writer: Arc::default(), readers: Arc::default() }
    }

    pub(crate) const fn place(&self) -> &Place {
        &self.place
    }

    /// Reads at one moment. There is nothing in a file that is not there, or that has no rows of ours.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        nothing: T,
        work: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let (place, readers) = (self.place.clone(), Arc::clone(&self.readers));
        aside(move || {
            if place.is_absent() {
                return Ok(nothing);
            }
            let mut open = reader(&place, &readers)?;
            if !open.has_layout {
                open.has_layout = layout::is_current(&open.connection)?;
            }
            if !open.has_layout {
                return Ok(nothing);
            }
            open.connection.execute_batch("BEGIN")?;
            let done = work(&open.connection);
            open.connection.execute_batch("ROLLBACK")?;
            let mut kept = readers.lock().unwrap_or_else(PoisonError::into_inner);
            if done.is_ok() && kept.len() < READERS {
                kept.push(open);
            }
            done
        })
        .await
    }

    /// Writes in one transaction, which is on the disk when this returns. With [`Access::Create`] the file is made.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        access: Access,
        work: impl Fn(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let mut slot = Arc::clone(&self.writer).lock_owned().await;
        let place = self.place.clone();
        aside(move || {
            let mut attempt = 1;
            loop {
                match once(&mut slot, &place, access, &work) {
                    Err(failure) if attempt < ATTEMPTS && failure.is_contended() => attempt += 1,
                    Err(failure) if failure.is_contended() => {
                        let waited = place.patience.saturating_mul(ATTEMPTS);
                        return Err(OpenError::Locked(place.path, waited).into());
                    }
                    done => return done,
                }
            }
        })
        .await
    }
}

/// A connection that reads the file which stands there now.
fn reader(place: &Place, readers: &Mutex<Vec<Open>>) -> Result<Open, Failure> {
    let identity = place.identity()?;
    loop {
        let kept = readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        match kept {
            Some(open) if open.identity == identity => return Ok(open),
            Some(_) => {}
            None => return Ok(place.open(Access::Read)?),
        }
    }
}

/// One attempt. A connection after whose failure nothing is known is closed.
fn once<T>(
    slot: &mut Option<Open>,
    place: &Place,
    access: Access,
    work: &impl Fn(&Connection) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let is_there = match slot {
        Some(open) => place.identity().is_ok_and(|identity| identity == open.identity),
        None => false,
    };
    if !is_there {
        *slot = None;
        *slot = Some(place.open(access)?);
    }
    let Some(open) = slot else { return Err(Failure::Stopped) };
    let done = transact(open, work);
    if matches!(done, Err(Failure::Database(_))) {
        *slot = None;
    }
    done
}

fn transact<T>(open: &mut Open, work: &impl Fn(&Connection) -> Result<T, Failure>) -> Result<T, Failure> {
    let connection = &open.connection;
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let done = (|| {
        if !open.has_layout {
            layout::migrate(connection)?;
        }
        let done = work(connection)?;
        Failpoint::ElsewhereCommitBefore.pass();
        connection.execute_batch("COMMIT")?;
        Failpoint::ElsewhereCommitAfter.pass();
        Ok(done)
    })();
    if done.is_ok() {
        open.has_layout = true;
    } else if !connection.is_autocommit() {
        connection.execute_batch("ROLLBACK")?;
    }
    done
}
