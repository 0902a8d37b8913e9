//! The files that a pattern leads to: a walk along its parts, in which a link is followed once for each real file and
//! directory that it leads to.
//!
//! It opens no file, looks at no more than it says, and ends early once its answer is not waited for any more.

use std::collections::{HashSet, VecDeque};
use std::fs::{self, FileType};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use glob::{MatchOptions, Pattern, PatternError};

/// How many entries of directories are looked at.
pub(super) const MAX_ENTRIES: usize = 1_000_000;
/// How many files may be found.
pub(super) const MAX_FILES: usize = 100_000;

/// How names are compared with patterns.
const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    // Editors and office programs leave hidden files beside the ones they have open.
    require_literal_leading_dot: true,
};

/// Whether an answer is still waited for.
#[derive(Debug, Clone)]
pub(crate) struct Wanted(Arc<AtomicBool>);

/// Dropped with the caller that waits for an answer: from then on it is not wanted any more.
#[derive(Debug)]
pub(crate) struct Waiting(Arc<AtomicBool>);

impl Wanted {
    /// Something that is waited for until the second value is dropped.
    pub(crate) fn new() -> (Self, Waiting) {
        let wanted = Arc::new(AtomicBool::new(true));
        (Self(Arc::clone(&wanted)), Waiting(wanted))
    }

    /// Whether to go on.
    pub(crate) fn goes_on(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// Why a walk has no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WalkError {
    /// The pattern is none.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// There is more to look at than the limits allow.
    #[error("more than {most} {what} are below it; name a directory nearer to the files")]
    TooMany {
        /// How many there may be.
        most: usize,
        /// Of what.
        what: &'static str,
    },
    /// The answer is not waited for any more.
    #[error("the search was ended early")]
    Ended,
    /// A directory cannot be read, or what a name leads to.
    #[error("read {}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// One part of a pattern.
enum Part {
    /// This name.
    Name(String),
    /// Every name like this.
    Like(Pattern),
    /// The directory itself and every one below it: `**`.
    Below,
}

/// A directory, and the part of the pattern that comes next in it.
struct Place {
    path: PathBuf,
    real: PathBuf,
    part: usize,
}

/// The files that a pattern leads to from a directory, by the paths that lead there.
pub(super) fn walk(from: &Path, pattern: &str, wanted: &Wanted) -> Result<Vec<PathBuf>, WalkError> {
    let from = if pattern.starts_with('/') { Path::new("/") } else { from };
    let names = pattern.split('/').filter(|name| !matches!(*name, "" | "."));
    let parts = names.map(part).collect::<Result<Vec<Part>, _>>()?;
    let start = Place { path: from.to_owned(), real: real(from), part: 0 };
    let mut walk = Walk {
        parts,
        wanted,
        places: Vec::new(),
        links: VecDeque::new(),
        seen: HashSet::new(),
        files: HashSet::new(),
        found: Vec::new(),
        looked_at: 0,
    };
    walk.enter(start);
    walk.walk()?;
    Ok(walk.found)
}

fn part(name: &str) -> Result<Part, PatternError> {
    Ok(match name {
        "**" => Part::Below,
        name if name.contains(['*', '?', '[']) => Part::Like(Pattern::new(name)?),
        name => Part::Name(name.to_owned()),
    })
}

/// Where a path leads in the end.
fn real(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

fn is_hidden(name: &str) -> bool {
    name.starts_with('.')
}

struct Walk<'w> {
    parts: Vec<Part>,
    wanted: &'w Wanted,
    /// Directories that are still to be looked into.
    places: Vec<Place>,
    /// Links that are still to be followed: after everything that is no link, so that adding one renames nothing.
    links: VecDeque<(PathBuf, usize)>,
    /// Real directories that were entered, each with the part that came next.
    seen: HashSet<(PathBuf, usize)>,
    /// Real files that were found.
    files: HashSet<PathBuf>,
    found: Vec<PathBuf>,
    looked_at: usize,
}

impl Walk<'_> {
    fn walk(&mut self) -> Result<(), WalkError> {
        loop {
            if let Some(place) = self.places.pop() {
                self.look_into(&place)?;
            } else if let Some((path, part)) = self.links.pop_front() {
                self.follow(path, part)?;
            } else {
                return Ok(());
            }
        }
    }

    fn enter(&mut self, place: Place) {
        if self.seen.insert((place.real.clone(), place.part)) {
            self.places.push(place);
        }
    }

    /// Goes on in a directory with the part that comes next.
    fn look_into(&mut self, place: &Place) -> Result<(), WalkError> {
        let Place { path, real, part } = place;
        match self.parts.get(*part) {
            None => Ok(()),
            Some(Part::Name(name)) => {
                let child = path.join(name);
                match fs::symlink_metadata(&child) {
                    Ok(_) => self.follow(child, part + 1),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                    Err(source) => Err(WalkError::Unreadable { path: child, source }),
                }
            }
            Some(Part::Below) => {
                self.enter(Place { path: path.clone(), real: real.clone(), part: part + 1 });
                self.each(place, *part)
            }
            Some(Part::Like(_)) => self.each(place, part + 1),
        }
    }

    /// Takes every entry of a directory that its part wants; `next` is the part that comes next in those.
    fn each(&mut self, place: &Place, next: usize) -> Result<(), WalkError> {
        let failed = |source| WalkError::Unreadable { path: place.path.clone(), source };
        let entries = match fs::read_dir(&place.path) {
            Ok(entries) => entries,
            // It was there a moment ago, or is no directory.
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(());
            }
            Err(error) => return Err(failed(error)),
        };
        let mut children = Vec::new();
        for entry in entries {
            let entry = entry.map_err(failed)?;
            self.count()?;
            let (name, kind) = (entry.file_name(), entry.file_type().map_err(failed)?);
            if name.to_str().is_some_and(|name| self.is_wanted(place.part, name, kind)) {
                children.push((name, kind));
            }
        }
        // The first of several links to one place is the one whose name comes first.
        children.sort_by(|(one, _), (other, _)| one.cmp(other));
        for (name, kind) in children {
            let path = place.path.join(&name);
            if kind.is_symlink() {
                self.links.push_back((path, next));
            } else {
                self.take((path, place.real.join(&name)), kind, next)?;
            }
        }
        Ok(())
    }

    fn is_wanted(&self, part: usize, name: &str, kind: FileType) -> bool {
        match self.parts.get(part) {
            Some(Part::Like(pattern)) => pattern.matches_with(name, OPTIONS),
            Some(Part::Below) => !is_hidden(name) && (kind.is_dir() || kind.is_symlink()),
            Some(Part::Name(_)) | None => false,
        }
    }

    /// Looks at what a link, or a name of the pattern, leads to.
    fn follow(&mut self, path: PathBuf, next: usize) -> Result<(), WalkError> {
        self.count()?;
        match fs::metadata(&path) {
            Ok(metadata) => {
                let real = real(&path);
                self.take((path, real), metadata.file_type(), next)
            }
            // A link to nothing is an error where a file is wanted; on the way to one it is none of them.
            Err(_) if next < self.parts.len() => Ok(()),
            Err(source) => Err(WalkError::Unreadable { path, source }),
        }
    }

    fn take(
        &mut self,
        (path, real): (PathBuf, PathBuf),
        kind: FileType,
        next: usize,
    ) -> Result<(), WalkError> {
        if next < self.parts.len() {
            if kind.is_dir() {
                self.enter(Place { path, real, part: next });
            }
        } else if kind.is_file() && self.files.insert(real) {
            if self.found.len() >= MAX_FILES {
                return Err(WalkError::TooMany { most: MAX_FILES, what: "files" });
            }
            self.found.push(path);
        }
        Ok(())
    }

    /// Counts what was looked at, and stops when that is enough.
    fn count(&mut self) -> Result<(), WalkError> {
        self.looked_at += 1;
        if self.looked_at > MAX_ENTRIES {
            return Err(WalkError::TooMany { most: MAX_ENTRIES, what: "entries of directories" });
        }
        if self.wanted.goes_on() { Ok(()) } else { Err(WalkError::Ended) }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A tree of files and, as `NAME -> TARGET`, links.
    fn tree(names: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for name in names {
            let (name, target) = name.split_once(" -> ").map_or((*name, None), |(name, to)| (name, Some(to)));
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            match target {
                Some(target) => symlink(target, path).unwrap(),
                None => fs::File::create(path).map(drop).unwrap(),
            }
        }
        root
    }

    #[track_caller]
    fn check(names: &[&str], pattern: &str, expected: &[&str]) {
        let root = tree(names);
        let (wanted, _waiting) = Wanted::new();
        let found = walk(root.path(), pattern, &wanted).unwrap();
        let mut found: Vec<_> = found.iter().map(|path| path.strip_prefix(root.path()).unwrap()).collect();
        found.sort();
        let expected: Vec<_> = expected.iter().map(Path::new).collect();
        assert_eq!(found, expected, "{pattern} in {names:?}");
    }

    #[test]
    fn a_pattern_leads_to_files() {
        let files = ["a.csv", "d/b.csv", "d/e/c.csv", "d/.h.csv", ".x/y.csv", "d/f.txt"];
        check(&files, "a.csv", &["a.csv"]);
        check(&files, "./d/../a.csv", &["d/../a.csv"]);
        check(&files, "*.csv", &["a.csv"]);
        check(&files, "*/*.csv", &["d/b.csv"]);
        check(&files, "**/*.csv", &["a.csv", "d/b.csv", "d/e/c.csv"]);
        check(&files, "d/**/c.csv", &["d/e/c.csv"]);
        check(&files, "**/e/*.csv", &["d/e/c.csv"]);
        check(&files, "d/[bf].*", &["d/b.csv", "d/f.txt"]);
        check(&files, "d/.*.csv", &["d/.h.csv"]);
        check(&files, "d", &[]);
        check(&files, "d/**", &[]);
        check(&files, "nowhere/*.csv", &[]);
        check(&files, "a.csv/*.csv", &[]);
    }

    #[test]
    fn a_link_is_followed_once_for_each_real_file() {
        check(
            &["d/a.csv", "d/back -> .", "d/up -> ..", "d/e/b.csv"],
            "d/**/*.csv",
            &["d/a.csv", "d/e/b.csv"],
        );
        check(&["d/a.csv", "a -> d", "z -> d"], "**/*.csv", &["d/a.csv"]);
        check(&["d/a.csv", "a -> d", "z -> d"], "*/*.csv", &["d/a.csv"]);
        check(&["d/a.csv", "z -> d"], "z/*.csv", &["z/a.csv"]);
        check(&["d/b.csv", "d/a.csv -> b.csv"], "d/*.csv", &["d/b.csv"]);
        check(&["d/b.csv", "d/a.csv -> b.csv"], "d/a.csv", &["d/a.csv"]);
        check(&["x/a.csv", "d/l -> ../x", "d/m -> ../x"], "d/**/*.csv", &["d/l/a.csv"]);
        check(&["d/a.csv", "d/gone -> nowhere"], "d/**/*.csv", &["d/a.csv"]);
    }

    #[test]
    fn a_walk_says_why_it_has_no_result() {
        let root = tree(&["d/a.csv", "d/b.csv -> nowhere"]);
        let (wanted, waiting) = Wanted::new();
        let error = walk(root.path(), "d/*.csv", &wanted).unwrap_err().to_string();
        assert!(error.starts_with("read ") && error.ends_with("/d/b.csv"), "{error}");
        assert!(matches!(walk(root.path(), "d/a**.csv", &wanted), Err(WalkError::Pattern(_))));
        drop(waiting);
        assert!(matches!(walk(root.path(), "**/*.csv", &wanted), Err(WalkError::Ended)));
    }
}
