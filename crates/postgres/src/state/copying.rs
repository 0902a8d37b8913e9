//! A shared state that is copied as a whole: read in one transaction of one moment, or written in one, so that what is not
//! complete is never there for others, whatever is killed when.

use std::sync::Arc;

use raccord_model::port::Async;
use raccord_model::port::copying::{CopyError, CopySource, CopyTarget, Item, Records, Section};
use raccord_model::port::environment::Environment;
use raccord_model::port::state::Head;
use tokio_postgres::types::Type;

use super::layout::{self, Found};
use super::work::StateDatabase;
use super::{PostgresState, paging, putting, read};
use crate::connections::{Parameter, Session};
use crate::error::{Failure, Sort};
use crate::settings::SettingsSource;

/// One moment for all that is read. The other state may keep it waiting.
const BEGIN_READING: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = '300s'; \
                             SET LOCAL idle_in_transaction_session_timeout = '600s'";

/// One transaction for all that is written.
const BEGIN_WRITING: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = '300s'; \
                             SET LOCAL lock_timeout = '15s'; SET LOCAL idle_in_transaction_session_timeout = '600s'";

/// A shared state as it is at one moment.
pub struct StateReading<'d> {
    session: Session<'d>,
}

/// A database in which a copy of a state is to be.
pub struct NewState {
    database: StateDatabase,
}

/// A state that is being written; dropped before it is published, nothing of it is there.
pub struct StateWriting<'d> {
    database: &'d StateDatabase,
    session: Session<'d>,
}

fn not_read(failure: Failure) -> CopyError {
    CopyError::Read(failure.cause())
}

fn not_written(failure: Failure) -> CopyError {
    CopyError::Write(failure.cause())
}

impl PostgresState {
    /// Reads the state as it is now, as a whole.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn reading(&self) -> Result<StateReading<'_>, CopyError> {
        let reading = async {
            let session = self.database.connections.session().await?;
            session.run(BEGIN_READING).await?;
            Ok(StateReading { session })
        };
        reading.await.map_err(not_read)
    }
}

impl NewState {
    /// A state in a database.
    pub fn new(settings: SettingsSource, environment: Arc<dyn Environment>) -> Self {
        Self { database: StateDatabase::new(settings, environment) }
    }

    /// Begins to write it.
    ///
    /// # Errors
    /// When there is a state already, or the database does not let us in.
    pub async fn begin(&self) -> Result<StateWriting<'_>, CopyError> {
        let begin = async {
            let session = self.database.connections.session().await?;
            layout::begin(&session).await?;
            session.run(BEGIN_WRITING).await?;
            let found = match layout::lock(&session).await {
                Err(failure) if failure.sort() == Sort::Contended => {
                    return Ok(Err(occupied("another process is about to begin a state in the database")));
                }
                found => found?,
            };
            if found > 0 {
                let what = match layout::look(&session).await? {
                    Found::Nothing => "the schema `raccord_state` is there, without a state".to_owned(),
                    Found::Older | Found::Ready => of_head(&read::head(&session, "").await?),
                };
                return Ok(Err(occupied(&what)));
            }
            layout::take_steps(&session, found).await?;
            Ok(Ok(StateWriting { database: &self.database, session }))
        };
        begin.await.map_err(not_written)?
    }
}

/// What is said of a state that is in the way.
fn of_head(head: &Head) -> String {
    let Head { lineage, serial, .. } = head;
    format!("there is a state in the database already: lineage {lineage}, serial {serial}")
}

fn occupied(what: &str) -> CopyError {
    CopyError::Occupied(what.to_owned())
}

impl StateWriting<'_> {
    /// Commits it: from now on it is a state.
    ///
    /// # Errors
    /// When the database did not commit it; then nothing of it is there.
    pub async fn publish(self) -> Result<(), CopyError> {
        let Self { database, session } = self;
        database.commit(session).await.map_err(not_written)
    }
}

async fn page(
    session: &Session<'_>,
    section: Section,
    after: Option<Vec<u8>>,
) -> Result<Vec<Item>, CopyError> {
    let found = match section {
        Section::Position => position(session, after.as_deref()).await,
        _ => paging::page(session, section, after.as_deref()).await,
    };
    found.map_err(not_read)
}

/// The head, and the numbers that were given last.
async fn position(session: &Session<'_>, after: Option<&[u8]>) -> Result<Vec<Item>, Failure> {
    if after.is_some() {
        return Ok(Vec::new());
    }
    let head = serde_json::to_vec(&read::head(session, "").await?)?;
    let sequence = "SELECT greatest((SELECT last_sequence FROM raccord_state.head), \
                    (SELECT max(sequence) FROM raccord_state.inboxes))";
    let given = |name: &str| {
        format!("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM raccord_state.{name}")
    };
    let mut items = vec![Item { key: b"head".to_vec(), value: head }];
    for (key, query) in [
        ("revision", given("revisions")),
        ("sequence", sequence.to_owned()),
        ("vault", given("vault_revisions")),
    ] {
        let number = session.query_opt(&query, &[]).await?.map_or(0, |row| read::number(&row, 0));
        items.push(Item { key: key.into(), value: number.to_be_bytes().to_vec() });
    }
    Ok(items)
}

/// Puts the head, and has numbers go on after those that were given last.
async fn put_position(session: &Session<'_>, items: &[Item]) -> Result<(), Failure> {
    for Item { key, value } in items {
        if key == b"head" {
            let head: Head = serde_json::from_slice(value)?;
            let begin = "INSERT INTO raccord_state.head (lineage) VALUES ($1)";
            session.execute(begin, &[(&head.lineage, Type::UUID)]).await?;
            super::commit::write_head(session, &head).await?;
            continue;
        }
        let number = putting::number(value)?;
        let last: [Parameter<'_>; 1] = [(&number, Type::INT8)];
        let sequence = match key.as_slice() {
            b"revision" => "revisions",
            b"vault" => "vault_revisions",
            _ => {
                // The one number of a file is that of every inbox here.
                for table in ["head SET last_sequence", "inboxes SET sequence"] {
                    session.execute(&format!("UPDATE raccord_state.{table} = $1"), &last).await?;
                }
                continue;
            }
        };
        let set = format!("SELECT setval('raccord_state.{sequence}', greatest($1, 1), $1 > 0)");
        session.query_opt(&set, &last).await?;
    }
    Ok(())
}

/// Rows and rejects are in the destinations of projects.
fn no_records() -> Async<'static, Result<Records, CopyError>> {
    Box::pin(std::future::ready(Ok(Records::default())))
}

impl CopySource for StateReading<'_> {
    fn page(&self, section: Section, after: Option<Vec<u8>>) -> Async<'_, Result<Vec<Item>, CopyError>> {
        Box::pin(page(&self.session, section, after))
    }

    fn records(&self) -> Async<'_, Result<Records, CopyError>> {
        no_records()
    }
}

impl CopySource for StateWriting<'_> {
    fn page(&self, section: Section, after: Option<Vec<u8>>) -> Async<'_, Result<Vec<Item>, CopyError>> {
        Box::pin(page(&self.session, section, after))
    }

    fn records(&self) -> Async<'_, Result<Records, CopyError>> {
        no_records()
    }
}

impl CopyTarget for StateWriting<'_> {
    fn put(&self, section: Section, items: Vec<Item>) -> Async<'_, Result<(), CopyError>> {
        Box::pin(async move {
            let put = match section {
                Section::Position => put_position(&self.session, &items).await,
                _ => putting::put(&self.session, section, &items).await,
            };
            put.map_err(not_written)
        })
    }
}
