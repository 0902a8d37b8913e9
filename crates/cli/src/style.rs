//! How text looks on a terminal: the styles of this program, kept apart from what a record or a service says, so that only
//! they get through the filter of `ui`. Nothing here writes.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::LazyLock;

use anstyle::AnsiColor;
use raccord_model::foreign;

/// Destructive.
pub(crate) const RED: Style = Style(AnsiColor::Red.on_default());
/// New.
pub(crate) const GREEN: Style = Style(AnsiColor::Green.on_default());
/// Changed.
pub(crate) const YELLOW: Style = Style(AnsiColor::Yellow.on_default());
/// Moved.
pub(crate) const BLUE: Style = Style(AnsiColor::Cyan.on_default());
/// Headings.
pub(crate) const BOLD: Style = Style(anstyle::Style::new().bold());
/// Beside the point.
pub(crate) const DIM: Style = Style(anstyle::Style::new().dimmed());

/// The character that begins a command to a terminal.
const ESCAPE: &str = "\u{1b}";

/// What stands for [`ESCAPE`] in a style of ours until it is written. Other text cannot contain it: it is another one
/// in each process.
static MARK: LazyLock<String> =
    LazyLock::new(|| format!("\u{fdd0}{:016x}\u{fdd1}", RandomState::new().hash_one(std::process::id())));

/// How a part of a text looks: `{RED}` begins it, `{RED:#}` ends it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style(anstyle::Style);

impl fmt::Display for Style {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(style) = self;
        let written = if f.alternate() { format!("{style:#}") } else { style.to_string() };
        f.write_str(&styled(&written))
    }
}

/// A text whose styles a library of this program has made of text that was filtered before.
pub(crate) fn styled(text: &str) -> String {
    text.replace(ESCAPE, MARK.as_str())
}

/// A text as a terminal may see it.
pub(crate) fn filtered(text: &str) -> String {
    let parts: Vec<_> = text.split(MARK.as_str()).map(foreign::lines).collect();
    parts.join(ESCAPE)
}
