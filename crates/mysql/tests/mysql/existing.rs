//! The tables of a database as they are proposed.

use raccord_model::existing::ExistingColumn;
use raccord_model::port::destination::DestinationError;
use raccord_mysql::{MysqlSettings, Server, SettingsSource, Tls, tables};

use crate::mariadb_server::MariadbServer;

#[test]
fn tables_are_told_with_their_keys_types_and_indexes() {
    let server = MariadbServer::start();
    server.sql("mysql", "CREATE DATABASE shop");
    server.sql(
        "shop",
        "CREATE TABLE orders (tenant int, id bigint, total decimal(10,2) NOT NULL, big bigint unsigned, paid tinyint(1), \
         state enum('new','it''s paid'), day date, at datetime, updated_at timestamp NULL, shape point, \
         twice bigint AS (id * 2), PRIMARY KEY (tenant, id), INDEX (updated_at)); \
         CREATE TABLE keyless (a text); CREATE VIEW v AS SELECT 1",
    );
    let settings = MysqlSettings {
        server: Server::Parts {
            host: server.socket(),
            port: None,
            database: "shop".to_owned(),
            user: "root".to_owned(),
            password: None,
        },
        tls: Tls::Off,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let found = runtime.block_on(tables(&SettingsSource::fixed(settings))).unwrap();
    assert_eq!(found.iter().map(|table| table.name.as_str()).collect::<Vec<_>>(), ["keyless", "orders"]);
    let orders = &found[1];
    assert_eq!((orders.key.join(" "), orders.cursor()), ("tenant id".to_owned(), Some("updated_at")));
    let told = |column: &ExistingColumn| {
        let field = &column.field;
        let options: Vec<&str> = field.options.iter().map(String::as_str).collect();
        format!("{} {} {} {}", column.name, field.field_type.as_str(), field.required, options.join("/"))
    };
    assert_eq!(
        orders.columns.iter().map(told).collect::<Vec<_>>(),
        [
            "tenant integer false ",
            "id integer false ",
            "total decimal true ",
            "big decimal false ",
            "paid boolean false ",
            "state choice false it's paid/new",
            "day date false ",
            "updated_at datetime false ",
        ]
    );
    let left_out: Vec<&str> = orders.left_out.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(left_out, ["at", "shape", "twice"]);
}

/// A database that answers and does not let us in is not one that cannot be reached.
#[test]
fn a_wrong_password_is_told_as_one() {
    let server = MariadbServer::start();
    server.sql(
        "mysql",
        "CREATE USER shop IDENTIFIED BY 'right'; CREATE DATABASE shop; GRANT ALL ON shop.* TO shop",
    );
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for (password, database, expected) in [
        ("wrong", "shop", "the user, or the password (error 1045)"),
        ("right", "nowhere", "there is no database of that name, or the user may not use it (error 1044)"),
    ] {
        let parts = Server::Parts {
            host: server.socket(),
            port: None,
            database: database.to_owned(),
            user: "shop".to_owned(),
            password: Some(password.into()),
        };
        let settings = MysqlSettings { server: parts, tls: Tls::Off };
        let error = runtime.block_on(tables(&SettingsSource::fixed(settings))).unwrap_err();
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        assert!(matches!(error, DestinationError::Denied(_)), "{error:?}");
        assert_eq!(cause.as_deref(), Some(expected));
    }
}
