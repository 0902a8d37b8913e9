//! Rejected records: grouped by reason and field, those of a group, one with what failed in it marked, and replays.

use std::sync::Arc;

use maud::{Markup, html};
use raccord_model::fact::RejectId;
use raccord_model::language::MappingSpec;
use raccord_model::{Digest, Key, Kind, Name, Spec};

use crate::console::answer::{Answer, Content};
use crate::console::layout::{Place, csrf};
use crate::console::list::{self, Part};
use crate::console::payload;
use crate::console::show;
use crate::console::visit::Visit;
use crate::failure::Failure;
use crate::request::{PartOf, RejectGroup, RejectView, RejectsOf, Reply, Request, Sort, SummaryQuery};

/// How many rejects of a group are shown.
const SHOWN: usize = 100;

/// The groups, the largest first.
pub(super) async fn groups(visit: Arc<Visit>) -> Result<Answer, Failure> {
    let words = visit.texts().rejects;
    let transfer: Option<Name> =
        visit.asked("transfer").map(str::parse).transpose().map_err(super::invalid)?;
    let part = Part::of(&visit);
    let wanted = PartOf { text: part.text(), skip: part.skip(), limit: list::PER_PAGE };
    let request = Request::RejectSummary(SummaryQuery { transfer, part: Some(wanted) });
    let (mut groups, mut total): (Vec<RejectGroup>, u64) = (Vec::new(), 0);
    visit
        .ask(request, |reply| match reply {
            Reply::RejectGroup(group) => groups.push(group),
            Reply::Total(all) => total = all,
            _ => {}
        })
        .await?;
    let mut transfers: Vec<&Name> = groups.iter().map(|group| &group.transfer).collect();
    transfers.sort();
    transfers.dedup();
    let body = html! {
        (part.search(&visit, "/rejects", words.search))
        @if total == 0 { p { (if part.text.is_empty() { words.none } else { words.none_found }) } }
        @else { div.wide tabindex="0" role="region" aria-label=(words.title) { table {
            thead { tr {
                th.number scope="col" { (words.count) } th scope="col" { (words.transfer) }
                th scope="col" { (words.field) } th scope="col" { (words.reason) } th scope="col" { (words.newest) }
            } }
            tbody { @for group in &groups { (row(&visit, group)) } }
        } }
        (list::pages(&visit, total, part.page, |page| part.address("/rejects", page)))
        @if visit.reader.may(Sort::ReplayRejects) { div.actions { @for transfer in transfers.iter().take(20) {
            (question(&visit, &Ask { transfer, field: None, words: &format!("{} {transfer}…", words.replay_all) }))
        } } } }
    };
    Ok(Answer::Page(Content::new(Place::Rejects, words.title, body)))
}

fn row(visit: &Visit, group: &RejectGroup) -> Markup {
    html! { tr {
        td.number { (show::number(visit.reader.language, group.count)) }
        td { a href=(super::transfer::path(&group.transfer)) { (show::line(group.transfer.as_str())) } }
        td { @if let Some(field) = &group.field { code { (field.as_str()) } } }
        td { a href=(format!("/rejects/groups/{}?transfer={}", group.id, group.transfer)) { (show::engine(&group.reason)) } }
        td { (show::when(visit.texts(), group.at, visit.now())) }
    } }
}

/// The rejects of a group.
pub(super) async fn group(visit: Arc<Visit>) -> Result<Answer, Failure> {
    let group: Digest = visit.part("id")?;
    let transfer: Option<Name> =
        visit.asked("transfer").map(str::parse).transpose().map_err(super::invalid)?;
    let request = Request::Rejects { transfer, id: None, group: Some(group), limit: SHOWN, total: true };
    let (mut rejects, mut total) = (Vec::new(), 0);
    visit
        .ask(request, |reply| match reply {
            Reply::Reject(reject) => rejects.push(reject),
            Reply::Total(all) => total = all,
            _ => {}
        })
        .await?;
    let words = visit.texts().rejects;
    let id = group.to_string();
    let body = html! {
        @if rejects.is_empty() { p { (words.none) } }
        @if let Some(first) = rejects.first() {
            p { (show::number(visit.reader.language, total)) " · " (show::line(first.transfer.as_str())) }
            @if rejects.len() < usize::try_from(total).unwrap_or(usize::MAX) { p.hint { (words.first_ones) } }
            (table(&visit, &rejects))
            div.actions {
                (question(&visit, &Ask { transfer: &first.transfer, field: Some(("group", &id)), words: words.replay_group }))
            }
        }
    };
    Ok(Answer::Page(under(&visit, words.show, body)))
}

/// Rejects, each with a link to its page.
pub(super) fn table(visit: &Visit, rejects: &[RejectView]) -> Markup {
    let words = visit.texts().rejects;
    html! { div.wide tabindex="0" role="region" aria-label=(words.title) { table {
        thead { tr {
            th scope="col" { (words.newest) } th scope="col" { (words.field) }
            th scope="col" { (words.reason) } th scope="col" { (words.position) }
        } }
        tbody { @for reject in rejects { tr {
            td { (show::when(visit.texts(), reject.at, visit.now())) }
            td { @if let Some(field) = &reject.field { code { (field.as_str()) } } }
            td { a href=(format!("/rejects/{}", reject.id)) { (show::engine(&reject.reason)) } }
            td { (show::line(&reject.position)) }
        } } }
    } } }
}

/// One reject, with the record as it came and what failed in it marked.
pub(super) async fn reject(visit: Arc<Visit>) -> Result<Answer, Failure> {
    let id: RejectId = visit.part("id")?;
    let request = Request::Rejects { transfer: None, id: Some(id), group: None, limit: 1, total: false };
    let reject = visit
        .one(request, |reply| if let Reply::Reject(reject) = reply { Some(reject) } else { None })
        .await?;
    let path = mapped_path(&visit, &reject).await;
    let words = visit.texts().rejects;
    let body = html! {
        p.problem { (show::engine(&reject.reason)) }
        dl {
            dt { (words.transfer) } dd { a href=(super::transfer::path(&reject.transfer)) { (show::line(reject.transfer.as_str())) } }
            @if let Some(field) = &reject.field { dt { (words.field) } dd { code { (field.as_str()) } } }
            dt { (words.newest) } dd { (show::when(visit.texts(), reject.at, visit.now())) }
            dt { (words.position) } dd { (show::line(&reject.position)) }
        }
        h2 { (words.payload) }
        @match &reject.payload {
            None => p { (words.not_kept) },
            Some(text) => (shown_payload(&visit, text, &reject, path.as_deref())),
        }
        div.actions {
            (question(&visit, &Ask { transfer: &reject.transfer, field: Some(("id", &reject.id)), words: words.replay_one }))
        }
    };
    Ok(Answer::Page(under(&visit, &reject.id, body)))
}

fn shown_payload(visit: &Visit, text: &str, reject: &RejectView, path: Option<&str>) -> Markup {
    let words = visit.texts().rejects;
    let shown = payload::marked(text, path);
    html! {
        @if let (Some(path), Some(field)) = (path, &reject.field) {
            p.hint {
                @if shown.is_marked { (words.marked) " " code { (field.as_str()) } }
                @else { (words.absent) " " code { (show::line(path)) } }
            }
        }
        pre tabindex="0" { (shown.text) }
        @if shown.is_cut { p.hint { (words.cut) } }
    }
}

/// Where in the record stands what the field that failed is made of; nothing when that is not one place.
async fn mapped_path(visit: &Visit, reject: &RejectView) -> Option<String> {
    let field = reject.field.as_ref()?;
    let key = Key::new(Kind::Transfer, reject.transfer.clone());
    let pick = |reply| if let Reply::Resource(resource) = reply { Some(resource) } else { None };
    // A page without a mark is a page; the transfer may be gone.
    let resource = visit.one(Request::Resource(key), pick).await.ok()?;
    let Spec::Transfer(spec) = &resource.resource.spec else { return None };
    let MappingSpec { primary_key, fields } = spec.mapping.as_ref()?.inline()?;
    let mapped = primary_key.get(field).or_else(|| fields.get(field))?;
    mapped.from.as_ref().map(ToString::to_string)
}

fn under(visit: &Visit, title: &str, body: Markup) -> Content {
    let mut content = Content::new(Place::Rejects, show::plain(title), body);
    content.trail.push((visit.texts().rejects.title.to_owned(), "/rejects".to_owned()));
    content
}

/// Which replay is asked for.
struct Ask<'a> {
    transfer: &'a Name,
    /// What of its rejects: a field of the form; all of them without it.
    field: Option<(&'a str, &'a str)>,
    /// What opens the question.
    words: &'a str,
}

/// Asks before anything is replayed.
fn question(visit: &Visit, ask: &Ask<'_>) -> Markup {
    let words = visit.texts().rejects;
    html! { @if visit.reader.may(Sort::ReplayRejects) { details.action {
        summary.button.plain { (ask.words) }
        form method="post" action="/rejects/replay" {
            (csrf(visit))
            input type="hidden" name="transfer" value=(ask.transfer);
            @if let Some((name, value)) = ask.field { input type="hidden" name=(name) value=(value); }
            p { (words.replay_means) }
            label.check { input type="checkbox" name="sure" required; " " (words.sure) }
            button { (words.replay_now) }
        }
    } } }
}

/// Replays one, a group or all rejects of a transfer, and tells what came of it.
pub(super) async fn replay(visit: Arc<Visit>) -> Result<Answer, Failure> {
    super::sure(&visit)?;
    let transfer: Name = super::needed(&visit, "transfer")?;
    let one = visit.filled("id")?.map(RejectsOf::Id);
    let only = one.or(visit.filled("group")?.map(RejectsOf::Group));
    let request = Request::ReplayRejects { transfer, only };
    let done =
        visit.all(request, |reply| if let Reply::Done(done) = reply { Some(done) } else { None }).await?;
    let words = visit.texts().rejects;
    let body = html! {
        @for line in &done { p.notice role="status" { (show::engine(line)) } }
        p { a href="/rejects" { (words.title) } }
    };
    Ok(Answer::Page(under(&visit, words.replayed, body)))
}
