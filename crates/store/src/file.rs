//! Files and directories that only their owner may read, and files that appear whole or not at all.

use std::ffi::OsString;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use crate::failpoint::Failpoint;

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

/// A file under another name until it is complete; dropped before, it is removed.
#[derive(Debug)]
pub(crate) struct Draft {
    path: PathBuf,
}

impl Draft {
    /// Creates the file beside the one that it is to become.
    pub(crate) fn create(of: &Path, mark: &str) -> io::Result<(Self, File)> {
        let mut name = OsString::from(of);
        name.push(format!(".{mark}.new"));
        let path = PathBuf::from(name);
        let file = private(OpenOptions::new().read(true).write(true).create_new(true)).open(&path)?;
        Ok((Self { path }, file))
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

impl Drop for Draft {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.path));
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
