//! The overview: every integration with its transfers and how each stands, filtered and page by page.

use std::sync::Arc;

use maud::{Markup, html};

use crate::console::answer::{Answer, Content};
use crate::console::layout::Place;
use crate::console::list::{self, PER_PAGE};
use crate::console::visit::Visit;
use crate::console::{chart, show, standing};
use crate::failure::Failure;
use crate::request::{Overview, OverviewLine, OverviewQuery, Reply, Request, Standing, Text};
use crate::verb::standing::of_integration;

/// What is looked for.
struct Wanted {
    text: String,
    label: String,
    standing: Option<Standing>,
    /// Which page, from 1.
    page: usize,
}

impl Wanted {
    fn of(visit: &Visit) -> Self {
        let word = visit.asked("status").unwrap_or_default();
        Self {
            text: visit.asked("q").unwrap_or_default().to_owned(),
            label: visit.asked("label").unwrap_or_default().to_owned(),
            standing: Standing::ALL.into_iter().find(|standing| standing.as_str() == word),
            page: list::page_asked(visit),
        }
    }

    fn query(&self) -> OverviewQuery {
        let some = |text: &str| (!text.is_empty()).then(|| Text::cut(text));
        OverviewQuery {
            text: some(&self.text),
            label: some(&self.label),
            standing: self.standing,
            skip: (self.page - 1).saturating_mul(PER_PAGE),
            limit: PER_PAGE,
        }
    }

    /// The address of the same with another status or page.
    fn path(&self, standing: Option<Standing>, page: usize) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (name, text) in [("q", &self.text), ("label", &self.label)] {
            if !text.is_empty() {
                query.append_pair(name, text);
            }
        }
        if let Some(standing) = standing {
            query.append_pair("status", standing.as_str());
        }
        if page > 1 {
            query.append_pair("page", &page.to_string());
        }
        format!("/?{}", query.finish())
    }
}

/// The page.
pub(super) async fn show(visit: Arc<Visit>) -> Result<Answer, Failure> {
    let wanted = Wanted::of(&visit);
    let pick = |reply| if let Reply::Overview(overview) = reply { Some(overview) } else { None };
    let overview = visit.one(Request::Overview(wanted.query()), pick).await?;
    let body = html! {
        (notes(&visit, &overview))
        (search(&visit, &wanted))
        (chips(&visit, &wanted, &overview))
        (table(&visit, &overview))
        (pages(&visit, &wanted, &overview))
    };
    let mut content = Content::new(Place::Overview, visit.texts().overview.title, body);
    content.live = Some(5);
    Ok(Answer::Page(content))
}

/// What a person should know of the whole.
fn notes(visit: &Visit, overview: &Overview) -> Markup {
    let words = visit.texts().overview;
    let daemon = overview.daemon.as_ref();
    let problems = daemon.map(|daemon| &daemon.problems).filter(|problems| !problems.is_empty());
    html! {
        @if let Some(problems) = problems {
            section.problem aria-label=(words.bad_configuration) {
                b { (words.bad_configuration) }
                ul { @for problem in problems { li { (show::line(problem)) } } }
            }
        }
        @if let Some(trouble) = daemon.and_then(|daemon| daemon.trouble.as_ref()) {
            p.problem { (show::line(trouble)) }
        }
        @for note in &overview.notes { p.notice.waits { (show::line(note)) } }
    }
}

fn search(visit: &Visit, wanted: &Wanted) -> Markup {
    let words = visit.texts().overview;
    html! {
        form.search role="search" action="/" {
            div {
                label for="q" { (words.search) }
                input #q type="search" name="q" value=(show::plain(&wanted.text)) autocomplete="off" spellcheck="false";
            }
            div {
                label for="label" { (words.label) }
                input #label name="label" value=(show::plain(&wanted.label)) placeholder="team=sales"
                    autocomplete="off" spellcheck="false";
            }
            @if let Some(standing) = wanted.standing {
                input type="hidden" name="status" value=(standing.as_str());
            }
            button.plain { (words.filter) }
        }
    }
}

/// How many stand how; each leads to them alone.
fn chips(visit: &Visit, wanted: &Wanted, overview: &Overview) -> Markup {
    let (texts, language) = (visit.texts(), visit.reader.language);
    let all: u64 = overview.counts.values().sum();
    let current = |standing| (wanted.standing == standing).then_some("true");
    html! {
        ul.chips aria-label=(texts.overview.by_status) {
            li { a href=(wanted.path(None, 1)) aria-current=[current(None)] {
                (texts.overview.all) " " b { (show::number(language, all)) }
            } }
            @for (standing, count) in &overview.counts {
                li { a href=(wanted.path(Some(*standing), 1)) aria-current=[current(Some(*standing))] {
                    (show::status(standing::tone(*standing), standing::word(*standing, texts.word)))
                    " " b { (show::number(language, *count)) }
                } }
            }
        }
    }
}

fn table(visit: &Visit, overview: &Overview) -> Markup {
    let words = visit.texts().overview;
    html! {
        @if overview.lines.is_empty() { p { (words.nothing) } }
        @else { div.wide tabindex="0" role="region" aria-label=(words.title) { table.overview {
            thead { tr {
                th scope="col" { (words.transfer) } th scope="col" { (words.status) }
                th scope="col" { (words.lag) } th scope="col" { (words.next) }
                th scope="col" { (words.day) }
                th.number scope="col" { (words.rows) } th.number scope="col" { (words.rejects) }
            } }
            @for group in overview.lines.chunk_by(|one, other| one.integration == other.integration) {
                tbody {
                    tr.group { th colspan="7" scope="rowgroup" { (group_head(visit, overview, group)) } }
                    @for line in group { (row(visit, line)) }
                }
            }
        } } }
    }
}

fn group_head(visit: &Visit, overview: &Overview, group: &[OverviewLine]) -> Markup {
    let texts = visit.texts();
    let Some(name) = group.first().and_then(|line| line.integration.as_ref()) else {
        return html! { (texts.overview.unwanted) };
    };
    let standing = overview.integrations.get(name).map(|state| of_integration(*state));
    html! {
        a href=(super::integration::path(name)) { (show::line(name.as_str())) } " "
        @if let Some(standing) = standing {
            (show::status(standing::tone(standing), standing::word(standing, texts.word)))
        }
    }
}

fn row(visit: &Visit, line: &OverviewLine) -> Markup {
    let (texts, now, language) = (visit.texts(), visit.now(), visit.reader.language);
    let standing = line.standing;
    html! { tr {
        th scope="row" { a href=(super::transfer::path(&line.transfer)) { (show::line(line.transfer.as_str())) } }
        td { (show::status(standing::tone(standing), standing::word(standing, texts.word))) }
        td { @match line.last_success { Some(at) => (show::when(texts, at, now)), None => (texts.time.never) } }
        td { @if let Some(at) = line.next_run { (show::when(texts, at, now)) } }
        td { (chart::day(visit, &line.day)) }
        td.number { @if let Some(rows) = line.rows { (show::number(language, rows)) } }
        td.number.bad[line.rejects.is_some_and(|rejects| rejects > 0)] {
            @if let Some(rejects) = line.rejects { (show::number(language, rejects)) }
        }
    } }
}

fn pages(visit: &Visit, wanted: &Wanted, overview: &Overview) -> Markup {
    list::pages(visit, overview.fitting, wanted.page, |page| wanted.path(wanted.standing, page))
}
