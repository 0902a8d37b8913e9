//! Many values of one column as one parameter, and rows in the form of a binary `COPY`. It knows bytes alone.

use bytes::{BufMut, Bytes, BytesMut};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type};

type Other = Box<dyn std::error::Error + Sync + Send>;

/// A value that is in its binary form already.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Raw<'a>(pub(crate) &'a [u8]);

impl ToSql for Raw<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Other> {
        out.put_slice(self.0);
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    tokio_postgres::types::to_sql_checked!();
}

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Other> {
        Ok(Self(raw))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// The longest that a value may be: PostgreSQL's own limit of a field.
const LONGEST: usize = 0x3fff_ffff;

/// Writes one value with its length before it, or that there is none; false when it is longer than any may be, and then
/// nothing counts that was written.
pub(crate) fn put<E>(
    out: &mut BytesMut,
    write: impl FnOnce(&mut BytesMut) -> Result<bool, E>,
) -> Result<bool, E> {
    let at = out.len();
    out.put_i32(-1);
    if !write(out)? {
        out.truncate(at + size_of::<i32>());
        return Ok(true);
    }
    let length = out.len() - at - size_of::<i32>();
    let (Some(place), Ok(number)) = (out.get_mut(at..at + size_of::<i32>()), i32::try_from(length)) else {
        return Ok(false);
    };
    place.copy_from_slice(&number.to_be_bytes());
    Ok(length <= LONGEST)
}

/// Writes bytes that are in their binary form, or nothing, with their length before them.
pub(crate) fn put_bytes(out: &mut BytesMut, value: Option<&[u8]>) {
    out.reserve(size_of::<i32>() + value.map_or(0, <[u8]>::len));
    // What is longer than a value may be is refused by the server: this is no length.
    out.put_i32(value.map_or(-1, |value| i32::try_from(value.len()).unwrap_or(i32::MIN)));
    out.put_slice(value.unwrap_or_default());
}

/// Many values of one column.
#[derive(Debug)]
pub(crate) struct Many {
    /// The type of the list.
    of: Type,
    body: BytesMut,
    count: i32,
    /// Where the last element begins.
    last: usize,
}

/// Where the number of elements and their type stand in the binary form of a list.
const HEADER: usize = 5 * size_of::<i32>();

impl Many {
    /// None yet.
    pub(crate) fn new(of: Type) -> Self {
        let element = match of.kind() {
            tokio_postgres::types::Kind::Array(element) => element.oid(),
            _ => 0,
        };
        let mut body = BytesMut::with_capacity(1_024);
        body.put_i32(1);
        // That nulls may follow: the server does not mind when none does.
        body.put_i32(1);
        body.put_u32(element);
        body.put_i32(0);
        body.put_i32(1);
        Self { of, body, count: 0, last: HEADER }
    }

    /// Adds bytes that are in their binary form, or nothing.
    pub(crate) fn push(&mut self, value: Option<&[u8]>) {
        self.last = self.body.len();
        put_bytes(&mut self.body, value);
        self.count += 1;
    }

    /// Adds what a function writes; it says whether there is a value. Nothing is added when it fails.
    pub(crate) fn push_with<E>(
        &mut self,
        write: impl FnOnce(&mut BytesMut) -> Result<bool, E>,
    ) -> Result<(), E> {
        let at = self.body.len();
        if let Err(error) = put(&mut self.body, write) {
            self.body.truncate(at);
            return Err(error);
        }
        self.last = at;
        self.count += 1;
        Ok(())
    }

    /// Takes the element back that was added last, once.
    pub(crate) fn take_back(&mut self) {
        self.body.truncate(self.last);
        self.count -= 1;
    }

    /// As a parameter.
    pub(crate) fn finish(mut self) -> Finished {
        if self.count == 0 {
            // A list without elements has no dimension.
            self.body.truncate(HEADER - 2 * size_of::<i32>());
            if let Some(place) = self.body.get_mut(..size_of::<i32>()) {
                place.copy_from_slice(&0_i32.to_be_bytes());
            }
        } else if let Some(place) = self.body.get_mut(3 * size_of::<i32>()..4 * size_of::<i32>()) {
            place.copy_from_slice(&self.count.to_be_bytes());
        }
        Finished { of: self.of, body: self.body.freeze() }
    }
}

/// Many values, ready to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Finished {
    /// The type of the list.
    pub(crate) of: Type,
    body: Bytes,
}

impl ToSql for Finished {
    fn to_sql(&self, of: &Type, out: &mut BytesMut) -> Result<IsNull, Other> {
        Raw(&self.body).to_sql(of, out)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    tokio_postgres::types::to_sql_checked!();
}

/// Many byte strings.
pub(crate) fn many_bytes<'a>(all: impl IntoIterator<Item = &'a [u8]>) -> Finished {
    let mut many = Many::new(Type::BYTEA_ARRAY);
    all.into_iter().for_each(|bytes| many.push(Some(bytes)));
    many.finish()
}

/// What a binary `COPY` begins with, and what it ends with.
const BEGIN: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// Rows for a binary `COPY`.
#[derive(Debug)]
pub(crate) struct CopyData {
    body: BytesMut,
    columns: i16,
}

impl CopyData {
    /// None yet, of so many columns; they will take about so many bytes.
    pub(crate) fn new(columns: usize, bytes: usize) -> Self {
        let mut body = BytesMut::with_capacity(bytes);
        body.put_slice(BEGIN);
        Self { body, columns: i16::try_from(columns).unwrap_or(i16::MAX) }
    }

    /// Begins a row: a value of each column follows.
    pub(crate) fn row(&mut self) -> &mut BytesMut {
        self.body.put_i16(self.columns);
        &mut self.body
    }

    /// All of it.
    pub(crate) fn finish(mut self) -> Bytes {
        self.body.put_i16(-1);
        self.body.freeze()
    }
}
