//! Watches over the quotes of a CSV file while its bytes go by: the parser joins what follows a closing quote to the
//! cell, which RFC 4180 does not have. It changes nothing, and knows rows by their places in the file alone.
//!
//! A row in which that happens is a fault when its end is certain: when it ends at the same place whether the
//! quotes inside of it are read as they stand or as quotes that were not doubled. Otherwise nothing after it can be
//! trusted.

use std::collections::VecDeque;

/// Where a text follows a closing quote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stray {
    /// The place in the file, from 0.
    at: u64,
    /// Whether it is uncertain where its row ends.
    is_open: bool,
}

/// What is wrong with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Misquoted {
    /// A text follows a closing quote.
    Row,
    /// So it does, and it is uncertain where the row ends.
    Rest,
}

/// Where the parser is, which is followed step by step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Before the first byte of a row.
    Row,
    /// Before the first byte of another cell.
    Cell,
    /// In a cell without quotes, or after the end of the quotes.
    Plain,
    /// Between two quotes.
    Quoted,
    /// After a quote between quotes: it ends them, or begins a doubled one.
    Closed,
    /// In a line that is a comment.
    Comment,
}

/// Where a reader is who takes a quote for the end of a cell only before a delimiter or the end of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lenient {
    Quoted,
    Quote,
    /// Between a closing quote and the delimiter, where only space came so far.
    Space,
    Cell,
    Plain,
}

/// The watch over one file.
#[derive(Debug)]
pub(super) struct Quotes {
    delimiter: u8,
    comment: Option<u8>,
    place: u64,
    at: At,
    /// In a row with a stray text.
    lenient: Option<Lenient>,
    strays: VecDeque<Stray>,
}

const fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

impl Quotes {
    pub(super) const fn new(delimiter: u8, comment: Option<u8>) -> Self {
        Self { delimiter, comment, place: 0, at: At::Row, lenient: None, strays: VecDeque::new() }
    }

    /// Looks at the next bytes of the file.
    pub(super) fn watch(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some(&first) = rest.first() {
            let skipped = self.skip(rest);
            if skipped > 0 {
                self.place += u64::try_from(skipped).unwrap_or(u64::MAX);
                rest = &rest[skipped..];
                continue;
            }
            self.step(first);
            self.place += 1;
            rest = &rest[1..];
        }
    }

    /// How many of the bytes are nothing to stop at.
    fn skip(&mut self, bytes: &[u8]) -> usize {
        if self.lenient.is_some() || (self.comment.is_some() && self.at != At::Quoted) {
            return 0;
        }
        match self.at {
            At::Quoted => memchr::memchr(b'"', bytes).unwrap_or(bytes.len()),
            At::Plain | At::Row | At::Cell => {
                let until = memchr::memchr(b'"', bytes).unwrap_or(bytes.len());
                if let Some(&last) = bytes[..until].last() {
                    self.at = self.after(last);
                }
                until
            }
            At::Closed | At::Comment => 0,
        }
    }

    /// Where one is after a byte outside of quotes.
    const fn after(&self, byte: u8) -> At {
        if is_line_end(byte) {
            At::Row
        } else if byte == self.delimiter {
            At::Cell
        } else {
            At::Plain
        }
    }

    fn step(&mut self, byte: u8) {
        let before = self.at;
        self.at = match before {
            At::Row if self.comment == Some(byte) => At::Comment,
            At::Row | At::Cell | At::Closed if byte == b'"' => At::Quoted,
            At::Row | At::Cell | At::Closed | At::Plain => self.after(byte),
            At::Quoted if byte == b'"' => At::Closed,
            At::Quoted => At::Quoted,
            At::Comment if byte == b'\n' => At::Row,
            At::Comment => At::Comment,
        };
        if let Some(lenient) = self.lenient {
            self.step_lenient(lenient, byte);
        } else if before == At::Closed && self.at == At::Plain {
            self.strays.push_back(Stray { at: self.place, is_open: false });
            let is_space = matches!(byte, b' ' | b'\t');
            self.lenient = Some(if is_space { Lenient::Space } else { Lenient::Quoted });
        }
    }

    fn step_lenient(&mut self, before: Lenient, byte: u8) {
        if is_line_end(byte) {
            let ends = (self.at == At::Row, before != Lenient::Quoted);
            if ends == (false, false) {
                return;
            }
            if ends != (true, true)
                && let Some(last) = self.strays.back_mut()
            {
                last.is_open = true;
            }
            self.lenient = None;
            return;
        }
        let is_delimiter = byte == self.delimiter;
        self.lenient = Some(match before {
            Lenient::Quoted if byte == b'"' => Lenient::Quote,
            Lenient::Quoted => Lenient::Quoted,
            Lenient::Quote | Lenient::Space | Lenient::Cell | Lenient::Plain if is_delimiter => Lenient::Cell,
            Lenient::Quote | Lenient::Space => match (before, byte) {
                (Lenient::Space, b' ' | b'\t') => Lenient::Space,
                _ => Lenient::Quoted,
            },
            Lenient::Cell if byte == b'"' => Lenient::Quoted,
            Lenient::Cell | Lenient::Plain => Lenient::Plain,
        });
    }

    /// What is wrong with the row that ends before a place; rows are asked about in their order.
    pub(super) fn take_before(&mut self, end: u64) -> Option<Misquoted> {
        let mut found = None;
        while let Some(stray) = self.strays.front().filter(|stray| stray.at < end) {
            if stray.is_open {
                found = Some(Misquoted::Rest);
            }
            found = found.or(Some(Misquoted::Row));
            self.strays.pop_front();
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The strays of a text, whatever pieces it comes in.
    fn check(text: &str, expected: &[(u64, bool)]) {
        for size in [1, 2, 3, 7, text.len().max(1)] {
            let mut quotes = Quotes::new(b',', Some(b'#'));
            let mut plain = Quotes::new(b',', None);
            for piece in text.as_bytes().chunks(size) {
                quotes.watch(piece);
                plain.watch(piece);
            }
            let found = |quotes: Quotes| -> Vec<_> {
                quotes.strays.iter().map(|stray| (stray.at, stray.is_open)).collect()
            };
            assert_eq!(found(quotes), expected, "{text} in pieces of {size}");
            if !text.contains('#') {
                assert_eq!(found(plain), expected, "{text} in pieces of {size}, without comments");
            }
        }
    }

    #[test]
    fn a_text_after_a_closing_quote_is_found() {
        check("a,\"b\"\n\"c\"\"d\",e\r\n\"\"\n", &[]);
        check("\"a\nb\",\"\"\"\"\n", &[]);
        // A quote inside of a cell without quotes is a character.
        check("5\" nail,x\n", &[]);
        check("\"5\" nail\"\n", &[(3, false)]);
        check("\"pipe 5\\\" wide\"\nb\n", &[(9, false)]);
        check("\"a\" ,b\n", &[(3, false)]);
        check("\"a\" \n", &[(3, false)]);
        check("\"a\"b,c\n\"d\"\n", &[(3, true)]);
        check("\"a\"b\",c\n\"d\"\n", &[(3, false)]);
        // The comma may stand inside of the quotes or between two cells: the row ends with the line in any case.
        check("\"a \"b\", \"c\"\n", &[(4, false)]);
        check("\"he said \\\"hi\nthere\\\"\",2\n", &[(11, true)]);
        check("# \"a\"b\n\"c\"d\"\n#\"", &[(10, false)]);
    }

    #[test]
    fn a_stray_belongs_to_its_row() {
        let mut quotes = Quotes::new(b',', None);
        quotes.watch(b"\"a\"\n\"b\"x\"\n\"c\"\n\"d\"y\n");
        let ends = [4, 10, 14, 19];
        let found = ends.map(|end| quotes.take_before(end));
        assert_eq!(found, [None, Some(Misquoted::Row), None, Some(Misquoted::Rest)]);
    }
}
