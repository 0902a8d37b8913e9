//! Opening a file of SQLite: what every connection is set to, and why a file cannot be used, in words that name it. It makes
//! no table and reads no row.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, Error, ErrorCode, OpenFlags};

/// What a connection may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Read a file that is there.
    Read,
    /// Read and write a file that is there.
    Write,
    /// The same, and make the file when there is none. The directory has to be there.
    Create,
}

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is none.
    #[error("there is no file {}", .0.display())]
    Missing(PathBuf),
    /// There is not even the directory.
    #[error("there is no directory {}: make it, for Raccord makes only the file", .0.display())]
    NoDirectory(PathBuf),
    /// Something else stands under its name.
    #[error("{} is a directory, and not a file", .0.display())]
    Directory(PathBuf),
    /// The file is of another program.
    #[error("the file {} is not a database of SQLite", .0.display())]
    NotADatabase(PathBuf),
    /// It is damaged.
    #[error("the file {} is damaged: `PRAGMA integrity_check` tells where", .0.display())]
    Corrupt(PathBuf),
    /// The system lets us not read or write it.
    #[error("the file {} may not be {}: the permissions of the file and of its directory forbid it", .0.display(), .1)]
    Denied(PathBuf, &'static str),
    /// Readers of it keep files beside it, which cannot be made.
    #[error("the file {} is in WAL mode, whose readers keep `-wal` and `-shm` beside it: make its directory writable for Raccord, or read a copy, which `sqlite3 {} \"VACUUM INTO 'copy.db'\"` writes", .0.display(), .0.display())]
    WalBeside(PathBuf),
    /// Another program holds its lock.
    #[error("another program has held the lock of {} for {} seconds", .0.display(), .1.as_secs_f32())]
    Locked(PathBuf, Duration),
    /// Anything else.
    #[error("the file {} cannot be opened", .0.display())]
    Other(PathBuf, #[source] Error),
    /// The system cannot look at it.
    #[error("look at the file {}", .0.display())]
    Look(PathBuf, #[source] io::Error),
}

/// Opens a file. Whatever another program's lock keeps this connection from is tried again for `patience`, and then fails with
/// `SQLITE_BUSY`.
pub fn open(path: &Path, access: Access, patience: Duration) -> Result<Connection, OpenError> {
    look(path, access)?;
    let flags = match access {
        Access::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
        Access::Write => OpenFlags::SQLITE_OPEN_READ_WRITE,
        Access::Create => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
    };
    // Without SQLITE_OPEN_URI a name is a name, whatever it begins with. One thread at a time has a connection.
    let opened = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .and_then(|connection| set(&connection, access, patience).map(|()| connection));
    opened.map_err(|error| why(path, access, patience, error))
}

/// What the library would say of a path in words that do not help.
fn look(path: &Path, access: Access) -> Result<(), OpenError> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => Err(OpenError::Directory(path.to_owned())),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
            match directory.filter(|directory| !directory.is_dir()) {
                Some(directory) => Err(OpenError::NoDirectory(directory.to_owned())),
                None if access == Access::Create => Ok(()),
                None => Err(OpenError::Missing(path.to_owned())),
            }
        }
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            Err(OpenError::Denied(path.to_owned(), "read"))
        }
        Err(error) => Err(OpenError::Look(path.to_owned(), error)),
    }
}

/// What every connection is set to. The first statement reads the file, so that what is wrong with it is found here.
fn set(connection: &Connection, access: Access, patience: Duration) -> Result<(), Error> {
    connection.busy_timeout(patience)?;
    // A name in double quotes is a name; SQLite would take one that it does not know for a text.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
    // The schema of a file is another's text: its views and triggers call no function with side effects.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    if access == Access::Read {
        return Ok(());
    }
    // Others read what was last committed while we write. A commit is on the disk when it is reported.
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)
}

/// Where the header of a file says by which version it is read and written, and that of WAL.
const VERSIONS: std::ops::Range<usize> = 18..20;
const WAL: [u8; 2] = [2, 2];

/// Whether a file that can be read itself is in WAL mode.
fn is_wal(path: &Path) -> bool {
    let mut header = [0; VERSIONS.end];
    let read = fs::File::open(path).and_then(|mut file| io::Read::read_exact(&mut file, &mut header));
    read.is_ok() && header.get(VERSIONS) == Some(&WAL)
}

fn why(path: &Path, access: Access, patience: Duration, error: Error) -> OpenError {
    let path = path.to_owned();
    let what = if access == Access::Read { "read" } else { "written" };
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => OpenError::NotADatabase(path),
        Some(ErrorCode::DatabaseCorrupt) => OpenError::Corrupt(path),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => OpenError::Locked(path, patience),
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly) if access == Access::Read && is_wal(&path) => {
            OpenError::WalBeside(path)
        }
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            OpenError::Denied(path, what)
        }
        _ => OpenError::Other(path, error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As in a directory that cannot be written to, which it always can be by the one who may do anything.
    #[test]
    fn a_file_in_wal_mode_wants_a_place_for_its_readers() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a.db");
        for (mode, expected) in [("wal", "is in WAL mode, whose readers keep"), ("delete", "may not be read")]
        {
            let made = Connection::open(&path).unwrap();
            made.pragma_update(None, "journal_mode", mode).unwrap();
            made.execute_batch("CREATE TABLE IF NOT EXISTS a (k INTEGER PRIMARY KEY)").unwrap();
            drop(made);
            for code in [rusqlite::ffi::SQLITE_READONLY, rusqlite::ffi::SQLITE_CANTOPEN] {
                let error = Error::SqliteFailure(rusqlite::ffi::Error::new(code), None);
                let said = why(&path, Access::Read, Duration::ZERO, error).to_string();
                assert!(said.contains(expected), "{mode}: {said}");
            }
        }
    }
}
