//! `raccord connector lock --check`: whether the lock and the texts beside it are whole. It writes nothing, and asks the outside
//! only where it is told to.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use raccord_config::{LOCK, LOCK_TEXTS, Locking, text_digest, text_file};

use super::{NOTHING, digits, is_text, text_of};
use crate::error::CommandError;
use crate::render;
use crate::render::table::Table;
use crate::ui::Ui;

/// Gets a text from where a URL leads.
type Fetch<'a> = &'a dyn Fn(&str) -> Result<String, String>;

/// How a connector stands.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Standing {
    AsLocked,
    /// It is as it was locked, and there is another text now.
    Outdated,
    NotLocked,
    Missing,
    Changed,
    /// No source names it any more.
    Unwanted,
    /// Whether there is another text could not be found out.
    Unknown(String),
}

impl Standing {
    fn in_words(&self) -> String {
        match self {
            Self::AsLocked => "as locked".to_owned(),
            Self::Outdated => "as locked, and there is another text now".to_owned(),
            Self::NotLocked => format!("not in {LOCK}"),
            Self::Missing => format!("its text is missing in {LOCK_TEXTS}"),
            Self::Changed => "its text was changed".to_owned(),
            Self::Unwanted => "no source names it".to_owned(),
            Self::Unknown(_) => "as locked; another text may be there".to_owned(),
        }
    }

    const fn is_wrong(&self) -> bool {
        !matches!(self, Self::AsLocked | Self::Outdated)
    }
}

/// What a check found.
#[derive(Debug, Default)]
struct Found {
    connectors: BTreeMap<String, Standing>,
    /// Files beside the lock that it does not mean.
    leftover: BTreeSet<String>,
}

/// Says how each connector stands: 0 when all are as they were locked, 1 when something is wrong, 2 when all are and there are
/// newer texts.
///
/// Where not every file was read that the lock is for, what none of them names is passed over.
pub(super) fn check(
    ui: &Ui,
    locking: &Locking,
    is_whole: bool,
    fetch: Option<Fetch<'_>>,
) -> Result<ExitCode, CommandError> {
    let mut found = judge(locking, fetch);
    found.connectors.retain(|_, standing| is_whole || *standing != Standing::Unwanted);
    if found.connectors.is_empty() && found.leftover.is_empty() {
        ui.line(NOTHING)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = Table::new(["connector", "", "text"]);
    for (connector, standing) in &found.connectors {
        table.row([connector.clone(), standing.in_words(), digits(locking.locked.get(connector))]);
    }
    ui.print(&table.text(ui.width()))?;
    for (connector, standing) in &found.connectors {
        if let Standing::Unknown(why) = standing {
            ui.line(&format!("{connector}: whether there is another text is not known: {why}"))?;
        }
    }
    for file in &found.leftover {
        ui.line(&format!("{LOCK_TEXTS}/{file}: {LOCK} does not mean it"))?;
    }
    let standings = || found.connectors.values();
    let wrong = standings().filter(|standing| standing.is_wrong()).count() + found.leftover.len();
    if wrong > 0 {
        let error = CommandError::new(format!("{} with the lock", render::count(wrong, "problem")));
        let is_unreachable = standings().any(|standing| matches!(standing, Standing::Unknown(_)));
        let hint = if is_unreachable {
            "without --fresh nothing is fetched; `raccord connector lock` mends all else"
        } else {
            "`raccord connector lock` mends it; commit what it writes"
        };
        return Err(error.hint(hint));
    }
    let outdated = standings().filter(|standing| **standing == Standing::Outdated).count();
    if outdated > 0 {
        let others = render::count(outdated, "connector");
        ui.line(&format!(
            "{others} with another text now; `raccord connector lock --update` takes it, and `raccord plan` shows what that means"
        ))?;
        return Ok(ExitCode::from(2));
    }
    let count = render::count(found.connectors.len(), "connector");
    ui.line(&format!("{count} in {LOCK}, as locked"))?;
    Ok(ExitCode::SUCCESS)
}

/// How the connectors of a configuration stand.
fn judge(locking: &Locking, fetch: Option<Fetch<'_>>) -> Found {
    let mut found = Found::default();
    for connector in &locking.wanted {
        let standing = match locking.locked.get(connector) {
            None => Standing::NotLocked,
            Some(digest) => match locking.files.get(&text_file(digest)) {
                None => Standing::Missing,
                Some(other) if other != digest => Standing::Changed,
                Some(_) => fetch.map_or(Standing::AsLocked, |fetch| ask(connector, digest, fetch)),
            },
        };
        found.connectors.insert(connector.clone(), standing);
    }
    let unwanted = locking.locked.keys().filter(|connector| !locking.wanted.contains(*connector));
    found.connectors.extend(unwanted.map(|connector| (connector.clone(), Standing::Unwanted)));
    let meant: BTreeSet<String> = locking.locked.values().map(|digest| text_file(digest)).collect();
    let leftover = locking.files.keys().filter(|file| is_text(file) && !meant.contains(*file));
    found.leftover = leftover.cloned().collect();
    found
}

/// Whether there is another text now.
fn ask(connector: &str, digest: &str, fetch: Fetch<'_>) -> Standing {
    match text_of(connector, fetch) {
        Ok(text) if text_digest(&text) == digest => Standing::AsLocked,
        Ok(_) => Standing::Outdated,
        Err(why) => Standing::Unknown(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://hub.example/shop.yaml";

    #[test]
    fn each_connector_stands_somehow() {
        let check = |connector: &str,
                     locked: Option<&str>,
                     held: Option<&str>,
                     now: Option<Result<&str, &str>>,
                     expected| {
            let locked: BTreeMap<_, _> =
                locked.map(|text| (connector.to_owned(), text_digest(text))).into_iter().collect();
            let name = locked.get(connector).map(|digest| text_file(digest)).unwrap_or_default();
            let files = held.map(|text| (name, text_digest(text))).into_iter().collect();
            let wanted = [connector.to_owned()].into();
            let locking = Locking { wanted, locked, files, kept: BTreeMap::new() };
            let fetch = |_: &str| now.unwrap().map(str::to_owned).map_err(str::to_owned);
            let found = judge(&locking, now.is_some().then_some(&fetch));
            assert_eq!(
                found.connectors[connector],
                expected,
                "{connector} {locked:?} {held:?} {now:?}",
                locked = locking.locked
            );
        };
        check(URL, None, None, None, Standing::NotLocked);
        check(URL, Some("a"), None, None, Standing::Missing);
        check(URL, Some("a"), Some("b"), None, Standing::Changed);
        check(URL, Some("a\n"), Some("a\r\n"), None, Standing::AsLocked);
        check(URL, Some("a"), Some("a"), Some(Ok("a")), Standing::AsLocked);
        check(URL, Some("a"), Some("a"), Some(Ok("b")), Standing::Outdated);
        check(URL, Some("a"), Some("a"), Some(Err("no route")), Standing::Unknown("no route".to_owned()));
        check(URL, Some("a"), None, Some(Ok("b")), Standing::Missing);
        check("stripe", Some("a"), Some("a"), None, Standing::AsLocked);
        check("stripe", Some("a"), Some("a"), Some(Err("not asked")), Standing::Outdated);
    }

    #[test]
    fn what_is_left_over_is_told() {
        let locked = text_digest("a");
        let files = [(text_file(&locked), locked.clone()), (text_file(&text_digest("b")), text_digest("b"))];
        let locking =
            Locking { locked: [(URL.to_owned(), locked)].into(), files: files.into(), ..Locking::default() };
        let found = judge(&locking, None);
        assert_eq!(found.connectors[URL], Standing::Unwanted);
        assert_eq!(found.leftover.into_iter().collect::<Vec<_>>(), [text_file(&text_digest("b"))]);
    }
}
