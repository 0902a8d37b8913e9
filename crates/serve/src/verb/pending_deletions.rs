//! The rows that go when a held run is approved: which, one by one, so that a person can look at them first. It reads alone, and
//! what it says is true until the transfer runs again.

use raccord_model::EntityRef;
use raccord_model::classify::is_older;
use raccord_model::fact::{DeletedBy, Hold, RunId, Uid};
use raccord_model::port::destination::{KeptQuery, Ledger, Said, StoredRow};

use crate::reply::RequestError;
use raccord_run::Ports;
use raccord_run::Unknown;
use raccord_run::ending::{self, Ending};
use raccord_run::window::Underway;

/// What a held run would delete.
#[derive(Debug, Clone, Copy)]
pub(super) struct PendingDeletions {
    transfer: Uid,
    /// Whether what its window did not show goes, too.
    unseen: bool,
}

impl PendingDeletions {
    /// What an approval of a run would delete of an entity.
    pub(super) async fn of(
        ports: &Ports,
        (run, at): (RunId, &EntityRef),
        (ledger, incarnation): (&dyn Ledger, u64),
    ) -> Result<Self, RequestError> {
        let facts = ports.facts();
        let unknown = || Unknown {
            kind: "run",
            name: run.to_string(),
            hint: "; `raccord status` shows those that are held".to_owned(),
        };
        let known = facts.run(run).await?.ok_or_else(|| RequestError::Unknown(unknown()))?;
        let invalid = |why: String| RequestError::Invalid(format!("the run {run} {why}"));
        let by = match known.outcome.hold() {
            Some(Hold::Deletions { by: DeletedBy::Webhook, .. }) => {
                return Err(invalid(
                    "deletes what deliveries say: `raccord deliveries list` shows them".to_owned(),
                ));
            }
            Some(Hold::Deletions { by, .. }) => *by,
            _ => return Err(invalid("is not held for what it would delete".to_owned())),
        };
        if known.to != *at {
            return Err(invalid(format!("would delete rows of {}", known.to)));
        }
        let transfer = known.transfer_uid;
        let replaced = || invalid("was replaced by a later one: `raccord status` shows it".to_owned());
        if facts.transfer(transfer).await?.observed.last_run != Some(run) {
            return Err(replaced());
        }
        let kept = ledger.kept(vec![KeptQuery { transfer, incarnation }]).await?.pop();
        let underway = kept.and_then(|kept| kept.checkpoint).and_then(Underway::of);
        let window = underway.as_ref().and_then(Underway::window).ok_or_else(replaced)?;
        // As an approval judges it.
        let proves = matches!(ending::judge(window, 0), Ending::Complete { deletes: true });
        Ok(Self { transfer, unseen: by == DeletedBy::Snapshot || (window.snapshot && proves) })
    }

    /// Those of some rows that would go.
    pub(super) async fn among(
        self,
        ledger: &dyn Ledger,
        rows: Vec<StoredRow>,
    ) -> Result<Vec<(StoredRow, bool)>, RequestError> {
        let keys = rows.iter().map(|row| row.key.clone()).collect();
        let said = ledger.said(self.transfer, keys).await?.ok_or_else(|| {
            RequestError::Invalid("the store of the entity does not tell which rows would go".to_owned())
        })?;
        let goes = |row: &StoredRow, said: &Said| {
            row.owner == self.transfer
                && match said {
                    Said::Nothing => self.unseen,
                    Said::Shown => false,
                    Said::Deleted(version) => !is_older(version, &row.version),
                }
        };
        let judged = rows.into_iter().zip(said).map(|(row, said)| {
            let goes = goes(&row, &said);
            (row, goes)
        });
        Ok(judged.collect())
    }
}
