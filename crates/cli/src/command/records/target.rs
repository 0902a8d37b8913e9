//! Where exported records go: standard output, or a file that is written beside its place and renamed when it is whole. What is
//! not whole never takes its place.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use crate::error::CommandError;

/// Where data goes.
pub(super) enum Target {
    Output(BufWriter<io::Stdout>),
    File(Beside),
}

/// A file that is being written.
pub(super) struct Beside {
    file: BufWriter<File>,
    temporary: PathBuf,
    to: PathBuf,
}

impl Target {
    /// Standard output, or the file that is named.
    pub(super) fn of(path: Option<&Path>) -> Result<Self, CommandError> {
        let Some(to) = path else { return Ok(Self::Output(BufWriter::new(io::stdout()))) };
        // With the number of this process, so that two that write one file do not write into each other's.
        let temporary = PathBuf::from(format!("{}.{}.tmp", to.display(), std::process::id()));
        let file = File::create(&temporary).map_err(|error| failed(to, &error))?;
        Ok(Self::File(Beside { file: BufWriter::new(file), temporary, to: to.to_owned() }))
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), CommandError> {
        match self {
            Self::Output(output) => Ok(output.write_all(bytes)?),
            Self::File(file) => file.file.write_all(bytes).map_err(|error| failed(&file.to, &error)),
        }
    }

    /// All is written: a file takes its place.
    pub(super) fn finish(self) -> Result<(), CommandError> {
        match self {
            Self::Output(mut output) => Ok(output.flush()?),
            Self::File(mut beside) => {
                let to = beside.to.clone();
                beside.publish(&to).map_err(|error| failed(&to, &error))
            }
        }
    }

    /// Something is missing: a file keeps its place, and what was written is found beside it, under the name that is returned.
    pub(super) fn finish_partial(self) -> Result<Option<PathBuf>, CommandError> {
        match self {
            Self::Output(mut output) => {
                output.flush()?;
                Ok(None)
            }
            Self::File(mut beside) => {
                let partial = PathBuf::from(format!("{}.partial", beside.to.display()));
                beside.publish(&partial).map_err(|error| failed(&partial, &error))?;
                Ok(Some(partial))
            }
        }
    }
}

impl Beside {
    fn publish(&mut self, to: &Path) -> io::Result<()> {
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        std::fs::rename(&self.temporary, to)
    }
}

impl Drop for Beside {
    /// What did not take its place is of no use to anybody.
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.temporary));
    }
}

fn failed(path: &Path, error: &io::Error) -> CommandError {
    CommandError::new(format!("write {}: {error}", path.display()))
}
