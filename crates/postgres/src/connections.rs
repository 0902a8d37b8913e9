//! Connections: made when they are needed, kept for the next piece of work, and thrown away when anything went wrong on
//! them. A few at a time; nothing of a session outlives a transaction, so that a pooler between may share them.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, TryStreamExt};
use raccord_model::port::destination::DestinationError;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, NoTls, Row};

use crate::error::Failure;
use crate::settings::{PostgresSettings, SettingsSource, Tls};
use crate::tls;

/// How many connections there are at once.
const MOST: usize = 8;

/// How long it may take to make one.
const CONNECT: Duration = Duration::from_secs(10);

/// A value of a statement, and its type.
pub(crate) type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// A value and its type.
pub(crate) fn value(value: &(dyn ToSql + Sync), of: Type) -> Parameter<'_> {
    (value, of)
}

/// The connections to a database.
#[derive(Debug)]
pub(crate) struct Connections {
    settings: SettingsSource,
    idle: Mutex<Vec<Client>>,
    permits: Semaphore,
}

/// A connection that one piece of work has for itself. Dropped, it is closed, and the server undoes what was under way.
pub(crate) struct Session<'c> {
    client: Client,
    connections: &'c Connections,
    _permit: SemaphorePermit<'c>,
}

impl Connections {
    pub(crate) const fn new(settings: SettingsSource) -> Self {
        Self { settings, idle: Mutex::new(Vec::new()), permits: Semaphore::const_new(MOST) }
    }

    /// The schema of the tables.
    pub(crate) async fn schema(&self) -> Result<String, DestinationError> {
        Ok((self.settings.0)().await.map_err(DestinationError::Denied)?.schema)
    }

    /// A connection of one's own, a new one unless one is idle.
    pub(crate) async fn session(&self) -> Result<Session<'_>, Failure> {
        let permit = self.permits.acquire().await;
        let permit = permit.map_err(|error| DestinationError::Unreachable(Box::new(error)))?;
        let idle = std::iter::from_fn(|| self.lock().pop()).find(|client| !client.is_closed());
        let client = match idle {
            Some(client) => client,
            None => self.connect().await?,
        };
        Ok(Session { client, connections: self, _permit: permit })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Client>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn connect(&self) -> Result<Client, Failure> {
        let settings = (self.settings.0)().await.map_err(DestinationError::Denied)?;
        connect(&settings).await
    }
}

/// Makes a connection.
pub(crate) async fn connect(settings: &PostgresSettings) -> Result<Client, Failure> {
    let config = settings.config().map_err(|error| DestinationError::Denied(Box::new(error)))?;
    let connecting = async {
        if settings.tls == Tls::Off {
            let (client, connection) = config.connect(NoTls).await?;
            drop(tokio::spawn(connection));
            return Ok(client);
        }
        let connector =
            tls::connector(&settings.tls).map_err(|error| DestinationError::Denied(Box::new(error)))?;
        let (client, connection) = config.connect(connector).await?;
        drop(tokio::spawn(connection));
        Ok(client)
    };
    let late = |error| DestinationError::Unreachable(Box::new(error));
    tokio::time::timeout(CONNECT, connecting).await.map_err(late)?
}

impl Session<'_> {
    /// Keeps the connection for the next piece of work. Nothing may be under way on it.
    pub(crate) fn keep(self) {
        let Self { client, connections, .. } = self;
        connections.lock().push(client);
    }

    /// Runs statements without values.
    pub(crate) async fn run(&self, statements: &str) -> Result<(), Failure> {
        Ok(self.client.batch_execute(statements).await?)
    }

    /// Reads in a transaction that a statement begins. The first query of the work is sent along with it, and may be answered
    /// although the transaction could not be begun: so nothing is written in this way. The rest of the work is not done then.
    pub(crate) async fn read_within<T>(
        &self,
        statement: &str,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let ((), done) = tokio::try_join!(self.run(statement), work)?;
        Ok(done)
    }

    /// The rows of a query.
    pub(crate) async fn query(&self, query: &str, values: &[Parameter<'_>]) -> Result<Vec<Row>, Failure> {
        Ok(self.client.query_typed(query, values).await?)
    }

    /// The one row of a query, if there is one.
    pub(crate) async fn query_opt(
        &self,
        query: &str,
        values: &[Parameter<'_>],
    ) -> Result<Option<Row>, Failure> {
        Ok(self.client.query_typed(query, values).await?.into_iter().next())
    }

    /// Runs a statement; returns how many rows it concerned.
    pub(crate) async fn execute(&self, statement: &str, values: &[Parameter<'_>]) -> Result<u64, Failure> {
        Ok(self.client.execute_typed(statement, values).await?)
    }

    /// Sends the data of a `COPY … FROM STDIN`.
    pub(crate) async fn copy(&self, statement: &str, data: Bytes) -> Result<u64, Failure> {
        let sink = self.client.copy_in(statement).await?;
        let mut sink = std::pin::pin!(sink);
        sink.send(data).await?;
        Ok(sink.finish().await?)
    }

    /// Calls a function with each row of a query, without keeping them.
    pub(crate) async fn each(
        &self,
        query: &str,
        values: &[Parameter<'_>],
        mut take: impl FnMut(&Row) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let values = values.iter().map(|(value, of)| (*value, of.clone()));
        let rows = self.client.query_typed_raw(query, values).await?;
        let mut rows = std::pin::pin!(rows);
        while let Some(row) = rows.try_next().await? {
            take(&row)?;
        }
        Ok(())
    }
}
