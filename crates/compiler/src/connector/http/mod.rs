//! Lowers the short form of the connector `http` to a component tree.

mod component;
mod credential;
mod decode;
mod graphql;
mod incremental;
mod list;
mod pagination;
mod path;
mod placeholder;
mod remarks;
mod since;

use std::collections::{BTreeMap, BTreeSet};

use raccord_model::DataTypeName;
use raccord_model::diagnostic::{Code, Finding};
use raccord_model::field_path::FieldPath;
use raccord_model::language::connector::Parent;
use raccord_model::language::connector::http::{HttpDataType, HttpSettings, Method, OriginPolicy, WaitUnit};
use raccord_model::suggest;
use url::Url;

use crate::connector::findings::Findings;
use crate::connector::records::{self, Extractor};
use crate::connector::registry::Lower;
use crate::connector::template::{BODY_NAMES, BodyTemplate, PARENT, PathTemplate};
use crate::connector::unknown_data_type;
use pagination::{Carrier, Companions};
use placeholder::Taker;

pub use component::{
    Completion, Ending, ErrorHandler, ErrorPlace, HttpStream, Limits, ListRouter, MoreFlag, NumberPlace,
    PageSize, Paginator, ParentRouter, PartitionRouter, RequestBody, Requester, TokenPlace, WaitPlace,
};
pub use graphql::GraphQlBody;

impl Lower for HttpSettings {
    type Stream = HttpStream;

    fn lower(&self, data_type: &DataTypeName) -> (Option<HttpStream>, Vec<Finding>) {
        lower_http(self, data_type)
    }

    fn findings(&self) -> Vec<Finding> {
        findings(self)
    }
}

/// How many parents may stand above each other.
const MAX_PARENTS: usize = 8;

/// Lowers one data type and its parents. Without an error among the findings there is a stream.
pub fn lower_http(settings: &HttpSettings, data_type: &DataTypeName) -> (Option<HttpStream>, Vec<Finding>) {
    let mut all = Vec::new();
    let (base, found) = lower_source(settings);
    all.extend(found);
    let stream = base.and_then(|base| lower_with_parents(settings, &base, data_type, &mut all));
    (stream, all)
}

/// Everything that is wrong with the settings, each mistake once.
fn findings(settings: &HttpSettings) -> Vec<Finding> {
    let (base, mut all) = lower_source(settings);
    // A wrong base must not hide what is wrong with the data types.
    let base = base.unwrap_or_else(|| Base::placeholder(settings));
    for (name, data_type) in &settings.data_types {
        all.extend(lower_data_type(settings, &base, name, data_type).1);
    }
    all.extend(credential::findings(settings));
    all
}

/// What all data types of a source share.
struct Base {
    url: Option<Url>,
    headers: BTreeMap<String, String>,
    error_handler: ErrorHandler,
    limits: Limits,
}

impl Base {
    /// Stands for the base of a source whose own settings are wrong.
    fn placeholder(settings: &HttpSettings) -> Self {
        let wait = WaitPlace::Header("retry-after".to_owned(), WaitUnit::S);
        Self {
            url: None,
            headers: BTreeMap::new(),
            error_handler: ErrorHandler { attempts: 1, wait, max_wait: settings.retry.max_wait.duration() },
            limits: limits(settings, BTreeSet::new()),
        }
    }
}

fn limits(settings: &HttpSettings, allowed_origins: BTreeSet<String>) -> Limits {
    Limits {
        timeout: settings.timeout.duration(),
        max_body: settings.max_body.0,
        max_pages: settings.max_pages,
        rate_limit: settings.rate_limit,
        allowed_origins,
        keeps_origin: settings.origin == OriginPolicy::Keep,
    }
}

/// The settings that stand beside `dataTypes`.
fn lower_source(settings: &HttpSettings) -> (Option<Base>, Vec<Finding>) {
    let mut findings = Findings::under(&[]);
    let url = match base_url(&settings.base_url) {
        Ok(url) => Some(url),
        Err(message) => {
            let help = with_scheme(&settings.base_url).map(|url| format!("write {url}"));
            findings.add(Finding { help, ..Finding::error(&["baseUrl"], Code::InvalidValue, message) });
            None
        }
    };
    let headers = lower_headers(&settings.headers, &mut findings);
    let error_handler = lower_retry(settings, &mut findings);
    if settings.timeout.0 == 0 {
        findings.invalid(&["timeout"], "a request needs at least a second");
    }
    if settings.max_body.0 == 0 {
        findings.invalid(&["maxBody"], "an answer needs at least a byte");
    }
    if settings.max_pages == 0 {
        findings.invalid(&["maxPages"], "at least one page must be allowed");
    }
    let origins = settings.allowed_origins.iter();
    let origins = origins.filter_map(|text| findings.take(&["allowedOrigins"], origin(text))).collect();
    let valid = !findings.has_error();
    let base = Base { url, headers, error_handler, limits: limits(settings, origins) };
    (valid.then_some(base), findings.into_vec())
}

/// The URL that was meant by a host and a path: `shop.example/api`, `localhost:8080`.
fn with_scheme(text: &str) -> Option<String> {
    let rest = text.trim();
    // What begins with one slash is a path.
    let rest = if rest.starts_with('/') { rest.strip_prefix("//")? } else { rest };
    let is_local = rest.starts_with("localhost") || rest.starts_with("127.");
    let url = format!("{}://{rest}", if is_local { "http" } else { "https" });
    let is_meant = !text.contains("://") && !rest.is_empty() && web_url(&url).is_ok();
    is_meant.then_some(url)
}

fn web_url(text: &str) -> Result<Url, String> {
    if with_scheme(text).is_some() {
        return Err(format!("`{text}` does not begin with https:// or http://"));
    }
    let url = Url::parse(text)
        .map_err(|error| format!("`{text}` is not an absolute URL such as https://api.example: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(format!("`{text}` does not begin with https:// or http://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the URL holds a user name or password; they belong into `authorization`".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!("`{text}` has a query or a fragment; parameters belong into `query`"));
    }
    Ok(url)
}

fn base_url(text: &str) -> Result<Url, String> {
    let mut url = web_url(text)?;
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

fn origin(text: &str) -> Result<String, String> {
    let url = web_url(text)?;
    if url.path() != "/" {
        return Err(format!("`{text}` is not an origin: nothing may follow the host and port"));
    }
    Ok(url.origin().ascii_serialization())
}

fn lower_headers(headers: &BTreeMap<String, String>, findings: &mut Findings) -> BTreeMap<String, String> {
    let mut lowered = BTreeMap::new();
    for (name, value) in headers {
        findings.header(&["headers", name], name, value);
        placeholder::check(value, Taker::Header, &["headers", name], findings);
        if lowered.insert(name.to_ascii_lowercase(), value.clone()).is_some() {
            findings.conflict(
                &["headers", name],
                format!("the header `{name}` stands here twice; case makes no difference"),
            );
        }
    }
    lowered
}

fn lower_retry(settings: &HttpSettings, findings: &mut Findings) -> ErrorHandler {
    let retry = &settings.retry;
    if retry.attempts == 0 {
        findings.invalid(&["retry", "attempts"], "there must be at least one attempt");
    }
    let mut place = WaitPlace::Header("retry-after".to_owned(), WaitUnit::S);
    if let Some(wait) = &retry.wait {
        let unit = wait.unit.unwrap_or(WaitUnit::S);
        match (&wait.header, &wait.body) {
            (Some(header), None) => {
                findings.header_name(&["retry", "wait", "header"], header);
                place = WaitPlace::Header(header.to_ascii_lowercase(), unit);
            }
            (None, Some(body)) => place = WaitPlace::Body(body.clone(), unit),
            (Some(_), Some(_)) => {
                findings.conflict(&["retry", "wait"], "`header` and `body` exclude each other");
            }
            (None, None) => {
                findings.error(&["retry", "wait"], Code::MissingField, "`header` or `body` is missing");
            }
        }
    }
    ErrorHandler { attempts: retry.attempts, wait: place, max_wait: retry.max_wait.duration() }
}

/// Lowers a data type and, above it, its parents up to the first that has none.
fn lower_with_parents(
    settings: &HttpSettings,
    base: &Base,
    name: &DataTypeName,
    all: &mut Vec<Finding>,
) -> Option<HttpStream> {
    let Some(data_type) = settings.data_types.get(name) else {
        all.push(unknown_data_type(name));
        return None;
    };
    let (stream, found) = lower_data_type(settings, base, name, data_type);
    all.extend(found);
    let mut stream = stream?;
    if let Some(Parent { data_type: parent, key, skip }) = &data_type.parent {
        // Who is in a circle has a finding and is not built, so this ends.
        let above = lower_with_parents(settings, base, parent, all)?;
        let key = key.clone().unwrap_or_else(|| FieldPath::member("id"));
        let (parent, skip) = (parent.clone(), skip.clone());
        let router = ParentRouter { parent, key, skip, stream: Box::new(above) };
        stream.partition_router = Some(PartitionRouter::Parents(router));
    }
    Some(stream)
}

/// Lowers a data type without its parents.
fn lower_data_type(
    settings: &HttpSettings,
    base: &Base,
    name: &DataTypeName,
    data_type: &HttpDataType,
) -> (Option<HttpStream>, Vec<Finding>) {
    let mut findings = Findings::under(&["dataTypes", name.as_str()]);
    check_parents(settings, name, &mut findings);
    check_skip(data_type, &mut findings);
    let carrier = match (&data_type.graphql, &data_type.body, data_type.method) {
        (Some(_), ..) => Carrier::Variables,
        (None, Some(_), Method::Post) => Carrier::Body,
        (None, ..) => Carrier::Nothing,
    };
    let companions = Companions { carrier, is_incremental: data_type.incremental.is_some() };
    let paging = pagination::lower(data_type.pagination.as_ref(), companions, &mut findings);
    let errors = lower_errors(data_type, &mut findings);
    check_records(data_type, &mut findings);
    let decoder = decode::lower(data_type, &mut findings);
    let cursor = incremental::lower(data_type, carrier, &mut findings);
    let list = list::lower(data_type, &mut findings);
    let requester = lower_requester(base, name, data_type, &mut findings);
    since::check(data_type, requester.as_ref(), &mut findings);
    if let (Some(paging), Some(requester)) = (&paging, &requester) {
        check_body_names(requester, &paging.paginator, data_type, &mut findings);
    }
    let valid = !findings.has_error();
    let stream = requester.zip(paging).filter(|_| valid).map(|(requester, paging)| HttpStream {
        data_type: name.clone(),
        requester,
        paginator: paging.paginator,
        page_size: paging.size,
        ending: paging.ending,
        completion: paging.completion,
        extractor: extractor(data_type),
        decoder,
        errors,
        cursor,
        partition_router: list.map(PartitionRouter::List),
        error_handler: base.error_handler.clone(),
        limits: base.limits.clone(),
    });
    (stream, findings.into_vec())
}

/// Where the records are. GraphQL has each in its `node`, where a list is one of edges.
fn extractor(data_type: &HttpDataType) -> Extractor {
    let extractor = Extractor::of(&data_type.records);
    if data_type.graphql.is_some() { extractor.of_edges() } else { extractor }
}

/// What goes with records that stand in other records, and with members.
fn check_records(data_type: &HttpDataType, findings: &mut Findings) {
    records::check(&data_type.records, findings);
    let is_nested = !extractor(data_type).inner.is_empty();
    if is_nested && data_type.parent.is_some() {
        findings.conflict(
            &["parent"],
            "`parent` is the record that each record stands in: `records` has a `[*]`",
        );
    }
    let continues = data_type.pagination.as_ref().is_some_and(|pagination| pagination.complete.is_some());
    if continues && (is_nested || data_type.records.members.is_some()) {
        let message = "members, and records that stand in other records, cannot continue on the next page";
        findings.conflict(&["pagination", "complete"], message);
    }
}

/// Where the service says in a good answer that something went wrong.
fn lower_errors(data_type: &HttpDataType, findings: &mut Findings) -> Option<ErrorPlace> {
    let errors = data_type.errors.as_ref()?;
    if errors.path.0.is_empty() {
        findings.invalid(&["errors"], "the whole answer cannot be an error; name a member");
    }
    Some(ErrorPlace { path: errors.path.clone(), retry: errors.retry, message: errors.message.clone() })
}

/// Walks up the parents: each must exist, none may come back to where it began.
fn check_parents(settings: &HttpSettings, name: &DataTypeName, findings: &mut Findings) {
    let mut chain = vec![name];
    let mut at = name;
    let above = |name| settings.data_types.get(name).and_then(|data_type| data_type.parent.as_ref());
    while let Some(Parent { data_type: parent, .. }) = above(at) {
        if parent == name {
            let message = format!("`{name}` is its own parent, directly or through others");
            return findings.error(&["parent"], Code::SelfParent, message);
        }
        if at == name && !settings.data_types.contains_key(parent) {
            let message = format!("the source has no data type `{parent}`");
            let known: Vec<&str> = settings.data_types.keys().map(DataTypeName::as_str).collect();
            let help = suggest::advice(parent.as_str(), &known, "its data types are");
            let finding = Finding::error(&["parent"], Code::UnknownDataType, message);
            return findings.add(Finding { help, ..finding });
        }
        if chain.contains(&parent) {
            // A circle further up is reported at those who are in it.
            return;
        }
        if chain.len() > MAX_PARENTS {
            let message = format!("more than {MAX_PARENTS} parents stand above `{name}`");
            return findings.invalid(&["parent"], message);
        }
        chain.push(parent);
        at = parent;
    }
}

/// What may be passed over is an answer about one parent: not that the credentials are wrong, nor that we are to wait.
fn check_skip(data_type: &HttpDataType, findings: &mut Findings) {
    let skip = data_type.parent.iter().flat_map(|parent| &parent.skip);
    for status in skip.filter(|status| !matches!(status, 400 | 402..=406 | 409..=424 | 426..=428 | 430..=499))
    {
        let message = format!("`{status}` says nothing about one parent alone; 403, 404 and 410 do");
        findings.invalid(&["parent", "skip"], message);
    }
}

fn lower_requester(
    base: &Base,
    name: &DataTypeName,
    data_type: &HttpDataType,
    findings: &mut Findings,
) -> Option<Requester> {
    let graphql = graphql::lower(data_type, findings);
    if graphql.is_none() && data_type.body.is_some() && data_type.method == Method::Get {
        findings.conflict(&["body"], "a `body` needs `method: POST`");
    }
    for parameter in data_type.query.keys().filter(|parameter| parameter.is_empty()) {
        findings.invalid(&["query", parameter], "a query parameter needs a name");
    }
    for (name, value) in &data_type.query {
        placeholder::check(&value.0, Taker::Query(name), &["query", name], findings);
    }
    let mut headers = base.headers.clone();
    headers.extend(lower_headers(&data_type.headers, findings));
    if let Some(accepted) = decode::accepted(data_type.decode.format) {
        headers.entry("accept".to_owned()).or_insert_with(|| accepted.to_owned());
    }
    // All queries of a service are asked at one place, which the base URL may be.
    let usual = || if graphql.is_some() { String::new() } else { format!("/{name}") };
    let written = data_type.path.clone().unwrap_or_else(usual);
    if let Some(base) = &base.url {
        path::check(&written, base, findings);
    }
    let path = if data_type.for_each.is_empty() {
        PathTemplate::parse(&written, "parent")
    } else {
        PathTemplate::parse_names(&written, &data_type.for_each.keys().collect::<Vec<_>>())
    };
    let path = findings.take(&["path"], path.map_err(|error| format!("the path `{written}` {error}")))?;
    if data_type.parent.is_none() && data_type.for_each.is_empty() && path.fields().next().is_some() {
        findings.conflict(&["path"], "the path takes a field of a parent record, but there is no `parent`");
    }
    Some(Requester {
        url_base: base.url.clone().or_else(|| Url::parse("https://invalid.example").ok())?,
        path,
        method: if graphql.is_some() { Method::Post } else { data_type.method },
        query: data_type.query.iter().map(|(name, value)| (name.clone(), value.0.clone())).collect(),
        headers: headers.into_iter().collect(),
        body: match graphql {
            Some(graphql) => Some(RequestBody::GraphQl(graphql)),
            None => data_type.body.clone().map(BodyTemplate::new).map(RequestBody::Json),
        },
    })
}

/// Each name in the body must be known and something must feed it.
fn check_body_names(
    requester: &Requester,
    paginator: &Paginator,
    data_type: &HttpDataType,
    findings: &mut Findings,
) {
    let Some(body) = &requester.body else { return };
    let place = body.place();
    for name in findings.take(place, body.names()).unwrap_or_default() {
        let (fed, by) = match name.as_str() {
            "page" => (matches!(paginator, Paginator::PageIncrement { .. }), "pagination.page"),
            "offset" => (matches!(paginator, Paginator::OffsetIncrement { .. }), "pagination.offset"),
            "cursor" => (matches!(paginator, Paginator::CursorPagination { .. }), "pagination.cursor"),
            "since" => (data_type.incremental.is_some(), "incremental"),
            name if data_type.for_each.contains_key(name) => continue,
            name if let Some(field) = name.strip_prefix(PARENT) => {
                findings.take(place, field.parse::<FieldPath>());
                (data_type.parent.is_some(), "parent")
            }
            _ => {
                let known = BODY_NAMES.join(", ");
                findings.invalid(place, format!("`{{{{ {name} }}}}` is not one of {known}"));
                continue;
            }
        };
        if !fed {
            findings.conflict(place, format!("`{{{{ {name} }}}}` needs `{by}`, which is not there"));
        }
    }
}
