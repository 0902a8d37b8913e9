//! Reads secrets where a run needs them, and names only their references when they are not there.

mod command;
mod kept;
mod vault;

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use raccord_model::named_pipe::is_named_pipe;
use raccord_model::port;
use raccord_model::port::exhausted::is_exhausted;
use raccord_model::secret::{SecretError, SecretRef, TextOrSecret};
use secrecy::SecretString;

use self::kept::{Kept, Place};
use self::vault::Vault;

/// Looks up a variable of the environment.
pub type Environment = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// The largest file that is taken for a secret, and the most that a program may write.
const MAX_SECRET: u64 = 64 * 1024;

/// What is said of a variable that the environment of this process does not have, after its reference.
pub const NOT_SET: &str = "is not set where this runs";

/// Why a secret cannot be had, to stand after its reference.
#[derive(Debug)]
enum Failure {
    /// Asking again is of no use.
    Unusable(String),
    /// What holds it does not answer for the moment.
    Unavailable(String),
    /// Something ran out on this machine.
    Exhausted(String),
}

impl Failure {
    fn unusable(why: impl Into<String>) -> Self {
        Self::Unusable(why.into())
    }

    fn unavailable(why: impl Into<String>) -> Self {
        Self::Unavailable(why.into())
    }

    fn of(self, reference: &SecretRef) -> SecretError {
        let reference = reference.to_string();
        match self {
            Self::Unusable(why) => SecretError::Unusable { reference, why },
            Self::Unavailable(message) => SecretError::Unavailable { reference, message },
            Self::Exhausted(message) => SecretError::Exhausted { reference, message },
        }
    }
}

/// What this host gives to every reader: variables, programs, a vault; and what was read there of late.
pub(crate) struct SecretHost {
    environment: Environment,
    vault: Vault,
    kept: Kept,
}

impl SecretHost {
    /// The host whose variables these are.
    pub(crate) fn new(environment: &Arc<dyn port::environment::Environment>) -> Arc<Self> {
        let variables = Arc::clone(environment);
        Self::with(Arc::new(move |name| variables.variable(name)))
    }

    fn with(environment: Environment) -> Arc<Self> {
        Arc::new(Self { environment, vault: Vault::default(), kept: Kept::default() })
    }
}

/// Reads what references refer to.
#[derive(Clone)]
pub struct SecretReader {
    host: Arc<SecretHost>,
    root: PathBuf,
    is_anew: bool,
}

impl fmt::Debug for SecretReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretReader").field("root", &self.root).finish_non_exhaustive()
    }
}

impl SecretReader {
    /// Reads variables through `environment` and files relative to `root`.
    pub fn new(environment: Environment, root: &Path) -> Self {
        Self::at(root, &SecretHost::with(environment))
    }

    /// Reads what the host has, and files relative to `root`.
    pub(crate) fn at(root: &Path, host: &Arc<SecretHost>) -> Self {
        Self { host: Arc::clone(host), root: root.to_owned(), is_anew: false }
    }

    /// The same for who knows that a secret may have changed: nothing that was read before will do.
    pub(crate) fn anew(&self) -> Self {
        Self { is_anew: true, ..self.clone() }
    }

    /// Where a file is that is no secret.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// Whether files are read in the same place.
    pub(crate) fn is_rooted_like(&self, other: &Self) -> bool {
        self.root == other.root
    }

    /// The secret itself. What a vault or a program holds was read some seconds ago at the most.
    pub(crate) async fn read(&self, reference: &SecretRef) -> Result<SecretString, SecretError> {
        if !reference.is_elsewhere() {
            return self.read_here(reference);
        }
        self.host.kept.get(self.place(reference), self.is_anew, self.ask(reference)).await
    }

    /// The secret itself, without waiting for anybody: what a vault or a program holds is the one that was read last.
    pub(crate) fn read_at_hand(&self, reference: &SecretRef) -> Result<SecretString, SecretError> {
        if !reference.is_elsewhere() {
            return self.read_here(reference);
        }
        self.host.kept.at_hand(&self.place(reference)).unwrap_or_else(|| {
            let (reference, message) = (reference.to_string(), "it is still being asked for".to_owned());
            Err(SecretError::Unavailable { reference, message })
        })
    }

    /// A text as it is written, or the secret it refers to.
    pub(crate) async fn read_text(&self, text: &TextOrSecret) -> Result<SecretString, SecretError> {
        match text {
            TextOrSecret::Text(text) => Ok(SecretString::from(text.clone())),
            TextOrSecret::Secret(reference) => self.read(reference).await,
        }
    }

    /// The same without waiting for anybody.
    pub(crate) fn read_text_at_hand(&self, text: &TextOrSecret) -> Result<SecretString, SecretError> {
        match text {
            TextOrSecret::Text(text) => Ok(SecretString::from(text.clone())),
            TextOrSecret::Secret(reference) => self.read_at_hand(reference),
        }
    }

    fn place(&self, reference: &SecretRef) -> Place {
        Place { root: self.root.clone(), reference: reference.clone() }
    }

    /// Asks a vault or a program.
    async fn ask(&self, reference: &SecretRef) -> Result<SecretString, SecretError> {
        let environment = &self.host.environment;
        let answer = match reference {
            SecretRef::Vault(wanted) => self.host.vault.read(wanted, environment).await,
            SecretRef::Command(command) => {
                command::read(command, environment(command::ALLOWED).as_deref(), &self.root).await
            }
            SecretRef::Env(_) | SecretRef::File(_) => return self.read_here(reference),
        };
        usable(reference, answer)
    }

    fn read_here(&self, reference: &SecretRef) -> Result<SecretString, SecretError> {
        let answer = match reference {
            SecretRef::Env(name) => (self.host.environment)(name).ok_or_else(|| Failure::unusable(NOT_SET)),
            SecretRef::File(path) => self.read_file(path),
            SecretRef::Vault(_) | SecretRef::Command(_) => Err(Failure::unavailable("it is not here")),
        };
        usable(reference, answer)
    }

    fn read_file(&self, path: &str) -> Result<String, Failure> {
        let cannot = |error: io::Error| {
            if is_exhausted(&error) {
                return Failure::Exhausted(error.to_string());
            }
            Failure::unusable(why_unread(&error))
        };
        let file = open_file(&self.root.join(path)).map_err(cannot)?;
        let mut text = String::new();
        file.take(MAX_SECRET + 1).read_to_string(&mut text).map_err(cannot)?;
        if u64::try_from(text.len()).map_or(true, |length| length > MAX_SECRET) {
            return Err(Failure::unusable("is larger than 64 KB"));
        }
        Ok(without_line_end(&text).to_owned())
    }
}

/// Opens a file that holds a secret or a certificate. A named pipe may never have a writer, and is refused.
pub(crate) fn open_file(path: &Path) -> io::Result<File> {
    if is_named_pipe(path, fs::metadata(path)?.file_type()) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, NamedPipe));
    }
    File::open(path)
}

/// What is said of a file that cannot be read, after its name.
pub(crate) fn why_unread(error: &io::Error) -> String {
    match error.get_ref().filter(|why| why.is::<NamedPipe>()) {
        Some(why) => why.to_string(),
        None => format!("cannot be read: {}", error.kind()),
    }
}

/// Something that is no file, and may never have an end.
#[derive(Debug, thiserror::Error)]
#[error("is a named pipe, which may never have an end")]
struct NamedPipe;

/// What was read, unless it is nothing.
fn usable(reference: &SecretRef, answer: Result<String, Failure>) -> Result<SecretString, SecretError> {
    let text = answer.map_err(|failure| failure.of(reference))?;
    if text.is_empty() {
        return Err(unusable(reference, "is empty"));
    }
    Ok(SecretString::from(text))
}

/// A text without its last line end.
fn without_line_end(text: &str) -> &str {
    let line = text.strip_suffix('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    line.unwrap_or(text)
}

/// The error for a secret that is not there or of no use.
pub(crate) fn unusable(reference: &SecretRef, why: &str) -> SecretError {
    Failure::unusable(why).of(reference)
}

/// Writes a file for a test.
#[cfg(test)]
fn fill(path: &Path, text: &str) {
    io::Write::write_all(&mut File::create(path).unwrap(), text.as_bytes()).unwrap();
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[tokio::test]
    async fn secrets_are_read_where_they_are_referred_to() {
        let root = tempfile::tempdir().unwrap();
        for (name, content) in
            [("lf", "hunter2\n"), ("crlf", "hunter2\r\n"), ("bare", "hunter2"), ("empty", "\n")]
        {
            fill(&root.path().join(name), content);
        }
        let made = std::process::Command::new("mkfifo").arg(root.path().join("pipe")).status().unwrap();
        assert!(made.success());
        let environment: Environment = Arc::new(|name| match name {
            "TOKEN" => Some("hunter2".to_owned()),
            command::ALLOWED => Some("cat".to_owned()),
            _ => None,
        });
        let reader = SecretReader::new(environment, root.path());
        for good in ["${env:TOKEN}", "${file:lf}", "${file:crlf}", "${file:bare}", "${cmd:cat lf}"] {
            assert_eq!(
                reader.read(&good.parse().unwrap()).await.unwrap().expose_secret(),
                "hunter2",
                "{good}"
            );
        }
        for bad in [
            "${env:OTHER}",
            "${file:nowhere}",
            "${file:empty}",
            "${file:.}",
            "${file:pipe}",
            "${cmd:cat empty}",
            "${cmd:tac lf}",
        ] {
            let error = reader.read(&bad.parse().unwrap()).await.unwrap_err().to_string();
            assert!(error.starts_with(bad) && !error.contains("hunter2"), "{error}");
        }
        assert!(!format!("{reader:?}").contains("hunter2"));
    }

    #[tokio::test]
    async fn what_is_elsewhere_is_at_hand_once_it_was_read() {
        let root = tempfile::tempdir().unwrap();
        fill(&root.path().join("token"), "one");
        let environment: Environment = Arc::new(|name| (name == command::ALLOWED).then(|| "*".to_owned()));
        let reader = SecretReader::new(environment, root.path());
        let reference = "${cmd:cat token}".parse().unwrap();
        let error = reader.read_at_hand(&reference).unwrap_err().to_string();
        assert_eq!(error, "${cmd:cat token} cannot be read now: it is still being asked for");
        for (content, is_anew, expected) in
            [("two", false, "two"), ("three", false, "two"), ("three", true, "three")]
        {
            fill(&root.path().join("token"), content);
            let asked = if is_anew { reader.anew() } else { reader.clone() };
            assert_eq!(asked.read(&reference).await.unwrap().expose_secret(), expected);
            assert_eq!(reader.read_at_hand(&reference).unwrap().expose_secret(), expected);
        }
    }
}
