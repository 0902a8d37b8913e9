//! The lock of a configuration: which text of each connector is meant that stands elsewhere, and the texts themselves, which are
//! kept beside it, so that nothing is fetched when a configuration is loaded.
//!
//! It reads what is there. Fetching, and writing the lock, are the command line's.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use raccord_model::diagnostic::{Code, Diagnostic, Finding, Severity};
use raccord_model::language::connector::ManifestSettings;
use raccord_model::language::connector::manifest::{is_url, listed};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::deserialize::read;
use crate::diagnose::{Document, Report};
use crate::document::Documents;
use crate::interpolate::Variables;
use crate::load::Input;
use crate::parse::parse;
use crate::reading::Reading;
use crate::split::Chunk;
use crate::text::SourceText;

/// The name of the file that says which texts are meant.
pub const LOCK: &str = "raccord.lock";
/// The name of the directory beside it that holds them, each in a file that is called by its digest.
pub const LOCK_TEXTS: &str = "raccord.lock.d";

/// The form of the file that this program writes.
const VERSION: u64 = 1;
/// What a digest begins with.
const SHA256: &str = "sha256:";
/// How one mends what is wrong with a lock.
const MEND: &str = "`raccord connector lock`";

/// Which text of each connector is meant: its digest, by its URL or by its name in the catalogue.
pub type Locked = BTreeMap<String, String>;

/// The digest of a connector's text, as the lock has it. Line ends say nothing: a version control may change them.
pub fn text_digest(text: &str) -> String {
    let hash = Sha256::digest(text.replace("\r\n", "\n").as_bytes());
    hash.iter().fold(SHA256.to_owned(), |mut digest, byte| {
        // Writing to a String cannot fail.
        let _ = write!(digest, "{byte:02x}");
        digest
    })
}

/// The file in the directory of a lock that holds the text of a digest.
pub fn text_file(digest: &str) -> String {
    format!("{}.yaml", digest.strip_prefix(SHA256).unwrap_or(digest))
}

/// A lock as it is written.
pub fn lock_text(locked: &Locked) -> String {
    let mut text = format!(
        "# Which text of each connector is meant. `raccord connector lock` writes this file and the texts in\n\
         # {LOCK_TEXTS}; commit both.\nversion: {VERSION}\nconnectors:"
    );
    if locked.is_empty() {
        text.push_str(" {}");
    }
    for (connector, digest) in locked {
        // A URL is plain YAML in quotes: neither a quote nor a backslash stands in one.
        let _ = write!(text, "\n  \"{connector}\": {digest}");
    }
    text.push('\n');
    text
}

/// What a lock needs to know of a configuration.
#[derive(Debug, Clone, Default)]
pub struct Locking {
    /// The connectors that its sources name by a URL or by a name of the catalogue.
    pub wanted: BTreeSet<String>,
    /// What is locked.
    pub locked: Locked,
    /// The texts that are kept and are what they are called, by their digests.
    pub kept: BTreeMap<String, String>,
    /// The digest of the text that each file beside the lock holds, by the name of the file.
    pub files: BTreeMap<String, String>,
}

/// What a configuration wants locked, and what is. The files are read as [`load`](crate::load) reads them.
///
/// # Errors
/// When a document, or the lock, cannot be read: then what is wanted is not known.
pub fn locking(input: &Input) -> Result<Locking, Vec<Diagnostic>> {
    let (found, report) = Reading::of(input).into_parts();
    crate::load::locking(found.texts, &input.variables, report)
}

/// The connectors that sources name by a URL or by a name of the catalogue.
pub(crate) fn wanted(all: &Documents) -> BTreeSet<String> {
    let settings = all.sources.values().filter_map(|held| held.spec.settings.get::<ManifestSettings>());
    let paths = settings.filter_map(|settings| settings.path.clone());
    paths.filter(|path| is_url(path) || listed(path).is_some()).collect()
}

/// The lock of a configuration, with the texts that are kept beside it.
#[derive(Debug, Default)]
pub(crate) struct Lock {
    locked: Locked,
    /// By the names of their files.
    texts: BTreeMap<String, String>,
}

/// The file, as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u64,
    connectors: BTreeMap<String, String>,
}

impl Lock {
    /// Takes the locks and the texts that are kept beside them out of the texts of a configuration.
    pub(crate) fn take_from(texts: &mut Vec<SourceText>, report: &mut Report) -> Self {
        let mut lock = Self::default();
        texts.retain(|text| {
            if file_name(&text.name) == LOCK {
                lock.read(text, report);
                return false;
            }
            let is_kept = file_name(&text.directory) == LOCK_TEXTS;
            if is_kept {
                lock.texts.insert(file_name(&text.name).to_owned(), text.text.clone());
            }
            !is_kept
        });
        lock
    }

    /// Reads one lock.
    fn read(&mut self, text: &SourceText, report: &mut Report) {
        let chunk = Chunk { text: &text.text, lines_before: 0 };
        let parsed = parse(&chunk);
        for problem in parsed.problems {
            report.text_error(text, &chunk, problem);
        }
        let Some(root) = parsed.root else { return };
        let document = Document::new(text, root, None);
        match read::<File>(&document.root, &Variables::new()) {
            Err(wrong) => {
                for mistake in wrong.mistakes {
                    report.problem(&document, Severity::Error, mistake.problem, &mistake.path);
                }
            }
            Ok(File { version, .. }) if version != VERSION => {
                let message =
                    format!("this is a lock of version {version}, and this program reads {VERSION}");
                let finding = Finding::error(&["version"], Code::InvalidValue, message);
                report.finding(
                    &document,
                    finding.help("use the version of Raccord that wrote it, or a later one"),
                );
            }
            Ok(File { connectors, .. }) => self.add(connectors, &document, report),
        }
    }

    fn add(&mut self, connectors: BTreeMap<String, String>, document: &Document<'_>, report: &mut Report) {
        for (connector, digest) in connectors {
            let path = ["connectors", &connector];
            let hex = digest.strip_prefix(SHA256).unwrap_or_default();
            if hex.len() != 64 || !hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
                let message = "this is no digest: `sha256:` and 64 hexadecimal digits";
                let finding = Finding::error(&path, Code::InvalidValue, message);
                report.finding(document, finding.help(format!("take the line away and run {MEND}")));
                continue;
            }
            if self.locked.get(&connector).is_some_and(|known| *known != digest) {
                let message = format!("another {LOCK} of this configuration means another text");
                let finding = Finding::error(&path, Code::NotLocked, message);
                report.finding(document, finding.help("keep one of the two"));
            }
            self.locked.insert(connector, digest);
        }
    }

    /// The text that is locked of a connector that has a URL.
    pub(crate) fn of_url(&self, url: &str) -> Result<&str, Finding> {
        let Some(digest) = self.locked.get(url) else {
            let help = format!("{MEND} fetches it, and keeps what it found beside this configuration");
            return Err(not_locked(format!("which text of `{url}` is meant is not locked")).help(help));
        };
        self.kept(url, digest)
    }

    /// The text that is locked of a connector of the catalogue; none when any is meant, or the one that the program has.
    pub(crate) fn of_listed(&self, name: &str, own: &str) -> Option<Result<&str, Finding>> {
        let digest = self.locked.get(name)?;
        (text_digest(own) != *digest).then(|| self.kept(name, digest))
    }

    fn kept(&self, connector: &str, digest: &str) -> Result<&str, Finding> {
        let file = text_file(digest);
        let Some(text) = self.texts.get(&file) else {
            let message =
                format!("the text of `{connector}` is missing: {LOCK_TEXTS}/{file}, which {LOCK} means");
            let help =
                format!("commit {LOCK_TEXTS} with {LOCK}, or run {MEND}, which fetches the text again");
            return Err(not_locked(message).help(help));
        };
        if text_digest(text) != digest {
            let message = format!(
                "the text of `{connector}` is not the one that was locked: {LOCK_TEXTS}/{file} was changed"
            );
            let help = format!(
                "run {MEND}, which fetches the text again; for a text of your own write its path as `connector`"
            );
            return Err(not_locked(message).help(help));
        }
        Ok(text)
    }

    /// What is locked, and the texts that are kept and are what they are called.
    pub(crate) fn into_locking(self, wanted: BTreeSet<String>) -> Locking {
        let Self { locked, texts } = self;
        let files = texts.iter().map(|(name, text)| (name.clone(), text_digest(text))).collect();
        let named = texts.into_values().map(|text| (text_digest(&text), text));
        let kept = named.filter(|(digest, _)| locked.values().any(|known| known == digest)).collect();
        Locking { wanted, locked, kept, files }
    }
}

fn not_locked(message: String) -> Finding {
    Finding::error(&["connector"], Code::NotLocked, message)
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
