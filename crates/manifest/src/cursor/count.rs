//! The cursor over a number that grows: a manifest's `IncrementingCountCursor`. There is one slice, from the greatest
//! number that is known.

use serde_json::{Map, Number, Value};

use super::wrong_state;
use crate::component::{Component, Problem};
use crate::error::ReadError;
use crate::exchange::Additions;
use crate::record::Record;
use crate::request::RequestOption;
use crate::slice::Slice;
use crate::template::{Context, Template};

/// What a manifest says of it.
#[derive(Debug, Clone)]
pub struct CountRule {
    field: Template,
    start: Option<Template>,
    start_option: Option<RequestOption>,
}

/// The cursor, its templates evaluated.
#[derive(Debug, Clone)]
pub struct CountCursor {
    field: String,
    start: i64,
}

/// How far a stream was read.
#[derive(Debug, Clone, PartialEq)]
pub struct CountProgress {
    known: Number,
    legacy: Map<String, Value>,
}

const START: &str = "start";

impl CountRule {
    /// The rule that a component is.
    ///
    /// # Errors
    /// When a member of it is wrong or missing.
    pub fn build(component: &Component) -> Result<Self, Problem> {
        let option = component.child("start_value_option");
        Ok(Self {
            field: component.required("cursor_field", component.template("cursor_field")?)?,
            start: component.template("start_value")?,
            start_option: option.map(|option| RequestOption::new(&option)).transpose()?,
        })
    }

    /// The cursor.
    ///
    /// # Errors
    /// When a template has no value, or the start is no number.
    pub fn evaluate(&self, context: &Context) -> Result<CountCursor, ReadError> {
        let start = match &self.start {
            None => 0,
            Some(start) => {
                let number = start.text(context)?.trim().parse();
                number.map_err(|_| ReadError::Settings("`start_value` is no whole number".to_owned()))?
            }
        };
        Ok(CountCursor { field: self.field.text(context)?, start })
    }

    /// The member of records that the cursor reads.
    ///
    /// # Errors
    /// When the template of its name has no value.
    pub fn field(&self, context: &Context) -> Result<String, ReadError> {
        Ok(self.field.text(context)?)
    }

    /// What a request carries of a slice.
    ///
    /// # Errors
    /// When a template has no value.
    pub fn additions(&self, slice: &Slice, context: &Context) -> Result<Additions, ReadError> {
        let mut additions = Additions::default();
        if let Some(option) = &self.start_option {
            let value = slice.cursor.get(START).cloned();
            option.inject(&mut additions, value.unwrap_or(Value::Null), context)?;
        }
        Ok(additions)
    }
}

impl CountCursor {
    /// How far a stream was read, from its state.
    ///
    /// # Errors
    /// When the number in it is none.
    pub fn resume(&self, state: &Map<String, Value>) -> Result<CountProgress, ReadError> {
        let slices = state.get("slices").and_then(Value::as_array);
        let first = slices.and_then(|slices| slices.first());
        let known = match first {
            Some(slice) => slice.get("most_recent_cursor_value").or_else(|| slice.get("end")),
            None => state.get(&self.field),
        };
        let known = match known {
            None | Some(Value::Null) => Number::from(self.start),
            Some(Value::Number(number)) if is_less(number, &Number::from(self.start)) => {
                Number::from(self.start)
            }
            Some(Value::Number(number)) => number.clone(),
            Some(_) => return Err(wrong_state(&format!("`{}` is no number", self.field))),
        };
        let legacy = match first {
            Some(_) => state.get("legacy").and_then(Value::as_object).cloned().unwrap_or_default(),
            None => state.clone(),
        };
        Ok(CountProgress { known, legacy })
    }

    /// The one slice that remains.
    pub fn slice(&self, progress: &CountProgress) -> Slice {
        let members = [(START.to_owned(), Value::Number(progress.known.clone()))];
        Slice { cursor: crate::object(members), ..Slice::default() }
    }

    /// A record was read.
    pub fn observe(&self, newest: &mut Option<Number>, record: &Record) {
        if let Some(Value::Number(number)) = record.member(&self.field)
            && newest.as_ref().is_none_or(|newest| is_less(newest, &number))
        {
            *newest = Some(number);
        }
    }

    /// The slice is done; `newest` is the greatest number in it.
    pub fn close(&self, progress: &mut CountProgress, newest: Option<Number>) {
        if let Some(newest) = newest.filter(|newest| is_less(&progress.known, newest)) {
            progress.known = newest;
        }
    }

    /// The state.
    pub fn state(&self, progress: &CountProgress) -> Map<String, Value> {
        let mut state = progress.legacy.clone();
        state.insert(self.field.clone(), Value::Number(progress.known.clone()));
        state
    }
}

/// Whether a number is less than another.
pub(crate) fn is_less(one: &Number, other: &Number) -> bool {
    match (one.as_i64(), other.as_i64()) {
        (Some(one), Some(other)) => one < other,
        _ => one.as_f64().zip(other.as_f64()).is_some_and(|(one, other)| one < other),
    }
}
