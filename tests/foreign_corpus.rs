//! What a record, a name, a reason or a file may say to deceive: one hostile corpus for every place where foreign text comes out.

/// Texts that move a cursor, hide, forge lines, or are something else to what reads them.
pub(crate) const CORPUS: [&str; 13] = [
    "\u{1b}[95;7mpink\u{1b}[28m",
    "\u{1b}[8mhidden\u{1b}[28m",
    "\u{1b}]0;title\u{7}",
    "\u{1b}]8;;https://evil.example\u{1b}\\link\u{1b}]8;;\u{1b}\\",
    "\u{9b}2Jcleared",
    "invoice\u{202e}fdp.exe\u{202c}",
    "\u{2066}isolated\u{2069}\u{200f}\u{61c}",
    "one line\nFORGED error: all is well",
    "one line\r\u{1b}[2KFORGED",
    "separated\u{2028}FORGED\u{85}FORGED",
    "nothing\0 back\u{8}\u{8} delete\u{7f} mark\u{feff}",
    "<!-- FORGED -->\n\n# FORGED\n\n| a | b |\n|---|---|",
    "=HYPERLINK(\"https://evil.example\")",
];
