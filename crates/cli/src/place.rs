//! Where a state is: a file of this machine, or a database that several machines share. The URL of a database may hold a
//! password; nothing here shows it.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::builder::{TypedValueParser, ValueParserFactory};
use clap::error::ErrorKind;
use clap::{Arg, Command};
use raccord_model::Digest;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// The schemes of the URL of a shared state.
const SCHEMES: [&str; 2] = ["postgres", "postgresql"];

/// Where a state is.
#[derive(Clone)]
pub(crate) enum StateAt {
    /// A file of this machine.
    File(PathBuf),
    /// A database.
    Shared(SharedPlace),
}

/// The database of a shared state.
#[derive(Clone)]
pub(crate) struct SharedPlace(SecretString);

/// Why a text says of no state where it is. What it says of a password is not repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PlaceError {
    /// Nothing at all: mostly a variable that was to be set, and is empty.
    #[error(
        "where the state is says an empty text (--state or RACCORD_STATE): name a file or postgres://…, or leave it out"
    )]
    Empty,
    /// A scheme that leads nowhere.
    #[error(
        "a state is a file or postgres://HOST/DATABASE, and `{0}:` begins neither; a file with such a name is ./{0}:…"
    )]
    Scheme(String),
    /// What a shell would have replaced.
    #[error("`{0}` at the beginning of a path is replaced by a shell, and none has: write the path in full")]
    Shell(char),
}

impl FromStr for StateAt {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        if text.trim().is_empty() {
            return Err(PlaceError::Empty);
        }
        // Taken for files of this machine, each machine would have a state of its own.
        if let Some(first) = text.chars().next().filter(|first| matches!(first, '~' | '$')) {
            return Err(PlaceError::Shell(first));
        }
        let scheme = text.split_once(":/").map(|(scheme, _)| scheme).filter(|scheme| is_scheme(scheme));
        match scheme {
            Some(scheme)
                if SCHEMES.contains(&scheme)
                    && text.get(scheme.len()..).is_some_and(|rest| rest.starts_with("://")) =>
            {
                Ok(Self::Shared(SharedPlace(text.into())))
            }
            Some(scheme) => Err(PlaceError::Scheme(scheme.to_owned())),
            None => Ok(Self::File(text.into())),
        }
    }
}

/// Whether something can be the name of a scheme (RFC 3986, 3.1).
fn is_scheme(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'.' | b'-'))
}

/// Reads an option. The message of a value that is none does not repeat it: it may hold a password.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StateParser;

impl TypedValueParser for StateParser {
    type Value = StateAt;

    fn parse_ref(&self, command: &Command, _: Option<&Arg>, value: &OsStr) -> Result<StateAt, clap::Error> {
        let wrong = |kind, message: String| clap::Error::raw(kind, message + "\n").with_cmd(command);
        let text = value.to_str().ok_or_else(|| {
            wrong(ErrorKind::InvalidUtf8, "where the state is says a text that is not UTF-8".to_owned())
        })?;
        text.parse().map_err(|error: PlaceError| wrong(ErrorKind::ValueValidation, error.to_string()))
    }
}

impl ValueParserFactory for StateAt {
    type Parser = StateParser;

    fn value_parser() -> StateParser {
        StateParser
    }
}

impl StateAt {
    /// The file, when it is one.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Shared(_) => None,
        }
    }

    /// The path of this machine beside which the owner of the state listens, and keeps what it needs for itself.
    pub(crate) fn local(&self) -> PathBuf {
        match self {
            Self::File(path) => path.clone(),
            Self::Shared(place) => {
                let digest = Digest::of(place.to_string().as_bytes()).to_string();
                let short: String = digest.chars().filter(char::is_ascii_alphanumeric).take(16).collect();
                PathBuf::from(".raccord").join(format!("shared-{short}"))
            }
        }
    }

    /// Whether something is known to be there: of a database nothing is, before it is asked.
    pub(crate) fn may_exist(&self) -> bool {
        self.file().is_none_or(Path::exists)
    }
}

impl fmt::Display for StateAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Shared(place) => place.fmt(f),
        }
    }
}

impl fmt::Debug for StateAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The URL without a password, and without settings.
impl fmt::Display for SharedPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(mut url) = self.url() else { return f.write_str("postgres://…") };
        url.set_query(None);
        // Only a URL without a host has no place for a password, and then there is none.
        let _no_host = url.set_password(None);
        url.as_str().fmt(f)
    }
}

impl SharedPlace {
    /// The URL, when it is one.
    pub(crate) fn url(&self) -> Option<Url> {
        Url::parse(self.0.expose_secret()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_a_file_or_a_database_and_no_password_is_shown() {
        for (text, is_file, shown) in [
            (".raccord/state.redb", true, ".raccord/state.redb"),
            ("postgres", true, "postgres"),
            ("./postgres:/x", true, "./postgres:/x"),
            ("12:30/state.redb", true, "12:30/state.redb"),
            ("postgres://db.example/raccord", false, "postgres://db.example/raccord"),
            ("postgresql://me:hunter2@db:5433/r?sslmode=disable", false, "postgresql://me@db:5433/r"),
            ("postgres://me:hunter2@[broken", false, "postgres://…"),
        ] {
            let state: StateAt = text.parse().unwrap();
            assert_eq!(state.file().is_some(), is_file, "{text}");
            assert_eq!(state.to_string(), shown, "{text}");
            assert_eq!(format!("{state:?}"), shown, "{text}");
            assert!(!state.local().to_string_lossy().contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn what_is_no_place_is_refused_without_a_password() {
        let scheme = |name: &str| PlaceError::Scheme(name.to_owned());
        for (text, expected) in [
            ("", PlaceError::Empty),
            (" ", PlaceError::Empty),
            ("postgres:/db.example/raccord", scheme("postgres")),
            ("Postgres://u:hunter2@db/x", scheme("Postgres")),
            ("mysql://u:hunter2@db/x", scheme("mysql")),
            ("s3://bucket/state.redb", scheme("s3")),
            ("file:///tmp/state.redb", scheme("file")),
            ("~/state.redb", PlaceError::Shell('~')),
            ("$HOME/state.redb", PlaceError::Shell('$')),
        ] {
            let error = text.parse::<StateAt>().unwrap_err();
            assert!(!error.to_string().contains("hunter2"), "{error}");
            assert_eq!(error, expected, "{text}");
        }
    }

    #[test]
    fn each_database_has_a_place_of_its_own_on_this_machine() {
        let local = |text: &str| text.parse::<StateAt>().unwrap().local();
        assert_eq!(local("postgres://me:a@db/r"), local("postgres://me:b@db/r?sslmode=disable"));
        assert_ne!(local("postgres://me@db/r"), local("postgres://me@db/s"));
    }
}
