//! `changes` of a data type of the connector `postgres`: where logical replication finds what has changed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The logical replication of a table: a slot that keeps what has changed, and a publication that has the table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Changes {
    /// A logical replication slot with the plugin `pgoutput`, which nothing else reads: each transfer needs its own.
    pub slot: String,
    /// A publication that has the table. It must be there before the slot is made.
    pub publication: String,
}

impl Changes {
    /// The member that each record has: true where its row was deleted, and false otherwise.
    pub const DELETED: &'static str = "_deleted";
}
