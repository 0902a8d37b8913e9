//! Asks a program for a secret: `${cmd:PROGRAM ARG…}`. Only programs that the host allows are started, without a shell.
//!
//! What a program writes to its standard error is dropped: it may hold the secret, and no message may.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use raccord_model::port::exhausted::is_exhausted;
use raccord_model::secret::CommandRef;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;

use super::{Failure, MAX_SECRET, without_line_end};

/// The variable of the host that names the programs that references may start, parted by commas; `*` is any.
pub(super) const ALLOWED: &str = "RACCORD_ALLOW_COMMANDS";

/// How long a program may take.
const TIMEOUT: Duration = Duration::from_secs(15);

/// How many programs run at once.
const AT_ONCE: usize = 4;

/// Our own secrets, which no program is given.
const OURS: [&str; 2] = ["RACCORD_KEY", "RACCORD_TOKEN"];

/// What keeps the number of programs at bay.
static TURNS: Semaphore = Semaphore::const_new(AT_ONCE);

/// What the program writes, without its last line end. `allowed` is what the host allows; paths are relative to `root`.
pub(super) async fn read(
    command: &CommandRef,
    allowed: Option<&str>,
    root: &Path,
) -> Result<String, Failure> {
    allow(command.program(), allowed.unwrap_or_default())?;
    read_within(TIMEOUT, command, root).await
}

async fn read_within(limit: Duration, command: &CommandRef, root: &Path) -> Result<String, Failure> {
    let program = command.program();
    let Ok(_turn) = TURNS.acquire().await else {
        return Err(Failure::unavailable("nothing more is started"));
    };
    let child = start(command, root)?;
    let mut group = Group(child.id());
    let ended = tokio::time::timeout(limit, output(child)).await;
    if ended.is_ok() {
        // What the program leaves behind when it ends by itself, such as an agent, is meant to stay.
        group.0 = None;
    }
    drop(group);
    let seconds = limit.as_secs();
    let (bytes, status) = ended
        .map_err(|_| Failure::unavailable(format!("`{program}` has not ended within {seconds} s")))??;
    if bytes.len() > usize::try_from(MAX_SECRET).unwrap_or(usize::MAX) {
        return Err(Failure::unusable(format!(
            "is larger than 64 KB: `{program}` writes more than a secret"
        )));
    }
    if !status.success() {
        return Err(Failure::unavailable(format!(
            "`{program}` ended with {status}; what it said is not shown, for it may hold secrets: try it as the user and in \
             the environment of this process"
        )));
    }
    let text = String::from_utf8(bytes).map_err(|_| Failure::unusable("is not UTF-8".to_owned()))?;
    Ok(without_line_end(&text).to_owned())
}

fn allow(program: &str, allowed: &str) -> Result<(), Failure> {
    let mut names = allowed.split(',').map(str::trim);
    if names.any(|name| name == program || name == "*") {
        return Ok(());
    }
    let more = if allowed.trim().is_empty() { String::new() } else { format!("{},", allowed.trim()) };
    Err(Failure::unusable(format!(
        "may not be run: the host does not allow `{program}`; set {ALLOWED}={more}{program} in the environment of the \
         process that runs, if that is meant"
    )))
}

fn start(command: &CommandRef, root: &Path) -> Result<Child, Failure> {
    let program = command.program();
    // A path is one of the configuration, as those of files are; a name is looked up in `PATH`.
    let path = if program.contains('/') { root.join(program) } else { program.into() };
    let mut process = Command::new(path);
    process
        .args(command.arguments())
        .current_dir(root)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true);
    for ours in OURS {
        process.env_remove(ours);
    }
    process.spawn().map_err(|error| {
        if is_exhausted(&error) {
            return Failure::Exhausted(error.to_string());
        }
        Failure::unusable(format!("cannot be run: `{program}` was not started: {}", error.kind()))
    })
}

/// What the program wrote, at most one byte more than a secret may have, and how it ended.
async fn output(mut child: Child) -> Result<(Vec<u8>, std::process::ExitStatus), Failure> {
    let cannot =
        |error: std::io::Error| Failure::unavailable(format!("its output was not read: {}", error.kind()));
    let mut bytes = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        stdout.take(MAX_SECRET + 1).read_to_end(&mut bytes).await.map_err(cannot)?;
    }
    let status = child.wait().await.map_err(cannot)?;
    Ok((bytes, status))
}

/// The processes of a program that does not end: they are killed, also when the caller no longer waits for the answer.
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        let id = self.0.and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
        if let Some(id) = id {
            // It fails when none is left.
            let _ = rustix::process::kill_process_group(id, rustix::process::Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use raccord_model::secret::SecretRef;

    use super::*;

    async fn check(command: &str, allowed: Option<&str>, expected: Result<&str, &str>) {
        let Ok(SecretRef::Command(reference)) = format!("${{cmd:{command}}}").parse() else {
            panic!("{command}")
        };
        let root = tempfile::tempdir().unwrap();
        super::super::fill(&root.path().join("token.txt"), "hunter2\r\n");
        match (read(&reference, allowed, root.path()).await, expected) {
            (Ok(secret), Ok(expected)) => assert_eq!(secret, expected, "{command}"),
            (Err(failure), Err(part)) => {
                let said = format!("{failure:?}");
                assert!(said.contains(part) && !said.contains("hunter2"), "{command}: {said}");
            }
            (answer, expected) => panic!("{command}: {answer:?} and not {expected:?}"),
        }
    }

    #[tokio::test]
    async fn a_program_that_is_allowed_is_asked() {
        check("cat token.txt", Some("cat"), Ok("hunter2")).await;
        check("cat token.txt", Some("pass, cat"), Ok("hunter2")).await;
        check("printf a%sb%s 1 2", Some("*"), Ok("a1b2")).await;
        for allowed in [None, Some(""), Some("ca"), Some("/bin/cat")] {
            check("cat token.txt", allowed, Err("the host does not allow `cat`")).await;
        }
        check("cat token.txt", Some("pass"), Err("RACCORD_ALLOW_COMMANDS=pass,cat")).await;
    }

    #[tokio::test]
    async fn a_program_that_does_not_end_is_killed_with_all_that_it_started() {
        let root = tempfile::tempdir().unwrap();
        super::super::fill(&root.path().join("slow.sh"), "sleep 600 & echo $! > child; wait");
        let Ok(SecretRef::Command(reference)) = "${cmd:sh slow.sh}".parse() else { panic!() };
        let child = || std::fs::read_to_string(root.path().join("child")).unwrap_or_default();
        while child().is_empty() {
            let failure = read_within(Duration::from_millis(500), &reference, root.path()).await.unwrap_err();
            assert!(format!("{failure:?}").contains("`sh` has not ended within"), "{failure:?}");
        }
        // What was killed stays in the table of processes until its parent has asked how it ended.
        let state = || std::fs::read_to_string(format!("/proc/{}/stat", child().trim())).unwrap_or_default();
        while !state().is_empty() && !state().contains(") Z") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    #[tokio::test]
    async fn no_shell_sees_the_arguments() {
        check("printf %s/%s a;id *.txt", Some("*"), Ok("a;id/*.txt")).await;
    }

    #[tokio::test]
    async fn what_goes_wrong_shows_nothing_of_what_was_said() {
        check("cat token.txt hunter2", Some("cat"), Err("exit status: 1")).await;
        check("no-such-program", Some("*"), Err("was not started")).await;
        check("./token.txt", Some("*"), Err("was not started")).await;
        check("head -c 70000 /dev/zero", Some("*"), Err("larger than 64 KB")).await;
        check("printf \\377", Some("*"), Err("not UTF-8")).await;
    }
}
