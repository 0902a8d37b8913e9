//! A query in GraphQL, read: its operations and fragments, with the place of each name that may be wrong.
//!
//! The grammar is that of executable documents (<https://spec.graphql.org>, October 2021). What a service's schema says is not
//! known here, so that types are texts and values are passed over, but for the variables in them.

use raccord_model::diagnostic::TextPlace;

use super::lexer::{SyntaxError, Token, TokenKind, tokens};

/// How deep selections, lists and objects may be nested.
pub(super) const MAX_DEPTH: usize = 64;

/// A query.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Document {
    pub(super) operations: Vec<Operation>,
    pub(super) fragments: Vec<Fragment>,
}

/// One operation of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Operation {
    pub(super) name: Option<Word>,
    /// `query`, `mutation` or `subscription`, and where that stands.
    pub(super) sort: Word,
    pub(super) variables: Vec<Variable>,
    pub(super) body: Body,
}

/// A part of a query that operations take by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fragment {
    pub(super) name: Word,
    pub(super) body: Body,
}

/// What an operation or a fragment selects, and what it takes for that.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Body {
    pub(super) selections: Vec<Selection>,
    /// The variables that stand in it.
    pub(super) uses: Vec<Word>,
    /// The fragments that it takes.
    pub(super) spreads: Vec<Word>,
}

/// A name and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) place: TextPlace,
}

/// A variable as an operation declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Variable {
    pub(super) name: Word,
    /// Its type, as it is written: `[ID!]!`.
    pub(super) type_name: String,
    /// Whether a request without a value for it is refused.
    pub(super) is_required: bool,
}

/// What is selected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Selection {
    /// A field, by the name that it has in the answer, and what is selected of it.
    Field(String, Vec<Selection>),
    /// What a fragment selects.
    Spread(String),
    /// What is selected of one type.
    Inline(Vec<Selection>),
}

/// Reads a query.
pub(super) fn parse(text: &str) -> Result<Document, SyntaxError> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0, depth: 0, body: Body::default() };
    let mut document = Document::default();
    while document.operations.is_empty() && document.fragments.is_empty() || *parser.peek() != TokenKind::End
    {
        parser.definition(&mut document)?;
    }
    Ok(document)
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    /// What was taken so far in the definition in hand; its selections come last.
    body: Body,
}

type Parsed<T> = Result<T, SyntaxError>;

impl Parser {
    fn token(&self) -> &Token {
        // The last token is the end, which is never passed.
        &self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    fn peek(&self) -> &TokenKind {
        &self.token().kind
    }

    fn is(&self, sign: char) -> bool {
        *self.peek() == TokenKind::Sign(sign)
    }

    fn is_name(&self, name: &str) -> bool {
        matches!(self.peek(), TokenKind::Name(text) if text == name)
    }

    fn pass(&mut self) {
        self.at += 1;
    }

    fn pass_if(&mut self, sign: char) -> bool {
        let is_it = self.is(sign);
        if is_it {
            self.pass();
        }
        is_it
    }

    /// The error that something else was expected here.
    fn expected<T>(&self, what: &str) -> Parsed<T> {
        let Token { kind, place } = self.token();
        // What lacks something at its end is shown by its last word.
        let last = self.at.checked_sub(1).and_then(|at| self.tokens.get(at));
        let place = last.filter(|_| *kind == TokenKind::End).map_or(*place, |last| last.place);
        Err(SyntaxError { place, message: format!("{what} is expected, but there is {kind}") })
    }

    fn sign(&mut self, sign: char) -> Parsed<()> {
        if self.pass_if(sign) { Ok(()) } else { self.expected(&format!("`{sign}`")) }
    }

    fn name(&mut self, what: &str) -> Parsed<Word> {
        let Token { kind: TokenKind::Name(text), place } = self.token() else { return self.expected(what) };
        let word = Word { text: text.clone(), place: *place };
        self.pass();
        Ok(word)
    }

    /// One level further down.
    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= MAX_DEPTH {
            let message = format!("the query is nested more than {MAX_DEPTH} deep");
            return Err(SyntaxError { place: self.token().place, message });
        }
        self.depth += 1;
        let read = read(self)?;
        self.depth -= 1;
        Ok(read)
    }

    fn definition(&mut self, document: &mut Document) -> Parsed<()> {
        self.body = Body::default();
        if self.is('{') {
            let sort = Word { text: "query".to_owned(), place: self.token().place };
            let body = self.body()?;
            document.operations.push(Operation { name: None, sort, variables: Vec::new(), body });
            return Ok(());
        }
        let sort = self.name("`query`, `fragment` or `{`")?;
        match sort.text.as_str() {
            "query" | "mutation" | "subscription" => {
                let name =
                    if let TokenKind::Name(_) = self.peek() { Some(self.name("a name")?) } else { None };
                let variables = self.variables()?;
                self.directives()?;
                let body = self.body()?;
                document.operations.push(Operation { name, sort, variables, body });
            }
            "fragment" => {
                let name = self.name("the name of the fragment")?;
                if !self.is_name("on") {
                    return self.expected("`on` and a type");
                }
                self.pass();
                self.name("a type")?;
                self.directives()?;
                let body = self.body()?;
                document.fragments.push(Fragment { name, body });
            }
            other => {
                let message = format!("`query`, `fragment` or `{{` is expected, but there is `{other}`");
                return Err(SyntaxError { place: sort.place, message });
            }
        }
        Ok(())
    }

    /// What a definition selects, with all that it takes.
    fn body(&mut self) -> Parsed<Body> {
        let selections = self.selections()?;
        Ok(Body { selections, ..std::mem::take(&mut self.body) })
    }

    fn variables(&mut self) -> Parsed<Vec<Variable>> {
        let mut variables = Vec::new();
        if !self.pass_if('(') {
            return Ok(variables);
        }
        while variables.is_empty() || !self.is(')') {
            self.sign('$')?;
            let name = self.name("the name of a variable")?;
            self.sign(':')?;
            let type_name = self.type_name()?;
            let has_default = self.pass_if('=');
            if has_default {
                self.value()?;
            }
            self.directives()?;
            let is_required = type_name.ends_with('!') && !has_default;
            variables.push(Variable { name, type_name, is_required });
        }
        self.sign(')')?;
        Ok(variables)
    }

    fn type_name(&mut self) -> Parsed<String> {
        let mut text = if self.pass_if('[') {
            let inner = self.deeper(Self::type_name)?;
            self.sign(']')?;
            format!("[{inner}]")
        } else {
            self.name("a type")?.text
        };
        if self.pass_if('!') {
            text.push('!');
        }
        Ok(text)
    }

    fn selections(&mut self) -> Parsed<Vec<Selection>> {
        self.sign('{')?;
        let mut selections = Vec::new();
        while selections.is_empty() || !self.is('}') {
            let selection = self.deeper(Self::selection)?;
            selections.push(selection);
        }
        self.pass();
        Ok(selections)
    }

    fn selection(&mut self) -> Parsed<Selection> {
        if *self.peek() == TokenKind::Dots {
            self.pass();
            if !self.is_name("on")
                && let TokenKind::Name(_) = self.peek()
            {
                let name = self.name("a fragment")?;
                self.body.spreads.push(name.clone());
                self.directives()?;
                return Ok(Selection::Spread(name.text));
            }
            if self.is_name("on") {
                self.pass();
                self.name("a type")?;
            }
            self.directives()?;
            return Ok(Selection::Inline(self.selections()?));
        }
        let mut key = self.name("a field")?;
        if self.pass_if(':') {
            // An alias: what follows is the field's own name, which the answer does not have.
            self.name("a field")?;
        }
        self.arguments()?;
        self.directives()?;
        let inner = if self.is('{') { self.selections()? } else { Vec::new() };
        Ok(Selection::Field(std::mem::take(&mut key.text), inner))
    }

    fn arguments(&mut self) -> Parsed<()> {
        if !self.pass_if('(') {
            return Ok(());
        }
        loop {
            self.name("the name of an argument")?;
            self.sign(':')?;
            self.value()?;
            if self.pass_if(')') {
                return Ok(());
            }
        }
    }

    fn directives(&mut self) -> Parsed<()> {
        while self.pass_if('@') {
            self.name("the name of a directive")?;
            self.arguments()?;
        }
        Ok(())
    }

    fn value(&mut self) -> Parsed<()> {
        match self.peek().clone() {
            TokenKind::Name(_) | TokenKind::Number(_) | TokenKind::Text => {
                self.pass();
                Ok(())
            }
            TokenKind::Sign('$') => {
                let place = self.token().place;
                self.pass();
                let name = self.name("the name of a variable")?;
                let length = name.place.length.saturating_add(1);
                self.body.uses.push(Word { text: name.text, place: TextPlace { length, ..place } });
                Ok(())
            }
            TokenKind::Sign('[') => self.deeper(|parser| {
                parser.pass();
                while !parser.pass_if(']') {
                    parser.value()?;
                }
                Ok(())
            }),
            TokenKind::Sign('{') => self.deeper(|parser| {
                parser.pass();
                while !parser.pass_if('}') {
                    parser.name("a field or `}`")?;
                    parser.sign(':')?;
                    parser.value()?;
                }
                Ok(())
            }),
            TokenKind::Sign(_) | TokenKind::Dots | TokenKind::End => self.expected("a value"),
        }
    }
}
