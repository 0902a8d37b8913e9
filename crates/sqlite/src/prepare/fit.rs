//! Which columns keep the values of which fields as they are. SQLite turns what is written into a column into what its declared
//! type suggests, unless the table is strict.

use raccord_model::language::FieldType;

use crate::table::Kind;

/// How a column keeps the values of a field.
pub(super) const fn kind_of(field: FieldType) -> Kind {
    match field {
        FieldType::Text | FieldType::Email | FieldType::Phone | FieldType::Url | FieldType::Choice => {
            Kind::Text
        }
        FieldType::Integer => Kind::Integer,
        FieldType::Decimal => Kind::Decimal,
        FieldType::Boolean => Kind::Boolean,
        FieldType::Date => Kind::Date,
        FieldType::Datetime => Kind::Datetime,
        FieldType::Choices => Kind::Choices,
        FieldType::Json => Kind::Json,
    }
}

/// What becomes of values in a column: the rules of SQLite, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Affinity {
    Integer,
    Text,
    None,
    Real,
    Numeric,
}

fn affinity(declared: &str) -> Affinity {
    let declared = declared.to_ascii_uppercase();
    let has = |words: &[&str]| words.iter().any(|word| declared.contains(word));
    if has(&["INT"]) {
        Affinity::Integer
    } else if has(&["CHAR", "CLOB", "TEXT"]) {
        Affinity::Text
    } else if declared.is_empty() || has(&["BLOB"]) {
        Affinity::None
    } else if has(&["REAL", "FLOA", "DOUB"]) {
        Affinity::Real
    } else {
        Affinity::Numeric
    }
}

/// Why a column cannot keep the values of a field, if it cannot; completes the sentence "the column … of type …".
pub(super) fn misfit(kind: Kind, declared: &str, is_strict: bool) -> Option<&'static str> {
    const OTHER: &str = "keeps values of another type";
    let is_number = matches!(kind, Kind::Integer | Kind::Boolean);
    if is_strict {
        return match declared.to_ascii_uppercase().as_str() {
            "ANY" => None,
            "INT" | "INTEGER" if is_number => None,
            "TEXT" if !is_number => None,
            _ => Some(OTHER),
        };
    }
    let is_moment = matches!(kind, Kind::Date | Kind::Datetime);
    match affinity(declared) {
        Affinity::Integer | Affinity::Numeric if is_number => None,
        Affinity::Real if is_number => Some("keeps numbers of which 53 bits are exact"),
        Affinity::Text if is_number => Some("turns numbers into texts"),
        Affinity::None | Affinity::Text => None,
        // What is no number stays as it is, and a date is none.
        Affinity::Numeric if is_moment => None,
        Affinity::Numeric | Affinity::Integer | Affinity::Real if is_moment => Some(OTHER),
        Affinity::Numeric | Affinity::Integer | Affinity::Real => {
            Some("turns texts that look like numbers into numbers, which loses zeros and digits")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_keep_values_as_they_are_or_not_at_all() {
        // (declared, of a strict table, the kinds that fit)
        let cases: &[(&str, bool, &[Kind])] = &[
            (
                "TEXT",
                true,
                &[Kind::Text, Kind::Decimal, Kind::Date, Kind::Datetime, Kind::Choices, Kind::Json],
            ),
            ("INTEGER", true, &[Kind::Integer, Kind::Boolean]),
            ("REAL", true, &[]),
            ("BLOB", true, &[]),
            (
                "varchar(20)",
                false,
                &[Kind::Text, Kind::Decimal, Kind::Date, Kind::Datetime, Kind::Choices, Kind::Json],
            ),
            ("BIGINT", false, &[Kind::Integer, Kind::Boolean]),
            ("BOOLEAN", false, &[Kind::Integer, Kind::Boolean, Kind::Date, Kind::Datetime]),
            ("DATETIME", false, &[Kind::Integer, Kind::Boolean, Kind::Date, Kind::Datetime]),
            ("DECIMAL(10,2)", false, &[Kind::Integer, Kind::Boolean, Kind::Date, Kind::Datetime]),
            ("DOUBLE PRECISION", false, &[]),
            // `INT` is in it, and so it is a whole number to SQLite.
            ("FLOATING POINT", false, &[Kind::Integer, Kind::Boolean]),
        ];
        let all = [
            Kind::Text,
            Kind::Integer,
            Kind::Decimal,
            Kind::Boolean,
            Kind::Date,
            Kind::Datetime,
            Kind::Choices,
            Kind::Json,
        ];
        for (declared, is_strict, expected) in cases {
            let fits: Vec<Kind> =
                all.into_iter().filter(|kind| misfit(*kind, declared, *is_strict).is_none()).collect();
            let expected: Vec<Kind> = all.into_iter().filter(|kind| expected.contains(kind)).collect();
            assert_eq!(fits, expected, "{declared}");
        }
        assert!(all.into_iter().all(|kind| misfit(kind, "", false).is_none()));
    }
}
