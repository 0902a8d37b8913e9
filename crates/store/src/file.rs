//! Files and directories that only their owner may read, and files that appear whole or not at all.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::holder;
use raccord_model::failpoint::Failpoint;

/// Has a file created for its owner alone.
pub(crate) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// Creates a directory and those above it, for their owner alone.
pub(crate) fn create_directory(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// How the name of a draft ends.
const DRAFT: &str = ".new";

/// The drafts of this process.
static OURS: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

fn ours() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    OURS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes away the drafts of a file whose processes were killed before they were complete. One that cannot be taken away
/// does no harm.
pub(crate) fn clear_drafts(of: &Path) {
    let (Some(name), Ok(entries)) = (of.file_name(), std::fs::read_dir(parent(of))) else { return };
    let name = name.to_string_lossy();
    for entry in entries.flatten() {
        let found = entry.file_name();
        let rest = found.to_str().and_then(|found| found.strip_prefix(&*name)?.strip_prefix('.'));
        let Some(mark) = rest.and_then(|rest| rest.strip_suffix(DRAFT)) else { continue };
        // In a container every process may have the number of the one before it.
        let path = parent(of).join(&found);
        if is_abandoned(mark) && !ours().contains(&path) {
            drop(std::fs::remove_file(path));
        }
    }
}

/// Whether the process that a draft's mark names is no more, or is this one, which knows its own. Drafts of earlier versions
/// name none.
fn is_abandoned(mark: &str) -> bool {
    let Some((pid, _)) = mark.split_once('-') else {
        return mark.len() == 32 && mark.bytes().all(|byte| byte.is_ascii_hexdigit());
    };
    pid.parse().is_ok_and(|pid| pid == std::process::id() || holder::is_gone(pid))
}

/// Which file a path leads to, whatever it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    /// That of the file at a path.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        let metadata = std::fs::metadata(path)?;
        Ok(Self { device: metadata.dev(), inode: metadata.ino() })
    }
}

/// A file under another name until it is complete; dropped before, it is removed.
#[derive(Debug)]
pub(crate) struct Draft {
    path: PathBuf,
}

impl Draft {
    /// Creates the file beside the one that it is to become.
    pub(crate) fn create(of: &Path, mark: &str) -> io::Result<(Self, File)> {
        let mut name = OsString::from(of.file_name().unwrap_or_default());
        name.push(format!(".{}-{mark}{DRAFT}", std::process::id()));
        let path = parent(of).join(name);
        // Known before it is there, so that no other thread takes it for one that was left behind.
        ours().insert(path.clone());
        match private(OpenOptions::new().read(true).write(true).create_new(true)).open(&path) {
            Ok(file) => Ok((Self { path }, file)),
            Err(error) => {
                ours().remove(&path);
                Err(error)
            }
        }
    }

    /// Gives the file its name. One that has the name already is left alone, and that is the error
    /// [`io::ErrorKind::AlreadyExists`].
    pub(crate) fn publish(self, to: &Path) -> io::Result<()> {
        Failpoint::PublishBefore.pass();
        match std::fs::hard_link(&self.path, to) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(error),
            // Some file systems have no links. There a rename could replace a file of the same moment, so it is
            // the second choice.
            Err(_) if to.try_exists()? => return Err(io::ErrorKind::AlreadyExists.into()),
            Err(_) => std::fs::rename(&self.path, to)?,
        }
        sync_directory(to)?;
        Failpoint::PublishAfter.pass();
        Ok(())
    }
}

/// Makes a file with a text, whole, for its owner alone; one that is there already is left as it is.
pub(crate) fn make(path: &Path, text: &str) -> io::Result<()> {
    clear_drafts(path);
    let (draft, mut file) = Draft::create(path, "key")?;
    io::Write::write_all(&mut file, text.as_bytes())?;
    file.sync_all()?;
    match draft.publish(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.path));
        ours().remove(&self.path);
    }
}

/// Makes the name of a file durable.
fn sync_directory(of: &Path) -> io::Result<()> {
    #[cfg(unix)]
    File::open(parent(of))?.sync_all()?;
    Ok(())
}

/// The directory that a file is in.
pub(crate) fn parent(of: &Path) -> &Path {
    match of.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
