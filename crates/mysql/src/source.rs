//! One table or query of a database, ready to be read: the port.

use std::sync::Arc;

use bytes::Bytes;
use mysql_async::Conn;
use raccord_compiler::connector::TableStream;
use raccord_compiler::connector::table::{PagePlan, Pager, Patience};
use raccord_model::field_path::FieldPath;
use raccord_model::port::Async;
use raccord_model::port::source::{Pages, Read, Source, SourceError};
use raccord_model::secret::SecretError;

use crate::connect::{self, SettingsSource};
use crate::failure::Place;
use crate::pages::TablePages;
use crate::shape;

/// One table or query of a database, ready to be read.
#[derive(Debug, Clone)]
pub struct MysqlSource {
    stream: Arc<TableStream>,
    settings: SettingsSource,
    pub(crate) place: Place,
}

impl MysqlSource {
    /// Nothing is asked yet. `database` is what the database is called in messages.
    pub fn new(stream: Arc<TableStream>, settings: SettingsSource, database: String) -> Self {
        let place = Place { database, relation: stream.place() };
        Self { stream, settings, place }
    }

    pub(crate) async fn connect(&self) -> Result<Conn, SourceError> {
        let settings = (self.settings.0)().await.map_err(|cause| match cause.downcast::<SecretError>() {
            Ok(error) => SourceError::from(*error),
            Err(cause) => self.place.settings(cause.to_string()),
        })?;
        connect::connect(&settings).await.map_err(|error| self.place.told_of_connecting(&error))
    }

    /// A connection, and how the relation is read as it is now.
    async fn prepare(&self) -> Result<(Conn, PagePlan), SourceError> {
        let mut connection = self.connect().await?;
        let shape = shape::of(&mut connection, &self.stream.relation).await;
        let shape = shape.map_err(|error| match error {
            shape::ShapeError::Library(error) => self.place.told(&error),
            unread @ shape::ShapeError::Unread(..) => self.place.settings(unread.to_string()),
        })?;
        let plan = PagePlan::new(&self.stream, shape).map_err(|error| error.told(self.stream.place()))?;
        Ok((connection, plan))
    }

    async fn look(&self) -> Result<String, SourceError> {
        let (connection, plan) = self.prepare().await?;
        // What was asked is answered; how the connection ends says nothing more.
        drop(connection.disconnect().await);
        Ok(plan.describe())
    }

    async fn begin(&self, read: &Read) -> Result<Box<dyn Pages>, SourceError> {
        let mut patience = Patience::default();
        let (connection, plan) = loop {
            match self.prepare().await {
                Ok(ready) => break ready,
                Err(error) => tokio::time::sleep(patience.after(error)?).await,
            }
        };
        let pager = Pager::new(Arc::new(plan), self.stream.place(), read)?;
        Ok(Box::new(TablePages::new(self.clone(), connection, pager)))
    }
}

impl Source for MysqlSource {
    fn check(&self) -> Async<'_, Result<String, SourceError>> {
        Box::pin(self.look())
    }

    fn key(&self) -> Async<'_, Result<Vec<String>, SourceError>> {
        Box::pin(async move {
            let (connection, plan) = self.prepare().await?;
            drop(connection.disconnect().await);
            Ok(plan.unique_key())
        })
    }

    fn advice(&self) -> Async<'_, Result<Vec<String>, SourceError>> {
        Box::pin(async move {
            let (connection, plan) = self.prepare().await?;
            drop(connection.disconnect().await);
            Ok(plan.proposal.into_iter().collect())
        })
    }

    fn open(&self, read: Read) -> Async<'_, Result<Box<dyn Pages>, SourceError>> {
        Box::pin(async move { self.begin(&read).await })
    }

    fn record<'a>(&'a self, _: &'a str, _: &'a FieldPath) -> Async<'a, Result<Option<Bytes>, SourceError>> {
        let message = "no row of a database can be fetched by itself".to_owned();
        Box::pin(std::future::ready(Err(self.place.settings(message))))
    }
}
