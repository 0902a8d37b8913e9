//! Which kind a document is, and the documents of every kind by name.

use std::collections::{BTreeMap, BTreeSet};

use raccord_model::diagnostic::{Code, Severity};
use raccord_model::language::{
    API_VERSION, AlertSpec, AuthorizationSpec, Document as Written, IntegrationSpec, MappingSpec, Metadata,
    ProjectSpec, SourceSpec, StackSpec, SubscriptionSpec, TransferSpec,
};
use raccord_model::suggest;
use raccord_model::{Kind, Name};
use rayon::prelude::*;

use crate::advice::advised;
use crate::deserialize::{Mistake, Wrong, read};
use crate::diagnose::{Document, Report};
use crate::interpolate::Variables;
use crate::node::{Entry, Node, Value};
use crate::parse::Problem;
use crate::secret;

/// A document's specification with where it stands.
#[derive(Debug)]
pub(crate) struct Held<S> {
    /// Which document, by number.
    pub(crate) at: usize,
    /// Its name, labels and annotations.
    pub(crate) metadata: Metadata,
    /// What it says.
    pub(crate) spec: S,
}

/// The documents of one kind, by name.
pub(crate) type Table<S> = BTreeMap<Name, Held<S>>;

/// The documents of every kind.
#[derive(Debug, Default)]
pub(crate) struct Documents {
    pub(crate) stacks: Table<StackSpec>,
    pub(crate) projects: Table<ProjectSpec>,
    pub(crate) authorizations: Table<AuthorizationSpec>,
    pub(crate) sources: Table<SourceSpec>,
    pub(crate) mappings: Table<MappingSpec>,
    pub(crate) transfers: Table<TransferSpec>,
    pub(crate) subscriptions: Table<SubscriptionSpec>,
    pub(crate) alerts: Table<AlertSpec>,
    pub(crate) integrations: Table<IntegrationSpec>,
    /// The documents that are wrong, by number.
    pub(crate) wrong: Vec<usize>,
    /// Documents that are there but wrong: nothing that refers to them dangles.
    pub(crate) broken: BTreeSet<(Kind, Name)>,
    /// Kinds of which a document is there whose name cannot be read.
    pub(crate) nameless: BTreeSet<Kind>,
}

/// What a document is, as far as its head tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Head {
    /// One of ours.
    Ours(Kind),
    /// Another tool's.
    Foreign,
    /// Meant as ours, but wrong: the member to show, what is the matter, and the kind that was probably meant.
    Wrong { member: &'static str, code: Code, message: String, help: Option<String>, meant: Option<Kind> },
}

/// Looks at `apiVersion` and `kind`.
pub(crate) fn head(root: &Node<'_>) -> Head {
    let version = root.member_text("apiVersion");
    let kind = root.member_text("kind");
    let Some(version) = version else {
        let exact = kind.and_then(exact_kind).filter(|_| root.member("spec").is_some());
        return exact.map_or(Head::Foreign, missing_version);
    };
    if version != API_VERSION {
        return if is_near(version) { wrong_version(version, kind) } else { Head::Foreign };
    }
    let names = Kind::ALL.map(Kind::as_str);
    let unknown = |text, message, meant| Head::Wrong {
        member: "kind",
        code: Code::UnknownKind,
        message,
        help: suggest::advice(text, &names, "the kinds are"),
        meant,
    };
    match kind.map(|text| (text, exact_kind(text))) {
        Some((_, Some(kind))) => Head::Ours(kind),
        Some((text, None)) => unknown(text, format!("there is no kind `{text}`"), nearest_kind(text)),
        None => unknown("", "the document has no kind".to_owned(), None),
    }
}

/// The kind that a text was probably meant to name.
pub(crate) fn nearest_kind(text: &str) -> Option<Kind> {
    suggest::nearest(text, Kind::ALL.map(Kind::as_str)).and_then(exact_kind)
}

/// The head of a document as it was meant.
pub(crate) fn mend_head(root: &mut Node<'_>, kind: Kind) {
    let span = root.span;
    let Value::Map(entries) = &mut root.value else { return };
    for (member, right) in [("apiVersion", API_VERSION), ("kind", kind.as_str())] {
        let value = Value::Scalar { text: right.into(), plain: true };
        match entries.iter_mut().find(|entry| entry.key == member) {
            Some(entry) => entry.node.value = value,
            None => {
                entries.push(Entry { key: member.into(), key_span: span, node: Node { value, span } });
            }
        }
    }
}

fn exact_kind(text: &str) -> Option<Kind> {
    Kind::ALL.into_iter().find(|kind| kind.as_str() == text)
}

fn is_near(version: &str) -> bool {
    let lower = version.to_lowercase();
    lower.starts_with("raccord")
        || version.len() <= 2 * API_VERSION.len() && strsim::levenshtein(&lower, API_VERSION) <= 3
}

fn missing_version(kind: Kind) -> Head {
    Head::Wrong {
        member: "kind",
        code: Code::ApiVersion,
        message: "the document has no apiVersion".to_owned(),
        help: Some(format!("write `apiVersion: {API_VERSION}` above it")),
        meant: Some(kind),
    }
}

fn wrong_version(version: &str, kind: Option<&str>) -> Head {
    // Of another version it is not known what is right in it.
    let is_misspelt = version.split_once('/').map(|(_, number)| number)
        == API_VERSION.split_once('/').map(|(_, number)| number);
    Head::Wrong {
        member: "apiVersion",
        code: Code::ApiVersion,
        message: format!("`{version}` is not an apiVersion that this version of Raccord reads"),
        help: Some(format!("did you mean `{API_VERSION}`?")),
        meant: kind.filter(|_| is_misspelt).and_then(nearest_kind),
    }
}

/// The variables: those given beside the files, then those of the Stack, whose values may use the former.
pub(crate) fn variables(documents: &[Document<'_>], given: &Variables, report: &mut Report) -> Variables {
    let mut all = given.clone();
    let mut declared = BTreeSet::new();
    for document in documents.iter().filter(|document| document.kind == Some(Kind::Stack)) {
        let spec = document.root.member("spec");
        let is_meant = |entry: &&Entry<'_>| suggest::nearest(&entry.key, ["variables"]).is_some();
        let written = spec.and_then(|spec| {
            spec.node.member("variables").or_else(|| spec.node.entries().iter().find(is_meant))
        });
        let Some(written) = written else { continue };
        for entry in written.node.entries() {
            let path = ["spec", &written.key, &entry.key].map(str::to_owned);
            let wrapped = Node { value: Value::Map(vec![entry.clone()]), span: entry.node.span };
            match read::<BTreeMap<String, String>>(&wrapped, given) {
                Ok(value) => {
                    for (name, value) in value {
                        declared.insert(name.clone());
                        all.entry(name).or_insert(value);
                    }
                }
                Err(wrong) => {
                    // So that its uses are not reported as unset, too.
                    declared.insert(entry.key.to_string());
                    all.entry(entry.key.to_string()).or_default();
                    for Mistake { problem, .. } in wrong.mistakes {
                        report.problem(document, Severity::Error, problem, &path);
                    }
                }
            }
        }
    }
    unasked(documents, given, &declared, report);
    all
}

/// Reports the variables that were given a value beside the files and that no file asks for: mostly misspelt ones.
fn unasked(documents: &[Document<'_>], given: &Variables, declared: &BTreeSet<String>, report: &mut Report) {
    for name in given.keys().filter(|name| !declared.contains(*name)) {
        let reference = format!("${{var:{name}}}");
        if documents.iter().any(|document| document.text.text.contains(&reference)) {
            continue;
        }
        let near = suggest::nearest(name, declared.iter().map(String::as_str));
        let help = near.map_or_else(
            || {
                format!(
                    "leave --var {name}=… out; a variable is declared under `spec.variables` of the Stack"
                )
            },
            |near| format!("did you mean `{near}`?"),
        );
        let message = format!("the variable `{name}` is given a value, and no document asks for it");
        report.error(Code::UnsetVariable, message, Some(help));
    }
}

impl Documents {
    /// Reads every document of a known kind.
    pub(crate) fn read(documents: &mut [Document<'_>], variables: &Variables, report: &mut Report) -> Self {
        let mut all = Self::default();
        let outcomes: Vec<_> =
            documents.par_iter().map(|document| Outcome::of(document, variables)).collect();
        for (at, outcome) in outcomes.into_iter().enumerate() {
            let kind = documents.get(at).and_then(|document| document.kind);
            let mut reader = Reader { documents, at, report };
            let is_read = match outcome {
                Some(Outcome::Stack(read)) => reader.stack(&mut all.stacks, read),
                Some(Outcome::Project(read)) => reader.take(&mut all.projects, read),
                Some(Outcome::Authorization(read)) => reader.take(&mut all.authorizations, read),
                Some(Outcome::Source(read)) => reader.take(&mut all.sources, read),
                Some(Outcome::Mapping(read)) => reader.take(&mut all.mappings, read),
                Some(Outcome::Transfer(read)) => reader.take(&mut all.transfers, read),
                Some(Outcome::Subscription(read)) => reader.take(&mut all.subscriptions, read),
                Some(Outcome::Alert(read)) => reader.take(&mut all.alerts, read),
                Some(Outcome::Integration(read)) => reader.take(&mut all.integrations, read),
                None => false,
            };
            if !is_read {
                all.wrong.push(at);
                all.add_broken(kind, documents.get(at).and_then(|document| name_of(&document.root)));
            }
        }
        all
    }

    /// Remembers a document that is there but cannot be used.
    pub(crate) fn add_broken(&mut self, kind: Option<Kind>, name: Option<Name>) {
        match (kind, name) {
            (Some(kind), Some(name)) => {
                self.broken.insert((kind, name));
            }
            (Some(kind), None) => {
                self.nameless.insert(kind);
            }
            (None, _) => self.nameless.extend(Kind::ALL),
        }
    }

    /// Whether a document that cannot be used may be the one that is referred to.
    pub(crate) fn may_be_broken(&self, kind: Kind, name: &Name) -> bool {
        self.nameless.contains(&kind) || self.broken.contains(&(kind, name.clone()))
    }

    /// Whether a document that cannot be used may be a Stack.
    pub(crate) fn may_have_stack(&self) -> bool {
        self.nameless.contains(&Kind::Stack) || self.broken.iter().any(|(kind, _)| *kind == Kind::Stack)
    }
}

fn name_of(root: &Node<'_>) -> Option<Name> {
    root.member("metadata")?.node.member_text("name")?.parse().ok()
}

/// A document as its kind reads it, or what is wrong with it.
type ReadAs<'t, S> = Result<Box<Written<S>>, Box<Wrong<'t, Written<S>>>>;

/// What became of a document of each kind.
enum Outcome<'t> {
    Stack(ReadAs<'t, StackSpec>),
    Project(ReadAs<'t, ProjectSpec>),
    Authorization(ReadAs<'t, AuthorizationSpec>),
    Source(ReadAs<'t, SourceSpec>),
    Mapping(ReadAs<'t, MappingSpec>),
    Transfer(ReadAs<'t, TransferSpec>),
    Subscription(ReadAs<'t, SubscriptionSpec>),
    Alert(ReadAs<'t, AlertSpec>),
    Integration(ReadAs<'t, IntegrationSpec>),
}

impl<'t> Outcome<'t> {
    /// Reads a document; nothing of one whose kind is not known.
    fn of(document: &Document<'t>, variables: &Variables) -> Option<Self> {
        let root = &document.root;
        Some(match document.kind? {
            Kind::Stack => Self::Stack(read(root, variables).map(Box::new)),
            Kind::Project => Self::Project(read(root, variables).map(Box::new)),
            Kind::Authorization => Self::Authorization(read(root, variables).map(Box::new)),
            Kind::Source => Self::Source(read(root, variables).map(Box::new)),
            Kind::Mapping => Self::Mapping(read(root, variables).map(Box::new)),
            Kind::Transfer => Self::Transfer(read(root, variables).map(Box::new)),
            Kind::Subscription => Self::Subscription(read(root, variables).map(Box::new)),
            Kind::Alert => Self::Alert(read(root, variables).map(Box::new)),
            Kind::Integration => Self::Integration(read(root, variables).map(Box::new)),
        })
    }
}

/// One document on its way into the table of its kind.
struct Reader<'r, 't> {
    documents: &'r mut [Document<'t>],
    at: usize,
    report: &'r mut Report,
}

impl<'t> Reader<'_, 't> {
    /// False when the document is wrong, and it is not known what was meant.
    fn take<S>(&mut self, table: &mut Table<S>, read: ReadAs<'t, S>) -> bool {
        let Some(document) = self.documents.get_mut(self.at) else { return false };
        let written = match read {
            Ok(written) => Some(*written),
            Err(wrong) => {
                let Wrong { mistakes, named, meant } = *wrong;
                if let Some(named) = named {
                    document.rename(named);
                }
                for mistake in mistakes {
                    let Document { kind, root, .. } = document;
                    let Mistake { problem, path } = advised(discreet(mistake, *kind), *kind, root);
                    self.report.problem(document, Severity::Error, problem, &path);
                }
                meant
            }
        };
        let is_read = written.is_some();
        if let Some(written) = written {
            self.insert(table, written.metadata, written.spec);
        }
        is_read
    }

    /// The Stack, of which there is one.
    fn stack(&mut self, table: &mut Table<StackSpec>, read: ReadAs<'t, StackSpec>) -> bool {
        let mut own = Table::new();
        if !self.take(&mut own, read) {
            return false;
        }
        if let Some(first) = table.values().next().map(|held| held.at) {
            let help = "keep one of the two; what another environment needs stands in a directory of its own, which is named \
                        with -f";
            self.repeated(first, "a directory has one Stack; the first is at", help);
        } else {
            table.append(&mut own);
        }
        true
    }

    fn insert<S>(&mut self, table: &mut Table<S>, metadata: Metadata, spec: S) {
        if let Some(first) = table.get(&metadata.name).map(|held| held.at) {
            let kind = self.documents.get(self.at).and_then(|document| document.kind);
            let kind = kind.map_or("document", Kind::as_str);
            let what = format!("{kind} `{}` is already there, at", metadata.name);
            self.repeated(first, &what, "rename one of the two, or remove it");
            return;
        }
        table.insert(metadata.name.clone(), Held { at: self.at, metadata, spec });
    }

    fn repeated(&mut self, first: usize, what: &str, help: &str) {
        let path = ["metadata", "name"].map(str::to_owned);
        let first = self.documents.get(first).map(Document::position).unwrap_or_default();
        let Some(document) = self.documents.get(self.at) else { return };
        let problem = Problem {
            span: document.root.locate(&path),
            code: Code::DuplicateResource,
            message: format!("{what} {first}"),
            help: Some(help.to_owned()),
        };
        self.report.problem(document, Severity::Error, problem, &path);
    }
}

/// The mistake without the text that is wrong, where that may be a secret.
fn discreet(mistake: Mistake, kind: Option<Kind>) -> Mistake {
    let path: Vec<&str> = mistake.path.iter().map(String::as_str).collect();
    let repeats = matches!(mistake.problem.code, Code::InvalidValue | Code::WrongType);
    if !repeats || secret::is_public(kind, &path) {
        return mistake;
    }
    let help = "write the name of an Authorization, or a map with `type`";
    let problem = Problem {
        message: "this is not what is expected here; it is not repeated, for it may be a secret".to_owned(),
        help: path.ends_with(&["authorization"]).then(|| help.to_owned()),
        ..mistake.problem
    };
    Mistake { problem, path: mistake.path }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_ours_another_tools_or_wrong() {
        let ours = |kind| Some((kind, None));
        let cases = [
            ("{apiVersion: raccord/v1, kind: Transfer}", ours("Transfer")),
            ("{apiVersion: apps/v1, kind: Deployment}", None),
            ("{a: 1}", None),
            ("[1]", None),
            ("text", None),
            ("{kind: Transfer, spec: {}}", Some(("kind", Some(Code::ApiVersion)))),
            ("{apiVersion: raccord/v2, kind: Transfer}", Some(("apiVersion", Some(Code::ApiVersion)))),
            ("{apiVersion: racord/v1, kind: Transfer}", Some(("apiVersion", Some(Code::ApiVersion)))),
            ("{apiVersion: raccord/v1, kind: transfer}", Some(("kind", Some(Code::UnknownKind)))),
            ("{apiVersion: raccord/v1}", Some(("kind", Some(Code::UnknownKind)))),
        ];
        for (text, expected) in cases {
            let root = crate::parse::parse(&crate::split::split(text)[0]).root.unwrap();
            let found = match head(&root) {
                Head::Ours(kind) => Some((kind.as_str(), None)),
                Head::Foreign => None,
                Head::Wrong { member, code, .. } => Some((member, Some(code))),
            };
            assert_eq!(found, expected, "{text}");
        }
    }
}
