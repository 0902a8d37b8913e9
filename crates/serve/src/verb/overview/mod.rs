//! A page of transfers under their integrations, with how each stands. It stays quick with thousands of them: of those that
//! are not on the page nothing is read but how they stand.

mod closer;
mod select;

pub use select::Listing;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use raccord_model::Name;
use raccord_model::fact::{IntegrationFact, TransferFact, Uid};
use raccord_model::port::authorization::Agreement;
use raccord_run::Ports;
use raccord_run::applied::Applied;

use super::facts::Facts;
use super::standing::{Known as StandingOf, standing};
use super::status::state_of;
use crate::reply::{Replies, RequestError};
use crate::request::{IntegrationState, Overview, OverviewLine, OverviewQuery, Reply, Standing, UnderWay};
use select::{Listed, ListedIntegration};

/// What only a daemon knows of a transfer.
#[derive(Debug, Clone, Copy, Default)]
pub struct Around {
    /// When it runs next by itself.
    pub next_run: Option<Timestamp>,
    /// The run that is under way.
    pub running: Option<UnderWay>,
}

/// What a page is made of.
#[derive(Clone, Copy)]
pub struct Known<'k> {
    /// The generation in force.
    pub applied: &'k Applied,
    /// Its transfers.
    pub listing: &'k Listing,
    /// What is known of them.
    pub facts: &'k Facts,
}

/// The page, as far as it is known without a daemon.
pub async fn alone(
    ports: &Ports,
    query: &OverviewQuery,
    replies: &mut Replies<'_>,
) -> Result<(), RequestError> {
    let (applied, facts) = (ports.applied().await?, Facts::read(ports).await?);
    let known = Known { applied: &applied, listing: &Listing::of(&applied), facts: &facts };
    let overview = overview(ports, known, query, |_, _| Around::default()).await?;
    replies(Reply::Overview(Box::new(overview)));
    Ok(())
}

/// The page. `around` says what only a daemon knows.
pub async fn overview(
    ports: &Ports,
    known: Known<'_>,
    query: &OverviewQuery,
    around: impl Fn(&Name, Uid) -> Around + Sync,
) -> Result<Overview, RequestError> {
    let Known { applied, listing, facts } = known;
    let (agreements, mut notes) = super::authorize::standings(ports, &applied.desired).await;
    let agreements = agreements.into_iter().map(|known| (known.name, known.state)).collect();
    let states = states(listing, facts, ports.environment.now());
    let mut counts: BTreeMap<Standing, u64> = BTreeMap::new();
    let mut page: Vec<(&Listed, OverviewLine)> = Vec::new();
    let mut fitting = 0_usize;
    for found in listing.find(applied, query) {
        let around = around(&found.name, found.uid);
        let fact = facts.transfer(found.uid);
        let standing = standing(
            &state(facts, found, fact, (around.running.is_some(), &agreements)),
            found.wanted_by.iter().filter_map(|uid| states.get(uid).copied()),
        );
        *counts.entry(standing).or_default() += 1;
        if query.standing.is_some_and(|wanted| wanted != standing) {
            continue;
        }
        if fitting >= query.skip && page.len() < query.limit {
            page.push((found, line(found, standing, fact, around)));
        }
        fitting += 1;
    }
    notes.extend(closer::look(ports, applied, &mut page).await?);
    let shown: BTreeSet<&Name> = page.iter().filter_map(|(found, _)| found.integration.as_ref()).collect();
    let shown = listing.integrations.iter().filter(|integration| shown.contains(&integration.name));
    let integrations =
        shown.filter_map(|known| Some((known.name.clone(), *states.get(&known.uid)?))).collect();
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

/// How each integration stands.
fn states(listing: &Listing, facts: &Facts, now: Timestamp) -> BTreeMap<Uid, IntegrationState> {
    let nothing = IntegrationFact::default();
    let state = |known: &ListedIntegration| {
        let fact = facts.integration(known.uid).unwrap_or(&nothing);
        (known.uid, state_of(known.active, fact, now))
    };
    listing.integrations.iter().map(state).collect()
}

/// A line of the page, before what only the page needs is read.
fn line(found: &Listed, standing: Standing, fact: Option<&TransferFact>, around: Around) -> OverviewLine {
    OverviewLine {
        integration: found.integration.clone(),
        transfer: found.name.clone(),
        source: found.source.clone(),
        to: found.to.clone(),
        standing,
        last_success: fact.and_then(|fact| fact.observed.last_success),
        next_run: around.next_run,
        running: around.running,
        rows: None,
        rejects: None,
        day: Vec::new(),
    }
}

/// What the standing of a transfer follows from.
fn state<'f>(
    facts: &'f Facts,
    found: &Listed,
    fact: Option<&TransferFact>,
    (running, agreements): (bool, &BTreeMap<Name, Agreement>),
) -> StandingOf<'f> {
    let last = fact.and_then(|fact| fact.observed.last_run);
    let outcome = last.and_then(|id| facts.run(id)).map(|run| &run.outcome);
    let deliveries_held = fact.is_some_and(|fact| fact.observed.deliveries_held.is_some());
    let agreement = found.authorization.as_ref().and_then(|name| agreements.get(name)).copied();
    StandingOf { active: found.active, running, outcome, deliveries_held, agreement }
}
