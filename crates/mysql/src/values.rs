//! Values of the binary protocol as JSON. Nothing is lost: numbers keep all their digits, times their microseconds; bytes are
//! Base64, and a date that is none is null.

use mysql_async::{Row, Value as Given};
use raccord_compiler::connector::table::{Column, RecordText, Value};

/// A value that is not of the form of its type.
#[derive(Debug, thiserror::Error)]
#[error("a value of the column `{0}` is not of the form of its type")]
pub(crate) struct Unread(String);

/// How the columns of a relation are read.
#[derive(Debug, Clone)]
pub(crate) struct Cells(Vec<Cell>);

#[derive(Debug, Clone)]
struct Cell {
    name: String,
    quoted: String,
    kind: Kind,
}

/// What is made of the bytes of a value. Numbers and times say themselves what they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
    Json,
    Bytes,
    Bits,
    Timestamp,
    Date,
    Other,
}

impl Cells {
    pub(crate) fn of(columns: &[Column]) -> Self {
        let cell = |column: &Column| Cell {
            name: column.name.clone(),
            quoted: RecordText::quote(&column.name),
            kind: match column.type_name.as_str() {
                "decimal" => Kind::Number,
                "json" => Kind::Json,
                "binary" => Kind::Bytes,
                "bit" => Kind::Bits,
                "timestamp" => Kind::Timestamp,
                "date" => Kind::Date,
                "text" | "enum" => Kind::Text,
                _ => Kind::Other,
            },
        };
        Self(columns.iter().map(cell).collect())
    }

    /// Writes the members of a row.
    pub(crate) fn write(&self, row: &Row, text: &mut RecordText) -> Result<(), Unread> {
        for (at, cell) in self.0.iter().enumerate() {
            text.name(&cell.quoted);
            cell.write(row.as_ref(at).unwrap_or(&Given::NULL), text)?;
        }
        Ok(())
    }

    /// The value of a column that rows are compared by.
    pub(crate) fn value(&self, row: &Row, at: usize) -> Value {
        let kind = self.0.get(at).map_or(Kind::Other, |cell| cell.kind);
        match row.as_ref(at).unwrap_or(&Given::NULL) {
            Given::NULL => Value::Null,
            Given::Int(number) => Value::Integer(*number),
            Given::UInt(number) => i64::try_from(*number).map_or(Value::Unsigned(*number), Value::Integer),
            Given::Float(number) => Value::Real(f64::from(*number).to_bits()),
            Given::Double(number) => Value::Real(number.to_bits()),
            Given::Bytes(bytes) => match (kind, std::str::from_utf8(bytes)) {
                (Kind::Bytes | Kind::Bits, _) | (_, Err(_)) => Value::Bytes(bytes.clone()),
                (_, Ok(text)) => Value::Text(text.to_owned()),
            },
            Given::Date(year, month, day, hour, minute, second, micros) => Value::Text(format!(
                "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{micros:06}"
            )),
            Given::Time(negative, days, hours, minutes, seconds, micros) => {
                Value::Text(time(*negative, (*days, *hours, *minutes, *seconds), *micros))
            }
        }
    }
}

impl Cell {
    fn write(&self, value: &Given, text: &mut RecordText) -> Result<(), Unread> {
        match value {
            Given::NULL | Given::Date(0, 0, 0, ..) => text.null(),
            Given::Int(number) => text.integer(*number),
            Given::UInt(number) => text.integer(*number),
            Given::Float(number) if number.is_finite() => text.raw(number),
            Given::Float(number) => text.float(f64::from(*number)),
            Given::Double(number) => text.float(*number),
            Given::Date(year, month, day, ..) if self.kind == Kind::Date => {
                text.plain(format_args!("{year:04}-{month:02}-{day:02}"));
            }
            Given::Date(year, month, day, hour, minute, second, micros) => {
                let zone = if self.kind == Kind::Timestamp { "Z" } else { "" };
                let fraction = fraction(*micros);
                text.plain(format_args!(
                    "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}{zone}"
                ));
            }
            Given::Time(negative, days, hours, minutes, seconds, micros) => {
                text.plain(time(*negative, (*days, *hours, *minutes, *seconds), *micros));
            }
            Given::Bytes(bytes) => self.write_bytes(bytes, text)?,
        }
        Ok(())
    }

    fn write_bytes(&self, bytes: &[u8], text: &mut RecordText) -> Result<(), Unread> {
        let utf8 = || std::str::from_utf8(bytes).map_err(|_| Unread(self.name.clone()));
        match self.kind {
            Kind::Bytes => text.bytes(bytes),
            Kind::Bits => match bytes
                .iter()
                .try_fold(0_u64, |sum, byte| sum.checked_mul(256).map(|sum| sum + u64::from(*byte)))
            {
                Some(number) => text.raw(number),
                None => text.bytes(bytes),
            },
            Kind::Number => text.raw(without_zeros(utf8()?)),
            Kind::Json => text.raw(utf8()?),
            Kind::Text | Kind::Timestamp | Kind::Date | Kind::Other => text.text(utf8()?),
        }
        Ok(())
    }
}

/// A number without the zeros before it, which a column with ZEROFILL has and JSON has not.
fn without_zeros(number: &str) -> &str {
    let mut rest = number;
    while let Some(shorter) = rest.strip_prefix('0').filter(|it| it.starts_with(|c: char| c.is_ascii_digit()))
    {
        rest = shorter;
    }
    rest
}

/// The part of a second, without zeros at its end.
fn fraction(micros: u32) -> String {
    if micros == 0 {
        return String::new();
    }
    let digits = format!(".{micros:06}");
    digits.trim_end_matches('0').to_owned()
}

fn time(negative: bool, (days, hours, minutes, seconds): (u32, u8, u8, u8), micros: u32) -> String {
    let sign = if negative { "-" } else { "" };
    let hours = days.saturating_mul(24).saturating_add(u32::from(hours));
    format!("{sign}{hours:02}:{minutes:02}:{seconds:02}{}", fraction(micros))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_json() {
        for (given, expected) in
            [("0012.50", "12.50"), ("0", "0"), ("0.5", "0.5"), ("-0.5", "-0.5"), ("000", "0")]
        {
            assert_eq!(without_zeros(given), expected);
        }
        assert_eq!(time(true, (1, 2, 3, 4), 500_000), "-26:03:04.5");
    }
}
