//! What the schema of a Parquet file says of its values, as a tree beside them: a value alone does not say what its number
//! counts. It reads no value.

use std::collections::HashSet;

use parquet::basic::{ConvertedType, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::schema::types::Type;

/// What a value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shape {
    /// One value.
    Leaf(Kind),
    /// A struct: its members by name, in order.
    Group(Vec<(String, Shape)>),
    /// A list of such.
    List(Box<Shape>),
    /// Pairs of a key and such a value.
    Map(Box<Shape>, Box<Shape>),
}

/// What one value is, where the value does not say it itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// As it is.
    Plain,
    /// A whole number whose bits are read without a sign.
    Unsigned,
    /// Days since 1970.
    Date,
    /// Since midnight.
    Time(Unit),
    /// Since 1970: in UTC, or by a clock of which no zone is known.
    Timestamp {
        /// What it counts.
        unit: Unit,
        /// Whether it is in UTC.
        is_utc: bool,
    },
    /// A text.
    Text,
    /// JSON as a text.
    Json,
    /// 16 bytes.
    Uuid,
}

/// What a time counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Millis,
    Micros,
    Nanos,
}

impl Unit {
    fn of(unit: TimeUnit) -> Self {
        match unit {
            TimeUnit::MILLIS => Self::Millis,
            TimeUnit::MICROS => Self::Micros,
            TimeUnit::NANOS => Self::Nanos,
        }
    }

    /// How many of them make a second.
    pub(super) const fn per_second(self) -> i64 {
        match self {
            Self::Millis => 1_000,
            Self::Micros => 1_000_000,
            Self::Nanos => 1_000_000_000,
        }
    }
}

/// The shape of the records of a file, or why they cannot be read.
pub(super) fn of_records(schema: &Type) -> Result<Vec<(String, Shape)>, String> {
    members(schema, "")
}

/// The members of a group.
fn members(group: &Type, path: &str) -> Result<Vec<(String, Shape)>, String> {
    let mut known = HashSet::new();
    let mut members = Vec::with_capacity(group.get_fields().len());
    for field in group.get_fields() {
        let name = field.name();
        let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        if !known.insert(name) {
            return Err(format!("two columns are called `{path}`"));
        }
        members.push((name.to_owned(), repeated(field, &path)?));
    }
    Ok(members)
}

/// A field that may be repeated without being called a list.
fn repeated(field: &Type, path: &str) -> Result<Shape, String> {
    let info = field.get_basic_info();
    let shape = shape(field, path)?;
    let is_annotated = matches!(
        info.converted_type(),
        ConvertedType::LIST | ConvertedType::MAP | ConvertedType::MAP_KEY_VALUE
    );
    let is_repeated = info.has_repetition() && info.repetition() == Repetition::REPEATED;
    Ok(if is_repeated && !is_annotated { Shape::List(Box::new(shape)) } else { shape })
}

fn shape(field: &Type, path: &str) -> Result<Shape, String> {
    if field.is_primitive() {
        return kind(field, path).map(Shape::Leaf);
    }
    let children = field.get_fields();
    match (field.get_basic_info().converted_type(), children) {
        (ConvertedType::LIST, [entry]) => {
            let element = match entry.is_group().then(|| entry.get_fields()) {
                Some([element]) if !is_element(entry) => element,
                _ => entry,
            };
            let element =
                if std::ptr::eq(element, entry) { shape(element, path) } else { repeated(element, path) };
            Ok(Shape::List(Box::new(element?)))
        }
        (ConvertedType::MAP | ConvertedType::MAP_KEY_VALUE, [entry]) if entry.is_group() => {
            match entry.get_fields() {
                [key, value] => {
                    let (key, value) = (repeated(key, path)?, repeated(value, path)?);
                    Ok(Shape::Map(Box::new(key), Box::new(value)))
                }
                [key] => Ok(Shape::List(Box::new(repeated(key, path)?))),
                _ => Err(format!("the column `{path}` is a map of an unknown form")),
            }
        }
        (ConvertedType::LIST | ConvertedType::MAP | ConvertedType::MAP_KEY_VALUE, _) => {
            Err(format!("the column `{path}` is a list or a map of an unknown form"))
        }
        _ => Ok(Shape::Group(members(field, path)?)),
    }
}

/// Whether what is repeated in a list is its element, as old writers have it: the rules of the format for them.
fn is_element(entry: &Type) -> bool {
    let is_list = entry.get_basic_info().converted_type() == ConvertedType::LIST;
    let only = match entry.get_fields() {
        [only] => Some(only.get_basic_info()),
        _ => None,
    };
    let has_repeated =
        only.is_some_and(|only| only.has_repetition() && only.repetition() == Repetition::REPEATED);
    if is_list || has_repeated {
        return false;
    }
    only.is_none() || entry.name() == "array" || entry.name().ends_with("_tuple")
}

/// What a column holds, or why it cannot be read.
fn kind(leaf: &Type, path: &str) -> Result<Kind, String> {
    let info = leaf.get_basic_info();
    let physical = leaf.get_physical_type();
    if physical == Physical::INT96 {
        return Err(format!(
            "the column `{path}` has the type INT96, which is obsolete; write it as a TIMESTAMP (Spark: \
             spark.sql.parquet.outputTimestampType=TIMESTAMP_MICROS)"
        ));
    }
    if let Some(kind) = info.logical_type_ref().and_then(by_logical_type) {
        return Ok(kind);
    }
    let utc = |unit| Kind::Timestamp { unit, is_utc: true };
    Ok(match info.converted_type() {
        ConvertedType::DATE => Kind::Date,
        ConvertedType::TIME_MILLIS => Kind::Time(Unit::Millis),
        ConvertedType::TIME_MICROS => Kind::Time(Unit::Micros),
        ConvertedType::TIMESTAMP_MILLIS => utc(Unit::Millis),
        ConvertedType::TIMESTAMP_MICROS => utc(Unit::Micros),
        ConvertedType::UTF8 | ConvertedType::ENUM => Kind::Text,
        ConvertedType::JSON => Kind::Json,
        ConvertedType::UINT_8 | ConvertedType::UINT_16 | ConvertedType::UINT_32 | ConvertedType::UINT_64 => {
            Kind::Unsigned
        }
        ConvertedType::NONE
        | ConvertedType::INT_8
        | ConvertedType::INT_16
        | ConvertedType::INT_32
        | ConvertedType::INT_64
        | ConvertedType::DECIMAL
        | ConvertedType::BSON => Kind::Plain,
        other @ (ConvertedType::INTERVAL
        | ConvertedType::MAP
        | ConvertedType::MAP_KEY_VALUE
        | ConvertedType::LIST) => {
            return Err(format!("the column `{path}` has the type {other}, which is not read"));
        }
    })
}

fn by_logical_type(logical: &LogicalType) -> Option<Kind> {
    match logical {
        LogicalType::String | LogicalType::Enum => Some(Kind::Text),
        LogicalType::Json => Some(Kind::Json),
        LogicalType::Uuid => Some(Kind::Uuid),
        LogicalType::Date => Some(Kind::Date),
        LogicalType::Time(time) => Some(Kind::Time(Unit::of(time.unit))),
        LogicalType::Timestamp(time) => {
            Some(Kind::Timestamp { unit: Unit::of(time.unit), is_utc: time.is_adjusted_to_u_t_c })
        }
        LogicalType::Integer(integer) if !integer.is_signed => Some(Kind::Unsigned),
        _ => None,
    }
}
