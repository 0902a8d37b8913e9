//! Reads secrets where a run needs them, and names only their references when they are not there.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use raccord_model::port;
use raccord_model::port::exhausted::is_exhausted;
use raccord_model::secret::{SecretError, SecretRef, TextOrSecret};
use secrecy::SecretString;

/// Looks up a variable of the environment.
pub type Environment = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// The largest file that is taken for a secret.
const MAX_SECRET: u64 = 64 * 1024;

/// Reads what references refer to.
#[derive(Clone)]
pub struct SecretReader {
    environment: Environment,
    root: PathBuf,
}

impl fmt::Debug for SecretReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretReader").field("root", &self.root).finish_non_exhaustive()
    }
}

impl SecretReader {
    /// Reads variables through `environment` and files relative to `root`.
    pub fn new(environment: Environment, root: &Path) -> Self {
        Self { environment, root: root.to_owned() }
    }

    /// Reads variables of the process and files relative to `root`.
    pub(crate) fn at(root: &Path, environment: &Arc<dyn port::environment::Environment>) -> Self {
        let variables = Arc::clone(environment);
        Self::new(Arc::new(move |name| variables.variable(name)), root)
    }

    /// Whether files are read in the same place.
    pub(crate) fn is_rooted_like(&self, other: &Self) -> bool {
        self.root == other.root
    }

    /// The secret itself.
    pub(crate) fn read(&self, reference: &SecretRef) -> Result<SecretString, SecretError> {
        let text = match reference {
            SecretRef::Env(name) => {
                (self.environment)(name).ok_or_else(|| unusable(reference, "is not set where this runs"))?
            }
            SecretRef::File(path) => self.read_file(reference, path)?,
        };
        if text.is_empty() {
            return Err(unusable(reference, "is empty"));
        }
        Ok(SecretString::from(text))
    }

    /// A text as it is written, or the secret it refers to.
    pub(crate) fn read_text(&self, text: &TextOrSecret) -> Result<SecretString, SecretError> {
        match text {
            TextOrSecret::Text(text) => Ok(SecretString::from(text.clone())),
            TextOrSecret::Secret(reference) => self.read(reference),
        }
    }

    fn read_file(&self, reference: &SecretRef, path: &str) -> Result<String, SecretError> {
        let cannot = |error: std::io::Error| {
            if is_exhausted(&error) {
                return SecretError::Exhausted {
                    reference: reference.to_string(),
                    message: error.to_string(),
                };
            }
            unusable(reference, &format!("cannot be read: {}", error.kind()))
        };
        let file = File::open(self.root.join(path)).map_err(cannot)?;
        let mut text = String::new();
        file.take(MAX_SECRET + 1).read_to_string(&mut text).map_err(cannot)?;
        if u64::try_from(text.len()).map_or(true, |length| length > MAX_SECRET) {
            return Err(unusable(reference, "is larger than 64 KB"));
        }
        let line = text.strip_suffix('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
        Ok(line.unwrap_or(&text).to_owned())
    }
}

/// The error for a secret that is not there or of no use.
pub(crate) fn unusable(reference: &SecretRef, why: &str) -> SecretError {
    SecretError::Unusable { reference: reference.to_string(), why: why.to_owned() }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn secrets_are_read_where_they_are_referred_to() {
        let root = tempfile::tempdir().unwrap();
        for (name, content) in
            [("lf", "hunter2\n"), ("crlf", "hunter2\r\n"), ("bare", "hunter2"), ("empty", "\n")]
        {
            std::io::Write::write_all(&mut File::create(root.path().join(name)).unwrap(), content.as_bytes())
                .unwrap();
        }
        let environment: Environment = Arc::new(|name| (name == "TOKEN").then(|| "hunter2".to_owned()));
        let reader = SecretReader::new(environment, root.path());
        for good in ["${env:TOKEN}", "${file:lf}", "${file:crlf}", "${file:bare}"] {
            assert_eq!(reader.read(&good.parse().unwrap()).unwrap().expose_secret(), "hunter2", "{good}");
        }
        for bad in ["${env:OTHER}", "${file:nowhere}", "${file:empty}", "${file:.}"] {
            let error = reader.read(&bad.parse().unwrap()).unwrap_err().to_string();
            assert!(error.starts_with(bad) && !error.contains("hunter2"), "{error}");
        }
        assert!(!format!("{reader:?}").contains("hunter2"));
    }
}
