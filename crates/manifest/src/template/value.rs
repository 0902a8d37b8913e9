//! The values of an expression: Python's, with JSON borrowed as it is. Nothing of a record is copied before it is used.

use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;

use num_bigint::BigInt;
use num_traits::ToPrimitive;
use serde_json::{Map, Value as Json};

use super::literal::Budget;
use super::scope::Members;
use crate::time::{DateTime, Period};

/// A value while a template is evaluated.
#[derive(Debug, Clone)]
pub(super) enum Value<'a> {
    /// What is not there, and what it would have been called.
    Undefined(Rc<str>),
    None,
    Bool(bool),
    Int(i64),
    /// An integer beyond `Int`.
    Big(Rc<BigInt>),
    Float(f64),
    Text(Cow<'a, str>),
    /// A list of the context.
    Array(&'a [Json]),
    /// An object of the context.
    Object(&'a Map<String, Json>),
    /// An object of which only the members that are looked at are there.
    Members(&'a Members<'a>),
    /// A slice of a stream: an object with parts that are attributes.
    Slice(Slice<'a>),
    List(Rc<RefCell<Vec<Value<'a>>>>),
    Tuple(Rc<[Value<'a>]>),
    Dict(Rc<RefCell<Vec<(Value<'a>, Value<'a>)>>>),
    DateTime(DateTime),
    /// A day without a time.
    Date(DateTime),
    Period(Period),
    /// A method of a value, or a function without one.
    Method(Rc<Value<'a>>, Cow<'a, str>),
    Function(&'a str),
}

/// A slice of a stream, and its parts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slice<'a> {
    pub(super) all: &'a Map<String, Json>,
    pub(super) partition: &'a Json,
    pub(super) cursor: &'a Json,
    pub(super) extra_fields: &'a Json,
}

/// How deep values may nest that a template makes.
pub(super) const NESTING: usize = 64;

/// Why an expression has no value: by the class of Python's exception, for each is dealt with differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// `UndefinedError`
    Undefined(String),
    /// `TypeError`
    Type(String),
    /// Any other.
    Other(String),
}

pub(super) type Evaluated<'a> = Result<Value<'a>, Fault>;

/// The fault of a type that does not fit.
pub(super) fn type_fault<T>(message: impl Into<String>) -> Result<T, Fault> {
    Err(Fault::Type(message.into()))
}

/// A fault that neither is about types nor about what is not there.
pub(super) fn fault<T>(message: impl Into<String>) -> Result<T, Fault> {
    Err(Fault::Other(message.into()))
}

impl<'a> From<&'a Json> for Value<'a> {
    fn from(json: &'a Json) -> Self {
        match json {
            Json::Null => Self::None,
            Json::Bool(truth) => Self::Bool(*truth),
            Json::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(number), _) => Self::Int(number),
                (None, Some(number)) => Self::Big(Rc::new(number.into())),
                _ => Self::Float(number.as_f64().unwrap_or_default()),
            },
            Json::String(text) => Self::Text(Cow::Borrowed(text)),
            Json::Array(items) => Self::Array(items),
            Json::Object(members) => Self::Object(members),
        }
    }
}

impl<'a> Value<'a> {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(Cow::Owned(text.into()))
    }

    pub(super) fn list(items: Vec<Self>) -> Self {
        Self::List(Rc::new(RefCell::new(items)))
    }

    pub(super) fn dict(members: Vec<(Self, Self)>) -> Self {
        Self::Dict(Rc::new(RefCell::new(members)))
    }

    pub(super) fn undefined(name: &str) -> Self {
        Self::Undefined(name.into())
    }

    pub(super) fn big(number: BigInt) -> Self {
        number.to_i64().map_or_else(|| Self::Big(Rc::new(number)), Self::Int)
    }

    /// The fault of using what is not there.
    pub(super) fn missing(name: &str) -> Fault {
        Fault::Undefined(format!("asks for more of `{name}`, which is not there"))
    }

    /// What Python calls its type.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Undefined(_) => "Undefined",
            Self::None => "NoneType",
            Self::Bool(_) => "bool",
            Self::Int(_) | Self::Big(_) => "int",
            Self::Float(_) => "float",
            Self::Text(_) => "str",
            Self::Array(_) | Self::List(_) => "list",
            Self::Tuple(_) => "tuple",
            Self::Object(_) | Self::Members(_) | Self::Dict(_) => "dict",
            Self::Slice(_) => "StreamSlice",
            Self::DateTime(_) => "datetime",
            Self::Date(_) => "date",
            Self::Period(_) => "timedelta",
            Self::Method(..) | Self::Function(_) => "function",
        }
    }

    /// Python's truth of it.
    pub(super) fn truth(&self) -> bool {
        match self {
            Self::Undefined(_) | Self::None => false,
            Self::Bool(truth) => *truth,
            Self::Int(number) => *number != 0,
            Self::Float(number) => *number != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::Period(period) => !period.is_zero(),
            Self::Big(_) | Self::DateTime(_) | Self::Date(_) | Self::Method(..) | Self::Function(_) => true,
            other => other.length().is_some_and(|length| length > 0),
        }
    }

    /// How many items it has, where it has any.
    pub(super) fn length(&self) -> Option<usize> {
        Some(match self {
            Self::Undefined(_) => 0,
            Self::Text(text) => text.chars().count(),
            Self::Array(items) => items.len(),
            Self::List(items) => items.borrow().len(),
            Self::Tuple(items) => items.len(),
            Self::Object(members) => members.len(),
            Self::Members(members) => members.len(),
            Self::Slice(slice) => slice.all.len(),
            Self::Dict(members) => members.borrow().len(),
            _ => return None,
        })
    }

    /// Its members where it is an object.
    pub(super) fn members(&self) -> Option<Vec<(Self, Self)>> {
        let borrowed = |members: &'a Map<String, Json>| {
            members.iter().map(|(name, value)| (Self::Text(Cow::Borrowed(name)), value.into())).collect()
        };
        match self {
            Self::Object(members) => Some(borrowed(members)),
            Self::Members(members) => {
                Some(members.iter().map(|(name, value)| (Self::Text(Cow::Borrowed(name)), value)).collect())
            }
            Self::Slice(slice) => Some(borrowed(slice.all)),
            Self::Dict(members) => Some(members.borrow().clone()),
            _ => None,
        }
    }

    /// Its items as Python iterates over them: of an object its keys, of a text its characters.
    pub(super) fn items(&self, budget: &Budget) -> Result<Vec<Self>, Fault> {
        budget.take(self.length().unwrap_or_default())?;
        Ok(match self {
            Self::Undefined(_) => Vec::new(),
            Self::Text(text) => text.chars().map(Self::text).collect(),
            Self::Array(items) => items.iter().map(Self::from).collect(),
            Self::List(items) => items.borrow().clone(),
            Self::Tuple(items) => items.to_vec(),
            other => match other.members() {
                Some(members) => members.into_iter().map(|(key, _)| key).collect(),
                None => return type_fault(format!("iterates over a `{}`", other.kind())),
            },
        })
    }

    /// What an object has under a key.
    pub(super) fn member(&self, key: &Self) -> Option<Self> {
        match (self, key) {
            (Self::Object(members), Self::Text(name)) => members.get(name.as_ref()).map(Self::from),
            (Self::Members(members), Self::Text(name)) => members.get(name),
            (Self::Slice(slice), Self::Text(name)) => slice.all.get(name.as_ref()).map(Self::from),
            (Self::Dict(members), key) => {
                members.borrow().iter().find(|(known, _)| known.equals(key)).map(|(_, value)| value.clone())
            }
            _ => None,
        }
    }

    /// What an object has under a name.
    pub(super) fn named(&self, name: &str) -> Option<Self> {
        match self {
            Self::Object(members) => members.get(name).map(Self::from),
            Self::Members(members) => members.get(name),
            Self::Slice(slice) => slice.all.get(name).map(Self::from),
            Self::Dict(members) => {
                let is_it = |key: &Self| matches!(key, Self::Text(text) if text == name);
                members.borrow().iter().find(|(key, _)| is_it(key)).map(|(_, value)| value.clone())
            }
            _ => None,
        }
    }

    /// Checks that it nests no deeper than values may, and does not hold itself: it is about to be kept.
    ///
    /// # Errors
    /// When it does.
    pub(super) fn kept(&self, budget: &Budget, depth: usize) -> Result<(), Fault> {
        budget.take(1)?;
        let Some(depth) = depth.checked_sub(1) else { return fault("nests values too deep") };
        match self {
            Self::List(items) => items.borrow().iter().try_for_each(|item| item.kept(budget, depth)),
            Self::Tuple(items) => items.iter().try_for_each(|item| item.kept(budget, depth)),
            Self::Dict(members) => {
                members.borrow().iter().try_for_each(|(_, value)| value.kept(budget, depth))
            }
            _ => Ok(()),
        }
    }

    /// The same after something was put into it. An object that is put into itself is nested without an end: then
    /// everything is taken out of it again, so that it goes away.
    ///
    /// # Errors
    /// When it nests too deep.
    pub(super) fn kept_or_emptied(&self, budget: &Budget) -> Result<(), Fault> {
        let kept = self.kept(budget, NESTING);
        if kept.is_err() {
            match self {
                Self::List(items) => items.borrow_mut().clear(),
                Self::Dict(members) => members.borrow_mut().clear(),
                _ => {}
            }
        }
        kept
    }

    /// Whether it is an object.
    pub(super) fn is_mapping(&self) -> bool {
        matches!(self, Self::Object(_) | Self::Members(_) | Self::Dict(_) | Self::Slice(_))
    }

    /// Whether it can be the key of an object.
    pub(super) fn hashable(&self) -> bool {
        match self {
            Self::Array(_) | Self::List(_) => false,
            mapping if mapping.is_mapping() => false,
            Self::Tuple(items) => items.iter().all(Self::hashable),
            _ => true,
        }
    }

    /// Its integer, where it is one. Python counts a boolean as one.
    pub(super) fn integer(&self) -> Option<BigInt> {
        match self {
            Self::Bool(truth) => Some(i64::from(*truth).into()),
            Self::Int(number) => Some((*number).into()),
            Self::Big(number) => Some(number.as_ref().clone()),
            _ => None,
        }
    }

    /// Its integer where it is a small one.
    pub(super) fn small(&self) -> Option<i64> {
        match self {
            Self::Bool(truth) => Some(i64::from(*truth)),
            Self::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// Its number as a float, where it is a number.
    pub(super) fn float(&self) -> Option<f64> {
        match self {
            Self::Float(number) => Some(*number),
            other => other.integer()?.to_f64(),
        }
    }
}
