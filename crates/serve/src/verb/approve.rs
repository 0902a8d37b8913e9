//! A person approves a held run. What that does depends on why the run is held: its deletions are done at once, or
//! the next run may do what this one did not.
//!
//! Nothing is approved but what the newest run has told: a run that is under way, or ended otherwise, replaces it. An
//! earlier one may be named as long as the newest is held for exactly the same: of deletions, for the same rows.

use std::sync::Arc;

use raccord_model::Kind;
use raccord_model::fact::{DeletedBy, Hold, Observed, Run, RunCause, RunId, RunOutcome, TransferFact, Uid};
use raccord_model::port::destination::{Batch, Destination, Reading, Staying, Sweep, Swept};
use raccord_model::port::state::Table;

use super::operate;
use crate::reply::{Replies, RequestError};
use crate::request::Reply;
use raccord_run::Ports;
use raccord_run::Unknown;
use raccord_run::ending::{self, Ending};
use raccord_run::facts::{Facts, Retries, put};
use raccord_run::job::Job;
use raccord_run::lease::TransferLease;
use raccord_run::page::checkpoint_only;
use raccord_run::sweep;
use raccord_run::window::{self, Underway};

/// How many of the newest runs of a transfer are looked at for one that is listed as begun.
const NEWEST: usize = 100;

/// Approves a held run. A later run that is held for exactly the same stands in for the one that is named, for a
/// schedule goes on while a person makes up their mind.
pub async fn approve(ports: &Ports, named: RunId, replies: &mut Replies<'_>) -> Result<(), RequestError> {
    let (run, hold) = held(ports, named).await?;
    let uid = operate::uid(ports, Kind::Transfer, &run.transfer).await?;
    let (approved, done) = if by_webhook(&hold) {
        (named, allow_deliveries(ports, (run, hold)).await?)
    } else {
        // A person need not wait for the lease to learn that it is too late.
        let run = standing_for(ports, run).await?;
        // From here on no run begins, and nothing of one that goes on all the same is stored.
        let lease = operate::lease(ports, (&run.transfer, uid), "raccord approve").await?;
        let approved = approve_under(ports, named, &lease).await?;
        lease.release().await?;
        approved
    };
    replies(Reply::Done(format!("the run {approved} is approved: {done}")));
    Ok(())
}

/// A run and why it is held.
async fn held(ports: &Ports, named: RunId) -> Result<(Run, Hold), RequestError> {
    let run = ports.facts().run(named).await?.ok_or_else(|| {
        RequestError::Unknown(Unknown {
            kind: "run",
            name: named.to_string(),
            hint: "; `raccord runs` shows them".to_owned(),
        })
    })?;
    let Some(hold) = run.outcome.hold().cloned() else {
        let outcome = run.outcome.as_str();
        return Err(RequestError::Invalid(format!("the run {named} is not held: it {outcome}")));
    };
    Ok((run, hold))
}

/// Approves what a reading of the source is held for, while no run of its transfer is under way. Returns which run is
/// approved, and what was done.
async fn approve_under(
    ports: &Ports,
    named: RunId,
    lease: &TransferLease,
) -> Result<(RunId, String), RequestError> {
    let (run, hold) = held(ports, named).await?;
    let job = operate::prepare_under(ports, &run.transfer, lease).await?;
    let mut run = standing_for(ports, run).await?;
    let destination = job.rows(ports)?.destination;
    if take_over(ports, destination.as_ref(), run.id).await? {
        // A kill came between the destination and the state.
        succeeded(ports, run.transfer_uid).await?;
        return Ok((run.id, "it was carried out before, and is recorded now".to_owned()));
    }
    // Each of these is one commit with the run as it is then: no kill can leave one without the other.
    run.outcome = RunOutcome::Succeeded;
    let (id, transfer) = (run.id, run.transfer_uid);
    let done = match hold {
        Hold::Deletions { by, .. } => delete(ports, &job, run, by).await?,
        Hold::Vanished { .. } => {
            let allowed = |observed: &mut Observed| {
                observed.approved = Some(hold.clone());
                true
            };
            if !allow(ports, &run, allowed).await? {
                return Err(begun_anew(&run));
            }
            "the next run takes these fields for gone".to_owned()
        }
        Hold::Shifted { .. } => take_for_complete(ports, &job, run).await?,
    };
    succeeded(ports, transfer).await?;
    Ok((id, done))
}

/// A transfer whose held run was approved has succeeded: what it read is stored.
async fn succeeded(ports: &Ports, transfer: Uid) -> Result<(), RequestError> {
    let mut retries = Retries::default();
    loop {
        let mut transaction = ports.facts().transaction();
        let fact = transaction.get::<TransferFact>(Table::Transfers, &transfer.to_string()).await?;
        // Deleted meanwhile.
        let Some(mut fact) = fact else { return Ok(()) };
        fact.observed.last_success = Some(ports.environment.now());
        transaction.put(Table::Transfers, &transfer, &fact)?;
        if retries.settle(transaction.commit().await)? {
            return Ok(());
        }
    }
}

/// The held run that counts: the one that is named, or a later one that is held for exactly the same.
async fn standing_for(ports: &Ports, named: Run) -> Result<Run, RequestError> {
    let facts = ports.facts();
    let last_run = facts.transfer(named.transfer_uid).await?.observed.last_run;
    let run = match last_run.filter(|newest| *newest != named.id) {
        None => named,
        Some(newest) => {
            let newest = facts.run(newest).await?;
            newest.ok_or_else(|| replaced(&named)).and_then(|newest| same_hold(&named, newest))?
        }
    };
    // Its window has taken the place of the held one, and is not complete: what it has not shown yet is still there.
    if is_being_read(&facts, run.transfer_uid).await? {
        return Err(RequestError::Invalid(format!(
            "a later run of `{}` has begun and replaces the run {}: try again when it has ended",
            run.transfer, run.id
        )));
    }
    Ok(run)
}

/// The newest run, when it is held for exactly the rows that the named one was: as many may be others. Of how many they are
/// a share may have changed.
fn same_hold(named: &Run, newest: Run) -> Result<Run, RequestError> {
    let (before, now) = (named.outcome.hold(), newest.outcome.hold());
    let (Some(Hold::Deletions { rows: before, .. }), Some(Hold::Deletions { rows, deletes, .. })) =
        (before, now)
    else {
        return if named.outcome == newest.outcome { Ok(newest) } else { Err(replaced(named)) };
    };
    if before == rows && rows.is_some() {
        return Ok(newest);
    }
    let (s, id) = (if *deletes == 1 { "" } else { "s" }, newest.id);
    Err(RequestError::Invalid(if before.is_none() || rows.is_none() {
        format!(
            "a later run of `{}` is held too, and nothing tells whether for the same rows: {deletes} row{s} now; look at \
             the run {id}, and approve that",
            named.transfer
        )
    } else {
        format!(
            "what would go has changed since: {deletes} row{s} now; look at the run {id}, and approve that"
        )
    }))
}

fn replaced(named: &Run) -> RequestError {
    RequestError::Invalid(format!(
        "a later run of `{}` has replaced the run {}, with another outcome: `raccord status` shows it",
        named.transfer, named.id
    ))
}

/// Records an approved run, and what its approval allows, in one commit. False when `change` says that it is too late.
async fn allow(
    ports: &Ports,
    run: &Run,
    change: impl Fn(&mut Observed) -> bool + Send,
) -> Result<bool, RequestError> {
    let mut retries = Retries::default();
    loop {
        let mut transaction = ports.facts().transaction();
        let known = transaction.get::<Run>(Table::Runs, &run.id.to_string()).await?;
        let fact = transaction.get::<TransferFact>(Table::Transfers, &run.transfer_uid.to_string()).await?;
        let is_held = known.is_some_and(|known| known.outcome.hold().is_some());
        let Some(mut fact) = fact.filter(|_| is_held) else { return Ok(false) };
        if !change(&mut fact.observed) {
            return Ok(false);
        }
        transaction.put(Table::Runs, &run.id, run)?;
        transaction.put(Table::Transfers, &run.transfer_uid, &fact)?;
        if retries.settle(transaction.commit().await)? {
            return Ok(true);
        }
    }
}

const fn by_webhook(hold: &Hold) -> bool {
    matches!(hold, Hold::Deletions { by: DeletedBy::Webhook, .. })
}

/// Lets the next run of deliveries delete what the held one was to delete.
async fn allow_deliveries(ports: &Ports, (run, hold): (Run, Hold)) -> Result<String, RequestError> {
    let run = Run { outcome: RunOutcome::Succeeded, ..run };
    let is_newest = |observed: &Observed| observed.deliveries_held.is_some_and(|held| held.run == run.id);
    let allowed = |observed: &mut Observed| {
        let is_newest = is_newest(observed);
        if is_newest {
            (observed.approved, observed.deliveries_held) = (Some(hold.clone()), None);
        }
        is_newest
    };
    if allow(ports, &run, allowed).await? {
        return Ok("its deliveries delete with the next run".to_owned());
    }
    Err(RequestError::Invalid(format!(
        "a later run of `{}` has replaced the run {}: `raccord status` shows it",
        run.transfer, run.id
    )))
}

/// Deletes what a held run was to delete: what its window has proved, and nothing else.
async fn delete(ports: &Ports, job: &Arc<Job>, run: Run, by: DeletedBy) -> Result<String, RequestError> {
    let underway = held_window(ports, job, &run).await?;
    let Some(window) = underway.window().cloned() else { return Err(begun_anew(&run)) };
    let now = ports.environment.now();
    let (next, completes, proves) = match ending::judge(&window, job.stream.attempts()) {
        Ending::Complete { deletes } => {
            (window::close(underway, now), Some(Reading::from(&window)), deletes && window.snapshot)
        }
        // What its records say is deleted is so; everything else is read again.
        Ending::Again(_) | Ending::Held { .. } | Ending::Incomplete { .. } => {
            (window::give_up(underway), None, false)
        }
    };
    let unseen_too = proves && job.snapshot().is_some();
    let is_wanted = if by == DeletedBy::Snapshot { unseen_too } else { job.marked_share().is_some() };
    if !is_wanted {
        return Err(RequestError::Invalid(format!(
            "`{}` no longer deletes what a snapshot does not show or a field says: its `deletes`, or the subscription to \
             `deleted`, is gone",
            run.transfer
        )));
    }
    let to = run.to.clone();
    let sweep = sweep::approved(job, run, now, (next.sealed(), unseen_too));
    let destination = job.rows(ports)?.destination;
    let id = sweep.run;
    let (deleted, staying) = match destination.sweep(Sweep { completes, ..sweep }).await? {
        Swept::Done { unseen, marked, staying } => (unseen + marked, staying),
        Swept::Held { .. } => (0, Staying::default()),
    };
    take_over(ports, destination.as_ref(), id).await?;
    let (rows, are) = if deleted == 1 { ("row", "is") } else { ("rows", "are") };
    let note = sweep::note(staying, &job.transfer).map_or_else(String::new, |note| format!("; {note}"));
    Ok(format!("{deleted} {rows} of {to} {are} deleted{note}"))
}

/// Moves the cursor past a window whose pages shifted. It has proved no deletion, so that nothing is swept.
async fn take_for_complete(ports: &Ports, job: &Arc<Job>, run: Run) -> Result<String, RequestError> {
    let underway = held_window(ports, job, &run).await?;
    let accepts = underway.window().map(Reading::from);
    let (accepted, now) = (window::accept(underway).sealed(), ports.environment.now());
    let (batch, id) = (checkpoint_only(job, accepted, run.id, now), run.id);
    let destination = job.rows(ports)?.destination;
    destination.commit(Batch { accepts, record: Some(Box::new(run)), ..batch }).await?;
    take_over(ports, destination.as_ref(), id).await?;
    Ok("what was read counts as complete, and nothing is deleted".to_owned())
}

/// Where a transfer stands whose held window waits.
async fn held_window(ports: &Ports, job: &Job, run: &Run) -> Result<Underway, RequestError> {
    let underway = job.rows(ports)?.destination.resume(job.uid).await?.and_then(Underway::of);
    underway.filter(window::is_held).ok_or_else(|| begun_anew(run))
}

/// Has the state know of a run that a destination elsewhere has recorded. Whether it has is the answer.
async fn take_over(ports: &Ports, destination: &dyn Destination, id: RunId) -> Result<bool, RequestError> {
    let recorded = destination.recorded(id).await?;
    if let Some(run) = &recorded {
        ports.facts().commit(vec![put(Table::Runs, &run.id, run)?]).await?;
    }
    Ok(recorded.is_some())
}

fn begun_anew(run: &Run) -> RequestError {
    RequestError::Invalid(format!("what the run {} has read is no longer there; run again", run.id))
}

/// Whether a run that reads a transfer's source is listed as begun, under way or cut by a kill.
async fn is_being_read(facts: &Facts, transfer: Uid) -> Result<bool, RequestError> {
    let reads = |run: &Run| run.outcome == RunOutcome::Running && run.cause != RunCause::Deliveries;
    // The runs of a transfer follow one another: only the newest can be under way, and those before it that were cut.
    Ok(facts.runs_of(transfer, NEWEST).await?.iter().any(reads))
}
