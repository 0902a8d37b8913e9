//! The pages of a table or a query. Each is a transaction of its own, so that nothing waits for the run between two of them; one
//! that was broken off by a lost connection is asked for again.

use std::pin::pin;
use std::sync::Arc;

use futures_util::TryStreamExt;
use raccord_compiler::connector::table::{Collector, PagePlan, Pager, Patience, Statement, Value};
use raccord_model::language::connector::table::Changes;
use raccord_model::port::Async;
use raccord_model::port::records::Page;
use raccord_model::port::source::{Pages, Read, SourceError};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

use super::PostgresSource;
use super::failure::RowFailure;
use super::values::Cells;

/// The pages of a table or a query.
pub(super) struct TablePages {
    source: PostgresSource,
    /// None while nothing is connected.
    client: Option<Client>,
    pager: Pager,
    cells: Cells,
    /// Whether each record says that its row is there.
    is_marked: bool,
}

impl TablePages {
    pub(super) fn of(
        source: PostgresSource,
        client: Client,
        plan: PagePlan,
        read: &Read,
    ) -> Result<Self, SourceError> {
        let pager = Pager::new(Arc::new(plan), source.stream.place(), read)?;
        let cells = Cells::of(pager.plan().columns());
        Ok(Self { source, client: Some(client), pager, cells, is_marked: false })
    }

    /// The same pages, whose records say that their rows are there.
    pub(super) fn marked(self) -> Self {
        Self { pager: self.pager.with_member(Changes::DELETED), is_marked: true, ..self }
    }

    pub(super) async fn advance(&mut self) -> Result<Option<Page>, SourceError> {
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
        let client = match self.client.take() {
            Some(client) if !client.is_closed() => client,
            _ => self.source.connect().await?,
        };
        let collected = self.ask(&client, statement).await?;
        self.client = Some(client);
        Ok(collected)
    }

    /// The rows of a page.
    async fn ask(&self, client: &Client, statement: &Statement) -> Result<Collector, SourceError> {
        let told = |error| self.source.place.told(&error);
        client.batch_execute(&self.source.begin).await.map_err(told)?;
        if self.pager.is_at_beginning()
            && let Some(keyless) = self.pager.plan().keyless()
        {
            let found = rows(client, &keyless).await.map_err(told)?;
            if pin!(found).try_next().await.map_err(told)?.is_some() {
                return Err(self.pager.keyless());
            }
        }
        let mut collector = self.pager.collector();
        {
            let mut rows = pin!(rows(client, statement).await.map_err(told)?);
            let mut is_checked = false;
            while let Some(row) = rows.try_next().await.map_err(told)? {
                if !std::mem::replace(&mut is_checked, true) {
                    self.source.check_types(&self.cells, &row)?;
                }
                if !self.take_in(&mut collector, &row).map_err(|error| self.source.place.row(&error))? {
                    break;
                }
            }
        }
        client.batch_execute("COMMIT").await.map_err(told)?;
        Ok(collector)
    }

    fn take_in(&self, collector: &mut Collector, row: &Row) -> Result<bool, RowFailure> {
        let value = |at| self.cells.value(row, at);
        collector.row(value, |text| {
            self.cells.write(row, text)?;
            if self.is_marked {
                Cells::mark(text);
            }
            Ok(())
        })
    }
}

/// Runs a statement whose values are all sent as texts.
pub(super) async fn rows(
    client: &Client,
    statement: &Statement,
) -> Result<tokio_postgres::RowStream, tokio_postgres::Error> {
    let texts: Vec<Option<String>> = statement.values.iter().map(text).collect();
    let values = texts.iter().map(|text| -> (&(dyn ToSql + Sync), Type) { (text, Type::TEXT) });
    client.query_typed_raw(&statement.text, values).await
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Unsigned(number) => Some(number.to_string()),
        Value::Real(bits) => Some(f64::from_bits(*bits).to_string()),
        Value::Bytes(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        Value::Null => None,
    }
}

impl Pages for TablePages {
    fn next(&mut self) -> Async<'_, Result<Option<Page>, SourceError>> {
        Box::pin(self.advance())
    }
}
