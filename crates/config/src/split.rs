//! A text cut into its documents, by lines. A mistake in one document then hides nothing in the others.
//!
//! In YAML a line that begins with `---` or `...` is always a marker, whatever surrounds it; so no parser
//! is needed here.

/// One document of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Chunk<'t> {
    /// Its text, its own `---` line included.
    pub(crate) text: &'t str,
    /// How many lines stand before it.
    pub(crate) lines_before: u32,
}

/// The documents of a text that hold more than comments.
pub(crate) fn split(text: &str) -> Vec<Chunk<'_>> {
    let mut chunks = Vec::new();
    let mut start = 0;
    let (mut line, mut first_line) = (0_u32, 0_u32);
    let mut at = 0;
    for piece in lines(text) {
        if is_marker(piece, "---") || is_marker(piece, "...") {
            push(&mut chunks, &text[start..at], first_line);
            // `...` ends a document and belongs to none; `---` begins one and may carry content.
            (start, first_line) =
                if piece.starts_with("...") { (at + piece.len(), line + 1) } else { (at, line) };
        }
        at += piece.len();
        line += 1;
    }
    push(&mut chunks, &text[start..], first_line);
    chunks
}

/// The lines of a text, each with its end.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (line, after) = rest.split_at(line_length(rest));
        rest = after;
        Some(line)
    })
}

/// How many bytes the first line has with its end: a line feed, a carriage return, or both.
fn line_length(text: &str) -> usize {
    let Some(end) = text.bytes().position(|byte| byte == b'\n' || byte == b'\r') else {
        return text.len();
    };
    if text[end..].starts_with("\r\n") { end + 2 } else { end + 1 }
}

fn is_marker(line: &str, marker: &str) -> bool {
    line.strip_prefix(marker).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\n', '\r']))
}

fn push<'t>(chunks: &mut Vec<Chunk<'t>>, text: &'t str, lines_before: u32) {
    let content = text.strip_prefix("---").unwrap_or(text);
    let is_empty = lines(content).all(|line| {
        let trimmed = line.trim();
        // A directive alone is no document: it belongs to the one after it.
        trimmed.is_empty() || trimmed.starts_with('#') || line.starts_with('%')
    });
    if !is_empty {
        chunks.push(Chunk { text, lines_before });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_keep_their_lines() {
        let cases: [(&str, &[(&str, u32)]); 9] = [
            ("", &[]),
            ("# only\n---\n\n---\n# comments\n", &[]),
            ("a: 1\n", &[("a: 1\n", 0)]),
            ("a: 1\n---\nb: 2", &[("a: 1\n", 0), ("---\nb: 2", 1)]),
            ("---\na: 1\n...\n# x\nb: 2\n", &[("---\na: 1\n", 0), ("# x\nb: 2\n", 3)]),
            ("--- {a: 1}\n", &[("--- {a: 1}\n", 0)]),
            ("a: ---b\n---b: 1\n", &[("a: ---b\n---b: 1\n", 0)]),
            ("a: 1\r\n---\r\nb: 2\r\n", &[("a: 1\r\n", 0), ("---\r\nb: 2\r\n", 1)]),
            ("%YAML 1.2\n---\na: 1\n", &[("---\na: 1\n", 1)]),
        ];
        for (text, expected) in cases {
            let found: Vec<_> = split(text).iter().map(|chunk| (chunk.text, chunk.lines_before)).collect();
            assert_eq!(found, expected, "{text:?}");
        }
    }
}
