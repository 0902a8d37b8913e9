//! Stores: a database needs an authorization that reaches one, and tables and columns names of their own. Nothing is asked
//! of the database.

use std::collections::BTreeMap;

use raccord_model::diagnostic::{Code, Finding};
use raccord_model::language::connector::file::RemotePath;
use raccord_model::language::store::MAX_SQL_NAME;
use raccord_model::language::{AuthorizationSpec, ByNameOrInline, Entity, ProjectSpec, Store, StoreType};
use raccord_model::{Ident, Kind, Name};

use super::{CheckContext, authorization, files, follow, source};

/// What the names of Raccord's own tables and columns begin with.
const OWN: &str = "_raccord_";

/// Where the authorization of a store stands.
pub(super) const AUTHORIZATION: [&str; 2] = ["store", "authorization"];

/// The columns that each table of PostgreSQL has.
const SYSTEM_COLUMNS: [&str; 6] = ["tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"];

/// What is wrong with the store of a project, and with what its entities say of tables.
pub(super) fn check(scene: CheckContext<'_, '_>, name: &Name, spec: &ProjectSpec) -> Vec<Finding> {
    let mut findings = check_type(scene, name, spec);
    if spec.store.store_type != StoreType::Files {
        findings.extend(files::meaningless(&spec.store));
    }
    findings
}

fn check_type(scene: CheckContext<'_, '_>, name: &Name, spec: &ProjectSpec) -> Vec<Finding> {
    match spec.store.store_type {
        StoreType::Embedded if scene.has_rows => without_tables(spec),
        StoreType::Embedded => vec![nowhere(spec)],
        StoreType::Files => files::check(scene, name, spec),
        StoreType::Postgres => {
            let mut findings = check_authorization(scene, name, &spec.store);
            findings.extend(check_schema(&spec.store));
            findings.extend(meaningless(spec.store.path.is_some(), "path", "postgres"));
            findings.extend(check_tables(spec));
            findings
        }
        StoreType::Sqlite => {
            let mut findings: Vec<Finding> = check_path(&spec.store).into_iter().collect();
            findings.extend(meaningless(spec.store.authorization.is_some(), "authorization", "sqlite"));
            findings.extend(meaningless(spec.store.schema.is_some(), "schema", "sqlite"));
            findings.extend(check_tables(spec));
            findings
        }
    }
}

/// A setting of another type of store.
fn meaningless(is_there: bool, member: &str, of: &str) -> Option<Finding> {
    let message = format!("`{member}` has no meaning in a store of type {of}");
    is_there.then(|| Finding::error(&["store", member], Code::ConflictingFields, message))
}

fn check_path(store: &Store) -> Option<Finding> {
    let Some(path) = store.path.as_deref() else {
        let message = "a SQLite store needs the path of its file";
        let help = "write {type: sqlite, path: data/crm.db}; it is relative to the root of the configuration";
        return Some(Finding::error(&["store"], Code::MissingField, message).help(help));
    };
    let why = if path.trim().is_empty() {
        "the path is empty".to_owned()
    } else if path.contains('\0') {
        "a path cannot hold a NUL".to_owned()
    } else if path.ends_with('/') {
        "a path that ends with `/` is that of a directory".to_owned()
    } else if path.starts_with("file:") || path.starts_with("sqlite:") || path == ":memory:" {
        "the rows are kept in a file, named by its path alone".to_owned()
    } else {
        match RemotePath::of(path) {
            Ok(None) => return None,
            Ok(Some(_)) => "the file of a SQLite store is one of this machine".to_owned(),
            Err(why) => why,
        }
    };
    Some(Finding::error(&["store", "path"], Code::InvalidValue, why))
}

/// The state has no rows of its own, and the project would keep its rows in them.
fn nowhere(spec: &ProjectSpec) -> Finding {
    let message =
        "the project keeps its rows in the embedded store, and a state that several machines share has none";
    let help = "give the project a database, for example `store: {type: postgres, authorization: NAME}`";
    let at: &[&str] = if spec.store == Store::default() { &[] } else { &["store"] };
    Finding::error(at, Code::ConflictingFields, message).help(help)
}

/// The embedded store has neither a database nor tables.
fn without_tables(spec: &ProjectSpec) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut conflict = |path: &[&str]| {
        let last = path.last().copied().unwrap_or_default();
        let message = format!("`{last}` has no meaning in the embedded store");
        let help = "it belongs to a store such as {type: postgres, authorization: NAME}";
        findings.push(Finding::error(path, Code::ConflictingFields, message).help(help));
    };
    if spec.store.authorization.is_some() {
        conflict(&["store", "authorization"]);
    }
    if spec.store.schema.is_some() {
        conflict(&["store", "schema"]);
    }
    if spec.store.path.is_some() {
        conflict(&["store", "path"]);
    }
    for (name, entity) in spec.entities.iter().filter(|(_, entity)| entity.says_something_of_a_table()) {
        let at = |member| ["entities", name.as_str(), member];
        if entity.table.is_some() {
            conflict(&at("table"));
        }
        if entity.manage != raccord_model::language::Manage::default() {
            conflict(&at("manage"));
        }
        for (field, _) in entity.fields.iter().filter(|(_, field)| field.column.is_some()) {
            conflict(&["entities", name.as_str(), "fields", field.as_str(), "column"]);
        }
    }
    findings
}

fn check_authorization(scene: CheckContext<'_, '_>, name: &Name, store: &Store) -> Vec<Finding> {
    if store.authorization.is_none() {
        let message = "a PostgreSQL store needs an authorization";
        let help = "name an Authorization of type database, or write {type: database, url: \"${env:NAME}\"}";
        return vec![Finding::error(&["store"], Code::MissingField, message).help(help)];
    }
    let (given, mut findings) = given_authorization(scene, name, store);
    if let Some(other) = given.filter(|spec| !matches!(spec, AuthorizationSpec::Database(_))) {
        let message = format!("an authorization of type {} reaches no database", other.type_name());
        let help = "a store needs one of type database";
        findings.push(Finding::error(&AUTHORIZATION, Code::ConflictingFields, message).help(help));
    }
    findings
}

/// The authorization of a store, by name or inline, and what is wrong with it.
pub(super) fn given_authorization<'s>(
    scene: CheckContext<'s, '_>,
    name: &Name,
    store: &'s Store,
) -> (Option<&'s AuthorizationSpec>, Vec<Finding>) {
    let mut findings = Vec::new();
    let given = match &store.authorization {
        None => None,
        Some(ByNameOrInline::ByName(other)) => {
            let referent =
                follow(scene, &scene.all.authorizations, (Kind::Authorization, other), &AUTHORIZATION);
            referent.or_find(&mut findings).map(|held| &held.spec)
        }
        Some(ByNameOrInline::Inline(inline)) => {
            let found = authorization::check(inline).into_iter();
            findings.extend(found.map(|finding| finding.under(&AUTHORIZATION)));
            findings.extend(source::lifted_twice(scene, (Kind::Project, name), &AUTHORIZATION));
            Some(inline)
        }
    };
    (given, findings)
}

fn check_schema(store: &Store) -> Option<Finding> {
    let schema = store.schema.as_deref()?;
    let why = wrong_name(schema).or_else(|| {
        let folded = schema.to_ascii_lowercase();
        let is_taken = folded == "raccord" || folded == "information_schema" || folded.starts_with("pg_");
        let whose = if folded == "raccord" { "Raccord" } else { "PostgreSQL" };
        is_taken.then(|| format!("the schema `{schema}` is {whose}'s own"))
    })?;
    Some(Finding::error(&["store", "schema"], Code::InvalidValue, why))
}

fn check_tables(spec: &ProjectSpec) -> Vec<Finding> {
    let store = spec.store.store_type;
    let mut tables = Names::of("table", store);
    for (name, entity) in &spec.entities {
        let path = ["entities", name.as_str(), "table"];
        tables.add(name, &entity.table_name(name), (&path, entity.table.is_some()));
        let mut columns = Names::of("column", store);
        for (field, settings) in &entity.fields {
            let path = ["entities", name.as_str(), "fields", field.as_str(), "column"];
            columns.add(field, &settings.column_name(field), (&path, settings.column.is_some()));
        }
        tables.findings.append(&mut columns.findings);
    }
    tables.findings
}

/// The tables of a project, or the columns of a table, as they come.
struct Names<'a> {
    /// What they are names of.
    what: &'static str,
    /// Of which database.
    store: StoreType,
    /// By what many tools make of them: without regard to capitals.
    known: BTreeMap<String, &'a Ident>,
    findings: Vec<Finding>,
}

impl<'a> Names<'a> {
    const fn of(what: &'static str, store: StoreType) -> Self {
        Self { what, store, known: BTreeMap::new(), findings: Vec::new() }
    }

    /// Adds the name of what is called `owner`. It was written at a path, or follows from the owner's name.
    fn add(&mut self, owner: &'a Ident, name: &str, (path, is_written): (&[&str], bool)) {
        let what = self.what;
        // What is not written stands nowhere; its owner does.
        let place = if is_written { path } else { &path[..path.len().saturating_sub(1)] };
        let is_sqlite = self.store == StoreType::Sqlite;
        let is_reserved = what == "column" && !is_sqlite && SYSTEM_COLUMNS.contains(&name);
        let folded = name.to_lowercase();
        let wrong = if folded.starts_with(OWN) {
            Some(format!("names that begin with `{OWN}` are Raccord's own"))
        } else if is_reserved {
            Some(format!("each table of PostgreSQL has a column `{name}` of its own"))
        } else if is_sqlite && what == "table" && folded.starts_with("sqlite_") {
            Some("names of tables that begin with `sqlite_` are SQLite's own".to_owned())
        } else {
            wrong_name(name).filter(|_| !is_sqlite || name.is_empty() || name.contains('\0'))
        };
        let message = wrong.or_else(|| {
            let first = self.known.insert(folded, owner)?;
            Some(format!("`{owner}` and `{first}` would share the {what} `{name}`"))
        });
        if let Some(message) = message {
            let help = format!("write `{what}:` with another name");
            let finding = Finding::error(place, Code::InvalidValue, message).help(help);
            self.findings.push(if is_written { finding } else { finding.about_name() });
        }
    }
}

/// Why PostgreSQL could not keep a name as it is.
fn wrong_name(name: &str) -> Option<String> {
    if name.is_empty() {
        Some("the name is empty".to_owned())
    } else if name.contains('\0') {
        Some("a name cannot hold a NUL".to_owned())
    } else if name.len() > MAX_SQL_NAME {
        Some(format!(
            "`{name}` has {} bytes; PostgreSQL keeps {MAX_SQL_NAME} of a name and leaves the rest out",
            name.len()
        ))
    } else {
        None
    }
}

/// Two projects that would write into one table: each would take the rows of the other for its own.
pub(super) fn shared(scene: CheckContext<'_, '_>) -> Vec<(usize, Finding)> {
    let mut tables: BTreeMap<(String, &str, String), &Name> = BTreeMap::new();
    let mut findings = Vec::new();
    for held in scene.all.projects.values() {
        let (project, store) = (&held.metadata.name, &held.spec.store);
        let authorization = store.authorization.as_ref().and_then(ByNameOrInline::name);
        // Files say so themselves: a folder is a project's own.
        // A file has one name, however its path is spelt.
        let file = store.path.as_deref().map(crate::resolve::clean);
        let place = file.or_else(|| authorization.map(ToString::to_string));
        let Some(place) = place.filter(|_| store.store_type != StoreType::Files) else { continue };
        for (name, entity) in &held.spec.entities {
            let table = entity.table_name(name);
            let key = (place.clone(), store.schema(), table.to_lowercase());
            let Some(first) = tables.insert(key, project).filter(|first| *first != project) else { continue };
            findings.push((held.at, share((first, name), entity, &table)));
        }
    }
    findings
}

fn share((first, name): (&Name, &Ident), entity: &Entity, table: &str) -> Finding {
    let message = format!("the project `{first}` has the table `{table}` of this database already");
    let path = ["spec", "entities", name.as_str(), "table"];
    let is_written = entity.table.is_some();
    let place = if is_written { &path[..] } else { &path[..3] };
    let finding = Finding::error(place, Code::ConflictingFields, message)
        .help("write `table:` with another name, or give the project a schema or a file of its own");
    if is_written { finding } else { finding.about_name() }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn check_of(entities: &Value, expected: &[(&str, &str)]) {
        let spec: ProjectSpec =
            serde_json::from_value(json!({"store": {"type": "postgres"}, "entities": entities})).unwrap();
        let found: Vec<_> = check_tables(&spec)
            .into_iter()
            .map(|finding| (finding.path.join("."), finding.message))
            .collect();
        let expected: Vec<_> =
            expected.iter().map(|(path, message)| ((*path).to_owned(), (*message).to_owned())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn names_of_tables_and_columns_are_their_own() {
        let entity = |fields: Value| json!({"key": "id", "fields": fields});
        check_of(&json!({"contact": entity(json!({"id": "text", "vatID": "text"}))}), &[]);
        check_of(
            &json!({"contact": entity(json!({"id": "text", "vatID": "text", "vat_id": "text"}))}),
            &[("entities.contact.fields.vat_id", "`vat_id` and `vatID` would share the column `vat_id`")],
        );
        check_of(
            &json!({"a": entity(json!({"id": "text", "x": {"type": "text", "column": "ID"}}))}),
            &[("entities.a.fields.x.column", "`x` and `id` would share the column `ID`")],
        );
        check_of(
            &json!({"a": {"key": "id", "table": "T", "fields": {"id": "text"}}, "t": entity(json!({"id": "text"}))}),
            &[("entities.t", "`t` and `a` would share the table `t`")],
        );
        check_of(
            &json!({"a": entity(json!({"id": {"type": "text", "column": "_Raccord_x"}, "xmin": "text"}))}),
            &[
                ("entities.a.fields.id.column", "names that begin with `_raccord_` are Raccord's own"),
                ("entities.a.fields.xmin", "each table of PostgreSQL has a column `xmin` of its own"),
            ],
        );
        let long = "é".repeat(32);
        check_of(
            &json!({"a": {"key": "id", "table": long, "fields": {"id": "text"}}}),
            &[(
                "entities.a.table",
                &format!("`{long}` has 64 bytes; PostgreSQL keeps 63 of a name and leaves the rest out"),
            )],
        );
    }

    #[test]
    fn the_embedded_store_has_neither_database_nor_tables() {
        let spec = json!({
            "store": {"type": "embedded", "schema": "crm"},
            "entities": {"a": {"key": "id", "manage": "none", "fields": {"id": {"type": "text", "column": "x"}}}},
        });
        let spec: ProjectSpec = serde_json::from_value(spec).unwrap();
        let found: Vec<_> = without_tables(&spec).into_iter().map(|finding| finding.path.join(".")).collect();
        assert_eq!(found, ["store.schema", "entities.a.manage", "entities.a.fields.id.column"]);
    }

    #[test]
    fn a_file_of_sqlite_is_named_by_its_path() {
        let check = |store: Value| {
            let store: Store = serde_json::from_value(store).unwrap();
            check_path(&store).map(|finding| finding.message)
        };
        assert_eq!(check(json!({"type": "sqlite", "path": "data/crm.db"})), None);
        assert_eq!(check(json!({"type": "sqlite"})).unwrap(), "a SQLite store needs the path of its file");
        for (path, said) in [
            ("", "the path is empty"),
            ("data/", "a path that ends with `/` is that of a directory"),
            (":memory:", "the rows are kept in a file, named by its path alone"),
            ("file:crm.db?mode=memory", "the rows are kept in a file, named by its path alone"),
            ("s3://lake/crm.db", "the file of a SQLite store is one of this machine"),
            ("sqlite:crm.db", "the rows are kept in a file, named by its path alone"),
            (
                "~/crm.db",
                "`~` is replaced by a shell, and none reads this file: write the path in full, or as it is reached from here",
            ),
        ] {
            assert_eq!(check(json!({"type": "sqlite", "path": path})).unwrap(), said);
        }
        let spec = json!({
            "store": {"type": "sqlite", "path": "crm.db"},
            "entities": {"a": {"key": "id", "table": "SQLite_x", "fields": {"id": "text", "xmin": "text"}}},
        });
        let found: Vec<_> =
            check_tables(&serde_json::from_value(spec).unwrap()).into_iter().map(|it| it.message).collect();
        assert_eq!(found, ["names of tables that begin with `sqlite_` are SQLite's own"]);
    }

    #[test]
    fn schemas_of_others_are_refused() {
        let wrong = |schema: &str| {
            let store = Store { schema: Some(schema.to_owned()), ..Store::default() };
            check_schema(&store).map(|finding| finding.message)
        };
        assert_eq!(wrong("crm"), None);
        assert_eq!(wrong("Raccord").unwrap(), "the schema `Raccord` is Raccord's own");
        assert_eq!(wrong("pg_temp").unwrap(), "the schema `pg_temp` is PostgreSQL's own");
        assert_eq!(wrong("").unwrap(), "the name is empty");
    }
}
