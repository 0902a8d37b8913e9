//! Stored records: the entities, the records of one with a search, one record with where it comes from, and downloads.

use std::sync::Arc;

use maud::{Markup, html};
use raccord_model::fact::RunId;
use raccord_model::{EntityRef, Ident};

use crate::console::answer::{Answer, Content};
use crate::console::download::{self, Form};
use crate::console::layout::Place;
use crate::console::list::{self, Part};
use crate::console::show;
use crate::console::visit::Visit;
use crate::failure::{Failure, FailureCode};
use crate::request::{
    Cell, ColumnView, EntityQuery, EntityView, Explanation, FieldText, PageOf, PageToken, Reply, Request, Row,
};

/// How many records a page shows.
const PER_PAGE: usize = 50;

/// The longest value of a cell, in characters; the page of the record shows more of it.
const CELL: usize = 80;

/// Where the records of an entity are.
fn path(entity: &EntityRef) -> String {
    format!("/records/{entity}")
}

/// The entities.
pub(super) async fn entities(visit: Arc<Visit>) -> Result<Answer, Failure> {
    let words = visit.texts().records;
    let part = Part::of(&visit);
    let query = EntityQuery { entity: None, text: part.text(), skip: part.skip(), limit: list::PER_PAGE };
    let (entities, total) = known(&visit, query).await?;
    let body = html! {
        (part.search(&visit, "/records", words.search_entities))
        @if total == 0 {
            p { (if part.text.is_empty() { words.no_entities } else { words.no_entity_found }) }
        }
        @else { div.wide tabindex="0" role="region" aria-label=(words.title) { table {
            thead { tr {
                th scope="col" { (words.entity) } th.number scope="col" { (words.count) }
                th scope="col" { (words.key) } th scope="col" { (words.store) } th scope="col" { (words.fed_by) }
            } }
            tbody { @for entity in &entities { tr {
                th scope="row" { a href=(path(&entity.entity)) { (show::line(&entity.entity.to_string())) } }
                td.number { @match entity.records {
                    Some(count) => (show::number(visit.reader.language, count)), None => "—",
                } }
                td { @for name in &entity.key.0 { code { (name.as_str()) } " " } }
                td { (show::line(&entity.store)) }
                td { @for name in entity.transfers.iter().take(5) {
                    a href=(super::transfer::path(name)) { (show::line(name.as_str())) } " "
                } @if entity.transfers.len() > 5 { "…" } }
            } } }
        } } }
        (list::pages(&visit, total, part.page, |page| part.address("/records", page)))
    };
    Ok(Answer::Page(Content::new(Place::Records, words.title, body)))
}

/// Some of the entities, and how many there are.
async fn known(visit: &Visit, query: EntityQuery) -> Result<(Vec<EntityView>, u64), Failure> {
    let (mut found, mut total) = (Vec::new(), 0);
    visit
        .ask(Request::EntitiesOf(query), |reply| match reply {
            Reply::Entity(entity) => found.push(entity),
            Reply::Total(all) => total = all,
            _ => {}
        })
        .await?;
    Ok((found, total))
}

/// A search: a field and the whole of its value; or what goes when a held run is approved.
struct Search {
    field: Option<Ident>,
    value: String,
    held: Option<RunId>,
}

/// Where the rows of an entity are that go when a held run is approved.
pub(super) fn path_of_pending_deletions(entity: &EntityRef, run: RunId) -> String {
    format!("{}?held={run}", path(entity))
}

impl Search {
    fn of(visit: &Visit) -> Result<Self, Failure> {
        let field: Option<Ident> =
            visit.asked("field").map(str::parse).transpose().map_err(super::invalid)?;
        let held = visit.asked("held").map(str::parse).transpose().map_err(super::invalid)?;
        Ok(Self { field, value: visit.asked("value").unwrap_or_default().to_owned(), held })
    }

    /// What it lets through.
    fn filter(&self) -> Result<Vec<(Ident, FieldText)>, Failure> {
        let Some(field) = self.field.clone().filter(|_| !self.value.is_empty()) else {
            return Ok(Vec::new());
        };
        Ok(vec![(field, self.value.parse().map_err(super::invalid)?)])
    }

    /// An address with the search in it.
    fn address(&self, path: &str, more: &[(&str, &str)]) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        if let (Some(field), false) = (&self.field, self.value.is_empty()) {
            query.append_pair("field", field.as_str()).append_pair("value", &self.value);
        }
        if let Some(run) = self.held {
            query.append_pair("held", &run.to_string());
        }
        query.extend_pairs(more);
        let query = query.finish();
        if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
    }
}

/// A page of records.
#[derive(Default)]
struct Shown {
    columns: Vec<ColumnView>,
    rows: Vec<Row>,
    next: Option<PageToken>,
}

/// The records of an entity, page by page.
pub(super) async fn list(visit: Arc<Visit>) -> Result<Answer, Failure> {
    let entity: EntityRef = visit.part("entity")?;
    let search = Search::of(&visit)?;
    let after: Option<PageToken> =
        visit.asked("after").map(str::parse).transpose().map_err(super::invalid)?;
    let is_first = after.is_none();
    let query = EntityQuery { entity: Some(entity.clone()), limit: 1, ..EntityQuery::default() };
    let (known, _) = known(&visit, query).await?;
    let key = known.into_iter().next().map(|known| known.key.0).unwrap_or_default();
    let request = Request::Records {
        entity: entity.clone(),
        filter: search.filter()?,
        limit: PER_PAGE,
        total: false,
        columns: true,
        page: Some(PageOf { after }),
        held: search.held,
    };
    let mut shown = Shown::default();
    visit
        .ask(request, |reply| match reply {
            Reply::Columns(columns) => shown.columns = columns,
            Reply::Record(row) => shown.rows.push(row),
            Reply::Next(next) => shown.next = Some(next),
            _ => {}
        })
        .await?;
    let words = visit.texts().records;
    let here = path(&entity);
    let body = html! {
        @if search.held.is_some() {
            p.notice.waits { (words.pending_deletions) " " a href="/changes#held" { (visit.texts().changes.held) } " · " a href=(here) { (words.all) } }
        }
        (search_form(&visit, &here, &search, &shown.columns))
        (downloads(&visit, &here, &search))
        @if shown.rows.is_empty() {
            p { @if shown.next.is_some() { (words.goes_on) } @else { (words.none) } }
        } @else { (table(&visit, &here, &key, &shown)) }
        nav.pages aria-label=(words.count) {
            @if !is_first { a href=(search.address(&here, &[])) { "↑ " (words.first) } }
            @if let Some(next) = &shown.next {
                a rel="next" href=(search.address(&here, &[("after", &next.to_string())])) { (words.next) " →" }
            }
        }
    };
    let mut content = Content::new(Place::Records, entity.to_string(), body);
    content.trail.push((words.title.to_owned(), "/records".to_owned()));
    Ok(Answer::Page(content))
}

fn search_form(visit: &Visit, here: &str, search: &Search, columns: &[ColumnView]) -> Markup {
    let words = visit.texts().records;
    html! {
        form.search role="search" action=(here) {
            label for="field" { (words.field) }
            select #field name="field" { @for column in columns {
                option value=(column.name.as_str()) selected[search.field.as_ref() == Some(&column.name)] { (column.name.as_str()) }
            } }
            label for="value" { (words.value) }
            input #value type="search" name="value" value=(show::plain(&search.value)) autocomplete="off" spellcheck="false";
            @if let Some(run) = search.held { input type="hidden" name="held" value=(run); }
            button.plain { (words.search) }
            @if !search.value.is_empty() { a href=(here) { (words.all) } }
        }
    }
}

fn downloads(visit: &Visit, here: &str, search: &Search) -> Markup {
    let words = visit.texts().records;
    html! { details.action {
        summary.button.plain { (words.download) }
        p.hint { (words.download_means) }
        p { @for form in Form::ALL {
            a.button.plain href=(search.address(&format!("{here}/download"), &[("form", form.code())])) download {
                (form.code())
            } " "
        } }
    } }
}

fn table(visit: &Visit, here: &str, key: &[Ident], shown: &Shown) -> Markup {
    let words = visit.texts().records;
    html! { div.wide tabindex="0" role="region" aria-label=(words.title) { table {
        thead { tr {
            @for column in &shown.columns { th scope="col" { (column.name.as_str()) } }
            th scope="col" { (words.origin) }
        } }
        tbody { @for row in &shown.rows { tr {
            @for (_, value) in &row.0 { td { (cell(value, CELL)) } }
            td { a href=(of_record(here, key, row)) { (words.explain) } }
        } } }
    } } }
}

/// The address of a record: its key, field by field.
fn of_record(here: &str, key: &[Ident], row: &Row) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for name in key {
        let value = row.0.iter().find(|(known, _)| known == name.as_str()).map(|(_, value)| value.text());
        query.append_pair("key", value.unwrap_or_default());
    }
    format!("{here}/record?{}", query.finish())
}

fn cell(value: &Cell, most: usize) -> Markup {
    let text = value.text();
    let cut: String = text.chars().take(most).collect();
    html! { (show::line(&cut)) @if cut.len() < text.len() { "…" } }
}

/// One record: as it is stored, where it comes from, what was rejected under its key.
pub(super) async fn record(visit: Arc<Visit>) -> Result<Answer, Failure> {
    let entity: EntityRef = visit.part("entity")?;
    let given =
        visit.query.iter().filter(|(name, _)| name == "key").map(|(_, text)| text.parse::<FieldText>());
    let key = given.collect::<Result<Vec<_>, _>>().map_err(super::invalid)?;
    let name = key.iter().map(ToString::to_string).collect::<Vec<_>>().join(" / ");
    let pick = |reply| if let Reply::Explanation(explanation) = reply { Some(explanation) } else { None };
    let explanation = visit.one(Request::Explain { entity: entity.clone(), key }, pick).await?;
    let words = visit.texts().records;
    let body = html! {
        h2 { (words.stored) }
        @match &explanation.row {
            None => p { (words.not_stored) },
            Some(row) => dl { @for (name, value) in &row.0 { dt { (show::line(name)) } dd { (cell(value, 10_000)) } } },
        }
        (origin(&visit, &explanation))
        h2 { (words.rejects) }
        @if explanation.rejects.is_empty() { p { (words.no_rejects) } }
        @else { (super::rejects::table(&visit, &explanation.rejects)) }
    };
    let mut content = Content::new(Place::Records, show::plain(&name), body);
    content.trail.push((words.title.to_owned(), "/records".to_owned()));
    content.trail.push((entity.to_string(), path(&entity)));
    Ok(Answer::Page(content))
}

fn origin(visit: &Visit, explanation: &Explanation) -> Markup {
    let words = visit.texts().records;
    html! { @if explanation.row.is_some() {
        h2 { (words.origin) }
        dl {
            @if let Some(source) = &explanation.source { dt { (words.source) } dd { (show::line(source.as_str())) } }
            @if let Some(transfer) = &explanation.transfer {
                dt { (words.transfer) } dd { a href=(super::transfer::path(transfer)) { (show::line(transfer.as_str())) } }
            }
            dt { (words.written_by) }
            dd { @match &explanation.run {
                None => (words.run_gone),
                Some(run) => { (show::time(run.started)) " " code { (run.id) } },
            } }
        }
    } }
}

/// The records of a search as a file.
pub(super) async fn download(visit: Arc<Visit>) -> Result<Answer, Failure> {
    let entity: EntityRef = visit.part("entity")?;
    let wanted = visit.asked("form").unwrap_or_default();
    let form = Form::ALL.into_iter().find(|form| form.code() == wanted);
    let form = form.ok_or_else(|| Failure::new(FailureCode::Invalid, "form: csv or jsonl"))?;
    let search = Search::of(&visit)?;
    let filter = search.filter()?;
    // What is not there is told on a page, before the file begins.
    let probe = |limit| Request::Records {
        entity: entity.clone(),
        filter: filter.clone(),
        limit,
        total: false,
        columns: true,
        page: None,
        held: search.held,
    };
    visit.ask(probe(0), |_| {}).await?;
    let request = probe(usize::MAX);
    Ok(Answer::Whole(download::records(Arc::clone(&visit), &entity, request, form)))
}
