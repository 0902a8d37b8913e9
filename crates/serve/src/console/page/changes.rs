//! Changes: what is wrong with the configuration, what waits for a person, held runs, and the history with what each
//! generation changed and a way back to it.

use std::sync::Arc;

use maud::{Markup, html};
use raccord_model::Digest;
use raccord_model::diagnostic::{Diagnostic, Place as Position};
use raccord_model::fact::{DeletedBy, Generation, Hold, Run, RunId};
use raccord_plan::{Options, Plan};

use crate::console::answer::{Answer, Content};
use crate::console::layout::{Place, csrf};
use crate::console::visit::Visit;
use crate::console::{plan, show};
use crate::failure::{Failure, FailureCode};
use crate::request::{Difference, Reply, Request, Sort, Status, StatusQuery, Text, TransferStatus, Who};

/// How many mistakes are shown.
const PROBLEMS: usize = 20;

/// Of how many transfers runs are shown that wait for a person.
const HELD: usize = 50;

/// How many generations a page shows.
const GENERATIONS: usize = 20;

/// The page.
pub(super) async fn overview(visit: Arc<Visit>) -> Result<Answer, Failure> {
    let words = visit.texts().changes;
    let problems: Vec<Diagnostic> = visit
        .all(
            Request::Problems,
            |reply| if let Reply::Problem(problem) = reply { Some(problem) } else { None },
        )
        .await?;
    let (pending, is_known) = (pending(&visit).await?, !visit.reader.looks_only);
    let query = StatusQuery { held: true, limit: HELD, ..StatusQuery::default() };
    let status = super::integration::status(&visit, query).await?;
    let before: Option<u64> = visit.asked("before").map(str::parse).transpose().map_err(super::invalid)?;
    let history = Request::History { limit: GENERATIONS, before };
    let history: Vec<Generation> =
        visit.all(history, |reply| if let Reply::Generation(one) = reply { Some(one) } else { None }).await?;
    let body = html! {
        @if !problems.is_empty() { (mistakes(&visit, &problems)) }
        h2 { (words.pending) }
        @match &pending {
            None if is_known => p { (words.nothing_pending) },
            None => p { (words.pending_elsewhere) },
            Some(pending) => (waiting(&visit, pending)),
        }
        h2 #held { (words.held) }
        (held(&visit, &status))
        h2 { (words.history) }
        (generations(&visit, &history))
        (older(&visit, &history, before.is_some()))
    };
    Ok(Answer::Page(Content::new(Place::Changes, words.title, body)))
}

/// The plan that waits, when one does.
async fn pending(visit: &Visit) -> Result<Option<Box<Plan>>, Failure> {
    let pick = |reply| if let Reply::Plan(plan) = reply { Some(plan) } else { None };
    match visit.one(Request::Pending, pick).await {
        Ok(plan) => Ok(Some(plan)),
        // Nothing waits, or no daemon has a policy.
        Err(failure) if matches!(failure.code, FailureCode::Unknown | FailureCode::Invalid) => Ok(None),
        // The daemon that works knows.
        Err(failure) if failure.code == FailureCode::Unavailable && visit.reader.looks_only => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// What is wrong with the configuration, each with its line and what of it is meant.
fn mistakes(visit: &Visit, problems: &[Diagnostic]) -> Markup {
    let words = visit.texts().changes;
    html! {
        h2 { (words.problems) }
        p.problem { (words.problems_mean) }
        @for problem in problems.iter().take(PROBLEMS) { section.mistake {
            p { b { (show::line(&problem.message)) } " " code { (problem.code.as_str()) } }
            @if let Some(place) = &problem.place { (excerpt(place)) }
            @if let Some(help) = &problem.help { p.hint { (show::line(help)) } }
        } }
        @if problems.len() > PROBLEMS { p.hint { (words.more) " " (problems.len() - PROBLEMS) } }
    }
}

/// The line of a mistake, and a caret under what is meant.
fn excerpt(place: &Position) -> Markup {
    let line: String = place.text.chars().take(300).collect();
    let line = raccord_model::foreign::line(&line).into_owned();
    let number = place.line.to_string();
    let before = number.len() + 3 + place.column.saturating_sub(1);
    let caret = format!("{}{}", " ".repeat(before.min(320)), "^".repeat(place.length.clamp(1, 80)));
    html! {
        p { code { (show::line(&place.file)) ":" (place.line) ":" (place.column) } }
        pre tabindex="0" { (number) " │ " (line) "\n" span.caret aria-hidden="true" { (caret) } }
    }
}

fn waiting(visit: &Visit, pending: &Plan) -> Markup {
    let words = visit.texts().changes;
    html! {
        (plan::plan(visit, pending))
        p.hint { (words.leave) }
        @if visit.reader.may(Sort::AcceptPending) { details.action {
            summary.button.plain { (words.apply) }
            form method="post" action="/changes/apply" {
                (csrf(visit))
                input type="hidden" name="serial" value=(pending.serial);
                input type="hidden" name="configuration" value=(pending.configuration);
                (allowances(visit))
                button.danger { (words.apply_now) }
            }
        } }
    }
}

/// What is allowed, and that it was read.
fn allowances(visit: &Visit) -> Markup {
    let words = visit.texts().changes;
    html! {
        label.check { input type="checkbox" name="allowDelete" value="yes"; " " (words.allow_delete) }
        label.check { input type="checkbox" name="allowRekey" value="yes"; " " (words.allow_rekey) }
        label.check { input type="checkbox" name="sure" required; " " (words.sure) }
    }
}

/// What a form of [`allowances`] allows.
fn allowed(visit: &Visit) -> Options {
    let is_ticked = |name| visit.field(name).is_some();
    Options {
        allow_delete: is_ticked("allowDelete"),
        allow_rekey: is_ticked("allowRekey"),
        ..Options::default()
    }
}

fn by(visit: &Visit) -> Who {
    Text::cut(visit.reader.name.as_deref().unwrap_or_default())
}

/// Applies what waits.
pub(super) async fn apply(visit: Arc<Visit>) -> Result<Answer, Failure> {
    super::sure(&visit)?;
    let serial: u64 = super::needed(&visit, "serial")?;
    let configuration: Digest = super::needed(&visit, "configuration")?;
    let request = Request::AcceptPending { options: allowed(&visit), serial, configuration, by: by(&visit) };
    visit.ask(request, |_| {}).await?;
    Ok(Answer::SeeOther("/changes?notice=applied".to_owned()))
}

/// Held runs, each with what an approval does.
fn held(visit: &Visit, status: &Status) -> Markup {
    let words = visit.texts().changes;
    let runs: Vec<(&Run, &Hold)> = status.transfers.iter().flat_map(held_of).collect();
    html! {
        @if runs.is_empty() { p { (words.nothing_held) } }
        @if status.left_out > 0 { p.hint { (words.more) " " (status.left_out) } }
        @for (run, hold) in runs { section.held {
            h3 { a href=(super::transfer::path(&run.transfer)) { (show::line(run.transfer.as_str())) } " → " (show::line(&run.to.to_string())) }
            p { (show::when(visit.texts(), run.started, visit.now())) " " code { (run.id) } }
            (in_words(visit, hold))
            @if let Some(path) = pending_deletions(run, hold) { p { a href=(path) { (words.which) } } }
            @if visit.reader.may(Sort::Approve) { details.action {
                summary.button.plain { (words.approve) }
                form method="post" action="/changes/approve" {
                    (csrf(visit))
                    input type="hidden" name="run" value=(run.id);
                    (in_words(visit, hold))
                    label.check { input type="checkbox" name="sure" required; " " (words.sure) }
                    button.danger { (words.approve_now) }
                }
            } }
        } }
    }
}

/// The runs of a transfer that are held.
fn held_of(transfer: &TransferStatus) -> impl Iterator<Item = (&Run, &Hold)> {
    let runs = transfer.last_run.iter().chain(&transfer.deliveries_held);
    runs.filter_map(|run| Some((run, run.outcome.hold()?)))
}

/// Where the rows are that go when a run is approved; none where they cannot be looked at one by one.
fn pending_deletions(run: &Run, hold: &Hold) -> Option<String> {
    let is_listed = matches!(hold, Hold::Deletions { by, .. } if *by != DeletedBy::Webhook);
    is_listed.then(|| super::records::path_of_pending_deletions(&run.to, run.id))
}

/// On the page of a transfer: why a run of it is held, and the way to where it is approved.
pub(super) fn waits(visit: &Visit, transfer: &TransferStatus) -> Markup {
    let words = visit.texts().changes;
    let to_it = if visit.reader.may(Sort::Approve) { words.approve } else { words.held };
    html! { @for (run, hold) in held_of(transfer) {
        div.notice.waits {
            (in_words(visit, hold))
            p {
                @if let Some(path) = pending_deletions(run, hold) { a href=(path) { (words.which) } " · " }
                a href="/changes#held" { (to_it) }
            }
        }
    } }
}

/// Why a run is held, and what an approval does.
fn in_words(visit: &Visit, hold: &Hold) -> Markup {
    let words = visit.texts().changes;
    let count = |count| show::number(visit.reader.language, count);
    match hold {
        Hold::Deletions { deletes, of, keyless, incomplete, .. } => html! {
            p { (words.would_delete) " " b { (count(*deletes)) } " " (words.of) " " (count(*of)) ". " (words.deletes_on_approval) }
            @if *keyless > 0 { p { (words.keyless) " " (count(*keyless)) } }
            @if *incomplete { p { (words.incomplete) } }
        },
        Hold::Vanished { vanished, values } => html! {
            p { (words.vanished) " " @for path in vanished.iter().take(20) { code { (show::line(path)) } " " } }
            p { (words.would_empty) " " b { (count(*values)) } ". " (words.empties_on_approval) }
        },
        Hold::Shifted { sign, .. } => html! { p { (words.shifted) } p.hint { (show::line(sign)) } },
    }
}

/// Approves a held run.
pub(super) async fn approve(visit: Arc<Visit>) -> Result<Answer, Failure> {
    super::sure(&visit)?;
    let run: uuid::Uuid = super::needed(&visit, "run")?;
    visit.ask(Request::Approve { run: RunId(run) }, |_| {}).await?;
    Ok(Answer::SeeOther("/changes?notice=approved#held".to_owned()))
}

fn generations(visit: &Visit, generations: &[Generation]) -> Markup {
    let words = visit.texts().changes;
    html! {
        @if generations.is_empty() { p { (words.no_history) } }
        @else { div.wide tabindex="0" role="region" aria-label=(words.history) { table {
            thead { tr {
                th.number scope="col" { (words.generation) } th scope="col" { (words.applied_at) } th scope="col" { (words.by) }
                th scope="col" { (words.commit) } th.number scope="col" { (words.changed) }
            } }
            tbody { @for generation in generations { tr {
                th.number scope="row" {
                    a href=(format!("/changes/{}", generation.number)) { (generation.number) }
                    @if let Some(to) = generation.rollback_to { " (" (words.back_to) " " (to) ")" }
                }
                td { (show::when(visit.texts(), generation.at, visit.now())) }
                td { (show::line(&generation.by)) }
                td { @if let Some(commit) = &generation.commit { code { (show::line(commit)) } } }
                td.number { (generation.changes.len()) }
            } } }
        } } }
    }
}

/// The way to earlier generations, and back to the newest.
fn older(visit: &Visit, shown: &[Generation], is_later: bool) -> Markup {
    let words = visit.texts().overview;
    let oldest = shown.last().map(|generation| generation.number).filter(|number| *number > 1);
    html! {
        nav.pages aria-label=(words.pages) {
            @if is_later { a rel="prev" href="/changes" { "← " (words.previous) } }
            @if let (Some(oldest), GENERATIONS) = (oldest, shown.len()) {
                a rel="next" href=(format!("/changes?before={oldest}")) { (words.next_page) " →" }
            }
        }
    }
}

/// What a generation changed, who applied it, and the way back.
pub(super) async fn difference(visit: Arc<Visit>) -> Result<Answer, Failure> {
    let number: u64 = visit.part("number")?;
    let pick = |reply| if let Reply::Difference(difference) = reply { Some(difference) } else { None };
    let found = visit.one(Request::Difference { generation: number, limit: Some(plan::SHOWN) }, pick).await?;
    let Difference { generation, changes } = *found;
    let words = visit.texts().changes;
    let follows = follows(&visit).await?;
    let body = html! {
        dl {
            dt { (words.applied_at) } dd { (show::when(visit.texts(), generation.at, visit.now())) }
            dt { (words.by) } dd { (show::line(&generation.by)) }
            @if let Some(commit) = &generation.commit { dt { (words.commit) } dd { code { (show::line(commit)) } } }
            @if let Some(to) = generation.rollback_to { dt { (words.back_to) } dd { (to) } }
        }
        @if visit.reader.may(Sort::PlanRollback) {
            @if follows { p.hint { (words.revert) } }
            @else { p { a.button.plain href=(format!("/changes/{number}/rollback")) { (words.roll_back) } } }
        }
        h2 { (words.difference) }
        (plan::changes(&visit, &changes, generation.changes.len()))
    };
    Ok(Answer::Page(under(&visit, &format!("{} {number}", words.generation), body)))
}

/// Whether the daemon follows files or a repository: then the next reading would undo what a rollback applied.
async fn follows(visit: &Visit) -> Result<bool, Failure> {
    let query = StatusQuery { limit: 1, ..StatusQuery::default() };
    let status = super::integration::status(visit, query).await?;
    Ok(status.daemon.is_some_and(|daemon| daemon.policy.is_some()))
}

/// What going back would change, and the question whether to.
pub(super) async fn rollback_plan(visit: Arc<Visit>) -> Result<Answer, Failure> {
    let number: u64 = visit.part("number")?;
    let follows = follows(&visit).await?;
    let request = Request::PlanRollback { generation: number, options: Options::default() };
    let found =
        visit.one(request, |reply| if let Reply::Plan(plan) = reply { Some(plan) } else { None }).await?;
    let words = visit.texts().changes;
    let body = html! {
        p { @if follows { (words.revert) } @else { (words.rollback_means) } }
        h2 { (words.title) }
        (plan::plan(&visit, &found))
        @if !follows && visit.reader.may(Sort::Rollback) && found.has_work() {
            form method="post" action=(format!("/changes/{number}/rollback")) {
                (csrf(&visit))
                input type="hidden" name="serial" value=(found.serial);
                (allowances(&visit))
                button.danger { (words.roll_back_now) }
            }
        }
    };
    let mut content = under(&visit, words.rollback_plan, body);
    content.trail.push((format!("{} {number}", words.generation), format!("/changes/{number}")));
    Ok(Answer::Page(content))
}

/// Goes back.
pub(super) async fn rollback(visit: Arc<Visit>) -> Result<Answer, Failure> {
    super::sure(&visit)?;
    let (generation, serial) = (visit.part("number")?, super::needed(&visit, "serial")?);
    let request = Request::Rollback { generation, options: allowed(&visit), serial, by: by(&visit) };
    visit.ask(request, |_| {}).await?;
    Ok(Answer::SeeOther("/changes?notice=rolled-back".to_owned()))
}

fn under(visit: &Visit, title: &str, body: Markup) -> Content {
    let mut content = Content::new(Place::Changes, title, body);
    content.trail.push((visit.texts().changes.title.to_owned(), "/changes".to_owned()));
    content
}
