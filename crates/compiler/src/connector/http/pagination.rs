//! Lowers `pagination` to a paginator: exactly one way from page to page, with what belongs to it alone.

use raccord_model::diagnostic::Code;
use raccord_model::field_path::{FieldPath, Step};
use raccord_model::language::connector::http::{self as settings, Pagination, Parameter, Place};

use super::component::{Completion, Ending, MoreFlag, NumberPlace, PageSize, Paginator, TokenPlace};
use super::graphql::variable_path;
use crate::connector::findings::Findings;
use crate::connector::template::Target;

/// The ways, by the member that chooses them.
const WAYS: &str = "`nextUrl`, `link`, `page`, `offset`, `cursor`, `by`";

/// How the pages of a data type follow each other and end.
#[derive(Debug)]
pub(super) struct Paging {
    pub(super) paginator: Paginator,
    pub(super) size: Option<PageSize>,
    pub(super) ending: Ending,
    pub(super) completion: Option<Completion>,
}

/// What else the data type has that a pagination may need.
#[derive(Debug, Clone, Copy)]
pub(super) struct Companions {
    /// What takes parameters beside the query of the URL.
    pub(super) carrier: Carrier,
    /// `incremental`.
    pub(super) is_incremental: bool,
}

/// What of a request takes parameters beside the query of its URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carrier {
    /// Nothing.
    Nothing,
    /// The body of a POST.
    Body,
    /// The variables of a query in GraphQL, which take all of them.
    Variables,
}

/// Lowers a pagination; none at all is one page. Without a result there is a finding that says why.
pub(super) fn lower(
    pagination: Option<&Pagination>,
    companions: Companions,
    findings: &mut Findings,
) -> Option<Paging> {
    let settings = match pagination {
        Some(settings) if !settings.none => settings,
        other => {
            let paginator = Paginator::NoPagination { is_declared: other.is_some() };
            return Some(Paging { paginator, size: None, ending: Ending::default(), completion: None });
        }
    };
    check_companions(settings, findings);
    check_by_value(settings, companions, findings);
    let paginator = lower_way(settings, companions.carrier, findings);
    let size = lower_size(settings, paginator.as_ref(), companions.carrier, findings);
    let ending = lower_ending(settings, findings);
    let completion = settings.complete.as_ref().map(|complete| lower_completion(complete, findings));
    Some(Paging { paginator: paginator?, size, ending, completion })
}

/// Each companion needs the way it belongs to.
fn check_companions(settings: &Pagination, findings: &mut Findings) {
    let counted = settings.page.is_some() || settings.offset.is_some();
    let cursor = settings.cursor.is_some();
    let follows = settings.next_url.is_some() || settings.link.is_some() || cursor;
    let (by_value, continues) = (settings.by.is_some(), settings.complete.is_some());
    let companions = [
        (
            "from",
            settings.from.is_some(),
            settings.page.is_some() || settings.offset.is_some(),
            "`page` or `offset`",
        ),
        ("total", settings.total.is_some(), !by_value && !continues, "a way without `by` and `complete`"),
        ("pages", settings.pages.is_some(), !by_value, "a way without `by`"),
        ("end", settings.end.is_some(), counted, "`page` or `offset`"),
        ("complete", settings.complete.is_some(), follows, "`nextUrl`, `link` or `cursor`"),
        ("param", settings.param.is_some(), cursor, "`cursor`"),
    ];
    for (name, is_there, allowed, owner) in companions {
        if is_there && !allowed {
            findings.conflict(&["pagination", name], format!("`{name}` goes with {owner} alone"));
        }
    }
}

/// Pages by value need a value, and a size that tells a page that is full.
fn check_by_value(settings: &Pagination, companions: Companions, findings: &mut Findings) {
    if settings.by.is_none() {
        return;
    }
    if !companions.is_incremental {
        let message = "`by: incremental` needs `incremental`, whose field the pages follow";
        findings.conflict(&["pagination", "by"], message);
    }
    if settings.size.is_empty() {
        let message = "`size` is missing: only a page that is not full shows that no record is left";
        findings.error(&["pagination", "size"], Code::MissingField, message);
    }
}

/// What says that a page is the last one.
fn lower_ending(settings: &Pagination, findings: &mut Findings) -> Ending {
    let more = match (&settings.while_true, &settings.until) {
        (Some(path), None) => Some(MoreFlag { path: path.clone(), more_when: true }),
        (None, Some(path)) => Some(MoreFlag { path: path.clone(), more_when: false }),
        (Some(_), Some(_)) => {
            findings.conflict(&["pagination", "until"], "`while` and `until` exclude each other");
            None
        }
        (None, None) => None,
    };
    let statuses = settings.end.as_ref().map(|end| end.status.clone()).unwrap_or_default();
    if settings.end.is_some() && statuses.is_empty() {
        let message = "write the statuses that end the reading, for example [400, 404]";
        findings.invalid(&["pagination", "end", "status"], message);
    }
    for status in statuses.iter().filter(|status| !ends_pages(**status)) {
        let message = format!("{status} never means that there is no such page");
        findings.invalid(&["pagination", "end", "status"], message);
    }
    let is_uncounted = settings.total.as_ref().is_some_and(settings::NumberPlace::is_none);
    let total = settings.total.as_ref().filter(|_| !is_uncounted);
    Ending {
        total: lower_number(total, "total", findings),
        pages: lower_number(settings.pages.as_ref(), "pages", findings),
        more,
        statuses,
        is_uncounted,
    }
}

/// Whether a status can mean that a page does not exist: about the request, and neither a refusal nor a limit.
const fn ends_pages(status: u16) -> bool {
    matches!(status, 400..=499) && !matches!(status, 401 | 403 | 407 | 408 | 429)
}

fn lower_number(
    place: Option<&settings::NumberPlace>,
    member: &str,
    findings: &mut Findings,
) -> Option<NumberPlace> {
    let place = place?;
    match (&place.body, &place.header) {
        (Some(path), None) => {
            if path.0.is_empty() {
                findings.invalid(&["pagination", member], "the whole answer is no number; name a field");
            }
            Some(NumberPlace::Body(path.clone()))
        }
        (None, Some(header)) => {
            findings.header_name(&["pagination", member, "header"], header);
            Some(NumberPlace::Header(header.to_ascii_lowercase()))
        }
        (None, None) => {
            findings.error(&["pagination", member], Code::MissingField, "one of `body`, `header` is missing");
            None
        }
        (Some(_), Some(_)) => {
            findings.conflict(&["pagination", member], "`body` and `header` exclude each other");
            None
        }
    }
}

fn lower_completion(complete: &settings::Completion, findings: &mut Findings) -> Completion {
    if complete.path.0.is_empty() {
        findings.invalid(&["pagination", "complete"], "the whole answer is no mark; name a field");
    }
    if complete.key.0.is_empty() {
        findings.invalid(&["pagination", "complete", "key"], "the whole record is no key; name a field");
    }
    Completion { path: complete.path.clone(), key: complete.key.clone() }
}

fn lower_way(settings: &Pagination, carrier: Carrier, findings: &mut Findings) -> Option<Paginator> {
    let Pagination { next_url, link, page, offset, cursor, by, .. } = settings;
    if by.is_some() {
        let others = [next_url.is_some(), link.is_some(), page.is_some(), offset.is_some(), cursor.is_some()];
        if others.contains(&true) {
            findings.conflict(&["pagination"], format!("only one of {WAYS} can stand here"));
        }
        return Some(Paginator::ByValue);
    }
    match (next_url, link, page, offset, cursor) {
        (Some(place), None, None, None, None) => {
            let place = lower_place(place, "nextUrl", findings)?;
            if matches!(place, TokenPlace::LastRecord(_)) {
                findings.conflict(
                    &["pagination", "nextUrl", "lastRecord"],
                    "`lastRecord` goes with `cursor` alone",
                );
            }
            if matches!(&place, TokenPlace::Header(name) if name == "link") {
                findings.error_with_help(
                    &["pagination", "nextUrl", "header"],
                    Code::InvalidValue,
                    "the header `Link` holds relations, and not a URL alone".to_owned(),
                    "write `link: next` in place of `nextUrl`",
                );
            }
            Some(Paginator::NextUrl(place))
        }
        (None, Some(rel), None, None, None) => {
            if rel.trim().is_empty() {
                findings.invalid(&["pagination", "link"], "a relation such as `next` is missing");
            } else if !is_relation(rel) {
                findings.error_with_help(
                    &["pagination", "link"],
                    Code::InvalidValue,
                    format!("`{rel}` is no relation, but a part of a header `Link`"),
                    "write the relation alone: `link: next`",
                );
            }
            Some(Paginator::Link { rel: rel.clone() })
        }
        (None, None, Some(param), None, None) => {
            let param = lower_parameter(param, &["pagination", "page"], carrier, findings)?;
            Some(Paginator::PageIncrement { param, from: settings.from.unwrap_or(1) })
        }
        (None, None, None, Some(param), None) => {
            let param = lower_parameter(param, &["pagination", "offset"], carrier, findings)?;
            Some(Paginator::OffsetIncrement { param, from: settings.from.unwrap_or(0) })
        }
        (None, None, None, None, Some(place)) => lower_cursor(settings, place, carrier, findings),
        (None, None, None, None, None) => {
            findings.error(&["pagination"], Code::MissingField, format!("one of {WAYS} is missing"));
            None
        }
        _ => {
            findings.conflict(&["pagination"], format!("only one of {WAYS} can stand here"));
            None
        }
    }
}

/// Whether a text can be a relation of RFC 8288: a word, or a URI that names one of a service's own.
fn is_relation(text: &str) -> bool {
    let is_uri = text.contains(':');
    !text.contains(|c: char| c.is_whitespace() || matches!(c, '"' | '<' | '>' | ';' | ','))
        && (is_uri || !text.contains('='))
}

fn lower_cursor(
    settings: &Pagination,
    place: &Place,
    carrier: Carrier,
    findings: &mut Findings,
) -> Option<Paginator> {
    let cursor = lower_place(place, "cursor", findings);
    let param = match &settings.param {
        Some(param) => Some(lower_parameter(param, &["pagination", "param"], carrier, findings)?),
        None => None,
    };
    // Only a body can hold an object, whose members need no parameter to be named.
    if param.is_none() && !matches!(cursor, None | Some(TokenPlace::Body(_))) {
        let message = "`param` is missing: the parameter that takes the cursor";
        findings.error(&["pagination", "param"], Code::MissingField, message);
    }
    Some(Paginator::CursorPagination { cursor: cursor?, param })
}

fn lower_place(place: &Place, member: &str, findings: &mut Findings) -> Option<TokenPlace> {
    let path = ["pagination", member];
    let not_whole = |field: &FieldPath, findings: &mut Findings| {
        if field.0.is_empty() {
            findings.invalid(&path, "the whole of it cannot be meant; name a field");
        }
    };
    match (&place.body, &place.header, &place.last_record) {
        (Some(field), None, None) => {
            not_whole(field, findings);
            Some(TokenPlace::Body(field.clone()))
        }
        (None, Some(header), None) => {
            findings.header_name(&["pagination", member, "header"], header);
            Some(TokenPlace::Header(header.to_ascii_lowercase()))
        }
        (None, None, Some(field)) => {
            not_whole(field, findings);
            Some(TokenPlace::LastRecord(field.clone()))
        }
        (None, None, None) => {
            findings.error(&path, Code::MissingField, "one of `body`, `header`, `lastRecord` is missing");
            None
        }
        _ => {
            findings.conflict(&path, "`body`, `header` and `lastRecord` exclude each other");
            None
        }
    }
}

/// Where a request takes a value.
pub(super) fn lower_parameter(
    parameter: &Parameter,
    path: &[&str],
    carrier: Carrier,
    findings: &mut Findings,
) -> Option<Target> {
    match (&parameter.query, &parameter.body, &parameter.variable) {
        (Some(name), None, None) if carrier == Carrier::Variables => {
            findings.take(path, lower_variable(name))
        }
        (Some(name), None, None) => {
            if name.is_empty() {
                findings.invalid(path, "a query parameter needs a name");
            }
            Some(Target::Query(name.clone()))
        }
        (None, None, Some(variable)) => {
            if carrier != Carrier::Variables {
                findings.conflict(path, "a `variable` needs a query in `graphql`");
            }
            findings.take(path, lower_variable(&variable.to_string()))
        }
        (None, Some(_), None) if carrier == Carrier::Variables => {
            findings.conflict(path, "a query in `graphql` takes values by its variables; name one");
            None
        }
        (None, Some(field), None) => {
            if carrier != Carrier::Body {
                findings.conflict(path, "a parameter in the body needs `method: POST` and a `body`");
            }
            if field.0.is_empty() {
                findings.invalid(path, "the parameter cannot be the whole body; name a member");
            }
            Some(Target::Body(field.clone()))
        }
        (None, None, None) => {
            findings.error(path, Code::MissingField, "one of `query`, `body`, `variable` is missing");
            None
        }
        _ => {
            findings.conflict(path, "`query`, `body` and `variable` exclude each other");
            None
        }
    }
}

/// The variable that takes a value, or a member of one.
fn lower_variable(name: &str) -> Result<Target, String> {
    let path: FieldPath = name.parse().map_err(|_| format!("`{name}` names no variable"))?;
    match path.0.first() {
        Some(Step::Member(_)) => Ok(Target::Body(variable_path(&path))),
        Some(Step::Element(_)) | None => Err(format!("`{name}` names no variable")),
    }
}

/// The page size stands where the page number, the offset or the cursor stands: in the query or in the body.
fn lower_size(
    settings: &Pagination,
    paginator: Option<&Paginator>,
    carrier: Carrier,
    findings: &mut Findings,
) -> Option<PageSize> {
    if settings.size.len() > 1 {
        findings.conflict(&["pagination", "size"], "only one parameter can take the page size");
    }
    let (name, &size) = settings.size.iter().next()?;
    if name.is_empty() || size == 0 {
        findings.invalid(
            &["pagination", "size"],
            "write the parameter and a size of at least 1, for example {limit: 100}",
        );
    }
    if carrier == Carrier::Variables {
        let param = findings.take(&["pagination", "size"], lower_variable(name))?;
        return Some(PageSize { param, size });
    }
    let in_body = match paginator {
        Some(
            Paginator::PageIncrement { param, .. }
            | Paginator::OffsetIncrement { param, .. }
            | Paginator::CursorPagination { param: Some(param), .. },
        ) => matches!(param, Target::Body(_)),
        _ => false,
    };
    let param = if in_body { Target::Body(FieldPath::member(name)) } else { Target::Query(name.clone()) };
    Some(PageSize { param, size })
}
