//! Paths of files in a storage: relative, normal, and never out of its root. They look at no file.

use std::fmt;

/// The longest path, in bytes: what S3 allows of a key.
const MOST_BYTES: usize = 1_024;

/// A path relative to the root of a storage, with `/` between its parts. No part is empty, `.` or `..`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FilePath(Box<str>);

/// A text that is no path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a relative path of a file")]
pub struct InvalidPath(String);

impl FilePath {
    /// The path that a text says.
    pub fn new(text: &str) -> Result<Self, InvalidPath> {
        let is_part = |part: &str| !part.is_empty() && part != "." && part != "..";
        let has_control = text.chars().any(char::is_control);
        if text.len() > MOST_BYTES || has_control || text.contains('\\') || !text.split('/').all(is_part) {
            return Err(InvalidPath(text.to_owned()));
        }
        Ok(Self(text.into()))
    }

    /// The path below this one.
    pub fn join(&self, below: &str) -> Result<Self, InvalidPath> {
        Self::new(&format!("{}/{below}", self.0))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last part.
    pub fn name(&self) -> &str {
        self.0.rsplit_once('/').map_or(&self.0, |(_, name)| name)
    }
}

impl fmt::Display for FilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_in_its_root() {
        for text in ["a", "a/b.csv", "country=New%20York/x", "é/ü", "a/..b"] {
            assert_eq!(FilePath::new(text).unwrap().as_str(), text);
        }
        let long = "x".repeat(MOST_BYTES + 1);
        for text in ["", "/a", "a/", "a//b", "..", "a/../b", "./a", "a\\b", "a\nb", "a\0", long.as_str()] {
            assert!(FilePath::new(text).is_err(), "{text:?}");
        }
    }
}
