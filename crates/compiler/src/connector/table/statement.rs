//! A statement as text, with the values that it takes, put together in their order.

use super::dialect::Dialect;
use super::place::Value;

/// A statement and its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The text.
    pub text: String,
    /// The values, in the order of their marks.
    pub values: Vec<Value>,
}

/// What a row is compared by: an expression, and what stands around a value of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Term {
    /// The name of the column.
    pub(super) name: String,
    /// The expression.
    pub(super) order: String,
    /// What stands before and after a value.
    pub(super) around: (String, String),
}

/// Puts a statement together.
#[derive(Debug)]
pub(super) struct Writer {
    dialect: Dialect,
    statement: Statement,
}

impl Writer {
    pub(super) fn new(dialect: Dialect) -> Self {
        Self { dialect, statement: Statement { text: String::new(), values: Vec::new() } }
    }

    pub(super) fn text(&mut self, text: &str) {
        self.statement.text.push_str(text);
    }

    /// A value of a term.
    pub(super) fn value(&mut self, term: &Term, value: &Value) {
        self.statement.values.push(value.clone());
        let mark = self.dialect.mark(self.statement.values.len());
        self.statement.text.push_str(&format!("{}{mark}{}", term.around.0, term.around.1));
    }

    /// That a row comes after these values of the terms.
    pub(super) fn after(&mut self, terms: &[Term], values: &[Value]) {
        if terms.len() > 1 && self.dialect.compares_rows() {
            let orders: Vec<&str> = terms.iter().map(|term| term.order.as_str()).collect();
            self.text(&format!("({}) > (", orders.join(", ")));
            for (at, (term, value)) in terms.iter().zip(values).enumerate() {
                self.text(if at > 0 { ", " } else { "" });
                self.value(term, value);
            }
            self.text(")");
            return;
        }
        let Some(((term, rest), (value, others))) = terms.split_first().zip(values.split_first()) else {
            return;
        };
        if rest.is_empty() {
            self.compare(term, ">", value);
            return;
        }
        // The first part alone leads to a place in an index.
        self.compare(term, ">=", value);
        self.text(" AND (");
        self.compare(term, ">", value);
        self.text(" OR (");
        self.compare(term, "=", value);
        self.text(" AND ");
        self.after(rest, others);
        self.text("))");
    }

    /// One term compared with a value.
    pub(super) fn compare(&mut self, term: &Term, how: &str, value: &Value) {
        self.text(&format!("{} {how} ", term.order));
        self.value(term, value);
    }

    pub(super) fn end(self) -> Statement {
        self.statement
    }
}
