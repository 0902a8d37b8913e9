//! An integration: how it stands and why, what a person may do about it, its transfers, its runs, and who is told.

use std::sync::Arc;

use maud::{Markup, html};
use raccord_model::fact::Run;
use raccord_model::{Desired, Kind, Name, Spec};

use crate::console::answer::{Answer, Content};
use crate::console::layout::{Place, csrf};
use crate::console::visit::Visit;
use crate::console::{run, show, standing};
use crate::failure::{Failure, FailureCode};
use crate::request::{IntegrationStatus, Reply, Request, Sort, Standing, Status, TransferStatus};
use crate::verb::standing::of_integration;

/// How many runs are shown of all transfers together.
const RUNS: usize = 40;

/// How many runs are looked at of each transfer.
const RUNS_OF_ONE: usize = 20;

/// How many transfers are shown; the overview shows all, page by page.
const TRANSFERS: usize = 100;

/// Of how many transfers runs are looked at.
const WITH_RUNS: usize = 20;

/// Where an integration is.
pub(in crate::console) fn path(name: &Name) -> String {
    format!("/integrations/{name}")
}

/// The page.
pub(super) async fn show(visit: Arc<Visit>) -> Result<Answer, Failure> {
    let name: Name = visit.part("name")?;
    let status = status(&visit).await?;
    let found = status.integrations.iter().find(|integration| integration.name == name);
    let integration = found.ok_or_else(|| {
        Failure::new(FailureCode::Unknown, format!("there is no integration `{name}` in force"))
    })?;
    let desired = in_force(&visit).await?;
    let wanted = |transfer: &&TransferStatus| {
        integration.subscriptions.iter().any(|(subscribed, _)| *subscribed == transfer.name)
    };
    let transfers: Vec<&TransferStatus> = status.transfers.iter().filter(wanted).collect();
    let runs = runs(&visit, &transfers).await?;
    let words = visit.texts().integration;
    let body = html! {
        (head(&visit, integration))
        (actions(&visit, integration))
        h2 { (words.transfers) }
        (transfer_table(&visit, (&status, &desired), &transfers))
        @if transfers.len() > TRANSFERS { p { a href=(format!("/?q={name}")) { (words.all_transfers) } } }
        h2 { (words.runs) }
        (run::timeline(&visit, &runs, true))
        (settings(&visit, &desired, integration))
    };
    let mut content = Content::new(Place::Overview, name.to_string(), body);
    content.live = Some(2);
    content.trail.push((visit.texts().overview.title.to_owned(), "/".to_owned()));
    Ok(Answer::Page(content))
}

/// How everything stands.
pub(super) async fn status(visit: &Visit) -> Result<Box<Status>, Failure> {
    visit
        .one(Request::Status, |reply| if let Reply::Status(status) = reply { Some(status) } else { None })
        .await
}

/// The configuration in force.
pub(super) async fn in_force(visit: &Visit) -> Result<Box<Desired>, Failure> {
    let pick = |reply| if let Reply::Desired(desired) = reply { Some(desired) } else { None };
    visit.one(Request::Generation { number: None }, pick).await
}

/// The runs of some transfers, newest first.
async fn runs(visit: &Visit, transfers: &[&TransferStatus]) -> Result<Vec<Run>, Failure> {
    let mut runs = Vec::new();
    for transfer in transfers.iter().take(WITH_RUNS) {
        let request = Request::Runs { transfer: Some(transfer.name.clone()), limit: RUNS_OF_ONE };
        runs.extend(
            visit.all(request, |reply| if let Reply::Run(run) = reply { Some(run) } else { None }).await?,
        );
    }
    runs.sort_by_key(|run| std::cmp::Reverse(run.started));
    runs.truncate(RUNS);
    Ok(runs)
}

/// How it stands, and why.
fn head(visit: &Visit, integration: &IntegrationStatus) -> Markup {
    let (texts, now) = (visit.texts(), visit.now());
    let words = texts.integration;
    let standing = of_integration(integration.state);
    html! {
        p.standing { (show::status(standing::tone(standing), standing::word(standing, texts.word))) }
        @if let Some(trip) = &integration.trip {
            section.problem aria-labelledby="trip" {
                h2 #trip { (words.tripped_because) }
                p { (show::line(&trip.cause.to_string())) " · "
                    a href=(super::transfer::path(&trip.transfer)) { (show::line(trip.transfer.as_str())) }
                    " · " (show::when(texts, trip.at, now)) }
                @if !trip.errors.is_empty() {
                    ul { @for error in &trip.errors { li { (show::engine(error)) } } }
                }
                p { (words.tripped_advice) }
            }
        }
        @if let (Some(pause), Standing::Paused) = (&integration.pause, standing) {
            p.notice.waits {
                (words.paused_since) " " (show::when(texts, pause.at, now))
                @if let Some(until) = pause.until { " · " (words.paused_until) " " (show::time(until)) }
                @if let Some(reason) = &pause.reason { " · " (show::line(reason)) }
            }
        }
    }
}

/// What the reader may do about it: each asks before it does.
fn actions(visit: &Visit, integration: &IntegrationStatus) -> Markup {
    let words = visit.texts().integration;
    let to = |verb: &str| format!("{}/{verb}", path(&integration.name));
    let standing = of_integration(integration.state);
    let is_still = matches!(standing, Standing::Tripped | Standing::Paused);
    html! {
        div.actions {
            @if is_still && visit.reader.may(Sort::Resume) {
                form method="post" action=(to("resume")) { (csrf(visit)) button { (words.resume) } }
            }
            @if standing == Standing::Active && visit.reader.may(Sort::Run) {
                form method="post" action=(to("run")) { (csrf(visit)) button { (words.run) } }
            }
            @if standing != Standing::Paused && visit.reader.may(Sort::Pause) {
                details.action {
                    summary.button.plain { (words.pause) }
                    form method="post" action=(to("pause")) {
                        (csrf(visit))
                        p { (words.pause_means) }
                        label for="reason" { (words.reason) }
                        input #reason name="reason" maxlength="500" autocomplete="off";
                        label for="hours" { (words.hours) }
                        input #hours name="hours" type="number" min="1" max="8760" inputmode="numeric";
                        p.hint { (words.hours_hint) }
                        button { (words.pause_now) }
                    }
                }
            }
            @if !integration.alerts.is_empty() && visit.reader.may(Sort::TestAlert) {
                details.action {
                    summary.button.plain { (words.test_alert) }
                    form method="post" action=(to("test-alert")) {
                        (csrf(visit))
                        p { (words.test_alert_means) }
                        ul { @for alert in &integration.alerts { li { (show::line(alert)) } } }
                        button { (words.send_test) }
                    }
                }
            }
        }
    }
}

/// Its transfers, each with how it stands.
fn transfer_table(
    visit: &Visit,
    (status, desired): (&Status, &Desired),
    transfers: &[&TransferStatus],
) -> Markup {
    let (texts, now, language) = (visit.texts(), visit.now(), visit.reader.language);
    let (words, columns) = (texts.integration, texts.overview);
    let shown = transfers.iter().take(TRANSFERS);
    html! {
        @if transfers.is_empty() { p { (words.no_transfers) } }
        @else { div.wide tabindex="0" role="region" aria-label=(words.transfers) { table {
            thead { tr {
                th scope="col" { (columns.transfer) } th scope="col" { (columns.status) }
                th scope="col" { (words.from_to) } th scope="col" { (columns.lag) } th scope="col" { (columns.next) }
                th.number scope="col" { (columns.rows) } th.number scope="col" { (columns.rejects) }
            } }
            tbody { @for transfer in shown {
                @let standing = of_transfer(status, desired, transfer);
                tr {
                    th scope="row" { a href=(super::transfer::path(&transfer.name)) { (show::line(transfer.name.as_str())) } }
                    td { (show::status(standing::tone(standing), standing::word(standing, texts.word))) }
                    td { (show::line(transfer.source.as_str())) " → " (show::line(&transfer.to.to_string())) }
                    td { @match transfer.last_success { Some(at) => (show::when(texts, at, now)), None => (texts.time.never) } }
                    td { @if let Some(at) = transfer.next_run { (show::when(texts, at, now)) } }
                    td.number { @if let Some(rows) = transfer.rows { (show::number(language, rows)) } }
                    td.number { @if let Some(rejects) = transfer.rejects { (show::number(language, rejects)) } }
                }
            } }
        } } }
    }
}

/// How a transfer stands, by what is in force.
pub(super) fn of_transfer(status: &Status, desired: &Desired, transfer: &TransferStatus) -> Standing {
    let authorization = super::transfer::authorization_of(desired, &transfer.source);
    let known = status.authorizations.iter().find(|known| Some(&known.name) == authorization);
    standing::of_transfer(transfer, &standing::wanting(&status.integrations, &transfer.name), known)
}

/// What its YAML says of it.
fn settings(visit: &Visit, desired: &Desired, integration: &IntegrationStatus) -> Markup {
    let (texts, language) = (visit.texts(), visit.reader.language);
    let words = texts.integration;
    let spec = match desired.spec(Kind::Integration, &integration.name) {
        Some(Spec::Integration(spec)) => Some(spec),
        _ => None,
    };
    let labels = desired.resources.get(&raccord_model::Key::new(Kind::Integration, integration.name.clone()));
    let labels = labels.map(|wanted| &wanted.resource.labels);
    html! {
        h2 { (words.settings) }
        dl {
            dt { (words.alerts) }
            dd {
                @if integration.alerts.is_empty() { (words.no_alerts) }
                @else { ul.plain { @for alert in &integration.alerts { li { (show::line(alert)) } } } }
            }
            @if let Some(spec) = spec {
                dt { (words.breaker) }
                dd {
                    ((words.breaker_failures)(&show::number(language, spec.breaker.consecutive_failures.into())))
                    br;
                    ((words.breaker_rejects)(
                        &show::number(language, spec.breaker.rejects.count),
                        &spec.breaker.rejects.within.to_string(),
                    ))
                }
            }
            @if let Some(labels) = labels.filter(|labels| !labels.is_empty()) {
                dt { (words.labels) }
                dd { @for (key, value) in labels { span.tag { (show::line(key)) ": " (show::line(value)) } " " } }
            }
        }
    }
}
