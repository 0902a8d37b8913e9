//! Tokens to statements by Jinja's grammar. What could define code that runs elsewhere (macros, imports, inheritance) is
//! refused: no manifest needs it.

use super::ast::Expression;
use super::ast::{For, Node, Target};
use super::lex::{Token, tokens};

/// How deep expressions and blocks may nest.
const DEPTH: usize = 100;
/// How many links the chains of one expression may have, which nest to the left: `a.b.c`, `a + b + c`, `a | f | g`.
const LINKS: usize = 300;

/// Reads a template.
///
/// # Errors
/// In words, when it is none.
pub(super) fn parse(source: &str) -> Result<Vec<Node>, String> {
    let mut parser = Parser { tokens: tokens(source)?, at: 0, depth: 0, links: 0 };
    let nodes = parser.nodes(&[])?;
    if parser.at < parser.tokens.len() { Err("has an end without a beginning".to_owned()) } else { Ok(nodes) }
}

/// Where the reading stands.
pub(super) struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    links: usize,
}

impl Parser {
    pub(super) fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    pub(super) fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    /// The next two tokens.
    pub(super) fn tokens_ahead(&self) -> (Option<&Token>, Option<&Token>) {
        (self.peek(), self.tokens.get(self.at + 1))
    }

    pub(super) fn is(&self, operator: &str) -> bool {
        matches!(self.peek(), Some(Token::Operator(found)) if *found == operator)
    }

    pub(super) fn is_name(&self, name: &str) -> bool {
        matches!(self.peek(), Some(Token::Name(found)) if found == name)
    }

    pub(super) fn skip(&mut self, operator: &str) -> bool {
        let found = self.is(operator);
        self.at += usize::from(found);
        found
    }

    pub(super) fn skip_name(&mut self, name: &str) -> bool {
        let found = self.is_name(name);
        self.at += usize::from(found);
        found
    }

    pub(super) fn expect(&mut self, operator: &str) -> Result<(), String> {
        if self.skip(operator) { Ok(()) } else { Err(format!("lacks a `{operator}`")) }
    }

    pub(super) fn name(&mut self) -> Result<String, String> {
        match self.next() {
            Some(Token::Name(name)) => Ok(name),
            _ => Err("lacks a name".to_owned()),
        }
    }

    /// Does a part of the reading one level deeper.
    pub(super) fn deeper<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, String>,
    ) -> Result<T, String> {
        if self.depth >= DEPTH {
            return Err("nests too deep".to_owned());
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    /// Counts one more link of a chain.
    pub(super) fn link(&mut self) -> Result<(), String> {
        self.links += 1;
        if self.links > LINKS { Err("has an expression that is too long".to_owned()) } else { Ok(()) }
    }

    fn end(&mut self, token: &Token) -> Result<(), String> {
        if self.next().as_ref() == Some(token) {
            Ok(())
        } else {
            Err("has a block that does not end where it should".to_owned())
        }
    }

    /// The statements up to a block with one of these names, whose name stays unread.
    fn nodes(&mut self, ends: &[&str]) -> Result<Vec<Node>, String> {
        let mut nodes = Vec::new();
        loop {
            match self.peek() {
                None if ends.is_empty() => return Ok(nodes),
                None => return Err(format!("lacks `{}`", ends.join("` or `"))),
                Some(Token::Text(text)) => {
                    nodes.push(Node::Text(text.clone()));
                    self.at += 1;
                }
                Some(Token::OutputStart) => {
                    self.at += 1;
                    self.links = 0;
                    nodes.push(Node::Output(self.tuple(false)?));
                    self.end(&Token::OutputEnd)?;
                }
                Some(Token::BlockStart) => {
                    self.at += 1;
                    self.links = 0;
                    if ends.iter().any(|end| self.is_name(end)) {
                        return Ok(nodes);
                    }
                    nodes.push(self.deeper(Self::statement)?);
                }
                Some(_) => return Err("cannot be read".to_owned()),
            }
        }
    }

    /// The statements of a block's body, and the name that ends it.
    fn body(&mut self, ends: &[&str]) -> Result<(Vec<Node>, String), String> {
        self.end(&Token::BlockEnd)?;
        Ok((self.nodes(ends)?, self.name()?))
    }

    fn statement(&mut self) -> Result<Node, String> {
        let name = self.name()?;
        let node = match name.as_str() {
            "if" => self.if_block()?,
            "for" => self.for_block()?,
            "set" => self.set_block()?,
            "with" => self.with_block()?,
            other => return Err(format!("has the block `{other}`, which is not known here")),
        };
        self.end(&Token::BlockEnd)?;
        Ok(node)
    }

    fn if_block(&mut self) -> Result<Node, String> {
        let mut branches = Vec::new();
        loop {
            let condition = self.tuple(true)?;
            let (body, end) = self.body(&["elif", "else", "endif"])?;
            branches.push((condition, body));
            match end.as_str() {
                "elif" => {}
                "else" => {
                    let (otherwise, _) = self.body(&["endif"])?;
                    return Ok(Node::If { branches, otherwise });
                }
                _ => return Ok(Node::If { branches, otherwise: Vec::new() }),
            }
        }
    }

    fn for_block(&mut self) -> Result<Node, String> {
        let target = self.target()?;
        if !self.skip_name("in") {
            return Err("has a loop without `in`".to_owned());
        }
        let items = self.tuple(true)?;
        let condition = if self.skip_name("if") { Some(self.expression()?) } else { None };
        let (body, end) = self.body(&["else", "endfor"])?;
        let otherwise = if end == "else" { self.body(&["endfor"])?.0 } else { Vec::new() };
        Ok(Node::For(Box::new(For { target, items, condition, body, otherwise })))
    }

    fn target(&mut self) -> Result<Target, String> {
        let parenthesis = self.skip("(");
        let first = self.name()?;
        if self.skip(".") {
            return Ok(Target::Member(first, self.name()?));
        }
        let mut names = vec![first];
        while self.skip(",") {
            names.push(self.name()?);
        }
        if parenthesis {
            self.expect(")")?;
        }
        Ok(match names.as_slice() {
            [_] => Target::Name(names.remove(0)),
            _ => Target::Names(names),
        })
    }

    fn set_block(&mut self) -> Result<Node, String> {
        let target = self.target()?;
        if self.skip("=") {
            return Ok(Node::Set { target, value: self.tuple(false)? });
        }
        let Target::Name(name) = target else { return Err("lacks a `=`".to_owned()) };
        let (body, _) = self.body(&["endset"])?;
        Ok(Node::SetBlock { name, body })
    }

    fn with_block(&mut self) -> Result<Node, String> {
        let mut variables: Vec<(String, Expression)> = Vec::new();
        while !matches!(self.peek(), Some(Token::BlockEnd) | None) {
            if !variables.is_empty() {
                self.expect(",")?;
            }
            let name = self.name()?;
            self.expect("=")?;
            variables.push((name, self.expression()?));
        }
        let (body, _) = self.body(&["endwith"])?;
        Ok(Node::With { variables, body })
    }
}
