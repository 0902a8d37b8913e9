//! An integration: how it stands and why, what a person may do about it, its transfers, its runs, and who is told.

use std::collections::BTreeSet;
use std::sync::Arc;

use maud::{Markup, html};
use raccord_model::fact::Run;
use raccord_model::{Key, Kind, Name, Resource, Spec};

use crate::console::answer::{Answer, Content};
use crate::console::layout::{Place, csrf};
use crate::console::visit::Visit;
use crate::console::{run, show, standing};
use crate::failure::{Failure, FailureCode};
use crate::request::{
    DroppedBecause, IntegrationStatus, Reply, Request, Sort, Standing, Status, StatusQuery, TransferStatus,
};
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
    let query = StatusQuery { integration: Some(name.clone()), limit: TRANSFERS, ..StatusQuery::default() };
    let status = status(&visit, query).await?;
    let integration = status.integrations.iter().find(|integration| integration.name == name);
    let integration =
        integration.ok_or_else(|| Failure::new(FailureCode::Internal, "the integration was not told"))?;
    let resource = resource(&visit, Kind::Integration, &name).await?;
    let runs = runs(&visit, &status.transfers).await?;
    let words = visit.texts().integration;
    let body = html! {
        (head(&visit, integration))
        (deliveries(&visit, &status))
        (actions(&visit, integration, &status.integrations))
        h2 { (words.transfers) }
        (transfer_table(&visit, &status.transfers))
        @if status.left_out > 0 { p { a href=(format!("/?q={name}")) { (words.all_transfers) } } }
        h2 { (words.runs) }
        (run::timeline(&visit, &runs, true))
        (settings(&visit, &resource, integration))
    };
    let mut content = Content::new(Place::Overview, name.to_string(), body);
    content.live = Some(3);
    content.trail.push((visit.texts().overview.title.to_owned(), "/".to_owned()));
    Ok(Answer::Page(content))
}

/// How what is asked for stands.
pub(super) async fn status(visit: &Visit, query: StatusQuery) -> Result<Box<Status>, Failure> {
    let pick = |reply| if let Reply::Status(status) = reply { Some(status) } else { None };
    visit.one(Request::StatusOf(query), pick).await
}

/// A resource of the configuration in force.
pub(super) async fn resource(visit: &Visit, kind: Kind, name: &Name) -> Result<Resource, Failure> {
    let pick = |reply| if let Reply::Resource(view) = reply { Some(view.resource) } else { None };
    visit.one(Request::Resource(Key::new(kind, name.clone())), pick).await
}

/// The runs of some transfers, newest first.
async fn runs(visit: &Visit, transfers: &[TransferStatus]) -> Result<Vec<Run>, Failure> {
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

/// The deliveries that wait for its transfers, and those that were not kept.
fn deliveries(visit: &Visit, status: &Status) -> Markup {
    let (texts, words) = (visit.texts(), visit.texts().integration);
    let waiting = status.transfers.iter().filter(|transfer| transfer.deliveries > 0);
    let sources: BTreeSet<&Name> = status.transfers.iter().map(|transfer| &transfer.source).collect();
    let dropped = status.daemon.iter().flat_map(|daemon| &daemon.dropped_deliveries);
    let dropped = dropped.filter(|dropped| sources.contains(&dropped.source));
    let count = |count| show::number(visit.reader.language, count);
    html! {
        @for transfer in waiting {
            p.hint { ((words.deliveries_wait)(&count(transfer.deliveries), transfer.name.as_str())) }
        }
        @for one in dropped {
            @let said = match one.because {
                DroppedBecause::Refused => words.refused,
                DroppedBecause::Unreadable => words.unreadable,
                DroppedBecause::Inactive => words.not_kept,
            };
            p.notice.waits {
                (said(&count(one.deliveries), one.source.as_str())) " " (show::when(texts, one.since, visit.now()))
                ": " (show::engine(&one.why))
            }
        }
    }
}

/// What the reader may do about it: each asks before it does.
fn actions(visit: &Visit, integration: &IntegrationStatus, all: &[IntegrationStatus]) -> Markup {
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
                        @for (transfer, other) in integration.runs_for(all) {
                            p.hint { ((words.goes_on)(transfer.as_str(), other.as_str())) }
                        }
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
fn transfer_table(visit: &Visit, transfers: &[TransferStatus]) -> Markup {
    let (texts, now, language) = (visit.texts(), visit.now(), visit.reader.language);
    let (words, columns) = (texts.integration, texts.overview);
    html! {
        @if transfers.is_empty() { p { (words.no_transfers) } }
        @else { div.wide tabindex="0" role="region" aria-label=(words.transfers) { table {
            thead { tr {
                th scope="col" { (columns.transfer) } th scope="col" { (columns.status) }
                th scope="col" { (words.from_to) } th scope="col" { (columns.lag) } th scope="col" { (columns.next) }
                th.number scope="col" { (columns.rows) } th.number scope="col" { (columns.rejects) }
            } }
            tbody { @for transfer in transfers {
                @let standing = transfer.standing;
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

/// What its YAML says of it.
fn settings(visit: &Visit, resource: &Resource, integration: &IntegrationStatus) -> Markup {
    let (texts, language) = (visit.texts(), visit.reader.language);
    let words = texts.integration;
    let spec = if let Spec::Integration(spec) = &resource.spec { Some(spec) } else { None };
    let labels = &resource.labels;
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
            @if !labels.is_empty() {
                dt { (words.labels) }
                dd { @for (key, value) in labels { span.tag { (show::line(key)) ": " (show::line(value)) } " " } }
            }
        }
    }
}
