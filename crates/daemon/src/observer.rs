//! Who is told what the daemon does: metrics, webhooks. What is told has happened; nothing waits for an answer.

use std::sync::Arc;

use raccord_model::fact::Run;
use raccord_run::applied::Applied;
use raccord_run::report::Progress;

/// How a reload has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReloadResult {
    /// What was read is in force, or waits for a person.
    Good,
    /// It has mistakes.
    Bad,
    /// It could not be read, or not applied.
    Failed,
}

/// Hears what the daemon does. No method may block.
pub trait Observer: Send + Sync {
    /// A run has stored a page.
    fn progressed(&self, progress: &Progress);
    /// A run has ended.
    fn run_ended(&self, run: &Run);
    /// A reload has ended.
    fn reload_ended(&self, result: ReloadResult);
    /// Another generation is in force.
    fn in_force(&self, applied: &Arc<Applied>);
    /// It is time to look again at what may have changed outside: secrets in files.
    fn inspect(&self);
}

/// Does nothing with what it hears.
impl Observer for () {
    fn progressed(&self, _: &Progress) {}
    fn run_ended(&self, _: &Run) {}
    fn reload_ended(&self, _: ReloadResult) {}
    fn in_force(&self, _: &Arc<Applied>) {}
    fn inspect(&self) {}
}
