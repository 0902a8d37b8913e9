//! The pages of a table or a query. Each is a transaction of its own, so that nothing waits for the run between two of them; one
//! that was broken off by a lost connection is asked for again.

use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Params, Row, Value as Sent};
use raccord_compiler::connector::table::{Collector, Pager, Patience, Statement, Value};
use raccord_model::port::Async;
use raccord_model::port::records::Page;
use raccord_model::port::source::{Pages, SourceError};

use crate::source::MysqlSource;
use crate::values::Cells;

/// How long a page may take.
const PAGE: Duration = Duration::from_mins(5);

/// The pages of a table or a query.
pub(crate) struct TablePages {
    source: MysqlSource,
    /// None while nothing is connected.
    connection: Option<Conn>,
    pager: Pager,
    cells: Cells,
}

impl TablePages {
    pub(crate) fn new(source: MysqlSource, connection: Conn, pager: Pager) -> Self {
        let cells = Cells::of(pager.plan().columns());
        Self { source, connection: Some(connection), pager, cells }
    }

    async fn advance(&mut self) -> Result<Option<Page>, SourceError> {
        while let Some(statement) = self.pager.statement() {
            let mut patience = Patience::default();
            let collected = loop {
                match self.attempt(&statement).await {
                    Ok(collected) => break collected,
                    Err(error) => tokio::time::sleep(patience.after(error)?).await,
                }
            };
            if let Some(page) = self.pager.page(collected)? {
                return Ok(Some(page));
            }
        }
        Ok(None)
    }

    /// Asks for a page once, on a new connection unless there is one.
    async fn attempt(&mut self, statement: &Statement) -> Result<Collector, SourceError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.source.connect().await?,
        };
        let asked = tokio::time::timeout(PAGE, self.ask(&mut connection, statement)).await;
        let late = |_| self.source.place.unreachable(format!("no page within {} seconds", PAGE.as_secs()));
        let collected = asked.map_err(late)??;
        self.connection = Some(connection);
        Ok(collected)
    }

    async fn ask(&self, connection: &mut Conn, statement: &Statement) -> Result<Collector, SourceError> {
        let told = |error| self.source.place.told(&error);
        connection.query_drop("START TRANSACTION READ ONLY").await.map_err(told)?;
        if self.pager.is_at_beginning()
            && let Some(keyless) = self.pager.plan().keyless()
        {
            let found: Option<Row> = connection.query_first(&keyless.text).await.map_err(told)?;
            if found.is_some() {
                return Err(self.pager.keyless());
            }
        }
        let mut collector = self.pager.collector();
        let values: Vec<Sent> = statement.values.iter().map(sent).collect();
        let values = if values.is_empty() { Params::Empty } else { Params::Positional(values) };
        let mut rows = connection.exec_iter(&statement.text, values).await.map_err(told)?;
        while let Some(row) = rows.next().await.map_err(told)? {
            if !self.take_in(&mut collector, &row)? {
                break;
            }
        }
        rows.drop_result().await.map_err(told)?;
        connection.query_drop("COMMIT").await.map_err(told)?;
        Ok(collector)
    }

    fn take_in(&self, collector: &mut Collector, row: &Row) -> Result<bool, SourceError> {
        let unread = |error: crate::values::Unread| self.source.place.settings(error.to_string());
        let value = |at| Ok(self.cells.value(row, at));
        collector.row(value, |text| self.cells.write(row, text)).map_err(unread)
    }
}

fn sent(value: &Value) -> Sent {
    match value {
        Value::Text(text) => Sent::Bytes(text.clone().into_bytes()),
        Value::Integer(number) => Sent::Int(*number),
        Value::Unsigned(number) => Sent::UInt(*number),
        Value::Real(bits) => Sent::Double(f64::from_bits(*bits)),
        Value::Bytes(bytes) => Sent::Bytes(bytes.clone()),
        Value::Null => Sent::NULL,
    }
}

impl Pages for TablePages {
    fn next(&mut self) -> Async<'_, Result<Option<Page>, SourceError>> {
        Box::pin(self.advance())
    }
}
