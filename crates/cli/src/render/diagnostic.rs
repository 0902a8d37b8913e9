//! Diagnostics: with their line and a caret for people, as annotations for GitHub.

use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteDiagnostic, MietteError, MietteSpanContents,
    SourceCode, SourceSpan, SpanContents,
};
use raccord_model::diagnostic::{Diagnostic, Place, Severity};
use raccord_model::foreign;

use crate::style::styled;

/// All diagnostics, one after the other.
pub(crate) fn text(diagnostics: &[Diagnostic], color: bool) -> String {
    let theme = if color { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler =
        GraphicalReportHandler::new_themed(theme).with_width(110).with_links(false).with_context_lines(0);
    diagnostics.iter().map(|diagnostic| styled(&one(&handler, &shown(diagnostic))) + "\n").collect()
}

/// A diagnostic whose texts, which may repeat what others wrote, are one line each.
fn shown(diagnostic: &Diagnostic) -> Diagnostic {
    let line = |text: &String| foreign::line(text).into_owned();
    Diagnostic {
        message: line(&diagnostic.message),
        help: diagnostic.help.as_ref().map(line),
        path: line(&diagnostic.path),
        place: diagnostic.place.as_ref().map(|place| Place {
            file: line(&place.file),
            text: line(&place.text),
            ..place.clone()
        }),
        ..diagnostic.clone()
    }
}

/// How many diagnostics are shown unless all of them are asked for.
const SHOWN: usize = 20;

/// The first diagnostics, errors before warnings, in the order of files and lines; and how many more there are.
pub(crate) fn first(diagnostics: &[Diagnostic]) -> (Vec<Diagnostic>, usize) {
    let is_error = |found: &&Diagnostic| found.severity == Severity::Error;
    let errors = diagnostics.iter().filter(is_error).count().min(SHOWN);
    let (mut errors, mut warnings) = (errors, SHOWN - errors);
    let mut shown = Vec::new();
    for found in diagnostics {
        let left = if is_error(&found) { &mut errors } else { &mut warnings };
        if *left > 0 {
            *left -= 1;
            shown.push(found.clone());
        }
    }
    let more = diagnostics.len() - shown.len();
    (shown, more)
}

fn one(handler: &GraphicalReportHandler, diagnostic: &Diagnostic) -> String {
    let severity = match diagnostic.severity {
        Severity::Error => miette::Severity::Error,
        Severity::Warning => miette::Severity::Warning,
    };
    let mut shown = MietteDiagnostic::new(diagnostic.message.clone())
        .with_code(diagnostic.code.as_str())
        .with_severity(severity);
    if let Some(help) = &diagnostic.help {
        shown = shown.with_help(help.clone());
    }
    let mut text = String::new();
    let Some(place) = &diagnostic.place else {
        return match handler.render_report(&mut text, &shown) {
            Ok(()) => text,
            Err(_) => format!("{}: {}\n", diagnostic.code, diagnostic.message),
        };
    };
    let start = byte_of(&place.text, place.column);
    let end = byte_of(&place.text, place.column + place.length);
    let label = (!diagnostic.path.is_empty()).then(|| diagnostic.path.clone());
    let shown = shown.with_label(LabeledSpan::new(label, start, end - start));
    let report = miette::Report::from(shown).with_source_code(Line(place.clone()));
    match handler.render_report(&mut text, report.as_ref()) {
        Ok(()) => text,
        Err(_) => format!("{}:{}:{}: {}\n", place.file, place.line, place.column, diagnostic.message),
    }
}

/// The one line of a file that is known: all of it is shown, whichever part of it is meant.
struct Line(Place);

impl SourceCode for Line {
    fn read_span<'a>(
        &'a self,
        _: &SourceSpan,
        _: usize,
        _: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let Place { file, line, column, text, .. } = &self.0;
        // Of an empty line nothing at all would be shown.
        let data = if text.is_empty() { " " } else { text };
        let whole = SourceSpan::from((0, data.len()));
        let (line, column) = (line.saturating_sub(1), column.saturating_sub(1));
        Ok(Box::new(MietteSpanContents::new_named(file.clone(), data.as_bytes(), whole, line, column, 1)))
    }
}

/// Where the character of a column begins.
fn byte_of(line: &str, column: usize) -> usize {
    line.char_indices().nth(column.saturating_sub(1)).map_or(line.len(), |(at, _)| at)
}

/// Workflow commands that annotate the lines of a pull request.
pub(crate) fn github(diagnostics: &[Diagnostic]) -> String {
    diagnostics.iter().map(annotation).collect()
}

fn annotation(diagnostic: &Diagnostic) -> String {
    let level = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let place = diagnostic.place.as_ref().map_or_else(String::new, |place| {
        format!(
            " file={},line={},col={},endColumn={},title={}",
            property(&place.file),
            place.line,
            place.column,
            place.column + place.length,
            diagnostic.code
        )
    });
    let help = diagnostic.help.as_ref().map(|help| format!("\n{help}")).unwrap_or_default();
    format!("::{level}{place}::{}\n", data(&format!("{}{help}", diagnostic.message)))
}

/// The escapes of a workflow command's message.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The escapes of a workflow command's properties.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
