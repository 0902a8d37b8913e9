//! The variables that a template takes from its context. As in the reference, one that the context has not is an error
//! wherever it stands, even in a branch that is not taken.

use super::ast::{Arguments, Constant, Expression, Node, Target};
use super::calls::is_function;

/// The members of a variable that a template looks at, each once; none where it takes the variable as a whole.
pub(super) fn members(nodes: &[Node], variable: &str) -> Option<Vec<String>> {
    let mut search = Search { variable: Some(variable.to_owned()), ..Search::default() };
    search.nodes(nodes);
    (!search.is_whole).then_some(search.members)
}

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
    /// The variable whose members are looked for, these, and whether it is taken as a whole.
    variable: Option<String>,
    members: Vec<String>,
    is_whole: bool,
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

    /// The member of the variable that an expression is, if it is one: `record.id`, `record['id']`,
    /// `record.get('id')`.
    fn member<'e>(&self, expression: &'e Expression) -> Option<&'e str> {
        let is_it = |object: &Expression| matches!(object, Expression::Name(name) if Some(name) == self.variable.as_ref());
        match expression {
            Expression::Attribute(object, name) if is_it(object) && !is_method(name) => Some(name),
            Expression::Item(object, key) if is_it(object) => constant(key),
            Expression::Call(callee, arguments) => match callee.as_ref() {
                Expression::Attribute(object, name) if name == "get" && is_it(object) => {
                    arguments.positional.first().and_then(constant)
                }
                _ => None,
            },
            _ => None,
        }
    }

    fn name(&mut self, name: &str) {
        self.is_whole |= self.variable.as_deref() == Some(name);
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
        if let Some(member) = self.member(expression) {
            if !self.members.iter().any(|known| known == member) {
                self.members.push(member.to_owned());
            }
            if let Expression::Call(_, arguments) = expression {
                self.arguments(arguments);
            }
            return;
        }
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

/// Whether objects have a method of this name, which comes before a member.
fn is_method(name: &str) -> bool {
    const METHODS: [&str; 11] = [
        "clear",
        "copy",
        "fromkeys",
        "get",
        "items",
        "keys",
        "pop",
        "popitem",
        "setdefault",
        "update",
        "values",
    ];
    METHODS.contains(&name) || name.starts_with("__")
}

fn constant(expression: &Expression) -> Option<&str> {
    match expression {
        Expression::Constant(Constant::Text(text)) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    #[test]
    fn the_members_that_are_looked_at_are_known() {
        let check = |text: &str, expected: Option<&[&str]>| {
            let found = members(&parse::parse(text).unwrap(), "record");
            let found = found.as_ref().map(|found| found.iter().map(String::as_str).collect::<Vec<_>>());
            assert_eq!(found.as_deref(), expected, "{text}");
        };
        check("x", Some(&[]));
        check("{{ config.id }}", Some(&[]));
        check("{{ record.id }} {{ record['a']['b'] }} {{ record.id | int }}", Some(&["id", "a"]));
        check("{{ record.get('a', record.b) }}", Some(&["a", "b"]));
        check("{% if record.a.b[record.c] %}{{ 1 }}{% endif %}", Some(&["a", "c"]));
        check("{{ record }}", None);
        check("{{ record[config.id] }}", None);
        check("{{ record.items() }}", None);
        check("{{ 'a' in record }}", None);
        check("{% for name in record %}{{ name }}{% endfor %}", None);
        check("{{ record.get(config.id) }}", None);
    }
}
