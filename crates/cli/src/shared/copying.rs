//! Copies of states between files and databases: who works on them is asked first, and what is not moved is said. That a copy
//! is whole is the affair of what copies.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use raccord_model::Spec;
use raccord_model::port::copying::{CopyError, CopySource, Section};
use raccord_model::port::environment::Environment;
use raccord_model::port::state::State;
use raccord_postgres::{NewState, PostgresState};
use raccord_run::applied::Applied;
use raccord_run::copying::Copied;
use raccord_store::{Store, StoreDraft};

use super::connect;
use super::presence;
use crate::error::CommandError;
use crate::opening::{Opening, system};
use crate::place::SharedPlace;
use crate::render::grouped;
use crate::ui::Ui;

/// After how many items progress is told.
const TOLD_EVERY: u64 = 100_000;

/// Copies the state of a file, which this process has open, into a database.
pub(crate) async fn into_database(
    ui: Ui,
    (from, store): (&Path, Store),
    to: &SharedPlace,
) -> Result<Vec<Copied>, CommandError> {
    let environment: Arc<dyn Environment> = Arc::new(system()?);
    let store = Arc::new(store);
    refuse_embedded(&store).await?;
    let new = NewState::new(connect::source(to, &environment)?, environment);
    let writing = new.begin().await.map_err(|error| in_words(&error, to))?;
    let copied = raccord_run::copying::copy(&*store, &writing, &mut progress(ui)).await;
    let copied = copied.map_err(|error| in_words(&error, to))?;
    writing.publish().await.map_err(|error| in_words(&error, to))?;
    if let Some(secrets) = secrets(&copied) {
        let key = beside(from);
        let key =
            if key.exists() { format!("what {} holds", key.display()) } else { "the same key".to_owned() };
        ui.note(&format!(
            "{secrets} sealed secrets were copied as they are: every machine needs {key}, in a file that \
             RACCORD_KEY_FILE names"
        ));
    }
    Ok(copied)
}

/// Copies the state of a database into a file. `verb` is how this process is called where others see it.
pub(crate) async fn into_file(
    ui: Ui,
    (from, verb): (&SharedPlace, &str),
    to: &Path,
) -> Result<Vec<Copied>, CommandError> {
    let environment: Arc<dyn Environment> = Arc::new(system()?);
    // What is in the way of the copy is told before anyone is kept from the state.
    let draft = StoreDraft::begin(to).map_err(|error| in_words(&error, from))?;
    let Some(state) = connect::open(from, &environment, Opening::Existing).await? else {
        return Ok(Vec::new());
    };
    let alone = presence::alone(&state, environment.new_id(), verb).await?;
    let copied = tokio::select! {
        copied = read(ui, &state, &draft) => copied.map_err(|error| in_words(&error, from)),
        () = alone.until_lost() => Err(CommandError::new("another process has taken the state over")),
    };
    alone.end().await?;
    let copied = copied?;
    draft.publish().map_err(|error| in_words(&error, from))?;
    if let Some(secrets) = secrets(&copied) {
        ui.note(&format!(
            "{secrets} sealed secrets were copied as they are: the key stays where RACCORD_KEY_FILE or RACCORD_KEY says, \
             or goes into {} (mode 600)",
            beside(to).display()
        ));
    }
    Ok(copied)
}

async fn read(ui: Ui, state: &PostgresState, draft: &StoreDraft) -> Result<Vec<Copied>, CopyError> {
    let reading = state.reading().await?;
    raccord_run::copying::copy(&reading, draft, &mut progress(ui)).await
}

/// Tells how far it is, now and then.
fn progress(ui: Ui) -> impl FnMut(Section, u64) + Send {
    let mut told = 0;
    move |section, count| {
        if count < told {
            told = 0;
        }
        if count >= told + TOLD_EVERY {
            told = count - count % TOLD_EVERY;
            ui.note(&format!("{} {}", grouped(told), section.name()));
        }
    }
}

/// Refuses a state whose generation has projects that keep their rows in it.
async fn refuse_embedded(store: &Arc<Store>) -> Result<(), CommandError> {
    let state: Arc<dyn State> = Arc::<Store>::clone(store);
    let applied = Applied::load(&state).await.map_err(|error| CommandError::of(&error))?;
    let keep_rows = applied.desired.resources.iter().filter(
        |(_, wanted)| matches!(&wanted.resource.spec, Spec::Project(spec) if spec.store.is_embedded()),
    );
    let names: Vec<String> = keep_rows.map(|(key, _)| format!("`{}`", key.name)).collect();
    if names.is_empty() {
        return Ok(());
    }
    let records = store.records().await.map_err(|error| CommandError::of(&error))?;
    Err(CommandError::new(format!(
        "the state itself keeps the rows of {} ({} rows, {} rejects), and a state that several machines share has none",
        names.join(", "),
        grouped(records.rows),
        grouped(records.rejects)
    ))
    .hint(
        "give each project a database, for example `store: {type: postgres, authorization: NAME}`, apply that and run its \
         transfers, and copy the state then",
    ))
}

/// An error of a copy, with advice.
fn in_words(error: &CopyError, place: &SharedPlace) -> CommandError {
    let told = CommandError::of(error);
    match error {
        CopyError::Occupied(_) => told.hint(
            "name another place; a state in a database that is not needed any more goes with `DROP SCHEMA raccord_state CASCADE`",
        ),
        CopyError::Records(_) => told.hint(
            "rows of projects that were deleted or moved go when `raccord run` has carried out what is still to be done",
        ),
        _ => told.hint(format!("nothing was left at the target; begin again. The database is {place}")),
    }
}

/// How many sealed secrets were copied, if any.
fn secrets(copied: &[Copied]) -> Option<u64> {
    copied
        .iter()
        .find(|copied| copied.section == Section::Vault)
        .map(|copied| copied.count)
        .filter(|count| *count > 0)
}

/// The file of the key beside a state.
fn beside(state: &Path) -> PathBuf {
    let mut name = state.as_os_str().to_owned();
    name.push(".key");
    PathBuf::from(name)
}
