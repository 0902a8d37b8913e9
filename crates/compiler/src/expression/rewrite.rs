//! Writes an expression anew, with functions of ours in the place of the operators that care for what they compute
//! with; and tells which of them meets a text for certain.
//!
//! The engine lets nothing change what its operators mean. Its parser gives the tree, and the tree is written out
//! with every part in brackets, so that nothing depends on which operator binds tighter.

use std::collections::BTreeSet;

use minijinja::machinery::ast::{BinOpKind, CallArg, CompareOpKind, Expr, Filter, UnaryOpKind};
use minijinja::machinery::parse_expr;
use minijinja::value::ValueKind;

use super::exact::{NEGATE, Operator};
use super::filters::{TO_NUMBER, TO_TEXT};
use super::{ExpressionError, PARENT};

/// What is known of a value before there is a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    /// It is a text, whatever the record.
    Text,
    /// It is a field of a record that has texts alone.
    Field,
    Number,
    Nothing,
}

/// An expression, written anew.
#[derive(Debug)]
pub(super) struct Rewritten {
    pub(super) source: String,
    /// The names that it uses, but for those of functions. The engine itself overlooks the ones that are sliced.
    pub(super) names: BTreeSet<String>,
    /// What cannot be computed with any record, in words.
    pub(super) never: Vec<String>,
    /// What cannot be computed because the fields are texts, in words.
    pub(super) with_texts: Vec<String>,
}

/// Writes an expression anew. `all_texts` says whether every field of the records is a text.
pub(super) fn rewrite(source: &str, all_texts: bool) -> Result<Rewritten, ExpressionError> {
    let tree = parse_expr(source)?;
    let (never, with_texts) = (Vec::new(), Vec::new());
    let out = Rewritten { source: String::new(), names: BTreeSet::new(), never, with_texts };
    let mut writer = Writer { out, all_texts };
    writer.expression(&tree)?;
    Ok(writer.out)
}

struct Writer {
    out: Rewritten,
    all_texts: bool,
}

type Done = Result<Known, ExpressionError>;

impl Writer {
    fn put(&mut self, text: &str) {
        self.out.source.push_str(text);
    }

    /// Writes an expression and tells what is known of its value.
    fn expression(&mut self, tree: &Expr<'_>) -> Done {
        match tree {
            Expr::Var(variable) => {
                self.put(variable.id);
                self.out.names.insert(variable.id.to_owned());
                let is_field = self.all_texts && variable.id != super::WHOLE_RECORD && variable.id != PARENT;
                Ok(if is_field && !super::is_global(variable.id) { Known::Field } else { Known::Nothing })
            }
            Expr::Const(constant) => self.constant(&constant.value),
            Expr::UnaryOp(unary) => match unary.op {
                UnaryOpKind::Not => self.around("(not ", &unary.expr, ")").map(|_| Known::Nothing),
                UnaryOpKind::Neg => {
                    self.put(NEGATE);
                    self.around("(", &unary.expr, ")").map(|_| Known::Number)
                }
            },
            Expr::BinOp(binary) => self.binary(binary.op, &binary.left, &binary.right),
            Expr::Compare(chain) => {
                let operands: Vec<&Expr<'_>> =
                    std::iter::once(&chain.expr).chain(chain.ops.iter().map(|op| &op.expr)).collect();
                self.put("(");
                for (at, (pair, op)) in operands.windows(2).zip(&chain.ops).enumerate() {
                    self.put(if at == 0 { "" } else { " and " });
                    let (operator, is_negated) = comparison(op.op);
                    self.put(if is_negated { "not " } else { "" });
                    if let [left, right] = pair {
                        self.call(operator, left, right)?;
                    }
                }
                self.put(")");
                Ok(Known::Nothing)
            }
            Expr::IfExpr(choice) => {
                let first = self.around("((", &choice.true_expr, ")")?;
                self.around(" if (", &choice.test_expr, ")")?;
                let second = match &choice.false_expr {
                    Some(otherwise) => self.around(" else (", otherwise, ")")?,
                    None => first,
                };
                self.put(")");
                Ok(if first == second { first } else { Known::Nothing })
            }
            _ => self.access(tree),
        }
    }

    fn constant(&mut self, value: &minijinja::Value) -> Done {
        match value.kind() {
            ValueKind::String => {
                let text = serde_json::Value::from(value.as_str().unwrap_or_default()).to_string();
                self.put(&text);
                Ok(Known::Text)
            }
            ValueKind::Number => {
                let text = value.to_string();
                if !text.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte)) {
                    return Err(ExpressionError("a number is too large".to_owned()));
                }
                self.put(&text);
                Ok(Known::Number)
            }
            ValueKind::Bool => {
                self.put(if value.is_true() { "true" } else { "false" });
                Ok(Known::Nothing)
            }
            _ => {
                self.put("none");
                Ok(Known::Nothing)
            }
        }
    }

    fn around(&mut self, before: &str, tree: &Expr<'_>, after: &str) -> Done {
        self.put(before);
        let known = self.expression(tree)?;
        self.put(after);
        Ok(known)
    }

    fn binary(&mut self, op: BinOpKind, left: &Expr<'_>, right: &Expr<'_>) -> Done {
        let word = match op {
            BinOpKind::ScAnd => " and ",
            BinOpKind::ScOr => " or ",
            BinOpKind::Concat => {
                self.put(super::text::CONCAT);
                self.around("(", left, ", ")?;
                self.around("", right, ")")?;
                return Ok(Known::Text);
            }
            other => {
                let Some(operator) = operator(other) else {
                    return Err(ExpressionError("an operator is not known".to_owned()));
                };
                return self.call(operator, left, right);
            }
        };
        let first = self.around("(", left, word)?;
        let second = self.around("", right, ")")?;
        Ok(if first == second { first } else { Known::Nothing })
    }

    /// Writes the call of the function that stands for an operator.
    fn call(&mut self, operator: Operator, left: &Expr<'_>, right: &Expr<'_>) -> Done {
        self.put(operator.function());
        let operands = [self.around("(", left, ", ")?, self.around("", right, ")")?];
        if let Some(why) = operator.about_texts() {
            // In a comparison with nothing a text is as good as a number.
            if operands.contains(&Known::Text) {
                self.out.never.push(why);
            } else if operands.contains(&Known::Field) {
                self.out.with_texts.push(why);
            }
        }
        let is_number = !matches!(
            operator,
            Operator::Less
                | Operator::LessOrEqual
                | Operator::Greater
                | Operator::GreaterOrEqual
                | Operator::Equal
                | Operator::Unequal
                | Operator::In
        );
        Ok(if is_number { Known::Number } else { Known::Nothing })
    }

    /// What takes something out of a value, or hands it to a filter, a test or a function.
    fn access(&mut self, tree: &Expr<'_>) -> Done {
        match tree {
            Expr::Filter(filter) => self.filter(filter),
            Expr::Test(test) => {
                if let (Some(operator), [CallArg::Pos(other)]) =
                    (Operator::of(test.name), test.args.as_slice())
                {
                    return self.call(operator, &test.expr, other);
                }
                self.around("((", &test.expr, ") is ")?;
                self.put(test.name);
                self.arguments(&test.args)?;
                self.put(")");
                Ok(Known::Nothing)
            }
            Expr::GetAttr(member) => {
                let known = self.member(&member.expr)?;
                self.put(".");
                self.put(member.name);
                Ok(known)
            }
            Expr::GetItem(item) => {
                let known = self.member(&item.expr)?;
                self.around("[", &item.subscript_expr, "]")?;
                Ok(known)
            }
            Expr::Slice(slice) => {
                let known = self.around("(", &slice.expr, ")[")?;
                for (at, part) in [&slice.start, &slice.stop, &slice.step].into_iter().enumerate() {
                    self.put(if at == 0 { "" } else { ":" });
                    if let Some(part) = part {
                        self.expression(part)?;
                    }
                }
                self.put("]");
                Ok(known)
            }
            Expr::Call(call) => {
                match &call.expr {
                    Expr::Var(function) => self.put(function.id),
                    other => drop(self.around("", other, "")?),
                }
                self.put("(");
                self.listed(&call.args)?;
                self.put(")");
                Ok(Known::Nothing)
            }
            _ => self.collection(tree),
        }
    }

    fn filter(&mut self, filter: &Filter<'_>) -> Done {
        let known = match &filter.expr {
            Some(value) => self.around("((", value, ")|")?,
            None => return Err(ExpressionError("a filter has nothing before it".to_owned())),
        };
        self.put(filter.name);
        self.arguments(&filter.args)?;
        self.put(")");
        Ok(match filter.name {
            name if TO_NUMBER.contains(&name) => Known::Number,
            name if TO_TEXT.contains(&name) => Known::Text.min_of(known),
            "default" | "d" => known.unless_number(),
            _ => Known::Nothing,
        })
    }

    /// What a member is taken of. Those of a record that has texts alone are texts.
    fn member(&mut self, of: &Expr<'_>) -> Done {
        let is_record = matches!(of, Expr::Var(variable) if variable.id == super::WHOLE_RECORD);
        self.around("(", of, ")")?;
        Ok(if is_record && self.all_texts { Known::Field } else { Known::Nothing })
    }

    fn collection(&mut self, tree: &Expr<'_>) -> Done {
        match tree {
            Expr::List(list) => {
                self.put("[");
                self.items(&list.items)?;
                self.put("]");
            }
            Expr::Tuple(tuple) => {
                self.put("(");
                self.items(&tuple.items)?;
                self.put(if tuple.items.is_empty() { ")" } else { ",)" });
            }
            Expr::Map(map) => {
                self.put("{");
                for (at, (key, value)) in map.keys.iter().zip(&map.values).enumerate() {
                    self.put(if at == 0 { "" } else { ", " });
                    self.around("", key, ": ")?;
                    self.expression(value)?;
                }
                self.put("}");
            }
            other => {
                let what = other.description();
                return Err(ExpressionError(format!("a {what} cannot stand in an expression")));
            }
        }
        Ok(Known::Nothing)
    }

    fn items(&mut self, items: &[Expr<'_>]) -> Result<(), ExpressionError> {
        for (at, item) in items.iter().enumerate() {
            self.put(if at == 0 { "" } else { ", " });
            self.expression(item)?;
        }
        Ok(())
    }

    /// The arguments in brackets, when there are any.
    fn arguments(&mut self, arguments: &[CallArg<'_>]) -> Result<(), ExpressionError> {
        if arguments.is_empty() {
            return Ok(());
        }
        self.put("(");
        self.listed(arguments)?;
        self.put(")");
        Ok(())
    }

    fn listed(&mut self, arguments: &[CallArg<'_>]) -> Result<(), ExpressionError> {
        for (at, argument) in arguments.iter().enumerate() {
            self.put(if at == 0 { "" } else { ", " });
            let value = match argument {
                CallArg::Pos(value) => value,
                CallArg::Kwarg(name, value) => {
                    self.put(name);
                    self.put("=");
                    value
                }
                CallArg::PosSplat(value) => {
                    self.put("*");
                    value
                }
                CallArg::KwargSplat(value) => {
                    self.put("**");
                    value
                }
            };
            self.expression(value)?;
        }
        Ok(())
    }
}

impl Known {
    /// What a filter makes of it that gives a text: still a field, when it was one.
    const fn min_of(self, before: Self) -> Self {
        match before {
            Self::Field => Self::Field,
            Self::Text | Self::Number | Self::Nothing => self,
        }
    }

    /// What is left of it when another value may stand in its place.
    const fn unless_number(self) -> Self {
        match self {
            Self::Field => Self::Field,
            Self::Text | Self::Number | Self::Nothing => Self::Nothing,
        }
    }
}

const fn comparison(op: CompareOpKind) -> (Operator, bool) {
    match op {
        CompareOpKind::Eq => (Operator::Equal, false),
        CompareOpKind::Ne => (Operator::Unequal, false),
        CompareOpKind::Lt => (Operator::Less, false),
        CompareOpKind::Lte => (Operator::LessOrEqual, false),
        CompareOpKind::Gt => (Operator::Greater, false),
        CompareOpKind::Gte => (Operator::GreaterOrEqual, false),
        CompareOpKind::In => (Operator::In, false),
        CompareOpKind::NotIn => (Operator::In, true),
    }
}

const fn operator(op: BinOpKind) -> Option<Operator> {
    Some(match op {
        BinOpKind::Eq => Operator::Equal,
        BinOpKind::Ne => Operator::Unequal,
        BinOpKind::Lt => Operator::Less,
        BinOpKind::Lte => Operator::LessOrEqual,
        BinOpKind::Gt => Operator::Greater,
        BinOpKind::Gte => Operator::GreaterOrEqual,
        BinOpKind::Add => Operator::Add,
        BinOpKind::Sub => Operator::Subtract,
        BinOpKind::Mul => Operator::Multiply,
        BinOpKind::Div => Operator::Divide,
        BinOpKind::FloorDiv => Operator::FloorDivide,
        BinOpKind::Rem => Operator::Remainder,
        BinOpKind::Pow => Operator::Power,
        BinOpKind::In => Operator::In,
        BinOpKind::ScAnd | BinOpKind::ScOr | BinOpKind::Concat => return None,
    })
}
