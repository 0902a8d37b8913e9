//! What the daemon answers to its callers: most of it the dispatcher does beside the shell, which is told afterwards; runs
//! and what concerns the configuration that waits go through the shell.

use std::collections::BTreeSet;
use std::sync::Arc;

use raccord_daemon::shell::{Health, RunNews};
use raccord_model::port::Async;
use raccord_model::{Desired, Digest, Name};
use tokio::sync::watch;

use super::Daemon;
use crate::access;
use crate::failure::{Failure, FailureCode};
use crate::reply::Replies;
use crate::request::{ApplyOptions, DaemonStatus, OverviewQuery, Reply, Request, Sort, Status, Text};
use crate::transport::{Answering, Caller, Way};
use crate::verb;
use crate::verb::overview::Around;

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
            let changes = changes_standings(request.sort());
            let answered = self.respond(request, caller.way, stop, replies).await;
            if answered.is_err() {
                // Whatever the reason says: it may be that the state is not where it was.
                self.handle.doubt();
            }
            if changes {
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
            Request::Status => self.status(stop, replies).await,
            Request::Pause { ref integration, .. } | Request::Resume { ref integration, .. } => {
                let integration = integration.clone();
                self.ask(request, stop, replies).await?;
                Ok(self.handle.integration_changed(&integration).await?)
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
        self.apply(&pending.desired, options, replies).await
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
        let outlook = self.handle.outlook().await?;
        for transfer in &mut status.transfers {
            transfer.next_run = outlook.next_runs.get(&transfer.name).copied();
            transfer.running = outlook.running.contains(&transfer.name).then(|| self.live.of(&transfer.name));
        }
        status.daemon = Some(self.daemon_status());
        replies(Reply::Status(status));
        Ok(())
    }

    /// A page of transfers, by the generation that is in memory.
    async fn overview(&self, query: &OverviewQuery, replies: &mut Replies<'_>) -> Result<(), Failure> {
        let (applied, outlook) = (self.handle.applied(), self.handle.outlook().await?);
        let around = |name: &Name| Around {
            next_run: outlook.next_runs.get(name).copied(),
            running: outlook.running.contains(name).then(|| self.live.of(name)),
        };
        let mut overview = verb::overview::overview(&self.ports, &applied, query, around).await?;
        overview.daemon = Some(self.daemon_status());
        replies(Reply::Overview(Box::new(overview)));
        Ok(())
    }

    fn daemon_status(&self) -> DaemonStatus {
        let Health { origin, policy, problems, pending, trouble, .. } = self.handle.health();
        DaemonStatus { origin, policy, problems, warnings: self.hooks().problems(), pending, trouble }
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
