//! Opens the state, or finds the process that owns it and waits for that. It asks nothing of an owner.

use std::path::Path;
use std::time::Duration;

use raccord_connect::System;
use raccord_model::port::environment::Environment as _;
use raccord_serve::transport::socket;
use raccord_store::{Holder, OpenError, Opener, Store, holder};
use tokio::sync::watch;

use crate::error::CommandError;
use crate::opening::{Opening, system};
use crate::ui::Ui;

/// How long a verb waits while another one that will soon be done has the state.
const WAIT_FOR_OWNER: Duration = Duration::from_secs(10);

/// After how long a verb says what it waits for.
const SILENCE: Duration = Duration::from_secs(1);

/// What a verb waits for, in words.
fn waits_for(holder: Option<&Holder>) -> String {
    match holder {
        Some(holder) if holder.is_suspended() => {
            let pid = holder.pid;
            format!(
                "waiting for {holder}, which is stopped: `kill -CONT {pid}` lets it go on, `kill -KILL {pid}` ends it"
            )
        }
        Some(holder) => format!("waiting for {holder}"),
        None => "waiting for another process that has the state open".to_owned(),
    }
}

/// Waits for an answer of the owner of a state. Once there is none for a while because the owner is stopped, says so; an early
/// end is then not waited for, since the owner does not hear of it.
pub(crate) async fn patiently<T>(
    ui: &Ui,
    state: &Path,
    stop: &watch::Receiver<bool>,
    answer: impl Future<Output = T>,
) -> Result<T, CommandError> {
    let mut answer = std::pin::pin!(answer);
    let mut was_told = false;
    loop {
        if let Ok(answered) = tokio::time::timeout(SILENCE, &mut answer).await {
            return Ok(answered);
        }
        let Some(holder) = holder(state).filter(Holder::is_suspended) else { continue };
        if *stop.borrow() {
            let message = format!("{holder} is stopped and has not answered");
            return Err(CommandError::new(message)
                .hint("it may still do what it was asked for once it goes on; `raccord status` tells then"));
        }
        if !std::mem::replace(&mut was_told, true) {
            ui.note(&waits_for(Some(&holder)));
        }
    }
}

/// How often it looks whether that is so: between two verbs that are asked one after the other, the state is free for about as long as a
/// process takes to start.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Opens the state file.
fn open_store(path: &Path, verb: &str, opening: Opening) -> Result<Store, OpenError> {
    let system = System { frozen: None };
    let opener = Opener { verb: verb.to_owned(), at: system.now(), lineage: system.new_id() };
    match opening {
        Opening::Create => Store::open(path, &opener),
        Opening::Existing => Store::open_existing(path, &opener),
        Opening::Imagine => match Store::open_existing(path, &opener) {
            Err(OpenError::Missing { .. }) => Store::in_memory(path),
            result => result,
        },
    }
}

/// The error of a state that could not be opened, with advice.
fn not_opened(error: &OpenError) -> CommandError {
    match error {
        OpenError::Missing { .. } => {
            CommandError::of(error).hint("`raccord apply` begins a state; --state names another file")
        }
        OpenError::Held { .. } => CommandError::of(error)
            .hint("try again when that is done; `raccord watch` answers every verb while it lives"),
        OpenError::Directory { .. } | OpenError::Create { .. } | OpenError::ReadOnly { .. } => {
            CommandError::of(error).hint("--state, or RACCORD_STATE, names a place that can be written")
        }
        _ => CommandError::of(error),
    }
}

/// Opens the state, unless another process owns it and answers. Waits a while for a verb that will soon be done, and for an
/// owner that is about to listen.
pub(crate) async fn own(
    ui: &Ui,
    state: &Path,
    verb: &str,
    opening: Opening,
) -> Result<Option<Store>, CommandError> {
    // A clock that cannot be right is told before anything is made.
    system()?;
    let since = std::time::Instant::now();
    let mut was_told = false;
    loop {
        if socket::is_listened_at(state).await {
            return Ok(None);
        }
        match open_store(state, verb, opening) {
            Ok(store) => return Ok(Some(store)),
            Err(OpenError::Held { holder, .. }) if since.elapsed() < WAIT_FOR_OWNER => {
                if since.elapsed() >= SILENCE && !std::mem::replace(&mut was_told, true) {
                    ui.note(&waits_for(holder.as_ref()));
                }
                tokio::time::sleep(LOOK_AGAIN).await;
            }
            Err(error) => return Err(not_opened(&error)),
        }
    }
}
