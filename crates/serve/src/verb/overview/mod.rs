//! A page of transfers under their integrations, with how each stands. It stays quick with thousands of them: of those that
//! are not on the page nothing is read but how they stand.

mod closer;
mod select;

use std::collections::BTreeMap;

use jiff::Timestamp;
use raccord_model::Name;
use raccord_model::fact::{IntegrationFact, Run, TransferFact, Uid, read};
use raccord_model::port::authorization::Agreement;
use raccord_model::port::state::{Fact, SnapshotQuery, StateError, Table};
use raccord_run::Ports;
use raccord_run::applied::Applied;
use serde::de::DeserializeOwned;

use super::standing::{Known, standing};
use super::status::state_of;
use crate::reply::{Replies, RequestError};
use crate::request::{IntegrationState, Overview, OverviewLine, OverviewQuery, Reply, Standing, UnderWay};
use select::Candidate;

/// What only a daemon knows of a transfer.
#[derive(Debug, Clone, Copy, Default)]
pub struct Around {
    /// When it runs next by itself.
    pub next_run: Option<Timestamp>,
    /// The run that is under way.
    pub running: Option<UnderWay>,
}

/// The page, as far as it is known without a daemon.
pub async fn alone(
    ports: &Ports,
    query: &OverviewQuery,
    replies: &mut Replies<'_>,
) -> Result<(), RequestError> {
    let applied = Applied::load(&ports.state).await?;
    let overview = overview(ports, &applied, query, |_| Around::default()).await?;
    replies(Reply::Overview(Box::new(overview)));
    Ok(())
}

/// The page. `around` says what only a daemon knows.
pub async fn overview(
    ports: &Ports,
    applied: &Applied,
    query: &OverviewQuery,
    around: impl Fn(&Name) -> Around + Sync,
) -> Result<Overview, RequestError> {
    let (agreements, mut notes) = super::authorize::standings(ports, applied).await;
    let facts = Facts::read(ports).await?;
    let states = facts.states(ports.environment.now(), applied);
    let agreements = agreements.into_iter().map(|known| (known.name, known.state)).collect();
    let mut counts: BTreeMap<Standing, u64> = BTreeMap::new();
    let mut page: Vec<(Candidate<'_>, OverviewLine)> = Vec::new();
    let mut fitting = 0_usize;
    for found in select::find(applied, query) {
        let around = around(found.name);
        let fact = facts.transfer(found.uid);
        let known = facts.known(&found, fact, select::agreement(applied, &agreements, found.spec));
        let known = Known { running: around.running.is_some(), ..known };
        let standing = standing(&known, found.wanted_by.iter().filter_map(|name| states.get(name).copied()));
        *counts.entry(standing).or_default() += 1;
        if query.standing.is_some_and(|wanted| wanted != standing) {
            continue;
        }
        if fitting >= query.skip && page.len() < query.limit {
            let line = line(&found, standing, fact, around);
            page.push((found, line));
        }
        fitting += 1;
    }
    notes.extend(closer::look(ports, applied, &mut page).await?);
    let named = page.iter().filter_map(|(found, _)| found.integration);
    let integrations = named.filter_map(|name| Some((name.clone(), *states.get(name)?))).collect();
    Ok(Overview {
        stack: applied.head.stack.clone(),
        generation: applied.head.generation,
        counts,
        fitting: u64::try_from(fitting).unwrap_or(u64::MAX),
        integrations,
        lines: page.into_iter().map(|(_, line)| line).collect(),
        notes,
        daemon: None,
    })
}

/// A line of the page, before what only the page needs is read.
fn line(
    found: &Candidate<'_>,
    standing: Standing,
    fact: Option<&TransferFact>,
    around: Around,
) -> OverviewLine {
    OverviewLine {
        integration: found.integration.cloned(),
        transfer: found.name.clone(),
        source: found.spec.source.clone(),
        to: found.spec.to.clone(),
        standing,
        last_success: fact.and_then(|fact| fact.observed.last_success),
        next_run: around.next_run,
        running: around.running,
        rows: None,
        rejects: None,
        day: Vec::new(),
    }
}

/// What is known of all transfers and integrations, as it is at one moment.
struct Facts {
    transfers: BTreeMap<String, TransferFact>,
    integrations: BTreeMap<String, IntegrationFact>,
    runs: BTreeMap<String, Run>,
}

impl Facts {
    async fn read(ports: &Ports) -> Result<Self, StateError> {
        let tables = vec![Table::Transfers, Table::Integrations];
        let query = SnapshotQuery { bodies: false, named_runs: true, tables };
        let mut snapshot = ports.state.snapshot(query).await?;
        let mut of = |table| snapshot.facts.remove(&table).unwrap_or_default();
        Ok(Self {
            transfers: by_key(Table::Transfers, of(Table::Transfers))?,
            integrations: by_key(Table::Integrations, of(Table::Integrations))?,
            runs: by_key(Table::Runs, snapshot.named_runs)?,
        })
    }

    fn transfer(&self, uid: Uid) -> Option<&TransferFact> {
        self.transfers.get(&uid.to_string())
    }

    /// How each integration stands.
    fn states<'a>(&self, now: Timestamp, applied: &'a Applied) -> BTreeMap<&'a Name, IntegrationState> {
        let states = applied.integrations().map(|(name, uid, spec)| {
            let fact = self.integrations.get(&uid.to_string());
            (
                name,
                fact.map_or_else(
                    || state_of(spec, &IntegrationFact::default(), now),
                    |fact| state_of(spec, fact, now),
                ),
            )
        });
        states.collect()
    }

    fn known(
        &self,
        found: &Candidate<'_>,
        fact: Option<&TransferFact>,
        agreement: Option<Agreement>,
    ) -> Known<'_> {
        let last = fact.and_then(|fact| fact.observed.last_run);
        let outcome = last.and_then(|id| self.runs.get(&id.to_string())).map(|run| &run.outcome);
        let deliveries_held = fact.is_some_and(|fact| fact.observed.deliveries_held.is_some());
        Known { active: found.spec.active, running: false, outcome, deliveries_held, agreement }
    }
}

fn by_key<T: DeserializeOwned>(table: Table, facts: Vec<Fact>) -> Result<BTreeMap<String, T>, StateError> {
    let decode = |(key, stored): Fact| match read(&stored.bytes) {
        Ok(fact) => Ok((key, fact)),
        Err(source) => Err(StateError::Fact { table, key, source }),
    };
    facts.into_iter().map(decode).collect()
}
