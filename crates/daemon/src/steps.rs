//! Steps: effects outside a generation, carried out and retried until they are done.

use raccord_model::fact::{StepFact, StepWork};
use raccord_model::failpoint::Failpoint;
use raccord_model::port::destination::Destination;
use raccord_model::port::state::{Scan, Table, Write};

use crate::error::DaemonError;
use raccord_run::facts::{Facts, put};

/// Carries out every step of the state itself that is outstanding; one that fails stays, with its error.
pub async fn carry_out(facts: &Facts, destination: &dyn Destination) -> Result<(), DaemonError> {
    for (key, mut step) in facts.scan::<StepFact>(Table::Steps, Scan::default()).await? {
        // What the outside takes part in, the daemon carries out: see `registration`.
        let StepWork::Collect { incarnation } = step.work else { continue };
        Failpoint::StepBefore.pass();
        let write = match destination.collect(incarnation).await {
            Ok(_) => Write::Remove(Table::Steps, key),
            Err(error) => {
                step.attempts = step.attempts.saturating_add(1);
                step.error = Some(error.to_string());
                put(Table::Steps, &key, &step)?
            }
        };
        Failpoint::StepAfter.pass();
        facts.commit(vec![write]).await?;
    }
    Ok(())
}
