//! Statements and expressions to text and values. It keeps to a [`Budget`], and never changes what the context holds.

use std::rc::Rc;

use super::ast::{Arguments, Bounds, Comparison, Constant, Expression, For, Node, Target};
use super::literal::Budget;
use super::member::{attribute, item, slice};
use super::scope::Scope;
use super::value::{Evaluated, Fault, NESTING, Value, fault, type_fault};
use super::{calls, filters, operators, tests_of_values};

/// One evaluation of a template.
pub(super) struct Evaluation<'a> {
    pub(super) scope: Scope<'a>,
    pub(super) parameters: &'a serde_json::Value,
    pub(super) budget: Budget,
    /// What the template itself has set, the innermost last.
    locals: Vec<(&'a str, Value<'a>)>,
}

/// The evaluated arguments of a call.
#[derive(Debug, Default)]
pub(super) struct Given<'a> {
    pub(super) positional: Vec<Value<'a>>,
    pub(super) named: Vec<(String, Value<'a>)>,
}

impl<'a> Given<'a> {
    /// An argument by its place or its name.
    pub(super) fn get(&self, at: usize, name: &str) -> Option<&Value<'a>> {
        let named = || self.named.iter().find(|(known, _)| known == name).map(|(_, value)| value);
        self.positional.get(at).or_else(named)
    }

    /// An argument that has to be there.
    pub(super) fn required(&self, at: usize, name: &str) -> Result<&Value<'a>, Fault> {
        self.get(at, name).ok_or_else(|| Fault::Type(format!("lacks the argument `{name}`")))
    }
}

impl<'a> Evaluation<'a> {
    pub(super) fn new(scope: Scope<'a>, parameters: &'a serde_json::Value, budget: Budget) -> Self {
        Self { scope, parameters, budget, locals: Vec::new() }
    }

    /// Writes what statements give.
    pub(super) fn render(&mut self, nodes: &'a [Node], out: &mut String) -> Result<(), Fault> {
        for node in nodes {
            self.budget.take(1)?;
            match node {
                Node::Text(text) => self.write(&Value::Text(text.as_str().into()), out)?,
                Node::Output(expression) => {
                    let value = self.evaluate(expression)?;
                    self.write(&value, out)?;
                }
                Node::If { branches, otherwise } => {
                    let mut chosen = otherwise;
                    for (condition, body) in branches {
                        if self.evaluate(condition)?.truth() {
                            chosen = body;
                            break;
                        }
                    }
                    self.render(chosen, out)?;
                }
                Node::For(each) => self.each(each, out)?,
                Node::Set { target, value } => {
                    let value = self.evaluate(value)?;
                    self.assign(target, value)?;
                }
                Node::SetBlock { name, body } => {
                    let mut text = String::new();
                    self.scoped(|evaluation| evaluation.render(body, &mut text))?;
                    self.locals.push((name, Value::text(text)));
                }
                Node::With { variables, body } => self.scoped(|evaluation| {
                    for (name, value) in variables {
                        let value = evaluation.evaluate(value)?;
                        evaluation.locals.push((name, value));
                    }
                    evaluation.render(body, out)
                })?,
            }
        }
        Ok(())
    }

    fn write(&self, value: &Value<'a>, out: &mut String) -> Result<(), Fault> {
        let before = out.len();
        value.write(out);
        self.budget.take_text(out.len() - before)
    }

    /// Does something after which what it has set is gone.
    fn scoped<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        let known = self.locals.len();
        let result = work(self);
        self.locals.truncate(known);
        result
    }

    fn assign(&mut self, target: &'a Target, value: Value<'a>) -> Result<(), Fault> {
        value.kept(&self.budget, NESTING)?;
        match target {
            Target::Name(name) => self.locals.push((name, value)),
            Target::Names(names) => {
                let items = value.items(&self.budget)?;
                if items.len() != names.len() {
                    return fault("unpacks another number of items than there are");
                }
                self.locals.extend(names.iter().map(String::as_str).zip(items));
            }
            Target::Member(name, member) => {
                let namespace = self.name(name);
                let Value::Dict(members) = &namespace else { return fault("sets a member of no namespace") };
                let key = Value::text(member);
                members.borrow_mut().retain(|(known, _)| !known.equals(&key));
                members.borrow_mut().push((key, value));
                namespace.kept_or_emptied(&self.budget)?;
            }
        }
        Ok(())
    }

    fn each(&mut self, each: &'a For, out: &mut String) -> Result<(), Fault> {
        let mut items = self.evaluate(&each.items)?.items(&self.budget)?;
        if let Some(condition) = &each.condition {
            let mut kept = Vec::new();
            for item in items {
                let holds: Result<bool, Fault> = self.scoped(|evaluation| {
                    evaluation.assign(&each.target, item.clone())?;
                    Ok(evaluation.evaluate(condition)?.truth())
                });
                if holds? {
                    kept.push(item);
                }
            }
            items = kept;
        }
        if items.is_empty() {
            return self.scoped(|evaluation| evaluation.render(&each.otherwise, out));
        }
        let length = items.len();
        for (at, item) in items.into_iter().enumerate() {
            self.scoped(|evaluation| {
                evaluation.locals.push(("loop", position(at, length)));
                evaluation.assign(&each.target, item)?;
                evaluation.render(&each.body, out)
            })?;
        }
        Ok(())
    }

    fn name(&self, name: &'a str) -> Value<'a> {
        let local =
            self.locals.iter().rev().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
        if let Some(value) = local {
            return value;
        }
        if name == "parameters" {
            return Value::from(self.parameters);
        }
        let global = || calls::is_function(name).then_some(Value::Function(name));
        self.scope.get(name).or_else(global).unwrap_or_else(|| Value::undefined(name))
    }

    /// The value of an expression.
    pub(super) fn evaluate(&mut self, expression: &'a Expression) -> Evaluated<'a> {
        self.budget.take(1)?;
        match expression {
            Expression::Constant(constant) => Ok(value_of(constant)),
            Expression::Name(name) => Ok(self.name(name)),
            Expression::List(items) => self.all(items).map(Value::list),
            Expression::Tuple(items) => Ok(Value::Tuple(self.all(items)?.into())),
            Expression::Dict(members) => self.dict(members),
            Expression::Conditional { condition, then, otherwise } => {
                match (self.evaluate(condition)?.truth(), otherwise) {
                    (true, _) => self.evaluate(then),
                    (false, Some(otherwise)) => self.evaluate(otherwise),
                    (false, None) => Ok(Value::undefined("the value of an `if` without `else`")),
                }
            }
            Expression::Or(left, right) => {
                let left = self.evaluate(left)?;
                if left.truth() { Ok(left) } else { self.evaluate(right) }
            }
            Expression::And(left, right) => {
                let left = self.evaluate(left)?;
                if left.truth() { self.evaluate(right) } else { Ok(left) }
            }
            Expression::Not(operand) => Ok(Value::Bool(!self.evaluate(operand)?.truth())),
            Expression::Compare(first, others) => self.compare(first, others),
            Expression::Binary(operator, left, right) => {
                let (left, right) = (self.evaluate(left)?, self.evaluate(right)?);
                operators::binary(*operator, &left, &right, &self.budget)
            }
            Expression::Negative(operand) => operators::negative(&self.evaluate(operand)?),
            Expression::Positive(operand) => operators::positive(&self.evaluate(operand)?),
            Expression::Concat(parts) => {
                let mut text = String::new();
                for part in parts {
                    let part = self.evaluate(part)?;
                    self.write(&part, &mut text)?;
                }
                Ok(Value::text(text))
            }
            other => self.access(other),
        }
    }

    /// Members, calls, filters and tests.
    fn access(&mut self, expression: &'a Expression) -> Evaluated<'a> {
        match expression {
            Expression::Attribute(object, name) => attribute(&self.evaluate(object)?, name),
            Expression::Item(object, key) => {
                let (object, key) = (self.evaluate(object)?, self.evaluate(key)?);
                item(&object, &key)
            }
            Expression::Slice(object, bounds) => {
                let object = self.evaluate(object)?;
                let Bounds { start, stop, step } = bounds.as_ref();
                let bounds =
                    [self.bound(start.as_ref())?, self.bound(stop.as_ref())?, self.bound(step.as_ref())?];
                slice(&object, bounds, &self.budget)
            }
            Expression::Call(callee, arguments) => {
                let callee = self.evaluate(callee)?;
                let given = self.given(arguments)?;
                calls::call(self, &callee, &given)
            }
            Expression::Filter(value, name, arguments) => {
                let value = self.evaluate(value)?;
                let given = self.given(arguments)?;
                filters::apply(self, name, &value, &given)
            }
            Expression::Test(value, name, arguments) => {
                let value = self.evaluate(value)?;
                let given = self.given(arguments)?;
                tests_of_values::holds(name, &value, &given).map(Value::Bool)
            }
            _ => fault("has an expression that is not known here"),
        }
    }

    fn all(&mut self, expressions: &'a [Expression]) -> Result<Vec<Value<'a>>, Fault> {
        expressions.iter().map(|expression| self.evaluate(expression)).collect()
    }

    fn given(&mut self, arguments: &'a Arguments) -> Result<Given<'a>, Fault> {
        let positional = self.all(&arguments.positional)?;
        let mut named = Vec::new();
        for (name, value) in &arguments.named {
            named.push((name.clone(), self.evaluate(value)?));
        }
        Ok(Given { positional, named })
    }

    fn bound(&mut self, bound: Option<&'a Expression>) -> Result<Option<i64>, Fault> {
        let Some(bound) = bound else { return Ok(None) };
        match self.evaluate(bound)? {
            Value::None => Ok(None),
            Value::Undefined(name) => Err(Value::missing(&name)),
            value => match value.small() {
                Some(number) => Ok(Some(number)),
                None => type_fault("slices by what is no integer"),
            },
        }
    }

    fn dict(&mut self, members: &'a [(Expression, Expression)]) -> Evaluated<'a> {
        let mut dict: Vec<(Value<'a>, Value<'a>)> = Vec::new();
        for (key, value) in members {
            let (key, value) = (self.evaluate(key)?, self.evaluate(value)?);
            if !key.hashable() {
                return type_fault(format!("has a `{}` as a key", key.kind()));
            }
            match dict.iter_mut().find(|(known, _)| known.equals(&key)) {
                Some((_, known)) => *known = value,
                None => dict.push((key, value)),
            }
        }
        Ok(Value::dict(dict))
    }

    fn compare(&mut self, first: &'a Expression, others: &'a [(Comparison, Expression)]) -> Evaluated<'a> {
        let mut left = self.evaluate(first)?;
        for (comparison, right) in others {
            let right = self.evaluate(right)?;
            if !compared(*comparison, &left, &right)? {
                return Ok(Value::Bool(false));
            }
            left = right;
        }
        Ok(Value::Bool(true))
    }
}

/// What a loop's body knows as `loop`.
fn position<'a>(at: usize, length: usize) -> Value<'a> {
    let number = |number: usize| Value::Int(i64::try_from(number).unwrap_or(i64::MAX));
    let members = [
        ("index", number(at + 1)),
        ("index0", number(at)),
        ("revindex", number(length - at)),
        ("revindex0", number(length - at - 1)),
        ("first", Value::Bool(at == 0)),
        ("last", Value::Bool(at + 1 == length)),
        ("length", number(length)),
    ];
    Value::dict(members.into_iter().map(|(name, value)| (Value::text(name), value)).collect())
}

fn value_of(constant: &Constant) -> Value<'_> {
    match constant {
        Constant::None => Value::None,
        Constant::Bool(truth) => Value::Bool(*truth),
        Constant::Int(number) => Value::big(number.clone()),
        Constant::Float(number) => Value::Float(*number),
        Constant::Text(text) => Value::Text(text.as_str().into()),
    }
}

/// Whether a comparison holds.
pub(super) fn compared<'a>(
    comparison: Comparison,
    left: &Value<'a>,
    right: &Value<'a>,
) -> Result<bool, Fault> {
    use std::cmp::Ordering::{Equal, Greater, Less};
    let order = |wanted: &[std::cmp::Ordering]| -> Result<bool, Fault> {
        Ok(left.order(right)?.is_some_and(|order| wanted.contains(&order)))
    };
    match comparison {
        Comparison::Equal => Ok(left.equals(right)),
        Comparison::Unequal => Ok(!left.equals(right)),
        Comparison::Less => order(&[Less]),
        Comparison::LessOrEqual => order(&[Less, Equal]),
        Comparison::Greater => order(&[Greater]),
        Comparison::GreaterOrEqual => order(&[Greater, Equal]),
        Comparison::In => right.contains(left),
        Comparison::NotIn => Ok(!right.contains(left)?),
    }
}

/// A method of a value.
pub(super) fn method<'a>(value: &Value<'a>, name: &str) -> Value<'a> {
    Value::Method(Rc::new(value.clone()), name.to_owned().into())
}
