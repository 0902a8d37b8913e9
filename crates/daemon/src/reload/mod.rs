//! Where the daemon's desired state comes from: files that are watched, or a repository that is pulled.
//!
//! The watcher hints that something changed, the loader reads and compares by content, the policy says whether
//! a plan may be applied without a person. None of them applies anything.

mod git;
mod load;
mod policy;
mod remote;
mod scene;
mod watch;

#[cfg(test)]
mod tests;

pub use git::{Checkout, GIT_TIMEOUT, GitError, GitSettings, PULL_INTERVAL, Pulled};
pub use load::{Loaded, Loader, SETTLE};
pub use policy::{Policy, PolicyError, Verdict, verdict};
pub use remote::{Remote, RemoteError};
pub use watch::{DEBOUNCE, FALLBACK_POLL, MAX_WATCHES, WatchError, WatchSettings, Watcher};
