//! Reloading, over real files and real repositories.

mod git;
mod load;
mod policy;
mod remote;
mod watch;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use tokio::sync::Notify;

use super::{Loaded, Loader};
use raccord_connect::System;
use raccord_model::port::environment::Environment as _;

/// Longer than anything here takes on the slowest machine; waited out only by what has failed.
const LONG: Duration = Duration::from_secs(30);

/// Writes a file in place, with the directories it needs.
fn put(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
}

/// A configuration of one stack, which can be told from another one.
fn stack(name: &str) -> String {
    format!("apiVersion: raccord/v1\nkind: Stack\nmetadata: {{name: {name}}}\nspec: {{}}\n")
}

/// A project, which can be told from another one.
fn project(name: &str) -> String {
    format!(
        "apiVersion: raccord/v1\nkind: Project\nmetadata: {{name: {name}}}\n\
         spec: {{entities: {{contact: {{key: id, fields: {{id: text}}}}}}}}\n"
    )
}

fn loader(path: &Path) -> Loader {
    Loader::new(vec![path.to_owned()], BTreeMap::new())
}

async fn load(loader: &Loader) -> Loaded {
    loader.load(System::default().now()).await
}

/// What the configuration wants, or the codes of what is wrong with it.
fn outcome(loaded: &Loaded) -> Vec<String> {
    match &loaded.outcome {
        Ok(desired) => desired.resources.keys().map(ToString::to_string).collect(),
        Err(diagnostics) => diagnostics.iter().map(|diagnostic| diagnostic.code.to_string()).collect(),
    }
}

/// Waits for a signal, loads, and goes on until this is what is loaded.
async fn until(changed: &Notify, loader: &Loader, expected: &[&str]) -> usize {
    let mut signals = 0;
    let waiting = async {
        loop {
            changed.notified().await;
            signals += 1;
            if outcome(&load(loader).await) == expected {
                return;
            }
        }
    };
    let seen = tokio::time::timeout(LONG, waiting).await;
    if seen.is_err() {
        let found = outcome(&load(loader).await);
        panic!("no signal brought {expected:?}; there is {found:?} after {signals} signals");
    }
    signals
}
