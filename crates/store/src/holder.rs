//! Who has the state file open: a note beside it, so that a process that is refused learns which one to ask.
//!
//! The lock is redb's; the note is only words. It may be missing or stale, and is then passed over.

use std::ffi::OsString;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Who has a state open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The process.
    pub pid: u32,
    /// What it does: `watch`, `apply`.
    pub verb: String,
    /// Since when.
    pub since: Timestamp,
    /// On which machine.
    pub host: String,
}

impl Holder {
    /// This process.
    pub(crate) fn here(verb: &str, since: Timestamp) -> Self {
        Self { pid: std::process::id(), verb: verb.to_owned(), since, host: host() }
    }

    /// Whether the process is known to be gone.
    fn is_stale(&self) -> bool {
        self.host == host() && is_gone(self.pid)
    }

    /// Whether the process is known to be suspended, as Ctrl-Z and SIGSTOP do it: it answers nothing until it goes on.
    pub fn is_suspended(&self) -> bool {
        let state = |status: String| status.rsplit_once(") ").map(|(_, rest)| rest.starts_with(['T', 't']));
        let status = std::fs::read_to_string(format!("/proc/{}/stat", self.pid));
        self.host == host() && status.ok().and_then(state).unwrap_or(false)
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` (process {} on {}) since {}", self.verb, self.pid, self.host, self.since)
    }
}

/// Whether there is no such process on this machine.
pub(crate) fn is_gone(pid: u32) -> bool {
    i32::try_from(pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw)
        .is_none_or(|pid| rustix::process::test_kill_process(pid) == Err(rustix::io::Errno::SRCH))
}

fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// The note of a state that this process has open; removed when it is dropped.
#[derive(Debug)]
pub(crate) struct Note {
    path: PathBuf,
    /// What it says.
    json: Vec<u8>,
}

impl Note {
    /// Writes the note. Without one the state works as well, so that a failure is passed over.
    pub(crate) fn leave(state: &Path, holder: &Holder) -> Self {
        let path = note_path(state);
        let json = serde_json::to_vec(holder).unwrap_or_default();
        if let Ok(mut file) = create(&path) {
            drop(file.write_all(&json));
        }
        Self { path, json }
    }
}

impl Drop for Note {
    fn drop(&mut self) {
        // Another process may own a state of this name by now, after ours was taken away.
        if std::fs::read(&self.path).is_ok_and(|json| json == self.json) {
            drop(std::fs::remove_file(&self.path));
        }
    }
}

/// Who has a state open, by the note beside it; `None` when there is none that can be believed.
pub fn holder(state: &Path) -> Option<Holder> {
    read(state)
}

/// Reads the note of a state; `None` when there is none that can be believed.
pub(crate) fn read(state: &Path) -> Option<Holder> {
    let json = std::fs::read(note_path(state)).ok()?;
    let holder: Holder = serde_json::from_slice(&json).ok()?;
    if holder.is_stale() { None } else { Some(holder) }
}

fn note_path(state: &Path) -> PathBuf {
    let mut name = OsString::from(state);
    name.push(".holder");
    PathBuf::from(name)
}

fn create(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    crate::file::private(&mut options).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_believed_while_its_process_lives() {
        let directory = tempfile::tempdir().unwrap();
        let state = directory.path().join("state");
        let here = Holder::here("watch", Timestamp::UNIX_EPOCH);
        let gone = Holder { pid: 0x3FFF_FFFF, ..here.clone() };
        let elsewhere = Holder { host: "another".to_owned(), ..gone.clone() };
        assert_eq!(read(&state), None);
        for (holder, expected) in
            [(here.clone(), Some(here)), (gone, None), (elsewhere.clone(), Some(elsewhere))]
        {
            let note = Note::leave(&state, &holder);
            assert_eq!(read(&state), expected);
            drop(note);
            assert_eq!(read(&state), None);
        }
        drop(create(&note_path(&state)).unwrap());
        assert_eq!(read(&state), None, "an empty note");
    }
}
