//! What is said of a shared state by a binary that was built without PostgreSQL.
#![expect(clippy::unused_async, reason = "they stand in the place of functions that wait")]

use std::path::Path;

use raccord_daemon::worker::{Scheduling, Worker};
use raccord_run::Ports;
use raccord_run::copying::Copied;
use raccord_store::Store;
use tokio::sync::watch;

use crate::error::CommandError;
use crate::opening::Opening;
use crate::place::SharedPlace;
use crate::ui::Ui;

/// A shared state that this process has open: there is none.
pub(crate) enum Sharing {}

impl Sharing {
    pub(crate) async fn changing<T>(&self, _: impl Future<Output = T>) -> Result<T, CommandError> {
        match *self {}
    }

    pub(crate) fn scheduling(&self, _: &Waiting) -> Option<Scheduling> {
        match *self {}
    }

    pub(crate) async fn until_lost(&self) {
        match *self {}
    }

    pub(crate) async fn end(self) -> Result<(), CommandError> {
        match self {}
    }
}

fn not_built() -> CommandError {
    CommandError::new("this raccord was built without the feature `postgres`, which a shared state needs")
        .hint("use a released binary, or build it with `--features postgres`")
}

pub(crate) async fn reach(
    _: &SharedPlace,
    _: &str,
    _: Opening,
) -> Result<(Ports, Option<Sharing>), CommandError> {
    Err(not_built())
}

/// A state whose daemon this process is to be: there is none.
pub(crate) enum Waiting {}

pub(crate) async fn waiting(_: &SharedPlace) -> Result<Waiting, CommandError> {
    Err(not_built())
}

impl Waiting {
    pub(crate) fn ports(&self) -> Ports {
        match *self {}
    }

    pub(crate) async fn worker(&self, _: &Ports) -> Result<Worker, CommandError> {
        match *self {}
    }

    pub(crate) async fn turn(
        &self,
        _: &Ui,
        _: &mut watch::Receiver<bool>,
        _: impl Fn(Option<&str>),
    ) -> Result<Option<Sharing>, CommandError> {
        match *self {}
    }
}

pub(crate) async fn daemons(_: &SharedPlace) -> Result<Vec<String>, CommandError> {
    Err(not_built())
}

pub(crate) async fn into_database(
    _: Ui,
    _: (&Path, Store),
    _: &SharedPlace,
) -> Result<Vec<Copied>, CommandError> {
    Err(not_built())
}

pub(crate) async fn into_file(_: Ui, _: (&SharedPlace, &str), _: &Path) -> Result<Vec<Copied>, CommandError> {
    Err(not_built())
}
