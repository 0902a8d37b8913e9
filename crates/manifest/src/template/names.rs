//! The variables that a template takes from its context. As in the reference, one that the context has not is an error
//! wherever it stands, even in a branch that is not taken.

use super::ast::{Arguments, Constant, Expression, Node, Target};
use super::calls::is_function;

/// What is looked at in a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Looks {
    /// All of it.
    Whole,
    /// These members of an object, each once. What is no object is looked at as a whole.
    Members(Vec<(String, Looks)>),
}

impl Looks {
    /// The same and what a path leads to.
    fn add(&mut self, path: &[&str]) {
        let Self::Members(members) = self else { return };
        let Some((first, rest)) = path.split_first() else {
            *self = Self::Whole;
            return;
        };
        if let Some((_, looks)) = members.iter_mut().find(|(known, _)| known == first) {
            looks.add(rest);
        } else {
            let mut looks = Self::Members(Vec::new());
            looks.add(rest);
            members.push(((*first).to_owned(), looks));
        }
    }

    /// The same and what another looks at.
    pub(crate) fn merge(&mut self, other: &Self) {
        match (&mut *self, other) {
            (Self::Members(members), Self::Members(more)) => {
                for (name, looks) in more {
                    match members.iter_mut().find(|(known, _)| known == name) {
                        Some((_, known)) => known.merge(looks),
                        None => members.push((name.clone(), looks.clone())),
                    }
                }
            }
            _ => *self = Self::Whole,
        }
    }
}

/// What a template looks at in a variable.
pub(super) fn looks(nodes: &[Node], variable: &str) -> Looks {
    let looks = Some((variable.to_owned(), Looks::Members(Vec::new())));
    let mut search = Search { looks, ..Search::default() };
    search.nodes(nodes);
    search.looks.map_or(Looks::Whole, |(_, looks)| looks)
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
    /// The variable that is watched, and what is looked at in it.
    looks: Option<(String, Looks)>,
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

    /// The path in the variable that an expression is, if it is one: `record.id`, `record['id']`, `record.get('id')`,
    /// `record.address.city`.
    fn path<'e>(&self, expression: &'e Expression) -> Option<Vec<&'e str>> {
        let (object, name) = match expression {
            Expression::Name(name) => {
                let is_it = self.looks.as_ref().is_some_and(|(variable, _)| variable == name);
                return is_it.then(Vec::new);
            }
            Expression::Attribute(object, name) if !is_method(name) => (object, name.as_str()),
            Expression::Item(object, key) => (object, constant(key)?),
            Expression::Call(callee, arguments) => match callee.as_ref() {
                Expression::Attribute(object, name) if name == "get" => {
                    (object, arguments.positional.first().and_then(constant)?)
                }
                _ => return None,
            },
            _ => return None,
        };
        let mut path = self.path(object)?;
        path.push(name);
        Some(path)
    }

    /// What is evaluated on the way to what a path leads to: the defaults of `get`.
    fn on_the_way(&mut self, expression: &Expression) {
        match expression {
            Expression::Attribute(object, _) | Expression::Item(object, _) => self.on_the_way(object),
            Expression::Call(callee, arguments) => {
                self.on_the_way(callee);
                self.arguments(arguments);
            }
            _ => {}
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
        if let Some(path) = self.path(expression) {
            if let Some((_, looks)) = &mut self.looks {
                looks.add(&path);
            }
            self.on_the_way(expression);
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
    fn what_is_looked_at_is_known() {
        fn shown(looks: &Looks) -> String {
            let Looks::Members(members) = looks else { return "*".to_owned() };
            let members = members.iter().map(|(name, looks)| match looks {
                Looks::Whole => name.clone(),
                Looks::Members(_) => format!("{name}{}", shown(looks)),
            });
            format!("({})", members.collect::<Vec<_>>().join(" "))
        }
        let check = |text: &str, expected: &str| {
            assert_eq!(shown(&looks(&parse::parse(text).unwrap(), "record")), expected, "{text}");
        };
        check("x", "()");
        check("{{ config.id }}", "()");
        check("{{ record.id }} {{ record['a']['b'] }} {{ record.id | int }}", "(id a(b))");
        check("{{ record.get('a', record.b) }}", "(a b)");
        check("{{ record.get('a', record.b.d).get('c') }}", "(a(c) b(d))");
        check("{{ record.a.b ~ record.a.c.d }}", "(a(b c(d)))");
        check("{{ record.a.b ~ record.a }}", "(a)");
        check("{{ record.a ~ record.a.b }}", "(a)");
        check("{{ record.a.items() ~ record.b[0].c }}", "(a b)");
        check("{% if record.a.b[record.c] %}{{ 1 }}{% endif %}", "(a(b) c)");
        check("{% set a = record.a %}{{ a.b }}", "(a)");
        for text in [
            "{{ record }}",
            "{{ record[config.id] }}",
            "{{ record.items() }}",
            "{{ 'a' in record }}",
            "{% for name in record %}{{ name }}{% endfor %}",
            "{{ record.get(config.id) }}",
            "{{ record.a ~ record }}",
        ] {
            check(text, "*");
        }
    }
}
