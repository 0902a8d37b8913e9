//! What the YAML parser's complaints mean to a person: one sentence, and what to do.

use granit_parser::{ErrorKind, ScanError};
use raccord_model::diagnostic::Code;

use crate::node::Span;
use crate::parse::{MAX_DEPTH, Problem, span_of};
use crate::split::{Chunk, lines};

/// The advice about brackets and braces, which begin a list or a map wherever a value may begin.
pub(crate) const QUOTE_BRACKETS: &str = "`[ ] { } ,` have a meaning of their own in YAML: put a value that holds them in quotes, \
     for example \"addresses[0].city\" or \"{{ page }}\"";
const QUOTE_REFERENCE: &str = "put a reference inside `{ }` in quotes, for example {token: \"${env:TOKEN}\"}";
const SPACES: &str = "indent with spaces; YAML does not allow tabs";

/// The parser's error as a mistake with a place.
pub(crate) fn problem(error: &ScanError, chunk: &Chunk<'_>) -> Problem {
    let mut span = span_of(chunk.lines_before, error.marker(), error.marker());
    let line_number = usize::try_from(span.line.saturating_sub(chunk.lines_before)).unwrap_or(1);
    let line = lines(chunk.text).nth(line_number.saturating_sub(1)).unwrap_or_default();
    let line = line.trim_end_matches(['\n', '\r']);
    // The end of the text is no place to look at: the last line with something on it is.
    if line.trim().is_empty() {
        let last = lines(chunk.text).enumerate().filter(|(_, line)| !line.trim().is_empty()).last();
        if let Some((at, text)) = last {
            let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
            span.line = chunk.lines_before.saturating_add(small(at + 1));
            span.column = small(text.trim_end().chars().count()).max(1);
        }
    }
    let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    // The parser stops where the line before the tab ends.
    let next = lines(chunk.text).enumerate().skip(line_number).find(|(_, line)| !line.trim().is_empty());
    let line = match next {
        Some((at, next)) if is_about_tabs(error.kind()) && !line.contains('\t') && indents_with_tab(next) => {
            span.line = chunk.lines_before.saturating_add(small(at + 1));
            next.trim_end_matches(['\n', '\r'])
        }
        _ => line,
    };
    if indents_with_tab(line) {
        span.column = small(line.len() - line.trim_start_matches(' ').len() + 1);
    }
    if let Some(open) = open_bracket(chunk, error.marker().byte_offset())
        && open.span.line < span.line
        && *error.kind() != ErrorKind::RecursionLimitExceeded
    {
        return open;
    }
    if let Some(problem) = missing_colon(error.kind(), chunk, line_number) {
        return problem;
    }
    let code =
        if *error.kind() == ErrorKind::RecursionLimitExceeded { Code::TooLarge } else { Code::YamlSyntax };
    let (message, help) = explain(error.kind(), line);
    Problem { span, code, message, help }
}

/// The line that lacks the `:` after its key, when that is why a `:` further down, or the end of the map, fits nothing.
fn missing_colon(kind: &ErrorKind, chunk: &Chunk<'_>, line_number: usize) -> Option<Problem> {
    let is_about_keys = matches!(
        kind,
        ErrorKind::MappingValueNotAllowed
            | ErrorKind::InvalidColonPlacement
            | ErrorKind::InvalidMappingValueWhitespace
            | ErrorKind::ExpectedBlockMappingKey
            | ErrorKind::SimpleKeyExpected
    );
    let all: Vec<&str> = lines(chunk.text).map(|line| line.trim_end_matches(['\n', '\r'])).collect();
    let indent = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let has_key = |line: &str| line.contains(": ") || line.trim_end().ends_with(':');
    // The parser stops at the line itself, at the next one, or after blank lines.
    let read = all.get(..line_number.min(all.len()))?;
    let mut nearby = read.iter().enumerate().rev().filter(|(_, line)| !line.trim().is_empty()).take(2);
    let (at, line) = nearby.find(|(_, line)| is_key_without_colon(line)).filter(|_| is_about_keys)?;
    // Only beside other keys is it one: further in, it may go on a text.
    let mut others = all.iter().enumerate().filter(|(other, line)| *other != at && has_key(line));
    if !others.any(|(_, other)| indent(other) == indent(line)) {
        return None;
    }
    let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let written = line.trim();
    let (key, value) = written.split_once(' ').unwrap_or((written, ""));
    let span = Span {
        line: chunk.lines_before.saturating_add(small(at + 1)),
        column: small(indent(line) + 1),
        length: small(key.len()),
    };
    let message = format!("the `:` after the key `{key}` is missing");
    let is_secret = crate::secret::line_span(chunk, span.line).is_some();
    let help = match value.trim() {
        _ if is_secret => format!("write {key}: before the value"),
        "" => format!("write {key}:"),
        value => format!("write {key}: {value}"),
    };
    Some(Problem { span, code: Code::YamlSyntax, message, help: Some(help) })
}

/// Whether a line begins with a name and has no `:` anywhere.
fn is_key_without_colon(line: &str) -> bool {
    let written = line.trim();
    let key = written.split(' ').next().unwrap_or_default();
    let is_name =
        key.starts_with(|c: char| c.is_ascii_alphabetic()) && key.chars().all(|c| c.is_ascii_alphanumeric());
    is_name && !written.contains([':', '{', '}', '"', '\''])
}

/// The bracket that is still open where reading failed: what it should have closed may be far above.
fn open_bracket(chunk: &Chunk<'_>, end: Option<usize>) -> Option<Problem> {
    let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let mut open: Vec<(char, Span)> = Vec::new();
    let read = chunk.text.get(..end?)?;
    for (number, line) in lines(read).enumerate() {
        let line_number = chunk.lines_before.saturating_add(small(number + 1));
        // The character before this one, and the one before that which is no space.
        let (mut last, mut before, mut quote) = (' ', ' ', None);
        for (column, c) in line.chars().enumerate() {
            let begins_value = matches!(before, ' ' | ':' | '-' | ',' | '[' | '{');
            match c {
                c if quote == Some(c) => quote = None,
                _ if quote.is_some() => {}
                '#' if last == ' ' => break,
                '"' | '\'' if begins_value => quote = Some(c),
                '[' | '{' if begins_value || !open.is_empty() => {
                    open.push((c, Span { line: line_number, column: small(column + 1), length: 1 }));
                }
                ']' | '}' => {
                    open.pop();
                }
                _ => {}
            }
            last = c;
            before = if c == ' ' { before } else { c };
        }
    }
    let (bracket, span) = open.pop()?;
    let message = format!("a `{bracket}` is never closed");
    Some(Problem { span, code: Code::YamlSyntax, message, help: Some(QUOTE_BRACKETS.to_owned()) })
}

fn explain(kind: &ErrorKind, line: &str) -> (String, Option<String>) {
    let (message, help) = if is_about_tabs(kind) || indents_with_tab(line) {
        ("a tab stands where YAML wants spaces".to_owned(), Some(SPACES.to_owned()))
    } else if is_about_flow(kind) {
        let help = if line.contains(": ${") { QUOTE_REFERENCE } else { QUOTE_BRACKETS };
        (flow_message(kind), Some(help.to_owned()))
    } else {
        other(kind)
    };
    let is_hidden = has_brackets(line) && *kind != ErrorKind::RecursionLimitExceeded;
    let help = help.or_else(|| is_hidden.then(|| QUOTE_BRACKETS.to_owned()));
    (message, help)
}

const fn is_about_tabs(kind: &ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::TabNotAllowed
            | ErrorKind::TabInBlockIndentation
            | ErrorKind::TabInIndentation
            | ErrorKind::TabAtBlockScalarStart
            | ErrorKind::TabInPlainScalar
    )
}

fn indents_with_tab(line: &str) -> bool {
    line.trim_start_matches(' ').starts_with('\t')
}

const fn is_about_flow(kind: &ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::UnexpectedEofFlowSequence
            | ErrorKind::UnexpectedEofFlowMapping
            | ErrorKind::UnexpectedEofImplicitFlowMapping
            | ErrorKind::ExpectedFlowMappingSeparator
            | ErrorKind::ExpectedFlowSequenceSeparator
            | ErrorKind::MisplacedFlowCollectionEnd
            | ErrorKind::MismatchedFlowCollectionEnd { .. }
            | ErrorKind::UnclosedFlowCollection { .. }
            | ErrorKind::FlowMappingValueAdjacentCollection
            | ErrorKind::PlainScalarStartsWithDashFlowIndicator
            | ErrorKind::UnexpectedEndOfPlainScalar
    )
}

fn flow_message(kind: &ErrorKind) -> String {
    if let ErrorKind::UnclosedFlowCollection { open } = kind {
        return format!("a `{open}` is never closed");
    }
    if let ErrorKind::MismatchedFlowCollectionEnd { open, close } = kind {
        return format!("a `{open}` is closed by `{close}`");
    }
    match kind {
        ErrorKind::ExpectedFlowMappingSeparator => "a `,` or `}` is missing between two members of a map",
        ErrorKind::ExpectedFlowSequenceSeparator => "a `,` or `]` is missing between two elements of a list",
        ErrorKind::MisplacedFlowCollectionEnd => "a bracket is closed that was never opened",
        _ => "a list in `[ ]` or a map in `{ }` is not complete",
    }
    .to_owned()
}

fn other(kind: &ErrorKind) -> (String, Option<String>) {
    let (message, help) = match kind {
        ErrorKind::UnexpectedCharacter { character } => {
            let help = format!("put a value that begins with `{character}` in quotes");
            return (format!("a value cannot begin with `{}`", character.escape_default()), Some(help));
        }
        ErrorKind::RecursionLimitExceeded => {
            return (format!("lists and maps are nested more than {MAX_DEPTH} deep"), None);
        }
        ErrorKind::UnknownAnchor => (
            "an alias refers to an anchor that is not there",
            Some("`*` begins an alias in YAML: put a text that begins with it in quotes"),
        ),
        ErrorKind::ExpectedBlockMappingKey | ErrorKind::SimpleKeyExpected => (
            "a line is neither a key with `:` nor part of the value before it",
            Some("check the indentation and the `:` after each key"),
        ),
        ErrorKind::ExpectedBlockSequenceEntry | ErrorKind::InvalidIndentation => (
            "the indentation fits nothing before it",
            Some("lines of one map or list begin in the same column"),
        ),
        ErrorKind::UnclosedQuotedScalar | ErrorKind::DocumentIndicatorInQuotedScalar => {
            ("a quote is never closed", Some("double the quote inside '…', write \\\" inside \"…\""))
        }
        ErrorKind::InvalidTrailingSingleQuotedScalar | ErrorKind::InvalidTrailingDoubleQuotedScalar => {
            ("a text goes on after its closing quote", Some("put the whole value in one pair of quotes"))
        }
        ErrorKind::MappingValueNotAllowed
        | ErrorKind::InvalidColonPlacement
        | ErrorKind::InvalidMappingValueWhitespace => (
            "a `:` stands where no key can end",
            Some("put a value that holds `: ` in quotes, and check the indentation"),
        ),
        ErrorKind::UnknownQuotedScalarEscape => (
            "a `\\` begins an escape that YAML does not know",
            Some("use '…', in which `\\` is itself, or write \\\\"),
        ),
        _ => return (format!("this is not YAML: {kind}"), None),
    };
    (message.to_owned(), help.map(str::to_owned))
}

fn has_brackets(line: &str) -> bool {
    line.contains(['[', ']', '{', '}'])
}
