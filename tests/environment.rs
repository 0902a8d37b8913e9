//! A directory with files, and the program `raccord` in it.
//!
//! The tests speak to the program as people do: a command line in, exit code and both streams out. Nothing of
//! the machine gets in: no colour, no other state, a user of our own, and the time of day where a test sets it.

use std::fs::{self, File};
use std::io::{Read, Write as _};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread::JoinHandle;

use serde_json::Value;
use tempfile::TempDir;

/// A temporary directory in which `raccord` runs.
pub(crate) struct TestEnvironment {
    directory: TempDir,
    variables: Vec<(String, String)>,
}

/// What the program answered.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The command line, for the messages of failed tests.
    command: String,
    /// The exit code; `None` when a signal ended the program.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl TestEnvironment {
    /// An empty directory.
    pub(crate) fn new() -> Self {
        Self { directory: TempDir::new().unwrap(), variables: Vec::new() }
    }

    /// A directory with files: `[("a.yaml", "…")]`.
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let environment = Self::new();
        for (name, text) in files {
            environment.write(name, text);
        }
        environment
    }

    /// The same, where the clock stands still.
    pub(crate) fn at(self, now: &str) -> Self {
        self.variable("RACCORD_NOW", now)
    }

    /// The same with an environment variable.
    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The directory.
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Writes a file and the directories above it.
    pub(crate) fn write(&self, name: &str, text: &str) {
        fill(&self.path().join(name), text);
    }

    /// Reads a file.
    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).unwrap()
    }

    /// Removes a file.
    pub(crate) fn remove(&self, name: &str) {
        fs::remove_file(self.path().join(name)).unwrap();
    }

    /// Replaces a text that stands in a file; it must be there.
    pub(crate) fn replace(&self, name: &str, from: &str, to: &str) {
        let text = self.read(name);
        assert!(text.contains(from), "{name} does not say {from:?}");
        self.write(name, &text.replace(from, to));
    }

    /// Runs a command line, its words apart by white space, until it ends.
    pub(crate) fn run(&self, command: &str) -> Answer {
        let output = self.command(command).output().unwrap();
        Answer::new(command, &output)
    }

    /// Runs a command line through another program until it ends.
    pub(crate) fn run_through(&self, through: &[&str], command: &str) -> Answer {
        let output = self.command_through(through, command).output().unwrap();
        Answer::new(command, &output)
    }

    /// Runs a command line for which permissions count, as they do for everybody but the superuser.
    pub(crate) fn run_unprivileged(&self, command: &str) -> Answer {
        let id = Command::new("id").arg("-u").output().unwrap();
        if id.stdout == b"0\n" {
            let given_up = "--bounding-set=-dac_override,-dac_read_search";
            self.run_through(&["setpriv", given_up, "--"], command)
        } else {
            self.run(command)
        }
    }

    /// Runs a command line that must succeed; returns what it printed.
    pub(crate) fn ok(&self, command: &str) -> String {
        self.run(command).expect_code(0).stdout
    }

    /// Runs a command line that must end with a code; returns both streams, standard output first.
    pub(crate) fn fails(&self, code: i32, command: &str) -> String {
        let answer = self.run(command).expect_code(code);
        answer.stdout + &answer.stderr
    }

    /// Runs a command line that must succeed and print JSON.
    pub(crate) fn json(&self, command: &str) -> Value {
        self.run(command).expect_code(0).json()
    }

    /// Begins a command line and does not wait for its end.
    pub(crate) fn start(&self, command: &str) -> Started {
        let mut child = self.command(command).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let said = [collect(child.stdout.take().unwrap()), collect(child.stderr.take().unwrap())];
        Started { command: command.to_owned(), child, said: Some(said) }
    }

    /// A command line, ready to be begun.
    pub(crate) fn command(&self, arguments: &str) -> Command {
        self.command_through(&[], arguments)
    }

    /// The same, begun by another program: `["nice", "-n", "5"]`.
    pub(crate) fn command_through(&self, through: &[&str], arguments: &str) -> Command {
        // A recipe may have the release binary tested in place of the one that belongs to these tests.
        let binary = std::env::var("RACCORD_TEST_BINARY");
        let binary = binary.unwrap_or_else(|_| env!("CARGO_BIN_EXE_raccord").to_owned());
        let mut words = through.iter().copied().chain([&*binary]).chain(arguments.split_whitespace());
        let mut command = Command::new(words.next().unwrap());
        command.args(words).current_dir(self.path()).stdin(Stdio::null());
        forget_settings(&mut command);
        command.env_remove("HOSTNAME").env("NO_COLOR", "1").env("USER", "tester");
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }
}

impl Answer {
    fn new(command: &str, output: &Output) -> Self {
        Self {
            command: command.to_owned(),
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout.clone()).unwrap(),
            stderr: String::from_utf8(output.stderr.clone()).unwrap(),
        }
    }

    /// The same, when the exit code is this one.
    #[track_caller]
    pub(crate) fn expect_code(self, code: i32) -> Self {
        let Self { command, stdout, stderr, .. } = &self;
        assert_eq!(self.code, Some(code), "raccord {command}\n{stdout}{stderr}");
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("raccord {}: {error}\n{}", self.command, self.stdout))
    }
}

/// A program under way, killed when it is dropped.
pub(crate) struct Started {
    command: String,
    child: Child,
    /// What it says on each stream, read as it comes: a program whose streams are not read stands still.
    said: Option<[JoinHandle<Vec<u8>>; 2]>,
}

impl Started {
    /// The process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Fails with what it has said when it has ended.
    #[track_caller]
    pub(crate) fn expect_running(&mut self) {
        if let Some(status) = self.child.try_wait().unwrap() {
            let [_, stderr] = self.said.take().unwrap().map(|said| said.join().unwrap());
            panic!("raccord {} has ended with {status}:\n{}", self.command, String::from_utf8_lossy(&stderr));
        }
    }

    /// Whether it has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Sends it a signal: `INT`, `KILL`.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.id().to_string()).status().unwrap();
        assert!(sent.success(), "kill -{name}");
    }

    /// Waits for its end.
    pub(crate) fn wait(mut self) -> Answer {
        let status = self.child.wait().unwrap();
        let [stdout, stderr] = self.said.take().unwrap().map(|said| said.join().unwrap());
        Answer::new(&self.command, &Output { status, stdout, stderr })
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Reads a stream to its end, as it comes.
fn collect(mut stream: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut said = Vec::new();
        stream.read_to_end(&mut said).unwrap();
        said
    })
}

/// What else a program takes from its environment, and would do otherwise in a test.
const SETTINGS: [&str; 14] = [
    "RUST_LOG",
    "COLUMNS",
    "TZ",
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
];

/// Keeps the settings of the person who runs the tests from a program.
pub(crate) fn forget_settings(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("RACCORD_") || SETTINGS.contains(&text.as_ref()) {
            command.env_remove(name);
        }
    }
}

/// How long a test waits for what must come: longer than the second attempt to send an alert.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(150);

/// Waits until something is so; a test that waits in vain fails.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = std::time::Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

/// Every part must occur in the text.
#[track_caller]
pub(crate) fn assert_says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
}

/// Writes a file and the directories above it.
pub(crate) fn fill(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
}
