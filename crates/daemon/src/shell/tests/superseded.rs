//! A run that was paused for longer than its lease: another holder works on the transfer by now, and what the run's end would mean
//! for the transfer is not written any more.

use std::collections::BTreeMap;

use bytes::Bytes;
use raccord_model::canonical::Digest;
use raccord_model::fact::Entry;
use raccord_model::key::Key;
use raccord_model::port::Async;
use raccord_model::port::state::{
    Commit, Fact, Head, Scan, Serial, Snapshot, SnapshotQuery, State, StateError, Stored,
};

use super::*;

/// A state that says of every lease that another holder has it.
struct Superseded(Arc<dyn State>);

impl State for Superseded {
    fn head(&self) -> Async<'_, Result<Head, StateError>> {
        self.0.head()
    }

    fn index(&self) -> Async<'_, Result<BTreeMap<Key, Entry>, StateError>> {
        self.0.index()
    }

    fn bodies(&self, digests: Vec<Digest>) -> Async<'_, Result<Vec<Option<Bytes>>, StateError>> {
        self.0.bodies(digests)
    }

    fn get(&self, table: Table, key: String) -> Async<'_, Result<Option<Stored>, StateError>> {
        self.0.get(table, key)
    }

    fn scan(&self, table: Table, scan: Scan) -> Async<'_, Result<Vec<Fact>, StateError>> {
        self.0.scan(table, scan)
    }

    fn snapshot(&self, query: SnapshotQuery) -> Async<'_, Result<Snapshot, StateError>> {
        self.0.snapshot(query)
    }

    fn commit(&self, commit: Commit) -> Async<'_, Result<Serial, StateError>> {
        match commit.lease {
            Some(lease) => Box::pin(std::future::ready(Err(StateError::LeaseLost {
                name: lease.name,
                held: lease.token,
            }))),
            None => self.0.commit(commit),
        }
    }
}

#[tokio::test]
async fn the_end_of_a_run_whose_lease_was_lost_changes_the_run_alone() {
    let mut place = Place::new().await;
    place.ports.state = Arc::new(Superseded(Arc::clone(&place.ports.state)));
    // (how the run stands in the ledger, whether its end is written)
    let stopped = RunOutcome::Stopped;
    for (listed, is_written) in [(Some(RunOutcome::Running), true), (Some(stopped), false), (None, false)] {
        let (mut job, run) = failed(&place).await;
        job.fence.lease = 7;
        let facts = place.ports.facts();
        let before = facts.transfer(job.uid).await.unwrap();
        if let Some(outcome) = listed.clone() {
            // The next holder may have closed it without knowing what it had committed.
            let uncounted = outcome == RunOutcome::Stopped;
            let listed = Run { outcome, ended: None, uncounted, ..run.clone() };
            facts.commit(vec![put(Table::Runs, &run.id, &listed).unwrap()]).await.unwrap();
        }
        conclude::conclude(&place.ports, &job, &run).await.unwrap();
        let known = facts.run(run.id).await.unwrap();
        let expected = if is_written { Some(run.outcome.clone()) } else { listed };
        assert_eq!(known.map(|run| run.outcome), expected);
        assert_eq!(facts.transfer(job.uid).await.unwrap(), before, "nothing follows from it");
        let integration = facts.integration(job.subscribers[0].uid).await.unwrap();
        assert!(integration.rejects.is_empty(), "{integration:?}");
    }
}
