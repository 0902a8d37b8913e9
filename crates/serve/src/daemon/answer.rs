//! What the daemon answers to its callers: most of it the dispatcher does beside the shell, which is told afterwards; runs
//! and what concerns the configuration that waits go through the shell.

use std::collections::BTreeSet;
use std::sync::Arc;

use raccord_daemon::shell::{Health, RunNews};
use raccord_model::fact::Uid;
use raccord_model::port::Async;
use raccord_model::{Desired, Digest, Kind, Name};
use raccord_run::applied::Applied;
use tokio::sync::watch;

use super::Daemon;
use crate::access;
use crate::failure::{Failure, FailureCode};
use crate::reply::{Replies, RequestError};
use crate::request::{
    ApplyOptions, DaemonStatus, OverviewQuery, Reply, Request, Sort, Standing, Status, StatusQuery, Text,
};
use crate::transport::{Answering, Caller, Way};
use crate::verb;
use crate::verb::facts::Facts;
use crate::verb::overview::{Around, Known};

impl Answering for Daemon {
    fn answer<'a>(
        &'a self,
        request: Request,
        caller: Caller,
        stop: watch::Receiver<bool>,
        replies: &'a mut Replies<'a>,
    ) -> Async<'a, Result<(), Failure>> {
        Box::pin(async move {
            access::admit(request.sort(), caller.way)?;
            let request = access::attribute(request, &caller);
            let sort = request.sort();
            let changes = changes_standings(sort);
            let answered = self.respond(request, caller.way, stop, replies).await;
            if answered.is_err() {
                // Whatever the reason says: it may be that the state is not where it was.
                self.handle.doubt();
            }
            if changes {
                // Of each run the end was heard.
                if sort != Sort::Run {
                    self.board.changed();
                }
                self.live.changed();
            }
            answered
        })
    }
}

/// Whether what is asked may leave transfers standing otherwise, runs apart, whose ends are heard of.
const fn changes_standings(sort: Sort) -> bool {
    matches!(
        sort,
        Sort::Pause
            | Sort::Resume
            | Sort::Resync
            | Sort::Approve
            | Sort::ReplayRejects
            | Sort::Authorize
            | Sort::Run
    )
}

impl Daemon {
    async fn respond(
        &self,
        request: Request,
        way: Way,
        stop: watch::Receiver<bool>,
        replies: &mut Replies<'_>,
    ) -> Result<(), Failure> {
        match request {
            Request::Run { integrations } => self.run(integrations, stop, replies).await,
            Request::Apply(desired, options) => {
                let desired = self.at_home(desired, way);
                self.apply(&desired, options, replies).await
            }
            Request::Plan(desired, options) => {
                let desired = self.at_home(desired, way);
                self.ask(Request::Plan(desired, options), stop, replies).await
            }
            Request::Pending => self.pending(replies),
            Request::AcceptPending { options, serial, configuration, by } => {
                let options = ApplyOptions { plan: options, serial, by, rollback_to: None, commit: None };
                self.accept_pending(configuration, options, replies).await
            }
            Request::Rollback { generation, options, serial, by } => {
                let desired = verb::history::configuration(self.dispatcher.ports(), Some(generation)).await;
                let desired = desired.map_err(Failure::from)?;
                self.apply(&desired, ApplyOptions::rollback(generation, options, serial, by), replies).await
            }
            Request::Problems => {
                self.handle.problems().into_iter().for_each(|problem| replies(Reply::Problem(problem)));
                Ok(())
            }
            Request::Overview(query) => self.overview(&query, replies).await,
            Request::Flows => {
                let (applied, facts) = self.known().await?;
                verb::applied::flows_of((&applied, &facts), self.ports.environment.now(), replies);
                Ok(())
            }
            Request::Status => self.status(stop, replies).await,
            Request::StatusOf(query) => self.status_of(&query, replies).await,
            Request::Pause { ref integration, .. } | Request::Resume { ref integration, .. } => {
                let integration = integration.clone();
                self.ask(request, stop, replies).await?;
                Ok(self.handle.integration_changed(&integration).await?)
            }
            Request::ReplayRejects { ref transfer, .. } => {
                let transfer = transfer.clone();
                self.ask(request, stop, replies).await?;
                self.take_deliveries_in(transfer).await
            }
            Request::Resync { ref transfer, .. } => {
                let concerned = BTreeSet::from([transfer.clone()]);
                self.ask(request, stop, replies).await?;
                Ok(self.handle.changed(concerned).await?)
            }
            other => self.ask(other, stop, replies).await,
        }
    }

    async fn ask(
        &self,
        request: Request,
        stop: watch::Receiver<bool>,
        replies: &mut Replies<'_>,
    ) -> Result<(), Failure> {
        self.dispatcher.handle(request, stop, replies).await.map_err(Failure::from)
    }

    /// Tells the shell of deliveries that a replay has made, where there are any.
    async fn take_deliveries_in(&self, transfer: Name) -> Result<(), Failure> {
        let applied = self.ports.applied().await.map_err(RequestError::from)?;
        let Some(uid) = applied.uid(Kind::Transfer, &transfer) else { return Ok(()) };
        let waiting = self.ports.inbox.waiting(uid).await.map_err(RequestError::from)?;
        if waiting > 0 {
            self.handle.changed(BTreeSet::from([transfer])).await?;
        }
        Ok(())
    }

    /// The data paths of a configuration that comes from another machine are relative to where this runs.
    fn at_home(&self, mut desired: Arc<Desired>, way: Way) -> Arc<Desired> {
        if way == Way::Http {
            Arc::make_mut(&mut desired).root = self.root();
        }
        desired
    }

    /// Has the daemon run, and hands what comes of it on.
    async fn run(
        &self,
        integrations: Vec<Name>,
        stop: watch::Receiver<bool>,
        replies: &mut Replies<'_>,
    ) -> Result<(), Failure> {
        let report = self.handle.run(integrations, stop, &mut |news| replies(news.into())).await?;
        replies(Reply::Report(report));
        Ok(())
    }

    async fn apply(
        &self,
        desired: &Desired,
        options: ApplyOptions,
        replies: &mut Replies<'_>,
    ) -> Result<(), Failure> {
        let generation = self.handle.apply(desired, &options.into()).await?;
        replies(Reply::Applied(generation));
        Ok(())
    }

    fn pending(&self, replies: &mut Replies<'_>) -> Result<(), Failure> {
        let pending = self.handle.pending()?;
        replies(Reply::Plan(Box::new(pending.plan.clone())));
        Ok(())
    }

    async fn accept_pending(
        &self,
        configuration: Digest,
        options: ApplyOptions,
        replies: &mut Replies<'_>,
    ) -> Result<(), Failure> {
        let pending = self.handle.pending()?;
        if pending.plan.configuration != configuration {
            let message = "another change waits by now than the one that was planned";
            return Err(Failure::new(FailureCode::Stale, message));
        }
        let options = ApplyOptions { commit: pending.commit.as_deref().map(Text::cut), ..options };
        self.apply(&pending.desired, options, replies).await?;
        self.handle.accepted(&pending);
        Ok(())
    }

    /// The status of the state, and beside it what only the daemon knows.
    pub(super) async fn status(
        &self,
        stop: watch::Receiver<bool>,
        replies: &mut Replies<'_>,
    ) -> Result<(), Failure> {
        let mut found: Option<Box<Status>> = None;
        self.ask(Request::Status, stop, &mut |reply| {
            if let Reply::Status(status) = reply {
                found = Some(status);
            }
        })
        .await?;
        let Some(mut status) = found else { return Ok(()) };
        self.add(&self.handle.applied(), &mut status);
        replies(Reply::Status(status));
        Ok(())
    }

    /// How some of it stands, and beside it what only the daemon knows.
    async fn status_of(&self, query: &StatusQuery, replies: &mut Replies<'_>) -> Result<(), Failure> {
        let applied = self.handle.applied();
        let held = if query.held {
            let (_, facts) = self.known().await?;
            Some(verb::status::held(&applied, &facts))
        } else {
            None
        };
        let status = verb::status::some(&self.ports, &applied, query, held.as_ref()).await;
        let mut status = status.map_err(Failure::from)?;
        self.add(&applied, &mut status);
        replies(Reply::Status(Box::new(status)));
        Ok(())
    }

    /// Adds to a status what only the daemon knows.
    fn add(&self, applied: &Applied, status: &mut Status) {
        let outlook = self.handle.outlook(applied);
        for transfer in &mut status.transfers {
            let Some(uid) = applied.uid(Kind::Transfer, &transfer.name) else { continue };
            transfer.next_run = outlook.next_runs.get(&uid).copied();
            if outlook.running.contains(&uid) {
                transfer.running = Some(self.live.of(&transfer.name));
                transfer.standing = Standing::Running;
            }
        }
        status.daemon = Some(self.daemon_status());
    }

    /// The generation in force, and what is known of its transfers.
    async fn known(&self) -> Result<(Arc<Applied>, Arc<Facts>), Failure> {
        let applied = self.handle.applied();
        let facts = self.board.facts(&self.ports, &applied).await;
        Ok((applied, facts.map_err(|error| Failure::from(RequestError::from(error)))?))
    }

    /// A page of transfers, by what is in memory.
    async fn overview(&self, query: &OverviewQuery, replies: &mut Replies<'_>) -> Result<(), Failure> {
        let (applied, facts) = self.known().await?;
        let outlook = self.handle.outlook(&applied);
        let around = |name: &Name, uid: Uid| Around {
            next_run: outlook.next_runs.get(&uid).copied(),
            running: outlook.running.contains(&uid).then(|| self.live.of(name)),
        };
        let listing = self.board.listing(&applied);
        let known = Known { applied: &applied, listing: &listing, facts: &facts };
        let mut overview = verb::overview::overview(&self.ports, known, query, around).await?;
        overview.daemon = Some(self.daemon_status());
        replies(Reply::Overview(Box::new(overview)));
        Ok(())
    }

    fn daemon_status(&self) -> DaemonStatus {
        let Health { origin, policy, problems, pending, trouble, .. } = self.handle.health();
        let hooks = self.hooks();
        let (mut warnings, dropped_deliveries) = (hooks.problems(), hooks.dropped());
        warnings.extend(self.undelivered.problems());
        DaemonStatus { origin, policy, problems, warnings, dropped_deliveries, pending, trouble }
    }
}

impl From<RunNews> for Reply {
    fn from(news: RunNews) -> Self {
        match news {
            RunNews::Progress(progress) => Self::Progress(progress),
            RunNews::Ended(run) => Self::Run(*run),
        }
    }
}
