//! PostgreSQL as a source: pages of a table or a query, each asked for by a statement of its own in the order of the key.
//! Which statement that is, the compiler knows; here it is run, and its rows become records.

mod changes;
mod failure;
mod pages;
mod shape;
mod values;

use std::sync::Arc;

use bytes::Bytes;
use raccord_compiler::connector::TableStream;
use raccord_compiler::connector::table::{Dialect, PagePlan, Patience};
use raccord_model::field_path::FieldPath;
use raccord_model::port::Async;
use raccord_model::port::source::{Pages, Read, Source, SourceError};
use raccord_model::secret::SecretError;
use tokio_postgres::{Client, Row};

use self::failure::Place;
use self::pages::TablePages;
use self::values::Cells;
use crate::connections;
use crate::settings::SettingsSource;

/// Of each transaction that reads: what is shown of times and how long a statement may take.
const BEGIN: &str = "BEGIN READ ONLY; SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO'; SET LOCAL extra_float_digits = 1; \
                     SET LOCAL IntervalStyle = 'iso_8601'; SET LOCAL statement_timeout = '300s'; \
                     SET LOCAL idle_in_transaction_session_timeout = '60s'";

/// One table or query of a database, ready to be read.
#[derive(Debug, Clone)]
pub struct PostgresSource {
    stream: Arc<TableStream>,
    settings: SettingsSource,
    place: Place,
    /// What begins each transaction.
    begin: Arc<str>,
}

impl PostgresSource {
    /// Nothing is asked yet. `database` is what the database is called in messages.
    pub fn new(stream: Arc<TableStream>, settings: SettingsSource, database: String) -> Self {
        let place = Place { database, relation: stream.place() };
        let path = stream
            .schema
            .as_ref()
            .map(|schema| format!("; SET LOCAL search_path = {}, public", Dialect::Postgres.quote(schema)));
        let begin = Arc::from(format!("{BEGIN}{}", path.unwrap_or_default()));
        Self { stream, settings, place, begin }
    }

    async fn connect(&self) -> Result<Client, SourceError> {
        let settings = (self.settings.0)().await.map_err(|cause| match cause.downcast::<SecretError>() {
            Ok(error) => SourceError::from(*error),
            Err(cause) => self.place.settings(cause.to_string()),
        })?;
        connections::connect(&settings).await.map_err(|failure| self.place.told_of_connecting(failure))
    }

    /// How the relation is read, as it is now.
    async fn plan(&self, client: &Client) -> Result<PagePlan, SourceError> {
        let told = |error| self.place.told(&error);
        client.batch_execute(&self.begin).await.map_err(told)?;
        let shape = shape::of(client, &self.stream.relation).await.map_err(told)?;
        client.batch_execute("COMMIT").await.map_err(told)?;
        let shape = shape.ok_or_else(|| self.place.settings("there is no such table".to_owned()))?;
        PagePlan::new(&self.stream, shape).map_err(|error| error.told(self.stream.place()))
    }

    /// Looks at the first row that a statement brings: all have its types.
    fn check_types(&self, cells: &Cells, row: &Row) -> Result<(), SourceError> {
        match cells.retyped(row) {
            None => Ok(()),
            Some(column) => Err(self.place.settings(format!(
                "the column `{column}` was given another type while it was read: the next run reads it as it is then"
            ))),
        }
    }

    async fn prepare(&self) -> Result<(Client, PagePlan), SourceError> {
        let client = self.connect().await?;
        let plan = self.plan(&client).await?;
        Ok((client, plan))
    }

    async fn look(&self) -> Result<String, SourceError> {
        let (client, plan) = self.prepare().await?;
        let mut said = plan.describe();
        if let Some((changes, _)) = &self.stream.changes {
            said.push_str(&format!("; {}", changes::look(self, &client, changes).await?));
        }
        Ok(said)
    }

    async fn begin(&self, read: &Read) -> Result<Box<dyn Pages>, SourceError> {
        let mut patience = Patience::default();
        let (client, plan) = loop {
            match self.prepare().await {
                Ok(ready) => break ready,
                Err(error) => tokio::time::sleep(patience.after(error)?).await,
            }
        };
        if let Some((changes, _)) = &self.stream.changes {
            return Ok(Box::new(changes::open(self, client, (plan, changes), read).await?));
        }
        Ok(Box::new(TablePages::of(self.clone(), client, plan, read)?))
    }
}

impl Source for PostgresSource {
    fn check(&self) -> Async<'_, Result<String, SourceError>> {
        Box::pin(self.look())
    }

    fn key(&self) -> Async<'_, Result<Vec<String>, SourceError>> {
        Box::pin(async move { Ok(self.prepare().await?.1.unique_key()) })
    }

    fn advice(&self) -> Async<'_, Result<Vec<String>, SourceError>> {
        Box::pin(async move { Ok(self.prepare().await?.1.proposal.into_iter().collect()) })
    }

    fn open(&self, read: Read) -> Async<'_, Result<Box<dyn Pages>, SourceError>> {
        Box::pin(async move { self.begin(&read).await })
    }

    fn record<'a>(&'a self, _: &'a str, _: &'a FieldPath) -> Async<'a, Result<Option<Bytes>, SourceError>> {
        let message = "no row of a database can be fetched by itself".to_owned();
        Box::pin(std::future::ready(Err(self.place.settings(message))))
    }
}
