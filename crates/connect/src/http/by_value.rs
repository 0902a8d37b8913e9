//! Pages that follow the values of the incremental field: each begins where the one before ended, whatever moved meanwhile.
//!
//! It works only while the service answers in ascending order and includes the value that it is asked from; both are proved
//! on every page. Where no progress can be shown, it is an error and no end.

use raccord_compiler::connector::FieldCursor;
use raccord_compiler::select::{Found, Selector};
use raccord_model::checkpoint::Cursor;

use super::ending::{Came, Said, Verdict};
use super::paginate::{Astray, At, PageView, Position};

/// The incremental field, and how many records a page is asked to hold.
#[derive(Debug)]
pub(crate) struct ByValue {
    cursor: FieldCursor,
    field: Selector,
    size: Option<u64>,
}

/// What the values of a page are.
struct Values {
    /// The greatest one.
    greatest: Cursor,
    /// The one of the first record that has one.
    first: Cursor,
    /// How many records have the greatest one.
    level: u64,
}

/// The first of the values that is there.
fn first_there<'a>(found: &Found<'a>) -> Option<&'a str> {
    found.values.iter().copied().flatten().find(|raw| !matches!(*raw, "null" | "\"\""))
}

impl ByValue {
    pub(crate) fn new(cursor: FieldCursor, size: Option<u64>) -> Self {
        let field = Selector::new(&cursor.fields);
        Self { cursor, field, size }
    }

    /// Whether the values are numbers.
    pub(crate) const fn has_numbers(&self) -> bool {
        self.cursor.is_number()
    }

    /// Judges a page that was asked for from `since` on, and says from which value on the next one is, and how many records
    /// have that value already.
    pub(crate) fn step(
        &self,
        current: &Position,
        since: Option<&str>,
        view: &PageView<'_>,
        (said, came): (Said, Came),
    ) -> Result<(Verdict, Option<At>, u64), Astray> {
        let values = self.values(&view.found.list)?;
        let continues = matches!(current.at, At::Since(_)).then_some(since).flatten();
        self.check_beginning(values.as_ref(), continues)?;
        let Some(values) = values else {
            return Ok(match said.more {
                Some(true) => (self.stuck("there is more, but the page is empty"), None, 0),
                _ => (Verdict::Last, None, 0),
            });
        };
        let next = self.cursor.format(&values.greatest);
        let has_moved = since != Some(next.as_str());
        let has_room = self.size.is_some_and(|size| came.count < size);
        let is_short = has_room && came.count < came.longest;
        // The records with the value that was asked from: on a first page, an earlier reading knew them.
        let known = if current.page == 1 { came.count } else { current.level };
        let verdict = match said.more {
            Some(false) => Verdict::Last,
            None if is_short => Verdict::Last,
            _ if has_moved => Verdict::More,
            Some(true) => self.stuck(&format!("there is more, but no record is beyond `{next}`")),
            // What comes again is all that is left, on a page that has room for more. No page before was longer, so that only
            // the size that was asked for says what room it has: that is believed of what an earlier reading ended with.
            None if has_room && (came.count == 1 || view.continues && came.count <= known) => Verdict::Last,
            None => {
                let (count, field) = (came.count, self.cursor.names());
                let message = format!(
                    "all {count} records of a page have the `{field}` `{next}`, so that no page can be asked for beyond them; raise `size`, or say what ends the reading (`while`, `until`)"
                );
                return Err(Astray::Answer(message));
            }
        };
        Ok((verdict, Some(At::Since(next)).filter(|_| has_moved), values.level))
    }

    /// The values of a page, which must not fall. A record without one has no say.
    fn values(&self, records: &[&str]) -> Result<Option<Values>, String> {
        let field = self.cursor.names();
        let mut values: Option<Values> = None;
        for (at, record) in records.iter().enumerate() {
            let mut found = Found::default();
            let read = self.field.select(record.as_bytes(), &mut found);
            let raw = read.ok().and_then(|()| first_there(&found));
            let Some(value) = raw.and_then(|raw| self.cursor.read(raw)) else { continue };
            match &mut values {
                None => values = Some(Values { greatest: value.clone(), first: value, level: 1 }),
                Some(values) if value < values.greatest => {
                    let (value, number) = (self.cursor.format(&value), at + 1);
                    return Err(format!(
                        "`by: incremental` needs records in ascending order of `{field}`, but record {number} of the page has `{value}` after a greater one"
                    ));
                }
                Some(values) if value == values.greatest => values.level += 1,
                Some(values) => (values.greatest, values.level) = (value, 1),
            }
        }
        if values.is_none() && !records.is_empty() {
            return Err(format!(
                "no record of the page has a `{field}` that can be read, so that no next page can be asked for"
            ));
        }
        Ok(values)
    }

    /// A page that continues another begins with the value that it was asked from: the comparison includes it.
    fn check_beginning(&self, values: Option<&Values>, since: Option<&str>) -> Result<(), Astray> {
        let Some(since) = since else { return Ok(()) };
        let (field, floor) = (self.cursor.names(), self.cursor.parse(since));
        match values {
            Some(values) if floor.as_ref().is_some_and(|floor| values.first < *floor) => {
                let first = self.cursor.format(&values.first);
                Err(Astray::Answer(format!(
                    "the service was asked for records from `{since}` on and answered with one of `{first}`"
                )))
            }
            Some(values) if self.cursor.format(&values.first) == since => Ok(()),
            _ => Err(Astray::Place(format!(
                "no record with the `{field}` `{since}` came again; `by: incremental` needs a comparison that includes the value itself"
            ))),
        }
    }

    fn stuck(&self, what: &str) -> Verdict {
        Verdict::Contradiction(format!(
            "the service says that {what} (`by: incremental`, `{}`)",
            self.cursor.names()
        ))
    }
}
