//! Where a state is: a file of this machine, or a database that several machines share. The URL of a database may hold a
//! password; nothing here shows it.

use std::convert::Infallible;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use raccord_model::Digest;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// How the URL of a shared state begins.
const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];

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

impl FromStr for StateAt {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let is_shared = SCHEMES.iter().any(|scheme| text.starts_with(scheme));
        Ok(if is_shared { Self::Shared(SharedPlace(text.into())) } else { Self::File(text.into()) })
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
    fn each_database_has_a_place_of_its_own_on_this_machine() {
        let local = |text: &str| text.parse::<StateAt>().unwrap().local();
        assert_eq!(local("postgres://me:a@db/r"), local("postgres://me:b@db/r?sslmode=disable"));
        assert_ne!(local("postgres://me@db/r"), local("postgres://me@db/s"));
    }
}
