//! Which directories are to be watched for which names, and whether an event is about any of them.
//!
//! Beside the directories that the loader walks, every directory on the way to them counts, for the one name
//! that leads on: so a directory that is deleted, recreated or swapped by a symbolic link is noticed from above.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Component, Path, PathBuf};

use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind};
use raccord_config::{is_read, places};

/// How many symbolic links one path may lead through.
const MAX_LINKS: usize = 40;

/// The directories to be watched, by their real paths.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct WatchedFiles(BTreeMap<PathBuf, Interest>);

/// What matters in a directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Interest {
    /// Whether the loader walks it.
    is_walked: bool,
    /// Entries that matter whatever they are: the way on, and where links lead.
    names: BTreeSet<OsString>,
}

impl WatchedFiles {
    /// What is to be watched for these paths as things stand.
    pub(super) fn survey(paths: &[PathBuf]) -> Self {
        let mut scene = Self::default();
        let here = [PathBuf::from(".")];
        let named = if paths.is_empty() { here.as_slice() } else { paths };
        let found = places(paths, None);
        for directory in &found.directories {
            if let Ok(real) = fs::canonicalize(directory) {
                scene.0.entry(real).or_default().is_walked = true;
            }
        }
        let linked = found.directories.iter().chain(&found.files).filter(|path| path.is_symlink());
        for path in named.iter().chain(linked) {
            if let Ok(path) = std::path::absolute(path) {
                scene.follow(&path);
            }
        }
        scene
    }

    /// Notes every step of an absolute path, through symbolic links, as far as it leads.
    fn follow(&mut self, path: &Path) {
        let mut here = PathBuf::from("/");
        let mut steps: VecDeque<OsString> = VecDeque::new();
        let mut links = 0;
        ahead(path, &mut steps);
        while let Some(name) = steps.pop_front() {
            if name == ".." {
                here.pop();
                continue;
            }
            self.0.entry(here.clone()).or_default().names.insert(name.clone());
            let next = here.join(&name);
            match fs::read_link(&next) {
                Ok(_) if links == MAX_LINKS => return,
                Ok(target) => {
                    links += 1;
                    if target.is_absolute() {
                        here = PathBuf::from("/");
                    }
                    ahead(&target, &mut steps);
                }
                // What is not there yet is waited for where it will appear.
                Err(_) if next.symlink_metadata().is_err() => return,
                Err(_) => here = next,
            }
        }
    }

    /// The directories.
    pub(super) fn directories(&self) -> impl Iterator<Item = &PathBuf> {
        self.0.keys()
    }

    /// Whether this is one of the directories.
    pub(super) fn has(&self, path: &Path) -> bool {
        self.0.contains_key(path)
    }

    /// Whether something that happened may have changed what is read.
    pub(super) fn concerns(&self, event: &notify::Event) -> bool {
        event.need_rescan() || event.paths.iter().any(|path| self.is_about(path, event.kind))
    }

    fn is_about(&self, path: &Path, kind: EventKind) -> bool {
        let (is_written, is_moved) = match kind {
            // Reading is no change; it is what the loader does.
            EventKind::Access(AccessKind::Close(AccessMode::Write))
            | EventKind::Modify(ModifyKind::Data(_)) => (true, false),
            EventKind::Access(_) => return false,
            EventKind::Modify(ModifyKind::Metadata(_)) => (false, false),
            EventKind::Any
            | EventKind::Create(_)
            | EventKind::Remove(_)
            | EventKind::Modify(ModifyKind::Any | ModifyKind::Name(_) | ModifyKind::Other)
            | EventKind::Other => (false, true),
        };
        if self.has(path) {
            return !is_written;
        }
        let Some((parent, name)) = path.parent().zip(path.file_name()) else { return false };
        let Some(interest) = self.0.get(parent) else { return false };
        // What comes or goes under any other name may be a directory, or a link that others lead through.
        interest.names.contains(name) || interest.is_walked && (is_moved || is_read(path))
    }
}

/// Puts the steps of a path before those that remain.
fn ahead(path: &Path, steps: &mut VecDeque<OsString>) {
    for component in path.components().rev() {
        match component {
            Component::Normal(name) => steps.push_front(name.to_owned()),
            Component::ParentDir => steps.push_front(OsStr::new("..").to_owned()),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
}
