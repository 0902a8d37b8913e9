//! Lowers `register` of a webhook: the two requests with which the service is told where to push, and to stop.

use std::collections::BTreeMap;

use raccord_model::diagnostic::{Code, Finding};
use raccord_model::field_path::FieldPath;
use raccord_model::language::WebhookSpec;
use raccord_model::language::connector::HttpSettings;
use raccord_model::language::connector::http::HttpDataType;
use raccord_model::language::webhook::{CreateMethod, CreateSpec, DeleteMethod, DeleteSpec};
use serde_json::Value;

use crate::connector::findings::Findings;
use crate::connector::template::percent_encode;
use crate::connector::{BodyTemplate, HttpStream, lower_http};

/// The names that the content of the request may use.
const NAMES: [&str; 2] = ["url", "secret"];

/// The name that stands for the id of what was registered.
const ID: &str = "{id}";

/// How a service is told where to push.
#[derive(Debug, Clone)]
pub struct Registrar {
    /// What holds for every request to the service: its base, headers and limits. One attempt is made of each.
    pub stream: HttpStream,
    /// The request that registers.
    pub create: Create,
    /// The request that removes.
    pub delete: Delete,
}

/// The request that registers.
#[derive(Debug, Clone)]
pub struct Create {
    /// The path after the base URL.
    pub path: String,
    /// Its method.
    pub method: CreateMethod,
    /// What is sent.
    pub content: Content,
    /// Where the answer has the id.
    pub id: FieldPath,
}

/// What is sent, with `{{ url }}` and `{{ secret }}` in it.
#[derive(Debug, Clone)]
pub enum Content {
    /// A JSON body.
    Json(BodyTemplate),
    /// The fields of a form.
    Form(Vec<(String, BodyTemplate)>),
}

/// The request that removes.
#[derive(Debug, Clone)]
pub struct Delete {
    path: String,
    /// Its method.
    pub method: DeleteMethod,
}

impl Delete {
    /// The path after the base URL, for what was registered under an id.
    pub fn path(&self, id: &str) -> String {
        self.path.replace(ID, &percent_encoded(id))
    }
}

/// A text as it stands in a path: only the unreserved characters of RFC 3986 as they are.
pub fn percent_encoded(text: &str) -> String {
    let mut encoded = String::new();
    percent_encode(text, &mut encoded);
    encoded
}

/// Lowers the registration of a webhook that has one. Without an error among the findings there is a registrar, if
/// the settings of the source are good. The paths of the findings begin at the Source's `spec.webhook`.
pub fn lower_register(spec: &WebhookSpec, settings: &HttpSettings) -> (Option<Registrar>, Vec<Finding>) {
    let Some(register) = &spec.register else { return (None, Vec::new()) };
    let mut findings = Findings::under(&["register"]);
    let create = lower_create(&register.create, &mut findings);
    let delete = lower_delete(&register.delete, &mut findings);
    let stream = bare_stream(settings).filter(|_| !findings.has_error());
    let registrar =
        create.zip(delete).zip(stream).map(|((create, delete), stream)| Registrar { stream, create, delete });
    (registrar, findings.into_vec())
}

/// What the source's settings say of every request, under a data type that is made up here.
fn bare_stream(settings: &HttpSettings) -> Option<HttpStream> {
    let name: raccord_model::DataTypeName = "webhook".parse().ok()?;
    let data_types = BTreeMap::from([(name.clone(), HttpDataType::default())]);
    let (stream, _) = lower_http(&HttpSettings { data_types, ..settings.clone() }, &name);
    let mut stream = stream?;
    // The step is repeated as a whole, and later: it is not known whether a request without answer has registered.
    stream.error_handler.attempts = 1;
    Some(stream)
}

fn lower_create(create: &CreateSpec, findings: &mut Findings) -> Option<Create> {
    check_path(&["create", "path"], &create.path, findings);
    if create.id.0.is_empty() {
        findings.invalid(&["create", "id"], "`$` is the whole answer, which is no id");
    }
    let content = match (&create.body, create.form.is_empty()) {
        (Some(body), true) => Content::Json(BodyTemplate::new(body.clone())),
        (None, false) => {
            let field = |text: &str| BodyTemplate::new(Value::from(text));
            Content::Form(create.form.iter().map(|(name, text)| (name.clone(), field(&text.0))).collect())
        }
        (Some(_), false) => {
            findings.conflict(&["create"], "`body` and `form` exclude each other");
            return None;
        }
        (None, true) => {
            findings.error(&["create"], Code::MissingField, "`body` or `form` is missing");
            return None;
        }
    };
    let mut used = Vec::new();
    match &content {
        Content::Json(body) => used.extend(names(&["create", "body"], body, findings)),
        Content::Form(fields) => {
            for (name, text) in fields {
                used.extend(names(&["create", "form", name], text, findings));
            }
        }
    }
    if !used.iter().any(|name| name == "url") && !findings.has_error() {
        let message = "nothing tells the service where to push";
        let help = "write \"{{ url }}\" where the service wants the URL";
        findings.error_with_help(&["create"], Code::InvalidValue, message.to_owned(), help);
    }
    Some(Create { path: create.path.clone(), method: create.method, content, id: create.id.clone() })
}

/// The names that a text uses, each of which must be known.
fn names(path: &[&str], template: &BodyTemplate, findings: &mut Findings) -> Vec<String> {
    let used = findings.take(path, template.names()).unwrap_or_default();
    for name in used.iter().filter(|name| !NAMES.contains(&name.as_str())) {
        findings.invalid(path, format!("`{{{{ {name} }}}}` is not one of {}", NAMES.join(", ")));
    }
    used
}

fn lower_delete(delete: &DeleteSpec, findings: &mut Findings) -> Option<Delete> {
    check_path(&["delete", "path"], &delete.path.replace(ID, ""), findings);
    if !delete.path.contains(ID) {
        findings.invalid(&["delete", "path"], "`{id}` is missing: nothing says what is to be removed");
        return None;
    }
    Some(Delete { path: delete.path.clone(), method: delete.method })
}

fn check_path(at: &[&str], path: &str, findings: &mut Findings) {
    if path.contains(['{', '}']) {
        findings.invalid(at, format!("the path `{path}` has a `{{` or `}}` that stands for nothing"));
    } else if path.contains('#') {
        findings.invalid(at, format!("the path `{path}` has a `#`; a request has no fragment"));
    }
}
