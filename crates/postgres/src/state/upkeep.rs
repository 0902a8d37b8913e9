//! The port `Upkeep` of a shared state: what it holds in numbers, and whether it agrees with itself. Copies of the database
//! are the affair of the database's own tools.

use std::path::PathBuf;

use raccord_model::canonical::Digest;
use raccord_model::delivery;
use raccord_model::fact::{EntityFact, Generation, IntegrationFact, Run, StepFact, TransferFact, Uid};
use raccord_model::port::Async;
use raccord_model::port::state::Table;
use raccord_model::port::upkeep::{CheckReport, Info, Upkeep, UpkeepError};
use raccord_model::port::vault::VaultError;
use raccord_seal::{Keyring, Owner, Sealed};
use serde::de::DeserializeOwned;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::kind::word;
use super::vault::{self, PostgresVault};
use super::{layout, read};
use crate::connections::Session;
use crate::error::Failure;

/// A state has another identity than when it was opened.
#[derive(Debug, thiserror::Error)]
#[error("the database holds another state than the one that was opened")]
struct AnotherState;

/// A copy was asked for that this program does not make.
#[derive(Debug, thiserror::Error)]
#[error(
    "a state in a database is not copied into a file: back the schema `raccord_state` up with the database, or with \
     `pg_dump --schema=raccord_state`"
)]
struct NoBackup;

async fn info(session: &Session<'_>) -> Result<Info, Failure> {
    let head = read::head(session, "").await?;
    let query = "SELECT current_database()::text, \
         (SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class AS c \
          WHERE c.relnamespace = 'raccord_state'::regnamespace AND c.relkind = 'r'), \
         (SELECT count(*) FROM raccord_state.resources)";
    let row = session.query_opt(query, &[]).await?;
    let row = row.ok_or(raccord_model::port::destination::DestinationError::Damaged)?;
    let path = PathBuf::from(format!("database {}, schema raccord_state", row.get::<_, &str>(0)));
    Ok(Info {
        path,
        file_size: read::number(&row, 1),
        format: layout::VERSION.unsigned_abs(),
        lineage: head.lineage,
        serial: head.serial,
        generation: head.generation,
        resources: read::number(&row, 2),
        // Rows and rejects are in the destinations of projects.
        rows: 0,
        rejects: 0,
    })
}

/// Looks at all of it, at one moment.
async fn check(session: &Session<'_>, keyring: &Keyring) -> Result<CheckReport, Failure> {
    let mut report = CheckReport::default();
    look_at_bodies(session, &mut report).await?;
    look_at_facts::<Generation>(session, Table::Generations, &mut report).await?;
    look_at_facts::<TransferFact>(session, Table::Transfers, &mut report).await?;
    look_at_facts::<EntityFact>(session, Table::Entities, &mut report).await?;
    look_at_facts::<IntegrationFact>(session, Table::Integrations, &mut report).await?;
    look_at_facts::<Run>(session, Table::Runs, &mut report).await?;
    look_at_facts::<StepFact>(session, Table::Steps, &mut report).await?;
    look_at_inboxes(session, &mut report).await?;
    look_at_secrets(session, keyring, &mut report).await?;
    Ok(report)
}

async fn look_at_bodies(session: &Session<'_>, report: &mut CheckReport) -> Result<(), Failure> {
    let query = "SELECT r.key, r.digest, b.body FROM raccord_state.resources AS r \
                 LEFT JOIN raccord_state.bodies AS b USING (digest) ORDER BY r.key";
    session
        .each(query, &[], |row| {
            report.resources += 1;
            let (key, digest): (&str, Digest) = (row.get(0), read::digest(row.get(1))?);
            match row.get::<_, Option<&[u8]>>(2) {
                None => report.problem(|| format!("the body of {key} is not there")),
                Some(body) if Digest::of(body) != digest => {
                    report.problem(|| format!("the body of {key} is not what its digest says"));
                }
                Some(_) => {}
            }
            Ok(())
        })
        .await
}

async fn look_at_facts<T: DeserializeOwned>(
    session: &Session<'_>,
    table: Table,
    report: &mut CheckReport,
) -> Result<(), Failure> {
    let query = "SELECT key, value FROM raccord_state.facts WHERE kind = $1 ORDER BY key";
    session
        .each(query, &[(&word(table), Type::TEXT)], |row| {
            report.facts += 1;
            if let Err(error) = raccord_model::fact::read::<T>(row.get(1)) {
                let key: &str = row.get(0);
                report.problem(|| format!("a fact of {table:?} under `{key}` cannot be read: {error}"));
            }
            Ok(())
        })
        .await
}

async fn look_at_inboxes(session: &Session<'_>, report: &mut CheckReport) -> Result<(), Failure> {
    let query = "SELECT transfer, delivery FROM raccord_state.inbox";
    session
        .each(query, &[], |row| {
            if delivery::decode(row.get(1)).is_err() {
                let transfer = Uid(row.get(0));
                report.problem(|| format!("a delivery of the transfer {transfer} cannot be read"));
            }
            Ok(())
        })
        .await?;
    let query = "SELECT i.transfer, i.deliveries, count(d.sequence), EXISTS (SELECT 1 FROM raccord_state.facts AS f \
         WHERE f.kind = 'transfers' AND f.key = i.transfer::text) FROM raccord_state.inboxes AS i \
         LEFT JOIN raccord_state.inbox AS d USING (transfer) GROUP BY i.transfer";
    session
        .each(query, &[], |row| {
            let transfer = Uid(row.get(0));
            let (kept, counted): (i64, i64) = (row.get(1), row.get(2));
            if kept != counted {
                report.problem(|| format!("a counter says {kept} where there are {counted} deliveries"));
            }
            if !row.get::<_, bool>(3) {
                report.problem(|| format!("deliveries wait for the transfer {transfer}, which is not there"));
            }
            Ok(())
        })
        .await
}

async fn look_at_secrets(
    session: &Session<'_>,
    keyring: &Keyring,
    report: &mut CheckReport,
) -> Result<(), Failure> {
    let lineage: Uuid = read::head(session, "").await?.lineage;
    let query = "SELECT owner, sealed FROM raccord_state.vault ORDER BY owner";
    for row in session.query(query, &[]).await? {
        report.secrets += 1;
        let authorization = Uid(row.get(0));
        let Ok(sealed) = Sealed::decode(row.get(1)) else {
            report
                .problem(|| format!("the sealed secret of the authorization {authorization} cannot be read"));
            continue;
        };
        match vault::open(keyring, &sealed, &Owner { lineage, authorization }) {
            Ok(_) => {}
            Err(VaultError::NoKey { .. } | VaultError::Key { .. }) => report.unopened += 1,
            Err(error) => report.problem(|| error.to_string()),
        }
    }
    Ok(())
}

fn failed(failure: Failure) -> UpkeepError {
    UpkeepError(failure.cause())
}

impl Upkeep for PostgresVault {
    fn info(&self) -> Async<'_, Result<Info, UpkeepError>> {
        Box::pin(async {
            let work = attempt!(|session| info(session));
            self.state.database.read(&work).await.map_err(failed)
        })
    }

    fn check(&self) -> Async<'_, Result<CheckReport, UpkeepError>> {
        Box::pin(async {
            let keyring = std::sync::Arc::clone(&self.keyring);
            let work = attempt!(keyring, |session| check(session, &keyring));
            self.state.database.read_together(&work).await.map_err(failed)
        })
    }

    fn in_place(&self) -> Async<'_, Result<(), UpkeepError>> {
        Box::pin(async {
            let work = attempt!(|session| read::head(session, ""));
            let head = self.state.database.read(&work).await.map_err(failed)?;
            if head.lineage == self.state.lineage { Ok(()) } else { Err(UpkeepError(Box::new(AnotherState))) }
        })
    }

    fn backup(&self, _: PathBuf) -> Async<'_, Result<(), UpkeepError>> {
        Box::pin(std::future::ready(Err(UpkeepError(Box::new(NoBackup)))))
    }
}
