//! A file's text and the lines of it that diagnostics show.

use std::sync::OnceLock;

use raccord_model::diagnostic::Place;
use raccord_model::foreign;

use crate::node::Span;
use crate::split::lines;

/// The longest line shown, in characters.
const LONGEST_LINE: usize = 240;

/// A text to be loaded.
#[derive(Debug)]
pub(crate) struct SourceText {
    /// As it was named or found; `-` is standard input.
    pub(crate) name: String,
    /// The absolute directory that paths inside it are relative to.
    pub(crate) directory: String,
    /// The text, without byte-order mark.
    pub(crate) text: String,
    /// Where each line begins; found out when the first mistake needs it.
    starts: OnceLock<Vec<usize>>,
}

impl SourceText {
    pub(crate) const fn new(name: String, directory: String, text: String) -> Self {
        Self { name, directory, text, starts: OnceLock::new() }
    }

    /// A line without its end, counted from 1.
    fn line(&self, number: u32) -> &str {
        let starts = self.starts.get_or_init(|| {
            lines(&self.text)
                .scan(0, |at, line| {
                    let start = *at;
                    *at += line.len();
                    Some(start)
                })
                .collect()
        });
        let at = usize::try_from(number).unwrap_or(usize::MAX).saturating_sub(1);
        let start = starts.get(at).copied().unwrap_or(self.text.len());
        let end = starts.get(at + 1).copied().unwrap_or(self.text.len());
        self.text.get(start..end).unwrap_or_default().trim_end_matches(['\n', '\r'])
    }

    /// The column on which a text begins that ends a line, or stands before a quote there; from a column on.
    pub(crate) fn column_of(&self, number: u32, from: u32, text: &str) -> Option<u32> {
        let line = self.line(number);
        let skipped = usize::try_from(from).unwrap_or(usize::MAX).saturating_sub(1);
        let start = line.char_indices().nth(skipped).map_or(line.len(), |(at, _)| at);
        let at = start + line.get(start..)?.find(text)?;
        let column = line.get(..at)?.chars().count() + 1;
        u32::try_from(column).ok()
    }

    /// The place of a span, with its line; what the spans in `secret` cover is not shown.
    pub(crate) fn place(&self, span: Span, secret: &[Span]) -> Place {
        let wide = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let line = self.line(span.line);
        let column = wide(span.column);
        let rest = line.chars().count().saturating_sub(column - 1).max(1);
        Place {
            file: self.name.clone(),
            line: wide(span.line),
            column,
            length: if span.length == 0 { rest } else { wide(span.length) },
            text: shown(line, span.line, secret),
        }
    }
}

/// A line as it may be shown: one printable character for each of its own, secrets as asterisks.
pub(crate) fn shown(line: &str, number: u32, secret: &[Span]) -> String {
    let hidden = |at: usize| {
        let column = u32::try_from(at + 1).unwrap_or(u32::MAX);
        secret.iter().any(|span| {
            span.line == number
                && column >= span.column
                && (span.length == 0 || column < span.column.saturating_add(span.length))
        })
    };
    line.chars()
        .take(LONGEST_LINE)
        .enumerate()
        .map(|(at, c)| if hidden(at) { '*' } else { c })
        .map(foreign::in_line)
        .collect()
}
