//! Text to tokens by Jinja's rules: text, `{{ … }}`, `{% … %}`, comments, blanks cut by `-`. It knows no grammar.

use num_bigint::BigInt;

use super::escape::unescape;

/// A token.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// Text outside of blocks.
    Text(String),
    /// `{{`
    OutputStart,
    /// `}}`
    OutputEnd,
    /// `{%`
    BlockStart,
    /// `%}`
    BlockEnd,
    Name(String),
    String(String),
    Int(BigInt),
    Float(f64),
    Operator(&'static str),
}

const OPERATORS: [&str; 26] = [
    "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<",
    "=", ".", ":", "|", ",", ";",
];

/// Splits a template into tokens.
///
/// # Errors
/// In words, when a block or a string has no end or there is a character that means nothing.
pub(super) fn tokens(source: &str) -> Result<Vec<Token>, String> {
    let source = source.replace("\r\n", "\n").replace('\r', "\n");
    // One line end at the very end of a template is not part of it.
    let source = source.strip_suffix('\n').unwrap_or(&source);
    let mut lexer = Lexer { rest: source, tokens: Vec::new(), cut: false };
    while !lexer.rest.is_empty() {
        lexer.step()?;
    }
    Ok(lexer.tokens)
}

struct Lexer<'s> {
    rest: &'s str,
    tokens: Vec<Token>,
    /// Whether the block before asks for the blanks behind it to be cut.
    cut: bool,
}

impl<'s> Lexer<'s> {
    fn step(&mut self) -> Result<(), String> {
        let starts = ["{{", "{%", "{#"].iter().filter_map(|start| self.rest.find(start));
        let at = starts.min().unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at(at);
        let sign = rest.as_bytes().get(2).copied().filter(|sign| matches!(sign, b'-' | b'+'));
        self.text(text, sign == Some(b'-'));
        if rest.is_empty() {
            self.rest = rest;
            return Ok(());
        }
        let inside = &rest[2 + usize::from(sign.is_some())..];
        match &rest[..2] {
            "{#" => self.comment(inside),
            "{{" => {
                self.tokens.push(Token::OutputStart);
                self.block(inside, "}}", Token::OutputEnd)
            }
            _ if raw(inside).is_some() => self.raw(inside),
            _ => {
                self.tokens.push(Token::BlockStart);
                self.block(inside, "%}", Token::BlockEnd)
            }
        }
    }

    fn text(&mut self, text: &str, cut_end: bool) {
        let text = if self.cut { text.trim_start() } else { text };
        let text = if cut_end { text.trim_end() } else { text };
        if !text.is_empty() {
            self.tokens.push(Token::Text(text.to_owned()));
        }
        self.cut = false;
    }

    fn comment(&mut self, inside: &'s str) -> Result<(), String> {
        let end = inside.find("#}").ok_or("has a comment without an end")?;
        self.cut = inside[..end].ends_with('-');
        self.rest = &inside[end + 2..];
        Ok(())
    }

    fn raw(&mut self, inside: &'s str) -> Result<(), String> {
        let body = raw(inside).unwrap_or(inside);
        let ends = body.match_indices("{%").find_map(|(at, _)| {
            let tag = body[at + 2..].trim_start_matches('-').trim_start();
            let rest = tag.strip_prefix("endraw")?.trim_start();
            let cut = rest.starts_with('-');
            Some((at, cut, rest.trim_start_matches('-').strip_prefix("%}")?))
        });
        let (at, cut, rest) = ends.ok_or("has a raw block without an end")?;
        self.text(&body[..at], false);
        self.cut = cut;
        self.rest = rest;
        Ok(())
    }

    /// The tokens up to the end of a block. Its end counts only where no bracket is open.
    fn block(&mut self, inside: &'s str, end: &'static str, token: Token) -> Result<(), String> {
        let mut rest = inside;
        let mut open: Vec<&str> = Vec::new();
        loop {
            rest = rest.trim_start();
            if open.is_empty() {
                let cut = rest.starts_with('-') && rest[1..].starts_with(end);
                let plus = rest.starts_with('+') && rest[1..].starts_with(end);
                if cut || plus || rest.starts_with(end) {
                    self.tokens.push(token);
                    self.cut = cut;
                    self.rest = &rest[end.len() + usize::from(cut || plus)..];
                    return Ok(());
                }
            }
            let (next, length) = self.token(rest)?;
            if let Token::Operator(operator) = next {
                bracket(&mut open, operator)?;
            }
            self.tokens.push(next);
            rest = &rest[length..];
        }
    }

    fn token(&self, rest: &str) -> Result<(Token, usize), String> {
        let first = rest.chars().next().ok_or("has a block without an end")?;
        if first.is_alphabetic() || first == '_' {
            let length =
                rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(rest.len());
            return Ok((Token::Name(rest[..length].to_owned()), length));
        }
        if first.is_ascii_digit() {
            // `a.0.1` are two indices, and no float.
            let member = self.tokens.last() == Some(&Token::Operator("."));
            return number(rest, member).ok_or_else(|| "has a number that cannot be read".to_owned());
        }
        if first == '\'' || first == '"' {
            return string(rest, first).ok_or_else(|| "has a string that cannot be read".to_owned());
        }
        let operator = OPERATORS.iter().find(|operator| rest.starts_with(**operator));
        let operator = operator.ok_or_else(|| format!("has an unexpected `{first}`"))?;
        Ok((Token::Operator(operator), operator.len()))
    }
}

fn raw(inside: &str) -> Option<&str> {
    let rest = inside.trim_start().strip_prefix("raw")?.trim_start();
    rest.strip_prefix('-').unwrap_or(rest).strip_prefix("%}")
}

fn bracket(open: &mut Vec<&str>, operator: &'static str) -> Result<(), String> {
    let close = match operator {
        "(" => ")",
        "[" => "]",
        "{" => "}",
        ")" | "]" | "}" => {
            let expected = open.pop();
            return if expected == Some(operator) {
                Ok(())
            } else {
                Err(format!("has an unexpected `{operator}`"))
            };
        }
        _ => return Ok(()),
    };
    open.push(close);
    Ok(())
}

fn number(rest: &str, member: bool) -> Option<(Token, usize)> {
    let digits = |text: &str| {
        text.find(|letter: char| !letter.is_ascii_digit() && letter != '_').unwrap_or(text.len())
    };
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if rest.get(..2).is_some_and(|start| start.eq_ignore_ascii_case(prefix)) {
            let length = rest[2..]
                .find(|letter: char| !letter.is_digit(radix) && letter != '_')
                .unwrap_or(rest.len() - 2);
            let number = BigInt::parse_bytes(rest[2..2 + length].replace('_', "").as_bytes(), radix)?;
            return Some((Token::Int(number), 2 + length));
        }
    }
    let whole = digits(rest);
    let mut length = whole;
    if !member {
        if rest[length..].starts_with('.')
            && rest[length + 1..].starts_with(|letter: char| letter.is_ascii_digit())
        {
            length += 1 + digits(&rest[length + 1..]);
        }
        if rest[length..].starts_with(['e', 'E']) {
            let sign = usize::from(rest[length + 1..].starts_with(['+', '-']));
            let exponent = &rest[length + 1 + sign..];
            if exponent.starts_with(|letter: char| letter.is_ascii_digit()) {
                length += 1 + sign + digits(exponent);
            }
        }
    }
    let text = rest[..length].replace('_', "");
    if length > whole {
        return Some((Token::Float(text.parse().ok()?), length));
    }
    Some((Token::Int(text.parse().ok()?), length))
}

fn string(rest: &str, quote: char) -> Option<(Token, usize)> {
    let mut escaped = false;
    for (at, letter) in rest.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            letter if letter == quote => return Some((Token::String(unescape(&rest[1..at])?), at + 1)),
            _ => {}
        }
    }
    None
}
