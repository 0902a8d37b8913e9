//! What the connectors of databases are, and what their settings answer.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{MysqlTables, PostgresTables, SqliteTables, TableDataType};
use crate::language::connector::{Connector, ConnectorInfo, Settings};
use crate::name::DataTypeName;

/// What all three can do.
const FEATURES: &[&str] = &["incremental", "snapshot deletes", "resume between pages"];

impl Connector for PostgresTables {
    const INFO: ConnectorInfo = ConnectorInfo {
        name: "postgres",
        title: "Tables and queries of PostgreSQL, and their changes by logical replication",
        needs_authorization: true,
        has_webhooks: false,
        features: &["incremental", "logical replication", "snapshot deletes", "resume between pages"],
    };
}

impl Connector for MysqlTables {
    const INFO: ConnectorInfo = ConnectorInfo {
        name: "mysql",
        title: "Tables and queries of MySQL and MariaDB",
        needs_authorization: true,
        has_webhooks: false,
        features: FEATURES,
    };
}

impl Connector for SqliteTables {
    const INFO: ConnectorInfo = ConnectorInfo {
        name: "sqlite",
        title: "Tables and queries of a file of SQLite",
        needs_authorization: false,
        has_webhooks: false,
        features: FEATURES,
    };
}

type DataTypes = BTreeMap<DataTypeName, TableDataType>;

/// What a checkpoint depends on: how far before the last value a run begins says nothing of what was read.
fn fingerprint(data_types: &DataTypes, data_type: &DataTypeName) -> Result<Value, serde_json::Error> {
    let mut settings = data_types.get(data_type).cloned();
    if let Some(incremental) = settings.as_mut().and_then(|settings| settings.incremental.as_mut()) {
        incremental.lookback = None;
    }
    serde_json::to_value(settings)
}

/// Takes out what the name of the data type says already.
fn omit_named(data_types: &mut DataTypes) {
    for (name, data_type) in data_types {
        data_type.table.take_if(|table| *table == name.as_str());
    }
}

impl Settings for PostgresTables {
    fn data_types(&self) -> Vec<&DataTypeName> {
        self.data_types.keys().collect()
    }

    fn fingerprint(&self, data_type: &DataTypeName) -> Result<Value, serde_json::Error> {
        Ok(serde_json::json!([self.schema, fingerprint(&self.data_types, data_type)?]))
    }

    fn make_canonical(&mut self, _rebase: &dyn Fn(&str) -> String) {
        self.schema.take_if(|schema| schema == "public");
        omit_named(&mut self.data_types);
    }

    fn is_database(&self) -> bool {
        true
    }
}

impl Settings for MysqlTables {
    fn data_types(&self) -> Vec<&DataTypeName> {
        self.data_types.keys().collect()
    }

    fn fingerprint(&self, data_type: &DataTypeName) -> Result<Value, serde_json::Error> {
        fingerprint(&self.data_types, data_type)
    }

    fn make_canonical(&mut self, _rebase: &dyn Fn(&str) -> String) {
        omit_named(&mut self.data_types);
    }

    fn is_database(&self) -> bool {
        true
    }
}

impl Settings for SqliteTables {
    fn data_types(&self) -> Vec<&DataTypeName> {
        self.data_types.keys().collect()
    }

    fn fingerprint(&self, data_type: &DataTypeName) -> Result<Value, serde_json::Error> {
        Ok(serde_json::json!([self.path, fingerprint(&self.data_types, data_type)?]))
    }

    fn make_canonical(&mut self, rebase: &dyn Fn(&str) -> String) {
        self.path = rebase(&self.path);
        omit_named(&mut self.data_types);
    }
}
