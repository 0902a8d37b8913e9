//! The variables that a template takes from its context. As in the reference, one that the context has not is an error
//! wherever it stands, even in a branch that is not taken.

use super::ast::{Arguments, Expression, Node, Target};
use super::calls::is_function;

/// The names that are neither set by the template itself nor functions, each once.
pub(super) fn free(nodes: &[Node]) -> Vec<String> {
    let mut search = Search::default();
    search.nodes(nodes);
    search.free
}

#[derive(Default)]
struct Search {
    bound: Vec<String>,
    free: Vec<String>,
}

impl Search {
    fn nodes(&mut self, nodes: &[Node]) {
        for node in nodes {
            self.node(node);
        }
    }

    fn scoped(&mut self, work: impl FnOnce(&mut Self)) {
        let known = self.bound.len();
        work(self);
        self.bound.truncate(known);
    }

    fn bind(&mut self, target: &Target) {
        match target {
            Target::Name(name) => self.bound.push(name.clone()),
            Target::Names(names) => self.bound.extend(names.iter().cloned()),
            Target::Member(name, _) => self.name(name),
        }
    }

    fn node(&mut self, node: &Node) {
        match node {
            Node::Text(_) => {}
            Node::Output(expression) => self.expression(expression),
            Node::If { branches, otherwise } => {
                for (condition, body) in branches {
                    self.expression(condition);
                    self.nodes(body);
                }
                self.nodes(otherwise);
            }
            Node::For(each) => {
                self.expression(&each.items);
                self.scoped(|search| {
                    search.bind(&each.target);
                    search.bound.push("loop".to_owned());
                    each.condition.iter().for_each(|condition| search.expression(condition));
                    search.nodes(&each.body);
                });
                self.nodes(&each.otherwise);
            }
            Node::Set { target, value } => {
                self.expression(value);
                self.bind(target);
            }
            Node::SetBlock { name, body } => {
                self.scoped(|search| search.nodes(body));
                self.bound.push(name.clone());
            }
            Node::With { variables, body } => self.scoped(|search| {
                for (name, value) in variables {
                    search.expression(value);
                    search.bound.push(name.clone());
                }
                search.nodes(body);
            }),
        }
    }

    fn name(&mut self, name: &str) {
        let known = self.bound.iter().chain(&self.free).any(|known| known == name) || is_function(name);
        if !known {
            self.free.push(name.to_owned());
        }
    }

    fn all<'e>(&mut self, expressions: impl IntoIterator<Item = &'e Expression>) {
        expressions.into_iter().for_each(|expression| self.expression(expression));
    }

    fn arguments(&mut self, arguments: &Arguments) {
        self.all(&arguments.positional);
        self.all(arguments.named.iter().map(|(_, value)| value));
    }

    fn expression(&mut self, expression: &Expression) {
        match expression {
            Expression::Constant(_) => {}
            Expression::Name(name) => self.name(name),
            Expression::List(items) | Expression::Tuple(items) | Expression::Concat(items) => self.all(items),
            Expression::Dict(members) => members.iter().for_each(|(key, value)| self.all([key, value])),
            Expression::Conditional { condition, then, otherwise } => {
                self.all([condition.as_ref(), then.as_ref()]);
                self.all(otherwise.as_deref());
            }
            Expression::Or(one, two) | Expression::And(one, two) | Expression::Binary(_, one, two) => {
                self.all([one.as_ref(), two.as_ref()]);
            }
            Expression::Item(object, key) => self.all([object.as_ref(), key.as_ref()]),
            Expression::Not(one) | Expression::Negative(one) | Expression::Positive(one) => {
                self.expression(one);
            }
            Expression::Attribute(object, _) => self.expression(object),
            Expression::Compare(first, others) => {
                self.expression(first);
                self.all(others.iter().map(|(_, other)| other));
            }
            Expression::Slice(object, bounds) => {
                self.expression(object);
                self.all([&bounds.start, &bounds.stop, &bounds.step].into_iter().flatten());
            }
            Expression::Call(callee, arguments) => {
                self.expression(callee);
                self.arguments(arguments);
            }
            Expression::Filter(value, _, arguments) | Expression::Test(value, _, arguments) => {
                self.expression(value);
                self.arguments(arguments);
            }
        }
    }
}
