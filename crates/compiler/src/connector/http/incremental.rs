//! Lowers `incremental`: what says how far a reading came, and what the next one is asked for with. What makes no sense
//! beside each other is a finding each.

use jiff::tz::TimeZone;
use raccord_model::checkpoint::Cursor;
use raccord_model::diagnostic::Code;
use raccord_model::field_path::FieldPath;
use raccord_model::language::connector::http::{
    AnswerToken, CursorFormat, Expired, HttpDataType, Incremental,
};

use super::pagination::{Carrier, lower_parameter};
use crate::connector::cursor::{self, FieldCursor, IncrementalCursor, Mark};
use crate::connector::findings::Findings;
use crate::connector::template::Target;
use crate::connector::token::{self, AnswerPlace, TokenCursor};

/// Lowers `incremental` of a data type. Without a result there is a finding that says why.
pub(super) fn lower(
    data_type: &HttpDataType,
    carrier: Carrier,
    findings: &mut Findings,
) -> Option<IncrementalCursor> {
    let incremental = data_type.incremental.as_ref()?;
    let path = ["incremental", "param"];
    let param = incremental.param.as_ref();
    let param = param.map(|param| lower_parameter(param, &path, carrier, findings));
    // A parameter that is wrong has a finding.
    let param = param.map_or(Some(None), |param| param.map(Some));
    match (&incremental.field, &incremental.token) {
        (_, Some(token)) => lower_token(token, data_type, incremental, (param?, findings)),
        (Some(fields), None) => {
            let field = lower_field(&fields.0, incremental, findings);
            let initial = initial_value(&field, incremental, findings);
            Some(IncrementalCursor { mark: Mark::Field(field), param: param?, initial })
        }
        (None, None) => {
            findings.error_with_help(
                &["incremental"],
                Code::MissingField,
                "one of `field`, `token` is missing".to_owned(),
                "name the field of the records that says when they changed, or the token that the service answers with",
            );
            None
        }
    }
}

fn lower_field(fields: &[FieldPath], incremental: &Incremental, findings: &mut Findings) -> FieldCursor {
    let format = incremental.format;
    if fields.is_empty() || fields.iter().any(|field| field.0.is_empty()) {
        findings.invalid(&["incremental", "field"], "the whole record is not a field of it");
    }
    let zone = lower_zone(incremental, findings);
    if incremental.lookback.is_some() && !cursor::is_instant(format) {
        findings.conflict(&["incremental", "lookback"], "time cannot be taken from a number or a text");
    }
    if incremental.expired != Expired::default() {
        findings.error_with_help(
            &["incremental", "expired"],
            Code::ConflictingFields,
            "`expired` goes with `token` alone".to_owned(),
            "take it away: a value of a field does not expire",
        );
    }
    FieldCursor {
        fields: fields.to_vec(),
        format,
        zone,
        lookback: incremental.lookback,
        ordered: incremental.ordered,
    }
}

fn initial_value(field: &FieldCursor, incremental: &Incremental, findings: &mut Findings) -> Option<Cursor> {
    let initial = incremental.initial.as_ref()?;
    let read = field.parse(&initial.0);
    if read.is_none() {
        let message = format!("`{}` is not {}", initial.0, describe(field.format));
        findings.invalid(&["incremental", "initial"], message);
    }
    read
}

fn lower_zone(incremental: &Incremental, findings: &mut Findings) -> Option<TimeZone> {
    let name = incremental.timezone.as_deref()?;
    let path = ["incremental", "timezone"];
    if incremental.format != CursorFormat::Rfc3339 {
        findings.conflict(&path, "only values of `format: rfc3339` are read in a time zone");
    }
    let zone = TimeZone::get(name).ok();
    if zone.is_none() {
        let help = "use a name of the IANA database, for example America/Montreal";
        findings.error_with_help(&path, Code::InvalidValue, format!("`{name}` is not a time zone"), help);
    }
    zone
}

/// What a value of the format looks like, for a message.
const fn describe(format: CursorFormat) -> &'static str {
    match format {
        CursorFormat::Rfc3339 => "an instant with its zone such as 2024-01-31T00:00:00Z",
        CursorFormat::Date => "a day such as 2024-01-31",
        CursorFormat::Unix => "a number of seconds since 1970",
        CursorFormat::UnixMillis => "a number of milliseconds since 1970",
        CursorFormat::Integer => "a whole number",
        CursorFormat::Text => "a text",
    }
}

fn lower_token(
    token: &AnswerToken,
    data_type: &HttpDataType,
    incremental: &Incremental,
    (param, findings): (Option<Target>, &mut Findings),
) -> Option<IncrementalCursor> {
    check_companions(incremental, findings);
    if data_type.pagination.as_ref().is_some_and(|pagination| pagination.by.is_some()) {
        findings.error_with_help(
            &["pagination", "by"],
            Code::ConflictingFields,
            "`by: incremental` follows the values of a field, and a token has no order".to_owned(),
            "page by `cursor`, `nextUrl` or `link`, or name the `field` of the records instead of the `token`",
        );
    }
    check_expired(&incremental.expired, findings);
    let place = lower_place(token, findings);
    if let Some(AnswerPlace::Url(_)) = place {
        check_url(data_type, incremental, findings);
    }
    let initial = incremental.initial.as_ref().and_then(|initial| {
        let written = token::written(&initial.0).filter(|_| !initial.0.is_empty());
        if written.is_none() {
            findings.invalid(&["incremental", "initial"], "a token has at least one byte and at most 8,192");
        }
        written.map(Cursor::Token)
    });
    let expired = incremental.expired.status.clone();
    let mark = Mark::Token(TokenCursor { place: place?, page: token.page, expired });
    Some(IncrementalCursor { mark, param, initial })
}

/// What belongs to a field of the records.
fn check_companions(incremental: &Incremental, findings: &mut Findings) {
    let companions = [
        (
            "field",
            incremental.field.is_some(),
            "`field` and `token` exclude each other",
            "keep the `token` where the service gives one: it knows best what has changed since",
        ),
        (
            "format",
            incremental.format != CursorFormat::default(),
            "`format` goes with `field` alone",
            "take it away: a token is sent back as it came",
        ),
        (
            "timezone",
            incremental.timezone.is_some(),
            "`timezone` goes with `field` alone",
            "take it away: a token is no time, whatever it looks like",
        ),
        (
            "lookback",
            incremental.lookback.is_some(),
            "`lookback` goes with `field` alone",
            "take it away: nothing can be taken from a token, and the service decides what it shows again",
        ),
        (
            "ordered",
            incremental.ordered,
            "`ordered` goes with `field` alone",
            "take it away: a token counts once the whole reading is complete",
        ),
    ];
    for (name, _, message, help) in companions.into_iter().filter(|(_, is_there, ..)| *is_there) {
        findings.error_with_help(&["incremental", name], Code::ConflictingFields, message.to_owned(), help);
    }
}

fn check_expired(expired: &Expired, findings: &mut Findings) {
    let path = ["incremental", "expired", "status"];
    if expired.status.is_empty() {
        findings.invalid(&path, "write the statuses that say so, for example [410]");
    }
    for status in expired.status.iter().filter(|status| !is_about_a_token(**status)) {
        findings.error_with_help(
            &path,
            Code::InvalidValue,
            format!("{status} never means that a token is no longer known"),
            "410 is usual; some services answer 400, 404 or 409",
        );
    }
}

/// Whether a status can be about a token: about the request, and neither a refusal nor a limit.
const fn is_about_a_token(status: u16) -> bool {
    matches!(status, 400..=499) && !matches!(status, 401 | 403 | 407 | 408 | 425 | 429)
}

fn lower_place(token: &AnswerToken, findings: &mut Findings) -> Option<AnswerPlace> {
    let path = ["incremental", "token"];
    let body = |field: &FieldPath, findings: &mut Findings| {
        if field.0.is_empty() {
            findings.invalid(&path, "the whole answer is no token; name a member");
        }
        field.clone()
    };
    match (&token.body, &token.header, &token.url) {
        (Some(field), None, None) => Some(AnswerPlace::Body(body(field, findings))),
        (None, None, Some(field)) => Some(AnswerPlace::Url(body(field, findings))),
        (None, Some(header), None) => {
            findings.header_name(&["incremental", "token", "header"], header);
            Some(AnswerPlace::Header(header.to_ascii_lowercase()))
        }
        (None, None, None) => {
            findings.error(&path, Code::MissingField, "one of `body`, `header`, `url` is missing");
            None
        }
        _ => {
            findings.conflict(&path, "`body`, `header` and `url` exclude each other");
            None
        }
    }
}

/// A reading that begins with a URL of the service takes nothing of ours.
fn check_url(data_type: &HttpDataType, incremental: &Incremental, findings: &mut Findings) {
    for (name, is_there) in
        [("param", incremental.param.is_some()), ("initial", incremental.initial.is_some())]
    {
        if is_there {
            findings.error_with_help(
                &["incremental", name],
                Code::ConflictingFields,
                format!("`{name}` has no use where the token is a URL"),
                "take it away: the next run begins with the URL as it is, and the first one with the data type's own path",
            );
        }
    }
    let pagination = data_type.pagination.as_ref();
    let is_led = pagination.is_none_or(|pagination| {
        pagination.next_url.is_some() || pagination.link.is_some() || pagination.by.is_some()
    });
    if !is_led {
        findings.error_with_help(
            &["pagination"],
            Code::ConflictingFields,
            "where the token is a URL, the pages that follow it can only be led to by the answer".to_owned(),
            "page by `nextUrl` or `link`, or name the token by itself with `token: {body: …}`",
        );
    }
}
