//! Lowers `webhook` of a Source: what of a delivery is looked at, and what each event means.

use raccord_model::DataTypeName;
use raccord_model::diagnostic::{Code, Finding};
use raccord_model::field_path::FieldPath;
use raccord_model::language::WebhookSpec;
use raccord_model::language::connector::HttpSettings;
use raccord_model::language::webhook::{
    BasicSpec, EventPlace as LanguagePlace, EventRule, FetchSpec, HmacSpec, LARGEST_DELIVERY, Scheme,
    TakenEvent, VerifySpec,
};
use raccord_model::secret::TextOrSecret;
use raccord_model::suggest;
use url::Url;

use super::events::{Events, Rule};
use super::signed::{SignedPart, SignedText};
use super::{Batch, EventPlace, Fetch, Hook, PathField, RecordPlace, Taken, ValuePlace, Way, What};
use crate::connector::findings::Findings;
use crate::connector::template::PathTemplate;
use crate::select::{Many, Selector, Slot};

/// How many secrets may be accepted at once: the new one and the old one.
const MAX_SECRETS: usize = 2;

/// The URL that `/hooks/…` continues; the error completes the sentence "the public URL …".
pub fn public_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("`{text}` is not an absolute URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(format!("`{text}` does not begin with https:// or http://"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!("`{text}` has a query or a fragment, which nothing can follow"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds a user name or password, which do not belong into YAML".to_owned());
    }
    Ok(url)
}

/// The hook, of use when there is no error among the findings.
pub(super) fn lower(spec: &WebhookSpec, settings: &HttpSettings, findings: &mut Findings) -> Hook {
    check_verify(&spec.verify, findings);
    if spec.max_body.0 == 0 {
        findings.invalid(&["maxBody"], "a delivery needs at least a byte");
    }
    if spec.max_body > LARGEST_DELIVERY {
        findings.invalid(&["maxBody"], format!("a delivery has at most {LARGEST_DELIVERY}"));
    }
    let mut paths = Paths::default();
    let event = lower_event(spec.event.as_ref(), &mut paths, findings);
    let delivery = lower_delivery(spec, &mut paths, findings);
    let mut events = Events::default();
    let mut taken = Vec::new();
    for (name, rule) in &spec.events {
        let rule = match rule {
            EventRule::Ignore => Rule::Ignore,
            EventRule::Take(event) => {
                let lowered = lower_taken(name.as_str(), event, settings, &mut paths, findings);
                // Without one there is a finding, and no hook.
                let Some(lowered) = lowered else { continue };
                taken.push(lowered);
                Rule::Take(taken.len() - 1)
            }
        };
        match name.prefix() {
            Some(beginning) => events.add_beginning(beginning, rule),
            None => events.add_name(name.as_str(), rule),
        }
    }
    Hook {
        batch: lower_batch(spec),
        selector: Selector::new(&paths.0),
        event,
        delivery,
        events,
        taken,
        by_url: spec.events.is_empty() || is_url_signed(&spec.verify),
        data_types: settings.data_types.keys().cloned().collect(),
        max_body: spec.max_body.0,
        rate_limit: spec.rate_limit,
    }
}

/// Whether a delivery proves the URL under which it comes. Where it does not, and `events` says what deliveries mean,
/// what was signed as `created` could be sent again under a URL that says `deleted`.
fn is_url_signed(verify: &VerifySpec) -> bool {
    let Some(Scheme::Hmac(hmac)) = verify.scheme() else { return false };
    SignedText::parse(hmac.signed()).is_ok_and(|signed| signed.has(&SignedPart::Url))
}

/// The paths of the body that are looked at, each once.
#[derive(Default)]
struct Paths(Vec<FieldPath>);

impl Paths {
    fn slot(&mut self, path: &FieldPath) -> Slot {
        let known = self.0.iter().position(|other| other == path);
        known.unwrap_or_else(|| {
            self.0.push(path.clone());
            self.0.len() - 1
        })
    }
}

fn check_verify(verify: &VerifySpec, findings: &mut Findings) {
    let chosen: Vec<&str> = verify.ways().iter().filter(|(_, there)| *there).map(|(name, _)| *name).collect();
    let all = verify.ways().map(|(name, _)| format!("`{name}`")).join(", ");
    match verify.scheme() {
        None if chosen.is_empty() => {
            let message = format!("one of {all} is missing");
            let help = "a delivery that proves nothing could come from anybody";
            findings.error_with_help(&["verify"], Code::MissingField, message, help);
        }
        None => findings.conflict(&["verify"], format!("only one of {all} can stand here")),
        Some(scheme) => {
            let name = chosen.first().copied().unwrap_or_default();
            check_scheme(scheme, &["verify", name], findings);
        }
    }
}

fn check_scheme(scheme: Scheme<'_>, path: &[&str], findings: &mut Findings) {
    let (secrets, member) = match scheme {
        Scheme::Hmac(hmac) => (&hmac.secret, Some("secret")),
        Scheme::Stripe(stripe) => (&stripe.secret, Some("secret")),
        Scheme::StandardWebhooks(standard) => (&standard.secret, Some("secret")),
        Scheme::Bearer(token) => (token, None),
        Scheme::Basic(basic) => (&basic.password, Some("password")),
        Scheme::ApiKey(key) => (&key.value, Some("value")),
        Scheme::Query(key) => (&key.value, Some("value")),
    };
    let below = |member: &'static str| [path, &[member]].concat();
    if secrets.0.is_empty() || secrets.0.len() > MAX_SECRETS {
        let message = "one reference stands here, or two while one replaces the other";
        findings.invalid(&member.map_or_else(|| path.to_vec(), below), message);
    }
    match scheme {
        Scheme::Hmac(hmac) => check_hmac(hmac, path, findings),
        Scheme::Stripe(stripe) => check_tolerance(stripe.tolerance.0, path, findings),
        Scheme::StandardWebhooks(standard) => {
            findings.header_name(&below("headerPrefix"), &standard.header_prefix);
            check_tolerance(standard.tolerance.0, path, findings);
        }
        Scheme::Basic(basic) => check_basic(basic, path, findings),
        Scheme::ApiKey(key) => findings.header_name(&below("header"), &key.header),
        Scheme::Query(key) if key.name.is_empty() => {
            findings.invalid(&below("name"), "the name of a parameter is missing");
        }
        Scheme::Bearer(_) | Scheme::Query(_) => {}
    }
}

fn check_basic(basic: &BasicSpec, path: &[&str], findings: &mut Findings) {
    // RFC 7617: the first colon ends the user name.
    if matches!(&basic.username, TextOrSecret::Text(name) if name.contains(':')) {
        findings.invalid(&[path, &["username"]].concat(), "a user name cannot have a colon");
    }
}

fn check_tolerance(seconds: u64, path: &[&str], findings: &mut Findings) {
    if seconds == 0 {
        findings.invalid(&[path, &["tolerance"]].concat(), "clocks are never the same: at least a second");
    }
}

fn check_hmac(hmac: &HmacSpec, path: &[&str], findings: &mut Findings) {
    let below = |members: &[&'static str]| [path, members].concat();
    findings.header_name(&below(&["header"]), &hmac.header);
    if let Some(timestamp) = &hmac.timestamp {
        findings.header_name(&below(&["timestamp", "header"]), &timestamp.header);
        check_tolerance(timestamp.tolerance.0, &below(&["timestamp"]), findings);
    }
    let signed = SignedText::parse(hmac.signed()).map_err(|error| format!("the signed text {error}"));
    let Some(signed) = findings.take(&below(&["signed"]), signed) else { return };
    match (hmac.timestamp.is_some(), signed.has(&SignedPart::Timestamp)) {
        (false, true) => {
            findings.conflict(&below(&["signed"]), "`{timestamp}` needs `timestamp`, which is not there");
        }
        (true, false) => {
            let message = "the timestamp is not part of what is signed, so anybody could change it";
            findings.error_with_help(
                &below(&["signed"]),
                Code::ConflictingFields,
                message.to_owned(),
                "write `{timestamp}` where the service puts it, or leave `timestamp` out",
            );
        }
        (true, true) | (false, false) => {}
    }
    for part in signed.0 {
        if let SignedPart::Header(name) = part {
            findings.header_name(&below(&["signed"]), &name);
        }
    }
}

/// How a delivery is split; the id may stand beside the list.
fn lower_batch(spec: &WebhookSpec) -> Option<Batch> {
    let path = spec.batch.clone()?;
    let id = spec.delivery.as_ref().and_then(|place| place.body.as_ref());
    let selector = Selector::new(id).with_list(&path);
    Some(Batch { path, selector })
}

fn lower_event(place: Option<&LanguagePlace>, paths: &mut Paths, findings: &mut Findings) -> EventPlace {
    let Some(place) = place else { return EventPlace::default() };
    if place.header.is_none() && place.body.is_empty() {
        findings.error(&["event"], Code::MissingField, "`header` or `body` is missing");
    }
    if let Some(header) = &place.header {
        findings.header_name(&["event", "header"], header);
    }
    EventPlace {
        header: place.header.clone(),
        body: place.body.0.iter().map(|path| paths.slot(path)).collect(),
    }
}

/// The place of the id, which some schemes bring along.
fn lower_delivery(spec: &WebhookSpec, paths: &mut Paths, findings: &mut Findings) -> Option<ValuePlace> {
    let Some(place) = &spec.delivery else {
        return match spec.verify.scheme() {
            Some(Scheme::Stripe(_)) => Some(ValuePlace::Body(paths.slot(&FieldPath::member("id")))),
            Some(Scheme::StandardWebhooks(standard)) => {
                Some(ValuePlace::Header(format!("{}id", standard.header_prefix)))
            }
            _ => None,
        };
    };
    match (&place.header, &place.body) {
        (Some(header), None) => {
            findings.header_name(&["delivery", "header"], header);
            Some(ValuePlace::Header(header.clone()))
        }
        (None, Some(body)) => Some(ValuePlace::Body(paths.slot(body))),
        (Some(_), Some(_)) => {
            findings.conflict(&["delivery"], "`header` and `body` exclude each other");
            None
        }
        (None, None) => {
            findings.error(&["delivery"], Code::MissingField, "`header` or `body` is missing");
            None
        }
    }
}

fn lower_taken(
    name: &str,
    event: &TakenEvent,
    settings: &HttpSettings,
    paths: &mut Paths,
    findings: &mut Findings,
) -> Option<Taken> {
    check_data_type(name, &event.data_type, settings, findings);
    if event.partial && (event.fetch.is_some() || event.deleted) {
        let message = "a record that is fetched is whole, and of one that is gone the key is enough";
        findings.conflict(&["events", name, "partial"], message);
    }
    let what = match (&event.fetch, event.deleted) {
        (Some(_), true) => {
            findings.conflict(&["events", name, "fetch"], "a record that is gone cannot be fetched");
            return None;
        }
        (Some(fetch), false) => What::Fetch(Box::new(lower_fetch(name, event, fetch, paths, findings)?)),
        (None, deleted) => {
            let place = lower_place(event, paths);
            match (deleted, event.partial) {
                (true, _) => What::Delete(place),
                (false, true) => What::Partial(place),
                (false, false) => What::Upsert(place),
            }
        }
    };
    if event.field.as_ref().is_some_and(String::is_empty) {
        findings.invalid(&["events", name, "as"], "the name of a field is missing");
    }
    Some(Taken { data_type: event.data_type.clone(), what })
}

fn lower_fetch(
    name: &str,
    event: &TakenEvent,
    fetch: &FetchSpec,
    paths: &mut Paths,
    findings: &mut Findings,
) -> Option<Fetch> {
    const ROOTS: [&str; 2] = ["event", "record"];
    let path = PathTemplate::parse_any(&fetch.path, &ROOTS);
    let path = path.map_err(|error| format!("the path `{}` {error}", fetch.path));
    let path = findings.take(&["events", name, "fetch", "path"], path)?;
    let mut of_record = Paths::default();
    let take = |(field, root): (&FieldPath, usize)| match root {
        0 => PathField::Event(paths.slot(field)),
        _ => PathField::Record(of_record.slot(field)),
    };
    let fields = path.fields_by_root().map(take).collect();
    let known = lower_place(event, paths);
    Some(Fetch { path, fields, of_record: Selector::new(&of_record.0), answer: fetch.record.clone(), known })
}

fn lower_place(event: &TakenEvent, paths: &mut Paths) -> RecordPlace {
    let way = match event.record.single() {
        Some(path) if path.0.is_empty() => Way::Whole,
        Some(path) => Way::Part(paths.slot(path)),
        None => Way::Many(Many::new(&event.record)),
    };
    RecordPlace { path: event.record.clone(), way, field: event.field.clone() }
}

fn check_data_type(name: &str, wanted: &DataTypeName, settings: &HttpSettings, findings: &mut Findings) {
    if settings.data_types.contains_key(wanted) {
        return;
    }
    let known: Vec<&str> = settings.data_types.keys().map(DataTypeName::as_str).collect();
    let message = format!("the source has no data type `{wanted}`");
    let help = suggest::advice(wanted.as_str(), &known, "its data types are");
    let finding = Finding::error(&["events", name, "dataType"], Code::UnknownDataType, message);
    findings.add(Finding { help, ..finding });
}
