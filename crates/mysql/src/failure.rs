//! Why a database was not read, as the port says it: what is refused, what is away and asked again, and what the settings have
//! wrong. Names of users and hosts, which servers repeat, are left out.

use mysql_async::{Error, ServerError};
use raccord_model::port::source::SourceError;

use crate::connect::ConnectError;

/// How many characters of what a server says are kept.
const MOST: usize = 300;

/// What is read, as messages call it.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// The database.
    pub(crate) database: String,
    /// The table or the query.
    pub(crate) relation: String,
}

/// Whether an error of a server says that it does not let the user in, or not to the database.
pub(crate) const fn is_refusal(code: u16) -> bool {
    matches!(code, 1045 | 1698 | 1251 | 1862 | 1044 | 1049)
}

/// What is refused, without the names that the server repeats.
pub(crate) fn refused(code: u16) -> String {
    match code {
        1044 | 1049 => {
            format!("there is no database of that name, or the user may not use it (error {code})")
        }
        _ => format!("the user, or the password (error {code})"),
    }
}

impl Place {
    pub(crate) fn settings(&self, message: String) -> SourceError {
        SourceError::Settings { place: self.relation.clone(), message }
    }

    pub(crate) fn unreachable(&self, message: String) -> SourceError {
        SourceError::Unreachable { url: self.database.clone(), message }
    }

    fn denied(&self, message: String) -> SourceError {
        SourceError::Denied { place: self.database.clone(), message }
    }

    /// Of a connection that was not made.
    pub(crate) fn told_of_connecting(&self, error: &ConnectError) -> SourceError {
        match error {
            ConnectError::Url | ConnectError::NoAuthorities => {
                SourceError::Settings { place: self.database.clone(), message: error.to_string() }
            }
            ConnectError::Late => self.unreachable(error.to_string()),
            ConnectError::Library(error) => self.told(error),
        }
    }

    /// Of anything else.
    pub(crate) fn told(&self, error: &Error) -> SourceError {
        match error {
            Error::Server(said) => self.said(said),
            // The form of the URL is looked at before; its text is not repeated.
            Error::Url(_) => self.settings("the URL of the database cannot be read".to_owned()),
            other => self.unreachable(other.to_string().chars().take(MOST).collect()),
        }
    }

    fn said(&self, said: &ServerError) -> SourceError {
        let text: String = said.message.chars().take(MOST).collect();
        match said.code {
            code if is_refusal(code) => self.denied(refused(code)),
            1142 | 1143 | 1370 => self.denied(format!(
                "the user may not read {0}; GRANT SELECT ON {0} allows it (error {1})",
                self.relation, said.code
            )),
            1146 => self.settings(format!("there is no such table: {text}")),
            1040
            | 1053
            | 1129
            | 1130
            | 1152
            | 1158..=1161
            | 1203
            | 1205
            | 1213
            | 1226
            | 1317
            | 1927
            | 1969
            | 2006
            | 2013
            | 3024 => self.unreachable(format!("{text} (error {})", said.code)),
            code => self.settings(format!("{text} (error {code})")),
        }
    }
}
