//! The overview: every integration with its transfers and how each stands, filtered and page by page.

use std::collections::BTreeMap;
use std::sync::Arc;

use maud::{Markup, html};
use raccord_model::Name;

use crate::console::answer::{Answer, Content};
use crate::console::layout::Place;
use crate::console::show;
use crate::console::standing::{self, Standing};
use crate::console::visit::Visit;
use crate::failure::Failure;
use crate::request::{IntegrationStatus, Status, TransferStatus};

/// How many transfers a page shows.
const PER_PAGE: usize = 50;

/// What is looked for.
struct Wanted {
    /// A text that a name, a source or an entity has in it, in small letters.
    text: String,
    /// How it stands.
    standing: Option<Standing>,
    /// Which page, from 1.
    page: usize,
}

impl Wanted {
    fn of(visit: &Visit) -> Self {
        let code = visit.asked("status").unwrap_or_default();
        Self {
            text: visit.asked("q").unwrap_or_default().to_lowercase(),
            standing: Standing::ALL.into_iter().find(|standing| standing.code() == code),
            page: visit
                .asked("page")
                .and_then(|page| page.parse().ok())
                .filter(|page| *page > 0)
                .unwrap_or(1),
        }
    }

    /// The address of the same with another status or page.
    fn path(&self, standing: Option<Standing>, page: usize) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        if !self.text.is_empty() {
            query.append_pair("q", &self.text);
        }
        if let Some(standing) = standing {
            query.append_pair("status", standing.code());
        }
        if page > 1 {
            query.append_pair("page", &page.to_string());
        }
        format!("/?{}", query.finish())
    }
}

/// A transfer under one of the integrations that want it, or under none.
struct Line<'s> {
    integration: Option<&'s IntegrationStatus>,
    transfer: &'s TransferStatus,
    standing: Standing,
}

impl<'s> Line<'s> {
    /// The integration under which it stands.
    fn group(&self) -> Option<&'s Name> {
        self.integration.map(|integration| &integration.name)
    }
}

/// The page.
pub(super) async fn show(visit: Arc<Visit>) -> Result<Answer, Failure> {
    let status = super::integration::status(&visit).await?;
    let desired = super::integration::in_force(&visit).await?;
    let standing = |transfer: &TransferStatus| super::integration::of_transfer(&status, &desired, transfer);
    let lines = lines(&status, standing);
    let wanted = Wanted::of(&visit);
    let fitting: Vec<&Line<'_>> = lines.iter().filter(|line| has_text(line, &wanted.text)).collect();
    let mut counts: BTreeMap<Standing, u64> = BTreeMap::new();
    for line in &fitting {
        *counts.entry(line.standing).or_default() += 1;
    }
    let is_wanted = |line: &&Line<'_>| wanted.standing.is_none_or(|standing| line.standing == standing);
    let shown: Vec<&Line<'_>> = fitting.into_iter().filter(is_wanted).collect();
    let body = html! {
        (notes(&visit, &status))
        (search(&visit, &wanted))
        (chips(&visit, &wanted, &counts))
        (table(&visit, &wanted, &shown))
        (pages(&visit, &wanted, shown.len()))
    };
    Ok(Answer::Page(Content::new(Place::Overview, visit.texts().overview.title, body)))
}

/// A line for each transfer of each integration, by their names; at the end those that none wants.
fn lines(status: &Status, standing: impl Fn(&TransferStatus) -> Standing) -> Vec<Line<'_>> {
    let by_name: BTreeMap<&Name, &TransferStatus> =
        status.transfers.iter().map(|transfer| (&transfer.name, transfer)).collect();
    let mut left = by_name.clone();
    let mut lines = Vec::new();
    for integration in &status.integrations {
        for (name, _) in &integration.subscriptions {
            left.remove(name);
            let known = by_name.get(name);
            let line = known.map(|transfer| (Some(integration), *transfer));
            lines.extend(line);
        }
    }
    lines.extend(left.into_values().map(|transfer| (None, transfer)));
    lines
        .into_iter()
        .map(|(integration, transfer)| Line { integration, transfer, standing: standing(transfer) })
        .collect()
}

fn has_text(line: &Line<'_>, text: &str) -> bool {
    let has = |name: &str| name.contains(text);
    text.is_empty()
        || has(line.transfer.name.as_str())
        || has(line.transfer.source.as_str())
        || has(&line.transfer.to.to_string())
        || line.integration.is_some_and(|integration| has(integration.name.as_str()))
}

/// What a person should know of the whole.
fn notes(visit: &Visit, status: &Status) -> Markup {
    let words = visit.texts().overview;
    let daemon = status.daemon.as_ref();
    let problems = daemon.map(|daemon| &daemon.problems).filter(|problems| !problems.is_empty());
    html! {
        @if let Some(problems) = problems {
            section.problem aria-label=(words.bad_configuration) {
                b { (words.bad_configuration) }
                ul { @for problem in problems { li { (show::line(problem)) } } }
            }
        }
        @if let Some(trouble) = daemon.and_then(|daemon| daemon.trouble.as_ref()) { p.problem { (show::line(trouble)) } }
        @for note in &status.notes { p.notice.waits { (show::line(note)) } }
    }
}

fn search(visit: &Visit, wanted: &Wanted) -> Markup {
    let words = visit.texts().overview;
    html! {
        form.search role="search" action="/" {
            label for="q" { (words.search) }
            input #q type="search" name="q" value=(show::plain(&wanted.text)) autocomplete="off" spellcheck="false";
            @if let Some(standing) = wanted.standing { input type="hidden" name="status" value=(standing.code()); }
            button.plain { (words.filter) }
        }
    }
}

/// How many stand how; each leads to them alone.
fn chips(visit: &Visit, wanted: &Wanted, counts: &BTreeMap<Standing, u64>) -> Markup {
    let (texts, language) = (visit.texts(), visit.reader.language);
    let all: u64 = counts.values().sum();
    let current = |standing| (wanted.standing == standing).then_some("true");
    html! {
        ul.chips aria-label=(texts.overview.by_status) {
            li { a href=(wanted.path(None, 1)) aria-current=[current(None)] { (texts.overview.all) " " b { (show::number(language, all)) } } }
            @for (standing, count) in counts {
                li { a href=(wanted.path(Some(*standing), 1)) aria-current=[current(Some(*standing))] {
                    (show::status(standing.tone(), standing.word(texts.word))) " " b { (show::number(language, *count)) }
                } }
            }
        }
    }
}

fn table(visit: &Visit, wanted: &Wanted, shown: &[&Line<'_>]) -> Markup {
    let words = visit.texts().overview;
    let page = shown.iter().skip((wanted.page - 1).saturating_mul(PER_PAGE)).take(PER_PAGE);
    let page: Vec<&&Line<'_>> = page.collect();
    html! {
        @if page.is_empty() { p { (words.nothing) } }
        @else { div.wide { table.overview {
            thead { tr {
                th scope="col" { (words.transfer) } th scope="col" { (words.status) }
                th scope="col" { (words.lag) } th scope="col" { (words.next) }
                th.number scope="col" { (words.rows) } th.number scope="col" { (words.rejects) }
            } }
            @for group in page.chunk_by(|one, other| one.group() == other.group()) {
                tbody {
                    tr.group { th colspan="6" scope="rowgroup" { (group_head(visit, group.first().and_then(|line| line.integration))) } }
                    @for line in group { (row(visit, line)) }
                }
            }
        } } }
    }
}

fn group_head(visit: &Visit, integration: Option<&IntegrationStatus>) -> Markup {
    let texts = visit.texts();
    let Some(integration) = integration else { return html! { (texts.overview.unwanted) } };
    let standing = standing::of_integration(integration.state);
    html! {
        a href=(super::integration::path(&integration.name)) { (show::line(integration.name.as_str())) } " "
        (show::status(standing.tone(), standing.word(texts.word)))
    }
}

fn row(visit: &Visit, line: &Line<'_>) -> Markup {
    let (texts, now, language) = (visit.texts(), visit.now(), visit.reader.language);
    let Line { transfer, standing, .. } = line;
    html! { tr {
        th scope="row" { a href=(super::transfer::path(&transfer.name)) { (show::line(transfer.name.as_str())) } }
        td { (show::status(standing.tone(), standing.word(texts.word))) }
        td { @match transfer.last_success { Some(at) => (show::when(texts, at, now)), None => (texts.time.never) } }
        td { @if let Some(at) = transfer.next_run { (show::when(texts, at, now)) } }
        td.number { @if let Some(rows) = transfer.rows { (show::number(language, rows)) } }
        td.number.bad[transfer.rejects.is_some_and(|rejects| rejects > 0)] {
            @if let Some(rejects) = transfer.rejects { (show::number(language, rejects)) }
        }
    } }
}

fn pages(visit: &Visit, wanted: &Wanted, shown: usize) -> Markup {
    let words = visit.texts().overview;
    let last = shown.div_ceil(PER_PAGE).max(1);
    html! {
        @if last > 1 { nav.pages aria-label=(words.pages) {
            @if wanted.page > 1 { a rel="prev" href=(wanted.path(wanted.standing, wanted.page - 1)) { "← " (words.previous) } }
            span { ((words.page_of)(&wanted.page.to_string(), &last.to_string())) }
            @if wanted.page < last { a rel="next" href=(wanted.path(wanted.standing, wanted.page + 1)) { (words.next_page) " →" } }
        } }
    }
}
