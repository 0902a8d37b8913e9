//! The parts of a parsed template. They are data alone: how they are read is in `parse`, what they mean in `evaluate`.

use num_bigint::BigInt;

/// A statement.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Text(String),
    Output(Expression),
    If { branches: Vec<(Expression, Vec<Node>)>, otherwise: Vec<Node> },
    For(Box<For>),
    Set { target: Target, value: Expression },
    SetBlock { name: String, body: Vec<Node> },
    With { variables: Vec<(String, Expression)>, body: Vec<Node> },
}

/// A loop.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct For {
    pub(super) target: Target,
    pub(super) items: Expression,
    pub(super) condition: Option<Expression>,
    pub(super) body: Vec<Node>,
    pub(super) otherwise: Vec<Node>,
}

/// What is assigned to.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Target {
    Name(String),
    Names(Vec<String>),
    /// A member of a namespace.
    Member(String, String),
}

/// A constant.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Constant {
    None,
    Bool(bool),
    Int(BigInt),
    Float(f64),
    Text(String),
}

/// The arguments of a call.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Arguments {
    pub(super) positional: Vec<Expression>,
    pub(super) named: Vec<(String, Expression)>,
}

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expression {
    Constant(Constant),
    Name(String),
    List(Vec<Expression>),
    Tuple(Vec<Expression>),
    Dict(Vec<(Expression, Expression)>),
    Conditional { condition: Box<Expression>, then: Box<Expression>, otherwise: Option<Box<Expression>> },
    Or(Box<Expression>, Box<Expression>),
    And(Box<Expression>, Box<Expression>),
    Not(Box<Expression>),
    Compare(Box<Expression>, Vec<(Comparison, Expression)>),
    Binary(Operator, Box<Expression>, Box<Expression>),
    Negative(Box<Expression>),
    Positive(Box<Expression>),
    Concat(Vec<Expression>),
    Attribute(Box<Expression>, String),
    Item(Box<Expression>, Box<Expression>),
    Slice(Box<Expression>, Box<Bounds>),
    Call(Box<Expression>, Arguments),
    Filter(Box<Expression>, String, Arguments),
    Test(Box<Expression>, String, Arguments),
}

/// `[start:stop:step]`
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bounds {
    pub(super) start: Option<Expression>,
    pub(super) stop: Option<Expression>,
    pub(super) step: Option<Expression>,
}

/// What two values are compared by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
}

/// Arithmetic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    FloorDivide,
    Remainder,
    Power,
}
