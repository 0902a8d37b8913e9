//! Expressions by Jinja's precedence, from the inline `if` down to literals.

use super::ast::{Arguments, Bounds, Comparison, Constant, Expression, Operator};
use super::lex::Token;
use super::parse::Parser;

type Parsed = Result<Expression, String>;

impl Parser {
    /// An expression, or several with commas between them, which are a tuple.
    pub(super) fn tuple(&mut self, without_condition: bool) -> Parsed {
        let one = |parser: &mut Self| {
            if without_condition { parser.deeper(Self::or) } else { parser.expression() }
        };
        let first = one(self)?;
        if !self.is(",") {
            return Ok(first);
        }
        let mut items = vec![first];
        while self.skip(",") {
            if matches!(self.peek(), None | Some(Token::OutputEnd | Token::BlockEnd)) || self.is(")") {
                break;
            }
            items.push(one(self)?);
        }
        Ok(Expression::Tuple(items))
    }

    /// One expression.
    pub(super) fn expression(&mut self) -> Parsed {
        self.deeper(|parser| {
            let mut value = parser.or()?;
            while parser.skip_name("if") {
                parser.link()?;
                let condition = Box::new(parser.or()?);
                let otherwise =
                    if parser.skip_name("else") { Some(Box::new(parser.expression()?)) } else { None };
                value = Expression::Conditional { condition, then: Box::new(value), otherwise };
            }
            Ok(value)
        })
    }

    fn or(&mut self) -> Parsed {
        let mut left = self.and()?;
        while self.skip_name("or") {
            self.link()?;
            left = Expression::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Parsed {
        let mut left = self.not()?;
        while self.skip_name("and") {
            self.link()?;
            left = Expression::And(Box::new(left), Box::new(self.not()?));
        }
        Ok(left)
    }

    fn not(&mut self) -> Parsed {
        if self.skip_name("not") {
            return Ok(Expression::Not(Box::new(self.deeper(Self::not)?)));
        }
        self.compare()
    }

    fn compare(&mut self) -> Parsed {
        let first = self.sum()?;
        let mut others = Vec::new();
        while let Some(comparison) = self.comparison() {
            others.push((comparison, self.sum()?));
        }
        Ok(if others.is_empty() { first } else { Expression::Compare(Box::new(first), others) })
    }

    fn comparison(&mut self) -> Option<Comparison> {
        let signs = [
            ("==", Comparison::Equal),
            ("!=", Comparison::Unequal),
            ("<=", Comparison::LessOrEqual),
            (">=", Comparison::GreaterOrEqual),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
        ];
        if let Some((_, comparison)) = signs.into_iter().find(|(sign, _)| self.skip(sign)) {
            return Some(comparison);
        }
        if self.skip_name("in") {
            return Some(Comparison::In);
        }
        let names = self.tokens_ahead();
        if matches!(names, (Some(Token::Name(not)), Some(Token::Name(word))) if not == "not" && word == "in")
        {
            self.next();
            self.next();
            return Some(Comparison::NotIn);
        }
        None
    }

    fn sum(&mut self) -> Parsed {
        let mut left = self.concat()?;
        loop {
            let operator = match () {
                () if self.skip("+") => Operator::Add,
                () if self.skip("-") => Operator::Subtract,
                () => return Ok(left),
            };
            self.link()?;
            left = Expression::Binary(operator, Box::new(left), Box::new(self.concat()?));
        }
    }

    fn concat(&mut self) -> Parsed {
        let mut parts = vec![self.product()?];
        while self.skip("~") {
            parts.push(self.product()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Expression::Concat(parts) })
    }

    fn product(&mut self) -> Parsed {
        let mut left = self.power()?;
        loop {
            let operator = match () {
                () if self.skip("*") => Operator::Multiply,
                () if self.skip("//") => Operator::FloorDivide,
                () if self.skip("/") => Operator::Divide,
                () if self.skip("%") => Operator::Remainder,
                () => return Ok(left),
            };
            self.link()?;
            left = Expression::Binary(operator, Box::new(left), Box::new(self.power()?));
        }
    }

    fn power(&mut self) -> Parsed {
        let mut left = self.unary(true)?;
        while self.skip("**") {
            self.link()?;
            left = Expression::Binary(Operator::Power, Box::new(left), Box::new(self.unary(true)?));
        }
        Ok(left)
    }

    fn unary(&mut self, filters: bool) -> Parsed {
        let node = if self.skip("-") {
            Expression::Negative(Box::new(self.deeper(|parser| parser.unary(false))?))
        } else if self.skip("+") {
            Expression::Positive(Box::new(self.deeper(|parser| parser.unary(false))?))
        } else {
            self.primary()?
        };
        let node = self.postfix(node)?;
        if filters { self.filters(node) } else { Ok(node) }
    }

    fn primary(&mut self) -> Parsed {
        let constant = |constant| Ok(Expression::Constant(constant));
        match self.next() {
            Some(Token::Name(name)) => match name.as_str() {
                "true" | "True" => constant(Constant::Bool(true)),
                "false" | "False" => constant(Constant::Bool(false)),
                "none" | "None" => constant(Constant::None),
                _ => Ok(Expression::Name(name)),
            },
            Some(Token::String(mut text)) => {
                while let Some(Token::String(more)) = self.peek() {
                    text.push_str(more);
                    self.next();
                }
                constant(Constant::Text(text))
            }
            Some(Token::Int(number)) => constant(Constant::Int(number)),
            Some(Token::Float(number)) => constant(Constant::Float(number)),
            Some(Token::Operator("(")) => {
                if self.skip(")") {
                    return Ok(Expression::Tuple(Vec::new()));
                }
                let inside = self.tuple(false)?;
                self.expect(")")?;
                Ok(inside)
            }
            Some(Token::Operator("[")) => Ok(Expression::List(self.list("]")?)),
            Some(Token::Operator("{")) => self.dict(),
            _ => Err("lacks an expression".to_owned()),
        }
    }

    fn list(&mut self, end: &str) -> Result<Vec<Expression>, String> {
        let mut items = Vec::new();
        while !self.skip(end) {
            if !items.is_empty() {
                self.expect(",")?;
                if self.skip(end) {
                    break;
                }
            }
            items.push(self.expression()?);
        }
        Ok(items)
    }

    fn dict(&mut self) -> Parsed {
        let mut members = Vec::new();
        while !self.skip("}") {
            if !members.is_empty() {
                self.expect(",")?;
                if self.skip("}") {
                    break;
                }
            }
            let key = self.expression()?;
            self.expect(":")?;
            members.push((key, self.expression()?));
        }
        Ok(Expression::Dict(members))
    }

    /// What follows a value without a blank between: members, items, calls.
    fn postfix(&mut self, mut node: Expression) -> Parsed {
        loop {
            if self.is(".") || self.is("[") || self.is("(") {
                self.link()?;
            }
            if self.skip(".") {
                node = match self.next() {
                    Some(Token::Name(name)) => Expression::Attribute(Box::new(node), name),
                    Some(Token::Int(index)) => {
                        Expression::Item(Box::new(node), Box::new(Expression::Constant(Constant::Int(index))))
                    }
                    _ => return Err("lacks a name behind a dot".to_owned()),
                };
            } else if self.skip("[") {
                node = self.subscript(node)?;
            } else if self.skip("(") {
                node = Expression::Call(Box::new(node), self.arguments()?);
            } else {
                return Ok(node);
            }
        }
    }

    fn subscript(&mut self, node: Expression) -> Parsed {
        let node = Box::new(node);
        let start = if self.is(":") { None } else { Some(self.expression()?) };
        if !self.skip(":") {
            let Some(mut index) = start else { return Err("lacks an index".to_owned()) };
            if self.skip(",") {
                let mut items = vec![index];
                items.extend(self.list("]")?);
                index = Expression::Tuple(items);
            } else {
                self.expect("]")?;
            }
            return Ok(Expression::Item(node, Box::new(index)));
        }
        let bound = |parser: &mut Self| -> Result<Option<Expression>, String> {
            if parser.is(":") || parser.is("]") { Ok(None) } else { parser.expression().map(Some) }
        };
        let stop = bound(self)?;
        let stride = if self.skip(":") { bound(self)? } else { None };
        self.expect("]")?;
        Ok(Expression::Slice(node, Box::new(Bounds { start, stop, step: stride })))
    }

    /// The arguments of a call, after its opening parenthesis.
    fn arguments(&mut self) -> Result<Arguments, String> {
        let mut arguments = Arguments::default();
        let mut first = true;
        while !self.skip(")") {
            if !first {
                self.expect(",")?;
                if self.skip(")") {
                    break;
                }
            }
            first = false;
            let named = matches!(self.tokens_ahead(), (Some(Token::Name(_)), Some(Token::Operator("="))));
            if named {
                let name = self.name()?;
                self.next();
                arguments.named.push((name, self.expression()?));
            } else if arguments.named.is_empty() {
                arguments.positional.push(self.expression()?);
            } else {
                return Err("has an argument without a name behind one with a name".to_owned());
            }
        }
        Ok(arguments)
    }

    fn filters(&mut self, mut node: Expression) -> Parsed {
        loop {
            if self.is("|") || self.is_name("is") || self.is("(") {
                self.link()?;
            }
            if self.skip("|") {
                let name = self.dotted()?;
                let arguments = if self.skip("(") { self.arguments()? } else { Arguments::default() };
                super::filters::known(&name)?;
                node = Expression::Filter(Box::new(node), name, arguments);
            } else if self.skip_name("is") {
                node = self.test(node)?;
            } else if self.skip("(") {
                node = Expression::Call(Box::new(node), self.arguments()?);
            } else {
                return Ok(node);
            }
        }
    }

    fn dotted(&mut self) -> Result<String, String> {
        let mut name = self.name()?;
        while self.skip(".") {
            name = format!("{name}.{}", self.name()?);
        }
        Ok(name)
    }

    fn test(&mut self, node: Expression) -> Parsed {
        let negated = self.skip_name("not");
        let name = self.dotted()?;
        let mut arguments = Arguments::default();
        let operand =
            matches!(self.peek(), Some(Token::Name(_) | Token::String(_) | Token::Int(_) | Token::Float(_)))
                || self.is("[")
                || self.is("{");
        if self.skip("(") {
            arguments = self.arguments()?;
        } else if operand && !["else", "or", "and"].iter().any(|word| self.is_name(word)) {
            if self.is_name("is") {
                return Err("has two tests in a row".to_owned());
            }
            let argument = self.primary()?;
            arguments.positional.push(self.postfix(argument)?);
        }
        super::tests_of_values::known(&name)?;
        let test = Expression::Test(Box::new(node), name, arguments);
        Ok(if negated { Expression::Not(Box::new(test)) } else { test })
    }
}
