//! Lowers `pagination` to a paginator: exactly one way from page to page, with what belongs to it alone.

use raccord_model::diagnostic::Code;
use raccord_model::field_path::FieldPath;
use raccord_model::language::connector::http::{Pagination, Parameter, Place};

use super::component::{PageSize, Paginator, Target, TokenPlace};
use super::findings::Findings;

/// The ways, by the member that chooses them.
const WAYS: &str = "`nextUrl`, `link`, `page`, `offset`, `cursor`";

/// Lowers a pagination; none at all is one page. Without a paginator there is a finding that says why.
pub(super) fn lower(
    pagination: Option<&Pagination>,
    has_body: bool,
    findings: &mut Findings,
) -> (Option<Paginator>, Option<PageSize>) {
    let Some(settings) = pagination else {
        return (Some(Paginator::NoPagination), None);
    };
    check_companions(settings, findings);
    let paginator = lower_way(settings, has_body, findings);
    let size = lower_size(settings, paginator.as_ref(), findings);
    (paginator, size)
}

/// Each companion needs the way it belongs to.
fn check_companions(settings: &Pagination, findings: &mut Findings) {
    let counted = settings.page.is_some() || settings.offset.is_some();
    let cursor = settings.cursor.is_some();
    let companions = [
        ("from", settings.from.is_some(), settings.page.is_some(), "`page`"),
        ("total", settings.total.is_some(), counted, "`page` or `offset`"),
        ("while", settings.while_true.is_some(), counted || cursor, "`cursor`, `page` or `offset`"),
        ("param", settings.param.is_some(), cursor, "`cursor`"),
    ];
    for (name, is_there, allowed, owner) in companions {
        if is_there && !allowed {
            findings.conflict(&["pagination", name], format!("`{name}` goes with {owner} alone"));
        }
    }
}

fn lower_way(settings: &Pagination, has_body: bool, findings: &mut Findings) -> Option<Paginator> {
    let Pagination { next_url, link, page, offset, cursor, .. } = settings;
    let (stop, total) = (settings.while_true.clone(), settings.total.clone());
    match (next_url, link, page, offset, cursor) {
        (Some(place), None, None, None, None) => {
            let place = lower_place(place, "nextUrl", findings)?;
            if matches!(place, TokenPlace::LastRecord(_)) {
                findings.conflict(
                    &["pagination", "nextUrl", "lastRecord"],
                    "`lastRecord` goes with `cursor` alone",
                );
            }
            Some(Paginator::NextUrl(place))
        }
        (None, Some(rel), None, None, None) => {
            if rel.trim().is_empty() {
                findings.invalid(&["pagination", "link"], "a relation such as `next` is missing");
            }
            Some(Paginator::Link { rel: rel.clone() })
        }
        (None, None, Some(param), None, None) => {
            let param = lower_parameter(param, &["pagination", "page"], has_body, findings)?;
            Some(Paginator::PageIncrement { param, from: settings.from.unwrap_or(1), total, stop })
        }
        (None, None, None, Some(param), None) => {
            let param = lower_parameter(param, &["pagination", "offset"], has_body, findings)?;
            Some(Paginator::OffsetIncrement { param, total, stop })
        }
        (None, None, None, None, Some(place)) => lower_cursor(settings, place, has_body, findings),
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

fn lower_cursor(
    settings: &Pagination,
    place: &Place,
    has_body: bool,
    findings: &mut Findings,
) -> Option<Paginator> {
    let cursor = lower_place(place, "cursor", findings);
    let param = match &settings.param {
        Some(param) => Some(lower_parameter(param, &["pagination", "param"], has_body, findings)?),
        None => None,
    };
    // Only a body can hold an object, whose members need no parameter to be named.
    if param.is_none() && !matches!(cursor, None | Some(TokenPlace::Body(_))) {
        let message = "`param` is missing: the parameter that takes the cursor";
        findings.error(&["pagination", "param"], Code::MissingField, message);
    }
    Some(Paginator::CursorPagination { cursor: cursor?, param, stop: settings.while_true.clone() })
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
    has_body: bool,
    findings: &mut Findings,
) -> Option<Target> {
    match (&parameter.query, &parameter.body) {
        (Some(name), None) => {
            if name.is_empty() {
                findings.invalid(path, "a query parameter needs a name");
            }
            Some(Target::Query(name.clone()))
        }
        (None, Some(field)) => {
            if !has_body {
                findings.conflict(path, "a parameter in the body needs `method: POST` and a `body`");
            }
            if field.0.is_empty() {
                findings.invalid(path, "the parameter cannot be the whole body; name a member");
            }
            Some(Target::Body(field.clone()))
        }
        (None, None) => {
            findings.error(path, Code::MissingField, "one of `query`, `body` is missing");
            None
        }
        (Some(_), Some(_)) => {
            findings.conflict(path, "`query` and `body` exclude each other");
            None
        }
    }
}

/// The page size stands where the page number, the offset or the cursor stands: in the query or in the body.
fn lower_size(
    settings: &Pagination,
    paginator: Option<&Paginator>,
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
