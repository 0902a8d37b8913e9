//! Opening a state file, creating one, and saying exactly why it cannot be done.
//!
//! A new state is written whole under another name first, so that a file under the state's own name is either a
//! complete state or none of ours. Nothing here replaces a file that it does not understand.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use raccord_model::port::state::Head;
use redb::backends::{FileBackend, InMemoryBackend};
use redb::{Builder, Database, DatabaseError, ReadableDatabase, StorageError, TableError};
use uuid::Uuid;

use crate::error::StoreError;
use crate::file::{self, Draft, Identity};
use crate::holder::{self, Holder, Note};
use crate::table::{self, FORMAT, META, META_FORMAT, META_HEAD, Tables};
use crate::writer::Writer;
use crate::{Shared, Store, fact};

/// The memory that redb may use to keep pages. Enough for the upper levels of a table of a million rows and for
/// what a batch writes; the operating system caches the rest.
const CACHE: usize = 8 * 1024 * 1024;

/// With what every redb file begins.
const MAGIC: [u8; 9] = *b"redb\x1A\x0A\xA9\x0D\x0A";

/// Who opens a state.
#[derive(Debug, Clone)]
pub struct Opener {
    /// What is about to be done: `apply`, `watch`. Shown to a process that is refused meanwhile.
    pub verb: String,
    /// When.
    pub at: Timestamp,
    /// The lineage of the state, should one be created.
    pub lineage: Uuid,
}

/// Why a state could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Its directory is not there and cannot be made.
    #[error("create the directory {}", path.display())]
    Directory {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// There is none, and a new one cannot be written.
    #[error("create the state {}", path.display())]
    Create {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// There is none, and none was to be created.
    #[error("there is no state at {}", path.display())]
    Missing {
        /// Where.
        path: PathBuf,
    },
    /// We may not write it.
    #[error("the state {} cannot be written", path.display())]
    ReadOnly {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file system fails.
    #[error("open the state {}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Another process has it open.
    #[error("the state {} is open in {}", path.display(), name(holder.as_ref()))]
    Held {
        /// Which.
        path: PathBuf,
        /// Who, when it left a note.
        holder: Option<Holder>,
    },
    /// It was written by an earlier version, and what came since cannot be added.
    #[error("add what is new to the state {}", path.display())]
    Complete {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The file is something else.
    #[error("{} is not a state of Raccord: {why}", path.display())]
    Foreign {
        /// Which.
        path: PathBuf,
        /// What gave it away.
        why: &'static str,
    },
    /// The file was a state once.
    #[error("the state {} is damaged: {why}; restore it from a backup", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A later version of Raccord wrote it.
    #[error("the state {} has format {found}, this version of Raccord reads up to {known}", path.display())]
    Newer {
        /// Which.
        path: PathBuf,
        /// The format it has.
        found: u32,
        /// The newest that we know.
        known: u32,
    },
    /// No thread could be started to write it.
    #[error("start the writer of the state")]
    Writer(#[source] io::Error),
}

fn name(holder: Option<&Holder>) -> String {
    holder.map_or_else(|| "another process".to_owned(), |holder| format!("another process: {holder}"))
}

impl Store {
    /// Opens a state, and creates it and its directory when they are missing. One process at a time.
    pub fn open(path: &Path, opener: &Opener) -> Result<Self, OpenError> {
        if !exists(path)? {
            create(path, opener.lineage)?;
        }
        Self::open_existing(path, opener)
    }

    /// Opens a state that must be there already.
    pub fn open_existing(path: &Path, opener: &Opener) -> Result<Self, OpenError> {
        if !exists(path)? {
            return Err(OpenError::Missing { path: path.to_owned() });
        }
        // redb stops with a panic where a page that it trusts is damaged.
        let database = catch_unwind(|| {
            inspect(path)?;
            let database = open_database(path)?;
            if !verify(&database, path)? {
                complete(&database, path)?;
            }
            Ok(database)
        });
        let makes_no_sense = |_| {
            let why = "a page makes no sense".to_owned();
            Err(OpenError::Damaged { path: path.to_owned(), why })
        };
        let database = database.unwrap_or_else(makes_no_sense)?;
        let note = Note::leave(path, &Holder::here(&opener.verb, opener.at));
        let identity =
            Identity::of(path).map_err(|source| OpenError::File { path: path.to_owned(), source })?;
        file::clear_drafts(path);
        Self::on(database, path, Some((note, identity)))
    }

    /// A new state in memory alone, in place of one that is not there: for looking at what an apply would begin.
    /// Nothing is written, nothing of it is kept, and its lineage is the nil one, which no state has.
    pub fn in_memory(path: &Path) -> Result<Self, OpenError> {
        let failed = |source: StoreError| OpenError::Create { path: path.to_owned(), source: source.into() };
        let database = builder().create_with_backend(InMemoryBackend::new());
        let database = database.map_err(|error| failed(error.into()))?;
        begin(&database, &first_head(Uuid::nil())).map_err(failed)?;
        Self::on(database, path, None)
    }

    fn on(database: Database, path: &Path, file: Option<(Note, Identity)>) -> Result<Self, OpenError> {
        let (note, identity) = file.unzip();
        let shared = Arc::new(Shared::of(database, path, identity));
        let writer = Writer::start(Arc::clone(&shared)).map_err(OpenError::Writer)?;
        Ok(Self { writer, _note: note, shared })
    }
}

fn exists(path: &Path) -> Result<bool, OpenError> {
    path.try_exists().map_err(|source| OpenError::File { path: path.to_owned(), source })
}

/// Writes a new state. When another process is faster its state stands.
fn create(path: &Path, lineage: Uuid) -> Result<(), OpenError> {
    let directory = file::parent(path);
    file::create_directory(directory)
        .map_err(|source| OpenError::Directory { path: directory.to_owned(), source })?;
    let failed = |source| io_error(path, source);
    file::clear_drafts(path);
    let (draft, file) = Draft::create(path, &lineage.simple().to_string()).map_err(failed)?;
    write_new(file, &first_head(lineage))
        .map_err(|broken| OpenError::Create { path: path.to_owned(), source: Box::new(broken) })?;
    match draft.publish(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(failed(error)),
        _ => Ok(()),
    }
}

/// Where a state stands to which nothing was applied yet.
const fn first_head(lineage: Uuid) -> Head {
    Head { lineage, serial: 0, generation: 0, stack: None, root: None }
}

fn write_new(file: File, head: &Head) -> Result<(), StoreError> {
    begin(&builder().create_with_backend(FileBackend::new(file)?)?, head)
}

/// Fills an empty database.
fn begin(database: &Database, head: &Head) -> Result<(), StoreError> {
    let transaction = database.begin_write()?;
    {
        let mut tables = Tables::open(&transaction)?;
        tables.meta.insert(META_FORMAT, FORMAT.to_be_bytes().as_slice())?;
        tables.meta.insert(META_HEAD, serde_json::to_vec(head)?.as_slice())?;
    }
    transaction.commit()?;
    Ok(())
}

/// How redb is to work.
pub(crate) fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE);
    builder
}

/// Looks at the file before redb does, which trusts more than we do.
fn inspect(path: &Path) -> Result<(), OpenError> {
    let failed = |source| io_error(path, source);
    let mut file = OpenOptions::new().read(true).write(true).open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    let foreign = |why| OpenError::Foreign { path: path.to_owned(), why };
    if !metadata.is_file() {
        return Err(foreign("it is not a file"));
    }
    let mut start = [0; MAGIC.len()];
    match file.read_exact(&mut start) {
        Ok(()) if start == MAGIC => Ok(()),
        Ok(()) => Err(foreign("it begins with other bytes")),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            let why = format!("it has only {} bytes", metadata.len());
            Err(OpenError::Damaged { path: path.to_owned(), why })
        }
        Err(error) => Err(failed(error)),
    }
}

fn open_database(path: &Path) -> Result<Database, OpenError> {
    builder().open(path).map_err(|error| match error {
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
            OpenError::Held { path: path.to_owned(), holder: holder::read(path) }
        }
        DatabaseError::Storage(StorageError::Io(source)) => io_error(path, source),
        other => OpenError::Damaged { path: path.to_owned(), why: other.to_string() },
    })
}

fn io_error(path: &Path, source: io::Error) -> OpenError {
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            OpenError::ReadOnly { path, source }
        }
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
            OpenError::Damaged { path, why: source.to_string() }
        }
        _ => OpenError::File { path, source },
    }
}

/// Makes sure that the file is a state, and one that we can read. Says whether it has every table.
fn verify(database: &Database, path: &Path) -> Result<bool, OpenError> {
    let foreign = |why| OpenError::Foreign { path: path.to_owned(), why };
    let damaged = |why: String| OpenError::Damaged { path: path.to_owned(), why };
    let transaction = database.begin_read().map_err(|error| damaged(error.to_string()))?;
    let meta = match transaction.open_table(META) {
        Ok(meta) => meta,
        Err(TableError::Storage(error)) => return Err(damaged(error.to_string())),
        Err(_) => return Err(foreign("it is a database of something else")),
    };
    let format = meta.get(META_FORMAT).map_err(|error| damaged(error.to_string()))?;
    let format = format.ok_or_else(|| foreign("it is a database of something else"))?;
    let found = format.value().try_into().map(u32::from_be_bytes);
    let found = found.map_err(|_| damaged("its format cannot be read".to_owned()))?;
    if found > FORMAT {
        return Err(OpenError::Newer { path: path.to_owned(), found, known: FORMAT });
    }
    let mut is_complete = true;
    for &definition in table::ALL {
        match transaction.open_table(definition) {
            Ok(_) => {}
            Err(TableError::TableDoesNotExist(_)) => is_complete = false,
            Err(error) => return Err(damaged(error.to_string())),
        }
    }
    Ok(is_complete)
}

/// Adds the tables that came after the version of Raccord that wrote the file.
fn complete(database: &Database, path: &Path) -> Result<(), OpenError> {
    let failed = |source: StoreError| OpenError::Complete { path: path.to_owned(), source: source.into() };
    let transaction = database.begin_write().map_err(|error| failed(error.into()))?;
    {
        let mut tables = Tables::open(&transaction).map_err(failed)?;
        fact::index_runs(&mut tables).map_err(failed)?;
        // From now on there may be rows that the version before cannot read.
        let format = FORMAT.to_be_bytes();
        tables.meta.insert(META_FORMAT, format.as_slice()).map_err(|error| failed(error.into()))?;
    }
    transaction.commit().map_err(|error| failed(error.into()))
}
