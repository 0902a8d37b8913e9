//! Loading a configuration and planning it: what the shell does when files have changed, in a task of its own.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use raccord_model::diagnostic::{Code, Diagnostic, Severity};
use raccord_model::{Desired, Digest};
use raccord_plan::{Options, Plan, diff};
use tokio::sync::Mutex;

use super::Settings;
use crate::error::DaemonError;
use crate::reload::{Checkout, Loader, Policy, Verdict, verdict};
use crate::step;
use raccord_run::Ports;

/// Where a stack's desired state comes from. There is one such place.
#[derive(Debug, Clone)]
pub enum Origin {
    /// Files that are watched.
    Files {
        /// What loads them.
        loader: Arc<Loader>,
        /// As they were named.
        paths: Vec<PathBuf>,
    },
    /// A repository that is pulled.
    Git {
        /// The copy of it.
        checkout: Arc<Mutex<Checkout>>,
        /// The values of variables.
        variables: BTreeMap<String, String>,
        /// The repository, without credentials.
        shown: String,
    },
    /// The callers that apply.
    Api,
}

impl Origin {
    /// In words.
    pub fn in_words(&self) -> String {
        match self {
            Self::Files { paths, .. } if paths.is_empty() => "the current directory".to_owned(),
            Self::Files { paths, .. } => {
                paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
            }
            Self::Git { shown, .. } => shown.clone(),
            Self::Api => "an apply".to_owned(),
        }
    }
}

/// A configuration that can be applied, and its plan.
#[derive(Debug)]
pub struct Configuration {
    /// Of what was read.
    pub digest: Digest,
    /// What it wants.
    pub desired: Arc<Desired>,
    /// What applying it would do, on the state as it was.
    pub plan: Plan,
    /// Why it waits for a person; nothing when it does not.
    pub why: Vec<String>,
    /// The commit it comes from.
    pub commit: Option<String>,
}

/// What a load has found.
#[derive(Debug)]
pub(super) struct Loaded {
    /// Of what was read.
    pub digest: Digest,
    /// The configuration, when it can be applied.
    pub(super) configuration: Option<Arc<Configuration>>,
    /// Everything there is to say about one that cannot.
    pub(super) diagnostics: Vec<Diagnostic>,
    /// Why nothing could be loaded, though that says nothing about the configuration.
    pub(super) trouble: Option<String>,
}

impl Loaded {
    /// What `step` is told of it.
    pub(super) fn outcome(&self) -> (Digest, step::Loaded) {
        let outcome = match &self.configuration {
            Some(configuration) if configuration.plan.is_empty() && !configuration.plan.has_work() => {
                step::Loaded::Same
            }
            Some(configuration) if configuration.why.is_empty() => step::Loaded::Ready(step::Verdict::Apply),
            Some(_) => step::Loaded::Ready(step::Verdict::Wait),
            None if self.trouble.is_some() => step::Loaded::Nothing,
            None => step::Loaded::Bad,
        };
        (self.digest, outcome)
    }

    /// The configuration could not be read for a while, which is told like a directory that is missing: once.
    fn lost(why: &str) -> Self {
        let diagnostic = Diagnostic {
            place: None,
            severity: Severity::Error,
            code: Code::Unreadable,
            message: format!("the repository could not be pulled several times in a row: {why}"),
            path: String::new(),
            help: None,
        };
        let digest = Digest::of(b"a repository that cannot be pulled");
        Self { digest, configuration: None, diagnostics: vec![diagnostic], trouble: None }
    }

    pub(super) fn trouble(why: String) -> Self {
        let (configuration, diagnostics) = (None, Vec::new());
        Self { digest: Digest::of(&[]), configuration, diagnostics, trouble: Some(why) }
    }
}

/// Loads the configuration and plans it on the state as it is.
pub(super) async fn load(ports: &Ports, settings: &Settings) -> Loaded {
    let now = ports.environment.now();
    let loaded = match &settings.origin {
        Origin::Files { loader, .. } => loader.load(now).await,
        Origin::Git { checkout, variables, .. } => {
            let mut checkout = checkout.lock().await;
            let commit = match checkout.pull().await {
                Ok(pulled) => pulled.commit,
                Err(error) if checkout.is_lost() => return Loaded::lost(&in_one_line(&error)),
                Err(error) => return Loaded::trouble(in_one_line(&error)),
            };
            let loader = Loader::of_checkout(&checkout, variables.clone());
            let mut loader = loader.sharing_state(!ports.has_embedded_rows());
            loader.at_commit(commit);
            loader.load(now).await
        }
        Origin::Api => return Loaded::trouble("the configuration comes with each apply".to_owned()),
    };
    let (digest, commit) = (loaded.digest, loaded.commit);
    let desired = match loaded.outcome {
        Ok(desired) => desired,
        Err(diagnostics) => return Loaded { digest, configuration: None, diagnostics, trouble: None },
    };
    match plan(ports, &desired).await {
        Ok(plan) => {
            let why = why_it_waits(&plan, settings.policy);
            let desired = Arc::new(desired);
            let configuration = Some(Arc::new(Configuration { digest, desired, plan, why, commit }));
            Loaded { digest, configuration, diagnostics: Vec::new(), trouble: None }
        }
        Err(error) => Loaded::trouble(in_one_line(&error)),
    }
}

async fn plan(ports: &Ports, desired: &Desired) -> Result<Plan, DaemonError> {
    let current = crate::plan::current(ports, desired).await?;
    Ok(diff(desired, &current, &Options { brief: true, ..Options::default() })?)
}

fn why_it_waits(plan: &Plan, policy: Policy) -> Vec<String> {
    match verdict(plan, policy) {
        Verdict::Apply => Vec::new(),
        Verdict::Wait { why } => why,
    }
}

/// An error and its causes.
pub(super) fn in_one_line(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
