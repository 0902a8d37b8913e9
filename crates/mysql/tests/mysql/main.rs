//! MySQL and MariaDB as a source, against a real server.

#[cfg(test)]
mod existing;
#[cfg(test)]
#[path = "../../../../tests/mariadb_server.rs"]
mod mariadb_server;
#[cfg(test)]
#[path = "../../../../tests/self_signed.rs"]
mod self_signed;
#[cfg(test)]
mod source;
#[cfg(test)]
#[path = "../../../../tests/table_source.rs"]
mod table_source;
#[cfg(test)]
mod tls;
