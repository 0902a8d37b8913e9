//! The way of a configuration: texts, documents, kinds, checks, resolution.

use std::collections::BTreeMap;
use std::path::PathBuf;

use raccord_model::diagnostic::{Code, Diagnostic, Finding, Severity};
use raccord_model::{Desired, Kind, Name};
use rayon::prelude::*;

use crate::check::{self, CheckContext};
use crate::diagnose::{Document, Report};
use crate::discover::{Discovery, Found, MAX_FILE};
use crate::document::{Documents, Head, head, mend_head, nearest_kind, variables};
use crate::interpolate::Variables;
use crate::lock::{self, Locking};
use crate::manifests::Manifests;
use crate::node::{Node, Span};
use crate::parse::{Parsed, Problem, parse};
use crate::reading::Reading;
use crate::resolve::{clean, count, resolve};
use crate::split::{Chunk, lines, split};
use crate::text::SourceText;

/// What is to be loaded.
#[derive(Debug, Clone, Default)]
pub struct Input {
    /// Directories and files; `-` is standard input. None at all is the current directory.
    pub paths: Vec<PathBuf>,
    /// What standard input held, when it is among the paths; at most one byte more than [`MAX_FILE`].
    pub stdin: Option<Vec<u8>>,
    /// The directory in which links may lead about, when that is more than what the paths name.
    pub within: Option<PathBuf>,
    /// Values of variables that go before those of the Stack.
    pub variables: BTreeMap<String, String>,
    /// Whether it is for a state that several machines share, which has no rows of its own.
    pub shares_state: bool,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What the configuration wants; none when there is an error.
    pub desired: Option<Desired>,
    /// Errors and warnings, in the order of files and lines.
    pub diagnostics: Vec<Diagnostic>,
    /// How many files were read.
    pub files: usize,
    /// How many documents of Raccord they hold.
    pub documents: usize,
}

/// What came of a look at a configuration that is not going to be used.
#[derive(Debug, Clone)]
pub struct Validated {
    /// How many resources it wants; none when there is an error.
    pub resources: Option<usize>,
    /// Errors and warnings, in the order of files and lines.
    pub diagnostics: Vec<Diagnostic>,
    /// How many files were read.
    pub files: usize,
    /// How many documents of Raccord they hold.
    pub documents: usize,
}

/// Says everything that [`load`] says, and makes nothing of it: no resource, no digest.
pub fn validate(input: &Input) -> Validated {
    let (found, report) = Reading::of(input).into_parts();
    let Discovery { texts, beside, .. } = found;
    let limits = Limits { bounds: OURS, has_rows: !input.shares_state, beside: &beside };
    let understood = understand(limits, texts, &input.variables, report, |_, all, _| Some(count(&all)));
    let Understood { wanted: resources, diagnostics, files, documents } = understood;
    Validated { resources, diagnostics, files, documents }
}

/// Loads what the paths lead to. Reads the file system and nothing else.
pub fn load(input: &Input) -> Loaded {
    Reading::of(input).load(&input.variables)
}

/// How much a configuration may hold that a client sends.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// How many documents, those of others included.
    pub documents: usize,
    /// How many values of all documents, aliases expanded.
    pub values: usize,
}

/// What our own files hold is bounded file by file, and document by document.
const OURS: Bounds = Bounds { documents: usize::MAX, values: usize::MAX };

/// Loads texts, each with its name. The names are paths relative to `root`, as are data paths without a Stack.
pub fn load_texts(texts: Vec<(String, Vec<u8>)>, root: &str, variables: &BTreeMap<String, String>) -> Loaded {
    load_texts_within(OURS, texts, root, variables)
}

/// The same for texts that hold so much at the most; what is more is not read.
pub fn load_texts_within(
    bounds: Bounds,
    texts: Vec<(String, Vec<u8>)>,
    root: &str,
    variables: &BTreeMap<String, String>,
) -> Loaded {
    let mut texts: Vec<_> = texts
        .into_iter()
        .map(|(name, bytes)| {
            let parent = name.rsplit_once('/').map_or("", |(parent, _)| parent);
            let directory =
                if parent.starts_with('/') { clean(parent) } else { clean(&format!("{root}/{parent}")) };
            Found { name, directory, bytes }
        })
        .collect();
    texts.sort_by(|a, b| a.name.cmp(&b.name));
    load_within(
        Limits { bounds, has_rows: true, beside: &[] },
        texts,
        &clean(root),
        variables,
        Report::default(),
    )
}

/// Loads what was read; `shares_state` as [`Input::shares_state`] says.
pub(crate) fn load_all(found: Discovery, given: &Variables, report: Report, shares_state: bool) -> Loaded {
    let Discovery { texts, root, beside } = found;
    let limits = Limits { bounds: OURS, has_rows: !shares_state, beside: &beside };
    load_within(limits, texts, &root, given, report)
}

/// What a configuration may hold.
#[derive(Debug, Clone, Copy)]
struct Limits<'b> {
    bounds: Bounds,
    /// Whether its state has rows of its own.
    has_rows: bool,
    /// The directories that were named, when none of them holds all the others.
    beside: &'b [String],
}

fn load_within(
    limits: Limits<'_>,
    texts: Vec<Found>,
    root: &str,
    given: &Variables,
    report: Report,
) -> Loaded {
    let resolve =
        |documents: &[Document<'_>], all, report: &mut Report| resolve(documents, all, root, report);
    let Understood { wanted: desired, diagnostics, files, documents } =
        understand(limits, texts, given, report, resolve);
    Loaded { desired, diagnostics, files, documents }
}

/// What was understood of a configuration.
struct Understood<T> {
    /// What it wants; none when there is an error.
    wanted: Option<T>,
    diagnostics: Vec<Diagnostic>,
    files: usize,
    documents: usize,
}

/// Reads and checks everything; what is right is made into what is wanted of it.
fn understand<T>(
    limits: Limits<'_>,
    texts: Vec<Found>,
    given: &Variables,
    mut report: Report,
    make: impl FnOnce(&[Document<'_>], Documents, &mut Report) -> Option<T>,
) -> Understood<T> {
    let files = texts.len();
    let mut texts: Vec<SourceText> = texts.into_iter().filter_map(|text| decode(text, &mut report)).collect();
    let manifests = Manifests::take_from(&mut texts, &mut report);
    let is_all_read = !report.has_errors();
    let mut gathered = gather(&texts, limits.bounds, &mut report);
    if gathered.count == 0 && !report.has_errors() {
        let help = "every document begins with `apiVersion: raccord/v1`; `raccord init` writes an example";
        let message = "no document of Raccord was found".to_owned();
        report.error(Code::NoDocuments, message, Some(help.to_owned()));
    }
    let variables = variables(&gathered.documents, given, &mut report);
    let mut all = Documents::read(&mut gathered.documents, &variables, &mut report);
    let documents = &gathered.documents;
    for (kind, name) in gathered.broken {
        all.add_broken(kind, name);
    }
    if !is_all_read {
        // Any name may stand in what could not be read.
        all.add_broken(None, None);
    }
    manifests.embed(&mut all, documents, &mut report);
    let Limits { has_rows, beside, .. } = limits;
    let variables = &variables;
    check::check(CheckContext { documents, all: &all, variables, has_rows, beside }, &mut report);
    let wanted = if report.has_errors() { None } else { make(documents, all, &mut report) };
    let wanted = wanted.filter(|_| !report.has_errors());
    Understood { wanted, diagnostics: report.finish(), files, documents: gathered.count }
}

/// What a configuration wants locked, and what is; what cannot be read of it keeps that from being known.
pub(crate) fn locking(
    texts: Vec<Found>,
    given: &Variables,
    mut report: Report,
) -> Result<Locking, Vec<Diagnostic>> {
    let mut texts: Vec<SourceText> = texts.into_iter().filter_map(|text| decode(text, &mut report)).collect();
    let manifests = Manifests::take_from(&mut texts, &mut report);
    let mut gathered = gather(&texts, OURS, &mut report);
    let variables = variables(&gathered.documents, given, &mut report);
    let all = Documents::read(&mut gathered.documents, &variables, &mut report);
    if report.has_errors() {
        return Err(report.finish());
    }
    Ok(manifests.lock.into_locking(lock::wanted(&all)))
}

/// The bytes of a file as text.
fn decode(found: Found, report: &mut Report) -> Option<SourceText> {
    let Found { name, directory, bytes } = found;
    if bytes.len() > MAX_FILE {
        let message = format!("{name} is larger than {} MB", MAX_FILE >> 20);
        report.error(Code::TooLarge, message, Some("split it into several files".to_owned()));
        return None;
    }
    let mut text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            not_utf8(name, &error, report);
            return None;
        }
    };
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    Some(SourceText::new(name, directory, text))
}

fn not_utf8(name: String, error: &std::string::FromUtf8Error, report: &mut Report) {
    let bytes = error.as_bytes();
    let valid = bytes.get(..error.utf8_error().valid_up_to()).unwrap_or_default();
    let valid = String::from_utf8_lossy(valid);
    let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let last = lines(&valid).last().filter(|line| !line.ends_with(['\n', '\r'])).unwrap_or_default();
    let full = lines(&valid).count() - usize::from(!last.is_empty());
    let span = Span { line: small(full + 1), column: small(last.chars().count() + 1), length: 1 };
    let is_utf16 = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
    let help = if is_utf16 { "it looks like UTF-16: save it as UTF-8" } else { "save it as UTF-8" };
    let problem = Problem {
        span,
        code: Code::NotUtf8,
        message: "the file is not UTF-8 text".to_owned(),
        help: Some(help.to_owned()),
    };
    let shown = String::from_utf8_lossy(bytes).into_owned();
    let chunk = Chunk { text: &shown, lines_before: 0 };
    report.text_error(&SourceText::new(name, String::new(), shown.clone()), &chunk, problem);
}

/// How many texts are parsed side by side before what they hold is counted.
const TEXTS_AT_ONCE: usize = 64;

/// Each document of a text.
fn parse_all(text: &SourceText) -> Vec<(Chunk<'_>, Parsed<'_>)> {
    split(&text.text).into_iter().map(|chunk| (chunk, parse(&chunk))).collect()
}

/// The documents of all texts.
struct Gathered<'t> {
    documents: Vec<Document<'t>>,
    /// Documents of ours that cannot be used, as far as they say what they are.
    broken: Vec<(Option<Kind>, Option<Name>)>,
    /// How many documents are ours, broken ones included.
    count: usize,
}

fn gather<'t>(texts: &'t [SourceText], bounds: Bounds, report: &mut Report) -> Gathered<'t> {
    let mut gathered = Gathered { documents: Vec::new(), broken: Vec::new(), count: 0 };
    let (mut documents, mut values) = (0, 0);
    // Some at a time, so that not much more is read than the bounds allow.
    for some in texts.chunks(TEXTS_AT_ONCE) {
        let parsed: Vec<_> = some.par_iter().map(|text| (text, parse_all(text))).collect();
        for (text, chunk, parsed) in parsed
            .into_iter()
            .flat_map(|(text, all)| all.into_iter().map(move |(chunk, it)| (text, chunk, it)))
        {
            documents += 1;
            values += parsed.values;
            if documents > bounds.documents || values > bounds.values {
                let Bounds { documents, values } = bounds;
                let message = format!(
                    "there are more than {documents} documents, or more than {values} values in them"
                );
                report.error(Code::TooLarge, message, None);
                return gathered;
            }
            if let Some(root) = parsed.root {
                gathered.add(text, root, parsed.problems, report);
                continue;
            }
            gathered.count += usize::from(!parsed.problems.is_empty());
            for problem in parsed.problems {
                report.text_error(text, &chunk, problem);
                gathered.broken.push(guess(&chunk));
            }
        }
    }
    gathered
}

impl<'t> Gathered<'t> {
    fn add(&mut self, text: &'t SourceText, root: Node<'t>, problems: Vec<Problem>, report: &mut Report) {
        let found = head(&root);
        let kind = if let Head::Ours(kind) = found { Some(kind) } else { None };
        let mut document = Document::new(text, root, kind);
        match found {
            Head::Ours(_) => {
                self.count += 1;
                for problem in problems {
                    report.problem(&document, Severity::Error, problem, &[]);
                }
                self.documents.push(document);
            }
            Head::Wrong { member, code, message, help, meant } => {
                self.count += 1;
                let mut finding = Finding::error(&[member], code, message);
                finding.help = help;
                report.finding(&document, finding);
                for problem in problems {
                    report.problem(&document, Severity::Error, problem, &[]);
                }
                if let Some(kind) = meant {
                    // What else is wrong with it is told too.
                    mend_head(&mut document.root, kind);
                    document.kind = Some(kind);
                    self.documents.push(document);
                } else {
                    self.broken.extend(near_identity(&document.root));
                }
            }
            Head::Foreign if is_nothing(&document.root) => {}
            Head::Foreign => report.finding(&document, foreign(&document.root)),
        }
    }
}

fn foreign(root: &Node<'_>) -> Finding {
    let message = match (root.member_text("apiVersion"), root.member_text("kind")) {
        (Some(version), Some(kind)) => {
            format!("a document of another tool was passed over: {version}, {kind}")
        }
        _ => "a document without `apiVersion: raccord/v1` was passed over".to_owned(),
    };
    let help = "documents of Raccord begin with `apiVersion: raccord/v1`";
    Finding::warning(&["apiVersion"], Code::ForeignDocument, message).help(help)
}

/// A document that says nothing, such as `--- ~`.
fn is_nothing(root: &Node<'_>) -> bool {
    matches!(root.text(), Some("" | "~" | "null"))
}

/// What a document with a wrong head is probably meant to be.
fn near_identity(root: &Node<'_>) -> Option<(Option<Kind>, Option<Name>)> {
    let kind = nearest_kind(root.member_text("kind")?)?;
    let name = root.member("metadata").and_then(|entry| entry.node.member_text("name"));
    Some((Some(kind), name.and_then(|name| name.parse().ok())))
}

/// What a document that is not YAML is probably meant to be: from the lines that begin its members.
fn guess(chunk: &Chunk<'_>) -> (Option<Kind>, Option<Name>) {
    let value = |prefix: &str| {
        let found = lines(chunk.text).find_map(|line| line.strip_prefix(prefix));
        found.map(|rest| rest.trim().trim_matches(['"', '\'']).to_owned())
    };
    let kind = value("kind:").and_then(|kind| nearest_kind(&kind));
    let inline = value("metadata:").and_then(|rest| {
        let (_, after) = rest.split_once("name:")?;
        Some(after.trim().trim_end_matches('}').trim().to_owned())
    });
    let name = inline.or_else(|| {
        let mut below = lines(chunk.text).skip_while(|line| !line.starts_with("metadata:")).skip(1);
        below.find_map(|line| Some(line.trim().strip_prefix("name:")?.trim().to_owned()))
    });
    (kind, name.and_then(|name| name.parse().ok()))
}
