//! The dispatcher: the one function that answers every request.

use std::sync::Arc;

use jiff::Timestamp;
use raccord_model::port::destination::Destinations;
use raccord_model::port::source::Sources;
use raccord_run::Ports;
use tokio::sync::watch;

use crate::reply::{Replies, RequestError};
use crate::request::{ApplyOptions, Look, LookAt, Request};
use crate::verb::reject_groups::Groups;
use crate::verb::{self, status};

/// Answers requests. Cloning shares the ports, and what was read of rejects.
#[derive(Clone)]
pub struct Dispatcher {
    ports: Ports,
    reject_groups: Arc<Groups>,
}

impl Dispatcher {
    /// The engine on these ports.
    pub fn new(ports: Ports) -> Self {
        Self { ports, reject_groups: Arc::default() }
    }

    /// What it works with.
    pub const fn ports(&self) -> &Ports {
        &self.ports
    }

    /// Answers a request, part by part. `stop` becomes true when a person asks for an early end.
    pub async fn handle(
        &self,
        request: Request,
        stop: watch::Receiver<bool>,
        replies: &mut Replies<'_>,
    ) -> Result<(), RequestError> {
        let ports = &self.ports;
        match request {
            Request::Apply(desired, options) => verb::apply::apply(ports, &desired, options, replies).await,
            // Only a daemon has a policy.
            Request::AcceptPending { .. } => Err(nothing_waits()),
            Request::Rollback { generation, options, serial, by } => {
                let desired = verb::history::configuration(ports, Some(generation)).await?;
                let options = ApplyOptions::rollback(generation, options, serial, by);
                verb::apply::apply(ports, &desired, options, replies).await
            }
            Request::Run { integrations } => verb::run::run(ports, &integrations, stop, replies).await,
            Request::DropDeliveries { sequences } => {
                verb::deliveries::drop_some(ports, &sequences, replies).await
            }
            Request::ReplayRejects { transfer, only } => {
                let replayed = verb::rejects::replay(ports, &transfer, only, replies).await;
                self.reject_groups.forget();
                replayed
            }
            Request::Pause { integration, until, reason } => {
                verb::operate::pause(ports, &integration, until, reason.map(String::from), replies).await
            }
            Request::Resume { integration, by } => {
                verb::operate::resume(ports, &integration, by.map(String::from), replies).await
            }
            Request::TestAlert { integration } => verb::alert::test(ports, &integration, replies).await,
            Request::Approve { run } => verb::approve::approve(ports, run, replies).await,
            Request::Resync { transfer, since } => {
                verb::operate::resync(ports, &transfer, since.as_deref(), replies).await
            }
            Request::CreateToken { name, roles, expires } => {
                verb::token::create(ports, name, roles, expires, replies).await
            }
            Request::RevokeToken { name } => verb::token::revoke(ports, &name, replies).await,
            Request::BeginAuthorization(name, at) => verb::authorize::begin(ports, &name, at, replies).await,
            Request::Authorize(name, consent) => verb::authorize::end(ports, &name, consent, replies).await,
            Request::Look(look) => self.look(*look, replies).await,
            Request::Backup { to } => verb::upkeep::backup(ports, to, replies).await,
            other => self.show(other, replies).await,
        }
    }

    /// Answers what only looks.
    async fn show(&self, request: Request, replies: &mut Replies<'_>) -> Result<(), RequestError> {
        let ports = &self.ports;
        match request {
            Request::Head => verb::upkeep::head(ports, replies).await,
            Request::Plan(desired, options) => verb::plan::plan(ports, &desired, &options, replies).await,
            // Only a daemon has a policy.
            Request::Pending => Err(nothing_waits()),
            Request::History { limit, before } => verb::history::history(ports, limit, before, replies).await,
            Request::Generation { number } => verb::history::generation(ports, number, replies).await,
            Request::Difference { generation, limit } => {
                verb::history::difference(ports, generation, limit, replies).await
            }
            Request::PlanRollback { generation, options } => {
                let desired = verb::history::configuration(ports, Some(generation)).await?;
                verb::plan::plan(ports, &desired, &options, replies).await
            }
            Request::Resource(key) => verb::applied::resource(ports, &key, replies).await,
            Request::Entities => verb::applied::entities(ports, replies).await,
            Request::EntitiesOf(query) => verb::applied::some_entities(ports, &query, replies).await,
            Request::Flows => verb::applied::flows(ports, replies).await,
            // Only a daemon loads anything.
            Request::Problems => Ok(()),
            Request::Overview(query) => verb::overview::alone(ports, &query, replies).await,
            Request::Status => status::status(ports, replies).await,
            Request::StatusOf(query) => status::part(ports, &query, replies).await,
            Request::Runs { transfer, limit } => status::runs(ports, transfer.as_ref(), limit, replies).await,
            other => self.show_stored(other, replies).await,
        }
    }

    /// Answers what looks at records, at what became of them, and at the state.
    async fn show_stored(&self, request: Request, replies: &mut Replies<'_>) -> Result<(), RequestError> {
        let Self { ports, reject_groups } = self;
        match request {
            Request::Records { entity, filter, limit, total, columns, page, held } => {
                let wanted = verb::records::Wanted { filter: &filter, limit, total, columns, page, held };
                verb::records::records(ports, &entity, wanted, replies).await
            }
            Request::Explain { entity, key } => verb::explain::explain(ports, &entity, key, replies).await,
            Request::Sample { desired, transfers, limit } => {
                verb::sample::sample(ports, &desired, &transfers, limit, replies).await
            }
            Request::Rejects { transfer, id, group, limit, total } => {
                let wanted = verb::rejects::Wanted { id, group, limit, total };
                verb::rejects::list(ports, reject_groups, transfer.as_ref(), wanted, replies).await
            }
            Request::RejectSummary(query) => {
                verb::reject_groups::summary(ports, reject_groups, query, replies).await
            }
            Request::Deliveries { transfer, sequence, limit } => {
                verb::deliveries::list(ports, transfer.as_ref(), sequence, limit, replies).await
            }
            Request::Tokens => verb::token::list(ports, replies).await,
            Request::Audit { limit } => verb::audit::audit(ports, limit, replies).await,
            Request::Info => verb::upkeep::info(ports, replies).await,
            Request::Check => verb::upkeep::check(ports, replies).await,
            // Answered before; named, so that the compiler asks for a request that is added.
            Request::Apply(..)
            | Request::Head
            | Request::Plan(..)
            | Request::Pending
            | Request::History { .. }
            | Request::Generation { .. }
            | Request::Difference { .. }
            | Request::PlanRollback { .. }
            | Request::Resource(_)
            | Request::Entities
            | Request::EntitiesOf(_)
            | Request::Flows
            | Request::Problems
            | Request::Overview(_)
            | Request::Status
            | Request::StatusOf(_)
            | Request::Runs { .. }
            | Request::AcceptPending { .. }
            | Request::Rollback { .. }
            | Request::Run { .. }
            | Request::DropDeliveries { .. }
            | Request::ReplayRejects { .. }
            | Request::Pause { .. }
            | Request::Resume { .. }
            | Request::TestAlert { .. }
            | Request::Approve { .. }
            | Request::Resync { .. }
            | Request::CreateToken { .. }
            | Request::RevokeToken { .. }
            | Request::BeginAuthorization(..)
            | Request::Authorize(..)
            | Request::Look(..)
            | Request::Backup { .. } => Err(RequestError::Invalid("it does not only look".to_owned())),
        }
    }

    async fn look(&self, look: Look, replies: &mut Replies<'_>) -> Result<(), RequestError> {
        let (sources, destinations) = (&self.ports.outside.sources, &self.ports.destinations);
        look_at((sources.as_ref(), destinations.as_ref()), self.ports.environment.now(), look, replies).await
    }
}

fn nothing_waits() -> RequestError {
    RequestError::Invalid("no daemon owns the state, so that nothing waits".to_owned())
}

/// Looks at a source or a store of a configuration: that needs its secrets, and no state.
pub async fn look_at(
    (sources, destinations): (&dyn Sources, &dyn Destinations),
    now: Timestamp,
    look: Look,
    replies: &mut Replies<'_>,
) -> Result<(), RequestError> {
    let Look { desired, at, limit, timeout } = &look;
    // Its sources share nothing with those of runs, whose rate and connections they would take.
    let sources = sources.apart();
    match at {
        LookAt::Check(name)
            if desired.source(name).is_none() && !verb::store::places(desired, name).is_empty() =>
        {
            let places = verb::store::places(desired, name);
            verb::store::check(destinations, (desired, name), places, replies).await
        }
        LookAt::Check(source) => verb::source::check((sources.as_ref(), now), desired, source, replies).await,
        LookAt::Discover(source) => {
            verb::discover::discover((sources.as_ref(), now), desired, source, replies).await
        }
        LookAt::Read(source, data_type) => {
            let bounds = verb::Bounds::new(*limit, *timeout);
            verb::source::read(sources.as_ref(), desired, (source, data_type), bounds, replies).await
        }
        LookAt::Preview(transfer) => {
            let bounds = verb::Bounds::new(*limit, *timeout);
            verb::preview::preview(sources.as_ref(), desired, transfer, bounds, replies).await
        }
    }
}
