//! A transfer: the steps of its configuration as a person looks for them, how it stands, and its runs.

use std::sync::Arc;

use maud::{Markup, html};
use raccord_model::fact::Run;
use raccord_model::language::mapping::{MappedField, MappingSpec};
use raccord_model::language::{ByNameOrInline, SourceSpec, TransferSpec};
use raccord_model::port::authorization::{Agreement, Standing as AuthorizationStanding};
use raccord_model::{Ident, Kind, Name, Resource, Spec};
use serde_json::Value;

use super::integration::{resource, status};
use crate::console::answer::{Answer, Content};
use crate::console::chart;
use crate::console::layout::{Place, csrf};
use crate::console::standing;
use crate::console::visit::Visit;
use crate::console::{payload, run, show};
use crate::failure::{Failure, FailureCode};
use crate::request::{Reply, Request, Row, Sort, Status, StatusQuery, TransferStatus};

/// How many runs are shown.
const RUNS: usize = 50;

/// The settings of connectors that are shown: where something is read, and nothing that may hold a credential.
const SETTINGS: [&str; 8] = ["baseUrl", "path", "root", "bucket", "prefix", "host", "database", "schema"];

/// Where a transfer is.
pub(in crate::console) fn path(name: &Name) -> String {
    format!("/transfers/{name}")
}

/// What a page of a transfer shows.
struct Shown {
    /// Of the transfer, of the integrations that want it, and of the Authorization of its source.
    status: Box<Status>,
    transfer: TransferStatus,
    spec: TransferSpec,
    source: Option<SourceSpec>,
    /// How we prove who we are there, when it is a resource of its own.
    authorization: Option<Resource>,
    runs: Vec<Run>,
    /// A stored record, for the examples beside the mapping.
    example: Option<Row>,
    /// The record of the newest reject as it came: no other is kept as the source shows it.
    came: Option<Value>,
}

/// The page.
pub(super) async fn show(visit: Arc<Visit>) -> Result<Answer, Failure> {
    let name: Name = visit.part("name")?;
    let shown = look(&visit, &name).await?;
    let spec = &shown.spec;
    let words = visit.texts().transfer;
    let body = html! {
        (head(&visit, &shown))
        (actions(&visit, &shown.transfer))
        h2 { (words.runs) }
        (run::timeline(&visit, &shown.runs, false))
        h2 { (words.source) }
        (source(&visit, &shown, spec))
        h2 { (words.mapping) }
        (mapping(&visit, &shown, spec))
        h2 { (words.wishes) }
        (wishes(&visit, &shown, spec))
    };
    let mut content = Content::new(Place::Overview, name.to_string(), body);
    content.live = Some(2);
    content.trail.push((visit.texts().overview.title.to_owned(), "/".to_owned()));
    for integration in &shown.status.integrations {
        content.trail.push((integration.name.to_string(), super::integration::path(&integration.name)));
    }
    Ok(Answer::Page(content))
}

async fn look(visit: &Visit, name: &Name) -> Result<Shown, Failure> {
    let query = StatusQuery { transfer: Some(name.clone()), ..StatusQuery::default() };
    let mut status = status(visit, query).await?;
    let transfer = status.transfers.pop();
    let transfer =
        transfer.ok_or_else(|| Failure::new(FailureCode::Internal, "the transfer was not told"))?;
    let Spec::Transfer(spec) = resource(visit, Kind::Transfer, name).await?.spec else {
        return Err(Failure::new(FailureCode::Internal, "the resource is no transfer"));
    };
    let source = match resource(visit, Kind::Source, &spec.source).await?.spec {
        Spec::Source(source) => Some(source),
        _ => None,
    };
    let used =
        source.as_ref().and_then(|source| source.authorization.as_ref()).and_then(ByNameOrInline::name);
    let authorization = match used {
        Some(name) => Some(resource(visit, Kind::Authorization, name).await?),
        None => None,
    };
    let request = Request::Runs { transfer: Some(name.clone()), limit: RUNS };
    let runs = visit.all(request, |reply| if let Reply::Run(run) = reply { Some(run) } else { None }).await?;
    let request = Request::Records {
        entity: transfer.to.clone(),
        filter: Vec::new(),
        limit: 1,
        total: false,
        columns: false,
        page: None,
        held: None,
    };
    let pick = |reply| if let Reply::Record(row) = reply { Some(row) } else { None };
    // A page without an example is a page; the database may be away.
    let example = visit.all(request, pick).await.ok().and_then(|mut rows| rows.pop());
    let came = came(visit, &transfer).await;
    Ok(Shown { status, transfer, spec, source, authorization, runs, example, came })
}

/// The record of the newest reject as it came. A page without it is a page.
async fn came(visit: &Visit, transfer: &TransferStatus) -> Option<Value> {
    if transfer.rejects.unwrap_or_default() == 0 {
        return None;
    }
    let name = Some(transfer.name.clone());
    let request = Request::Rejects { transfer: name, id: None, group: None, limit: 1, total: false };
    let pick = |reply| if let Reply::Reject(reject) = reply { reject.payload } else { None };
    let payload = visit.all(request, pick).await.ok()?.pop()?;
    serde_json::from_str(&payload).ok().filter(Value::is_object)
}

/// How it stands, in a few figures.
fn head(visit: &Visit, shown: &Shown) -> Markup {
    let (texts, now, language) = (visit.texts(), visit.now(), visit.reader.language);
    let (words, columns) = (texts.transfer, texts.overview);
    let transfer = &shown.transfer;
    let standing = transfer.standing;
    html! {
        p.standing {
            (show::status(standing::tone(standing), standing::word(standing, texts.word))) " "
            (show::line(transfer.source.as_str())) " → " (show::line(&transfer.to.to_string()))
        }
        @if let Some(running) = &transfer.running {
            p.notice.busy role="status" {
                (words.under_way) " " (chart::in_words(visit, &running.tally)) " · "
                ((words.pages)(running.pages, &show::number(language, running.pages)))
            }
        }
        (super::changes::waits(visit, transfer))
        div.figures {
            (figure(columns.lag, &html! { @match transfer.last_success { Some(at) => (show::when(texts, at, now)), None => (texts.time.never) } }))
            (figure(columns.next, &html! { @match transfer.next_run { Some(at) => (show::when(texts, at, now)), None => "—" } }))
            (figure(columns.rows, &html! { (counted(visit, transfer.rows)) }))
            (figure(columns.rejects, &html! { (counted(visit, transfer.rejects)) }))
            (figure(words.failures, &html! { (show::number(language, transfer.consecutive_failures.into())) }))
        }
        @if let Some(cursor) = &transfer.cursor { p.hint { (words.cursor) " " (show::line(cursor)) } }
        @if !transfer.unseen.is_empty() {
            p.notice.waits { (words.unseen) " " @for path in &transfer.unseen { code { (show::line(path)) } " " } }
        }
    }
}

fn figure(name: &str, value: &Markup) -> Markup {
    html! { div { span.name { (name) } span.value { (value) } } }
}

fn counted(visit: &Visit, count: Option<u64>) -> String {
    count.map_or_else(|| "—".to_owned(), |count| show::number(visit.reader.language, count))
}

fn actions(visit: &Visit, transfer: &TransferStatus) -> Markup {
    let words = visit.texts().transfer;
    html! {
        div.actions { @if visit.reader.may(Sort::Resync) {
            details.action {
                summary.button.plain { (words.resync) }
                form method="post" action=(format!("{}/resync", path(&transfer.name))) {
                    (csrf(visit))
                    p { (words.resync_means) }
                    label for="since" { (words.since) }
                    input #since name="since" maxlength="200" autocomplete="off";
                    p.hint { (words.since_hint) }
                    label.check { input type="checkbox" name="sure" required; " " (words.sure) }
                    button.danger { (words.resync_now) }
                }
            }
        } }
    }
}

/// Where it is read, and as whom.
fn source(visit: &Visit, shown: &Shown, spec: &TransferSpec) -> Markup {
    let words = visit.texts().transfer;
    let settings = shown.source.as_ref().and_then(|source| serde_json::to_value(source).ok());
    let settings = settings.unwrap_or_default();
    let config = &settings["config"];
    let data_type =
        spec.data_type.as_ref().map_or_else(|| shown.transfer.name.to_string(), ToString::to_string);
    let types = config["dataTypes"].as_object().map(|types| types.keys().cloned().collect::<Vec<_>>());
    html! {
        dl {
            dt { (words.source) } dd { (show::line(spec.source.as_str())) }
            dt { (words.connector) } dd { (show::line(settings["connector"].as_str().unwrap_or_default())) }
            @for name in SETTINGS { @if let Some(text) = config[name].as_str() {
                dt { code { (name) } } dd { (show::line(text)) }
            } }
            dt { (words.authorization) } dd { (authorization(visit, shown)) }
            dt { (words.data_type) } dd { b { (show::line(&data_type)) } }
            @if let Some(types) = types.filter(|types| types.len() > 1) {
                dt { (words.other_types) }
                dd { @for other in types.iter().filter(|other| **other != data_type) { (show::line(other)) " " } }
            }
        }
    }
}

/// How we prove who we are: the form, how it stands and until when. Never what it is.
fn authorization(visit: &Visit, shown: &Shown) -> Markup {
    let texts = visit.texts();
    let words = texts.transfer;
    let Some(used) = shown.source.as_ref().and_then(|source| source.authorization.as_ref()) else {
        return html! { (words.no_authorization) };
    };
    let named = used.name();
    let own = shown.authorization.as_ref().and_then(|resource| match &resource.spec {
        Spec::Authorization(form) => Some(form),
        _ => None,
    });
    let form = used.inline().or(own);
    let form = form.and_then(|form| serde_json::to_value(form).ok());
    let form = form.as_ref().and_then(|form| form["type"].as_str());
    let known = shown.status.authorizations.iter().find(|known| Some(&known.name) == named);
    html! {
        @if let Some(name) = named { (show::line(name.as_str())) " " }
        @if let Some(form) = form { code { (show::line(form)) } " " }
        @if let Some(known) = known {
            (agreement(visit, known))
            @if visit.reader.may(Sort::BeginAuthorization) {
                form.inline method="post" action=(format!("/authorizations/{}/authorize", known.name)) {
                    (csrf(visit))
                    input type="hidden" name="back" value=(path(&shown.transfer.name));
                    button.plain { (words.authorize) }
                }
            }
        }
    }
}

/// How an agreement stands.
fn agreement(visit: &Visit, known: &AuthorizationStanding) -> Markup {
    let (texts, now) = (visit.texts(), visit.now());
    let words = texts.transfer;
    let (tone, word) = match known.state {
        Agreement::Granted => (show::Tone::Good, words.granted),
        Agreement::Unasked => (show::Tone::Quiet, words.unasked),
        Agreement::Waiting => (show::Tone::Waits, texts.word.waiting),
        Agreement::Revoked => (show::Tone::Bad, words.revoked),
    };
    html! {
        (show::status(tone, word))
        @if let Some(expires) = known.expires { " " (words.expires) " " (show::when(texts, expires, now)) }
        @if known.renews { ", " (words.renews) }
    }
}

/// Which field comes from where, the primary key first.
fn mapping(visit: &Visit, shown: &Shown, spec: &TransferSpec) -> Markup {
    let words = visit.texts().transfer;
    let Some(MappingSpec { primary_key, fields }) = spec.mapping.as_ref().and_then(ByNameOrInline::inline)
    else {
        return html! { p { (words.no_mapping) } };
    };
    let rows = primary_key.iter().map(|field| (field, true)).chain(fields.iter().map(|field| (field, false)));
    html! {
        div.wide tabindex="0" role="region" aria-label=(words.mapping) { table.mapping {
            thead { tr {
                th scope="col" { (words.from) }
                @if shown.came.is_some() { th scope="col" { (words.came) } }
                th scope="col" { (words.transforms) } th scope="col" { (words.field) }
                th scope="col" { (words.example) }
            } }
            tbody { @for ((name, field), is_key) in rows { tr {
                td { (origin(field)) }
                @if let Some(came) = &shown.came { td { (as_it_came(came, field)) } }
                td { @for step in &field.transform { code.step { (show::line(&step_in_words(step))) } " " } }
                th scope="row" { (show::line(name.as_str())) @if is_key { " " span.tag { (words.key) } } }
                td { @if let Some(value) = example(shown.example.as_ref(), name) { (show::line(&value)) } }
            } } }
        } }
    }
}

fn origin(field: &MappedField) -> Markup {
    html! {
        @if let Some(path) = &field.from { code { (show::line(&path.to_string())) } }
        @if let Some(constant) = &field.constant { "= " code { (show::line(&constant.to_string())) } }
        @if let Some(expression) = &field.expr { code { (show::line(expression)) } }
    }
}

/// What a record had where a field comes from.
fn as_it_came(came: &Value, field: &MappedField) -> Markup {
    let found = field.from.as_ref().and_then(|path| payload::at(came, path));
    html! { @match found {
        None | Some(Value::Null) => {}
        Some(Value::String(text)) => (show::line(text)),
        Some(other) => (show::line(&other.to_string())),
    } }
}

/// A transform as it is written: its name, and what it is given.
fn step_in_words(step: &impl serde::Serialize) -> String {
    match serde_json::to_value(step).unwrap_or_default() {
        Value::String(name) => name,
        Value::Object(members) => {
            members.iter().map(|(name, given)| format!("{name} {given}")).collect::<Vec<_>>().join(" ")
        }
        other => other.to_string(),
    }
}

/// The value of a field of a record.
fn example(row: Option<&Row>, name: &Ident) -> Option<String> {
    let (_, value) = row?.0.iter().find(|(known, _)| known == name.as_str())?;
    (!value.is_null()).then(|| value.text().to_owned())
}

/// What is wanted of it: update types, when it runs, how deletions are learned of.
fn wishes(visit: &Visit, shown: &Shown, spec: &TransferSpec) -> Markup {
    let texts = visit.texts();
    let words = texts.transfer;
    let wanting = &shown.status.integrations;
    let deletes = serde_json::to_value(&spec.deletes).unwrap_or_default();
    html! {
        dl {
            dt { (words.active) } dd { (if spec.active { texts.word.yes } else { texts.word.no }) }
            dt { (words.schedule) }
            dd { @match &spec.schedule {
                None => (words.on_demand),
                Some(schedule) => {
                    @if let Some(every) = schedule.every { ((words.every)(&every.to_string())) }
                    @if let Some(cron) = &schedule.cron { code { (show::line(cron)) } " " }
                    @if let Some(zone) = &schedule.timezone { (show::line(zone)) }
                }
            } }
            dt { (words.updates) }
            dd {
                @if wanting.is_empty() { (words.unwanted) }
                @for integration in wanting {
                    p { a href=(super::integration::path(&integration.name)) { (show::line(integration.name.as_str())) } ": "
                        (updates(integration, &shown.transfer.name)) }
                }
            }
            dt { (words.deletes) }
            dd { @if deletes == Value::Object(serde_json::Map::new()) { (words.no_deletes) } @else { code { (show::line(&deletes.to_string())) } } }
        }
    }
}

fn updates(integration: &crate::request::IntegrationStatus, transfer: &Name) -> String {
    let wanted = integration.subscriptions.iter().filter(|(name, _)| name == transfer);
    let words: Vec<&str> =
        wanted.flat_map(|(_, updates)| updates.iter().map(|update| update.as_str())).collect();
    words.join(", ")
}
