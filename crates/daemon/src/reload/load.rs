//! Reads the configuration when it is not being written any more, and remembers what was read last.
//!
//! An editor that empties a file before it fills it, a directory that is replaced: what is read in between says
//! nothing. So what was read counts only when its files have been at rest, before or after the reading.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use raccord_config::{Input, Reading, places};
use raccord_model::diagnostic::{Code, Diagnostic, Severity};
use raccord_model::{Desired, Digest};

use super::git::Checkout;

/// For how long the files must have been at rest.
pub const SETTLE: Duration = Duration::from_millis(50);

/// How often at the most a configuration is read until it is at rest. Files that are written for longer are read as they
/// is; the next change is hinted at all the same.
const MAX_READINGS: u32 = 10;

/// What was loaded.
#[derive(Debug)]
pub struct Loaded {
    /// Of what was read: the names and bytes of the files, and what could not be read.
    pub digest: Digest,
    /// What the configuration wants; or everything there is to say about why it cannot be used.
    pub outcome: Result<Desired, Vec<Diagnostic>>,
    /// What there is to say about a configuration that can be used.
    pub warnings: Vec<Diagnostic>,
    /// The commit that was read, of a repository.
    pub commit: Option<String>,
}

/// Loads one configuration again and again.
#[derive(Debug)]
pub struct Loader {
    input: Input,
    /// What places in files are relative to when they are shown.
    shown_from: Option<PathBuf>,
    commit: Option<String>,
    seen: Arc<Seen>,
}

impl Loader {
    /// A loader of directories and files; none at all is the current directory.
    pub fn new(paths: Vec<PathBuf>, variables: BTreeMap<String, String>) -> Self {
        let input = Input { paths, variables, ..Input::default() };
        Self { input, shown_from: None, commit: None, seen: Arc::default() }
    }

    /// The same for a state that several machines share: a project that would keep its rows in it is an error.
    #[must_use]
    pub fn sharing_state(mut self, shares_state: bool) -> Self {
        self.input.shares_state = shares_state;
        self
    }

    /// A loader of what a checkout holds. Diagnostics name the files as the repository does.
    pub fn of_checkout(checkout: &Checkout, variables: BTreeMap<String, String>) -> Self {
        let Self { input, commit, seen, .. } = Self::new(vec![checkout.root()], variables);
        let input = Input { within: Some(checkout.tree()), ..input };
        Self { input, shown_from: Some(checkout.tree()), commit, seen }
    }

    /// Says which commit is read from now on.
    pub fn at_commit(&mut self, commit: String) {
        self.commit = Some(commit);
    }

    /// Loads, on a thread of its own. The time is that of the call: files that were at rest then are not waited
    /// for.
    pub async fn load(&self, now: Timestamp) -> Loaded {
        let input = self.input.clone();
        let read = tokio::task::spawn_blocking(move || {
            let reading = read_at_rest(&input, now);
            (reading.digest(), reading.load(&input.variables))
        });
        let (digest, loaded) = match read.await {
            Ok(loaded) => loaded,
            Err(error) => return self.broken(&error),
        };
        self.seen.loaded(digest);
        let mut diagnostics = loaded.diagnostics;
        for diagnostic in &mut diagnostics {
            self.shorten(diagnostic);
        }
        let (outcome, warnings) = match loaded.desired {
            Some(desired) => (Ok(desired), diagnostics),
            None => (Err(diagnostics), Vec::new()),
        };
        Loaded { digest, outcome, warnings, commit: self.commit.clone() }
    }

    fn broken(&self, error: &tokio::task::JoinError) -> Loaded {
        let diagnostic = Diagnostic {
            place: None,
            severity: Severity::Error,
            code: Code::Unreadable,
            message: format!("the configuration could not be loaded: {error}"),
            path: String::new(),
            help: None,
        };
        let (outcome, warnings) = (Err(vec![diagnostic]), Vec::new());
        Loaded { digest: Digest::of(&[]), outcome, warnings, commit: self.commit.clone() }
    }

    fn shorten(&self, diagnostic: &mut Diagnostic) {
        let (Some(from), Some(place)) = (&self.shown_from, &mut diagnostic.place) else { return };
        if let Ok(rest) = Path::new(&place.file).strip_prefix(from) {
            place.file = rest.to_string_lossy().into_owned();
        }
    }

    /// What is read.
    pub(super) const fn input(&self) -> &Input {
        &self.input
    }

    /// What was read.
    pub(super) fn seen(&self) -> Arc<Seen> {
        Arc::clone(&self.seen)
    }
}

/// What was loaded last and what was announced since. Loader and watcher share it, so that a change is announced
/// exactly when it is news to the loader.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<(Option<Digest>, Option<Digest>)>);

impl Seen {
    fn loaded(&self, digest: Digest) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (Some(digest), None);
    }

    /// Whether anything was loaded yet.
    pub(super) fn is_used(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0.is_some()
    }

    /// Whether this was neither loaded last nor announced since; from now on it counts as announced.
    pub(super) fn is_news(&self, digest: Digest) -> bool {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = seen.1.or(seen.0);
        seen.1 = Some(digest);
        last != Some(digest)
    }
}

/// Reads until what was read has been at rest: from before the reading on, or for a while around it.
fn read_at_rest(input: &Input, now: Timestamp) -> Reading {
    for _ in 1..MAX_READINGS {
        let before = Marks::of(input);
        let reading = Reading::of(input);
        if !before.are_old(now) {
            std::thread::sleep(SETTLE);
        }
        if Marks::of(input) == before {
            return reading;
        }
    }
    Reading::of(input)
}

/// By what a change of files or directories shows without reading them.
#[derive(Debug, PartialEq, Eq)]
struct Marks(Vec<(PathBuf, Option<Mark>)>);

/// Device, inode, length, and when its contents or its name last changed.
type Mark = (u64, u64, u64, (i64, i64));

impl Marks {
    fn of(input: &Input) -> Self {
        let found = places(&input.paths, input.within.as_deref());
        let mut all: Vec<PathBuf> = input.paths.clone();
        all.extend(found.directories);
        all.extend(found.files);
        let mark = |path: PathBuf| {
            let metadata = std::fs::metadata(&path).ok();
            let mark = metadata.map(|m| (m.dev(), m.ino(), m.len(), (m.ctime(), m.ctime_nsec())));
            (path, mark)
        };
        Self(all.into_iter().map(mark).collect())
    }

    /// Whether everything is there and has not changed for a while.
    fn are_old(&self, now: Timestamp) -> bool {
        let Ok(latest) = now.checked_sub(SETTLE) else { return false };
        let latest = (latest.as_second(), i64::from(latest.subsec_nanosecond()));
        self.0.iter().all(|(_, mark)| mark.is_some_and(|(.., changed)| changed <= latest))
    }
}
