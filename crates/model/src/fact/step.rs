//! Steps: effects outside a generation, which an apply leaves to be carried out, and where the rows that they concern are.

use serde::{Deserialize, Serialize};

use super::Uid;
use crate::language::AuthorizationSpec;
use crate::language::authorization::Database;
use crate::language::is_default;
use crate::language::store::{FileFormat, FileMode, PartitionBy};
use crate::name::Ident;

/// An effect outside the generation, carried out and retried until it is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepFact {
    /// What is to be done.
    pub work: StepWork,
    /// How often it failed.
    #[serde(default)]
    pub attempts: u32,
    /// Why it failed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StepWork {
    /// Removes the rows of an incarnation that nothing refers to any more.
    Collect {
        /// Which.
        incarnation: u64,
        /// Where they are.
        #[serde(default, skip_serializing_if = "is_default")]
        at: StorePlace,
    },
    /// Tells the service of a source where to push, or to stop: whatever the generation in force wants.
    Webhook {
        /// Which source.
        source: Uid,
    },
    /// Makes the table of an entity ready for rows, as the generation in force wants it.
    Prepare {
        /// The project.
        project: Uid,
        /// The entity.
        entity: Ident,
    },
    /// Has a database know that a transfer is no more.
    End {
        /// Which.
        transfer: Uid,
        /// Where its rows are.
        at: StorePlace,
    },
}

/// What the key of every step begins with that makes a table ready.
const PREPARE: &str = "prepare/";

impl StepWork {
    /// What the keys of the steps begin with that make the table of an entity ready.
    pub fn prepare_prefix(project: Uid, entity: &Ident) -> String {
        format!("{PREPARE}{project}/{entity}/")
    }
}

/// Where the rows of a project are, with all that is needed to get there but the secrets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StorePlace {
    /// In the state.
    #[default]
    Embedded,
    /// In a schema of a PostgreSQL database.
    Postgres {
        /// How the database is reached.
        authorization: Box<Database>,
        /// The schema.
        schema: String,
    },
    /// In a file of SQLite.
    Sqlite {
        /// The file, relative to the root of the configuration.
        path: String,
    },
    /// In a folder of files.
    Files {
        /// The folder, relative to the stack, or in a bucket: `s3://BUCKET/FOLDER`.
        path: String,
        /// How the bucket is reached; nothing where the environment says it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        authorization: Option<Box<AuthorizationSpec>>,
        /// Their format.
        format: FileFormat,
        /// Whether they are appended to or replaced.
        mode: FileMode,
        /// By what they are apart.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        partition: Option<PartitionBy>,
    },
}
