//! Which types of columns keep the values of which fields: as they are, once they were widened, or not at all.

use raccord_model::language::{FieldType, Manage};
use raccord_model::port::destination::FieldShape;

use super::catalog::FoundColumn;
use crate::table::{Digits, Kind};

/// Whether a column can keep the values of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fit {
    /// It can, with these limits.
    As { kind: Kind, longest: Option<u32>, digits: Option<Digits> },
    /// Once it has another type, which takes all that it holds.
    Widened(Kind),
    /// It cannot; completes the sentence "the column … of type …".
    Not(&'static str),
}

impl Fit {
    const fn of(kind: Kind) -> Self {
        Self::As { kind, longest: None, digits: None }
    }
}

/// How a new column keeps the values of a field.
pub(super) const fn kind_of(field: FieldType) -> Kind {
    match field {
        FieldType::Text | FieldType::Email | FieldType::Phone | FieldType::Url | FieldType::Choice => {
            Kind::Text
        }
        FieldType::Integer => Kind::Int8,
        FieldType::Decimal => Kind::Numeric,
        FieldType::Boolean => Kind::Boolean,
        FieldType::Date => Kind::Date,
        FieldType::Datetime => Kind::Timestamptz,
        FieldType::Choices => Kind::TextArray,
        FieldType::Json => Kind::Json,
    }
}

/// Whether a column that is there can keep the values of a field.
pub(super) fn fit(field: &FieldShape, column: &FoundColumn, manage: Manage) -> Fit {
    let is_text = kind_of(field.field_type) == Kind::Text;
    match (column.type_name.as_str(), kind_of(field.field_type)) {
        ("text", Kind::Text) => Fit::of(Kind::Text),
        ("varchar", Kind::Text) => of_varchar(field, column, manage),
        ("bpchar", Kind::Text) => Fit::Not("fills texts up with blanks"),
        ("citext", Kind::Text) => Fit::of(Kind::Named(column.sql.clone())),
        _ if column.type_sort == b'd' && is_text => {
            Fit::Not("is a domain, whose conditions Raccord does not know")
        }
        _ if column.type_sort == b'e' && field.field_type == FieldType::Choice => {
            Fit::of(Kind::Named(column.sql.clone()))
        }
        _ if column.type_sort == b'e' => {
            Fit::Not("takes the words of its enumeration alone; make the field a `choice`")
        }
        ("int8", Kind::Int8) => Fit::of(Kind::Int8),
        ("int4" | "int2", Kind::Int8) if manage == Manage::Additive => Fit::Widened(Kind::Int8),
        ("int4", Kind::Int8) => Fit::of(Kind::Int4),
        ("int2", Kind::Int8) => Fit::of(Kind::Int2),
        ("numeric", Kind::Numeric) => {
            Fit::As { kind: Kind::Numeric, longest: None, digits: digits(column.modifier) }
        }
        ("float4" | "float8", Kind::Numeric) => Fit::Not("does not keep decimal numbers as they are"),
        ("bool", Kind::Boolean) => Fit::of(Kind::Boolean),
        ("date", Kind::Date) => Fit::of(Kind::Date),
        ("timestamptz", Kind::Timestamptz) if [-1, 6].contains(&column.modifier) => {
            Fit::of(Kind::Timestamptz)
        }
        ("timestamptz", Kind::Timestamptz) => Fit::Not("rounds instants"),
        ("timestamp", Kind::Timestamptz) => {
            Fit::Not("has no time zone, so that it would not say when something was")
        }
        ("_text", Kind::TextArray) => Fit::of(Kind::TextArray),
        ("json", Kind::Json) => Fit::of(Kind::Json),
        ("jsonb", Kind::Json) => Fit::of(Kind::Jsonb),
        _ => Fit::Not("keeps values of another type"),
    }
}

/// The length that stands in brackets after `varchar`.
fn length(modifier: i32) -> Option<u32> {
    u32::try_from(modifier - 4).ok().filter(|_| modifier >= 4)
}

fn of_varchar(field: &FieldShape, column: &FoundColumn, manage: Manage) -> Fit {
    let Some(length) = length(column.modifier) else { return Fit::of(Kind::Text) };
    let is_enough = field.max_length.is_some_and(|most| most <= length);
    if is_enough || manage == Manage::None {
        return Fit::As { kind: Kind::Text, longest: Some(length), digits: None };
    }
    Fit::Widened(Kind::Text)
}

/// The digits that stand in brackets after `numeric`.
fn digits(modifier: i32) -> Option<Digits> {
    let both = u32::try_from(modifier - 4).ok().filter(|_| modifier >= 4)?;
    let (precision, scale) = (both >> 16, both & 0xFFFF);
    // A scale below zero, or beyond the precision, is for rounding: nothing that has a fraction fits.
    let whole = precision.checked_sub(scale);
    Some(Digits { whole: whole.unwrap_or(0), fraction: if whole.is_some() { scale } else { 0 } })
}
