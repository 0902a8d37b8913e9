//! Names: of resources, of entities and fields, of a source's data types.
//!
//! Each is checked once, where it enters, and is then a plain string. None of them ever carries a secret.

use std::fmt;
use std::str::FromStr;

use crate::shorthand::string_type;

/// The longest name of any sort, in bytes.
pub const MAX_NAME: usize = 63;

/// The name of a stack whose directory has no Stack document.
pub const DEFAULT_STACK: &str = "default";

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {what}: {rule}")]
pub struct NameError {
    what: &'static str,
    text: String,
    rule: &'static str,
}

macro_rules! name_type {
    ($(#[$doc:meta])* $type:ident, $what:literal, $rule:literal, $valid:expr, $schema:tt) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(String);

        impl $type {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl FromStr for $type {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) && text.len() <= MAX_NAME {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(NameError { what: $what, text: text.to_owned(), rule: $rule })
                }
            }
        }
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl std::borrow::Borrow<str> for $type {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
        string_type!($type, $what, $schema);
    };
}

name_type!(
    /// The name of a resource: lower-case letters, digits and hyphens (RFC 1123 label), at most 63 bytes.
    ///
    /// ```
    /// use raccord_model::Name;
    ///
    /// assert_eq!("shop-customers".parse::<Name>()?.as_str(), "shop-customers");
    /// for bad in ["", "Shop", "-shop", "shop_customers", &"x".repeat(64)] {
    ///     assert!(bad.parse::<Name>().is_err(), "{bad}");
    /// }
    /// # Ok::<(), raccord_model::name::NameError>(())
    /// ```
    Name,
    "a name",
    "use lower-case letters, digits and hyphens, starting and ending with a letter or digit, at most 63",
    |text| {
        let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        edge(text.chars().next())
            && edge(text.chars().last())
            && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    },
    { "type": "string", "pattern": "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", "maxLength": 63 }
);

impl Name {
    /// The name of a stack whose directory has no Stack document.
    pub fn of_default_stack() -> Self {
        Self(DEFAULT_STACK.to_owned())
    }
}

name_type!(
    /// The name of an entity or of a field of a project: a letter or `_`, then letters, digits and `_`.
    Ident,
    "an identifier",
    "use letters, digits and underscores, starting with a letter or underscore, at most 63",
    |text| {
        text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    },
    { "type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$", "maxLength": 63 }
);

name_type!(
    /// The name of a data type as its source calls it: letters, digits and `_ . -`.
    DataTypeName,
    "a data type",
    "use letters, digits, and the characters _ . -, at most 63",
    |text| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c)),
    { "type": "string", "pattern": "^[A-Za-z0-9_.-]+$", "maxLength": 63 }
);

/// An entity of a project, written `project.entity`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityRef {
    /// The project's name.
    pub project: Name,
    /// The entity inside the project.
    pub entity: Ident,
}

impl FromStr for EntityRef {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let Some((project, entity)) = text.split_once('.') else {
            return Err(NameError {
                what: "an entity",
                text: text.to_owned(),
                rule: "write it as project.entity, for example crm.contact",
            });
        };
        Ok(Self { project: project.parse()?, entity: entity.parse()? })
    }
}

impl fmt::Display for EntityRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.project, self.entity)
    }
}

string_type!(EntityRef, "an entity written as project.entity", {
    "type": "string",
    "pattern": "^[a-z0-9]([a-z0-9-]*[a-z0-9])?\\.[A-Za-z_][A-Za-z0-9_]*$"
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_where_they_enter() {
        for good in ["a", "boutique", "a-1", "9lives"] {
            assert!(good.parse::<Name>().is_ok(), "{good}");
        }
        for bad in ["", "A", "-a", "a-", "a_b", "a.b", "é", &"x".repeat(64)] {
            assert!(bad.parse::<Name>().is_err(), "{bad}");
        }
        assert_eq!("crm.contact".parse::<EntityRef>().unwrap().entity.as_str(), "contact");
        assert!("contact".parse::<EntityRef>().is_err());
    }
}
