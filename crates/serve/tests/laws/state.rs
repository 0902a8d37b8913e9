//! A state file in a temporary directory and the engine on it, asked as a transport would ask.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::embedded::ports;
use raccord_config::load_texts;
use raccord_connect::System;
use raccord_model::Desired;
use raccord_model::port::environment::Environment;
use raccord_serve::plan::{Options, Plan};
use raccord_serve::request::{ApplyOptions, Text};
use raccord_serve::{Dispatcher, Reply, Request};
use raccord_store::{Opener, Store};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// Loads texts that must be valid; their names are relative to `root`.
#[track_caller]
pub(crate) fn load(texts: Vec<(String, String)>, root: &str) -> Desired {
    let shown = format!("{texts:#?}");
    let texts = texts.into_iter().map(|(name, text)| (name, text.into_bytes())).collect();
    let loaded = load_texts(texts, root, &BTreeMap::new());
    loaded.desired.unwrap_or_else(|| panic!("{:#?}\n{shown}", loaded.diagnostics))
}

/// A state and the engine on it.
pub(crate) struct State {
    engine: Dispatcher,
    runtime: Runtime,
    stop: watch::Sender<bool>,
    home: TempDir,
}

impl State {
    /// A state to which nothing was applied.
    pub(crate) fn new() -> Self {
        let home = TempDir::new().unwrap();
        let system = System::default();
        let opener = Opener { verb: "test".to_owned(), at: system.now(), lineage: system.new_id() };
        let store = Store::open(&home.path().join("state.redb"), &opener).unwrap();
        let engine = Dispatcher::new(ports(store, Arc::new(system)));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { engine, runtime, stop: watch::channel(false).0, home }
    }

    /// The directory of the state file, for what else a test needs.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// Asks, and collects the parts of the answer that `pick` wants.
    #[track_caller]
    pub(crate) fn ask<T: Send>(
        &self,
        request: Request,
        pick: impl Fn(Reply) -> Option<T> + Send + Sync,
    ) -> Vec<T> {
        let mut found = Vec::new();
        let mut replies = |reply| found.extend(pick(reply));
        let answered =
            self.runtime.block_on(self.engine.handle(request, self.stop.subscribe(), &mut replies));
        answered.unwrap();
        found
    }

    /// What applying a configuration would do.
    #[track_caller]
    pub(crate) fn plan(&self, desired: &Desired) -> Plan {
        let request = Request::Plan(Arc::new(desired.clone()), everything());
        let plan = |reply| if let Reply::Plan(plan) = reply { Some(*plan) } else { None };
        self.ask(request, plan).pop().unwrap()
    }

    /// Applies a configuration, whatever it deletes.
    #[track_caller]
    pub(crate) fn apply(&self, desired: &Desired, rollback_to: Option<u64>) {
        let serial = self.runtime.block_on(self.engine.ports().state.head()).unwrap().serial;
        let by = Text::cut("test");
        let options = ApplyOptions { plan: everything(), serial, by, rollback_to, commit: None };
        self.ask(Request::Apply(Arc::new(desired.clone()), options), |_| Some(()));
    }

    /// The configuration of a generation.
    #[track_caller]
    pub(crate) fn generation(&self, number: u64) -> Desired {
        let desired = |reply| if let Reply::Desired(desired) = reply { Some(*desired) } else { None };
        self.ask(Request::Generation { number: Some(number) }, desired).pop().unwrap()
    }
}

fn everything() -> Options {
    Options { allow_delete: true, allow_rekey: true, ..Options::default() }
}
