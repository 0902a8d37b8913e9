//! Parquet: a typed column for each field, compressed with Snappy. Rows wait in memory until a group of them is full. A decimal has
//! at most 20 digits before the point and 18 after it; instants are kept to the microsecond.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, FixedLenByteArray, FixedLenByteArrayType, Int32Type,
    Int64Type,
};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::{Type, TypePtr};
use raccord_model::value::Value;

use super::text;
use super::{Cell, Column, ColumnKind, EncodeError, Encoder};

/// How many digits a decimal may have, and how many of them stand after the point: what the engines that read Parquet
/// have in common is 38.
const DIGITS: usize = 38;
const SCALE: usize = 18;

/// A group of rows is full with so many of them, or so many bytes of values.
const GROUP_ROWS: usize = 131_072;
const GROUP_BYTES: usize = 8 << 20;

const TYPE: &str = "is of another type than its column";
const LARGE: &str =
    "has more digits than a decimal of Parquet, of which 20 stand before the point and 18 after it";
const YEARS: &str = "is an instant that Parquet cannot keep";

impl From<ParquetError> for EncodeError {
    fn from(error: ParquetError) -> Self {
        Self::Library(Box::new(error))
    }
}

/// A file of Parquet.
pub(super) struct Parquet {
    columns: Arc<[Column]>,
    group: Group,
    sink: Sink,
    /// Begun with the first group of rows, gone with the end of the file.
    writer: Option<SerializedFileWriter<Sink>>,
    is_begun: bool,
}

/// Where the library writes, and from where the bytes are taken.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Parquet {
    pub(super) fn new(columns: Arc<[Column]>) -> Self {
        let group = Group::of(&columns);
        Self { columns, group, sink: Sink::default(), writer: None, is_begun: false }
    }

    fn begin(&mut self) -> Result<&mut SerializedFileWriter<Sink>, EncodeError> {
        if !std::mem::replace(&mut self.is_begun, true) {
            let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
            let schema = schema(&self.columns)?;
            self.writer = Some(SerializedFileWriter::new(self.sink.clone(), schema, Arc::new(properties))?);
        }
        self.writer.as_mut().ok_or_else(|| ParquetError::General("the file was ended before".into()).into())
    }

    fn end_group(&mut self) -> Result<(), EncodeError> {
        let group = std::mem::replace(&mut self.group, Group::of(&self.columns));
        let writer = self.begin()?;
        if group.rows > 0 {
            let mut rows = writer.next_row_group()?;
            for values in &group.values {
                let Some(mut column) = rows.next_column()? else { break };
                values.write(&mut column)?;
                column.close()?;
            }
            rows.close()?;
            writer.flush().map_err(ParquetError::from)?;
        }
        Ok(())
    }
}

impl Encoder for Parquet {
    fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), EncodeError> {
        for (number, (column, cell)) in self.columns.iter().zip(cells).enumerate() {
            if let Some(reason) = cell.as_ref().and_then(|value| wrong(column.kind, value)) {
                return Err(EncodeError::Unkept { number, column: column.name.clone(), reason });
            }
        }
        for (values, cell) in self.group.values.iter_mut().zip(cells) {
            self.group.bytes += values.push(cell.as_ref());
        }
        self.group.rows += 1;
        if self.group.rows >= GROUP_ROWS || self.group.bytes >= GROUP_BYTES {
            self.end_group()?;
        }
        Ok(())
    }

    fn pending(&self) -> usize {
        self.sink.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut *self.sink.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn finish(&mut self) -> Result<(), EncodeError> {
        self.end_group()?;
        if let Some(writer) = self.writer.take() {
            writer.close()?;
        }
        Ok(())
    }
}

/// Rows that wait for their group to be full, column by column.
struct Group {
    values: Vec<Values>,
    rows: usize,
    bytes: usize,
}

impl Group {
    fn of(columns: &[Column]) -> Self {
        Self { values: columns.iter().map(|column| Values::of(column.kind)).collect(), rows: 0, bytes: 0 }
    }
}

/// The values of a column, and for each row whether it has one.
enum Values {
    Bool(Sparse<BoolType>),
    Int32(Sparse<Int32Type>),
    Int64(Sparse<Int64Type>),
    Bytes(Sparse<ByteArrayType>),
    Fixed(Sparse<FixedLenByteArrayType>),
}

struct Sparse<T: DataType> {
    values: Vec<T::T>,
    is_there: Vec<i16>,
}

impl<T: DataType> Default for Sparse<T> {
    fn default() -> Self {
        Self { values: Vec::new(), is_there: Vec::new() }
    }
}

impl<T: DataType> Sparse<T> {
    fn push(&mut self, value: Option<T::T>) {
        self.is_there.push(i16::from(value.is_some()));
        self.values.extend(value);
    }

    fn write(&self, column: &mut SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
        column.typed::<T>().write_batch(&self.values, Some(&self.is_there), None).map(drop)
    }
}

impl Values {
    fn of(kind: ColumnKind) -> Self {
        match kind {
            ColumnKind::Boolean => Self::Bool(Sparse::default()),
            ColumnKind::Date => Self::Int32(Sparse::default()),
            ColumnKind::Integer | ColumnKind::Datetime => Self::Int64(Sparse::default()),
            ColumnKind::Decimal => Self::Fixed(Sparse::default()),
            ColumnKind::Text | ColumnKind::Choices | ColumnKind::Json => Self::Bytes(Sparse::default()),
        }
    }

    /// Adds a value that is right for the column, and says about how many bytes of memory it takes.
    fn push(&mut self, value: Option<&Value<'_>>) -> usize {
        match self {
            Self::Bool(sparse) => sparse.push(match value {
                Some(Value::Boolean(value)) => Some(*value),
                _ => None,
            }),
            Self::Int32(sparse) => sparse.push(match value {
                Some(Value::Date(days)) => Some(*days),
                _ => None,
            }),
            Self::Int64(sparse) => sparse.push(match value {
                Some(Value::Integer(number)) => Some(*number),
                Some(Value::Datetime(instant)) => microseconds(instant.seconds, instant.nanoseconds),
                _ => None,
            }),
            Self::Fixed(sparse) => sparse.push(match value {
                Some(Value::Decimal(number)) => scaled(number.as_str())
                    .map(|number| FixedLenByteArray::from(number.to_be_bytes().to_vec())),
                _ => None,
            }),
            Self::Bytes(sparse) => {
                let bytes = value.map(|value| {
                    let mut bytes = Vec::new();
                    text::plain(value, &mut bytes);
                    bytes
                });
                let length = bytes.as_ref().map_or(0, Vec::len);
                sparse.push(bytes.map(ByteArray::from));
                return length + size_of::<ByteArray>() + 2;
            }
        }
        size_of::<FixedLenByteArray>() / 2
    }

    fn write(&self, column: &mut SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
        match self {
            Self::Bool(sparse) => sparse.write(column),
            Self::Int32(sparse) => sparse.write(column),
            Self::Int64(sparse) => sparse.write(column),
            Self::Bytes(sparse) => sparse.write(column),
            Self::Fixed(sparse) => sparse.write(column),
        }
    }
}

/// Why a column cannot keep a value.
fn wrong(kind: ColumnKind, value: &Value<'_>) -> Option<&'static str> {
    match (kind, value) {
        (ColumnKind::Text, Value::Text(_))
        | (ColumnKind::Integer, Value::Integer(_))
        | (ColumnKind::Boolean, Value::Boolean(_))
        | (ColumnKind::Date, Value::Date(_))
        | (ColumnKind::Choices, Value::Choices(_))
        | (ColumnKind::Json, Value::Json(_)) => None,
        (ColumnKind::Decimal, Value::Decimal(number)) => scaled(number.as_str()).is_none().then_some(LARGE),
        (ColumnKind::Datetime, Value::Datetime(instant)) => {
            microseconds(instant.seconds, instant.nanoseconds).is_none().then_some(YEARS)
        }
        _ => Some(TYPE),
    }
}

fn microseconds(seconds: i64, nanoseconds: i32) -> Option<i64> {
    seconds.checked_mul(1_000_000)?.checked_add(i64::from(nanoseconds / 1_000))
}

/// A decimal in units of its last place; `None` of one with more digits than there are places.
fn scaled(number: &str) -> Option<i128> {
    let (sign, digits) = number.strip_prefix('-').map_or((1, number), |digits| (-1, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.len() > DIGITS - SCALE || fraction.len() > SCALE {
        return None;
    }
    let places = u32::try_from(SCALE - fraction.len()).ok()?;
    let units: i128 = format!("{whole}{fraction}").parse().ok()?;
    units.checked_mul(10_i128.checked_pow(places)?)?.checked_mul(sign)
}

fn schema(columns: &[Column]) -> Result<TypePtr, ParquetError> {
    let fields: Result<Vec<TypePtr>, ParquetError> =
        columns.iter().map(|column| field(column).map(Arc::new)).collect();
    Ok(Arc::new(Type::group_type_builder("row").with_fields(fields?).build()?))
}

fn field(column: &Column) -> Result<Type, ParquetError> {
    let (physical, logical) = match column.kind {
        ColumnKind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        ColumnKind::Choices | ColumnKind::Json => (Physical::BYTE_ARRAY, Some(LogicalType::Json)),
        ColumnKind::Integer => (Physical::INT64, Some(LogicalType::integer(64, true))),
        ColumnKind::Boolean => (Physical::BOOLEAN, None),
        ColumnKind::Date => (Physical::INT32, Some(LogicalType::Date)),
        ColumnKind::Datetime => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MICROS))),
        ColumnKind::Decimal => {
            let number = |count| i32::try_from(count).unwrap_or(i32::MAX);
            return Type::primitive_type_builder(&column.name, Physical::FIXED_LEN_BYTE_ARRAY)
                .with_repetition(Repetition::OPTIONAL)
                .with_length(number(size_of::<i128>()))
                .with_logical_type(Some(LogicalType::decimal(number(SCALE), number(DIGITS))))
                .with_precision(number(DIGITS))
                .with_scale(number(SCALE))
                .build();
        }
    };
    Type::primitive_type_builder(&column.name, physical)
        .with_repetition(Repetition::OPTIONAL)
        .with_logical_type(logical)
        .build()
}

#[cfg(test)]
mod tests {
    use super::scaled;

    #[test]
    fn decimals_are_exact_or_refused() {
        for (number, expected) in [
            ("0", Some(0)),
            ("-1.5", Some(-1_500_000_000_000_000_000)),
            ("0.000000000000000001", Some(1)),
            ("99999999999999999999.999999999999999999", Some(10_i128.pow(38) - 1)),
            ("0.0000000000000000001", None),
            ("100000000000000000000", None),
        ] {
            assert_eq!(scaled(number), expected, "{number}");
        }
    }
}
