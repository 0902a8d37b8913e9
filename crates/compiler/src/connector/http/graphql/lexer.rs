//! The words of a query in GraphQL, each with its place. Knows nothing of what they mean together.

use std::fmt;
use std::iter::Peekable;
use std::str::Chars;

use raccord_model::diagnostic::TextPlace;

/// One word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) place: TextPlace,
}

/// What a word is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// A name, also one that is a keyword in its place.
    Name(String),
    /// One of `! $ & ( ) : = @ [ ] { } |`.
    Sign(char),
    /// `...`
    Dots,
    /// A number, as it is written.
    Number(String),
    /// A text in quotes, whatever it says.
    Text,
    /// Nothing more comes.
    End,
}

impl fmt::Display for TokenKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(text) | Self::Number(text) => write!(f, "`{text}`"),
            Self::Sign(sign) => write!(f, "`{sign}`"),
            Self::Dots => f.write_str("`...`"),
            Self::Text => f.write_str("a text"),
            Self::End => f.write_str("the end of the query"),
        }
    }
}

/// Why a text is no query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SyntaxError {
    pub(super) place: TextPlace,
    pub(super) message: String,
}

/// The words of a text, the last of which is its end.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, SyntaxError> {
    let mut lexer = Lexer { rest: text.chars().peekable(), line: 1, column: 1 };
    let mut tokens = Vec::new();
    loop {
        let token = lexer.token()?;
        let is_end = token.kind == TokenKind::End;
        tokens.push(token);
        if is_end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'t> {
    rest: Peekable<Chars<'t>>,
    line: u32,
    column: u32,
}

impl Lexer<'_> {
    /// The next character, passed.
    fn pass(&mut self) -> Option<char> {
        let passed = self.rest.next()?;
        let ends_line = passed == '\n' || (passed == '\r' && self.rest.peek() != Some(&'\n'));
        if ends_line {
            (self.line, self.column) = (self.line.saturating_add(1), 1);
        } else {
            self.column = self.column.saturating_add(1);
        }
        Some(passed)
    }

    /// Passes the next character when it is this one.
    fn pass_if(&mut self, wanted: char) -> bool {
        self.rest.peek() == Some(&wanted) && self.pass().is_some()
    }

    /// Passes what separates words: spaces, ends of lines, commas, comments.
    fn pass_blanks(&mut self) {
        while let Some(next) = self.rest.peek() {
            match next {
                ' ' | '\t' | '\n' | '\r' | ',' | '\u{feff}' => {
                    self.pass();
                }
                '#' => {
                    while self.rest.peek().is_some_and(|c| !matches!(c, '\n' | '\r')) {
                        self.pass();
                    }
                }
                _ => return,
            }
        }
    }

    fn token(&mut self) -> Result<Token, SyntaxError> {
        self.pass_blanks();
        let start = TextPlace { line: self.line, column: self.column, length: 1 };
        let failed = |message: &str| SyntaxError { place: start, message: message.to_owned() };
        let kind = match self.pass() {
            None => TokenKind::End,
            Some(sign @ ('!' | '$' | '&' | '(' | ')' | ':' | '=' | '@' | '[' | ']' | '{' | '}' | '|')) => {
                TokenKind::Sign(sign)
            }
            Some('.') if self.pass_if('.') && self.pass_if('.') => TokenKind::Dots,
            Some('"') => self.text(start)?,
            Some(first) if first.is_ascii_alphabetic() || first == '_' => {
                TokenKind::Name(self.run(first, |c| c.is_ascii_alphanumeric() || c == '_'))
            }
            Some(first) if first.is_ascii_digit() || first == '-' => {
                let number =
                    self.run(first, |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '-' | '_'));
                if !is_number(&number) {
                    let length = self.column.saturating_sub(start.column);
                    let message = format!("`{number}` is no number");
                    return Err(SyntaxError { place: TextPlace { length, ..start }, message });
                }
                TokenKind::Number(number)
            }
            Some(other) => {
                let shown = raccord_model::foreign::in_line(other);
                return Err(failed(&format!("`{shown}` cannot stand in a query")));
            }
        };
        let is_one_line = start.line == self.line;
        let length = if is_one_line { self.column.saturating_sub(start.column).max(1) } else { 1 };
        Ok(Token { kind, place: TextPlace { length, ..start } })
    }

    /// A run of characters, of which the first is passed already.
    fn run(&mut self, first: char, belongs: impl Fn(char) -> bool) -> String {
        let mut run = String::from(first);
        while let Some(next) = self.rest.next_if(|c| belongs(*c)) {
            self.column = self.column.saturating_add(1);
            run.push(next);
        }
        run
    }

    /// A text whose first quote is passed already: in one pair of quotes on one line, or in three.
    fn text(&mut self, start: TextPlace) -> Result<TokenKind, SyntaxError> {
        let unended = || SyntaxError { place: start, message: "a text has no `\"` after it".to_owned() };
        if self.pass_if('"') {
            // Two quotes are an empty text, unless a third makes them the beginning of one of several lines.
            if !self.pass_if('"') {
                return Ok(TokenKind::Text);
            }
            let mut quotes = 0;
            while quotes < 3 {
                match self.pass().ok_or_else(unended)? {
                    '"' => quotes += 1,
                    '\\' => {
                        // Only three quotes can be escaped here; one at a time is no harm.
                        self.pass_if('"');
                        quotes = 0;
                    }
                    _ => quotes = 0,
                }
            }
            return Ok(TokenKind::Text);
        }
        loop {
            match self.pass().ok_or_else(unended)? {
                '"' => return Ok(TokenKind::Text),
                '\n' | '\r' => return Err(unended()),
                '\\' => {
                    self.pass();
                }
                _ => {}
            }
        }
    }
}

/// Whether a text is a number of GraphQL, which are those of JSON.
fn is_number(text: &str) -> bool {
    serde_json::from_str::<serde_json::Number>(text).is_ok()
}
