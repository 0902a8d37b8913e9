//! The changes of a table by logical replication, through plain SQL: what the slot keeps is looked at and stays there, the rows
//! whose keys it names are read as they are now, and the slot moves on at the next opening, up to what was committed.
//!
//! A row is read later than its change was written, so it may show later changes too; these come again and change nothing. What is
//! not there any more was deleted. So nothing hangs on the order of changes, and nothing on values that they leave out.

mod feed;
mod identity;
mod message;
mod position;
mod slot;
mod visible;

use std::collections::BTreeSet;
use std::pin::{Pin, pin};

use futures_util::TryStreamExt;
use raccord_compiler::connector::table::{Collector, PagePlan, Value};
use raccord_model::language::connector::table::Changes;
use raccord_model::port::Async;
use raccord_model::port::records::Page;
use raccord_model::port::source::{Pages, Read, SourceError};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, RowStream};

use self::feed::{At, Feed, FeedError};
use self::position::Stand;
use self::slot::Slot;
use self::visible::Visible;
use super::PostgresSource;
use super::pages::{TablePages, rows};
use super::values::Cells;

/// How many keys are looked up at once.
const KEYS: usize = 1_000;

/// What begins the transaction in which changes are looked at: it may wait for the run for any time.
const BEGIN: &str = "BEGIN READ ONLY; SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO'; SET LOCAL extra_float_digits = 1; SET LOCAL IntervalStyle = 'iso_8601'; \
                     SET LOCAL bytea_output = 'hex'; SET LOCAL statement_timeout = 0";

/// Looks whether changes can be read.
pub(super) async fn look(
    source: &PostgresSource,
    client: &Client,
    changes: &Changes,
) -> Result<String, SourceError> {
    let slot = Slot::look(client, &source.place, &source.stream.relation, changes).await?;
    Ok(format!("changes come from the slot {}", slot.changes.slot))
}

/// The pages of a window: all rows where none were read so far, and then the changes.
pub(super) struct ChangePages {
    source: PostgresSource,
    slot: Slot,
    plan: PagePlan,
    /// The rows that are still to be read.
    rows: Option<TablePages>,
    stand: Stand,
    changes: Option<Following>,
    /// How many keys a page has at the most.
    most: usize,
    is_over: bool,
}

/// Changes under way.
struct Following {
    feed: Feed,
    messages: Pin<Box<RowStream>>,
    /// Where the log stood before, when all of it up to there was written down.
    written: Option<u64>,
    /// Looks up what the rows are now; the other one is busy with the messages.
    lookup: Client,
    _messages: Client,
}

/// Opens a window.
pub(super) async fn open(
    source: &PostgresSource,
    client: Client,
    (plan, changes): (PagePlan, &Changes),
    read: &Read,
) -> Result<ChangePages, SourceError> {
    let slot = Slot::look(&client, &source.place, &source.stream.relation, changes).await?;
    let state = read_up_to(source, &client, &slot, read).await?;
    let refused = |message: String| SourceError::PageRefused { message };
    let stand = if let Some(token) = &read.page {
        let mut stand = Stand::read(token).ok_or_else(|| refused("it is of another version".to_owned()))?;
        if let Some(gap) = stand.identity.as_ref().and_then(|before| slot.identity.gap_since(before)) {
            return Err(refused(format!("{gap} meanwhile")));
        }
        stand.identity = Some(slot.identity.clone());
        stand
    } else if let Some(state) = state {
        Stand::new(None, None, At { commit: state, done: 0 }, slot.identity.clone())
    } else {
        let now = log_position(&client, source, "pg_current_wal_insert_lsn").await?;
        let at = At { commit: slot.confirmed, done: 0 };
        Stand::new(Some(now), Some(String::new()), at, slot.identity.clone())
    };
    let rows = match &stand.rows {
        None => None,
        Some(token) => {
            let page = (!token.is_empty()).then(|| raccord_model::checkpoint::PageToken(token.clone()));
            let read = Read { page, page_size: read.page_size, ..Read::default() };
            Some(TablePages::of(source.clone(), client, plan.clone(), &read)?.marked())
        }
    };
    let most = read.page_size.unwrap_or(KEYS).clamp(1, KEYS);
    let source = source.clone();
    Ok(ChangePages { source, slot, plan, rows, stand, changes: None, most, is_over: false })
}

/// What was read and committed, if anything was; the slot is moved on to it.
async fn read_up_to(
    source: &PostgresSource,
    client: &Client,
    slot: &Slot,
    read: &Read,
) -> Result<Option<u64>, SourceError> {
    let Some(state) = &read.state else { return Ok(None) };
    let Some((state, identity)) = position::of_state(state) else {
        let message = "what was read so far is of another version; `raccord resync` reads it anew".to_owned();
        return Err(source.place.settings(message));
    };
    if slot.confirmed > state {
        let message = format!(
            "the slot {} has moved on to {} without this transfer, which has read up to {}: a slot has one reader alone; \
             `raccord resync` reads the table anew",
            slot.changes.slot,
            position::text(slot.confirmed),
            position::text(state)
        );
        return Err(source.place.settings(message));
    }
    // What is missing is not looked for in the slot: it keeps its place until the resync.
    if let Some(gap) = identity.and_then(|before| slot.identity.gap_since(&before)) {
        let message = format!(
            "{gap} since the last run, and what changed meanwhile did not come by {}: `raccord resync` reads the table anew",
            slot.changes.publication
        );
        return Err(source.place.settings(message));
    }
    slot.advance(client, &source.place, state).await?;
    Ok(Some(state))
}

async fn log_position(client: &Client, source: &PostgresSource, of: &str) -> Result<u64, SourceError> {
    let row = slot::ask(client, &source.place, &format!("SELECT {of}()::text"), &[]).await?;
    let text: Option<String> = row.and_then(|row| row.get(0));
    text.as_deref()
        .and_then(position::read)
        .ok_or_else(|| source.place.settings("the server does not say where its log stands".to_owned()))
}

impl ChangePages {
    async fn advance(&mut self) -> Result<Option<Page>, SourceError> {
        if let Some(rows) = &mut self.rows {
            if let Some(mut page) = rows.advance().await? {
                let next = page.next.take().map(|token| token.0);
                if next.is_none() {
                    self.rows = None;
                }
                self.stand.rows = next;
                page.next = Some(self.stand.token());
                return Ok(Some(page));
            }
            (self.rows, self.stand.rows) = (None, None);
        }
        if self.is_over {
            return Ok(None);
        }
        let mut following = match self.changes.take() {
            Some(following) => following,
            None => self.follow().await?,
        };
        let page = self.page(&mut following).await?;
        self.is_over = page.next.is_none();
        self.changes = Some(following);
        Ok(Some(page))
    }

    /// Begins to look at the changes.
    async fn follow(&self) -> Result<Following, SourceError> {
        let (lookup, client) = (self.source.connect().await?, self.source.connect().await?);
        let told = |error| slot::told(&self.source.place, &error);
        // What is written behind this position and not on the disk yet could not be looked at.
        let begun = log_position(&lookup, &self.source, "pg_current_wal_insert_lsn").await?;
        let on_disk = log_position(&lookup, &self.source, "pg_current_wal_flush_lsn").await?;
        let visible = self.visible(&lookup).await?;
        client.batch_execute(BEGIN).await.map_err(told)?;
        let (statement, values) = self.slot.peek();
        let values = values.iter().map(|value| -> (&(dyn ToSql + Sync), Type) { (value, Type::TEXT) });
        let unread = |error| self.slot.unread(&self.source.place, &error);
        let messages = client.query_typed_raw(&statement, values).await.map_err(unread)?;
        let key = self.plan.key().into_iter().map(str::to_owned).collect();
        let calm_until = self.stand.since.unwrap_or(self.stand.at.commit);
        let feed = Feed::new(self.slot.identity.table, key, self.stand.at, calm_until, visible);
        let written = (on_disk >= begun).then_some(begun);
        Ok(Following { feed, messages: Box::pin(messages), written, lookup, _messages: client })
    }

    /// What is visible now where rows are looked up: no less is later.
    async fn visible(&self, client: &Client) -> Result<Visible, SourceError> {
        let row = slot::ask(client, &self.source.place, "SELECT txid_current_snapshot()::text", &[]).await?;
        let text: Option<String> = row.and_then(|row| row.get(0));
        text.as_deref()
            .and_then(Visible::read)
            .ok_or_else(|| self.source.place.settings("the server does not say what is visible".to_owned()))
    }

    /// The next keys, and the rows that have them.
    async fn page(&self, following: &mut Following) -> Result<Page, SourceError> {
        let mut keys: BTreeSet<feed::Key> = BTreeSet::new();
        let mut is_last = true;
        while let Some(row) = following
            .messages
            .try_next()
            .await
            .map_err(|error| self.slot.unread(&self.source.place, &error))?
        {
            let data: &[u8] = row.try_get(0).map_err(|error| self.source.place.told(&error))?;
            keys.extend(following.feed.take(data).map_err(|error| self.useless(&error))?);
            if following.feed.is_waiting() {
                break;
            }
            if keys.len() >= self.most {
                is_last = false;
                break;
            }
        }
        let mut at = following.feed.at();
        if is_last && !following.feed.is_waiting() {
            at = At { commit: at.commit.max(following.written.unwrap_or(0)), done: 0 };
        }
        let columns = self.plan.names().chain([Changes::DELETED]).map(str::to_owned).collect();
        let position = format!("changes of {}", self.source.stream.place());
        let mut page = Page { position, columns: Some(columns), ..Page::empty() };
        if !keys.is_empty() {
            page.records = self.look_up(&following.lookup, keys).await?.records();
        }
        page.state = Some(position::state(at.commit, &self.slot.identity));
        let identity = &self.slot.identity;
        page.next = (!is_last).then(|| Stand::new(self.stand.since, None, at, identity.clone()).token());
        Ok(page)
    }

    fn useless(&self, error: &FeedError) -> SourceError {
        match error {
            // The rows are being read: from the beginning, they are those that came after.
            FeedError::Truncated if self.stand.since.is_some() => {
                SourceError::PageRefused { message: "the table was truncated meanwhile".to_owned() }
            }
            error => self.source.place.settings(error.to_string()),
        }
    }

    async fn look_up(&self, client: &Client, keys: BTreeSet<feed::Key>) -> Result<Collector, SourceError> {
        let told = |error| self.source.place.told(&error);
        let cells = Cells::of(self.plan.columns());
        let place = |name: &str| self.plan.columns().iter().position(|column| column.name == name);
        let key: Vec<usize> = self.plan.key().into_iter().filter_map(place).collect();
        let values = |parts: feed::Key| -> Vec<Value> {
            parts.into_iter().zip(&key).map(|(text, at)| cells.key_part(*at, text)).collect()
        };
        let keys: Vec<Vec<Value>> = keys.into_iter().map(values).collect();
        client.batch_execute(&self.source.begin).await.map_err(told)?;
        let mut collector = Collector::unordered();
        {
            let mut found = pin!(rows(client, &self.plan.of_keys(&keys)).await.map_err(told)?);
            let at = self.plan.columns().len();
            let mut is_checked = false;
            while let Some(row) = found.try_next().await.map_err(told)? {
                if !std::mem::replace(&mut is_checked, true) {
                    self.source.check_types(&cells, &row)?;
                }
                let written = collector.add(|text| cells.write_changed(&row, (at, &key), text));
                written.map_err(|error| self.source.place.row(&error))?;
            }
        }
        client.batch_execute("COMMIT").await.map_err(told)?;
        Ok(collector)
    }
}

impl Pages for ChangePages {
    fn next(&mut self) -> Async<'_, Result<Option<Page>, SourceError>> {
        Box::pin(self.advance())
    }
}
