//! Runs one command of `git`: bounded in time and in what it may say, and without prompts.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::process::{self, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;

use super::GitError;
use crate::reload::remote::Remote;
use raccord_model::port::environment::Environment;

/// How much of what the program says is kept, in bytes.
const MAX_SAID: usize = 64 << 10;
/// How much of it gets into a message, in characters.
const MAX_SHOWN: usize = 500;

/// What holds for every command: no hook, no prompt, nothing left running behind our back.
const ALWAYS: [&str; 7] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.bare=false",
    "fetch.recurseSubmodules=false",
    "gc.autoDetach=false",
    "maintenance.autoDetach=false",
    "advice.detachedHead=false",
];

/// What would point git at another repository than ours, for instance when a hook of git has started us.
const FORGOTTEN: [&str; 7] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_NAMESPACE",
];

/// The program.
#[derive(Debug)]
pub(super) struct Program {
    /// What it is called.
    pub(super) name: OsString,
    timeout: Duration,
    /// Whether ssh is told to ask no question; not when its command was chosen by the user who started us.
    quiets_ssh: bool,
}

/// What a command said that succeeded.
#[derive(Debug)]
pub(super) struct Said {
    /// On standard output.
    pub(super) out: String,
}

impl Program {
    pub(super) fn new(timeout: Duration, environment: &dyn Environment) -> Self {
        let is_set = |name: &&str| environment.variable(name).is_some();
        let quiets_ssh = !["GIT_SSH_COMMAND", "GIT_SSH"].iter().any(is_set);
        Self { name: "git".into(), timeout, quiets_ssh }
    }

    /// Runs a command to its end, or ends it with all that it has started.
    pub(super) async fn run(
        &self,
        operation: &str,
        arguments: &[&OsStr],
        variables: &[(&str, &OsStr)],
        remote: &Remote,
    ) -> Result<Said, GitError> {
        let mut child = self.command(arguments, variables).spawn().map_err(GitError::Program)?;
        let group = Group(child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)));
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let ended = async { tokio::join!(listen(out), listen(err), child.wait()) };
        let Ok((out, err, status)) = tokio::time::timeout(self.timeout, ended).await else {
            return Err(GitError::TimedOut { operation: operation.to_owned(), after: self.timeout });
        };
        group.has_ended();
        if status.map_err(GitError::Program)?.success() {
            return Ok(Said { out: String::from_utf8_lossy(&out).into_owned() });
        }
        let said = shown(&remote.mask(&String::from_utf8_lossy(&err)));
        Err(GitError::Failed { operation: operation.to_owned(), said })
    }

    fn command(&self, arguments: &[&OsStr], variables: &[(&str, &OsStr)]) -> Command {
        let mut command = process::Command::new(&self.name);
        for name in FORGOTTEN {
            command.env_remove(name);
        }
        command
            .args(ALWAYS.iter().flat_map(|setting| ["-c", setting]))
            .args(arguments)
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_ALLOW_PROTOCOL", "https:ssh:file")
            .env("LC_ALL", "C")
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        if self.quiets_ssh {
            command.env("GIT_SSH_COMMAND", "ssh -oBatchMode=yes");
        }
        Command::from(command)
    }
}

/// A group of processes that is ended when it is not waited for any more.
struct Group(Option<Pid>);

impl Group {
    /// Its leader is gone, and its number may soon be that of another process.
    fn has_ended(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0
            && let Err(error) = kill_process_group(leader, Signal::KILL)
        {
            tracing::debug!(%error, "git had ended already");
        }
    }
}

/// Reads to the end, and keeps the beginning.
async fn listen(from: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut kept = Vec::new();
    let Some(mut from) = from else { return kept };
    let mut buffer = vec![0; 8 << 10];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let room = MAX_SAID - kept.len();
        kept.extend_from_slice(&buffer[..length.min(room)]);
    }
    kept
}

/// What was said, on one line.
fn shown(said: &str) -> String {
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let line = lines.join("; ");
    let mut short: String =
        line.chars().take(MAX_SHOWN).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if line.chars().nth(MAX_SHOWN).is_some() {
        short.push('…');
    }
    if short.is_empty() { "git failed and said nothing".to_owned() } else { short }
}
