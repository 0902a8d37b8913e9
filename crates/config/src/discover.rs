//! The files that a configuration consists of: found, read, ordered. The only part that touches the disk.
//!
//! Links are followed inside of what was named, and nowhere else: a file that belongs to something else is not read,
//! and nothing of it is shown.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use raccord_model::diagnostic::Code;
use raccord_model::named_pipe::is_named_pipe;

use crate::diagnose::Report;
use crate::load::Input;
use crate::lock::{LOCK, LOCK_TEXTS};
use crate::resolve::clean;

/// How large one file may be, in bytes.
pub const MAX_FILE: usize = 16 << 20;
/// How many entries of directories are looked at.
pub const MAX_ENTRIES: usize = 1_000_000;
/// Directories that hold other people's files.
const SKIPPED: [&str; 2] = ["node_modules", "target"];
/// How standard input is called.
pub(crate) const STDIN: &str = "-";

/// One text with its origin.
#[derive(Debug)]
pub(crate) struct Found {
    /// As it was named or found.
    pub(crate) name: String,
    /// The absolute directory it stands in.
    pub(crate) directory: String,
    /// What it holds, at most one byte more than [`MAX_FILE`].
    pub(crate) bytes: Vec<u8>,
}

/// Everything that was found.
#[derive(Debug, Default)]
pub(crate) struct Discovery {
    /// The texts, by name.
    pub(crate) texts: Vec<Found>,
    /// The directory that data paths are relative to when there is no Stack.
    pub(crate) root: String,
    /// The directories that were named, the first first, when none of them holds all the others.
    pub(crate) beside: Vec<String>,
}

/// Where the parts of a configuration are on the disk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// The directories that are walked, those that cannot be read among them.
    pub directories: Vec<PathBuf>,
    /// The files that are read.
    pub files: Vec<PathBuf>,
}

/// What the paths lead to, by the rules of [`load`](crate::load); no file is read. Links may lead about in `within`, or
/// else in the directories that are named.
pub fn places(paths: &[PathBuf], within: Option<&Path>) -> Places {
    let mut report = Report::default();
    let named = named(paths);
    let mut walk = Walk::new(&named, within, &mut report);
    named.iter().filter(|path| path.as_os_str() != STDIN).for_each(|path| walk.named(path));
    Places { directories: walk.directories, files: walk.files }
}

/// The paths that were given; without any, the current directory.
fn named(paths: &[PathBuf]) -> Cow<'_, [PathBuf]> {
    if paths.is_empty() { Cow::Owned(vec![PathBuf::from(".")]) } else { Cow::Borrowed(paths) }
}

/// Whether a file of this name is read where it is found in a directory.
pub fn is_read(path: &Path) -> bool {
    is_yaml(path) && !is_hidden(path)
}

/// Reads everything that the paths lead to.
pub(crate) fn discover(input: &Input, report: &mut Report) -> Discovery {
    let paths = &*named(&input.paths);
    let mut walk = Walk::new(paths, input.within.as_deref(), report);
    let (root, beside) = root_of(paths.iter().filter(|path| path.is_dir()));
    let mut found = Discovery { root, beside, texts: Vec::new() };
    for path in paths {
        if let Some(directory) = unwritable(path) {
            let message = format!("the path of {} is not UTF-8: {}", shown(path), directory.display());
            let help = "give the directory a name in UTF-8, or move the configuration".to_owned();
            walk.report.error(Code::Unreadable, message, Some(help));
        } else if path.as_os_str() == STDIN {
            let bytes = input.stdin.clone().unwrap_or_default();
            found.texts.push(Found { name: STDIN.to_owned(), directory: absolute(Path::new(".")), bytes });
        } else {
            walk.named(path);
        }
    }
    let Walk { files, report, .. } = walk;
    for path in files {
        match read(&path) {
            Ok(_) if directory_of(&path).to_str().is_none() => {
                let message = format!("{} is in a directory whose name is not UTF-8", shown(&path));
                report.error(Code::Unreadable, message, Some("rename the directory".to_owned()));
            }
            Ok(bytes) => {
                found.texts.push(Found {
                    name: shown(&path),
                    directory: absolute(directory_of(&path)),
                    bytes,
                });
            }
            Err(error) => unreadable(report, &path, &error),
        }
    }
    found.texts.sort_by(|a, b| a.name.cmp(&b.name));
    found.texts.dedup_by(|a, b| a.name == b.name);
    found
}

/// The directory of what was named, where its path cannot be written down: what is kept of it is text, in which it would be
/// another directory.
fn unwritable(path: &Path) -> Option<PathBuf> {
    let directory = if path.is_dir() { path } else { directory_of(path) };
    std::path::absolute(directory).ok().filter(|directory| directory.to_str().is_none())
}

/// The directory that data paths are relative to when there is no Stack, whatever the order in which directories were named: the
/// one that holds all the others, or else the first by name. Then they stand beside each other.
fn root_of<'p>(named: impl Iterator<Item = &'p PathBuf>) -> (String, Vec<String>) {
    let mut beside: Vec<(String, String)> = Vec::new();
    for directory in named {
        let place = absolute(directory);
        if beside.iter().all(|(known, _)| *known != place) {
            beside.push((place, shown(directory)));
        }
    }
    let root = beside.iter().map(|(place, _)| place).min().cloned();
    let root = root.unwrap_or_else(|| absolute(Path::new(".")));
    if beside.iter().all(|(place, _)| Path::new(place).starts_with(&root)) {
        beside.clear();
    }
    (root, beside.into_iter().map(|(_, shown)| shown).collect())
}

struct Walk<'r> {
    files: Vec<PathBuf>,
    directories: Vec<PathBuf>,
    /// Where links may lead, by real paths.
    roots: Vec<PathBuf>,
    /// Files and directories already met, by their real paths.
    seen: HashSet<PathBuf>,
    /// How many entries of directories were looked at.
    looked_at: usize,
    /// Whether there is more to look at than the limit allows.
    is_full: bool,
    report: &'r mut Report,
}

impl<'r> Walk<'r> {
    fn new(named: &[PathBuf], within: Option<&Path>, report: &'r mut Report) -> Self {
        let roots = match within {
            Some(within) => vec![real(within)],
            None => named.iter().map(|path| real(path)).collect(),
        };
        let (files, directories, seen) = (Vec::new(), Vec::new(), HashSet::new());
        Self { files, directories, roots, seen, looked_at: 0, is_full: false, report }
    }

    /// A path that was given: whatever it is, it is taken.
    fn named(&mut self, path: &Path) {
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => self.directory(path, &real(path)),
            Ok(metadata) if is_named_pipe(path, metadata.file_type()) => {
                let help = "name a file or a directory, or write into `-f -`".to_owned();
                let message = format!("{} is a named pipe, which may never have an end", shown(path));
                self.report.error(Code::Unreadable, message, Some(help));
            }
            Ok(_) => {
                self.file(path, real(path));
                self.lock_beside(path);
            }
            Err(error) => unreadable(self.report, path, &error),
        }
    }

    /// The lock beside a file that was given, with the texts that it means: they say what the file means.
    fn lock_beside(&mut self, file: &Path) {
        let home = file.parent().unwrap_or(Path::new(""));
        let (lock, texts) = (home.join(LOCK), home.join(LOCK_TEXTS));
        if is_yaml(file) && lock.is_file() {
            self.file(&lock, real(&lock));
            let kept = real(&texts);
            if kept.is_dir() {
                self.roots.push(kept.clone());
                self.directory(&texts, &kept);
            }
        }
    }

    fn file(&mut self, path: &Path, real: PathBuf) {
        if self.seen.insert(real) {
            self.files.push(path.to_owned());
        }
    }

    fn directory(&mut self, path: &Path, real: &Path) {
        // A link back into a directory that was already walked ends here.
        if !self.seen.insert(real.to_owned()) {
            return;
        }
        self.directories.push(path.to_owned());
        let left = MAX_ENTRIES - self.looked_at;
        let entries = fs::read_dir(path).and_then(|entries| entries.take(left + 1).collect());
        let entries: Vec<_> = match entries {
            Ok(entries) => entries,
            Err(error) => return unreadable(self.report, path, &error),
        };
        if entries.len() > left {
            return self.too_many(path);
        }
        self.looked_at += entries.len();
        let mut entries: Vec<_> = entries.into_iter().map(|entry| (entry.path(), entry)).collect();
        entries.sort_by(|one, other| one.0.cmp(&other.0));
        for (child, entry) in entries.iter().filter(|(child, _)| !is_hidden(child)) {
            self.child(child, entry, real);
        }
    }

    /// Says once that there is more to look at than the limit allows; the rest of the walk looks at nothing more.
    fn too_many(&mut self, path: &Path) {
        if !std::mem::replace(&mut self.is_full, true) {
            let message =
                format!("{}: more than {MAX_ENTRIES} entries of directories were looked at", shown(path));
            let help = "name the directory that holds the configuration".to_owned();
            self.report.error(Code::Unreadable, message, Some(help));
        }
        self.looked_at = MAX_ENTRIES;
    }

    /// An entry of a directory whose real path is known, and with it that of all but links.
    fn child(&mut self, child: &Path, entry: &fs::DirEntry, parent: &Path) {
        let found = match entry.file_type() {
            Ok(kind) if kind.is_symlink() => self.follow(child),
            other => other.map(|kind| Some((kind, parent.join(entry.file_name())))),
        };
        let found = match found {
            Ok(Some(found)) => Ok(found),
            Ok(None) => return self.leads_out(child),
            Err(error) => Err(error),
        };
        match found {
            Ok((kind, real)) if kind.is_dir() => {
                if !is_skipped(child) {
                    self.directory(child, &real);
                }
            }
            Ok((kind, real)) if kind.is_file() && is_yaml(child) => self.file(child, real),
            Err(error) if is_yaml(child) || (is_forbidden(&error) && !is_skipped(child)) => {
                unreadable(self.report, child, &error);
            }
            Ok(_) | Err(_) => {}
        }
    }
}

impl Walk<'_> {
    /// What a link leads to; `None` when that is beyond the roots.
    fn follow(&self, link: &Path) -> io::Result<Option<(fs::FileType, PathBuf)>> {
        let real = fs::canonicalize(link)?;
        if !self.roots.iter().any(|root| real.starts_with(root)) {
            return Ok(None);
        }
        // The real path has no link that could lead elsewhere by now.
        Ok(Some((fs::symlink_metadata(&real)?.file_type(), real)))
    }

    /// Says that a link is not followed, and nothing of where it leads.
    fn leads_out(&mut self, link: &Path) {
        if is_skipped(link) || !(is_yaml(link) || link.is_dir()) {
            return;
        }
        let help = "put the file there itself, or name it with -f".to_owned();
        let message = format!("{} is a link that leads out of the configuration", shown(link));
        self.report.error(Code::Unreadable, message, Some(help));
    }
}

/// Where a path leads in the end.
fn real(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let expected = file.metadata().ok().and_then(|metadata| usize::try_from(metadata.len()).ok());
    let mut bytes = Vec::with_capacity(expected.unwrap_or(0).min(MAX_FILE) + 1);
    let limit = u64::try_from(MAX_FILE).unwrap_or(u64::MAX).saturating_add(1);
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn unreadable(report: &mut Report, path: &Path, error: &io::Error) {
    let help = (error.kind() == io::ErrorKind::NotFound)
        .then(|| "name a directory or a file that is there, or `-` for standard input".to_owned());
    report.error(Code::Unreadable, format!("{} cannot be read: {error}", shown(path)), help);
}

/// Whether it cannot even be told what something is: a directory, perhaps, with a part of the configuration.
fn is_forbidden(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied
}

fn file_name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

fn is_hidden(path: &Path) -> bool {
    file_name(path).starts_with('.')
}

fn is_skipped(path: &Path) -> bool {
    SKIPPED.contains(&file_name(path))
}

/// Whether a file of a directory is a part of the configuration by its name: YAML, or a lock.
fn is_yaml(path: &Path) -> bool {
    file_name(path) == LOCK
        || path.extension().is_some_and(|extension| {
            extension.eq_ignore_ascii_case("yaml") || extension.eq_ignore_ascii_case("yml")
        })
}

/// A path as diagnostics show it.
fn shown(path: &Path) -> String {
    let text = path.to_string_lossy().replace('\\', "/");
    match text.strip_prefix("./") {
        Some(rest) if !rest.is_empty() => rest.to_owned(),
        _ => text,
    }
}

/// The directory of a file; that of a bare name is the current one.
fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn absolute(path: &Path) -> String {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    clean(&path.to_string_lossy())
}
