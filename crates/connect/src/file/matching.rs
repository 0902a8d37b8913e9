//! Which files a path or glob means, and how a file is recognised after a while.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use raccord_files::storage::Listed;
use raccord_model::port::source::SourceError;
use serde::{Deserialize, Serialize};

use super::bounds::Bounds;
use super::walk::{WalkError, Wanted, walk};

/// How many files `check` names.
const SHOWN: usize = 5;

/// A file as it was found.
#[derive(Debug, Clone)]
pub(crate) struct Matched {
    /// Its name relative to the root, with slashes.
    pub(crate) name: String,
    pub(crate) print: Fingerprint,
    pub(crate) located: Located,
}

/// Where a file is.
#[derive(Debug, Clone)]
pub(crate) enum Located {
    /// On this machine.
    Here(PathBuf),
    /// In a bucket or on a server.
    Elsewhere(Listed),
}

impl Matched {
    /// The path on this machine.
    pub(crate) fn path(&self) -> io::Result<&Path> {
        match &self.located {
            Located::Here(path) => Ok(path),
            Located::Elsewhere(_) => Err(io::Error::other("the file is not on this machine")),
        }
    }
}

/// What changes when a file is written to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fingerprint {
    /// The size in bytes.
    pub(crate) size: u64,
    /// When it was last written, in nanoseconds since 1970; 0 where that cannot be told.
    pub(crate) modified: u128,
    /// Changes with its content, where what keeps it says so; of a file on this machine when anything of it was changed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tag: Option<String>,
}

impl Fingerprint {
    fn of(metadata: &Metadata) -> Self {
        let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        // Programs that copy or sync set the other time back, and this one they cannot.
        let tag = Some(format!("{}.{:09}", metadata.ctime(), metadata.ctime_nsec()));
        Self { size: metadata.len(), modified: modified.map_or(0, |since| since.as_nanos()), tag }
    }

    /// Whether a file is as it was when this was written down; an earlier version wrote no tag for files on this machine.
    pub(crate) fn is_of(&self, found: &Self) -> bool {
        let is_tag = self.tag.is_none() || self.tag == found.tag;
        is_tag && (self.size, self.modified) == (found.size, found.modified)
    }
}

/// The files that a path or glob means, in the order of their names. None at all is an error.
pub(crate) fn find(root: &Path, pattern: &str, wanted: &Wanted) -> Result<Vec<Matched>, SourceError> {
    let answer = |message: String| SourceError::Answer { place: pattern.to_owned(), message };
    let paths = walk(root, pattern, wanted).map_err(|error| match error {
        WalkError::Unreadable { path, source } => file_error(&name_of(root, &path), source),
        WalkError::TooMany { .. } => {
            SourceError::Limit { place: pattern.to_owned(), message: error.to_string() }
        }
        WalkError::Pattern(_) | WalkError::Ended => answer(error.to_string()),
    })?;
    let bounds = Bounds::of(root, pattern);
    let mut found = Vec::with_capacity(paths.len());
    for path in paths {
        let name = name_of(root, &path);
        if !bounds.hold(&path) {
            let message = "it is a link, or below one, that leads out of where the path begins; \
                           write the path of the file itself";
            return Err(SourceError::Answer { place: name, message: message.to_owned() });
        }
        let metadata = path.metadata().map_err(|error| file_error(&name, error))?;
        let print = Fingerprint::of(&metadata);
        found.push(Matched { name, print, located: Located::Here(path) });
    }
    if found.is_empty() {
        // The directory is that of the last apply, and not always the one in which a person looks.
        let is_relative = Path::new(pattern).is_relative();
        let below = if is_relative { format!(" below {}", root.display()) } else { String::new() };
        return Err(answer(format!("no file is there{below}")));
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

fn name_of(root: &Path, path: &Path) -> String {
    let relative = path.strip_prefix(root).unwrap_or(path);
    relative.to_string_lossy().replace(std::path::MAIN_SEPARATOR, "/")
}

/// The files in words, with their sizes.
pub(crate) fn describe(found: &[Matched]) -> String {
    let mut named: Vec<String> =
        found.iter().take(SHOWN).map(|file| format!("{} ({} bytes)", file.name, file.print.size)).collect();
    if found.len() > SHOWN {
        named.push(format!("{} more", found.len() - SHOWN));
    }
    let files = if found.len() == 1 { "1 file".to_owned() } else { format!("{} files", found.len()) };
    format!("{files}: {}", named.join(", "))
}

/// The error that a file cannot be read.
pub(crate) fn file_error(name: &str, error: io::Error) -> SourceError {
    // What a bucket or a server said is an error of its own already.
    let error = match error.downcast::<SourceError>() {
        Ok(said) => return said,
        Err(error) => error,
    };
    SourceError::File { path: name.to_owned(), source: Box::new(error) }
}
