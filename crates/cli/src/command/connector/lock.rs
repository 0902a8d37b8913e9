//! `raccord connector lock`.

mod check;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use raccord_config::{LOCK, LOCK_TEXTS, Locked, Locking, lock_text, text_digest, text_file};
use raccord_connect::fetch_text;
use raccord_manifest::load::{is_manifest, load};
use raccord_model::language::connector::manifest::listed;

use crate::configuration;
use crate::error::CommandError;
use crate::options::Global;
use crate::render;
use crate::render::table::Table;
use crate::session::write_file;
use crate::ui::Ui;

/// What is said where there is nothing to lock.
const NOTHING: &str = "nothing to lock: no source names a connector by a URL or a name of the catalogue";

/// How many digits of a digest are shown.
const DIGITS: usize = 12;

/// Pin the connectors that sources name by a URL, or by a name of the catalogue
///
/// Writes raccord.lock and the texts in raccord.lock.d beside the configuration; commit both. What is locked stays as it is
/// until --update; what no source names any more goes. `validate`, `plan` and `apply` fetch nothing: they take what is kept.
///
/// With --check nothing is written and nothing fetched: it ends with 1 when the lock or a text is not as it should be. With
/// --fresh as well it also asks whether there are newer texts, and ends with 2 when there are.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  raccord connector lock\n  raccord connector lock --update\n  \
    raccord connector lock --update stripe\n  raccord connector lock --check")]
pub(crate) struct LockArgs {
    /// Take the newest texts, of these connectors alone where some are named
    #[arg(long, value_name = "CONNECTOR", num_args = 0..)]
    update: Option<Vec<String>>,
    /// Write nothing: say whether the lock names every connector, and every text is the one that is locked
    #[arg(long, conflicts_with = "update")]
    check: bool,
    /// Ask, too, whether URLs and this program have newer texts than those that are locked
    #[arg(long, requires = "check")]
    fresh: bool,
}

/// What became of a connector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Locked,
    Updated,
    Unchanged,
    Restored,
    Removed,
    /// No file that was read names it, and not all were.
    Left,
}

impl Fate {
    const fn in_words(self) -> &'static str {
        match self {
            Self::Locked => "locked",
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
            Self::Restored => "restored",
            Self::Removed => "removed",
            Self::Left => "left as it is: no file of -f names it",
        }
    }
}

/// A lock as it is going to be.
#[derive(Debug, Default)]
struct Outcome {
    locked: Locked,
    /// By their digests.
    texts: BTreeMap<String, String>,
    fates: BTreeMap<String, Fate>,
    /// What is wrong with connectors.
    errors: Vec<String>,
}

pub(crate) fn lock(ui: &Ui, global: &Global, args: &LockArgs) -> Result<ExitCode, CommandError> {
    let home = home(&global.files)?;
    let locking = configuration::locking(ui, global)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let fetch = |url: &str| runtime.block_on(fetch_text(url)).map_err(|error| error.to_string());
    // The lock is that of a directory: what one of its files does not name, another may.
    let is_whole = global.files.first().is_none_or(|first| first.is_dir());
    if args.check {
        return check::check(ui, &locking, is_whole, args.fresh.then_some(&fetch));
    }
    let unknown = args.update.iter().flatten().find(|name| !locking.wanted.contains(*name));
    if let Some(name) = unknown {
        let known: Vec<&str> = locking.wanted.iter().map(String::as_str).collect();
        let error = CommandError::new(format!("no source names the connector `{name}`"));
        return Err(match raccord_model::suggest::advice(name, &known, "what can be locked is") {
            Some(advice) => error.hint(advice),
            None => error,
        });
    }
    let outcome = decide(&locking, args.update.as_deref(), is_whole, &fetch);
    if !outcome.errors.is_empty() {
        return Err(CommandError::new(outcome.errors.join("\n")).hint("nothing was written"));
    }
    if outcome.fates.is_empty() {
        ui.line(NOTHING)?;
        return Ok(ExitCode::SUCCESS);
    }
    write(&home, &outcome)?;
    tell(ui, &outcome)?;
    Ok(ExitCode::SUCCESS)
}

/// The directory that the lock stands in: that of the configuration.
fn home(files: &[PathBuf]) -> Result<PathBuf, CommandError> {
    let Some(first) = files.first() else { return Ok(PathBuf::from(".")) };
    if first.as_os_str() == "-" {
        return Err(CommandError::new(
            "a lock stands beside the configuration, and standard input has no place",
        ));
    }
    let parent = || first.parent().map_or_else(|| PathBuf::from("."), Path::to_owned);
    Ok(if first.is_dir() { first.clone() } else { parent() })
}

/// What is to be locked. `update` names what is taken anew: nothing, all of it (an empty list), or some connectors; `is_whole`
/// says whether every file that the lock is for was read.
fn decide(
    locking: &Locking,
    update: Option<&[String]>,
    is_whole: bool,
    fetch: &dyn Fn(&str) -> Result<String, String>,
) -> Outcome {
    let mut outcome = Outcome::default();
    for connector in &locking.wanted {
        let is_updated = update.is_some_and(|some| some.is_empty() || some.contains(connector));
        let before = locking.locked.get(connector);
        let decided = match before {
            Some(digest) if !is_updated => keep(connector, digest, locking, fetch),
            _ => newest(connector, before, fetch),
        };
        match decided {
            Ok((fate, text)) => {
                let digest = text_digest(&text);
                outcome.locked.insert(connector.clone(), digest.clone());
                outcome.texts.insert(digest, text);
                outcome.fates.insert(connector.clone(), fate);
            }
            Err(error) => outcome.errors.push(format!("{connector}: {error}")),
        }
    }
    for (connector, digest) in &locking.locked {
        if locking.wanted.contains(connector) {
            continue;
        }
        let fate = if is_whole { Fate::Removed } else { Fate::Left };
        outcome.fates.insert(connector.clone(), fate);
        if fate == Fate::Left {
            outcome.locked.insert(connector.clone(), digest.clone());
        }
    }
    outcome
}

/// The text that is locked already, from where it is.
fn keep(
    connector: &str,
    digest: &str,
    locking: &Locking,
    fetch: &dyn Fn(&str) -> Result<String, String>,
) -> Result<(Fate, String), String> {
    if let Some(text) = locking.kept.get(digest) {
        return Ok((Fate::Unchanged, text.clone()));
    }
    let text = text_of(connector, fetch)?;
    if text_digest(&text) == digest {
        return Ok((Fate::Restored, text));
    }
    let whose = if listed(connector).is_some() { "this program has" } else { "the URL leads to" };
    Err(format!(
        "the text that is locked is missing in {LOCK_TEXTS}, and {whose} another one; get it back from your \
         repository, or take the new one with `raccord connector lock --update {connector}`"
    ))
}

/// The newest text, which must be a manifest.
fn newest(
    connector: &str,
    before: Option<&String>,
    fetch: &dyn Fn(&str) -> Result<String, String>,
) -> Result<(Fate, String), String> {
    let text = text_of(connector, fetch)?;
    if !is_manifest(&text) {
        return Err("it is no manifest: it has no line `type: DeclarativeSource`".to_owned());
    }
    load(&text).map_err(|problem| format!("it is no manifest: {problem}"))?;
    let fate = match before {
        None => Fate::Locked,
        Some(digest) if *digest == text_digest(&text) => Fate::Unchanged,
        Some(_) => Fate::Updated,
    };
    Ok((fate, text))
}

/// A connector's text as it is now; line ends are those that are kept.
fn text_of(connector: &str, fetch: &dyn Fn(&str) -> Result<String, String>) -> Result<String, String> {
    let text = match listed(connector) {
        Some(found) => found.text.to_owned(),
        None => fetch(connector)?,
    };
    Ok(text.replace("\r\n", "\n"))
}

/// Writes texts before the lock that means them, and takes away last what it no longer means: whenever that ends, what is
/// there is whole.
fn write(home: &Path, outcome: &Outcome) -> Result<(), CommandError> {
    let texts = home.join(LOCK_TEXTS);
    let failed = |error: std::io::Error| CommandError::new(format!("{}: {error}", texts.display()));
    fs::create_dir_all(&texts).map_err(failed)?;
    for (digest, text) in &outcome.texts {
        write_file(&texts.join(text_file(digest)), text.as_bytes())?;
    }
    write_file(&home.join(LOCK), lock_text(&outcome.locked).as_bytes())?;
    let meant: BTreeSet<String> = outcome.locked.values().map(|digest| text_file(digest)).collect();
    for entry in fs::read_dir(&texts).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if is_text(&name) && !meant.contains(&name) {
            fs::remove_file(entry.path()).map_err(failed)?;
        }
    }
    Ok(())
}

/// Whether a file is called as texts are: nothing else is taken away.
fn is_text(name: &str) -> bool {
    let hex = name.strip_suffix(".yaml").unwrap_or_default();
    hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn tell(ui: &Ui, outcome: &Outcome) -> Result<(), CommandError> {
    let mut table = Table::new(["connector", "", "text"]);
    for (connector, fate) in &outcome.fates {
        table.row([connector.clone(), fate.in_words().to_owned(), digits(outcome.locked.get(connector))]);
    }
    ui.print(&table.text(ui.width()))?;
    let count = render::count(outcome.locked.len(), "connector");
    Ok(ui.line(&format!("{count} in {LOCK}; commit it with {LOCK_TEXTS}"))?)
}

/// The first digits of a digest.
fn digits(digest: Option<&String>) -> String {
    digest.map(|digest| text_file(digest).chars().take(DIGITS).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://hub.example/shop.yaml";

    fn manifest(name: &str) -> String {
        format!(
            "type: DeclarativeSource\nstreams:\n  - {{type: DeclarativeStream, name: {name}, retriever: {{}}}}\n"
        )
    }

    /// What becomes of one connector: what was locked, what is kept, what is there now.
    fn check(
        connector: &str,
        (locked, kept, now): (Option<&str>, Option<&str>, Result<&str, &str>),
        update: Option<&[&str]>,
        expected: Result<(Fate, &str), &str>,
    ) {
        let locked = locked.map(|text| (connector.to_owned(), text_digest(text)));
        let kept = kept.map(|text| (text_digest(text), text.to_owned()));
        let locking = Locking {
            wanted: [connector.to_owned()].into(),
            locked: locked.into_iter().collect(),
            kept: kept.into_iter().collect(),
            files: BTreeMap::new(),
        };
        let update: Option<Vec<String>> =
            update.map(|some| some.iter().map(|&name| name.to_owned()).collect());
        let fetch = |_: &str| now.map(str::to_owned).map_err(str::to_owned);
        let outcome = decide(&locking, update.as_deref(), true, &fetch);
        match expected {
            Ok((fate, text)) => {
                assert_eq!(outcome.errors, [""; 0]);
                assert_eq!(outcome.fates[connector], fate);
                assert_eq!(outcome.texts[&outcome.locked[connector]], text);
            }
            Err(said) => assert!(outcome.errors[0].contains(said), "{:?}", outcome.errors),
        }
    }

    #[test]
    fn what_is_locked_stays_until_it_is_updated() {
        let (one, two) = (manifest("one"), manifest("two"));
        let (one, two) = (one.as_str(), two.as_str());
        let crlf = one.replace('\n', "\r\n");
        let down = Err("no route");
        check(URL, (None, None, Ok(one)), None, Ok((Fate::Locked, one)));
        check(URL, (None, None, Ok(&crlf)), None, Ok((Fate::Locked, one)));
        check(URL, (None, None, Ok("kind: Project")), None, Err("it is no manifest"));
        check(URL, (None, None, down), None, Err("no route"));
        check(URL, (Some(one), Some(one), down), None, Ok((Fate::Unchanged, one)));
        check(URL, (Some(one), Some(one), Ok(two)), None, Ok((Fate::Unchanged, one)));
        check(URL, (Some(one), None, Ok(one)), None, Ok((Fate::Restored, one)));
        check(URL, (Some(one), Some(two), Ok(two)), None, Err("the URL leads to another one"));
        check(URL, (Some(one), Some(one), Ok(two)), Some(&[]), Ok((Fate::Updated, two)));
        check(URL, (Some(one), Some(one), Ok(one)), Some(&[URL]), Ok((Fate::Unchanged, one)));
        check(URL, (Some(one), Some(one), Ok(two)), Some(&["stripe"]), Ok((Fate::Unchanged, one)));
        let own = listed("stripe").unwrap().text;
        check("stripe", (None, None, down), None, Ok((Fate::Locked, own)));
        check("stripe", (Some(own), None, down), None, Ok((Fate::Restored, own)));
        check("stripe", (Some(one), None, down), None, Err("this program has another one"));
        check("stripe", (Some(one), Some(one), down), Some(&[]), Ok((Fate::Updated, own)));
    }

    #[test]
    fn what_a_part_of_the_files_does_not_name_stays_locked() {
        let digest = text_digest("a text");
        let locking = Locking {
            wanted: BTreeSet::new(),
            locked: [(URL.to_owned(), digest.clone())].into(),
            kept: BTreeMap::new(),
            files: BTreeMap::new(),
        };
        let fetch = |_: &str| Err("nothing is fetched".to_owned());
        for (is_whole, fate, locked) in [(true, Fate::Removed, None), (false, Fate::Left, Some(&digest))] {
            let outcome = decide(&locking, None, is_whole, &fetch);
            assert_eq!(outcome.fates[URL], fate);
            assert_eq!(outcome.locked.get(URL), locked);
        }
    }
}
