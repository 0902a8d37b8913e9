//! Why a run failed, and what it comes to then. No message holds a secret.

use raccord_model::Name;
use raccord_model::fact::RunOutcome;
use raccord_model::port::destination::DestinationError;
use raccord_model::port::exhausted::is_exhausted;
use raccord_model::port::inbox::InboxError;
use raccord_model::port::source::SourceError;
use tokio::task::JoinError;

use super::columns::MissingColumn;
use super::mapper::MapError;

/// Why a run failed. No message holds a secret.
#[derive(Debug, thiserror::Error)]
pub(super) enum RunError {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Destination(#[from] DestinationError),
    #[error("waiting for its table: {0}")]
    Table(#[source] DestinationError),
    #[error(transparent)]
    Inbox(#[from] InboxError),
    #[error(transparent)]
    Column(MissingColumn),
    #[error("every record of the first page was rejected; the first one because {0}")]
    FirstPage(String),
    #[error("the task that fetches pages has ended")]
    Fetcher,
    #[error("the task that maps a page has ended")]
    Mapper(#[from] JoinError),
    /// The state knows less than the destination has seen.
    #[error("its store is ahead of the state ({source}). {}", way_on(source, transfer))]
    Behind { source: DestinationError, transfer: Name },
    #[error(
        "{}; before that the service did not accept the page where the last run had stopped ({refused}), so that the \
         window was begun again: should this go on, `raccord resync {transfer}` reads everything again", error.in_words()
    )]
    Again { error: Box<RunError>, refused: String, transfer: Name },
}

/// What to do about a destination that is ahead of the state.
fn way_on(source: &DestinationError, transfer: &Name) -> String {
    let why = "The state was restored from an older backup, or a copy of it is in use elsewhere";
    match source {
        DestinationError::Fenced { found: None, .. } => {
            format!(
                "{why}, and `{transfer}` was deleted since: remove it from the YAML, apply, and add it again"
            )
        }
        // What was committed stands in the store, with where it goes on.
        DestinationError::LeaseLost { .. } => {
            format!("{why}. The next run goes on from where the store stands")
        }
        _ => format!(
            "{why}, and `{transfer}` was changed since: when no copy is in use, `raccord resync {transfer}` lets this \
             state write, and reads everything again"
        ),
    }
}

impl From<MapError> for RunError {
    fn from(error: MapError) -> Self {
        match error {
            MapError::Column(error) => Self::Column(error),
            MapError::Destination(error) => Self::Destination(error),
            MapError::Task(error) => Self::Mapper(error),
            MapError::Taken => Self::Fetcher,
        }
    }
}

impl RunError {
    /// What the run has come to.
    pub(super) fn outcome(&self) -> RunOutcome {
        if matches!(
            self,
            Self::Destination(DestinationError::Fenced { .. } | DestinationError::LeaseLost { .. })
        ) {
            // The configuration changed under the run, or another one has begun. That is no failure of the service, and the next run
            // begins under it.
            return RunOutcome::Stopped;
        }
        let (unauthorized, local) = (self.is_unauthorized(), self.is_local());
        RunOutcome::Failed { error: self.in_words(), unauthorized, local, partial: false }
    }

    fn is_unauthorized(&self) -> bool {
        match self {
            Self::Source(error) => error.is_unauthorized(),
            Self::Again { error, .. } => error.is_unauthorized(),
            Self::Destination(_)
            | Self::Behind { .. }
            | Self::Table(_)
            | Self::Inbox(_)
            | Self::Column(_)
            | Self::FirstPage(_)
            | Self::Fetcher
            | Self::Mapper(_) => false,
        }
    }

    /// Whether the reason is that something ran out on this machine, or the database is not there: no service is to blame.
    fn is_local(&self) -> bool {
        match self {
            Self::Source(error) => error.is_local(),
            Self::Again { error, .. } => error.is_local(),
            Self::Destination(error) => error.is_about_the_database() || is_exhausted(error),
            Self::Table(_) => true,
            Self::Inbox(error) => is_exhausted(error),
            Self::Behind { .. } | Self::Column(_) | Self::FirstPage(_) | Self::Fetcher | Self::Mapper(_) => {
                false
            }
        }
    }

    /// The whole story in one line: the error and what caused it.
    fn in_words(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            let line = error.to_string();
            if !text.contains(&line) {
                text = format!("{text}: {line}");
            }
            cause = error.source();
        }
        text
    }
}
