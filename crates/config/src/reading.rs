//! A configuration as it was read from the disk, before anybody has understood it.
//!
//! Who waits for changes compares what was read, and loads only what is new.

use raccord_model::Digest;

use crate::diagnose::Report;
use crate::discover::{Discovery, discover};
use crate::interpolate::Variables;
use crate::load::{Input, Loaded, load_all};

/// The texts of a configuration, and what could not be read.
#[derive(Debug)]
pub struct Reading {
    found: Discovery,
    report: Report,
    shares_state: bool,
}

impl Reading {
    /// Reads everything that the paths lead to.
    pub fn of(input: &Input) -> Self {
        let mut report = Report::default();
        let found = discover(input, &mut report);
        Self { found, report, shares_state: input.shares_state }
    }

    /// The digest of what was read: the names and the bytes of the files, and what could not be read.
    pub fn digest(&self) -> Digest {
        let mut whole = Vec::new();
        for text in &self.found.texts {
            whole.extend_from_slice(text.name.as_bytes());
            whole.push(0);
            whole.extend_from_slice(&Digest::of(&text.bytes).0);
        }
        for error in self.report.errors() {
            whole.push(0);
            whole.extend_from_slice(error.message.as_bytes());
        }
        Digest::of(&whole)
    }

    /// Makes a configuration of it.
    pub fn load(self, variables: &Variables) -> Loaded {
        let Self { found, report, shares_state } = self;
        load_all(found, variables, report, shares_state)
    }

    /// What was read, and what could not be.
    pub(crate) fn into_parts(self) -> (Discovery, Report) {
        (self.found, self.report)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    fn digest(directory: &Path) -> Digest {
        Reading::of(&Input { paths: vec![directory.to_owned()], ..Input::default() }).digest()
    }

    fn put(path: &Path, text: &str) {
        let mut file = fs::File::create(path).unwrap();
        std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
    }

    #[test]
    fn the_digest_is_that_of_names_bytes_and_what_cannot_be_read() {
        let home = tempfile::tempdir().unwrap();
        let mut seen = vec![digest(&home.path().join("nowhere"))];
        let mut differs = |what: &str| {
            let now = digest(home.path());
            assert!(!seen.contains(&now), "{what}");
            seen.push(now);
        };
        differs("an empty directory");
        put(&home.path().join("a.yaml"), "kind: A");
        differs("a file");
        put(&home.path().join("a.yaml"), "kind: B");
        differs("other bytes");
        fs::rename(home.path().join("a.yaml"), home.path().join("b.yaml")).unwrap();
        differs("another name");
        std::os::unix::fs::symlink("nowhere", home.path().join("c.yaml")).unwrap();
        differs("a link that leads nowhere");
        let before = digest(home.path());
        put(&home.path().join("state.redb"), "not ours");
        fs::create_dir(home.path().join(".raccord")).unwrap();
        put(&home.path().join(".raccord/x.yaml"), "not ours");
        assert_eq!(digest(home.path()), before, "what is not read");
    }
}
