//! Mistakes gathered from every step, given their places, sorted, bounded in number.

use raccord_model::Kind;
use raccord_model::diagnostic::{Code, Diagnostic, Finding, Place, Severity, TextPlace};

use crate::node::{Node, Span};
use crate::parse::Problem;
use crate::secret;
use crate::split::Chunk;
use crate::text::SourceText;

/// How many diagnostics are given at the most; a note tells how many more there are.
pub const MAX_DIAGNOSTICS: usize = 1_000;

/// One document that could be read as YAML.
#[derive(Debug)]
pub(crate) struct Document<'t> {
    /// The text it stands in.
    pub(crate) text: &'t SourceText,
    /// Its tree.
    pub(crate) root: Node<'t>,
    /// Its kind, when that is one of the nine.
    pub(crate) kind: Option<Kind>,
    /// What must not be shown of it as it was written, besides what its tree says.
    hidden: Vec<Span>,
}

impl<'t> Document<'t> {
    pub(crate) const fn new(text: &'t SourceText, root: Node<'t>, kind: Option<Kind>) -> Self {
        Self { text, root, kind, hidden: Vec::new() }
    }

    /// Puts what was meant in the place of what was written. What either of them hides stays hidden.
    pub(crate) fn rename(&mut self, named: Node<'t>) {
        self.hidden.extend(secret::spans(&self.root, self.kind));
        self.root = named;
    }

    /// Where it begins, in words: `shop.yaml:12`.
    pub(crate) fn position(&self) -> String {
        let line = self.root.entries().first().map_or(self.root.span.line, |entry| entry.key_span.line);
        format!("{}:{line}", self.text.name)
    }
}

/// The mistakes found so far.
#[derive(Debug, Default)]
pub(crate) struct Report {
    errors: List,
    warnings: List,
    hidden: usize,
}

/// Mistakes of one severity, at most so many.
#[derive(Debug, Default)]
struct List {
    items: Vec<Diagnostic>,
    /// Whether the items are sorted and each is there once.
    is_tidy: bool,
}

impl List {
    /// False when there is no room.
    fn push(&mut self, diagnostic: Diagnostic) -> bool {
        // A full list is made room in when most of it is repetition, such as a shared mapping's mistakes.
        if self.items.len() >= MAX_DIAGNOSTICS && !self.is_tidy {
            self.tidy();
        }
        if self.items.len() < MAX_DIAGNOSTICS {
            self.items.push(diagnostic);
            self.is_tidy = false;
            return true;
        }
        self.items.binary_search(&diagnostic).is_ok()
    }

    fn tidy(&mut self) {
        self.items.sort();
        // Two ways to the same mistake may lead to different advice.
        self.items.dedup_by(|again, first| said(again) == said(first));
        self.is_tidy = true;
    }
}

impl Report {
    /// Whether anything forbids going on.
    pub(crate) const fn has_errors(&self) -> bool {
        !self.errors.items.is_empty()
    }

    /// The errors so far.
    pub(crate) fn errors(&self) -> &[Diagnostic] {
        &self.errors.items
    }

    fn push(&mut self, diagnostic: Diagnostic) {
        let list = match diagnostic.severity {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
        };
        if !list.push(diagnostic) {
            self.hidden += 1;
        }
    }

    /// An error that has no place in a text.
    pub(crate) fn error(&mut self, code: Code, message: String, help: Option<String>) {
        let path = String::new();
        self.push(Diagnostic { place: None, severity: Severity::Error, code, message, path, help });
    }

    /// An error in a text that could not be read as a document.
    pub(crate) fn text_error(&mut self, text: &SourceText, chunk: &Chunk<'_>, problem: Problem) {
        let secret: Vec<_> = secret::line_span(chunk, problem.span.line).into_iter().collect();
        let Problem { span, code, message, help } = problem;
        let (place, path) = (Some(text.place(span, &secret)), String::new());
        self.push(Diagnostic { place, severity: Severity::Error, code, message, path, help });
    }

    /// A mistake at a known place of a document.
    pub(crate) fn problem(
        &mut self,
        document: &Document<'_>,
        severity: Severity,
        problem: Problem,
        path: &[String],
    ) {
        let mut secret = secret::spans(&document.root, document.kind);
        secret.extend(&document.hidden);
        let Problem { span, code, message, help } = problem;
        // The name of the member is no secret: the path says it too.
        if code == Code::PlainSecret && document.root.locate_name(path) != Some(span) {
            secret.push(span);
        }
        let place = Some(document.text.place(span, &secret));
        let path = document.root.path_text(path);
        self.push(Diagnostic { place, severity, code, message, path, help });
    }

    /// A mistake at a path of a document.
    pub(crate) fn finding(&mut self, document: &Document<'_>, finding: Finding) {
        let Finding { path, severity, code, message, help, is_about_name, within } = finding;
        let root = &document.root;
        let name = if is_about_name { root.locate_name(&path) } else { None };
        let span = name.unwrap_or_else(|| root.locate(&path));
        let part = within.map(|within| part_of(document, &path, within));
        let (span, message) = match part {
            None => (span, message),
            Some(Ok(part)) => (part, message),
            Some(Err(TextPlace { line, column, .. })) => {
                (span, format!("{message} (line {line}, column {column} of the text)"))
            }
        };
        self.problem(document, severity, Problem { span, code, message, help }, &path);
    }

    /// All of them, in the order of files and lines.
    pub(crate) fn finish(mut self) -> Vec<Diagnostic> {
        self.errors.tidy();
        self.warnings.tidy();
        let mut all = self.errors.items;
        let room = MAX_DIAGNOSTICS.saturating_sub(all.len());
        self.hidden += self.warnings.items.len().saturating_sub(room);
        all.extend(self.warnings.items.into_iter().take(room));
        all.sort();
        if self.hidden > 0 {
            all.push(Diagnostic {
                place: None,
                severity: Severity::Warning,
                code: Code::TooLarge,
                message: format!("{} more diagnostics are not shown", self.hidden),
                path: String::new(),
                help: Some("mend the first ones and try again".to_owned()),
            });
        }
        all
    }
}

/// Where a part of a text stands in the file; the part again when the file has the text in another form, as a folded one or
/// one with escapes.
fn part_of(document: &Document<'_>, path: &[String], within: TextPlace) -> Result<Span, TextPlace> {
    let node = document.root.find(path).ok_or(within)?;
    let text = node.text().ok_or(within)?;
    let wanted = usize::try_from(within.line).unwrap_or(usize::MAX).saturating_sub(1);
    let line = text.lines().nth(wanted).or_else(|| text.lines().next_back()).unwrap_or_default();
    // In a block the text begins on the line after its sign, else where the value does.
    let block = (node.span.line.saturating_add(within.line), 1);
    let inline =
        (node.span.line.saturating_add(within.line - 1), if within.line == 1 { node.span.column } else { 1 });
    let found = [inline, block].into_iter().find_map(|(number, from)| {
        let indent = document.text.column_of(number, from, line)?;
        Some(Span { line: number, column: indent.saturating_add(within.column - 1), length: within.length })
    });
    found.ok_or(within)
}

/// What a diagnostic says, its advice left aside.
fn said(diagnostic: &Diagnostic) -> (Option<&Place>, Code, &str, &str) {
    (diagnostic.place.as_ref(), diagnostic.code, &diagnostic.message, &diagnostic.path)
}
