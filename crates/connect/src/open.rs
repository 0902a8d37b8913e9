//! What a connector's streams are opened with, and how: the seam between the list of connectors and their folders.

use std::path::Path;
use std::sync::Arc;

use raccord_compiler::connector::Lower;
use raccord_model::language::AuthorizationSpec;
use raccord_model::language::authorization::Database;
use raccord_model::port::source::{Source, SourceError};

use crate::credentials::Credentials;
use crate::database::DatabaseSecrets;
use crate::shared::SourceShared;

/// What a stream is opened with.
pub struct Opening<'o> {
    /// What proves who we are, shared by all who read with the same Authorization.
    pub(crate) credentials: Arc<dyn Credentials>,
    /// What the Authorization says.
    pub authorization: Option<&'o AuthorizationSpec>,
    /// The directory that paths of files are relative to.
    pub root: &'o Path,
    /// What the transfers of the source share.
    pub shared: &'o SourceShared,
}

impl Opening<'_> {
    /// How the database of the source is reached, and what reads the secrets for it; none where the Authorization is of another
    /// type.
    pub fn database(&self) -> Option<(Database, DatabaseSecrets)> {
        let Some(AuthorizationSpec::Database(database)) = self.authorization else { return None };
        Some(((**database).clone(), DatabaseSecrets::of(&self.shared.secrets, self.root)))
    }

    /// What the database is called in messages: never by its address, which may be a secret.
    pub fn database_name(&self) -> String {
        match self.shared.authorization() {
            Some(name) => format!("the database of the Authorization `{name}`"),
            None => "the database".to_owned(),
        }
    }
}

/// A connector whose streams are read here.
pub trait Open: Lower {
    /// One data type of a source, ready to be read. Nothing is asked for yet.
    ///
    /// # Errors
    /// When what the source shares is not what the connector needs.
    fn open(stream: Arc<Self::Stream>, opening: Opening<'_>) -> Result<Box<dyn Source>, SourceError>;
}
